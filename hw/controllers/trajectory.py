"""What joint_trajectory_controller does with a trajectory once it has it: follow, check tolerances, end, be replaced.

The motion that is followed and the goal that is waited for are two things: a trajectory on the topic replaces the
motion and leaves the goal, which then ends by the new motion's end. Without a goal nothing is checked; a goal of which
no time is asked for its end waits as long as it takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cells.control.setpoints import Trajectory
from cells.ports import ArmReading
from cells.pose import Array
from hw.controllers.sampling import Rejected

# error_code of FollowJointTrajectory's result.
SUCCESSFUL, INVALID_GOAL, PATH_TOLERANCE_VIOLATED, GOAL_TOLERANCE_VIOLATED = 0, -1, -4, -5
STOPPED = 0.01  # rad/s below which a joint counts as stopped at the end, unless the goal says: the real one's default
UNITS = "rad", "rad/s"
ERASED = -1.0  # in a goal's tolerances: no limit; 0 means the default


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How far joints may be off, ``path`` on the way and ``goal`` at the end: (2, n) positions (rad) and velocities
    (rad/s), 0 where nothing is checked; ``time`` in seconds that the end may be late by, 0 for any."""

    path: Array
    goal: Array
    time: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a goal ended: ``code`` as above, and why in words."""

    code: int
    words: str


@dataclass(frozen=True, slots=True)
class Followed:
    """Where a motion should be and is, (2, n) each: positions (rad) and velocities (rad/s)."""

    desired: Array
    actual: Array

    @property
    def error(self) -> Array:
        return self.desired - self.actual


Told = Mapping[str, tuple[float, float]]  # by joint: position and velocity, 0 for the default, -1 for none


def tolerances(joints: tuple[str, ...], path: Told, goal: Told, time: float) -> Tolerances:
    """What a goal asks for, with the defaults for the rest. Raises :class:`Rejected` for a joint that isn't there or a
    number that means nothing."""
    on_way, at_end = np.zeros((2, len(joints))), np.zeros((2, len(joints)))
    at_end[1] = STOPPED
    for what, told, table in (("path", path, on_way), ("goal", goal, at_end)):
        for joint, values in told.items():
            if joint not in joints:
                raise Rejected(f"{what}_tolerance for {joint!r}, which isn't one of {', '.join(joints)}")
            for row, value in enumerate(values):
                if not (value == ERASED or 0.0 <= value < np.inf):
                    raise Rejected(f"{what}_tolerance {value:g} for {joint}: say how much, 0 (default) or -1 (none)")
                if value:
                    table[row, joints.index(joint)] = max(value, 0.0)
    return Tolerances(on_way, at_end, max(time, 0.0))


class TrajectoryController:
    """Follows one motion at a time; call :meth:`update` once after each tick."""

    def __init__(self, joints: tuple[str, ...], dt: float) -> None:
        self._joints, self._dt = joints, dt
        self._motion: Trajectory | None = None
        self._tick = 0
        self.goal: Tolerances | None = None
        self.followed: Followed | None = None

    def follow(self, motion: Trajectory) -> None:
        """Begin a motion now, whatever was followed before."""
        self._motion, self._tick, self.followed = motion, 0, None

    def leave(self) -> None:
        """Follow nothing."""
        self._motion, self.goal = None, None

    def update(self, arm: ArmReading) -> Outcome | None:
        """A tick has passed: how the goal ended, if it did."""
        motion = self._motion
        if motion is None:
            return None
        self._tick += 1
        last = len(motion.t) - 1
        row = min(self._tick, last)
        self.followed = Followed(np.stack([motion.q[row], motion.qd[row]]), np.stack([arm.q, arm.qd]))
        if self.goal is None:
            return None
        # The first sample is checked in any case: a motion may be over with it.
        if self._tick < last or self._tick == 1:
            off = self._beyond(self.goal.path)
            if off:
                return Outcome(PATH_TOLERANCE_VIOLATED, f"path tolerance violated: {off}")
        if self._tick < last:
            return None
        off, late = self._beyond(self.goal.goal), (self._tick - last) * self._dt
        if not off:
            return Outcome(SUCCESSFUL, "goal reached")
        if 0.0 < self.goal.time < late:
            return Outcome(GOAL_TOLERANCE_VIOLATED, f"goal tolerance violated {late:.3f} s after the end: {off}")
        return None

    def _beyond(self, most: Array) -> str | None:
        """The joint that is farthest beyond its tolerance (2, n), in words."""
        assert self.followed is not None
        off = np.abs(self.followed.error)
        # Written so that a reading that is no number is beyond any tolerance.
        beyond = (most > 0.0) & ~(off <= most)
        if not beyond.any():
            return None
        row, joint = np.unravel_index(int(np.argmax(np.where(beyond, off / np.maximum(most, 1e-12), 0.0))), off.shape)
        return f"{self._joints[joint]} is {off[row, joint]:.4g} {UNITS[row]} off, at most {most[row, joint]:.4g}"
