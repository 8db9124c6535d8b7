"""Where a cell keeps what it must not lose: one private folder per cell under the user's data folder."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from cells.errors import InputError, Problem

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def home_folder(home: Path | str | None = None) -> Path:
    """The folder of all cells: ``home``, else ``$CELLWRIGHT_HOME``, else the platform's user data folder."""
    chosen = home or os.environ.get("CELLWRIGHT_HOME")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "cellwright"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "cellwright"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "cellwright"


def cell_folder(cell: str, home: Path | str | None = None) -> Path:
    """The cell's own folder, made owner-only (0700) if it isn't there.

    Raises ``InputError`` for a cell name that is no file name, or a folder that can't be made.
    """
    if not _NAME.fullmatch(cell):
        what = f"{cell!r} can't name a folder"
        raise InputError(Problem("cell:name", what, "use letters, digits, '.', '_' and '-', 64 at most"))
    folder = home_folder(home) / cell
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        what = f"can't be used as the cell's folder ({error.strerror})"
        raise InputError(Problem(str(folder), what, "set CELLWRIGHT_HOME to a folder you may write")) from None
    return folder
