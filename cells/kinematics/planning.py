"""Finding a way for the arm: joints to pass one after the other, each stretch between two of them proven free.

The straight way first. Where something is in it, two trees grow towards each other from both ends (Kuffner & LaValle,
"RRT-Connect: An efficient approach to single-query path planning", ICRA 2000) and the way found is shortened by random
cuts. An edge costs microseconds (:mod:`cells.kinematics.collision.checks`), so that trees take long steps. The same
seed gives the same way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from cells.control.setpoints import Trajectory
from cells.errors import CellwrightError, Problem
from cells.kinematics import ik
from cells.kinematics.collision.checks import (
    Ints,
    clearance,
    edge_free,
    edges_free,
    path_clearance,
    place_links,
    rooms,
)
from cells.kinematics.collision.model import Body, Scene, Tables
from cells.kinematics.numerics import is_pose
from cells.kinematics.trajectory import through
from cells.pose import Array

MARGIN = 0.005  # m that a planned way keeps from everything
NODES = 4000  # of a tree
STEP = 1.2  # rad (weighted norm): how far a tree grows at once
CUTS = 80  # tries to shorten a way
CORNERS = (0.03, 0.005, 0.0)  # m: how far from a way's corners its motion may pass, tried in turn


class NoWay(CellwrightError):
    """There is no free way, or none was found; says why."""


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What a way must be free of."""

    body: Body
    scene: Scene
    margin: float = MARGIN

    def distance(self, q: Array, within: float) -> tuple[float, str]:
        """Distance (m) of the arm at joints ``q`` (n,) from what is nearest within ``within``, and what meets what."""
        apart, shape, other = clearance(np.ascontiguousarray(q, float), self.body.tables, self.scene.table, within)
        if shape < 0:
            return within, "nothing"
        count = len(self.scene.shapes)
        what = self.scene.shapes[other].name if other < count else self.body.name(other - count)
        return apart, f"{self.body.name(shape)} and {what}"

    def check(self, where: str, q: Array) -> None:
        """Raise :class:`NoWay` if the arm is too close to something at joints ``q``."""
        apart, who = self.distance(q, self.margin)
        if apart <= 0.0:
            raise NoWay(Problem(where, f"{who} collide", "choose other joints, or clear the way"))
        if apart < self.margin:
            close = f"{who} are {1000 * apart:.1f} mm apart, less than {1000 * self.margin:g} mm"
            raise NoWay(Problem(where, close, "choose other joints, or clear the way"))


def way(around: Surroundings, start: Array, goals: Array, iterations: int = 20_000, seed: int = 0) -> Array:
    """Joints (k, n) from ``start`` (n,) to one of ``goals`` (n,) or (g, n), whichever is found first.

    Raises :class:`NoWay`: start or every goal too close to something, or no way within ``iterations``.
    """
    body, scene, chain = around.body.tables, around.scene.table, around.body.chain
    start, goals = np.ascontiguousarray(start, float), np.atleast_2d(np.ascontiguousarray(goals, float))
    around.check("start", start)
    reasons, free = [], []
    for goal in goals:
        try:
            around.check("goal", goal)
            free.append(goal)
        except NoWay as reason:
            reasons.append(reason)
    if not free:
        raise reasons[0]
    goals = np.array(free)
    straight = np.empty(len(goals), np.bool_)
    edges_free(np.tile(start, (len(goals), 1)), goals, body, scene, around.margin, straight)
    if straight.any():
        near = np.where(straight, np.linalg.norm(goals - start, axis=1), np.inf)
        return np.array([start, goals[int(np.argmin(near))]])
    out = np.empty((2 * NODES, chain.n))
    low, high = np.maximum(chain.q_min, -np.pi), np.minimum(chain.q_max, np.pi)
    low, high = np.minimum(low, start), np.maximum(high, start)
    weights = body[7].max(axis=1)
    count = _connect(
        start, goals, low, high, weights / weights.max(), body, scene, around.margin, iterations, seed, out
    )
    if count == 0:
        what = f"no way in {iterations} iterations, though both ends are free"
        raise NoWay(Problem("plan", what, "give more iterations, or make room"))
    return out[:count].copy()


