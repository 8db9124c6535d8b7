"""``cellwright interpret``: sentences in, readings out; nothing is done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from cells.errors import InputError, Problem

MOST_BYTES = 20_000_000
FORM = '{"id": "1", "text": "Put the housing in the fixture."}'


def interpret(
    file: Annotated[Path, typer.Argument(help=f"A file of lines {FORM}.", show_default=False)],
    lang: Annotated[
        str, typer.Option(help="en, de, zh, or auto: whichever knows most of a sentence's words.")
    ] = "auto",
) -> None:
    """Print what sentences are understood as; moves nothing.

    A line of the answer is {"id": …, "reading": …}; a reading is a list of steps, {"clarify": true, …} or
    {"refuse": true, …}.
    """
    from cells.language.interpreter import interpret as read
    from cells.language.lexicon import LANGUAGES
    from cells.language.reading import as_json

    if lang not in ("auto", *LANGUAGES):
        raise InputError(Problem("--lang", f"there is no lexicon of {lang!r}", f"use auto, {', '.join(LANGUAGES)}"))
    for identity, text in _sentences(file):
        print(json.dumps({"id": identity, "reading": as_json(read(text, lang))}, ensure_ascii=False))


def _sentences(file: Path) -> Iterator[tuple[str, str]]:
    """Identity and text of every line. Raises ``InputError`` at the first line that isn't one."""
    if not file.is_file():
        raise InputError(Problem(str(file), "there is no such file", f"give a file of lines {FORM}"))
    if file.stat().st_size > MOST_BYTES:
        raise InputError(Problem(str(file), f"more than {MOST_BYTES // 1_000_000} MB", "give it in pieces"))
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(Problem(str(file), f"not UTF-8 ({error.reason})", "save it as UTF-8")) from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            identity, text = row["id"], row["text"]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise InputError(Problem(f"{file}:{number}", "not a sentence with its id", f"write {FORM}")) from None
        if not isinstance(text, str):
            raise InputError(Problem(f"{file}:{number}", "text is not a string", f"write {FORM}"))
        yield str(identity), text
