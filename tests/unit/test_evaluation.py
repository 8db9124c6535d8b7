"""Evaluations without physics: a task in which one guesses stands for the simulated cell."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium
import numpy as np
import pytest
import typer
import yaml
from PIL import Image

from benchmarks import learning
from cells import cli
from cells.description.cell import LIBRARY, load_cell
from cells.errors import CellwrightError, InputError
from cells.skills.contact import NEUTRAL, OBSERVATION
from cells.skills.contracts import CONTRACTS, tuned_by
from cells.skills.policy import Contract
from cells.skills.tilt import PARAMETERS, Tilt
from cells.skills.tunable import constants
from policies import store
from policies.collecting import collect
from policies.episodes import Asked, Row, read_rows, run
from policies.eval_command import eval_, where
from policies.evaluation import bins_of, evaluate, paired, result_of, summed_up
from policies.filmstrip import chosen, write_strip
from policies.folder import write_entry
from policies.network import Network, to_onnx, to_weights
from policies.provenance import played_by
from tests.e2e.test_help import HEAVY
from tests.unit.entries import description
from tests.unit.test_zoo_commands import DECLARED

RESIDUAL, TUNED, MESH, *_ = CONTRACTS
CELL = load_cell("panda-bench")
STEPS = 3


class Guess(gymnasium.Env[Any, Any]):
    """A task that is solved by who is quick, and by constants; the nominal solves every other seed."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012
    begun: list[int] = []  # noqa: RUF012
    every = 1  # so many episodes lead to the strategy tilt@2 once

    def __init__(
        self, conditions: str | None, purpose: str, cell: str, changes: Any, constants: Any = None,
        twin: bool = False, render_mode: str | None = None,
    ) -> None:  # fmt: skip
        self.task, self.cell = SimpleNamespace(skill="insert"), load_cell(cell)
        self.conditions_name, self.conventions, self.neutral = conditions or "easy", ("a guess",), NEUTRAL
        self.constants, self.twin, self.render_mode = constants, twin, render_mode

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.seed, self.left = int(seed or 0), STEPS
        self.begun.append(self.seed)
        self.nominal = "mesh@3" if self.seed % self.every else "tilt@2"
        return self.np_random.random(OBSERVATION.size), {"nominal": self.nominal}

    def step(self, action: Any) -> Any:
        self.left -= 1
        info: dict[str, Any] = {"nominal": self.nominal}
        if not self.left:
            solved = self.seed % 2 == 0 or bool(action[0] > 1.5) or self.constants is not None
            solved = solved and not (self.twin and self.seed % 5 == 0)
            info["drawn"] = {"parameters": {"clearance_mm": 0.5}, "offset": (0.001, 0.0), "friction": 1.0}
            info["outcome"] = {
                "success": solved, "quick": solved, "time_s": 4.0 / action[0], "peak_n": 20.0,
                "cause": "" if solved else "guessed wrong", "why": "" if solved else "odd", "tries": 0,
            }  # fmt: skip
        return self.np_random.random(OBSERVATION.size), float(action[0]), not self.left, False, info

    def render(self) -> Any:
        return np.full((24, 32, 3), 60 * self.left, np.uint8)


