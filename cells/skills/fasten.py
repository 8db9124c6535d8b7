"""Fasten: drive a screw home that stands in its hole, tip in the thread, with the driver beside the hand.

The hand goes down beside the unit, fingers closed, and sets the bit on the head; it presses lightly while the driver
turns, until the driver stops at its torque. Torque *and* travel decide: a head that came down as far as it should with
less torque is loose, and one that took the torque higher up is jammed.
"""

from __future__ import annotations

import math
from collections.abc import Generator

from cells.control.setpoints import Compliant
from cells.description.spindle import Spindle
from cells.errors import CellwrightError
from cells.ports import DriverReading, Reading
from cells.pose import Pose, tool_down
from cells.skills.contract import Call, Command, Condition, Context, Done, Failed, Skill, Spin, Steps
from cells.skills.fit import where_it_goes
from cells.skills.motions import APPROACH, Moving, grip, joints_for, softly, straight, travel

ABOVE = 0.008  # m over the head at which feeling begins
BELOW = 0.002  # m below a seated head at which there is none
SPEED = 0.012  # m/s downwards
CLOSE_FORCE = 10.0  # N of the fingers on each other
STIFFNESS, DOWN, TURNING = 3000.0, 2000.0, 250.0  # N/m, Nm/rad: the bit presses far from the hand's axis
STEADY = 0.06  # s that the press must last
IDLE = 3  # turns after which a screw must have gone down by half of what they should bring
PALM = 0.034  # m: what the hand needs from its axis towards the unit
ASTRAY = 0.003  # m from its hole at which a screw isn't the one that stands in it
MORE = 3  # turns beyond what should be enough


def run(context: Context, call: Call, reading: Reading) -> Steps:
    """``seat`` of the call is the height (m) above the unit's underside at which the screw's tip is when its head is
    down, ``travel`` how far it goes (m), ``torque`` what it is tightened to (Nm)."""
    spindle, part = context.cell.driver, context.part(call.item)
    if spindle is None or part.thread is None:
        return Failed("not_possible", f"{call.item} is no screw, or there is no driver")
    hand = where_the_hand_goes(context, call, spindle)
    seated = context.cell.station("fixture").pose.xyz[2] + call.params["seat"] + part.size[2]
    reading = yield from travel(context, reading, hand.shifted(dz=APPROACH))
    reading = yield from grip(context, reading, 0.0, CLOSE_FORCE)
    reading = yield from straight(context, reading, hand.shifted(dz=ABOVE))
    tare, low = float(reading.wrench[2]), seated - BELOW
    reading, found = yield from press(context, reading, hand, spindle, low, tare)
    if not found:
        yield from straight(context, reading, reading.arm.tcp.shifted(dz=APPROACH))
        return Failed("no_screw", f"no screw under the bit: nothing down to {1000 * BELOW:g} mm below a seated head")
    began = bit_height(reading, spindle)
    reading = yield Spin(spindle.max_speed, call.params["torque"])
    reading = yield from drive(context, reading, hand, spindle, part.thread.pitch, call.params["travel"])
    at, told = bit_height(reading, spindle), told_by(reading)
    reading = yield Spin(0.0, 0.0)
    yield from straight(context, reading, reading.arm.tcp.shifted(dz=APPROACH))
    return judged(call, told, began - at, at - seated)


def judged(call: Call, told: DriverReading, down: float, high: float) -> Done | Failed:
    """What it means that a screw went ``down`` by so much (m) and its head ended ``high`` above its seat (m)."""
    turns = told.turned / (2 * math.pi)
    data = {
        "torque_nm": round(told.torque, 4),
        "turns": round(turns, 3),
        "travel_m": round(down, 6),
        "height_error_m": round(high, 6),
    }
    at = f"{1000 * down:.1f} mm in {turns:.1f} turns, {told.torque:.2f} Nm"
    if abs(high) > call.params["height_tolerance"]:
        if high > 0 and not told.stalled:  # the bit has come out of its socket
            return Failed("no_advance", f"{call.item} doesn't go down, though the driver turns: {at}", data)
        short = f"{1000 * abs(high):.1f} mm {'short' if high > 0 else 'too deep'} at {told.torque:.2f} Nm"
        return Failed("not_seated", f"{call.item} is not seated: {short} ({at})", data)
    if not told.stalled:
        return Failed("loose", f"{call.item} does not tighten: {at}", data)
    return Done(data)


