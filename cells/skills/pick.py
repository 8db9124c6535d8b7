"""Pick: take a part out of a tray slot, or a unit out of the fixture, by closing two fingers on it."""

from __future__ import annotations

import math
from collections.abc import Generator

from cells.ports import Reading
from cells.pose import Pose, tool_down
from cells.products.model import Part
from cells.skills.contract import Call, Command, Condition, Context, Done, Failed, Grasp, Note, Skill, Steps
from cells.skills.motions import APPROACH, Moving, grip, nearest_turn, softly, straight, travel

GRIP_FORCE = 40.0  # N
OPEN_BESIDE = 0.008  # m that each finger stays clear of the part while it comes down
# m beside a part that can't give way from where the fingers come slowly, m/s, and N that say they are both there.
JUST_BESIDE, GENTLE, BETWEEN = 0.002, 0.02, 10.0
CLOSING_STIFFNESS = (300.0, 300.0, 2000.0)  # N/m: soft sideways, so that the fingers centre the hand on the part
TURNING_STIFFNESS = 30.0  # Nm/rad
STANDING = math.radians(5)  # of tilt; the grip is planned for an upright part, between neighbours that stand too
WIDTH_TOLERANCE = 0.0008  # m between the measured and the nominal width of what is gripped


def grip_pose(part: Part, pose: Pose) -> Pose:
    """The tcp (world frame) that grips a part lying at ``pose``: upright, in the turn nearest to the arm's rest."""
    at = pose @ part.grip.tcp
    return tool_down(at.xyz, nearest_turn(pose.yaw, part.grip.symmetry) + part.grip.tcp.yaw)


def open_width(context: Context, part: Part) -> float:
    """Opening (m) with which the fingers pass a part."""
    return min(part.grip.width + 2 * OPEN_BESIDE, context.cell.robot_spec.gripper.max_width)


def seize(
    context: Context, call: Call, reading: Reading
) -> Generator[Command, Reading, tuple[Reading, dict[str, float], Failed | None]]:
    """Come down around the part, close on it, and tell by its width that it is what the fingers hold.

    Returns the last reading, what was found, and what went wrong: then the fingers are open again, above the part.
    """
    part = context.part(call.item)
    lies = context.locator.locate(call.item).pose
    if lies.tilt > STANDING:
        why = f"{call.item} leans by {math.degrees(lies.tilt):.0f}°: no grip for it is known"
        return reading, {}, Failed("fallen", why)
    target = grip_pose(part, lies)
    reading = yield from grip(context, reading, open_width(context, part), GRIP_FORCE)
    reading = yield from travel(context, reading, target.shifted(dz=APPROACH))
    reading = yield from straight(context, reading, target)
    spring = softly(target, CLOSING_STIFFNESS, TURNING_STIFFNESS, 30.0)
    reading = yield spring
    if call.target is not None:  # where it comes out of
        reading = yield from meet(context, reading, part.grip.width)
    reading = yield from grip(context, reading, 0.0, GRIP_FORCE)
    width = reading.gripper.width
    found = {"width_m": round(width, 6), "nominal_m": part.grip.width}
    if abs(width - part.grip.width) > WIDTH_TOLERANCE:
        reading = yield from grip(context, reading, open_width(context, part), GRIP_FORCE)
        reading = yield from straight(context, reading, reading.arm.tcp.shifted(dz=APPROACH))
        cause = "missed" if width < 0.002 else "wrong_part"
        why = f"the fingers closed to {1000 * width:.2f} mm, {call.item} is {1000 * part.grip.width:.2f} mm wide"
        return reading, found, Failed(cause, why, found)
    yield Note("part_gripped", {"instance": call.item})
    return reading, found, None


def meet(context: Context, reading: Reading, width: float) -> Moving:
    """Bring the fingers slowly to what is ``width`` (m) wide and stands in a nest or a hole: these let it give way so
    little that the finger which meets it first would hit it with the whole arm's mass."""
    reading = yield from grip(context, reading, width + 2 * JUST_BESIDE, GRIP_FORCE)
    reading = yield Grasp(0.0, GENTLE, GRIP_FORCE)
    for _ in range(round(2 * (2 * JUST_BESIDE + WIDTH_TOLERANCE) / GENTLE / context.cell.tick_s)):
        if reading.gripper.force > BETWEEN or reading.gripper.width < width - WIDTH_TOLERANCE:
            break
        reading = yield None
    return reading


def lift(context: Context, call: Call, reading: Reading, found: dict[str, float]) -> Steps:
    """Straight up with what was seized; whether it came along is told by the width of the grip."""
    width = reading.gripper.width
    reading = yield from straight(context, reading, reading.arm.tcp.shifted(dz=APPROACH))
    if abs(reading.gripper.width - width) > WIDTH_TOLERANCE:
        yield Note("part_lost", {"instance": call.item})
        return Failed("slipped", f"{call.item} left the fingers while it was lifted", found)
    return Done(found)


def run(context: Context, call: Call, reading: Reading) -> Steps:
    """Approach from above, close, and lift."""
    reading, found, wrong = yield from seize(context, call, reading)
    if wrong is not None:
        return wrong
    return (yield from lift(context, call, reading, found))


PICK = Skill("pick", "1.0.0", "pick", run, before=(Condition("empty_gripper"),), after=(Condition("holding"),))
