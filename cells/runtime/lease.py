"""The single-writer lease: one process at a time runs a cell."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from cells.errors import InputError, Problem
from cells.journal.home import cell_folder


def run_folder(cell: str, home: Path | str | None = None) -> Path:
    """The cell's folder for what lives only while it runs (lease, socket), owner-only."""
    folder = cell_folder(cell, home) / "run"
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    return folder


class Lease:
    """A lock on the cell for the life of the process (the system gives it back if the process dies)."""

    def __init__(self, cell: str, home: Path | str | None = None) -> None:
        """Take it. Raises ``InputError`` naming the other process if the cell is running already."""
        path = run_folder(cell, home) / "lease"
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._file, 20).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            what = f"the cell is running already (process {holder})"
            remedy = f"wait for it, or end it with: cellwright cancel --cell {cell}"
            raise InputError(Problem(f"cell:{cell}", what, remedy)) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def close(self) -> None:
        """Give it back."""
        if self._file >= 0:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
