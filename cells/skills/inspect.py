"""Inspect: is the right part in, and all the way? Touch its top from above, then gauge it between the fingers.

Heights are judged against the fixture's taught pose and the parts' nominal sizes, not against an estimate.
"""

from __future__ import annotations

from cells.ports import Reading
from cells.pose import Pose, tool_down
from cells.skills.contract import Call, Condition, Context, Done, Failed, Skill, Steps
from cells.skills.fit import where_it_goes
from cells.skills.motions import APPROACH, grip, softly, straight
from cells.skills.pick import CLOSING_STIFFNESS, OPEN_BESIDE, TURNING_STIFFNESS
from cells.skills.touch import fingertip, touch

PRESS = 5.0  # N
GAUGE_FORCE = 15.0  # N
CLEAR = 0.005  # m between a part's top and the fingers' ends above it
WIDTH_TOLERANCE = 0.0005  # m
HEIGHT_TOLERANCE = 0.0004  # m, where the process step names none


def run(context: Context, call: Call, reading: Reading) -> Steps:
    """Touch the top, then close on the part and read its width. ``seat`` of the call is the height (m) above the unit's
    underside at which the part stands; without it, that of the hole's bottom."""
    part = context.part(call.item)
    seen, _ = where_it_goes(context, call)
    high = call.params.get("seat")
    if high is None:
        hole = context.part(str(call.base)).holes[str(call.target)]
        high = hole.pose.xyz[2] - hole.depth
    seat = context.cell.station("fixture").pose.xyz[2] + high
    expected = seat + part.size[2]
    error, data = 0.0, {"peak_force_n": 0.0}
    for x, y in part.probes:
        at = (*(seen @ Pose.at(x, y, 0.0)).xyz[:2], expected)
        reading, top, peak = yield from touch(context, reading, at, part.grip.tcp.yaw, PRESS)
        reading = yield from straight(context, reading, reading.arm.tcp.shifted(dz=APPROACH / 2))
        data["peak_force_n"] = max(data["peak_force_n"], round(peak, 2))
        if top is None:
            return Failed("missing", f"nothing where {call.item} should stand", data)
        error = max(error, top - expected, key=abs)
    data["height_error_m"] = round(error, 6)
    if abs(error) > call.params.get("height_tolerance", HEIGHT_TOLERANCE):
        return Failed("wrong_height", f"{call.item} stands {1000 * error:+.2f} mm off its nominal height", data)
    gauge = part.gauge or part.grip
    turn = (seen.yaw if gauge.symmetry else 0.0) + gauge.tcp.yaw
    target = tool_down((*seen.xyz[:2], seat + gauge.tcp.xyz[2]), turn)
    opening = min(gauge.width + 2 * OPEN_BESIDE, context.cell.robot_spec.gripper.max_width)
    reading = yield from grip(context, reading, opening, GAUGE_FORCE)
    reading = yield from straight(context, reading, target)
    reading = yield softly(target, CLOSING_STIFFNESS, TURNING_STIFFNESS, 20.0)
    reading = yield from grip(context, reading, 0.0, GAUGE_FORCE)
    width = reading.gripper.width
    reading = yield from grip(context, reading, opening, GAUGE_FORCE)
    # Up until the fingers' ends are above the part: what comes next may close them at once, and would take it along.
    rise = max(part.size[2], expected - target.xyz[2] + fingertip(context) + CLEAR)
    yield from straight(context, reading, target.shifted(dz=rise))
    data["width_m"] = round(width, 6)
    if abs(width - gauge.width) > WIDTH_TOLERANCE:
        why = f"{call.item} gauges {1000 * width:.2f} mm instead of {1000 * gauge.width:.2f} mm"
        return Failed("wrong_part", why, data)
    return Done(data)


INSPECT = Skill(
    "inspect", "1.0.0", "inspect", run,
    before=(Condition("empty_gripper"), Condition("at_target"), Condition("base_at", "fixture")),
    judges=True,
)  # fmt: skip
