"""The family `gearbox`: a housing with two bored seats, a shaft in each, a spur gear on each shaft, dowel pins, and a
cover on two studs of the housing. Geometry and rules.

Everything goes together from above. A wheel is gripped by its hub, which is narrower than its root circle, so that the
other wheel's teeth pass it on their way down. The housing is open at its sides: one sees what turns.
Names, ranges and materials are data: cells/library/products/gearbox.yaml.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise

from cells.pose import Pose, tool_down
from cells.products.data import family_data
from cells.products.family import BuildLimits, Built, Family, Parameters, Rule
from cells.products.involute import Wheel, centre_distance, tooth
from cells.products.making import ROUNDING, base_rules, part
from cells.products.model import (
    BomLine,
    Box,
    Cylinder,
    Grip,
    Hole,
    Part,
    ProcessPlan,
    ProcessStep,
    Shape,
    Stud,
)
from cells.products.shapes import Point, Polygon, area, equal_area_polygon, frustum, prism, wedges

HOLE_SIDES = 24
ROD_SIDES = 48
CONVENTION = (
    f"equal-area {HOLE_SIDES}-gon bores, equal-area {ROD_SIDES}-gon rods, involute flanks in straight pieces inside"
)

MODULE = 0.001
FLOOR = 0.005  # under the bores
BORE = 0.014  # depth of a shaft's seat
FLANK = 0.006  # plain bar along each side of the base, which fingers and nest meet
BLOCK, STRIP = 0.014, 0.012  # thickness of the blocks at both ends, and what a pin takes of their width
AIR = 0.002  # between a wheel's tips, or hubs and cover, and what is beside them
MIN_LENGTH, MIN_WIDTH = 0.090, 0.052  # so that a palm goes between the pins, and fingers beside hubs to the cover
BOSS = 0.001  # below a wheel: it stands on a narrow ring
HUB = 0.015  # above a wheel
HUB_WALL, THIN_WALL = 0.005, 0.003  # of a hub around its bore: as it is made, and the least
PASSING = 0.00075  # by which a hub is inside its wheel's root circle
RECESS = 0.001  # by which a shaft ends below the top of its hub, so that a finger feels the hub
PIN, PIN_LENGTH, PIN_SEAT = 0.008, 0.0325, 0.012  # fingers that grip it stay above the studs
STUD = 0.005  # height of the studs that the cover goes on
COVER = 0.005
# Grips, below a part's top. Pads reach 9 mm farther down and must not touch what is there; the palm is 37 mm up.
SHAFT_GRIP, PIN_GRIP, HUB_GRIP, COVER_GRIP, BASE_GRIP = 0.009, 0.005, 0.005, 0.0025, 0.001
INSERT_FORCE = 30.0  # N
HEIGHT_TOLERANCE = 0.0004

DATA = family_data(
    files("cells.library").joinpath("products/gearbox.yaml").read_text(encoding="utf-8"),
    "cells/library/products/gearbox.yaml",
)


@dataclass(frozen=True, slots=True)
class Dimensions:
    """Everything that follows from the parameters, in m."""

    small: Wheel
    large: Wheel
    face: float
    shaft: float
    clearance: float
    chamfer: float
    pins: int

    @property
    def wheels(self) -> tuple[Wheel, Wheel]:
        return self.small, self.large

    @property
    def bore(self) -> float:
        """Diameter of the shafts' seats and of the wheels' bores."""
        return self.shaft + self.clearance

    @property
    def stack(self) -> float:
        """From the base's top to that of a seated wheel's hub."""
        return BOSS + self.face + HUB

    @property
    def shaft_length(self) -> float:
        return BORE + self.stack - RECESS

    @property
    def size(self) -> tuple[float, float, float]:
        """Of the housing, its studs left out."""
        tips = [wheel.tip_radius for wheel in self.wheels]
        inner = sum(tips) + centre_distance(*self.wheels) + 2 * AIR
        return max(inner + 2 * BLOCK, MIN_LENGTH), max(2 * (max(tips) + AIR), MIN_WIDTH), self.deck

    @property
    def base(self) -> float:
        """Height of the base."""
        return FLOOR + BORE

    @property
    def deck(self) -> float:
        """Height of the end blocks, on which the cover lies."""
        return self.base + self.stack + AIR

    @property
    def seats(self) -> tuple[float, float]:
        """x of the shafts' axes, the small wheel's first."""
        apart = centre_distance(*self.wheels)
        first = (self.small.tip_radius - self.large.tip_radius - apart) / 2
        return first, first + apart

    @property
    def blocks(self) -> tuple[float, float]:
        """x of the middles of the end blocks."""
        x = (self.size[0] - BLOCK) / 2
        return -x, x

    @property
    def pin_places(self) -> tuple[Point, ...]:
        """Where pins stand, diagonally opposite ones first."""
        y = (self.size[1] - STRIP) / 2
        low, high = self.blocks
        return ((low, -y), (high, y), (low, y), (high, -y))[: self.pins]

    def hub(self, wheel: Wheel) -> float:
        """Radius of a wheel's hub."""
        return min(self.bore / 2 + HUB_WALL, wheel.root_radius - PASSING)


