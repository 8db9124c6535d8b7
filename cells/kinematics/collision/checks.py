"""Whether a robot is clear of its scene and itself: at joints, along edges, along whole motions.

Three steps from coarse to exact, the next only where the last can't tell: bounding spheres, the spheres that cover a
solid, the distance between the solids (:mod:`.gjk`). Every distance is a lower bound, so that "free" is a proof.

An edge is proven by the distance that two solids still have to go before they could touch: no point of link b moves
against link a farther than the sum over the joints i between them of |dq_i| · reach[i, b], so that a distance at one
place covers a stretch to both sides (conservative advancement; Mirtich, "Impulse-based Dynamic Simulation", PhD
thesis, 1996).

``body`` are the tables and ``scene`` is the table of :mod:`.model`; joints (n,) in rad or m; distances in m.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from cells.kinematics.collision.gjk import separation
from cells.kinematics.collision.model import Tables
from cells.kinematics.collision.shapes import BOX, CAPSULE, KIND, POSE, RADIUS, SIZE, SPHERE, X, Y, Z
from cells.pose import Array

FINE = 0.03  # m above the margin: below this a distance is computed exactly
TIGHT = 5e-4  # m above the margin: closer than this an edge isn't proven
ANY = 1e9  # m: an acceleration that bounds nothing
AHEAD = 50  # joints of a path that are looked at in one go
STACK = 64  # stretches of an edge that wait to be proven, each half as long as the last

Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@njit(cache=True, error_model="numpy", inline="always")
def place_links(q: Array, frames: Array, slides: Ints, out: Array) -> None:
    """Frames (n + 1, 3, 4) of the links at joints ``q`` (n,): of the one that stands, and of each after its joint."""
    for r in range(3):
        for c in range(4):
            out[0, r, c] = 1.0 if r == c else 0.0
    for k in range(q.shape[0]):
        turns = not slides[k]
        cosine, sine = (math.cos(q[k]), math.sin(q[k])) if turns else (1.0, 0.0)
        along = 0.0 if turns else q[k]
        for r in range(3):
            a, b, c, d = out[k, r, 0], out[k, r, 1], out[k, r, 2], out[k, r, 3]
            x = a * frames[k, 0, 0] + b * frames[k, 1, 0] + c * frames[k, 2, 0]
            y = a * frames[k, 0, 1] + b * frames[k, 1, 1] + c * frames[k, 2, 1]
            z = a * frames[k, 0, 2] + b * frames[k, 1, 2] + c * frames[k, 2, 2]
            out[k + 1, r, 0], out[k + 1, r, 1], out[k + 1, r, 2] = cosine * x + sine * y, cosine * y - sine * x, z
            out[k + 1, r, 3] = a * frames[k, 0, 3] + b * frames[k, 1, 3] + c * frames[k, 2, 3] + d + along * z


@njit(cache=True, error_model="numpy", inline="always")
def place(frames: Array, link: int, solids: Array, i: int, out: Array, row: int) -> None:
    """out[row] = solids[i], which is given on a link, where ``frames[link]`` has it."""
    for c in range(solids.shape[1]):
        out[row, c] = solids[i, c]
    for r in range(3):
        a, b, d, e = frames[link, r, 0], frames[link, r, 1], frames[link, r, 2], frames[link, r, 3]
        for c in range(POSE, POSE + 4):
            out[row, 4 * r + c] = a * solids[i, c] + b * solids[i, c + 4] + d * solids[i, c + 8]
        out[row, 4 * r + X] += e


@njit(cache=True, error_model="numpy", inline="always")
def _point_to_solid(solids: Array, i: int, x: float, y: float, z: float) -> float:
    """Signed distance of a point from a solid: exact outside, inside the depth below its nearest face. (A table and a
    row, not a slice: this is called so often that counting references tells.)"""
    kind, length, width, p = solids[i, KIND], solids[i, SIZE], solids[i, SIZE + 1], POSE
    dx, dy, dz = x - solids[i, X], y - solids[i, Y], z - solids[i, Z]
    if kind == SPHERE:
        return float(math.sqrt(dx * dx + dy * dy + dz * dz) - length)
    u = solids[i, p] * dx + solids[i, p + 4] * dy + solids[i, p + 8] * dz
    v = solids[i, p + 1] * dx + solids[i, p + 5] * dy + solids[i, p + 9] * dz
    w = solids[i, p + 2] * dx + solids[i, p + 6] * dy + solids[i, p + 10] * dz
    if kind == BOX:
        a, b, c = abs(u) - length, abs(v) - width, abs(w) - solids[i, SIZE + 2]
        outside = max(a, 0.0) ** 2 + max(b, 0.0) ** 2 + max(c, 0.0) ** 2
        return math.sqrt(outside) if outside > 0.0 else float(max(a, b, c))
    if kind == CAPSULE:
        w -= min(max(w, -width), width)
        return float(math.sqrt(u * u + v * v + w * w) - length)
    a, b = math.sqrt(u * u + v * v) - length, abs(w) - width
    outside = max(a, 0.0) ** 2 + max(b, 0.0) ** 2
    return math.sqrt(outside) if outside > 0.0 else float(max(a, b))


@njit(cache=True, error_model="numpy", inline="always")
def _moved(frames: Array, link: int, x: float, y: float, z: float) -> tuple[float, float, float]:
    return (
        frames[link, 0, 0] * x + frames[link, 0, 1] * y + frames[link, 0, 2] * z + frames[link, 0, 3],
        frames[link, 1, 0] * x + frames[link, 1, 1] * y + frames[link, 1, 2] * z + frames[link, 1, 3],
        frames[link, 2, 0] * x + frames[link, 2, 1] * y + frames[link, 2, 2] * z + frames[link, 2, 3],
    )


@njit(cache=True, error_model="numpy", inline="always")
def by_spheres(frames: Array, spheres: Array, where: Ints, shape: int, others: Array, j: int) -> tuple[float, bool]:
    """How far the spheres that cover one of the robot's solids are from another solid: no more than the solids are; and
    whether the centre of one, a point of the robot, is in that solid."""
    link, apart, inside = where[shape, 0], np.inf, False
    for k in range(where[shape, 1], where[shape, 2]):
        x, y, z = _moved(frames, link, spheres[k, 0], spheres[k, 1], spheres[k, 2])
        middle = _point_to_solid(others, j, x, y, z)
        if middle <= 0.0:
            apart, inside = middle, True
            break
        apart = min(apart, middle - spheres[k, 3])
    return apart, inside


@njit(cache=True, error_model="numpy", inline="always")
def _twists(dq: Array, place: Array, slides: Ints, out: Array) -> None:
    """out (n + 1, 6): velocity [v; w] of each link, at the base frame's origin, while joints move by ``dq`` (n,)."""
    out[0] = 0.0
    for k in range(dq.shape[0]):
        here, d = place[k + 1], dq[k]
        x, y, z = here[0, 2], here[1, 2], here[2, 2]
        u, v, w = here[0, 3], here[1, 3], here[2, 3]
        out[k + 1] = out[k]
        if slides[k]:
            out[k + 1, 0] += d * x
            out[k + 1, 1] += d * y
            out[k + 1, 2] += d * z
        else:
            out[k + 1, 0] += d * (v * z - w * y)
            out[k + 1, 1] += d * (w * x - u * z)
            out[k + 1, 2] += d * (u * y - v * x)
            out[k + 1, 3] += d * x
            out[k + 1, 4] += d * y
            out[k + 1, 5] += d * z


