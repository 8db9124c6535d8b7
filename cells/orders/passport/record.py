"""What the journal knows about one unit: a fold over its events, the only source of its passport."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cells.errors import InputError, Problem
from cells.journal.store import StoredEvent
from cells.orders.footprint import Basis
from cells.ports import item_of
from cells.products.model import Value

PASSPORT_KINDS = (
    "order_accepted", "material_loaded", "unit_started", "unit_finished",
    "step_started", "step_done", "step_failed", "recovery_started",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Piece:
    """One part of the unit: ``item`` of the bill of material, the ``instance`` that is used for it (``peg_2``, or
    ``peg_2~2`` after a replacement), from a ``lot``."""

    item: str
    instance: str
    part: str
    lot: str
    supplier: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One execution of one step. ``duration_s`` and ``energy_j`` (mechanical work) are ``None`` where not known;
    ``telemetry`` is the SHA-256 of its recorded signals, ``values`` the numbers and words that the skill measured."""

    step: str
    skill: str
    version: str
    attempt: int
    done: bool
    start: float
    end: float
    start_wall: str
    end_wall: str
    duration_s: float | None
    energy_j: float | None
    values: Mapping[str, float | str]
    telemetry: str | None
    cause: str
    why: str


@dataclass(frozen=True, slots=True)
class UnitRecord:
    """One unit as it was built. ``pieces`` are in it; ``rejected`` were replaced, by the step in which that was.
    ``version`` is its family's and ``parameters`` are complete; both are missing from journals that didn't tell them.
    ``seconds`` is its cell time and ``work_j`` the arm's mechanical work over all of it in J, ``None`` if not known."""

    serial: str
    order: str
    family: str
    version: str
    parameters: Mapping[str, Value] | None
    variant: str
    verdict: str
    reasons: tuple[str, ...]
    pieces: tuple[Piece, ...]
    rejected: Mapping[str, tuple[Piece, ...]]
    attempts: tuple[Attempt, ...]
    recoveries: tuple[str, ...]
    started_wall: str
    finished_wall: str
    finished: float
    seconds: float
    work_j: float | None
    basis: Basis


def unit_record(serial: str, events: Iterable[StoredEvent]) -> UnitRecord:
    """The record of a unit from a journal's events in order; of a serial built twice, the last time.

    Raises ``InputError`` if the unit was never started or never finished.
    """
    stream = list(events)
    started = next((event for event in reversed(stream) if _is(event, "unit_started", serial)), None)
    if started is None:
        remedy = "see `cellwright journal list` for what was built"
        raise InputError(Problem(f"journal:{serial}", "no such unit was started", remedy))
    order = str(started.data["order"])
    accepted = _last(stream, started.seq, "order_accepted", order)
    mine = [event for event in stream if event.seq > (accepted.seq if accepted else 0) and _about(event, serial)]
    finished = next((event for event in mine if _is(event, "unit_finished", serial)), None)
    if finished is None:
        raise InputError(Problem(f"journal:{serial}", "the unit isn't finished", "wait until it is, or build it anew"))
    # What comes later (it may have been taken apart) is no part of how it was built.
    mine = [event for event in mine if event.seq <= finished.seq]
    suppliers = {event.data["lot"]: event.data["supplier"] for event in stream if event.kind == "stock_loaded"}
    measured = accepted is not None and accepted.data.get("energy") == "measured"
    attempts = _attempts(mine)
    pieces, rejected = _pieces(mine, suppliers)
    return UnitRecord(
        serial=serial,
        order=order,
        family=str(started.data["family"]),
        version=str(started.data.get("version", "")),
        parameters=started.data.get("parameters"),
        variant=str(started.data["variant"]),
        verdict=str(finished.data["verdict"]),
        reasons=tuple(str(reason) for reason in finished.data.get("reasons") or ()),
        pieces=pieces,
        rejected=rejected,
        attempts=attempts,
        recoveries=tuple(
            f"{event.data['step']}: {event.data['recovery']}" for event in mine if event.kind == "recovery_started"
        ),
        started_wall=started.wall,
        finished_wall=finished.wall,
        finished=finished.time,
        seconds=float(finished.data["seconds"]),
        work_j=_number(finished.data["energy_j"]),
        basis="measured" if measured else "modelled",
    )


