"""What operator and cell have said so far, as a view of the journal: one pending question, one plan that waits for
confirmation, the last plan that was confirmed, and the aliases that were taught. Whatever is older than ten minutes is
forgotten, but for aliases and the last plan.

    told            [text, language, by, reading]
    asked_back      [text, language, code, about]       of the sentence that can't be read without asking
    plan_proposed   [plan, name, world, steps, text, language, by, by_hand]
    plan_confirmed  [plan, by, unasked] plan_dropped  [plan, why]
    told_refused | told_impossible | told_answered      [text, sayings]
    alias_asked     [alias, means, says]     alias_taught [alias, means, says, by]     alias_removed [alias, by]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cells.language.reading import Step

if TYPE_CHECKING:
    from cells.journal.store import StoredEvent

MEMORY = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that waits for its answer: ``code`` and ``about`` as of a Question, about the sentence ``text``."""

    text: str
    language: str
    code: str
    about: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """A plan that was shown: its hash (``plan``), the ``name`` of its order, the version of the ``world`` that it was
    made in, the ``steps`` that it was made of, and what was shown to be changed ``by_hand`` for it."""

    plan: str
    name: str
    world: int
    steps: tuple[Step, ...]
    text: str
    language: str
    by_hand: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Alias:
    """``alias`` means ``means``, as a lexicon says it ("part:gear:large"); ``says`` is how the operator said that."""

    alias: str
    means: str
    says: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """Where the dialogue stands. ``proposal`` waits for confirmation, ``last`` was confirmed last, ``context`` is
    what a pronoun or a correction may speak of, ``objection`` what was said to the last thing that was refused or not
    possible."""

    question: Asked | None = None
    proposal: Proposal | None = None
    last: Proposal | None = None
    context: Proposal | None = None
    alias: Alias | None = None
    aliases: Mapping[str, Alias] = field(default_factory=dict)
    objection: tuple[Mapping[str, Any], ...] = ()


KINDS = (
    "told", "asked_back", "plan_proposed", "plan_confirmed", "plan_dropped", "told_refused", "told_impossible",
    "told_answered", "alias_asked", "alias_taught", "alias_removed",
)  # fmt: skip


def conversation(events: Iterable[StoredEvent], now: datetime) -> Conversation:
    """The state of the dialogue after these events; ``now`` in UTC."""
    state = Conversation()
    for event in events:
        if event.kind in KINDS:
            fresh = now - datetime.fromisoformat(event.wall) <= MEMORY
            state = _after(state, event.kind, event.data, fresh)
    return state


def _after(state: Conversation, kind: str, data: Mapping[str, Any], fresh: bool) -> Conversation:
    if kind == "alias_taught":
        taught = Alias(data["alias"], data["means"], data["says"])
        return replace(state, aliases={**state.aliases, taught.alias: taught}, alias=None)
    if kind == "alias_removed":
        return replace(state, aliases={k: v for k, v in state.aliases.items() if k != data["alias"]})
    if kind == "plan_confirmed":
        confirmed = state.proposal if state.proposal and state.proposal.plan == data["plan"] else None
        return replace(state, proposal=None, last=confirmed or state.last, objection=())
    if kind == "plan_proposed":
        shown = proposal_of(data)
        return replace(state, proposal=shown, context=shown if fresh else None, question=None, objection=())
    if not fresh:
        return replace(state, question=None, alias=None, objection=())
    if kind == "told":
        return replace(state, question=None, alias=None)
    if kind == "asked_back":
        return replace(state, question=Asked(data["text"], data["language"], data["code"], data["about"]))
    if kind == "alias_asked":
        return replace(state, alias=Alias(data["alias"], data["means"], data["says"]))
    if kind == "plan_dropped":
        return replace(state, proposal=None, context=None)
    return replace(state, objection=() if kind == "told_answered" else tuple(data["sayings"]))


def proposal_of(data: Mapping[str, Any]) -> Proposal:
    """A proposal as its event holds it."""
    steps = tuple(
        Step(s["skill"], s["object"], s["target"], s["quantity"], s["params"], s.get("words", ""))
        for s in data["steps"]
    )
    by_hand = tuple(data.get("by_hand", ()))
    return Proposal(data["plan"], data["name"], data["world"], steps, data["text"], data["language"], by_hand)
