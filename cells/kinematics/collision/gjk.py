"""How far apart two convex solids are.

Gilbert, Johnson & Keerthi, "A fast procedure for computing the distance between complex objects in
three-dimensional space", IEEE J. Robotics and Automation 4(2), 1988: walk towards the point of the difference A - B
that is nearest to the origin, by the corners that lie farthest that way. What is returned is the walk's *lower* bound,
so that it never says more than the truth; at its end it is within 1e-6 m of it. The point nearest to the origin on a
simplex is found region by region (Ericson, "Real-Time Collision Detection", 2005, 5.1).

Spheres and capsules are points and lines with a radius about them. Kinds and sizes: :mod:`.shapes`.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from cells.kinematics.collision.shapes import BOX, CAPSULE, CYLINDER, SPHERE
from cells.pose import Array

ITERATIONS = 64
EXACT = 1e-6  # m


@njit(cache=True)
def support(kind: int, size: Array, pose: Array, x: float, y: float, z: float) -> tuple[float, float, float]:
    """The point of a placed solid (pose (3 or 4, 4)), without its radius, that lies farthest along (x, y, z)."""
    w = pose[0, 2] * x + pose[1, 2] * y + pose[2, 2] * z
    u = v = 0.0
    if kind == SPHERE:
        w = 0.0
    elif kind == CAPSULE:
        w = size[1] if w >= 0.0 else -size[1]
    else:
        u = pose[0, 0] * x + pose[1, 0] * y + pose[2, 0] * z
        v = pose[0, 1] * x + pose[1, 1] * y + pose[2, 1] * z
        if kind == BOX:
            u = size[0] if u >= 0.0 else -size[0]
            v = size[1] if v >= 0.0 else -size[1]
            w = size[2] if w >= 0.0 else -size[2]
        else:
            across = math.sqrt(u * u + v * v)
            share = size[0] / across if across > 1e-12 else 0.0
            u, v = u * share, v * share
            w = size[1] if w >= 0.0 else -size[1]
    return (
        pose[0, 0] * u + pose[0, 1] * v + pose[0, 2] * w + pose[0, 3],
        pose[1, 0] * u + pose[1, 1] * v + pose[1, 2] * w + pose[1, 3],
        pose[2, 0] * u + pose[2, 1] * v + pose[2, 2] * w + pose[2, 3],
    )


@njit(cache=True)
def _first_look(kind: int, size: Array, pose: Array, other: Array, out: Array) -> None:
    """Into ``out`` (3,): from the point of a placed solid that is nearest to the middle of the other, to that middle.
    Mostly the first step along it tells all."""
    dx, dy, dz = other[0, 3] - pose[0, 3], other[1, 3] - pose[1, 3], other[2, 3] - pose[2, 3]
    u = pose[0, 0] * dx + pose[1, 0] * dy + pose[2, 0] * dz
    v = pose[0, 1] * dx + pose[1, 1] * dy + pose[2, 1] * dz
    w = pose[0, 2] * dx + pose[1, 2] * dy + pose[2, 2] * dz
    if kind == BOX:
        u -= min(max(u, -size[0]), size[0])
        v -= min(max(v, -size[1]), size[1])
        w -= min(max(w, -size[2]), size[2])
    elif kind != SPHERE:
        w -= min(max(w, -size[1]), size[1])
        if kind == CYLINDER:
            across = math.sqrt(u * u + v * v)
            share = max(across - size[0], 0.0) / across if across > 0.0 else 0.0
            u, v = u * share, v * share
    if u * u + v * v + w * w < 1e-18:
        u, v, w = 1.0, 0.0, 0.0
    for r in range(3):
        out[r] = pose[r, 0] * u + pose[r, 1] * v + pose[r, 2] * w


@njit(cache=True)
def _dot(a: Array, b: Array) -> float:
    return float(a[0] * b[0] + a[1] * b[1] + a[2] * b[2])


@njit(cache=True)
def _on_line(a: Array, b: Array, share: Array) -> None:
    """Weights of the point of the line ab that is nearest to the origin."""
    square, along = 0.0, 0.0
    for i in range(3):
        d = b[i] - a[i]
        square += d * d
        along -= a[i] * d
    t = min(max(along / square, 0.0), 1.0) if square > 0.0 else 0.0
    share[0], share[1] = 1.0 - t, t


@njit(cache=True)
def _on_triangle(a: Array, b: Array, c: Array, share: Array) -> None:
    """Weights of the point of the triangle abc that is nearest to the origin."""
    d1 = d2 = d3 = d4 = d5 = d6 = 0.0
    for i in range(3):
        ab, ac = b[i] - a[i], c[i] - a[i]
        d1, d2 = d1 - ab * a[i], d2 - ac * a[i]
        d3, d4 = d3 - ab * b[i], d4 - ac * b[i]
        d5, d6 = d5 - ab * c[i], d6 - ac * c[i]
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


@njit(cache=True)
def _reduced(corners: Array, count: int, point: Array, share: Array, best: Array) -> int:
    """Put the point of the simplex (``count`` corners) nearest to the origin into ``point`` (3,) and keep only the
    corners it hangs on; returns how many, 0 if the origin is inside. ``share``, ``best`` (4,) are room to work in."""
    best[:] = 0.0
    if count == 1:
        best[0] = 1.0
    elif count == 2:
        _on_line(corners[0], corners[1], best)
    elif count == 3:
        _on_triangle(corners[0], corners[1], corners[2], best)
    else:
        nearest, outside = np.inf, False
        for face in range(4):
            i, j, k = (face + 1) % 4, (face + 2) % 4, (face + 3) % 4
            a, b, c, d = corners[i], corners[j], corners[k], corners[face]
            nx = (b[1] - a[1]) * (c[2] - a[2]) - (b[2] - a[2]) * (c[1] - a[1])
            ny = (b[2] - a[2]) * (c[0] - a[0]) - (b[0] - a[0]) * (c[2] - a[2])
            nz = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
            origin_side = -(a[0] * nx + a[1] * ny + a[2] * nz)
            inner_side = (d[0] - a[0]) * nx + (d[1] - a[1]) * ny + (d[2] - a[2]) * nz
            if origin_side * inner_side > 0.0:
                continue
            outside = True
            _on_triangle(a, b, c, share)
            square = 0.0
            for r in range(3):
                square += (share[0] * a[r] + share[1] * b[r] + share[2] * c[r]) ** 2
            if square < nearest:
                nearest = square
                best[i], best[j], best[k], best[face] = share[0], share[1], share[2], 0.0
        if not outside:
            return 0
    kept = 0
    point[:] = 0.0
    for i in range(count):
        if best[i] > 0.0:
            for r in range(3):
                point[r] += best[i] * corners[i, r]
                corners[kept, r] = corners[i, r]
            kept += 1
    return kept


@njit(cache=True)
def separation(
    kind_a: int, size_a: Array, pose_a: Array, kind_b: int, size_b: Array, pose_b: Array, enough: float, room: Array
) -> float:
    """Distance (m) between two placed solids, never more than the truth; 0 or less where they touch or overlap.

    Stops early once it is known to be over ``enough``. ``room`` (7, 4) is room to work in.
    """
    corners, point, share, best = room[:4], room[4, :3], room[5], room[6]
    radius: float = 0.0
    if kind_a in (SPHERE, CAPSULE):
        radius += float(size_a[0])
    if kind_b in (SPHERE, CAPSULE):
        radius += float(size_b[0])
    _first_look(kind_b, size_b, pose_b, pose_a, point)
    count, bound = 0, -np.inf
    for _ in range(ITERATIONS):
        length = math.sqrt(_dot(point, point))
        if length < 1e-9:
            return -radius
        x, y, z = point[0], point[1], point[2]
        ax, ay, az = support(kind_a, size_a, pose_a, -x, -y, -z)
        bx, by, bz = support(kind_b, size_b, pose_b, x, y, z)
        wx, wy, wz = ax - bx, ay - by, az - bz
        bound = max(bound, (x * wx + y * wy + z * wz) / length)
        if bound - radius > enough or (count > 0 and length - bound <= EXACT):
            return float(bound - radius)
        for i in range(count):
            if corners[i, 0] == wx and corners[i, 1] == wy and corners[i, 2] == wz:
                return float(bound - radius)
        corners[count, 0], corners[count, 1], corners[count, 2] = wx, wy, wz
        count = _reduced(corners, count + 1, point, share, best)
        if count == 0:
            return -radius
    return bound - radius
