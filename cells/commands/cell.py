"""``cellwright cell``: the cells that are described, and whether their files are right."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cells.commands.show import AsJson, emit, say, table
from cells.errors import InputError

if TYPE_CHECKING:
    from cells.journal.store import Journal

app = typer.Typer(help="Cells: list, show, check their files.", no_args_is_help=True)

NameOrPath = Annotated[str, typer.Argument(metavar="CELL", help="A cell from the library, or the path of a cell file.")]


def journal_of(cell: str) -> Journal:
    """The open journal of a cell, given as its name or the path of its file. Raises ``InputError``."""
    from cells.description.cell import load_cell
    from cells.journal.store import Journal

    return Journal.open(load_cell(cell).name)


@app.command("list")
def list_cells(as_json: AsJson = False) -> None:
    """List the cells of the library."""
    from cells.description.cell import list_cells as library
    from cells.description.cell import load_cell

    cells = [load_cell(name) for name in library()]
    if as_json:
        emit({"cells": [{"name": cell.name, "robot": cell.robot, "stations": list(cell.stations)} for cell in cells]})
    else:
        table(("cell", "robot", "stations"), [(cell.name, cell.robot, ", ".join(cell.stations)) for cell in cells])


@app.command()
def show(name: NameOrPath, as_json: AsJson = False) -> None:
    """Show one cell: robot, limits, stations."""
    from cells.description.cell import load_cell

    cell = load_cell(name)
    if as_json:
        emit(cell.model_dump(mode="json", by_alias=True))
        return
    print(
        f"{cell.name}: robot {cell.robot}, control tick {cell.tick_s * 1e3:g} ms, force limit {cell.limits.force_n:g} N"
    )
    rows = []
    for key in cell.stations:
        station = cell.station(key)
        place = ", ".join(f"{value * 1e3:.0f}" for value in station.pose.xyz)
        rows.append((key, station.kind, place, station.slots))
    table(("station", "kind", "x, y, z (mm)", "slots"), rows)


@app.command()
def check(name: NameOrPath, as_json: AsJson = False) -> None:
    """Name every problem of a cell file, with place and remedy."""
    from cells.description.cell import check_cell

    problems = check_cell(name)
    if as_json:
        emit({"cell": name, "ok": not problems, "problems": problems})
    else:
        for problem in problems:
            say(f"cellwright: {problem}")
        if not problems:
            say(f"{name}: in order")
    if problems:
        raise typer.Exit(InputError.exit_code)


@app.command()
def schema(as_json: AsJson = True) -> None:
    """Print the JSON schema of cell files, for editors."""
    from cells.description.cell import cell_schema

    emit(cell_schema())
