"""Which policies are likeliest for a step, and why."""

from __future__ import annotations

import math
from typing import Any

import pytest

from cells.description.cell import load_cell
from cells.products.catalogue import build_variant, families
from policies.index import Row
from policies.matching import Match, Wanted, rank, wanted
from policies.measured import Measured

CELL = load_cell("panda-bench")
PART = {"clearance_mm": 0.5, "peg_mm": 12.0, "peg_shape": "round", "pegs": 2}
ASKED = Wanted("insert", "pegboard", PART, {"clearance_mm": 2.0, "peg_mm": 10.0, "pegs": 3.0},
               "panda", "franka-hand", "impedance", "tilt@2")  # fmt: skip
PROVEN = {"clearance_mm": (0.4, 0.8), "peg_mm": (8.0, 16.0), "peg_shape": ("round",), "pegs": (1.0, 4.0)}


def row(name: str, proven: Any = PROVEN, lower: float | None = 0.9, time_s: float | None = 3.0, **more: Any) -> Row:
    """A row of a policy that was proven on such pegboards."""
    known = None
    if lower is not None:
        known = Measured(task="Insert", conditions="hard", successes=95, episodes=100, lower=lower, time_s=time_s)
    same = {
        "archive": "0" * 64, "size": 1, "key": "", "kind": "residual", "capability": "insert", "skill": "insert",
        "nominal": "tilt@2", "robot": "panda", "tool": "franka-hand", "control_mode": "impedance", "policy_every": 12,
        "trained": {"pegboard": proven}, "proven": {"pegboard": proven}, "measured": known, "licence": "Apache-2.0",
    }  # fmt: skip
    return Row(policy=f"{name}@1.0.0", **{**same, **more})


def names(found: list[Match]) -> list[str]:
    return [match.row.name for match in found]


def test_what_covers_the_part_goes_first_then_what_is_near_then_what_is_surer_then_what_is_faster() -> None:
    near, far = {**PROVEN, "clearance_mm": (0.6, 0.8)}, {**PROVEN, "clearance_mm": (1.5, 2.0)}
    rows = [
        row("far", far, lower=0.99), row("near", near, lower=0.99), row("unsure", lower=0.6, time_s=1.0),
        row("sure", lower=0.95), row("quick", lower=0.95, time_s=2.0), row("unknown", lower=None),
        row("elsewhere", lower=0.99, trained={"gearbox": {}}).model_copy(update={"proven": {"gearbox": {}}}),
    ]  # fmt: skip
    found = rank(ASKED, rows)
    assert names(found) == ["quick", "sure", "unsure", "unknown", "near", "far", "elsewhere"]
    assert [match.covered for match in found] == [True] * 4 + [False] * 3
    assert [round(match.distance, 3) for match in found[4:6]] == [0.05, 0.5]


def test_the_distance_is_the_root_of_the_squares_each_in_parts_of_the_familys_span() -> None:
    proven = {**PROVEN, "clearance_mm": (0.7, 0.8), "peg_mm": (13.0, 16.0), "peg_shape": ("square",)}
    [match] = rank(ASKED, [row("other", proven)])
    assert match.distance == pytest.approx(math.hypot(0.1, 0.1, 1.0))
    assert dict(match.off) == pytest.approx({"clearance_mm": 0.1, "peg_mm": 0.1, "peg_shape": 1.0})
    assert match.why.startswith("peg_shape round is outside square, ")
    assert "clearance_mm 0.5 is outside 0.7 to 0.8" in match.why and "(distance 1.01)" in match.why


def test_a_parameter_that_nothing_is_said_of_is_not_proven() -> None:
    [match] = rank(ASKED, [row("silent", {key: value for key, value in PROVEN.items() if key != "pegs"})])
    assert not match.covered and match.distance == 1.0
    assert "pegs 2 is outside what was proven, which is nothing" in match.why


@pytest.mark.parametrize(
    "more",
    [
        {"capability": "mesh"},
        {"control_mode": "admittance"},
        {"robot": "ur5e"},
        {"tool": "other"},
        {"nominal": "tilt@1"},
    ],
)
def test_what_could_not_be_loaded_is_no_candidate(more: dict[str, str]) -> None:
    assert rank(ASKED, [row("other", **more)]) == []


def test_the_reasons_are_told_in_words() -> None:
    found = rank(ASKED, [row("a"), row("b", lower=None), row("c", {}, lower=None)])
    assert [match.why for match in found] == [
        "proven on pegboard with all 4 parameters; at least 90.0 % succeed (95 of 100, hard), 3.0 s",
        "proven on pegboard with all 4 parameters; never evaluated",
        "clearance_mm 0.5 is outside what was proven, which is nothing, peg_mm 12 is outside what was proven, which is "
        "nothing, peg_shape round is outside what was proven, which is nothing, and 1 more (distance 2.00); "
        "never evaluated",
    ]  # fmt: skip


def test_a_policy_of_another_family_is_last_and_says_so() -> None:
    other = row("geared", proven={}, trained={"gearbox": {}}).model_copy(update={"proven": {"gearbox": {}}})
    [first, last] = rank(ASKED, [other, row("a", {"clearance_mm": (5.0, 6.0)})])
    assert names([first, last]) == ["a", "geared"] and last.distance == math.inf
    assert last.why.startswith("not even trained on pegboard, and proven on none; ")


def test_of_a_policy_that_is_in_two_places_one_counts_and_of_equal_ones_the_newer() -> None:
    newer = [row("a").model_copy(update={"policy": f"a@{version}"}) for version in ("1.10.0", "1.9.0")]
    rows = [row("a"), row("a"), *newer]
    assert [match.row.version for match in rank(ASKED, rows)] == ["1.10.0", "1.9.0", "1.0.0"]


def test_what_a_variants_step_asks_for_in_a_cell() -> None:
    variant = build_variant("pegboard", {"clearance_mm": 0.5})
    asked = wanted("insert", variant, families()["pegboard"], CELL)
    assert (asked.robot, asked.control_mode) == (CELL.robot, CELL.control.default)
    assert asked.parameters["clearance_mm"] == 0.5 and asked.spans["clearance_mm"] > 0
    ranges = {name: (value,) if isinstance(value, str) else (value, value) for name, value in asked.parameters.items()}
    fitting = row("a", ranges, robot=asked.robot, tool=asked.tool, control_mode=asked.control_mode)
    assert rank(asked, [fitting])[0].covered
