"""A skill's steps in a scene: ticked under the cell's guard, until they end, the guard trips, or time is up."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np

from cells.ports import Reading
from cells.runtime.guard import Guard
from cells.skills.contract import Command, Note
from sim.envs.scene import Stage

LIMIT_S, LIMIT_N = 20.0, 30.0  # an episode that takes longer, or presses harder, has failed
SPEED_COST, FORCE_COST = 0.05, 0.01  # per second; per N above HARD at a policy tick
HARD = 15.0  # N

# Ends with None if all is well, else with what went wrong.
Course = Generator[Command, Reading, str | None]


@dataclass(frozen=True, slots=True)
class Ran:
    """How steps ended: after how many ``seconds``, with the highest force (``peak``, N), and what was ``wrong``."""

    seconds: float
    peak: float
    wrong: str | None


class Running:
    """Steps under way. ``reading`` is the last one; after :meth:`finish` neither time nor force counts any more."""

    def __init__(self, scene: Stage) -> None:
        self._scene, self._now = scene, scene.world.clock.now
        self._guard = Guard(scene.cell, scene.chain)
        self._began, self._peak = self._now(), 0.0
        self._ended: float | None = None
        self._wrong: str | None = "unfinished"
        self._tare = scene.read().wrench
        self.reading = scene.read()

    def begin(self, steps: Course) -> None:
        """Take the first step."""
        self._steps = steps
        self._command: Command = next(steps)

    def finish(self) -> None:
        """What counts is done."""
        self._ended = self._now()

    def tick(self) -> bool:
        """One control tick; whether it was the last."""
        self._scene.send(self._command)
        self.reading = reading = self._scene.read()
        force = self.felt()
        if self._ended is None:
            self._peak = max(self._peak, force)
        if trip := self._guard.check(reading, self._command, force):
            self._wrong = f"guard: {trip}"
            return True
        if reading.time - self._began > LIMIT_S:
            self._wrong = "out of time"
            return True
        try:
            self._command = self._steps.send(reading)
            while isinstance(self._command, Note):  # takes no tick
                self._command = self._steps.send(reading)
        except StopIteration as end:
            self._wrong = end.value
            return True
        return False

    def turn(self, ticks: int) -> tuple[bool, float]:
        """One policy tick of so many control ticks; whether it was the last, and what it cost."""
        begun, over = self._now(), False
        for _ in range(ticks):
            over = self.tick()
            if over:
                break
        return over, SPEED_COST * (self._now() - begun) + FORCE_COST * max(0.0, self.felt() - HARD)

    def felt(self) -> float:
        """The force (N) on the tool, tared."""
        return float(np.linalg.norm((self.reading.wrench - self._tare)[:3]))

    def ran(self) -> Ran:
        """How it ended, or stands."""
        end = self._now() if self._ended is None else self._ended
        return Ran(end - self._began, self._peak, self._wrong)
