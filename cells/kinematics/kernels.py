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

from cells.pose import Array, Vector3

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
def _plus(a: Vector3, b: Vector3) -> Vector3:
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2])


@njit(cache=True)
def _minus(a: Vector3, b: Vector3) -> Vector3:
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2])


@njit(cache=True)
def _scaled(k: float, a: Vector3) -> Vector3:
    return (k * a[0], k * a[1], k * a[2])


@njit(cache=True)
def _dot(a: Vector3, b: Vector3) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@njit(cache=True)
def _cross(a: Vector3, b: Vector3) -> Vector3:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


@njit(cache=True)
def _row(a: Array, i: int) -> Vector3:
    return (a[i, 0], a[i, 1], a[i, 2])


@njit(cache=True)
def _column(frame: Array, j: int) -> Vector3:
    return (frame[0, j], frame[1, j], frame[2, j])


@njit(cache=True)
def _rotated(frame: Array, v: Vector3) -> Vector3:
    """``v`` of a frame (4, 4) in the axes of the frame's parent."""
    return (_dot(_row(frame, 0), v), _dot(_row(frame, 1), v), _dot(_row(frame, 2), v))


@njit(cache=True)
def _on(symmetric: Array, v: Vector3) -> Vector3:
    """Matrix (3, 3) times vector."""
    return (_dot(_row(symmetric, 0), v), _dot(_row(symmetric, 1), v), _dot(_row(symmetric, 2), v))


@njit(cache=True)
def _spread(frame: Array, inertia: Array, out: Array) -> None:
    """out = R · ``inertia`` · Rᵀ (3, 3) for the rotation of a frame (4, 4)."""
    for i in range(3):
        half = (
            _dot(_row(frame, i), _column(inertia, 0)),
            _dot(_row(frame, i), _column(inertia, 1)),
            _dot(_row(frame, i), _column(inertia, 2)),
        )
        for j in range(3):
            out[i, j] = _dot(half, _row(frame, j))


@njit(cache=True)
def dynamics(q: Array, qd: Array, arrays: Arrays) -> tuple[Array, Array, Array, Array]:
    """Tip pose (4, 4), Jacobian (6, n), inertia matrix M (n, n) and bias C(q, q̇)q̇ + g(q) (n,), gravity along -z.

    M by composite Jacobians, the bias by a recursive Newton-Euler pass (Lynch & Park §8.3) with zero joint
    acceleration and the base accelerated against gravity. Vectors are tuples: they live in registers, where arrays
    would be allocated one by one; this is computed in every physics step.
    """
    axes, prismatic, mass, com, inertia = arrays[1], arrays[2], arrays[3], arrays[4], arrays[5]
    n = q.shape[0]
    frames, tip = link_frames(q, arrays)
    jacobian = np.empty((6, n))
    _columns(frames, tip[:3, 3], n, arrays, jacobian)
    matrix = np.empty((n, n))
    bias = np.empty(n)
    axis = np.empty((n, 3))
    centre = np.empty((n, 3))
    turn = np.empty((n, 3, 3))
    force = np.empty((n, 3))
    moment = np.empty((n, 3))
    omega, alpha, here = (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)
    accel = (0.0, 0.0, GRAVITY)
    for i in range(n):
        frame, origin = frames[i], _column(frames[i], 3)
        a = _rotated(frame, _row(axes, i))
        _spread(frame, inertia[i], turn[i])
        # Acceleration of this link's frame origin as a point of the link before it.
        lever = _minus(origin, here)
        accel = _plus(accel, _plus(_cross(alpha, lever), _cross(omega, _cross(omega, lever))))
        moved = _scaled(qd[i], a)
        if prismatic[i]:
            accel = _plus(accel, _scaled(2.0, _cross(omega, moved)))
        else:
            alpha = _plus(alpha, _cross(omega, moved))
            omega = _plus(omega, moved)
        here = origin
        lever = _rotated(frame, _row(com, i))
        at_centre = _plus(accel, _plus(_cross(alpha, lever), _cross(omega, _cross(omega, lever))))
        axis[i, 0], axis[i, 1], axis[i, 2] = a
        centre[i, 0], centre[i, 1], centre[i, 2] = _plus(lever, origin)
        force[i, 0], force[i, 1], force[i, 2] = _scaled(mass[i], at_centre)
        spin = _plus(_on(turn[i], alpha), _cross(omega, _on(turn[i], omega)))
        moment[i, 0], moment[i, 1], moment[i, 2] = spin
    total, about_base, first = (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)
    heavy, second = 0.0, np.zeros((3, 3))
    for i in range(n - 1, -1, -1):
        a, c, f, origin = _row(axis, i), _row(centre, i), _row(force, i), _column(frames[i], 3)
        total = _plus(total, f)
        about_base = _plus(about_base, _plus(_row(moment, i), _cross(c, f)))
        # Composite body of links i..n-1 about the base origin: mass, first and second moment.
        heavy += mass[i]
        first = _plus(first, _scaled(mass[i], c))
        square = _dot(c, c)
        for r in range(3):
            for s in range(3):
                second[r, s] += turn[i, r, s] - mass[i] * c[r] * c[s]
            second[r, r] += mass[i] * square
        if prismatic[i]:
            bias[i] = _dot(a, total)
            momentum, spin = _scaled(heavy, a), _cross(first, a)
        else:
            bias[i] = _dot(a, _minus(about_base, _cross(origin, total)))
            momentum = _cross(a, _minus(first, _scaled(heavy, origin)))
            spin = _minus(_on(second, a), _cross(first, _cross(a, origin)))
        for j in range(i + 1):
            if prismatic[j]:
                matrix[j, i] = _dot(_row(axis, j), momentum)
            else:
                matrix[j, i] = _dot(_row(axis, j), _minus(spin, _cross(_column(frames[j], 3), momentum)))
            matrix[i, j] = matrix[j, i]
    return tip, jacobian, matrix, bias
