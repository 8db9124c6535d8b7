"""What follows from a gearbox's parameters: every dimension, in m."""

from __future__ import annotations

from dataclasses import dataclass

from cells.products.family import Parameters
from cells.products.involute import Wheel, centre_distance
from cells.products.model import Thread
from cells.products.shapes import Point

MODULE = 0.001
FLOOR = 0.005  # under the bores
BORE = 0.014  # depth of a shaft's seat
FLANK = 0.006  # plain bar along each side of the base, which fingers and nest meet
BLOCK, STRIP = 0.014, 0.012  # thickness of the blocks at both ends, and what a pin takes of their width
AIR = 0.002  # between a wheel's tips, or hubs and cover, and what is beside them
ROOM = 0.018  # at least, from a shaft to the blocks: fingers around its hub turn by up to 13 degrees
MIN_LENGTH, MIN_WIDTH = 0.090, 0.052  # so that a palm goes between the pins, and fingers beside hubs to the cover
# Bullet looks closer at faces that are less than 2 mm apart: feet are cheaper by far than flat on flat.
FOOT, FOOT_EDGE = 0.0025, 0.0015  # of what wheels and covers stand on, not flat on their faces
HUB = 0.015  # above a wheel
HUB_WALL, THIN_WALL = 0.005, 0.003  # of a hub around its bore: as it is made, and the least
PASSING = 0.00075  # by which a hub is inside its wheel's root circle
RECESS = 0.001  # by which a shaft ends below the top of its hub, so that a finger feels the hub
PIN, PIN_LENGTH, PIN_SEAT = 0.008, 0.0325, 0.012  # fingers that grip it stay above the studs
STUD = 0.005  # height of the studs that the cover goes on
COVER = 0.005
# Screws: ISO 4762 - M4 x 16 (head Ø 7 x 4, pitch 0.7). Clearance holes by ISO 273: medium in the cover, coarse in the
# blocks, so that a cover that is a little off doesn't hide them. How deep the threads begin is our own choice: a screw
# must stand by itself before it is driven.
SCREW, HEAD, HEAD_HEIGHT = Thread(0.004, 0.0007, 0.016), 0.007, 0.004
THROUGH, COUNTERBORE, COUNTERBORE_DEPTH, CORE = 0.0045, 0.0048, 0.004, 0.0033
SCREW_TIP = 0.0004  # of chamfer, down to the thread's root (ISO 4753)
SCREW_Y = 0.008  # of the screws' axes: beside the stud, and fingers that touch a head pass between the pins
SCREWED_WIDTH = 0.062  # at least, for those fingers: they reach 10.5 mm to each side of a screw's axis
# Grips, below a part's top. Pads reach 9 mm farther down and must not touch what is there; the palm is 37 mm up.
SHAFT_GRIP, PIN_GRIP, HUB_GRIP, COVER_GRIP, BASE_GRIP = 0.009, 0.005, 0.005, 0.0025, 0.001
PROBE = 0.011  # inwards of the end blocks: where a cover is felt at both ends, by fingers that pass the pins
TEETH_GAUGE = 0.005  # above the teeth: pads that gauge a wheel from tip to tip cover their upper part
HEAD_GRIP = -0.0053  # above the top: the ends of the pads hold the head, 0.5 mm above what it is screwed onto


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
    screws: int

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
        return FOOT + self.face + HUB

    @property
    def shaft_length(self) -> float:
        return BORE + self.stack - RECESS

    @property
    def size(self) -> tuple[float, float, float]:
        """Of the housing, its studs left out."""
        inner = sum(self.ends) + centre_distance(*self.wheels)
        least = SCREWED_WIDTH if self.screws else MIN_WIDTH
        return max(inner + 2 * BLOCK, MIN_LENGTH), max(2 * (self.large.tip_radius + AIR), least), self.deck

    @property
    def ends(self) -> tuple[float, float]:
        """From each shaft's axis to the block beside it, at least."""
        small, large = (max(wheel.tip_radius + AIR, ROOM) for wheel in self.wheels)
        return small, large

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
        first = (self.ends[0] - self.ends[1] - apart) / 2
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

    @property
    def screw_places(self) -> tuple[Point, ...]:
        """Where screws go in, diagonally opposite ones first."""
        low, high = self.blocks
        return ((low, -SCREW_Y), (high, SCREW_Y), (low, SCREW_Y), (high, -SCREW_Y))[: self.screws]

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
    return Dimensions(small, large, face, shaft, clearance, chamfer, int(parameters["pins"]), int(parameters["screws"]))
