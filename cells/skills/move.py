"""Move: bring the arm above a station, or home, with whatever it holds."""

from __future__ import annotations

from cells.ports import Reading
from cells.pose import Pose, tool_down
from cells.skills.contract import Call, Context, Done, Skill, Steps
from cells.skills.motions import TRAVEL_Z, home, straight, travel


def run(context: Context, call: Call, reading: Reading) -> Steps:
    """``target`` is a station, or "home"."""
    if call.target == "home":
        here = reading.arm.tcp
        if here.xyz[2] < TRAVEL_Z - 0.01:
            reading = yield from straight(context, reading, Pose((*here.xyz[:2], TRAVEL_Z), here.quat))
        yield from home(context, reading)
        return Done()
    station = context.cell.station(str(call.target))
    x, y, _ = station.pose.xyz
    yield from travel(context, reading, tool_down((x, y, TRAVEL_Z), station.pose.yaw))
    return Done()


MOVE = Skill("move", "1.0.0", "move", run)
