"""A motion on its way: a Segment as a trajectory goal, and how far the controller should be with it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cells.control.setpoints import Trajectory
from cells.control.verify import FOLLOWING
from cells.kinematics.trajectory import sample
from cells.pose import Array

EVERY_S = (
    0.02  # s between the points of a goal; the controller's quintic between them stays within 1e-5 rad of the samples
)
REACHED = 0.01  # rad around its end within which a joint has reached it
REACHED_S = 0.5  # s that it may take longer for that
UNANSWERED_S = 1.0  # s after which nobody is expected to answer any more


@dataclass
class Motion:
    """``trajectory`` as asked for at ``asked`` (``time.monotonic()``); ``handle`` is the goal's once it was accepted,
    which was at ``begun``; ``elapsed`` is how far the controller is with it at the last tick (s), and ``broken`` how it
    ended it early: mode and words, once it has."""

    trajectory: Trajectory
    asked: float = field(default_factory=time.monotonic)
    handle: Any = None
    begun: float | None = None
    elapsed: float | None = None
    dropped: bool = False
    broken: tuple[str, str] | None = None

    def accepted(self, handle: Any) -> None:
        """The controller has taken it: half of the way that question and answer took ago."""
        self.handle = handle
        self.begun = (self.asked + time.monotonic()) / 2

    def pass_time(self, step: float) -> None:
        """A tick has passed, ``step`` seconds of the motion's own time."""
        if self.elapsed is not None:
            self.elapsed += step
        elif self.begun is not None:
            self.elapsed = time.monotonic() - self.begun

    def overdue(self) -> bool:
        """Whether an answer should have come long ago."""
        if self.handle is None:
            return time.monotonic() - self.asked > UNANSWERED_S
        return self.elapsed is not None and self.elapsed > self.trajectory.duration + REACHED_S + UNANSWERED_S

    def at(self) -> tuple[Array, Array, Array]:
        """Joints, velocity and acceleration (n,) that the controller tracks now."""
        return sample(self.trajectory, self.elapsed or 0.0)


def begins_moving(trajectory: Trajectory) -> bool:
    """Whether it takes over from another motion: a ramp to rest."""
    return bool(np.any(trajectory.qd[0] != 0.0))


def goal_of(trajectory: Trajectory, joints: Sequence[str], begin: float | None) -> Any:
    """The ``FollowJointTrajectory`` goal. ``begin`` is the robot's time (s) of its first point; None: when it comes."""
    from control_msgs.action import FollowJointTrajectory
    from control_msgs.msg import JointTolerance
    from trajectory_msgs.msg import JointTrajectoryPoint

    goal = FollowJointTrajectory.Goal()
    goal.trajectory.joint_names = list(joints)
    if begin is not None:
        goal.trajectory.header.stamp = _time(goal.trajectory.header.stamp, begin)
    step = max(1, round(EVERY_S / (trajectory.t[1] - trajectory.t[0])))
    last = len(trajectory.t) - 1
    for row in [*range(0, last, step), last]:
        point = JointTrajectoryPoint()
        point.positions, point.velocities = trajectory.q[row].tolist(), trajectory.qd[row].tolist()
        point.accelerations = trajectory.qdd[row].tolist()
        point.time_from_start = _time(point.time_from_start, float(trajectory.t[row]))
        goal.trajectory.points.append(point)
    goal.path_tolerance = [JointTolerance(name=name, position=FOLLOWING) for name in joints]
    goal.goal_tolerance = [JointTolerance(name=name, position=REACHED) for name in joints]
    goal.goal_time_tolerance = _time(goal.goal_time_tolerance, REACHED_S)
    return goal


def _time(of: Any, seconds: float) -> Any:
    """A message of the kind of ``of`` (Time or Duration) for so many seconds."""
    whole = int(seconds // 1)
    return type(of)(sec=whole, nanosec=min(999_999_999, round((seconds - whole) * 1e9)))
