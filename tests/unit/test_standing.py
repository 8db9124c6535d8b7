"""How a cell stands by its journal, and what a run that died leaves behind."""

from pathlib import Path

import pytest

from cells.errors import InputError
from cells.journal.event import Event
from cells.journal.store import Journal
from cells.runtime.control_socket import NothingRuns
from cells.runtime.lease import Lease
from cells.runtime.packml import State
from cells.runtime.standing import acknowledge, standing, standing_of
from tests.conftest import Cellwright


def state(name: str) -> Event:
    return Event("state_changed", 0.0, {"state": name, "was": "Idle"})


def step(kind: str, name: str, **more: object) -> Event:
    return Event(kind, 1.0, {"serial": "A-1-01", "step": name, "skill": "pick", "attempt": 1, **more})


BEGUN = [
    Event("order_accepted", 0.0, {"order": "A-1", "items": []}),
    state("Execute"),
    step("step_started", "pick_1"),
    step("step_done", "pick_1"),
    step("step_started", "place_1"),
]


def test_a_run_under_way() -> None:
    found = standing(BEGUN)
    assert (found.state, found.order, found.step, len(found.done)) == (State.EXECUTE, "A-1", "A-1-01 place_1", 1)
    assert found.advice == ""


def test_a_trip_has_its_remedy_until_it_is_acknowledged() -> None:
    tripped = standing([*BEGUN, Event("guard_tripped", 1.0, {"cause": "robot_protective_stop"}), state("Aborted")])
    assert "release the protective stop" in tripped.advice
    assert standing([Event("acknowledged", 2.0, {"by": "ada"})], tripped).cause == ""


def test_what_ended_well_leaves_nothing() -> None:
    done = standing(
        [*BEGUN, Event("order_finished", 3.0, {"order": "A-1", "good": 1, "ordered": 1}), state("Complete")]
    )
    assert (done.order, done.step, done.left()) == ("", "", "")


def test_a_run_that_died_tells_what_was_done() -> None:
    left = standing(BEGUN).left()
    assert "A-1" in left
    assert "place_1, 1 steps done" in left
    assert "acknowledge" in left


@pytest.fixture
def died(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELLWRIGHT_HOME", str(home))
    with Journal.open("panda-bench") as journal:
        for event in BEGUN:
            journal.append(event)


def test_it_is_acknowledged_once_from_the_terminal(died: None, cellwright: Cellwright) -> None:
    said = cellwright("acknowledge")
    assert (said.returncode, "takes orders again" in said.stderr) == (0, True)
    with Journal.open("panda-bench") as journal:
        assert standing_of(journal).left() == ""
        assert journal.verify() == []
    again = cellwright("acknowledge")
    assert again.returncode == 1
    assert "no run of this cell is going on" in again.stderr


def test_not_behind_the_back_of_a_run(died: None) -> None:
    with Lease("panda-bench"), pytest.raises(InputError, match="running already"):
        acknowledge("panda-bench", "ada")


def test_nothing_to_acknowledge(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELLWRIGHT_HOME", str(home))
    with pytest.raises(NothingRuns):
        acknowledge("panda-bench", "ada")
