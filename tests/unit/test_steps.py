"""A policy's steps become setpoints with bounded velocity, acceleration and jerk, continuous from one to the next."""

from __future__ import annotations

import numpy as np
import pytest

from cells.control.steps import Steps
from cells.description.cell import load_cell
from cells.errors import CellwrightError
from cells.kinematics.chain import load_chain

CELL = load_cell("panda-bench")
CHAIN = load_chain(CELL)
DT = CELL.tick_s


def driven(scale: float = 1.0, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """40 random steps, each before the last has come to its end; then none, for two seconds."""
    rng, steps = np.random.default_rng(seed), Steps(CHAIN, CELL.home, DT, scale)
    goal, out = CELL.home.copy(), []
    for k in range(40):
        goal = np.clip(goal + rng.uniform(-0.15, 0.15, 7), CHAIN.q_min, CHAIN.q_max)
        steps.aim(goal)
        for _ in range(CELL.clocks.policy_every if k < 39 else round(2 / DT)):
            target, qdd = steps.next()
            out.append((target.q, target.qd, qdd))
    q, qd, qdd = (np.array(part) for part in zip(*out, strict=True))
    np.testing.assert_allclose(q[-1], goal, atol=1e-9)
    np.testing.assert_allclose(qd[-1], 0, atol=1e-9)
    return q, qd, qdd


@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_limits_hold_across_steps(scale: float) -> None:
    q, qd, qdd = driven(scale)
    assert np.all(np.abs(qd) <= scale * CHAIN.qd_max * 1.001)
    assert np.all(np.abs(qdd) <= scale * CHAIN.qdd_max * 1.001)
    assert np.all(np.abs(np.diff(qdd, axis=0)) / DT <= scale * CHAIN.qddd_max * 1.001 + 1e-6)
    # Continuous: each is the other's integral to within what the jerk can hide in a tick.
    jerk = scale * CHAIN.qddd_max
    assert np.all(np.abs(np.diff(q, axis=0) - DT * (qd[:-1] + qd[1:]) / 2) <= jerk * DT**3 / 8 + 1e-9)
    assert np.all(np.abs(np.diff(qd, axis=0) - DT * (qdd[:-1] + qdd[1:]) / 2) <= jerk * DT**2 / 4 + 1e-9)


def test_a_step_beyond_a_limit_ends_at_it_and_one_that_is_no_number_is_refused() -> None:
    steps = Steps(CHAIN, CELL.home, DT)
    steps.aim(CHAIN.q_max + 1.0)
    for _ in range(round(4 / DT)):
        target, _ = steps.next()
    np.testing.assert_allclose(target.q, CHAIN.q_max, atol=1e-9)
    with pytest.raises(CellwrightError, match=r"panda_joint3.*no number"):
        steps.aim(np.where(np.arange(7) == 2, np.nan, 0.0))
