"""The parts of a gearbox, from its dimensions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.resources import files
from itertools import pairwise

from cells.pose import Pose, tool_down
from cells.products.data import family_data
from cells.products.gearbox.dimensions import (
    BASE_GRIP,
    BLOCK,
    BORE,
    CORE,
    COUNTERBORE,
    COUNTERBORE_DEPTH,
    COVER,
    COVER_GRIP,
    FLANK,
    FLOOR,
    FOOT,
    FOOT_EDGE,
    HEAD,
    HEAD_GRIP,
    HEAD_HEIGHT,
    HUB_GRIP,
    PIN,
    PIN_SEAT,
    PROBE,
    SCREW,
    SCREW_TIP,
    STRIP,
    STUD,
    TEETH_GAUGE,
    THROUGH,
    Dimensions,
)
from cells.products.involute import Wheel, tooth
from cells.products.making import ROUNDING, part
from cells.products.model import Box, Cylinder, Grip, Hole, Part, Shape, Stud
from cells.products.shapes import Point, Polygon, area, equal_area_polygon, frustum, prism, wedges

HOLE_SIDES = 16
ROD_SIDES = 32
BETWEEN = 0.005  # m from the cover's middle: between the holes for a stud and for a screw
THIRDS = (0.0, 2 * math.pi / 3, 4 * math.pi / 3)

DATA = family_data(
    files("cells.library").joinpath("products/gearbox.yaml").read_text(encoding="utf-8"),
    "cells/library/products/gearbox.yaml",
)


def housing(d: Dimensions) -> Part:
    """The base: bored seats for the shafts, a block at each end with the pins' seats and a stud for the cover."""
    length, width, deck = d.size
    half_x, half_y = length / 2, width / 2
    fit: list[Shape] = [_box((-half_x, -half_y, 0.0), (half_x, half_y, FLOOR))]
    for side in (-1, 1):
        edge, inner = side * half_y, side * (half_y - FLANK)
        fit.append(_box((-half_x, min(edge, inner), FLOOR), (half_x, max(edge, inner), d.base)))
    middle = sum(d.seats) / 2
    for x, (left, right) in zip(d.seats, ((-half_x, middle), (middle, half_x)), strict=True):
        outline = equal_area_polygon(HOLE_SIDES, d.bore / 2, (x, 0.0))
        around = wedges(outline, (x, 0.0), (left, -half_y + FLANK), (right, half_y - FLANK))
        fit += [prism(piece, FLOOR, d.base) for piece in around]
    for x in d.blocks:
        fit += _block(d, x)
    holes = {f"bore_{i}": _hole((x, 0.0), d.base, d.shaft, d.clearance, BORE) for i, x in enumerate(d.seats, 1)}
    holes |= {f"pin_{i}": _hole(at, deck, PIN, d.clearance, PIN_SEAT) for i, at in enumerate(d.pin_places, 1)}
    threads = {f"screw_{i}": _thread(at, deck) for i, at in enumerate(d.screw_places, 1)}
    solid = length * width * d.base + 2 * BLOCK * width * (deck - d.base) + 2 * _rod_volume(PIN, STUD, d.chamfer)
    hollow = sum(math.pi / 4 * hole.width**2 * hole.depth for hole in holes.values())
    tapped = COUNTERBORE**2 * COUNTERBORE_DEPTH + CORE**2 * SCREW.length
    hollow += len(threads) * math.pi / 4 * tapped
    blocks = (_box((x - BLOCK / 2, -half_y, d.base), (x + BLOCK / 2, half_y, deck)) for x in d.blocks)
    return part(
        DATA,
        "housing",
        volume=solid - hollow,
        size=(length, width, deck + STUD),
        fit=tuple(fit),
        grasp=(_box((-half_x, -half_y, 0.0), (half_x, half_y, d.base)), *blocks),
        grip=Grip(tool_down((0.0, 0.0, d.base - BASE_GRIP)), width, math.pi),
        holes=holes | threads,
        studs={f"stud_{i}": Stud(Pose.at(x, 0.0, deck + STUD), PIN, STUD) for i, x in enumerate(d.blocks, 1)},
        base=True,
    )


