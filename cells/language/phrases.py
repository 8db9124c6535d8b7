"""Phrases and clauses: things with what is said of them, and verbs with their phrases by role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Phrase:
    """One thing. ``noun``: part, product or station name, "tray" (which?), or a pronoun ("it", "me", "one", "there",
    "arm"); ``kind`` tells which of these. ``role``: the preposition before it."""

    kind: str = ""
    noun: str = ""
    many: bool | None = None
    det: str = ""
    number: float | None = None
    colors: list[str] = field(default_factory=list)
    sizes: list[str] = field(default_factory=list)
    shape: str = ""
    mm: float | None = None
    teeth: int | None = None
    verdict: str = ""
    role: str = ""
    negated: bool = False
    excepted: bool = False
    alternative: bool = False
    plural: bool = False  # 啲: some things that are known, as a plural with its article
    joined: str = ""  # what stands before it: "comma" or "conj"

    @property
    def described(self) -> bool:
        """Whether anything is said of it but its name."""
        return bool(
            self.colors or self.sizes or self.mm is not None or self.teeth is not None or self.verdict or self.shape
        )


@dataclass
class Clause:
    """A verb and its phrases. ``when``: before, after or first of what stands beside it; ``cond`` as in the schema."""

    verb: str = ""
    torn: Mapping[str, str] = field(default_factory=dict)
    phrases: list[Phrase] = field(default_factory=list)
    front: int = 0  # how many of the phrases stood before the verb
    torque: float | None = None
    slow: bool = False
    cond: str = ""
    about: list[Phrase] = field(default_factory=list)  # what the condition speaks of
    when: str = ""
    negated: bool = False
    numbers: list[float] = field(default_factory=list)
    start: int = 0
    end: int = 0


def apposed(phrase: Phrase, before: Phrase | None) -> bool:
    """Whether a phrase without a thing says more of the one before ("the cover, the black one")."""
    if before is None or before.kind != "part" or phrase.joined != "comma" or phrase.role or phrase.verdict:
        return False
    bare = not phrase.noun or (phrase.kind == "pron" and phrase.noun == "one" and not phrase.many)
    new = not (phrase.colors and before.colors) and not (phrase.sizes and before.sizes)
    return bare and new and phrase.described and phrase.number is None and phrase.det in ("", "the")


def absorb(before: Phrase, phrase: Phrase) -> None:
    """Let ``before`` be what ``phrase`` says of it, too."""
    before.teeth = before.teeth if before.teeth is not None else phrase.teeth
    before.mm = before.mm if before.mm is not None else phrase.mm
    before.colors, before.sizes = before.colors + phrase.colors, before.sizes + phrase.sizes
