"""Learners, on a toy with the spaces of the real thing: what they find, what they ship, and that they go on."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import learning
from cells.description.cell import load_cell
from cells.errors import InputError
from cells.pose import Array
from cells.skills.contact import ACTION, NEUTRAL, OBSERVATION
from cells.skills.contracts import TILT_NOMINAL, contract_for
from cells.skills.policy import Kind, Policy
from cells.skills.tilt import PARAMETERS, Tilt
from cells.skills.tunable import constants
from policies import residual, store
from policies.cloning import clone, imitate
from policies.demonstrations import Demonstrations, from_npz, record, to_npz
from policies.episodes import read_rows
from policies.evaluation import Evaluation
from policies.network import from_weights
from policies.practice import FAILED, NEWTON, SECOND, play
from policies.residual import network_of, practise, scaled
from policies.result import write_result
from policies.running import load_policy
from policies.search import advance, begin
from policies.train_command import told
from policies.training import Asked, Learned, Run
from policies.tuning import play_constants, tune
from policies.watching import Watching
from tests.unit.toy import STEPS, TOY

CELL = load_cell("panda-bench")
ASKED = Asked("insert", TILT_NOMINAL, TOY, "residual", 1)
BOUND = {"robot": CELL.robot, "tool": CELL.robot_spec.gripper.kind, "control_mode": CELL.control.default}


def neutral(observation: Array, info: Mapping[str, Any]) -> Array:
    """A teacher who leaves the nominal as it is."""
    return NEUTRAL


def observations(count: int) -> Array:
    return np.random.default_rng(0).uniform(OBSERVATION.low, OBSERVATION.high, (count, OBSERVATION.size))


def written(run: Run, learned: Learned, zoo: Path, episodes: int = 3) -> tuple[Path, Evaluation]:
    return write_result(run, run.spent_s, learned, episodes, CELL, zoo, "toy", "cellwright train")


def loaded(folder: Path, kind: Kind) -> Policy:
    contract = contract_for("insert", kind, TILT_NOMINAL)
    assert contract is not None
    return load_policy(folder, contract, **BOUND, policy_every=CELL.clocks.policy_every)


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Residual learning in a second or two."""
    for name, value in {"SHOWN": 6, "CRITIC_FIRST": 100, "GATE_EVERY_S": 0.7, "GATED": 3, "BATCH": 64}.items():
        monkeypatch.setattr(residual, name, value)


def test_cross_entropy_finds_the_bottom_of_a_noisy_bowl() -> None:
    low, high, goal = np.full(8, -1.0), np.full(8, 3.0), np.linspace(0.0, 2.0, 8)

    def trial(points: Array, seeds: list[int]) -> Array:
        noise = np.array([np.random.default_rng(seed).normal(0.0, 0.1) for seed in seeds])
        return ((points - goal) ** 2).sum(axis=1)[:, None] + noise

    belief = begin(np.ones(8), low, high)
    before = ((np.ones(8) - goal) ** 2).sum()
    for _ in range(25):
        belief = advance(belief, low, high, trial, seed=1)  # type: ignore[arg-type]
    assert ((belief.answer - goal) ** 2).sum() < 0.05 * before


def test_the_answer_of_a_search_by_rare_failures_is_nearer_than_where_it_happens_to_end() -> None:
    low, high, goal = np.zeros(10), np.ones(10), np.full(10, 0.6)
    ended, answered = [], []
    for run in range(8):
        chance = np.random.default_rng(run)

        def trial(points: Array, seeds: list[int], chance: np.random.Generator = chance) -> Array:
            failing = 0.05 + 1.6 * ((points - goal) ** 2).sum(axis=1)
            return 8.0 * (chance.uniform(size=(len(points), len(seeds))) < failing[:, None])

        belief = begin(np.full(10, 0.4), low, high)
        for _ in range(40):
            belief = advance(belief, low, high, trial, seed=run)  # type: ignore[arg-type]
        ended.append(((np.array(belief.mean) - goal) ** 2).sum())
        answered.append(((belief.answer - goal) ** 2).sum())
    assert np.mean(answered) < 0.6 * np.mean(ended)


