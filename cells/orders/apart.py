"""The report of a disassembly: one self-contained page, of the same sections as an order's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from cells.orders.markup import code, grid, section
from cells.orders.report import (
    cards,
    conventions,
    felt,
    film,
    pictures,
    planned,
    reasons,
    steps,
    troubles,
    verdict_pill,
    write_page,
)
from cells.products.inverse import inverse_plan
from cells.runtime.world_model import fold

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.journal.event import Event
    from cells.journal.store import StoredEvent
    from cells.products.model import ProductVariant
    from cells.tasks.plan import Plan


def write_disassembly_report(
    out: Path, plan: Plan, variant: ProductVariant, cell: Cell, events: Sequence[StoredEvent]
) -> Path:
    """Write ``out/report.html`` of a unit that was taken apart and return its path.

    ``events`` are those of this run, in order; pictures and telemetry are the files under ``out`` that they name."""
    [unit] = plan.units
    variants = {variant.hash: replace(variant, process=inverse_plan(variant.process))}
    sections = [
        _header(unit.serial, plan, cell, events),
        film(out, pictures(out, events)),
        felt(out, events, cell, "remove"),
        planned(plan, variants, events),
        steps(events),
        troubles(events),
        conventions(variants, cell),
    ]
    return write_page(out, f"{unit.serial}, taken apart", sections)


def _header(serial: str, plan: Plan, cell: Cell, events: Sequence[Event]) -> str:
    finished = next((event for event in events if event.kind == "disassembly_finished"), None)
    slots = {slot.instance: f"{slot.station}/{slot.slot}" for slot in plan.units[0].returns}
    pieces = fold(events).pieces
    back = sum(piece.place == slots[name] for name, piece in pieces.items())
    where = [(code(name), escape(piece.lot), escape(piece.place)) for name, piece in pieces.items()]
    return "\n".join(
        [
            f"<h1>{escape(serial)}, taken apart</h1>",
            f'<p class="soft">Built for order {code(plan.order_id)}, taken apart by the cell {code(cell.name)}. '
            f"Plan {code(plan.hash[:12])}.</p>",
            cards("parts in their slots", f"{back} of {len(slots)}", events),
            grid(("unit", "verdict", "why"), [(code(serial), verdict_pill(finished), escape(reasons(finished)))]),
            section("Where the parts are", grid(("part", "lot", "now in"), where)),
        ]
    )
