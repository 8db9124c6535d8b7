"""Every joint solution at once, by formula, for arms built like Universal Robots'.

Six turning joints; joints 2, 3 and 4 parallel; axes 1 and 2, 4 and 5, 5 and 6 meet at right angles. Then, with the
names of Hawkins, "Analytic inverse kinematics for the Universal Robots" (Georgia Tech, 2013), and frames by Denavit and
Hartenberg's rules,

    tip = base · Rz(t1) Rx(90°) · Rz(t2) Tx(a2) · Rz(t3) Tx(a3) · Rz(t4) Tz(d4) Rx(90°) · Rz(t5) Tz(d5) Rx(-90°)
               · Rz(t6) · tool

where each angle t is ± its joint plus an offset. Lengths in m, angles in rad.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from cells.pose import Array

if TYPE_CHECKING:
    from cells.kinematics.chain import Chain

EXACT = 1e-9  # m and rad: how well axes must meet and angles be right


@dataclass(frozen=True, eq=False)
class Geometry:
    """What the formulas need to know of an arm."""

    base: Array  # (4, 4), base frame seen from the frame of joint 1
    tool: Array  # (4, 4), wrist seen from the tip
    lengths: Array  # (4,): a2, a3, d4, d5
    signs: Array  # (6,): +1, or -1 where a joint turns against the angle
    offsets: Array  # (6,)


def geometry(chain: Chain) -> Geometry | None:
    """The chain's geometry if it is built like that, else None."""
    origins, axes, prismatic = chain.arrays[:3]
    if chain.n != 6 or np.any(prismatic):
        return None
    frame, points, directions = np.eye(4), np.empty((6, 3)), np.empty((6, 3))
    for i in range(6):
        frame = frame @ origins[i]
        points[i], directions[i] = frame[:3, 3], frame[:3, :3] @ axes[i]
    tip = frame @ origins[6]
    signs = np.ones(6)
    for i in (2, 3):
        signs[i] = 1.0 if directions[i] @ directions[1] > 0.0 else -1.0
        directions[i] *= signs[i]
    z1, z2, z3, z4, z5, z6 = directions
    parallel = max(float(np.linalg.norm(z - z2)) for z in (z3, z4)) < EXACT
    upright = max(abs(float(a @ b)) for a, b in ((z1, z2), (z4, z5), (z5, z6))) < EXACT
    shoulder, elbow_wrist, wrist = (_meeting(points[i : i + 2], directions[i : i + 2]) for i in (0, 3, 4))
    if not parallel or not upright or shoulder is None or elbow_wrist is None or wrist is None:
        return None

    elbow = points[2] + z2 * (z2 @ (shoulder - points[2]))
    forearm_end = points[3] + z2 * (z2 @ (shoulder - points[3]))
    a2, a3 = np.linalg.norm(elbow - shoulder), np.linalg.norm(forearm_end - elbow)
    if a2 < EXACT or a3 < EXACT:
        return None
    x1, x2, x3 = np.cross(z1, z2), (elbow - shoulder) / a2, (forearm_end - elbow) / a3
    x4, x5 = np.cross(z4, z5), np.cross(z6, z5)
    turns = [_angle(a, b, z2) for a, b in ((x1, x2), (x2, x3), (x3, x4))]
    return Geometry(
        base=np.asarray(np.linalg.inv(_frame(x1, z1, shoulder)), float),
        tool=np.asarray(np.linalg.inv(tip) @ _frame(x5, z6, wrist), float),
        lengths=np.array([a2, a3, z4 @ (elbow_wrist - forearm_end), z5 @ (wrist - elbow_wrist)]),
        signs=signs,
        offsets=np.array([0.0, *turns, _angle(x4, x5, z5), 0.0]),
    )


def _meeting(points: Array, directions: Array) -> Array | None:
    """Where two lines (points and unit directions, (2, 3) each) meet; None if they don't."""
    across = np.cross(*directions)
    apart = points[1] - points[0]
    if np.linalg.norm(across) < EXACT or abs(across @ apart) > EXACT:
        return None
    return np.asarray(points[0] + directions[0] * (np.cross(apart, directions[1]) @ across / (across @ across)))


def _angle(a: Array, b: Array, axis: Array) -> float:
    """The angle about ``axis`` that turns ``a`` into ``b``."""
    return math.atan2(np.cross(a, b) @ axis, a @ b)


def _frame(x: Array, z: Array, origin: Array) -> Array:
    out = np.eye(4)
    out[:3, :3] = np.column_stack([x, np.cross(z, x), z])
    out[:3, 3] = origin
    return out


Wrist = tuple[float, float, float, float, float, float, float, float, float, float, float, float]


@njit(cache=True)
def seen_from_joint_1(target: Array, base: Array, tool: Array) -> Wrist:
    """The wrist's frame: its columns x, y, z and its place p, one after the other."""
    frame = base @ target @ tool
    return (
        frame[0, 0], frame[1, 0], frame[2, 0], frame[0, 1], frame[1, 1], frame[2, 1],
        frame[0, 2], frame[1, 2], frame[2, 2], frame[0, 3], frame[1, 3], frame[2, 3],
    )  # fmt: skip


