"""Insert: put the held part into a hole, or with its holes onto studs, by feel.

Approach above the estimated place; come down softly; where the rim is met, search on a spiral with a light press until
the tip drops in; then push, sideways soft, to the bottom; release; press home with closed fingers, which also says how
high the part really stands. Force *and* travel decide, never one of them. A hole with a sharp rim, one that may lean,
and one that may be farther off than the search reaches is found by tilting the part: see :mod:`cells.skills.tilt`.
Studs that aren't found all at once are found one after the other: see :mod:`cells.skills.onto`.
"""

from __future__ import annotations

from dataclasses import replace
from math import cos, hypot, pi, sin

import numpy as np

from cells.ports import Reading
from cells.pose import Array, Pose, tool_down
from cells.skills.contact import Contact, Phase, corrected, guided
from cells.skills.contract import Call, Condition, Context, Done, Failed, Note, Skill, Steps, place_name
from cells.skills.contracts import TILT_NOMINAL, nominal_of
from cells.skills.fit import Fit, leans, one_by_one, plan_fit
from cells.skills.motions import APPROACH, Moving, grip, softly, spiral, straight, travel
from cells.skills.onto import CLOSE as CLOSE_ON_STUDS
from cells.skills.onto import HOME as HOME_ON_STUDS
from cells.skills.onto import SOFT, both
from cells.skills.pick import GRIP_FORCE, open_width
from cells.skills.policy import Contract, Policy
from cells.skills.push import MORE, SEATED, SLACK, TURNING, Push
from cells.skills.tilt import Tilt, find_and_push
from cells.skills.touch import touch
from cells.skills.tunable import tuned

ABOVE = 0.005  # m between tip and rim where feeling begins
CLOSE = 0.003  # m above the bottom, from where a part is pushed slowly
HOME = 12.0  # N
SEARCH_STIFFNESS, SEARCH_TURNING = 1500.0, 40.0  # N/m, Nm/rad
PUSH_STIFFNESS = 500.0
DOWN = 2000.0  # N/m
SPIRAL_PITCH, SPIRAL_RADIUS = 0.0006, 0.0028  # m
NEAR = 0.0015  # m above the rim, from where a part comes down slowly
DROP = 0.0007  # m below where the chamfer alone would let the tip go
CAUGHT = 0.0003  # m by which the tip drops where the hole begins
SEARCH_TIME = 9.0  # s
AWAY, GENTLE = 0.012, 0.03  # m, m/s: up from studs that the part may be on in part
SHORT = 2.5  # s in which a part is down on all its studs, or won't be
STICKS = 0.3  # s without getting deeper after which a part is turned to and fro


def above(fit: Fit) -> Pose:
    """The tcp (world) from which a joining begins."""
    return tool_down((fit.x, fit.y, fit.rim + fit.tip + ABOVE), fit.yaw)


def join(context: Context, reading: Reading, contact: Contact, how: Push, tilt: Tilt | None = None) -> Phase:
    """From above the rim to the bottom, a leaning part as ``tilt`` says. Ends with None when the part is pushed home,
    else with what went wrong."""
    contact.tare = reading.wrench.copy()
    if leans(contact.fit):
        return (yield from find_and_push(context, reading, contact, tilt or Tilt()))
    if contact.fit.studs:
        return (yield from _onto_studs(context, reading, contact, how))
    return (yield from _search_and_push(context, reading, contact, how))


def _search_and_push(context: Context, reading: Reading, contact: Contact, how: Push) -> Phase:
    reading, wrong = yield from search(context, reading, contact, how)
    if wrong is None:
        reading, wrong = yield from push_in(context, reading, contact, how)
    return reading, wrong


def _onto_studs(context: Context, reading: Reading, contact: Contact, how: Push) -> Phase:
    """All at once, where the estimate is good enough for that; one after the other, where it isn't, or it didn't do."""
    how = replace(how, turning=SOFT, seated=HOME_ON_STUDS)
    if not one_by_one(contact.fit):
        reading, wrong = yield from _search_and_push(context, reading, contact, replace(how, patience=SHORT))
        if wrong is None:
            return reading, None
        # The search doesn't turn: that the part is off in yaw may be why some stud isn't found, or none.
        reading = yield from straight(context, reading, reading.arm.tcp.shifted(dz=AWAY), GENTLE)
    reading, wrong = yield from both(context, reading, contact)
    if wrong is None:
        reading, wrong = yield from push_in(context, reading, contact, replace(how, close=CLOSE_ON_STUDS))
    return reading, wrong


