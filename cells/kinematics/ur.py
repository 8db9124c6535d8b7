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


@njit(cache=True, error_model="numpy")
def seen_from_joint_1(target: Array, base: Array, tool: Array) -> Wrist:
    """The wrist's frame: its columns x, y, z and its place p, one after the other."""
    frame = base @ target @ tool
    return (
        frame[0, 0], frame[1, 0], frame[2, 0], frame[0, 1], frame[1, 1], frame[2, 1],
        frame[0, 2], frame[1, 2], frame[2, 2], frame[0, 3], frame[1, 3], frame[2, 3],
    )  # fmt: skip


@njit(cache=True, error_model="numpy")
def turned(angle: float, start: float, low: float, high: float) -> float:
    """The angle by whole turns to where it is within the limits and nearest to ``start``, or to the limit that it is
    beyond; NaN if it can't be within them."""
    start = min(max(start, low), high)
    turn, to_whole = 2.0 * math.pi, 1.5 * 2.0**52  # adding that and taking it away rounds to whole numbers
    angle += turn * (((start - angle) / turn + to_whole) - to_whole)
    angle = angle - turn if angle > high else angle
    angle = angle + turn if angle < low else angle
    return angle if low <= angle <= high else math.nan


@njit(cache=True, error_model="numpy")
def arctangents(sines: Array, cosines: Array, out: Array) -> None:
    """Angles (m,) of directions (m,), as ``math.atan2``; to 1e-15. Written without branches, so that a processor does
    several at once: eight times as fast.

    Reduction to below tan(pi/8) and rational approximation of Cephes' ``atan`` (Moshier, "Methods and Programs for
    Mathematical Functions", 1989).
    """
    for i in range(sines.shape[0]):
        y, x = abs(sines[i]), abs(cosines[i])
        steep = y > x
        less, more = x if steep else y, y if steep else x
        wide = less > 0.41421356237309503 * more
        t = (less - more if wide else less) / ((less + more if wide else more) + 1e-300)
        z = t * t
        p = (
            ((-8.750608600031904e-1 * z - 1.615753718733365e1) * z - 7.500855792314705e1) * z - 1.228866684490136e2
        ) * z
        q = (((z + 2.485846490142306e1) * z + 1.650270098316988e2) * z + 4.328810604912903e2) * z + 4.853903996359137e2
        angle = t + t * (z * (p - 6.485021904942025e1) / (q * z + 1.9455065714826140e2))
        angle = angle + 0.25 * math.pi if wide else angle
        angle = 0.5 * math.pi - angle if steep else angle
        angle = math.pi - angle if cosines[i] < 0.0 else angle
        out[i] = -angle if sines[i] < 0.0 else angle