@njit(cache=True, error_model="numpy", inline="always")
def _speed(twists: Array, a: int, b: int, x: float, y: float, z: float, radius: float) -> float:
    """Highest speed that a point of link b, within ``radius`` of (x, y, z), has against link a."""
    p, q, r = twists[b, 3] - twists[a, 3], twists[b, 4] - twists[a, 4], twists[b, 5] - twists[a, 5]
    u = twists[b, 0] - twists[a, 0] + q * z - r * y
    v = twists[b, 1] - twists[a, 1] + r * x - p * z
    w = twists[b, 2] - twists[a, 2] + p * y - q * x
    return math.sqrt(u * u + v * v + w * w) + math.sqrt(p * p + q * q + r * r) * radius


@njit(cache=True, error_model="numpy")
def covered(
    q: Array,
    dq: Array,
    margin: float,
    stretch: float,
    most: Array,
    who: Ints,
    frames: Array,
    slides: Ints,
    solids: Array,
    spheres: Array,
    where: Ints,
    pairs: Ints,
    groups: Ints,
    count: int,
    world: Array,
    at: Array,
    twists: Array,
    close: Ints,
    gaps: Array,
    walk: Array,
) -> float:
    """How far both ways, up to ``stretch`` times ``dq`` (n,) from ``q``, nothing comes within ``margin`` of anything;
    below 0 where something is that close already, by how much (m). ``most`` is what :func:`bounds_of_motion` tells of
    ``dq``.

    ``who`` (2,) becomes the shape that allows least, and what it is close to: a solid of the scene, or the scene's
    count plus one of the robot's; -1 where the whole stretch is free. ``frames`` and on are the body's tables but the
    last, ``count`` and on the room that :func:`rooms` makes.
    """
    n = q.shape[0]
    rate, bend = most[0], most[1]
    moves = rate[0, n] > 0.0
    place_links(q, frames, slides, at)
    if moves:
        _twists(dq, at, slides, twists)
    for k in range(solids.shape[0]):
        row = count + k
        world[row, X], world[row, Y], world[row, Z] = _moved(at, where[k, 0], solids[k, X], solids[k, Y], solids[k, Z])
    waiting = _near(margin, stretch, rate, where, pairs, groups, count, world, close, gaps)
    who[0] = who[1] = -1
    # First for all that are close by the spheres that cover the solids, then by the solids themselves: most contacts
    # show in the first round, and what it covers less of makes the second one shorter.
    for exactly in (False, True):
        if stretch < 0.0:
            break
        asked, waiting = waiting, 0
        for c in range(asked):
            shape, other, apart = close[c, 0], close[c, 1], gaps[c]
            first, last, row = 0, where[shape, 0], count + shape
            if other >= count:
                first = where[other - count, 0]
            speed = 0.0
            if moves:
                x, y, z, radius = world[row, X], world[row, Y], world[row, Z], world[row, RADIUS]
                speed = _speed(twists, first, last, x, y, z, radius)
            enough = margin + _motion(speed, rate[first, last], bend[first, last], stretch)
            if apart >= enough:
                continue
            if exactly:
                place(at, last, solids, shape, world, row)
                exact = separation(world, row, world, other, enough, walk)
                apart = exact if exact > 0.0 else min(apart, 0.0)
            else:
                if other >= count:
                    place(at, first, solids, other - count, world, other)
                apart, inside = by_spheres(at, spheres, where, shape, world, other)
                if not inside and apart < min(enough, margin + FINE):
                    close[waiting, 0], close[waiting, 1], gaps[waiting] = shape, other, apart
                    waiting += 1
                    continue
            if apart < enough:
                who[0], who[1] = shape, other
                if apart <= margin:
                    stretch = apart - margin
                    break
                stretch = _stretch(apart - margin, speed, rate[first, last], bend[first, last])
    return stretch


