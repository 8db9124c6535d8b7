"""What a cell's joints and frames are called on the network, and what a finger joint's position says of the opening."""

from __future__ import annotations

from dataclasses import dataclass

from cells.description.cell import Cell


def arm_joints(cell: Cell) -> tuple[str, ...]:
    """The arm's joints from the base to the tip, with the prefix: the driver's names, or else the URDF's."""
    names = cell.ros2.joints or tuple(joint.name for joint in cell.robot_spec.joints())
    return tuple(cell.ros2.tf_prefix + name for name in names)


def wrench_frame(cell: Cell) -> str:
    """The frame that wrenches are told in, with the prefix."""
    spec = cell.robot_spec
    return cell.ros2.tf_prefix + (spec.tcp_link if cell.ros2.wrench.frame == "tcp" else spec.flange_link)


@dataclass(frozen=True, slots=True)
class Fingers:
    """The hand's ``joints``, with the prefix; the first is the one that is commanded. It stands at ``closed`` (m or
    rad) where the hand is open by ``min_width`` (m), at ``open`` where it is by ``max_width``, and evenly between."""

    joints: tuple[str, ...]
    closed: float
    open: float
    min_width: float
    max_width: float

    @property
    def travel(self) -> float:
        """How far the joint goes for a metre of opening (m/m or rad/m); negative where it grows as the hand closes."""
        return (self.open - self.closed) / (self.max_width - self.min_width)

    def position(self, width: float) -> float:
        """The joint's position (m or rad) at an opening (m)."""
        return self.closed + (width - self.min_width) * self.travel

    def width(self, position: float) -> float:
        """The opening (m) at a position of the joint (m or rad)."""
        return self.min_width + (position - self.closed) / self.travel


def fingers(cell: Cell) -> Fingers:
    """The fingers of a cell's hand: both joints of the URDF unless the cell's file names the driver's one."""
    told, hand = cell.ros2.gripper, cell.robot_spec.gripper
    names = hand.joints if told.joint is None else (told.joint,)
    return Fingers(
        tuple(cell.ros2.tf_prefix + name for name in names),
        hand.min_width / 2 if told.closed is None else told.closed,
        hand.max_width / 2 if told.open is None else told.open,
        hand.min_width,
        hand.max_width,
    )
