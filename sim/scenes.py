"""Scenes that begin assembled: a finished unit in the fixture, as it should be or spoilt on purpose.

For evaluating inspection and disassembly. The parts stand there before anything moves; nothing is put in later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from cells.journal.event import Event
from cells.pose import Pose
from cells.products.model import Part, ProductVariant
from cells.runtime.world_model import WorldModel, fold
from sim import bodies
from sim.world import SimWorld

Spoil = Literal["unseated", "wrong_peg", "missing"]
ABOVE = 2e-5  # m between a part and what it stands on at the start


@dataclass(frozen=True, slots=True)
class Defect:
    """One spoilt item: ``chip`` (m) lies under an unseated one, ``part`` stands in place of a wrong one."""

    item: str
    kind: Spoil
    chip: float = 0.0
    part: Part | None = None


def assembled(
    world: SimWorld, serial: str, variant: ProductVariant, holes: Mapping[str, str], defect: Defect | None = None
) -> WorldModel:
    """Let a unit stand assembled in the fixture, with at most one defect, and return what the cell believes: that it
    is complete. ``holes`` maps an item (``peg_1``) to ``plate/hole_1``."""
    base = variant.part_of("plate")
    world.stock.fit_nest(base)
    seat = world.cell.station("fixture").pose
    world.stock.stand(f"{serial}/plate", base, seat.shifted(dz=ABOVE))
    believed = [_loaded(f"{serial}/plate", "plate", variant), _released(f"{serial}/plate", "fixture")]
    for item, target in holes.items():
        name = target.split("/")[1]
        hole, part, lift = base.holes[name], variant.part_of(item), ABOVE
        bottom = (seat @ hole.pose).shifted(dz=-hole.depth)
        believed += [_loaded(f"{serial}/{item}", "peg", variant), _released(f"{serial}/{item}", f"{serial}/{target}")]
        if defect is not None and defect.item == item:
            if defect.kind == "missing":
                continue
            if defect.kind == "unseated":
                _chip(world, bottom, hole.shaft, defect.chip)
                lift += defect.chip + ABOVE
            part = defect.part or part
        world.stock.stand(f"{serial}/{item}", part, bottom.shifted(dz=lift))
    for _ in range(60):
        world.clock.advance()
    return fold(believed)


def _chip(world: SimWorld, bottom: Pose, shaft: float, height: float) -> None:
    """A bit of swarf at the bottom of a hole."""
    edge = shaft / 2
    bodies.static_box(world.bullet, (edge, edge, height), bottom.shifted(dz=height / 2), bodies.STEEL)


def _loaded(instance: str, part: str, variant: ProductVariant) -> Event:
    data = {"instance": instance, "part": part, "variant": variant.hash, "lot": "start", "station": "tray", "slot": 0}
    return Event("material_loaded", 0.0, data)


def _released(instance: str, place: str) -> Event:
    return Event("part_released", 0.0, {"instance": instance, "place": place})
