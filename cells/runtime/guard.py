"""Guard: looks at every tick, in every world, and trips on what should never happen.

It is NOT safety-rated: it guards the process and the parts. People are guarded by certified hardware.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cells.control.setpoints import Compliant, JointTarget, Segment
from cells.ports import Reading
from cells.skills.contract import Command

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.kinematics.chain import Chain

NOT_SAFETY_RATED = "the guard is not safety-rated: it protects parts and process, never people"
# Measured values carry the servo's overshoot: the limits that motions are planned within trip this much above.
MARGIN = 1.15
SPEED_WINDOW = 5  # ticks over which the tool's speed is taken, so that one noisy sample doesn't stop the cell
FORCE_TICKS = 3  # ticks in a row above the force limit: a single one is an impact's ringing, not a push
LATE_S = 0.1  # cell time between two ticks, above which the loop has lost a moving arm
AT_REST = 0.02  # rad/s below which an arm that follows nothing stands still: planning may take its time then


@dataclass(frozen=True, slots=True)
class Trip:
    """Why the guard tripped: a short class name, the value and the limit (SI; NaN where there is none)."""

    cause: str
    value: float
    limit: float

    def __str__(self) -> str:
        if math.isnan(self.limit):
            return self.cause.replace("_", " ")
        return f"{self.cause.replace('_', ' ')}: {self.value:.3g}, limit {self.limit:.3g}"


class Guard:
    """Checks one tick after another; remembers a trip until it is reset."""

    def __init__(self, cell: Cell, chain: Chain) -> None:
        self._qd_max = chain.qd_max * MARGIN
        self._low, self._high = (tuple(map(float, corner)) for corner in cell.limits.workspace)
        self._tcp_speed = cell.limits.tcp_speed * MARGIN
        self._force = cell.limits.force_n
        self.latched: Trip | None = None
        self.reset()

    def reset(self) -> None:
        """Open the latch (after a person has acknowledged) and start looking afresh."""
        self.latched = None
        self.begin()

    def begin(self) -> None:
        """Start looking afresh: what was seen last is no tick ago."""
        self._trail: list[tuple[float, tuple[float, float, float]]] = []
        self._pushed = 0
        self._seen = -math.inf
        self._led = self._rested = False

    def check(self, reading: Reading, command: Command, force: float) -> Trip | None:
        """The trip of this tick, or the latched one, if any. ``force`` is the norm of the tared force in N;
        ``command`` is what is about to be sent."""
        if self.latched is None:
            self.latched = self._look(reading, command, force)
        return self.latched

    def _look(self, reading: Reading, command: Command, force: float) -> Trip | None:
        arm = reading.arm
        if arm.mode != "running":
            return Trip(f"robot_{arm.mode}", math.nan, math.nan)
        x, y, z = here = arm.tcp.xyz
        # A sum is a number only if all its terms are.
        if not math.isfinite(x + y + z + force + reading.gripper.width + float(arm.q.sum() + arm.qd.sum())):
            return Trip("reading_not_a_number", math.nan, math.nan)
        if not _finite(command):
            return Trip("setpoint_not_a_number", math.nan, math.nan)
        fastest = np.abs(arm.qd) / self._qd_max
        if fastest.max() > 1.0:
            joint = int(fastest.argmax())
            return Trip(f"joint_{joint + 1}_speed", float(abs(arm.qd[joint])), float(self._qd_max[joint]))
        if not all(low <= at <= high for low, at, high in zip(self._low, here, self._high, strict=True)):
            return Trip("workspace_left", *_outside(here, self._low, self._high))
        self._trail.append((reading.time - arm.age, here))
        if len(self._trail) > SPEED_WINDOW:
            then, there = self._trail.pop(0)
            speed = math.dist(here, there) / max(reading.time - arm.age - then, 1e-6)
            if speed > self._tcp_speed:
                return Trip("tool_speed", speed, self._tcp_speed)
        self._pushed = self._pushed + 1 if force > self._force else 0
        if self._pushed >= FORCE_TICKS:
            return Trip("force", force, self._force)
        return self._late(reading, command)

    def _late(self, reading: Reading, command: Command) -> Trip | None:
        """The watchdog: cell time must go on, and where it doesn't wait for the loop, the loop must keep up with an arm
        that moves or is led tick by tick."""
        before, self._seen = self._seen, reading.time
        rested, self._rested = self._rested, self._rests(reading, command)
        if reading.time <= before:
            return Trip("reading_too_old", before - reading.time, 0.0)
        if math.isfinite(before) and reading.time - before > LATE_S and not (rested and self._rested):
            return Trip("tick_overrun", reading.time - before, LATE_S)
        return None

    def _rests(self, reading: Reading, command: Command) -> bool:
        """Whether the arm stands still, whatever the loop does: it follows no motion, and no setpoint leads it."""
        if isinstance(command, Compliant | JointTarget | Segment):
            self._led = not isinstance(command, Segment)
        return not (self._led or reading.arm.busy or float(np.abs(reading.arm.qd).max()) > AT_REST)


def _finite(command: Command) -> bool:
    if isinstance(command, JointTarget):
        return math.isfinite(float(command.q.sum() + command.qd.sum()))
    if isinstance(command, Compliant):
        return math.isfinite(sum(command.pose.xyz) + sum(command.pose.quat) + float(command.twist.sum()))
    return True


def _outside(at: tuple[float, ...], low: tuple[float, ...], high: tuple[float, ...]) -> tuple[float, float]:
    """The coordinate that is farthest outside, and the bound that it passed."""
    gaps = [(max(lo - a, a - hi), a, lo if a < lo else hi) for a, lo, hi in zip(at, low, high, strict=True)]
    _, value, limit = max(gaps)
    return value, limit
