"""Turn: turn a seated wheel by its hub, and see whether the wheel beside it follows as it should.

The fingers turn the one; the locator tells how far both went. They turn it no farther than fingers have room for in a
small gearbox, between the other wheel and the walls; the first few degrees take up the play.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from math import pi

from cells.ports import Reading
from cells.pose import tool_down
from cells.skills.contract import Call, Command, Condition, Context, Done, Failed, Skill, Steps
from cells.skills.motions import APPROACH, grip, softly, straight, travel
from cells.skills.pick import CLOSING_STIFFNESS, GRIP_FORCE, TURNING_STIFFNESS, open_width

BEGIN, TAKEN_UP, END = (math.radians(angle) for angle in (-9, -2, 9))  # of the hand; then the play is taken up
SPEED = 0.6  # rad/s
REST = 0.1  # s that the wheels have before the locator looks
LOOK_S = 1.0  # s in which it must have looked
FOLLOWS = 0.5, 1.5  # times as far as it should: the play of shafts and bores may be a third of so small a turn
FORCE_LIMIT = 20.0  # N


def run(context: Context, call: Call, reading: Reading) -> Steps:
    """``ratio`` of the call is by how much more the other wheel, ``base``, turns than ``item``."""
    part, other = context.part(call.item), str(call.base)
    seen = context.locator.locate(call.item).pose
    target = tool_down((seen @ part.grip.tcp).xyz)
    reading = yield from grip(context, reading, open_width(context, part), GRIP_FORCE)
    reading = yield from travel(context, reading, target.shifted(dz=APPROACH))
    reading = yield from straight(context, reading, target)
    reading = yield softly(target, CLOSING_STIFFNESS, TURNING_STIFFNESS, FORCE_LIMIT)
    reading = yield from grip(context, reading, 0.0, GRIP_FORCE)
    held = reading.arm.tcp.xyz
    reading = yield from swing(context, reading, held, 0.0, BEGIN)
    reading = yield from swing(context, reading, held, BEGIN, TAKEN_UP)
    reading, before = yield from look(context, reading, held, TAKEN_UP, (call.item, other))
    reading = yield from swing(context, reading, held, TAKEN_UP, END)
    reading, after = yield from look(context, reading, held, END, (call.item, other))
    reading = yield from grip(context, reading, open_width(context, part), GRIP_FORCE)
    yield from straight(context, reading, reading.arm.tcp.shifted(dz=APPROACH))
    if not before or not after:
        return Failed("unseen", f"{call.item} and {other} must be seen, and one of them is only reckoned", {})
    turned, followed = ((b - a + pi) % (2 * pi) - pi for a, b in zip(before, after, strict=True))
    data = {"turned_rad": round(turned, 4), "followed_rad": round(followed, 4)}
    if turned < (END - TAKEN_UP) / 2:
        return Failed("jammed", f"{call.item} turns by {math.degrees(turned):.0f}° only", data)
    expected = -turned * call.params["ratio"]
    if not FOLLOWS[0] < followed / expected < FOLLOWS[1]:
        degrees = f"{math.degrees(followed):.0f}° instead of {math.degrees(expected):.0f}°"
        return Failed("unmeshed", f"{other} doesn't follow {call.item}: it turns by {degrees}", data)
    return Done(data)


def swing(
    context: Context, reading: Reading, held: tuple[float, float, float], begin: float, end: float
) -> Generator[Command, Reading, Reading]:
    """Turn the closed hand about the vertical from one angle (rad) to another, and wait a moment."""
    steps = round(abs(end - begin) / SPEED / context.cell.tick_s)
    for step in range(1, steps + round(REST / context.cell.tick_s) + 1):
        at = tool_down(held, begin + (end - begin) * min(1.0, step / steps))
        spin = math.copysign(SPEED, end - begin) if step < steps else 0.0
        reading = yield softly(at, CLOSING_STIFFNESS, TURNING_STIFFNESS, FORCE_LIMIT, spin)
    return reading


def look(
    context: Context, reading: Reading, held: tuple[float, float, float], angle: float, names: tuple[str, str]
) -> Generator[Command, Reading, tuple[Reading, list[float]]]:
    """Keep the closed hand where it is until the locator has looked at parts anew: their yaws (rad), none if it doesn't
    look in time."""
    begun = reading.time
    while reading.time <= begun + LOOK_S:
        told = [context.locator.locate(name) for name in names]
        if all(one.seen >= begun for one in told):
            return reading, [one.pose.yaw for one in told]
        reading = yield softly(tool_down(held, angle), CLOSING_STIFFNESS, TURNING_STIFFNESS, FORCE_LIMIT)
    return reading, []


TURN = Skill(
    "turn", "1.0.0", "turn", run,
    before=(Condition("empty_gripper"), Condition("base_at", "fixture")),
    judges=True, looks=True,
)  # fmt: skip
