"""A task as an operator reads it: numbered steps with their words, reasons, times and what the past says of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cells.language.saying import Saying, label, say

if TYPE_CHECKING:
    from cells.journal.event import Event
    from cells.products.catalogue import Catalogue
    from cells.skills.contract import Call
    from cells.tasks.grounding import Task


@dataclass(frozen=True, slots=True)
class Line:
    """One step: ``what`` is done and ``why``, in the operator's language; the ``words`` it came from; predicted
    ``seconds``, and ``joules`` of mechanical work (``None``: the past doesn't tell); of the skill's calls so far
    ``done`` out of ``tried``."""

    number: int
    step: str
    skill: str
    what: str
    why: str
    words: str
    seconds: float
    joules: float | None
    done: int
    tried: int


def explain(task: Task, events: Iterable[Event], language: str, names: Catalogue) -> list[Line]:
    """The steps of the task's first unit of each variant; units alike are done alike."""
    done, tried = _record(events)
    lines: list[Line] = []
    for unit in {unit.variant_hash: unit for unit in reversed(task.plan.units)}.values():
        for call, seconds, joules in zip(unit.calls, unit.seconds, unit.joules, strict=True):
            why = say(task.reasons[call.id], language, names)
            what, said = _what(call, language, names), task.words.get(call.id, "")
            lines.append(
                Line(len(lines) + 1, call.id, call.skill, what, why, said, seconds, joules, done[call.skill],
                     tried[call.skill])
            )  # fmt: skip
    return lines


def totals(task: Task) -> Saying:
    """What the whole task is predicted to take."""
    joules = [each for unit in task.plan.units for each in unit.joules]
    slots = {"seconds": round(task.plan.seconds)}
    known = [each for each in joules if each is not None]
    if len(known) < len(joules) or not known:
        return Saying("dialogue.predicted", slots)
    return Saying("dialogue.predicted_energy", {**slots, "joules": round(sum(known))})


def _record(events: Iterable[Event]) -> tuple[Counter[str], Counter[str]]:
    """How often each skill was done, and tried; what a person interrupted is no try."""
    done: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    for event in events:
        if event.kind == "step_done":
            done[event.data["skill"]] += 1
            tried[event.data["skill"]] += 1
        elif event.kind == "step_failed" and event.data["cause"] not in ("interrupted", "cancelled"):
            tried[event.data["skill"]] += 1
    return done, tried


def _what(call: Call, language: str, names: Catalogue) -> str:
    skill = say(Saying("explanation.skill", {"skill": call.skill}), language, names)
    item = call.item.rpartition("/")[2]
    target = ""
    if call.target is not None:
        station, _, slot = call.target.partition("/")
        target = label("station", station, language, names) + (f" {slot}" if slot else "")
        if call.base is not None:
            target = f"{call.base.rpartition('/')[2]}/{call.target}"
    return " ".join(part for part in (skill, item, f"→ {target}" if target else "") if part)
