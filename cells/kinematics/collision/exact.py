"""The same question put to coal, the collision library of the Pinocchio project: a second opinion on what is sent.

Slower than :mod:`.checks` by far, and nothing of it is shared with them but the shapes and where the links are.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from cells.kinematics.collision.checks import place_links
from cells.kinematics.collision.model import Body, Scene
from cells.kinematics.collision.shapes import BOX, CAPSULE, SPHERE, Shape
from cells.pose import Array


class Exact:
    """A robot in a scene, for coal."""

    def __init__(self, body: Body, scene: Scene) -> None:
        self._body, self._scene = body, scene
        self._frames, self._slides = body.tables[8], body.tables[9]

    @cached_property
    def _solids(self) -> tuple[list[Any], list[Any]]:
        return [_geometry(s) for s in self._body.shapes], [_geometry(s) for s in self._scene.shapes]

    @cached_property
    def _around(self) -> list[Any]:
        return [_placed(shape.pose) for shape in self._scene.shapes]

    def contact(self, q: Array) -> tuple[str, str] | None:
        """Names of two things that touch at joints ``q`` (n,); None if nothing does."""
        import coal

        body, (ours, others) = self._body, self._solids
        place = np.empty((body.chain.n + 1, 3, 4))
        place_links(np.ascontiguousarray(q, dtype=float), self._frames, self._slides, place)
        at = []
        for shape, link in zip(body.shapes, body.links, strict=True):
            frame = np.vstack([place[link], (0.0, 0.0, 0.0, 1.0)])
            at.append(_placed(frame @ shape.pose))
        request, moving = coal.CollisionRequest(), [i for i, link in enumerate(body.links) if link > 0]
        for i in moving:
            for k, other in enumerate(others):
                if coal.collide(ours[i], at[i], other, self._around[k], request, coal.CollisionResult()):
                    return body.name(i), self._scene.shapes[k].name
        for a, b in body.pairs:
            if coal.collide(ours[a], at[a], ours[b], at[b], request, coal.CollisionResult()):
                return body.name(b), body.name(a)
        return None


def _geometry(shape: Shape) -> Any:
    import coal

    a, b, c = shape.size
    if shape.kind == SPHERE:
        return coal.Sphere(a)
    if shape.kind == CAPSULE:
        return coal.Capsule(a, 2 * b)
    return coal.Box(2 * a, 2 * b, 2 * c) if shape.kind == BOX else coal.Cylinder(a, 2 * b)


def _placed(pose: Array) -> Any:
    import coal

    return coal.Transform3s(pose[:3, :3], pose[:3, 3])
