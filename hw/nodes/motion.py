"""The arm's controllers on the network: trajectories by action and by topic, streamed positions, and the switch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from control_msgs.action import FollowJointTrajectory
from controller_manager_msgs.srv import SwitchController
from rclpy.node import Node
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from cells.control.setpoints import Trajectory
from cells.description.ros2 import Ros2
from hw.controllers.arm import ArmControllers
from hw.controllers.sampling import Rejected, Waypoint
from hw.controllers.trajectory import SUCCESSFUL, Outcome, Tolerances, tolerances
from hw.nodes.goals import Finish, Goals

FEEDBACK_S = 0.05
WARN_EVERY_S = 1.0  # of streamed points that aren't taken


class Motion:
    """Servers and subscriptions of one arm. ``now`` is the time (ns) that headers are held against; ``through`` is the
    way that streamed points come by."""

    def __init__(
        self,
        node: Node,
        told: Ros2,
        arm: ArmControllers,
        now: Callable[[], int],
        through: Callable[[Callable[[], None]], None],
    ) -> None:
        self._log, self._arm, self._now, self._through = node.get_logger(), arm, now, through
        self._goals = Goals(node, FollowJointTrajectory, told.trajectory.action, self._accept, self._begin, arm.cancel)
        self._told_feedback = 0
        topic = f"{told.trajectory.controller}/joint_trajectory"
        node.create_subscription(JointTrajectory, topic, self._on_trajectory, 10)
        node.create_subscription(Float64MultiArray, told.streaming.topic, self._on_point, 10)
        node.create_service(SwitchController, told.switch, self._on_switch)

    def tick(self) -> None:
        """A tick has passed: hear of a cancel, and tell how the goal goes."""
        self._goals.tick()
        followed, now = self._arm.trajectory.followed, self._now()
        if self._arm.trajectory.goal is None or followed is None or now - self._told_feedback < FEEDBACK_S * 1e9:
            return
        self._told_feedback = now
        feedback = FollowJointTrajectory.Feedback(joint_names=list(self._arm.joints))
        feedback.header.stamp.sec, feedback.header.stamp.nanosec = divmod(now, 10**9)
        for point, (q, qd) in (
            (feedback.desired, followed.desired),
            (feedback.actual, followed.actual),
            (feedback.error, followed.error),
        ):
            _fill(point, q, qd)
        self._goals.tell(feedback)

    def _accept(self, goal: Any) -> tuple[Trajectory, Tolerances]:
        if goal.multi_dof_trajectory.points or goal.component_path_tolerance or goal.component_goal_tolerance:
            raise Rejected("this arm's joints have one degree of freedom each")
        within = [
            {one.name: (one.position, one.velocity) for one in told}
            for told in (goal.path_tolerance, goal.goal_tolerance)
        ]
        late = seconds(goal.goal_time_tolerance)
        return self._planned(goal.trajectory), tolerances(self._arm.joints, *within, late)

    def _begin(self, plan: tuple[Trajectory, Tolerances], finish: Finish) -> None:
        def ended(outcome: Outcome) -> None:
            result = FollowJointTrajectory.Result(error_code=outcome.code, error_string=outcome.words)
            finish(outcome.code == SUCCESSFUL, result)

        self._arm.start(*plan, ended)

    def _planned(self, told: Any) -> Trajectory:
        stamp = told.header.stamp.sec * 10**9 + told.header.stamp.nanosec
        begins = (stamp - self._now()) / 1e9 if stamp else 0.0
        points = [Waypoint(seconds(p.time_from_start), p.positions, p.velocities, p.accelerations) for p in told.points]
        return self._arm.plan(told.joint_names, points, begins)

    def _on_trajectory(self, told: Any) -> None:
        try:
            if told.points:
                self._arm.follow(self._planned(told))
            else:
                self._arm.hold()
        except Rejected as reason:
            self._log.warning(f"trajectory ignored: {reason}")

    def _on_point(self, told: Any) -> None:
        self._through(lambda: self._stream(told.data))

    def _stream(self, q: Any) -> None:
        try:
            self._arm.stream(q)
        except Rejected as reason:
            self._log.warning(f"streamed position ignored: {reason}", throttle_duration_sec=WARN_EVERY_S)

    def _on_switch(self, asked: Any, answer: Any) -> Any:
        try:
            self._arm.switch(asked.activate_controllers, asked.deactivate_controllers, asked.strictness)
            answer.ok = True
        except Rejected as reason:
            self._log.warning(f"controllers not switched: {reason}")
            answer.ok = False
            if hasattr(answer, "message"):  # not in older releases
                answer.message = str(reason)
        return answer


def seconds(duration: Any) -> float:
    """A builtin_interfaces/Duration in seconds."""
    return float(duration.sec + duration.nanosec * 1e-9)


def _fill(point: JointTrajectoryPoint, q: Any, qd: Any) -> None:
    point.positions, point.velocities = np.asarray(q).tolist(), np.asarray(qd).tolist()
