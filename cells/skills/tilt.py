"""Tilt: find a hole that has a sharp rim, and put a part into it, by leaning the part on the hole's far wall.

A part held upright passes over a sharp rim without dropping in, as soon as it or the hole leans by a few degrees. So
the part comes leaning, its lowest point inside the hole whatever the error of the estimate; it slides until that point
meets the far wall, which tells where the hole is; it stands up against the wall; and goes in with the hand following
where the hole leads, sideways and in tilt.

An attempt that fails leaves what it found to the next one: a slide that passed beside the hole's middle, by how it was
pushed aside. What has left the hole again is given up before it comes to another one.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, replace

import numpy as np

from cells.control.setpoints import Compliant
from cells.ports import Reading
from cells.pose import Array, Pose, Vector3, tool_down
from cells.skills.contact import Contact, Phase, about, corrected, tilt_of
from cells.skills.contract import Command, Context
from cells.skills.fit import Fit
from cells.skills.motions import TARE_TIME, Moving, straight
from cells.skills.push import MORE, SEATED, SLACK
from cells.skills.tunable import space

STIFFNESS, DOWN, TURNING = 800.0, 2000.0, 25.0  # N/m, N/m, Nm/rad
NEARLY, DROPPED = math.radians(1.2), 0.0004  # rad of lean at which the middle of what stands in a hole is so deep (m)
INSIDE = 0.0015  # m of depth from which the hole holds the part
ASTRAY = 0.004  # m beside the hole at which what isn't inside has left it: on it goes to the next hole
REST = 0.6  # s for which what may be on the bottom rests, so that the press can grow, before it circles there too
LIMIT = 20.0  # N of the spring, until the part is pushed in
AIR = 0.002  # m above the rim at which feeling begins
BACK = 0.012  # m above the rim to which a failed attempt goes back
TOUCHED = 0.0008  # m: the error of what has been found by touch
AIR_SPEED = 0.15  # m/s
MARGIN = 0.0015  # m by which the low point stays inside the hole, whatever the error
SLIDE_TIME = 2.0  # s
STILL, STILL_TIME = 0.002, 0.048  # m/s along the slide, s: so slow for so long, the low point leans on the wall
ROUND, ROUND_RAMP = 10.0, 0.7  # rad/s of the circle where it sticks, s until it has its size
TURN, TURN_RAMP = 8.2, 0.35  # rad/s of the turn to and fro of something square, s
LITTLE = 0.5  # N by which a push grows beyond what resists it near the bottom
MOMENT = 0.02  # s over which the mean of what resists it is taken on the bottom
RAMP = 0.1  # s in which a slide gets up speed


@dataclass(frozen=True, slots=True)
class Tilt:
    """The constants of the strategy: angles rad, forces N, speeds m/s and rad/s, rates 1/s, times s."""

    lean: float = math.radians(13)
    descend: float = 0.006
    touch: float = 2.4
    press: float = 3.0
    glide: float = 0.04
    slide: float = 6.0
    stand: float = math.radians(29)
    enter: float = 8.0
    push: float = 12.0
    sink: float = 0.025
    close: float = 0.006
    follow: float = 7.4
    give_way: float = 12.5
    leak: float = 1.0
    swing: float = math.radians(4.6)
    cone: float = math.radians(2.9)
    yaw: float = math.radians(4.5)
    back: float = math.radians(3)
    spin: float = math.radians(25)
    idle: float = 0.2
    patience: float = 1.1


# What may be tuned, and how far: how fast and how hard it goes. How it searches, gives way and turns back stays, as it
# decides whether an attempt ends well at all, which takes more episodes to tell than a search has.
_RANGES: dict[str, tuple[str, float, float]] = {
    "lean": ("rad", 0.18, 0.28), "descend": ("m/s", 0.005, 0.025), "touch": ("N", 1.5, 4.0), "press": ("N", 2.0, 5.0),
    "glide": ("m/s", 0.02, 0.08), "slide": ("N", 4.0, 8.0), "enter": ("N", 4.0, 12.0), "push": ("N", 6.0, 16.0),
    "sink": ("m/s", 0.010, 0.080), "close": ("m/s", 0.003, 0.020),
}  # fmt: skip
PARAMETERS = space(_RANGES, "the tilt strategy")


Found = Generator[Command, Reading, tuple[Reading, tuple[float, float] | str]]


def find_and_push(context: Context, reading: Reading, contact: Contact, how: Tilt) -> Phase:
    """From above the rim to the bottom. Ends with None when it is pushed home, else with what went wrong."""
    start, wrong = contact.fit, None
    for tries, way in enumerate(ways(start)):
        contact.tries, contact.way = tries, way
        reading, found = yield from _lean_on(context, reading, contact, how)
        if isinstance(found, str):
            wrong = found
        else:
            before = contact.fit
            contact.fit = replace(before, x=found[0], y=found[1], error=TOUCHED)
            reading = yield from _stand_up(context, reading, contact, how)
            reading, wrong = yield from _go_in(context, reading, contact, how)
            if wrong is None:
                return reading, None
            if start.rim + start.tip - reading.arm.tcp.xyz[2] < INSIDE:
                contact.fit = before  # what was taken for a wall of the hole wasn't one
        here = reading.arm.tcp.xyz
        up = tool_down((here[0], here[1], start.rim + start.tip + BACK), start.yaw)
        reading = yield from straight(context, reading, up, AIR_SPEED)
    return reading, wrong


def ways(fit: Fit) -> list[float]:
    """The directions (rad, world) in which a part leans, one attempt after the other; a square one leads with a
    corner."""
    first = fit.yaw if fit.round else fit.yaw + math.pi / 4
    return [first + quarter * math.pi / 2 for quarter in (0, 2, 1, 3, 0, 2)]


def ahead(fit: Fit) -> float:
    """How far (m) before the hole's middle, as estimated, the low point comes down: inside the hole, whatever the error
    of the estimate."""
    return min(max(reach(fit, fit.width) - fit.error - MARGIN, 0.0), fit.error)


def reach(fit: Fit, width: float) -> float:
    """From the axis to the lowest point of something of a ``width`` (m) that leans."""
    return width / 2 if fit.round else width / math.sqrt(2)


def tip_reach(fit: Fit) -> float:
    """From a part's axis to the lowest point of its tip when it leans."""
    return reach(fit, fit.width - 2 * fit.chamfer)


