"""The folder of machine code made for this user; it is loaded as it is, so that nobody else may write there."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def cache_folder() -> Path | None:
    """``$CELLWRIGHT_CACHE``, else ``cellwright`` in the user's cache folder, made with mode 0700; None if it isn't the
    user's own, isn't closed to others, or can't be made."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(os.environ.get("CELLWRIGHT_CACHE") or Path(base) / "cellwright")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
    return folder if private and os.access(folder, os.W_OK) else None
