"""Whether a unit's calls can be done at all: each against the world model as the calls before it leave it, the process
plan's precedences, and what the cell is able to. Pure; nothing is moved, and nothing moves that wasn't checked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from cells.description.stations import Bin, Tray
from cells.language.saying import Saying
from cells.runtime.world_model import GRIPPER, Piece, WorldModel
from cells.skills.contract import Call, Condition, Skill, place_name

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.products.model import Part, ProductVariant
    from cells.tasks.plan import UnitPlan

HOME = "home"


def objections(
    unit: UnitPlan, variant: ProductVariant | None, cell: Cell, skills: Mapping[str, Skill], model: WorldModel
) -> tuple[Saying, ...]:
    """Why these calls can't be done: every objection to the first call that has any; empty if all can be done.

    ``variant`` is that of the unit's parts (``None`` where no part is handled), ``model`` the world before the unit is
    loaded. Skills are given by name."""
    for load in unit.loads:
        if found := tuple(_loadable(load.station, load.slot, load.part, variant, cell, model)):
            return found
        model = _with(model, load.instance, Piece(load.part, load.variant, "", f"{load.station}/{load.slot}"))
    done: set[str] = set()
    for call in unit.calls:
        skill = skills.get(call.skill)
        if skill is None:
            return (Saying("objection.no_skill", {"skill": call.skill}),)
        part = _part(call.item, variant)
        found = (
            *_late(call, variant, done),
            *_unmet(call, skill, model),
            *_beyond(call, skill, part, cell),
            *_taken(call, skill, part, cell, model),
        )
        if found:
            return found
        model = after(call, skill, model)
        done.add(call.id)
    return ()


def after(call: Call, skill: Skill, model: WorldModel) -> WorldModel:
    """The model once a call has reached its goal, by the skill's own postconditions."""
    for condition in skill.after:
        place = {"holding": GRIPPER, "at_target": place_name(call)}.get(condition.what)
        if place is not None and call.item in model.pieces:
            model = _with(model, call.item, replace(model.pieces[call.item], place=place))
    return model


def _with(model: WorldModel, instance: str, piece: Piece) -> WorldModel:
    return WorldModel({**model.pieces, instance: piece}, model.version)


def _part(instance: str, variant: ProductVariant | None) -> Part | None:
    try:
        return variant.part_of(instance.rpartition("/")[2]) if variant is not None else None
    except KeyError:
        return None


def _late(call: Call, variant: ProductVariant | None, done: set[str]) -> Iterator[Saying]:
    """Steps of the process plan that must come before and don't."""
    steps = {step.id: step for step in variant.process.steps} if variant is not None else {}
    step = steps.get(call.id)
    for before in step.after if step is not None else ():
        if before not in done:
            other = steps[before]
            slots = {"skill": call.skill, "item": _item(call), "skill_2": other.capability, "item_2": other.item}
            yield Saying("objection.waits_for", slots)


def _unmet(call: Call, skill: Skill, model: WorldModel) -> Iterator[Saying]:
    """The skill's conditions on the world that don't hold; an item that is nowhere fails all others at once."""
    if call.item and call.item not in model.pieces:
        yield Saying("objection.not_there", {"item": _item(call)})
        return
    for condition in skill.before:
        if not condition.holds(call, model):
            yield _explained(condition, call, model)


def _explained(condition: Condition, call: Call, model: WorldModel) -> Saying:
    held = (model.holding or "").rpartition("/")[2]
    if condition.what == "empty_gripper":
        return Saying("objection.hand_full", {"item": _item(call), "item_2": held})
    if condition.what == "holding":
        return Saying("objection.not_held", {"item": _item(call)})
    if condition.what == "base_at":
        base = (call.base or "").rpartition("/")[2]
        return Saying("objection.base_missing", {"item": _item(call), "item_2": base, "station": condition.place or ""})
    return Saying("objection.not_in_place", {"item": _item(call), "place": model.place_of(call.item) or "?"})


def _beyond(call: Call, skill: Skill, part: Part | None, cell: Cell) -> Iterator[Saying]:
    """What the cell isn't able to: driver, torque, payload, force, reach."""
    torque, force = call.params.get("torque"), call.params.get("force_limit")
    if skill.drives and cell.driver is None:
        yield Saying("objection.no_driver", {"item": _item(call), "cell": cell.name})
    elif skill.drives and cell.driver is not None and torque is not None and torque > cell.driver.max_torque_nm:
        yield Saying("objection.torque", {"asked": torque, "most": cell.driver.max_torque_nm})
    if part is not None and part.mass > cell.robot_spec.payload_kg:
        yield Saying("objection.payload", {"item": _item(call), "mass": part.mass, "most": cell.robot_spec.payload_kg})
    if force is not None and force > cell.limits.force_n:
        yield Saying("objection.force", {"asked": force, "most": cell.limits.force_n})
    station = _station(call)
    if station is None or station == HOME:
        return
    if station not in cell.stations:
        yield Saying("objection.no_station", {"station": station, "cell": cell.name})
    elif math.dist(cell.stations[station].pose.xyz, cell.base_pose.xyz) > cell.robot_spec.reach:
        yield Saying("objection.reach", {"station": station})


def _taken(call: Call, skill: Skill, part: Part | None, cell: Cell, model: WorldModel) -> Iterator[Saying]:
    """Whether something is where the item is to go, and whether that place is made for it."""
    if not any(condition.what == "at_target" for condition in skill.after):
        return
    name = _station(call)
    station = cell.stations.get(name) if name is not None else None
    if isinstance(station, Bin):
        return
    there = [item for item in model.at(place_name(call)) if item != call.item]
    if there:
        yield Saying("objection.taken", {"item": _item(call), "item_2": there[0].rpartition("/")[2]})
    if isinstance(station, Tray) and part is not None:
        slot = str(call.target).partition("/")[2]
        yield from _fits(str(name), slot, part, station)
    if name == "fixture" and part is not None and not part.base:
        yield Saying("objection.not_a_base", {"item": _item(call), "station": name})


def _loadable(
    station: str, slot: int, name: str, variant: ProductVariant | None, cell: Cell, model: WorldModel
) -> Iterator[Saying]:
    tray = cell.stations.get(station)
    if not isinstance(tray, Tray):
        yield Saying("objection.no_station", {"station": station, "cell": cell.name})
        return
    if variant is not None:
        yield from _fits(station, str(slot), variant.parts[name], tray)
    if there := model.at(f"{station}/{slot}"):
        yield Saying("objection.taken", {"item": name, "item_2": there[0].rpartition("/")[2]})


def _fits(station: str, slot: str, part: Part, tray: Tray) -> Iterator[Saying]:
    if not slot.isdigit() or int(slot) >= tray.slots:
        yield Saying("objection.no_slot", {"station": station, "slot": slot, "most": tray.slots})
    elif any(need > room for need, room in zip(sorted(part.size[:2]), sorted(tray.slot_size), strict=True)):
        yield Saying("objection.too_big", {"part": part.name, "station": station})


def _station(call: Call) -> str | None:
    """The station that is the call's target, if it is one."""
    return str(call.target).partition("/")[0] if call.base is None and call.target is not None else None


def _item(call: Call) -> str:
    return call.item.rpartition("/")[2]
