"""Build an order: lease, folder, journal, world, production, passports, report. Each is another module's work."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import distributions, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cells.commands.folder import make_folder
from cells.commands.progress import Progress
from cells.commands.show import plain, say

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.orders.order import Order
    from cells.products.model import ProductVariant
    from cells.tasks.plan import Plan


def build(
    order: Order,
    cell: Cell,
    variants: Mapping[str, ProductVariant],
    plan: Plan,
    opener: Callable[..., Any],
    *,
    world: str,
    seed: int,
    view: bool,
    out: Path | None,
) -> dict[str, Any]:
    """Build the order in a world; returns what the closing table says, as JSON values.

    Raises ``InputError`` where the cell is running already or the folder can't be used: nothing is written then.
    """
    from cells.journal.store import Journal, event_hash
    from cells.orders.passport import read_passport, write_passport
    from cells.orders.report import write_report
    from cells.runtime.control_socket import ControlSocket
    from cells.runtime.lease import Lease
    from cells.runtime.production import produce
    from cells.runtime.requests import RequestQueue, interrupt_is_stop

    requests = RequestQueue()
    with Lease(cell.name):
        folder = make_folder(order.id, out)
        write_config(folder, order, cell, plan, world, seed)
        with Journal.open(cell.name) as journal, ControlSocket(cell.name, requests):
            start, _ = journal.head()
            say(f"{order.id}: {len(plan.units)} units in {cell.name}, world {world}, seed {seed}; results in {folder}")
            opened = opener(cell, variants, seed, view)
            try:
                with Progress(plan) as progress, interrupt_is_stop(requests, say):
                    outcomes = produce(
                        order, plan, cell, variants, opened, journal, folder, progress, requests, pictures=True
                    )
            finally:
                opened.close()
            units = []
            for outcome in outcomes:
                unit = plain(outcome)
                passport = folder / "passports" / f"{outcome.serial}.aasx"
                made = next(planned for planned in plan.units if planned.serial == outcome.serial)
                write_passport(outcome.serial, journal, variants[made.variant_hash], cell, order, passport)
                said = read_passport(passport)
                units.append(unit | {"co2e_kg": said["kg_co2e"], "passport": str(passport)})
            events = list(journal.events(after=start))
        report = write_report(folder, order, plan, variants, cell, events)
    return {
        "order": order.id,
        "folder": str(folder),
        "seed": seed,
        "ordered": len(plan.units),
        "good": sum(unit["verdict"] == "good" for unit in units),
        "stopped": len(outcomes) < len(plan.units),
        "event_hash": event_hash(events),
        "units": units,
        "files": [str(report), *(unit["passport"] for unit in units)],
    }


def write_config(folder: Path, order: Order, cell: Cell, plan: Plan, world: str, seed: int) -> Path:
    """Write ``run.json``: the exact command, configuration, versions and seed of this run."""
    config = {
        "schema": "cellwright/run/v1",
        "command": ["cellwright", *sys.argv[1:]],
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "world": world,
        "seed": seed,
        "cellwright": version("cellwright"),
        "python": sys.version.split()[0],
        "packages": {found.name: found.version for found in sorted(distributions(), key=lambda found: found.name.lower())},
        "order": order.model_dump(mode="json", by_alias=True),
        "cell": cell.model_dump(mode="json", by_alias=True),
        "plan": plain(plan),
    }
    path = folder / "run.json"
    path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
