"""Move: bring the arm above a station, or home, with whatever it holds."""

from __future__ import annotations

from cells.kinematics import trajectory as motion
from cells.ports import Reading
from cells.pose import Pose, tool_down
from cells.skills.contract import Call, Context, Done, Skill, Steps
from cells.skills.motions import TRAVEL_Z, follow, straight, travel


def run(context: Context, call: Call, reading: Reading) -> Steps:
    """``target`` is a station, or "home"."""
    if call.target == "home":
        here = reading.arm.tcp
        if here.xyz[2] < TRAVEL_Z - 0.01:
            reading = yield from straight(context, reading, Pose((*here.xyz[:2], TRAVEL_Z), here.quat))
        cell = context.cell
        back = motion.point_to_point(
            context.chain, reading.arm.q_cmd, cell.home, cell.limits.speed_scale, cell.tick_s, cell.limits.tcp_speed
        )
        yield from follow(context, back, reading)
        return Done()
    station = context.cell.station(str(call.target))
    x, y, _ = station.pose.xyz
    yield from travel(context, reading, tool_down((x, y, TRAVEL_Z), station.pose.yaw))
    return Done()


MOVE = Skill("move", "1.0.0", "move", run)
