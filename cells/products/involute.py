"""Spur gears with involute teeth: their measures, their outline, and how two of them run together.

Standard basic rack (ISO 53:1998, profile A): addendum 1.0, dedendum 1.25 modules; no profile shift. Formulas after
ISO 21771:2007. Lengths in m, angles in rad. A wheel stands with a tooth on +x at turn 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from cells.products.shapes import Polygon

ADDENDUM, DEDENDUM = 1.0, 1.25  # modules
PRESSURE_ANGLE = math.radians(20)
FLANK_POINTS = 5  # of a flank, which becomes straight pieces: at most 9 µm inside it for 18 to 48 teeth of 1 mm


@dataclass(frozen=True, slots=True)
class Wheel:
    """A spur gear of so many ``teeth``; each is ``thinned`` (m, along the pitch circle) for backlash."""

    teeth: int
    module: float
    thinned: float = 0.0
    pressure_angle: float = PRESSURE_ANGLE

    @property
    def pitch_radius(self) -> float:
        return self.module * self.teeth / 2

    @property
    def base_radius(self) -> float:
        return self.pitch_radius * math.cos(self.pressure_angle)

    @property
    def tip_radius(self) -> float:
        return self.pitch_radius + ADDENDUM * self.module

    @property
    def root_radius(self) -> float:
        return self.pitch_radius - DEDENDUM * self.module

    @property
    def across_tips(self) -> float:
        """What flat jaws measure across the tips: on average over all turns, of which some meet a tooth and some a
        gap. They differ by less than 1 % from 18 teeth up."""
        return self.tip_radius * (1 + math.cos(math.pi / self.teeth))

    @property
    def pitch_angle(self) -> float:
        """From tooth to tooth."""
        return 2 * math.pi / self.teeth

    def half_angle(self, radius: float) -> float:
        """Half the angle that a tooth takes at a radius; below the base circle what it takes there (radial flanks)."""
        thickness = math.pi * self.module / 2 - self.thinned
        at = math.acos(min(1.0, self.base_radius / max(radius, self.base_radius)))
        return thickness / (2 * self.pitch_radius) + involute(self.pressure_angle) - involute(at)


def involute(angle: float) -> float:
    """The involute function, tan x - x (ISO 21771, 4.2)."""
    return math.tan(angle) - angle


def least_teeth(pressure_angle: float = PRESSURE_ANGLE) -> int:
    """Teeth below which the rack that cuts a wheel undercuts its teeth: 2 / sin² of the pressure angle, rounded up."""
    return math.ceil(2 * ADDENDUM / math.sin(pressure_angle) ** 2 - 1e-9)


def centre_distance(a: Wheel, b: Wheel) -> float:
    """Of two wheels whose pitch circles touch."""
    return a.pitch_radius + b.pitch_radius


def contact_ratio(a: Wheel, b: Wheel) -> float:
    """How many pairs of teeth touch on average: the path of contact over the base pitch (ISO 21771, 5.4)."""
    inside = [math.sqrt(wheel.tip_radius**2 - wheel.base_radius**2) for wheel in (a, b)]
    path = sum(inside) - centre_distance(a, b) * math.sin(a.pressure_angle)
    return path / (math.pi * a.module * math.cos(a.pressure_angle))


def interferes(a: Wheel, b: Wheel) -> bool:
    """Whether a tip of one reaches below the other's base circle, beyond the end of the line of action."""
    reach = centre_distance(a, b) * math.sin(a.pressure_angle)
    return any(math.sqrt(w.tip_radius**2 - w.base_radius**2) > reach for w in (a, b))


def tooth(wheel: Wheel, index: int = 0) -> Polygon:
    """A tooth's outline from the root circle over its tip and back, counter-clockwise: a convex polygon inside the
    tooth, its flanks in straight pieces."""
    start = max(wheel.base_radius, wheel.root_radius)
    unrolled = [math.sqrt((radius / wheel.base_radius) ** 2 - 1) for radius in (start, wheel.tip_radius)]
    # A piece's distance from the flank goes with t dt², t being the unrolled angle: even steps of t^(3/2) share it out.
    low, high = (angle**1.5 for angle in unrolled)
    steps = [(low + (high - low) * k / (FLANK_POINTS - 1)) ** (2 / 3) for k in range(FLANK_POINTS)]
    radii = [wheel.base_radius * math.hypot(1.0, angle) for angle in steps]
    if wheel.root_radius < start:
        radii.insert(0, wheel.root_radius)
    middle = index * wheel.pitch_angle
    right = [(radius, middle - wheel.half_angle(radius)) for radius in radii]
    left = [(radius, middle + wheel.half_angle(radius)) for radius in reversed(radii)]
    return tuple((radius * math.cos(at), radius * math.sin(at)) for radius, at in right + left)


def meshed_turn(a: Wheel, b: Wheel, turn: float) -> float:
    """The turn of wheel ``b``, which stands on +x of ``a``, at which a tooth of it is in the middle of a gap of ``a``
    that is turned by ``turn``. Any pitch angle more or less is the same."""
    return math.pi + math.pi / b.teeth - turn * a.teeth / b.teeth
