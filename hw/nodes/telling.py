"""What a cell's node tells of itself, unasked: its state, its health, its frames, and how its robot is built."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

from builtin_interfaces.msg import Time
from cellwright_msgs.msg import State as StateMessage
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TransformStamped
from rclpy.callback_groups import CallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage

from cells.description.cell import Cell
from cells.journal.store import Journal
from cells.runtime.packml import State
from cells.runtime.standing import KINDS, Standing, standing, standing_of
from hw.nodes.diagnosis import arm_status, cell_status, guard_status
from hw.nodes.frames import Frame, RobotFrames, robot_description, station_frames

LOOK_EVERY_S, FRAMES_EVERY_S, STATE_EVERY_S = 0.1, 0.04, 1.0
KEPT = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)  # for who comes later
NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
LOST_S = 0.5  # without a joint state; a run's own limit is the cell's, and shorter than a look is apart


class Polled(CallbackGroup):
    """Never wakes the executor: messages are fetched when they are wanted."""

    def can_execute(self, entity: object) -> bool:
        return False

    def beginning_execution(self, entity: object) -> bool:
        return False

    def ending_execution(self, entity: object) -> None: ...


class Telling:
    """Publishes by timers from when it is made until it is closed. ``runs`` says whether a run is going on."""

    def __init__(self, node: Node, cell: Cell, journal: Journal, runs: Callable[[], bool]) -> None:
        self._node, self._cell, self._journal, self._runs = node, cell, journal, runs
        self.standing, self._looks = standing_of(journal), threading.Lock()
        self._told: tuple[str, ...] = ()
        self._told_at, self._state_at = -STATE_EVERY_S, -STATE_EVERY_S
        self._joints = RobotFrames(cell)
        self._state = node.create_publisher(StateMessage, "~/state", KEPT)
        self._health = node.create_publisher(DiagnosticArray, "diagnostics", 10)
        self._frames = node.create_publisher(TFMessage, "tf", 100)
        self._stations = node.create_publisher(TFMessage, "tf_static", KEPT)
        self._description = node.create_publisher(String, "robot_description", KEPT)
        self._measured = node.create_subscription(
            JointState, cell.ros2.joint_states, lambda _: None, NEWEST, callback_group=Polled()
        )
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        looks = ((LOOK_EVERY_S, self.look), (FRAMES_EVERY_S, self._tell_frames), (STATE_EVERY_S, self._tell_health))
        self._timers = [node.create_timer(every, tell, clock=steady) for every, tell in looks]
        self._stations.publish(TFMessage(transforms=self._stamped(station_frames(cell), self._now())))
        self._description.publish(String(data=robot_description(cell)))

    def close(self) -> None:
        """Say no more."""
        for timer in self._timers:
            self._node.destroy_timer(timer)
        self._node.destroy_subscription(self._measured)
        for publisher in (self._state, self._health, self._frames, self._stations, self._description):
            self._node.destroy_publisher(publisher)

    def look(self) -> None:
        """Follow the journal, and tell each state that it went through since. From any thread."""
        with self._looks:
            for found in self._news():
                self.standing = found
                self._tell_state()
            self._tell_state()

    def shown(self) -> tuple[State, str]:
        """The state that is told, and what a person should know and do. What a dead run left is Aborted."""
        if self._runs():
            return self.standing.state, self.standing.advice
        left = self.standing.left()
        return (State.ABORTED, left) if left else (self.standing.state, "")

    def _news(self) -> Iterable[Standing]:
        now = self.standing
        for event in self._journal.events(after=now.seq, kinds=KINDS):
            now = standing([event], now)
            yield now

    def _tell_state(self) -> None:
        state, message = self.shown()
        told = (str(state), self.standing.order, self.standing.step, message)
        now = time.monotonic()
        if told == self._told and now - self._told_at < STATE_EVERY_S:
            return
        self._told, self._told_at = told, now
        self._state.publish(
            StateMessage(stamp=self._now(), state=told[0], order=told[1], step=told[2], message=told[3])
        )

    def _tell_health(self) -> None:
        state, message = self.shown()
        name, cell = self._node.get_fully_qualified_name().lstrip("/"), self._cell.name
        age = time.monotonic() - self._state_at if self._state_at > 0 else None
        statuses = [
            cell_status(name, cell, state, self.standing, message),
            guard_status(name, cell, self.standing),
            arm_status(name, cell, self._measured.topic_name, age, LOST_S),
        ]
        health = DiagnosticArray(status=statuses)
        health.header.stamp = self._now()
        self._health.publish(health)

    def _tell_frames(self) -> None:
        """The newest joint state as frames. The subscription keeps just that one, and only here is it looked at: at
        500 states a second anything else would take time from the run beside."""
        with self._measured.handle:
            found = self._measured.handle.take_message(JointState, False)
        if found is None:
            return
        measured, _ = found
        self._state_at = time.monotonic()
        frames = self._joints.at(dict(zip(measured.name, measured.position, strict=False)))
        self._frames.publish(TFMessage(transforms=self._stamped(frames, measured.header.stamp)))

    def _now(self) -> Time:
        return self._node.get_clock().now().to_msg()

    @staticmethod
    def _stamped(frames: Iterable[Frame], stamp: Time) -> list[TransformStamped]:
        found = []
        for frame in frames:
            told = TransformStamped(child_frame_id=frame.child)
            told.header.frame_id, told.header.stamp = frame.parent, stamp
            at, turn = told.transform.translation, told.transform.rotation
            at.x, at.y, at.z = frame.pose.xyz
            turn.x, turn.y, turn.z, turn.w = frame.pose.quat
            found.append(told)
        return found
