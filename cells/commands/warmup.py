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
    from cells.control.verify import proof_of
    from cells.description.cell import load_cell
    from cells.kinematics import compiled, planning
    from cells.kinematics.chain import load_chain
    from cells.kinematics.trajectory import point_to_point

    described = load_cell(cell)
    chain = load_chain(described)
    folder = cache_folder()
    if folder is None:
        say("no folder for compiled code: set CELLWRIGHT_CACHE to one that only you may write; using generic kernels")
    proof, home = proof_of(described, chain), described.home
    calls = compiled.first_calls(chain)
    calls["collision"] = lambda: proof.collision(point_to_point(chain, home, home + 0.01))
    calls["planning"] = lambda: planning.compile_for(proof.around, home)
    for done, (name, call) in enumerate(calls.items(), 1):
        call()
        say(f"{done}/{len(calls)} {name}")
    say(f"{chain.name} is ready" + (f", kept in {folder}" if folder else ""))
