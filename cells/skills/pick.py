"""Pick: take a part out of a tray slot, or a unit out of the fixture, by closing two fingers on it."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from cells.ports import Reading
from cells.pose import Pose, tool_down
from cells.products.model import Part
from cells.skills.contract import Call, Command, Condition, Context, Done, Failed, Grasp, Note, Skill, Steps
from cells.skills.fit import SURE
from cells.skills.grasp import Hold
from cells.skills.motions import (
    APPROACH,
    LINE_ACCELERATION,
    LINE_SPEED,
    SETTLE,
    Moving,
    grip,
    nearest_turn,
    softly,
    straight,
    travel,
)  # fmt: skip
from cells.skills.tunable import space, tuned

GRIP_FORCE = 40.0  # N
OPEN_BESIDE = 0.008  # m that each finger stays clear of the part while it comes down
# m beside a part that can't give way from where the fingers come slowly, m/s, and N that say they are both there.
JUST_BESIDE, GENTLE, BETWEEN = 0.002, 0.02, 10.0
CLOSING_STIFFNESS = (300.0, 300.0, 2000.0)  # N/m: soft sideways, so that the fingers centre the hand on the part
TURNING_STIFFNESS = 30.0  # Nm/rad
STANDING = math.radians(5)  # of tilt; the grip is planned for an upright part, between neighbours that stand too
WIDTH_TOLERANCE = 0.0008  # m between the measured and the nominal width of what is gripped
SLACK = math.radians(1)  # of the turn that a width tells
PICK_NOMINAL = "pick@1"


@dataclass(frozen=True, slots=True)
class Seizing:
    """The constants of the skill: each finger comes down ``beside`` (m) the part, straight from so far above as
    ``approach`` (m), at a ``speed`` (m/s) and an ``acceleration`` (m/s²); the hand is ``sideways`` (N/m) and
    ``turning`` (Nm/rad) as soft while the fingers close with a ``force`` (N) and until they have been still for
    ``settle`` (s); and goes up at the speed ``rise`` (m/s)."""

    beside: float = OPEN_BESIDE
    approach: float = APPROACH
    speed: float = LINE_SPEED
    acceleration: float = LINE_ACCELERATION
    sideways: float = CLOSING_STIFFNESS[0]
    turning: float = TURNING_STIFFNESS
    force: float = GRIP_FORCE
    settle: float = SETTLE
    rise: float = LINE_SPEED


# What may be tuned, and how far.
_RANGES: dict[str, tuple[str, float, float]] = {
    "beside": ("m", 0.006, 0.014), "approach": ("m", 0.005, 0.06), "speed": ("m/s", 0.1, 0.6),
    "acceleration": ("m/s²", 1.0, 6.0), "sideways": ("N/m", 50.0, 800.0), "turning": ("Nm/rad", 5.0, 60.0),
    "force": ("N", 20.0, 60.0), "settle": ("s", 0.012, 0.08), "rise": ("m/s", 0.1, 0.6),
}  # fmt: skip
PARAMETERS = space(_RANGES, "the pick")
NOMINAL = Seizing()


def grip_pose(part: Part, pose: Pose) -> Pose:
    """The tcp (world frame) that grips a part lying at ``pose``: upright, in the turn nearest to the arm's rest."""
    at = pose @ part.grip.tcp
    return tool_down(at.xyz, nearest_turn(pose.yaw, part.grip.symmetry) + part.grip.tcp.yaw)


def open_width(context: Context, part: Part, beside: float = OPEN_BESIDE) -> float:
    """Opening (m) with which the fingers pass a part."""
    return min(part.grip.width + 2 * beside, context.cell.robot_spec.gripper.max_width)


