"""Scenes that begin assembled: a finished unit in the fixture, as it should be or spoilt on purpose.

For evaluating inspection and disassembly. The parts stand there before anything moves; nothing is put in later.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from cells.journal.event import Event
from cells.pose import Pose
from cells.products.model import Part, ProductVariant
from cells.products.standing import puts, standing
from cells.runtime.world_model import WorldModel, fold
from cells.skills.contract import Call
from cells.skills.registry import skills
from sim import bodies
from sim.world import SimWorld

ABOVE = 2e-5  # m between a part and what it stands on at the start


@dataclass(frozen=True, slots=True)
class Defect:
    """One spoilt item, and what ``kind`` of defect it is. It is ``missing``; or it stands ``high`` by so much (m), on a
    ``chip`` of swarf or on whatever is there, ``aside`` by so much (x and y, m) and turned by ``turn`` (rad) from where
    it should; or another ``part`` stands in its place."""

    item: str
    kind: str
    missing: bool = False
    high: float = 0.0
    chip: bool = False
    aside: tuple[float, float] = (0.0, 0.0)
    turn: float = 0.0
    part: Part | None = None


def inspection_of(item: str, calls: Sequence[Call]) -> tuple[set[str], tuple[Call, ...]]:
    """When an item is inspected: the items that are in the unit by then, and the inspections that are made before any
    other is put in."""
    judges = [skills()[call.skill].judges for call in calls]
    first = next(i for i, call in enumerate(calls) if judges[i] and call.item.endswith(f"/{item}"))
    while judges[first - 1]:
        first -= 1
    last = next((i for i in range(first, len(calls)) if not judges[i]), len(calls))
    return {call.item.split("/")[1] for call in calls[:first]}, tuple(calls[first:last])


def assembled(
    world: SimWorld,
    serial: str,
    variant: ProductVariant,
    defect: Defect | None = None,
    items: Collection[str] | None = None,
) -> WorldModel:
    """Let a unit, or those ``items`` of it, stand assembled in the fixture, with at most one defect, and return what
    the cell believes: that they are all there, as they should be."""
    seat = world.cell.station("fixture").pose
    places = {step.item: f"{serial}/{step.target}" for step in puts(variant)}
    believed = []
    for item, at in standing(variant).items():
        if items is not None and item not in items:
            continue
        instance, part, pose = f"{serial}/{item}", variant.part_of(item), (seat @ at).shifted(dz=ABOVE)
        believed += [_loaded(instance, part.name, variant), _released(instance, places.get(item, "fixture"))]
        if part.base:
            world.stock.fit_nest(part)
        if defect is not None and defect.item == item:
            if defect.missing:
                continue
            if defect.chip:
                _chip(world, seat @ at, part, defect.high)
            high = defect.high + (ABOVE if defect.chip else 0.0)
            pose, part = pose.shifted(dz=high) @ Pose.at(*defect.aside, 0.0, defect.turn), defect.part or part
        world.stock.stand(instance, part, pose)
    for _ in range(60):
        world.clock.advance()
    return fold(believed)


def _chip(world: SimWorld, bottom: Pose, part: Part, height: float) -> None:
    """A bit of swarf below the middle of a part."""
    edge = part.grip.width / 2
    bodies.static_box(world.bullet, (edge, edge, height), bottom.shifted(dz=height / 2), bodies.STEEL)


def _loaded(instance: str, part: str, variant: ProductVariant) -> Event:
    data = {"instance": instance, "part": part, "variant": variant.hash, "lot": "start", "station": "tray", "slot": 0}
    return Event("material_loaded", 0.0, data)


def _released(instance: str, place: str) -> Event:
    return Event("part_released", 0.0, {"instance": instance, "place": place})
