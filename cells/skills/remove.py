"""Remove: take a part out of its hole, or off the studs that it sits on, by feel.

Grip it as pick does, then draw it straight up: softly sideways, so that the hole leads; with a small turn and circle
where it sticks, and never harder than fingers hold. A wheel turns to and fro all the way, so that its teeth slide along
those of the wheel beside it. It is free when it has risen by more than it was deep; whether it came along is told by
the width of the grip, after the lift.
"""

from __future__ import annotations

from collections.abc import Generator
from math import cos, pi, sin

from cells.ports import Reading
from cells.pose import tool_down
from cells.skills.contract import Call, Command, Condition, Context, Failed, Note, Skill, Steps, place_name
from cells.skills.fit import where_it_goes
from cells.skills.insert import DOWN, PUSH_STIFFNESS
from cells.skills.motions import APPROACH, grip, softly, straight
from cells.skills.pick import GRIP_FORCE, lift, open_width, seize
from cells.skills.push import TURNING

PULL = 15.0  # N; the fingers hold more than twice that
SPEED = 0.02  # m/s upwards
CLEAR = 0.003  # m beyond its depth after which a part is free
TURN, SIDE, HERTZ = 0.035, 0.0003, 1.5  # rad, m, 1/s of the wiggle where it sticks
STICKS = 0.3  # s without a rise
RISE = 2e-4  # m that count as one
PATIENCE = 8.0  # s

Pull = Generator[Command, Reading, tuple[Reading, float, str | None]]


def run(context: Context, call: Call, reading: Reading) -> Steps:
    """Grip, draw out, lift."""
    _, depth = where_it_goes(context, call)
    tare, began = float(reading.wrench[2]), reading.time
    reading, found, wrong = yield from seize(context, call, reading)
    if wrong is not None:
        return wrong
    gripped = reading.time
    reading, peak, stuck = yield from pull_out(context, reading, depth, tare, "pitch" in call.params)
    found |= {
        "grip_s": round(gripped - began, 3),
        "pull_s": round(reading.time - gripped, 3),
        "peak_force_n": round(peak, 2),
    }
    if stuck is None:
        return (yield from lift(context, call, reading, found))
    # Said before the fingers move: from then on nothing may rely on their hold.
    yield Note("part_released", {"instance": call.item, "place": place_name(call)})
    reading = yield from grip(context, reading, open_width(context, context.part(call.item)), GRIP_FORCE)
    yield from straight(context, reading, reading.arm.tcp.shifted(dz=APPROACH))
    return Failed("stuck", f"{call.item} is {stuck}", found)


def pull_out(context: Context, reading: Reading, depth: float, tare: float, toothed: bool) -> Pull:
    """Draw what is held up by more than ``depth`` (m). Returns the last reading, the highest pull (N), and how it is
    stuck, if it is."""
    dt, speed = context.cell.tick_s, min(SPEED, context.cell.limits.contact_speed)
    x, y, start = reading.arm.tcp.xyz
    yaw, height, highest, stuck, peak = reading.arm.tcp.yaw, start, start, 0.0, 0.0
    for tick in range(round(PATIENCE / dt)):
        z, pull = reading.arm.tcp.xyz[2], tare - float(reading.wrench[2])
        peak = max(peak, pull)
        if z - start > depth + CLEAR:
            return reading, peak, None
        if z > highest + RISE:
            highest, stuck = z, 0.0
        stuck += dt
        # The spring's centre follows the hand sideways, so that the hole leads and nothing is held against it.
        x += 0.05 * (reading.arm.tcp.xyz[0] - x)
        y += 0.05 * (reading.arm.tcp.xyz[1] - y)
        sticks = stuck > STICKS
        phase = 2 * pi * HERTZ * (tick * dt if toothed else max(stuck - STICKS, 0.0))
        side = SIDE if sticks else 0.0
        height = min(height + speed * dt, z + PULL / DOWN)
        at = tool_down((x + side * cos(phase), y + side * sin(phase), height), yaw + TURN * sin(phase))
        reading = yield softly(at, (PUSH_STIFFNESS, PUSH_STIFFNESS, DOWN), TURNING, 2 * PULL)
    return (
        reading,
        peak,
        f"only {1000 * (highest - start):.1f} mm up, of {1000 * depth:.1f} mm, with {pull:.0f} N on it",
    )


REMOVE = Skill(
    "remove", "1.0.0", "remove", run,
    before=(Condition("empty_gripper"), Condition("base_at", "fixture")),
    after=(Condition("holding"),),
)  # fmt: skip
