"""What really happened in the physics: how deep, how straight and how far into each other peg and plate are.

For evaluation only. Nothing that decides in the cell may import this; a result counts when the physics, and not only
the cell's own inspection, agrees. Interpenetration is analytic: the peg's section against the nominal opening (the
equal-area circle or the square), so that it doesn't depend on Bullet's contact points.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from cells.pose import Pose
from cells.products.model import Hole, Part, ProductVariant
from sim.world import SimWorld

DEPTH_TOLERANCE = 5e-4  # m around the nominal depth
OFF_AXIS = 2e-4  # m that the tip may be off the axis beyond the radial clearance
DEEPEST_EVER = 3e-4  # m of interpenetration at any time
AT_REST = 5e-5  # m of interpenetration at rest, or a quarter of the diametral clearance if that is more
NEAR = 0.01  # m above the rim or beside it within which a peg is looked at


@dataclass(frozen=True, slots=True)
class Fit:
    """One peg in one hole: missing depth (m, positive: too high), distance of the tip from the axis, and
    interpenetration (m, 0 where they don't overlap)."""

    missing: float
    off_axis: float
    interpenetration: float


def measure(rim: Pose, hole: Hole, peg: Pose, part: Part, chamfer: float) -> Fit:
    """The fit of a peg whose frame is at ``peg`` and a hole whose rim is at ``rim`` (both in one frame)."""
    at = (rim.inverse() @ peg).matrix()
    tip = at[:3, 3]
    axis = at[:3, 2]
    half, opening = part.size[0] / 2, hole.width / 2
    tilt = math.hypot(axis[0], axis[1])
    lowest = tip[2] - (half - chamfer) * tilt
    floor = -hole.depth
    deepest = max(0.0, floor - lowest)
    if lowest < 0:
        sections = [(tip[2], half - chamfer)]
        if tip[2] + chamfer < 0:
            sections += [(tip[2] + chamfer, half), (0.0, half)]
        else:
            sections.append((0.0, half - chamfer + max(0.0, -tip[2])))
        for z, radius in sections:
            along = (z - tip[2]) / axis[2]
            x, y = tip[0] + along * axis[0], tip[1] + along * axis[1]
            if hole.shape == "round":
                over = math.hypot(x, y) + radius - opening
            else:
                c, s = abs(at[0, 0]), abs(at[1, 0])
                over = max(abs(x), abs(y)) + radius * (c + s) - opening
            # A tip that stands on the rim overlaps it by how far it has sunk in, not by how far it is off the hole.
            deepest = max(deepest, min(over, -lowest))
    return Fit(float(tip[2] - floor), math.hypot(tip[0], tip[1]), float(deepest))


class FitWatch:
    """Watches every peg of a unit against its hole after each control tick; ``deepest`` (m) ever, by hole."""

    def __init__(self, world: SimWorld, serial: str, variant: ProductVariant, holes: Mapping[str, str]) -> None:
        """``holes`` maps an item (``peg_1``) to ``plate/hole_1``."""
        self._world, self._serial, self._variant, self._holes = world, serial, variant, dict(holes)
        self.deepest: dict[str, float] = dict.fromkeys(holes, 0.0)
        world.step_hooks.append(self._look)

    def fits(self, moving: bool = False) -> dict[str, Fit]:
        """The fit of every item whose peg is in the cell now; only of those awake, if ``moving``."""
        out: dict[str, Fit] = {}
        pieces = self._world.stock.pieces
        for item, target in self._holes.items():
            base, name = target.split("/")
            peg, plate = self._instance(item), self._instance(base)
            if peg is None or plate is None or (moving and pieces[peg].asleep and pieces[plate].asleep):
                continue
            hole = self._variant.part_of(base).holes[name]
            rim = self._world.stock.true_pose(plate) @ hole.pose
            at = self._world.stock.true_pose(peg)
            if math.dist(rim.xyz, at.xyz) < NEAR + hole.depth:
                chamfer = float(self._variant.parameters.get("chamfer_mm", 0.0)) / 1000
                out[item] = measure(rim, hole, at, pieces[peg].part, chamfer)
        return out

    def good(self) -> tuple[bool, dict[str, list[str]]]:
        """Whether the unit is good in truth, and what is wrong by item."""
        wrong: dict[str, list[str]] = {}
        fits = self.fits()
        for item, target in self._holes.items():
            hole = self._variant.part_of(target.split("/")[0]).holes[target.split("/")[1]]
            clearance = hole.width - hole.shaft
            faults = ["not in its hole"] if item not in fits else faults_of(fits[item], clearance, self.deepest[item])
            if faults:
                wrong[item] = faults
        return not wrong, wrong

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
