"""By what an episode is played: the code that it runs through, and the cell as it is described.

Rows of episodes carry it, so that those of yesterday's skills, or of a cell whose file was edited, aren't counted for
today's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from cells.description.cell import Cell

# Of the ground floor, what can't decide the course of an episode: how words and orders become one, and what is kept.
ASIDE = frozenset({"commands", "dialogue", "journal", "language", "orders"})
SUFFIXES = (".py", ".yaml", ".json", ".urdf")


def played_by(package: str, cell: Cell) -> str:
    """SHA-256 of the source of ``cells`` but for ``ASIDE``, of that of the environment's ``package``, and of the
    ``cell``."""
    return hashlib.sha256((_source(package) + fingerprint(cell)).encode()).hexdigest()


def fingerprint(cell: Cell) -> str:
    """What tells a cell from one of another description: SHA-256 of all of it."""
    return hashlib.sha256(cell.model_dump_json().encode()).hexdigest()


@cache
def _source(package: str) -> str:
    hashed = hashlib.sha256()
    for root, but in ((files("cells"), ASIDE), (files(package), frozenset[str]())):
        for path, file in sorted(_sources(root, but=but)):
            content = file.read_bytes()
            hashed.update(f"{path} {len(content)}\n".encode() + content)
    return hashed.hexdigest()


def _sources(
    folder: Traversable, above: str = "", but: frozenset[str] = frozenset()
) -> Iterator[tuple[str, Traversable]]:
    """The source files below a folder, with their paths, ``but`` those in its folders of such names."""
    for item in folder.iterdir():
        path = f"{above}/{item.name}"
        if item.name in but:
            continue
        if item.is_dir():
            yield from _sources(item, path)
        elif item.name.endswith(SUFFIXES):
            yield path, item