def suited(context: Context, call: Call, fit: Fit) -> Policy | None:
    """The policy for this call, if the cell works with one that was made for the strategy that it takes."""
    policy = context.policy_for(call)
    return policy if policy is not None and policy.contract.nominal == nominal_of(call.skill, fit) else None


def improved(context: Context, call: Call, reading: Reading, contact: Contact, how: Push) -> Phase:
    """Join, as the policy for it has it, if there is one."""
    policy = suited(context, call, contact.fit)
    if policy is None:
        return (yield from join(context, reading, contact, how))
    if policy.contract.kind == "parameters":
        return (yield from join(context, reading, contact, *tuned_as(policy.contract, policy.act(np.zeros(0)), how)))
    steps = join(context, reading, contact, how)
    return (yield from guided(steps, contact, policy, context.cell.clocks.policy_every))


def tuned_as(contract: Contract, values: Array, how: Push) -> tuple[Push, Tilt | None]:
    """What :func:`join` takes, with the constants (n,) of a policy of kind ``parameters`` under its ``contract``."""
    if contract.nominal == TILT_NOMINAL:
        return how, tuned(Tilt(), values, contract.action)
    return tuned(how, values, contract.action), None


def search(context: Context, reading: Reading, contact: Contact, how: Push) -> Phase:
    """Come down and feel for the hole. Ends with None when the tip is in, else with what went wrong."""
    fit, dt, fast = contact.fit, context.cell.tick_s, min(how.speed, context.cell.limits.contact_speed)
    height, since = reading.arm.tcp.xyz[2], 0.0
    touched, level, middle = False, height, np.array([fit.x, fit.y])
    x, y = middle
    inside = fit.rim + fit.tip - fit.chamfer - DROP
    contact.enter("search", reading)
    for _ in range(round(SEARCH_TIME / dt)):
        z, push, did = reading.arm.tcp.xyz[2], float(contact.felt(reading)[2]), contact.correction
        if z < inside:
            return reading, None
        if touched and z < level - CAUGHT:
            # The chamfer has led the tip in, and its upper edge may rest on the rim: the hole is right here.
            level, since, middle = z, 0.0, np.array(reading.arm.tcp.xyz[:2])
        if not touched and push > 0.5 * how.press:
            touched, level = True, z
        if touched:
            since += did.pace * dt
            offset = spiral(since, SPIRAL_PITCH, how.glide)
            if hypot(*offset) > SPIRAL_RADIUS:
                break
            x, y = middle + offset
        press = did.press * how.press
        # No more strain than the rim resists, and a little: it would be let loose where the hole begins, and throw the
        # part onto its chamfer.
        strain = min(press, max(push, 0.0) + how.more) if touched else press
        speed = fast if touched or z > fit.rim + fit.tip + NEAR else min(fast, how.slow)
        speed *= did.pace
        height = max(height - speed * dt, z - strain / DOWN)
        stiffness = (SEARCH_STIFFNESS, SEARCH_STIFFNESS, DOWN)
        at = corrected(tool_down((x, y, height), fit.yaw), contact)
        reading = yield softly(at, stiffness, SEARCH_TURNING, 4 * press, sink=0.0 if touched else speed)
    off, far = 1000 * (reading.arm.tcp.xyz[2] - fit.tip - fit.rim), 1000 * SPIRAL_RADIUS
    return reading, f"no hole within {far:.1f} mm of the estimate; the tip is {off:+.1f} mm off the rim"


