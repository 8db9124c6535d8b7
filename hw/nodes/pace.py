"""When the next tick of a world is due by the wall's steady clock, and whether the ticks keep up with it."""

from __future__ import annotations

import time
from collections.abc import Callable

SLIP_S = 0.1  # behind by more than this a tick isn't caught up with any more: what is late stays late
SAY_EVERY_S = 5.0


class Pace:
    """Ticks of ``tick_s`` seconds at ``rate`` times real time; at rate 0 as fast as they come. ``late`` is how long (s)
    the tick that began last was due before it did."""

    def __init__(self, tick_s: float, rate: float, now: Callable[[], float] = time.monotonic) -> None:
        self._step = tick_s / rate if rate else 0.0
        self._now = now
        self._due: float | None = None  # the first one at once
        self.late = 0.0
        self._lost, self._said = 0.0, -SAY_EVERY_S

    def left(self) -> float:
        """Seconds until the next tick is due; 0 for one that is."""
        return max(0.0, self._due - self._now()) if self._step and self._due is not None else 0.0

    def begin(self) -> float | None:
        """A tick begins now. Seconds of wall time that the ticks have lost since this was told last, or None where
        there is nothing to tell."""
        now = self._now()
        if self._due is None:
            self._due = now
        late = now - self._due
        if self._step and late > SLIP_S:
            self._lost += late
            self._due = now
        self.late = now - self._due if self._step else 0.0
        self._due += self._step
        if not self._lost or now - self._said < SAY_EVERY_S:
            return None
        lost, self._lost, self._said = self._lost, 0.0, now
        return lost
