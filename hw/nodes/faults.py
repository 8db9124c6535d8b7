"""What can go wrong on the way between an arm and its cell, to be turned on for a test: never by itself."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cells.control.setpoints import JointTarget, Setpoint
from cells.ports import Arm, ArmReading


@dataclass(frozen=True, slots=True)
class Faults:
    """``freeze_feedback`` no states come; ``delay_s`` states come, and streamed positions are heard, so much later;
    ``drop_share`` (0..1) of both is lost; ``nan_positions`` of joints; ``joint_order`` the names' order, if another;
    ``clock_skew_s`` is added to time stamps; ``hold_arm`` the arm stays where it is."""

    freeze_feedback: bool = False
    delay_s: float = 0.0
    drop_share: float = 0.0
    nan_positions: bool = False
    joint_order: tuple[str, ...] = ()
    clock_skew_s: float = 0.0
    hold_arm: bool = False


class Line:
    """A way for messages that may lose or delay them. Those that are delayed keep their order."""

    def __init__(self, seed: int, now: Callable[[], float] = time.monotonic) -> None:
        self._random, self._now = random.Random(seed), now
        self._waiting: deque[tuple[float, Callable[[], None]]] = deque()

    def send(self, deliver: Callable[[], None], faults: Faults) -> None:
        """Deliver now, at a later :meth:`flush`, or never."""
        if faults.drop_share and self._random.random() < faults.drop_share:
            return
        if faults.delay_s or self._waiting:
            self._waiting.append((self._now() + faults.delay_s, deliver))
        else:
            deliver()

    def flush(self) -> None:
        """Deliver what is due."""
        while self._waiting and self._waiting[0][0] <= self._now():
            self._waiting.popleft()[1]()


class Held:
    """The port of an arm that can be held up: it then stays where it is, whatever it is told."""

    def __init__(self, arm: Arm) -> None:
        self._arm, self._held = arm, False

    def hold(self, held: bool) -> None:
        """Hold it up, or let it go on."""
        if held and not self._held:
            q = self._arm.read().q
            self._arm.command(JointTarget(q, np.zeros(len(q))))
        self._held = held

    def command(self, setpoint: Setpoint) -> None:
        if not self._held:
            self._arm.command(setpoint)

    def read(self) -> ArmReading:
        return self._arm.read()
