"""Whether a robot is clear of its scene and itself: at joints, along edges, along whole motions.

Three steps from coarse to exact, the next only where the last can't tell: bounding spheres, the spheres that cover a
solid, the distance between the solids (:mod:`.gjk`). Every distance is a lower bound, so that "free" is a proof.

An edge is proven by the distance that two solids still have to go before they could touch: no point of link b moves
against link a farther than the sum over the joints i between them of |dq_i| · reach[i, b], so that a distance at one
place covers a stretch to both sides (conservative advancement; Mirtich, "Impulse-based Dynamic Simulation", PhD
thesis, 1996).

``body`` and ``scene`` are the tables of :mod:`.model`; joints (n,) in rad or m; distances in m.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from cells.kinematics.collision.gjk import separation
from cells.kinematics.collision.model import Tables
from cells.kinematics.collision.shapes import BOX, CAPSULE, SPHERE
from cells.pose import Array

FINE = 0.03  # m above the margin: below this a distance is computed exactly
TIGHT = 5e-4  # m above the margin: closer than this an edge isn't proven
ANY = 1e9  # m: an acceleration that bounds nothing
AHEAD = 50  # joints of a path that are looked at in one go
STACK = 64  # stretches of an edge that wait to be proven, each half as long as the last

Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@njit(cache=True)
def place_links(q: Array, frames: Array, slides: Array, out: Array) -> None:
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


@njit(cache=True)
def place(frame: Array, pose: Array, out: Array) -> None:
    """out (3, 4) = frame · pose."""
    for r in range(3):
        for c in range(4):
            out[r, c] = frame[r, 0] * pose[0, c] + frame[r, 1] * pose[1, c] + frame[r, 2] * pose[2, c]
        out[r, 3] += frame[r, 3]


@njit(cache=True)
def _point_to_solid(kind: int, sizes: Array, i: int, poses: Array, j: int, x: float, y: float, z: float) -> float:
    """Signed distance of a point from a solid of size ``sizes[i]`` placed at ``poses[j]``: exact outside, inside the
    depth below its nearest face. (Numbers, not slices: these are called so often that counting references tells.)"""
    dx, dy, dz = x - poses[j, 0, 3], y - poses[j, 1, 3], z - poses[j, 2, 3]
    if kind == SPHERE:
        return float(math.sqrt(dx * dx + dy * dy + dz * dz) - sizes[i, 0])
    u = poses[j, 0, 0] * dx + poses[j, 1, 0] * dy + poses[j, 2, 0] * dz
    v = poses[j, 0, 1] * dx + poses[j, 1, 1] * dy + poses[j, 2, 1] * dz
    w = poses[j, 0, 2] * dx + poses[j, 1, 2] * dy + poses[j, 2, 2] * dz
    if kind == BOX:
        a, b, c = abs(u) - sizes[i, 0], abs(v) - sizes[i, 1], abs(w) - sizes[i, 2]
        outside = max(a, 0.0) ** 2 + max(b, 0.0) ** 2 + max(c, 0.0) ** 2
        return math.sqrt(outside) if outside > 0.0 else float(max(a, b, c))
    if kind == CAPSULE:
        w -= min(max(w, -sizes[i, 1]), sizes[i, 1])
        return float(math.sqrt(u * u + v * v + w * w) - sizes[i, 0])
    a, b = math.sqrt(u * u + v * v) - sizes[i, 0], abs(w) - sizes[i, 1]
    outside = max(a, 0.0) ** 2 + max(b, 0.0) ** 2
    return math.sqrt(outside) if outside > 0.0 else float(max(a, b))


@njit(cache=True)
def _centre(frames: Array, link: int, balls: Array, k: int) -> tuple[float, float, float]:
    x, y, z = balls[k, 0], balls[k, 1], balls[k, 2]
    return (
        frames[link, 0, 0] * x + frames[link, 0, 1] * y + frames[link, 0, 2] * z + frames[link, 0, 3],
        frames[link, 1, 0] * x + frames[link, 1, 1] * y + frames[link, 1, 2] * z + frames[link, 1, 3],
        frames[link, 2, 0] * x + frames[link, 2, 1] * y + frames[link, 2, 2] * z + frames[link, 2, 3],
    )


@njit(cache=True)
def distance_to(
    shape: int,
    frames: Array,
    link: int,
    kinds: Ints,
    own: Array,
    on_link: Array,
    spheres: Array,
    first: Ints,
    kind: int,
    sizes: Array,
    i: int,
    poses: Array,
    j: int,
    enough: float,
    fine: float,
    room: Array,
) -> float:
    """Distance of one of the robot's solids, on a link that is at ``frames[link]``, from a solid of size ``sizes[i]``
    placed at ``poses[j]``, or less: exact, to within rounding, unless it is known to be over ``enough`` or ``fine``.
    The robot's solids come as the arrays that they are in its tables."""
    apart = np.inf
    for k in range(first[shape], first[shape + 1]):
        x, y, z = _centre(frames, link, spheres, k)
        middle = _point_to_solid(kind, sizes, i, poses, j, x, y, z)
        if middle <= 0.0:
            return middle
        apart = min(apart, middle - spheres[k, 3])
    if apart >= min(enough, fine):
        return apart
    placed = room[7:10].reshape(3, 4)
    place(frames[link], on_link[shape], placed)
    exact = separation(kinds[shape], own[shape], placed, kind, sizes[i], poses[j], enough, room[:7])
    return exact if exact > 0.0 else min(apart, 0.0)


