"""Plans: who is loaded where, which skill is called when, and why."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from cells.description.cell import Cell, load_cell
from cells.errors import Unbuildable
from cells.journal.event import Event
from cells.orders.order import Item, Order
from cells.products.catalogue import build_variant
from cells.skills.registry import skills
from cells.tasks.plan import Plan, past_of, plan_order


@pytest.fixture(scope="module")
def cell() -> Cell:
    return load_cell("panda-bench")


def planned(cell: Cell, pegs: int = 3, quantity: int = 2, **more: object) -> Plan:
    parameters = {"pegs": pegs, **more}
    order = Order(
        schema="cellwright/order/v1", id="A", customer="c", due="2026-12-31",
        items=(Item(product="pegboard", quantity=quantity, parameters=parameters),),
    )  # fmt: skip
    return plan_order(order, cell, [build_variant("pegboard", parameters)])


def test_each_unit_gets_all_its_parts_in_slots_of_their_own(cell: Cell) -> None:
    plan = planned(cell, pegs=6)
    for unit in plan.units:
        assert Counter(load.part for load in unit.loads) == {"plate": 1, "peg": 6}
        assert len({(load.station, load.slot) for load in unit.loads}) == 7
        assert all(load.slot < cell.station(load.station).slots for load in unit.loads)
        assert [load.station for load in unit.loads if load.part == "plate"] == ["tray_a"]


def test_serials_number_the_units_of_the_order(cell: Cell) -> None:
    assert [unit.serial for unit in planned(cell).units] == ["A-01", "A-02"]


def test_every_call_finds_its_conditions_met_by_the_calls_before_it(cell: Cell) -> None:
    known, held, done = skills(), None, {}
    for call in planned(cell, quantity=1).units[0].calls:
        needs = {condition.what for condition in known[call.skill].before}
        assert ("holding" in needs) == (held == call.item), call.id
        assert not ("empty_gripper" in needs and held), call.id
        held = call.item if call.skill == "pick" else None
        done[call.id] = call
    assert [name for name in done if not name.endswith(".pick")] == [
        "place_plate",
        *(f"insert_peg_{i}" for i in (1, 2, 3)),
        *(f"inspect_peg_{i}" for i in (1, 2, 3)),
        "handover_plate",
    ]
    assert done["insert_peg_2"].base == "A-01/plate" and done["insert_peg_2"].target == "hole_2"
    assert all(call.reason for call in done.values())


def test_a_plan_is_json_and_its_hash_tells_what_will_be_done_apart(cell: Cell) -> None:
    plan = planned(cell)
    assert json.loads(json.dumps(plan.as_json()))["hash"] == plan.hash == planned(cell).hash
    assert plan.hash != planned(cell, clearance_mm=0.7).hash


def test_a_unit_that_the_trays_cannot_hold_is_refused_with_the_reason(cell: Cell) -> None:
    stations = dict(cell.stations)
    for name in ("tray_b", "tray_c", "tray_d"):
        stations[name] = stations[name].model_copy(update={"rows": 1, "columns": 1})
    with pytest.raises(Unbuildable, match=r"peg_5 \(peg\) of unit A-01"):
        planned(cell.model_copy(update={"stations": stations}), pegs=6, peg_mm=8)


def test_seconds_are_predicted_from_the_past_where_there_is_one(cell: Cell) -> None:
    done = [
        Event("step_done", 1.0, {"skill": "pick", "duration_s": seconds, "energy_j": 10.0}) for seconds in (2.0, 4.0)
    ]
    # What a stop interrupted and was found done tells nothing of how long it takes.
    found = {"skill": "pick", "duration_s": 0.0, "energy_j": 0.0, "result": {"found": "A-01/peg_1 in gripper"}}
    done.append(Event("step_done", 2.0, found))
    order = Order(
        schema="cellwright/order/v1", id="A", customer="c", due="2026-12-31",
        items=(Item(product="pegboard", quantity=1, parameters={"pegs": 1}),),
    )  # fmt: skip
    plan = plan_order(order, cell, [build_variant("pegboard", {"pegs": 1})], past=past_of(done))
    unit = plan.units[0]
    told = set(zip((call.skill for call in unit.calls), unit.seconds, unit.joules, strict=True))
    assert ("pick", 3.0, 10.0) in told
    assert all(joules is None for skill, _, joules in told if skill != "pick")
