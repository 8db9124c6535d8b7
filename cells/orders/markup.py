"""HTML in small pieces, and numbers for people. What takes text escapes it; what takes HTML says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any


def section(title: str, *content: str) -> str:
    """A titled part of the page; ``content`` is HTML."""
    return "\n".join([f"<section><h2>{escape(title)}</h2>", *content, "</section>"])


def grid(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of HTML cells; a column whose name starts with # holds numbers."""
    kinds = [' class="n"' if column.startswith("#") else "" for column in columns]
    names = "".join(f"<th{kind}>{escape(name.lstrip('#'))}</th>" for kind, name in zip(kinds, columns, strict=True))

    def line(row: Sequence[str]) -> str:
        return "<tr>" + "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds, row, strict=True)) + "</tr>"

    return f'<div class="wide"><table><tr>{names}</tr>{"".join(map(line, rows))}</table></div>'


def code(text: object) -> str:
    """A name as code."""
    return f"<code>{escape(str(text))}</code>"


def value_text(value: Any) -> str:
    """A number to four digits, anything else as it is."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def number(value: float | None, form: str) -> str:
    """A number in a format, or a dash where there is none."""
    return "–" if value is None else format(value, form)


def grams(kg: float | None) -> str:
    """Kilograms as grams; what nobody knows is called unknown."""
    return "unknown" if kg is None else f"{kg * 1e3:.3g} g"


def duration(seconds: float) -> str:
    """Seconds, or minutes and seconds."""
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
