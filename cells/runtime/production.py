"""Production of an order: unit after unit, loaded, built, judged, and sent out of the cell; every fact an event."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cells.errors import CellwrightError, Problem
from cells.journal.event import Event
from cells.kinematics.chain import load_chain
from cells.ports import LoadRequest, World, driver_of
from cells.runtime.requests import Requests
from cells.runtime.runner import Ending, Runner
from cells.runtime.unit import Progress, UnitRun
from cells.runtime.world_model import WorldModel, apply, fold
from cells.skills.contract import Call, Context
from cells.tasks.leaves import Boundary
from cells.tasks.tree import TreeWork, unit_tree

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.journal.store import Journal
    from cells.orders.order import Order
    from cells.products.model import Part, ProductVariant
    from cells.skills.policy import Policies
    from cells.tasks.plan import Plan, UnitPlan

PICTURED = frozenset(
    {"place", "insert", "mesh", "fasten", "inspect", "turn", "pack", "move", "handover", "remove", "store"}
)
PICTURE_SIZE = (960, 600)
GOOD = ("good", "apart", "done")


@dataclass(frozen=True, slots=True)
class UnitOutcome:
    """How a unit ended. ``verdict``: "good", "rejected" (an inspection said no), "failed" (a step couldn't be done),
    "cancelled", or "stopped" (left standing); "apart" or "done" if that was the aim. ``energy_j`` is mechanical work
    (NaN where the world can't tell)."""

    serial: str
    verdict: str
    reasons: tuple[str, ...]
    seconds: float
    energy_j: float
    recoveries: tuple[str, ...]


def silent(_text: str) -> None:
    """Say nothing to nobody."""


def produce(
    order: Order,
    plan: Plan,
    cell: Cell,
    variants: Mapping[str, ProductVariant],
    world: World,
    journal: Journal,
    out: Path,
    progress: Progress,
    requests: Requests,
    pictures: bool = True,
    say: Callable[[str], None] = silent,
    holds: WorldModel | None = None,
    kept: Mapping[str, Policies] | None = None,
) -> list[UnitOutcome]:
    """Build what is planned, in ``world``; ``variants`` by hash; ``holds`` what a simulated cell holds already;
    ``kept`` the policies of single steps, by variant.

    Telemetry and pictures go under ``out``, all else into ``journal``. ``progress(serial, step, index, total)`` is
    called as each step begins, ``say`` with what a person should know now. Returns the outcome of every unit that
    was begun: a cancelled or abandoned order ends early. Raises ``CellwrightError`` with a loading list where stock
    is missing and the world doesn't load itself, or where screws are to be driven and the world has no driver.
    """
    from cells.skills.registry import skills

    drives = any(skills()[call.skill].drives for unit in plan.units for call in unit.calls)
    if drives and driver_of(world) is None:
        raise CellwrightError(Problem("world", "has no driver, which this plan needs", "run it in one that has"))
    line = Line(cell, variants, world, journal, out, requests, progress, pictures, say, holds, kept)
    line.emit("order_accepted", {"order": order.id, "items": _items(order), "energy": energy_basis(world)})
    line.runner.start()
    outcomes: list[UnitOutcome] = []
    for unit in plan.units:
        outcomes.append(line.build(order.id, unit))
        if line.runner.cancelled or line.runner.left:
            break
    line.runner.finish()
    good = sum(outcome.verdict == "good" for outcome in outcomes)
    line.emit("order_finished", {"order": order.id, "good": good, "ordered": len(plan.units)})
    return outcomes


class Line:
    """What the units of one order share: the runner, the world model and the journal."""

    def __init__(
        self,
        cell: Cell,
        variants: Mapping[str, ProductVariant],
        world: World,
        journal: Journal,
        out: Path,
        requests: Requests,
        progress: Progress,
        pictures: bool,
        say: Callable[[str], None],
        holds: WorldModel | None,
        kept: Mapping[str, Policies] | None = None,
    ) -> None:
        from cells.skills.learned import policies_of
        from cells.skills.registry import skills

        self._cell, self._variants, self._world, self._journal = cell, variants, world, journal
        self._progress, self._pictures, self._say = progress, pictures, say
        self._skills = skills()
        self._telemetry, self._pictured = out / "telemetry", out / "pictures"
        for folder in (self._telemetry, *((self._pictured,) if pictures else ())):
            folder.mkdir(parents=True, exist_ok=True)
        self._shots, self._kept = 0, kept or {}
        # A simulated world starts empty each time; a real cell holds what its journal says.
        self.model = holds or (WorldModel() if world.traits.self_loading else fold(journal.events()))
        self.runner = Runner(cell, load_chain(cell), world, self.emit, requests, say)
        runner, model = self.runner, lambda: self.model
        self._context = Context(cell, runner.chain, runner.proof, world.locator, model, self._part, policies_of(cell))

    def emit(self, kind: str, data: dict[str, Any]) -> None:
        """Write an event and believe it."""
        event = Event(kind, round(self._world.clock.now(), 6), data)
        self._journal.append(event)
        self.model = apply(self.model, event)

    def build(self, order_id: str, plan: UnitPlan) -> UnitOutcome:
        """One unit, from its parts in their slots to its leaving the cell."""
        variant, unit = self._variants[plan.variant_hash], self.begin(plan)
        started = {
            "serial": plan.serial,
            "order": order_id,
            "variant": variant.hash,
            "family": variant.family,
            "version": variant.version,
            "parameters": dict(variant.parameters),
        }
        self.emit("unit_started", started)
        self.load(plan.loads)
        verdict = self.run(unit)
        if not self.runner.left:  # else it stands, or is held, where the arm stopped, until a person clears it
            self.remove(unit)
        return self.end("unit_finished", unit, verdict)

    def begin(self, plan: UnitPlan) -> UnitRun:
        """What the leaves of a unit's tree share, before anything is done."""
        policies = {**self._context.policies, **self._kept.get(plan.variant_hash, {})}
        context = replace(self._context, policies=policies)
        return UnitRun(
            plan, self.runner, context, self._skills, self.emit, self.load, self._picture, self._progress,
            self._telemetry, self.runner.read(),
        )  # fmt: skip

    def end(self, kind: str, unit: UnitRun, verdict: str) -> UnitOutcome:
        """How a unit ended, as an event and as an outcome; reasons are those of what didn't end as it should."""
        serial, now = unit.plan.serial, self._world.arm.read().energy_j
        reasons = () if verdict in GOOD else tuple(unit.reasons[-1:]) or (f"the unit was {verdict}",)
        seconds, used = round(self._world.clock.now() - unit.began.time, 6), now - unit.began.arm.energy_j
        finished = {
            "serial": serial,
            "verdict": verdict,
            "reasons": list(reasons),
            "seconds": seconds,
            "energy_j": round(used, 6) if math.isfinite(used) else None,
        }
        self.emit(kind, finished)
        return UnitOutcome(serial, verdict, reasons, seconds, used, tuple(unit.recoveries))

    def run(self, unit: UnitRun) -> str:
        """Tick the unit's tree, again from a step boundary after each interruption, to its verdict."""
        work = TreeWork(unit_tree(unit), unit)
        ending = self.runner.run(work)
        while ending is Ending.INTERRUPTED:
            unit.take_stock()
            work = TreeWork(unit_tree(unit, resumed=True), unit)
            ending = self.runner.run(work)
        if ending is Ending.FINISHED and work.succeeded:
            return "good"
        verdict = "rejected" if self._inspected(unit) else "failed"
        if ending is not Ending.FINISHED:
            verdict = "cancelled" if self.runner.cancelled else "stopped"
            unit.reasons.append(f"{verdict} during {unit.doing or 'loading'}")
        if ending is Ending.LEFT:
            return verdict
        return self._tidy(unit) or verdict

    def _inspected(self, unit: UnitRun) -> bool:
        """Whether what failed last was an inspection."""
        return unit.failed_skill in self._skills and self._skills[unit.failed_skill].judges

    def _tidy(self, unit: UnitRun) -> str | None:
        """Empty the hand into the reject bin and go home; a verdict if people decided otherwise meanwhile."""
        ending = Ending.INTERRUPTED
        while ending is Ending.INTERRUPTED:
            ending = self.runner.run(TreeWork(Boundary(unit, tidy=True), unit))
        if ending is Ending.LEFT and not self.runner.cancelled:
            return "stopped"
        return None

    def remove(self, unit: UnitRun) -> None:
        """The unit leaves the cell with all its instances."""
        instances = unit.instances()
        self.runner.settle()
        self._world.stock.unload(instances)
        self.emit("unit_left", {"serial": unit.plan.serial, "instances": list(instances)})

    def load(self, requests: Sequence[LoadRequest]) -> None:
        """Put parts into their slots, each taken from the oldest lot that fits."""
        from cells.orders.stock import current_stock, load_simulated, shortages

        stock = current_stock(self._journal)
        missing = shortages(requests, stock, self._variants)
        if missing and self._world.traits.self_loading:
            for text in load_simulated(self._journal, missing, self._world.clock.now()):
                self._say(text)
            stock, missing = current_stock(self._journal), ()
        if missing:
            raise CellwrightError(
                *(
                    Problem(f"stock:{row.part}", f"{row.missing} more needed ({row.family})", _LOAD.format(row=row))
                    for row in missing
                )
            )
        self.runner.settle()
        loaded = self._world.stock.load(requests)
        if loaded.missing:
            raise CellwrightError(*_loading_list(loaded.missing))
        for request in loaded.done:
            taken = stock.take(request.part, request.variant)
            assert taken is not None, "shortages() has found enough"
            lot, stock = taken
            self.emit(
                "material_loaded",
                {
                    "instance": request.instance,
                    "part": request.part,
                    "variant": request.variant,
                    "lot": lot,
                    "station": request.station,
                    "slot": request.slot,
                },
            )

    def _picture(self, call: Call) -> None:
        if not self._pictures or self._skills[call.skill].capability not in PICTURED:
            return
        data = self._world.camera.picture(*PICTURE_SIZE)
        if data:
            self._shots += 1
            path = self._pictured / f"{self._shots:03d}-{call.serial}-{call.id}.png"
            path.write_bytes(data)
            self.emit("picture_taken", {"serial": call.serial, "step": call.id, "file": f"pictures/{path.name}"})

    def _part(self, instance: str) -> Part:
        piece = self.model.pieces[instance]
        return self._variants[piece.variant].parts[piece.part]


_LOAD = "load with: cellwright stock load LOT {row.part} {row.missing}"


def _loading_list(missing: Iterable[LoadRequest]) -> list[Problem]:
    return [
        Problem(f"{request.station}/{request.slot}", f"needs a {request.part}", "load it, then run again")
        for request in missing
    ]


def _items(order: Order) -> list[dict[str, Any]]:
    return [
        {"product": item.product, "quantity": item.quantity, "parameters": dict(item.parameters)}
        for item in order.items
    ]


def energy_basis(world: World) -> str:
    """Where figures of energy come from: "modelled", "measured", or "unknown" where the world can't tell."""
    known = math.isfinite(world.arm.read().energy_j)
    return "modelled" if known and world.traits.self_loading else "measured" if known else "unknown"
