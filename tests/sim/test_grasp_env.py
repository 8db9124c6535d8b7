"""Grasp-v1 and Reach-v1: as Gymnasium wants them, the same for a seed, and honest about what was taken."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import sim.envs  # noqa: F401  (registers the environments)
from cells.description.cell import load_cell
from cells.errors import InputError
from cells.skills.contracts import CONTRACTS
from cells.skills.grasp import PHASES
from cells.skills.pick import NOMINAL, PARAMETERS, Seizing
from cells.skills.tunable import constants, tuned
from cells.tasks.limits import build_limits
from sim.envs import grasping
from sim.envs.episode import draw
from sim.envs.grasping import Grasping, faults_of, off_grip
from sim.envs.reaching import Reaching
from sim.envs.scene import unit_of
from sim.envs.tray import AWAY, KINDS, Tray, kind_of, takable

CELL = load_cell("panda-bench")


def run(env: Grasping, seed: int) -> tuple[str, dict[str, object]]:
    """A hash of all that was seen in an episode of the nominal, and its last info."""
    digest, over = hashlib.sha256(), False
    seen, info = env.reset(seed=seed)
    while not over:
        digest.update(seen.tobytes())
        seen, _, over, _, info = env.step(env.neutral)
    return digest.hexdigest(), info


@pytest.mark.parametrize("name", ["Grasp", "Reach"])
def test_gymnasium_finds_nothing_wrong(name: str) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*symmetric and normalized.*")
        env = gymnasium.make(f"cellwright/{name}-v1", disable_env_checker=True)
        check_env(env.unwrapped, skip_render_check=True)
        env.close()


def test_a_grasp_succeeds_and_repeats_bit_by_bit() -> None:
    env = Grasping(purpose="tuning")
    (first, info), (again, _), (other, _) = (run(env, seed) for seed in (5, 5, 7))
    assert info["outcome"]["success"], info["outcome"]
    assert info["drawn"]["kind"] == "cylinder"
    assert (info["nominal"], info["time_s"]) == ("pick@1", pytest.approx(info["outcome"]["time_s"], abs=1e-4))
    assert first == again
    assert first != other
    # What lies in the hand as it should is told apart from what doesn't.
    scene = env._scene
    assert isinstance(scene, Tray)
    assert faults_of(scene, off_grip(scene)) == []
    assert faults_of(scene, (0.0, 0.0012, 0.0))
    env.close()


def test_where_it_begins_tells_nothing_of_where_the_part_is(monkeypatch: pytest.MonkeyPatch) -> None:
    env = Grasping("shaft", "tuning")
    seen, _ = env.reset(seed=3)

    def moved(*given: Any) -> Any:
        episode, variant = draw(*given)
        return replace(episode, offset=(-episode.offset[0], 0.006), yaw=-episode.yaw), variant

    monkeypatch.setattr(grasping, "draw", moved)
    again, _ = env.reset(seed=3)
    at = len(PHASES) + 1
    assert np.hypot(*seen[at : at + 2]) == pytest.approx(AWAY, abs=1e-3)
    assert again == pytest.approx(seen, abs=1e-3)  # but for how near the arm comes to where it should begin
    env.close()


def test_a_picture_shows_the_part_in_its_tray_and_the_hand_come() -> None:
    env = Grasping("shaft", "tuning", render_mode="rgb_array")
    env.reset(seed=1)
    before = env.render()
    for _ in range(20):
        env.step(env.neutral)
    after = env.render()
    env.close()
    assert before.shape == (240, 320, 3) and before.dtype == np.uint8
    assert 0.02 < (before != after).any(axis=2).mean() < 0.8


def test_unknown_conditions_are_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="conditions: the task Grasp has none called 'vareid'; did you mean 'varied'"):
        Grasping("vareid")


def test_a_wide_plate_that_jams_is_straightened() -> None:
    env = Grasping(purpose="tuning")
    _, info = run(env, 0)
    assert info["drawn"]["item"] == "E-01/plate"
    assert info["outcome"]["success"], info["outcome"]
    env.close()


def test_what_is_too_wide_is_never_drawn() -> None:
    kind = KINDS["box"]
    for seed in range(10):
        _, variant = draw(kind.conditions, "tuning", seed, build_limits(CELL))
        unit = unit_of(CELL, variant)
        assert {load.part for load in takable(kind, variant, unit, opening=0.08)} == {"peg", "plate"}
        assert {load.part for load in takable(kind, variant, unit, opening=0.045)} == {"peg"}


def test_every_kind_is_drawn() -> None:
    assert {kind_of("tuning", seed) for seed in range(40)} == set(KINDS)


def test_a_policy_of_parameters_is_within_its_contract() -> None:
    [contract] = [contract for contract in CONTRACTS if contract.skill == "pick"]
    assert contract.kind == "parameters"
    assert tuned(NOMINAL, constants(NOMINAL, PARAMETERS), PARAMETERS) == Seizing()
    wild = tuned(NOMINAL, np.full(PARAMETERS.size, 1e9), PARAMETERS)
    assert np.array_equal(constants(wild, PARAMETERS), PARAMETERS.high)


def test_steps_lead_to_the_goal() -> None:
    env, over = Reaching(purpose="tuning"), False
    env.reset(seed=2)
    scene = env._scene
    assert scene is not None
    goal, _ = scene.chain.solve(CELL.base_pose.inverse().matrix() @ scene.goal.matrix(), CELL.home)
    while not over:
        _, _, over, _, info = env.step(goal - env._run.reading.arm.q_cmd)
    assert info["outcome"]["success"], info["outcome"]
    env.close()
