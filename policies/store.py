"""Where policies are kept: the user's own zoo under ``$CELLWRIGHT_HOME``, and the one that comes with Cellwright."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from cells.description.documents import shown
from cells.description.problems import nearest
from cells.errors import InputError, Problem
from cells.journal.home import home_folder

SHIPPED = Path(__file__).parent / "zoo"
_NAME, _VERSION = re.compile(r"[a-z][a-z0-9_-]{0,47}"), re.compile(r"(0|[1-9][0-9]{0,5})(\.(0|[1-9][0-9]{0,5})){2}")


def own_zoo() -> Path:
    """The folder of the user's own policies, and of those that were pulled."""
    return home_folder() / "zoo"


def zoos() -> tuple[Path, ...]:
    """The folders that policies are looked for in; where two have the same version, the first counts."""
    return own_zoo(), SHIPPED


def entry_folders() -> Iterator[Path]:
    """Every ``<name>/<version>`` of all zoos, by name, the newest version first. Whether there is a sound entry in a
    folder is seen when it is read."""
    found: dict[tuple[str, str], Path] = {}
    for zoo in zoos():
        for folder in zoo.glob("*/*"):
            if _NAME.fullmatch(folder.parent.name) and _VERSION.fullmatch(folder.name):
                found.setdefault((folder.parent.name, folder.name), folder)
    newest_first = sorted(found.values(), key=lambda folder: precedence(folder.name), reverse=True)
    yield from sorted(newest_first, key=lambda folder: folder.parent.name)


def find_entry(reference: str) -> Path:
    """The folder of ``name@version``, or of the newest version of ``name``. Raises ``InputError`` if there is none."""
    name, at, version = reference.partition("@")
    if at and not version:
        raise InputError(Problem("policy", f"{shown(reference)} names no version", "say which, as name@version"))
    folders = list(entry_folders())
    for folder in folders:
        if folder.parent.name == name and version in ("", folder.name):
            return folder
    known = {f"{folder.parent.name}@{folder.name}" for folder in folders}
    raise InputError(Problem("policy", f"the zoo has no {shown(reference)}", nearest(reference, known)))


def versions_in(folder: Path) -> list[str]:
    """The versions that a zoo's ``folder`` of one name has, in no order; what else lies there isn't one."""
    return [version.name for version in folder.glob("*") if _VERSION.fullmatch(version.name)]


def precedence(version: str) -> tuple[int, ...]:
    """What versions are ordered by: 1.10.0 is newer than 1.9.0."""
    return tuple(int(number) for number in version.split("."))
