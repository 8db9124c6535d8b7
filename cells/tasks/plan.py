"""From an order to a plan: for each unit, what is loaded where and which skill is called when, and why.

Pure: the same order, cell, variants, skills and past give the same plan, and its hash says so.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from cells.description.stations import Tray
from cells.errors import Problem, Unbuildable
from cells.journal.event import Event
from cells.ports import LoadRequest
from cells.skills.contract import Call, Skill

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.orders.order import Order
    from cells.products.model import Part, ProcessStep, ProductVariant

# Seconds of one call where the cell has no past to tell: as the simulated bench took for its first units, rounded.
FIRST_GUESS = {
    "pick": 3.5,
    "place": 4.0,
    "insert": 8.0,
    "mesh": 9.0,
    "fasten": 8.0,
    "inspect": 5.0,
    "turn": 6.0,
    "handover": 4.0,
    "remove": 5.0,
    "store": 5.0,
    "pack": 5.0,
    "probe": 3.5,
    "move": 2.0,
}
_UNKNOWN_SKILL = 5.0
# In the result of a step that a stop interrupted and that was found done: it tells nothing of how long one takes.
FOUND = "found"


@dataclass(frozen=True, slots=True)
class UnitPlan:
    """One unit: its loads and calls in order. ``seconds`` and ``joules`` (mechanical work; ``None`` where the past
    doesn't tell) are predictions, one for each call. ``returns``: which part goes into which slot, of a unit that is
    taken apart or of an errand.
    ``after`` names the steps that each waits for; one that it doesn't name waits for all that stand before it."""

    serial: str
    item_index: int
    variant_hash: str
    loads: tuple[LoadRequest, ...]
    calls: tuple[Call, ...]
    seconds: tuple[float, ...]
    joules: tuple[float | None, ...]
    returns: tuple[LoadRequest, ...] = ()
    after: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that will be done for an order. ``hash`` is the SHA-256 of what will be done (not of predictions)."""

    order_id: str
    cell: str
    units: tuple[UnitPlan, ...]
    hash: str

    @property
    def seconds(self) -> float:
        """Predicted seconds of the whole order."""
        return sum(sum(unit.seconds) for unit in self.units)

    def as_json(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class Past:
    """Mean seconds and joules of a skill, from ``step_done`` events."""

    seconds: Mapping[str, float]
    joules: Mapping[str, float]


def past_of(events: Iterable[Event]) -> Past:
    """Means by skill over these events (passed over are those that aren't ``step_done``, or only found something
    done)."""
    seconds: dict[str, list[float]] = {}
    joules: dict[str, list[float]] = {}
    for event in events:
        if event.kind == "step_done" and FOUND not in event.data.get("result", {}):
            skill = event.data["skill"]
            seconds.setdefault(skill, []).append(event.data["duration_s"])
            if event.data.get("energy_j") is not None:
                joules.setdefault(skill, []).append(event.data["energy_j"])
    return Past(_means(seconds), _means(joules))


def plan_order(
    order: Order,
    cell: Cell,
    variants: Sequence[ProductVariant],
    skills: Mapping[str, Skill] | None = None,
    past: Past | None = None,
) -> Plan:
    """Plan an order. ``variants`` are those of the order's items, in their order; ``skills`` default to the installed
    ones. Raises ``Unbuildable`` where the trays are too small for a unit or no skill has a capability."""
    if skills is None:
        from cells.skills.registry import skills as installed

        skills = installed()
    by_capability = {skill.capability: skill for skill in skills.values()}
    past = past or Past({}, {})
    numbers = count(1)
    units = tuple(
        _plan_unit(f"{order.id}-{next(numbers):02d}", index, cell, variants[index], by_capability, past)
        for index, item in enumerate(order.items)
        for _ in range(item.quantity)
    )
    return plan_of(order.id, cell, units)


def slots_for(part: Part, cell: Cell) -> Iterator[tuple[str, int]]:
    """Where a part may be loaded, best first: in the tightest tray that it fits into, then the next; a part that
    others go into in the roomiest, so that it doesn't stand between theirs."""
    need, base = sorted(part.size[:2]), part.base
    trays = [(name, station) for name, station in cell.stations.items() if isinstance(station, Tray)]
    for name, tray in sorted(trays, key=lambda named: math.prod(named[1].slot_size), reverse=base):
        room = sorted(tray.slot_size)
        if need[0] <= room[0] and need[1] <= room[1]:
            yield from ((name, slot) for slot in range(tray.slots))


def _plan_unit(
    serial: str, index: int, cell: Cell, variant: ProductVariant, skills: Mapping[str, Skill], past: Past
) -> UnitPlan:
    calls = tuple(call for step in variant.process.steps for call in _calls(serial, step, skills))
    driven = {skill.name for skill in skills.values() if skill.drives}
    _drivable(cell, [call for call in calls if call.skill in driven])
    loads, after = slots_of_unit(serial, cell, variant), {step.id: step.after for step in variant.process.steps}
    return UnitPlan(serial, index, variant.hash, loads, calls, *predicted(calls, past), after=after)


def _drivable(cell: Cell, calls: Sequence[Call]) -> None:
    """Raise ``Unbuildable`` where screws are to be driven and the cell can't."""
    from cells.description.cell import list_cells, load_cell

    if not calls:
        return
    if cell.driver is None:
        able = ", ".join(name for name in list_cells() if load_cell(name).driver) or "none of the library"
        what, remedy = f"{calls[0].id} needs a driver", f"choose a cell that has one ({able}), or order without screws"
        raise Unbuildable(Problem(f"{cell.name}:driver", what, remedy))
    most = max(call.params["torque"] for call in calls)
    if most > cell.driver.max_torque_nm:
        what = f"{most:g} Nm are asked for, the driver gives {cell.driver.max_torque_nm:g} Nm"
        raise Unbuildable(Problem(f"{cell.name}:driver.max_torque_nm", what, "choose a cell with a stronger driver"))


def predicted(calls: Sequence[Call], past: Past) -> tuple[tuple[float, ...], tuple[float | None, ...]]:
    """Seconds and joules of each call, as the past tells them."""
    seconds = tuple(past.seconds.get(call.skill, FIRST_GUESS.get(call.skill, _UNKNOWN_SKILL)) for call in calls)
    return seconds, tuple(past.joules.get(call.skill) for call in calls)


def slots_of_unit(serial: str, cell: Cell, variant: ProductVariant) -> tuple[LoadRequest, ...]:
    """A slot of its own for each item of a unit. Raises ``Unbuildable`` where the trays are too small."""
    taken: set[tuple[str, int]] = set()
    loads = []
    for line in variant.bom:
        for item in line.items:
            free = (slot for slot in slots_for(variant.parts[line.part], cell) if slot not in taken)
            slot = next(free, None)
            if slot is None:
                what = f"no free tray slot takes {item} ({line.part}) of unit {serial}"
                remedy = "order a variant with fewer or smaller parts, or add a roomy tray to the cell's file"
                raise Unbuildable(Problem(f"{cell.name}:stations", what, remedy))
            taken.add(slot)
            loads.append(LoadRequest(f"{serial}/{item}", line.part, variant.hash, *slot))
    return tuple(loads)


def _calls(serial: str, step: ProcessStep, skills: Mapping[str, Skill]) -> Iterator[Call]:
    """The calls of a process step: the skill that has the capability, after a pick if it needs the item in hand."""
    skill = skill_for(step.capability, step, skills)
    item, (base, target) = f"{serial}/{step.item}", target_of(serial, step)
    params = dict(step.constraints)
    goal = f"{step.capability} {step.item}" + (f" at {step.target}" if step.target else "")
    if any(condition.what == "holding" for condition in skill.before):
        pick = skill_for("pick", step, skills)
        why = f"{step.item} must be in the hand to {goal}"
        yield Call(f"{step.id}.pick", pick.name, serial, item, None, None, params, why)
    why = f"the process plan asks to {goal}" + (f", after {', '.join(step.after)}" if step.after else "")
    yield Call(step.id, skill.name, serial, item, target, base, params, why)


def target_of(serial: str, step: ProcessStep) -> tuple[str | None, str | None]:
    """(base instance, target): a hole of an item of the unit, or a station without base."""
    if step.target is None or "/" not in step.target:
        return None, step.target
    base, hole = step.target.split("/", 1)
    return f"{serial}/{base}", hole


def skill_for(capability: str, step: ProcessStep, skills: Mapping[str, Skill]) -> Skill:
    """The skill, of those by capability, that a step needs. Raises ``Unbuildable`` if nobody installed it."""
    if capability not in skills:
        what = f"no installed skill has the capability {capability!r}"
        raise Unbuildable(Problem(f"process:{step.id}", what, f"known are {', '.join(sorted(skills))}"))
    return skills[capability]


def _means(values: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {key: sum(list_) / len(list_) for key, list_ in values.items()}


def plan_of(order_id: str, cell: Cell, units: tuple[UnitPlan, ...]) -> Plan:
    """The plan of these units, with its hash."""
    done = [(unit.serial, [*map(asdict, unit.loads)], [*map(asdict, unit.calls)]) for unit in units]
    text = json.dumps([order_id, cell.name, done], sort_keys=True, ensure_ascii=False)
    return Plan(order_id, cell.name, units, hashlib.sha256(text.encode()).hexdigest())
