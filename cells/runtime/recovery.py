"""Motions with which the cell comes back to a step boundary: rise, empty the hand, go home. Generators, like skills."""

from __future__ import annotations

from cells.ports import Reading
from cells.skills.contract import Call, Context, Done, Failed, Note, Steps
from cells.skills.handover import discard
from cells.skills.motions import APPROACH, TRAVEL_Z, grip, home, straight
from cells.skills.pick import GRIP_FORCE, open_width
from cells.skills.place import store

REJECT_BIN = "reject_bin"
GENTLE = 0.03  # m/s: the part in hand may still be in a hole
HELD = 0.002  # m by which the opening may differ from the width of what the fingers are believed to hold


def rise(context: Context, item: str, reading: Reading) -> Steps:
    """Let go of what the gripper isn't known to hold, then straight up to travel height, gently at first.

    ``item`` is what the fingers may be around, "" if nothing; they never close on the way."""
    held = context.model().holding
    if held is None and item:
        width = max(open_width(context, context.part(item)), reading.gripper.width)
        reading = yield from grip(context, reading, width, GRIP_FORCE)
    if reading.arm.tcp.xyz[2] < TRAVEL_Z - APPROACH:
        reading = yield from straight(context, reading, reading.arm.tcp.shifted(dz=APPROACH), GENTLE)
    here = reading.arm.tcp
    if here.xyz[2] < TRAVEL_Z:
        reading = yield from straight(context, reading, here.shifted(dz=TRAVEL_Z - here.xyz[2]))
    if held is not None and abs(reading.gripper.width - context.part(held).grip.width) > HELD:
        yield Note("part_lost", {"instance": held})
        return Failed("slipped", f"{held} left the fingers while it was lifted")
    return Done()


def empty_hand(context: Context, reading: Reading) -> Steps:
    """Drop what the gripper holds, if anything, into the reject bin."""
    held = context.model().holding
    if held is None:
        return Done()
    call = Call("discard", "discard", held.rpartition("/")[0], held, REJECT_BIN, None, {}, "the hand must be empty")
    return (yield from discard(context, call, reading))


def put_back(context: Context, slot: str, reading: Reading) -> Steps:
    """Put what the gripper holds, if anything, into a tray's slot (``tray_b/3``): it may be as good as any."""
    held = context.model().holding
    if held is None:
        return Done()
    call = Call("put_back", "store", held.rpartition("/")[0], held, slot, None, {}, "others go first")
    return (yield from store(context, call, reading))


def go_home(context: Context, reading: Reading) -> Steps:
    """From travel height to where the arm rests, outside all trays."""
    yield from home(context, reading)
    return Done()
