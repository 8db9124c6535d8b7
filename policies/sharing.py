"""A shared zoo: policies pushed to a shelf and pulled from it, by any number of cells at once.

    policies/<name>/<version>.json   the row of one version: never changes
    archives/<ab>/<sha256>.zip       the entry, called by the hash of its bytes
    index.json                       all rows

A version is there when its row is, which is written last, as a whole, and only if there is none. The index follows from
the rows: it is what a web server's readers have to go by, and spares others to read each row. Whoever pushes makes it
anew until it has all rows that there are. The index of a shelf that was seen once is kept for when it can't be reached.
"""

from __future__ import annotations

import fcntl
import os
import re
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cells.description.documents import shown
from cells.description.problems import nearest
from cells.errors import CellwrightError, InputError, Problem
from cells.journal.home import home_folder
from policies.archive import pack, read_archive
from policies.contents import DESCRIPTION, SIGNATURE, Read, check_contents, sha256
from policies.folder import place_entry, read_entry
from policies.index import (
    MAX_INDEX_BYTES,
    MAX_ROW_BYTES,
    Row,
    index_json,
    parse_index,
    parse_row,
    row_json,
    row_of,
)
from policies.shelf import Shelf, Unreachable, read
from policies.signature import check_trust, sign
from policies.store import entry_folders, precedence

INDEX, ROWS = "index.json", "policies"
_ROW = re.compile(
    rf"{ROWS}/([a-z][a-z0-9_-]{{0,47}})/((?:0|[1-9][0-9]{{0,5}})(?:\.(?:0|[1-9][0-9]{{0,5}})){{2}})\.json"
)
MOST_TRIES = 50  # at an index while others push, too


@dataclass(frozen=True)
class Shared:
    """What a shelf has. ``problems`` are told; what they are about isn't in ``rows``."""

    rows: tuple[Row, ...]
    problems: tuple[Problem, ...] = ()


def push(folder: Path, shelf: Shelf, key: Path | None = None) -> Row:
    """Put the entry of a ``folder`` on a shelf, signed by the private ``key`` of a PEM file if one is named; its row.

    The same once more changes nothing. Raises ``InputError`` for an entry that isn't sound, and for a version that is
    there with another content.
    """
    entry = checked(read_entry(folder))
    if key is not None:
        entry = Read(entry.entry, {**entry.files, SIGNATURE: sign(entry.files[DESCRIPTION], key)})
    archive = pack(entry.files)
    row = row_of(entry, archive)
    _check_free(shelf, row)  # before the archive, which would stay there for nobody
    shelf.put(archive_name(row), archive)
    if not shelf.put_new(row_name(row.policy), row_json(row)):
        _check_free(shelf, row)  # somebody was faster
    renew_index(shelf)
    return row


def _check_free(shelf: Shelf, row: Row) -> None:
    """Raises ``InputError`` for a version that is on the shelf with another content."""
    try:
        there = parse_row(read(shelf, row_name(row.policy), MAX_ROW_BYTES), row_name(row.policy))
    except FileNotFoundError:
        return
    if there != row:
        what = f"is in {shelf.url} already, with another content, and a version never changes"
        raise InputError(Problem(row.policy, what, "give the policy a higher version"))


def renew_index(shelf: Shelf) -> None:
    """Write the index until it has every row that there is; others may be pushing."""
    with shelf.alone():
        for _ in range(MOST_TRIES):
            shared = rows_of(shelf)
            if _index_of(shelf) == shared.rows:
                return
            shelf.put(INDEX, index_json(shared.rows))


def rows_of(shelf: Shelf) -> Shared:
    """The rows of a shelf, by policy. Raises ``Unreachable``, and ``InputError`` for a web server without an index."""
    listed = _index_of(shelf)
    if not shelf.lists:
        if listed is None:
            what = f"has no {INDEX} that can be read, so it is no shared zoo"
            raise InputError(Problem(shelf.url, what, "check the address"))
        return Shared(listed)
    known = {row_name(row.policy): row for row in listed or ()}
    rows: list[Row] = []
    problems: list[Problem] = []
    for name in sorted(shelf.names(ROWS)):
        try:
            rows.append(known[name] if name in known else _row(shelf, name))
        except FileNotFoundError:
            continue
        except InputError as error:
            problems += error.problems
    return Shared(tuple(sorted(rows, key=lambda row: row.policy)), tuple(problems))


def rows_here() -> Shared:
    """The rows of the policies that are here; those that can't be read are told."""
    rows: list[Row] = []
    problems: list[Problem] = []
    for folder in entry_folders():
        try:
            entry = read_entry(folder)
            rows.append(row_of(entry, pack(entry.files)))
        except CellwrightError as error:
            problems += error.problems
    return Shared(tuple(rows), tuple(problems))


def rows_known(shelf: Shelf) -> Shared:
    """As :func:`rows_of`; of a shelf that can't be reached, those that it had when it was seen last."""
    kept = _folder() / f"{sha256(shelf.url.encode())[:16]}.json"
    try:
        shared = rows_of(shelf)
    except Unreachable as error:
        if not kept.exists():
            raise
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(kept.stat().st_mtime))
        problem = error.problems[0]
        told = Problem(problem.where, f"{problem.what}; this is what it had on {when}", problem.remedy)
        return Shared(parse_index(kept.read_bytes(), str(kept)), (told,))
    _keep(kept, index_json(shared.rows))
    return shared


