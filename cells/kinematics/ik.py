"""Inverse kinematics: joints that put the tip of a chain at a pose, within the joint limits.

How they are found is told in :mod:`cells.kinematics.search`. Poses are (4, 4) in the chain's base frame; joints are
(n,) rad or m.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cells.errors import CellwrightError, Problem
from cells.kinematics.numerics import is_pose
from cells.kinematics.search import ATTEMPTS, TOLERANCE
from cells.pose import Array

if TYPE_CHECKING:
    from cells.kinematics.chain import Chain

TRACKING_TOLERANCE = 1e-11  # of paths: they are differentiated, and the last Newton step is nearly free
STARTS = 48  # of the search for different solutions
APART = 0.05  # rad or m, in some joint, between solutions that count as different
SMOOTH_PER_POSE = 0.05  # rad: how far it should move at most
REACH_PER_POSE = 0.35  # rad: how far a joint may move between neighbouring poses of a path
SEEDS = (0.0, 1.0, 0.5, 0.25, 0.75)  # where on a path solutions are looked for to start it from
SPARE_PER_POSE = 0.02  # rad: how far it moves at most, between them, for its own sake: away from a limit


Solve = Callable[[Array, Array], tuple[Array, bool]]


class Unreachable(CellwrightError):
    """No joints within the limits put the tip there, or none without a jump on the way."""


_FLOAT = np.dtype(np.float64)  # the type itself would be looked up at every call


def _clean(values: Array) -> Array:
    return np.asarray(values, _FLOAT, "C")


def solver(chain: Chain) -> Solve:
    """A function from the tip's pose ``target`` (4, 4) and joints ``q0`` (n,) to (q, ok): joints (n,) within the limits
    for the tip there, to 1e-6 m and 1e-6 rad.

    It starts at ``q0`` and, where that ends in a local minimum, at up to 99 other joints, the same ones every time.
    Where ok is False (out of reach, NaN, not a rigid transform), q is the best seen. (A function with everything at
    hand: looking it up would take as long as solving does.)
    """
    find, n, empty, array, float64 = chain.kernels.find, chain.n, np.empty, np.ndarray, _FLOAT

    def solve(target: Array, q0: Array) -> tuple[Array, bool]:
        if type(target) is not array or target.dtype is not float64:
            target = _clean(target)
        if type(q0) is not array or q0.dtype is not float64:
            q0 = _clean(q0)
        out = empty(n)
        return out, find(target, q0, out)

    return solve


def solve_near(chain: Chain, target: Array, q0: Array, reach: float = REACH_PER_POSE) -> tuple[Array, bool]:
    """As :func:`solve`, but from ``q0`` alone and moving no joint by over ``reach`` (rad): never another branch."""
    out, run, q0 = np.empty(chain.n), chain.kernels, _clean(q0)
    low, high = np.maximum(chain.q_min, q0 - reach), np.minimum(chain.q_max, q0 + reach)
    if not np.all(low <= high):  # also where q0 holds a NaN
        return q0.copy(), False
    ok = run.solve(_clean(target), q0, run.robot, np.stack([low, high]), TOLERANCE, 1, out)
    return out, bool(ok)


def solutions(chain: Chain, target: Array, near: Array) -> Array:
    """Different joints (s, n) with the tip at ``target``, the nearest to ``near`` (n,) first; s may be 0.

    By formula all branches, where the arm has one; else those that a number of starts lead to, the same every time.
    """
    if chain.formula is not None:
        return chain.branches(target, near)
    low, high = np.maximum(chain.q_min, -np.pi), np.minimum(chain.q_max, np.pi)
    starts = np.random.default_rng(0).uniform(low, high, (STARTS, chain.n))
    starts[0] = near
    found, ok = solve_batch(chain, np.broadcast_to(target, (STARTS, 4, 4)), starts, attempts=8)
    kept: list[Array] = []
    for k in np.argsort(np.linalg.norm(found - near, axis=1)):
        if ok[k] and all(np.abs(found[k] - q).max() > APART for q in kept):
            kept.append(found[k])
    return np.array(kept).reshape(-1, chain.n)


def towards(chain: Chain, q: Array, posture: Array, reach: float = REACH_PER_POSE) -> Array:
    """Joints (n,) with the tip where ``q`` has it, as near to ``posture`` (n,) as the spare joints allow from there.

    Descends along the null space of the Jacobian, back onto the pose after each step (Siciliano, "Kinematic control of
    redundant robot manipulators: a tutorial", J. Intelligent and Robotic Systems 3, 1990). With six joints there is
    nothing to spare, and ``q`` is returned. ``posture`` may be the middle of the joints' ranges: away from limits.
    """
    q, target = np.array(q, dtype=float), chain.fk(q)
    share = 1.0
    while share > 1e-3:
        jacobian = chain.jacobian(q)
        _, singular, rows = np.linalg.svd(jacobian)
        spare = rows[int(np.sum(singular > 1e-6 * singular[0])) :]
        step = spare.T @ (spare @ (posture - q))
        size = float(np.abs(step).max(initial=0.0))
        if size < 1e-6:
            break
        found, ok = solve_near(chain, target, q + step * min(share, 0.5 * reach / size), reach)
        if ok and np.linalg.norm(found - posture) < np.linalg.norm(q - posture) - 1e-9:
            q = found
        else:
            share *= 0.5
    return q


def along(chain: Chain, poses: Array, near: Array) -> Array:
    """Joints (k, n) that lead the tip through ``poses`` (k, 4, 4), from whichever of its solutions can, those nearest
    to ``near`` (n,) first.

    A path that moves no joint by over 0.05 rad between two poses is preferred: it keeps away from singularities, also
    from those that a joint at its limit makes. It is looked for from the solutions at the first pose, at the last and
    between them, as the path comes and with joints moving away from their limits.

    Raises :class:`Unreachable` naming the pose that is out of reach or that was come to at best.
    """
    poses, count = _clean(poses), len(poses)
    seeds: dict[int, Array] = {}
    for share in SEEDS:
        at = round(share * (count - 1))
        seeds[at] = solutions(chain, poses[at], near)
        if not len(seeds[at]):
            raise Unreachable(_why_not(chain, near, poses[at], at, count))
    farthest, best = -1, near
    for reach, places in ((SMOOTH_PER_POSE, seeds), (REACH_PER_POSE, (0,))):
        for at, spare in product(places, _spares(chain)):
            for seed in seeds[at]:
                back = _tracked(chain, poses[at::-1], seed, reach, spare)
                onward = _tracked(chain, poses[at:], seed, reach, spare) if len(back) == at + 1 else back[:0]
                if len(onward) == count - at:
                    return np.concatenate([back[:0:-1], onward])
                if at == 0 and len(onward) > farthest:
                    farthest, best = len(onward), onward[-1] if len(onward) else seed
    raise Unreachable(_why_not(chain, best, poses[farthest], farthest, count))


def _tracked(chain: Chain, poses: Array, q0: Array, reach: float, spare: float) -> Array:
    """The joints (r, n) along those poses that were reached; arguments as for :func:`cells.kinematics.search.track`."""
    run, out = chain.kernels, np.empty((len(poses), chain.n))
    reached = run.track(_clean(poses), _clean(q0), run.robot, chain.limits, reach, spare, TRACKING_TOLERANCE, out)
    return out[:reached]


def solve_batch(
    chain: Chain, targets: Array, starts: Array, attempts: int = ATTEMPTS
) -> tuple[Array, npt.NDArray[np.bool_]]:
    """:func:`solve` for targets (m, 4, 4), from ``starts`` (m, n) or one start (n,) for all.

    Returns joints (m, n) and ok (m,): the same as ``m`` single calls.
    """
    targets, run = _clean(targets), chain.kernels
    m = len(targets)
    out, ok = np.empty((m, chain.n)), np.empty(m, np.bool_)
    starts = _clean(np.broadcast_to(starts, (m, chain.n)))
    run.solve_batch(targets, starts, run.robot, chain.limits, TOLERANCE, attempts, out, ok)
    return out, ok


def cartesian_path(chain: Chain, q0: Array, poses: Array, reach: float = REACH_PER_POSE) -> Array:
    """Joints (k, n) that lead the tip from ``q0`` (n,) through ``poses`` (k, 4, 4) without a jump.

    Neighbouring poses differ by at most ``reach`` (rad) in any joint. Where the way as it comes leads into a limit,
    joints keep away from theirs as far as there are joints to spare. Raises :class:`Unreachable` naming the first pose
    that can't be followed to, and why.
    """
    for spare in _spares(chain):
        path = _tracked(chain, poses, q0, reach, spare)
        if len(path) == len(poses):
            return path
    reached = len(path)
    raise Unreachable(_why_not(chain, path[-1] if reached else q0, poses[reached], reached, len(poses)))


def _spares(chain: Chain) -> tuple[float, ...]:
    """How far joints may move for their own sake, in the order in which it is tried."""
    return (0.0,) if chain.n <= 6 else (0.0, SPARE_PER_POSE)


def _why_not(chain: Chain, q: Array, pose: Array, index: int, count: int) -> Problem:
    """What stopped a path at a pose, from the joints before it."""
    where = f"pose {index + 1} of {count}"
    if not is_pose(pose):
        return Problem(where, "isn't a rigid transform", "check the numbers that it was made from")
    x, y, z = (1000 * v for v in pose[:3, 3])
    at = f"the tip can't follow to ({x:.1f}, {y:.1f}, {z:.1f}) mm in the base frame"
    margin = np.minimum(q - chain.q_min, chain.q_max - q)
    tight = int(np.argmin(margin))
    if margin[tight] < 0.02:
        limit = f"{chain.joint_names[tight]} is {np.degrees(margin[tight]):.1f}° from its limit"
        return Problem(where, f"{at}: {limit}", "start from other joints, or move the target")
    return Problem(where, f"{at} without a jump", "start from other joints, or bring the target into reach")
