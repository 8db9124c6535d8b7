"""Health of a cell as diagnostics: the cell itself, the guard, and what its arm tells."""

from __future__ import annotations

from collections.abc import Iterable

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from cells.runtime.guard import NOT_SAFETY_RATED
from cells.runtime.packml import State
from cells.runtime.remedies import remedy_of
from cells.runtime.standing import Standing

ASKS = (State.HELD, State.STOPPED)  # waits for people, and nothing is wrong


def cell_status(name: str, cell: str, state: State, standing: Standing, message: str) -> DiagnosticStatus:
    """The cell: an error while it is aborted, a warning while it waits for people."""
    level = DiagnosticStatus.ERROR if state is State.ABORTED else DiagnosticStatus.OK
    level = DiagnosticStatus.WARN if state in ASKS else level
    values = [("state", str(state)), ("order", standing.order), ("step", standing.step)]
    return _status(level, f"{name}: cell", cell, message or str(state), values)


def guard_status(name: str, cell: str, standing: Standing) -> DiagnosticStatus:
    """The guard: an error from a trip until it is acknowledged."""
    cause = standing.cause
    level = DiagnosticStatus.ERROR if cause else DiagnosticStatus.OK
    message = f"{cause}: {remedy_of(cause)}" if cause else "nothing tripped"
    return _status(level, f"{name}: guard", cell, message, [("cause", cause), ("note", NOT_SAFETY_RATED)])


def arm_status(name: str, cell: str, topic: str, age_s: float | None, limit_s: float) -> DiagnosticStatus:
    """The arm: ``age_s`` is how long ago the newest joint state came, None if none ever has."""
    values = [("topic", topic), ("age_s", "" if age_s is None else f"{age_s:.3f}"), ("limit_s", f"{limit_s:g}")]
    if age_s is None:
        return _status(DiagnosticStatus.STALE, f"{name}: arm", cell, "no joint states yet", values)
    if age_s > limit_s:
        message = f"the newest joint state is {age_s:.1f} s old: {remedy_of('robot_no_feedback')}"
        return _status(DiagnosticStatus.ERROR, f"{name}: arm", cell, message, values)
    return _status(DiagnosticStatus.OK, f"{name}: arm", cell, "joint states come", values)


def _status(
    level: bytes, name: str, hardware: str, message: str, values: Iterable[tuple[str, str]]
) -> DiagnosticStatus:
    told = [KeyValue(key=key, value=value) for key, value in values]
    return DiagnosticStatus(level=level, name=name, hardware_id=hardware, message=message, values=told)
