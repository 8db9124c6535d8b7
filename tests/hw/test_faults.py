"""What can go wrong between a cell and its arm, each through a run of an order: the arm comes to rest in time, the
journal names the cause, a person is told what to do, and it goes on after that. No word of it is waited for for ever.

docs/integrators.md has the same as a table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cells.errors import InputError
from cells.journal.store import Journal
from cells.runtime.remedies import remedy_of
from cells.runtime.standing import standing_of
from hw.names import arm_joints, fingers
from tests.conftest import ORDER
from tests.hw.arm_bench import Client, need_ros, process
from tests.hw.attended_run import BUSY, MOVING, Run, cell_in, world_of
from tests.hw.cell_bench import CellClient, cell_process, ended
from tests.hw.test_ros2_order import NAMESPACE as ORDERED
from tests.hw.test_ros2_order import Operator, cell_file

NAMESPACE = "/faults"
CELL = cell_in(NAMESPACE)
JOINTS = arm_joints(CELL)
REVERSED = ",".join([*arm_joints(CELL), *fingers(CELL).joints][::-1])
# In s of the cell's time: from the fault, asked for by a service, to the guard's trip; from there until the cell waits.
NOTICED_S, RESTED_S = 0.6, 1.0
UNSEEN_S = 3.5  # where nobody tells the cell that the arm rests
SUCCEEDED = 4  # action_msgs/GoalStatus
SILENT = "robot_no_feedback", "robot_no_wrench"  # both stop coming: whichever has been away for too long first

LONG = pytest.mark.long  # there are many, and each takes a run of its own


class Bench:
    """The world that orders run in, and somebody who does things to its arm."""

    def __init__(self, node: subprocess.Popen[bytes], world: Any, client: Client) -> None:
        self.node, self.world, self.client = node, world, client
        self._claims: Any = None

    def set(self, **values: Any) -> None:
        """Turn a knob of the arm's node."""
        [answer] = self.client.set(**values)
        assert answer.successful, answer.reason

    def switch(self) -> None:
        """Change the active controller, behind the cell's back."""
        assert self.client.switch("forward_position_controller", "joint_trajectory_controller").ok

    def claim(self) -> None:
        """Another cell, which has led this arm for longer, says so once."""
        from std_msgs.msg import String

        if self._claims is None:
            from hw.claim import TOPIC, quality

            self._claims = self.client.node.create_publisher(String, TOPIC, quality())
            self.client.until(self._claims.get_subscription_count)
        other = {"id": "0", "cell": "the-other", "host": "there", "process": 1, "since": 0.0}
        self._claims.publish(String(data=json.dumps(other)))


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """An arm on its world's own clock, so that a busy machine makes it slow and not late."""
    need_ros()
    words = "cell:=panda-bench", "use_sim_time:=true"
    with (
        process("hw.nodes.arm_mock", *words, namespace=NAMESPACE) as node,
        world_of(CELL) as world,
        Client(JOINTS, namespace=NAMESPACE) as client,
    ):
        client.ready()
        yield Bench(node, world, client)


@dataclass(frozen=True)
class Fault:
    """``act`` lets it happen, in the middle of a motion unless ``before`` it; one of the ``causes`` is named for it;
    ``undo`` is what the remedy says."""

    causes: tuple[str, ...]
    act: Callable[[Bench], object]
    undo: Callable[[Bench], object]
    before: bool = False
    rested_s: float = RESTED_S


def knob(name: str, on: Any, off: Any, *causes: str, rested_s: float = RESTED_S) -> Fault:
    """A fault that a knob of the arm's node turns on and off."""
    act, undo = (lambda bench, value=value: bench.set(**{name: value}) for value in (on, off))
    return Fault(causes, act, undo, rested_s=rested_s)