def test_a_search_whose_best_is_at_a_bound_stays_within_it() -> None:
    for end in np.linspace(0.01, 1.0, 40):
        low, high = np.zeros(1), np.array([end])
        belief = begin(high, low, high)
        for _ in range(3):
            belief = advance(belief, low, high, lambda points, seeds: -np.tile(points, len(seeds)), seed=1)
            assert belief.mean[0] <= end


def test_a_clone_does_what_a_linear_teacher_does() -> None:
    seen = observations(1200)
    inside = (seen - OBSERVATION.low) / (OBSERVATION.high - OBSERVATION.low) - 0.5
    reach = (ACTION.high - ACTION.low) / 2
    wanted = NEUTRAL + 0.4 * reach * (inside @ np.random.default_rng(1).normal(0, 0.3, (OBSERVATION.size, ACTION.size)))
    shown = Demonstrations((), seen[:1000], wanted[:1000], np.zeros(1000), seen[:1000], np.zeros(1000))
    network = clone(shown, seed=1, epochs=100)
    done = network(torch.as_tensor(seen[1000:], dtype=torch.float32)).detach().numpy()
    assert np.sqrt((((done - wanted[1000:]) / reach) ** 2).mean()) < 0.05  # of half of each bound's width


@pytest.mark.parametrize(("second", "newton"), [(0.0, NEWTON), (SECOND, 0.0), (SECOND, NEWTON), (3.0, 0.2)])
def test_what_a_step_pays_adds_up_to_what_the_episode_costs(second: float, newton: float) -> None:
    practice = replace(TOY, second=second, newton=newton)
    with practice.open("training") as env:
        played = play(env, 1)
    shown = record(practice, [1], neutral)
    assert FAILED - shown.rewards.sum() == pytest.approx(practice.cost(played))
    assert practice.cost(played) == pytest.approx(second * 8.0 + newton * 20.0)


def test_an_episode_that_has_failed_by_force_is_over() -> None:
    hard = np.array([1.0, 1.5, 0.001, 0.0, 0.0, 0.0])
    with TOY.open("training") as env:
        played = play(env, 1, lambda seen, info: hard)
    assert (played.success, played.cause, played.steps) == (False, "too much force", 1)


def test_demonstrations_come_back_and_what_isnt_one_is_refused() -> None:
    shown = record(TOY, [3, 4], neutral)
    again = from_npz(to_npz(shown, TOY))
    assert [episode["seed"] for episode in again.episodes] == [3, 4]
    assert np.allclose(again.observations, shown.observations, atol=1e-5)
    assert again.lasts.sum() == 2
    for raw in (b"", b"PK", to_npz(replace(shown, rewards=shown.rewards[1:]), TOY)):
        with pytest.raises(InputError, match="no file of demonstrations"):
            from_npz(raw)


def test_the_scale_of_actions_is_that_of_the_network() -> None:
    assert np.allclose(scaled(ACTION.low), -1.0)
    assert np.allclose(scaled(ACTION.high), 1.0)
    drawn = np.random.default_rng(0).uniform(ACTION.low, ACTION.high, (100, ACTION.size))
    network = from_weights(_neutral_weights())
    middle, reach = network.middle.numpy(), network.reach.numpy()
    assert np.allclose(scaled(drawn) * reach + middle, drawn, atol=1e-6)


def test_residual_begins_as_the_nominal() -> None:
    done = from_weights(_neutral_weights())(torch.as_tensor(observations(200), dtype=torch.float32)).detach().numpy()
    assert np.abs((done - NEUTRAL) / (ACTION.high - ACTION.low)).max() < 0.02


def _neutral_weights() -> bytes:
    from policies.demonstrations import normaliser
    from policies.network import to_weights

    shown = record(TOY, range(4), neutral)
    mean, scale = normaliser(shown, OBSERVATION.low, OBSERVATION.high)
    with TOY.open("training") as env:
        normal = residual.normalised(env, mean, scale)
        return to_weights(network_of(residual.learner(normal, residual.buffer_of(shown, mean, scale), 1), mean, scale))