def dimensions(parameters: Parameters) -> Dimensions:
    """The dimensions of a variant with complete, valid parameters."""
    thinned = float(parameters["backlash_mm"]) / 2000
    teeth = sorted(int(parameters[name]) for name in ("pinion_teeth", "gear_teeth"))
    small, large = (Wheel(count, MODULE, thinned) for count in teeth)
    face, shaft, clearance, chamfer = (
        float(parameters[name]) / 1000 for name in ("face_mm", "shaft_mm", "clearance_mm", "chamfer_mm")
    )
    return Dimensions(small, large, face, shaft, clearance, chamfer, int(parameters["pins"]))


def build(parameters: Parameters) -> Built:
    """Parts, bill of material and process plan of complete, valid parameters."""
    d = dimensions(parameters)
    parts = {
        "housing": _housing(d),
        "shaft": _rod("shaft", d.shaft, d.shaft_length, d.chamfer, SHAFT_GRIP),
        "small_gear": _gear("small_gear", d, d.small),
        "large_gear": _gear("large_gear", d, d.large),
        "cover": _cover(d, str(parameters["cover_color"])),
    }
    items = {
        "housing": ("housing",),
        "shaft": ("shaft_1", "shaft_2"),
        "small_gear": ("small_gear",),
        "large_gear": ("large_gear",),
        "pin": tuple(f"pin_{i}" for i in range(1, d.pins + 1)),
        "cover": ("cover",),
    }
    if d.pins:
        parts["pin"] = _rod("pin", PIN, PIN_LENGTH, d.chamfer, PIN_GRIP)
    bom = tuple(BomLine(name, items[name], part.material, part.mass) for name, part in parts.items())
    return parts, bom, _process(d, items["pin"])


# ---------------------------------------------------------------------- parts


def _housing(d: Dimensions) -> Part:
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
    solid = length * width * d.base + 2 * BLOCK * width * (deck - d.base) + 2 * _rod_volume(PIN, STUD, d.chamfer)
    hollow = sum(math.pi / 4 * hole.width**2 * hole.depth for hole in holes.values())
    blocks = (_box((x - BLOCK / 2, -half_y, d.base), (x + BLOCK / 2, half_y, deck)) for x in d.blocks)
    return part(
        DATA,
        "housing",
        volume=solid - hollow,
        size=(length, width, deck + STUD),
        fit=tuple(fit),
        grasp=(_box((-half_x, -half_y, 0.0), (half_x, half_y, d.base)), *blocks),
        grip=Grip(tool_down((0.0, 0.0, d.base - BASE_GRIP)), width, math.pi),
        holes=holes,
        studs={f"stud_{i}": Stud(Pose.at(x, 0.0, deck + STUD), PIN, STUD) for i, x in enumerate(d.blocks, 1)},
        base=True,
    )