@njit(cache=True)
def _twists(dq: Array, place: Array, slides: Array, out: Array) -> None:
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


@njit(cache=True)
def _speed(a: Array, b: Array, x: float, y: float, z: float, radius: float) -> float:
    """Highest speed that a point of link b, within ``radius`` of (x, y, z), has against link a; their twists (6,)."""
    p, q, r = b[3] - a[3], b[4] - a[4], b[5] - a[5]
    u, v, w = b[0] - a[0] + q * z - r * y, b[1] - a[1] + r * x - p * z, b[2] - a[2] + p * y - q * x
    return math.sqrt(u * u + v * v + w * w) + math.sqrt(p * p + q * q + r * r) * radius


@njit(cache=True)
def covered(
    q: Array, dq: Array, body: Tables, scene: Tables, margin: float, stretch: float, most: Array, room: Array, who: Ints
) -> float:
    """How far both ways, up to ``stretch`` times ``dq`` (n,) from ``q``, nothing comes within ``margin`` of anything;
    below 0 where something is that close already, by how much (m). ``most`` is what :func:`bounds_of_motion` tells of
    ``dq``.

    ``who`` (2,) becomes the shape that allows least, and what it is close to: a solid of the scene, or the scene's
    count plus one of the robot's; -1 where the whole stretch is free. ``room`` is what :func:`rooms` makes.
    """
    kinds, sizes, poses, bounds, spheres, first_ball, links, pairs, frames, slides, _, groups, balls = body
    around, s_sizes, s_poses, s_bounds, _, _ = scene
    n = q.shape[0]
    at, other, walk = room[: n + 1], room[n + 1 : n + 2], room[n + 2 : n + 6].reshape(-1, 4)
    place_links(q, frames, slides, at)
    twists = room[n + 6 : 2 * n + 8].reshape(-1, 6)
    rate, bend = most[0], most[1]
    moves = rate[0, n] > 0.0
    if moves:
        _twists(dq, at, slides, twists)
    centres = room[2 * n + 8 :].reshape(-1, 3)
    for shape in range(links.shape[0]):
        centres[shape] = _centre(at, links[shape], bounds, shape)
    who[:] = -1
    fine = margin + FINE
    for shape in range(links.shape[0]):
        link = links[shape]
        if link == 0:
            continue
        x, y, z, radius = centres[shape, 0], centres[shape, 1], centres[shape, 2], bounds[shape, 3]
        speed = _speed(twists[0], twists[link], x, y, z, radius) if moves else 0.0
        enough = margin + _motion(speed, rate[0, link], bend[0, link], stretch)
        for k in range(around.shape[0]):
            far = enough + radius + s_bounds[k, 3]
            dx, dy, dz = x - s_bounds[k, 0], y - s_bounds[k, 1], z - s_bounds[k, 2]
            if dx * dx + dy * dy + dz * dz >= far * far:
                continue
            apart = _point_to_solid(around[k], s_sizes, k, s_poses, k, x, y, z)
            if apart > 0.0:
                apart -= radius
                if apart < enough and apart < fine:
                    apart = distance_to(
                        shape, at, link, kinds, sizes, poses, spheres, first_ball,
                        around[k], s_sizes, k, s_poses, k, enough, fine, walk,
                    )  # fmt: skip
            if apart < enough:
                who[0], who[1] = shape, k
                if apart <= margin:
                    return apart - margin
                stretch = _stretch(apart - margin, speed, rate[0, link], bend[0, link])
                enough = apart
    whole = centres[links.shape[0] :]
    for link in range(n + 1):
        whole[link] = _centre(at, link, balls, link)
    for g in range(groups.shape[0]):
        first, last = groups[g, 0], groups[g, 1]
        dx, dy, dz = (
            whole[last, 0] - whole[first, 0],
            whole[last, 1] - whole[first, 1],
            whole[last, 2] - whole[first, 2],
        )
        far = margin + stretch * rate[first, last] + balls[first, 3] + balls[last, 3]
        if dx * dx + dy * dy + dz * dz >= far * far:
            continue
        for p in range(groups[g, 2], groups[g, 3]):
            a, b = pairs[p, 0], pairs[p, 1]
            x, y, z = centres[b, 0], centres[b, 1], centres[b, 2]
            dx, dy, dz = x - centres[a, 0], y - centres[a, 1], z - centres[a, 2]
            square = dx * dx + dy * dy + dz * dz
            touch = margin + bounds[a, 3] + bounds[b, 3]
            far = touch + stretch * rate[first, last]
            if square >= far * far:
                continue
            speed = _speed(twists[first], twists[last], x, y, z, bounds[b, 3]) if moves else 0.0
            enough = margin + _motion(speed, rate[first, last], bend[first, last], stretch)
            far = enough - margin + touch
            if square >= far * far:
                continue
            place(at[first], poses[a], other[0])
            apart = distance_to(
                b, at, last, kinds, sizes, poses, spheres, first_ball, kinds[a], sizes, a, other, 0, enough, fine, walk
            )
            if apart < enough:
                who[0], who[1] = b, around.shape[0] + a
                if apart <= margin:
                    return apart - margin
                stretch = _stretch(apart - margin, speed, rate[first, last], bend[first, last])
    return stretch


