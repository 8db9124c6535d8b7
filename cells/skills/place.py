"""Place: set the held part down in the fixture's nest, guided in by its bevels."""

from __future__ import annotations

from cells.ports import Reading
from cells.pose import Pose, tool_down
from cells.skills.contract import Call, Condition, Context, Done, Failed, Note, Skill, Steps, place_name
from cells.skills.motions import APPROACH, grip, softly, straight, travel
from cells.skills.pick import GRIP_FORCE, open_width

PRESS = 12.0  # N with which the part is seated
STIFFNESS, TURNING = 800.0, 20.0  # N/m sideways, Nm/rad: soft enough for the bevels to guide the part
DOWN = 2000.0  # N/m
SPEED, CLOSE_SPEED = 0.025, 0.012  # m/s downwards; the second near the seat, where the arm's mass would hit it
CLOSE = 0.006  # m above the seat
SEATED = 0.0015  # m around the nominal height within which the part counts as seated
PATIENCE = 4.0  # s


def run(context: Context, call: Call, reading: Reading) -> Steps:
    """Travel above the station, lower softly until the seat carries the part, release, retreat."""
    part = context.part(call.item)
    station = context.cell.station(str(call.target))
    seat = station.pose @ part.grip.tcp
    target = tool_down(seat.xyz, station.pose.yaw)
    reading = yield from travel(context, reading, target.shifted(dz=APPROACH))
    reading = yield from straight(context, reading, target.shifted(dz=0.018))
    tare = reading.wrench[2]
    height, still = reading.arm.tcp.xyz[2], 0
    push, fast = 0.0, min(SPEED, context.cell.limits.contact_speed)
    for _ in range(round(PATIENCE / context.cell.tick_s)):
        z = reading.arm.tcp.xyz[2]
        push = reading.wrench[2] - tare
        still = still + 1 if push > 0.7 * PRESS else 0
        if still > round(0.1 / context.cell.tick_s):
            break
        speed = fast if z > target.xyz[2] + CLOSE else CLOSE_SPEED
        height = max(height - speed * context.cell.tick_s, z - PRESS / DOWN)
        at = Pose((*target.xyz[:2], height), target.quat)
        reading = yield softly(at, (STIFFNESS, STIFFNESS, DOWN), TURNING, 2 * PRESS)
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
