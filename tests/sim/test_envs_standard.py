"""The environments of the simulated cell as others use them: what Gymnasium checks, and in processes side by side."""

from __future__ import annotations

import warnings
from contextlib import closing
from functools import partial

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from cells.skills.contact import NEUTRAL

STEPS = 13


@pytest.mark.parametrize("name", ["Insert", "Mesh", "Cover"])
def test_gymnasium_finds_nothing_to_complain_about(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Bounds aren't symmetric, since they are physical; gymnasium would rather have -1 to 1.
        warnings.filterwarnings("ignore", message=".*symmetric and normalized.*")
        check_env(gymnasium.make(f"sim.envs:cellwright/{name}-v1").unwrapped, skip_render_check=True)


def test_learners_of_others_play_it_in_processes_side_by_side() -> None:
    vectors = pytest.importorskip("stable_baselines3.common.vec_env")
    make = partial(gymnasium.make, "sim.envs:cellwright/Insert-v1", purpose="evaluation")
    with closing(vectors.SubprocVecEnv([make, make], start_method="spawn")) as envs:
        envs.seed(1)  # the first plays the episode of this seed, the second that of the next
        seen = [envs.reset(), *(envs.step(np.array([NEUTRAL, NEUTRAL]))[0] for _ in range(STEPS))]
    for number, seed in enumerate((1, 2)):
        with closing(make()) as env:
            alone = [env.reset(seed=seed)[0], *(env.step(NEUTRAL)[0] for _ in range(STEPS))]
        assert np.array_equal([both[number] for both in seen], alone)
