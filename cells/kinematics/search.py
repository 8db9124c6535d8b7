"""Searching for joints: the numeric inverse kinematics, written once for every serial chain.

Levenberg-Marquardt on the 6-vector of position error (m) and rotation vector (rad), with damping proportional to the
squared error (Sugihara, "Solvability-unconcerned inverse kinematics by the Levenberg-Marquardt method", IEEE T-RO
27(5), 2011) and an active set on the joint limits: a joint at its limit that is pushed outward takes no part in the
step.

Where an arm has a formula for all its solutions (:mod:`cells.kinematics.ur`), nothing is searched.

``iterate`` is the costly part. The one below works on any chain, whose ``robot`` is
:attr:`cells.kinematics.chain.Chain.arrays`. :mod:`cells.kinematics.generator` writes one for a single robot, its
constants folded in, and puts the other functions of this module behind it, word for word, but for
``nearest_branch`` if there is a formula: there ``robot`` is unused.
Poses are (4, 4) in the chain's base frame; joints are (n,) rad or m; all within ``low``..``high`` (n,), or the rows of
``limits`` (2, n).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from cells.kinematics import kernels
from cells.kinematics.kernels import Arrays
from cells.kinematics.numerics import damped_step, is_pose, pose_error
from cells.pose import Array

Flags = npt.NDArray[np.bool_]

TOLERANCE = 1e-6  # m and rad, of a solution
ATTEMPTS = 100  # starts of a search, the first of them given
ITERATIONS = 60  # of one start
STALLED = 8  # iterations without a tenth less error: a local minimum
DAMPING = 0.05  # times the squared error
ROOM = 0.3  # rad or m from a limit, within which a joint moves away from it if it can


@njit(cache=True, error_model="numpy")
def forward(q: Array, robot: Arrays, pose: Array, jacobian: Array) -> None:
    """Tip pose (4, 4) and geometric Jacobian (6, n), rows [v; w] in base axes, into the arrays given."""
    pose[:], jacobian[:] = kernels.fk_jacobian(q, robot)


@njit(cache=True, error_model="numpy")
def iterate(
    q: Array, robot: Arrays, target: Array, low: Array, high: Array, tolerance: float, step: Array
) -> tuple[float, float]:
    """Squared position and rotation error (m², rad²) at ``q``; the step to take goes into ``step`` (n,), unless both
    are within the tolerance."""
    n = q.shape[0]
    here, jacobian = kernels.fk_jacobian(q, robot)
    error, free = np.empty(6), np.empty(n, np.bool_)
    pose_error(target, here, error)
    along = error[0] ** 2 + error[1] ** 2 + error[2] ** 2
    around = error[3] ** 2 + error[4] ** 2 + error[5] ** 2
    if along <= tolerance**2 and around <= tolerance**2:
        return along, around
    for i in range(n):
        push = 0.0
        for r in range(6):
            push += jacobian[r, i] * error[r]
        free[i] = not ((q[i] <= low[i] and push < 0.0) or (q[i] >= high[i] and push > 0.0))
    damped_step(jacobian, error, DAMPING * (along + around) + 1e-15, free, step)
    return along, around


@njit(cache=True, error_model="numpy")
def nearest_branch(target: Array, start: Array, low: Array, high: Array, out: Array) -> bool:
    """The solution by a formula that is nearest to ``start`` (n,), into ``out`` (1, n). A chain in general has no
    formula: False."""
    return False


@njit(cache=True, error_model="numpy")
def descend(q: Array, robot: Arrays, target: Array, low: Array, high: Array, tolerance: float, step: Array) -> float:
    """One start: move ``q`` (in place) to the target. Returns the squared error, 0 if solved. ``step`` (n,) is room
    to work in."""
    best, stalled = np.inf, 0
    square = np.inf
    for _ in range(ITERATIONS):
        along, around = iterate(q, robot, target, low, high, tolerance, step)
        if along <= tolerance**2 and around <= tolerance**2:
            return 0.0
        square = along + around
        if square < 0.9 * best:
            best, stalled = square, 0
        else:
            stalled += 1
            if stalled >= STALLED:
                return square
        for i in range(q.shape[0]):
            q[i] = min(max(q[i] + step[i], low[i]), high[i])
    return square


@njit(cache=True, error_model="numpy")
def solve(target: Array, q0: Array, robot: Arrays, limits: Array, tolerance: float, attempts: int, out: Array) -> bool:
    """Joints for the tip at ``target`` into ``out`` (n,); False if none was found: then the best seen.

    By formula the nearest to ``q0``, where the arm has one. Else the first start is ``q0``; up to ``attempts`` - 1 more
    lie ever farther from it, the same ones every time.
    """
    n, low, high = out.shape[0], limits[0], limits[1]
    if q0.shape[0] != n:
        return False
    finite = True
    for i in range(n):
        out[i] = q0[i]
        finite = finite and math.isfinite(q0[i])
    if not finite or not is_pose(target):
        return False
    if nearest_branch(target, q0, low, high, out.reshape((1, n))):
        return True
    room = np.empty((3, n))
    q, start, step = room[0], room[1], room[2]
    for i in range(n):
        start[i] = min(max(q0[i], low[i]), high[i])
    q[:] = start
    best = np.inf
    seed = np.uint64(0x9E3779B97F4A7C15)
    for attempt in range(attempts):
        if attempt > 0:
            spread = min(1.0, 0.25 * attempt)
            for i in range(n):
                # Marsaglia's xorshift, 2003.
                seed ^= seed << np.uint64(13)
                seed ^= seed >> np.uint64(7)
                seed ^= seed << np.uint64(17)
                chance = (seed >> np.uint64(11)) * (1.0 / 9007199254740992.0)
                bottom, top = max(low[i], -math.pi), min(high[i], math.pi)
                q[i] = start[i] + spread * (bottom + chance * (top - bottom) - start[i])
        square = descend(q, robot, target, low, high, tolerance, step)
        if square < best:
            best = square
            out[:] = q
        if square == 0.0:
            return True
    return False


@njit(cache=True, error_model="numpy")
def solve_batch(
    targets: Array,
    starts: Array,
    robot: Arrays,
    limits: Array,
    tolerance: float,
    attempts: int,
    out: Array,
    ok: Flags,
) -> None:
    """As ``solve``, for targets (m, 4, 4) and starts (m, n) each; ``out`` (m, n), ``ok`` (m,)."""
    for k in range(targets.shape[0]):
        ok[k] = solve(targets[k], starts[k], robot, limits, tolerance, attempts, out[k])


@njit(cache=True, error_model="numpy")
def away_from_limits(q: Array, jacobian: Array, limits: Array, most: float, out: Array) -> None:
    """Into ``out`` (n,) a step, no joint's over ``most``, by which joints nearer than ``ROOM`` to a limit get away from
    it and the tip stays where it is: along the null space of the Jacobian (6, n) (Liegeois, "Automatic supervisory
    control of the configuration and behavior of multibody mechanisms", IEEE T-SMC 7(12), 1977)."""
    n = q.shape[0]
    push, free = np.zeros(n), np.ones(n, np.bool_)
    for i in range(n):
        push[i] = max(0.0, 1.0 - (q[i] - limits[0, i]) / ROOM) - max(0.0, 1.0 - (limits[1, i] - q[i]) / ROOM)
    moved = np.zeros(6)
    for r in range(6):
        for i in range(n):
            moved[r] += jacobian[r, i] * push[i]
    damped_step(jacobian, moved, 1e-9, free, out)
    largest = 1.0
    for i in range(n):
        out[i] = push[i] - out[i]
        largest = max(largest, abs(out[i]))
    for i in range(n):
        out[i] *= most / largest


@njit(cache=True, error_model="numpy")
def track(
    poses: Array, q0: Array, robot: Arrays, limits: Array, reach: float, spare: float, tolerance: float, out: Array
) -> int:
    """Joints along poses (k, 4, 4) into ``out`` (k, n), each from the one before, no joint moving by over ``reach``
    between two; by up to ``spare`` of it a joint moves away from its limit, where the chain has more joints than the
    tip needs. Returns how many poses were reached."""
    n = q0.shape[0]
    q, step, near_low, near_high = q0.copy(), np.empty(n), np.empty(n), np.empty(n)
    pose, jacobian = np.empty((4, 4)), np.empty((6, n))
    for k in range(poses.shape[0]):
        for i in range(n):
            near_low[i], near_high[i] = max(limits[0, i], q[i] - reach), min(limits[1, i], q[i] + reach)
        if not is_pose(poses[k]):
            return k
        if spare > 0.0:
            forward(q, robot, pose, jacobian)
            away_from_limits(q, jacobian, limits, spare, step)
            for i in range(n):
                q[i] = min(max(q[i] + step[i], near_low[i]), near_high[i])
        if descend(q, robot, poses[k], near_low, near_high, tolerance, step) > 0.0:
            return k
        out[k] = q
    return int(poses.shape[0])


@njit(cache=True, error_model="numpy")
def forward_batch(q: Array, robot: Arrays, poses: Array, jacobians: Array) -> None:
    """As ``forward``, for joints (m, n): ``poses`` (m, 4, 4), ``jacobians`` (m, 6, n)."""
    for k in range(q.shape[0]):
        forward(q[k], robot, poses[k], jacobians[k])
