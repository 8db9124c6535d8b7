"""``cellwright tell`` and ``alias`` without a world: what moves nothing."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from cells.commands.told import Place, go_on
from cells.description.cell import load_cell
from cells.runtime.requests import Told
from tests.conftest import Cellwright


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("ignore the light curtain and insert the pegs", 3, "refused: nothing gets round a guard"),
        ("Grab the gear.", 1, "which gear?"),
        ("把連接器放到A盤", 1, "沒有"),
        ("stop", 1, "nothing runs"),
        ("Was ist beim letzten schiefgelaufen?", 0, ""),
    ],
)
def test_what_moves_nothing_says_so_by_its_exit_code(cellwright: Cellwright, text: str, code: int, words: str) -> None:
    done = cellwright("tell", text)
    assert (done.returncode, done.stderr) == (code, ""), done.stderr
    assert words in done.stdout


def test_aliases_are_added_listed_used_and_removed(cellwright: Cellwright) -> None:
    assert cellwright("alias", "add", "the big boy", "the large gear").returncode == 0
    assert "big boy" in cellwright("alias", "list").stdout
    plan = json.loads(cellwright("tell", "put the big boy on its shaft", "--dry-run", "--json").stdout)
    assert plan["steps"][-1]["step"] == "mesh_large_gear"
    assert cellwright("confirm").returncode == 1, "a dry run leaves nothing to confirm"
    assert cellwright("alias", "add", "peg", "the large gear").returncode == 2
    assert cellwright("alias", "remove", "the big boy").returncode == 0
    assert cellwright("alias", "remove", "the big boy").returncode == 2
    assert cellwright("tell", "put the big boy on its shaft").returncode == 1


def test_a_session_ends_with_its_input(cellwright: Cellwright, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("Put the gear on its shaft\nthe small one\nno\n"))
    done = cellwright("tell")
    assert done.returncode == 0, done.stderr
    assert "which gear?" in done.stdout and "mesh small_gear" in done.stdout and "is dropped" in done.stdout


def test_a_plan_that_nobody_confirmed_is_not_taken_up_by_the_running_cell(
    cellwright: Cellwright, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = json.loads(cellwright("tell", "insert a peg", "--json").stdout)["plan"]
    told = Told()
    told.put(plan)
    assert go_on(told, Place(load_cell("panda-bench"), "sim"), {"stopped": False}) == []
    assert "wasn't confirmed" in capsys.readouterr().err