def leaning(fit: Fit, low: Vector3, lean: float, way: float, far: float) -> Pose:
    """The tcp (world) of a part that leans by ``lean`` so that the point of its underside which is ``far`` (m) from its
    axis in the direction ``way``, its lowest, is at ``low``."""
    turn = about(-lean * math.sin(way), lean * math.cos(way))
    offset = (turn @ Pose((-far * math.cos(way), -far * math.sin(way), fit.tip))).xyz
    x, y, z = (a + b for a, b in zip(low, offset, strict=True))
    return Pose((x, y, z), (turn @ tool_down((0.0, 0.0, 0.0), fit.yaw)).quat)


def lowest(fit: Fit, tcp: Pose, way: float, far: float) -> Array:
    """Where (3,) the point of a part's underside that is ``far`` from its axis in the direction ``way`` is (world)."""
    upright = tool_down((0.0, 0.0, 0.0), fit.yaw)
    return np.array((tcp @ upright.inverse() @ Pose((far * math.cos(way), far * math.sin(way), -fit.tip))).xyz)


def spring(pose: Pose, contact: Contact, limit: float, twist: Array | None = None) -> Compliant:
    """The spring at a pose, with the correction that stands."""
    stiffness = np.array([STIFFNESS, STIFFNESS, DOWN, TURNING, TURNING, TURNING])
    return Compliant(corrected(pose, contact), np.zeros(6) if twist is None else twist, stiffness, limit)


