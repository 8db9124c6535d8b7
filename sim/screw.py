"""A screw in its thread: an analytic model in place of contact, which a rigid-body engine can't turn a thread by.

The thread holds the screw and prescribes how it moves: it stands up within its first turn, and goes down by the pitch
with every turn, until its head bears on something. The torque is that of VDI 2230 part 1 (2015), equation R13/1, for
the preload that turning has given: none before the head bears, then as stiff as the joint. Pure functions and data; who
asks them is :mod:`sim.driver`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from cells.pose import Pose
from cells.products.model import Hole, Thread

FRICTION = 0.12  # of thread and head: the middle of friction class B (0.08 to 0.16) of VDI 2230, table A5
STIFFNESS = 1e8  # N/m: E As / l of an M4 that is clamped over 9 mm is 2e8, and the clamped plate is about as stiff


@dataclass(frozen=True, slots=True)
class Mouth:
    """A screw at the beginning of a thread: what instance has the thread and in which of its holes; the pose ``at``
    which the screw is in the thread's frame (origin where it begins, z out); ``under_head`` the mean diameter (m) of
    where its head will rub."""

    base: str
    hole: Hole
    thread: Thread
    at: Pose
    under_head: float


@dataclass(frozen=True, slots=True)
class Engaged:
    """A screw that a thread holds since it was at its ``mouth``: how far it was ``turned`` (rad); how far when its head
    bore (None: it doesn't yet), and how high its tip was ``seated`` then (m, in the thread's frame)."""

    mouth: Mouth
    turned: float = 0.0
    bore: float | None = None
    seated: float = 0.0

    def pose(self) -> Pose:
        """Where it is now, in the thread's frame."""
        free = advanced(self.mouth.at, self.mouth.thread.pitch, self.turned)
        return free if self.bore is None else Pose((*free.xyz[:2], self.seated), free.quat)

    def torque(self) -> float:
        """Nm that turning it on takes."""
        return 0.0 if self.bore is None else self._per_radian() * (self.turned - self.bore)

    def turned_on(self, angle: float, limit: float) -> Engaged:
        """Turned by so much more (rad), or as far as the torque's limit (Nm) lets it."""
        if self.bore is not None:
            angle = max(0.0, min(angle, limit / self._per_radian() - (self.turned - self.bore)))
        return replace(self, turned=self.turned + angle)

    def _per_radian(self) -> float:
        """Nm per radian once the head bears."""
        preload = STIFFNESS * self.mouth.thread.pitch / (2 * math.pi)
        return tightening_torque(preload, self.mouth.thread, self.mouth.under_head, FRICTION)


def tightening_torque(preload: float, thread: Thread, under_head: float, friction: float) -> float:
    """The torque (Nm) that gives a screw its ``preload`` (N): MA = FM (P / 2π + 0.58 d2 µG + DKm / 2 µK), with one
    ``friction`` for thread and head; ``under_head`` is the mean diameter (m) of where the head rubs."""
    flank = thread.diameter - 0.6495 * thread.pitch  # d2 of ISO 724
    return preload * (thread.pitch / (2 * math.pi) + friction * (0.58 * flank + under_head / 2))


def advanced(began: Pose, pitch: float, turned: float) -> Pose:
    """Where a right-handed screw is that was caught as it ``began`` and ``turned`` so far (rad)."""
    rest = max(0.0, 1.0 - turned / (2 * math.pi))  # of its offset and lean
    x, y, z = began.xyz
    matrix = began.matrix()
    lean, towards = began.tilt * rest, math.atan2(matrix[1, 2], matrix[0, 2])
    # The heading that is left once the lean is taken out.
    upright = Pose((0.0, 0.0, 0.0), _leaning(-began.tilt, towards)) @ Pose((0.0, 0.0, 0.0), began.quat)
    turn = upright.yaw - turned
    heading = (0.0, 0.0, math.sin(turn / 2), math.cos(turn / 2))
    at = (x * rest, y * rest, z - pitch * turned / (2 * math.pi))
    return Pose(at, _leaning(lean, towards)) @ Pose((0.0, 0.0, 0.0), heading)


def _leaning(angle: float, towards: float) -> tuple[float, float, float, float]:
    """The quaternion that leans the z axis by an angle towards a heading (rad)."""
    s = math.sin(angle / 2)
    return (-s * math.sin(towards), s * math.cos(towards), 0.0, math.cos(angle / 2))