@njit(cache=True, error_model="numpy")
def _near(
    margin: float,
    stretch: float,
    rate: Array,
    where: Ints,
    pairs: Ints,
    groups: Ints,
    count: int,
    world: Array,
    close: Ints,
    gaps: Array,
) -> int:
    """Who may come within ``margin`` of what in the stretch, by bounding spheres, first of links and then of solids:
    into ``close`` (m, 2), see ``who`` of :func:`covered`, and their distance or less into ``gaps`` (m,). Returns how
    many. The first ``count`` solids of ``world`` are the scene's; of the others the middles have been placed."""
    n = rate.shape[0] - 1
    balls = where.shape[0] - n - 1
    found = 0
    for link in range(1, n + 1):
        begin, end, ball = where[balls + link, 1], where[balls + link, 2], count + balls + link
        if begin == end:
            continue
        enough = margin + stretch * rate[0, link]
        x, y, z, radius = world[ball, X], world[ball, Y], world[ball, Z], enough + world[ball, RADIUS]
        for k in range(count):
            dx, dy, dz, far = x - world[k, X], y - world[k, Y], z - world[k, Z], radius + world[k, RADIUS]
            if dx * dx + dy * dy + dz * dz >= far * far or _point_to_solid(world, k, x, y, z) >= radius:
                continue
            for shape in range(begin, end):
                row = count + shape
                gap = _point_to_solid(world, k, world[row, X], world[row, Y], world[row, Z]) - world[row, RADIUS]
                if gap < enough:
                    close[found, 0], close[found, 1], gaps[found] = shape, k, gap
                    found += 1
    for g in range(groups.shape[0]):
        enough = margin + stretch * rate[groups[g, 0], groups[g, 1]]
        if _apart(world, count + balls + groups[g, 0], count + balls + groups[g, 1]) >= enough:
            continue
        for p in range(groups[g, 2], groups[g, 3]):
            gap = _apart(world, count + pairs[p, 0], count + pairs[p, 1])
            if gap < enough:
                close[found, 0], close[found, 1], gaps[found] = pairs[p, 1], count + pairs[p, 0], gap
                found += 1
    return found


