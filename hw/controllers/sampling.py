"""A JointTrajectory as joint_trajectory_controller reads it: what it refuses, and where the joints are in between.

Between two points a joint goes by the spline that both ends give numbers for: straight by positions, cubic by
velocities too, quintic by accelerations as well; and from where it is now to the first point in the same way. Where
the real controller would go on without a word (numbers that are none, an order of joints that isn't whole), this one
refuses: what runs here runs there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cells.control.setpoints import Trajectory
from cells.pose import Array

State = tuple[Array, Array, Array]  # q, qd, qdd, (n,) each: rad, rad/s, rad/s²

LONGEST_S = 600.0  # of a motion: it is sampled as a whole when it comes
AT_REST = 1e-6  # rad/s at the last point
COLUMNS = {"q": "positions", "qd": "velocities", "qdd": "accelerations"}


class Rejected(Exception):
    """A request that a controller doesn't take; its text says why."""


@dataclass(frozen=True, slots=True)
class Waypoint:
    """One point of a JointTrajectory: ``t`` seconds from its start, and numbers in the order of its joint names;
    ``qd`` and ``qdd`` may be empty."""

    t: float
    q: Sequence[float]
    qd: Sequence[float] = ()
    qdd: Sequence[float] = ()


def sampled(
    names: Sequence[str], points: Sequence[Waypoint], joints: Sequence[str], now: State, begins: float, dt: float
) -> Trajectory:
    """The motion of ``joints``, every ``dt`` seconds from now on, that leads from the state ``now`` through ``points``.

    ``begins`` is when the trajectory's time is 0, in seconds from now; where that was in the past, points that are over
    are left out. The last sample is at rest. Raises :class:`Rejected`.
    """
    order = _order(names, joints)
    _check(points, names)
    times = np.array([point.t for point in points]) + begins
    if times[-1] <= 0.0:
        raise Rejected(f"the trajectory ended {-times[-1]:.3f} s ago: its header's time stamp is too old")
    if times[-1] > LONGEST_S:
        raise Rejected(f"the trajectory would take {times[-1]:.0f} s, more than {LONGEST_S:.0f}")
    columns = [_column(what, [getattr(point, key) for point in points], order) for key, what in COLUMNS.items()]
    if np.any(np.abs(columns[1][-1]) > AT_REST):
        raise Rejected("the last point isn't at rest: its velocities must be 0")
    if times[0] > 0.0:
        times = np.concatenate([[0.0], times])
        columns = [np.vstack([state, column]) for state, column in zip(now, columns, strict=True)]
    ticks = np.arange(max(2, math.ceil(times[-1] / dt - 1e-6) + 1)) * dt
    q, qd, qdd = _between(times, columns, np.minimum(ticks, times[-1]))
    q[-1], qd[-1], qdd[-1] = columns[0][-1], 0.0, 0.0
    return Trajectory(ticks, q, qd, qdd)


def _order(names: Sequence[str], joints: Sequence[str]) -> list[int]:
    """Where each of ``joints`` is among ``names``."""
    if sorted(names) != sorted(joints):
        missing, strange = sorted(set(joints) - set(names)), sorted(set(names) - set(joints))
        said = [f"{', '.join(missing)} missing"] if missing else []
        said += [f"{', '.join(map(repr, strange))} unknown"] if strange else []
        raise Rejected(f"joints: {'; '.join(said) or 'one is named twice'}")
    return [list(names).index(joint) for joint in joints]


def _check(points: Sequence[Waypoint], names: Sequence[str]) -> None:
    if not points:
        raise Rejected("the trajectory has no points")
    before = -math.inf
    for number, point in enumerate(points):
        where = f"point {number}"
        if len(point.q) != len(names):
            raise Rejected(f"{where} has {len(point.q)} positions for {len(names)} joints")
        for key, what in COLUMNS.items():
            if (count := len(getattr(point, key))) not in (0, len(names)):
                raise Rejected(f"{where} has {count} {what} for {len(names)} joints")
        if point.t < 0.0 or point.t <= before:
            raise Rejected(f"{where} isn't later than the one before: time_from_start must grow")
        before = point.t


def _column(what: str, rows: Sequence[Sequence[float]], order: Sequence[int]) -> Array:
    """(k, n) numbers in the joints' order; NaN in rows that have none."""
    given = np.array([len(row) > 0 for row in rows])
    column = np.full((len(rows), len(order)), math.nan)
    if given.any():
        column[given] = np.array([row for row in rows if len(row)], dtype=float)[:, order]
    strange = np.flatnonzero(given & ~np.isfinite(column).all(axis=1))
    if len(strange):
        raise Rejected(f"point {strange[0]} has {what} that are no numbers")
    return column


def _between(times: Array, columns: Sequence[Array], ticks: Array) -> State:
    """The splines through the points (k,) and (k, n), at the ``ticks`` (m,): (m, n) each."""
    c = _coefficients(np.diff(times)[:, None], columns)
    piece = np.clip(np.searchsorted(times, ticks, side="right") - 1, 0, max(len(times) - 2, 0))
    c0, c1, c2, c3, c4, c5 = (part[piece] for part in c)
    s = (ticks - times[piece])[:, None]
    q = c0 + s * (c1 + s * (c2 + s * (c3 + s * (c4 + s * c5))))
    qd = c1 + s * (2 * c2 + s * (3 * c3 + s * (4 * c4 + s * 5 * c5)))
    qdd = 2 * c2 + s * (6 * c3 + s * (12 * c4 + s * 20 * c5))
    return q, qd, qdd


def _coefficients(h: Array, columns: Sequence[Array]) -> list[Array]:
    """Of each piece's polynomial in the time since its beginning, (k - 1, n) for each power from 0 to 5; ``h``
    (k - 1, 1) how long each piece lasts."""
    (p, v, a), (p1, v1, a1) = ([part[:-1] for part in columns], [part[1:] for part in columns])
    d = p1 - p
    straight = [d / h, 0 * d, 0 * d, 0 * d, 0 * d]
    cubic = [v, (3 * d / h - 2 * v - v1) / h, (v + v1 - 2 * d / h) / h**2, 0 * d, 0 * d]
    quintic = [
        v,
        a / 2,
        (20 * d - (8 * v1 + 12 * v) * h - (3 * a - a1) * h**2) / (2 * h**3),
        (-30 * d + (14 * v1 + 16 * v) * h + (3 * a - 2 * a1) * h**2) / (2 * h**4),
        (12 * d - 6 * (v + v1) * h + (a1 - a) * h**2) / (2 * h**5),
    ]
    moving = np.isfinite(v) & np.isfinite(v1)
    bending = moving & np.isfinite(a) & np.isfinite(a1)
    ways = zip(straight, cubic, quintic, strict=True)
    return [p, *(np.where(bending, five, np.where(moving, three, one)) for one, three, five in ways)]