def push_in(context: Context, reading: Reading, contact: Contact, how: Push) -> Phase:
    """Push to the bottom, sideways soft; wiggle where it sticks."""
    fit, dt, fast = contact.fit, context.cell.tick_s, min(how.sink, context.cell.limits.contact_speed)
    height, stuck, firm, lowest = reading.arm.tcp.xyz[2], 0.0, 0, reading.arm.tcp.xyz[2]
    x, y = reading.arm.tcp.xyz[:2]
    phase = kept = 0.0
    contact.enter("push", reading)
    for _ in range(round(how.patience / dt)):
        z, push, did = reading.arm.tcp.xyz[2], float(contact.felt(reading)[2]), contact.correction
        missing, force = z - fit.tip - fit.bottom, did.press * how.force
        firm = firm + 1 if push > 0.7 * force and missing < how.seated else 0
        if firm >= round(0.1 / dt):
            if how.keeps:
                contact.fit = replace(fit, yaw=fit.yaw + how.turn * sin(phase))
            return reading, None
        if z < lowest - 2e-4:
            lowest, stuck, kept = z, 0.0, phase if how.keeps else 0.0
        stuck += dt
        # The spring's centre follows the hand sideways, so that the hole leads and nothing is held against it.
        x += 0.05 * (reading.arm.tcp.xyz[0] - x)
        y += 0.05 * (reading.arm.tcp.xyz[1] - y)
        # From where the part is: a turn that began in the middle would start with a jump, faster than the arm may be.
        rate, side = (2 * pi * how.hertz, how.side) if stuck > STICKS else (0.0, 0.0)
        phase = kept + rate * (stuck - STICKS)
        speed, aside = (fast, how.aside / PUSH_STIFFNESS) if missing > CLOSE else (how.close, 0.0)
        speed *= did.pace
        # No more strain than what is resisted, and a little: a part that sinks freely would run ahead of its speed, and
        # hit the bottom.
        strain = min(force, max(push, 0.0) + MORE)
        height = max(min(height, z + SLACK) - speed * dt, z - strain / DOWN)
        ax, ay = x + aside * cos(how.bearing), y + aside * sin(how.bearing)
        at = tool_down((ax + side * cos(phase), ay + side * sin(phase), height), fit.yaw + how.turn * sin(phase))
        spin, stiffness = how.turn * rate * cos(phase), (PUSH_STIFFNESS, PUSH_STIFFNESS, DOWN)
        sink = speed if push < force / 2 else 0.0
        reading = yield softly(corrected(at, contact), stiffness, how.turning, 2 * force, spin, sink)
    missing = 1000 * (reading.arm.tcp.xyz[2] - fit.tip - fit.bottom)
    return reading, f"stuck {missing:.1f} mm above the bottom with {push:.0f} N on it"


def let_go(context: Context, call: Call, reading: Reading, fit: Fit, force: float) -> Moving:
    """Relax, so that nothing is under strain, and open the fingers."""
    here, upright = reading.arm.tcp, tool_down((0.0, 0.0, 0.0), fit.yaw)
    reading = yield softly(
        here if leans(fit) else Pose(here.xyz, upright.quat),
        (PUSH_STIFFNESS, PUSH_STIFFNESS, DOWN),
        TURNING,
        force,
    )
    # Said before the fingers move: from then on nothing may rely on their hold.
    yield Note("part_released", {"instance": call.item, "place": place_name(call)})
    return (yield from grip(context, reading, open_width(context, context.part(call.item)), GRIP_FORCE))


def put(context: Context, call: Call, reading: Reading, how: Push) -> Steps:
    """Find the place, push in, release, press home, measure."""
    part = context.part(call.item)
    contact = Contact(plan_fit(context, call))
    fit = contact.fit
    reading = yield from travel(context, reading, above(fit).shifted(dz=APPROACH / 2))
    reading = yield from straight(context, reading, above(fit))
    began = reading.time
    reading, wrong = yield from improved(context, call, reading, contact, how)
    peak = contact.peak
    data: dict[str, float | str] = {"insert_s": round(reading.time - began, 3), "peak_force_n": round(peak, 2)}
    if policy := suited(context, call, fit):
        data["policy"] = policy.name
    if wrong is not None:
        yield from straight(context, reading, reading.arm.tcp.shifted(dz=APPROACH))
        return Failed("wedged" if contact.phase == "push" else "not_found", wrong, data)
    x, y, _ = reading.arm.tcp.xyz
    fit = contact.fit  # as the joining has found it
    reading = yield from let_go(context, call, reading, fit, how.force)
    reading = yield from straight(context, reading, reading.arm.tcp.shifted(dz=part.size[2] / 2))
    middle, error = Pose.at(x, y, fit.bottom + part.size[2], fit.yaw), 0.0
    for dx, dy in part.probes:
        at = (middle @ Pose.at(dx, dy, 0.0)).xyz
        reading, top, press = yield from touch(context, reading, at, fit.yaw, HOME)
        peak = max(peak, press)
        data["peak_force_n"] = round(peak, 2)
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
