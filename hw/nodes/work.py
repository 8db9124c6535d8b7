"""What a cell's node does for those who ask: one thing at a time, in a thread of its own, by the commands' own code."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from typing import Any

from cells.commands.told import Place, go_on
from cells.errors import CellwrightError, Problem
from cells.runtime.control_socket import NothingRuns, send
from cells.runtime.packml import State
from cells.runtime.requests import Told

ASK_EVERY_S, SOON_S = 0.2, 0.02
Result = dict[str, Any]


class Busy(CellwrightError):
    """Something runs already."""


class Work:
    """At most one job at a time; what is told to the running cell meanwhile is done after it."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say, self._lock = say, threading.Lock()
        self._doing, self._left = "", threading.Event()
        self._left.set()

    @property
    def doing(self) -> str:
        """What is being done, in words; empty while nothing is."""
        return self._doing

    def begin(self, what: str, place: Place, job: Callable[[Told], Result]) -> Future[Result]:
        """Do a job; the future has what it returns or raises. Raises :class:`Busy` if another one isn't done."""
        with self._lock:
            if self._doing:
                raise Busy(Problem("cell", f"{self._doing} is being done", "wait for its end, or cancel it"))
            self._doing = what
            self._left.clear()
        result: Future[Result] = Future()
        threading.Thread(target=self._run, args=(job, place, result), name="work", daemon=True).start()
        return result

    def _run(self, job: Callable[[Told], Result], place: Place, result: Future[Result]) -> None:
        told = Told()
        try:
            done = job(told)
            result.set_result(done)
            go_on(told, place, done)
        except Exception as error:
            # Whatever a run died of, who asks next finds a node that answers.
            if result.done():
                self._say(f"what was told: {error}")
            else:
                result.set_exception(error)
        finally:
            with self._lock:
                self._doing = ""
                self._left.set()

    def stop(self, cell: str, by: str) -> Mapping[str, Any]:
        """Ask what runs to stop; its answer. While it gets ready and doesn't listen yet, the wish is kept for it.
        Raises ``CellwrightError`` where nothing runs, or it doesn't answer."""
        try:
            return send(cell, "stop", by)
        except NothingRuns:
            if not self._doing:
                raise
        threading.Thread(target=self._insist, args=(cell, by), name="stop", daemon=True).start()
        return {"ok": True, "state": str(State.IDLE), "what": "nothing moves yet; the run stops before it does"}

    def _insist(self, cell: str, by: str) -> None:
        while not self._left.is_set():
            with contextlib.suppress(CellwrightError):
                send(cell, "stop", by)
                return
            self._left.wait(SOON_S)

    def end(self, cell: str, by: str, within_s: float) -> bool:
        """Bring what runs to rest and leave it there: no motion comes after it. Whether it has ended in time."""
        asked = "stop"
        for _ in range(round(within_s / ASK_EVERY_S)):
            if self._left.is_set():
                return True
            with contextlib.suppress(CellwrightError):  # it doesn't listen yet, or any more
                answer = send(cell, asked, by)
                # What was stopped and not acknowledged ends where it stands, once it is at rest.
                asked = "cancel" if answer.get("ok") or answer.get("state") in (State.STOPPED, State.ABORTED) else asked
            self._left.wait(ASK_EVERY_S)
        return self._left.is_set()


def result_of(job: Future[Result], poll_s: float, meanwhile: Callable[[], None]) -> Result:
    """What a job returns or raises; ``meanwhile`` is called every ``poll_s`` seconds until then."""
    while not wait([job], poll_s).done:
        meanwhile()
    return job.result()
