"""The three kinds of setpoint a cell sends to an arm, the same in every world."""

from __future__ import annotations

from dataclasses import dataclass

from cells.pose import Array, Pose


@dataclass(frozen=True, slots=True)
class Trajectory:
    """A sampled joint motion that starts and ends at rest.

    ``t`` (m,) s from 0; ``q`` (m, n) rad; ``qd`` (m, n) rad/s; ``qdd`` (m, n) rad/s².
    """

    t: Array
    q: Array
    qd: Array
    qdd: Array

    @property
    def duration(self) -> float:
        """Seconds from the first to the last sample."""
        return float(self.t[-1])


@dataclass(frozen=True, slots=True)
class Segment:
    """A whole verified motion, handed over at once (over ROS 2: a FollowJointTrajectory goal)."""

    trajectory: Trajectory


@dataclass(frozen=True, slots=True)
class JointTarget:
    """One streamed step: ``q`` (n,) rad and ``qd`` (n,) rad/s."""

    q: Array
    qd: Array


@dataclass(frozen=True, slots=True)
class Compliant:
    """ "Be here, softly": the tool centre point as a spring.

    ``pose`` is the tcp in the world frame; ``twist`` (6,) its feed-forward velocity [v; w] in the world frame
    (m/s, rad/s); ``stiffness`` (6,) N/m and Nm/rad along the world axes; ``force_limit`` in N bounds the force
    that the spring may command.
    """

    pose: Pose
    twist: Array
    stiffness: Array
    force_limit: float


Setpoint = Segment | JointTarget | Compliant
