"""Place: set the held part down, in the fixture's nest, guided in by its bevels; and store: into a tray's slot."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cells.ports import Reading
from cells.pose import Pose, tool_down
from cells.skills.contract import Call, Condition, Context, Done, Failed, Note, Skill, Steps, place_name
from cells.skills.motions import APPROACH, grip, softly, straight, travel
from cells.skills.pick import GRIP_FORCE, STANDING, open_width

STIFFNESS, TURNING = 800.0, 20.0  # N/m sideways, Nm/rad: soft enough for the bevels to guide the part
DOWN = 2000.0  # N/m
SPEED = 0.025  # m/s downwards
CLOSE = 0.006  # m above the seat
SEATED = 0.0015  # m around the nominal height within which the part counts as seated
PATIENCE = 4.0  # s
IN_SLOT = 0.005  # m from the slot's middle within which a part stands where the next one looks for it


@dataclass(frozen=True, slots=True)
class Landing:
    """How a part meets its seat: the ``press`` (N) that seats it, and the ``speed`` (m/s) close above the seat, which
    the arm's whole mass would hit."""

    press: float
    speed: float


BETWEEN_BEVELS = Landing(press=12.0, speed=0.012)
ON_A_PLAIN_SEAT = Landing(press=6.0, speed=0.005)


def run(context: Context, call: Call, reading: Reading) -> Steps:
    """Set the part down on the station that is the call's target."""
    return (yield from set_down(context, call, reading, context.cell.station(str(call.target)).pose, BETWEEN_BEVELS))


def store(context: Context, call: Call, reading: Reading) -> Steps:
    """Set the part down in the slot that is the call's target (``tray_b/3``), and look whether it stands there."""
    station, slot = str(call.target).split("/")
    seat = context.cell.station(station).slot_pose(int(slot))
    result = yield from set_down(context, call, reading, seat, ON_A_PLAIN_SEAT)
    if isinstance(result, Failed):
        return result
    stands = context.locator.locate(call.item).pose
    off = math.dist(stands.xyz[:2], seat.xyz[:2])
    data = {**result.data, "off_seat_m": round(off, 6), "tilt_rad": round(stands.tilt, 6)}
    if stands.tilt > STANDING:
        return Failed("fallen", f"{call.item} leans by {math.degrees(stands.tilt):.0f}° in {call.target}", data)
    if off > IN_SLOT:
        return Failed("not_in_slot", f"{call.item} stands {1000 * off:.0f} mm off the middle of {call.target}", data)
    return Done(data)


def set_down(context: Context, call: Call, reading: Reading, seat: Pose, landing: Landing) -> Steps:
    """Travel above ``seat`` (world frame), lower softly until it carries the part, release, retreat."""
    part = context.part(call.item)
    target = tool_down((seat @ part.grip.tcp).xyz, seat.yaw)
    reading = yield from travel(context, reading, target.shifted(dz=APPROACH))
    reading = yield from straight(context, reading, target.shifted(dz=0.018))
    tare = reading.wrench[2]
    height, still = reading.arm.tcp.xyz[2], 0
    push, fast = 0.0, min(SPEED, context.cell.limits.contact_speed)
    for _ in range(round(PATIENCE / context.cell.tick_s)):
        z = reading.arm.tcp.xyz[2]
        push = reading.wrench[2] - tare
        still = still + 1 if push > 0.7 * landing.press else 0
        if still > round(0.1 / context.cell.tick_s) or z < target.xyz[2] - SEATED:
            break
        speed = fast if z > target.xyz[2] + CLOSE else landing.speed
        height = max(height - speed * context.cell.tick_s, z - landing.press / DOWN)
        at = Pose((*target.xyz[:2], height), target.quat)
        reading = yield softly(at, (STIFFNESS, STIFFNESS, DOWN), TURNING, 2 * landing.press)
    above = reading.arm.tcp.xyz[2] - target.xyz[2]
    found = {"height_error_m": round(above, 6), "press_n": round(float(push), 2)}
    if still == 0 or abs(above) > SEATED:
        yield from straight(context, reading, reading.arm.tcp.shifted(dz=APPROACH))
        why = f"{call.item} stands {1000 * above:+.1f} mm off its seat with {push:.1f} N on it"
        return Failed("not_seated", why, found)
    # Said before the fingers move: from then on nothing may rely on their hold.
    yield Note("part_released", {"instance": call.item, "place": place_name(call)})
    reading = yield from grip(context, reading, open_width(context, part), GRIP_FORCE)
    yield from straight(context, reading, reading.arm.tcp.shifted(dz=APPROACH))
    return Done(found)


PLACE = Skill(
    "place",
    "1.0.0",
    "place",
    run,
    before=(Condition("holding"),),
    after=(Condition("empty_gripper"), Condition("at_target")),
)
STORE = Skill("store", "1.0.0", "store", store, PLACE.before, PLACE.after)
