"""The one admittance law: from "be here, softly" and the measured wrench to the next joint target.

The tool is a virtual mass with a damper and a spring to the set pose, in world axes:

    M·a + D·(v - γ·v_set) + K·(x - x_set) = f

with f the tared wrench that the environment exerts on the tool; semi-implicit Euler at the control tick, then a damped
differential step of the inverse kinematics towards x itself, so that no drift builds up (Siciliano & Villani, "Robot
Force Control", 1999, ch. 3; Nakamura & Hanafusa 1986 for the damped inverse).

M and D are chosen for a stiff contact behind a position servo: a press stays stable against walls of up to 1e5 N/m
with servos of 30-150 rad/s and 2-7 kg at the tool, a tick of delay included; impact is soft at 15 mm/s. The damping
is far above critical for any spring a skill would ask for, so a set pose that moves must say how fast (``twist``):
it is fed forward, not pulled along. The spring's pull is bounded by the force limit, and γ fades the feed-forward as
the measured force against it nears the limit, so that a press settles at min(K·penetration, limit).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from cells.control.setpoints import Compliant, JointTarget
from cells.kinematics.chain import Chain
from cells.kinematics.kernels import Arrays, fk_jacobian
from cells.kinematics.numerics import damped_step, pose_error
from cells.ports import Reading
from cells.pose import Array, Pose

MASS = 15.0  # kg
DAMPING = 1000.0  # N·s/m
LEVER = 0.1  # m: rotation has LEVER² times the mass and damping, and LEVER times the force limit as moment limit
SINGULAR = 1e-4  # damping of the inverse, m² and rad²: costs 0.1 % of a step where the arm is well conditioned
LEAD_M, LEAD_RAD = 2e-3, 2e-2  # the virtual tool may lead the commanded joints by this much


@njit(cache=True)
def _turn(rotation: Array, vector: Array, backward: bool, out: Array) -> None:
    """out (6,) = both halves of ``vector`` turned by ``rotation`` (3, 3), or by its inverse."""
    for half in (0, 3):
        for i in range(3):
            total = 0.0
            for j in range(3):
                total += (rotation[j, i] if backward else rotation[i, j]) * vector[half + j]
            out[half + i] = total


@njit(cache=True)
def _norm(vector: Array, half: int) -> float:
    return math.sqrt(vector[half] ** 2 + vector[half + 1] ** 2 + vector[half + 2] ** 2)


@njit(cache=True)
def _law(
    twist: Array, error: Array, feed: Array, stiffness: Array, force_limit: float, wrench: Array, dt: float
) -> None:
    """Advance ``twist`` (6,) [v; w] by one tick; all in world axes."""
    for half in (0, 3):
        lever = 1.0 if half == 0 else LEVER
        mass, damping, limit = MASS * lever * lever, DAMPING * lever * lever, max(force_limit * lever, 1e-9)
        pull = np.empty(3)
        for i in range(3):
            pull[i] = stiffness[half + i] * error[half + i]
        size = math.sqrt(pull[0] ** 2 + pull[1] ** 2 + pull[2] ** 2)
        bounded = min(1.0, limit / max(size, 1e-12))
        speed = _norm(feed, half)
        against = 0.0
        if speed > 0.0:
            for i in range(3):
                against -= wrench[half + i] * feed[half + i] / speed
        fade = 1.0 - min(max(against / limit, 0.0), 1.0)
        for i in range(3):
            drive = bounded * pull[i] + damping * fade * feed[half + i] + wrench[half + i]
            twist[half + i] = (mass * twist[half + i] + dt * drive) / (mass + dt * damping)


@njit(cache=True)
def _moved(pose: Array, twist: Array, dt: float) -> None:
    """Move ``pose`` (4, 4) in place by ``twist`` (6,), same axes, for ``dt`` (Rodrigues)."""
    for i in range(3):
        pose[i, 3] += twist[i] * dt
    speed = _norm(twist, 3)
    angle = speed * dt
    if angle < 1e-15:
        return
    x, y, z = twist[3] / speed, twist[4] / speed, twist[5] / speed
    s, c = math.sin(angle), 1.0 - math.cos(angle)
    for j in range(3):
        a, b, d = pose[0, j], pose[1, j], pose[2, j]
        along = c * (x * a + y * b + z * d)
        pose[0, j] = a * (1.0 - c) + s * (y * d - z * b) + along * x
        pose[1, j] = b * (1.0 - c) + s * (z * a - x * d) + along * y
        pose[2, j] = d * (1.0 - c) + s * (x * b - y * a) + along * z


@njit(cache=True)
def _tick(
    q: Array,
    pose: Array,
    twist: Array,
    base: Array,
    target: Array,
    feed: Array,
    stiffness: Array,
    force_limit: float,
    wrench: Array,
    arrays: Arrays,
    q_min: Array,
    q_max: Array,
    qd_max: Array,
    dt: float,
) -> Array:
    """Advance ``q`` (n,), ``pose`` (4, 4, base frame) and ``twist`` (6,, world axes) in place; returns qd (n,)."""
    n = q.shape[0]
    qd = np.zeros(n)
    error, seen, step = np.empty(6), np.empty(6), np.empty(n)
    pose_error(target, pose, error)
    _turn(base, error, False, seen)
    _law(twist, seen, feed, stiffness, force_limit, wrench, dt)
    if not np.all(np.isfinite(twist)):  # a sensor or a set pose that says NaN: stand still
        twist[:] = 0.0
        return qd
    _turn(base, twist, True, seen)
    _moved(pose, seen, dt)

    here, jacobian = fk_jacobian(q, arrays)
    pose_error(pose, here, error)
    free = np.empty(n, np.bool_)
    for i in range(n):
        push = 0.0
        for r in range(6):
            push += jacobian[r, i] * error[r]
        free[i] = not ((q[i] <= q_min[i] and push < 0.0) or (q[i] >= q_max[i] and push > 0.0))
    damped_step(jacobian, error, SINGULAR, free, step)
    share = 1.0
    for i in range(n):
        share = min(share, qd_max[i] * dt / max(abs(step[i]), 1e-300))
    for i in range(n):
        before = q[i]
        # A joint that starts beyond its limits isn't thrown back: it may only not go farther.
        q[i] = min(max(q[i] + share * step[i], min(q_min[i], before)), max(q_max[i], before))
        qd[i] = (q[i] - before) / dt
    for r in range(6):
        for i in range(n):
            error[r] -= jacobian[r, i] * qd[i] * dt
    if _norm(error, 0) > LEAD_M or _norm(error, 3) > LEAD_RAD:
        # The joints can't follow: let the virtual tool wait for them instead of running ahead.
        pose[:] = fk_jacobian(q, arrays)[0]
        for r in range(6):
            seen[r] = 0.0
            for i in range(n):
                seen[r] += jacobian[r, i] * qd[i]
        _turn(base, seen, False, twist)
    return qd


class Admittance:
    """The law with its state: the commanded joints, and the virtual tool's pose and twist."""

    def __init__(self, chain: Chain, base_pose: Pose, dt: float) -> None:
        """For ``chain``, whose base stands at ``base_pose`` in the world, at a control tick of ``dt`` seconds."""
        self._chain = chain
        self._base = base_pose.matrix()
        self._world_to_base = base_pose.inverse().matrix()
        self._dt = dt
        self._q: Array | None = None
        self._pose = np.eye(4)
        self._twist = np.zeros(6)

    def reset(self, q: Array, qd: Array | None = None) -> None:
        """Begin at the joints ``q`` (n,) and velocities ``qd`` (n,; at rest without) that the arm is commanded to
        have, so that the first target has no step."""
        self._q = np.array(q, dtype=np.float64)
        self._pose = self._chain.fk(self._q)
        self._twist = np.zeros(6)
        if qd is not None:
            moving = self._chain.jacobian(self._q) @ np.asarray(qd, dtype=np.float64)
            _turn(np.ascontiguousarray(self._base[:3, :3]), moving, False, self._twist)

    def step(self, setpoint: Compliant, reading: Reading, tare: Array) -> JointTarget:
        """One tick towards ``setpoint``, with ``tare`` (6,) taken off the reading's wrench. Call reset first."""
        if self._q is None:
            raise RuntimeError("reset(q) tells an admittance where the arm is; call it before the first step")
        chain = self._chain
        qd = _tick(
            self._q,
            self._pose,
            self._twist,
            np.ascontiguousarray(self._base[:3, :3]),
            self._world_to_base @ setpoint.pose.matrix(),
            np.ascontiguousarray(setpoint.twist, dtype=np.float64),
            np.ascontiguousarray(setpoint.stiffness, dtype=np.float64),
            float(setpoint.force_limit),
            np.asarray(reading.wrench, dtype=np.float64) - tare,
            chain.arrays,
            chain.q_min,
            chain.q_max,
            chain.qd_max,
            self._dt,
        )
        return JointTarget(self._q.copy(), qd)
