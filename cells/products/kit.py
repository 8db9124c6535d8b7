"""The family `kit`: blocks and rods out of trays, each at its place of a pattern in a carton. Layout and rules.

A kit has no base part and no fixture: it is finished in its carton, which a person takes away as it stands.
Names, ranges and materials are data: cells/library/products/kit.yaml.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files

from cells.pose import Pose, tool_down
from cells.products.data import family_data
from cells.products.family import BuildLimits, Built, Family, Parameters, Rule
from cells.products.making import PLAY, ROUNDING, part
from cells.products.model import BomLine, Box, Cylinder, Grip, Part, ProcessPlan, ProcessStep
from cells.products.shapes import Point, equal_area_polygon, prism

ROD_SIDES = 48
CONVENTION = f"equal-area {ROD_SIDES}-gon rods"

CARTON = "carton"
# Of a finger: how thick it is, across the grip, and half as wide, along it; by how much it opens beside a part.
FINGER, HALF_FINGER, OPENING = 0.018, 0.0105, 0.008
AIR = 0.002  # between a finger, or a part, and what is beside it
GRIP = 0.005  # below a part's top
STANDS_OUT = GRIP + 0.0115  # of the carton: so far below its top fingers may come, which are never between the walls
HEIGHT_TOLERANCE = 0.0005

DATA = family_data(
    files("cells.library").joinpath("products/kit.yaml").read_text(encoding="utf-8"),
    "cells/library/products/kit.yaml",
)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where parts go, in m. ``places`` (x, y) from the middle of the carton, row by row; ``size`` is the room along x
    and y that parts take, with some air; fingers close along y."""

    places: tuple[Point, ...]
    size: Point


def layout(parameters: Parameters) -> Layout:
    """The pattern of complete, valid parameters: as tight as fingers allow."""
    width = max((_mm(parameters, size) for size, count in KINDS.values() if parameters[count]), default=0.0)
    rows, columns = int(parameters["rows"]), int(parameters["columns"])
    pitch = max(width, width / 2 + HALF_FINGER) + AIR, width + OPENING + FINGER + AIR
    places = tuple(
        ((column - (columns - 1) / 2) * pitch[0], (row - (rows - 1) / 2) * pitch[1])
        for row in range(rows)
        for column in range(columns)
    )
    outer = width + 2 * AIR
    return Layout(places, ((columns - 1) * pitch[0] + outer, (rows - 1) * pitch[1] + outer))


def build(parameters: Parameters) -> Built:
    """Parts, bill of material and process plan of complete, valid parameters."""
    height = _mm(parameters, "height_mm")
    makers: dict[str, Callable[[float, float], Part]] = {"block": _block, "rod": _rod}
    made = {
        kind: makers[kind](_mm(parameters, size), height) for kind, (size, count) in KINDS.items() if parameters[count]
    }
    items = {kind: tuple(f"{kind}_{i}" for i in range(1, int(parameters[KINDS[kind][1]]) + 1)) for kind in made}
    bom = tuple(BomLine(kind, items[kind], part.material, part.mass) for kind, part in made.items())
    return made, bom, _process(tuple(item for line in bom for item in line.items), layout(parameters), height)


def _process(items: tuple[str, ...], pattern: Layout, height: float) -> ProcessPlan:
    """Packing in any order; then, as a part could be knocked over by a later one, whether each of them stands."""
    packs, looks = [], []
    packed = tuple(f"pack_{item}" for item in items)
    for item, (x, y) in zip(items, pattern.places, strict=False):
        at = {"x": x, "y": y}
        packs.append(ProcessStep(f"pack_{item}", "pack", item, CARTON, at, (), "pick"))
        expected = at | {"height": height, "height_tolerance": HEIGHT_TOLERANCE}
        looks.append(ProcessStep(f"probe_{item}", "probe", item, CARTON, expected, packed, "none"))
    # Nothing is handed over by the arm: it goes out of the way, and a person takes the carton.
    leave = ProcessStep("leave_carton", "move", items[-1], "home", {}, tuple(look.id for look in looks), "none")
    return ProcessPlan((*packs, *looks, leave))


def _block(side: float, height: float) -> Part:
    body = Box((side, side, height), Pose.at(0.0, 0.0, height / 2))
    grip = Grip(tool_down((0.0, 0.0, height - GRIP)), side, math.pi / 2)
    size = (side, side, height)
    return part(DATA, "block", volume=side * side * height, size=size, fit=(body,), grasp=(body,), grip=grip)


def _rod(width: float, height: float) -> Part:
    return part(
        DATA,
        "rod",
        volume=math.pi / 4 * width**2 * height,
        size=(width, width, height),
        fit=(prism(equal_area_polygon(ROD_SIDES, width / 2), 0.0, height),),
        grasp=(Cylinder(width / 2, height, Pose.at(0.0, 0.0, height / 2)),),
        grip=Grip(tool_down((0.0, 0.0, height - GRIP)), width, 0.0),
    )


def _mm(parameters: Parameters, name: str) -> float:
    return float(parameters[name]) / 1000


def _has_places(parameters: Parameters, limits: BuildLimits) -> str | None:
    parts = int(parameters["blocks"]) + int(parameters["rods"])
    places = int(parameters["rows"]) * int(parameters["columns"])
    if 1 <= parts <= places:
        return None
    return f"a pattern of {places} places is asked to hold {parts} parts" if parts else "a kit without parts"


def _fits_carton(axis: int) -> Callable[[Parameters, BuildLimits], str | None]:
    def check(parameters: Parameters, limits: BuildLimits) -> str | None:
        room, need = limits.carton[axis], layout(parameters).size[axis]
        if need <= room + ROUNDING:
            return None
        if not room:
            return "the cell has no carton"
        lines = ("columns", "rows")[axis]
        which = f"{parameters[lines]} {lines} of the pattern need {need * 1000:.1f} mm, with room for fingers"
        return f"{which}; the carton has {room * 1000:g} mm"

    return check


def _stands_out(parameters: Parameters, limits: BuildLimits) -> str | None:
    height, walls = _mm(parameters, "height_mm"), limits.carton[2]
    if height >= walls + STANDS_OUT - ROUNDING:
        return None
    out = f"must stand {STANDS_OUT * 1000:g} mm out of the carton for the fingers"
    return f"parts {out}, whose walls are {walls * 1000:g} mm high"


def _fits_fingers(parameters: Parameters, limits: BuildLimits) -> str | None:
    wide = max(_mm(parameters, size) for size, _ in KINDS.values())
    room = limits.max_grip_width
    return None if wide + PLAY <= room + ROUNDING else f"the gripper opens {room * 1000:g} mm"


# Of each kind of part: the parameters of its size and of its number.
KINDS = {"block": ("block_mm", "blocks"), "rod": ("rod_mm", "rods")}
SIZES = ("block_mm", "rod_mm")
RULES = (
    Rule(("rows", "columns", "blocks", "rods"), _has_places),
    Rule(("columns", *SIZES), _fits_carton(0)),
    Rule(("rows", *SIZES), _fits_carton(1)),
    Rule(("height_mm",), _stands_out),
    Rule(SIZES, _fits_fingers),
)
FAMILY = Family(DATA, build, RULES, (CONVENTION,))
