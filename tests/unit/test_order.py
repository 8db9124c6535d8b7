"""Order files and the options that change them."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from cells.errors import CellwrightError, InputError
from cells.orders.order import MAX_UNITS, Order, load_order, of_item, read_order
from cells.products.catalogue import build_variant
from cells.products.family import BuildLimits

PEGBOARD = Path(__file__).parents[2] / "examples" / "pegboard.yaml"


def load(*overrides: str) -> Order:
    return load_order(PEGBOARD, overrides)


def refusals(*overrides: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        load(*overrides)
    return [str(problem) for problem in caught.value.problems]


def test_the_example_orders_two_pegboards_of_three_pegs() -> None:
    order = load()
    assert order.units == 2
    assert order.due == datetime.date(2026, 12, 31)
    (item,) = order.items
    assert (item.product, item.quantity) == ("pegboard", 2)
    assert item.values == {"pegs": 3, "peg_mm": 12, "peg_length_mm": 40, "peg_shape": "round", "clearance_mm": 0.5}


def test_overrides_change_values_and_keep_their_types() -> None:
    order = load("items.0.parameters.pegs=4", "items.0.parameters.clearance_mm=0.25", "id=B-7", "customer=No",
                 "items.0.quantity=1", "preferences.optimise=co2", "items.0.parameters.peg_shape='square'")  # fmt: skip
    assert order.items[0].parameters["pegs"] == 4
    assert isinstance(order.items[0].parameters["pegs"], int)
    assert order.items[0].parameters["clearance_mm"] == 0.25
    assert order.items[0].parameters["peg_shape"] == "square"
    assert (order.id, order.customer, order.units, order.preferences.optimise) == ("B-7", "No", 1, "co2")


def test_a_later_override_wins_and_missing_mappings_are_added() -> None:
    assert load("id=A", "id=B").id == "B"
    order = load("items.0.parameters=", "items.0.parameters.pegs=2", "preferences=", "preferences.optimise=cost")
    assert order.items[0].parameters == {"pegs": 2}
    assert order.preferences.optimise == "cost"


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("items.0.quantity=-1", "is -1; write a value at least 1"),
        ("items.0.quantity=0", "is 0"),
        ("items.0.quantity=100000000000000000000", f"write a value at most {MAX_UNITS}"),
        ("items.0.quantity=1.5", "write a whole number"),
        ("items.0.quantity='2'", "write a whole number"),
        ("items.0.quantity=true", "write a whole number"),
        ("items.0.parameters.pegs=[1, 2]", "is a list"),
        ("items.0.parameters.pegs=.nan", "not a finite number"),
        ("items.0.parameters.pegs=-inf", "not a finite number"),
        ("items.0.parameters.pegs=1e30", "thousand million"),
        ("items.0.parameters.pegs=", "is empty"),
        ("items.0.parameters.pegs=&a 3", "anchor"),
        ("items.0.parameters.pegs=!!int 3", "tag"),
        ("items.0.parameters.pegs={", "not valid YAML"),
        ("items.0.product=../plate", "a letter first"),
        ("items.1.quantity=1", "has no item '1'"),
        ("items.x.quantity=1", "has no item 'x'"),
        ("items.-1.quantity=1", "has no item '-1'"),
        ("items=[]", "holds 0 values"),
        ("items=3", "write a list"),
        ("customer.name=Ada", "nothing inside it can be set"),
        ("custommer=Ada", "did you mean 'customer'?"),
        ("customer=3", "write text"),
        ("due=20261231000", "write a day such as 2026-12-31"),
        ("due=2026-02-30", "write a day such as 2026-12-31"),
        ("preferences.optimise=fun", "'speed', 'co2' or 'cost'"),
        ("schema=cellwright/order/v2", "'cellwright/order/v1'"),
        ("id=../../escape", "letters, digits"),
        ("id=..", "letters, digits"),
        ("id=a/b", "letters, digits"),
        ("id=" + "a" * 65, "letters, digits"),
        ("no-equals-sign", "write key=value"),
        ("=3", "write key=value"),
        ("a..b=3", "write key=value"),
        ("a" * 3000 + "=1", "write key=value"),
        (".".join("a" * 40) + "=1", "write key=value"),
    ],
)
def test_a_wrong_override_is_named_by_itself(override: str, words: str) -> None:
    (message,) = refusals(override)
    assert message.startswith(f"--set {override[:40]}"[:20])
    assert words in message
    assert len(message) < 400
    message.encode()


def test_an_override_that_is_not_utf8_is_shown_escaped() -> None:
    assert refusals("id=\udcff") == ["--set id=\\udcff: is not UTF-8 text; type the value again"]


def test_all_wrong_overrides_are_named_at_once() -> None:
    messages = refusals("items.0.quantity=-1", "due=soon", "id=a b")
    assert len(messages) == 3
    assert {message.split("=")[0] for message in messages} == {"--set items.0.quantity", "--set due", "--set id"}


def test_an_error_of_the_file_stays_at_the_file(tmp_path: Path) -> None:
    path = tmp_path / "order.yaml"
    path.write_text(PEGBOARD.read_text(encoding="utf-8").replace("quantity: 2", "quantity: none"), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        load_order(path, ["id=A"])
    assert [problem.where for problem in caught.value.problems] == [f"{path}:items.0.quantity"]


def test_more_units_than_an_order_may_have_are_refused(tmp_path: Path) -> None:
    item = "{product: pegboard, quantity: 600}"
    head = "schema: cellwright/order/v1\nid: A\ncustomer: Ada\ndue: 2026-12-31\n"
    path = tmp_path / "order.yaml"
    path.write_text(f"{head}items: [{item}, {item}]\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"order\.yaml:items: order 1200 units in all"):
        load_order(path)


def test_hundreds_of_overrides_are_refused() -> None:
    assert refusals(*["id=A"] * 500) == ["--set: is given 500 times; give it at most 200 times"]


@pytest.mark.parametrize(
    ("old", "new", "override", "where"),
    [
        ("peg_mm: 12", "peg_mm: 99", "id=A", "{path}:items.0.parameters.peg_mm"),
        ("peg_mm: 12", "peg_inch: 1", "id=A", "{path}:items.0.parameters.peg_inch"),
        ("product: pegboard", "product: pegbord", "id=A", "{path}:items.0.product"),
        ("peg_mm: 12", "peg_mm: 12", "items.0.parameters.peg_mm=99", "--set items.0.parameters.peg_mm=99"),
    ],
)
def test_what_a_family_refuses_is_placed_where_the_order_says_it(
    old: str, new: str, override: str, where: str, tmp_path: Path
) -> None:
    path = tmp_path / "order.yaml"
    path.write_text(PEGBOARD.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    order, document = read_order(path, [override])
    with pytest.raises(CellwrightError) as caught, of_item(document, 0, order.items[0].product):
        build_variant(order.items[0].product, order.items[0].parameters)
    assert [problem.where for problem in caught.value.problems] == [where.format(path=path)]


def test_a_rule_about_two_parameters_names_both_or_the_one_that_an_option_set(tmp_path: Path) -> None:
    path = tmp_path / "order.yaml"
    path.write_text(PEGBOARD.read_text(encoding="utf-8").replace("pegs: 3", "pegs: 6"), encoding="utf-8")
    for overrides, where in (
        ([], f"{path}:items.0.parameters.pegs+peg_mm"),
        (["items.0.parameters.peg_mm=20"], "--set items.0.parameters.peg_mm=20"),
    ):
        order, document = read_order(path, overrides)
        with pytest.raises(CellwrightError) as caught, of_item(document, 0, "pegboard"):
            build_variant("pegboard", order.items[0].parameters, BuildLimits(slot_x=0.1))
        assert [problem.where for problem in caught.value.problems] == [where]
