"""Frames of a cell: its robot's links by what its joints measure, its stations, and the robot's description.

Names carry the cell's ``tf_prefix``; joints are called as on the network (:mod:`hw.names`). ``world`` has no prefix.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass

from cells.description.cell import Cell
from cells.pose import Pose
from hw.names import arm_joints, fingers

WORLD = "world"


@dataclass(frozen=True, slots=True)
class Frame:
    """``child`` as seen from ``parent``."""

    parent: str
    child: str
    pose: Pose


@dataclass(frozen=True, slots=True)
class Joint:
    """A joint of the URDF between two links: at zero it stands at ``origin``; it turns (or slides, if ``slides``)
    about its unit ``axis``. A fixed one has no axis. ``name`` is the network's, "" for a joint that nobody measures."""

    name: str
    parent: str
    child: str
    origin: Pose
    axis: tuple[float, float, float] | None
    slides: bool

    def at(self, q: float) -> Frame:
        """The child link at a position (rad, or m)."""
        if self.axis is None or not q:
            return Frame(self.parent, self.child, self.origin)
        x, y, z = self.axis
        c, s = math.cos(q / 2), math.sin(q / 2)
        motion = Pose((q * x, q * y, q * z)) if self.slides else Pose((0.0, 0.0, 0.0), (s * x, s * y, s * z, c))
        return Frame(self.parent, self.child, self.origin @ motion)


class RobotFrames:
    """The tree of a cell's robot, from ``world`` to the tool and the fingers."""

    def __init__(self, cell: Cell) -> None:
        spec, prefix = cell.robot_spec, cell.ros2.tf_prefix
        self._world = Frame(WORLD, prefix + spec.base_link, cell.base_pose)
        names = measured_as(cell)
        self._hand = fingers(cell)
        root = ElementTree.fromstring(spec.urdf_path.read_bytes())
        self.joints = tuple(_joint(joint, prefix, names) for joint in root.findall("joint"))

    def at(self, positions: Mapping[str, float]) -> list[Frame]:
        """Every link at the measured ``positions`` by joint (rad; m for fingers). A joint that isn't among them, or
        whose position isn't a number, has no frame; one finger speaks for both."""
        told = {name: q for name, q in positions.items() if math.isfinite(q)}
        first = told.get(self._hand.joints[0])
        half = None if first is None else self._hand.width(first) / 2
        frames = [self._world]
        for joint in self.joints:
            q = 0.0 if joint.axis is None else half if joint.slides else told.get(joint.name)
            if q is not None:
                frames.append(joint.at(q))
        return frames


def station_frames(cell: Cell) -> list[Frame]:
    """Where the cell's stations are, as seen from the robot's base, which is there whoever tells its frame."""
    prefix, base = cell.ros2.tf_prefix, cell.base_pose.inverse()
    root = prefix + cell.robot_spec.base_link
    return [Frame(root, prefix + name, base @ station.pose) for name, station in cell.stations.items()]


def robot_description(cell: Cell) -> str:
    """The robot's URDF, with links and joints called as on the network."""
    spec, prefix, names = cell.robot_spec, cell.ros2.tf_prefix, measured_as(cell)
    root = ElementTree.fromstring(spec.urdf_path.read_bytes())
    for link in root.findall("link"):
        link.set("name", prefix + link.get("name", ""))
    for joint in root.findall("joint"):
        joint.set("name", names.get(joint.get("name", ""), prefix + joint.get("name", "")))
        for end in (joint.find("parent"), joint.find("child")):
            if end is not None:
                end.set("link", prefix + end.get("link", ""))
    return ElementTree.tostring(root, encoding="unicode")


def measured_as(cell: Cell) -> dict[str, str]:
    """The network's names of the joints that are measured, by those of the URDF."""
    spec, hand = cell.robot_spec, fingers(cell)
    arm = dict(zip((joint.name for joint in spec.joints()), arm_joints(cell), strict=True))
    return arm | dict(zip(spec.gripper.joints, hand.joints, strict=False))


def _joint(element: ElementTree.Element, prefix: str, names: Mapping[str, str]) -> Joint:
    kind, name = element.get("type", ""), element.get("name", "")
    parent, child = (prefix + _of(element, end, "link") for end in ("parent", "child"))
    origin = Pose(_three(_of(element, "origin", "xyz")), _quaternion(*_three(_of(element, "origin", "rpy"))))
    axis = None if kind == "fixed" else _unit(_three(_of(element, "axis", "xyz") or "1 0 0"))
    return Joint(names.get(name, ""), parent, child, origin, axis, kind == "prismatic")


def _of(element: ElementTree.Element, tag: str, attribute: str) -> str:
    found = element.find(tag)
    return "" if found is None else found.get(attribute, "")


def _three(text: str) -> tuple[float, float, float]:
    x, y, z = map(float, text.split()) if text else (0.0, 0.0, 0.0)
    return x, y, z


def _unit(axis: tuple[float, float, float]) -> tuple[float, float, float]:
    length = math.hypot(*axis)
    x, y, z = (value / length for value in axis)
    return x, y, z


def _quaternion(roll: float, pitch: float, yaw: float) -> tuple[float, float, float, float]:
    """URDF's fixed-axis angles: roll about x, then pitch about y, then yaw about z."""
    (cr, sr), (cp, sp), (cy, sy) = ((math.cos(angle / 2), math.sin(angle / 2)) for angle in (roll, pitch, yaw))
    return (
        sr * cp * cy - cr * sp * sy,
        cr * sp * cy + sr * cp * sy,
        cr * cp * sy - sr * sp * cy,
        cr * cp * cy + sr * sp * sy,
    )
