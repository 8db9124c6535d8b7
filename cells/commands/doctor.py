"""``cellwright doctor``: is this machine ready, and if not, what to do."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, entry_points, requires, version
from pathlib import Path

import typer

from cells.commands.cell import journal_of
from cells.commands.show import DEFAULT_CELL, AsJson, CellName, emit, table
from cells.commands.worlds import EXTRAS, has_display
from cells.errors import CellwrightError
from cells.streams import STDERR, STDOUT, rerouted

OK, NOTE, BAD = "ok", "note", "problem"
ENOUGH_DISK = 1_000_000_000


@dataclass(frozen=True)
class Finding:
    """One thing looked at: its ``state`` (ok, note, problem), what was found, and the remedy if there is one."""

    name: str
    state: str
    found: str
    remedy: str = ""


def doctor(cell: CellName = DEFAULT_CELL, as_json: AsJson = False) -> None:
    """Say whether this machine is ready, and if not, what to do.

    Looks at Python, packages, caches, display, journal and cell files; exit 1 if something is missing."""
    findings = [*python(), *packages(), *worlds(), *numba_cache(), *display(), *cell_files(), *journal(cell), *disk()]
    bad = [finding for finding in findings if finding.state == BAD]
    if as_json:
        emit({"ok": not bad, "findings": findings})
    else:
        rows = [(finding.name, finding.state, finding.found, finding.remedy) for finding in findings]
        table(("what", "state", "found", "what to do"), rows)
    if bad:
        raise typer.Exit(1)


def python() -> Iterator[Finding]:
    """The interpreter: PyBullet has wheels up to Python 3.11."""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= (3, 12):
        yield Finding("python", NOTE, found, "the simulated world needs Python 3.11; everything else works")
    else:
        yield Finding("python", OK, found)


def packages() -> Iterator[Finding]:
    """Every package that Cellwright itself requires, by its own metadata."""
    missing = []
    count = 0
    for line in requires("cellwright") or []:
        if "extra ==" in line:
            continue
        count += 1
        name = line.split(";")[0].strip()
        for end in "<>=!~[ ":
            name = name.split(end)[0]
        try:
            version(name)
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        yield Finding("packages", BAD, "missing: " + ", ".join(missing), "pip install -c constraints.txt -e .")
    else:
        yield Finding("packages", OK, f"all {count} of the base")
    try:
        yield Finding("passport", OK, f"basyx-python-sdk {version('basyx-python-sdk')}")
    except PackageNotFoundError:
        yield Finding("passport", BAD, "basyx-python-sdk is missing", "pip install 'cellwright[passport]'")


def worlds() -> Iterator[Finding]:
    """The worlds that could be opened."""
    for point in entry_points(group="cellwright.worlds"):
        try:
            with rerouted(STDOUT, STDERR):
                point.load()
        except Exception as error:
            yield Finding(
                f"world {point.name}", BAD, str(error).splitlines()[0], EXTRAS.get(point.name, "reinstall it")
            )
        else:
            yield Finding(f"world {point.name}", OK, point.value)


def numba_cache() -> Iterator[Finding]:
    """Compiled kernels are kept beside the source, or in ``$NUMBA_CACHE_DIR``; without a place they are lost."""
    import cells

    chosen = os.environ.get("NUMBA_CACHE_DIR")
    folder = Path(chosen) if chosen else Path(cells.__file__).parent
    if writable(folder):
        yield Finding("numba cache", OK, str(folder))
    else:
        remedy = "set NUMBA_CACHE_DIR to a folder you may write; until then every start compiles anew"
        yield Finding("numba cache", NOTE, f"{folder} can't be written", remedy)


def writable(folder: Path) -> bool:
    """Whether a file can be made in ``folder`` or, where it isn't there yet, beside it."""
    while not folder.exists():
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def display() -> Iterator[Finding]:
    """A display is needed for ``--view`` alone."""
    if has_display():
        yield Finding("display", OK, os.environ.get("DISPLAY", "the desktop's"))
    else:
        yield Finding("display", NOTE, "none", "only run --view needs one: set DISPLAY")


def cell_files() -> Iterator[Finding]:
    """The cells of the library load."""
    from cells.description.cell import list_cells, load_cell

    for name in list_cells():
        yield guarded(f"cell {name}", lambda name=name: f"{len(load_cell(name).stations)} stations")  # type: ignore[misc]


def journal(cell: str) -> Iterator[Finding]:
    """The cell's journal opens and its chain holds."""

    def look() -> str:
        with journal_of(cell) as opened:
            problems = opened.verify()
            if problems:
                raise CellwrightError(*problems[:1])
            return f"chain holds, {opened.head()[0]} events"

    yield guarded("journal", look)


def disk() -> Iterator[Finding]:
    """Room for results where they go by default."""
    import shutil

    free = shutil.disk_usage(Path.cwd()).free
    state, remedy = (OK, "") if free > ENOUGH_DISK else (NOTE, "make room: runs keep pictures and force curves")
    yield Finding("disk", state, f"{free / 1e9:.0f} GB free", remedy)


def guarded(name: str, look: Callable[[], str]) -> Finding:
    """What ``look`` found, or the first problem that it met."""
    try:
        return Finding(name, OK, look())
    except CellwrightError as error:
        first = error.problems[0]
        return Finding(name, BAD, f"{first.where}: {first.what}", first.remedy)
