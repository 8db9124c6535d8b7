"""``cellwright train`` in the simulated world: from the command to an entry that the zoo finds sound."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest
import typer

from cells.errors import InputError
from cells.skills.contracts import TILT_NOMINAL, contract_for
from cells.skills.pick import PARAMETERS
from policies import search
from policies.episodes import read_rows
from policies.folder import verify_entry
from policies.practice import environment
from policies.running import load_policy
from policies.train_command import seconds, train

app = typer.Typer()
app.command()(train)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CELLWRIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    # A generation of one candidate, tried on one episode.
    monkeypatch.setattr(search, "CANDIDATES", 1)
    monkeypatch.setattr(search, "ROUNDS", (1,))
    return tmp_path / "home"


@pytest.mark.usefixtures("home")
def test_a_policy_is_trained_and_a_second_command_has_nothing_left_to_do(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "a run" / ("of a long name" * 15)
    words = ["insert", "--conditions", "medium", "--set", "peg_mm=16", "--set", "peg_length_mm=[38, 40]",
             "--budget", "1s", "--episodes", "1", "--out", str(out), "--json"]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["/bin/cellwright", "train", *words])
    app(args=words, standalone_mode=False)
    said = capfd.readouterr()
    result = json.loads(said.out)
    assert result["policy"] == "insert-tuning@1.0.0"
    assert "CPU s" in said.err
    run, folder = tmp_path / result["run"], Path(result["folder"])
    assert (run / "curves.png").stat().st_size > 1000
    assert list((run / "tensorboard").iterdir())
    assert verify_entry(folder) == []
    assert {path.name for path in folder.iterdir()} >= {"card.md", "success.png", "filmstrip.png"}
    written = json.loads((folder / "policy.json").read_text())
    assert written["part_ranges"]["trained"]["pegboard"]["peg_mm"] == [16, 16]
    assert shlex.split(written["training"]["command"]) == ["cellwright", "train", *words]
    contract = contract_for("insert", "parameters", TILT_NOMINAL)
    assert contract is not None
    load_policy(folder, contract, *(written[key] for key in ("robot", "tool", "control_mode", "policy_every")))

    app(args=words, standalone_mode=False)
    said = capfd.readouterr()
    assert "going on after" in said.err
    again = json.loads(said.out)
    assert again["policy"] == "insert-tuning@1.1.0"
    assert json.loads((Path(again["folder"]) / "policy.json").read_text())["parameters"] == written["parameters"]


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["paint"], "no environment for 'paint'"),
        (["insert", "--conditions", "odd"], "the task Insert has none called 'odd'"),
        (["insert", "--product", "gearbox"], "is gearbox, and these conditions are of pegboard"),
        (["pick", "--conditions", "varied", "--learner", "cloning"], "'pick' takes no policy of kind residual"),
        (["cover", "--conditions", "bench", "--product", "gearbox"], "lead to the strategy onto@2, which takes no"),
        (
            ["insert", "--set", "chamfer_mm=0.5", "--set", "tilt=0", "--set", "offset=0.0009", "--learner", "cloning"],
            "lead to the strategy spiral@5, which takes no policy of kind residual; one is for tilt@2",
        ),
        (["insert", "--budget", "soon"], "'soon' can't be read"),
    ],
)
def test_what_cannot_be_trained_is_told(words: list[str], what: str) -> None:
    with pytest.raises(InputError, match=what):
        app(args=words, standalone_mode=False)


def test_words_for_time_and_skill() -> None:
    assert [seconds(word) for word in ("90s", "20min", "1.5h")] == [90.0, 1200.0, 5400.0]
    asked = ("insert", "mesh", "cover", "pick", "grasp")
    assert [environment(word) for word in asked] == [
        f"cellwright/{task}-v1" for task in ("Insert", "Mesh", "Cover", "Grasp", "Grasp")
    ]


def test_a_pick_is_tuned_too(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = ["pick", "--conditions", "varied", "--learner", "tuning", "--budget", "1s", "--episodes", "1"]
    app(args=words, standalone_mode=False)
    said = capfd.readouterr().out
    assert "nominal: success" in said and "pick-tuning@1.0.0: success" in said
    assert "no better than the nominal, as far as 1 episodes tell" in said
    [folder] = (home / "zoo" / "pick-tuning").iterdir()
    assert verify_entry(folder) == []
    assert {path.name for path in folder.iterdir()} >= {"card.md", "success.png", "filmstrip.png"}
    written = json.loads((folder / "policy.json").read_text())
    assert (written["nominal"], list(written["parameters"])) == (
        "pick@1",
        [part.name for part in PARAMETERS.components],
    )
    [rows] = Path("runs/train").glob("*/episodes.jsonl")
    assert len(read_rows(rows)) == 2