@njit(cache=True, error_model="numpy")
def by_formula(
    wrist: Wrist,
    lengths: Array,
    signs: Array,
    offsets: Array,
    start: Array,
    low: Array,
    high: Array,
    every: bool,
    out: Array,
) -> int:
    """Joint solutions within the limits (6,) for a wrist as :func:`seen_from_joint_1` tells it, each turned by whole
    turns to where it is nearest to ``start`` (6,): ``every`` one, up to 8, into ``out`` (8, 6), or the nearest into
    ``out`` (1, 6). Returns how many.

    Where axes 4 and 6 fall in line, so that only the sum of their angles matters, joint 6 stays at its start.
    """
    a2, a3, d4, d5 = lengths[0], lengths[1], lengths[2], lengths[3]
    xx, xy, xz, yx, yy, yz, zx, zy, _, px, py, pz = wrist
    # t1: joints 2 to 5 keep p at d4 from the plane through axis 1 that the upper arm turns in.
    reach = math.sqrt(px * px + py * py)
    if reach < 1e-12 or abs(d4) > reach * (1.0 + 1e-7):
        return 0
    # Sines and cosines of all angles, then the angles in one go: t1, t6, t5 and t2 + t3 + t4 for each of two sides,
    # behind them for each of four wrists t3, and t2 for the elbow up and down.
    room = np.empty((7, 20))
    sines, cosines, angles = room[0], room[1], room[2]
    sine = min(max(d4 / reach, -1.0), 1.0)
    lean = math.sqrt(1.0 - sine * sine)
    held = signs[5] * start[5] + offsets[5]  # t6 where it is free
    in_line = 0
    for side in range(2):
        s1, c1 = (py * lean + px * sine) / reach, (px * lean - py * sine) / reach
        sines[side], cosines[side] = s1, c1
        # The wrist's columns across that plane are (sin t5 cos t6, -sin t5 sin t6, cos t5).
        u, v, w = xx * s1 - xy * c1, yx * s1 - yy * c1, zx * s1 - zy * c1
        s5 = math.sqrt(u * u + v * v)
        s6, c6 = -v, u
        if s5 < 1e-9:
            in_line |= 1 << side
            s6, c6 = math.sin(held), math.cos(held)
        else:
            s6, c6 = s6 / s5, c6 / s5
        sines[2 + side], cosines[2 + side] = s6, c6
        sines[4 + side], cosines[4 + side] = s5, w
        # Axis 5 lies in that plane, a quarter turn behind t2 + t3 + t4.
        along = -s6 * (xx * c1 + xy * s1) - c6 * (yx * c1 + yy * s1)
        up = -s6 * xz - c6 * yz
        sines[6 + side], cosines[6 + side] = along, -up
        for flipped in range(2):
            # The same wrist with t5 negative: axis 5 the other way round.
            k = 2 * side + flipped
            back = -1.0 if flipped == 1 else 1.0
            # t2, t3: two sides a2 and a3 of a triangle, from the shoulder to where axis 4 crosses the plane.
            out_there, above = px * c1 + py * s1 - back * d5 * along, pz - back * d5 * up
            square = out_there * out_there + above * above
            c3 = (square - a2 * a2 - a3 * a3) / (2.0 * a2 * a3)
            known = abs(c3) <= 1.0 + 1e-7 and square >= 1e-18 and not (flipped == 1 and s5 < 1e-9)
            s3 = math.sqrt(max(1.0 - c3 * c3, 0.0)) if known else math.nan
            sines[8 + k], cosines[8 + k] = s3, c3
            far, aside = a2 + a3 * c3, a3 * s3
            sines[12 + k], cosines[12 + k] = above * far - out_there * aside, out_there * far + above * aside
            sines[16 + k], cosines[16 + k] = above * far + out_there * aside, out_there * far - above * aside
        lean = -lean
    arctangents(sines, cosines, angles)
    # Joints 1, 5 and 6 of the four wrists, and how far they are from their start. The nearest wrist first: mostly its
    # elbows decide, and the others needn't be looked at.
    wrists = room[3:7]
    for k in range(4):
        side, flipped = k >> 1, k & 1
        t5, t6 = angles[4 + side], held if in_line >> side & 1 else angles[2 + side]
        t5, t6 = -t5 if flipped else t5, t6 + math.pi if flipped else t6
        q1 = turned(signs[0] * (angles[side] - offsets[0]), start[0], low[0], high[0])
        q5 = turned(signs[4] * (t5 - offsets[4]), start[4], low[4], high[4])
        q6 = turned(signs[5] * (t6 - offsets[5]), start[5], low[5], high[5])
        off = (q1 - start[0]) ** 2 + (q5 - start[4]) ** 2 + (q6 - start[5]) ** 2
        wrists[0, k], wrists[1, k], wrists[2, k] = q1, q5, q6
        wrists[3, k] = off if off + angles[8 + k] < math.inf else math.inf  # NaN: no elbow, or beyond limits
    count, best = 0, math.inf
    for _ in range(4):
        k = 0
        for other in range(1, 4):
            k = other if wrists[3, other] < wrists[3, k] else k
        if not wrists[3, k] < best:
            break
        for down in range(2):
            t3 = -angles[8 + k] if down else angles[8 + k]
            t2 = angles[16 + k] if down else angles[12 + k]
            t4 = angles[6 + (k >> 1)] + math.pi * (k & 1) - t2 - t3
            q2 = turned(signs[1] * (t2 - offsets[1]), start[1], low[1], high[1])
            q3 = turned(signs[2] * (t3 - offsets[2]), start[2], low[2], high[2])
            q4 = turned(signs[3] * (t4 - offsets[3]), start[3], low[3], high[3])
            off = wrists[3, k] + (q2 - start[1]) ** 2 + (q3 - start[2]) ** 2 + (q4 - start[3]) ** 2
            if off < best:  # not where one can't be within its limits: NaN
                row = count if every else 0
                out[row, 0], out[row, 1], out[row, 2] = wrists[0, k], q2, q3
                out[row, 3], out[row, 4], out[row, 5] = q4, wrists[1, k], wrists[2, k]
                count = row + 1
                best = best if every else off
        wrists[3, k] = math.inf
    return count
