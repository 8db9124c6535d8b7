"""``cellwright run --disassemble``: a finished unit comes back into the fixture, and its parts go into their trays."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cells.commands.build import STOPPED, perform, rehearsal, write_config
from cells.commands.folder import make_folder
from cells.commands.show import emit, say, table

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.journal.store import StoredEvent
    from cells.orders.passport.record import UnitRecord
    from cells.products.model import ProductVariant
    from cells.runtime.production import UnitOutcome
    from cells.runtime.requests import Told
    from cells.tasks.plan import Plan


def run(
    serial: str,
    cell_name: str,
    world: str,
    *,
    seed: int,
    view: bool,
    out: Path | None,
    as_json: bool,
    yes: bool = False,
    rehearsed: bool = True,
) -> None:
    """Take a unit apart and say how it went. Raises ``InputError`` and ``Unbuildable``, nothing is written then; and
    ``Refused`` where it has to be put into a real cell, and nobody says, also not by ``yes``, that it is there."""
    from cells.commands.retooling import confirm_setup
    from cells.commands.run import amount
    from cells.commands.worlds import suited, twin_of, world_opener

    record, cell, variant, plan = prepare(serial, cell_name)
    opener = world_opener(world)
    cell = suited(cell, opener)
    if getattr(opener, "real", False):
        confirm_setup(cell, {variant.hash: variant}, plan, out, yes, unit=serial)
    twin = twin_of(opener, rehearsed)
    result = take_unit_apart(record, cell, variant, plan, opener, world, seed=seed, view=view, out=out, twin=twin)
    if as_json:
        emit(result)
    else:
        row = (serial, result["verdict"], f"{result['seconds']:.1f} s", amount(result["energy_j"], 1e-3, "kJ"))
        table(("unit", "verdict", "time", "energy"), [row], title=f"Disassembly of {serial}, order {record.order}")
        table(("part", "lot", "now in"), [(part["instance"], part["lot"], part["place"]) for part in result["parts"]])
        for reason in result["reasons"]:
            print(f"{serial}: {reason}")
        print("Open:")
        for name in result["files"]:
            print(f"  {name}")
    if result["stopped"]:
        raise typer.Exit(130)
    if result["verdict"] != "apart":
        raise typer.Exit(1)


def prepare(serial: str, cell_name: str) -> tuple[UnitRecord, Cell, ProductVariant, Plan]:
    """Find the unit in the cell's journal and plan how it comes apart; changes nothing.

    Raises ``InputError`` for a unit that isn't there, whole and good, and ``Unbuildable`` for one that can't be taken
    apart here."""
    from cells.description.cell import load_cell
    from cells.journal.home import home_folder
    from cells.journal.store import Journal
    from cells.orders.finished import FINISHED_KINDS, unit_to_take_apart, variant_as_built
    from cells.orders.passport.record import PASSPORT_KINDS
    from cells.tasks.disassembly import plan_disassembly
    from cells.tasks.plan import past_of

    cell = load_cell(cell_name)
    events: list[StoredEvent] = []
    if (home_folder() / cell.name).exists():
        with Journal.open(cell.name) as journal:
            events = list(journal.events(kinds=(*PASSPORT_KINDS, *FINISHED_KINDS)))
    record = unit_to_take_apart(serial, events)
    variant = variant_as_built(record)
    used = {piece.item: piece.instance for piece in record.pieces}
    return record, cell, variant, plan_disassembly(serial, record.order, variant, cell, used, past=past_of(events))


def take_unit_apart(
    record: UnitRecord,
    cell: Cell,
    variant: ProductVariant,
    plan: Plan,
    opener: Any,
    world: str,
    *,
    seed: int,
    view: bool,
    out: Path | None,
    told: Told | None = None,
    twin: Any = None,
) -> dict[str, Any]:
    """Lease, rehearsal in the ``twin``, folder, journal, world, disassembly, report; returns what the closing table
    says, as JSON values."""
    from cells.journal.store import Journal, event_hash
    from cells.orders.apart import write_disassembly_report
    from cells.runtime.disassembly import take_apart
    from cells.runtime.lease import Lease

    serial = record.serial
    lots = {f"{serial}/{piece.instance}": piece.lot for piece in record.pieces}
    variants = {variant.hash: variant}
    work = partial(take_apart, plan, variant, lots, cell)
    with Lease(cell.name):
        folder = make_folder(f"{serial}-apart", out)
        asked = {"disassemble": {"serial": serial, "family": variant.family, "parameters": dict(variant.parameters)}}
        write_config(folder, asked, cell, plan, world, seed)
        with Journal.open(cell.name) as journal:
            start, _ = journal.head()
            say(f"{serial}: taken apart in {cell.name}, world {world}, seed {seed}; results in {folder}")
            outcome = perform(
                cell,
                plan,
                lambda: opener(cell, variants, seed, view),
                lambda world, progress, requests: work(world, journal, folder, progress, requests, say=progress.say),
                told,
                rehearsal(cell, twin, variants, seed, work),
            )
            events = list(journal.events(after=start))
            report = write_disassembly_report(folder, plan, variant, cell, events)
    head: dict[str, Any] = {"serial": serial, "order": record.order, "folder": str(folder), "seed": seed}
    return head | ending(outcome, cell, events) | {"event_hash": event_hash(events), "files": [str(report)]}


def ending(outcome: UnitOutcome, cell: Cell, events: Sequence[StoredEvent]) -> dict[str, Any]:
    """How it went, and where each part is now. ``work_j`` is the arm's mechanical work, ``energy_j`` electrical."""
    from cells.orders.footprint import electrical_energy
    from cells.runtime.world_model import fold

    work = outcome.energy_j if outcome.energy_j == outcome.energy_j else None
    parts = [
        {"instance": name, "part": piece.part, "lot": piece.lot, "place": piece.place}
        for name, piece in fold(events).pieces.items()
    ]
    return {
        "verdict": outcome.verdict,
        "stopped": outcome.verdict in STOPPED,
        "reasons": list(outcome.reasons),
        "recoveries": list(outcome.recoveries),
        "seconds": outcome.seconds,
        "work_j": work,
        "energy_j": electrical_energy(work, outcome.seconds, cell.robot_spec.energy),
        "parts": parts,
    }
