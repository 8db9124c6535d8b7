"""Moves that skills are made of: travel through free space, move softly, close and open the gripper.

Each is a generator that takes the reading it starts from and returns the reading it ended with.
"""

from __future__ import annotations

import math
from collections.abc import Generator

import numpy as np

from cells.control.setpoints import Compliant, Segment, Trajectory
from cells.control.verify import OPERATOR_SPEED
from cells.errors import CellwrightError, Problem
from cells.kinematics import planning
from cells.kinematics import trajectory as motion
from cells.ports import Reading
from cells.pose import Array, Pose
from cells.skills.contract import Command, Context, Grasp

Moving = Generator[Command, Reading, Reading]

TRAVEL_Z = 0.22  # m above the bench: tool height at which nothing of the cell is in the way
APPROACH = 0.06  # m above a grip or a rim at which a straight approach begins
LINE_SPEED, LINE_ACCELERATION = 0.25, 1.5  # m/s, m/s² of straight moves in free space
SETTLE = 0.06  # s that fingers must be still
TARE_TIME = 0.08  # s, of which the second half counts: braking feels like weight


def joints_for(context: Context, pose: Pose, near: Array) -> Array:
    """Joints (n,) that put the tcp at ``pose`` (world frame), searched from ``near`` (from home: a known posture)."""
    target = context.cell.base_pose.inverse().matrix() @ pose.matrix()
    q, ok = context.chain.solve(target, near)
    if not ok:
        x, y, z = (round(1000 * v) for v in pose.xyz)
        where = f"tool at ({x}, {y}, {z}) mm"
        raise CellwrightError(Problem(where, "the arm does not reach it", "move the station within the arm's reach"))
    return q


def follow(context: Context, trajectory: Trajectory, reading: Reading) -> Moving:
    """Hand a whole motion over and wait for its end."""
    if trajectory.duration <= 0:
        return reading
    reading = yield Segment(trajectory)
    while reading.arm.busy:
        reading = yield None
    return reading


def straight(
    context: Context, reading: Reading, pose: Pose, speed: float = LINE_SPEED, acceleration: float = LINE_ACCELERATION
) -> Moving:
    """Move the tcp on a straight line to ``pose`` (world frame), slowly if it comes near a person."""
    target = context.cell.base_pose.inverse().matrix() @ pose.matrix()
    line = motion.line(context.chain, reading.arm.q_cmd, target, speed, acceleration, dt=context.cell.tick_s)
    if speed > OPERATOR_SPEED and context.proof.hurries(line):
        line = motion.line(
            context.chain, reading.arm.q_cmd, target, OPERATOR_SPEED, acceleration, dt=context.cell.tick_s
        )
    return (yield from follow(context, line, reading))


def travel(
    context: Context, reading: Reading, pose: Pose, speed: float = LINE_SPEED, acceleration: float = LINE_ACCELERATION
) -> Moving:
    """Go up, across and down to ``pose`` (world frame): free of everything below the travel height."""
    cell = context.cell
    here = reading.arm.tcp
    if here.xyz[2] < TRAVEL_Z - 0.01:
        up = Pose((*here.xyz[:2], TRAVEL_Z), here.quat)
        reading = yield from straight(context, reading, up, speed, acceleration)
    above = Pose((*pose.xyz[:2], max(TRAVEL_Z, pose.xyz[2])), pose.quat)
    goal = joints_for(context, above, cell.home)
    reading = yield from follow(context, across(context, reading.arm.q_cmd, goal), reading)
    return (yield from straight(context, reading, pose, speed, acceleration))


def home(context: Context, reading: Reading) -> Moving:
    """From travel height to where the arm rests, outside all trays."""
    return (yield from follow(context, across(context, reading.arm.q_cmd, context.cell.home), reading))


def across(context: Context, q0: Array, goal: Array) -> Trajectory:
    """A free motion of the joints from ``q0`` to ``goal`` (n,): straight on where nothing is in the way, else around
    it; slow all the way if it comes near a person. Raises :class:`~cells.kinematics.planning.NoWay`."""
    limits, proof = context.cell.limits, context.proof
    way = planning.motion(proof.around, q0, goal, limits.speed_scale, context.cell.tick_s, limits.tcp_speed)
    if proof.hurries(way):
        way = planning.motion(proof.around, q0, goal, limits.speed_scale, context.cell.tick_s, OPERATOR_SPEED)
    return way


def nearest_turn(yaw: float, symmetry: float) -> float:
    """The turn (rad) nearest to zero that is the same as ``yaw`` to a part of this symmetry (0: any turn is)."""
    return yaw - symmetry * round(yaw / symmetry) if symmetry else 0.0


def hop(context: Context, reading: Reading, pose: Pose) -> Moving:
    """Go to ``pose`` (world frame) by way of the higher of the two heights, both clear of what stands between."""
    here = reading.arm.tcp
    top = max(here.xyz[2], pose.xyz[2])
    if top - here.xyz[2] > 1e-3:
        reading = yield from straight(context, reading, Pose((*here.xyz[:2], top), here.quat))
    reading = yield from straight(context, reading, Pose((*pose.xyz[:2], top), pose.quat))
    if top - pose.xyz[2] > 1e-3:
        reading = yield from straight(context, reading, pose)
    return reading


def grip(
    context: Context, reading: Reading, width: float, force: float, timeout: float = 3.0, settle: float = SETTLE
) -> Moving:
    """Command the gripper and wait until the fingers have been still for ``settle`` (s)."""
    speed = 2 * context.cell.robot_spec.gripper.max_speed
    reading = yield Grasp(width, speed, force)
    still = 0
    for _ in range(round(timeout / context.cell.tick_s)):
        reading = yield None
        still = still + 1 if reading.gripper.still else 0
        if still >= round(settle / context.cell.tick_s):
            break
    return reading


def tared(context: Context, reading: Reading) -> Generator[Command, Reading, tuple[Reading, float]]:
    """Wait a moment, until the arm has come to rest, and tell what the wrist feels along z (N) when nothing touches:
    the tool's weight."""
    felt = []
    for _ in range(round(TARE_TIME / context.cell.tick_s)):
        reading = yield None
        felt.append(float(reading.wrench[2]))
    return reading, sum(felt[len(felt) // 2 :]) / (len(felt) - len(felt) // 2)


def softly(
    pose: Pose, linear: tuple[float, float, float], angular: float, limit: float, spin: float = 0.0, sink: float = 0.0
) -> Compliant:
    """A spring at ``pose``: ``linear`` N/m along world x, y, z; ``angular`` Nm/rad about each. A pose that turns about
    the vertical or sinks says how fast, ``spin`` rad/s and ``sink`` m/s: an admittance, heavily damped, would lag far
    behind it."""
    twist = np.array([0.0, 0.0, -sink, 0.0, 0.0, spin])
    return Compliant(pose, twist, np.array([*linear, angular, angular, angular]), limit)


def spiral(seconds: float, pitch: float, speed: float) -> tuple[float, float]:
    """Archimedean spiral of constant speed: offset (m, m) after ``seconds``; ``pitch`` m between turns."""
    k = pitch / (2 * math.pi)
    angle = math.sqrt(2 * speed * seconds / k)
    return k * angle * math.cos(angle), k * angle * math.sin(angle)