def pull(reference: str, shelf: Shelf, zoo: Path) -> tuple[Path, str]:
    """Fetch ``name@version``, or the newest version of ``name``, into the folder ``zoo``; the entry's folder, and whom
    it is from in words. A fetch that was cut off goes on where it was. Raises ``InputError`` for an entry that isn't
    sound, isn't what its row says, or isn't from somebody trusted."""
    row = newest(rows_of(shelf).rows, reference, shelf.url)
    target = zoo / row.name / row.version
    if target.exists():
        try:
            there = read_entry(target)
        except InputError:
            what, remedy = f"is here already, damaged, in {target}", f"cellwright zoo remove {row.policy}, then pull it"
            raise InputError(Problem(row.policy, what, remedy)) from None
        if sha256(pack(there.files)) == row.archive:
            return target, check_trust(there.files, row.policy)
        raise InputError(Problem(row.policy, "is here already, with another content", "remove one of the two"))
    archive = _fetched(shelf, row)
    fetched = read_archive(archive, row.policy)
    found = row_of(fetched, archive)
    for key in Row.model_fields:
        if getattr(found, key) != getattr(row, key):
            what = f"{shelf.url} says another thing than the entry itself"
            raise InputError(Problem(f"{row.policy}:{key}", what, "ask whoever keeps this zoo"))
    return admit(fetched, zoo)


def admit(entry: Read, zoo: Path) -> tuple[Path, str]:
    """Put an entry that came from elsewhere into the folder ``zoo``; its folder, and whom it is from in words. Raises
    ``InputError`` as :func:`pull`."""
    who = check_trust(entry.files, entry.entry.reference)
    checked(entry)
    try:
        return place_entry(zoo, entry), who
    except InputError:
        target = zoo / entry.entry.name / entry.entry.version
        if target.exists() and read_entry(target).files == entry.files:  # another process was faster
            return target, who
        raise


def checked(entry: Read) -> Read:
    """The entry, if all is right inside its files. Raises ``InputError``."""
    if problems := check_contents(entry.entry, entry.files):
        raise InputError(*problems)
    return entry


def newest(rows: Iterable[Row], reference: str, where: str) -> Row:
    """The row of ``name@version``, or of the newest version of ``name``. Raises ``InputError`` if there is none."""
    name, _, version = reference.partition("@")
    known = {row.policy: row for row in rows}
    fitting = [row for row in known.values() if row.name == name and version in ("", row.version)]
    if not fitting:
        raise InputError(Problem("policy", f"{where} has no {shown(reference)}", nearest(reference, known)))
    return max(fitting, key=lambda row: precedence(row.version))


def row_name(policy: str) -> str:
    """The file that says that a version is there."""
    return f"{ROWS}/{policy.replace('@', '/')}.json"


def archive_name(row: Row) -> str:
    """The file that an entry is in."""
    return f"archives/{row.archive[:2]}/{row.archive}.zip"


def _row(shelf: Shelf, name: str) -> Row:
    """The row in a file of a shelf. Raises ``InputError``, ``FileNotFoundError``."""
    found = _ROW.fullmatch(name)
    if not found:
        raise InputError(Problem(f"{shelf.url}/{shown(name)}", "is no row of a policy", "remove it"))
    row = parse_row(read(shelf, name, MAX_ROW_BYTES), f"{shelf.url}/{name}")
    if row.policy != f"{found[1]}@{found[2]}":
        raise InputError(Problem(f"{shelf.url}/{name}", f"is the row of {row.policy}", "remove it"))
    return row


def _index_of(shelf: Shelf) -> tuple[Row, ...] | None:
    """The rows of the index, by policy; None if there is no sound one, as it can be made anew."""
    try:
        return parse_index(read(shelf, INDEX, MAX_INDEX_BYTES), f"{shelf.url}/{INDEX}")
    except (FileNotFoundError, InputError):
        return None


def _fetched(shelf: Shelf, row: Row) -> bytes:
    """An archive as its row says. What came so far is kept where the next fetch goes on."""
    _folder().mkdir(parents=True, exist_ok=True)
    path, source = _folder() / f"{row.archive}.part", f"{shelf.url}/{archive_name(row)}"
    with open(path, "a+b") as part:
        fcntl.flock(part, fcntl.LOCK_EX)  # two fetches of one archive: the second finds it there
        if part.tell() > row.size:
            part.truncate(0)
        have = part.seek(0, os.SEEK_END)
        try:
            for chunk in shelf.chunks(archive_name(row), have) if have < row.size else ():
                part.write(chunk[: row.size + 1 - have])
                have += len(chunk)
                if have > row.size:
                    break
        except FileNotFoundError:
            what = "isn't there, though its row is"
            raise InputError(Problem(source, what, "ask whoever keeps this zoo")) from None
        part.flush()
        if have < row.size:
            what = f"ended after {have:,} of {row.size:,} bytes"
            raise Unreachable(Problem(source, what, "say it again: it goes on from there"))
        part.seek(0)
        raw = part.read(row.size + 1)
        path.unlink(missing_ok=True)
    if sha256(raw) != row.archive:
        what = "isn't what its hash says; what came is thrown away"
        raise InputError(Problem(source, what, "say it again, or ask whoever keeps this zoo"))
    return raw


def _keep(path: Path, raw: bytes) -> None:
    """Write a file as a whole."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".draft-")
        with open(handle, "wb") as file:
            file.write(raw)
        os.replace(draft, path)
    except OSError as error:
        what = f"can't be written ({error.strerror})"
        raise CellwrightError(Problem(str(path), what, "set CELLWRIGHT_HOME to a folder you may write")) from None


def _folder() -> Path:
    """Where indexes of shelves and unfinished fetches are kept."""
    return home_folder() / "zoo" / ".shared"