@pytest.fixture(autouse=True)
def guess(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The task is there, no episode has begun, and the user's zoo is empty."""
    monkeypatch.setattr(Guess, "begun", [])
    monkeypatch.setenv("CELLWRIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(store, "SHIPPED", tmp_path / "shipped")
    gymnasium.register("cellwright/Guess-v1", Guess)
    yield
    del gymnasium.registry["cellwright/Guess-v1"]


def policy(contract: Contract, pace: float = 2.0, evaluation: bytes = b"{}", **changes: Any) -> Path:
    """Write a policy for this cell into the user's zoo: a network that always says that pace, or constants."""
    size, action = contract.observation.size, contract.action
    keys = {"robot": CELL.robot, "tool": CELL.robot_spec.gripper.kind, "control_mode": CELL.control.default}
    keys |= {"name": "fast", "policy_every": CELL.clocks.policy_every}
    files = {"evaluation.json": evaluation}
    if contract.kind == "parameters":
        values = dict(zip([c.name for c in action.components], constants(Tilt(), PARAMETERS).tolist(), strict=True))
        keys |= {"parameters": values}
    else:
        network = Network((4,), [0.0] * size, [1.0] * size, action.low.tolist(), action.high.tolist())
        state = {name: value * 0 for name, value in network.state_dict().items() if name.startswith("layers")}
        state["layers.1.bias"][0] = 5.0 if pace > 1 else -5.0
        network.load_state_dict(state, strict=False)
        keys |= {"normaliser": {"mean": [0.0] * size, "scale": [1.0] * size}}
        files |= {"weights.safetensors": to_weights(network), "policy.onnx": to_onnx(network)}
    return write_entry(store.zoos()[0], description(contract, **{**keys, **changes}), files)


def asked(seed: int, **changes: Any) -> Asked:
    return Asked("Guess", "easy", "evaluation", seed, "panda-bench", **changes)


def row(seed: int, success: bool = True, time_s: float = 2.0, cause: str = "odd", **drawn: Any) -> Row:
    """A row as one that was run."""
    told = {"success": success, "quick": success and time_s <= 10, "time_s": time_s, "peak_n": 10.0, "tries": 0}
    told |= {"cause": "" if success else cause, "why": ""}
    return Row(asked(seed), {"parameters": {}, **drawn}, told, STEPS, "0" * 64, True)


def test_rows_of_a_cell_that_was_edited_since_are_played_anew(tmp_path: Path) -> None:
    path, data = tmp_path / "mine.yaml", yaml.safe_load((LIBRARY / "cells" / "panda-bench.yaml").read_text())
    path.write_text(yaml.safe_dump(data))
    for _ in range(2):
        evaluate("nominal", "guess", None, 3, 1, tmp_path / "rows.jsonl", cell=str(path))
    assert len(Guess.begun) == 3, "nothing is played twice"
    data["noise"]["locator"]["xy_mm"] *= 2
    path.write_text(yaml.safe_dump(data))
    _, rows = evaluate("nominal", "guess", None, 3, 1, tmp_path / "rows.jsonl", cell=str(path))
    assert len(Guess.begun) == 6
    assert read_rows(tmp_path / "rows.jsonl")[3:] == rows


def test_rows_of_other_code_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    codes = []
    for number, text in enumerate(("", "", "A = 1\n")):
        package = tmp_path / f"world_{number}" / "parts"
        package.mkdir(parents=True)
        for folder in (package, package.parent):
            (folder / "__init__.py").write_text(text)
        (package / "notes.txt").write_text(str(number))
        codes.append(played_by(f"world_{number}", CELL))
    assert codes[0] == codes[1] != codes[2]


def test_a_row_comes_back_from_its_line_as_it_was() -> None:
    given = replace(
        row(3, False),
        acted=False,
        asked=asked(3, constants=(0.1 + 0.2, 1.0), changes={"peg_mm": (8.0, 9.0), "pegs": 3}),
    )
    assert Row.parse(given.as_json(), "f:1") == given


BEFORE = row(1).as_json().replace("v2", "v1").replace(', "acted": true', "")  # as once written


@pytest.mark.parametrize(
    "line", [BEFORE, "{}", "[1]", "x", '{"schema": "cellwright/episode/v3"}', row(1).as_json()[:-9] + "}"]
)
def test_what_is_no_row_is_refused_with_its_line(line: str, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(row(1).as_json() + "\n" + line + "\n")
    with pytest.raises(InputError, match=r"rows\.jsonl:2: .*; evaluate anew, into another file"):
        read_rows(tmp_path / "rows.jsonl")


def test_a_run_that_was_broken_off_goes_on_and_repeats_nothing_but_what_was_cut(tmp_path: Path) -> None:
    path, heard = tmp_path / "new" / "rows.jsonl", []
    whole = collect(path, [asked(seed) for seed in (4, 5, 6)])
    path.write_bytes(path.read_bytes()[:-20])
    Guess.begun.clear()
    again = collect(path, [asked(seed) for seed in (6, 5, 7, 4)], told=heard.append)
    assert Guess.begun == [6, 7]
    assert [one.asked.seed for one in again] == [6, 5, 7, 4] and len(heard) == 4
    assert again[0] == whole[2] and sorted(read_rows(path), key=lambda one: one.asked.seed)[:3] == whole


def test_a_row_of_other_conditions_or_constants_does_not_count_as_done(tmp_path: Path) -> None:
    collect(tmp_path / "rows.jsonl", [asked(4)])
    others = [asked(4, changes={"friction": (0.1, 0.2)}), asked(4, constants=(1.0,)), replace(asked(4), purpose="gate")]
    collect(tmp_path / "rows.jsonl", others)
    assert Guess.begun == [4] * 4


def test_the_nominal_is_evaluated_alone(tmp_path: Path) -> None:
    found, rows = evaluate("nominal", "guess", None, 5, 2, tmp_path / "rows.jsonl")
    assert Guess.begun == [200_000, 200_001, 200_002, 200_003, 200_004]
    assert (found.result.success.count, found.result.success.of) == (3, 5) and len(rows) == 5
    assert found.nominal is None and found.paired is None
    assert found.causes == {"guessed wrong": [200_001, 200_003]}
    told = json.loads(found.as_json())
    assert told["schema"] == "cellwright/evaluation/v1" and told["conventions"] == ["a guess"]
    assert told["asked"]["conditions"] == "easy" and told["asked"]["purpose"] == "evaluation"


def test_a_policy_is_paired_with_the_nominal_on_the_same_episodes(tmp_path: Path) -> None:
    policy(RESIDUAL)
    found, rows = evaluate("fast", "guess", "easy", 40, 1, tmp_path / "rows.jsonl")
    assert found.result.success.share == 1.0 and found.nominal is not None and found.nominal.success.share == 0.5
    assert found.paired is not None
    assert (found.paired.success.gained, found.paired.success.lost) == (20, 0)
    assert found.paired.success.p == pytest.approx(2.0**-20) and found.paired.as_good
    assert found.paired.time.ratio == pytest.approx(0.5, rel=1e-3) and found.paired.time.of == 20
    assert found.paired.peak.ratio == 1.0
    assert rows[0].asked.policy == "fast@1.0.0" and len(rows[0].asked.network) == 64


@pytest.mark.parametrize("contract", [RESIDUAL, TUNED])
def test_a_policy_leaves_another_nominal_than_its_own_alone_which_is_told(
    contract: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    policy(contract)
    monkeypatch.setattr(Guess, "every", 5)
    given = ("fast", "--task", "guess", "--episodes", 6, "--out", tmp_path / "out")
    found = json.loads(command(*given, "--json")[1])
    assert found["acted"] == 2
    rows = read_rows(tmp_path / "out" / "episodes.jsonl")
    assert [one.asked.seed for one in rows if one.acted] == [100_000, 100_005]
    assert "acted in 2 of 6 episodes; the others lead to a strategy that it isn't for" in command(*given)[1]


@pytest.mark.parametrize("contract", [RESIDUAL, TUNED])
def test_a_policy_that_can_not_act_is_refused_before_an_episode_is_run(
    contract: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy(contract)
    monkeypatch.setattr(Guess, "every", 10**6)
    with pytest.raises(InputError, match=r"fast@1\.0\.0: is for the strategy tilt@2, and the first 20 .* to mesh@3; "):
        evaluate("fast", "guess", None, 3, 1, tmp_path / "rows.jsonl")
    assert not (tmp_path / "rows.jsonl").exists()


def test_constants_are_of_one_strategy_of_a_skill_as_their_number_tells() -> None:
    tunable = [contract for contract in CONTRACTS if contract.kind == "parameters"]
    for one in tunable:
        takers = [other for other in tunable if tuned_by(one.skill, other.nominal, one.action.low)]
        assert takers == [one]


def test_a_draft_is_evaluated_by_its_folder(tmp_path: Path) -> None:
    folder = policy(RESIDUAL).rename(tmp_path / "1.0.0")
    (tmp_path / "fast").mkdir()
    folder = folder.rename(tmp_path / "fast" / "1.0.0")
    found, _ = evaluate(folder, "guess", None, 2, 1, tmp_path / "rows.jsonl")
    assert found.result.success.count == 2


def test_tuned_constants_are_in_the_row_so_that_it_replays_without_the_policy(tmp_path: Path) -> None:
    folder = policy(TUNED)
    found, rows = evaluate("fast", "guess", None, 3, 1, tmp_path / "rows.jsonl")
    assert found.result.success.count == 3 and found.nominal is not None and found.nominal.success.count == 2
    assert rows[0].asked.constants == tuple(constants(Tilt(), PARAMETERS).tolist())
    folder.rename(tmp_path / "gone")
    assert run(rows[1].asked) == rows[1]
    candidate, _ = evaluate(
        "nominal", "guess", None, 3, 1, tmp_path / "rows.jsonl", constants=constants(Tilt(), PARAMETERS)
    )
    assert candidate.asked.policy == "constants" and candidate.paired == found.paired


def test_a_policy_for_another_skill_or_with_another_network_is_refused(tmp_path: Path) -> None:
    policy(MESH)
    with pytest.raises(InputError, match=r"fast@1\.0\.0: is for the skill 'mesh', and the task is one of 'insert'"):
        evaluate("fast", "guess", None, 2, 1, tmp_path / "rows.jsonl")
    policy(RESIDUAL, name="slow", pace=0.5)
    with pytest.raises(InputError, match=r"slow@1\.0\.0: has another network"):
        run(asked(1, policy="slow@1.0.0", network="0" * 64))


@pytest.mark.parametrize(("episodes", "seed"), [(0, 1), (100_001, 1), (3, -1)])
def test_seeds_of_two_bases_never_meet(episodes: int, seed: int, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--episodes"):
        evaluate("nominal", "guess", None, episodes, seed, tmp_path / "rows.jsonl")


def test_time_is_of_the_successes_and_ratios_are_of_those_that_both_solve() -> None:
    ours = [row(1, time_s=1.0), row(2, time_s=3.0), row(3, False, 20.0), row(4, time_s=12.0)]
    theirs = [row(1, time_s=2.0), row(2, False, 20.0), row(3, time_s=9.0), row(4, time_s=12.0)]
    result = result_of(ours)
    assert result.time_s == pytest.approx(16 / 3) and (result.success.count, result.quick.count) == (3, 2)
    pair = paired(ours, theirs)
    assert (pair.success.gained, pair.success.lost, pair.time.of) == (1, 1, 2)
    assert pair.time.ratio == pytest.approx(13 / 14)
    assert pair.success.difference == 0.0 and not pair.as_good  # of four episodes nobody can tell


def test_sooner_is_better_where_there_are_enough_episodes_to_say_that_nothing_is_lost() -> None:
    slow, fast = ([row(i, time_s=time_s) for i in range(100)] for time_s in (2.0, 1.0))
    assert paired(fast, slow).better
    assert not paired(fast[:40], slow[:40]).better
    assert not paired(slow, slow).better
    assert not paired([row(0, False), *fast[1:]], slow).better  # sooner, but a success was lost


def test_every_episode_is_in_one_bin_of_each_factor_that_it_has() -> None:
    rows = [
        row(i, success=i >= 6, offset=(0.003, 0.001 * i), friction=0.5, yaw=(-1) ** i, parameters={"peg_shape": shape})
        for i, shape in enumerate(("round", "square", "square") * 3)
    ]
    bins = bins_of(rows)
    assert [b.factor for b in bins] == ["offset_m"] * 3 + ["peg_shape"] * 2  # what doesn't vary tells nothing
    assert sum(b.success.of for b in bins[:3]) == sum(b.success.of for b in bins[3:]) == 9
    assert bins[0].success.count == 0 and bins[2].success.share == 1.0 and bins[0].low == pytest.approx(0.003)
    assert [(b.value, b.success.of) for b in bins[3:]] == [("round", 3), ("square", 6)]


def test_success_is_broken_down_by_all_that_is_drawn_an_error_by_its_size() -> None:
    signed, factors = ("yaw", "slipped", "leaning"), ("tilt", "friction", "mass", "stiffness", "noise")
    rows = [row(i, **dict.fromkeys(signed, (-1) ** i * i), **dict.fromkeys(factors, i)) for i in range(9)]
    bins = bins_of(rows)
    assert {b.factor.removesuffix("_m").removesuffix("_rad") for b in bins} == {*signed, *factors}
    assert {(b.low, b.high, b.success.of) for b in bins} == {(0, 8 / 3, 3), (8 / 3, 16 / 3, 3), (16 / 3, 8, 3)}


def test_failures_are_grouped_the_commonest_first() -> None:
    found = summed_up([row(1), row(2, False, cause="a"), row(3, False, cause="b"), row(4, False, cause="b")], None, ())
    assert list(found.causes.items()) == [("b", [3, 4]), ("a", [2])]


def test_films_show_each_cause_before_another_of_the_same_and_before_successes() -> None:
    causes = enumerate("bbbaa", 2)
    rows = [row(1), *(row(seed, False, cause=cause) for seed, cause in causes), row(7)]
    assert [one.asked.seed for one in chosen(rows, 6)] == [2, 5, 3, 6, 4, 1]


def test_a_strip_has_eight_pictures_and_a_caption_and_is_of_the_very_episode(tmp_path: Path) -> None:
    one = run(asked(3))
    path = write_strip(one, tmp_path / "films")
    assert path.name == "nominal-3-guessed-wrong.png" and Image.open(path).size == (4 * 32, 2 * 24 + 16)
    with pytest.raises(CellwrightError, match="episode 3: went another way"):
        write_strip(replace(one, trajectory="0" * 64), tmp_path / "films")


def test_the_benchmark_tells_the_policy_beside_the_nominal(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        learning, "SUCCESS", {"insert_hard_success": ("Guess", "hard"), "other_success": ("Guess", "b")}
    )
    policy(RESIDUAL)
    given = ["--episodes", "10", "--out", str(tmp_path / "rows.jsonl"), "--policies", "insert_hard_success=fast"]
    monkeypatch.setattr(
        sys, "argv", ["learning.py", *given, "--measures", "insert_hard_success", "other_success", "--json"]
    )
    learning.main()
    told = json.loads(capsys.readouterr().out)
    assert told["measures"]["insert_hard_success"] == 1.0 and told["measures"]["insert_hard_success_nominal"] == 0.5
    assert told["measures"]["insert_hard_time_vs_nominal"] == pytest.approx(0.5, abs=1e-3)
    assert told["measures"]["other_success"] == 0.5 and "other_success_nominal" not in told["measures"]
    assert told["measures"]["twin_gap"] == -20.0 < told["measures"]["twin_gap_ub"]
    assert len(told["rows"]) == 40 and told["conventions"] == ["a guess"]
    with pytest.raises(InputError, match="'insert_hard' is no measure of success"):
        learning.named(["insert_hard=fast"])


def test_a_shipped_policy_serves_the_measures_of_its_task(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(learning, "SUCCESS", {"a": ("Guess", "hard"), "b": ("Guess", "easy"), "c": ("Mesh", "bench")})
    policy(RESIDUAL, name="mine")
    monkeypatch.setattr(store, "zoos", lambda: (store.SHIPPED,))
    for name, conditions in (("any", "hard"), ("best", "easy")):
        found, _ = evaluate("nominal", "guess", conditions, 1, 1, tmp_path / "rows.jsonl")
        policy(RESIDUAL, name=name, evaluation=found.as_json())
    assert learning.shipped() == {"a": "any@1.0.0", "b": "best@1.0.0"}


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str]) -> Command:
    """A function that runs ``cellwright eval`` with its words: exit code, stdout, stderr."""
    app = typer.Typer()
    app.command()(eval_)

    def called(*words: object) -> tuple[int, str, str]:
        capfd.readouterr()
        code = app(args=[str(word) for word in words], standalone_mode=False) or 0
        said = capfd.readouterr()
        return code, said.out, said.err

    return called


def test_the_command_tells_one_object_and_replays_what_it_wrote(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "out"
    given = ("nominal", "--task", "guess", "--episodes", 4, "--out", out)
    _, told, err = command(*given, "--films", 1, "--json")
    assert json.loads(told)["result"]["success"]["count"] == 2 and "3/4" not in told
    assert err.count("nominal 10000") == 4 and [p.name for p in (out / "films").iterdir()] == [
        "nominal-100001-guessed-wrong.png"
    ]
    assert json.loads((out / "evaluation.json").read_bytes())["episodes"] == 4
    _, told, _ = command(*given)
    assert "2 × guessed wrong: seeds 100001, 100003" in told and "(a guess)" in told and len(Guess.begun) == 5
    rows = out / "episodes.jsonl"
    assert "the same, bit by bit" in command("--replay", rows, "--episode", 3)[1]
    rows.write_text(rows.read_text().replace(read_rows(rows)[1].trajectory, "0" * 64))
    with pytest.raises(CellwrightError, match=r"episodes\.jsonl:2: went another way") as error:
        command("--replay", rows, "--episode", 1)
    assert error.value.exit_code == 1
    with pytest.raises(InputError, match="has 4 rows, none of which is 4"):
        command("--replay", rows, "--episode", 4)


def test_a_policy_is_evaluated_on_what_it_was_made_for_unless_told_otherwise(command: Command, tmp_path: Path) -> None:
    made, _ = evaluate("nominal", "guess", "easy", 1, 1, tmp_path / "rows.jsonl", changes={"hard": 3})
    policy(RESIDUAL, evaluation=made.as_json())

    def asked(*words: str) -> Any:
        _, told, _ = command("fast", "--episodes", 1, "--out", tmp_path / "out", "--json", *words)
        return json.loads(told)["asked"]

    assert [asked()[key] for key in ("task", "conditions", "changes")] == ["Guess", "easy", {"hard": 3}]
    assert [asked("--conditions", "hard")[key] for key in ("conditions", "changes")] == ["hard", {}]
    policy(RESIDUAL, version="1.1.0")  # evaluated nowhere
    assert where("fast", None, None) == ("insert", None, {})


def test_the_command_says_what_it_lacks(command: Command) -> None:
    with pytest.raises(InputError, match="POLICY: is missing"):
        command("--task", "guess")
    with pytest.raises(InputError, match="the zoo has no 'fsat'"):
        command("fsat", "--task", "guess")


def test_the_command_loads_nothing_heavy() -> None:
    program = f"import sys, policies.eval_command\nprint([name for name in {HEAVY.split()} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


def test_a_declared_function_becomes_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("eval", DECLARED["cellwright.commands"]["eval"], "cellwright.commands")
    monkeypatch.setattr(cli, "app", typer.Typer())
    monkeypatch.setattr(cli, "entry_points", lambda group: [point])
    cli.add_plugins()
    assert [(each.name, each.callback) for each in cli.app.registered_commands] == [("eval", eval_)]
