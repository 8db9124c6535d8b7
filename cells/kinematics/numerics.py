"""Small pieces that every solver shares: rotations as vectors, errors between poses, damped least squares, frames.

Poses are (4, 4) float64 homogeneous transforms; outputs are written into arrays that the caller made.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from cells.pose import Array


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
def is_pose(t: Array) -> bool:
    """Whether ``t`` is a (4, 4), finite and a right-handed rigid transform to 1e-6."""
    if t.shape[0] != 4 or t.shape[1] != 4:
        return False
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


def axis_frame(axis: Array) -> Array:
    """A rotation (3, 3) that takes z to the unit vector ``axis``: the identity where they are the same."""
    x = np.array([1.0, 0.0, 0.0]) if abs(axis[0]) < 0.9 else np.array([0.0, 1.0, 0.0])
    x = x - axis * (x @ axis)
    x /= np.linalg.norm(x)
    return np.column_stack([x, np.cross(axis, x), axis])


def snapped(matrix: Array) -> Array:
    """The matrix without the rounding that 0 and ±1 come with where angles like pi/2 are written as decimals."""
    near = np.round(matrix)
    return np.where(np.abs(matrix - near) < 1e-15, near, matrix)


def z_frames(origins: Array, axes: Array) -> list[Array]:
    """Constant transforms (n + 1) of (4, 4) between joint frames turned so that z is the joint's axis; the last leads
    to the tip. ``origins`` (n + 1, 4, 4) and ``axes`` (n, 3) as :mod:`cells.kinematics.kernels` says."""
    before, out = np.eye(4), []
    for origin, axis in zip(origins, [*axes, np.array([0.0, 0.0, 1.0])], strict=True):
        turned = np.eye(4)
        turned[:3, :3] = axis_frame(axis)
        out.append(snapped(before.T @ origin @ turned))
        before = turned
    return out
