"""A reading → the one task that it asks for: an order, a unit to take apart, or single steps; planned and checked.

Deterministic: the same reading, cell, past and world give the same plan, and its hash says so. Nothing is moved here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import product
from typing import TYPE_CHECKING

from cells.errors import InputError, Problem, Unbuildable
from cells.language.reading import Step
from cells.language.saying import Saying
from cells.orders.finished import unit_to_take_apart, variant_as_built
from cells.orders.order import Item, Order
from cells.orders.setup import Setup, setup_for
from cells.products.catalogue import build_variant, families
from cells.runtime.world_model import WorldModel
from cells.tasks.disassembly import plan_disassembly
from cells.tasks.errand import Impossible, counts_said, family_of, parameters_said, plan_errand
from cells.tasks.limits import build_limits
from cells.tasks.plan import Past, Plan, UnitPlan, past_of, plan_of, plan_order
from cells.tasks.validation import objections

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.journal.store import StoredEvent
    from cells.orders.passport.record import UnitRecord
    from cells.products.family import BuildLimits, Family
    from cells.products.model import ProductVariant, Value
    from cells.skills.contract import Call, Skill

SLOW = 0.5  # of the cell's speeds, where an operator asks for slowness
MOST_UNITS = 20  # that a sentence may order: more come by an order file


@dataclass(frozen=True, slots=True)
class Task:
    """What a sentence asks for. One of: an ``order`` to build; a finished unit (``apart``) to take apart; neither: an
    errand. ``words``, ``reasons`` by call id; ``remarks``: what was assumed, filled in and looked at. ``cell`` is the
    cell with the limits that the task runs under."""

    plan: Plan
    cell: Cell
    variants: Mapping[str, ProductVariant]
    words: Mapping[str, str]
    reasons: Mapping[str, Saying]
    remarks: tuple[Saying, ...] = ()
    order: Order | None = None
    apart: UnitRecord | None = None

    @property
    def setup(self) -> Setup | None:
        """What has to stand ready in the cell; None for an errand that takes no part. The parts of any other errand are
        taken from where those of one product lie: it needs what an order of this product needs."""
        if self.apart is None and not any(unit.loads for unit in self.plan.units):
            return None
        return setup_for(
            self.plan.order_id, self.cell, self.variants.values(), self.apart.serial if self.apart is not None else ""
        )


@dataclass(frozen=True, slots=True)
class Scene:
    """What a reading is grounded in: the cell, all events of its journal, installed skills by name, and the world as
    it is before the task begins (a simulated one begins empty)."""

    cell: Cell
    events: Sequence[StoredEvent]
    skills: Mapping[str, Skill]
    model: WorldModel = field(default_factory=WorldModel)

    @property
    def by_capability(self) -> dict[str, Skill]:
        """The skills by what they are able to do."""
        return {skill.capability: skill for skill in self.skills.values()}

    @property
    def past(self) -> Past:
        """What earlier runs tell of times and work."""
        return past_of(self.events)


def ground(steps: Sequence[Step], name: str, operator: str, today: date, scene: Scene) -> Task:
    """The task of these steps, called ``name`` (an order's id), with every call checked.

    Raises ``Impossible`` with the reason where it can't be done as it was said."""
    if any(step.params.get("speed") == "slow" for step in steps):
        scene = replace(scene, cell=_slowed(scene.cell))
    kinds = {step.skill if step.skill in ("assemble", "disassemble") else "errand" for step in steps}
    if len(kinds) > 1:
        raise Impossible("mixed")
    try:
        task = {"assemble": _build, "disassemble": _apart, "errand": _errand}[kinds.pop()](
            steps, name, operator, today, scene
        )
    except (Unbuildable, InputError) as error:
        problem = error.problems[0]
        raise Impossible("unbuildable", why=problem.what, remedy=problem.remedy) from error
    for unit in task.plan.units:
        _check(task, unit, scene)
    return task


def _check(task: Task, unit: UnitPlan, scene: Scene) -> None:
    """Raise ``Impossible`` with the first objection to a unit's calls; what is taken apart stands assembled first."""
    if task.apart is not None:
        return  # planned from the unit's own record; what it needs is checked step by step as it runs
    found = objections(unit, task.variants.get(unit.variant_hash), task.cell, scene.skills, scene.model)
    if found:
        raise Impossible(found[0].code.partition(".")[2], **found[0].slots)


def _slowed(cell: Cell) -> Cell:
    limits = cell.limits
    slow = limits.model_copy(
        update={"tcp_speed_mm_s": SLOW * limits.tcp_speed_mm_s, "speed_scale": SLOW * limits.speed_scale}
    )
    return cell.model_copy(update={"limits": slow})


def _build(steps: Sequence[Step], name: str, operator: str, today: date, scene: Scene) -> Task:
    items, variants = [], []
    for step in steps:
        quantity = int(step.quantity or 1)
        parameters = dict(step.params.get("variant", {}))
        variants.append(build_variant(str(step.object), parameters, build_limits(scene.cell)))
        items.append(Item(product=str(step.object), quantity=quantity, parameters=parameters))
    units = sum(item.quantity for item in items)
    if units > MOST_UNITS:
        remedy = f"order at most {MOST_UNITS} by a sentence, more by an order file"
        raise Unbuildable(Problem("order", f"{units} units are many for a sentence", remedy))
    order = Order(schema="cellwright/order/v1", id=name, customer=operator, due=today.isoformat(), items=tuple(items))  # type: ignore[arg-type]
    plan = plan_order(order, scene.cell, variants, scene.skills, scene.past)
    words = [step.words for step in steps]
    calls = [(call, words[unit.item_index]) for unit in plan.units for call in unit.calls]
    return Task(
        plan, scene.cell, {variant.hash: variant for variant in variants},
        {call.id: said for call, said in calls}, dict(_build_reasons(plan, {v.hash: v for v in variants})),
        tuple(_defaults(steps, variants)), order,
    )  # fmt: skip


def _build_reasons(plan: Plan, variants: Mapping[str, ProductVariant]) -> Iterator[tuple[str, Saying]]:
    for unit in plan.units:
        waits = {step.id: step.after for step in variants[unit.variant_hash].process.steps}
        for call in unit.calls:
            item = call.item.rpartition("/")[2]
            if call.id not in waits:
                yield call.id, Saying("reason.in_hand", {"item": item, "skill": _goal_of(call, unit.calls)})
            elif after := waits[call.id]:
                yield call.id, Saying("reason.process_after", {"after": list(after)})
            else:
                yield call.id, Saying("reason.process")


def _goal_of(call: Call, calls: Sequence[Call]) -> str:
    """The skill that a part is taken into the hand for."""
    behind = calls[list(calls).index(call) + 1 :]
    return next((other.skill for other in behind if other.item == call.item), call.skill)


def _defaults(steps: Sequence[Step], variants: Sequence[ProductVariant]) -> Iterator[Saying]:
    for step, variant in zip(steps, variants, strict=True):
        said = step.params.get("variant", {})
        rest = {name: value for name, value in variant.parameters.items() if name not in said}
        yield Saying("remark.defaults", {"family": variant.family, "values": rest})


def _apart(steps: Sequence[Step], name: str, operator: str, today: date, scene: Scene) -> Task:
    [step, *more] = steps
    if more or step.quantity not in (1, None):
        raise Impossible("one_at_a_time", family=str(step.object))
    record = _last_whole(str(step.object), scene.events)
    variant = variant_as_built(record)
    used = {piece.item: piece.instance for piece in record.pieces}
    plan = plan_disassembly(record.serial, record.order, variant, scene.cell, used, scene.skills, scene.past)
    calls = [call for unit in plan.units for call in unit.calls]
    return Task(
        plan, scene.cell, {variant.hash: variant}, {call.id: step.words for call in calls},
        {call.id: Saying("reason.inverse") for call in calls},
        (Saying("remark.this_unit", {"serial": record.serial, "family": record.family}),), apart=record,
    )  # fmt: skip


def _last_whole(family: str, events: Sequence[StoredEvent]) -> UnitRecord:
    """The last unit of a family that was finished good and is whole. Raises ``Impossible`` if there is none."""
    built = [e.data["serial"] for e in events if e.kind == "unit_started" and e.data["family"] == family]
    for serial in dict.fromkeys(reversed(built)):
        try:
            return unit_to_take_apart(serial, events)
        except InputError:
            continue
    raise Impossible("no_unit", family=family)


def _errand(steps: Sequence[Step], name: str, operator: str, today: date, scene: Scene) -> Task:
    family = family_of(steps, families())
    variant, remarks = None, []
    if family is not None:
        said = parameters_said(steps, family)
        variant = _with_enough(family, said, counts_said(steps, family), build_limits(scene.cell))
        rest = {key: value for key, value in variant.parameters.items() if key not in said}
        remarks.append(Saying("remark.errand", {"family": family.name, "values": rest}))
    errand = plan_errand(f"{name}-01", steps, variant, scene.cell, scene.by_capability, scene.past)
    plan = plan_of(name, scene.cell, (errand.unit,))
    variants = {variant.hash: variant} if variant is not None else {}
    return Task(plan, scene.cell, variants, errand.words, errand.reasons, (*remarks, *errand.remarks))


def _with_enough(
    family: Family, said: Mapping[str, Value], counts: Mapping[str, range], limits: BuildLimits
) -> ProductVariant:
    """The variant with at least so many of each part as are asked for: the first that can be built."""
    options = [dict(zip(counts, values, strict=True)) for values in product(*counts.values())]
    for enough in options[:-1]:
        try:
            return build_variant(family.name, {**said, **enough}, limits)
        except Unbuildable:
            continue
    return build_variant(family.name, {**said, **options[-1]}, limits)
