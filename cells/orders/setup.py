"""What stands ready in a cell for an order, and what a person has to change from one order to the next.

It follows from what is known: the base parts that the fixture holds, which parts lie in which tray, and which finished
unit is put into the fixture to be taken apart.

    setup_confirmed   [order, items, unit, instructions, by]   items [product, parameters]; unit "" unless one is taken
                      apart; a person has done the instructions

Fingers are never changed: a robot's description has one gripper with one pair of pads, in all its cells, and a variant
with a part wider than they open is refused (``cells.tasks.limits``), so that no order can ask for others.

Orders of a simulated cell change nothing that stands in a real one: nobody has hands in it, and it sets itself up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cells.errors import CellwrightError
from cells.journal.event import Event
from cells.products.model import Part, ProductVariant

if TYPE_CHECKING:
    from cells.description.cell import Cell

ACCEPTED, STARTED, CONFIRMED, APART = "order_accepted", "unit_started", "setup_confirmed", "disassembly_started"
KINDS = (ACCEPTED, STARTED, CONFIRMED, APART)


@dataclass(frozen=True, slots=True)
class Setup:
    """What is where, in words: the base parts that fixtures hold one after the other (``fixture``), the parts of one
    unit of each kind, by tray, and the serial of the finished ``unit`` that stands in the fixture to be taken apart."""

    order: str
    fixture: tuple[str, ...] = ()
    trays: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unit: str = ""

    @property
    def told(self) -> str:
        """The setup in a line."""
        return f"{self.order}: {', '.join(self.fixture) or 'no fixture'}"


def setup_for(order: str, cell: Cell, variants: Iterable[ProductVariant], unit: str = "") -> Setup:
    """The setup of an order of these variants, or for taking a ``unit`` of one apart. Raises ``Unbuildable`` for one
    that the trays are too small for."""
    from cells.tasks.plan import slots_of_unit

    held: dict[str, None] = {}
    trays: dict[str, Counter[str]] = {}
    for variant in variants:
        held |= {named(part): None for part in variant.parts.values() if part.base}
        for load in slots_of_unit("unit", cell, variant):
            trays.setdefault(load.station, Counter())[named(variant.parts[load.part])] += 1
    lying = {name: tuple(f"{count} × {part}" for part, count in parts.items()) for name, parts in sorted(trays.items())}
    return Setup(order, tuple(held), lying, unit)


def last_setup(cell: Cell, events: Iterable[Event], simulated: bool = False) -> Setup | None:
    """What a cell was set up for last, or the ``simulated`` one of its name: by what was confirmed, and by orders of
    which a unit was begun, also those that were broken off, as all was changed by then. None if there is no such order,
    or it can't be made out any more. ``events`` are those of ``KINDS``."""
    from cells.products.catalogue import build_variant

    stands, unit = None, ""
    accepted = None
    for event in events:
        if event.kind == ACCEPTED:
            accepted = event if (event.data.get("energy") == "modelled") == simulated else None
        elif event.kind == CONFIRMED and not simulated:
            stands, unit = event, event.data.get("unit", "")
        elif event.kind == APART and event.data["serial"] == unit and event.data.get("energy") != "modelled":
            unit = ""
        elif event.kind == STARTED and accepted is not None and event.data["order"] == accepted.data["order"]:
            stands, unit = accepted, ""
    if stands is None:
        return None
    try:
        made = [build_variant(item["product"], item["parameters"]) for item in stands.data["items"]]
        return setup_for(stands.data["order"], cell, made, unit)
    except CellwrightError:  # of a family that has changed, or has gone
        return None


def instructions(was: Setup | None, becomes: Setup) -> list[str]:
    """What a person has to change, in words: all of it, where it isn't known what stands there."""
    was = was or Setup("")
    told = []
    if was.unit not in ("", becomes.unit):
        told.append(f"fixture: take out the unit {was.unit}, if it still stands there")
    if set(becomes.fixture) - set(was.fixture):
        removed = f", instead of the one for {_and(was.fixture)}" if was.fixture else ""
        told.append(f"fixture: clamp the plate for {_and(becomes.fixture)}{removed}")
    if becomes.unit not in ("", was.unit):
        told.append(f"fixture: put the unit {becomes.unit} into it, assembled")
    for tray, parts in becomes.trays.items():
        if parts != was.trays.get(tray):
            told.append(f"{tray}: seats for {_and(parts)} of a unit")
    told += [f"{tray}: leave it empty" for tray in was.trays if tray not in becomes.trays]
    return told


def confirmation(becomes: Setup, variants: Iterable[ProductVariant], done: Sequence[str], by: str) -> Event:
    """That a person has ``done`` what there was to be changed for a setup of these variants."""
    items = [{"product": made.family, "parameters": dict(made.parameters)} for made in variants]
    told = {"order": becomes.order, "items": items, "unit": becomes.unit, "instructions": list(done), "by": by}
    return Event(CONFIRMED, 0.0, told)


def named(part: Part) -> str:
    """A part with its size: ``plate 102 × 36 × 23 mm``."""
    size = " × ".join(f"{1000 * edge:.4g}" for edge in part.size)
    return f"{part.name.replace('_', ' ')} {size} mm"


def _and(words: Iterable[str]) -> str:
    return " and ".join(words)
