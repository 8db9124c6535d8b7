"""Episodes as they are drawn: no physics."""

from __future__ import annotations

import pytest

from cells.description.cell import load_cell
from cells.errors import InputError
from cells.tasks.limits import build_limits
from sim.envs.episode import draw, narrowed
from sim.envs.tasks import INSERT

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
    ],
)
def test_conditions_that_mean_nothing_are_refused_with_what_would(changes: dict[str, object], what: str) -> None:
    with pytest.raises(InputError, match=what):
        narrowed(INSERT.named("hard", load_cell("panda-bench")), changes)


def test_a_factor_is_a_number_or_from_where_to_where() -> None:
    hard = INSERT.named("hard", load_cell("panda-bench"))
    found = narrowed(hard, {"friction": 1.2, "noise": [1, 2], "tilt": 0})
    assert (found.friction, found.noise, found.tilt) == ((1.2, 1.2), (1.0, 2.0), 0.0)
