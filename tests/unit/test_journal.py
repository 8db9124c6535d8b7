"""The journal keeps what it is given, refuses to change it, and finds whoever changed it anyway."""

from __future__ import annotations

import math
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cells.errors import CellwrightError, InputError
from cells.journal.event import Event
from cells.journal.store import GENESIS, Journal, event_hash


def step(number: int, serial: str = "A-01") -> Event:
    return Event("step_done", number * 0.5, {"serial": serial, "step": f"s{number}", "energy_j": 1 / 3})


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open("bench", tmp_path) as journal:
        yield journal


def tamper(home: Path, statement: str) -> None:
    """Change the file as somebody would who knows how to drop the guards."""
    with sqlite3.connect(home / "bench" / "journal.db") as raw:
        for verb in ("update", "delete"):
            raw.execute(f"DROP TRIGGER events_v1_no_{verb}")
        raw.execute(statement)


def test_gives_back_what_was_appended(journal: Journal) -> None:
    assert journal.head_hash() == GENESIS and list(journal.events()) == []
    stored = [journal.append(step(n)) for n in range(5)]
    back = list(journal.events())
    assert back == stored and [event.seq for event in back] == [1, 2, 3, 4, 5]
    assert back[3].data == {"serial": "A-01", "step": "s3", "energy_j": 1 / 3} and back[3].time == 1.5
    assert journal.head_hash() == back[-1].hash and journal.hash_at(2) == back[1].hash
    assert journal.verify() == []


def test_survives_being_closed(tmp_path: Path) -> None:
    with Journal.open("bench", tmp_path) as first:
        head = first.append(step(1)).hash
    with Journal.open("bench", tmp_path) as again:
        assert again.head_hash() == head and again.append(step(2)).seq == 2 and again.verify() == []


def test_finds_events_by_kind_order_unit_and_place(journal: Journal) -> None:
    journal.append(Event("order_accepted", 0.0, {"order": "A", "items": []}))
    journal.append(Event("unit_started", 0.0, {"serial": "A-01", "order": "A"}))
    journal.append(Event("material_loaded", 0.0, {"instance": "A-01/peg_1"}))
    journal.append(step(1, "A-01"))
    journal.append(step(1, "B-01"))
    assert [event.seq for event in journal.events(order="A")] == [1, 2, 3, 4]
    assert [event.seq for event in journal.events(serial="A-01", after=2)] == [3, 4]
    assert [event.seq for event in journal.events(kinds=("step_done",))] == [4, 5]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, object(), {1, 2}])
def test_refuses_what_is_not_json(journal: Journal, value: object) -> None:
    with pytest.raises(ValueError):
        journal.append(Event("step_done", 0.0, {"value": value}))
    with pytest.raises(ValueError):
        journal.append(Event("step_done", math.nan, {}))
    assert list(journal.events()) == [] and journal.append(step(1)).seq == 1


@pytest.mark.parametrize("statement", ["UPDATE events_v1 SET kind = 'x'", "DELETE FROM events_v1"])
def test_the_database_itself_refuses_changes(journal: Journal, tmp_path: Path, statement: str) -> None:
    journal.append(step(1))
    refused = pytest.raises(sqlite3.IntegrityError, match="append-only")
    with sqlite3.connect(tmp_path / "bench" / "journal.db") as raw, refused:
        raw.execute(statement)


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("UPDATE events_v1 SET data = replace(data, 's3', 's9') WHERE seq = 4", ["journal:4"]),
        ("UPDATE events_v1 SET time = 7.0 WHERE seq = 4", ["journal:4"]),
        ("UPDATE events_v1 SET wall = '2001-01-01' WHERE seq = 4", ["journal:4"]),
        ("UPDATE events_v1 SET serial = 'B-01' WHERE seq = 4", ["journal:4"]),
        ("UPDATE events_v1 SET hash = lower(hex(randomblob(32))) WHERE seq = 4", ["journal:4", "journal:5"]),
        ("DELETE FROM events_v1 WHERE seq = 4", ["journal:5"]),
        ("DELETE FROM events_v1 WHERE seq <= 2", ["journal:3"]),
    ],
)
def test_verify_names_the_place_of_a_change(tmp_path: Path, statement: str, where: list[str]) -> None:
    with Journal.open("bench", tmp_path) as journal:
        for n in range(8):
            journal.append(step(n))
        tamper(tmp_path, statement)
        assert [problem.where for problem in journal.verify()] == where


def test_verify_finds_two_events_swapped(tmp_path: Path) -> None:
    with Journal.open("bench", tmp_path) as journal:
        for n in range(6):
            journal.append(step(n))
        tamper(tmp_path, "UPDATE events_v1 SET seq = 99 WHERE seq = 3")
        with sqlite3.connect(tmp_path / "bench" / "journal.db") as raw:
            raw.execute("UPDATE events_v1 SET seq = 3 WHERE seq = 4")
            raw.execute("UPDATE events_v1 SET seq = 4 WHERE seq = 99")
        assert {"journal:3", "journal:4"} <= {problem.where for problem in journal.verify()}


