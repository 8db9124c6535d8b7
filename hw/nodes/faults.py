"""What can go wrong on the way between an arm and its cell, to be turned on for a test: never by itself."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Faults:
    """``freeze_feedback`` no states come; ``delay_s`` states come, and streamed positions are heard, so much later;
    ``drop_share`` (0..1) of both is lost; ``nan_positions`` of joints; ``joint_order`` the names' order, if another;
    ``clock_skew_s`` is added to time stamps."""

    freeze_feedback: bool = False
    delay_s: float = 0.0
    drop_share: float = 0.0
    nan_positions: bool = False
    joint_order: tuple[str, ...] = ()
    clock_skew_s: float = 0.0


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
