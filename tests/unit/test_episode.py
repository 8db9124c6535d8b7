"""Episodes as they are drawn: no physics."""

from __future__ import annotations

import pytest

from cells.description.cell import load_cell
from cells.errors import InputError
from cells.tasks.limits import build_limits
from sim.envs.episode import draw, narrowed
from sim.envs.grasping import narrowed_kinds
from sim.envs.tasks import INSERT
from sim.envs.tray import KINDS

LIMITS = build_limits(load_cell("panda-bench"))


def test_a_seed_draws_the_same_and_what_can_be_built() -> None:
    conditions = INSERT.named("hard", load_cell("panda-bench"))
    (one, variant), (again, _), (other, _) = (draw(conditions, "training", seed, LIMITS) for seed in (1, 1, 2))
    assert one == again != other
    assert dict(variant.parameters) == one.parameters


def test_conditions_that_nobody_can_build_are_refused_with_what_was_drawn_and_why() -> None:
    conditions = narrowed(INSERT.named("hard", load_cell("panda-bench")), {"peg_mm": (70.0, 90.0)})
    with pytest.raises(InputError, match=r"peg_mm \(70\.0, 90\.0\), .* can't be built, .* the last: pegboard:peg_mm: "):
        draw(conditions, "training", 1, LIMITS)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"friction": "abc"}, "conditions:friction: is 'abc'"),
        ({"friction": [1.2, 0.5]}, "conditions:friction: is a list; write a number, or from where to where"),
        ({"offset": -0.001}, "conditions:offset: is -0.001; write a number that isn't negative"),
        ({"noise": True}, "conditions:noise"),
        ({"family": ""}, "conditions: are of no product"),
        ({"family": ["pegboard"]}, "conditions:family: is a list; write a name"),
        ({"family": "pegbord"}, "no product family called 'pegbord'"),
        (
            {"clearence_mm": 0.4},
            "conditions:clearence_mm: is no parameter of a pegboard, .* did you mean 'clearance_mm'",
        ),
        ({"clearance_mm": [0.6, 0.3]}, r"conditions:clearance_mm: is \(0.6, 0.3\); write one value; or from where to"),
        ({"clearance_mm": []}, "conditions:clearance_mm"),
        ({"pegs": [3, 4.5]}, "conditions:pegs"),
        ({"peg_shape": ["round", 1]}, "conditions:peg_shape"),
    ],
)
def test_conditions_that_mean_nothing_are_refused_with_what_would(changes: dict[str, object], what: str) -> None:
    with pytest.raises(InputError, match=what):
        narrowed(INSERT.named("hard", load_cell("panda-bench")), changes)


def test_a_list_for_a_parameter_is_from_where_to_where_in_the_kind_of_the_parameter() -> None:
    hard = INSERT.named("hard", load_cell("panda-bench"))
    found = narrowed(hard, {"clearance_mm": [0.3, 1], "pegs": (2, 3), "peg_shape": ["round", "square"], "peg_mm": 12})
    drawn = [draw(found, "training", seed, LIMITS)[0].parameters for seed in range(30)]
    clearances = [parameters["clearance_mm"] for parameters in drawn]
    assert 0.3 <= min(clearances) < 0.4 and 0.8 < max(clearances) <= 1.0
    assert {parameters["pegs"] for parameters in drawn} == {2, 3}
    assert {parameters["peg_shape"] for parameters in drawn} == {"round", "square"}
    assert {parameters["peg_mm"] for parameters in drawn} == {12}


def test_a_parameter_is_changed_for_the_kinds_whose_family_has_it_and_refused_where_none_does() -> None:
    changed = {"peg_mm": 10, "clearance_mm": 0.4}
    found = narrowed_kinds(tuple(KINDS), changed)
    assert found["box"].parameters["peg_mm"] == found["cylinder"].parameters["peg_mm"] == 10
    assert "peg_mm" not in found["gear"].parameters
    assert {conditions.parameters["clearance_mm"] for conditions in found.values()} == {0.4}
    for kinds, changes, what in (
        (("gear", "shaft"), {"peg_mm": 10}, "conditions:peg_mm: is no parameter of a gearbox"),
        (tuple(KINDS), {"pegmm": 10}, "conditions:pegmm: is no parameter"),
        (tuple(KINDS), {"family": "gearbox"}, "conditions:family: follows from the kind of part"),
    ):
        with pytest.raises(InputError, match=what):
            narrowed_kinds(kinds, changes)


def test_a_factor_is_a_number_or_from_where_to_where() -> None:
    hard = INSERT.named("hard", load_cell("panda-bench"))
    found = narrowed(hard, {"friction": 1.2, "noise": [1, 2], "tilt": 0})
    assert (found.friction, found.noise, found.tilt) == ((1.2, 1.2), (1.0, 2.0), 0.0)
