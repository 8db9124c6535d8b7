"""What the arm's node sees of its world: the frames of the parts in it, as a camera with a detector would tell them."""

from __future__ import annotations

from collections.abc import Iterable

from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from tf2_msgs.msg import TFMessage

from cells.description.cell import Cell
from cells.description.ros2 import SightTopic
from cells.ports import Estimate, Locator
from hw.nodes.faults import Faults, Line
from hw.sight import WORLD

EVERY_S = 0.05  # cell time between two looks, as a camera with 20 pictures a second


class Sight:
    """The publisher. ``locator`` is the world's; None for a world in which nothing is seen: then nothing is told."""

    def __init__(self, node: Node, cell: Cell, sight: SightTopic, locator: Locator | None, line: Line) -> None:
        self._locator, self._line = locator, line
        self._every, self._ticks = max(1, round(EVERY_S / cell.tick_s)), 0
        self._frames = node.create_publisher(TFMessage, sight.topic, 10)

    def publish(self, instances: Iterable[str], stamp: int, faults: Faults) -> None:
        """A tick has passed, whose ``stamp`` is in ns; ``instances`` are the parts that are in the world."""
        self._ticks += 1
        if self._locator is None or self._ticks % self._every:
            return
        message = TFMessage(transforms=[_frame(name, self._locator.locate(name), stamp) for name in instances])
        self._line.send(lambda: self._frames.publish(message), faults)


def _frame(instance: str, estimate: Estimate, stamp: int) -> TransformStamped:
    told = TransformStamped(child_frame_id=instance)
    told.header.frame_id = WORLD
    told.header.stamp.sec, told.header.stamp.nanosec = divmod(stamp, 10**9)
    at, turn = told.transform.translation, told.transform.rotation
    at.x, at.y, at.z = estimate.pose.xyz
    turn.x, turn.y, turn.z, turn.w = estimate.pose.quat
    return told
