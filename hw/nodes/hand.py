"""The gripper's controller on the network, by the action that the cell's file names."""

from __future__ import annotations

from typing import Any

from control_msgs.action import GripperCommand, ParallelGripperCommand
from rclpy.node import Node
from sensor_msgs.msg import JointState

from cells.description.ros2 import GripperAction
from cells.ports import GripperReading
from hw.controllers.gripper import Grip, GripperController
from hw.controllers.sampling import Rejected
from hw.names import Fingers
from hw.nodes.goals import Finish, Goals

FEEDBACK_TICKS = 12


class HandServer:
    """The action server of a hand."""

    def __init__(self, node: Node, told: GripperAction, hand: GripperController, fingers: Fingers) -> None:
        self._hand, self._fingers, self._ticks = hand, fingers, 0
        self._finish: Finish | None = None
        self._parallel = told.kind == "parallel"
        self._action = ParallelGripperCommand if self._parallel else GripperCommand
        self._goals = Goals(node, self._action, told.action, self._accept, self._begin, self._cancel)

    def tick(self, reading: GripperReading) -> None:
        """A tick has passed: end the command that is over, hear of a cancel, tell how it goes."""
        end = self._hand.update(reading)
        if end is not None:
            self._end(reading, True, stalled=end.stalled, reached_goal=end.reached)
        self._goals.tick()
        self._ticks += 1
        if self._finish is not None and self._ticks % FEEDBACK_TICKS == 0:
            self._goals.tell(self._told(self._action.Feedback(), reading))

    def abort(self) -> None:
        """End the command, if there is one, as one that failed."""
        self._end(self._hand.read(), False)

    def _accept(self, goal: Any) -> Grip:
        command = goal.command
        if not self._parallel:
            return self._hand.plan(command.position, 0.0, command.max_effort)
        joint = self._fingers.joints[0]
        if len(command.position) != 1 or list(command.name) not in ([], [joint]):
            raise Rejected(f"this hand takes one position, of {joint}")
        most = (told[0] if len(told) else 0.0 for told in (command.velocity, command.effort))
        return self._hand.plan(command.position[0], *most)

    def _begin(self, grip: Grip, finish: Finish) -> None:
        self.abort()
        self._finish = finish
        self._hand.start(grip)

    def _cancel(self) -> None:
        self._hand.hold()
        self.abort()

    def _end(self, reading: GripperReading, ok: bool, **how: bool) -> None:
        """Tell the goal's result, if there is one."""
        finish, self._finish = self._finish, None
        if finish is not None:
            finish(ok, self._told(self._action.Result(**how), reading))

    def _told(self, message: Any, reading: GripperReading) -> Any:
        """A result or feedback with where the finger is and what it presses with."""
        position = self._fingers.position(reading.width)
        if self._parallel:
            message.state = JointState(
                name=[self._fingers.joints[0]],
                position=[position],
                velocity=[reading.speed * self._fingers.travel],
                effort=[float(reading.force)],
            )
        else:
            message.position, message.effort = position, float(reading.force)
        return message
