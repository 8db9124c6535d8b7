"""Feedback: the newest of what the robot tells, whatever the order and rate in which it comes.

Messages are taken by an executor's thread and looked at by the runner's: each is put down as one whole, frozen value.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cells.description.cell import Cell
from cells.pose import Array
from hw.names import Fingers, arm_joints, fingers

HAND_TIMEOUT_S = 0.5  # hands tell their state more seldom than arms, 30 times a second some of them
TOGETHER = 0.5  # of the time-out: joints that have been away for so long when the wrench is missed went with it
FRESH_S, LOOK_S = 2.0, 0.005  # s to wait for news, and between two looks
MOST_ORDERS = 64  # of joints' names that are remembered
RESTARTED_S = 1.0  # s that a stamp may go back: more is a robot that began anew


@dataclass(frozen=True, slots=True)
class Joints:
    """Joints (n,) as measured: rad, rad/s, Nm, the last zero where the driver doesn't tell; the work Σ|τ·q̇| so far in J
    (NaN where it doesn't); the robot's time (s; 0 where it isn't told), and ``time.monotonic()`` when they came."""

    q: Array
    qd: Array
    tau: Array
    energy: float
    stamp: float
    arrival: float


@dataclass(frozen=True, slots=True)
class Hand:
    """Opening (m), its speed (m/s), the fingers' effort (N; NaN where the driver doesn't tell); the robot's time, and
    when it came."""

    width: float
    speed: float
    force: float
    stamp: float
    arrival: float


@dataclass(frozen=True, slots=True)
class Felt:
    """What a sensor feels: (6,) [f; m], N and Nm, at and along its own frame."""

    wrench: Array


class Feedback:
    """``joints``, ``hand`` and ``felt`` are the newest, ``mode`` the robot's own, ``speed_scale`` its slider's (0..1);
    None where nothing has come yet. ``passed`` is the time (s) of all ticks."""

    def __init__(self, cell: Cell) -> None:
        self._names: tuple[str, ...] = arm_joints(cell)
        self._fingers: Fingers = fingers(cell)
        self._ros2, self._timeout = cell.ros2, cell.ros2.feedback_timeout_s
        self.joints: Joints | None = None
        self.hand: Hand | None = None
        self.felt: Felt | None = None
        self.mode: str | None = None if cell.ros2.mode is not None else "running"
        self.speed_scale = 1.0
        self.passed = 0.0
        self._quiet: dict[str, tuple[object, float]] = {}  # what was told last of each, and for how long (s)
        self._heard: tuple[str, ...] = ()
        self._order: dict[tuple[str, ...], list[int] | None] = {}

    # ------------------------------------------------------------------ what comes

    def on_joint_states(self, message: Any) -> None:
        """A ``sensor_msgs/JointState``: of the arm, the hand, or both, its joints in any order."""
        arrival, names = time.monotonic(), tuple(message.name)
        self._heard, stamp = names, seconds(message.header.stamp)
        rows = self._rows(names, self._names)
        if rows is not None and len(message.position) == len(names):
            self._arm(message, rows, stamp, arrival)
        rows = self._rows(names, self._fingers.joints)
        if rows is not None and len(message.position) == len(names):
            self._hand(message, rows, stamp, arrival)

    def on_wrench(self, message: Any) -> None:
        """A ``geometry_msgs/WrenchStamped``."""
        force, torque = message.wrench.force, message.wrench.torque
        self.felt = Felt(np.array([force.x, force.y, force.z, torque.x, torque.y, torque.z]))

    def on_mode(self, mode: str) -> None:
        """The robot's own mode."""
        self.mode = mode

    def on_speed_scaling(self, message: Any) -> None:
        """A ``std_msgs/Float64``, percent."""
        self.speed_scale = message.data / 100.0

    # ------------------------------------------------------------------ how it is

    def missing(self) -> list[str]:
        """What hasn't been told yet."""
        ros2, found = self._ros2, []
        heard = f" (heard there: {', '.join(self._heard[:12])})" if self._heard else ""
        for what, names, come in (("the arm", self._names, self.joints), ("the hand", self._fingers.joints, self.hand)):
            if come is None:
                found.append(f"{what}'s joints {', '.join(names)} on {ros2.joint_states}{heard}")
        if self.felt is None:
            found.append(f"a wrench on {ros2.wrench.topic}")
        if self.mode is None and ros2.mode is not None:
            found.append(f"the robot's mode on {ros2.mode.topic} (where the driver tells none, write mode: null)")
        return found

    def wait(self) -> None:
        """Wait, a while at most, until the robot has been heard of anew."""
        began = time.monotonic()
        while time.monotonic() - began < FRESH_S:
            if self.joints is not None and self.joints.arrival > began:
                return
            time.sleep(LOOK_S)

    def pass_time(self, step: float) -> None:
        """A tick of ``step`` s has passed: what wasn't told anew is older by it. Ticks count and not this computer's
        time, so that a loop which was late doesn't take its own lateness for the robot's silence."""
        self.passed += step
        for name, told in (("joints", self.joints), ("hand", self.hand), ("felt", self.felt)):
            before, quiet = self._quiet.get(name, (None, 0.0))
            self._quiet[name] = (told, quiet + step if told is before else 0.0)

    def silent(self) -> str | None:
        """The mode of an arm that hasn't been heard of for too long: "no_feedback" or "no_wrench"; else None.

        A driver that is gone takes the force sensor with it, whose last message may be the older one by some ticks: the
        sensor alone is named only where the joints are still told."""
        quiet = {name: seconds for name, (_, seconds) in self._quiet.items()}
        joints, hand, felt = (quiet.get(name, 0.0) for name in ("joints", "hand", "felt"))
        if joints > self._timeout or hand > max(HAND_TIMEOUT_S, self._timeout):
            return "no_feedback"
        if felt > self._timeout:
            return "no_wrench" if joints < TOGETHER * self._timeout else "no_feedback"
        return None

    def _rows(self, names: tuple[str, ...], wanted: Sequence[str]) -> list[int] | None:
        """Where the wanted joints stand in a message; None where one is missing."""
        key = (*wanted, "in", *names)
        if key not in self._order:
            if len(self._order) >= MOST_ORDERS:
                self._order.clear()
            where = {name: row for row, name in enumerate(names)}
            self._order[key] = [where[name] for name in wanted] if all(name in where for name in wanted) else None
        return self._order[key]

    def _arm(self, message: Any, rows: list[int], stamp: float, arrival: float) -> None:
        before = self.joints
        if before is not None and _stale(stamp, before.stamp):
            return
        q, none = np.array(message.position)[rows], np.zeros(len(rows))
        passed = stamp - before.stamp if before is not None and stamp else math.inf
        qd = _column(message.velocity, rows)
        if qd is None:
            qd = (q - before.q) / passed if before is not None else none
        tau, energy = _column(message.effort, rows), math.nan
        if tau is not None:
            step = float(np.abs(tau * qd).sum()) * passed if 0.0 < passed < self._timeout else 0.0
            energy = (before.energy if before is not None else 0.0) + step
        self.joints = Joints(q, qd, none if tau is None else tau, energy, stamp, arrival)

    def _hand(self, message: Any, rows: list[int], stamp: float, arrival: float) -> None:
        before, told = self.hand, self._fingers
        if before is not None and _stale(stamp, before.stamp):
            return
        width = told.width(float(np.array(message.position)[rows].mean()))
        speeds, efforts = _column(message.velocity, rows), _column(message.effort, rows)
        speed = 0.0 if speeds is None else float(speeds.mean()) / told.travel
        if speed == 0.0 and before is not None:  # some hands never tell it
            speed = (width - before.width) / max((stamp - before.stamp) or arrival - before.arrival, 1e-3)
        force = math.nan if efforts is None else float(np.abs(efforts).mean())
        self.hand = Hand(width, speed, force, stamp, arrival)


def seconds(time: Any) -> float:
    """A ``builtin_interfaces/Time`` or ``Duration`` in s."""
    return float(time.sec) + 1e-9 * float(time.nanosec)


def _column(values: Sequence[float], rows: list[int]) -> Array | None:
    """The values of some joints; None where a driver doesn't tell them."""
    if len(values) <= max(rows):
        return None
    column: Array = np.array(values)[rows]
    return None if np.all(np.isnan(column)) else column


def _stale(stamp: float, before: float) -> bool:
    """Whether a message is no newer than the last one: its stamp doesn't go on."""
    return stamp != 0.0 and before - RESTARTED_S < stamp <= before
