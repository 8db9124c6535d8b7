"""How the arm comes to rest when the runner takes over: never by a step in the setpoint.

Both ways are generators like a skill: they receive readings and yield one setpoint a tick.
"""

from __future__ import annotations

import math
from collections.abc import Generator

import numpy as np

from cells.control.setpoints import Compliant, JointTarget, Segment, Setpoint
from cells.kinematics.chain import Chain
from cells.kinematics.trajectory import stop_ramp
from cells.ports import Reading
from cells.pose import Array, Pose

Ramp = Generator[Setpoint | None, Reading, None]

SOFT = np.array([600.0, 600.0, 600.0, 20.0, 20.0, 20.0])  # N/m, Nm/rad: when a motion ran into something
SOFT_FORCE = 20.0  # N
BRAKING = 2.0  # m/s², rad/s²: at most, of the spring's centre
SETTLED_FORCE = 2.0  # N that the spring may still press with at the end
RELAX_SPEED = 0.02  # m/s at which the spring's centre goes to where the tool is
RELAX_S = 1.5
PATIENCE_S = 0.5  # that a ramp may take longer than it says


def free_stop(chain: Chain, reading: Reading, dt: float) -> Ramp:
    """In free space: from the state that the arm is *commanded* to be in, as fast as its jerk limits allow.

    While a Segment runs the ramp is one too, so that a motion takes over from a motion in whatever controls the arm.
    """
    arm = reading.arm
    ramp = stop_ramp(chain, arm.q_cmd, arm.qd_cmd, arm.qdd_cmd, dt)
    if arm.busy:
        reading = yield Segment(ramp)
        for _ in range(round((ramp.duration + PATIENCE_S) / dt)):
            if not reading.arm.busy:
                return
            reading = yield None
    else:
        for q, qd in zip(ramp.q, ramp.qd, strict=True):
            yield JointTarget(q, qd)


def soft_stop(reading: Reading, last: Compliant, dt: float) -> Ramp:
    """In contact: let the spring's own motion fade out, then let its centre drift to the tool until it hardly presses.

    Stiffness and force limit stay those of ``last``, so that force never jumps and never rises above that limit.
    """
    pose, twist = last.pose, np.asarray(last.twist, dtype=float)
    pace = max(float(np.linalg.norm(twist[:3])), float(np.linalg.norm(twist[3:])))
    ticks = max(5, math.ceil(1.5 * pace / BRAKING / dt))
    for i in range(1, ticks + 1):
        s = i / ticks
        rate: Array = twist * (1 - s * s * (3 - 2 * s))
        pose = moved(pose, rate, dt)
        reading = yield Compliant(pose, rate, last.stiffness, last.force_limit)
    speed = 0.0
    for _ in range(round(RELAX_S / dt)):
        gap = np.subtract(reading.arm.tcp.xyz, pose.xyz)
        far = float(np.linalg.norm(gap))
        # Written so that a reading that is no number ends it as well.
        if not far * float(last.stiffness[:3].max()) >= SETTLED_FORCE:
            break
        speed = min(RELAX_SPEED, speed + 0.2 * dt, 8.0 * far)
        drift = np.concatenate([gap / far * speed, np.zeros(3)])
        pose = moved(pose, drift, dt)
        reading = yield Compliant(pose, drift, last.stiffness, last.force_limit)
    yield Compliant(pose, np.zeros(6), last.stiffness, last.force_limit)


def softened(chain: Chain, base: Pose, reading: Reading) -> Compliant:
    """The spring that takes over from a joint motion that ran into something: where and as fast as was commanded."""
    arm, matrix = reading.arm, base.matrix()
    velocity = chain.jacobian(arm.q_cmd) @ arm.qd_cmd
    twist = np.concatenate([matrix[:3, :3] @ velocity[:3], matrix[:3, :3] @ velocity[3:]])
    return Compliant(Pose.from_matrix(matrix @ chain.fk(arm.q_cmd)), twist, SOFT, SOFT_FORCE)


def moved(pose: Pose, twist: Array, dt: float) -> Pose:
    """A pose that followed ``twist`` (6,) [v; w] (world frame) for ``dt`` seconds."""
    x, y, z, w = pose.quat
    wx, wy, wz = (float(v) * dt / 2 for v in twist[3:])
    # Quaternion kinematics, first order and normalised: exact enough for the small turn of one tick.
    turned = (
        x + wx * w + wy * z - wz * y,
        y + wy * w + wz * x - wx * z,
        z + wz * w + wx * y - wy * x,
        w - wx * x - wy * y - wz * z,
    )
    size = math.sqrt(sum(v * v for v in turned))
    tx, ty, tz, tw = (v / size for v in turned)
    return Pose(pose.shifted(*(float(v) * dt for v in twist[:3])).xyz, (tx, ty, tz, tw))
