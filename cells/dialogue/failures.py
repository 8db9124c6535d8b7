"""What went wrong: the newest trouble in a journal, with its step, cause and numbers, and what was done about it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cells.dialogue.runs import WELL, Asked, first, span, split
from cells.language.saying import Saying, texts

if TYPE_CHECKING:
    from cells.journal.store import StoredEvent

BEGUN = ("unit_started", "disassembly_started", "errand_started")
ENDED = ("unit_finished", "disassembly_finished", "errand_finished")
FAILED = ("step_failed",)
# What takes the arm from a step, and what such a step fails of: by itself no trouble of the cell's.
TAKES = ("guard_tripped", "stop_requested", "pause_requested", "cancel_requested")
TAKEN = ("interrupted", "cancelled")
PEAK = "peak_force_n"
# How numbers in SI are shown, by the end of their names.
SHOWN = {"_nm": (1.0, "Nm"), "_m": (1000.0, "mm"), "_n": (1.0, "N"), "_rad": (180 / math.pi, "°"), "_s": (1.0, "s")}

Events = tuple["StoredEvent", ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong with a unit. ``ended`` is the event of its end, ``None`` while it goes on.

    ``step``, ``skill``, ``attempt``, ``cause`` and ``why`` (the skill's own words) are of the step that failed, with
    its ``numbers`` in SI by their names in the journal (``peak_force_n`` among them); empty, and 0, where none did.
    ``taken`` is the event of the guard or the person who took the arm from it, ``recoveries`` those of all that was
    done about the unit's troubles. ``seq`` is the event in the journal that tells of the failure."""

    serial: str
    ended: StoredEvent | None
    step: str
    skill: str
    attempt: int
    cause: str
    why: str
    numbers: Mapping[str, float]
    taken: StoredEvent | None
    recoveries: Events
    seq: int


def last_failure(events: Iterable[StoredEvent]) -> Failure | None:
    """What went wrong with the newest unit that had any trouble: that wasn't good in the end, of which a step failed,
    or in which the guard tripped. A step from which a person took the arm hasn't failed. ``None`` if all went well."""
    return next((_failure(unit) for unit in reversed(split(events, BEGUN)) if any(map(_is_trouble, unit))), None)


def failure(asked: Asked) -> tuple[Saying, ...]:
    """What went wrong last, and what was done about it; if the question names a product, with one of its units."""
    units = [unit for unit in split(asked.events, BEGUN) if asked.family in (None, unit[0].data.get("family"))]
    found = last_failure(event for unit in units for event in unit)
    if found is None:
        return (Saying("answers.nothing_failed", {"source": span(asked.events)}),)
    newest = first(units[-1], ENDED)
    if newest is None or any(map(_is_trouble, units[-1])):
        return tuple(_told(found))
    since = Saying("answers.since_then_good", {"unit": newest.data["serial"], "source": newest.seq})
    return (since, *_told(found))


def _is_trouble(event: StoredEvent) -> bool:
    if event.kind == "step_failed":
        return event.data["cause"] not in TAKEN
    return event.kind == "guard_tripped" or (event.kind in ENDED and event.data["verdict"] not in WELL)


def _failure(unit: Events) -> Failure:
    # What follows an attempt up to the next one belongs to it: who took the arm, and how the unit ended.
    attempts = split(unit, ("step_started",))
    troubled = [attempt for attempt in attempts if first(attempt, FAILED) and any(map(_is_trouble, attempt))]
    attempt = troubled[-1] if troubled else unit
    failed, ended = first(attempt, FAILED) if troubled else None, first(unit, ENDED)
    takers = (event for event in attempt if event.kind in TAKES)
    data = failed.data if failed else {}
    measured = {**data.get("result", {}), PEAK: data.get(PEAK)}
    return Failure(
        serial=str(unit[0].data["serial"]),
        ended=ended,
        step=data.get("step", ""),
        skill=data.get("skill", ""),
        attempt=data.get("attempt", 0),
        cause=data.get("cause", ""),
        why=data.get("why", ""),
        numbers={name: value for name, value in measured.items() if type(value) in (int, float)},
        taken=max(takers, key=lambda event: (event.kind == "guard_tripped", event.seq), default=None),
        recoveries=tuple(event for event in unit if event.kind == "recovery_started"),
        seq=(failed or next(filter(_is_trouble, unit))).seq,
    )


def _told(failure: Failure) -> Iterator[Saying]:
    """A failure in words: how the unit ended, what failed and why, what it measured, and what was done."""
    unit, ended = {"unit": failure.serial}, failure.ended
    verdict = ended.data["verdict"] if ended else "unfinished"
    yield Saying(f"answers.unit_{verdict}", {**unit, "source": ended.seq if ended else failure.seq})
    step = {"step": failure.step, "skill": failure.skill, "attempt": failure.attempt, "cause": failure.cause}
    if failure.cause in TAKEN:
        yield Saying("answers.broken_off", {**step, "source": failure.seq})
    elif failure.step:
        yield Saying("answers.failed", {**step, "source": failure.seq})
        if f"answers.cause_{failure.cause}" in texts():
            yield Saying(f"answers.cause_{failure.cause}")
        yield Saying("answers.noted", {"why": failure.why, "source": failure.seq})
    elif ended is not None and ended.data["reasons"]:
        yield Saying("answers.noted", {"why": "; ".join(ended.data["reasons"]), "source": ended.seq})
    if failure.numbers.get(PEAK):
        yield Saying("answers.peak_force", {"force": failure.numbers[PEAK], "source": failure.seq})
    if measured := dict(_shown(failure.numbers)):
        yield Saying("answers.measured", {"numbers": measured, "source": failure.seq})
    if failure.taken is not None:
        data = failure.taken.data
        code = failure.taken.kind if data.get("limit", 0) is not None else "guard_tripped_plain"
        yield Saying(f"answers.{code}", {**data, "source": failure.taken.seq})
    yield from _recovered(failure)
    if failure.step and not failure.recoveries and failure.cause not in TAKEN:
        yield Saying("answers.no_recovery", {**unit, "source": failure.seq})


def _recovered(failure: Failure) -> Iterator[Saying]:
    """What was done about a unit's troubles: a saying for each step and recovery, with how often."""
    done: defaultdict[tuple[str, str], list[StoredEvent]] = defaultdict(list)
    for event in failure.recoveries:
        done[event.data["step"], event.data["recovery"]].append(event)
    for (step, recovery), events in done.items():
        code = f"answers.recovery_{recovery.replace('-', '_').replace(' ', '_')}"
        slots = {"step": step, "recovery": recovery, "count": len(events), "source": span(events)}
        yield Saying(code if code in texts() else "answers.recovery", slots)


def _shown(numbers: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    """Numbers with their units, except for the peak force."""
    for name, value in numbers.items():
        end = next((end for end in SHOWN if name.endswith(end)), "")
        factor, unit = SHOWN.get(end, (1.0, ""))
        if name != PEAK:
            yield name.removesuffix(end).replace("_", " "), f"{factor * value:.3g} {unit}".rstrip()
