"""Inverse kinematics: joints that put the tip of a chain at a pose, within the joint limits.

Levenberg-Marquardt on the 6-vector of position error (m) and rotation vector (rad), with damping proportional to the
squared error (Sugihara, "Solvability-unconcerned inverse kinematics by the Levenberg-Marquardt method", IEEE T-RO
27(5), 2011) and an active set on the joint limits: a joint at its limit that is pushed outward takes no part in the
step. Poses are (4, 4) in the chain's base frame; ``arrays`` is :attr:`cells.kinematics.chain.Chain.arrays`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from numba import njit

from cells.errors import CellwrightError, Problem
from cells.kinematics.kernels import Arrays, fk_jacobian
from cells.pose import Array

if TYPE_CHECKING:
    from cells.kinematics.chain import Chain

TOLERANCE = 1e-6  # m and rad, of solve and solve_near
TRACKING_TOLERANCE = 1e-11  # of paths: they are differentiated, and the last Newton step is nearly free
ATTEMPTS = 40  # starts of solve, the first of them q0
ITERATIONS = 60  # of one start
STALLED = 8  # iterations without a tenth less error: a local minimum
DAMPING = 0.1
REACH_PER_POSE = 0.35  # rad: how far a joint may move between neighbouring poses of a path


class Unreachable(CellwrightError):
    """No joints within the limits put the tip there, or none without a jump on the way."""


@njit(cache=True)
def rotation_vector(r: Array, out: Array) -> None:
    """Rotation vector (3,) of the rotation matrix in ``r[:3, :3]``; exact to rounding up to an angle of pi."""
    x, y, z = 0.5 * (r[2, 1] - r[1, 2]), 0.5 * (r[0, 2] - r[2, 0]), 0.5 * (r[1, 0] - r[0, 1])
    sine = math.sqrt(x * x + y * y + z * z)
    cosine = 0.5 * (r[0, 0] + r[1, 1] + r[2, 2] - 1.0)
    angle = math.atan2(sine, cosine)
    if cosine > -0.9:
        factor = 1.0 if sine < 1e-12 else angle / sine
        out[0], out[1], out[2] = factor * x, factor * y, factor * z
        return
    # Near pi the antisymmetric part vanishes: the axis is the largest column of the symmetric part less its cosine.
    k = 0
    for i in range(1, 3):
        if r[i, i] > r[k, k]:
            k = i
    for i in range(3):
        out[i] = 0.5 * (r[i, k] + r[k, i])
    out[k] -= cosine
    length = math.sqrt(out[0] * out[0] + out[1] * out[1] + out[2] * out[2])
    sign = -1.0 if out[0] * x + out[1] * y + out[2] * z < 0.0 else 1.0
    for i in range(3):
        out[i] *= sign * angle / length


@njit(cache=True)
def pose_error(target: Array, here: Array, out: Array) -> None:
    """out (6,) = [position error; rotation vector] that leads from pose ``here`` to ``target``, base axes."""
    turn = np.empty((3, 3))
    for i in range(3):
        out[i] = target[i, 3] - here[i, 3]
        for j in range(3):
            turn[i, j] = target[i, 0] * here[j, 0] + target[i, 1] * here[j, 1] + target[i, 2] * here[j, 2]
    rotation_vector(turn, out[3:])


@njit(cache=True)
def solve_spd(a: Array, b: Array) -> None:
    """b := a⁻¹ b for a symmetric positive definite (m, m), by Cholesky in place."""
    m = b.shape[0]
    for i in range(m):
        for j in range(i + 1):
            s = a[i, j]
            for k in range(j):
                s -= a[i, k] * a[j, k]
            if i == j:
                a[i, i] = math.sqrt(max(s, 1e-300))
            else:
                a[i, j] = s / a[j, j]
    for i in range(m):
        for k in range(i):
            b[i] -= a[i, k] * b[k]
        b[i] /= a[i, i]
    for i in range(m - 1, -1, -1):
        for k in range(i + 1, m):
            b[i] -= a[k, i] * b[k]
        b[i] /= a[i, i]


@njit(cache=True)
def damped_step(jacobian: Array, error: Array, damping: float, free: npt.NDArray[np.bool_], out: Array) -> None:
    """out (n,) = Jᵀ(JJᵀ + damping·1)⁻¹ error over the columns with ``free[i]``, zero for the others."""
    n = out.shape[0]
    a = np.empty((6, 6))
    b = error.copy()
    for r in range(6):
        for s in range(r + 1):
            total = damping if r == s else 0.0
            for i in range(n):
                if free[i]:
                    total += jacobian[r, i] * jacobian[s, i]
            a[r, s] = total
    solve_spd(a, b)
    for i in range(n):
        out[i] = 0.0
        if free[i]:
            for r in range(6):
                out[i] += jacobian[r, i] * b[r]


@njit(cache=True)
def _descend(target: Array, q: Array, arrays: Arrays, low: Array, high: Array, tolerance: float) -> float:
    """One start: move ``q`` (in place, within low..high) to the target. Returns the squared error, 0 if solved."""
    n = q.shape[0]
    error, step = np.empty(6), np.empty(n)
    free = np.empty(n, np.bool_)
    best, stalled = np.inf, 0
    square: float = np.inf
    for _ in range(ITERATIONS):
        here, jacobian = fk_jacobian(q, arrays)
        pose_error(target, here, error)
        along = error[0] ** 2 + error[1] ** 2 + error[2] ** 2
        around = error[3] ** 2 + error[4] ** 2 + error[5] ** 2
        square = float(along + around)
        if along <= tolerance**2 and around <= tolerance**2:
            return 0.0
        if square < 0.9 * best:
            best, stalled = square, 0
        else:
            stalled += 1
            if stalled >= STALLED:
                return square
        for i in range(n):
            push = 0.0
            for r in range(6):
                push += jacobian[r, i] * error[r]
            free[i] = not ((q[i] <= low[i] and push < 0.0) or (q[i] >= high[i] and push > 0.0))
        damped_step(jacobian, error, 0.5 * DAMPING * square + 1e-15, free, step)
        for i in range(n):
            q[i] = min(max(q[i] + step[i], low[i]), high[i])
    return square


@njit(cache=True)
def is_pose(t: Array) -> bool:
    """Whether (4, 4) ``t`` is finite and a right-handed rigid transform to 1e-6."""
    for i in range(4):
        for j in range(4):
            if not math.isfinite(t[i, j]):
                return False
    if t[3, 0] != 0.0 or t[3, 1] != 0.0 or t[3, 2] != 0.0 or t[3, 3] != 1.0:
        return False
    for i in range(3):
        for j in range(i + 1):
            dot = t[0, i] * t[0, j] + t[1, i] * t[1, j] + t[2, i] * t[2, j]
            if abs(dot - (1.0 if i == j else 0.0)) > 1e-6:
                return False
    third = (t[1, 0] * t[2, 1] - t[2, 0] * t[1, 1]) * t[0, 2]
    third += (t[2, 0] * t[0, 1] - t[0, 0] * t[2, 1]) * t[1, 2]
    third += (t[0, 0] * t[1, 1] - t[1, 0] * t[0, 1]) * t[2, 2]
    return bool(third > 0.0)


@njit(cache=True)
def _solve(target: Array, q0: Array, arrays: Arrays, low: Array, high: Array, attempts: int) -> tuple[Array, bool]:
    n = q0.shape[0]
    best_q = np.empty(n)
    for i in range(n):
        best_q[i] = min(max(q0[i], low[i]), high[i])
    if not is_pose(target) or not np.all(np.isfinite(q0)):
        return q0.copy(), False
    best = np.inf
    seed = np.uint64(0x9E3779B97F4A7C15)
    q = best_q.copy()
    start = best_q.copy()
    for attempt in range(attempts):
        if attempt > 0:
            # Start ever farther from q0: the solution found is the nearer to it, and the same on every machine.
            spread = min(1.0, 0.25 * attempt)
            for i in range(n):
                seed ^= seed << np.uint64(13)
                seed ^= seed >> np.uint64(7)
                seed ^= seed << np.uint64(17)
                chance = (seed >> np.uint64(11)) * (1.0 / 9007199254740992.0)
                bottom, top = max(low[i], -math.pi), min(high[i], math.pi)
                q[i] = start[i] + spread * (bottom + chance * (top - bottom) - start[i])
        square = _descend(target, q, arrays, low, high, TOLERANCE)
        if square < best:
            best = square
            best_q[:] = q
        if square == 0.0:
            return best_q, True
    return best_q, False


@njit(cache=True)
def _track(poses: Array, q0: Array, arrays: Arrays, low: Array, high: Array, reach: float) -> tuple[Array, int]:
    """Joints (k, n) along poses (k, 4, 4), each from the one before, and how many poses were reached."""
    k, n = poses.shape[0], q0.shape[0]
    out = np.empty((k, n))
    q, near_low, near_high = q0.copy(), np.empty(n), np.empty(n)
    for index in range(k):
        for i in range(n):
            near_low[i], near_high[i] = max(low[i], q[i] - reach), min(high[i], q[i] + reach)
        if not is_pose(poses[index]):
            return out, index
        if _descend(poses[index], q, arrays, near_low, near_high, TRACKING_TOLERANCE) > 0.0:
            return out, index
        out[index] = q
    return out, k


def _clean(values: Array) -> Array:
    return np.ascontiguousarray(values, dtype=np.float64)


def solve(
    target: Array, q0: Array, arrays: Arrays, q_min: Array, q_max: Array, attempts: int = ATTEMPTS
) -> tuple[Array, bool]:
    """Joints (n,) within ``q_min..q_max`` for the tip at ``target`` (4, 4), to 1e-6 m and 1e-6 rad.

    Starts at ``q0`` (n,) and, where that ends in a local minimum, at up to ``attempts`` - 1 other joints, the same
    ones every time. Returns (q, ok); where ok is False (out of reach, NaN, not a rigid transform), q is the best seen.
    """
    q, ok = _solve(_clean(target), _clean(q0), arrays, _clean(q_min), _clean(q_max), attempts)
    return q, bool(ok)


def solve_near(
    target: Array, q0: Array, arrays: Arrays, q_min: Array, q_max: Array, reach: float = REACH_PER_POSE
) -> tuple[Array, bool]:
    """As :func:`solve`, but from ``q0`` alone and moving no joint by over ``reach`` (rad): never another branch."""
    low, high = np.maximum(q_min, _clean(q0) - reach), np.minimum(q_max, _clean(q0) + reach)
    if not np.all(low <= high):  # also where q0 holds a NaN
        return _clean(q0).copy(), False
    q, ok = _solve(_clean(target), _clean(q0), arrays, low, high, 1)
    return q, bool(ok)


def cartesian_path(chain: Chain, q0: Array, poses: Array, reach: float = REACH_PER_POSE) -> Array:
    """Joints (k, n) that lead the tip from ``q0`` (n,) through ``poses`` (k, 4, 4) without a jump.

    Neighbouring poses differ by at most ``reach`` (rad) in any joint. Raises :class:`Unreachable` naming the first
    pose that can't be followed to, and why.
    """
    poses = _clean(poses)
    q, reached = _track(poses, _clean(q0), chain.arrays, chain.q_min, chain.q_max, reach)
    if reached < len(poses):
        before = q[reached - 1] if reached else _clean(q0)
        raise Unreachable(_why_not(chain, before, poses[reached], reached, len(poses)))
    return q


def _why_not(chain: Chain, q: Array, pose: Array, index: int, count: int) -> Problem:
    """What stopped a path at a pose, from the joints before it."""
    where = f"pose {index + 1} of {count}"
    if not is_pose(pose):
        return Problem(where, "isn't a rigid transform", "check the numbers that it was made from")
    x, y, z = (1000 * v for v in pose[:3, 3])
    at = f"the tip can't follow to ({x:.1f}, {y:.1f}, {z:.1f}) mm in the base frame"
    margin = np.minimum(q - chain.q_min, chain.q_max - q)
    tight = int(np.argmin(margin))
    if margin[tight] < 0.02:
        limit = f"{chain.joint_names[tight]} is {np.degrees(margin[tight]):.1f}° from its limit"
        return Problem(where, f"{at}: {limit}", "start from other joints, or move the target")
    return Problem(where, f"{at} without a jump", "start from other joints, or bring the target into reach")
