"""``cellwright passport``: the digital product passport of one unit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cells.commands.cell import journal_of
from cells.commands.show import DEFAULT_CELL, AsJson, CellName, emit, plain, say
from cells.errors import InputError, Problem

app = typer.Typer(help="Passports: show one, verify one.", no_args_is_help=True)

PassportFile = Annotated[
    Path, typer.Argument(metavar="PASSPORT", help="The passport: the .aasx file, or the .json beside it.")
]


def existing(path: Path) -> Path:
    """``path``, if it is a file. Raises ``InputError`` otherwise."""
    if not path.is_file():
        raise InputError(
            Problem(str(path), "no such file", "name a passport, as runs/<order>-<n>/passports/<serial>.aasx")
        )
    return path


@app.command()
def show(path: PassportFile, as_json: AsJson = False) -> None:
    """Show what a passport says."""
    from cells.orders.passport import read_passport

    content = read_passport(existing(path))
    if as_json:
        emit(content)
    else:
        print(json.dumps(plain(content), indent=2, ensure_ascii=False))


@app.command()
def verify(
    path: PassportFile,
    cell: CellName = DEFAULT_CELL,
    alone: Annotated[bool, typer.Option("--alone", help="Check the file alone, without the cell's journal.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check a passport against itself and the cell's journal.

    Exit 1 if anything doesn't hold."""
    from cells.orders.passport import verify_passport

    existing(path)
    if alone:
        problems = verify_passport(path, None)
    else:
        with journal_of(cell) as journal:
            problems = verify_passport(path, journal)
    if as_json:
        emit({"passport": str(path), "ok": not problems, "problems": problems})
    for problem in problems:
        say(f"cellwright: {problem}")
    if problems:
        raise typer.Exit(1)
    say(f"{path}: in order")
