"""The runner with an arm that tracks perfectly: who has it when, and how it comes to rest."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cells.control.setpoints import Compliant, JointTarget, Segment
from cells.description.cell import Cell, load_cell
from cells.kinematics.chain import Chain, load_chain
from cells.kinematics.trajectory import point_to_point
from cells.ports import DriverReading, GripperReading, Reading
from cells.pose import Array
from cells.runtime.packml import State
from cells.runtime.requests import Request
from cells.runtime.runner import Ending, Runner
from cells.skills.contract import Command, Spin
from tests.unit.perfect_world import TICK, PerfectWorld

SWING = 0.5  # rad/s, amplitude of the motion's speed
SPRING = np.array([1500.0] * 3 + [25.0] * 3)


@dataclass
class Swing:
    """Work without end: the first joint swings, or the tool is pressed on something that isn't there."""

    world: PerfectWorld
    soft: bool = False
    command: Command = None
    closed: bool = False
    cancelled: bool = False
    fault: Exception | None = None
    home: Array = field(init=False)

    def __post_init__(self) -> None:
        self.home = self.world.q.copy()

    def advance(self, reading: Reading) -> bool:
        if self.fault and reading.tick > 60:
            raise self.fault
        if self.cancelled:
            return True
        if self.soft:
            self.command = Compliant(reading.arm.tcp.shifted(dz=-0.008), np.zeros(6), SPRING, 25.0)
            return False
        q, qd = self.home.copy(), np.zeros(7)
        # Twice integrated from a jerk within the limits, starting at rest.
        phase = 4 * (reading.time + TICK)
        q[0] += SWING / 4 * (phase - math.sin(phase)) / 4
        qd[0] = SWING / 4 * (1 - math.cos(phase))
        self.command = JointTarget(q, qd)
        return False

    def cancel(self) -> None:
        self.cancelled = True

    def close(self) -> None:
        self.closed = True

    def status(self) -> dict[str, Any]:
        return {"step": "swing"}


class Script:
    """Requests at given ticks; then, while the cell waits, one after another."""

    def __init__(self, world: PerfectWorld, at: dict[int, str], waiting: list[str]) -> None:
        self._world, self._at, self._waiting = world, at, waiting
        self.answers: list[tuple[str, Any]] = []
        self.taken: dict[str, int] = {}

    def poll(self, wait_s: float = 0.0) -> Request | None:
        word = self._waiting.pop(0) if wait_s and self._waiting else self._at.pop(self._world.ticks, None)
        if word is None:
            return None
        self.taken.setdefault(word, self._world.ticks)
        said = word
        return Request(word, "test", lambda answer: self.answers.append((said, answer)))  # type: ignore[arg-type]


@dataclass
class Scene:
    world: PerfectWorld
    work: Swing
    script: Script
    runner: Runner
    events: list[tuple[str, dict[str, Any]]]

    def states(self) -> list[str]:
        return [data["state"] for kind, data in self.events if kind == "state_changed"]


Make = Callable[..., Scene]


@pytest.fixture(scope="module")
def cell() -> Cell:
    return load_cell("panda-bench")


@pytest.fixture(scope="module")
def chain(cell: Cell) -> Chain:
    return load_chain(cell)


@pytest.fixture
def scene(cell: Cell, chain: Chain) -> Make:
    def make(at: dict[int, str], waiting: list[str], **work: Any) -> Scene:
        world = PerfectWorld(chain, cell.home)
        script, events = Script(world, at, waiting), []
        doing = Swing(world, **work)
        runner = Runner(cell, chain, world, lambda kind, data: events.append((kind, data)), script, lambda _text: None)
        runner.start()
        return Scene(world, doing, script, runner, events)

    return make


def test_the_driver_is_told_to_turn_is_read_and_stops_with_the_arm(cell: Cell, chain: Chain) -> None:
    world, told = PerfectWorld(chain, cell.home), []
    reading = DriverReading(1.0, 0.2, False)
    world.driver = SimpleNamespace(read=lambda: reading, turn=lambda *words: told.append((world.ticks, *words)))
    work = Swing(world)
    work.advance = lambda read: setattr(work, "command", Spin(30.0, 1.0) if read.tick == 10 else None)  # type: ignore
    runner = Runner(cell, chain, world, lambda *_: None, Script(world, {60: "stop"}, ["leave"]), lambda _: None)
    runner.start()
    assert runner.run(work) is Ending.LEFT
    assert told == [(10, 30.0, 1.0), (60, 0.0, 0.0)]
    assert runner.read().driver == reading