@njit(cache=True)
def _motion(speed: float, rate: float, bend: float, stretch: float) -> float:
    """How far a point may get within a stretch: by its speed now and what it may gain, or by the joints' sum."""
    return min(rate * stretch, speed * stretch + 0.5 * bend * stretch * stretch)


@njit(cache=True)
def _stretch(gap: float, speed: float, rate: float, bend: float) -> float:
    """The stretch within which a point moves by less than ``gap``: the inverse of :func:`_motion`."""
    return max(gap / rate, 2.0 * gap / (speed + math.sqrt(speed * speed + 2.0 * bend * gap)))


@njit(cache=True)
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


@njit(cache=True)
def rooms(n: int, shapes: int) -> Tables:
    """Room to work in for n joints and so many shapes: ``most``, ``room``, ``who`` of :func:`covered`, joints (2, n),
    and the stretches of an edge that wait to be proven (64, 2)."""
    room = np.empty((2 * n + 9 + (shapes + n + 1) // 4, 3, 4))
    return np.zeros((2, n + 1, n + 1)), room, np.empty(2, np.int64), np.empty((2, n)), np.empty((STACK, 2))


@njit(cache=True)
def configs_free(q: Array, body: Tables, scene: Tables, margin: float, free: Flags) -> None:
    """Whether the robot is farther than ``margin`` from everything it may meet, at joints (m, n)."""
    most, room, who, _, _ = rooms(q.shape[1], body[0].shape[0])
    still = np.zeros(q.shape[1])
    for k in range(q.shape[0]):
        free[k] = covered(q[k], still, body, scene, margin, 1.0, most, room, who) > 0.0


@njit(cache=True)
def clearance(q: Array, body: Tables, scene: Tables, most: float) -> tuple[float, int, int]:
    """Distance (m) to what is nearest to the robot at joints ``q`` (n,), and who: see :func:`covered`; ``most`` where
    nothing is nearer."""
    still_rate, room, who, _, _ = rooms(q.shape[0], body[0].shape[0])
    still = np.zeros(q.shape[0])
    shape, other = -1, -1
    while True:
        less = covered(q, still, body, scene, most, 1.0, still_rate, room, who)
        if less > 0.0:
            return most, shape, other
        shape, other = who[0], who[1]
        most += less - 1e-9  # is anything nearer still?
        if most <= 0.0:
            return most, shape, other


@njit(cache=True)
def edge_free(a: Array, b: Array, body: Tables, scene: Tables, margin: float, work: Tables) -> bool:
    """Whether the straight joint motion from ``a`` to ``b`` (n,) keeps over ``margin`` from everything, all the way.
    ``work`` is what :func:`rooms` gives."""
    most, room, who, q, stack = work
    bounds_of_motion(a, b, body[10], most)
    least = TIGHT / max(most[0, 0].max(), TIGHT)
    here, dq = q[0], q[1]
    dq[:] = b - a
    stack[0, 0], stack[0, 1] = 0.0, 1.0
    waiting = 1
    while waiting > 0:
        waiting -= 1
        low, high = stack[waiting, 0], stack[waiting, 1]
        middle, half = 0.5 * (low + high), 0.5 * (high - low)
        for i in range(a.shape[0]):
            here[i] = a[i] + middle * dq[i]
        done = covered(here, dq, body, scene, margin, half, most, room, who)
        if done < min(least, half):
            return False
        if done < half:
            stack[waiting, 0], stack[waiting, 1] = low, middle - done
            stack[waiting + 1, 0], stack[waiting + 1, 1] = middle + done, high
            waiting += 2
    return True


@njit(cache=True)
def edges_free(a: Array, b: Array, body: Tables, scene: Tables, margin: float, free: Flags) -> None:
    """:func:`edge_free` for ``a`` and ``b`` (m, n) each."""
    work = rooms(a.shape[1], body[0].shape[0])
    for k in range(a.shape[0]):
        free[k] = edge_free(a[k], b[k], body, scene, margin, work)


@njit(cache=True)
def path_clearance(q: Array, body: Tables, scene: Tables, margin: float) -> tuple[int, float, int, int]:
    """The first of joints (m, n) within ``margin`` of anything (m if none is), the distance there, and who: see
    :func:`covered`. What lies between two joints is proven with them, as on a straight edge."""
    m, n = q.shape
    most, room, who, _, _ = rooms(n, body[0].shape[0])
    step, total, still = np.empty((2, n + 1, n + 1)), np.empty((n + 1, n + 1)), np.zeros(n)
    k = 0
    while k < m:
        # How far on everything is free, if what comes next moves the links as the next few joints do.
        ahead = min(k + AHEAD, m - 1)
        total[:] = 0.0
        for i in range(k, ahead):
            bounds_of_motion(q[i], q[i + 1], body[10], step)
            total += step[0]
        most[0] = total
        most[1] = ANY  # the way isn't straight: what counts is the joints' sum
        done = covered(q[k], still, body, scene, margin, 1.0, most, room, who)
        if done < 0.0:
            return k, margin + done, who[0], who[1]
        total[:] = 0.0
        reached = k
        while reached < ahead:
            bounds_of_motion(q[reached], q[reached + 1], body[10], step)
            total += step[0]
            if np.any(total > done * most[0] + 1e-12):
                break
            reached += 1
        k = max(reached, k + 1) if k < m - 1 else m
    return m, np.inf, -1, -1
