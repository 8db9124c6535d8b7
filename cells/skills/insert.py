"""Insert: put the held part into a hole, or with its holes onto studs, by feel.

Approach above the estimated place; come down softly; where the rim is met, search on a spiral with a light press until
the tip drops in; then push, sideways soft, to the bottom; release; press home with closed fingers, which also says how
high the part really stands. Force *and* travel decide, never one of them.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from math import cos, pi, sin

from cells.ports import Reading
from cells.pose import Pose, tool_down
from cells.skills.contract import Call, Command, Condition, Context, Done, Failed, Note, Skill, Steps, place_name
from cells.skills.fit import Fit, plan_fit
from cells.skills.motions import APPROACH, grip, softly, spiral, straight, travel
from cells.skills.pick import GRIP_FORCE, open_width
from cells.skills.touch import touch

ABOVE = 0.005  # m between tip and rim where feeling begins
SPEED, CLOSE_SPEED = 0.025, 0.012  # m/s downwards; the second near the bottom, where the arm's mass would hit it
CLOSE = 0.003  # m above the bottom
SEARCH_PRESS, HOME = 5.0, 12.0  # N
SEARCH_STIFFNESS, SEARCH_TURNING = 1500.0, 40.0  # N/m, Nm/rad
PUSH_STIFFNESS, PUSH_TURNING = 500.0, 15.0
DOWN = 2000.0  # N/m
SPIRAL_PITCH, SPIRAL_SPEED, SPIRAL_RADIUS = 0.0006, 0.006, 0.0028  # m, m/s, m
DROP = 0.0007  # m below where the chamfer alone would let the tip go
SEATED = 0.0010  # m of missing depth at which a stop may be the bottom
SEARCH_TIME = 9.0  # s
STICKS = 0.3  # s without getting deeper after which a part is turned to and fro


@dataclass(frozen=True, slots=True)
class Push:
    """How a part is pushed down: force (N), and what it does where it sticks: a turn (rad) and a circle (m) at so many
    rounds a second, for at most so long (s)."""

    force: float = 12.0
    turn: float = 0.035
    side: float = 0.0003
    hertz: float = 1.5
    patience: float = 7.0


Phase = Generator[Command, Reading, tuple[Reading, str | None]]


def search(context: Context, reading: Reading, fit: Fit, peak: list[float]) -> Phase:
    """Come down and feel for the hole. Ends with None when the tip is in, else with what went wrong."""
    dt, fast = context.cell.tick_s, min(SPEED, context.cell.limits.contact_speed)
    tare, height, since = reading.wrench[2], reading.arm.tcp.xyz[2], 0.0
    touched, x, y = False, fit.x, fit.y
    inside = fit.rim + fit.tip - fit.chamfer - DROP
    for _ in range(round(SEARCH_TIME / dt)):
        z, push = reading.arm.tcp.xyz[2], float(reading.wrench[2] - tare)
        peak[0] = max(peak[0], push)
        if z < inside:
            return reading, None
        touched = touched or push > 0.5 * SEARCH_PRESS
        if touched:
            since += dt
            dx, dy = spiral(since, SPIRAL_PITCH, SPIRAL_SPEED)
            if dx * dx + dy * dy > SPIRAL_RADIUS**2:
                break
            x, y = fit.x + dx, fit.y + dy
        height = max(height - fast * dt, z - SEARCH_PRESS / DOWN)
        at = tool_down((x, y, height), fit.yaw)
        stiffness = (SEARCH_STIFFNESS, SEARCH_STIFFNESS, DOWN)
        reading = yield softly(at, stiffness, SEARCH_TURNING, 4 * SEARCH_PRESS)
    off, reach = 1000 * (reading.arm.tcp.xyz[2] - fit.tip - fit.rim), 1000 * SPIRAL_RADIUS
    return reading, f"no hole within {reach:.1f} mm of the estimate; the tip is {off:+.1f} mm off the rim"


def push_in(context: Context, reading: Reading, fit: Fit, how: Push, tare: float, peak: list[float]) -> Phase:
    """Push to the bottom, sideways soft; wiggle where it sticks."""
    dt, fast = context.cell.tick_s, min(SPEED, context.cell.limits.contact_speed)
    height, stuck, firm, lowest = reading.arm.tcp.xyz[2], 0.0, 0, reading.arm.tcp.xyz[2]
    x, y = reading.arm.tcp.xyz[:2]
    for _ in range(round(how.patience / dt)):
        z, push = reading.arm.tcp.xyz[2], float(reading.wrench[2] - tare)
        peak[0] = max(peak[0], push)
        missing = z - fit.tip - fit.bottom
        firm = firm + 1 if push > 0.7 * how.force and missing < SEATED else 0
        if firm >= round(0.1 / dt):
            return reading, None
        if z < lowest - 2e-4:
            lowest, stuck = z, 0.0
        stuck += dt
        # The spring's centre follows the hand sideways, so that the hole leads and nothing is held against it.
        x += 0.05 * (reading.arm.tcp.xyz[0] - x)
        y += 0.05 * (reading.arm.tcp.xyz[1] - y)
        # From where the part is: a turn that began in the middle would start with a jump, faster than the arm may be.
        rate, side = (2 * pi * how.hertz, how.side) if stuck > STICKS else (0.0, 0.0)
        phase = rate * (stuck - STICKS)
        height = max(height - (fast if missing > CLOSE else CLOSE_SPEED) * dt, z - how.force / DOWN)
        at = tool_down((x + side * cos(phase), y + side * sin(phase), height), fit.yaw + how.turn * sin(phase))
        spin = how.turn * rate * cos(phase)
        reading = yield softly(at, (PUSH_STIFFNESS, PUSH_STIFFNESS, DOWN), PUSH_TURNING, 2 * how.force, spin)
    missing = 1000 * (reading.arm.tcp.xyz[2] - fit.tip - fit.bottom)
    return reading, f"stuck {missing:.1f} mm above the bottom with {push:.0f} N on it"


def put(context: Context, call: Call, reading: Reading, how: Push) -> Steps:
    """Find the place, push in, release, press home, measure."""
    part = context.part(call.item)
    fit = plan_fit(context, call)
    start = tool_down((fit.x, fit.y, fit.rim + fit.tip + ABOVE), fit.yaw)
    reading = yield from travel(context, reading, start.shifted(dz=APPROACH / 2))
    reading = yield from straight(context, reading, start)
    tare, began, peak = float(reading.wrench[2]), reading.time, [0.0]
    reading, wrong = yield from search(context, reading, fit, peak)
    searched = reading.time - began
    cause = "not_found"
    if wrong is None:
        cause = "wedged"
        reading, wrong = yield from push_in(context, reading, fit, how, tare, peak)
    data = {
        "search_s": round(searched, 3),
        "insert_s": round(reading.time - began, 3),
        "peak_force_n": round(peak[0], 2),
    }
    if wrong is not None:
        yield from straight(context, reading, reading.arm.tcp.shifted(dz=APPROACH))
        return Failed(cause, wrong, data)
    relaxed = Pose(reading.arm.tcp.xyz, tool_down((0, 0, 0), fit.yaw).quat)
    reading = yield softly(relaxed, (PUSH_STIFFNESS, PUSH_STIFFNESS, DOWN), PUSH_TURNING, how.force)
    # Said before the fingers move: from then on nothing may rely on their hold.
    yield Note("part_released", {"instance": call.item, "place": place_name(call)})
    reading = yield from grip(context, reading, open_width(context, part), GRIP_FORCE)
    reading = yield from straight(context, reading, reading.arm.tcp.shifted(dz=part.size[2] / 2))
    middle, error = Pose.at(*relaxed.xyz[:2], fit.bottom + part.size[2], fit.yaw), 0.0
    for x, y in part.probes:
        at = (middle @ Pose.at(x, y, 0.0)).xyz
        reading, top, press = yield from touch(context, reading, at, fit.yaw, HOME)
        data["peak_force_n"] = round(max(data["peak_force_n"], peak[0], press), 2)
        reading = yield from straight(context, reading, reading.arm.tcp.shifted(dz=APPROACH / 2))
        if top is None:
            return Failed("gone", f"{call.item} is not where it was released", data)
        error = max(error, top - at[2], key=abs)
    data["height_error_m"] = round(error, 6)
    if abs(error) > SEATED:
        return Failed("not_seated", f"{call.item} stands {1000 * error:+.1f} mm off its seat", data)
    return Done(data)


def run(context: Context, call: Call, reading: Reading) -> Steps:
    """Put a part where it goes."""
    return (yield from put(context, call, reading, Push()))


INSERT = Skill(
    "insert", "1.0.0", "insert", run,
    before=(Condition("holding"), Condition("base_at", "fixture")),
    after=(Condition("empty_gripper"), Condition("at_target")),
)  # fmt: skip
