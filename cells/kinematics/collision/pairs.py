"""Which of a robot's solids may meet each other.

Not those of links that hang on each other. Not those that are within 1 cm of each other nearly everywhere: there the
shapes, not the robot, touch. And not those that provably never meet: the range of the joints between them is divided
until every piece is proven free.

The proofs take seconds. A robot of the library keeps what was found beside its URDF, in ``meetings.json``, written by

    python -m cells.kinematics.collision.pairs panda

and used as long as the URDF is the one that it was found for; else the proofs are tried for a fraction of a second, and
more pairs than need be are looked at.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from cells.kinematics.collision.checks import STACK, by_spheres, place, place_links
from cells.kinematics.collision.gjk import separation
from cells.kinematics.collision.model import Body, Tables
from cells.kinematics.collision.shapes import Shape
from cells.pose import Array

if TYPE_CHECKING:
    from cells.kinematics.chain import Chain

FILE = "meetings.json"
CLOSE = 0.01  # m
SAMPLES = 200  # random joints at which each pair is looked at
QUICK, THOROUGH = 1000, 500_000  # pieces of the joints' ranges that a proof may look at

Pairs = tuple[tuple[int, int], ...]


def pairs_that_may_meet(
    chain: Chain, shapes: Sequence[Shape], links: Sequence[int], hang: Sequence[int], path: Path
) -> Pairs:
    """Pairs (lower link, higher link) of solids, by their places in ``shapes``; ``path`` is the URDF's.

    ``links`` tells which link moves each solid, ``hang`` on which it hangs.
    """
    try:
        kept = json.loads((path.parent / FILE).read_bytes())
    except (OSError, ValueError):
        kept = {}
    if kept.get("urdf_sha256") == _digest(path) and kept.get("links") == list(links):
        return tuple((int(a), int(b)) for a, b in kept["pairs"])
    return _found(Body(chain, tuple(shapes), tuple(links), _apart(links, hang)), QUICK)


def _apart(links: Sequence[int], hang: Sequence[int]) -> Pairs:
    """All pairs of solids that move against each other and whose links don't hang on each other."""
    count = range(len(links))
    return tuple((a, b) for a in count for b in count if hang[a] + 1 < hang[b] and links[a] < links[b])


def _found(body: Body, looks: int) -> Pairs:
    """Those of the body's pairs that may meet; each proof may look at ``looks`` pieces."""
    chain = body.chain
    low, high = np.maximum(chain.q_min, -np.pi), np.minimum(chain.q_max, np.pi)
    q = np.random.default_rng(0).uniform(low, high, (SAMPLES, chain.n))
    close = meetings(q, body.tables, CLOSE) / SAMPLES
    return tuple(
        pair
        for p, pair in enumerate(map(tuple, body.tables[5].tolist()))  # as they are sorted there
        if close[p] < 0.5 and meet_somewhere(p, body.tables, chain.q_min, chain.q_max, looks)
    )


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@njit(cache=True)
def _apart_at(at: Array, body: Tables, p: int, enough: float, world: Array, walk: Array) -> float:
    """Distance of the solids of pair ``p`` with the links at ``at``, exact unless it is over ``enough``. ``world`` is
    room for solids that are placed, ``walk`` for :func:`.gjk.separation`."""
    _, _, solids, spheres, where, pairs, _, _ = body
    a, b = pairs[p, 0], pairs[p, 1]
    place(at, where[a, 0], solids, a, world, a)
    apart, inside = by_spheres(at, spheres, where, b, world, a)
    if inside or apart > enough:
        return apart
    place(at, where[b, 0], solids, b, world, b)
    return separation(world, b, world, a, enough, walk)


@njit(cache=True)
def meet_somewhere(p: int, body: Tables, low: Array, high: Array, looks: int) -> bool:
    """Whether the two solids of pair ``p`` may meet anywhere within the limits (n,): False is a proof that they don't.

    Divides the range of the joints between them until every piece is proven free, or gives up after ``looks``.
    """
    frames, slides, solids, _, where, pairs, _, reach = body
    n = low.shape[0]
    a, b = pairs[p, 0], pairs[p, 1]
    first, last = where[a, 0], where[b, 0]
    at, world, walk = np.empty((n + 1, 3, 4)), solids.copy(), np.empty((7, 4))
    stack, q = np.empty((4 * STACK, 2, n)), np.empty(n)
    for i in range(n):
        stack[0, 0, i] = max(low[i], -math.pi) if first <= i < last else 0.0
        stack[0, 1, i] = min(high[i], math.pi) if first <= i < last else 0.0
    waiting = 1
    for _ in range(looks):
        if waiting == 0:
            return False
        waiting -= 1
        widest, most, may_move = first, -1.0, 0.0
        for i in range(n):
            q[i] = 0.5 * (stack[waiting, 0, i] + stack[waiting, 1, i])
            if first <= i < last:
                move = 0.5 * (stack[waiting, 1, i] - stack[waiting, 0, i]) * reach[i, last]
                may_move += move
                if move > most:
                    widest, most = i, move
        place_links(q, frames, slides, at)
        apart = _apart_at(at, body, p, may_move, world, walk)
        if apart <= 0.0 or waiting + 2 >= stack.shape[0]:
            return True
        if apart < may_move:
            stack[waiting + 1] = stack[waiting]
            stack[waiting, 1, widest] = q[widest]
            stack[waiting + 1, 0, widest] = q[widest]
            waiting += 2
    return waiting > 0


@njit(cache=True)
def meetings(q: Array, body: Tables, within: float) -> Array:
    """At how many of the joints (m, n) the solids of each pair are no farther apart than ``within``: (p,)."""
    n, count = q.shape[1], body[5].shape[0]
    at, world, walk = np.empty((n + 1, 3, 4)), body[2].copy(), np.empty((7, 4))
    out = np.zeros(count)
    for k in range(q.shape[0]):
        place_links(q[k], body[0], body[1], at)
        for p in range(count):
            out[p] += _apart_at(at, body, p, within, world, walk) <= within
    return out


def main() -> None:
    """Write the file of a robot of the library."""
    from cells.description.robot import load_robot
    from cells.kinematics.chain import Chain
    from cells.kinematics.collision.model import body_of

    spec = load_robot(sys.argv[1])
    limits = {"acceleration": spec.acceleration, "jerk": spec.jerk}
    chain = Chain.from_urdf(spec.urdf_path, spec.base_link, spec.tcp_link, limits)
    (spec.folder / FILE).unlink(missing_ok=True)
    body = body_of(chain, spec.urdf_path, spec.base_link)  # more pairs than need be
    pairs = _found(body, THOROUGH)
    digest = _digest(spec.urdf_path)
    text = json.dumps({"urdf_sha256": digest, "links": list(body.links), "pairs": pairs})
    (spec.folder / FILE).write_text(text + "\n")


if __name__ == "__main__":
    main()