def seize(
    context: Context, call: Call, reading: Reading, how: Seizing = NOMINAL, hold: Hold | None = None
) -> Generator[Command, Reading, tuple[Reading, dict[str, float], Failed | None]]:
    """Come down around the part, close on it, and tell by its width that it is what the fingers hold.

    Returns the last reading, what was found, and what went wrong: then the fingers are open again, above the part.
    Who watches or corrects it does so by ``hold``.
    """
    part, hold = context.part(call.item), hold or Hold()
    seen = context.locator.locate(call.item)
    if seen.pose.tilt > STANDING:
        why = f"{call.item} leans by {math.degrees(seen.pose.tilt):.0f}°: no grip for it is known"
        return reading, {}, Failed("fallen", why)
    target, opening = grip_pose(part, seen.pose), open_width(context, part, how.beside)
    hold.target, hold.width, hold.open = target, part.grip.width, context.cell.robot_spec.gripper.max_width
    hold.error, hold.turned, hold.tare = SURE * max(seen.sigma[:2]), SURE * seen.sigma[5], reading.wrench.copy()
    hold.enter("come", reading)
    reading = yield from grip(context, reading, opening, how.force, settle=how.settle)
    above = target.shifted(dz=how.approach)
    reading = yield from travel(context, reading, above, how.speed * hold.correction.pace, how.acceleration)
    reading = yield from straight(context, reading, target, how.speed * hold.correction.pace, how.acceleration)
    hold.enter("close", reading)
    spring = softly(target, (how.sideways, how.sideways, CLOSING_STIFFNESS[2]), how.turning, 30.0)
    reading = yield spring
    if call.target is not None:  # where it comes out of
        reading = yield from meet(context, reading, part.grip.width)
    reading = yield from grip(context, reading, 0.0, how.force * hold.correction.press, settle=how.settle)
    turn = jammed_by(context, part, reading.gripper.width)
    if reading.gripper.width - part.grip.width > WIDTH_TOLERANCE and turn < hold.turned + SLACK:
        reading = yield from straighten(context, reading, part, turn, how)
    width = reading.gripper.width
    found = {"width_m": round(width, 6), "nominal_m": part.grip.width}
    if abs(width - part.grip.width) > WIDTH_TOLERANCE:
        reading = yield from grip(context, reading, opening, how.force)
        reading = yield from straight(context, reading, reading.arm.tcp.shifted(dz=APPROACH))
        cause = "missed" if width < 0.002 else "wrong_part"
        why = f"the fingers closed to {1000 * width:.2f} mm, {call.item} is {1000 * part.grip.width:.2f} mm wide"
        return reading, found, Failed(cause, why, found)
    yield Note("part_gripped", {"instance": call.item})
    return reading, found, None


def jammed_by(context: Context, part: Part, width: float) -> float:
    """The turn (rad) at which something flat jams between the pads, corner against corner, ``width`` (m) apart; no
    turn tells why a part would seem so wide if it is round or the pads are shorter: then infinity."""
    pad = context.cell.robot_spec.gripper.pad_size[0]
    corner = math.hypot(part.grip.width, pad)
    if not part.grip.symmetry or width > corner:
        return math.inf
    return math.asin(width / corner) - math.atan2(part.grip.width, pad)


def straighten(context: Context, reading: Reading, part: Part, turn: float, how: Seizing) -> Moving:
    """Close again with the hand turned by ``turn`` (rad), one way and then the other, until the pads lie flat.

    What is wide jams between pads that rub: where the line between two corners is within their friction cone, no force
    turns it, and none says which way it is turned. Ends with the fingers closed, as wide as they may be then.
    """
    jammed = reading.arm.tcp
    for way in (turn, -turn):
        reading = yield from grip(context, reading, reading.gripper.width + 2 * JUST_BESIDE, how.force)
        flat = jammed @ Pose.at(0.0, 0.0, 0.0, way)
        reading = yield from straight(context, reading, flat)
        reading = yield softly(flat, (how.sideways, how.sideways, CLOSING_STIFFNESS[2]), how.turning, 30.0)
        reading = yield from grip(context, reading, 0.0, how.force, settle=how.settle)
        if abs(reading.gripper.width - part.grip.width) <= WIDTH_TOLERANCE:
            break
    return reading


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


def lift(
    context: Context, call: Call, reading: Reading, found: dict[str, float], how: Seizing = NOMINAL,
    hold: Hold | None = None,
) -> Steps:  # fmt: skip
    """Straight up with what was seized; whether it came along is told by the width of the grip."""
    width, hold = reading.gripper.width, hold or Hold()
    hold.enter("lift", reading)
    up = reading.arm.tcp.shifted(dz=APPROACH)
    reading = yield from straight(context, reading, up, how.rise * hold.correction.pace, how.acceleration)
    if abs(reading.gripper.width - width) > WIDTH_TOLERANCE:
        yield Note("part_lost", {"instance": call.item})
        return Failed("slipped", f"{call.item} left the fingers while it was lifted", found)
    return Done(found)


def take(context: Context, call: Call, reading: Reading, how: Seizing, hold: Hold) -> Steps:
    """Approach from above, close, and lift."""
    reading, found, wrong = yield from seize(context, call, reading, how, hold)
    if wrong is not None:
        return wrong
    return (yield from lift(context, call, reading, found, how, hold))


def run(context: Context, call: Call, reading: Reading) -> Steps:
    """Take a part, as the policy for it has it, if the cell works with one that was made for this nominal."""
    policy, how = context.policy_for(call), NOMINAL
    if policy is not None and (policy.contract.nominal, policy.contract.kind) == (PICK_NOMINAL, "parameters"):
        how = tuned(NOMINAL, policy.act(np.zeros(0)), PARAMETERS)
    return (yield from take(context, call, reading, how, Hold()))


PICK = Skill("pick", "1.0.0", "pick", run, before=(Condition("empty_gripper"),), after=(Condition("holding"),))
