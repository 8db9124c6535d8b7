"""The validator against a second, plain account of what may follow what, over random sequences of calls."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from cells.description.cell import Cell, load_cell
from cells.orders.order import Item, Order
from cells.products.catalogue import build_variant
from cells.products.model import ProductVariant
from cells.runtime.world_model import WorldModel
from cells.skills.contract import Call
from cells.skills.registry import skills
from cells.tasks.plan import UnitPlan, plan_order
from cells.tasks.validation import objections

SEQUENCES = 500
TAKES = ("pick",)
PUTS = ("place", "insert", "mesh", "handover", "store", "discard", "pack")
ON_THE_UNIT = ("insert", "mesh", "inspect", "turn", "fasten")


def planned(family: str, cell: Cell) -> tuple[ProductVariant, UnitPlan]:
    variant = build_variant(family, {})
    item = Item(product=family, quantity=1, parameters={})
    order = Order(schema="cellwright/order/v1", id="V", customer="c", due="2026-12-31", items=(item,))  # type: ignore[arg-type]
    return variant, plan_order(order, cell, [variant]).units[0]


def garbled(calls: Sequence[Call], dice: random.Random) -> list[Call]:
    """The calls with one to three things wrong with them, or nothing."""
    out = list(calls[: dice.randint(3, len(calls))])
    for _ in range(dice.choice((0, 1, 1, 2, 3))):
        i, j = dice.randrange(len(out)), dice.randrange(len(out))
        change = dice.choice(("swap", "drop", "double", "other item", "other hole"))
        if change == "swap":
            out[i], out[j] = out[j], out[i]
        elif change == "drop" and len(out) > 2:
            del out[i]
        elif change == "double":
            out.insert(j, replace(out[i], id=f"{out[i].id}+"))
        elif change == "other item":
            out[i] = replace(out[i], item=out[j].item)
        elif change == "other hole" and out[j].base is not None:
            out[i] = replace(out[i], target=out[j].target, base=out[j].base)
    return out


def allowed(calls: Sequence[Call], variant: ProductVariant) -> bool:
    """Whether a careful person would let these calls run: one hand, one part in a hole, the process plan's order."""
    steps = {step.id: step for step in variant.process.steps}
    base = next(name for line in variant.bom if variant.parts[line.part].base for name in line.items)
    where = {item: "tray" for line in variant.bom for item in line.items}
    hand: str | None = None
    done: set[str] = set()
    for call in calls:
        item, target = call.item.rpartition("/")[2], f"{call.base}/{call.target}" if call.base else str(call.target)
        if call.id in steps and not set(steps[call.id].after) <= done:
            return False
        if call.skill in ON_THE_UNIT and (call.base is None or not stands(call.base.rpartition("/")[2], where, base)):
            return False
        if call.skill in PUTS:
            if hand != item or any(place == target for other, place in where.items() if other != item):
                return False
            if target == "fixture" and item != base:
                return False
            where[item], hand = target, None
        elif hand is not None:
            return False
        elif call.skill in TAKES:
            where[item], hand = "hand", item
        elif call.skill == "inspect" and where[item] != target:
            return False
        done.add(call.id)
    return True


def stands(item: str, where: dict[str, str], base: str) -> bool:
    """Whether an item is the base in the fixture, or in something that is."""
    for _ in where:
        if "/" not in where[item]:
            break
        item = where[item].split("/")[1]
    return item == base and where[item] == "fixture"


@pytest.mark.parametrize("family", ["pegboard", "gearbox"])
def test_what_is_let_through_breaks_no_precedence_and_what_is_held_back_would(family: str) -> None:
    cell = load_cell("panda-bench")
    variant, unit = planned(family, cell)
    dice, passed = random.Random(f"{family} 6"), 0
    for number in range(SEQUENCES // 2):
        calls = garbled(unit.calls, dice)
        found = objections(replace(unit, calls=tuple(calls)), variant, cell, skills(), WorldModel())
        assert (not found) == allowed(calls, variant), (number, [call.id for call in calls], found)
        passed += not found
    assert 25 < passed < SEQUENCES // 2 - 25, "both kinds must be among them"


def test_limits_of_the_cell_are_named_with_their_numbers() -> None:
    cell = load_cell("panda-screws")
    variant = build_variant("gearbox", {"screws": 4})
    item = Item(product="gearbox", quantity=1, parameters={"screws": 4})
    order = Order(schema="cellwright/order/v1", id="V", customer="c", due="2026-12-31", items=(item,))  # type: ignore[arg-type]
    unit = plan_order(order, cell, [variant]).units[0]
    assert objections(unit, variant, cell, skills(), WorldModel()) == ()

    def first(change: dict[str, float]) -> tuple[str, dict[str, object]]:
        calls = tuple(
            replace(call, params={**call.params, **change}) if call.skill in ("fasten", "insert") else call
            for call in unit.calls
        )
        [found, *_] = objections(replace(unit, calls=calls), variant, cell, skills(), WorldModel())
        return found.code, dict(found.slots)

    assert cell.driver is not None
    assert first({"torque": 99.0}) == ("objection.torque", {"asked": 99.0, "most": cell.driver.max_torque_nm})
    assert first({"force_limit": 99.0}) == ("objection.force", {"asked": 99.0, "most": cell.limits.force_n})
    bare = load_cell("panda-bench")
    code = objections(unit, variant, bare, skills(), WorldModel())[0].code
    assert code in ("objection.no_driver", "objection.no_station", "objection.no_slot")


def test_a_slot_that_is_taken_or_too_small_or_isnt_there_is_named() -> None:
    cell = load_cell("panda-bench")
    variant, unit = planned("pegboard", cell)
    plate = next(load for load in unit.loads if load.part == "plate")
    for change, code in (
        ({"station": "tray_b", "slot": 0}, "objection.too_big"),
        ({"station": "tray_b", "slot": 99}, "objection.no_slot"),
        ({"station": "tray_x", "slot": 0}, "objection.no_station"),
    ):
        wrong = replace(unit, loads=(replace(plate, **change),))  # type: ignore[arg-type]
        assert [each.code for each in objections(wrong, variant, cell, skills(), WorldModel())] == [code]
