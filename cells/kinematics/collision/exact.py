"""The same question put to coal, the collision library of the Pinocchio project: a second opinion on what is sent.

Slower than :mod:`.checks` by far, and nothing of it is shared with them but the shapes and where the links are.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from cells.kinematics.collision.checks import Ints, place_links
from cells.kinematics.collision.model import Body, Scene
from cells.kinematics.collision.shapes import BOX, CAPSULE, SPHERE, Shape, bounding_radius
from cells.pose import Array


class Exact:
    """A robot in a scene, for coal."""

    def __init__(self, body: Body, scene: Scene) -> None:
        self._body, self._scene = body, scene
        self._frames, self._slides = body.tables[:2]

    @cached_property
    def _solids(self) -> list[Any]:
        return [_geometry(shape) for shape in self._body.shapes + self._scene.shapes]

    @cached_property
    def _poses(self) -> tuple[Array, Array]:
        """Of the robot's solids on their links, and of the scene's: (s, 4, 4) each."""
        ours, others = ([shape.pose for shape in shapes] for shapes in (self._body.shapes, self._scene.shapes))
        return np.array(ours).reshape(-1, 4, 4), np.array(others).reshape(-1, 4, 4)

    @cached_property
    def _pairs(self) -> tuple[Ints, Ints, Array]:
        """Which solid may meet which, the robot's first and the scene's counted on behind them, (p,) each; and how far
        apart their middles are at least where they don't touch."""
        body, count = self._body, len(self._body.shapes)
        moving = [i for i, link in enumerate(body.links) if link > 0]
        pairs = [(i, count + k) for i in moving for k in range(len(self._scene.shapes))] + list(body.pairs)
        a, b = np.array(pairs, np.int64).reshape(-1, 2).T
        radius = np.array([bounding_radius(shape) for shape in body.shapes + self._scene.shapes])
        return a, b, radius[a] + radius[b]

    def contact(self, q: Array) -> tuple[str, str] | None:
        """Names of two things that touch at joints ``q`` (n,); None if nothing does."""
        import coal

        body, count = self._body, len(self._body.shapes)
        place = np.empty((body.chain.n + 1, 3, 4))
        place_links(np.ascontiguousarray(q, dtype=float), self._frames, self._slides, place)
        links, (own, standing) = list(body.links), self._poses
        turns = place[links, :, :3]
        at = np.empty((count + len(standing), 3, 4))
        at[:count, :, :3] = turns @ own[:, :3, :3]
        at[:count, :, 3] = np.einsum("srk,sk->sr", turns, own[:, :3, 3]) + place[links, :, 3]
        at[count:] = standing[:, :3]
        a, b, least = self._pairs
        apart = at[a, :, 3] - at[b, :, 3]
        near = np.flatnonzero(np.einsum("pr,pr->p", apart, apart) < least**2)
        request, solids = coal.CollisionRequest(), self._solids
        for p in near:
            i, k = a[p], b[p]
            first, second = (coal.Transform3s(at[s, :, :3], at[s, :, 3]) for s in (i, k))
            if coal.collide(solids[i], first, solids[k], second, request, coal.CollisionResult()):
                other = self._scene.shapes[k - count].name if k >= count else body.name(k)
                return body.name(i), other
        return None


def _geometry(shape: Shape) -> Any:
    import coal

    a, b, c = shape.size
    if shape.kind == SPHERE:
        return coal.Sphere(a)
    if shape.kind == CAPSULE:
        return coal.Capsule(a, 2 * b)
    return coal.Box(2 * a, 2 * b, 2 * c) if shape.kind == BOX else coal.Cylinder(a, 2 * b)
