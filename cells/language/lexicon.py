"""Words of a language as typed forms: a lexicon file, its inflections made by rule, and the catalogue's names.

A lexicon file maps kind → value → forms. A form is a word or a phrase; each means one thing (a clash is an error at
load), save that a word may be both a verb and a noun ("screw"), which the sentence decides.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from cells.errors import InputError, Problem
from cells.language import numbers
from cells.products.data import yaml_mapping

LANGUAGES = ("en", "de", "zh")
VOWELS = "aeiou"
EN_PARTICLES = ("apart", "together", "to pieces", "to bits")
UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
WORD = re.compile(r"\d+(?:[.,]\d+)?|[^\W\d_]+|[^\w\s]")
# Kinds of which a form may have two: the sentence decides.
DOUBLE = {frozenset(("verb", other)) for other in ("noun", "size", "unit", "safety", "verdict", "traywords", "robot")}
DOUBLE.add(frozenset(("noun", "safety")))  # a block; and what one blocks


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a form says: its kind and value; ``many`` tells a plural from a singular, where a language does. ``torn``:
    particle → value, of a German verb that may stand torn apart."""

    kind: str
    value: str
    many: bool | None = None
    torn: Mapping[str, str] = field(default_factory=dict, compare=False, hash=False)


Form = tuple[str, ...]


@dataclass
class Lexicon:
    """Forms of one language; ``longest`` is the number of words (Chinese: characters) of the longest."""

    language: str
    forms: dict[Form, list[Meaning]] = field(default_factory=dict)
    longest: int = 1

    def add(self, form: str, meaning: Meaning) -> None:
        """Add a form. Raises ``InputError`` where it already means something else."""
        key = self.key(form)
        if not key:
            return
        known = self.forms.setdefault(key, [])
        if any((m.kind, m.value) == (meaning.kind, meaning.value) for m in known):
            return
        if any(frozenset((m.kind, meaning.kind)) not in DOUBLE for m in known):
            other = known[0]
            what = f"{form!r} means {meaning.kind} {meaning.value!r} and {other.kind} {other.value!r}"
            raise InputError(Problem(f"lexicon/{self.language}", what, "take one of them away, or say it otherwise"))
        known.append(meaning)
        self.longest = max(self.longest, len(key))

    def key(self, form: str) -> Form:
        """A form as a tuple of words; of Chinese ones, of characters."""
        clean = normal(form)
        if self.language == "zh":
            return tuple(clean.replace(" ", ""))
        return tuple(WORD.findall(clean.replace("'", " ").replace("-", " ")))


def normal(text: str) -> str:
    """Text in the form in which it is compared: NFKC, lower case, umlauts written out, one kind of quote."""
    flat = unicodedata.normalize("NFKC", text).casefold().translate(UMLAUTS)
    return flat.replace("’", "'").replace("‘", "'").replace("´", "'").replace("`", "'").replace("–", "-")


def packaged(path: str) -> dict[str, Any]:
    """One of the data files beside this module."""
    return yaml_mapping(files("cells.language").joinpath(path).read_text(encoding="utf-8"), f"cells/language/{path}")


@cache
def raw(language: str) -> Mapping[str, Any]:
    """The lexicon file of a language."""
    return packaged(f"lexicon/{language}.yaml")


def lexicon(language: str, names: Iterable[tuple[str, Meaning]]) -> Lexicon:
    """The lexicon of a language with the names of a catalogue. Raises ``InputError`` where two words clash."""
    words = Lexicon(language)
    for form, meaning in names:
        words.add(form, meaning)
    kinds = {kind: values for kind, values in raw(language).items() if kind not in ("schema", "language", "mood")}
    verbs = kinds.pop("verb")
    for kind, values in kinds.items():
        for value, forms in values.items():
            for form in forms:
                words.add(str(form), Meaning(kind, str(value)))
    for value, forms in verbs.items():
        for form in forms:
            for inflected, meaning in inflections(language, str(form), str(value)):
                _add_softly(words, inflected, meaning, exact=inflected == form)
    for particle in particles(words):
        if words.key(particle) not in words.forms:
            words.add(particle, Meaning("particle", particle))
    for word, value in numbers.words(language).items():
        _add_softly(words, word, Meaning("number", str(value)), exact=False)
    return words


def _add_softly(words: Lexicon, form: str, meaning: Meaning, exact: bool) -> None:
    """Add a form; one that was only made by a rule gives way to what is there."""
    known = words.forms.get(words.key(form), [])
    if not exact and any(m.kind != meaning.kind and frozenset((m.kind, meaning.kind)) not in DOUBLE for m in known):
        merged = next((m for m in known if m.kind == "verb"), None)
        if merged is not None and meaning.torn:
            known[known.index(merged)] = Meaning("verb", merged.value, None, {**merged.torn, **meaning.torn})
        return
    same = next((m for m in known if m.kind == "verb"), None) if meaning.kind == "verb" else None
    if same is not None:
        value = same.value or meaning.value
        known[known.index(same)] = Meaning("verb", value, None, {**same.torn, **meaning.torn})
        return
    words.add(form, meaning)


def inflections(language: str, verb: str, value: str) -> Iterator[tuple[str, Meaning]]:
    """A verb in all its forms. English: -s, -ing, -ed of the first word; German: by stem, torn apart or not."""
    plain = Meaning("verb", value)
    if language == "en":
        first, *rest = verb.split(" ")
        for form in {first, *_english(first)}:
            yield " ".join([form, *rest]), plain
            if rest and " ".join(rest) in EN_PARTICLES:
                yield form, Meaning("verb", "", None, {" ".join(rest): value})
    elif language == "de" and "|" in verb:
        particle, infinitive = verb.split("|", 1)
        torn = Meaning("verb", "", None, {normal(particle): value})
        for form in _german(infinitive):
            yield form, torn
            yield particle + form, plain
        stem = _stem(infinitive)
        for form in (
            f"{particle}zu{infinitive}",
            f"{particle}ge{stem}t",
            f"{particle}ge{stem}en",
            f"{particle}ge{stem}et",
        ):
            yield form, plain
    elif language == "de":
        yield verb, plain
        if verb.endswith("n") and " " not in verb:
            for form in _german(verb):
                yield form, plain
            yield f"ge{_stem(verb)}t", plain
    else:
        yield verb, plain


def _english(verb: str) -> tuple[str, ...]:
    s = verb + ("es" if verb.endswith(("s", "x", "ch", "sh", "z")) else "s")
    if verb.endswith("e"):
        return s, verb[:-1] + "ing", verb + "d"
    if verb.endswith("y") and verb[-2:-1] not in VOWELS:
        return verb[:-1] + "ies", verb + "ing", verb[:-1] + "ied"
    short = len(verb) > 2 and verb[-1] not in VOWELS + "wxy" and verb[-2] in VOWELS and verb[-3] not in VOWELS
    doubled = verb + verb[-1] if short else verb
    return s, doubled + "ing", doubled + "ed", verb + "ing", verb + "ed"


def _stem(infinitive: str) -> str:
    return infinitive[:-2] if infinitive.endswith("en") else infinitive[:-1]


def _german(infinitive: str) -> tuple[str, ...]:
    stem = _stem(infinitive)
    return tuple(
        dict.fromkeys((infinitive, stem, stem + "e", stem + "t", stem + "et", stem + "st", stem + "est", stem + "en"))
    )


def particles(words: Lexicon) -> frozenset[str]:
    """The particles that verbs of this lexicon may be torn from."""
    return frozenset(p for meanings in words.forms.values() for m in meanings for p in m.torn)