@pytest.mark.parametrize("tick", [60, 150, 233])
def test_a_stop_ramps_down_at_once_and_within_the_jerk_limits(scene: Make, chain: Chain, tick: int) -> None:
    made = scene({tick: "stop"}, ["acknowledge", "resume"])
    assert made.runner.run(made.work) is Ending.INTERRUPTED
    assert made.work.closed
    ramp = [setpoint for sent, setpoint in made.world.sent if sent >= made.script.taken["stop"]]
    assert min(sent for sent, _ in made.world.sent if sent >= tick) - made.script.taken["stop"] < 2
    speeds = np.array([s.qd for _, s in made.world.sent if isinstance(s, JointTarget)])
    places = np.array([s.q for _, s in made.world.sent if isinstance(s, JointTarget)])
    assert np.abs(np.diff(speeds[:, 0])).max() / TICK <= chain.qdd_max[0] * 1.01
    assert np.abs(np.diff(speeds[:, 0], n=2)).max() / TICK**2 <= chain.qddd_max[0] * 1.01
    assert np.abs(np.diff(places, axis=0)).max() <= SWING * TICK * 1.1
    assert isinstance(ramp[-1], JointTarget) and np.all(ramp[-1].qd == 0)


def test_where_a_motion_runs_the_ramp_is_a_motion_that_takes_over_from_it(scene: Make, chain: Chain) -> None:
    made = scene({70: "stop"}, ["acknowledge", "resume"])
    way = point_to_point(chain, made.work.home, made.work.home + 0.15, 0.3, TICK)

    def advance(reading: Reading) -> bool:
        made.work.command = Segment(way) if reading.tick == 10 else None
        return False

    made.work.advance = advance  # type: ignore[method-assign]
    assert made.runner.run(made.work) is Ending.INTERRUPTED
    [_, (sent, ramp)] = made.world.sent
    assert isinstance(ramp, Segment) and sent == made.script.taken["stop"]
    begins = round(sent - 10)
    assert np.allclose(ramp.trajectory.q[0], way.q[begins]) and np.allclose(ramp.trajectory.qd[0], way.qd[begins])
    assert np.all(ramp.trajectory.qd[-1] == 0.0) and np.all(made.world.qd == 0.0)


def test_nothing_resumes_before_it_is_acknowledged(scene: Make) -> None:
    made = scene({60: "stop"}, ["resume", "pause", "acknowledge", "resume"])
    assert made.runner.run(made.work) is Ending.INTERRUPTED
    assert [(word, answer["ok"]) for word, answer in made.script.answers] == [
        ("stop", True), ("resume", False), ("pause", False), ("acknowledge", True), ("resume", True),
    ]  # fmt: skip
    assert "acknowledge first" in made.script.answers[1][1]["what"]
    assert made.states()[2:] == ["Stopping", "Stopped", "Resetting", "Idle", "Starting", "Execute"]


def test_a_pause_holds_and_resumes_without_acknowledgement(scene: Make) -> None:
    made = scene({60: "pause"}, ["status", "resume"])
    assert made.runner.run(made.work) is Ending.INTERRUPTED
    assert made.states()[2:] == ["Holding", "Held", "Unholding", "Execute"]
    status = dict(made.script.answers)["status"]
    assert status["state"] == "Held" and status["step"] == "swing"


def test_in_contact_the_spring_goes_to_the_tool_and_never_jumps(scene: Make) -> None:
    made = scene({60: "stop"}, ["acknowledge", "resume"], soft=True)
    made.runner.run(made.work)
    poses = [s.pose.xyz for _, s in made.world.sent if isinstance(s, Compliant)]
    steps = [math.dist(a, b) for a, b in pairwise(poses)]
    assert len(poses) == len(made.world.sent)
    assert max(steps) <= 0.025 * TICK
    assert math.dist(poses[-1], made.world.arm.read().tcp.xyz) * SPRING[0] < 2.5
    assert all(s.force_limit == 25.0 for _, s in made.world.sent if isinstance(s, Compliant))


def test_a_guard_trip_aborts_and_names_its_cause(scene: Make) -> None:
    made = scene({}, ["resume", "acknowledge", "cancel"])
    made.world.push = 100.0
    assert made.runner.run(made.work) is Ending.CANCELLED
    trips = [data for kind, data in made.events if kind == "guard_tripped"]
    assert trips == [{"cause": "force", "value": 100.0, "limit": 40.0}]
    assert made.states()[2:] == [
        "Aborting", "Aborted", "Clearing", "Stopped", "Resetting", "Idle", "Completing",
    ]  # fmt: skip
    assert not made.script.answers[0][1]["ok"]