def compile_for(around: Surroundings, q: Array) -> None:
    """Call what a plan is made with once, at joints ``q`` (n,), so that it is compiled or loaded."""
    way(around, q, q)
    weights, out = np.ones(len(q)), np.empty((2 * NODES, len(q)))
    _connect(q, q[None], q, q, weights, around.body.tables, around.scene.table, around.margin, 1, 0, out)


def motion(
    around: Surroundings,
    start: Array,
    goals: Array,
    scale: float = 1.0,
    dt: float = 0.004,
    tip_speed: float = math.inf,
    iterations: int = 20_000,
    seed: int = 0,
) -> Trajectory:
    """A motion from ``start`` to one of ``goals``, at rest at both ends, every sample of it free.

    Corners of the way are rounded as far as what is beside them allows. Arguments as for :func:`way` and
    :func:`cells.kinematics.trajectory.through`; raises :class:`NoWay`.
    """
    path = way(around, start, goals, iterations, seed)
    for corner in CORNERS:
        found = through(around.body.chain, path, scale, dt, tip_speed, corner)
        reached, _, _, _ = path_clearance(found.q, around.body.tables, around.scene.table, 0.5 * around.margin)
        if reached == len(found.q):
            return found
    around.check(f"motion at {1000 * found.t[reached]:.0f} ms", found.q[reached])
    raise NoWay(Problem("motion", "its corners come too close to something", "give the way a wider margin"))


def goals_at(around: Surroundings, target: Array, near: Array) -> Array:
    """Different joints (g, n) that put the tip at ``target`` (4, 4, base frame), the nearest to ``near`` first.

    Raises :class:`NoWay` that says how far out of reach the target is.
    """
    chain = around.body.chain
    if not is_pose(target):
        raise NoWay(Problem("goal", "is not a rigid transform", "check the numbers that it was made from"))
    found = ik.solutions(chain, target, near)
    if not len(found):
        off = _out_of_reach(around.body, target, near)
        what = "out of reach in this orientation" if off is None else f"{1000 * off:.0f} mm out of reach"
        raise NoWay(Problem("goal", what, "move the target within the arm's reach"))
    return found


def _out_of_reach(body: Body, target: Array, near: Array) -> float | None:
    """How far (m) a target has to come towards the arm's second joint, as it is turned, to be reached; None if that
    doesn't help."""
    chain = body.chain
    place = np.empty((chain.n + 1, 3, 4))
    place_links(near, body.tables[0], body.tables[1], place)
    towards = place[min(2, chain.n), :, 3] - target[:3, 3]

    def reached(share: float) -> bool:
        nearer = target.copy()
        nearer[:3, 3] += share * towards
        return chain.solve(nearer, near)[1]

    helps = next((share for share in np.linspace(0.1, 0.9, 9) if reached(share)), None)
    if helps is None:
        return None
    low, high = helps - 0.1, float(helps)
    while (high - low) * np.linalg.norm(towards) > 5e-4:
        middle = 0.5 * (low + high)
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high * float(np.linalg.norm(towards))


@njit(cache=True)
def _nearest(tree: Array, count: int, q: Array, weights: Array) -> tuple[int, float]:
    best, which = np.inf, 0
    for k in range(count):
        square = 0.0
        for i in range(q.shape[0]):
            square += (weights[i] * (tree[k, i] - q[i])) ** 2
        if square < best:
            best, which = square, k
    return which, np.sqrt(best)


