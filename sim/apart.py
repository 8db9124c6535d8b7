"""Whether a unit that was taken apart is back in its trays, in truth. For evaluation only, as :mod:`sim.truth` is."""

from __future__ import annotations

import math
from collections.abc import Iterable

from cells.ports import LoadRequest, item_of
from sim.truth import DEEPEST_EVER, FitWatch
from sim.world import SimWorld

OFF_MIDDLE = 0.005  # m that a part may stand off the middle of its slot: so far a pick looks for it
OFF_SEAT = 0.0015  # m that its underside may be above or below the slot's seat, whose own scatter is 0.5 mm
UPRIGHT = math.radians(2)  # of tilt


def wrong_with(world: SimWorld, returns: Iterable[LoadRequest], watch: FitWatch) -> dict[str, list[str]]:
    """What is wrong by instance: not in its slot, not upright, or pressed into what it came out of; empty if none."""
    wrong: dict[str, list[str]] = {}
    for slot in returns:
        pose = world.stock.true_pose(slot.instance)
        seat = world.cell.station(slot.station).slot_pose(slot.slot)
        off, above = math.dist(pose.xyz[:2], seat.xyz[:2]), pose.xyz[2] - seat.xyz[2]
        faults = []
        if off > OFF_MIDDLE or abs(above) > OFF_SEAT:
            faults.append(f"{1000 * off:.1f} mm beside and {1000 * above:+.1f} mm above {slot.station}/{slot.slot}")
        if pose.tilt > UPRIGHT:
            faults.append(f"leans by {math.degrees(pose.tilt):.1f}°")
        deepest = watch.deepest.get(item_of(slot.instance), 0.0)
        if deepest > DEEPEST_EVER:
            faults.append(f"interpenetration {1000 * deepest:.2f} mm on the way")
        if faults:
            wrong[slot.instance] = faults
    return wrong
