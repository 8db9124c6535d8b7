"""What the cell listens to: the robot's states, and the clock that it lives by."""

from __future__ import annotations

import time
from typing import Any

from geometry_msgs.msg import WrenchStamped
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64
from tf2_msgs.msg import TFMessage

from cells.description.ros2 import Ros2
from cells.errors import CellwrightError, Problem
from hw.clock import Clock, SteadyClock, ToldClock, stamped_by
from hw.feedback import Feedback, seconds
from hw.modes import listen
from hw.sight import Frames

# The newest counts: what is lost isn't sent again, and whoever sends it, reliably or not, is heard.
NEWEST = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)


class Listening:
    """Subscriptions that fill a :class:`~hw.feedback.Feedback` and, where parts are seen, ``frames``; and what
    ``/clock`` says."""

    def __init__(self, node: Node, ros2: Ros2, feedback: Feedback, frames: Frames) -> None:
        self._feedback = feedback
        self._time: float | None = None
        self._told: ToldClock | None = None
        node.create_subscription(JointState, ros2.joint_states, feedback.on_joint_states, NEWEST)
        node.create_subscription(WrenchStamped, ros2.wrench.topic, feedback.on_wrench, NEWEST)
        node.create_subscription(ClockMessage, "/clock", self._on_clock, NEWEST)
        if ros2.speed_scaling is not None:
            node.create_subscription(Float64, ros2.speed_scaling, feedback.on_speed_scaling, NEWEST)
        if ros2.sight is not None:
            node.create_subscription(TFMessage, ros2.sight.topic, frames.on_frames, NEWEST)
        if ros2.mode is not None:
            listen(node, ros2.mode, feedback.on_mode)

    def clock(self, tick_s: float) -> Clock:
        """The clock that the robot's stamps are of, once it was heard of. Raises :class:`CellwrightError` where they
        are neither of this computer's nor of ``/clock``'s."""
        joints = self._feedback.joints
        assert joints is not None
        if not joints.stamp:
            return SteadyClock(tick_s)
        arrived = time.time() - (time.monotonic() - joints.arrival)
        whose = stamped_by(joints.stamp, arrived, self._time)
        if whose == "wall":
            return SteadyClock(tick_s)
        if whose == "told":
            assert self._time is not None
            self._told = ToldClock(tick_s, self._time)
            return self._told
        what = f"the robot's clock and this computer's differ by {joints.stamp - arrived:+.1f} s"
        raise CellwrightError(Problem("clock", what, "synchronise the two (chrony, PTP), then run again"))

    def _on_clock(self, message: Any) -> None:
        self._time = seconds(message.clock)
        if self._told is not None:
            self._told.tell(self._time)
