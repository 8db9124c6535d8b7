"""Where a run's results go: a new folder each time, never an overwritten one."""

from __future__ import annotations

import os
from itertools import count
from pathlib import Path

from cells.errors import InputError, Problem


def make_folder(order_id: str, out: Path | None) -> Path:
    """Create and return the folder of a run: ``out``, or the next free ``./runs/<order>-<n>``.

    Raises ``InputError`` if ``out`` holds something already or the place can't be written.
    """
    try:
        if out is not None:
            return explicit(out)
        root = Path("runs")
        root.mkdir(exist_ok=True)
        for number in count(1):
            folder = root / f"{order_id}-{number}"
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
    except OSError as error:
        where = str(error.filename or out or "runs")
        remedy = "give --out a folder that you may write"
        raise InputError(Problem(where, f"can't be written ({error.strerror})", remedy)) from error
    raise AssertionError("count() ends never")


def explicit(out: Path) -> Path:
    """The folder that the user named, made if need be. Raises ``InputError`` if it isn't an empty folder."""
    if out.exists() and not out.is_dir():
        raise InputError(Problem(f"--out {out}", "is a file", "name a folder"))
    out.mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()):
        raise InputError(
            Problem(f"--out {out}", "is not empty, and results are never overwritten", "name a new folder")
        )
    if not os.access(out, os.W_OK | os.X_OK):
        raise InputError(Problem(f"--out {out}", "can't be written", "give --out a folder that you may write"))
    return out
