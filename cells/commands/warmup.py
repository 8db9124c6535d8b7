"""``cellwright warmup``: compile what a cell's arm is computed with, before it is needed."""

from __future__ import annotations

from typing import Annotated

import typer

from cells.commands.show import DEFAULT_CELL, say


def warmup(
    cell: Annotated[
        str, typer.Argument(metavar="[CELL]", help="A cell from the library, or a cell file.")
    ] = DEFAULT_CELL,
) -> None:
    """Compile what a cell's arm is computed with, ahead of time."""
    from cells.cache import cache_folder
    from cells.control.warm import first_calls
    from cells.description.cell import load_cell
    from cells.kinematics.chain import load_chain

    described = load_cell(cell)
    folder = cache_folder()
    if folder is None:
        say("no folder for compiled code: set CELLWRIGHT_CACHE to one that only you may write; using generic kernels")
    calls = first_calls(described)
    for done, (name, call) in enumerate(calls.items(), 1):
        call()
        say(f"{done}/{len(calls)} {name}")
    say(f"{load_chain(described).name} is ready" + (f", kept in {folder}" if folder else ""))
