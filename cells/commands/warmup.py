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
    from cells.description.cell import load_cell
    from cells.kinematics import compiled
    from cells.kinematics.chain import load_chain

    chain = load_chain(load_cell(cell))
    folder = compiled.cache_folder()
    if folder is None:
        say("no folder for compiled code: set CELLWRIGHT_CACHE to one that only you may write; using generic kernels")
    for done, name in enumerate(compiled.warm(chain), 1):
        say(f"{done}/{compiled.COUNT} {name}")
    say(f"{chain.name} is ready" + (f", kept in {folder}" if folder else ""))
