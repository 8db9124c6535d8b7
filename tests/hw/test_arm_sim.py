"""The arm's node before the simulated world: joints with a prefix, the older gripper action, a wrench at the flange."""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cells.description.cell import LIBRARY, load_cell
from cells.products.catalogue import build_variant
from hw.controllers.trajectory import PATH_TOLERANCE_VIOLATED, SUCCESSFUL
from hw.names import arm_joints
from hw.variants import document_of
from tests.hw.arm_bench import Client, end, need_ros, process

ROS2 = """
ros2:
  tf_prefix: left_
  gripper: {kind: command}
  wrench: {frame: flange}
"""
HOME = load_cell("panda-bench").home
HAND_N = 0.73 * 9.80665  # what weighs at the flange, as the robot's URDF says
ABORTED = 6  # action_msgs/GoalStatus


@pytest.fixture(scope="module")
def cell_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cell") / "left.yaml"
    text = (LIBRARY / "cells" / "panda-bench.yaml").read_text(encoding="utf-8")
    path.write_text(text + ROS2, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def arm(cell_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a node that runs while these tests do. At its end nothing is left behind."""
    need_ros()
    pytest.importorskip("pybullet", reason="PyBullet isn't installed: pip install 'cellwright[sim]'")
    scratch = tmp_path_factory.mktemp("scratch")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(scratch))
        with process("hw.nodes.arm_sim", f"cell:={cell_file}", "seed:=3") as node:
            client = Client(arm_joints(load_cell(cell_file)), gripper="command")
            client.ready()
            assert list(scratch.iterdir())  # the world's own files
            yield client
            client.close()
            assert end(node, signal.SIGINT) == 0
            assert list(scratch.iterdir()) == []


def turned(angle: float) -> np.ndarray:
    q = HOME.copy()
    q[6] += angle
    return q


def test_a_goal_reaches_its_end_under_gravity(arm: Client) -> None:
    _, result = arm.result(arm.goal(turned(0.2), 1.0, tolerance=0.05))
    assert (result.error_code, result.error_string) == (SUCCESSFUL, "goal reached")
    assert np.allclose(arm.at_rest(), turned(0.2), atol=2e-3)


def test_a_path_tolerance_that_no_arm_keeps_ends_the_goal_and_the_arm_holds(arm: Client) -> None:
    status, result = arm.result(arm.goal(turned(-0.2), 1.0, tolerance=1e-7))
    assert (status, result.error_code) == (ABORTED, PATH_TOLERANCE_VIOLATED)
    assert "path tolerance violated: left_panda_joint" in result.error_string
    stood = arm.at_rest()
    assert stood[6] > turned(-0.1)[6]


def test_a_stream_moves_the_arm_and_it_holds_when_the_stream_ends(arm: Client) -> None:
    start = arm.at_rest()
    assert arm.switch("forward_position_controller", "joint_trajectory_controller").ok
    arm.stream(*(start + np.eye(7)[6] * 0.002 * k for k in range(1, 41)))
    arm.until(lambda: abs(arm.state()[0][6] - start[6] - 0.08) < 2e-3)
    stood = arm.at_rest()
    arm.pass_(0.3)
    assert np.allclose(arm.state()[0], stood, atol=1e-3)
    assert arm.switch("joint_trajectory_controller", "forward_position_controller").ok


def test_the_hand_goes_to_a_width_and_closes_on_nothing(arm: Client) -> None:
    for position in (0.01, 0.0):
        result = arm.grip(position)
        assert result.reached_goal
        assert result.position == pytest.approx(position, abs=1e-3)


def test_the_wrench_at_the_flange_carries_the_hand(arm: Client) -> None:
    arm.at_rest()
    arm.heard["wrench"].clear()
    messages = arm.until(lambda: len(arm.heard["wrench"]) > 20 and arm.heard["wrench"])
    assert messages[-1].header.frame_id == "left_panda_link8"
    forces = np.array([[m.wrench.force.x, m.wrench.force.y, m.wrench.force.z] for m in messages])
    assert np.linalg.norm(forces.mean(axis=0)) == pytest.approx(HAND_N, abs=0.2)


def test_loading_puts_parts_into_the_world_and_a_taken_slot_is_told(arm: Client) -> None:
    from cellwright_msgs.msg import Part
    from cellwright_msgs.srv import Load

    variant = build_variant("pegboard", {"pegs": 1})
    part = Part(instance="U-1/peg_1", part="peg", variant=variant.hash, station="tray_b", slot=2)
    stranger = Load.Request(what=Load.Request.LOAD, parts=[part])
    assert "isn't known here" in arm.ask(Load, "arm/load", stranger).message
    request = Load.Request(what=Load.Request.LOAD, parts=[part], variants=[document_of(variant)])
    answer = arm.ask(Load, "arm/load", request)
    assert (answer.ok, answer.message) == (True, "")
    assert list(answer.done) == [part]
    arm.heard["parts"].clear()
    [seen] = arm.until(lambda: arm.heard["parts"])[-1].transforms
    slot = load_cell("panda-bench").station("tray_b").slot_pose(2)
    assert (seen.header.frame_id, seen.child_frame_id) == ("world", "U-1/peg_1")
    assert math.dist(slot.xyz[:2], (seen.transform.translation.x, seen.transform.translation.y)) < 5e-3
    other = Part(instance="U-1/peg_2", part="peg", variant=variant.hash, station="tray_b", slot=2)
    taken = arm.ask(Load, "arm/load", Load.Request(what=Load.Request.LOAD, parts=[other]))
    assert (taken.ok, taken.message) == (False, "tray_b/2 is taken by U-1/peg_1")
    assert arm.ask(Load, "arm/load", Load.Request(what=Load.Request.UNLOAD, parts=[part])).ok
    assert arm.ask(Load, "arm/load", Load.Request(what=Load.Request.LOAD, parts=[other])).ok