def _block(d: Dimensions, x: float) -> Iterator[Shape]:
    """An end block: solid below, above it strips with or without a pin's seat, and a stud for the cover."""
    half_y, deck, low = d.size[1] / 2, d.size[2], d.size[2] - PIN_SEAT
    left, right = x - BLOCK / 2, x + BLOCK / 2
    yield _box((left, -half_y, d.base), (right, half_y, low))
    yield _box((left, -half_y + STRIP, low), (right, half_y - STRIP, deck))
    for begin in (-half_y, half_y - STRIP):
        centre = (x, begin + STRIP / 2)
        if any(math.dist(centre, at) < ROUNDING for at in d.pin_places):
            outline = equal_area_polygon(HOLE_SIDES, (PIN + d.clearance) / 2, centre)
            for piece in wedges(outline, centre, (left, begin), (right, begin + STRIP)):
                yield prism(piece, low, deck)
        else:
            yield _box((left, begin, low), (right, begin + STRIP, deck))
    yield _rod_hull(PIN, deck, deck + STUD, 0.0, d.chamfer, (x, 0.0))


def _rod(name: str, width: float, length: float, chamfer: float, grip: float) -> Part:
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


def _gear(name: str, d: Dimensions, wheel: Wheel) -> Part:
    """A wheel: a ring around the bore from below its teeth to the top of its hub, a disc around that, and the teeth."""
    hub, height, top = d.hub(wheel), d.stack, BOSS + d.face
    inner = equal_area_polygon(HOLE_SIDES, d.bore / 2)
    rim = equal_area_polygon(HOLE_SIDES, hub)
    root = equal_area_polygon(2 * HOLE_SIDES, wheel.root_radius)
    around = [*pairwise(range(HOLE_SIDES)), (HOLE_SIDES - 1, 0)]
    ring = [prism((inner[i], rim[i], rim[j], inner[j]), 0.0, height) for i, j in around]
    disc = [prism((rim[i], root[2 * i], root[2 * i + 1], root[2 * j], rim[j]), BOSS, top) for i, j in around]
    outlines = [tooth(wheel, k) for k in range(wheel.teeth)]
    section = math.pi * wheel.root_radius**2 + wheel.teeth * area(outlines[0]) - math.pi * hub**2
    ring_section = math.pi * (hub**2 - (d.bore / 2) ** 2)
    across = 2 * wheel.tip_radius
    return part(
        DATA,
        name,
        volume=ring_section * height + section * d.face,
        size=(across, across, height),
        fit=(*ring, *disc, *(prism(outline, BOSS, top) for outline in outlines)),
        grasp=(
            Cylinder(wheel.tip_radius, d.face, Pose.at(0.0, 0.0, BOSS + d.face / 2)),
            Cylinder(hub, height, Pose.at(0.0, 0.0, height / 2)),
        ),
        grip=Grip(tool_down((0.0, 0.0, height - HUB_GRIP)), 2 * hub, 0.0),
        holes={"bore": Hole(tool_down((0.0, 0.0, 0.0)), "round", d.bore, d.shaft, height)},
    )


def _cover(d: Dimensions, color: str) -> Part:
    """A plank with a hole for each stud, between the pins."""
    length, width = d.size[0], d.size[1] - 2 * STRIP
    half_x, half_y = length / 2, width / 2
    fit: list[Shape] = []
    for x, left in zip(d.blocks, (-half_x, half_x - BLOCK), strict=True):
        outline = equal_area_polygon(HOLE_SIDES, (PIN + d.clearance) / 2, (x, 0.0))
        around = wedges(outline, (x, 0.0), (left, -half_y), (left + BLOCK, half_y))
        fit += [prism(piece, 0.0, COVER) for piece in around]
    fit.append(_box((-half_x + BLOCK, -half_y, 0.0), (half_x - BLOCK, half_y, COVER)))
    opening = math.pi / 4 * (PIN + d.clearance) ** 2
    return part(
        DATA,
        "cover",
        volume=(length * width - 2 * opening) * COVER,
        size=(length, width, COVER),
        fit=tuple(fit),
        grasp=(_box((-half_x, -half_y, 0.0), (half_x, half_y, COVER)),),
        grip=Grip(tool_down((0.0, 0.0, COVER - COVER_GRIP)), width, math.pi),
        holes={
            f"hole_{i}": Hole(tool_down((x, 0.0, 0.0)), "round", PIN + d.clearance, PIN, COVER)
            for i, x in enumerate(d.blocks, 1)
        },
        color=color,
    )


