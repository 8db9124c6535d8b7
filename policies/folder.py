"""A policy entry as a folder ``<name>/<version>``: written as a whole or not at all, read within bounds, verified.

Files are taken for hostile: each is opened once, without following links, and what was read is what is hashed, checked
and run. ``policy.json`` holds the SHA-256 of the others, ``policy.json.sha256`` its own, as ``sha256sum`` writes it.
That finds what broke; it doesn't tell who wrote it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cells.description.documents import shown
from cells.errors import CellwrightError, InputError, Problem
from policies.entry import ANEW, SCHEMA, Entry, as_json, parse_entry, parse_json

MAX_FILE_BYTES = 1_000_000
MAX_ENTRY_BYTES = 5_000_000
DESCRIPTION, SEAL = "policy.json", "policy.json.sha256"
WEIGHTS, NETWORK, EVALUATION = "weights.safetensors", "policy.onnx", "evaluation.json"
KNOWN = (DESCRIPTION, SEAL, WEIGHTS, NETWORK, EVALUATION)


@dataclass(frozen=True)
class Read:
    """An entry whose files are those that it names: their bytes by name."""

    entry: Entry
    files: Mapping[str, bytes]


def write_entry(zoo: Path, description: Mapping[str, Any], files: Mapping[str, bytes]) -> Path:
    """Write an entry into the folder ``zoo`` and return its own, ``<zoo>/<name>/<version>``.

    ``description`` is ``policy.json`` without ``schema`` and ``files``; ``files`` the bytes of ``evaluation.json`` and,
    but for the kind ``parameters``, of ``weights.safetensors`` and ``policy.onnx``. Raises ``InputError`` for an entry
    that couldn't be loaded, a version that is there already, and a folder that can't be written.
    """
    hashes = {name: sha256(content) for name, content in files.items()}
    # As a file, so that it goes through the door that it will be read by.
    described = json.dumps({**description, "schema": SCHEMA, "files": hashes}).encode()
    entry = parse_entry(described, DESCRIPTION)
    raw = as_json(entry)
    whole = {DESCRIPTION: raw, SEAL: seal_of(raw), **files}
    target = zoo / entry.name / entry.version
    if problems := _unlike(entry, whole) or check_contents(entry, whole):
        raise InputError(*problems)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=target.parent))
        try:
            for name, content in whole.items():
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


def read_entry(folder: Path) -> Read:
    """Read an entry and hold its files against their hashes.

    Raises ``InputError`` for a folder that isn't ``<name>/<version>`` of what is in it, for files that are too large,
    missing, not listed, links or other than their hashes, and for whatever :func:`policies.entry.parse_entry` refuses.
    """
    files = _read_files(folder)
    for name in (DESCRIPTION, SEAL):
        if name not in files:
            raise InputError(Problem(f"{folder}/{name}", "is missing", ANEW))
    if files[SEAL] != seal_of(files[DESCRIPTION]):
        raise InputError(Problem(DESCRIPTION, f"isn't the file whose SHA-256 {SEAL} tells", ANEW))
    entry = parse_entry(files[DESCRIPTION], DESCRIPTION)
    problems = _unlike(entry, files)
    here = Path(os.path.abspath(folder))
    for key, told, found in (("name", entry.name, here.parent.name), ("version", entry.version, here.name)):
        if told != found:
            what = f"is {shown(told)} in a folder of {shown(found)}"
            problems.append(Problem(f"{DESCRIPTION}:{key}", what, "put the entry into its own <name>/<version>"))
    if problems:
        raise InputError(*problems)
    return Read(entry, files)


def verify_entry(folder: Path) -> list[Problem]:
    """Everything that is wrong with an entry in itself; whether it suits a skill and a cell is asked when it is
    loaded."""
    try:
        read = read_entry(folder)
    except CellwrightError as error:
        return list(error.problems)
    return check_contents(read.entry, read.files)


def sha256(raw: bytes) -> str:
    """The hash in hexadecimal."""
    return hashlib.sha256(raw).hexdigest()


def seal_of(description: bytes) -> bytes:
    """``policy.json.sha256`` of a ``policy.json``."""
    return f"{sha256(description)}  {DESCRIPTION}\n".encode()


def _read_files(folder: Path) -> dict[str, bytes]:
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
    if sum(map(len, files.values())) > MAX_ENTRY_BYTES:
        raise InputError(Problem(str(folder), f"holds more than {MAX_ENTRY_BYTES:,} bytes", ANEW))
    return files


def _read_file(path: Path) -> bytes:
    # Neither following a link nor waiting for the writer of a named pipe.
    odd = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    if stat.S_ISLNK(os.lstat(path).st_mode):
        raise InputError(Problem(path.name, "is a link", ANEW))
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | odd)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise InputError(Problem(path.name, "is not a regular file", ANEW))
        raw = file.read(MAX_FILE_BYTES + 1)
    if len(raw) > MAX_FILE_BYTES:
        raise InputError(Problem(path.name, f"is larger than {MAX_FILE_BYTES:,} bytes", ANEW))
    return raw


def _unlike(entry: Entry, files: Mapping[str, bytes]) -> list[Problem]:
    """Files that an entry of its kind needs and hasn't, that it shouldn't have, and that aren't those it names."""
    needed = {EVALUATION} if entry.kind == "parameters" else {EVALUATION, WEIGHTS, NETWORK}
    there = files.keys() - {DESCRIPTION, SEAL}
    problems = []
    for name in sorted(needed | there | entry.files.keys()):
        if name not in needed:
            problems.append(Problem(name, f"is no file of a policy of kind {entry.kind}", ANEW))
        elif name not in there:
            problems.append(Problem(name, "is missing", ANEW))
        elif name not in entry.files:
            problems.append(Problem(f"{DESCRIPTION}:files.{name}", "is missing", ANEW))
        elif sha256(files[name]) != entry.files[name]:
            problems.append(Problem(f"{DESCRIPTION}:files.{name}", f"isn't the SHA-256 of {name}", ANEW))
    return problems


def check_contents(entry: Entry, files: Mapping[str, bytes]) -> list[Problem]:
    """What is wrong inside the files (bytes by name) of an entry that has all that it names."""
    problems: list[Problem] = []
    try:
        parse_json(files[EVALUATION], EVALUATION)
    except CellwrightError as error:
        problems += error.problems
    if entry.kind != "parameters":
        from policies.graph import check_graph

        try:
            check_graph(files[NETWORK], entry, NETWORK)
        except CellwrightError as error:
            problems += error.problems
    return problems
