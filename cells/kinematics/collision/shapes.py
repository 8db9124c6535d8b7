"""Solid shapes: what links, stations and held parts are to the collision check, and spheres that cover them.

Sizes in m. A sphere is (radius, 0, 0); a capsule (radius, half its straight length, 0) and a cylinder (radius, half
length, 0), both along their z; a box its half edges.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np

from cells.errors import InputError, Problem
from cells.pose import Array

SPHERE, CAPSULE, BOX, CYLINDER = range(4)
EXCESS = 0.1  # how far, in shares of its radius, the spheres that cover a rod may stand out of its side

# A solid as a row of numbers: where in it are the kind, the size (3), the pose (3 rows of 4) with the middle's x, y and
# z, and the radius of the smallest sphere about that middle.
KIND, SIZE, POSE, RADIUS, COLUMNS = 0, 1, 4, 16, 17
X, Y, Z = POSE + 3, POSE + 7, POSE + 11


@dataclass(frozen=True, eq=False)
class Shape:
    """A convex solid at a pose (4, 4), called by the name of what it belongs to."""

    name: str
    kind: int
    size: tuple[float, float, float]
    pose: Array

    def moved(self, pose: Array) -> Shape:
        """The same shape in the frame that ``pose`` (4, 4) is given in."""
        return replace(self, pose=pose @ self.pose)


def box(name: str, edges: tuple[float, float, float], pose: Array) -> Shape:
    """A box by its edges along its own x, y and z, its middle at ``pose``."""
    x, y, z = (edge / 2 for edge in edges)
    return Shape(name, BOX, (x, y, z), pose)


def cylinder(name: str, radius: float, length: float, pose: Array) -> Shape:
    """A cylinder along the z of ``pose``, its middle there."""
    return Shape(name, CYLINDER, (radius, length / 2, 0.0), pose)


def bounding_radius(shape: Shape) -> float:
    """Of the smallest sphere about the shape's middle that holds all of it."""
    a, b, c = shape.size
    return {SPHERE: a, CAPSULE: a + b, BOX: math.hypot(a, b, c), CYLINDER: math.hypot(a, b)}[shape.kind]


def rows(shapes: Sequence[Shape]) -> Array:
    """Shapes as a table (s, 17), see ``COLUMNS``."""
    out = np.empty((len(shapes), COLUMNS))
    for row, shape in zip(out, shapes, strict=True):
        row[:] = shape.kind, *shape.size, *shape.pose[:3].ravel(), bounding_radius(shape)
    return out


def covering_spheres(shape: Shape) -> Array:
    """Spheres (k, 4) as [centre, radius], in the frame of the shape's pose, whose union holds all of the shape.

    A rod is cut into slices and a box into bricks that are about as long as they are wide; each piece has the sphere
    through its corners.
    """
    a, b, _c = shape.size
    if shape.kind == SPHERE:
        centres, radius = np.zeros((1, 3)), a
    elif shape.kind == BOX:
        least = min(shape.size)
        counts = [max(1, round(half / least)) for half in shape.size]
        cut = [half / count for half, count in zip(shape.size, counts, strict=True)]
        places = [[(2 * i + 1 - n) * h for i in range(n)] for n, h in zip(counts, cut, strict=True)]
        centres, radius = np.array(list(product(*places))), math.hypot(*cut)
    else:
        whole = b if shape.kind == CYLINDER else a + b
        count = max(1, math.ceil(whole / (a * math.sqrt((1 + EXCESS) ** 2 - 1))))
        half = whole / count
        centres = np.array([(0.0, 0.0, (2 * i + 1 - count) * half) for i in range(count)])
        radius = math.hypot(a, half)
    out = np.empty((len(centres), 4))
    out[:, :3] = centres @ shape.pose[:3, :3].T + shape.pose[:3, 3]
    out[:, 3] = radius
    return out


def of_urdf(path: Path) -> dict[str, list[Shape]]:
    """The collision shapes of each link, in the link's frame; links without any are left out.

    Raises :class:`InputError` for a mesh: the URDFs of the library say what they are by boxes, cylinders and spheres.
    """
    out: dict[str, list[Shape]] = {}
    for link in ET.fromstring(path.read_bytes()).iter("link"):
        name = link.get("name", "")
        for collision in link.findall("collision"):
            out.setdefault(name, []).append(_read(collision, name, path))
    return out


def _read(collision: ET.Element, link: str, path: Path) -> Shape:
    from cells.kinematics.chain import origin_of

    pose = origin_of(collision)
    for form in collision.iterfind("geometry/*"):
        if form.tag == "box":
            x, y, z = (float(v) for v in form.get("size", "").split())
            return box(link, (x, y, z), pose)
        if form.tag == "cylinder":
            return cylinder(link, float(form.get("radius", "")), float(form.get("length", "")), pose)
        if form.tag == "sphere":
            return Shape(link, SPHERE, (float(form.get("radius", "")), 0.0, 0.0), pose)
    what = "its collision geometry isn't a box, cylinder or sphere"
    raise InputError(Problem(f"{path.name}:{link}", what, "cover the mesh by such shapes"))
