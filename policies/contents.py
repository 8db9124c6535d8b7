"""What is in an entry: which files, how large, each held against its hash, and each looked into without running it.

Files are bytes by name here, wherever they come from. They are taken for hostile. ``policy.json`` holds the SHA-256 of
the others, ``policy.json.sha256`` its own, as ``sha256sum`` writes it. That finds what broke; who wrote an entry is
told by a signature (:mod:`policies.signature`), if it has one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from cells.errors import CellwrightError, InputError, Problem
from policies.entry import ANEW, Entry, parse_entry

DESCRIPTION, SEAL, SIGNATURE = "policy.json", "policy.json.sha256", "policy.json.ed25519"
WEIGHTS, NETWORK, EVALUATION = "weights.safetensors", "policy.onnx", "evaluation.json"
REPLAY, CARD, PLOT, FILMSTRIP = "replay.npz", "card.md", "success.png", "filmstrip.png"

MAX_FILE_BYTES, MAX_ENTRY_BYTES = 1_000_000, 20_000_000
# Bounds of other files, in bytes.
_BOUNDS = {SEAL: 200, SIGNATURE: 200, CARD: 50_000, FILMSTRIP: 2_000_000, REPLAY: 16_000_000}
NETWORKED = frozenset({WEIGHTS, NETWORK})
WELCOME = frozenset({CARD, PLOT, FILMSTRIP})
KNOWN = frozenset({DESCRIPTION, SEAL, SIGNATURE, EVALUATION, REPLAY, *NETWORKED, *WELCOME})


@dataclass(frozen=True)
class Read:
    """An entry whose files are those that it names: their bytes by name."""

    entry: Entry
    files: Mapping[str, bytes]


def most_bytes(name: str) -> int:
    """How large a file of this name may be."""
    return _BOUNDS.get(name, MAX_FILE_BYTES)


def sha256(raw: bytes) -> str:
    """The hash in hexadecimal."""
    return hashlib.sha256(raw).hexdigest()


def seal_of(description: bytes) -> bytes:
    """``policy.json.sha256`` of a ``policy.json``."""
    return f"{sha256(description)}  {DESCRIPTION}\n".encode()


def read_files(files: Mapping[str, bytes], source: str) -> Read:
    """The entry that files are, each as its hash says. Raises ``InputError`` for files that are missing, not listed or
    other than their hashes, and for whatever :func:`policies.entry.parse_entry` refuses; ``source`` names where they
    come from."""
    for name in (DESCRIPTION, SEAL):
        if name not in files:
            raise InputError(Problem(f"{source}/{name}", "is missing", ANEW))
    if files[SEAL] != seal_of(files[DESCRIPTION]):
        raise InputError(Problem(DESCRIPTION, f"isn't the file whose SHA-256 {SEAL} tells", ANEW))
    entry = parse_entry(files[DESCRIPTION], DESCRIPTION)
    if problems := unlike(entry, files):
        raise InputError(*problems)
    return Read(entry, files)


def unlike(entry: Entry, files: Mapping[str, bytes]) -> list[Problem]:
    """Files that an entry of its kind needs and hasn't, that it shouldn't have, and that aren't those it names."""
    learned = entry.kind != "parameters"
    needed = {EVALUATION, *(NETWORKED if learned else ())}
    allowed = needed | WELCOME | ({REPLAY} if learned else set())
    there = files.keys() - {DESCRIPTION, SEAL, SIGNATURE}
    problems = []
    for name in sorted(needed | there | entry.files.keys()):
        if name not in allowed:
            problems.append(Problem(name, f"is no file of a policy of kind {entry.kind}", ANEW))
        elif name not in there:
            problems.append(Problem(name, "is missing", ANEW))
        elif name not in entry.files:
            problems.append(Problem(f"{DESCRIPTION}:files.{name}", "is missing", ANEW))
        elif sha256(files[name]) != entry.files[name]:
            problems.append(Problem(f"{DESCRIPTION}:files.{name}", f"isn't the SHA-256 of {name}", ANEW))
    return problems


def check_contents(entry: Entry, files: Mapping[str, bytes]) -> list[Problem]:
    """What is wrong inside the files of an entry that has all that it names."""
    problems: list[Problem] = []
    for check in (_evaluation, _network, _replay, _card, _pictures):
        try:
            check(entry, files)
        except CellwrightError as error:
            problems += error.problems
    return problems


def _evaluation(entry: Entry, files: Mapping[str, bytes]) -> None:
    from policies.measured import measured

    measured(files[EVALUATION], EVALUATION)


def _network(entry: Entry, files: Mapping[str, bytes]) -> None:
    if entry.kind != "parameters":
        from policies.graph import check_graph
        from policies.weights import check_weights

        check_weights(files[WEIGHTS], check_graph(files[NETWORK], entry, NETWORK), WEIGHTS)


def _replay(entry: Entry, files: Mapping[str, bytes]) -> None:
    if REPLAY in files:
        from policies.replay import check_replay

        check_replay(files[REPLAY], entry, REPLAY)


def _card(entry: Entry, files: Mapping[str, bytes]) -> None:
    try:
        text = files.get(CARD, b"").decode()
    except UnicodeDecodeError:
        raise InputError(Problem(CARD, "is not UTF-8 text", ANEW)) from None
    if any(not letter.isprintable() and letter not in "\n\t" for letter in text):
        raise InputError(Problem(CARD, "holds control characters", ANEW))


def _pictures(entry: Entry, files: Mapping[str, bytes]) -> None:
    from policies.picture import check_png

    for name in (PLOT, FILMSTRIP):
        if name in files:
            check_png(files[name], name)
