"""Reach: a policy leads the joints to a pose itself, step by step; what it sees, and what a step is.

Its steps become setpoints by :class:`cells.control.steps.Steps`, whatever they are: smooth, and within the limits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cells.ports import Reading
from cells.pose import Array, Pose
from cells.skills.policy import Component, Space

if TYPE_CHECKING:
    from cells.kinematics.chain import Chain

STEP = 0.15  # rad that a joint may be led on by in one policy tick
GOAL = "the tool centre point"


def observation(chain: Chain) -> Space:
    """What is seen of an arm of these joints, and of the way to its goal."""
    low, high, fastest = (tuple(values.tolist()) for values in (chain.q_min, chain.q_max, chain.qd_max))
    return Space(
        (
            Component("q", "rad", "", low, high, "joints, as measured"),
            Component("qd", "rad/s", "", tuple(-v for v in fastest), fastest, "their speeds"),
            Component("way", "m", GOAL, (-1.0,) * 3, (1.0,) * 3, "to the goal"),
            Component("turn", "rad", GOAL, (-3.2,) * 3, (3.2,) * 3, "rotation vector to the goal"),
        )
    )


def action(chain: Chain) -> Space:
    """What a step is: by how much each joint is led on, from where it is commanded to be."""
    most = (STEP,) * chain.n
    return Space((Component("step", "rad", "", tuple(-v for v in most), most, "of each joint, base first"),))


def observe(seen: Space, goal: Pose, reading: Reading) -> Array:
    """The observation (n,) on the way to a ``goal`` (world), as ``seen`` has it."""
    left = reading.arm.tcp.inverse() @ goal
    return seen.vector(q=reading.arm.q, qd=reading.arm.qd, way=left.xyz, turn=rotation(left))


def rotation(pose: Pose) -> Array:
    """The rotation vector (3,) in rad by which a pose is turned."""
    x, y, z, w = pose.quat
    if w < 0:
        x, y, z, w = -x, -y, -z, -w
    sine = float(np.sqrt(x * x + y * y + z * z))
    return np.array([x, y, z]) * (2 * np.arctan2(sine, w) / sine if sine > 1e-12 else 2.0)