def test_an_aborted_cell_says_why_and_what_to_do(cell: Cell, chain: Chain) -> None:
    world, said = PerfectWorld(chain, cell.home), []
    world.mode = "no_feedback"
    script = Script(world, {}, ["status", "acknowledge", "leave"])
    runner = Runner(cell, chain, world, lambda *_: None, script, said.append)
    runner.start()
    assert runner.run(Swing(world)) is Ending.LEFT
    remedy = "see that the robot's driver runs"
    assert "aborted (robot no feedback)" in said[-1] and remedy in said[-1] and "acknowledge" in said[-1]
    answers = dict(script.answers)
    assert remedy in answers["status"]["remedy"]
    assert not answers["acknowledge"]["ok"] and remedy in answers["acknowledge"]["what"]


def test_a_latch_does_not_open_while_the_robot_itself_is_stopped(scene: Make) -> None:
    made = scene({}, ["acknowledge", "cancel"])
    made.world.mode = "protective_stop"
    assert made.runner.run(made.work) is Ending.LEFT
    word, answer = made.script.answers[0]
    assert word == "acknowledge" and not answer["ok"] and "protective_stop" in answer["what"]
    assert made.runner.cancelled


def test_an_emergency_stop_overtakes_a_pause(scene: Make) -> None:
    made = scene({150: "pause", 152: "emergency_stop"}, ["acknowledge", "resume"])
    made.runner.run(made.work)
    assert made.states()[2:6] == ["Holding", "Aborting", "Aborted", "Clearing"]


@pytest.mark.parametrize(
    ("first", "then", "rests"),
    [("pause", "stop", "Stopped"), ("pause", "emergency_stop", "Aborted"), ("stop", "emergency_stop", "Aborted")],
)
def test_a_stop_of_an_arm_at_rest_has_come_to_its_end(scene: Make, first: str, then: str, rests: str) -> None:
    made = scene({60: first}, [then, "acknowledge", "stop", "cancel"])
    assert made.runner.run(made.work) is Ending.LEFT
    assert all(answer["ok"] for _, answer in made.script.answers)
    assert rests in made.states()
    assert made.runner.state is State.STOPPED


def test_a_stopped_order_can_be_ended_where_it_stands(scene: Make) -> None:
    made = scene({60: "stop"}, ["cancel"])
    assert made.runner.run(made.work) is Ending.LEFT
    assert made.runner.cancelled and made.runner.state is State.STOPPED


def test_a_second_interrupt_leaves_once_the_arm_is_at_rest(scene: Make) -> None:
    made = scene({60: "stop", 61: "leave"}, [])
    assert made.runner.run(made.work) is Ending.LEFT
    assert not made.runner.cancelled and np.all(made.world.qd == 0)


def test_a_cancel_lets_the_work_tidy_up_and_brings_the_arm_to_rest(scene: Make) -> None:
    made = scene({60: "cancel"}, [])
    assert made.runner.run(made.work) is Ending.CANCELLED
    assert made.runner.state is State.COMPLETING and np.all(made.world.qd == 0)


def test_a_fault_in_a_skill_is_shown_after_the_arm_is_at_rest(scene: Make) -> None:
    made = scene({}, [], fault=ZeroDivisionError("a skill's mistake"))
    with pytest.raises(ZeroDivisionError):
        made.runner.run(made.work)
    assert np.all(made.world.qd == 0) and made.world.sent[-1][0] > 60


def test_a_journal_that_fails_does_not_leave_the_arm_moving(scene: Make) -> None:
    made = scene({60: "stop"}, [])

    def full(_kind: str, _data: dict[str, Any]) -> None:
        raise OSError("no space left on device")

    made.runner._emit = full
    with pytest.raises(OSError, match="no space"):
        made.runner.run(made.work)
    assert np.all(made.world.qd == 0) and made.world.sent[-1][0] > 60 and made.work.closed


@pytest.mark.parametrize(("force", "halted"), [(40.0, False), (0.3, True)], ids=["trembling grip", "on their way"])
def test_a_stop_halts_fingers_on_their_way_and_lets_a_grip_be(scene: Make, force: float, halted: bool) -> None:
    made = scene({150: "stop"}, ["acknowledge", "resume"])
    reads = iter([GripperReading(0.036, -0.006, force, False)] * 200)
    made.world.gripper.read = lambda: next(reads, GripperReading(0.036, 0.0, force, True))
    before = len(made.world.grips)
    assert made.runner.run(made.work) is Ending.INTERRUPTED
    assert (len(made.world.grips) > before) is halted
