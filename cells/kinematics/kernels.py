"""Numba kernels of a serial chain: forward kinematics, Jacobian, inertia and bias forces.

All take ``arrays``, the tuple that :attr:`cells.kinematics.chain.Chain.arrays` holds:
``(origins (n+1,4,4), axes (n,3), prismatic (n,), mass (n,), com (n,3), inertia (n,3,3))``, float64 but ``prismatic``
(int64). ``origins[i]`` leads from the frame of joint i-1 to that of joint i at zero, ``origins[n]`` to the tip; mass,
centre of mass and inertia (about it) are those of the link that joint i moves, in that link's frame.
SI units; the base frame is the reference. Notation after Lynch & Park, "Modern Robotics" (2017), ch. 4, 5 and 8.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from cells.pose import Array

Arrays = tuple[Array, Array, Array, Array, Array, Array]
GRAVITY = 9.80665  # m/s², standard gravity (CGPM 1901)


@njit(cache=True)
def _turned(matrix: Array, axis: Array, angle: float, out: Array) -> None:
    """out = matrix · rotation about ``axis`` by ``angle`` (Rodrigues); (4, 4) each."""
    c, s = math.cos(angle), math.sin(angle)
    x, y, z = axis[0], axis[1], axis[2]
    v = 1.0 - c
    for i in range(3):
        a, b, d = matrix[i, 0], matrix[i, 1], matrix[i, 2]
        out[i, 0] = a * (c + x * x * v) + b * (z * s + x * y * v) + d * (-y * s + x * z * v)
        out[i, 1] = a * (-z * s + x * y * v) + b * (c + y * y * v) + d * (x * s + y * z * v)
        out[i, 2] = a * (y * s + x * z * v) + b * (-x * s + y * z * v) + d * (c + z * z * v)
        out[i, 3] = matrix[i, 3]
    out[3, 0] = out[3, 1] = out[3, 2] = 0.0
    out[3, 3] = 1.0


@njit(cache=True)
def _times(a: Array, b: Array, out: Array) -> None:
    """out = a · b for homogeneous transforms."""
    for i in range(3):
        for j in range(3):
            out[i, j] = a[i, 0] * b[0, j] + a[i, 1] * b[1, j] + a[i, 2] * b[2, j]
        out[i, 3] = a[i, 0] * b[0, 3] + a[i, 1] * b[1, 3] + a[i, 2] * b[2, 3] + a[i, 3]
    out[3, 0] = out[3, 1] = out[3, 2] = 0.0
    out[3, 3] = 1.0


@njit(cache=True)
def link_frames(q: Array, arrays: Arrays) -> tuple[Array, Array]:
    """Frames of the links that the joints move, (n, 4, 4), and the tip's, (4, 4), in the base frame."""
    origins, axes, prismatic = arrays[0], arrays[1], arrays[2]
    n = axes.shape[0]
    frames = np.empty((n, 4, 4))
    tip = np.empty((4, 4))
    before = np.eye(4)
    joint = np.empty((4, 4))
    for i in range(n):
        _times(before, origins[i], joint)
        if prismatic[i]:
            frames[i] = joint
            for r in range(3):
                frames[i, r, 3] += q[i] * (
                    joint[r, 0] * axes[i, 0] + joint[r, 1] * axes[i, 1] + joint[r, 2] * axes[i, 2]
                )
        else:
            _turned(joint, axes[i], q[i], frames[i])
        before = frames[i]
    _times(before, origins[n], tip)
    return frames, tip


@njit(cache=True)
def _columns(frames: Array, point: Array, count: int, arrays: Arrays, jacobian: Array) -> None:
    """Fill the first ``count`` columns of the geometric Jacobian ([v; w], base axes) of a point; the rest is zero."""
    axes, prismatic = arrays[1], arrays[2]
    jacobian[:] = 0.0
    for i in range(count):
        f = frames[i]
        x = f[0, 0] * axes[i, 0] + f[0, 1] * axes[i, 1] + f[0, 2] * axes[i, 2]
        y = f[1, 0] * axes[i, 0] + f[1, 1] * axes[i, 1] + f[1, 2] * axes[i, 2]
        z = f[2, 0] * axes[i, 0] + f[2, 1] * axes[i, 1] + f[2, 2] * axes[i, 2]
        if prismatic[i]:
            jacobian[0, i], jacobian[1, i], jacobian[2, i] = x, y, z
        else:
            dx, dy, dz = point[0] - f[0, 3], point[1] - f[1, 3], point[2] - f[2, 3]
            jacobian[0, i], jacobian[1, i], jacobian[2, i] = y * dz - z * dy, z * dx - x * dz, x * dy - y * dx
            jacobian[3, i], jacobian[4, i], jacobian[5, i] = x, y, z