def tare(context: Context, reading: Reading, contact: Contact) -> Moving:
    """Take what the wrist feels in the air, once the arm has come to rest, for nothing."""
    felt = []
    for _ in range(round(TARE_TIME / context.cell.tick_s)):
        reading = yield None
        felt.append(reading.wrench)
    contact.tare = np.mean(felt[len(felt) // 2 :], axis=0)
    return reading


def _lean_on(context: Context, reading: Reading, contact: Contact, how: Tilt) -> Found:
    """Come down leaning, slide until the low point meets the wall. Ends with where the hole's middle then is."""
    reading, wrong = yield from _touch_down(context, reading, contact, how)
    if wrong is not None:
        return reading, wrong
    return (yield from _slide(context, reading, contact, how))


def _touch_down(context: Context, reading: Reading, contact: Contact, how: Tilt) -> Phase:
    """Lean in the air, the low point above where it is inside the hole in any case, and come down until it bears."""
    fit, way, far, dt = contact.fit, contact.way, tip_reach(contact.fit), context.cell.tick_s
    contact.enter("lean", reading)
    contact.lean, contact.turned = how.lean, 0.0
    x, y, height = fit.x + ahead(fit) * math.cos(way), fit.y + ahead(fit) * math.sin(way), fit.rim + AIR
    air = leaning(fit, (x, y, height), how.lean, way, far)
    reading = yield from straight(context, reading, air, AIR_SPEED * contact.correction.pace)
    reading = yield from tare(context, reading, contact)
    contact.enter("touch", reading)
    speed = min(how.descend, context.cell.limits.contact_speed)
    while contact.felt(reading)[2] < how.touch * contact.correction.press:
        if height < fit.bottom - how.touch / DOWN:
            return reading, "nothing there to touch"
        pace = speed * contact.correction.pace
        height = max(height - pace * dt, float(lowest(fit, reading.arm.tcp, way, far)[2]) - 2 * how.touch / DOWN)
        twist = np.array([0.0, 0.0, -pace, 0.0, 0.0, 0.0])
        reading = yield spring(leaning(fit, (x, y, height), how.lean, way, far), contact, LIMIT, twist)
    return reading, None


def _slide(context: Context, reading: Reading, contact: Contact, how: Tilt) -> Found:
    """Slide the low point along until it leans on a wall."""
    fit, way, far, dt = contact.fit, contact.way, tip_reach(contact.fit), context.cell.tick_s
    speed = min(how.descend, context.cell.limits.contact_speed)
    u = np.array([math.cos(way), math.sin(way), 0.0])
    contact.enter("slide", reading)
    begin = last = lowest(fit, reading.arm.tcp, way, far)
    gone, leaned, height = 0.0, 0, float(begin[2])
    most = reach(fit, fit.hole) - ahead(fit) + 2 * fit.error
    while reading.time - contact.since < SLIDE_TIME:
        here, press = lowest(fit, reading.arm.tcp, way, far), contact.correction.press
        along, against = float((here - begin) @ u), -float(contact.felt(reading)[:3] @ u)
        still = float((here - last) @ u) < STILL * dt
        leaned, last = leaned + 1 if still and against > 0.8 * how.slide * press else 0, here
        if leaned >= round(STILL_TIME / dt):
            x, y, _ = (here - u * reach(fit, fit.hole)).tolist()
            return reading, (x, y)
        if along > most:
            # It passed the hole beside the middle; what it met of the rim pushed it aside, towards the middle.
            aside = float((here - begin) @ np.array([-u[1], u[0], 0.0]))
            contact.fit = replace(fit, x=fit.x - aside * u[1], y=fit.y + aside * u[0])
            return reading, f"the tip slid {1000 * along:.1f} mm and met no wall"
        pace = how.glide * contact.correction.pace * min(1.0, (reading.time - contact.since) / RAMP)
        gone = min(max(gone, along - 0.001) + pace * dt, along + how.slide * press / STIFFNESS)
        x, y, z = (here + u * (gone - along)).tolist()
        # What has bounced off the rim comes down again no faster than it came.
        height = max(height - speed * contact.correction.pace * dt, z - how.press * press / DOWN)
        twist = np.zeros(6)
        if against < how.slide / 3:
            twist[:3] = pace * u
        at = leaning(fit, (x, y, height), how.lean, way, far)
        reading = yield spring(at, contact, LIMIT, twist)
    return reading, "the tip neither slid on nor leaned on a wall"


def _stand_up(context: Context, reading: Reading, contact: Contact, how: Tilt) -> Moving:
    """Turn upright about the low point, held against the wall. Something square that doesn't sink in while it stands
    up is turned a little, and stands up again."""
    contact.enter("stand", reading)
    guesses = (0.0,) if contact.fit.round else [k * how.yaw for k in (0, 0.5, -0.5, 1, -1)]
    for guess in guesses:
        if guess:
            reading = yield from _pivot(context, reading, contact, how, NEARLY + how.back, contact.turned)
            reading = yield from _pivot(context, reading, contact, how, NEARLY + how.back, guess)
        reading = yield from _pivot(context, reading, contact, how, NEARLY, contact.turned)
        if contact.fit.rim + contact.fit.tip - reading.arm.tcp.xyz[2] > DROPPED:
            break
    return (yield from _pivot(context, reading, contact, how, 0.0, contact.turned))


def _pivot(context: Context, reading: Reading, contact: Contact, how: Tilt, lean: float, turned: float) -> Moving:
    """Turn about the low point, which is held against the wall, until the part leans by ``lean`` and is ``turned``."""
    dt = context.cell.tick_s
    while (lean, turned) != (contact.lean, contact.turned):
        pace, press = contact.correction.pace, contact.correction.press
        before = contact.lean, contact.turned
        contact.lean = _towards(contact.lean, lean, how.stand * pace * dt)
        contact.turned = _towards(contact.turned, turned, how.spin * pace * dt)
        fit, way = replace(contact.fit, yaw=contact.fit.yaw + contact.turned), contact.way + contact.turned
        u = np.array([math.cos(way), math.sin(way), 0.0])
        contact.felt(reading)
        here = lowest(fit, reading.arm.tcp, way, tip_reach(fit))
        x, y, z = (here + u * (how.slide * press / 2 / STIFFNESS)).tolist()
        rates = (contact.lean - before[0]) / dt * np.array([-u[1], u[0], 0.0])
        rates[2] = (contact.turned - before[1]) / dt
        twist = np.concatenate([np.cross(rates, np.array(reading.arm.tcp.xyz) - here), rates])
        at = leaning(fit, (x, y, z - how.press * press / DOWN), contact.lean, way, tip_reach(fit))
        reading = yield spring(at, contact, LIMIT, twist)
    return reading


def _towards(now: float, goal: float, most: float) -> float:
    """One step towards a goal."""
    return goal if abs(goal - now) <= most else now + math.copysign(most, goal - now)


def _go_in(context: Context, reading: Reading, contact: Contact, how: Tilt) -> Phase:
    """Push to the bottom; sideways and in tilt the hand follows where the hole leads, and circles where it sticks."""
    fit, way, dt = contact.fit, contact.way, context.cell.tick_s
    contact.enter("push", reading)
    x, y, height = reading.arm.tcp.xyz
    lowest_yet, stuck, firm, borne, tilt, yaw = height, 0.0, 0, 0.0, np.zeros(2), contact.turned
    while stuck < how.patience:
        tcp, did = reading.arm.tcp, contact.correction
        missing, depth = tcp.xyz[2] - fit.tip - fit.bottom, fit.rim - tcp.xyz[2] + fit.tip
        force = did.press * (how.push if depth > 2 * INSIDE else how.enter)
        push = float(contact.felt(reading)[2])
        firm = firm + 1 if push > 0.7 * force and missing < SEATED else 0
        if firm >= round(0.1 / dt):
            return reading, None
        if depth < INSIDE and math.hypot(tcp.xyz[0] - fit.x, tcp.xyz[1] - fit.y) > ASTRAY:
            return reading, f"the tip left the hole again, {1000 * depth:.1f} mm deep"
        if tcp.xyz[2] < lowest_yet - 1e-4:
            lowest_yet, stuck = tcp.xyz[2], 0.0
        stuck += dt
        x, y = x + how.follow * dt * (tcp.xyz[0] - x), y + how.follow * dt * (tcp.xyz[1] - y)
        tilt = tilt + how.give_way * dt * (np.array(tilt_of(tcp, fit)) - tilt)
        tilt *= min(1.0, how.swing / max(float(np.hypot(*tilt)), 1e-9))
        swung = tilt
        idle = how.idle if missing > SEATED else REST
        if stuck > idle:
            tilt, since = tilt * (1 - how.leak * dt), stuck - idle
            angle, size = ROUND * since, how.cone * min(1.0, since / ROUND_RAMP)
            swung = tilt + size * np.array([math.cos(angle), math.sin(angle)])
            if not fit.round:
                yaw = contact.turned + how.yaw * min(1.0, since / TURN_RAMP) * math.sin(TURN * since)
        speed = did.pace * (how.sink if missing > SEATED + INSIDE else how.close)
        # No more strain than what is resisted, and a little: else it would be let loose where the resistance ends. On
        # the bottom for a moment, as there the press is to grow, and not to follow each tremble.
        borne += (push - borne) * (1.0 if missing > SEATED else min(1.0, dt / MOMENT))
        strain = min(force, max(borne, 0.0) + (MORE if missing > SEATED + INSIDE else LITTLE))
        height = max(min(height, tcp.xyz[2] + SLACK) - speed * dt, tcp.xyz[2] - strain / DOWN)
        twist = np.array([0.0, 0.0, -speed if push < force / 2 else 0.0, 0.0, 0.0, 0.0])
        lead = 0.5 * how.slide * did.press / STIFFNESS if depth < INSIDE else 0.0
        turned = about(*swung) @ tool_down((0.0, 0.0, 0.0), fit.yaw + yaw)
        at = Pose((x + lead * math.cos(way), y + lead * math.sin(way), height), turned.quat)
        reading = yield spring(at, contact, 2 * force, twist)
    return reading, f"stuck {1000 * missing:.1f} mm above the bottom with {push:.0f} N on it"
