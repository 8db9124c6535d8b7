"""``cellwright alias``: words that operators teach the cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cells.commands.show import DEFAULT_CELL, AsJson, CellName, emit, plain, say, table
from cells.commands.tell import person
from cells.errors import InputError, Problem

if TYPE_CHECKING:
    from cells.dialogue.turn import Desk

app = typer.Typer(help="Aliases: words that operators taught the cell.", no_args_is_help=True)


@app.command("add")
def add(
    alias: Annotated[str, typer.Argument(help="The new word, such as 'the big boy'.")],
    means: Annotated[str, typer.Argument(help="What it means, such as 'the large gear'.")],
    lang: Annotated[str, typer.Option(help="The language of both: en, de or zh.")] = "en",
    cell: CellName = DEFAULT_CELL,
) -> None:
    """Teach the cell a word for one of its things."""
    from cells.language.aliases import taught

    def teach(desk: Desk, names: Any) -> None:
        meaning = taught(alias, means, lang, names)
        desk.note("alias_taught", alias=alias, means=meaning, says=means, by=desk.by)

    with_names(cell, teach)
    say(f"{alias!r} means {means} from now on")


@app.command("list")
def list_(cell: CellName = DEFAULT_CELL, as_json: AsJson = False) -> None:
    """List the words that were taught."""

    def show_all(desk: Desk, names: Any) -> None:
        known = aliases_of(desk)
        if as_json:
            emit({"aliases": [plain(alias) for alias in known.values()]})
        else:
            table(("word", "means"), [(alias.alias, alias.says) for alias in known.values()])

    with_names(cell, show_all)


@app.command("remove")
def remove(alias: Annotated[str, typer.Argument(help="The word.")], cell: CellName = DEFAULT_CELL) -> None:
    """Forget a word that was taught."""

    def forget(desk: Desk, names: Any) -> None:
        known = aliases_of(desk)
        if alias not in known:
            remedy = f"known are: {', '.join(known) or 'none'}"
            raise InputError(Problem("alias", f"nobody taught {alias!r}", remedy))
        desk.note("alias_removed", alias=alias, by=desk.by)

    with_names(cell, forget)
    say(f"{alias!r} is forgotten")


def with_names(cell_name: str, work: Callable[[Desk, Any], None]) -> None:
    """Do something with the cell's journal and vocabulary."""
    from cells.description.cell import load_cell
    from cells.journal.store import Journal
    from cells.language.vocabulary import of_cell

    cell = load_cell(cell_name)
    with Journal.open(cell.name) as journal:
        from cells.dialogue.turn import Desk

        desk = Desk(cell, journal, person(), events=tuple(journal.events()))
        work(desk, of_cell(cell, {alias.alias: alias.means for alias in aliases_of(desk).values()}))


def aliases_of(desk: Desk) -> Mapping[str, Any]:
    """The aliases that were taught and not removed."""
    from datetime import UTC, datetime

    from cells.dialogue.conversation import conversation

    return conversation(desk.events, datetime.now(UTC)).aliases
