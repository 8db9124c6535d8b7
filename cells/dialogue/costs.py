"""Energy and carbon footprint of what was built last. What nobody knows is called unknown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from cells.dialogue.progress import never
from cells.dialogue.runs import Asked, Run, rounded, span
from cells.errors import InputError
from cells.language.saying import Saying
from cells.orders.footprint import electrical_energy

if TYPE_CHECKING:
    from cells.journal.store import StoredEvent
    from cells.orders.footprint import Footprint

# The name of a unit or an order, the events with which its units ended, its run, and the question.
Tell = Callable[[str, "Sequence[StoredEvent]", Run, Asked], Iterator[Saying]]


def energy(asked: Asked) -> tuple[Saying, ...]:
    """The arm's mechanical work and the electrical energy of the last unit, and of its order."""
    return tuple(_last(asked, _energy))


def footprint(asked: Asked) -> tuple[Saying, ...]:
    """The carbon footprint of the last unit, and of its order."""
    return tuple(_last(asked, _footprint))


def _last(asked: Asked, tell: Tell) -> Iterator[Saying]:
    """What there is to tell of the last unit that ended, of its order if that had more, and how far it was measured."""
    for run in reversed(asked.orders):
        if ended := [unit.ended for unit in asked.units(run) if unit.ended]:
            yield from tell(ended[-1].data["serial"], ended[-1:], run, asked)
            if len(ended) > 1:
                yield from tell(run.name, ended, run, asked)
            yield Saying(f"answers.energy_{run.start.data.get('energy', 'unknown')}", {"source": run.start.seq})
            return
    slots = {"source": span(asked.events)}
    yield Saying("answers.none_built", slots) if asked.family is None else never(asked)


def _energy(name: str, ended: Sequence[StoredEvent], _run: Run, asked: Asked) -> Iterator[Saying]:
    slots = {"name": name, "seconds": rounded(sum(event.data["seconds"] for event in ended)), "source": span(ended)}
    work = [event.data["energy_j"] for event in ended]
    if None in work:
        yield Saying("answers.work_unknown", slots)
        return
    yield Saying("answers.work", {**slots, "kilojoules": rounded(sum(work) / 1000)})
    robot = asked.cell.robot_spec
    used = [electrical_energy(event.data["energy_j"], event.data["seconds"], robot.energy) for event in ended]
    known = [joules for joules in used if joules is not None]
    if len(known) < len(used):
        yield Saying("answers.electricity_unknown", {**slots, "robot": robot.name})
    else:
        yield Saying("answers.electricity", {**slots, "kilojoules": rounded(sum(known) / 1000)})


def _footprint(name: str, ended: Sequence[StoredEvent], run: Run, asked: Asked) -> Iterator[Saying]:
    slots: dict[str, Any] = {"name": name, "source": span(ended)}
    try:
        made = [_footprint_of(event.data["serial"], run, asked) for event in ended]
    except InputError:
        yield Saying("answers.footprint_other_version", slots)
        return
    parts = [part for each in made for part in each.contributions]
    known = {part.name for part in parts if part.kg is not None}
    unknown = {part.name for part in parts if part.kg is None}
    grams = sum(1000 * part.kg for part in parts if part.kg is not None)
    slots |= {"grams": rounded(grams), "known": sorted(known)}
    yield Saying("answers.footprint_partly" if unknown else "answers.footprint", {**slots, "unknown": sorted(unknown)})


def _footprint_of(serial: str, run: Run, asked: Asked) -> Footprint:
    """The footprint of a unit as its passport has it. Raises ``InputError`` where its variant can't be made anew."""
    from cells.orders.finished import variant_as_built
    from cells.orders.passport.record import unit_record
    from cells.orders.report import unit_footprint

    return unit_footprint(serial, variant_as_built(unit_record(serial, run.events)), asked.cell, run.events)
