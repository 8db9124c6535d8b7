"""What really happened in the physics: how deep, how straight and how far into each other rods and holes are.

For evaluation only. Nothing that decides in the cell may import this; a result counts when the physics, and not only
the cell's own inspection, agrees. Interpenetration is analytic: the rod's section against the nominal opening (the
equal-area circle or the square), so that it doesn't depend on Bullet's contact points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numba import njit

from cells.pose import Array, Pose
from cells.products.model import Hole, ProductVariant
from cells.products.standing import puts, standing
from sim.world import SimWorld

DEPTH_TOLERANCE = 5e-4  # m around the nominal depth
OFF_AXIS = 2e-4  # m that the tip may be off the axis beyond the radial clearance
DEEPEST_EVER = 3e-4  # m of interpenetration at any time
AT_REST = 5e-5  # m of interpenetration at rest, or a quarter of the diametral clearance if that is more
SEATED = 2e-4  # m that a screw's head may be off where it is to be
NEAR = 0.01  # m above the rim or beside it within which a rod is looked at
FLIP = Pose((0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0))  # half a turn about x


# The outline of a rod's section, as lines along it: points (k, 2) of a unit circle, of a square with unit half sides.
ROUND = np.stack([f(np.linspace(0, 2 * np.pi, 32, endpoint=False)) for f in (np.cos, np.sin)], axis=1)
SQUARE = np.array([(1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1), (0, 1)], dtype=float)

Sides = tuple[float, float, float, float]  # of a hole's part, seen from the rim: from x to x, from y to y (m)
NO_SIDES: Sides = (-math.inf, math.inf, -math.inf, math.inf)
NO_OTHERS = np.zeros((0, 4))


@dataclass(frozen=True, slots=True)
class Fit:
    """One rod in one hole: missing depth (m, positive: too high), distance of the tip from the axis, and
    interpenetration (m, 0 where they don't overlap)."""

    missing: float
    off_axis: float
    interpenetration: float


def measure(
    rim: Pose, hole: Hole, rod: Pose, width: float, chamfer: float, sides: Sides = NO_SIDES, others: Array = NO_OTHERS
) -> Fit:
    """The fit of a rod of a ``width`` (m), the middle of its tip at ``rod`` and its length along z, in a hole whose rim
    is at ``rim`` (both in one frame). Beyond its ``sides`` there is nothing of what the hole is in, nor in its
    ``others`` (n, 4): x, y of a hole (m, seen from the rim), half its width (m), and 1 for a round one."""
    at = (rim.inverse() @ rod).matrix()
    tip, floor = at[:3, 3], -hole.depth
    lowest = tip[2] - (width / 2 - chamfer) * math.hypot(at[0, 2], at[1, 2])
    deepest = max(0.0, floor - lowest)
    if lowest < 0:
        round_ = hole.shape == "round"
        lines = ROUND if round_ else SQUARE
        deepest = max(deepest, _overlap(at, lines, round_, hole.width / 2, width / 2, chamfer, sides, others))
    return Fit(float(tip[2] - floor), math.hypot(tip[0], tip[1]), float(deepest))


@njit(cache=True, error_model="numpy")
def _overlap(
    at: Array, lines: Array, round_: bool, opening: float, half: float, chamfer: float, sides: Sides, others: Array
) -> float:
    """How far (m) a rod at the pose ``at`` (4, 4), seen from the rim, and the wall around the hole overlap; ``opening``
    and ``half`` are half widths.

    Line by line along the rod: by how much its tip, its shoulder and where it passes the rim reach beyond the opening;
    but no more than that line's tip is below the rim: what stands on the rim overlaps it by how far it has sunk in, not
    by how far it is off the hole, and the raised side of a tilted rod not at all.
    """
    middle, axis = at[:3, 3], at[:3, 2]
    deepest = -math.inf
    for k in range(len(lines)):
        outward = lines[k, 0] * at[:3, 0] + lines[k, 1] * at[:3, 1]
        tip = middle + (half - chamfer) * outward
        shoulder = middle + chamfer * axis + half * outward
        over = _beyond(tip, round_, opening, sides, others)
        # Where a line passes the rim: on its chamfer, or above its shoulder.
        if shoulder[2] > 0:
            passes = tip - tip[2] / max(shoulder[2] - tip[2], 1e-9) * (shoulder - tip)
        else:
            passes = shoulder - shoulder[2] / axis[2] * axis
            over = max(over, _beyond(shoulder, round_, opening, sides, others))
        over = max(over, _beyond(passes, round_, opening, sides, others))
        deepest = max(deepest, min(over, -tip[2]))
    return deepest


@njit(cache=True)
def _beyond(point: Array, round_: bool, opening: float, sides: Sides, others: Array) -> float:
    """By how much (m) a point (3,) in the frame of the rim is beyond the opening, inside the part."""
    x, y = point[0], point[1]
    from_axis = math.hypot(x, y) if round_ else max(abs(x), abs(y))
    inside: float = min(from_axis - opening, x - sides[0], sides[1] - x, y - sides[2], sides[3] - y)
    for k in range(len(others)):
        dx, dy = x - others[k, 0], y - others[k, 1]
        from_axis = math.hypot(dx, dy) if others[k, 3] else max(abs(dx), abs(dy))
        inside = min(inside, from_axis - others[k, 2])
    return inside


class FitWatch:
    """Watches every part of a unit that goes into a hole, or with its holes onto studs, after each control tick;
    ``deepest`` (m) ever, by item; ``too_deep`` when (simulated s) it became more than is tolerated, if it did."""

    def __init__(self, world: SimWorld, serial: str, variant: ProductVariant) -> None:
        self._world, self._serial, self._variant = world, serial, variant
        self._places = places_of(variant)
        self._depths = {step.item: step.constraints["depth"] for step in puts(variant)}
        self._others = {item: _beside(variant, target) for item, target in self._places.items()}
        self.deepest: dict[str, float] = dict.fromkeys(self._places, 0.0)
        self.too_deep: dict[str, float] = {}
        world.step_hooks.append(self._look)

    def fits(self, moving: bool = False) -> dict[str, Fit]:
        """The fit, the worst of several, of every item that is in the cell now; only of those awake, if ``moving``."""
        out: dict[str, Fit] = {}
        pieces = self._world.stock.pieces
        for item, target in self._places.items():
            put, base = self._instance(item), self._instance(target.split("/")[0])
            if put is None or base is None or (moving and pieces[put].asleep and pieces[base].asleep):
                continue
            found = [measure(*pair) for pair in self._pairs(item, put, base) if _near(*pair)]
            if found:
                out[item] = Fit(
                    max((fit.missing for fit in found), key=abs),
                    max(fit.off_axis for fit in found),
                    max(fit.interpenetration for fit in found),
                )
        return out

    def _pairs(self, item: str, put: str, base: str) -> list[Pair]:
        """The holes and rods that belong together of an item and what it goes into or onto."""
        pieces, pose = self._world.stock.pieces, self._world.stock.true_pose
        onto = self._variant.part_of(self._places[item].split("/")[0])
        chamfer = float(self._variant.parameters.get("chamfer_mm", 0.0)) / 1000
        hole = onto.holes.get(self._places[item].split("/")[1])
        if hole is not None:
            (x, y, _), (length, width, _) = hole.pose.xyz, onto.size
            sides = (-length / 2 - x, length / 2 - x, -width / 2 - y, width / 2 - y)
            width, others = pieces[put].part.size[0], self._others[item]
            return [(pose(base) @ hole.pose, hole, pose(put), width, chamfer, sides, others)]
        return [
            (
                pose(put) @ own.pose,
                replace(own, depth=self._depths[item] - own.pose.xyz[2]),
                pose(base) @ stud.pose @ FLIP,
                stud.width,
                chamfer,
                NO_SIDES,
                NO_OTHERS,
            )
            for own, stud in zip(pieces[put].part.holes.values(), onto.studs.values(), strict=True)
        ]

    def good(self) -> tuple[bool, dict[str, list[str]]]:
        """Whether the unit is good in truth, and what is wrong by item."""
        wrong: dict[str, list[str]] = {}
        fits = self.fits()
        for item in self._places:
            clearance = float(self._variant.parameters["clearance_mm"]) / 1000
            faults = ["not in its place"] if item not in fits else faults_of(fits[item], clearance, self.deepest[item])
            if faults:
                wrong[item] = faults
        wrong |= self._screws_off()
        return not wrong, wrong

    def _screws_off(self) -> dict[str, list[str]]:
        """The screws whose heads aren't down, with by how much they are off."""
        wrong, places = {}, standing(self._variant)
        [base] = [item for item in places if self._variant.part_of(item).base]
        for item in (item for item in places if self._variant.part_of(item).thread):
            screw, onto = self._instance(item), self._instance(base)
            if screw is None or onto is None:
                wrong[item] = ["not in its place"]
                continue
            pose = self._world.stock.true_pose
            off = (pose(onto).inverse() @ pose(screw)).xyz[2] - places[item].xyz[2]
            if abs(off) > SEATED:
                wrong[item] = [f"head {1000 * off:+.2f} mm off its seat"]
        return wrong

    def _instance(self, item: str) -> str | None:
        """The instance in use for an item: the newest replacement."""
        names = [
            n
            for n in self._world.stock.pieces
            if n == f"{self._serial}/{item}" or n.startswith(f"{self._serial}/{item}~")
        ]
        return max(names, default=None, key=len)

    def _look(self) -> None:
        for item, fit in self.fits(moving=True).items():
            self.deepest[item] = max(self.deepest[item], fit.interpenetration)
            if fit.interpenetration > DEEPEST_EVER:
                self.too_deep.setdefault(item, self._world.clock.now())


Pair = tuple[Pose, Hole, Pose, float, float, Sides, Array]  # as measure takes them


def _near(rim: Pose, hole: Hole, rod: Pose, *_: object) -> bool:
    return math.dist(rim.xyz, rod.xyz) < NEAR + hole.depth


def _beside(variant: ProductVariant, target: str) -> Array:
    """The holes (n, 4) beside a ``target`` (``plate/hole_1``) in the same face, as :func:`measure` takes them."""
    onto, name = target.split("/")
    holes = variant.part_of(onto).holes
    if name not in holes:
        return NO_OTHERS
    x, y, z = holes[name].pose.xyz
    beside = [hole for other, hole in holes.items() if other != name and hole.pose.xyz[2] == z]
    rows = [(h.pose.xyz[0] - x, h.pose.xyz[1] - y, h.width / 2, h.shape == "round") for h in beside]
    return np.array(rows, float).reshape(-1, 4)


def places_of(variant: ProductVariant) -> dict[str, str]:
    """Item (``peg_1``) to the hole or stud that it goes into or onto (``plate/hole_1``), from the process plan; but for
    screws, which are no fit: where a thread holds them is a model's, not a contact's."""
    return {step.item: str(step.target) for step in puts(variant) if variant.part_of(step.item).thread is None}


def faults_of(fit: Fit, clearance: float, deepest: float) -> list[str]:
    """What is wrong with a fit, in words; empty where nothing is."""
    out = []
    if abs(fit.missing) > DEPTH_TOLERANCE:
        out.append(f"depth {1000 * fit.missing:+.2f} mm")
    if fit.off_axis > clearance / 2 + OFF_AXIS:
        out.append(f"tip {1000 * fit.off_axis:.2f} mm off the axis")
    if fit.interpenetration > max(AT_REST, clearance / 4):
        out.append(f"interpenetration {1000 * fit.interpenetration:.3f} mm at rest")
    if deepest > DEEPEST_EVER:
        out.append(f"interpenetration {1000 * deepest:.2f} mm on the way")
    return out
