"""What a gripper's action controller does with a command: move, and say whether it got there or met something.

Positions are those of the finger joint that the cell's file names (:class:`hw.names.Fingers`); a hand that has met
something has done what it was asked for, and says ``stalled``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from cells.description.robot import Gripper as Hand
from cells.ports import Gripper, GripperReading
from hw.controllers.sampling import Rejected
from hw.names import Fingers

REACHED = 1e-3  # m of opening between commanded and measured
STALL_S = 0.3  # without any motion, elsewhere than commanded
HOLDING = 0.05, 20.0  # m/s, N with which a hand is held where it is when its goal is cancelled


@dataclass(frozen=True, slots=True)
class Grip:
    """A command: the opening that is ``asked`` for (m), of which the hand reaches ``width``; its speed (m/s) and force
    (N) at most."""

    asked: float
    width: float
    speed: float
    force: float


@dataclass(frozen=True, slots=True)
class GripEnd:
    """How a command ended: at the commanded opening, or ``stalled`` before it."""

    stalled: bool

    @property
    def reached(self) -> bool:
        return not self.stalled


class GripperController:
    """One command at a time; call :meth:`update` once after each tick."""

    def __init__(self, fingers: Fingers, hand: Hand, port: Gripper, dt: float) -> None:
        self._fingers, self._hand, self._port, self._dt = fingers, hand, port, dt
        self._asked: float | None = None
        self._still = 0.0

    def plan(self, position: float, velocity: float, effort: float) -> Grip:
        """To move the joint to ``position`` (m or rad) with at most ``velocity`` (m/s or rad/s) and ``effort`` (N), as
        fast and as strong as the hand can where these are 0. Raises :class:`Rejected` for what means nothing."""
        if not all(map(math.isfinite, (position, velocity, effort))):
            raise Rejected("the command has values that are no numbers")
        if velocity < 0.0 or effort < 0.0:
            raise Rejected("velocity and effort say how much at most, and can't be negative")
        fastest, strongest = 2 * self._hand.max_speed, self._hand.max_force_n
        speed = min(velocity / abs(self._fingers.travel), fastest) if velocity else fastest
        asked = self._fingers.width(position)
        width = min(max(asked, self._fingers.min_width), self._fingers.max_width)
        return Grip(asked, width, speed, min(effort, strongest) if effort else strongest)

    def start(self, grip: Grip) -> None:
        """Begin a command, whatever was going on before."""
        self._asked, self._still = grip.asked, 0.0
        self._port.move(grip.width, grip.speed, grip.force)

    def hold(self) -> None:
        """Stay open as it is now, without a goal."""
        self._asked = None
        self._port.move(self.read().width, *HOLDING)

    def read(self) -> GripperReading:
        """Where the hand is now."""
        return self._port.read()

    def update(self, hand: GripperReading) -> GripEnd | None:
        """A tick has passed: how the command ended, if it did."""
        if self._asked is None:
            return None
        self._still = self._still + self._dt if hand.still else 0.0
        reached = abs(hand.width - self._asked) <= REACHED
        if not reached and self._still < STALL_S:
            return None
        self._asked = None
        return GripEnd(stalled=not reached)
