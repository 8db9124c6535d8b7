"""Bodies of the simulated cell: parts from their exact fit colliders, trays, the fixture's nest, bins.

The one place that decides collision margins: Bullet adds a margin outside hulls, 1 mm by default, which would fill a
0.5 mm fit and round every rim. :func:`_sharpened` sets it to ``MARGIN`` on everything that takes part in a fit. It
can't be set on a robot's links; the finger pads are boxes, whose margin Bullet lays inside: their faces are where they
should be, only their edges are rounded.

What stands fixed is a plain rigid body to Bullet (``useMaximalCoordinates``), so that nothing is computed where a
sleeping part lies on it. Parts are multibodies of one link: between a rigid body and the fingers' links, which are
multibodies, Bullet loses the friction that resists turning on the spot (a 40 N grip held 0.03 Nm, instead of over 0.3).
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cells.pose import Pose, Vector3
from cells.products.model import Box, Convex, Part, Shape, Thread
from cells.products.shapes import equal_area_polygon, prism

MARGIN = 1e-5  # m, on both bodies of every fit
SPINNING_FRICTION = 0.002  # m; resists turning on the spot under a pad
# kg that any part has at least: in Bullet fingers, holes and floors sink by 0.3 mm into what is lighter, now and then.
# Seven Ø 6 mm shafts of 9 g were pressed 0.12 to 0.28 mm deep on their way into a bore, with 50 g 0.01 to 0.07 mm; two
# leaning Ø 8 mm pins 0.32 and 0.34 mm with 50 g, with 100 g 0.04 and 0.12 mm.
LEAST_MASS = 0.1
WEIGHT = f"parts weigh at least {1000 * LEAST_MASS:.0f} g in the physics"
# m by which a screw's sleeve is wider than its thread, inside and outside: it gives way as fingers close on the head.
COLLAR, COLLAR_SIDES = (0.0012, 0.0026), 8
Colour = tuple[float, float, float, float]
STEEL: Colour = (0.62, 0.65, 0.69, 1.0)
TRAY: Colour = (0.23, 0.27, 0.33, 1.0)


def _sharpened(bullet: Any, shape: int) -> int:
    """The shape, with the collision margin of all its hulls set to ``MARGIN``.

    Bullet changes margins only through a multibody, and a shape is shared by all bodies that are made of it: so a
    multibody carries it for a moment, where nothing is.
    """
    body = bullet.createMultiBody(0, shape, -1, (0.0, 0.0, -10.0))
    bullet.changeDynamics(body, -1, collisionMargin=MARGIN)
    bullet.removeBody(body)
    return shape


def _body(bullet: Any, mass: float, shape: int, visual: int, pose: Pose) -> int:
    """A body of a sharpened shape, fixed where ``mass`` is zero; what is fixed sleeps, so that it wakes nothing."""
    sharp, fixed = _sharpened(bullet, shape), mass == 0.0
    body = int(bullet.createMultiBody(mass, sharp, visual, pose.xyz, pose.quat, useMaximalCoordinates=fixed))
    if fixed:
        asleep = bullet.ACTIVATION_STATE_SLEEP | bullet.ACTIVATION_STATE_ENABLE_SLEEPING
        bullet.changeDynamics(body, -1, activationState=asleep)
    return body


def vertices_of(shape: Shape) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Corner points (k, 3) of a shape in the part's frame; a cylinder as a 48-gon."""
    if isinstance(shape, Convex):
        return np.array(shape.vertices)
    if isinstance(shape, Box):
        local = np.array(list(itertools.product(*((-s / 2, s / 2) for s in shape.size))))
    else:
        angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        ring = np.stack([np.cos(angle), np.sin(angle)], axis=1) * shape.radius
        ends = [np.column_stack([ring, np.full(48, z)]) for z in (-shape.length / 2, shape.length / 2)]
        local = np.vstack(ends)
    matrix = shape.pose.matrix()
    return np.asarray(local @ matrix[:3, :3].T + matrix[:3, 3])


def write_obj(path: Path, shapes: Sequence[Shape], centre: Vector3) -> None:
    """Write convex shapes as separate objects of one OBJ file, moved so that ``centre`` is the origin.

    Bullet reads each object as one hull of a compound.
    """
    from scipy.spatial import ConvexHull

    lines: list[str] = []
    offset = 1
    for number, shape in enumerate(shapes):
        points = vertices_of(shape) - np.array(centre)
        hull = ConvexHull(points)
        lines.append(f"o piece_{number}")
        lines += [f"v {x:.9f} {y:.9f} {z:.9f}" for x, y, z in points]
        first, second, third = points[hull.simplices].transpose(1, 0, 2)
        outward = first - points[hull.vertices].mean(axis=0)
        inward = np.einsum("ij,ij->i", np.cross(second - first, third - first), outward) < 0
        for (a, b, c), turned in zip((hull.simplices + offset).tolist(), inward.tolist(), strict=True):
            lines.append(f"f {a} {c} {b}" if turned else f"f {a} {b} {c}")
        offset += len(points)
    path.write_text("\n".join(lines) + "\n")


def part_centre(part: Part) -> Vector3:
    """Centre of mass in the part's frame: the middle of its bounding box (uniform, symmetric parts)."""
    return (0.0, 0.0, part.size[2] / 2)


