"""The world over ROS 2, against an arm's node without physics in another process: how it is led, and faults."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cells.control.setpoints import Compliant, JointTarget, Segment, Trajectory
from cells.description.cell import LIBRARY, load_cell
from cells.errors import CellwrightError, InputError
from cells.kinematics.chain import load_chain
from cells.kinematics.trajectory import point_to_point, stop_ramp
from cells.ports import ArmReading
from hw.names import arm_joints
from tests.hw.arm_bench import Client, need_ros, process
from tests.hw.attended_run import cell_in, world_of

NAMESPACE = "/led"
LONGEST_S = 30.0  # cell time for anything that should come


CELL = cell_in(NAMESPACE)
CHAIN = load_chain(CELL)
NONE = np.zeros(CHAIN.n)


class Bench:
    """The world, and somebody who turns the node's knobs."""

    def __init__(self, world: Any, client: Client) -> None:
        self.world, self.client = world, client

    def read(self) -> ArmReading:
        reading: ArmReading = self.world.arm.read()
        return reading

    def pass_(self, seconds: float) -> None:
        for _ in range(round(seconds / CELL.tick_s)):
            self.world.clock.advance()

    def until(self, what: Callable[[ArmReading], Any]) -> ArmReading:
        """Let time pass until the arm reads so."""
        began = self.world.clock.now()
        while not what(reading := self.read()):
            assert self.world.clock.now() - began < LONGEST_S, reading
            self.world.clock.advance()
        return reading

    def turn(self, angle: float, speed: float = 0.1) -> Trajectory:
        """Begin to turn the last joint; the motion."""
        start = self.read().q_cmd
        way = point_to_point(CHAIN, start, start + angle * np.eye(CHAIN.n)[-1], speed, CELL.tick_s)
        self.world.arm.command(Segment(way))
        return way

    def back(self) -> None:
        """Acknowledged and at rest: what comes next is taken, and the arm goes home."""
        self.until(lambda arm: arm.mode == "running" or self.world.arm.command(JointTarget(arm.q, NONE)))
        self.until(lambda arm: np.abs(arm.qd).max() < 1e-3)
        start = self.read().q_cmd
        self.world.arm.command(Segment(point_to_point(CHAIN, start, CELL.home + 0.01, 0.5, CELL.tick_s)))
        self.pass_(0.02)
        reading = self.until(lambda arm: not arm.busy)
        assert reading.mode == "running" and np.allclose(reading.q, CELL.home + 0.01, atol=2e-3)


@pytest.fixture(scope="module")
def node() -> Iterator[subprocess.Popen[str]]:
    """A node on its world's own clock, so that a busy machine makes it slow and not late."""
    need_ros()
    with process("hw.nodes.arm_mock", "cell:=panda-bench", "use_sim_time:=true", namespace=NAMESPACE) as started:
        yield started


@pytest.fixture(scope="module")
def bench(node: subprocess.Popen[str]) -> Iterator[Bench]:
    with world_of(CELL) as world, Client(arm_joints(CELL), namespace=NAMESPACE) as client:
        client.ready()
        yield Bench(world, client)


def test_a_window_and_a_cell_that_is_not_led_by_positions_are_refused(node: subprocess.Popen[str]) -> None:
    from hw.world import open_world

    with pytest.raises(InputError, match="no window"):
        open_world(CELL, {}, 0, view=True)
    with pytest.raises(InputError, match="write admittance"):
        open_world(cell_in(NAMESPACE, mode="impedance"), {}, 0)


def test_who_comes_second_is_told_who_leads_the_arm(bench: Bench) -> None:
    from hw.world import open_world

    with pytest.raises(InputError, match=r"the cell 'panda-bench' \(process \d+ on .*\) leads this arm already"):
        open_world(CELL, {}, 0)
    bench.until(lambda arm: arm.mode == "running")


