"""Clocks of a cell that waits for time instead of making it: this computer's own, or one that a simulation tells.

Which one an arm lives by its messages say: see :func:`stamped_by`. Whoever comes late passes over the ticks that were
missed, and the time shows it.
"""

from __future__ import annotations

import math
import threading
import time
from typing import Literal, Protocol

SAME_S = 1.0  # s that two clocks may differ and still count as the same: drivers stamp late, networks delay
STALLED_S = 1.0  # s without a word from a simulation's clock after which this computer's goes on in its place
DRIFT_S = 1e-6  # s by which two computers' clocks may drift apart between two messages (250 ppm at 250 Hz)


class Clock(Protocol):
    """What a world needs of its clock."""

    tick_s: float

    def now(self) -> float:
        """Seconds since it was made, at the tick that has come."""

    def age(self, stamp: float, arrival: float) -> float:
        """How old (s) what was measured at ``stamp`` (the robot's time) and arrived at ``arrival``
        (``time.monotonic()``) is at the tick that has come; to be asked in the order of arrival."""

    def theirs(self) -> float:
        """The robot's time at the tick that has come."""

    def fits(self, stamp: float, arrival: float) -> bool:
        """Whether a stamp is of this clock, to a second."""

    def advance(self) -> None:
        """Wait for the next tick."""


class SteadyClock:
    """Ticks of this computer's steady clock. What lies between it and the robot's clock is told by the messages that
    came fastest: stamps jitter less than arrivals."""

    def __init__(self, tick_s: float) -> None:
        self.tick_s = tick_s
        self._began = time.monotonic()
        self._ticks = 0
        self._between = math.inf
        self._arrival = -math.inf  # of the message that was looked at last

    def now(self) -> float:
        return self._ticks * self.tick_s

    def age(self, stamp: float, arrival: float) -> float:
        if arrival != self._arrival:
            self._arrival, self._between = arrival, min(self._between + DRIFT_S, arrival - stamp)
        return self.theirs() - stamp

    def theirs(self) -> float:
        return self._began + self.now() - self._between

    def fits(self, stamp: float, arrival: float) -> bool:
        return abs(time.time() - (time.monotonic() - arrival) - stamp) <= SAME_S

    def advance(self) -> None:
        passed = int((time.monotonic() - self._began) / self.tick_s)
        self._ticks = max(self._ticks, passed) + 1
        time.sleep(max(0.0, self._began + self.now() - time.monotonic()))


class ToldClock:
    """Ticks of a clock that is told (``/clock``). Where nothing is told any more this computer's goes on: nobody waits
    for ever."""

    def __init__(self, tick_s: float, told: float) -> None:
        """``told`` is the time (s) that was told last."""
        self.tick_s = tick_s
        self._changed = threading.Condition()
        self._told, self._heard = told, time.monotonic()
        self._began, self._now = told, 0.0

    def tell(self, told: float) -> None:
        """It is ``told`` (s): from any thread."""
        with self._changed:
            self._told, self._heard = told, time.monotonic()
            self._changed.notify_all()

    def now(self) -> float:
        return self._now

    def age(self, stamp: float, arrival: float) -> float:
        return self.theirs() - stamp

    def theirs(self) -> float:
        return self._began + self._now

    def fits(self, stamp: float, arrival: float) -> bool:
        return abs(self._told - stamp) <= SAME_S

    def advance(self) -> None:
        with self._changed:
            passed = int((self._told - self.theirs()) / self.tick_s + 1e-6)
            target = self._now + max(passed, 1) * self.tick_s
            patience = max(self.tick_s, STALLED_S - (time.monotonic() - self._heard))
            if not self._changed.wait_for(lambda: self._told - self._began >= target - 1e-9, patience):
                self._began = self._told - target  # what is told from now on goes on from here
            self._now = target


def stamped_by(stamp: float, wall: float, told: float | None) -> Literal["wall", "told"] | None:
    """Whose time a message's ``stamp`` (s) is: that of ``wall`` (this computer's, s since 1970), that which is ``told``
    (``/clock``), or neither's."""
    if abs(stamp - wall) <= SAME_S:
        return "wall"
    if told is not None and abs(stamp - told) <= SAME_S:
        return "told"
    return None