@njit(cache=True, error_model="numpy", inline="always")
def _apart(world: Array, a: int, b: int) -> float:
    """Distance of the bounding spheres of two solids."""
    dx, dy, dz = world[a, X] - world[b, X], world[a, Y] - world[b, Y], world[a, Z] - world[b, Z]
    return float(math.sqrt(dx * dx + dy * dy + dz * dz) - world[a, RADIUS] - world[b, RADIUS])


@njit(cache=True, error_model="numpy", inline="always")
def _motion(speed: float, rate: float, bend: float, stretch: float) -> float:
    """How far a point may get within a stretch: by its speed now and what it may gain, or by the joints' sum."""
    return min(rate * stretch, speed * stretch + 0.5 * bend * stretch * stretch)


@njit(cache=True, error_model="numpy", inline="always")
def _stretch(gap: float, speed: float, rate: float, bend: float) -> float:
    """The stretch within which a point moves by less than ``gap``: the inverse of :func:`_motion`."""
    return max(gap / rate, 2.0 * gap / (speed + math.sqrt(speed * speed + 2.0 * bend * gap)))


@njit(cache=True, error_model="numpy")
def bounds_of_motion(a: Array, b: Array, reach: Array, out: Array) -> None:
    """out (2, n + 1, n + 1): most speed and acceleration of points of link k against link j, per share of the straight
    joint motion from a to b.

    A point's second derivative by joints i <= j is z_i x (z_j x (p - o_j)), no longer than reach[j].
    """
    n = a.shape[0]
    out[:] = 0.0
    for k in range(n + 1):
        turned = 0.0
        for j in range(k - 1, -1, -1):
            d = abs(b[j] - a[j])
            out[0, j, k] = out[0, j + 1, k] + d * reach[j, k]
            # With joint j in front, each pair (j, i) counts twice, at the reach of the farther one, i.
            out[1, j, k] = out[1, j + 1, k] + d * d * reach[j, k] + 2.0 * d * turned
            turned += d * reach[j, k]


@njit(cache=True, error_model="numpy")
def rooms(body: Tables, scene: Array) -> Tables:
    """Room to work in: ``most`` and ``who`` of :func:`covered`, joints (2, n), and the stretches of an edge that wait
    to be proven (64, 2); then the last arguments of :func:`covered`: how many solids the scene has; those and the
    robot's, to be placed (s, 17); frames of the links; their twists; who is close to what, and how close; and a corner
    for :func:`.gjk.separation`."""
    n, solids, pairs = body[1].shape[0], body[2], body[5]
    most = solids.shape[0] * scene.shape[0] + pairs.shape[0]
    return (
        np.zeros((2, n + 1, n + 1)),
        np.empty(2, np.int64),
        np.empty((2, n)),
        np.empty((STACK, 2)),
        scene.shape[0],
        np.concatenate((scene, solids)),
        np.empty((n + 1, 3, 4)),
        np.empty((n + 1, 6)),
        np.empty((most, 2), np.int64),
        np.empty(most),
        np.empty((7, 4)),
    )


# The tables are taken apart once for all calls of covered, not at each: counting references would cost more than the
# geometry does.


@njit(cache=True, error_model="numpy")
def configs_free(q: Array, body: Tables, scene: Array, margin: float, free: Flags) -> None:
    """Whether the robot is farther than ``margin`` from everything it may meet, at joints (m, n)."""
    frames, slides, solids, spheres, where, pairs, groups, _ = body
    most, who, _, _, count, world, at, twists, close, gaps, walk = rooms(body, scene)
    still = np.zeros(q.shape[1])
    for k in range(q.shape[0]):
        done = covered(
            q[k], still, margin, 1.0, most, who,
            frames, slides, solids, spheres, where, pairs, groups,
            count, world, at, twists, close, gaps, walk,
        )  # fmt: skip
        free[k] = done > 0.0


