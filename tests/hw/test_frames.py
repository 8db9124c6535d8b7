"""Frames that the cell's node tells, against the kinematics that the cell moves by."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from cells.description.cell import Cell, list_cells, load_cell
from cells.kinematics.chain import load_chain
from cells.pose import Pose
from hw.names import arm_joints, fingers
from hw.nodes.frames import RobotFrames, robot_description, station_frames


def with_names(cell: Cell, **names: object) -> Cell:
    return cell.model_copy(update={"ros2": cell.ros2.model_copy(update=names)})


def in_world(frames: list, child: str) -> Pose:
    """Follow the tree upwards from a link."""
    by_child = {frame.child: frame for frame in frames}
    pose = Pose()
    while child in by_child:
        pose = by_child[child].pose @ pose
        child = by_child[child].parent
    assert child == "world"
    return pose


@pytest.mark.parametrize("name", list_cells())
def test_the_tool_is_where_the_kinematics_say(name: str) -> None:
    cell = with_names(load_cell(name), tf_prefix="left_")
    chain = load_chain(cell)
    q = cell.home + np.linspace(-0.3, 0.3, chain.n)
    hand = fingers(cell)
    positions = dict(zip(arm_joints(cell), q.tolist(), strict=True)) | {hand.joints[0]: hand.position(0.03)}
    frames = RobotFrames(cell).at(positions)
    tcp = in_world(frames, f"left_{cell.robot_spec.tcp_link}")
    there = cell.base_pose.matrix() @ chain.fk(q)
    assert np.allclose(tcp.matrix(), there, atol=1e-9)
    assert len({frame.child for frame in frames}) == len(frames)


def test_a_joint_that_is_not_told_has_no_frame() -> None:
    cell = load_cell("panda-bench")
    frames = RobotFrames(cell).at({"panda_joint1": 0.1, "panda_joint2": float("nan")})
    children = {frame.child for frame in frames}
    assert "panda_link1" in children
    assert "panda_link2" not in children
    assert "panda_leftfinger" not in children


def test_stations_stand_where_the_cell_says() -> None:
    cell = load_cell("ur5e-bench")
    told = {frame.child: cell.base_pose @ frame.pose for frame in station_frames(cell)}
    for name, station in cell.stations.items():
        assert np.allclose(told[name].matrix(), station.pose.matrix(), atol=1e-12)


def test_the_description_has_the_names_of_the_network() -> None:
    cell = load_cell("panda-bench")
    names = tuple(f"fr3_joint{number}" for number in range(1, 8))
    root = ElementTree.fromstring(robot_description(with_names(cell, tf_prefix="left_", joints=names)))
    joints = [joint.get("name") for joint in root.findall("joint")]
    assert joints[:7] == [f"left_{name}" for name in names]
    links = {link.get("name") for link in root.findall("link")}
    assert {end.get("link") for joint in root.findall("joint") for end in joint if end.get("link")} <= links
    assert all(link is not None and link.startswith("left_") for link in links)