def test_two_processes_append_to_one_chain(journal: Journal, tmp_path: Path) -> None:
    code = (
        "import sys; from cells.journal.store import Journal; from cells.journal.event import Event\n"
        "with Journal.open('bench', sys.argv[1]) as journal:\n"
        "    for n in range(100): journal.append(Event('step_done', float(n), {'serial': 'other'}))\n"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)])
    mine = [journal.append(step(n)).seq for n in range(100)]
    while other.poll() is None:
        mine.append(journal.append(step(0)).seq)
    assert other.returncode == 0
    assert len(list(journal.events(serial="other"))) == 100
    assert len(set(mine)) == len(mine) and journal.verify() == []


def test_processes_that_open_a_new_cell_at_once_all_get_it(tmp_path: Path) -> None:
    code = (
        "import sys; from cells.journal.store import Journal; from cells.journal.event import Event\n"
        "print('ready', flush=True)\n"
        "for home in sys.stdin:\n"
        "    with Journal.open('bench', home.strip()) as journal: journal.append(Event('step_done', 0.0, {}))\n"
        "    print('kept', flush=True)\n"
    )
    pipe = subprocess.PIPE
    openers = [subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True) for _ in range(4)]
    assert [opener.stdout and opener.stdout.readline() for opener in openers] == ["ready\n"] * 4
    # A new cell each time: it is seldom that two of them meet at the worst moment.
    for number in range(25):
        home = tmp_path / str(number)
        for opener in openers:
            assert opener.stdin
            print(home, file=opener.stdin, flush=True)
        assert [opener.stdout and opener.stdout.readline() for opener in openers] == ["kept\n"] * 4
        with Journal.open("bench", home) as journal:
            assert journal.head()[0] == 4 and journal.verify() == []
    for opener in openers:
        opener.communicate()


def test_threads_share_a_journal(journal: Journal) -> None:
    threads = [threading.Thread(target=lambda: [journal.append(step(n)) for n in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert journal.head()[0] == 200 and journal.verify() == []


def test_determinism_hash_sees_deeds_and_not_the_clock_on_the_wall(tmp_path: Path) -> None:
    def run(home: str, lot: str, file: str, joules: float) -> str:
        with Journal.open("bench", tmp_path / home) as journal:
            journal.append(Event("stock_loaded", 0.0, {"lot": lot, "part": "peg", "count": len(lot)}))
            journal.append(Event("material_loaded", 0.0, {"instance": "A-01/peg_1", "lot": lot}))
            done = {"serial": "A-01", "energy_j": joules, "telemetry": {"file": file, "sha256": "00"}}
            journal.append(Event("step_done", 1.0, done))
            return event_hash(journal.events())

    first = run("one", "SIM-1", "a/1.npz", 2.5)
    assert run("two", "SIM-23", "b/1.npz", 2.5) == first
    assert run("three", "SIM-1", "a/1.npz", 2.5000001) != first


def test_the_folder_is_private_and_its_name_safe(tmp_path: Path) -> None:
    with Journal.open("bench", tmp_path / "home"):
        assert stat.S_IMODE((tmp_path / "home" / "bench").stat().st_mode) == 0o700
    for name in ("../x", "", ".", "a/b", "x" * 65):
        with pytest.raises(InputError, match="can't name a folder"):
            Journal.open(name, tmp_path)


def test_a_file_that_is_no_journal_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "journal.db").write_bytes(b"not a database, not at all" * 100)
    with pytest.raises(InputError, match=r"journal\.db: can't be opened as a journal"):
        Journal.open("bench", tmp_path)


def test_home_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELLWRIGHT_HOME", str(tmp_path / "there"))
    with Journal.open("bench") as journal:
        journal.append(step(1))
    assert (tmp_path / "there" / "bench" / "journal.db").is_file()


def test_an_unknown_database_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELLWRIGHT_JOURNAL_URL", "mysql://nowhere/x")
    with pytest.raises(InputError, match="CELLWRIGHT_JOURNAL_URL"):
        Journal.open("bench")


@pytest.mark.parametrize("data", ["no JSON", "[1]"])
def test_an_unreadable_row_is_named(journal: Journal, tmp_path: Path, data: str) -> None:
    for n in range(3):
        journal.append(step(n))
    tamper(tmp_path, f"UPDATE events_v1 SET data = '{data}' WHERE seq = 2")
    with pytest.raises(CellwrightError, match=r"journal:2: .*restore"):
        list(journal.events())


def test_a_full_disk_is_said_and_the_journal_still_holds(journal: Journal) -> None:
    journal.append(step(1))
    journal._writer.exec_driver_sql("PRAGMA max_page_count = 1")
    with pytest.raises(CellwrightError, match=r"journal of bench: can't be written .*full"):
        for n in range(1000):
            journal.append(step(n))
    journal._writer.exec_driver_sql("PRAGMA max_page_count = 100000")
    journal.append(step(2))
    assert journal.verify() == []