def _box(low: tuple[float, float, float], high: tuple[float, float, float]) -> Box:
    x, y, z = ((a + b) / 2 for a, b in zip(low, high, strict=True))
    return Box((high[0] - low[0], high[1] - low[1], high[2] - low[2]), Pose.at(x, y, z))


def _hole(at: Point, rim: float, shaft: float, clearance: float, depth: float) -> Hole:
    return Hole(Pose.at(*at, rim), "round", shaft + clearance, shaft, depth)


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


# ---------------------------------------------------------------------- process


def _process(d: Dimensions, pins: tuple[str, ...]) -> ProcessPlan:
    place = ProcessStep("place_housing", "place", "housing", "fixture", {}, (), "pick")
    steps = [place]

    def put(capability: str, item: str, target: str, depth: float, seat: float, after: tuple[str, ...],
            **more: float) -> str:  # fmt: skip
        """A step and its inspection, which is what the next may wait for: the item goes ``depth`` into the hole or
        down the stud, until its underside is ``seat`` above the unit's."""
        fit = {"clearance": d.clearance, "depth": depth, "seat": seat, "chamfer": d.chamfer,
               "force_limit": INSERT_FORCE, "height_tolerance": HEIGHT_TOLERANCE}  # fmt: skip
        step = ProcessStep(f"{capability}_{item}", capability, item, target, fit | more, after, "remove")
        height = {"depth": depth, "seat": seat, "height_tolerance": HEIGHT_TOLERANCE}
        look = ProcessStep(f"inspect_{item}", "inspect", item, target, height, (step.id,), "none")
        steps.extend((step, look))
        return look.id

    shafts = [put("insert", f"shaft_{i}", f"housing/bore_{i}", BORE, FLOOR, (place.id,)) for i in (1, 2)]
    down = d.shaft_length - BORE
    wheels = [
        put("mesh", item, f"shaft_{i}/top", down, d.base, tuple(shafts), pitch=wheel.pitch_angle)
        for i, (item, wheel) in enumerate(zip(("small_gear", "large_gear"), d.wheels, strict=True), 1)
    ]
    ends = [
        put("insert", pin, f"housing/pin_{i}", PIN_SEAT, d.deck - PIN_SEAT, (place.id,))
        for i, pin in enumerate(pins, 1)
    ]
    ends.append(put("insert", "cover", "housing/stud_1", STUD, d.deck, tuple(wheels)))
    handover = ProcessStep("handover_housing", "handover", "housing", "hand_over", {}, tuple(ends), "none")
    return ProcessPlan((*steps, handover))


# ---------------------------------------------------------------------- rules


def _has_a_hub(parameters: Parameters, limits: BuildLimits) -> str | None:
    d = dimensions(parameters)
    wall = d.hub(d.small) - d.bore / 2
    if wall >= THIN_WALL - ROUNDING:
        return None
    least = f"at least {THIN_WALL * 1000:g} mm"
    return f"the hub of {d.small.teeth} teeth has a wall of {wall * 1000:.2f} mm around the bore, {least} must be left"


TEETH = ("pinion_teeth", "gear_teeth")
SIZE_RULES = base_rules("housing", lambda parameters: dimensions(parameters).size, TEETH, TEETH)
RULES = (Rule((*TEETH, "shaft_mm"), _has_a_hub), *SIZE_RULES)
FAMILY = Family(DATA, build, RULES, (CONVENTION,))