@pytest.mark.usefixtures("brief")
def test_residual_ships_what_torch_does_and_goes_on_after_a_kill(tmp_path: Path) -> None:
    with Run(tmp_path / "run", ASKED, budget_s=2.5) as run:
        first = practise(run)
        assert any("time_ratio" in point for point in run.points)
        spent, steps = run.spent_s, run.steps
    with Run(tmp_path / "run", ASKED, budget_s=4.5) as again:  # as after a kill: from the checkpoint
        assert 2.0 < again.spent_s <= spent
        assert 50 < again.steps <= steps
        learned = practise(again)
        assert again.steps > steps
        folder, _ = written(again, learned, tmp_path / "zoo")
    assert first.weights
    assert {path.name for path in folder.iterdir()} == {
        "policy.json", "policy.json.sha256", "evaluation.json", "weights.safetensors", "policy.onnx",
        "card.md", "success.png", "replay.npz",
    }  # fmt: skip
    with zipfile.ZipFile(folder / "replay.npz") as replay:
        assert all(name.endswith(".npy") for name in replay.namelist())
    others = [path for path in folder.iterdir() if path.name != "replay.npz"]
    assert not any(zipfile.is_zipfile(path) or path.read_bytes()[:1] == b"\x80" for path in others)
    policy, network = loaded(folder, "residual"), from_weights((folder / "weights.safetensors").read_bytes())
    for seen in observations(20):
        expected = network(torch.as_tensor(seen, dtype=torch.float32)).detach().numpy()
        assert np.allclose(policy.act(seen), expected, atol=1e-5)


def test_residual_goes_on_with_a_network_and_the_steps_that_it_learned_from(tmp_path: Path, brief: None) -> None:
    with Run(tmp_path / "first", ASKED, budget_s=2.0) as run:
        first = practise(run)
    assert first.weights and first.replay
    known = from_npz(first.replay)
    with Run(tmp_path / "run", replace(ASKED, seed=2), budget_s=2.0) as run:
        learned = practise(run, residual.Start(first.weights, first.replay))
    assert learned.weights and learned.replay
    shown = from_npz(learned.replay)
    assert len(shown.episodes) == len(known.episodes) + residual.SHOWN_AGAIN
    assert np.allclose(shown.observations[: len(known.actions)], known.observations)
    ours, theirs = from_weights(learned.weights), from_weights(first.weights)
    assert torch.equal(ours.mean, theirs.mean) and torch.equal(ours.scale, theirs.scale)


def test_tuning_goes_on_where_it_was(tmp_path: Path) -> None:
    asked = replace(ASKED, learner="tuning")
    with Run(tmp_path / "run", asked, budget_s=0.5) as run:
        tune(run)
        done = len(run.points)
    with Run(tmp_path / "run", asked, budget_s=1.0) as again:
        learned = tune(again)
        generations = [point["generation"] for point in again.points]
        assert generations == list(range(1, len(generations) + 1))
        assert len(generations) > done >= 1
        policy = loaded(written(again, learned, tmp_path / "zoo")[0], "parameters")
    assert np.allclose(policy.act(np.zeros(0)), learned.constants)


def test_a_search_that_goes_on_begins_no_generation_that_would_not_end_in_time(tmp_path: Path) -> None:
    asked = replace(ASKED, learner="tuning")
    with Run(tmp_path / "run", asked, budget_s=0.5) as run:
        first = tune(run)
        spent_s, points = run.spent_s, run.points
    with Run(tmp_path / "run", asked, budget_s=spent_s + 0.1 * spent_s / len(points)) as again:
        assert tune(again) == first and again.points == points


def test_a_budget_that_is_too_small_for_a_generation_is_kept_and_told_what_it_takes(tmp_path: Path) -> None:
    with Run(tmp_path / "run", replace(ASKED, learner="tuning"), budget_s=1e-6) as run:
        with pytest.raises(InputError, match=r"--budget: is spent after 2% of the first .* take [0-9]+0s at least"):
            tune(run)
        assert run.steps == STEPS and run.state is None
    with Run(tmp_path / "run", replace(ASKED, learner="tuning"), budget_s=0.5) as again:
        assert tune(again).constants and again.points  # nothing of the first try stands in the way


