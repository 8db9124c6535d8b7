"""The journal of one cell: append-only, hash-chained, shared by every process that works on the cell.

Each row's hash is SHA-256 over the previous row's hash and the row's own content, so that a changed, missing or
moved row is found by :meth:`Journal.verify`. A journal whose *end* was cut off still chains: that is found against
the head hash that every passport carries.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa

from cells.errors import CellwrightError, InputError, Problem
from cells.journal.event import Event
from cells.journal.home import cell_folder
from cells.journal.tables import BEGIN, EVENTS, connect

GENESIS = "0" * 64
_URL = "CELLWRIGHT_JOURNAL_URL"

# What tells one run from its repetition without the cell having done anything else: left out of event_hash.
_OUTSIDE = frozenset({"run", "pid", "host", "wall", "wall_s", "cpu_s", "file", "path", "folder", "out", "lot"})
_NO_DEEDS = frozenset({
    "stock_loaded", "passport_written",
    # What was proven in simulation beforehand, and what a person has set up.
    "setup_confirmed", "changeover_started", "step_retooled", "changeover_finished",
    # The dialogue: what was said on the way to what was done.
    "told", "asked_back", "plan_proposed", "plan_confirmed", "plan_dropped", "told_refused", "told_impossible",
    "told_answered", "alias_asked", "alias_taught", "alias_removed",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class StoredEvent(Event):
    """An event with its place in the journal: ``seq`` from 1, ``wall`` time (UTC, ISO 8601), ``hash`` of the chain."""

    seq: int
    wall: str
    hash: str


def canonical(value: Any) -> str:
    """Canonical JSON: sorted keys, no spaces, UTF-8. Raises ``ValueError`` for NaN, infinity and non-JSON values."""
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except TypeError as error:
        raise ValueError(f"not a JSON value: {error}") from None


def event_hash(events: Iterable[Event]) -> str:
    """SHA-256 of what the cell did: two runs of one order, seed and build have the same.

    Leaves out wall time, paths, run and process ids, the stock that was there before (lots and their loading), the
    hashes of passports, which carry wall time, and what was said.
    """
    digest = hashlib.sha256()
    for event in events:
        if event.kind not in _NO_DEEDS:
            digest.update(canonical([event.kind, event.time, _inside(event.data)]).encode() + b"\n")
    return digest.hexdigest()


def _inside(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _inside(item) for key, item in value.items() if key not in _OUTSIDE}
    if isinstance(value, list | tuple):
        return [_inside(item) for item in value]
    return value


def _link(previous: str, seq: int, kind: str, time: float, wall: str, data: str) -> str:
    """The hash of one row: ``data`` is already canonical JSON, as it is stored."""
    head = canonical([seq, kind, time, wall])
    return hashlib.sha256(f"{previous}\n{head}\n{data}".encode()).hexdigest()


def _serial_of(data: Mapping[str, Any]) -> str | None:
    """The unit that an event is about: named, or the first part of an instance (``ORDER-1-01/peg_2``)."""
    if "serial" in data:
        return str(data["serial"])
    instance = data.get("instance")
    return instance.rpartition("/")[0] or None if isinstance(instance, str) else None


class Journal:
    """One cell's journal. Safe to share between threads, and to be open in several processes at once."""

    def __init__(self, engine: sa.Engine, cell: str) -> None:
        self._engine = engine
        self._cell = cell
        self._lock = threading.Lock()
        self._writer = engine.connect()

    @classmethod
    def open(cls, cell_name: str, home: Path | str | None = None) -> Self:
        """Open or make the journal of a cell: ``<home>/<cell>/journal.db``, or the database of
        ``$CELLWRIGHT_JOURNAL_URL`` (``postgresql+psycopg://…``), which cells may share.

        Raises ``InputError`` where it can't be opened or isn't a journal.
        """
        url = os.environ.get(_URL)
        return cls._at(url, _URL, cell_name) if url else cls.draft(cell_name, cell_folder(cell_name, home))

    @classmethod
    def draft(cls, cell_name: str, folder: Path | str) -> Self:
        """Open or make a journal in a folder, wherever the cell's own is: for what is only tried.

        Raises ``InputError`` as :meth:`open`.
        """
        path = Path(folder) / "journal.db"
        return cls._at(f"sqlite:///{path}", str(path), cell_name)

    @classmethod
    def _at(cls, url: str, where: str, cell_name: str) -> Self:
        try:
            engine = connect(url)
            journal = cls(engine, cell_name)
        except (sa.exc.SQLAlchemyError, ImportError) as error:
            remedy = "check it and its permissions, or restore it from a backup"
            if where == _URL:
                remedy = "check the database's address and driver"
            raise InputError(Problem(where, f"can't be opened as a journal ({_reason(error)})", remedy)) from None
        return journal

    def append(self, event: Event) -> StoredEvent:
        """Add one event and commit it. Adds nothing and raises ``ValueError`` for NaN, infinity and non-JSON values,
        ``CellwrightError`` where the database can't be written (a full disk, another writer that never ends)."""
        time, data = float(event.time), canonical(dict(event.data))
        canonical(time)
        wall = datetime.now(UTC).isoformat(timespec="milliseconds")
        owner = {"order_id": event.data.get("order"), "serial": _serial_of(event.data)}
        row = {"cell": self._cell, "kind": event.kind, "time": time, "wall": wall, "data": data} | owner
        try:
            with self._lock, self._transaction():
                seq, previous = self._head(self._writer)
                digest = _link(previous, seq + 1, event.kind, time, wall, data)
                self._writer.execute(sa.insert(EVENTS), row | {"seq": seq + 1, "hash": digest})
        except sa.exc.SQLAlchemyError as error:
            what, remedy = f"can't be written ({_reason(error)})", "make room, check permissions, or end what holds it"
            raise CellwrightError(Problem(f"journal of {self._cell}", what, remedy)) from None
        return StoredEvent(event.kind, time, json.loads(data), seq + 1, wall, digest)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        for statement in BEGIN[self._engine.dialect.name]:
            self._writer.exec_driver_sql(statement)
        try:
            yield
            self._writer.exec_driver_sql("COMMIT")
        except BaseException:
            # After some errors (a full disk) SQLite has rolled back already, and says so.
            with suppress(sa.exc.SQLAlchemyError):
                self._writer.exec_driver_sql("ROLLBACK")
            raise

    def events(
        self,
        after: int = 0,
        kinds: Iterable[str] | None = None,
        order: str | None = None,
        serial: str | None = None,
    ) -> Iterator[StoredEvent]:
        """The events with ``seq`` > ``after``, in order, of these ``kinds``, about this ``order`` (with those of its
        units) or this unit. Each call reads a consistent picture of the moment it starts.

        Raises ``CellwrightError`` at a row that somebody made unreadable."""
        table = EVENTS.c
        query = sa.select(EVENTS).where(table.cell == self._cell, table.seq > after).order_by(table.seq)
        if kinds is not None:
            query = query.where(table.kind.in_(tuple(kinds)))
        if serial is not None:
            query = query.where(table.serial == serial)
        if order is not None:
            units = sa.select(table.serial).where(
                table.cell == self._cell, table.kind == "unit_started", table.order_id == order
            )
            query = query.where(sa.or_(table.order_id == order, table.serial.in_(units)))
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        for row in rows:
            yield StoredEvent(row.kind, row.time, _data_of(row), row.seq, row.wall, row.hash)

    def head(self) -> tuple[int, str]:
        """Sequence and hash of the last event; (0, 64 zeros) while there is none."""
        with self._engine.connect() as connection:
            return self._head(connection)

    def head_hash(self) -> str:
        """The hash of the last event, which stands for everything before it."""
        return self.head()[1]

    def hash_at(self, seq: int) -> str | None:
        """The hash of one event; ``None`` if there is none with this sequence."""
        query = sa.select(EVENTS.c.hash).where(EVENTS.c.cell == self._cell, EVENTS.c.seq == seq)
        with self._engine.connect() as connection:
            found = connection.execute(query).scalar()
        return None if found is None else str(found)

    def verify(self) -> list[Problem]:
        """Every place where the chain doesn't hold, by sequence; empty if the journal is as it was written."""
        query = sa.select(EVENTS).where(EVENTS.c.cell == self._cell).order_by(EVENTS.c.seq)
        problems: list[Problem] = []
        expected, previous = 1, GENESIS
        with self._engine.connect() as connection:
            for row in connection.execute(query).yield_per(1000):
                where = f"journal:{row.seq}"
                if row.seq != expected:
                    gap = f"{expected}" if row.seq == expected + 1 else f"{expected} to {row.seq - 1}"
                    problems.append(Problem(where, f"sequence {gap} is missing before it", _RESTORE))
                elif _link(previous, row.seq, row.kind, row.time, row.wall, row.data) != row.hash:
                    problems.append(Problem(where, "its hash doesn't match: changed, moved or inserted", _RESTORE))
                elif (row.order_id, row.serial) != _owner(row.data):
                    problems.append(Problem(where, "is filed under another order or unit than it names", _RESTORE))
                expected, previous = row.seq + 1, row.hash
        return problems

    def close(self) -> None:
        """Give the database back."""
        self._writer.close()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _head(self, connection: sa.Connection) -> tuple[int, str]:
        columns = (EVENTS.c.seq, EVENTS.c.hash)
        query = sa.select(*columns).where(EVENTS.c.cell == self._cell).order_by(EVENTS.c.seq.desc()).limit(1)
        row = connection.execute(query).first()
        return (row.seq, row.hash) if row else (0, GENESIS)


_RESTORE = "restore the journal from a backup; don't trust what was built on it since"


def _data_of(row: Any) -> dict[str, Any]:
    try:
        data = json.loads(row.data)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise CellwrightError(Problem(f"journal:{row.seq}", "can't be read: somebody changed it", _RESTORE))
    return data


def _reason(error: Exception) -> str:
    """What the database's driver said, in a line."""
    return str(getattr(error, "orig", None) or error).splitlines()[0]


def _owner(data: str) -> tuple[str | None, str | None]:
    parsed = json.loads(data)
    return parsed.get("order"), _serial_of(parsed)
