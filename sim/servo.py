"""The simulated arm's own controller: joint torques at the physics clock, as a real robot's inner loop makes them.

Two laws, both with inverse dynamics: a computed-torque joint servo (Segments and JointTargets) and a Cartesian
impedance (Compliant), after Khatib, "A unified approach for motion and force control of robot manipulators" (1987).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from cells.kinematics.kernels import Arrays, dynamics
from cells.pose import Array

SERVO_BANDWIDTH = 90.0  # rad/s of the joint servo, critically damped
NULL_STIFFNESS = 10.0  # 1/s²; posture pull in the null space of the impedance
IMPEDANCE_DAMPING = 1.0  # damping ratio against the operational-space inertia


@njit(cache=True)
def rotation_error(target: Array, actual: Array) -> Array:
    """Rotation vector (3,) in rad, base axes, that turns ``actual`` into ``target`` (upper-left 3×3 of each)."""
    r = np.ascontiguousarray(target[:3, :3]) @ np.ascontiguousarray(actual[:3, :3]).T
    v = np.array([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]]) * 0.5
    s = math.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
    angle = math.atan2(s, (r[0, 0] + r[1, 1] + r[2, 2] - 1.0) * 0.5)
    if s < 1e-9:
        return v
    return v * (angle / s)


@njit(cache=True)
def joint_torque(
    q: Array, qd: Array, q_ref: Array, qd_ref: Array, qdd_ref: Array, tau_max: Array, arrays: Arrays
) -> Array:
    """Computed-torque servo: (n,) Nm that track the reference, within ``tau_max``."""
    _, _, matrix, bias = dynamics(q, qd, arrays)
    accel = qdd_ref + 2.0 * SERVO_BANDWIDTH * (qd_ref - qd) + SERVO_BANDWIDTH * SERVO_BANDWIDTH * (q_ref - q)
    tau = matrix @ accel + bias
    return np.minimum(np.maximum(tau, -tau_max), tau_max)


@njit(cache=True)
def impedance_torque(
    q: Array,
    qd: Array,
    target: Array,
    twist: Array,
    stiffness: Array,
    force_limit: float,
    posture: Array,
    tau_max: Array,
    arrays: Arrays,
) -> Array:
    """Cartesian spring and damper at the tip: (n,) Nm. The spring's force is bounded by ``force_limit`` (N)."""
    tip, jacobian, matrix, bias = dynamics(q, qd, arrays)
    error = np.empty(6)
    for i in range(3):
        error[i] = target[i, 3] - tip[i, 3]
    error[3:] = rotation_error(target, tip)
    spring = stiffness * error
    pull = math.sqrt(spring[0] * spring[0] + spring[1] * spring[1] + spring[2] * spring[2])
    if pull > force_limit:
        spring[:3] *= force_limit / pull
    inverse = np.linalg.inv(matrix)
    mobility = jacobian @ inverse @ jacobian.T
    for i in range(6):
        mobility[i, i] += 1e-6
    inertia = np.linalg.inv(mobility)
    slip = twist - jacobian @ qd
    wrench = np.empty(6)
    for i in range(6):
        wrench[i] = spring[i] + 2.0 * IMPEDANCE_DAMPING * math.sqrt(stiffness[i] * inertia[i, i]) * slip[i]
    rest = matrix @ (NULL_STIFFNESS * (posture - q) - 2.0 * math.sqrt(NULL_STIFFNESS) * qd)
    rest = rest - jacobian.T @ (inertia @ (jacobian @ (inverse @ rest)))
    tau = jacobian.T @ wrench + rest + bias
    return np.minimum(np.maximum(tau, -tau_max), tau_max)


@njit(cache=True)
def felt_wrench(
    q: Array,
    qd: Array,
    after: Array,
    dt: float,
    tau: Array,
    arrays: Arrays,
    base: Array,
    weight: float,
    centre: Array,
) -> Array:
    """[f; m] (6,) at the tip, world axes, as a wrist sensor tells it.

    What acts from outside, that is, what the change from ``qd`` to ``after`` (n,) in ``dt`` (s) took beyond ``tau``;
    and the tool's own ``weight`` (N, along -z of the world) at ``centre`` (3,) in the tip's frame. ``base`` (4, 4) is
    the chain's base in the world.
    """
    tip, jacobian, matrix, bias = dynamics(q, qd, arrays)
    qdd = (after - qd) / dt
    square = jacobian @ jacobian.T
    for i in range(6):
        square[i, i] += 1e-9
    told = np.linalg.solve(square, jacobian @ (matrix @ qdd + bias - tau))
    out = np.zeros(6)
    lever = np.zeros(3)
    for i in range(3):
        for j in range(3):
            out[i] += base[i, j] * told[j]
            out[3 + i] += base[i, j] * told[3 + j]
            for k in range(3):
                lever[i] += base[i, j] * tip[j, k] * centre[k]
    out[2] -= weight
    out[3] -= lever[1] * weight
    out[4] += lever[0] * weight
    return out


@njit(cache=True)
def power(tau: Array, qd: Array) -> float:
    """Mechanical power Σ|τ·q̇| in W."""
    total = 0.0
    for i in range(tau.shape[0]):
        total += abs(tau[i] * qd[i])
    return total


@njit(cache=True)
def reference(t: float, dt: float, q: Array, qd: Array, qdd: Array) -> tuple[Array, Array, Array]:
    """Joint reference (q, q̇, q̈), each (n,), at time ``t`` (s) of samples (m, n) spaced by ``dt``: cubic Hermite."""
    last = q.shape[0] - 1
    k = int(t / dt)
    if k >= last:
        return q[last].copy(), np.zeros_like(q[last]), np.zeros_like(q[last])
    s = t / dt - k
    a, b = 2 * s * s * s - 3 * s * s + 1, s * s * s - 2 * s * s + s
    c, d = -2 * s * s * s + 3 * s * s, s * s * s - s * s
    at = a * q[k] + c * q[k + 1] + dt * (b * qd[k] + d * qd[k + 1])
    slope = (
        (6 * s * s - 6 * s) / dt * (q[k] - q[k + 1]) + (3 * s * s - 4 * s + 1) * qd[k] + (3 * s * s - 2 * s) * qd[k + 1]
    )
    return at, slope, (1 - s) * qdd[k] + s * qdd[k + 1]
