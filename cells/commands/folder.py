"""Where results go: a new folder each time, never an overwritten one."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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
    refuse_used(out)
    out.mkdir(parents=True, exist_ok=True)
    if not os.access(out, os.W_OK | os.X_OK):
        raise InputError(Problem(f"--out {out}", "can't be written", "give --out a folder that you may write"))
    return out


def refuse_used(out: Path) -> None:
    """Raise ``InputError`` if ``out`` is a file, or a folder with anything in it."""
    if out.exists() and not out.is_dir():
        raise InputError(Problem(f"--out {out}", "is a file", "name a folder"))
    if out.is_dir() and any(out.iterdir()):
        raise InputError(
            Problem(f"--out {out}", "is not empty, and results are never overwritten", "name a new folder")
        )


@contextmanager
def whole(out: Path) -> Iterator[Path]:
    """A folder beside ``out`` to write into, which becomes ``out`` at the end; after an error nothing is left of it.

    Raises ``InputError`` if ``out`` is used already or the place can't be written.
    """
    refuse_used(out)
    target = out.absolute()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            yield draft
            draft.chmod(0o755)
            draft.replace(target)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        remedy = "give --out a folder that you may write"
        raise InputError(Problem(f"--out {out}", f"can't be written ({error.strerror})", remedy)) from error
