"""A run of an order on an arm in another process, and the one who stands by it: what tests of faults share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cells.description.cell import Cell, load_cell
from cells.journal.store import Journal
from cells.products.catalogue import build_variant
from cells.runtime.production import produce
from cells.runtime.requests import Command, Request, RequestQueue
from cells.tasks.plan import plan_order
from tests.hw.ros_client import PATIENCE

VARIANT = build_variant("pegboard", {"pegs": 1})
MOVING = 0.1  # rad/s of the fastest joint
BUSY = "tick_overrun"  # what a machine that is too busy for an arm does to it
TRIES = 5  # of a fault, where the machine's own came first
BEAT_S = 0.02


def cell_in(namespace: str, mode: str = "admittance") -> Cell:
    """The bench in the control mode that real arms take, unless another is said, on a network of its own."""
    cell = load_cell("panda-bench")
    control = cell.control.model_copy(update={"default": mode})
    return cell.model_copy(update={"control": control, "ros2": cell.ros2.model_copy(update={"namespace": namespace})})


def opened(cell: Cell) -> Any:
    """The world of the cell's arm; the arm's node may be about to start, on a busy machine."""
    import hw.world

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hw.world, "OPEN_S", PATIENCE)
        return hw.world.open_world(cell, {VARIANT.hash: VARIANT}, 0)


@contextmanager
def world_of(cell: Cell) -> Iterator[Any]:
    """The world of the cell's arm until the block ends."""
    world = opened(cell)
    try:
        yield world
    finally:
        world.close()


@dataclass(frozen=True)
class Tripped:
    """Why the guard tripped, when, and when the arm was at rest (s of the cell's time)."""

    cause: str
    at: float
    rested: float


class Run:
    """One pegboard of one peg, being built in ``world`` until the block ends; ``said`` is what a person was told."""

    def __init__(self, cell: Cell, world: Any, folder: Path, name: str = "F-1") -> None:
        self._cell, self._world, self._folder = cell, world, folder
        self._requests = RequestQueue()
        self.said: list[str] = []
        self.verdict: str | None = None  # once it has ended
        self._problem: Exception | None = None
        self._thread = threading.Thread(target=self._produce, args=[name], name=name, daemon=True)

    def __enter__(self) -> Run:
        self.until(lambda: self._world.arm.read().mode == "running")  # what went wrong in the run before is over
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        deadline = time.monotonic() + PATIENCE
        while self._thread.is_alive() and time.monotonic() < deadline:
            self._requests.put(Request("leave", "the test"))
            self._thread.join(1.0)
        assert not self._thread.is_alive(), "the order can't be left"

    def _produce(self, name: str) -> None:
        item = SimpleNamespace(product="pegboard", quantity=1, parameters={"pegs": 1})
        order: Any = SimpleNamespace(id=name, items=[item])
        plan = plan_order(order, self._cell, [VARIANT])
        variants, out = {VARIANT.hash: VARIANT}, self._folder / "out"
        try:
            with Journal.open(self._cell.name, self._folder) as journal:
                [outcome] = produce(
                    order, plan, self._cell, variants, self._world, journal, out, lambda *_: None, self._requests,
                    pictures=False, say=self.said.append,
                )  # fmt: skip
            self.verdict = outcome.verdict
        except Exception as problem:
            self._problem = problem

    # ------------------------------------------------------------------ whoever stands by

    def ask(self, command: Command) -> dict[str, Any]:
        """Ask for something; the answer, which is empty if the run has ended meanwhile."""
        answers: list[Any] = []
        self._requests.put(Request(command, "the test", answers.append))
        self.until(lambda: answers or not self._thread.is_alive())
        return dict(answers[0]) if answers else {}

    def until(self, what: Callable[[], Any]) -> Any:
        """Wait for something to be true; what it is then."""
        deadline = time.monotonic() + PATIENCE
        while not (found := what()):
            assert time.monotonic() < deadline, "it didn't happen in time"
            if self._problem is not None:
                raise self._problem
            time.sleep(BEAT_S)
        return found

    def state(self) -> str:
        """The cell's state; empty if the run has ended."""
        return str(self.ask("status").get("state", ""))

    def moves(self) -> bool:
        """Whether a whole motion is under way."""
        arm = self._world.arm.read()
        return bool(arm.busy and np.abs(arm.qd).max() > MOVING)

    def go_on(self) -> None:
        """Acknowledge what happened, once that is taken, and resume."""
        self.until(lambda: self.ask("acknowledge").get("ok"))
        assert self.ask("resume")["ok"]

    def suffers(self, act: Callable[[], object] | None, undo: Callable[[], object]) -> Tripped:
        """Let something happen in the middle of a motion, unless it is there already, and wait until the arm is at rest
        and the cell waits for people; what came of it. If the machine was too busy in between, once more."""
        for _ in range(TRIES):
            if act is not None:
                self.until(lambda: self.go_on_if_busy() or self.moves())
                act()
            self.until(lambda: self.state() == "Aborted")
            if not self._busy():
                return self.trips()[-1]
            undo()
            self.go_on()
        raise AssertionError("this machine is too busy to lead an arm")

    def go_on_if_busy(self) -> None:
        """Go on after a stop that came from this machine's being too busy."""
        if self.state() == "Aborted":
            assert self._busy(), self.said
            self.go_on()

    def _busy(self) -> bool:
        return self.trips()[-1].cause == BUSY

    def finish(self) -> str:
        """Stand by until the order has ended; the unit's verdict."""
        while self._thread.is_alive():
            self.go_on_if_busy()
            self._thread.join(0.2)
        if self._problem is not None:
            raise self._problem
        assert self.verdict is not None
        return self.verdict

    # ------------------------------------------------------------------ the journal

    def trips(self) -> list[Tripped]:
        """The guard's trips that are over, as the journal has them; its hashes hold."""
        with Journal.open(self._cell.name, self._folder) as journal:
            assert journal.verify() == []
            events = list(journal.events(kinds=("guard_tripped", "state_changed")))
        found, trip = [], None
        for event in events:
            if event.kind == "guard_tripped":
                trip = event
            elif trip is not None and event.data["state"] == "Aborted":
                found.append(Tripped(trip.data["cause"], trip.time, event.time))
                trip = None
        return found
