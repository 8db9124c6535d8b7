"""The one reader for everything people write: bounded, safe YAML that remembers on which line each key stands.

A file may be at most ``MAX_BYTES`` long, ``MAX_NODES`` values and ``MAX_DEPTH`` levels; tags, anchors, aliases,
duplicate keys, several documents and numbers that aren't finite are refused. Plain values mean what they look like:
``true``/``false``, ``null``, decimal numbers, and text for all the rest (so ``no``, ``1:30`` and ``2026-12-01`` stay
text, unlike in YAML 1.1). Every oddity is noted with its place and reading goes on, so that a user sees all at once.
"""

from __future__ import annotations

import math
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cells.errors import InputError, Problem

MAX_BYTES = 1 << 20
MAX_NODES = 20_000
MAX_DEPTH = 24
MAX_DIGITS = 30

Key = tuple[str | int, ...]

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONSTANTS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.?(nan|inf|infinity)", re.IGNORECASE)


@dataclass(frozen=True)
class Document:
    """What a file says. ``data`` holds dict, list, str, int, float, bool and None only; ``lines`` the line (from 1)
    of each key; ``overridden`` the option that set a key; ``problems`` what is wrong with the YAML itself."""

    source: str
    data: Any
    lines: dict[Key, int] = field(default_factory=dict)
    overridden: dict[Key, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def problem(self, key: Key, what: str, remedy: str) -> Problem:
        """A problem at ``key``: placed at the option that set it, else as ``file:key`` with the line in words."""
        for length in range(len(key), 0, -1):
            if key[:length] in self.overridden:
                return Problem(self.overridden[key[:length]], what, remedy)
        line = next((self.lines[key[:n]] for n in range(len(key), 0, -1) if key[:n] in self.lines), None)
        where = f"{self.source}:{dotted(key)}" if key else self.source
        return Problem(where, what if line is None else f"{what} (line {line})", remedy)


def dotted(key: Key) -> str:
    """``("stations", "tray_a", "rows")`` as ``stations.tray_a.rows``; odd characters are escaped, long keys cut."""
    return ".".join(_printable(str(part), 40) for part in key)


def shown(value: Any) -> str:
    """A value in an error message: short, on one line, without control characters."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    if isinstance(value, str):
        return f"'{_printable(value, 60)}'"
    if value is None or isinstance(value, bool):
        return "empty" if value is None else str(value).lower()
    return _printable(repr(value), 60)


def _printable(text: str, limit: int) -> str:
    # Cut first: a file may hold a megabyte of text in one value.
    cut = text if len(text) <= limit else f"{text[: limit - 3]}..."
    return cut if cut.isprintable() else ascii(cut)[1:-1]


def read_document(path: str | Path) -> Document:
    """Read one YAML file. Raises ``InputError`` if it can't be read or isn't YAML; lesser trouble: ``problems``."""
    source = _printable(str(path), 300)
    return parse_document(_read_bytes(Path(path), source), source)


def parse_document(raw: bytes, source: str) -> Document:
    """Parse YAML text as bytes; ``source`` names it in errors. Raises ``InputError`` as :func:`read_document`."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(
            Problem(source, f"is not UTF-8 text (byte {error.start})", "save it as UTF-8 in a text editor")
        ) from None
    builder = _Builder(source)
    try:
        data = builder.document(yaml.parse(text, Loader=_LOADER))
    except yaml.YAMLError as error:
        raise InputError(_syntax_problem(source, error)) from None
    return Document(source, data, builder.lines, {}, tuple(builder.problems))


def _read_bytes(path: Path, source: str) -> bytes:
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise InputError(Problem(source, "is not a regular file", "copy its content into a file"))
            raw = b"" if status.st_size > MAX_BYTES else file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise InputError(Problem(source, "there is no such file", "check the path")) from None
    except IsADirectoryError:
        raise InputError(Problem(source, "is a folder", "name a YAML file in it")) from None
    except (OSError, ValueError) as error:
        what = f"can't be read: {getattr(error, 'strerror', None) or error}"
        raise InputError(Problem(source, what, "check the path and its permissions")) from None
    if max(status.st_size, len(raw)) > MAX_BYTES:
        what = f"is too large ({max(status.st_size, len(raw)):,} bytes, limit {MAX_BYTES:,})"
        raise InputError(Problem(source, what, "check that it is the right file, and split it if so"))
    return raw


