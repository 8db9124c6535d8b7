"""How a unit comes apart: the inverse of its process plan, the slots of its parts, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cells.description.cell import load_cell
from cells.errors import Unbuildable
from cells.products.catalogue import build_variant
from cells.products.inverse import destructive, inverse_plan
from cells.products.model import ProcessPlan, ProcessStep, ProductVariant
from cells.skills.registry import skills
from cells.tasks.disassembly import plan_disassembly
from cells.tasks.plan import slots_of_unit

CELL = load_cell("panda-bench")
PEGBOARD = build_variant("pegboard", {"pegs": 3})
GEARBOX = build_variant("gearbox", {"pins": 2})


@st.composite
def processes(draw: st.DrawFn) -> ProcessPlan:
    """Any directed acyclic graph of steps, some with nothing to undo, in a valid order."""
    steps: list[ProcessStep] = []
    for number in range(draw(st.integers(0, 9))):
        after = draw(st.lists(st.sampled_from([step.id for step in steps]), unique=True)) if steps else []
        inverse = draw(st.sampled_from(("remove", "pick", "none")))
        steps.append(ProcessStep(f"s{number}", "insert", f"i{number}", "base/h", {"x": 1.0}, tuple(after), inverse))
    return ProcessPlan(tuple(steps))


def before(process: ProcessPlan) -> set[tuple[str, str]]:
    """Pairs (earlier, later) of steps that the edges put in order, directly or through others."""
    told: dict[str, set[str]] = {}
    for step in process.steps:
        told[step.id] = {early for one in step.after for early in {one, *told[one]}}
    return {(early, late) for late, all_before in told.items() for early in all_before}


@given(processes())
def test_every_step_is_undone_once_and_every_order_is_turned_round(process: ProcessPlan) -> None:
    undone = inverse_plan(process)
    changing = [step for step in process.steps if step.inverse != "none"]
    assert [step.id for step in undone.steps] == [f"undo_{step.id}" for step in reversed(changing)]
    assert [step.capability for step in undone.steps] == [step.inverse for step in reversed(changing)]
    ids = [step.id for step in undone.steps]
    assert all(ids.index(early) < ids.index(step.id) for step in undone.steps for early in step.after)
    names = {step.id for step in changing}
    turned = {(f"undo_{late}", f"undo_{early}") for early, late in before(process) if {early, late} <= names}
    assert before(undone) == turned


@given(processes())
def test_undoing_what_undoes_is_the_plan_itself(process: ProcessPlan) -> None:
    twice = inverse_plan(inverse_plan(process))
    changing = [step for step in process.steps if step.inverse != "none"]
    assert [(step.item, step.capability, step.inverse, step.target, step.constraints) for step in twice.steps] == [
        (step.item, step.capability, step.inverse, step.target, step.constraints) for step in changing
    ]


@pytest.mark.parametrize("variant", [PEGBOARD, GEARBOX], ids=lambda variant: variant.family)
def test_each_part_goes_into_a_slot_of_its_own_as_it_was_loaded(variant: ProductVariant) -> None:
    (unit,) = plan_disassembly("U-01", "U", variant, CELL).units
    assert unit.returns == slots_of_unit("U-01", CELL, variant)
    stored = {call.item: call.target for call in unit.calls if call.skill == "store"}
    assert stored == {slot.instance: f"{slot.station}/{slot.slot}" for slot in unit.returns}
    assert len(set(stored.values())) == len(stored) == sum(line.quantity for line in variant.bom)


@pytest.mark.parametrize("variant", [PEGBOARD, GEARBOX], ids=lambda variant: variant.family)
def test_every_call_finds_the_hand_as_it_needs_it_and_the_base_comes_last(variant: ProductVariant) -> None:
    (unit,) = plan_disassembly("U-01", "U", variant, CELL).units
    known, held = skills(), None
    for call in unit.calls:
        needs = {condition.what for condition in known[call.skill].before}
        assert ("holding" in needs) == (held == call.item), call.id
        assert not ("empty_gripper" in needs and held), call.id
        held = call.item if call.skill in ("remove", "pick") else None
        assert call.reason
    assert [call.skill for call in unit.calls[-2:]] == ["pick", "store"]
    assert variant.part_of(unit.calls[-1].item.split("/")[1]).base


def test_a_part_that_was_replaced_is_the_one_that_is_taken_out() -> None:
    (unit,) = plan_disassembly("U-01", "U", PEGBOARD, CELL, {"peg_2": "peg_2~2"}).units
    items = {call.item for call in unit.calls}
    assert "U-01/peg_2~2" in items and "U-01/peg_2" not in items
    assert items == {slot.instance for slot in unit.returns}


def test_a_unit_with_a_destructive_step_is_refused_with_the_reason() -> None:
    first, glued, *rest = PEGBOARD.process.steps
    process = ProcessPlan((first, replace(glued, inverse="destructive"), *rest))
    assert [step.id for step in destructive(process)] == ["insert_peg_1"]
    with pytest.raises(Unbuildable, match="insert_peg_1: peg_1 can't be taken off again without destroying it"):
        plan_disassembly("U-01", "U", replace(PEGBOARD, process=process), CELL)


def test_an_inverse_that_no_skill_has_is_refused() -> None:
    known = {name: skill for name, skill in skills().items() if name != "remove"}
    with pytest.raises(Unbuildable, match="no installed skill has the capability 'remove'"):
        plan_disassembly("U-01", "U", PEGBOARD, CELL, skills=known)
