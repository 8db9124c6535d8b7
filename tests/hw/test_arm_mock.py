"""The arm's node without physics, as another process on the network sees it."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from cells.description.cell import load_cell
from hw.controllers.trajectory import INVALID_GOAL, SUCCESSFUL
from hw.names import arm_joints
from hw.variants import document_of
from tests.hw.arm_bench import Client, end, need_ros, process
from tests.hw.ros_client import PATIENCE

CELL = load_cell("panda-bench")
JOINTS = arm_joints(CELL)
TRAJECTORY, STREAMING = "joint_trajectory_controller", "forward_position_controller"
# action_msgs/GoalStatus
SUCCEEDED, CANCELED, ABORTED = 4, 5, 6


def turned(angle: float) -> np.ndarray:
    q = CELL.home.copy()
    q[6] += angle
    return q


def seconds(stamp: Any) -> float:
    return float(stamp.sec + stamp.nanosec * 1e-9)


@pytest.fixture(scope="module")
def arm() -> Iterator[Client]:
    """A client of a node that runs while these tests do; its end is the last of them."""
    need_ros()
    with process("hw.nodes.arm_mock", "cell:=panda-bench") as node:
        client = Client(JOINTS)
        client.ready()
        yield client
        handle = client.goal(turned(0.3), 5.0)
        assert handle.accepted
        node.send_signal(signal.SIGTERM)
        status, result = client.result(handle)
        assert (status, result.error_string) == (ABORTED, "the arm's node ends")
        client.close()
        assert node.wait(PATIENCE) == 0


def test_a_goal_reaches_its_end_with_the_joints_named_in_any_order(arm: Client) -> None:
    handle = arm.goal(turned(0.2)[::-1], 0.4, names=JOINTS[::-1])
    assert handle.accepted
    status, result = arm.result(handle)
    assert (status, result.error_code) == (SUCCEEDED, SUCCESSFUL)
    assert np.allclose(arm.at_rest(), turned(0.2), atol=1e-9)


def test_a_newer_goal_replaces_the_older_one(arm: Client) -> None:
    first = arm.goal(turned(0.5), 3.0)
    second = arm.goal(turned(0.0), 0.5)
    status, result = arm.result(first)
    assert (status, result.error_code) == (ABORTED, INVALID_GOAL)
    assert "newer goal" in result.error_string
    assert arm.result(second)[0] == SUCCEEDED
    assert np.allclose(arm.at_rest(), turned(0.0), atol=1e-9)


def test_a_cancelled_goal_leaves_the_arm_at_rest_on_its_way(arm: Client) -> None:
    handle = arm.goal(turned(1.0), 2.0)
    arm.pass_(0.3)
    arm.cancel(handle)
    assert arm.result(handle)[0] == CANCELED
    stood = arm.at_rest()
    arm.pass_(0.2)
    assert np.array_equal(arm.state()[0], stood)
    assert 0.0 < stood[6] - CELL.home[6] < 0.95


def test_a_goal_for_other_joints_is_rejected_and_the_reason_is_on_rosout(arm: Client) -> None:
    assert not arm.goal([0.0] * 7, 1.0, names=("elbow", *JOINTS[1:])).accepted
    reason = "goal rejected: joints: panda_joint1 missing; 'elbow' unknown"
    arm.until(lambda: any(line.msg == reason for line in arm.heard["log"]))


def test_the_topic_moves_the_arm_and_an_empty_trajectory_holds_it(arm: Client) -> None:
    start = arm.at_rest()
    target = start.copy()
    target[6] -= 0.6
    arm.trajectories.publish(arm.trajectory(target, 1.5))
    arm.until(lambda: arm.state()[0][6] < start[6] - 0.05)
    arm.trajectories.publish(type(arm.trajectory(target, 1.0))())
    stood = arm.at_rest()
    assert target[6] + 0.02 < stood[6] < start[6]


def test_a_stream_moves_the_arm_once_its_controller_is_active_and_holds_when_it_ends(arm: Client) -> None:
    start = arm.at_rest()
    steps = [start + np.eye(7)[6] * 0.005 * k for k in range(1, 21)]
    arm.stream(*steps[:3])
    assert np.array_equal(arm.at_rest(), start)  # its controller isn't active
    refused = arm.switch(STREAMING, "nobody")
    assert not refused.ok
    assert "nobody" in refused.message
    assert arm.switch(STREAMING, TRAJECTORY).ok
    assert not arm.goal(turned(0.0), 1.0).accepted
    arm.stream(*steps)
    arm.until(lambda: np.allclose(arm.state()[0], steps[-1]))
    arm.pass_(0.2)
    assert np.allclose(arm.state()[0], steps[-1])
    assert arm.switch(TRAJECTORY, STREAMING).ok


def test_the_hand_goes_to_a_width_and_tells_it_in_the_joint_states(arm: Client) -> None:
    result = arm.grip(0.012)
    assert result.reached_goal
    assert not result.stalled
    assert result.state.position[0] == pytest.approx(0.012, abs=1e-3)
    arm.heard["states"].clear()
    message = arm.until(lambda: arm.heard["states"])[-1]
    fingers = [message.position[list(message.name).index(f"panda_finger_joint{i}")] for i in (1, 2)]
    assert fingers == pytest.approx([0.012, 0.012], abs=1e-3)


def test_a_protective_stop_aborts_the_goal_and_nothing_resumes_after_it(arm: Client) -> None:
    handle = arm.goal(turned(0.8), 2.0)
    arm.pass_(0.2)
    assert arm.trigger("protective_stop").success
    arm.until(lambda: arm.heard["mode"] and arm.heard["mode"][-1].data == "protective_stop")
    status, result = arm.result(handle)
    assert status == ABORTED
    assert "protective stop" in result.error_string
    stood = arm.at_rest()
    assert not arm.goal(turned(0.0), 0.5).accepted
    arm.trigger("release")
    arm.until(lambda: arm.heard["mode"][-1].data == "running")
    arm.pass_(0.2)
    assert np.array_equal(arm.state()[0], stood)
    assert arm.result(arm.goal(turned(0.0), 0.5))[0] == SUCCEEDED


def test_stamps_are_this_computers_time_and_the_clock_goes_as_fast(arm: Client) -> None:
    arm.heard["states"].clear()
    assert abs(time.time() - seconds(arm.until(lambda: arm.heard["states"])[-1].header.stamp)) < 2.0
    arm.heard["clock"].clear()
    first, began = seconds(arm.until(lambda: arm.heard["clock"])[0].clock), time.monotonic()
    arm.until(lambda: seconds(arm.heard["clock"][-1].clock) > first + 0.6)
    assert time.monotonic() - began > 0.4  # what was late may be caught up with, by a little
    [answer] = arm.set(clock_skew_s=5.0)
    assert answer.successful
    arm.until(lambda: seconds(arm.heard["states"][-1].header.stamp) > time.time() + 3.0)
    arm.set(clock_skew_s=0.0)


def test_knobs_freeze_spoil_and_reorder_what_is_told(arm: Client) -> None:
    assert arm.set(nan_positions=True)[0].successful
    arm.until(lambda: math.isnan(arm.state()[0][0]))
    arm.set(nan_positions=False)
    names = [*JOINTS, "panda_finger_joint1", "panda_finger_joint2"]
    arm.set(joint_order=",".join(reversed(names)))
    arm.until(lambda: list(arm.heard["states"][-1].name) == names[::-1])
    arm.until(lambda: np.allclose(arm.state()[0], turned(0.0), atol=1e-6))  # by name, all the same
    arm.set(joint_order="")
    arm.set(freeze_feedback=True)
    arm.until(lambda: not arm.heard_within(0.3, "states"))
    assert arm.heard_within(0.1, "clock")
    arm.set(freeze_feedback=False)
    arm.until(lambda: arm.heard_within(0.1, "states"))


def test_a_bad_parameter_is_refused_with_the_reason(arm: Client) -> None:
    share, order, seed = arm.set(drop_share=1.5, joint_order="panda_joint1", seed=3)
    assert not arm.set(joint_order=3)[0].successful
    assert not share.successful
    assert "range" in share.reason
    assert order.reason == "isn't an order of the 9 joints that are told"
    assert "read-only" in seed.reason


def test_loading_parts_is_said_to_be_done_and_an_unknown_variant_is_told(arm: Client) -> None:
    from cellwright_msgs.msg import Part
    from cellwright_msgs.srv import Load

    from cells.products.catalogue import build_variant

    variant = build_variant("pegboard", {"pegs": 1})
    part = Part(instance="U-1/peg_1", part="peg", variant=variant.hash, station="tray_b", slot=2)
    request = Load.Request(what=Load.Request.LOAD, parts=[part], variants=[document_of(variant)])
    answer = arm.ask(Load, "arm/load", request)
    assert answer.ok
    assert list(answer.done) == [part]
    refused = arm.ask(Load, "arm/load", Load.Request(variants=["{}"]))
    assert not refused.ok
    assert "variant: is another document" in refused.message


@pytest.mark.long
def test_a_world_that_cannot_keep_up_says_so_and_tells_its_own_time() -> None:
    need_ros()
    with process("hw.nodes.arm_mock", "cell:=panda-bench", "rate:=100.0", namespace="/hurried") as node:
        client = Client(JOINTS, namespace="/hurried")
        client.ready()
        client.until(lambda: any("can't keep up" in line.msg for line in client.heard["log"]))
        assert seconds(client.heard["states"][-1].header.stamp) < 1e6
        client.close()
        assert end(node, signal.SIGINT) == 0


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("cell:=nowhere", "no cell is called 'nowhere'"),
        ("tf_prefix:=a/b", "parameter tf_prefix: 'a/b' is no prefix"),
        ("rate:=-1.0", "parameter rate: is out of range"),
        ("rate:=fast", "parameter rate: isn't a float; write it as -p rate:=1.0"),
        ("joint_state_hz:=400", "more than the 250 control ticks a second"),
    ],
)
def test_a_node_that_cannot_start_says_why_in_a_line(word: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    need_ros()
    from hw.nodes.arm_mock import main

    assert main(["--ros-args", "-p", "cell:=panda-bench", "-p", word]) == 2
    assert said in capsys.readouterr().err
