"""What is tried in simulation before a real arm moves, and in which control mode that arm is led."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cells.commands import worlds
from cells.commands.build import GOOD
from cells.commands.rehearse import rehearse
from cells.commands.worlds import suited, twin_of
from cells.description.cell import load_cell
from cells.errors import CellwrightError, InputError, Problem, Refused, Stopped
from cells.journal.event import Event
from cells.runtime.production import UnitOutcome
from cells.runtime.requests import Request, RequestQueue

CELL = load_cell("panda-bench")


def outcome(verdict: str, *reasons: str) -> UnitOutcome:
    return UnitOutcome("T-1-01", verdict, reasons, 30.0, 1.0, ())


class Twin:
    """A world that is opened and closed."""

    def __init__(self) -> None:
        self.closed = 0
        self.clock = SimpleNamespace(now=lambda: 30.0)

    def close(self) -> None:
        self.closed += 1


def rehearsed(ends: Any, requests: RequestQueue | None = None) -> list[Any]:
    """Rehearse work that ends so; what the work was given."""
    given: list[Any] = []

    def work(world: Any, journal: Any, out: Path, progress: Any, listening: Any, pictures: bool) -> Any:
        journal.append(Event("order_accepted", 0.0, {"order": "T-1"}))
        progress("T-1-01", "pick", 1, 7)
        given.extend([world, out, listening, pictures])
        return ends() if callable(ends) else ends

    rehearse(CELL, Twin, work, GOOD, requests or RequestQueue())  # type: ignore[arg-type]
    return given


@pytest.mark.parametrize("ends", [[outcome("good"), outcome("good")], outcome("apart"), outcome("done")])
def test_a_good_rehearsal_leaves_nothing_behind(ends: Any, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELLWRIGHT_HOME", str(home))
    monkeypatch.setenv("CELLWRIGHT_JOURNAL_URL", f"sqlite:///{home}/real.db")  # the cell's own journal isn't touched
    world, out, listening, pictures = rehearsed(ends)
    assert world.closed == 1 and not pictures and not out.exists() and not home.exists()
    assert listening.poll() is None and listening.poll(0.004).command == "leave"  # nobody is waited for


def fails() -> Sequence[UnitOutcome]:
    raise CellwrightError(Problem("motion", "panda_joint4 at 120 ms: velocity", "change the order"))


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ([outcome("good"), outcome("failed", "insert_peg_1: no hole")], "T-1-01 ended failed: insert_peg_1: no hole"),
        ([outcome("stopped")], "ended stopped"),
        ([], "nothing was begun"),
        (fails, "rehearsal, motion: panda_joint4 at 120 ms"),
    ],
)
def test_a_rehearsal_that_fails_refuses_with_the_reason(ends: Any, said: str) -> None:
    with pytest.raises(Refused, match=said) as refused:
        rehearsed(ends)
    assert refused.value.exit_code == 3


@pytest.mark.parametrize("command", ["stop", "cancel", "pause", "emergency_stop"])
def test_who_asks_for_a_stop_meanwhile_gets_it(command: Any) -> None:
    requests, answers = RequestQueue(), []
    requests.put(Request("status", "ada", answers.append))
    requests.put(Request("resume", "ada", answers.append))
    requests.put(Request(command, "ada", answers.append))
    with pytest.raises(Stopped, match="was ended by ada; nothing has moved") as stopped:
        rehearsed([outcome("good")], requests)
    assert stopped.value.exit_code == 130
    assert [answer["ok"] for answer in answers] == [True, False, True]
    assert "hasn't moved" in answers[0]["what"]


def opener() -> Any:
    def open_world() -> None: ...

    return open_world


def test_a_simulated_world_and_whoever_does_not_want_it_are_not_rehearsed() -> None:
    real = opener()
    real.real = True
    assert twin_of(opener()) is None and twin_of(real, wanted=False) is None


def test_where_no_simulated_world_is_installed_it_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = opener()
    real.real = True
    monkeypatch.setattr(worlds, "entry_points", lambda **_: SimpleNamespace(names={"ros2"}))
    assert twin_of(real) is None
    assert "not rehearsed: there is no simulated world here" in capsys.readouterr().err


def test_a_world_is_given_a_control_mode_that_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    choosy = opener()
    choosy.modes = ("admittance",)
    assert suited(CELL, opener()) is CELL
    assert suited(CELL, choosy).control.default == "admittance"
    assert "in control mode admittance" in capsys.readouterr().err
    stiff = CELL.model_copy(update={"control": CELL.control.model_copy(update={"modes": ("impedance",)})})
    with pytest.raises(InputError, match="add admittance"):
        suited(stiff, choosy)