@njit(cache=True)
def _connect(
    start: Array,
    goals: Array,
    low: Array,
    high: Array,
    weights: Array,
    body: Tables,
    scene: Array,
    margin: float,
    iterations: int,
    seed: int,
    out: Array,
) -> int:
    """Two trees, grown in turn: one a step towards random joints, the other as far as it comes towards where the first
    got. Returns how many joints of ``out`` lead from start to a goal, 0 if none do."""
    n = start.shape[0]
    np.random.seed(seed)
    trees = np.empty((2, NODES, n))
    parents = np.empty((2, NODES), np.int64)
    counts = np.array([1, goals.shape[0]])
    trees[0, 0], parents[0, 0] = start, -1
    for g in range(goals.shape[0]):
        trees[1, g], parents[1, g] = goals[g], -1
    room = rooms(body, scene)
    wish, reached = np.empty(n), np.empty(n)
    for turn in range(iterations):
        if counts.max() >= NODES - 1:
            return 0
        one = turn % 2
        other = 1 - one
        for i in range(n):
            wish[i] = np.random.uniform(low[i], high[i])
        near, far = _nearest(trees[one], counts[one], wish, weights)
        share = min(1.0, STEP / max(far, 1e-12))
        for i in range(n):
            reached[i] = trees[one, near, i] + share * (wish[i] - trees[one, near, i])
        if not edge_free(trees[one, near], reached, body, margin, room):
            continue
        trees[one, counts[one]], parents[one, counts[one]] = reached, near
        counts[one] += 1
        near, far = _nearest(trees[other], counts[other], reached, weights)
        while counts[other] < NODES - 1:
            share = min(1.0, STEP / max(far, 1e-12))
            for i in range(n):
                wish[i] = trees[other, near, i] + share * (reached[i] - trees[other, near, i])
            if not edge_free(trees[other, near], wish, body, margin, room):
                break
            trees[other, counts[other]], parents[other, counts[other]] = wish, near
            near = counts[other]
            counts[other] += 1
            far -= share * far
            if share == 1.0:
                count = _joined(trees, parents, counts, one, out)
                return _shortened(out, count, body, margin, room)
    return 0


@njit(cache=True)
def _joined(trees: Array, parents: Ints, counts: Ints, one: int, out: Array) -> int:
    """From the start's root to where the trees met, and on to a goal."""
    back = np.empty(NODES, np.int64)
    depth, node = 0, counts[0] - 1
    while node >= 0:
        back[depth] = node
        depth += 1
        node = parents[0, node]
    for k in range(depth):
        out[k] = trees[0, back[depth - 1 - k]]
    node = parents[1, counts[1] - 1]  # where they met is in both
    count = depth
    while node >= 0:
        out[count] = trees[1, node]
        count += 1
        node = parents[1, node]
    return count


@njit(cache=True)
def _shortened(path: Array, count: int, body: Tables, margin: float, room: Tables) -> int:
    """Replace what lies between two random places of the way by the straight edge, where that is free and shorter."""
    n = path.shape[1]
    a, b = np.empty(n), np.empty(n)
    for cut in range(CUTS):
        if count <= 2:
            break
        i, j = np.random.randint(count - 1), np.random.randint(count - 1)
        s, t = np.random.random(), np.random.random()
        if i > j:
            i, j, s, t = j, i, t, s
        if i == j:
            continue
        if cut > CUTS // 2:
            s, t = 0.0, 1.0  # then whole corners
        for k in range(n):
            a[k] = path[i, k] + s * (path[i + 1, k] - path[i, k])
            b[k] = path[j + 1, k] if t == 1.0 else path[j, k] + t * (path[j + 1, k] - path[j, k])
        if not edge_free(a, b, body, margin, room):
            continue
        # Keep what is before a and after b, which may be ends of the edges that they lie on.
        before = i + 1 if s > 0.0 else i
        after = j + 1 if t < 1.0 else j + 2
        tail = count - after
        rest = path[after:count].copy()
        path[before] = a
        path[before + 1] = b
        path[before + 2 : before + 2 + tail] = rest
        count = before + 2 + tail
    return count
