"""The cell's node, as another process on the network sees it; its world is simulated, so that no arm is needed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cells.description.cell import load_cell
from cells.journal.store import Journal
from cells.runtime.control_socket import send
from cells.runtime.standing import standing_of
from tests.conftest import ORDER
from tests.hw.arm_bench import PATIENCE, need_ros
from tests.hw.cell_bench import CellClient, cell_process, ended

# action_msgs/GoalStatus
SUCCEEDED, CANCELED, ABORTED = 4, 5, 6
CELL = load_cell("panda-bench")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cell")


@pytest.fixture(scope="module")
def cell(folder: Path) -> Iterator[CellClient]:
    """A client of a node that runs while these tests do, one after another; its end is the last of them."""
    need_ros()
    os.environ["CELLWRIGHT_HOME"] = str(folder / "home")
    with cell_process(folder / "home", folder, "/bench", cell="panda-bench", world="sim", seed=3) as node:
        client = CellClient("/bench")
        yield client
        client.close()
        assert ended(node) == 0


def test_before_it_is_configured_it_takes_no_order_and_refuses_bad_parameters(cell: CellClient) -> None:
    assert not cell.order(ORDER).accepted
    assert not cell.trigger("stop").success
    for name, value, reason in (
        ("cell", "panda-bensh", "no cell is called"),
        ("world", "moon", "no world is called"),
        ("seed", -1, ""),
        ("tf_prefix", "a.b", "begins no name"),
    ):
        [answer] = cell.set(**{name: value})
        assert not answer.successful
        assert reason in answer.reason


def test_configured_it_tells_of_itself(cell: CellClient) -> None:
    from std_msgs.msg import String
    from tf2_msgs.msg import TFMessage

    assert cell.change("configure")
    assert cell.state("Idle").message == ""
    assert "<robot" in cell.heard(String, "robot_description").data
    stations = cell.heard(TFMessage, "tf_static").transforms
    assert {one.child_frame_id for one in stations} == set(CELL.stations)
    names = {status.name for status in cell.until(lambda: cell.health)[-1].status}
    assert names == {f"bench/cell: {what}" for what in ("cell", "guard", "arm")}
    [answer] = cell.set(seed=4)
    assert "clean it up first" in answer.reason
    assert not cell.order(ORDER).accepted
    assert cell.change("activate")


def test_an_order_that_is_wrong_says_where(cell: CellClient) -> None:
    status, result = cell.result(cell.order(ORDER, {"items.0.parameters.peg_mm": 500}))
    assert (status, result.ok, result.exit_code) == (ABORTED, False, 1)
    assert "peg_mm" in result.message
    status, result = cell.result(cell.order("schema: [\n"))
    assert (status, result.exit_code) == (ABORTED, 2)
    assert result.message.startswith("order")


def test_an_order_is_built_and_a_stop_is_answered_at_once(cell: CellClient) -> None:
    told: list = []
    goal = cell.order(ORDER, told=told)
    assert goal.accepted
    cell.until(lambda: told and told[-1].step, patience=300)
    assert not cell.order(ORDER).accepted  # one at a time
    assert send("panda-bench", "status", "test")["state"] == "Execute"  # as from any terminal
    begun = time.monotonic()
    assert cell.trigger("stop").success
    assert time.monotonic() - begun < PATIENCE
    waiting = cell.state("Stopped")
    assert "acknowledge" in waiting.message
    assert waiting.order == "T-1"
    assert cell.trigger("acknowledge").success
    assert cell.tell("Go on.").ok
    status, result = cell.result(goal)
    assert (status, result.exit_code, list(result.outcomes)) == (SUCCEEDED, 0, ["good"]), result.message
    assert Path(result.report).is_dir()
    steps = [feedback.done for feedback in told]
    assert steps == sorted(steps)
    assert told[-1].total >= max(steps) > 0
    cell.state("Complete")
    with Journal.open("panda-bench") as journal:
        assert journal.verify() == []
        requested = [event.data["by"] for event in journal.events(kinds=("stop_requested",))]
    assert requested == ["ROS 2, ~/stop"]


def test_a_question_is_answered_and_a_plan_waits_to_be_confirmed(cell: CellClient) -> None:
    from cellwright_msgs.srv import Confirm

    assert cell.tell("What is your status?").kind == "answer"
    told = cell.tell("Build one pegboard with one peg.")
    assert (told.kind, len(told.plan)) == ("plan", 64), told.message
    other = cell.ask(Confirm, "cell/confirm", Confirm.Request(plan="0" * 64))
    assert not other.ok
    assert cell.ask(Confirm, "cell/confirm", Confirm.Request(plan=told.plan)).ok
    cell.state("Execute")


def test_deactivated_it_leaves_the_arm_where_it_stands_until_that_is_acknowledged(cell: CellClient) -> None:
    assert cell.change("deactivate")
    assert "acknowledge" in cell.state("Aborted").message
    assert cell.change("activate")
    assert not cell.order(ORDER).accepted
    assert cell.trigger("acknowledge").success
    cell.state("Idle")


def test_a_cancel_ends_the_order(cell: CellClient) -> None:
    goal = cell.order(ORDER)
    cell.until(lambda: cell.states[-1].step, patience=300)
    cell.until(goal.cancel_goal_async().done)
    status, result = cell.result(goal)
    assert (status, result.exit_code) == (CANCELED, 130)
    assert list(result.outcomes) == ["cancelled"]


@pytest.mark.long  # test_faults kills one that leads an arm
def test_a_killed_node_comes_back_asking_for_acknowledgement_and_knows_what_was_done(tmp_path: Path) -> None:
    need_ros()
    home = tmp_path / "home"
    with cell_process(home, tmp_path, "/killed", cell="panda-bench", world="sim", autostart=True) as node:
        client = CellClient("/killed")
        told: list = []
        client.until(lambda: client.states)
        assert client.order(ORDER, told=told).accepted
        client.until(lambda: told and told[-1].done, patience=300)
        node.kill()
        node.wait()
        client.close()
    with Journal.open("panda-bench", home) as journal:
        died = standing_of(journal)  # it may have gone on after its last word
    assert len(died.done) >= told[-1].done
    with cell_process(home, tmp_path, "/killed", cell="panda-bench", world="sim", autostart=True) as node:
        client = CellClient("/killed")
        left = client.state("Aborted")
        assert f"{len(died.done)} steps done" in left.message
        assert (left.order, left.step) == ("T-1", died.step)
        assert not client.order(ORDER).accepted
        assert client.trigger("acknowledge").success
        client.state("Idle")
        client.close()
        assert ended(node, signal.SIGINT) == 0
    with Journal.open("panda-bench", home) as journal:
        assert journal.verify() == []
        assert standing_of(journal).ready


def test_no_order_moves_a_real_arm_before_its_goal_says_that_the_cell_is_set_up(tmp_path: Path) -> None:
    """There is no arm: what may begin is rehearsed, and looks for it in vain."""
    need_ros()
    pytest.importorskip("pybullet", reason="PyBullet isn't installed: pip install 'cellwright[sim]'")
    home = tmp_path / "home"
    with cell_process(home, tmp_path, "/unset", cell="panda-bench", world="ros2", autostart=True) as node:
        client = CellClient("/unset")
        client.state("Idle")
        status, result = client.result(client.order(ORDER))
        assert (status, result.exit_code) == (ABORTED, 3)
        assert "nobody knows what stands in the cell; change by hand: fixture: clamp" in result.message
        assert result.message.endswith("send the order again with yes: true")
        told = client.tell("Make a pegboard with one 12 mm peg.", yes=True)  # nobody has seen yet what that needs
        assert (told.ok, told.kind) == (True, "plan") and "tray_a: seats for 1 × plate" in told.message
        status, result = client.result(client.order(ORDER, yes=True))
        assert (status, result.exit_code) == (ABORTED, 1) and "there is no sign of" in result.message, result.message
        client.close()
        assert ended(node) == 0
    with Journal.open("panda-bench", home) as journal:
        [setup] = journal.events(kinds=("setup_confirmed",))
    assert (setup.data["order"], setup.data["by"], len(setup.data["instructions"])) == ("T-1", "ROS 2", 3)
