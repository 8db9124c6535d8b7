"""Handover: set a finished unit down where a person takes it; and discard: drop a bad part into a bin."""

from __future__ import annotations

from cells.ports import Reading
from cells.pose import tool_down
from cells.skills import place
from cells.skills.contract import Call, Condition, Context, Done, Note, Skill, Steps
from cells.skills.motions import APPROACH, grip, travel
from cells.skills.pick import GRIP_FORCE, open_width

DROP_HEIGHT = 0.08  # m above the bench at which a part is let go over a bin


def discard(context: Context, call: Call, reading: Reading) -> Steps:
    """Travel above the bin and let go."""
    part = context.part(call.item)
    station = context.cell.station(str(call.target))
    x, y, z = station.pose.xyz
    over = tool_down((x, y, z + DROP_HEIGHT + part.grip.tcp.xyz[2]))
    reading = yield from travel(context, reading, over)
    yield Note("part_released", {"instance": call.item, "place": str(call.target)})
    reading = yield from grip(context, reading, open_width(context, part), GRIP_FORCE)
    yield from travel(context, reading, over.shifted(dz=APPROACH))
    return Done()


HANDOVER = Skill("handover", "1.0.0", "handover", place.run, place.PLACE.before, place.PLACE.after)
DISCARD = Skill(
    "discard",
    "1.0.0",
    "discard",
    discard,
    (Condition("holding"),),
    (Condition("empty_gripper"), Condition("at_target")),
)