@njit(cache=True)
def all_branches(wrist: Wrist, lengths: Array, signs: Array, offsets: Array, hint: float, out: Array) -> int:
    """Up to 8 joint solutions, limits aside, for a wrist as :func:`seen_from_joint_1` tells it, into ``out`` (8, 6);
    returns how many.

    Where axes 4 and 6 fall in line, so that only the sum of their angles matters, joint 6 is put at ``hint`` (rad).
    """
    a2, a3, d4, d5 = lengths[0], lengths[1], lengths[2], lengths[3]
    xx, xy, xz, yx, yy, yz, zx, zy, _, px, py, pz = wrist
    # t1: joints 2 to 5 keep p at d4 from the plane through axis 1 that the upper arm turns in.
    reach = math.sqrt(px * px + py * py)
    if reach < 1e-12 or abs(d4) > reach * (1.0 + 1e-7):
        return 0
    sine = min(max(d4 / reach, -1.0), 1.0)
    lean = math.sqrt(1.0 - sine * sine)
    count = 0
    for left in range(2):
        cosine = lean if left == 0 else -lean
        s1, c1 = (py * cosine + px * sine) / reach, (px * cosine - py * sine) / reach
        t1 = math.atan2(s1, c1)
        # t5, t6: the wrist's columns across that plane are (sin t5 cos t6, -sin t5 sin t6, cos t5).
        u, v, w = xx * s1 - xy * c1, yx * s1 - yy * c1, zx * s1 - zy * c1
        s5 = math.sqrt(u * u + v * v)
        straight = s5 < 1e-9
        if straight:
            t6 = signs[5] * hint + offsets[5]
            c6, s6 = math.cos(t6), math.sin(t6)
        else:
            t6 = math.atan2(-v, u)
            c6, s6 = u / s5, -v / s5
        t5 = math.atan2(s5, w)
        # Axis 5 lies in that plane, a quarter turn behind t2 + t3 + t4.
        along = -s6 * (xx * c1 + xy * s1) - c6 * (yx * c1 + yy * s1)
        up = -s6 * xz - c6 * yz
        t234 = math.atan2(along, -up)
        for flipped in range(2):
            if flipped == 1:
                if straight:
                    break
                # The same wrist with t5 negative: axis 5 the other way round.
                t5, t6, t234 = -t5, t6 + math.pi, t234 + math.pi
                along, up = -along, -up
            # t2, t3: two sides a2 and a3 of a triangle, from the shoulder to where axis 4 crosses the plane.
            out_there, above = px * c1 + py * s1 - d5 * along, pz - d5 * up
            square = out_there * out_there + above * above
            c3 = (square - a2 * a2 - a3 * a3) / (2.0 * a2 * a3)
            if abs(c3) > 1.0 + 1e-7 or square < 1e-18:
                continue
            s3 = math.sqrt(max(1.0 - c3 * c3, 0.0))
            direction, inside = math.atan2(above, out_there), math.atan2(a3 * s3, a2 + a3 * c3)
            t3 = math.atan2(s3, c3)
            for _ in range(2):
                t2 = direction - inside
                angles = out[count]
                angles[0], angles[1], angles[2], angles[3], angles[4], angles[5] = t1, t2, t3, t234 - t2 - t3, t5, t6
                for i in range(6):
                    angles[i] = signs[i] * (angles[i] - offsets[i])
                count += 1
                t3, inside = -t3, -inside
    return count


@njit(cache=True)
def distance_within(q: Array, start: Array, low: Array, high: Array, bound: float) -> float:
    """Turn each joint of ``q`` (n,) by whole turns to where it is nearest to ``start`` within the limits; returns the
    squared distance, infinite if it is over ``bound`` or a joint can't be within its limits."""
    turn = 2.0 * math.pi
    distance = 0.0
    for i in range(q.shape[0]):
        q[i] += turn * math.floor((start[i] - q[i]) / turn + 0.5)
        if q[i] > high[i]:
            q[i] -= turn * math.ceil((q[i] - high[i]) / turn)
        elif q[i] < low[i]:
            q[i] += turn * math.ceil((low[i] - q[i]) / turn)
        distance += (q[i] - start[i]) ** 2
        if distance >= bound or q[i] > high[i] or q[i] < low[i]:
            return math.inf
    return distance


@njit(cache=True)
def nearest(found: Array, count: int, start: Array, low: Array, high: Array, out: Array) -> bool:
    """Of the first ``count`` joints of ``found`` (8, n), the ones nearest to ``start`` (n,) and within the limits, into
    ``out`` (n,); False if there are none."""
    best = math.inf
    for k in range(count):
        distance = distance_within(found[k], start, low, high, best)
        if distance < best:
            best = distance
            out[:] = found[k]
    return best < math.inf
