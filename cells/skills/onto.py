"""Onto: put a part onto two studs one after the other, where the estimate is too poor for both at once.

The part comes leaning towards the first stud and searches for it alone, on a spiral; held there it stands up, and is
turned about that stud until the other one is found as well.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import replace

import numpy as np

from cells.control.setpoints import Compliant
from cells.ports import Reading
from cells.pose import Array, Pose
from cells.skills.contact import Contact, Phase, corrected
from cells.skills.contract import Command, Context
from cells.skills.motions import Moving, spiral, straight
from cells.skills.tilt import AIR, AIR_SPEED, leaning, lowest, tare

STIFFNESS, DOWN, TURNING = 1000.0, 2000.0, 25.0  # N/m, N/m, Nm/rad
LEAN = math.radians(3)  # more than the estimate may be off, so that the right end meets its stud first
DESCEND, PRESS = 0.008, 4.0  # m/s, N
PITCH, SPEED, MARGIN = 0.0009, 0.010, 0.0006  # m, m/s, m: of the spiral, and how far it goes beyond the error
LEVEL, SWEEP = math.radians(8), math.radians(5)  # rad/s of standing up, and of turning about the first stud
DROP = 0.0006  # m below where the chamfer alone would let an end go
BEYOND = math.radians(1)  # of turn beyond what the estimate may be off
UNSURE = 0.0006  # m of where a top is expected
OVER = math.radians(1.5)  # of lean to the other side, while the second stud is looked for
SOFT = 5.0  # Nm/rad: so soft in tilt that the part doesn't turn in the hand
HOME = 6e-4  # m of missing depth in the middle at which both ends are down
CLOSE = 0.012  # m/s near the bottom
LIMIT = 20.0  # N


Found = Generator[Command, Reading, tuple[Reading, float | str | None]]


def both(context: Context, reading: Reading, contact: Contact) -> Phase:
    """From above the studs until both are found. Ends with None then, else with what went wrong."""
    wrong: str | None = None
    studs = contact.fit.studs
    for tries, (x, y) in enumerate(studs):
        contact.tries, contact.way, far = tries, math.atan2(y, x), math.hypot(x, y)
        reading, top = yield from _find_first(context, reading, contact, far)
        if isinstance(top, str):
            wrong = top
        else:
            reading = yield from _stand_up(context, reading, contact, far)
            reading, wrong = yield from _turn(context, reading, contact, far, top)
            if wrong is None:
                return reading, None
        reading = yield from straight(context, reading, reading.arm.tcp.shifted(dz=0.01), AIR_SPEED)
    return reading, wrong


def _find_first(context: Context, reading: Reading, contact: Contact, far: float) -> Found:
    """Come down leaning and search for the nearer stud on a spiral. Ends with the height of its top (m, world), if
    that was felt, or with what went wrong."""
    fit, way, dt = contact.fit, contact.way, context.cell.tick_s
    contact.enter("lean", reading)
    contact.lean, contact.turned = LEAN + fit.lean, 0.0
    middle = (fit.x + far * math.cos(way), fit.y + far * math.sin(way))
    air = leaning(fit, (*middle, fit.rim + AIR), contact.lean, way, far)
    reading = yield from straight(context, reading, air, AIR_SPEED)
    reading = yield from tare(context, reading, contact)
    contact.enter("search", reading)
    height, since, top = fit.rim + AIR, 0.0, None
    most = fit.error * math.sqrt(2) + far * fit.twist + MARGIN
    while True:
        pace, press = contact.correction.pace, PRESS * contact.correction.press
        push, low = float(contact.felt(reading)[2]), lowest(fit, reading.arm.tcp, way, far)
        if top is None and push > 0.5 * press:
            top = float(low[2])
        if top is None and low[2] < fit.rim - 0.004:
            return reading, None  # it never bore: the stud was in the hole at once
        dx = dy = 0.0
        if top is not None:
            if low[2] < top - fit.chamfer - DROP:
                return reading, top
            since += dt * pace
            dx, dy = spiral(since, PITCH, SPEED)
            if math.hypot(dx, dy) > most:
                return reading, f"no stud within {1000 * most:.1f} mm of where the first should be"
        height = max(height - DESCEND * pace * dt, float(low[2]) - press / DOWN)
        twist = np.array([0.0, 0.0, -DESCEND * pace if top is None else 0.0, 0.0, 0.0, 0.0])
        at = leaning(fit, (middle[0] + dx, middle[1] + dy, height), contact.lean, way, far)
        reading = yield _spring(at, contact, twist)


def _stand_up(context: Context, reading: Reading, contact: Contact, far: float) -> Moving:
    """Level about the first stud, until the other end bears, too."""
    fit, way, dt = contact.fit, contact.way, context.cell.tick_s
    contact.enter("stand", reading)
    u = np.array([math.cos(way), math.sin(way), 0.0])
    while contact.lean > 0.0:
        speed = LEVEL * contact.correction.pace
        contact.lean = max(contact.lean - speed * dt, 0.0)
        contact.felt(reading)
        x, y, z = lowest(fit, reading.arm.tcp, way, far).tolist()
        rates = -speed * np.array([-u[1], u[0], 0.0])
        twist = np.concatenate([np.cross(rates, np.array(reading.arm.tcp.xyz) - (x, y, z)), rates])
        press = PRESS * contact.correction.press
        at = leaning(fit, (x, y, z - press / DOWN), contact.lean, way, far)
        reading = yield _spring(at, contact, twist, SOFT)
    return reading


def _turn(context: Context, reading: Reading, contact: Contact, far: float, top: float | None) -> Phase:
    """Turn about the first stud, whose ``top`` (m, world) was felt or not, to one side and to the other, until the
    other end has dropped below the top of the second."""
    dt, start = context.cell.tick_s, contact.fit
    most, gone = start.twist + BEYOND, 0.0
    contact.enter("slide", reading)
    fit, way = start, contact.way
    rests = float(lowest(fit, reading.arm.tcp, way + math.pi, far)[2])
    # The second's top is as much lower as the first's is higher than expected.
    expected = start.rim if top is None else 2 * start.rim - top
    if rests < expected - start.chamfer - DROP - UNSURE:
        return reading, None
    down = min(rests, expected) - start.chamfer - DROP
    while lowest(fit, reading.arm.tcp, way + math.pi, far)[2] > down:
        if gone > 3 * most:
            return reading, f"no second stud within {math.degrees(most):.1f} degrees of where it should be"
        step = SWEEP * contact.correction.pace * dt
        gone += step
        rate = (step if gone < most else -step) / dt
        contact.turned += rate * dt
        fit, way = replace(start, yaw=start.yaw + contact.turned), contact.way + contact.turned
        contact.felt(reading)
        x, y, z = lowest(fit, reading.arm.tcp, way, far).tolist()
        rates = np.array([0.0, 0.0, rate])
        twist = np.concatenate([np.cross(rates, np.array(reading.arm.tcp.xyz) - (x, y, z)), rates])
        press = PRESS * contact.correction.press
        at = leaning(fit, (x, y, z - press / DOWN), -OVER, way, far)
        reading = yield _spring(at, contact, twist, SOFT)
    contact.fit = replace(start, yaw=start.yaw + contact.turned)
    return reading, None


def _spring(pose: Pose, contact: Contact, twist: Array, tilting: float = TURNING) -> Compliant:
    stiffness = np.array([STIFFNESS, STIFFNESS, DOWN, tilting, tilting, TURNING])
    return Compliant(corrected(pose, contact), twist, stiffness, LIMIT)
