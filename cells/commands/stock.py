"""``cellwright stock``: the lots of parts that a cell has."""

from __future__ import annotations

from typing import Annotated

import typer

from cells.commands.cell import journal_of
from cells.commands.show import DEFAULT_CELL, AsJson, CellName, emit, say, table
from cells.errors import InputError, Problem

app = typer.Typer(help="Stock: load lots, show what is left.", no_args_is_help=True)


@app.command()
def load(
    lot: Annotated[str, typer.Argument(help="Name of the lot.")],
    part: Annotated[str, typer.Argument(help="The part it holds, such as peg.")],
    count: Annotated[int, typer.Argument(help="How many pieces came in.")],
    variant: Annotated[str, typer.Option(help="Hash of the variant they were made for, or any.")] = "any",
    supplier: Annotated[str, typer.Option(help="Who delivered them.")] = "",
    cell: CellName = DEFAULT_CELL,
    as_json: AsJson = False,
) -> None:
    """Note that pieces of a lot have come in."""
    from cells.orders.stock import current_stock, load_lot
    from cells.products.catalogue import catalogue

    parts = catalogue().names("part")
    if part not in parts:
        raise InputError(Problem("PART", f"no family has a part {part!r}", f"use one of {', '.join(parts)}"))
    with journal_of(cell) as journal:
        load_lot(journal, lot, part, count, variant=variant, supplier=supplier)
        known = next(held for held in current_stock(journal).lots if held.lot == lot)
    if as_json:
        emit(known)
    else:
        say(f"lot {lot}: {known.remaining} {part} in stock")


@app.command()
def show(cell: CellName = DEFAULT_CELL, as_json: AsJson = False) -> None:
    """Show what is left of each lot."""
    from cells.orders.stock import current_stock

    with journal_of(cell) as journal:
        lots = current_stock(journal).lots
    if as_json:
        emit({"lots": lots})
    else:
        rows = [(lot.lot, lot.part, lot.variant[:12], lot.supplier, lot.loaded, lot.remaining) for lot in lots]
        table(("lot", "part", "variant", "supplier", "loaded", "left"), rows)
