"""What the journal tells, run by run: an order, a unit taken apart, an errand. The view that every answer shares."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cells.products.catalogue import families
from cells.runtime.world_model import WorldModel, fold

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.journal.store import StoredEvent
    from cells.language.reading import Step

STARTS = {"order_accepted": "order", "disassembly_started": "apart", "errand_started": "errand"}
ENDS = ("order_finished", "disassembly_finished", "errand_finished")
WELL = ("good", "apart", "done")  # verdicts of units and errands that ended as they should
PRODUCED = ("good", "rejected", "failed")  # verdicts of units that count as produced; the others were broken off


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit of an order; ``ended`` is ``None`` while it is being built, or where its run broke off."""

    started: StoredEvent
    ended: StoredEvent | None

    @property
    def serial(self) -> str:
        return str(self.started.data["serial"])

    @property
    def family(self) -> str:
        return str(self.started.data["family"])

    @property
    def verdict(self) -> str:
        """Of :class:`cells.runtime.production.UnitOutcome`; empty if it hasn't ended."""
        return str(self.ended.data["verdict"]) if self.ended else ""


@dataclass(frozen=True, slots=True)
class Run:
    """The events from the start of an order, a disassembly or an errand to before the next start."""

    events: tuple[StoredEvent, ...]

    @property
    def start(self) -> StoredEvent:
        return self.events[0]

    @property
    def kind(self) -> str:
        """What it is: "order", "apart" or "errand"."""
        return STARTS[self.start.kind]

    @property
    def simulated(self) -> bool:
        """Whether it ran in a simulated cell: only there energy is modelled."""
        return self.start.data.get("energy") == "modelled"

    @property
    def name(self) -> str:
        """Its own name; of a disassembly that of the unit."""
        return str(self.start.data[{"order": "order", "apart": "serial", "errand": "errand"}[self.kind]])

    @property
    def families(self) -> tuple[str, ...]:
        """The product families of an order or disassembly, each once."""
        items = self.start.data.get("items", [{"product": self.start.data.get("family")}])
        return tuple(dict.fromkeys(item["product"] for item in items if item["product"]))

    def ordered(self, family: str | None) -> int:
        """How many units were ordered; with ``family`` only those of it."""
        items = self.start.data.get("items", ())
        return sum(item["quantity"] for item in items if family in (None, item["product"]))

    @property
    def end(self) -> StoredEvent | None:
        """The event of its end; ``None`` while it goes on, or where it broke off."""
        return first(self.events, ENDS)

    @property
    def units(self) -> tuple[Unit, ...]:
        """The units that were begun, in order."""
        ends = {event.data["serial"]: event for event in self.events if event.kind == "unit_finished"}
        begun = (event for event in self.events if event.kind == "unit_started")
        return tuple(Unit(event, ends.get(event.data["serial"])) for event in begun)

    @property
    def seconds(self) -> float:
        """Cell time from its start to its end, or to its latest event."""
        return max(event.time for event in self.events) - self.start.time

    @property
    def source(self) -> str:
        """Where the journal tells of it."""
        return span((self.start, self.end or self.events[-1]))


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and all that may be looked at to answer it: ``events``, at least one, and the ``runs`` among them,
    both oldest first. ``status`` is what the running cell says of itself, ``None`` when no run is going on."""

    query: Step
    cell: Cell
    events: tuple[StoredEvent, ...]
    runs: tuple[Run, ...]
    status: Mapping[str, Any] | None

    @property
    def going_on(self) -> Run | None:
        """The run that goes on."""
        last = self.runs[-1] if self.runs else None
        return last if self.status is not None and last is not None and last.end is None else None

    @property
    def orders(self) -> tuple[Run, ...]:
        """Every order, oldest first; if the question names a product, those with it."""
        return tuple(run for run in self.runs if run.kind == "order" and self.family in (None, *run.families))

    @property
    def family(self) -> str | None:
        """The product that the question names, if it names one."""
        return self.query.object if self.query.object in families() else None

    def units(self, run: Run) -> tuple[Unit, ...]:
        """The units of a run; if the question names a product, those of it."""
        return tuple(unit for unit in run.units if self.family in (None, unit.family))

    @property
    def model(self) -> WorldModel:
        """What stands in the cell now. A real cell goes on with what its own runs left there; a simulated one starts
        empty with each run and is gone when that ends."""
        real, model = WorldModel(), WorldModel()
        for run in self.runs:
            model = fold(run.events, WorldModel() if run.simulated else real)
            if not run.simulated:
                real = model
        return real if self.status is None else model


def runs_of(events: Iterable[StoredEvent]) -> tuple[Run, ...]:
    """The runs in order. What the journal tells before the first (stock that came in) belongs to none."""
    return tuple(Run(run) for run in split(events, STARTS))


def split(events: Iterable[StoredEvent], starts: Collection[str]) -> list[tuple[StoredEvent, ...]]:
    """The events in pieces, each from one of the kinds ``starts`` to before the next. Those before the first are in
    none."""
    pieces: list[list[StoredEvent]] = []
    for event in events:
        if event.kind in starts:
            pieces.append([event])
        elif pieces:
            pieces[-1].append(event)
    return [tuple(piece) for piece in pieces]


def first(events: Iterable[StoredEvent], kinds: Collection[str]) -> StoredEvent | None:
    """The first event of one of these kinds."""
    return next((event for event in events if event.kind in kinds), None)


def span(events: Iterable[StoredEvent]) -> str:
    """The first and last sequence of some events: "123" or "123–140"."""
    numbers = [event.seq for event in events]
    first, last = min(numbers), max(numbers)
    return f"{first}" if first == last else f"{first}–{last}"


def local(event: StoredEvent) -> datetime:
    """The wall time of an event where the cell's computer stands."""
    return datetime.fromisoformat(event.wall).astimezone()


def when(event: StoredEvent) -> str:
    """That time as people read it, to the minute."""
    return f"{local(event):%Y-%m-%d %H:%M}"


def good(units: Sequence[Unit]) -> int:
    """How many of the units were found good."""
    return sum(unit.verdict == "good" for unit in units)


def produced(units: Iterable[Unit]) -> tuple[Unit, ...]:
    """The units that were built to an end, whatever they turned out to be."""
    return tuple(unit for unit in units if unit.verdict in PRODUCED)


def rounded(value: float) -> float | int:
    """A figure of which four digits are enough; a whole number where more stand before the point."""
    return round(value) if abs(value) >= 1000 else value
