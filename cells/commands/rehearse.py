"""Rehearsal: a plan is done in a simulated world first, before a real arm moves."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cells.commands.show import say
from cells.errors import CellwrightError, Problem, Refused, Stopped
from cells.runtime.requests import Answer, Request
from cells.streams import STDERR, STDOUT, rerouted

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.journal.store import Journal
    from cells.ports import World
    from cells.runtime.production import UnitOutcome
    from cells.runtime.requests import Requests
    from cells.runtime.unit import Progress

T = TypeVar("T")
# What a run does in a world, whichever that is: its journal, its folder, who hears of its steps, who may interrupt, and
# whether pictures are taken.
Work = Callable[["World", "Journal", Path, "Progress", "Requests", bool], T]
NOTHING_MOVED = "nothing has moved: correct the order or the cell, or leave this out with cellwright run --no-rehearse"


class Listening:
    """What people ask during a rehearsal: whatever would stop or hold the arm ends it, and what waits for people has
    ended. ``ended_by`` is who ended it, "" for nobody."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests
        self.ended_by = ""

    def poll(self, wait_s: float = 0.0) -> Request | None:
        """Leave once somebody has asked for it, or as soon as people are waited for."""
        while (request := self._requests.poll()) is not None:
            request.answer(self._answer(request))
        return Request("leave", self.ended_by or "rehearsal") if self.ended_by or wait_s else None

    def _answer(self, request: Request) -> Answer:
        if request.command == "status":
            return {"ok": True, "state": "Idle", "what": "rehearsing in simulation; the arm hasn't moved"}
        if request.command in ("resume", "acknowledge"):
            return {"ok": False, "state": "Idle", "what": "nothing is held: this is a rehearsal in simulation"}
        self.ended_by = request.by
        return {"ok": True, "state": "Idle", "what": "the rehearsal ends; the arm hasn't moved, and won't"}


def rehearse(
    cell: Cell, open_twin: Callable[[], World], work: Work[Any], good: Iterable[str], requests: Requests
) -> None:
    """Do ``work`` in a simulated world, on paper of its own; ``good`` are the verdicts of what went well.

    Raises ``Refused``, with the reason, where it didn't, and ``Stopped`` where somebody asked for that."""
    from cells.journal.store import Journal

    listening = Listening(requests)

    say("rehearsing in the simulated world first")
    with tempfile.TemporaryDirectory(prefix="cellwright-") as folder, Journal.draft(cell.name, folder) as journal:
        with rerouted(STDOUT, STDERR):
            world = open_twin()
        try:
            with rerouted(STDOUT, to=STDERR):
                outcomes = _listed(work(world, journal, Path(folder) / "out", lambda *_: None, listening, False))
            seconds = world.clock.now()
            trips = [event.data["cause"].replace("_", " ") for event in journal.events(kinds=("guard_tripped",))]
        except CellwrightError as error:
            raise Refused(*(Problem(f"rehearsal, {p.where}", p.what, p.remedy) for p in error.problems)) from None
        finally:
            world.close()
    listening.poll()
    if listening.ended_by:
        what = f"was ended by {listening.ended_by}"
        raise Stopped(Problem("rehearsal", what, "nothing has moved: run it again if it shall be done"))
    bad = [outcome for outcome in outcomes if outcome.verdict not in good]
    if bad or not outcomes:
        told = [f"{one.serial} ended {one.verdict}: {'; '.join(one.reasons) or 'it stopped'}" for one in bad]
        told += [f"the guard tripped: {trips[-1]}"] if trips else []
        raise Refused(Problem("rehearsal", "; ".join(told) or "nothing was begun", NOTHING_MOVED))
    say(f"rehearsed: good, in {seconds:.1f} s of the cell's time; now the real arm")


def _listed(outcomes: UnitOutcome | list[UnitOutcome]) -> list[UnitOutcome]:
    return outcomes if isinstance(outcomes, list) else [outcomes]
