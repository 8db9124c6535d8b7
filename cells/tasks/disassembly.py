"""From a finished unit to a plan that takes it apart: its inverse process plan, and for each part a slot to go back to.

Pure, as the plan of an order is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from cells.errors import Problem, Unbuildable
from cells.products.inverse import destructive, inverse_plan
from cells.skills.contract import Call, Skill
from cells.tasks.plan import Past, Plan, UnitPlan, plan_of, predicted, skill_for, slots_of_unit, target_of

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.ports import LoadRequest
    from cells.products.model import ProcessStep, ProductVariant


def plan_disassembly(
    serial: str,
    order_id: str,
    variant: ProductVariant,
    cell: Cell,
    instances: Mapping[str, str] | None = None,
    skills: Mapping[str, Skill] | None = None,
    past: Past | None = None,
) -> Plan:
    """Plan how a unit comes apart. ``instances`` names the piece used for an item (``peg_2``: ``peg_2~2``) where it
    isn't the first; ``skills`` default to the installed ones. Slots are chosen as for loading.

    Raises ``Unbuildable`` for a step that can't be undone, a unit without a base part, a capability without a skill, or
    trays that are too small.
    """
    if skills is None:
        from cells.skills.registry import skills as installed

        skills = installed()
    problems = [
        Problem(
            f"process:{step.id}", f"{step.item} can't be taken off again without destroying it", "keep the unit whole"
        )
        for step in destructive(variant.process)
    ]
    if problems:
        raise Unbuildable(*problems)
    if not any(part.base for part in variant.parts.values()):
        what = f"a {variant.family} has no base part that the fixture holds, and no arm takes it apart"
        raise Unbuildable(Problem(f"{variant.family}:parts", what, "take its parts out by hand"))
    used = {item: item for line in variant.bom for item in line.items} | dict(instances or {})
    slots = {slot.instance.rpartition("/")[2]: slot for slot in slots_of_unit(serial, cell, variant)}
    returns = {item: replace(slot, instance=f"{serial}/{used[item]}") for item, slot in slots.items()}
    by_capability = {skill.capability: skill for skill in skills.values()}
    calls = tuple(
        call
        for step in inverse_plan(variant.process).steps
        for call in _calls(serial, step, used, returns[step.item], by_capability)
    )
    unit = UnitPlan(
        serial, 0, variant.hash, (), calls, *predicted(calls, past or Past({}, {})), tuple(returns.values())
    )
    return plan_of(order_id, cell, (unit,))


def _calls(
    serial: str, step: ProcessStep, used: Mapping[str, str], slot: LoadRequest, skills: Mapping[str, Skill]
) -> Iterator[Call]:
    """The calls of a step of an inverse plan: what brings its item into the hand, and the way into its slot."""
    taking, storing = skill_for(step.capability, step, skills), skill_for("store", step, skills)
    base, target = target_of(serial, step)
    if base is not None:
        base = f"{serial}/{used[base.rpartition('/')[2]]}"
    why = f"the inverse plan asks to {step.capability} {step.item} from {step.target}"
    why += f", after {', '.join(step.after)}" if step.after else ""
    yield Call(step.id, taking.name, serial, slot.instance, target, base, dict(step.constraints), why)
    why = f"{step.item} goes back into a free slot that fits it"
    place = f"{slot.station}/{slot.slot}"
    yield Call(f"{step.id}.store", storing.name, serial, slot.instance, place, None, {}, why)
