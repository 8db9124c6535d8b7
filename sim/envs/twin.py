"""The floating twin: the world of a cell without its arm. The same ports, gripper, parts, sensor and clocks; the hand
floats, as inert and as soft at the tool as the arm would be (see :mod:`sim.floating`). Physics takes less time, and the
arm's posture, reach and joint limits aren't there."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np

from cells.kinematics.chain import load_chain, origin_of
from cells.pose import Pose
from sim.floating import FloatingArm
from sim.world import SimWorld

# What the flange carries until it is known where the tool begins.
INERTIA = '<inertia ixx="0.01" iyy="0.01" izz="0.01" ixy="0" ixz="0" iyz="0"/>'
ADDED = f'<inertial><mass value="1"/>{INERTIA}</inertial>'


class Twin(SimWorld):
    """The cell's world with a floating gripper in place of the arm. Open it as a :class:`~sim.world.SimWorld`."""

    def _load_robot(self, urdf: Path, flags: int) -> int:
        spec = self.cell.robot_spec
        self._tool = cut(urdf, spec.flange_link, spec.tcp_link)
        return int(self.bullet.loadURDF(str(urdf), useFixedBase=False, flags=flags))

    def _arm(self) -> FloatingArm:
        cell = self.cell
        return FloatingArm(
            self.bullet, self.robot, load_chain(cell), cell.base_pose, cell.home, cell.physics_s, self._tool
        )


def cut(urdf: Path, flange: str, tip: str) -> Pose:
    """Leave of a robot's file only what hangs on its ``flange`` link. Returns the ``tip`` in the flange's frame."""
    tree = ET.parse(urdf)
    root = tree.getroot()
    joints = {_end(joint, "child"): joint for joint in root.iter("joint")}
    tool = {flange}
    while more := {child for child, joint in joints.items() if _end(joint, "parent") in tool} - tool:
        tool |= more
    for link in root.findall("link"):
        if link.get("name") not in tool:
            root.remove(link)
        elif link.get("name") == flange:
            for inertial in link.findall("inertial"):
                link.remove(inertial)
            link.append(ET.fromstring(ADDED))
    for child, joint in joints.items():
        if child not in tool - {flange}:
            root.remove(joint)
    tree.write(urdf)
    matrix, link_name = np.eye(4), tip
    while link_name != flange:
        matrix, link_name = origin_of(joints[link_name]) @ matrix, _end(joints[link_name], "parent")
    return Pose.from_matrix(matrix)


def _end(joint: ET.Element, which: str) -> str:
    """The name of the ``child`` or ``parent`` link of a joint."""
    end = joint.find(which)
    return "" if end is None else str(end.get("link"))
