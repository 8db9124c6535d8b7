"""The family `pegboard`: a plate with one row of blind holes and a peg for each. Geometry and rules.

Names, ranges and materials are data: cells/library/products/pegboard.yaml.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.resources import files

from cells.pose import Pose, tool_down
from cells.products.data import family_data
from cells.products.family import Built, Family, Parameters
from cells.products.making import base_rules, part
from cells.products.model import (
    BomLine,
    Box,
    Convex,
    Cylinder,
    Grip,
    Hole,
    Part,
    ProcessPlan,
    ProcessStep,
    Shape,
)
from cells.products.shapes import Polygon, equal_area_polygon, frustum, prism, square, wedges

# How round shapes become convex pieces; printed with every result that depends on it.
HOLE_SIDES = 24
PEG_SIDES = 48
CONVENTION = f"equal-area {HOLE_SIDES}-gon holes, equal-area {PEG_SIDES}-gon pegs"

FLOOR = 0.005  # under the holes
END_WALL = 0.008  # beyond the outer holes, along the row
SIDE_WALL = 0.012  # beside the holes, across the row
FLANK = 0.006  # of it one plain bar along the plate: fingers and nest meet a flat face, not the wedges' ends
MIN_LENGTH = 0.050
DEPTH_SHARE = 0.45  # of the peg's length: the rest sticks out for the gripper
FINGER_ROOM = 0.015  # between a peg's axis and its neighbour's side: half a finger and some air
PEG_GRIP = 0.009  # below the peg's top
PLATE_GRIP = 0.008  # below the plate's top
INSERT_FORCE = 30.0  # N
HEIGHT_TOLERANCE = 0.0004

DATA = family_data(
    files("cells.library").joinpath("products/pegboard.yaml").read_text(encoding="utf-8"),
    "cells/library/products/pegboard.yaml",
)


@dataclass(frozen=True, slots=True)
class Dimensions:
    """Everything that follows from the parameters, in m. ``size`` is the plate's; ``holes`` are the x of the axes."""

    pegs: int
    round: bool
    peg: float
    length: float
    chamfer: float
    clearance: float
    depth: float
    pitch: float
    size: tuple[float, float, float]

    @property
    def hole(self) -> float:
        """Diameter or side of the holes."""
        return self.peg + self.clearance

    @property
    def holes(self) -> tuple[float, ...]:
        return tuple((i - (self.pegs - 1) / 2) * self.pitch for i in range(self.pegs))


def dimensions(parameters: Parameters) -> Dimensions:
    """The dimensions of a variant with complete, valid parameters."""
    pegs = int(parameters["pegs"])
    peg = float(parameters["peg_mm"]) / 1000
    length = float(parameters["peg_length_mm"]) / 1000
    pitch = _half_mm_up(max(peg + 0.006, peg / 2 + FINGER_ROOM))
    depth = math.floor(DEPTH_SHARE * length * 2000 + 0.5) / 2000
    plate = (
        max((pegs - 1) * pitch + peg + 2 * END_WALL, MIN_LENGTH),
        peg + 2 * SIDE_WALL,
        depth + FLOOR,
    )
    return Dimensions(
        pegs=pegs,
        round=parameters["peg_shape"] == "round",
        peg=peg,
        length=length,
        chamfer=float(parameters["chamfer_mm"]) / 1000,
        clearance=float(parameters["clearance_mm"]) / 1000,
        depth=depth,
        pitch=pitch,
        size=plate,
    )


def hole_outline(d: Dimensions, x: float) -> Polygon:
    """The opening of the hole whose axis is at ``x``."""
    return equal_area_polygon(HOLE_SIDES, d.hole / 2, (x, 0.0)) if d.round else square(d.hole, (x, 0.0))


def plate_wedges(d: Dimensions) -> tuple[Polygon, ...]:
    """The plate around its holes and between its flanks, seen from above: convex pieces that touch, none overlap."""
    half_x, half_y = d.size[0] / 2, d.size[1] / 2 - FLANK
    bounds = [-half_x, *(x + d.pitch / 2 for x in d.holes[:-1]), half_x]
    return tuple(
        piece
        for x, left, right in zip(d.holes, bounds[:-1], bounds[1:], strict=True)
        for piece in wedges(hole_outline(d, x), (x, 0.0), (left, -half_y), (right, half_y))
    )


