"""Scenes that begin assembled: a finished unit in the fixture, as it should be or spoilt on purpose.

For evaluating inspection and disassembly. The parts stand there before anything moves; nothing is put in later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cells.journal.event import Event
from cells.pose import Pose
from cells.products.model import Part, ProductVariant
from cells.runtime.world_model import WorldModel, fold
from sim import bodies
from sim.truth import places_of
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


def assembled(world: SimWorld, serial: str, variant: ProductVariant, defect: Defect | None = None) -> WorldModel:
    """Let a unit, whose parts all go into holes of its base, stand assembled in the fixture, with at most one defect,
    and return what the cell believes: that it is complete."""
    [(base_item, base)] = [(i, part) for part, i in _items(variant) if part.base]
    world.stock.fit_nest(base)
    seat = world.cell.station("fixture").pose
    world.stock.stand(f"{serial}/{base_item}", base, seat.shifted(dz=ABOVE))
    believed = [_loaded(f"{serial}/{base_item}", base.name, variant), _released(f"{serial}/{base_item}", "fixture")]
    for item, target in places_of(variant).items():
        hole, part, lift = base.holes[target.split("/")[1]], variant.part_of(item), ABOVE
        bottom = (seat @ hole.pose).shifted(dz=-hole.depth)
        put = f"{serial}/{item}"
        believed += [_loaded(put, part.name, variant), _released(put, f"{serial}/{target}")]
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


def _items(variant: ProductVariant) -> list[tuple[Part, str]]:
    return [(variant.parts[line.part], item) for line in variant.bom for item in line.items]


def _chip(world: SimWorld, bottom: Pose, shaft: float, height: float) -> None:
    """A bit of swarf at the bottom of a hole."""
    edge = shaft / 2
    bodies.static_box(world.bullet, (edge, edge, height), bottom.shifted(dz=height / 2), bodies.STEEL)


def _loaded(instance: str, part: str, variant: ProductVariant) -> Event:
    data = {"instance": instance, "part": part, "variant": variant.hash, "lot": "start", "station": "tray", "slot": 0}
    return Event("material_loaded", 0.0, data)


def _released(instance: str, place: str) -> Event:
    return Event("part_released", 0.0, {"instance": instance, "place": place})
