"""How commands talk: results on stdout (a table, or one JSON object), everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout instead of text.")]
CellName = Annotated[str, typer.Option("--cell", help="A cell from the library, or the path of a cell file.")]
DEFAULT_CELL = "panda-bench"


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
    """Print a table on stdout; cells are plain text, never markup, and control characters are shown, as :func:`say`
    does."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    out = Table(title=Text(title) if title else None, title_justify="left", box=SIMPLE_HEAD)
    for column in columns:
        out.add_column(Text(column))
    for row in rows:
        out.add_row(*(Text(_visible(str(value))) for value in row))
    # In a pipe there is no width to respect: cut nothing.
    Console(width=None if sys.stdout.isatty() else 200).print(out)


def say(text: str) -> None:
    """A line about what is going on, on stderr. Control characters, as a hostile file may hold, are shown, not sent."""
    print(_visible(text), file=sys.stderr, flush=True)


def _visible(text: str) -> str:
    return "".join(letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1] for letter in text)
