"""Kits: where parts go in a carton, what doesn't fit there, and how one is packed."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cells.description.cell import load_cell
from cells.errors import Unbuildable
from cells.orders.order import Item, Order
from cells.products.catalogue import build_variant
from cells.products.family import BuildLimits, VariantUnbuildable
from cells.products.kit import FINGER, HALF_FINGER, layout
from cells.products.model import ProductVariant
from cells.tasks.disassembly import plan_disassembly
from cells.tasks.plan import plan_order

CARTON = (0.112, 0.112, 0.02)
BENCH = BuildLimits(0.08, 0.2, 0.075, CARTON)
PARAMETERS = st.fixed_dictionaries(
    {
        "rows": st.integers(1, 4),
        "columns": st.integers(1, 6),
        "blocks": st.integers(0, 12),
        "rods": st.integers(0, 12),
        "block_mm": st.floats(12, 24),
        "rod_mm": st.floats(12, 24),
        "height_mm": st.floats(32, 50),
    }
)


def packs(kit: ProductVariant) -> list[tuple[float, float, float]]:
    """x, y and width (m) of every part in the carton."""
    steps = (step for step in kit.process.steps if step.capability == "pack")
    return [(step.constraints["x"], step.constraints["y"], kit.part_of(step.item).size[0]) for step in steps]


@settings(max_examples=60, derandomize=True, deadline=None)
@given(PARAMETERS)
def test_parts_are_in_the_carton_with_room_for_fingers_or_the_nearest_kit_that_is_is_offered(
    parameters: dict[str, float],
) -> None:
    try:
        kit = build_variant("kit", parameters, BENCH)
    except VariantUnbuildable as refused:
        for change in refused.nearest:
            build_variant("kit", {**parameters, **change}, BENCH)
        return
    placed = packs(kit)
    assert len(placed) == kit.parameters["blocks"] + kit.parameters["rods"] <= len(layout(kit.parameters).places)
    for x, y, width in placed:
        assert max(abs(x), abs(y)) + width / 2 < CARTON[0] / 2 - 0.001
    for (x, y, width), (other_x, other_y, other) in combinations(placed, 2):
        beside, across = abs(x - other_x), abs(y - other_y)
        # Either open fingers pass each other along the grip, or there is room for one in between.
        if beside < 1e-9:
            assert across - (width + other) / 2 > FINGER + 0.008
        else:
            assert beside - max(width, other) / 2 > HALF_FINGER and beside > (width + other) / 2


@pytest.mark.parametrize(
    ("given", "why", "nearest"),
    [
        ({"columns": 6}, "6 columns of the pattern need .*; the carton has 112 mm", {"columns": 5}),
        ({"rows": 4, "columns": 1}, "4 rows of the pattern need", {"rows": 3, "blocks": 1}),
        ({"blocks": 9}, "a pattern of 6 places is asked to hold 11 parts", {"blocks": 4}),
        ({"blocks": 0, "rods": 0}, "a kit without parts", {"rods": 1}),
        ({"height_mm": 34}, "whose walls are 20 mm high", {"height_mm": 36.5}),
    ],
)
def test_a_pattern_that_does_not_fit_is_refused_with_the_nearest(
    given: dict[str, float], why: str, nearest: dict[str, float]
) -> None:
    with pytest.raises(VariantUnbuildable, match=why) as refused:
        build_variant("kit", given, BENCH)
    assert nearest in refused.value.nearest


def test_a_cell_without_a_carton_packs_nothing() -> None:
    with pytest.raises(Unbuildable, match="the cell has no carton"):
        build_variant("kit", {}, BuildLimits(0.08, 0.2, 0.075, (0.0, 0.0, 0.0)))


def test_a_kit_is_packed_in_any_order_felt_for_and_left_to_a_person() -> None:
    kit = build_variant("kit", {"blocks": 2, "rods": 1}, BENCH)
    order = Order(
        schema="cellwright/order/v1", id="K", customer="c", due="2026-12-31",
        items=(Item(product="kit", quantity=1, parameters={"blocks": 2, "rods": 1}),),
    )  # fmt: skip
    (unit,) = plan_order(order, load_cell("panda-bench"), [kit]).units
    assert [call.skill for call in unit.calls] == [*["pick", "pack"] * 3, *["probe"] * 3, "move"]
    items = ("block_1", "block_2", "rod_1")
    assert all(unit.after[f"pack_{item}"] == () for item in items)
    assert all(set(unit.after[f"probe_{item}"]) == {f"pack_{other}" for other in items} for item in items)
    assert unit.calls[-1].target == "home"


def test_the_arm_does_not_unpack_what_a_person_has_taken_away() -> None:
    kit = build_variant("kit", {}, BENCH)
    with pytest.raises(Unbuildable, match="has no base part"):
        plan_disassembly("K-01", "K", kit, load_cell("panda-bench"))
