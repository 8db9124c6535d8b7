"""The hand behind a gripper action: openings in, readings out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from control_msgs.action import GripperCommand, ParallelGripperCommand
from rclpy.action import ActionClient

from cells.ports import GripperReading
from hw.feedback import Feedback
from hw.names import fingers
from hw.network import Network

if TYPE_CHECKING:
    from cells.description.cell import Cell

STILL = 1e-3  # m/s below which the fingers stand
BEGIN_S = 0.3  # s that they may take to begin, or to say that they won't


class Ros2Gripper:
    """A two-finger gripper. ``asked`` is the opening (m) that it was told last; ``fail(mode, why)`` is called where it
    doesn't take a command."""

    def __init__(self, network: Network, cell: Cell, feedback: Feedback, fail: Callable[[str, str], None]) -> None:
        told = cell.ros2.gripper
        self._network, self._feedback, self._fingers = network, feedback, fingers(cell)
        self._parallel, self._name = told.kind == "parallel", told.action
        self._action = ParallelGripperCommand if self._parallel else GripperCommand
        self._goals = ActionClient(network.node, self._action, told.action)
        self._turn = 0  # the number of the command that was given last
        self._since = -math.inf
        self._begun = True
        self._effort, self._fail = 0.0, fail
        self.asked = math.inf

    def missing(self) -> list[str]:
        """What isn't there yet of what it is led by."""
        return [] if self._goals.server_is_ready() else [f"the action {self._name}"]

    def move(self, width: float, speed: float, force: float) -> None:
        """Move to the opening ``width`` (m) with at most ``speed`` (m/s), pressing with at most ``force`` (N)."""
        self._turn += 1
        self.asked, self._since, self._begun = width, self._feedback.passed, False
        turn, goal = self._turn, self._goal(width, speed, force)
        self._network.do(
            lambda: self._goals.send_goal_async(goal).add_done_callback(
                lambda answer: self._answered(turn, answer.result())
            )
        )

    def read(self) -> GripperReading:
        """Opening, speed and force as measured. Fingers that were told to go are still only once they have begun, or
        their controller says that they are there."""
        hand = self._feedback.hand
        assert hand is not None  # the world was opened with one
        resting = abs(hand.speed) < STILL
        self._begun = self._begun or not resting or self._feedback.passed - self._since > BEGIN_S
        force = self._effort if math.isnan(hand.force) else hand.force
        return GripperReading(hand.width, hand.speed, force, resting and self._begun)

    def _goal(self, width: float, speed: float, force: float) -> Any:
        """The action's goal: the joint's position, and where it takes one the joint's speed."""
        goal, joint = self._action.Goal(), self._fingers
        position = joint.position(min(max(width, joint.min_width), joint.max_width))
        if self._parallel:
            goal.command.name, goal.command.position = [joint.joints[0]], [position]
            goal.command.velocity, goal.command.effort = [speed * abs(joint.travel)], [force]
        else:
            goal.command.position, goal.command.max_effort = position, force
        return goal

    def _answered(self, turn: int, handle: Any) -> None:
        if turn != self._turn:
            return
        if handle.accepted:
            handle.get_result_async().add_done_callback(lambda answer: self._ended(turn, answer.result().result))
        else:
            self._fail("gripper_rejected", "the gripper's controller rejected a command")

    def _ended(self, turn: int, result: Any) -> None:
        """The fingers are where they shall be, or something is between them: either is for the skill to judge."""
        if turn == self._turn:
            self._begun = True
            efforts = result.state.effort if self._parallel else [result.effort]
            self._effort = abs(efforts[0]) if efforts else 0.0
