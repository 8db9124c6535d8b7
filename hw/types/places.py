"""Where built interface packages are: each a prefix of its own in the user's private cache."""

from __future__ import annotations

import sys
from pathlib import Path

from cells.cache import cache_folder
from cells.errors import Problem, Unbuildable


def built_folder() -> Path:
    """The folder of all built packages. Raises :class:`Unbuildable` if the user has no folder of their own for it."""
    folder = cache_folder()
    if folder is None:
        remedy = "set CELLWRIGHT_CACHE to a folder that you own and only you may write"
        raise Unbuildable(Problem("ROS 2 interfaces", "there is no private folder to keep them in", remedy))
    return folder / "ros"


def is_built_here(path: str | Path) -> bool:
    """Whether a folder on some search path is there because of us."""
    folder = cache_folder()
    return folder is not None and Path(path).is_relative_to(folder / "ros")


def python_folder(prefix: Path) -> Path:
    """Where Python finds the modules of a package that was built into ``prefix``."""
    return prefix / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
