"""Which contact steps of a plan nobody has proven for these very parts, as far as it is worth telling."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cells.description.cell import Cell
from cells.errors import CellwrightError
from cells.journal.home import home_folder
from cells.journal.store import Journal
from cells.orders.changeover import STEP, retooled
from cells.products.catalogue import families
from cells.products.model import ProductVariant
from cells.skills.registry import skills
from cells.tasks.plan import Plan
from policies.contacts import JOINING
from policies.contents import DESCRIPTION
from policies.entry import Entry, parse_entry
from policies.matching import outside, wanted
from policies.store import entry_folders, own_zoo


def unproven(cell: Cell, variants: Mapping[str, ProductVariant], plan: Plan) -> list[str]:
    """Contact skills of the plan, with the product, for which the user has policies of which none was proven for these
    parts. What this cell has retooled for, or built well, is left out: that went without."""
    known = [entry for folder in entry_folders() if own_zoo() in folder.parents and (entry := _entry(folder))]
    capabilities = {entry.capability for entry in known}
    wants = {
        (unit.variant_hash, call.skill)
        for unit in plan.units
        for call in unit.calls
        if call.skill in JOINING and skills()[call.skill].capability in capabilities
    }
    if not wants:
        return []
    fine = _fine(cell)
    found: dict[str, None] = {}
    for hash_, skill in sorted(wants - {(hash_, skill) for hash_ in fine for skill in JOINING}):
        variant = variants[hash_]
        asked = wanted(skills()[skill].capability, variant, families()[variant.family], cell)
        covering = (
            entry
            for entry in known
            if entry.capability == asked.capability
            and variant.family in entry.part_ranges.proven
            and not outside(asked, entry.part_ranges.proven)
        )
        if next(covering, None) is None:
            found[f"{skill} of {variant.family}"] = None
    return list(found)


def _fine(cell: Cell) -> set[str]:
    """The variants whose contact steps this cell has proven, or that it has built well."""
    if not (home_folder() / cell.name).exists():
        return set()
    with Journal.open(cell.name) as journal:
        events = list(journal.events(kinds=("unit_started", "unit_finished", STEP)))
    units = {event.data["serial"]: event.data["variant"] for event in events if event.kind == "unit_started"}
    good = {
        units[event.data["serial"]]
        for event in events
        if event.kind == "unit_finished" and event.data["verdict"] == "good" and event.data["serial"] in units
    }
    known = retooled(events, cell.control.default)
    return good | {hash_ for hash_, steps in known.items() if all(step["proven"] for step in steps.values())}


def _entry(folder: Path) -> Entry | None:
    """What an entry says of itself; None for one that isn't sound, which is for ``zoo verify`` to tell."""
    try:
        with open(folder / DESCRIPTION, "rb") as file:
            return parse_entry(file.read(1_000_000), str(folder))
    except (OSError, CellwrightError):
        return None