def test_progress_is_told_after_every_episode_of_a_generation(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    heard = list[str]()
    with Run(tmp_path / "run", ASKED, 0.5, hear=lambda _, under_way: heard.append(under_way)) as run:
        tune(run)
    assert heard[:48] == [f"generation 1: {done} of 48 episodes" for done in range(1, 49)]
    with Watching(tmp_path / "run", 60.0) as watch:
        for under_way in heard[:9]:
            watch.hear(12.0, under_way)
    assert capfd.readouterr().err == "12 CPU s, 48 left; generation 1: 1 of 48 episodes\n"  # not a line for each


def test_cloning_finds_that_faster_and_no_harder_is_better(tmp_path: Path) -> None:
    with Run(tmp_path / "run", replace(ASKED, learner="cloning"), budget_s=4.0) as run:
        _, found = written(run, imitate(run), tmp_path / "zoo", 4)
    assert found.paired is not None
    assert found.paired.time.high < 0.75
    assert found.paired.peak.high < 1.0


def test_the_result_is_an_evaluation_on_episodes_that_no_learner_chose_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = replace(ASKED, practice=replace(TOY, changed={"peg_mm": 12.0}))
    (tmp_path / "zoo" / "toy" / "9.1.0.bak").mkdir(parents=True)  # somebody's backup is no version
    with Run(tmp_path / "run", asked, budget_s=1.0) as run:
        folder, found = written(run, Learned(constants=tuple(constants(Tilt(), PARAMETERS).tolist())), tmp_path / "zoo")
    rows = read_rows(tmp_path / "run" / "episodes.jsonl")
    assert len(rows) == 6 and {row.asked.purpose for row in rows} == {"gate"}
    assert min(row.asked.seed for row in rows) > residual.GATED
    assert (folder / "evaluation.json").read_bytes() == found.as_json()
    assert json.loads(found.as_json())["asked"]["changes"] == {"peg_mm": 12.0}
    proven = json.loads((folder / "policy.json").read_bytes())["part_ranges"]["proven"]
    assert proven == {"toy": {"peg_mm": [12.0, 12.0], "peg_shape": ["round"], "pegs": [3.0, 3.0]}}
    assert any("no better than the nominal, as far as 3 episodes tell" in line for line in told(found))
    monkeypatch.setattr(store, "SHIPPED", tmp_path / "zoo")
    monkeypatch.setattr(learning, "SUCCESS", {"a": ("Toy", "easy"), "b": ("Mesh", "bench")})
    monkeypatch.setenv("CELLWRIGHT_HOME", str(tmp_path / "home"))
    assert learning.shipped() == {"a": "toy@1.0.0"}


def test_two_processes_play_what_one_plays_and_what_they_cost_counts(tmp_path: Path) -> None:
    jobs = [(TOY, "training", [seed], None) for seed in range(4)]
    with Run(tmp_path / "one", ASKED, budget_s=1.0) as one, Run(tmp_path / "two", ASKED, budget_s=1.0, jobs=2) as two:
        before = two.spent_s
        assert list(one.each(play_constants, jobs)) == list(two.each(play_constants, jobs))
        assert two.spent_s - before > 0.1  # the processes had to import what they play


def test_a_folder_of_another_run_is_refused(tmp_path: Path) -> None:
    with Run(tmp_path / "run", ASKED, budget_s=1.0) as run:
        run.save({})
    with pytest.raises(InputError, match="another task, learner or seed"):
        Run(tmp_path / "run", replace(ASKED, seed=2), budget_s=1.0)


def test_a_checkpoint_survives_a_kill_between_its_two_renames(tmp_path: Path) -> None:
    with Run(tmp_path / "run", ASKED, budget_s=1.0) as run:
        run.save({"at": 1})
    (tmp_path / "run" / "checkpoint").rename(tmp_path / "run" / ".old")
    assert Run(tmp_path / "run", ASKED, budget_s=1.0).state == {"at": 1}