def spawn_part(bullet: Any, part: Part, pose: Pose, colour: Colour, folder: Path) -> int:
    """Create a part as a free body at ``pose`` (of the part's frame) and return its id.

    The collider is the part's exact fit geometry. The body's own frame is at the centre of mass.
    """
    centre = part_centre(part)
    if len(part.fit) == 1:
        points = (vertices_of(part.fit[0]) - np.array(centre)).tolist()
        shape = bullet.createCollisionShape(bullet.GEOM_MESH, vertices=points)
    else:
        shape = bullet.createCollisionShape(bullet.GEOM_MESH, fileName=_obj(folder, "fit", part.fit, centre))
    visual = bullet.createVisualShape(
        bullet.GEOM_MESH,
        fileName=_obj(folder, "visual", part.visual, centre),
        rgbaColor=colour,
        specularColor=(0.3, 0.3, 0.3),
    )
    body = _body(bullet, max(part.mass, LEAST_MASS), shape, visual, pose @ Pose(centre))
    bullet.changeDynamics(
        body,
        -1,
        lateralFriction=part.friction,
        spinningFriction=SPINNING_FRICTION,
        rollingFriction=0.0,
        restitution=0.0,
        linearDamping=0.0,
        angularDamping=0.0,
    )
    return body


def _obj(folder: Path, use: str, shapes: tuple[Shape, ...], centre: Vector3) -> str:
    """Path of the OBJ file of some shapes, written once."""
    name = hashlib.sha256(repr((shapes, centre)).encode()).hexdigest()[:16]
    path = folder / f"{use}-{name}.obj"
    if not path.exists():
        write_obj(path, shapes, centre)
    return str(path)


def static_box(bullet: Any, size: Vector3, pose: Pose, colour: Colour, friction: float = 0.5) -> int:
    """A fixed box of full edge lengths ``size`` centred at ``pose``."""
    half = [s / 2 for s in size]
    shape = bullet.createCollisionShape(bullet.GEOM_BOX, halfExtents=half)
    visual = bullet.createVisualShape(bullet.GEOM_BOX, halfExtents=half, rgbaColor=colour)
    body = _body(bullet, 0.0, shape, visual, pose)
    bullet.changeDynamics(body, -1, lateralFriction=friction, restitution=0.0)
    return body


def collar(bullet: Any, thread: Thread, at: Pose, folder: Path) -> int:
    """A sleeve in which a screw hangs by its head, its tip at ``at``; narrower than the head, so that fingers pass."""
    inner, outer = (equal_area_polygon(COLLAR_SIDES, (thread.diameter + wider) / 2) for wider in COLLAR)
    rings = zip(inner, (*inner[1:], inner[0]), (*outer[1:], outer[0]), outer, strict=True)
    pieces = tuple(prism(corners, -0.4 * thread.length, thread.length) for corners in rings)
    shape = bullet.createCollisionShape(bullet.GEOM_MESH, fileName=_obj(folder, "fit", pieces, (0.0, 0.0, 0.0)))
    visual = bullet.createVisualShape(
        bullet.GEOM_MESH, fileName=_obj(folder, "visual", pieces, (0.0, 0.0, 0.0)), rgbaColor=TRAY
    )
    return _body(bullet, 0.0, shape, visual, at)


def static_hull(bullet: Any, points: np.ndarray[Any, Any], pose: Pose, colour: Colour, friction: float) -> int:
    """A fixed convex hull of ``points`` (k, 3) given in the frame ``pose``."""
    shape = bullet.createCollisionShape(bullet.GEOM_MESH, vertices=points.tolist())
    visual = bullet.createVisualShape(bullet.GEOM_MESH, **_surface(points), rgbaColor=colour)
    body = _body(bullet, 0.0, shape, visual, pose)
    bullet.changeDynamics(body, -1, lateralFriction=friction, restitution=0.0)
    return body


def _surface(points: np.ndarray[Any, Any]) -> dict[str, list[Any]]:
    """Vertices and triangles of the hull of ``points``, as Bullet's visual shapes take them."""
    from scipy.spatial import ConvexHull

    hull = ConvexHull(points)
    middle = points.mean(axis=0)
    faces = []
    for a, b, c in hull.simplices.tolist():
        outward = np.cross(points[b] - points[a], points[c] - points[a]) @ (points[a] - middle) > 0
        faces += [a, b, c] if outward else [a, c, b]
    return {"vertices": points.tolist(), "indices": faces}


def nest(bullet: Any, part: Part, seat: Pose, play: float, lead_in: float, height: float = 0.008) -> list[int]:
    """The fixture's nest for a base part: a seat and eight posts at its corners with sloped lead-ins.

    ``seat`` is the middle of the seat's top; ``play`` (m) is left on each side; the sides where the fingers
    reach down stay open.
    """
    length, width, _ = part.size
    bodies = [static_box(bullet, (length + 0.03, width * 0.6, seat.xyz[2]), seat.shifted(dz=-seat.xyz[2] / 2), STEEL)]
    deep, thick, top = 0.012, 0.005, height + lead_in
    profile = [
        (0.0, -0.002),
        (0.0, height),
        (lead_in * 0.8, top),
        (lead_in * 0.8 + thick, top),
        (lead_in * 0.8 + thick, -0.002),
    ]
    for sx, sy in itertools.product((-1, 1), (-1, 1)):
        corner_x, corner_y = sx * (length / 2 + play), sy * (width / 2 + play)
        along_y = [(corner_x + sx * d, corner_y - sy * t, z) for d, z in profile for t in (0.002, 0.002 + deep)]
        start = max(0.014, length / 2 - 0.002 - deep)
        along_x = [(sx * t, corner_y + sy * d, z) for d, z in profile for t in (start, length / 2 - 0.002)]
        bodies += [static_hull(bullet, np.array(points), seat, STEEL, friction=0.2) for points in (along_y, along_x)]
    return bodies
