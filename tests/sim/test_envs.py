"""The environments of the simulated cell: honest, deterministic, and blind to what a cell can't know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from cells.errors import InputError
from cells.pose import Array
from cells.skills.contact import NEUTRAL, OBSERVATION
from policies.collecting import collect
from policies.environments import open_environment
from policies.episodes import Asked, read_rows, run
from policies.evaluation import evaluate
from sim.envs import joining
from sim.envs.episode import PURPOSES, draw

AIR = 13  # policy ticks in which nothing is touched yet
HARD = np.array([2.0, 1.5, 0.0, 0.0, 0.0, 0.0])


@pytest.fixture
def insert() -> Iterator[Any]:
    """A function that opens Insert-v1; it is closed after the test."""
    opened = []

    def make(**settings: Any) -> gymnasium.Env[Array, Array]:
        opened.append(open_environment("insert", **{"purpose": "evaluation", **settings}))
        return opened[-1]

    yield make
    for env in opened:
        env.close()


def first(env: gymnasium.Env[Array, Array], seed: int, steps: int = 0) -> list[Array]:
    """The first observations of an episode, with the nominal at work."""
    return [env.reset(seed=seed)[0], *(env.step(NEUTRAL)[0] for _ in range(steps))]


def test_an_episode_goes_the_same_way_again_from_its_row_alone_and_another_goes_another(tmp_path: Path) -> None:
    path, changes = tmp_path / "rows.jsonl", {"friction": (0.5, 0.6), "peg_shape": ("round", "square")}
    asked = [Asked("Insert", "hard", "evaluation", seed, "panda-bench", changes=changes) for seed in (1, 2)]
    collect(path, asked[:1], jobs=2)  # in a process of its own
    collect(path, asked)  # goes on in this one
    one, other = read_rows(path)
    assert one.trajectory != other.trajectory and 0.5 <= one.drawn["friction"] <= 0.6
    assert run(one.asked) == one


def test_a_seed_means_another_episode_for_each_purpose(insert: Any) -> None:
    env = insert().unwrapped
    drawn = [draw(env.conditions, purpose, 1, env._limits)[0] for purpose in PURPOSES]
    assert len({episode.offset for episode in drawn}) == len({e.world_seed for e in drawn}) == len(PURPOSES)


def test_truth_can_not_be_seen_before_it_is_felt(insert: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    env = insert()
    seen = np.array(first(env, 1, AIR + 10))

    def moved(*given: Any) -> Any:
        episode, variant = draw(*given)
        return replace(episode, offset=(0.003, -0.003), tilt=0.07, way=1.0, yaw=0.07), variant

    monkeypatch.setattr(joining, "draw", moved)
    again = np.array(first(env, 1, AIR + 10))
    assert np.array_equal(again[: AIR + 1], seen[: AIR + 1])
    assert not np.array_equal(again, seen)  # the truth was another, and in the end it was felt


def test_the_info_tells_no_truth_before_the_end_but_to_whom_is_privileged(insert: Any) -> None:
    env = insert(privileged=True)
    drawn, _ = draw(env.unwrapped.conditions, "evaluation", 1, env.unwrapped._limits)
    _, info = insert().reset(seed=1)
    ordered = {"family": "pegboard", "parameters": drawn.parameters}
    assert info == {"nominal": "tilt@2", "phase": "lean", "drawn": ordered, "time_s": 0.0, "peak_n": 0.0}
    _, info = env.reset(seed=1)
    assert info["privileged"] == {name: getattr(drawn, name) for name in info["privileged"]}
    assert {"offset", "tilt", "way", "yaw", "slipped", "leaning"} == info["privileged"].keys()


def test_who_presses_hard_fails_and_is_told_why_and_all_that_is_seen_is_within_bounds(insert: Any) -> None:
    env = insert()
    observation, info = env.reset(seed=4)
    seen = [observation]
    while "outcome" not in info:
        observation, reward, over, _, info = env.step(HARD)
        seen.append(observation)
    assert all(env.observation_space.contains(observation) for observation in seen)
    assert np.ptp(np.array(seen), axis=0).astype(bool).sum() > OBSERVATION.size / 2  # not only clipped to them
    outcome = info["outcome"]
    assert over and reward < 0.5 and not info["is_success"]
    assert outcome["cause"] in {"slide: too much force", "guard"}  # that's where it meets the wall
    assert outcome["peak_n"] > 30.0 and not outcome["quick"]
    assert info["drawn"]["seed"] == 4


def test_a_picture_shows_the_part_on_its_way_and_leaves_the_episode_alone(insert: Any) -> None:
    env, plain = insert(render_mode="rgb_array"), insert()
    seen, blind = [env.reset(seed=1)[0]], first(plain, 1, AIR)
    pictures = [env.render()]
    for _ in range(AIR):
        seen.append(env.step(NEUTRAL)[0])
    pictures.append(env.render())
    assert pictures[0].shape == (240, 320, 3) and pictures[0].dtype == np.uint8
    changed = (pictures[0] != pictures[1]).any(axis=2).mean()
    assert 0.02 < changed < 0.6  # the hand has come down, the bench stands where it stood
    assert np.array_equal(seen, blind)


def test_unknown_conditions_are_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="conditions: the task Insert has none called 'hrad'; did you mean 'hard'"):
        open_environment("insert", conditions="hrad")
    with pytest.raises(InputError, match="no environment is called 'insrt'; did you mean 'insert'"):
        open_environment("insrt")


def test_a_task_that_is_of_no_skill_is_refused_where_conditions_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--task: the task reach has no changes and no conditions, .*; take insert"):
        evaluate("nominal", "reach", None, 1, 1, tmp_path / "rows.jsonl")
