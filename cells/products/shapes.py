"""Convex building blocks: polygons, prisms and the ring of wedges around a hole. Lengths in metres.

A circle becomes a polygon of *equal area*: its corners lie a little outside the circle, its flats a little inside.
Plane points are (x, y) tuples, polygons run counter-clockwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from cells.products.model import Convex

Point = tuple[float, float]
Polygon = tuple[Point, ...]


def equal_area_polygon(sides: int, radius: float, centre: Point = (0.0, 0.0)) -> Polygon:
    """The regular polygon whose area is that of the circle of ``radius``; its first corner on +x."""
    turn = 2 * math.pi / sides
    corner = radius * math.sqrt(turn / math.sin(turn))
    return tuple(
        (centre[0] + corner * math.cos(k * turn), centre[1] + corner * math.sin(k * turn)) for k in range(sides)
    )


def square(side: float, centre: Point = (0.0, 0.0)) -> Polygon:
    """The square of ``side`` with edges along the axes."""
    h = side / 2
    return tuple((centre[0] + sx * h, centre[1] + sy * h) for sx, sy in ((1, -1), (1, 1), (-1, 1), (-1, -1)))


def area(polygon: Sequence[Point]) -> float:
    """Area by the shoelace formula; positive for counter-clockwise polygons."""
    return 0.5 * sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(polygon, (*polygon[1:], polygon[0]), strict=True))


def prism(polygon: Sequence[Point], bottom: float, top: float) -> Convex:
    """The upright prism over a convex polygon."""
    return Convex(tuple((x, y, z) for z in (bottom, top) for x, y in polygon))


def frustum(rings: Sequence[tuple[Sequence[Point], float]]) -> Convex:
    """The hull of polygons at heights."""
    return Convex(tuple((x, y, z) for polygon, z in rings for x, y in polygon))


def wedges(hole: Polygon, centre: Point, low: Point, high: Point) -> tuple[Polygon, ...]:
    """Convex pieces that fill the rectangle ``low``..``high`` around a convex hole exactly, one for each of its edges.

    Each lies between the rays from ``centre`` through two neighbouring corners of the hole.
    """
    corners = ((high[0], high[1]), (low[0], high[1]), (low[0], low[1]), (high[0], low[1]))
    return tuple(
        (a, _on_edge(a, centre, low, high), *_between(corners, a, b, centre), _on_edge(b, centre, low, high), b)
        for a, b in zip(hole, (*hole[1:], hole[0]), strict=True)
    )


def _on_edge(point: Point, centre: Point, low: Point, high: Point) -> Point:
    """Where the ray from the centre through a point leaves the rectangle."""
    reach = math.inf
    for axis in (0, 1):
        way = point[axis] - centre[axis]
        if abs(way) > 1e-15:
            edge = high[axis] if way > 0 else low[axis]
            reach = min(reach, (edge - centre[axis]) / way)
    return (
        centre[0] + reach * (point[0] - centre[0]),
        centre[1] + reach * (point[1] - centre[1]),
    )


def _between(corners: Sequence[Point], a: Point, b: Point, centre: Point) -> list[Point]:
    """The rectangle's corners strictly inside the angle from a to b (below a half turn), in that order."""
    start = _angle(a, centre)
    span = (_angle(b, centre) - start) % (2 * math.pi)
    turns = sorted(((_angle(corner, centre) - start) % (2 * math.pi), corner) for corner in corners)
    return [corner for turn, corner in turns if 1e-9 < turn < span - 1e-9]


def _angle(point: Point, centre: Point) -> float:
    return math.atan2(point[1] - centre[1], point[0] - centre[0])
