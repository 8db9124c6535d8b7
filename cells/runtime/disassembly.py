"""Taking a finished unit apart: it comes back into the fixture, and its parts go into tray slots; every fact an event.

The events have names of their own, so that how the unit was built stays what its passport says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cells.errors import CellwrightError, Problem
from cells.ports import World
from cells.runtime.production import Line, UnitOutcome, energy_basis, silent
from cells.runtime.requests import Requests
from cells.runtime.unit import Progress, UnitRun
from cells.skills.contract import place_name

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.journal.store import Journal
    from cells.products.model import ProductVariant
    from cells.tasks.plan import Plan


def take_apart(
    plan: Plan,
    variant: ProductVariant,
    lots: Mapping[str, str],
    cell: Cell,
    world: World,
    journal: Journal,
    out: Path,
    progress: Progress,
    requests: Requests,
    pictures: bool = True,
    say: Callable[[str], None] = silent,
) -> UnitOutcome:
    """Take the plan's one unit apart in ``world``; ``lots`` by instance. Arguments as of
    :func:`~cells.runtime.production.produce`. The outcome's verdict is "apart" where every part is in its slot.

    Raises ``CellwrightError`` where the unit must be put into the fixture by a person first.
    """
    [planned] = plan.units
    line = Line(cell, {variant.hash: variant}, world, journal, out, requests, progress, pictures, say, None)
    line.runner.start()
    line.runner.settle()
    unit = line.begin(planned)
    loaded = world.stock.load_unit(planned.returns)
    if loaded.missing:
        remedy = "put it there, empty the slots that its parts go into, then run again"
        raise CellwrightError(Problem("fixture", f"needs the unit {planned.serial}", remedy))
    if world.traits.self_loading:
        say(f"the simulated cell put the unit {planned.serial} into its fixture, assembled")
    head = {"serial": planned.serial, "order": plan.order_id, "variant": variant.hash, "family": variant.family}
    # Only now: a unit that nobody brought is whole still, and may be asked for again.
    line.emit("disassembly_started", head | {"energy": energy_basis(world)})
    line.emit("unit_returned", _returned(unit, variant, lots))
    verdict = line.run(unit)
    outcome = line.end("disassembly_finished", unit, "apart" if verdict == "good" else verdict)
    line.runner.finish()
    return outcome


def _returned(unit: UnitRun, variant: ProductVariant, lots: Mapping[str, str]) -> dict[str, Any]:
    """The unit as it stands assembled: each piece where the plan is going to take it from."""
    places = {taking.item: place_name(taking) for taking, _ in unit.steps() if taking is not None}
    parts = {slot.instance: slot.part for slot in unit.plan.returns}
    pieces = [
        {"instance": name, "part": part, "lot": lots[name], "place": places[name]} for name, part in parts.items()
    ]
    return {"serial": unit.plan.serial, "variant": variant.hash, "pieces": pieces}
