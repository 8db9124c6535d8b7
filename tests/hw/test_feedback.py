"""What a robot tells, in whatever order, rate and completeness."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cells.description.cell import load_cell
from hw.feedback import Feedback
from hw.modes import FRANKA, UR_SAFETY
from hw.names import arm_joints

CELL = load_cell("panda-bench")
ARM, HAND = arm_joints(CELL), CELL.robot_spec.gripper.joints
TICK = 0.004


def states(names: Any, position: Any, stamp: float, velocity: Any = (), effort: Any = ()) -> Any:
    """A joint state as rclpy hands it over."""
    time = SimpleNamespace(sec=int(stamp), nanosec=round(stamp % 1 * 1e9))
    return SimpleNamespace(
        header=SimpleNamespace(stamp=time), name=list(names), position=list(position), velocity=list(velocity),
        effort=list(effort),
    )  # fmt: skip


def test_joints_are_taken_by_name_whatever_else_is_among_them() -> None:
    feedback, names = Feedback(CELL), [*HAND, *ARM[::-1], "lift"]
    values = [0.02, 0.02, *CELL.home[::-1], 1.0]
    feedback.on_joint_states(states(names, values, 5.0, np.arange(10.0), np.arange(10.0)))
    assert feedback.joints is not None and feedback.hand is not None
    assert np.array_equal(feedback.joints.q, CELL.home)
    assert np.array_equal(feedback.joints.qd, np.arange(8.0, 1.0, -1.0))
    assert feedback.hand.width == pytest.approx(0.04)


def test_arm_and_hand_may_be_told_apart_and_without_speeds_or_efforts() -> None:
    feedback = Feedback(CELL)
    feedback.on_joint_states(states(ARM, CELL.home, 5.0))
    assert feedback.hand is None
    assert len(feedback.missing()) == 3 and HAND[0] in feedback.missing()[0]
    feedback.on_joint_states(states(ARM, CELL.home + 0.01, 5.1))
    assert feedback.joints is not None
    assert np.allclose(feedback.joints.qd, 0.1)
    assert np.array_equal(feedback.joints.tau, np.zeros(7)) and math.isnan(feedback.joints.energy)
    feedback.on_joint_states(states(HAND, [0.02, 0.02], 5.0))
    feedback.on_joint_states(states(HAND, [0.01, 0.01], 5.1, [0.0, 0.0]))  # a hand that never tells its speed
    assert feedback.hand is not None
    assert feedback.hand.speed == pytest.approx(-0.2)


def test_work_is_torque_by_speed_over_the_robots_own_time() -> None:
    feedback = Feedback(CELL)
    for k in range(26):
        feedback.on_joint_states(states(ARM, CELL.home, 5.0 + k * TICK, [0.5] * 7, [-2.0] * 7))
    assert feedback.joints is not None
    assert feedback.joints.energy == pytest.approx(7 * 0.5 * 2.0 * 25 * TICK)


def test_a_number_that_is_none_is_handed_on() -> None:
    feedback = Feedback(CELL)
    feedback.on_joint_states(states(ARM, [math.nan] * 7, 5.0, [0.0] * 7))
    assert feedback.joints is not None
    assert np.all(np.isnan(feedback.joints.q))


def felt() -> Any:
    return SimpleNamespace(
        wrench=SimpleNamespace(force=SimpleNamespace(x=0.0, y=0.0, z=1.0), torque=SimpleNamespace(x=0.0, y=0.0, z=0.0))
    )


@pytest.mark.parametrize(
    ("stops", "said"), [("joints", "no_feedback"), ("stamp", "no_feedback"), ("wrench", "no_wrench"), ("", None)]
)
def test_silence_is_noticed_in_ticks_and_so_is_a_stamp_that_does_not_go_on(stops: str, said: str | None) -> None:
    feedback, timeout = Feedback(CELL), CELL.ros2.feedback_timeout_s
    for k in range(round(timeout / TICK) + 30):
        stopped = k > 20
        if not (stopped and stops == "joints"):
            stamp = 5.0 + TICK * (20 if stopped and stops == "stamp" else k)
            feedback.on_joint_states(states([*ARM, *HAND], [*CELL.home, 0.02, 0.02], stamp))
        if not (stopped and stops == "wrench"):
            feedback.on_wrench(felt())
        feedback.pass_time(TICK)
        if k < 20 + round(timeout / TICK) - 2:
            assert feedback.silent() is None
    assert feedback.silent() == said


def test_a_driver_that_is_gone_is_not_taken_for_a_force_sensor_that_is() -> None:
    """Its last wrench came some ticks before its last joint states."""
    feedback, timeout = Feedback(CELL), CELL.ros2.feedback_timeout_s
    said = []
    for k in range(round(timeout / TICK) + 30):
        if k <= 20:
            feedback.on_joint_states(states([*ARM, *HAND], [*CELL.home, 0.02, 0.02], 5.0 + TICK * k))
        if k <= 14:
            feedback.on_wrench(felt())
        feedback.pass_time(TICK)
        said.append(feedback.silent())
    assert set(said) == {None, "no_feedback"}


def test_the_modes_that_drivers_tell_are_running_or_why_not() -> None:
    assert {UR_SAFETY[1], UR_SAFETY[2], FRANKA[2]} == {"running"}
    assert UR_SAFETY[3] == "protective_stop" and FRANKA[4] == "reflex"
