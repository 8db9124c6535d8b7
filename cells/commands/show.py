"""How commands talk: results on stdout (a table, or one JSON object), everything else on stderr."""

from __future__ import annotations

import ctypes
import json
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout instead of text.")]
CellName = Annotated[str, typer.Option("--cell", help="A cell from the library, or the path of a cell file.")]
DEFAULT_CELL = "panda-bench"
STDOUT, STDERR = 1, 2


def emit(data: Any) -> None:
    """Write one JSON object on stdout. NaN becomes null, so that every JSON reader takes it."""
    utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json.dumps(plain(data), indent=2, ensure_ascii=not utf8, allow_nan=False))


def plain(data: Any) -> Any:
    """``data`` in JSON's own types: mappings, lists, text, numbers, null."""
    if isinstance(data, dict) or hasattr(data, "items"):
        return {str(key): plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple | set | frozenset):
        return [plain(value) for value in data]
    if hasattr(data, "__dataclass_fields__"):
        return {name: plain(getattr(data, name)) for name in data.__dataclass_fields__}
    if isinstance(data, float):
        return data if data == data and abs(data) != float("inf") else None
    if data is None or isinstance(data, bool | int | str):
        return data
    return str(data)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """Print a table on stdout; cells are plain text, never markup."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    out = Table(title=Text(title) if title else None, title_justify="left", box=SIMPLE_HEAD)
    for column in columns:
        out.add_column(Text(column))
    for row in rows:
        out.add_row(*(Text(str(value)) for value in row))
    # In a pipe there is no width to respect: cut nothing.
    Console(width=None if sys.stdout.isatty() else 200).print(out)


def in_front() -> bool:
    """Whether this is the process's main thread, which terminal and signals belong to."""
    return threading.current_thread() is threading.main_thread()


@contextmanager
def rerouted(*descriptors: int, to: int | None = None) -> Iterator[None]:
    """While inside, what anything writes to these file descriptors goes to the descriptor ``to``, or nowhere.

    Physics engines write on the process's stdout and stderr from C, past ``sys.stdout``; a result is not to be mixed
    with that. Both are the whole process's: beside the main thread, in a service, they stay as they are.
    """
    if not in_front():
        yield
        return
    flush()
    kept = {descriptor: os.dup(descriptor) for descriptor in descriptors}
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in descriptors:
        os.dup2(nowhere if to is None else to, descriptor)
    try:
        yield
    finally:
        flush()
        for descriptor, before in kept.items():
            os.dup2(before, descriptor)
            os.close(before)
        os.close(nowhere)


def flush() -> None:
    """Empty every buffer of stdout and stderr, that of C's stdio too, which would spill after the result."""
    sys.stdout.flush()
    sys.stderr.flush()
    ctypes.CDLL(None).fflush(None)


def say(text: str) -> None:
    """A line about what is going on, on stderr. Control characters, as a hostile file may hold, are shown, not sent."""
    shown = "".join(letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1] for letter in text)
    print(shown, file=sys.stderr, flush=True)
