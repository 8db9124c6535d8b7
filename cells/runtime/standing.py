"""How a cell stands, for whoever looks on from outside of its run: a fold over the journal.

A run that dies leaves its last state in the journal. What was left in the middle is not gone on with before a person
has looked at the cell: see :func:`acknowledge`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cells.journal.event import Event
from cells.runtime.control_socket import NothingRuns, send
from cells.runtime.packml import State
from cells.runtime.remedies import LOOK, remedy_of

if TYPE_CHECKING:
    from cells.journal.store import Journal

# Events that begin an order, a disassembly or an errand, and the key that names it; and those that end one.
_BEGIN = {"order_accepted": "order", "disassembly_started": "serial", "errand_started": "errand"}
_END = ("order_finished", "disassembly_finished", "errand_finished")
KINDS = (*_BEGIN, *_END, "state_changed", "step_started", "step_done", "guard_tripped", "acknowledged")
READY = (State.IDLE, State.COMPLETE)
_WAITS = {
    State.HELD: "held: resume, or cancel",
    State.STOPPED: "stopped: acknowledge, then resume or cancel",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """The PackML ``state``; what is made (an order, a unit that comes apart, an errand), the ``step`` that began last
    and the steps that are ``done``, each as ``<serial> <step>``; the guard's ``cause`` until it is acknowledged."""

    state: State = State.IDLE
    order: str = ""
    step: str = ""
    done: frozenset[str] = frozenset()
    cause: str = ""
    seq: int = 0

    @property
    def ready(self) -> bool:
        """Whether something new may begin, if nothing runs."""
        return self.state in READY

    @property
    def advice(self) -> str:
        """What a person should know and do, while a run waits in this state; empty where there is nothing."""
        if self.state is State.ABORTED and self.cause:
            return f"{self.cause}: {remedy_of(self.cause)}; then acknowledge, and resume or cancel"
        return (
            f"{LOOK}; then acknowledge, and resume or cancel"
            if self.state is State.ABORTED
            else _WAITS.get(self.state, "")
        )

    def left(self) -> str:
        """What is to be said where nothing runs, and it was left like this; empty where that is as it should be."""
        if self.ready:
            return ""
        doing = f" of {self.order} during {self.step}, {len(self.done)} steps done," if self.order and self.step else ""
        return f"the last run{doing} ended while the cell was {self.state}: {LOOK}, then acknowledge"


def standing(events: Iterable[Event], before: Standing = Standing()) -> Standing:
    """How the cell stands after these events."""
    for event in events:
        before = replace(_after(before, event.kind, event.data), seq=getattr(event, "seq", before.seq))
    return before


def _after(now: Standing, kind: str, data: Any) -> Standing:
    if kind in _BEGIN:
        return replace(now, order=str(data[_BEGIN[kind]]), step="", done=frozenset())
    if kind in _END:
        return replace(now, order="", step="")
    if kind == "state_changed":
        return replace(now, state=State(data["state"]))
    if kind == "step_started":
        return replace(now, step=_step(data))
    if kind == "step_done":
        return replace(now, done=now.done | {_step(data)})
    if kind == "guard_tripped":
        return replace(now, cause=str(data["cause"]))
    return replace(now, cause="") if kind == "acknowledged" else now


def _step(data: Any) -> str:
    return f"{data['serial']} {data['step']}"


def standing_of(journal: Journal, before: Standing = Standing()) -> Standing:
    """How the cell stands by its journal, from where it was known."""
    return standing(journal.events(after=before.seq, kinds=KINDS), before)


def acknowledge(cell: str, by: str) -> dict[str, Any]:
    """Acknowledge a stop: to the run that waits, or, where none runs, what the last one left behind.

    Returns an answer as :func:`cells.runtime.control_socket.send`, and raises as it does; ``NothingRuns`` where there
    is nothing to acknowledge either."""
    from cells.journal.store import Journal
    from cells.runtime.lease import Lease

    try:
        return send(cell, "acknowledge", by)
    except NothingRuns:
        with Journal.open(cell) as journal:
            left = standing_of(journal)
            if left.ready:
                raise
            with Lease(cell):  # a run that has just begun or is about to end knows better
                time = max((event.time for event in journal.events(after=left.seq - 1)), default=0.0)
                journal.append(Event("acknowledged", time, {"by": by}))
                journal.append(Event("state_changed", time, {"state": str(State.IDLE), "was": str(left.state)}))
    return {"ok": True, "state": str(State.IDLE), "what": "acknowledged; the cell takes orders again"}