def where_the_hand_goes(context: Context, call: Call, spindle: Spindle) -> Pose:
    """The tcp (world) with which the bit stands on the screw's head and the hand beside the unit: of its four sides the
    one that the arm reaches with most room for its joints."""
    unit = context.locator.locate(str(call.base)).pose
    at, depth = where_it_goes(context, call)
    tip = seen_near(context, call.item, at.shifted(dz=-depth))
    head = tip.shifted(dz=context.part(call.item).size[2])  # one that leans stands up when it is pressed
    length, width, _ = context.part(str(call.base)).size
    beside = []
    for quarter in range(4):
        hand = (
            tool_down(head.xyz, math.remainder(unit.yaw + quarter * math.pi / 2, 2 * math.pi)) @ spindle.tip.inverse()
        )
        x, y, _ = (unit.inverse() @ hand).xyz
        if max(abs(x) - length / 2, abs(y) - width / 2) > PALM:
            beside.append(hand)

    def room(hand: Pose) -> float:
        try:
            joints = joints_for(context, hand, context.cell.home)
        except CellwrightError:
            return -math.inf
        return float(context.chain.limit_distance(joints).min())

    return max(beside, key=room)


def seen_near(context: Context, item: str, place: Pose) -> Pose:
    """Where a screw's tip is: the mean of where it is seen and where it should be by its hole, both as estimated; by
    its hole alone, if it is seen elsewhere or not at all."""
    try:
        seen = context.locator.locate(item).pose.xyz
    except KeyError:
        return place
    if math.dist(seen[:2], place.xyz[:2]) > ASTRAY:
        return place
    return Pose(((seen[0] + place.xyz[0]) / 2, (seen[1] + place.xyz[1]) / 2, place.xyz[2]))


def bit_height(reading: Reading, spindle: Spindle) -> float:
    """Where the bit's end is (m, world)."""
    return (reading.arm.tcp @ spindle.tip).xyz[2]


def told_by(reading: Reading) -> DriverReading:
    """What the driver tells, in a world that has one: no plan that needs one is begun in another."""
    assert reading.driver is not None
    return reading.driver


def press(
    context: Context, reading: Reading, hand: Pose, spindle: Spindle, low: float, tare: float
) -> Generator[Command, Reading, tuple[Reading, bool]]:
    """Come down until the bit presses on something, which is to be at ``low`` or above (m): whether it is."""
    height, steady = reading.arm.tcp.xyz[2], 0
    speed = min(SPEED, context.cell.limits.contact_speed)
    while bit_height(reading, spindle) > low:
        steady = steady + 1 if reading.wrench[2] - tare > 0.75 * spindle.press_n else 0
        if steady >= round(STEADY / context.cell.tick_s):
            return reading, True
        height = max(height - speed * context.cell.tick_s, reading.arm.tcp.xyz[2] - spindle.press_n / DOWN)
        reading = yield pushing(hand, height, spindle)
    return reading, False


def drive(context: Context, reading: Reading, hand: Pose, spindle: Spindle, pitch: float, way: float) -> Moving:
    """Go down its ``way`` (m) with the turning screw, pressing, until the driver stops or it makes no sense any more;
    then stand a moment, so that nothing moves when the height is read."""
    began, turn = bit_height(reading, spindle), 2 * math.pi
    told = told_by(reading)
    while not told.stalled and told.turned < (way / pitch + MORE) * turn:
        down = began - bit_height(reading, spindle)
        if told.turned > IDLE * turn and down < told.turned / turn * pitch / 2:
            break
        reading = yield pushing(hand, reading.arm.tcp.xyz[2] - spindle.press_n / DOWN, spindle)
        told = told_by(reading)
    for _ in range(round(STEADY / context.cell.tick_s)):
        reading = yield pushing(hand, reading.arm.tcp.xyz[2] - spindle.press_n / DOWN, spindle)
    return reading


def pushing(hand: Pose, height: float, spindle: Spindle) -> Compliant:
    """A spring that pulls the hand to a height (m), and stiffly to where it is to be otherwise."""
    at = Pose((*hand.xyz[:2], height), hand.quat)
    return softly(at, (STIFFNESS, STIFFNESS, DOWN), TURNING, 3 * spindle.press_n)


FASTEN = Skill(
    "fasten", "1.0.0", "fasten", run,
    before=(Condition("empty_gripper"), Condition("at_target"), Condition("base_at", "fixture")),
    drives=True, again=frozenset({"no_advance"}),
)  # fmt: skip
