"""How far apart two convex solids are.

Gilbert, Johnson & Keerthi, "A fast procedure for computing the distance between complex objects in
three-dimensional space", IEEE J. Robotics and Automation 4(2), 1988: walk towards the point of the difference A - B
that is nearest to the origin, by the corners that lie farthest that way. What is returned is the walk's *lower* bound,
so that it never says more than the truth; at its end it is within 1e-6 m of it. The point nearest to the origin on a
simplex is found region by region (Ericson, "Real-Time Collision Detection", 2005, 5.1).

Spheres and capsules are points and lines with a radius about them. Solids are rows of tables: :mod:`.shapes`.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from cells.kinematics.collision.shapes import BOX, CAPSULE, CYLINDER, KIND, POSE, SIZE, SPHERE, X, Y, Z
from cells.pose import Array

ITERATIONS = 64
EXACT = 1e-6  # m


@njit(cache=True, error_model="numpy", inline="always")
def support(solids: Array, i: int, x: float, y: float, z: float) -> tuple[float, float, float]:
    """The point of a solid, without its radius, that lies farthest along (x, y, z)."""
    kind, a, b, p = solids[i, KIND], solids[i, SIZE], solids[i, SIZE + 1], POSE
    w = solids[i, p + 2] * x + solids[i, p + 6] * y + solids[i, p + 10] * z
    u = v = 0.0
    if kind == SPHERE:
        w = 0.0
    elif kind == CAPSULE:
        w = b if w >= 0.0 else -b
    else:
        u = solids[i, p] * x + solids[i, p + 4] * y + solids[i, p + 8] * z
        v = solids[i, p + 1] * x + solids[i, p + 5] * y + solids[i, p + 9] * z
        if kind == BOX:
            c = solids[i, SIZE + 2]
            u = a if u >= 0.0 else -a
            v = b if v >= 0.0 else -b
            w = c if w >= 0.0 else -c
        else:
            across = math.sqrt(u * u + v * v)
            share = a / across if across > 1e-12 else 0.0
            u, v = u * share, v * share
            w = b if w >= 0.0 else -b
    return (
        solids[i, p] * u + solids[i, p + 1] * v + solids[i, p + 2] * w + solids[i, p + 3],
        solids[i, p + 4] * u + solids[i, p + 5] * v + solids[i, p + 6] * w + solids[i, p + 7],
        solids[i, p + 8] * u + solids[i, p + 9] * v + solids[i, p + 10] * w + solids[i, p + 11],
    )


@njit(cache=True, error_model="numpy", inline="always")
def _first_look(solids: Array, i: int, x: float, y: float, z: float, out: Array) -> None:
    """Into ``out`` (3,): from the point of a solid that is nearest to (x, y, z), the other's middle, to that
    middle. Mostly the first step along it tells all."""
    kind, a, b, p = solids[i, KIND], solids[i, SIZE], solids[i, SIZE + 1], POSE
    dx, dy, dz = x - solids[i, X], y - solids[i, Y], z - solids[i, Z]
    u = solids[i, p] * dx + solids[i, p + 4] * dy + solids[i, p + 8] * dz
    v = solids[i, p + 1] * dx + solids[i, p + 5] * dy + solids[i, p + 9] * dz
    w = solids[i, p + 2] * dx + solids[i, p + 6] * dy + solids[i, p + 10] * dz
    if kind == BOX:
        c = solids[i, SIZE + 2]
        u -= min(max(u, -a), a)
        v -= min(max(v, -b), b)
        w -= min(max(w, -c), c)
    elif kind != SPHERE:
        w -= min(max(w, -b), b)
        if kind == CYLINDER:
            across = math.sqrt(u * u + v * v)
            share = max(across - a, 0.0) / across if across > 0.0 else 0.0
            u, v = u * share, v * share
    if u * u + v * v + w * w < 1e-18:
        u, v, w = 1.0, 0.0, 0.0
    for r in range(3):
        out[r] = solids[i, p + 4 * r] * u + solids[i, p + 4 * r + 1] * v + solids[i, p + 4 * r + 2] * w


@njit(cache=True, error_model="numpy", inline="always")
def _dot(a: Array, b: Array) -> float:
    return float(a[0] * b[0] + a[1] * b[1] + a[2] * b[2])


@njit(cache=True, error_model="numpy", inline="always")
def _on_line(corners: Array, i: int, j: int, share: Array) -> None:
    """Weights of the point of the line between two corners that is nearest to the origin."""
    square, along = 0.0, 0.0
    for r in range(3):
        d = corners[j, r] - corners[i, r]
        square += d * d
        along -= corners[i, r] * d
    t = min(max(along / square, 0.0), 1.0) if square > 0.0 else 0.0
    share[0], share[1] = 1.0 - t, t


@njit(cache=True, error_model="numpy")
def _on_triangle(corners: Array, a: int, b: int, c: int, share: Array) -> None:
    """Weights of the point of the triangle between three corners that is nearest to the origin."""
    d1 = d2 = d3 = d4 = d5 = d6 = 0.0
    for r in range(3):
        p, q, s = corners[a, r], corners[b, r], corners[c, r]
        ab, ac = q - p, s - p
        d1, d2 = d1 - ab * p, d2 - ac * p
        d3, d4 = d3 - ab * q, d4 - ac * q
        d5, d6 = d5 - ab * s, d6 - ac * s
    share[0], share[1], share[2] = 1.0, 0.0, 0.0
    if d1 <= 0.0 and d2 <= 0.0:
        return
    if d3 >= 0.0 and d4 <= d3:
        share[0], share[1] = 0.0, 1.0
        return
    vc = d1 * d4 - d3 * d2
    if vc <= 0.0 and d1 >= 0.0 and d3 <= 0.0:
        t = d1 / (d1 - d3) if d1 > d3 else 0.0
        share[0], share[1] = 1.0 - t, t
        return
    if d6 >= 0.0 and d5 <= d6:
        share[0], share[2] = 0.0, 1.0
        return
    vb = d5 * d2 - d1 * d6
    if vb <= 0.0 and d2 >= 0.0 and d6 <= 0.0:
        t = d2 / (d2 - d6) if d2 > d6 else 0.0
        share[0], share[2] = 1.0 - t, t
        return
    va = d3 * d6 - d5 * d4
    if va <= 0.0 and d4 >= d3 and d5 >= d6:
        spread = (d4 - d3) + (d5 - d6)
        t = (d4 - d3) / spread if spread > 0.0 else 0.0
        share[0], share[1], share[2] = 0.0, 1.0 - t, t
        return
    total = va + vb + vc
    share[0], share[1], share[2] = va / total, vb / total, vc / total


@njit(cache=True, error_model="numpy")
def _reduced(corners: Array, count: int, point: Array, share: Array, best: Array) -> int:
    """Put the point of the simplex (``count`` corners) nearest to the origin into ``point`` (3,) and keep only the
    corners it hangs on; returns how many, 0 if the origin is inside. ``share``, ``best`` (4,) are room to work in."""
    for i in range(4):
        best[i] = 0.0
    outside = True
    if count == 1:
        best[0] = 1.0
    elif count == 2:
        _on_line(corners, 0, 1, best)
    elif count == 3:
        _on_triangle(corners, 0, 1, 2, best)
    else:
        nearest, outside = np.inf, False
        for face in range(4):
            i, j, k = (face + 1) % 4, (face + 2) % 4, (face + 3) % 4
            ax, ay, az = corners[i, 0], corners[i, 1], corners[i, 2]
            bx, by, bz = corners[j, 0] - ax, corners[j, 1] - ay, corners[j, 2] - az
            cx, cy, cz = corners[k, 0] - ax, corners[k, 1] - ay, corners[k, 2] - az
            nx, ny, nz = by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx
            origin_side = -(ax * nx + ay * ny + az * nz)
            inner_side = (corners[face, 0] - ax) * nx + (corners[face, 1] - ay) * ny + (corners[face, 2] - az) * nz
            if origin_side * inner_side > 0.0:
                continue
            outside = True
            _on_triangle(corners, i, j, k, share)
            square = 0.0
            for r in range(3):
                square += (share[0] * corners[i, r] + share[1] * corners[j, r] + share[2] * corners[k, r]) ** 2
            if square < nearest:
                nearest = square
                best[i], best[j], best[k], best[face] = share[0], share[1], share[2], 0.0
    kept = 0
    point[0] = point[1] = point[2] = 0.0
    for i in range(count):
        if outside and best[i] > 0.0:
            for r in range(3):
                point[r] += best[i] * corners[i, r]
                corners[kept, r] = corners[i, r]
            kept += 1
    return kept


@njit(cache=True, error_model="numpy")
def separation(solids: Array, i: int, others: Array, j: int, enough: float, room: Array) -> float:
    """Distance (m) between two solids, never more than the truth; 0 or less where they touch or overlap.

    They are the rows i and j of two tables, or of one. Stops early once it is known to be over ``enough``. ``room``
    (7, 4) is room to work in.
    """
    corners, point, share, best = room[:4], room[4, :3], room[5], room[6]
    radius = 0.0
    if solids[i, KIND] == SPHERE or solids[i, KIND] == CAPSULE:
        radius += solids[i, SIZE]
    if others[j, KIND] == SPHERE or others[j, KIND] == CAPSULE:
        radius += others[j, SIZE]
    _first_look(others, j, solids[i, X], solids[i, Y], solids[i, Z], point)
    count, bound, done = 0, -np.inf, False
    for _ in range(ITERATIONS):
        length = math.sqrt(_dot(point, point))
        if length < 1e-9:
            bound = 0.0
            break
        x, y, z = point[0], point[1], point[2]
        ax, ay, az = support(solids, i, -x, -y, -z)
        bx, by, bz = support(others, j, x, y, z)
        wx, wy, wz = ax - bx, ay - by, az - bz
        bound = max(bound, (x * wx + y * wy + z * wz) / length)
        done = bound - radius > enough or (count > 0 and length - bound <= EXACT)
        for k in range(count):
            done = done or (corners[k, 0] == wx and corners[k, 1] == wy and corners[k, 2] == wz)
        if done:
            break
        corners[count, 0], corners[count, 1], corners[count, 2] = wx, wy, wz
        count = _reduced(corners, count + 1, point, share, best)
        if count == 0:
            bound = 0.0
            break
    return bound - radius
