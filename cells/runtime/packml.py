"""PackML: the states of a running cell and what is allowed in each (ANSI/ISA-TR88.00.02-2015, machine state model).

Used: every state but Suspending/Suspended/Unsuspending, which speak of starved or blocked lines.
"""

from __future__ import annotations

from enum import StrEnum

from cells.errors import CellwrightError, Problem


class State(StrEnum):
    """PackML state names."""

    IDLE = "Idle"
    STARTING = "Starting"
    EXECUTE = "Execute"
    HOLDING = "Holding"
    HELD = "Held"
    UNHOLDING = "Unholding"
    COMPLETING = "Completing"
    COMPLETE = "Complete"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    RESETTING = "Resetting"
    ABORTING = "Aborting"
    ABORTED = "Aborted"
    CLEARING = "Clearing"


S = State

# Acting states end by themselves ("state complete") in exactly one state.
NEXT = {
    S.STARTING: S.EXECUTE,
    S.HOLDING: S.HELD,
    S.UNHOLDING: S.EXECUTE,
    S.EXECUTE: S.COMPLETING,
    S.COMPLETING: S.COMPLETE,
    S.STOPPING: S.STOPPED,
    S.RESETTING: S.IDLE,
    S.ABORTING: S.ABORTED,
    S.CLEARING: S.STOPPED,
}
_STOPPABLE = frozenset(State) - {S.STOPPING, S.STOPPED, S.ABORTING, S.ABORTED, S.CLEARING}
_ABORTABLE = frozenset(State) - {S.ABORTING, S.ABORTED}
# Command: the states in which it is allowed, and the state that it leads to.
COMMANDS = {
    "start": (frozenset({S.IDLE}), S.STARTING),
    "hold": (frozenset({S.EXECUTE}), S.HOLDING),
    "unhold": (frozenset({S.HELD}), S.UNHOLDING),
    "complete": (frozenset({S.EXECUTE, S.HELD, S.IDLE}), S.COMPLETING),
    "stop": (_STOPPABLE, S.STOPPING),
    "abort": (_ABORTABLE, S.ABORTING),
    "clear": (frozenset({S.ABORTED}), S.CLEARING),
    "reset": (frozenset({S.STOPPED, S.COMPLETE}), S.RESETTING),
}
_ADVICE = {
    S.STOPPED: "acknowledge first, then resume or cancel",
    S.ABORTED: "find the cause, acknowledge, then resume or cancel",
    S.STOPPING: "wait until the arm is at rest",
    S.ABORTING: "wait until the arm is at rest",
    S.HOLDING: "wait until the arm is at rest",
    S.HELD: "resume, or cancel",
    S.IDLE: "resume, or cancel",
    S.EXECUTE: "pause, stop or cancel",
    S.COMPLETE: "the order has ended",
}


class IllegalCommand(CellwrightError):
    """A command that isn't allowed in the present state."""


def command(state: State, name: str, asked: str = "") -> State:
    """The state that a command leads to. Raises :class:`IllegalCommand` with what to do instead; ``asked`` is the
    word that the person used for it."""
    if name not in COMMANDS:
        what = f"there is no command {name!r}"
        raise IllegalCommand(Problem("command", what, f"known are {', '.join(COMMANDS)}"))
    allowed, target = COMMANDS[name]
    if state not in allowed:
        remedy = _ADVICE.get(state, "wait for the next state")
        raise IllegalCommand(Problem("state", f"{(asked or name)!r} isn't possible while the cell is {state}", remedy))
    return target


def completed(state: State) -> State:
    """The state after an acting state has done its work. Raises :class:`IllegalCommand` for a waiting state."""
    if state not in NEXT:
        raise IllegalCommand(Problem("state", f"{state} doesn't end by itself", "give a command"))
    return NEXT[state]