def build(parameters: Parameters) -> Built:
    """Parts, bill of material and process plan of complete, valid parameters."""
    d = dimensions(parameters)
    parts = {"peg": _peg(d), "plate": _plate(d)}
    pegs = tuple(f"peg_{i}" for i in range(1, d.pegs + 1))
    bom = (
        BomLine("plate", ("plate",), parts["plate"].material, parts["plate"].mass),
        BomLine("peg", pegs, parts["peg"].material, parts["peg"].mass),
    )
    return parts, bom, _process(d, pegs)


def _peg(d: Dimensions) -> Part:
    def outline(width: float) -> Polygon:
        return equal_area_polygon(PEG_SIDES, width / 2) if d.round else square(width)

    tip = [(outline(d.peg - 2 * d.chamfer), 0.0)] if d.chamfer else []
    hull = frustum([*tip, (outline(d.peg), d.chamfer), (outline(d.peg), d.length)])
    middle = Pose.at(0.0, 0.0, d.length / 2)
    grasp: Shape = Cylinder(d.peg / 2, d.length, middle) if d.round else Box((d.peg, d.peg, d.length), middle)
    section = math.pi / 4 if d.round else 1.0
    end = d.peg - 2 * d.chamfer
    tip_volume = d.chamfer * (d.peg**2 + d.peg * end + end**2) / 3
    return part(
        DATA,
        "peg",
        volume=section * (d.peg**2 * (d.length - d.chamfer) + tip_volume),
        size=(d.peg, d.peg, d.length),
        fit=(hull,),
        grasp=(grasp,),
        grip=Grip(tool_down((0.0, 0.0, d.length - PEG_GRIP)), d.peg, 0.0 if d.round else math.pi / 2),
    )


def _plate(d: Dimensions) -> Part:
    length, width, height = d.size
    floor = Box((length, width, FLOOR), Pose.at(0.0, 0.0, FLOOR / 2))
    flanks = tuple(
        Box((length, FLANK, height - FLOOR), Pose.at(0.0, side * (width - FLANK) / 2, (height + FLOOR) / 2))
        for side in (-1, 1)
    )
    walls: tuple[Convex, ...] = tuple(prism(piece, FLOOR, height) for piece in plate_wedges(d))
    opening = math.pi / 4 * d.hole**2 if d.round else d.hole**2
    return part(
        DATA,
        "plate",
        volume=length * width * height - d.pegs * opening * d.depth,
        size=d.size,
        fit=(floor, *flanks, *walls),
        grasp=(Box(d.size, Pose.at(0.0, 0.0, height / 2)),),
        grip=Grip(tool_down((0.0, 0.0, height - PLATE_GRIP)), width, math.pi),
        holes={
            f"hole_{i}": Hole(Pose.at(x, 0.0, height), "round" if d.round else "square", d.hole, d.peg, d.depth)
            for i, x in enumerate(d.holes, 1)
        },
        base=True,
    )


def _process(d: Dimensions, pegs: tuple[str, ...]) -> ProcessPlan:
    insertion = {
        "clearance": d.clearance,
        "depth": d.depth,
        "chamfer": d.chamfer,
        "force_limit": INSERT_FORCE,
        "height_tolerance": HEIGHT_TOLERANCE,
    }
    # The height is that of the peg's top above the plate's when it is seated.
    inspection = {"height": d.length - d.depth, "height_tolerance": HEIGHT_TOLERANCE}
    place = ProcessStep("place_plate", "place", "plate", "fixture", {}, (), "pick")
    inserts = tuple(
        ProcessStep(f"insert_{peg}", "insert", peg, f"plate/hole_{i}", insertion, (place.id,), "remove")
        for i, peg in enumerate(pegs, 1)
    )
    inspects = tuple(
        ProcessStep(f"inspect_{peg}", "inspect", peg, f"plate/hole_{i}", inspection, (f"insert_{peg}",), "none")
        for i, peg in enumerate(pegs, 1)
    )
    after = tuple(step.id for step in inspects)
    handover = ProcessStep("handover_plate", "handover", "plate", "hand_over", {}, after, "none")
    return ProcessPlan((place, *inserts, *inspects, handover))


def _half_mm_up(length: float) -> float:
    return math.ceil(length * 2000 - 1e-9) / 2000


RULES = base_rules("plate", lambda parameters: dimensions(parameters).size, ("pegs", "peg_mm"), ("peg_mm",))
FAMILY = Family(DATA, build, RULES, (CONVENTION,))
