"""A policy entry as a folder ``<name>/<version>``: written as a whole or not at all, read within bounds, verified.

Files are taken for hostile: each is opened once, without following links, and what was read is what is hashed, checked
and run.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from cells.description.documents import shown
from cells.errors import CellwrightError, InputError, Problem
from policies.contents import (
    DESCRIPTION,
    KNOWN,
    MAX_ENTRY_BYTES,
    SEAL,
    Read,
    check_contents,
    most_bytes,
    read_files,
    seal_of,
    sha256,
    unlike,
)
from policies.entry import ANEW, SCHEMA, as_json, parse_entry

DRAFT, ABANDONED_S = ".draft-", 3600.0  # what isn't an entry yet, or no longer; how old one is that nobody writes


def write_entry(zoo: Path, description: Mapping[str, Any], files: Mapping[str, bytes]) -> Path:
    """Write an entry into the folder ``zoo`` and return its own, ``<zoo>/<name>/<version>``.

    ``description`` is ``policy.json`` without ``schema`` and ``files``; ``files`` the bytes of ``evaluation.json`` and,
    but for the kind ``parameters``, of ``weights.safetensors`` and ``policy.onnx``, and of what else an entry may have.
    Raises ``InputError`` for an entry that couldn't be loaded, a version that is there already, and a folder that can't
    be written.
    """
    hashes = {name: sha256(content) for name, content in files.items()}
    # As a file, so that it goes through the door that it will be read by.
    described = json.dumps({**description, "schema": SCHEMA, "files": hashes}).encode()
    entry = parse_entry(described, DESCRIPTION)
    raw = as_json(entry)
    read = Read(entry, {DESCRIPTION: raw, SEAL: seal_of(raw), **files})
    problems = unlike(entry, read.files) or [*_too_large(read.files), *check_contents(entry, read.files)]
    if problems:
        raise InputError(*problems)
    return place_entry(zoo, read)


def place_entry(zoo: Path, read: Read) -> Path:
    """Put an entry, which has been checked, into its folder, with all its files at once; returns that. Raises
    ``InputError`` for a version that is there already, and a folder that can't be written."""
    target = zoo / read.entry.name / read.entry.version
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sweep(target.parent)
        draft = Path(tempfile.mkdtemp(prefix=DRAFT, dir=target.parent))
        try:
            for name, content in read.files.items():
                (draft / name).write_bytes(content)
            draft.chmod(0o755)
            if target.exists():
                raise FileExistsError
            draft.rename(target)  # which fails, too, for a folder that isn't empty
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        if target.exists():
            what, remedy = "is there already, and a version never changes", "give the policy a higher version"
        else:
            what, remedy = f"can't be written ({error.strerror})", "name a folder that you may write"
        raise InputError(Problem(str(target), what, remedy)) from None
    return target


def remove_entry(folder: Path) -> None:
    """Remove an entry's folder, at once for whoever looks. Raises ``InputError`` where that can't be done."""
    try:
        gone = Path(tempfile.mkdtemp(prefix=DRAFT, dir=folder.parent))
        folder.rename(gone / folder.name)
        shutil.rmtree(gone, ignore_errors=True)
        with suppress(OSError):  # other versions are there
            folder.parent.rmdir()
    except OSError as error:
        remedy = "check whose folder it is"
        raise InputError(Problem(str(folder), f"can't be removed ({error.strerror})", remedy)) from None


def read_entry(folder: Path) -> Read:
    """Read an entry and hold its files against their hashes.

    Raises ``InputError`` for a folder that isn't ``<name>/<version>`` of what is in it, for files that are too large or
    links, and as :func:`policies.contents.read_files`.
    """
    read = read_files(_read_folder(folder), str(folder))
    here, problems = Path(os.path.abspath(folder)), []
    for key, told, found in (("name", read.entry.name, here.parent.name), ("version", read.entry.version, here.name)):
        if told != found:
            what = f"is {shown(told)} in a folder of {shown(found)}"
            problems.append(Problem(f"{DESCRIPTION}:{key}", what, "put the entry into its own <name>/<version>"))
    if problems:
        raise InputError(*problems)
    return read


def verify_entry(folder: Path) -> list[Problem]:
    """Everything that is wrong with an entry in itself; whether it suits a skill and a cell is asked when it is
    loaded."""
    try:
        read = read_entry(folder)
    except CellwrightError as error:
        return list(error.problems)
    return check_contents(read.entry, read.files)


def open_plain(path: Path) -> IO[bytes]:
    """Open a file to read, neither following a link nor waiting for the writer of a named pipe. Raises ``InputError``
    for what isn't a regular file, ``OSError`` for one that can't be opened."""
    odd = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    if stat.S_ISLNK(os.lstat(path).st_mode):
        raise InputError(Problem(path.name, "is a link", ANEW))
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | odd))  # noqa: SIM115
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise InputError(Problem(path.name, "is not a regular file", ANEW))
    return file


def _sweep(folder: Path) -> None:
    """Remove what processes left that were killed."""
    for draft in folder.glob(f"{DRAFT}*"):
        with suppress(FileNotFoundError):  # its owner, or another sweeper, was faster
            if time.time() - draft.stat().st_mtime > ABANDONED_S:
                shutil.rmtree(draft, ignore_errors=True)


def _read_folder(folder: Path) -> dict[str, bytes]:
    """The files of a folder by name. Raises ``InputError`` for the first that no entry has."""
    try:
        if not stat.S_ISDIR(os.lstat(folder).st_mode):
            raise InputError(Problem(str(folder), "isn't a folder", "name the folder of one version"))
        names = []
        with os.scandir(folder) as found:
            for item in found:
                if item.name not in KNOWN:
                    what = f"holds {shown(item.name)}, which is no file of an entry"
                    raise InputError(Problem(str(folder), what, "remove it, if the entry is yours"))
                names.append(item.name)
        files = {name: _read_file(folder / name) for name in sorted(names)}
    except OSError as error:
        raise InputError(Problem(str(error.filename or folder), f"can't be read ({error.strerror})", ANEW)) from None
    if problems := _too_large(files):
        raise InputError(*problems)
    return files


def _read_file(path: Path) -> bytes:
    with open_plain(path) as file:
        raw = file.read(most_bytes(path.name) + 1)
    if len(raw) > most_bytes(path.name):
        raise InputError(Problem(path.name, f"is larger than {most_bytes(path.name):,} bytes", ANEW))
    return raw


def _too_large(files: Mapping[str, bytes]) -> list[Problem]:
    """Files that are too large, and an entry that is too large as a whole."""
    large = [name for name, raw in files.items() if len(raw) > most_bytes(name)]
    problems = [Problem(name, f"is larger than {most_bytes(name):,} bytes", ANEW) for name in large]
    if sum(map(len, files.values())) > MAX_ENTRY_BYTES:
        problems.append(Problem("entry", f"holds more than {MAX_ENTRY_BYTES:,} bytes", ANEW))
    return problems