def _block(d: Dimensions, x: float) -> Iterator[Shape]:
    """An end block: solid below, above it strips with or without a pin's seat, counterbores for screws between them,
    and a stud for the cover."""
    half_y, deck, low = d.size[1] / 2, d.size[2], d.size[2] - PIN_SEAT
    left, right = x - BLOCK / 2, x + BLOCK / 2
    yield _box((left, -half_y, d.base), (right, half_y, low))
    inner, bottom = half_y - STRIP, deck - COUNTERBORE_DEPTH
    yield _box((left, -inner, low), (right, inner, bottom if d.screws else deck))
    for at, begin, end in _either_side(d.screw_places, x, 0.0, inner):
        outline = equal_area_polygon(HOLE_SIDES, COUNTERBORE / 2, at)
        for piece in wedges(outline, at, (left, begin), (right, end)):
            yield prism(piece, bottom, deck)
    for begin in (-half_y, half_y - STRIP):
        centre = (x, begin + STRIP / 2)
        if any(math.dist(centre, at) < ROUNDING for at in d.pin_places):
            outline = equal_area_polygon(HOLE_SIDES, (PIN + d.clearance) / 2, centre)
            for piece in wedges(outline, centre, (left, begin), (right, begin + STRIP)):
                yield prism(piece, low, deck)
        else:
            yield _box((left, begin, low), (right, begin + STRIP, deck))
    yield _rod_hull(PIN, deck, deck + STUD, 0.0, d.chamfer, (x, 0.0))


def rod(name: str, width: float, length: float, chamfer: float, grip: float) -> Part:
    """A shaft or a pin: round, chamfered at both ends."""
    return part(
        DATA,
        name,
        volume=_rod_volume(width, length, chamfer) - _chamfer_loss(width, chamfer),
        size=(width, width, length),
        fit=(_rod_hull(width, 0.0, length, chamfer, chamfer),),
        grasp=(Cylinder(width / 2, length, Pose.at(0.0, 0.0, length / 2)),),
        grip=Grip(tool_down((0.0, 0.0, length - grip)), width, 0.0),
        studs={"top": Stud(Pose.at(0.0, 0.0, length), width, length)},
    )


def gear(name: str, d: Dimensions, wheel: Wheel) -> Part:
    """A wheel on three feet: a ring around the bore up to the top of the hub, a disc around that, and the teeth."""
    hub, height, top = d.hub(wheel), d.stack, FOOT + d.face
    inner = equal_area_polygon(HOLE_SIDES, d.bore / 2)
    rim = equal_area_polygon(HOLE_SIDES, hub)
    root = equal_area_polygon(2 * HOLE_SIDES, wheel.root_radius)
    around = [*pairwise(range(HOLE_SIDES)), (HOLE_SIDES - 1, 0)]
    ring = [prism((inner[i], rim[i], rim[j], inner[j]), FOOT, height) for i, j in around]
    disc = [prism((rim[i], root[2 * i], root[2 * i + 1], root[2 * j], rim[j]), FOOT, top) for i, j in around]
    outlines = [tooth(wheel, k) for k in range(wheel.teeth)]
    feet = [_foot(((hub - FOOT_EDGE) * math.cos(at), (hub - FOOT_EDGE) * math.sin(at)), at) for at in THIRDS]
    section = math.pi * wheel.root_radius**2 + wheel.teeth * area(outlines[0]) - math.pi * hub**2
    ring_section = math.pi * (hub**2 - (d.bore / 2) ** 2)
    across = 2 * wheel.tip_radius
    return part(
        DATA,
        name,
        volume=ring_section * (height - FOOT) + section * d.face,
        size=(across, across, height),
        fit=(*feet, *ring, *disc, *(prism(outline, FOOT, top) for outline in outlines)),
        grasp=(
            Cylinder(wheel.tip_radius, d.face, Pose.at(0.0, 0.0, FOOT + d.face / 2)),
            Cylinder(hub, height, Pose.at(0.0, 0.0, height / 2)),
        ),
        grip=Grip(tool_down((0.0, 0.0, height - HUB_GRIP)), 2 * hub, 0.0),
        gauge=Grip(tool_down((0.0, 0.0, top + TEETH_GAUGE)), wheel.across_tips, 0.0),
        holes={"bore": Hole(tool_down((0.0, 0.0, FOOT)), "round", d.bore, d.shaft, height - FOOT)},
    )


