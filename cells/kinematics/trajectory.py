"""Motions: jerk-limited joint trajectories sampled at the control tick.

Ruckig (Berscheid & Kröger, "Jerk-limited Real-time Trajectory Generation with Arbitrary Target States", RSS 2021)
makes the time profiles; whatever it doesn't know (tip speed, curved joint paths) is kept by slowing the whole motion
down: stretching time by a factor c divides velocity by c, acceleration by c² and jerk by c³.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from cells.control.setpoints import Trajectory
from cells.errors import CellwrightError, Problem
from cells.kinematics import ik
from cells.kinematics.numerics import is_pose, pose_error
from cells.kinematics.profiles import (
    State,
    jumps,
    limits_of,
    profile_of,
    sampled,
    slowdown,
    states,
    ticks_of,
    within_limits,
)
from cells.pose import Array

if TYPE_CHECKING:
    from cells.kinematics.chain import Chain

RISE_S = 0.05  # s in which a straight move reaches its acceleration
GRID_M, GRID_RAD = 5e-4, 4e-3  # spacing of the poses on a straight move


def point_to_point(
    chain: Chain, q0: Array, q1: Array, scale: float = 1.0, dt: float = 0.004, tip_speed: float = math.inf
) -> Trajectory:
    """The fastest straight joint motion from ``q0`` to ``q1`` (n,), at rest at both ends.

    ``scale`` (0..1] is the share of the joints' velocity, acceleration and jerk limits that may be used; the tip
    stays below ``tip_speed`` (m/s). Raises :class:`CellwrightError` for joints that are no numbers or beyond limits.
    """
    q0, q1 = np.array(q0, dtype=float), np.array(q1, dtype=float)
    _check_joints(chain, q1)
    given: dict[str, Any] = {"current_position": q0, "target_position": q1}
    profile = profile_of([most * scale for most in limits_of(chain)], given)
    return within_limits(chain, states(profile), profile.duration, dt, q1, scale, tip_speed)


def through(
    chain: Chain,
    waypoints: Array,
    scale: float = 1.0,
    dt: float = 0.004,
    tip_speed: float = math.inf,
    corner: float = 0.03,
) -> Trajectory:
    """From the first of ``waypoints`` (k, n) to the last, passing the others without stopping.

    Straight joint motions overlap in time: the next begins while the last one slows down, as early as the limits
    allow and no earlier than ``corner`` (m, of the tip) from the waypoint. The joints stay within the triangle of
    each three neighbouring waypoints. ``scale``, ``tip_speed`` and errors as in :func:`point_to_point`.
    """
    waypoints = np.array(waypoints, dtype=float)
    keep = [0] + [i for i in range(1, len(waypoints)) if np.any(waypoints[i] != waypoints[i - 1])]
    legs = [point_to_point(chain, waypoints[a], waypoints[b], scale, dt, tip_speed) for a, b in pairwise(keep)]
    if not legs:
        return point_to_point(chain, waypoints[0], waypoints[-1], scale, dt, tip_speed)
    whole: State = (legs[0].q, legs[0].qd, legs[0].qdd)
    for before, leg in pairwise(legs):
        most = min(len(before.t), len(leg.t)) // 2
        low, high = 0, most + 1  # an overlap of low ticks is known to be good, one of high isn't
        joined = _joined(whole, leg, low)
        while high - low > 1:
            middle = (low + high) // 2
            trial = _joined(whole, leg, middle)
            begins, ends = len(whole[0]) - 1 - middle, len(whole[0]) - 1
            q, qd, qdd = (part[max(begins - 1, 0) : ends + 3] for part in trial)
            corners = [chain.fk(trial[0][tick]) - chain.fk(leg.q[0]) for tick in (begins, ends)]
            gap = max(float(np.linalg.norm(off[:3, 3])) for off in corners)
            # Each leg keeps the jerk limit, and the sum's mean over a tick may hide that the two together don't.
            smooth = all(np.all(jump <= most) for jump, most in jumps(chain, q, qd, qdd, dt))
            if smooth and gap <= corner and slowdown(chain, q, qd, qdd, dt, scale, tip_speed) <= 1.0 + 1e-3:
                low, joined = middle, trial
            else:
                high = middle
        whole = joined
    return Trajectory(ticks_of(len(whole[0]), dt), *whole)


def line(
    chain: Chain,
    q0: Array,
    target: Array,
    speed: float,
    accel: float = 1.0,
    dt: float = 0.004,
    turn_speed: float = 1.0,
    scale: float = 1.0,
) -> Trajectory:
    """The tip straight from joints ``q0`` (n,) to ``target`` (4, 4, base frame), turning evenly on the way.

    At most ``speed`` (m/s), ``accel`` (m/s²) and ``turn_speed`` (rad/s); slower where the joints' limits times
    ``scale`` ask for it. Raises :class:`cells.kinematics.ik.Unreachable` where the arm can't follow.
    """
    start, error = chain.fk(q0), np.empty(6)
    target = np.array(target, dtype=float)
    if not is_pose(target):
        raise ik.Unreachable(Problem("target", "isn't a rigid transform", "check the numbers that it was made from"))
    pose_error(target, start, error)
    length, angle = float(np.linalg.norm(error[:3])), float(np.linalg.norm(error[3:]))
    count = max(32, math.ceil(max(length / GRID_M, angle / GRID_RAD)))
    grid = ik.cartesian_path(chain, q0, straight(start, error, count), reach=0.1)
    spacing = 1.0 / count
    slope = np.gradient(grid, spacing, axis=0, edge_order=2)
    bend = np.gradient(slope, spacing, axis=0, edge_order=2)
    fastest = min(speed / max(length, 1e-9), turn_speed / max(angle, 1e-9))
    rate = fastest * accel / speed
    profile = profile_of([[fastest], [rate], [rate / RISE_S]], {"current_position": [0.0], "target_position": [1.0]})

    def at(time: float) -> State:
        s, sd, sdd = (value[0] for value in profile.at_time(time))
        k = min(int(s * count), count - 1)
        u = s * count - k
        # Cubic Hermite between the grid's joints: value, slope and bend along the way, then the chain rule.
        a, b, da, db = grid[k], grid[k + 1], slope[k] * spacing, slope[k + 1] * spacing
        q = a + u * (da + u * (3 * (b - a) - 2 * da - db + u * (2 * (a - b) + da + db)))
        first = slope[k] + u * (slope[k + 1] - slope[k])
        return q, first * sd, first * sdd + (bend[k] + u * (bend[k + 1] - bend[k])) * sd * sd

    return within_limits(chain, at, profile.duration, dt, grid[-1], scale)


def stop_ramp(chain: Chain, q: Array, qd: Array, qdd: Array, dt: float = 0.004) -> Trajectory:
    """From any moving state (each (n,)) to rest, as fast as the acceleration and jerk limits allow.

    A motion along a straight line in joint space stays on it; otherwise the joints stop together. Where it ends
    depends on the state alone: one that comes too fast at a position limit overshoots it.
    """
    q, qd, qdd = (np.array(value, dtype=float) for value in (q, qd, qdd))
    speed = float(np.linalg.norm(qd))
    along = qd / max(speed, 1e-300)
    at: Callable[[float], State]
    if speed > 1e-6 and np.linalg.norm(qdd - (qdd @ along) * along) < 1e-6:
        # One degree of freedom, under the limits of the joint that has the least to spare.
        limits = [[np.min(most / np.maximum(np.abs(along), 1e-12))] for most in limits_of(chain)]
        state: dict[str, Any] = {
            "current_position": [0.0],
            "current_velocity": [speed],
            "current_acceleration": [qdd @ along],
        }
        profile = profile_of(limits, state, to_rest=True)

        def on_line(time: float) -> State:
            s, sd, sdd = (value[0] for value in profile.at_time(time))
            return q + s * along, sd * along, sdd * along

        at = on_line
    else:
        state = {"current_position": q, "current_velocity": qd, "current_acceleration": qdd}
        profile = profile_of(limits_of(chain), state, to_rest=True)
        at = states(profile)
    return sampled(at, profile.duration, 1.0, dt, at(profile.duration)[0], stretch=False)


def sample(trajectory: Trajectory, t: float) -> State:
    """Joints, velocity and acceleration (n,) at time ``t`` (s): exactly the samples, quintic between them, at rest
    outside."""
    q, qd, qdd = trajectory.q, trajectory.qd, trajectory.qdd
    return _between(q, qd, qdd, t, float(trajectory.t[1] - trajectory.t[0]))


@njit(cache=True)
def _between(q: Array, qd: Array, qdd: Array, t: float, dt: float) -> State:
    """Quintic Hermite between evenly spaced samples."""
    last = q.shape[0] - 1
    if t <= 0.0:
        return q[0].copy(), qd[0].copy(), qdd[0].copy()
    if t >= last * dt:
        return q[last].copy(), np.zeros(q.shape[1]), np.zeros(q.shape[1])
    k = min(int(t / dt + 1e-9), last - 1)
    u = max(t / dt - k, 0.0)
    n = q.shape[1]
    out, first, second = np.empty(n), np.empty(n), np.empty(n)
    for i in range(n):
        v0, v1, a0, a1 = qd[k, i] * dt, qd[k + 1, i] * dt, qdd[k, i] * dt * dt, qdd[k + 1, i] * dt * dt
        d = q[k + 1, i] - q[k, i]
        c3 = 10.0 * d - 6.0 * v0 - 4.0 * v1 - 1.5 * a0 + 0.5 * a1
        c4 = -15.0 * d + 8.0 * v0 + 7.0 * v1 + 1.5 * a0 - a1
        c5 = 6.0 * d - 3.0 * (v0 + v1) + 0.5 * (a1 - a0)
        out[i] = q[k, i] + u * (v0 + u * (0.5 * a0 + u * (c3 + u * (c4 + u * c5))))
        first[i] = (v0 + u * (a0 + u * (3.0 * c3 + u * (4.0 * c4 + u * 5.0 * c5)))) / dt
        second[i] = (a0 + u * (6.0 * c3 + u * (12.0 * c4 + u * 20.0 * c5))) / (dt * dt)
    return out, first, second


def _joined(whole: State, leg: Trajectory, overlap: int) -> State:
    """A motion and the leg that starts ``overlap`` ticks before its end, summed."""
    head = len(whole[0]) - 1 - overlap
    rows = head + len(leg.t)
    out = []
    for k, (a, b) in enumerate(zip(whole, (leg.q - leg.q[0], leg.qd, leg.qdd), strict=True)):
        total = np.empty((rows, a.shape[1]))
        total[: len(a)] = a
        total[len(a) :] = a[-1] if k == 0 else 0.0
        total[head:] += b
        out.append(total)
    out[0][-1] = leg.q[-1]
    return out[0], out[1], out[2]


def straight(start: Array, error: Array, count: int) -> Array:
    """Poses (count + 1, 4, 4) from ``start`` evenly along ``error`` (6,) [translation; rotation vector]."""
    share = np.linspace(0.0, 1.0, count + 1)
    angle = float(np.linalg.norm(error[3:]))
    x, y, z = error[3:] / max(angle, 1e-300)
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    turn = np.eye(3) + np.sin(share * angle)[:, None, None] * cross
    turn = turn + (1.0 - np.cos(share * angle))[:, None, None] * (cross @ cross)
    out = np.tile(np.eye(4), (count + 1, 1, 1))
    out[:, :3, :3] = turn @ start[:3, :3]
    out[:, :3, 3] = start[:3, 3] + share[:, None] * error[:3]
    return out


def _check_joints(chain: Chain, q: Array) -> None:
    outside = ~((q >= chain.q_min - 1e-9) & (q <= chain.q_max + 1e-9))  # catches NaN as well
    if np.any(outside):
        i = int(np.argmax(outside))
        what = f"{q[i]:.4f} rad is beyond its limits {chain.q_min[i]:.4f}..{chain.q_max[i]:.4f} rad"
        raise CellwrightError(Problem(chain.joint_names[i], what, "choose a goal within reach"))