def _open_at_once(path: str, flags: int) -> int:
    # Not blocking, so that a named pipe can be told from a file instead of waiting for a writer.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _syntax_problem(source: str, error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None)
    where = source if mark is None else f"{source}:{mark.line + 1}:{mark.column + 1}"
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "can't be parsed"
    return Problem(where, f"is not valid YAML: {reason}", "check indentation, brackets, colons and quotes near there")


class _Builder:
    """Builds plain data from parser events. Depth is bounded, so recursion is; aliases are never followed."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.lines: dict[Key, int] = {}
        self.problems: list[Problem] = []
        self.nodes = 0

    def document(self, events: Iterator[Any]) -> Any:
        next(events)  # the start of the stream
        if isinstance(next(events), yaml.StreamEndEvent):
            return None
        data = self.node(next(events), events, ())
        next(events)  # the end of the document
        if not isinstance(next(events), yaml.StreamEndEvent):
            self.note((), "holds several documents", "keep one; remove the lines '---' between them")
        return data

    def node(self, event: Any, events: Iterator[Any], key: Key) -> Any:
        self.nodes += 1
        self.lines.setdefault(key, event.start_mark.line + 1)
        if self.nodes > MAX_NODES:
            self.give_up(f"holds more than {MAX_NODES:,} values")
        if len(key) > MAX_DEPTH:
            self.give_up(f"is nested more than {MAX_DEPTH} levels deep")
        if isinstance(event, yaml.AliasEvent):
            self.note(key, f"uses the alias *{event.anchor}", "write the value out; aliases are not allowed")
            return None
        if event.anchor is not None:
            self.note(key, f"has the anchor &{event.anchor}", "remove it; anchors are not allowed")
        if event.tag is not None and event.tag != "!":
            self.note(key, f"has the tag {shown(event.tag)}", "remove it; tags are not allowed")
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event, key)
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(events, key)
        return self.mapping(events, key)

    def sequence(self, events: Iterator[Any], key: Key) -> list[Any]:
        out: list[Any] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            out.append(self.node(event, events, (*key, len(out))))
        return out

    def mapping(self, events: Iterator[Any], key: Key) -> dict[str, Any]:
        out: dict[str, Any] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            line = event.start_mark.line + 1
            is_text = isinstance(event, yaml.ScalarEvent)
            name = event.value if is_text else "?"
            inner = (*key, name)
            if not is_text:
                self.note(inner, f"a key on line {line} is not plain text", "write a plain name before the colon")
                self.node(event, events, inner)
            elif event.anchor is not None or event.tag not in (None, "!"):
                self.note(inner, "the key has an anchor or a tag", "remove it; neither is allowed")
            known = name in out
            if not known:
                self.lines[inner] = line
            elif is_text:
                self.note(inner, f"is written twice (again on line {line})", "keep one of the two")
            value = self.node(next(events), events, inner)
            if not known:
                out[name] = value
        return out

    def scalar(self, event: Any, key: Key) -> Any:
        text: str = event.value
        if not event.implicit[0]:  # quoted, a block, or tagged
            return text
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if _NOT_FINITE.fullmatch(text):
            self.note(key, f"{shown(text)} is not a finite number", "write an ordinary number; quote it if it is text")
            return math.nan
        if not _FLOAT.fullmatch(text):
            return text
        if len(text) > MAX_DIGITS:
            self.note(key, f"the number {shown(text)} is too long", f"use at most {MAX_DIGITS} characters")
            return math.nan
        value = int(text) if _INTEGER.fullmatch(text) else float(text)
        if math.isinf(value):
            self.note(key, f"{shown(text)} is too large a number", "write an ordinary number")
        return value

    def note(self, key: Key, what: str, remedy: str) -> None:
        document = Document(self.source, None, self.lines)
        self.problems.append(document.problem(key, what, remedy))

    def give_up(self, what: str) -> None:
        remedy = "check that it is the right file, and simplify it if so"
        raise InputError(*self.problems[:20], Problem(self.source, what, remedy))