def _pieces(
    events: Iterable[StoredEvent], suppliers: Mapping[str, str]
) -> tuple[tuple[Piece, ...], dict[str, tuple[Piece, ...]]]:
    """The last piece loaded for each item, and those that it replaced, by the step whose recovery did so."""
    pieces: dict[str, Piece] = {}
    rejected: dict[str, tuple[Piece, ...]] = {}
    step = ""
    for event in events:
        if event.kind == "recovery_started":
            step = str(event.data["step"])
        elif event.kind == "material_loaded":
            instance, lot = str(event.data["instance"]).rpartition("/")[2], str(event.data["lot"])
            item = item_of(instance)
            if item in pieces:
                rejected[step] = (*rejected.get(step, ()), pieces[item])
            pieces[item] = Piece(item, instance, str(event.data["part"]), lot, suppliers.get(lot, ""))
    return tuple(pieces.values()), rejected


def _attempts(events: Iterable[StoredEvent]) -> tuple[Attempt, ...]:
    """Every attempt, in order; one that was begun and never ended was interrupted by a stop or cancel."""
    attempts: list[Attempt] = []
    begun: StoredEvent | None = None
    for event in events:
        if event.kind in ("step_started", "unit_finished") and begun is not None:
            attempts.append(_attempt(begun, event))
            begun = None
        if event.kind == "step_started":
            begun = event
        elif event.kind in ("step_done", "step_failed"):
            attempts.append(_attempt(begun or event, event))
            begun = None
    return tuple(attempts)


def _attempt(start: StoredEvent, end: StoredEvent) -> Attempt:
    """``end`` is the event that ended it, or if none did, what came next."""
    ended = end.kind in ("step_done", "step_failed")
    data = end.data if ended else {**start.data, "cause": "interrupted", "why": "a stop or cancel came in between"}
    skill, _, version = str(data["skill"]).partition("@")
    return Attempt(
        step=str(data["step"]),
        skill=skill,
        version=version or str(data.get("version", "")),
        attempt=int(data["attempt"]),
        done=end.kind == "step_done",
        start=start.time,
        end=end.time,
        start_wall=start.wall,
        end_wall=end.wall,
        duration_s=_number(data.get("duration_s", end.time - start.time)) if ended else None,
        energy_j=_number(data.get("energy_j")),
        values=dict(_flat({**(data.get("result") or {}), **_measured(data)})),
        telemetry=_telemetry_hash(data.get("telemetry")),
        cause=str(data.get("cause", "")),
        why=str(data.get("why", "")),
    )


def _measured(data: Mapping[str, Any]) -> dict[str, Any]:
    """What the runtime measured of a step, beside what its skill did."""
    return {key: value for key, value in data.items() if key.endswith("_n") and _number(value) is not None}


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, float | str]]:
    """Numbers and words of a result, nested names joined by "_"; longer lists stay in the journal."""
    for key, item in value.items():
        if isinstance(item, Mapping):
            yield from _flat(item, f"{prefix}{key}_")
        elif isinstance(item, bool | str):
            yield f"{prefix}{key}", str(item)
        elif isinstance(item, int | float):
            yield f"{prefix}{key}", float(item)


def _telemetry_hash(value: Any) -> str | None:
    """A step's telemetry is noted as its hash, or as a mapping that has it beside the file's name."""
    if isinstance(value, Mapping):
        value = value.get("sha256") or value.get("hash")
    return str(value) if value else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _is(event: StoredEvent, kind: str, serial: str) -> bool:
    return event.kind == kind and event.data.get("serial") == serial


def _about(event: StoredEvent, serial: str) -> bool:
    instance = event.data.get("instance")
    return event.data.get("serial") == serial or (isinstance(instance, str) and instance.rpartition("/")[0] == serial)


def _last(events: Iterable[StoredEvent], before: int, kind: str, order: str) -> StoredEvent | None:
    found = [event for event in events if event.seq < before and event.kind == kind and event.data["order"] == order]
    return found[-1] if found else None