def cover(d: Dimensions, color: str) -> Part:
    """A plank on four feet, with a hole for each stud and each screw, between the pins."""
    length, width = d.size[0], d.size[1] - 2 * STRIP
    half_x, half_y = length / 2, width / 2
    fit: list[Shape] = []
    for x, left in zip(d.blocks, (-half_x, half_x - BLOCK), strict=True):
        outline = equal_area_polygon(HOLE_SIDES, (PIN + d.clearance) / 2, (x, 0.0))
        middle = BETWEEN if d.screws else half_y
        around = wedges(outline, (x, 0.0), (left, -middle), (left + BLOCK, middle))
        for at, begin, end in _either_side(d.screw_places, x, BETWEEN, half_y):
            around += wedges(equal_area_polygon(HOLE_SIDES, THROUGH / 2, at), at, (left, begin), (left + BLOCK, end))
        fit += [prism(piece, FOOT, COVER) for piece in around]
        fit += [_foot((x, side * (half_y - FOOT_EDGE)), 0.0) for side in (-1, 1)]
    fit.append(_box((-half_x + BLOCK, -half_y, FOOT), (half_x - BLOCK, half_y, COVER)))
    openings = math.pi / 4 * (2 * (PIN + d.clearance) ** 2 + d.screws * THROUGH**2)
    return part(
        DATA,
        "cover",
        volume=(length * width - openings) * (COVER - FOOT),
        size=(length, width, COVER),
        fit=tuple(fit),
        grasp=(_box((-half_x, -half_y, 0.0), (half_x, half_y, COVER)),),
        grip=Grip(tool_down((0.0, 0.0, COVER - COVER_GRIP)), width, math.pi),
        holes={
            f"hole_{i}": Hole(tool_down((x, 0.0, FOOT)), "round", PIN + d.clearance, PIN, COVER - FOOT)
            for i, x in enumerate(d.blocks, 1)
        },
        probes=tuple((side * (half_x - BLOCK - PROBE), 0.0) for side in (-1, 1)),
        color=color,
    )


def screw() -> Part:
    """A cap screw. Its thread is drawn as the cylinder around it; its socket isn't drawn."""
    width, under = SCREW.diameter, SCREW.length
    top = under + HEAD_HEIGHT
    return part(
        DATA,
        "screw",
        volume=_rod_volume(width, under, SCREW_TIP) + math.pi / 4 * HEAD**2 * HEAD_HEIGHT,
        size=(HEAD, HEAD, top),
        fit=(_rod_hull(width, 0.0, under, SCREW_TIP, 0.0), _rod_hull(HEAD, under, top, 0.0, 0.0)),
        grasp=(Cylinder(HEAD / 2, top, Pose.at(0.0, 0.0, top / 2)),),
        grip=Grip(tool_down((0.0, 0.0, top - HEAD_GRIP), math.pi / 2), HEAD, 0.0),
        thread=SCREW,
    )


def _box(low: tuple[float, float, float], high: tuple[float, float, float]) -> Box:
    x, y, z = ((a + b) / 2 for a, b in zip(low, high, strict=True))
    return Box((high[0] - low[0], high[1] - low[1], high[2] - low[2]), Pose.at(x, y, z))


def _foot(at: Point, yaw: float) -> Box:
    return Box((FOOT_EDGE, FOOT_EDGE, FOOT), Pose.at(*at, FOOT / 2, yaw))


def _hole(at: Point, rim: float, shaft: float, clearance: float, depth: float) -> Hole:
    return Hole(Pose.at(*at, rim), "round", shaft + clearance, shaft, depth)


def _thread(at: Point, deck: float) -> Hole:
    """Where a screw goes in: from the cover's top to where its thread begins."""
    depth = COVER + COUNTERBORE_DEPTH
    return replace(_hole(at, deck + COVER, SCREW.diameter, THROUGH - SCREW.diameter, depth), thread=SCREW)


def _either_side(places: Sequence[Point], x: float, near: float, far: float) -> Iterator[tuple[Point, float, float]]:
    """Those of the places that are at ``x``, each with where in y its own piece of the part begins and ends."""
    for at in places:
        if abs(at[0] - x) < ROUNDING:
            yield (at, near, far) if at[1] > 0 else (at, -far, -near)


def _rod_hull(width: float, bottom: float, top: float, below: float, above: float, centre: Point = (0.0, 0.0)) -> Shape:
    """A round rod, chamfered by so much below and above."""

    def ring(diameter: float) -> Polygon:
        return equal_area_polygon(ROD_SIDES, diameter / 2, centre)

    rings = [(ring(width - 2 * below), bottom), (ring(width), bottom + below)] if below else [(ring(width), bottom)]
    rings += [(ring(width), top - above), (ring(width - 2 * above), top)] if above else [(ring(width), top)]
    return frustum(rings)


def _rod_volume(width: float, length: float, chamfer: float) -> float:
    """Of a rod that is chamfered at one end."""
    return math.pi / 4 * width**2 * length - _chamfer_loss(width, chamfer)


def _chamfer_loss(width: float, chamfer: float) -> float:
    """What a chamfer takes away from the end of a rod."""
    end = width - 2 * chamfer
    return math.pi / 4 * chamfer * (width**2 - (width**2 + width * end + end**2) / 3)
