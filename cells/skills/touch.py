"""Touch-off: find a surface from above with the closed fingers and say how high it is."""

from __future__ import annotations

import math
from collections.abc import Generator

from cells.ports import Reading
from cells.pose import Pose, tool_down
from cells.skills.contract import Command, Context
from cells.skills.motions import grip, hop, softly, straight, tared, travel

ABOVE = 0.008  # m above the expected surface at which the guarded move begins
NEIGHBOUR, HERE = 0.2, 0.01  # m within which the fingers needn't go up to the travel height: once above, or below
BEYOND = 0.012  # m below the expected surface at which it gives up
SPEED = 0.015  # m/s
STIFFNESS, TURNING = 2000.0, 60.0  # N/m, Nm/rad
STEADY = 0.08  # s that the force must last
PATIENCE = 6.0  # s
SMOOTH = 0.2  # share of a new reading in what counts as felt
CLOSE_FORCE = 10.0  # N


def fingertip(context: Context) -> float:
    """Distance (m) from the tcp to the end of the fingers, along the tool."""
    return context.cell.robot_spec.gripper.pad_size[1] / 2


def touch(
    context: Context, reading: Reading, at: tuple[float, float, float], yaw: float, force: float
) -> Generator[Command, Reading, tuple[Reading, float | None, float]]:
    """Come down on ``at`` (m, world) and press with ``force`` (N).

    Returns the last reading, the height (m, world) of the surface or None where none bore that, and the peak force.
    """
    tip = fingertip(context)
    start = tool_down((at[0], at[1], at[2] + tip + ABOVE), yaw)
    aside, above = math.dist(reading.arm.tcp.xyz[:2], at[:2]), reading.arm.tcp.xyz[2] > start.xyz[2]
    beside = aside < (NEIGHBOUR if above else HERE)
    reading = yield from (hop if beside else travel)(context, reading, start.shifted(dz=0.01))
    reading = yield from grip(context, reading, 0.0, CLOSE_FORCE)
    reading = yield from straight(context, reading, start)
    reading, tare = yield from tared(context, reading)
    height, steady, peak, felt = start.xyz[2], 0, 0.0, 0.0
    low, speed = at[2] + tip - BEYOND, min(SPEED, context.cell.limits.contact_speed)
    for _ in range(round(PATIENCE / context.cell.tick_s)):
        if reading.arm.tcp.xyz[2] <= low:
            break
        z, push = reading.arm.tcp.xyz[2], float(reading.wrench[2] - tare)
        peak = max(peak, push)
        felt += SMOOTH * (push - felt)  # what lies loosely chatters
        steady = steady + 1 if felt > 0.75 * force else 0
        if steady >= round(STEADY / context.cell.tick_s):
            return reading, z - tip, peak
        height = max(height - speed * context.cell.tick_s, z - force / STIFFNESS)
        pose = Pose((at[0], at[1], height), start.quat)
        reading = yield softly(pose, (STIFFNESS, STIFFNESS, STIFFNESS), TURNING, 2 * force)
    return reading, None, peak
