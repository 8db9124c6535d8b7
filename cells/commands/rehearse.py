"""Rehearsal: a plan is done in a simulated world first, before a real arm moves."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cells.commands.show import STDERR, STDOUT, rerouted, say
from cells.errors import CellwrightError, Problem, Refused
from cells.runtime.requests import Request

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


class Nobody:
    """Nobody watches a rehearsal: one that stops and waits for people has ended."""

    def poll(self, wait_s: float = 0.0) -> Request | None:
        """Leave as soon as people are waited for."""
        return Request("leave", "rehearsal") if wait_s else None


def rehearse(cell: Cell, open_twin: Callable[[], World], work: Work[Any], good: Iterable[str]) -> None:
    """Do ``work`` in a simulated world, on paper of its own; ``good`` are the verdicts of what went well.

    Raises ``Refused``, with the reason, where it didn't."""
    from cells.journal.store import Journal

    say("rehearsing in the simulated world first")
    with tempfile.TemporaryDirectory(prefix="cellwright-") as folder, Journal.draft(cell.name, folder) as journal:
        with rerouted(STDOUT, STDERR):
            world = open_twin()
        try:
            with rerouted(STDOUT, to=STDERR):
                outcomes = _listed(work(world, journal, Path(folder) / "out", lambda *_: None, Nobody(), False))
            seconds = world.clock.now()
        except CellwrightError as error:
            raise Refused(*(Problem(f"rehearsal, {p.where}", p.what, p.remedy) for p in error.problems)) from None
        finally:
            world.close()
    bad = [outcome for outcome in outcomes if outcome.verdict not in good]
    if bad or not outcomes:
        told = [f"{one.serial} ended {one.verdict}: {'; '.join(one.reasons) or 'it stopped'}" for one in bad]
        raise Refused(Problem("rehearsal", " and ".join(told) or "nothing was begun", NOTHING_MOVED))
    say(f"rehearsed: good, in {seconds:.1f} s of the cell's time; now the real arm")


def _listed(outcomes: UnitOutcome | list[UnitOutcome]) -> list[UnitOutcome]:
    return outcomes if isinstance(outcomes, list) else [outcomes]
