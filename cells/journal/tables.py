"""The journal's table: its columns, the guards that keep it append-only, and how to connect to it."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

import sqlalchemy as sa

# The format's version is in the table's name: a later format is another table, never a guess about this one.
EVENTS = sa.Table(
    "events_v1",
    sa.MetaData(),
    sa.Column("cell", sa.String(64), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("time", sa.Double, nullable=False),
    sa.Column("wall", sa.String(40), nullable=False),
    sa.Column("data", sa.Text, nullable=False),
    sa.Column("order_id", sa.String(200)),
    sa.Column("serial", sa.String(200), index=True),
    sa.Column("hash", sa.String(64), nullable=False),
)

_SQLITE_GUARDS = tuple(
    f"CREATE TRIGGER IF NOT EXISTS events_v1_no_{verb.lower()} BEFORE {verb} ON events_v1 "
    "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
    for verb in ("UPDATE", "DELETE")
)
_POSTGRES_GUARDS = (
    "CREATE OR REPLACE FUNCTION events_v1_refuse() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the journal is append-only'; END $$",
    "CREATE OR REPLACE TRIGGER events_v1_only_append BEFORE UPDATE OR DELETE OR TRUNCATE ON events_v1 "
    "FOR EACH STATEMENT EXECUTE FUNCTION events_v1_refuse()",
)
# One writer at a time reads the head and appends to it; readers are never held up.
BEGIN = {"sqlite": ("BEGIN IMMEDIATE",), "postgresql": ("BEGIN", "LOCK TABLE events_v1 IN EXCLUSIVE MODE")}
_WAIT_S = 30  # for another writer
_LAYING = 0x43454C4C  # any number that every process agrees on


def connect(url: str) -> sa.Engine:
    """An engine that commits each statement by itself (transactions are opened by hand), with the table in place."""
    parsed = sa.make_url(url)
    lite = parsed.get_backend_name() == "sqlite"
    if parsed.get_backend_name() not in BEGIN:
        raise sa.exc.ArgumentError(f"{parsed.get_backend_name()} isn't supported: use sqlite or postgresql")
    options: dict[str, Any] = {"connect_args": {"timeout": _WAIT_S}} if lite else {}
    engine = sa.create_engine(parsed, isolation_level="AUTOCOMMIT", **options)
    if lite:
        sa.event.listen(engine, "connect", _set_pragmas)
    with engine.connect() as connection:
        _lay_table(connection, lite)
    return engine


def _lay_table(connection: sa.Connection, lite: bool) -> None:
    """Make table, index and guards where they aren't there; several processes may be doing so at once."""
    for statement in ("BEGIN IMMEDIATE",) if lite else ("BEGIN", f"SELECT pg_advisory_xact_lock({_LAYING})"):
        connection.exec_driver_sql(statement)
    connection.execute(sa.schema.CreateTable(EVENTS, if_not_exists=True))
    for index in EVENTS.indexes:
        connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))
    for statement in _SQLITE_GUARDS if lite else _POSTGRES_GUARDS:
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql("COMMIT")


def _set_pragmas(connection: sqlite3.Connection, _record: object) -> None:
    # WAL lets readers go on while one writes; NORMAL survives a crash of the process, and a power cut but for the
    # last commits, without a disk flush per event.
    _turn_to_wal(connection)
    connection.execute("PRAGMA synchronous=NORMAL")


def _turn_to_wal(connection: sqlite3.Connection) -> None:
    """Of processes that turn a new database to WAL at the same time, SQLite refuses all but one without waiting, as
    each holds a read lock that the others wait for: who was refused has let go of its own, and asks again."""
    until = time.monotonic() + _WAIT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
