"""Pack: set the held part down at its place in a carton; and probe: is it there, and does it stand?"""

from __future__ import annotations

from cells.ports import Reading
from cells.pose import Pose
from cells.skills.contract import Call, Condition, Context, Done, Failed, Skill, Steps
from cells.skills.motions import APPROACH, straight
from cells.skills.place import ON_A_PLAIN_SEAT, PLACE, set_down
from cells.skills.touch import touch

PRESS = 5.0  # N


def place_in(context: Context, call: Call) -> Pose:
    """The place (world frame) in the call's target: ``x`` and ``y`` (m) of the call, from the station's middle."""
    return context.cell.station(str(call.target)).pose @ Pose.at(call.params["x"], call.params["y"], 0.0)


def run(context: Context, call: Call, reading: Reading) -> Steps:
    """Set the part down on the carton's floor."""
    return (yield from set_down(context, call, reading, place_in(context, call), ON_A_PLAIN_SEAT))


def probe(context: Context, call: Call, reading: Reading) -> Steps:
    """Touch the top of what should stand at its place, ``height`` (m) high."""
    x, y, floor = place_in(context, call).xyz
    expected = floor + call.params["height"]
    reading, top, peak = yield from touch(context, reading, (x, y, expected), 0.0, PRESS)
    yield from straight(context, reading, reading.arm.tcp.shifted(dz=APPROACH / 2))
    data = {"peak_force_n": round(peak, 2)}
    if top is None:
        return Failed("missing", f"nothing where {call.item} should stand", data)
    data["height_error_m"] = round(top - expected, 6)
    if abs(top - expected) > call.params["height_tolerance"]:
        why = f"what stands in the place of {call.item} is {1000 * (top - expected):+.2f} mm off its height"
        return Failed("wrong_height", why, data)
    return Done(data)


PACK = Skill("pack", "1.0.0", "pack", run, PLACE.before, PLACE.after)
PROBE = Skill(
    "probe", "1.0.0", "probe", probe,
    before=(Condition("empty_gripper"), Condition("at_target")),
    judges=True,
)  # fmt: skip
