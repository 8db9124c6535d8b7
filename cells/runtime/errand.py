"""An errand: single steps that an operator asked for, done with parts of one product; every fact an event.

The events have names of their own, so that what is counted as a unit stays what an order built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cells.errors import CellwrightError, Problem
from cells.ports import World
from cells.runtime.production import Line, UnitOutcome, energy_basis, silent
from cells.runtime.requests import Requests
from cells.runtime.unit import Progress

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.journal.store import Journal
    from cells.products.model import ProductVariant
    from cells.tasks.plan import Plan


def run_errand(
    plan: Plan,
    variants: Mapping[str, ProductVariant],
    cell: Cell,
    world: World,
    journal: Journal,
    out: Path,
    progress: Progress,
    requests: Requests,
    pictures: bool = True,
    say: Callable[[str], None] = silent,
) -> UnitOutcome:
    """Do the plan's one unit of steps in ``world``. Arguments as of :func:`~cells.runtime.production.produce`; the
    outcome's verdict is "done" where every step was. What the gripper took last it keeps.

    Raises ``CellwrightError`` with a loading list where stock is missing and the world doesn't load itself."""
    [planned] = plan.units
    line = Line(cell, variants, world, journal, out, requests, progress, pictures, say, None)
    line.runner.start()
    unit = line.begin(planned)
    line.emit("errand_started", {"serial": planned.serial, "errand": plan.order_id, "energy": energy_basis(world)})
    line.load(planned.loads)
    if planned.returns and (missing := world.stock.make_ready(planned.returns).missing):
        places = ", ".join(f"{slot.station}/{slot.slot}" for slot in missing)
        raise CellwrightError(Problem(places, "must be ready for a part", "empty it, then tell it again"))
    verdict = line.run(unit)
    outcome = line.end("errand_finished", unit, "done" if verdict == "good" else verdict)
    if world.traits.self_loading and not line.runner.left:
        line.remove(unit)  # a simulated world ends here, and its parts with it
    line.runner.finish()
    return outcome
