"""``cellwright journal``: the append-only record of everything that happened in a cell."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from cells.commands.cell import journal_of
from cells.commands.show import DEFAULT_CELL, AsJson, CellName, emit, plain, say, table
from cells.errors import InputError, Problem

app = typer.Typer(help="The journal: orders, events, and whether it is untouched.", no_args_is_help=True)


@app.command("list")
def list_orders(cell: CellName = DEFAULT_CELL, as_json: AsJson = False) -> None:
    """List the orders that the journal knows."""
    with journal_of(cell) as journal:
        accepted = list(journal.events(kinds=("order_accepted",)))
        finished = list(journal.events(kinds=("order_finished",)))
    rows = []
    for event in accepted:
        order = event.data["order"]
        end = next((done for done in finished if done.seq > event.seq and done.data["order"] == order), None)
        good = f"{end.data['good']} of {end.data['ordered']}" if end else "not finished"
        rows.append({"order": order, "accepted": event.wall, "seq": event.seq, "good": good})
    if as_json:
        emit({"orders": rows})
    else:
        lines = [(row["order"], row["accepted"], row["seq"], row["good"]) for row in rows]
        table(("order", "accepted (UTC)", "first event", "good"), lines)


@app.command()
def show(
    order: Annotated[str | None, typer.Argument(help="Only this order.")] = None,
    serial: Annotated[str | None, typer.Option(help="Only this unit.")] = None,
    after: Annotated[int, typer.Option(min=0, help="Only events with a higher sequence number.")] = 0,
    cell: CellName = DEFAULT_CELL,
    as_json: AsJson = False,
) -> None:
    """Show events, in order."""
    with journal_of(cell) as journal:
        events = list(journal.events(after=after, order=order, serial=serial))
    if not events and (order or serial):
        what = f"no event about {serial or order!r}"
        raise InputError(Problem("journal", what, "see `cellwright journal list` for the orders it knows"))
    if as_json:
        emit({"events": events})
        return
    rows = [
        (event.seq, event.wall[:19], f"{event.time:.2f}", event.kind, json.dumps(plain(event.data), ensure_ascii=False))
        for event in events
    ]
    table(("seq", "UTC", "cell s", "event", "data"), rows)


@app.command()
def export(
    after: Annotated[int, typer.Option(min=0, help="Only events with a higher sequence number.")] = 0,
    cell: CellName = DEFAULT_CELL,
) -> None:
    """Print every event as a line of JSON.

    What was said, planned, confirmed and done is in there; the key of a language model never is.
    """
    with journal_of(cell) as journal:
        for event in journal.events(after=after):
            print(json.dumps(plain(event), ensure_ascii=False))


@app.command()
def verify(cell: CellName = DEFAULT_CELL, as_json: AsJson = False) -> None:
    """Check the hash chain from first to last; exit 1 if broken."""
    with journal_of(cell) as journal:
        problems = journal.verify()
        head = journal.head_hash()
    if as_json:
        emit({"ok": not problems, "head": head, "problems": problems})
    for problem in problems:
        say(f"cellwright: {problem}")
    if problems:
        raise typer.Exit(1)
    say(f"the chain holds; head {head}")