FAULTS = [
    pytest.param(knob("freeze_feedback", True, False, "robot_no_feedback", rested_s=UNSEEN_S), id="frozen states"),
    pytest.param(knob("nan_positions", True, False, "reading_not_a_number"), id="NaN"),
    pytest.param(
        Fault(
            ("robot_protective_stop",),
            lambda bench: bench.client.trigger("protective_stop"),
            lambda bench: bench.client.trigger("release"),
        ),
        id="protective stop",
    ),
    pytest.param(knob("delay_s", 0.2, 0.0, *SILENT, rested_s=UNSEEN_S), id="200 ms later", marks=LONG),
    pytest.param(knob("drop_share", 0.98, 0.0, *SILENT, rested_s=UNSEEN_S), id="nearly all lost", marks=LONG),
    pytest.param(knob("hold_arm", True, False, "robot_path_tolerance"), id="held up", marks=LONG),
    pytest.param(knob("clock_skew_s", 5.0, 0.0, "robot_clock_mismatch"), id="clocks 5 s apart", marks=LONG),
    pytest.param(Fault(("robot_claimed_elsewhere",), Bench.claim, lambda _: None), id="claimed by another", marks=LONG),
    pytest.param(
        Fault(
            ("robot_motion_rejected",),
            Bench.switch,
            lambda _: None,  # the cell changes it back
            before=True,
        ),
        id="goal rejected",
        marks=LONG,
    ),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_the_arm_rests_the_journal_says_why_and_it_goes_on_once_that_is_seen_to(
    bench: Bench, fault: Fault, tmp_path: Path
) -> None:
    happened: list[float] = []

    def act() -> None:
        happened.append(bench.world.clock.now())
        fault.act(bench)

    if fault.before:
        act()
    with Run(CELL, bench.world, tmp_path) as run:
        tripped = run.suffers(None if fault.before else act, lambda: fault.undo(bench))
        assert tripped.cause in fault.causes
        assert fault.before or tripped.at - happened[-1] < NOTICED_S
        assert tripped.rested - tripped.at < fault.rested_s
        assert any(remedy_of(tripped.cause) in line for line in run.said)
        fault.undo(bench)
        bench.client.until(lambda: np.isfinite(bench.client.state()[0]).all())
        stood = bench.client.at_rest()
        bench.client.pass_(0.2)
        assert np.allclose(bench.client.state()[0], stood, atol=1e-6)  # nothing goes on by itself
        run.go_on()
        run.until(run.moves)
    assert run.verdict == "stopped"
    with Journal.open(CELL.name, tmp_path) as journal:
        kinds = [event.kind for event in journal.events() if "_requested" in event.kind or event.kind == "acknowledged"]
    assert kinds[-3:] == ["acknowledged", "resume_requested", "stop_requested"]


@LONG
def test_states_that_stay_late_keep_the_arm_where_it_is(bench: Bench, tmp_path: Path) -> None:
    """They come all the time, 200 ms after they were measured; /clock tells."""
    bench.set(delay_s=0.2)
    with Run(CELL, bench.world, tmp_path) as run:
        run.until(lambda: run.state() == "Aborted")
        answer = run.until(lambda: "late_feedback" in (said := run.ask("acknowledge")).get("what", "") and said)
        assert not answer["ok"] and "too late" in answer["what"]
        bench.set(delay_s=0.0)
        run.go_on()
        run.until(run.moves)


@LONG
def test_a_second_cell_is_refused_and_the_first_one_s_order_goes_on(bench: Bench, tmp_path: Path) -> None:
    with Run(CELL, bench.world, tmp_path) as run:
        run.until(run.moves)
        with pytest.raises(InputError, match="leads this arm already"), world_of(CELL):
            pass
        run.until(lambda: run.moves() or run.state() == "Aborted")
        assert all(trip.cause == BUSY for trip in run.trips())


def test_a_driver_that_is_killed_is_named_and_the_order_can_be_left(bench: Bench, tmp_path: Path) -> None:
    """The last of the tests with this arm."""
    with Run(CELL, bench.world, tmp_path) as run:
        tripped = run.suffers(bench.node.kill, lambda: None)
        assert tripped.cause == "robot_no_feedback"
        assert tripped.rested - tripped.at < UNSEEN_S
        answer = run.ask("acknowledge")
        assert not answer["ok"] and remedy_of("robot_no_feedback") in answer["what"]
    assert run.verdict == "stopped"


@pytest.fixture
def domain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network on which none of the other arms of this file tells its time."""
    need_ros()
    monkeypatch.setenv("ROS_DOMAIN_ID", str(101 + int(os.environ["ROS_DOMAIN_ID"])))


def sim(namespace: str, *words: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """A simulated arm on its world's own clock."""
    pytest.importorskip("pybullet", reason="PyBullet isn't installed: pip install 'cellwright[sim]'")
    return process("hw.nodes.arm_sim", "cell:=panda-bench", "use_sim_time:=true", *words, namespace=namespace)


def test_a_cell_that_is_killed_leaves_an_arm_that_ends_its_motion_and_comes_back_asking(
    domain: None, tmp_path: Path
) -> None:
    file, home = cell_file(tmp_path / "cell.yaml", "led-bench"), tmp_path / "home"
    (tmp_path / "order.yaml").write_text(ORDER, encoding="utf-8")
    words = "run", "order.yaml", "--cell", file, "--world", "ros2", "--no-rehearse", "--yes"
    with sim(ORDERED, "rate:=2.0"), Client(JOINTS, namespace=ORDERED) as arm:
        arm.ready()
        run = subprocess.Popen(
            [Path(sys.executable).with_name("cellwright"), *map(str, words)],
            cwd=tmp_path, env=os.environ | {"CELLWRIGHT_HOME": str(home)}, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            with Operator("led-bench", home):
                arm.until(lambda: done_by(home) and np.abs(arm.state()[1]).max() > MOVING, patience=240)
                run.kill()
        finally:
            run.kill()
            run.wait()
        stood = arm.at_rest()
        assert arm.until(lambda: arm.heard["goals"])[-1].status_list[-1].status == SUCCEEDED
        arm.pass_(0.2)
        assert np.allclose(arm.state()[0], stood, atol=1e-3)
    done = done_by(home)
    with (
        cell_process(home, tmp_path, ORDERED, cell=file, autostart=True) as node,
        CellClient(ORDERED) as client,
    ):
        left = client.state("Aborted")
        assert left.order == "T-1" and f"{len(done)} steps done" in left.message
        assert not client.order(ORDER).accepted
        assert client.trigger("acknowledge").success
        client.state("Idle")
        assert ended(node) == 0
    with Journal.open("led-bench", home) as journal:
        assert journal.verify() == []
        assert standing_of(journal).ready


def done_by(home: Path) -> frozenset[str]:
    """The steps that are done, by the journal."""
    with Journal.open("led-bench", home) as journal:
        return standing_of(journal).done


@LONG
@pytest.mark.parametrize("knob", ["drop_share:=0.2", f"joint_order:='{REVERSED}'"])
def test_some_lost_messages_or_another_order_of_joints_make_no_difference(
    domain: None, knob: str, tmp_path: Path
) -> None:
    with sim(NAMESPACE, "rate:=1.0", knob), world_of(CELL) as world, Run(CELL, world, tmp_path) as run:
        assert run.finish() == "good", run.said
        assert all(trip.cause == BUSY for trip in run.trips())


@LONG
def test_two_cells_in_two_namespaces_work_side_by_side_and_one_s_stop_is_its_own(domain: None, tmp_path: Path) -> None:
    """Both live by this computer's time: there is one /clock on a network."""
    cells = {name: cell_in(f"/{name}") for name in ("left", "right")}
    with ExitStack() as stack:
        for name in cells:
            stack.enter_context(process("hw.nodes.arm_mock", "cell:=panda-bench", namespace=f"/{name}"))
        worlds = {name: stack.enter_context(world_of(cell)) for name, cell in cells.items()}
        left, right = (stack.enter_context(Run(cells[name], worlds[name], tmp_path / name, name)) for name in cells)
        for run in (left, right):
            run.until(lambda run=run: run.moves() or run.go_on_if_busy())
        assert left.ask("stop")["ok"]
        left.until(lambda: left.state() == "Stopped")
        stood = worlds["left"].arm.read().q
        for _ in range(3):
            right.until(lambda: right.moves() or right.go_on_if_busy())
            right.until(lambda: not right.moves() or right.go_on_if_busy())
        assert np.allclose(worlds["left"].arm.read().q, stood, atol=1e-3)
        assert left.state() == "Stopped"
        assert all(trip.cause == BUSY for run in (left, right) for trip in run.trips())