@njit(cache=True, error_model="numpy")
def clearance(q: Array, body: Tables, scene: Array, within: float) -> tuple[float, int, int]:
    """Distance (m) to what is nearest to the robot at joints ``q`` (n,), and who: see :func:`covered`; ``within`` where
    nothing is nearer."""
    frames, slides, solids, spheres, where, pairs, groups, _ = body
    most, who, _, _, count, world, at, twists, close, gaps, walk = rooms(body, scene)
    still, shape, other = np.zeros(q.shape[0]), -1, -1
    while True:
        less = covered(
            q, still, within, 1.0, most, who,
            frames, slides, solids, spheres, where, pairs, groups,
            count, world, at, twists, close, gaps, walk,
        )  # fmt: skip
        if less > 0.0:
            return within, shape, other
        shape, other = who[0], who[1]
        within += less - 1e-9  # is anything nearer still?
        if within <= 0.0:
            return within, shape, other


@njit(cache=True, error_model="numpy")
def edge_free(a: Array, b: Array, body: Tables, margin: float, room: Tables) -> bool:
    """Whether the straight joint motion from ``a`` to ``b`` (n,) keeps over ``margin`` from everything, all the way.
    ``room`` is what :func:`rooms` makes for a scene."""
    frames, slides, solids, spheres, where, pairs, groups, reach = body
    most, who, q, stack, count, world, at, twists, close, gaps, walk = room
    bounds_of_motion(a, b, reach, most)
    least = TIGHT / max(most[0, 0].max(), TIGHT)
    here, dq = q[0], q[1]
    for i in range(a.shape[0]):
        dq[i] = b[i] - a[i]
    stack[0, 0], stack[0, 1] = 0.0, 1.0
    waiting = 1
    while waiting > 0:
        waiting -= 1
        low, high = stack[waiting, 0], stack[waiting, 1]
        middle, half = 0.5 * (low + high), 0.5 * (high - low)
        for i in range(a.shape[0]):
            here[i] = a[i] + middle * dq[i]
        done = covered(
            here, dq, margin, half, most, who,
            frames, slides, solids, spheres, where, pairs, groups,
            count, world, at, twists, close, gaps, walk,
        )  # fmt: skip
        if done < min(least, half):
            return False
        if done < half:
            stack[waiting, 0], stack[waiting, 1] = low, middle - done
            stack[waiting + 1, 0], stack[waiting + 1, 1] = middle + done, high
            waiting += 2
    return True


@njit(cache=True, error_model="numpy")
def edges_free(a: Array, b: Array, body: Tables, scene: Array, margin: float, free: Flags) -> None:
    """:func:`edge_free` for ``a`` and ``b`` (m, n) each."""
    room = rooms(body, scene)
    for k in range(a.shape[0]):
        free[k] = edge_free(a[k], b[k], body, margin, room)


@njit(cache=True, error_model="numpy")
def path_clearance(q: Array, body: Tables, scene: Array, margin: float) -> tuple[int, float, int, int]:
    """The first of joints (m, n) within ``margin`` of anything (m if none is), the distance there, and who: see
    :func:`covered`. What lies between two joints is proven with them, as on a straight edge."""
    m, n = q.shape
    frames, slides, solids, spheres, where, pairs, groups, reach = body
    most, who, _, _, count, world, at, twists, close, gaps, walk = rooms(body, scene)
    step, total, still = np.empty((2, n + 1, n + 1)), np.empty((n + 1, n + 1)), np.zeros(n)
    k = 0
    while k < m:
        # How far on everything is free, if what comes next moves the links as the next few joints do.
        ahead = min(k + AHEAD, m - 1)
        total[:] = 0.0
        for i in range(k, ahead):
            bounds_of_motion(q[i], q[i + 1], reach, step)
            total += step[0]
        most[0] = total
        most[1] = ANY  # the way isn't straight: what counts is the joints' sum
        done = covered(
            q[k], still, margin, 1.0, most, who,
            frames, slides, solids, spheres, where, pairs, groups,
            count, world, at, twists, close, gaps, walk,
        )  # fmt: skip
        if done < 0.0:
            return k, margin + done, who[0], who[1]
        total[:] = 0.0
        reached = k
        while reached < ahead:
            bounds_of_motion(q[reached], q[reached + 1], reach, step)
            total += step[0]
            if np.any(total > done * most[0] + 1e-12):
                break
            reached += 1
        k = max(reached, k + 1) if k < m - 1 else m
    return m, np.inf, -1, -1