def test_what_is_missing_is_named(node: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from hw import world

    monkeypatch.setattr(world, "OPEN_S", 0.2)
    with pytest.raises(
        CellwrightError, match=r"no sign of the arm's joints panda_joint1, .* on joint_states;"
    ) as error:
        world.open_world(cell_in("/nobody"), {}, 0)
    assert "gripper_controller/gripper_cmd" in str(error.value) and "ros2 in /nobody" in str(error.value)


def test_a_stop_ramp_takes_over_from_a_motion_without_a_jump(bench: Bench) -> None:
    bench.turn(1.0)
    bench.until(lambda arm: abs(arm.qd[-1]) > 0.2)
    path = [bench.read()]
    ramp = stop_ramp(CHAIN, path[0].q_cmd, path[0].qd_cmd, path[0].qdd_cmd, CELL.tick_s)
    bench.world.arm.command(Segment(ramp))
    while bench.read().busy:
        bench.world.clock.advance()
        path.append(bench.read())
    measured = np.array([reading.q[-1] for reading in path])
    most = float(abs(path[0].qd_cmd[-1])) * CELL.tick_s
    assert np.diff(measured).min() > -1e-4  # never back
    assert abs(measured[-1] - ramp.q[-1][-1]) < 2 * most
    assert all(reading.mode == "running" for reading in path)
    bench.back()


def test_a_stream_moves_the_arm_and_what_comes_after_it_begins_where_it_is(bench: Bench) -> None:
    goal = bench.read().q_cmd.copy()
    for _ in range(50):
        goal = goal + 1e-3 * np.eye(CHAIN.n)[-1]
        bench.world.arm.command(JointTarget(goal, 0.25 * np.eye(CHAIN.n)[-1]))
        bench.world.clock.advance()
    bench.pass_(0.1)
    reading = bench.read()
    assert np.allclose(reading.q, goal, atol=1e-6) and np.array_equal(reading.q_cmd, goal)
    assert np.array_equal(reading.qd_cmd, NONE) and not reading.busy
    bench.back()
    with pytest.raises(CellwrightError, match="admittance"):
        bench.world.arm.command(Compliant(reading.tcp, np.zeros(6), np.ones(6), 1.0))


def test_a_protective_stop_ends_the_motion_and_nothing_resumes_when_it_is_released(bench: Bench) -> None:
    bench.turn(1.0)
    bench.until(lambda arm: abs(arm.qd[-1]) > 0.1)
    bench.client.trigger("protective_stop")
    reading = bench.until(lambda arm: arm.mode == "protective_stop")
    bench.world.clock.advance()
    assert not bench.read().busy
    bench.until(lambda arm: np.abs(arm.qd).max() < 1e-3)
    bench.world.arm.command(JointTarget(reading.q + 0.2, NONE))  # a stopped robot gets nothing
    stands = bench.read().q
    bench.client.trigger("release")
    bench.until(lambda arm: arm.mode == "running")
    bench.pass_(0.3)
    assert np.allclose(bench.read().q, stands, atol=1e-6)
    assert np.allclose(bench.read().q_cmd, stands, atol=1e-6)  # replanned from where it is
    bench.back()


def test_states_that_stop_coming_are_noticed_and_the_controller_ends_the_motion(bench: Bench) -> None:
    bench.turn(1.0)
    bench.until(lambda arm: abs(arm.qd[-1]) > 0.1)
    bench.client.set(freeze_feedback=True)
    reading = bench.until(lambda arm: arm.mode != "running")
    assert reading.mode == "no_feedback"
    bench.world.arm.command(JointTarget(reading.q, NONE))
    assert not bench.read().busy
    bench.pass_(0.5)
    bench.client.set(freeze_feedback=False)
    bench.until(lambda arm: arm.mode == "running")
    assert np.abs(bench.read().qd).max() < 1e-3
    bench.back()


def test_a_position_that_is_no_number_is_handed_on(bench: Bench) -> None:
    bench.client.set(nan_positions=True)
    reading = bench.until(lambda arm: np.isnan(arm.q).all())
    assert np.isnan(reading.tcp.xyz).all() and np.isfinite(reading.q_cmd).all()
    bench.client.set(nan_positions=False)
    bench.until(lambda arm: np.isfinite(arm.q).all())
    bench.back()


def test_a_motion_that_is_rejected_is_told_for_a_while(bench: Bench) -> None:
    from hw.arm import TOLD_S

    bench.client.switch("forward_position_controller", "joint_trajectory_controller")  # behind the cell's back
    bench.turn(0.3)
    reading = bench.until(lambda arm: arm.mode != "running")
    assert reading.mode == "motion_rejected" and not reading.busy
    assert bench.read().mode == "motion_rejected"
    time.sleep(TOLD_S)  # nor has time to pass in the cell
    assert bench.read().mode == "running"  # whoever has read it remembers it: it may be acknowledged
    bench.client.switch("joint_trajectory_controller", "forward_position_controller")
    bench.back()


def test_a_stop_ramp_that_comes_too_late_ends_the_motion_all_the_same(bench: Bench) -> None:
    way = bench.turn(1.0)
    ramp = bench_ramp(bench.until(lambda arm: abs(arm.qd[-1]) > 0.2))
    time.sleep(ramp.duration + 0.1)  # as on a busy machine: the controller finds that it was over before it came
    bench.world.arm.command(Segment(ramp))
    reading = bench.until(lambda arm: arm.mode != "running")
    assert reading.mode == "motion_rejected" and not reading.busy
    rest = bench.until(lambda arm: np.abs(arm.qd).max() < 1e-3)
    assert abs(rest.q[-1] - way.q[-1][-1]) > 0.1
    bench.back()


def test_clocks_that_differ_are_told(bench: Bench) -> None:
    bench.client.set(clock_skew_s=5.0)
    bench.until(lambda arm: arm.mode == "clock_mismatch")
    bench.client.set(clock_skew_s=0.0)
    bench.until(lambda arm: arm.mode == "running")
    bench.back()


@pytest.mark.long
def test_a_station_is_taught_by_the_command(bench: Bench, tmp_path: Path) -> None:
    """The tool is led over the fixture, straight down; what its fingers' ends touch is written."""
    from cells.pose import tool_down

    target = CELL.base_pose.inverse().matrix() @ tool_down((0.481, 0.002, 0.15), 0.05).matrix()
    joints, ok = CHAIN.solve(target, CELL.home)
    assert ok
    bench.world.arm.command(Segment(point_to_point(CHAIN, bench.read().q_cmd, joints, 0.5, CELL.tick_s)))
    bench.pass_(0.02)
    bench.until(lambda arm: not arm.busy)
    file = tmp_path / "mine.yaml"
    text = (LIBRARY / "cells" / "panda-bench.yaml").read_text(encoding="utf-8")
    file.write_text(f"{text}ros2: {{namespace: {NAMESPACE}}}\n", encoding="utf-8")
    command = [Path(sys.executable).with_name("cellwright"), "hw", "teach"]
    done = subprocess.run(
        [*command, "fixture", "--cell", file], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    pad = 1000 * CELL.robot_spec.gripper.pad_size[1] / 2
    taught = load_cell(file).stations["fixture"]
    assert np.allclose(taught.xyz_mm, (481.0, 2.0, 150.0 - pad), atol=0.02)
    assert taught.yaw_deg == pytest.approx(np.degrees(0.05), abs=0.02)
    assert "is now" in done.stderr and str(file) in done.stderr
    bench.back()


def test_a_driver_that_dies_is_noticed_and_nothing_waits_for_it(bench: Bench, node: subprocess.Popen[str]) -> None:
    """The last of these tests: the node is gone after it."""
    bench.turn(1.0)
    bench.until(lambda arm: abs(arm.qd[-1]) > 0.1)
    node.send_signal(signal.SIGKILL)
    reading = bench.until(lambda arm: arm.mode != "running")
    assert reading.mode == "no_feedback"
    bench.world.arm.command(Segment(bench_ramp(reading)))
    bench.world.gripper.move(0.02, 0.1, 10.0)
    bench.pass_(0.5)
    assert not bench.read().busy and bench.read().mode == "no_feedback"


def bench_ramp(reading: ArmReading) -> Trajectory:
    return stop_ramp(CHAIN, reading.q_cmd, reading.qd_cmd, reading.qdd_cmd, CELL.tick_s)