@njit(cache=True)
def fk_jacobian(q: Array, arrays: Arrays) -> tuple[Array, Array]:
    """Tip pose (4, 4) and geometric Jacobian (6, n), rows [v; w] in base axes, of joints ``q`` (n,)."""
    frames, tip = link_frames(q, arrays)
    n = q.shape[0]
    jacobian = np.empty((6, n))
    _columns(frames, tip[:3, 3], n, arrays, jacobian)
    return tip, jacobian


@njit(cache=True)
def fk(q: Array, arrays: Arrays) -> Array:
    """Tip pose (4, 4) of joints ``q`` (n,)."""
    return link_frames(q, arrays)[1]


@njit(cache=True)
def dynamics(q: Array, qd: Array, arrays: Arrays) -> tuple[Array, Array, Array, Array]:
    """Tip pose (4, 4), Jacobian (6, n), inertia matrix M (n, n) and bias C(q, q̇)q̇ + g(q) (n,), gravity along -z.

    M by composite Jacobians, the bias by a recursive Newton-Euler pass (Lynch & Park §8.3) with zero joint
    acceleration and the base accelerated against gravity.
    """
    axes, prismatic, mass, com, inertia = arrays[1], arrays[2], arrays[3], arrays[4], arrays[5]
    n = q.shape[0]
    frames, tip = link_frames(q, arrays)
    jacobian = np.empty((6, n))
    _columns(frames, tip[:3, 3], n, arrays, jacobian)
    matrix = np.zeros((n, n))
    bias = np.zeros(n)
    axis = np.empty((n, 3))
    centre = np.empty((n, 3))
    turn = np.zeros((n, 3, 3))
    force = np.empty((n, 3))
    moment = np.empty((n, 3))
    omega, alpha = np.zeros(3), np.zeros(3)
    accel = np.array([0.0, 0.0, GRAVITY])
    here = np.zeros(3)
    for i in range(n):
        f = frames[i]
        rotation = np.ascontiguousarray(f[:3, :3])
        axis[i] = rotation @ axes[i]
        centre[i] = rotation @ com[i] + f[:3, 3]
        turn[i] = rotation @ inertia[i] @ rotation.T
        # Acceleration of this link's frame origin as a point of the link before it.
        arm = f[:3, 3] - here
        accel = accel + np.cross(alpha, arm) + np.cross(omega, np.cross(omega, arm))
        if prismatic[i]:
            accel = accel + 2.0 * np.cross(omega, axis[i] * qd[i])
        else:
            alpha = alpha + np.cross(omega, axis[i] * qd[i])
            omega = omega + axis[i] * qd[i]
        here = f[:3, 3].copy()
        lever = centre[i] - here
        at_centre = accel + np.cross(alpha, lever) + np.cross(omega, np.cross(omega, lever))
        force[i] = mass[i] * at_centre
        moment[i] = turn[i] @ alpha + np.cross(omega, turn[i] @ omega)
    total, about_base = np.zeros(3), np.zeros(3)
    heavy, first = 0.0, np.zeros(3)
    second = np.zeros((3, 3))
    for i in range(n - 1, -1, -1):
        total = total + force[i]
        about_base = about_base + moment[i] + np.cross(centre[i], force[i])
        # Composite body of links i..n-1 about the base origin: mass, first and second moment.
        heavy += mass[i]
        first = first + mass[i] * centre[i]
        c = centre[i]
        square = c[0] * c[0] + c[1] * c[1] + c[2] * c[2]
        for r in range(3):
            for s in range(3):
                second[r, s] += turn[i, r, s] - mass[i] * c[r] * c[s]
            second[r, r] += mass[i] * square
        origin = frames[i, :3, 3]
        if prismatic[i]:
            bias[i] = axis[i] @ total
            momentum, spin = heavy * axis[i], np.cross(first, axis[i])
        else:
            bias[i] = axis[i] @ (about_base - np.cross(origin, total))
            momentum = np.cross(axis[i], first - heavy * origin)
            spin = second @ axis[i] - np.cross(first, np.cross(axis[i], origin))
        for j in range(i + 1):
            if prismatic[j]:
                matrix[j, i] = axis[j] @ momentum
            else:
                matrix[j, i] = axis[j] @ (spin - np.cross(frames[j, :3, 3], momentum))
            matrix[i, j] = matrix[j, i]
    return tip, jacobian, matrix, bias
