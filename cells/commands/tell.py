"""``cellwright tell`` and ``confirm``: an operator's sentences, and what the cell says to them."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cells.commands.show import DEFAULT_CELL, AsJson, CellName, emit, plain, say, table
from cells.errors import CellwrightError, InputError, Problem, Refused

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.dialogue.explanation import Line
    from cells.dialogue.turn import Desk, Reader, Turn
    from cells.journal.store import Journal
    from cells.language.saying import Saying
    from cells.tasks.grounding import Task

Lang = Annotated[str, typer.Option(help="en, de, zh, or auto: whichever knows most of a sentence's words.")]
World = Annotated[str, typer.Option(help="The world to do it in: a name from the installed packages.")]
Seed = Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of everything random in the world.")]
Agree = Annotated[bool, typer.Option("--agree", help="Ask where language model and offline interpreter differ.")]


def tell(
    text: Annotated[str | None, typer.Argument(help="What you want, in English, German or Chinese.")] = None,
    cell: CellName = DEFAULT_CELL,
    lang: Lang = "auto",
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Confirm the plan and its setup at once; a real arm only if its cell allows it."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan; nothing waits for confirmation.")] = False,
    agree: Agree = False,
    world: World = "sim",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Tell or ask the cell something in plain language.

    A plan is shown with its reasons and waits for `cellwright confirm`; stops and questions need no confirmation.
    Without a text: a session, one sentence a line. With CELLWRIGHT_LLM_MODEL a language model reads along.
    """
    from cells.commands.told import Place
    from cells.commands.worlds import check_world_name
    from cells.description.cell import load_cell
    from cells.language.lexicon import LANGUAGES

    if lang not in ("auto", *LANGUAGES):
        raise InputError(Problem("--lang", f"there is no lexicon of {lang!r}", f"use auto, {', '.join(LANGUAGES)}"))
    check_world_name(world, view=False)
    place = Place(load_cell(cell), world, seed)
    if text is None:
        session(place, lang, agree)
        return
    code = respond(text, lang, place, yes=yes, dry_run=dry_run, agree=agree, as_json=as_json)
    if code:
        raise typer.Exit(code)


def confirm(
    plan: Annotated[str, typer.Argument(metavar="[PLAN_HASH]", help="The plan that is meant, as it was shown.")] = "",
    cell: CellName = DEFAULT_CELL,
    world: World = "sim",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Confirm the plan that was told last, and do it."""
    from cells.commands.told import Place
    from cells.commands.worlds import check_world_name
    from cells.description.cell import load_cell
    from cells.journal.store import Journal

    check_world_name(world, view=False)
    place = Place(load_cell(cell), world, seed)
    with Journal.open(place.cell.name) as journal:
        code = carry_out(plan, desk_of(place.cell, journal, real=place.real), place, as_json=as_json)
    if code:
        raise typer.Exit(code)


def session(place: Any, lang: str, agree: bool) -> None:
    """One sentence a line, until the end of the input. Ctrl-C stops the running cell, if there is one."""
    import contextlib

    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  history and editing for input()
    say("Tell the cell what you want; an empty line or Ctrl-D ends, Ctrl-C stops a running cell.")
    while True:
        try:
            text = input("> ").strip()
        except EOFError:
            return
        except KeyboardInterrupt:
            print(stop(place.cell, "Ctrl-C", "en")[1])
            continue
        if not text:
            return
        try:
            respond(text, lang, place, yes=False, dry_run=False, agree=agree, as_json=False)
        except CellwrightError as error:
            for problem in error.problems:
                say(f"cellwright: {problem}")


def respond(text: str, lang: str, place: Any, *, yes: bool, dry_run: bool, agree: bool, as_json: bool) -> int:
    """Take one turn and show what came of it; returns the exit code."""
    from cells.dialogue.turn import says_stop, take_turn
    from cells.journal.store import Journal

    if (spoken := says_stop(text, lang)) is not None:
        # First of all, before the journal is opened: whatever else goes wrong, the arm comes to rest.
        stopped, answer = stop(place.cell, text, spoken)
        print(answer)
        with Journal.open(place.cell.name) as journal:
            take_turn(text, lang, desk_of(place.cell, journal))
        return 0 if stopped else 1
    with Journal.open(place.cell.name) as journal:
        desk = desk_of(place.cell, journal, agree, real=place.real)
        turn = take_turn(text, lang, desk)
        if turn.kind in ("stop", "control"):
            heeded, answer = passed_on(text, turn, desk)
            print(answer)
            return 0 if heeded else 1
        if turn.kind == "confirmed":
            return carry_out(turn.plan, desk, place, as_json=as_json)
        show(turn, desk, as_json=as_json, waits=not (yes or dry_run), picture=picture_for(turn, place))
        if turn.kind == "plan" and dry_run:
            desk.note("plan_dropped", plan=turn.plan, why="dry run")
        elif turn.kind == "plan" and yes:
            return carry_out(turn.plan, desk, place, as_json=as_json, unasked=True)
    return {"refusal": Refused.exit_code, "question": 1, "impossible": 1}.get(turn.kind, 0)


def carry_out(plan: str, desk: Desk, place: Any, *, as_json: bool, unasked: bool = False) -> int:
    """Confirm a plan, then hand it to the running cell, or do it here where none runs; returns the exit code."""
    from cells.commands.told import do, go_on
    from cells.runtime.requests import Told

    agreed, answer, task = agree_to(plan, desk, unasked)
    if task is None:
        print(answer) if agreed else say(answer)
        return 0 if agreed else 1
    told = Told()
    result = do(task, place, told, unasked)
    results = [result, *go_on(told, place, result)]
    for each in results:
        emit(each) if as_json else show_result(each)
    return 130 if results[-1]["stopped"] else 0 if all(each["ok"] for each in results) else 1


def agree_to(plan: str, desk: Desk, unasked: bool = False) -> tuple[bool, str, Task | None]:
    """Confirm a plan and hand it to the running cell: whether it is agreed, what to say, and, where no cell runs, the
    task that is to be done here."""
    from cells.dialogue.turn import confirmed
    from cells.runtime.control_socket import TAKE, send

    reason, proposal, task = confirmed(plan, desk, unasked)
    language = proposal.language if proposal is not None else "en"
    if reason is not None or task is None:
        assert reason is not None
        return False, in_words(reason, language, desk.cell), None
    if desk.status is None:
        return True, "", task
    send(desk.cell.name, TAKE, desk.by, plan=task.plan.hash)
    order = str(desk.status.get("serial") or "–")
    return True, in_words(dialogue("taken", order=order), language, desk.cell), None


def show_result(result: Mapping[str, Any]) -> None:
    """How a task ended."""
    from cells.commands.run import show_result as show_order

    if "order" in result and "units" in result:
        show_order(result)
        return
    name = result.get("errand") or result.get("serial")
    print(f"{name}: {result['verdict']} in {result['seconds']:.1f} s")
    for reason in result["reasons"]:
        print(f"{name}: {reason}")
    for file in result["files"]:
        print(f"  {file}")


def picture_for(turn: Turn, place: Any) -> Path | None:
    """A picture of what a person has to change for a plan; None where that is nothing, or nobody draws it. Raises
    ``InputError`` where the plan needs a world that looks: nobody sets up a cell for what it then refuses."""
    from cells.commands.retooling import picture_setup
    from cells.commands.worlds import check_sight, world_opener

    if turn.task is None or not turn.by_hand:
        return None
    check_sight(turn.task.plan, turn.task.cell, world_opener(place.world))
    path = Path("runs", f"{turn.task.plan.order_id}-setup.png")
    return picture_setup(turn.task.cell, turn.task.variants, turn.task.plan, path)


def show(turn: Turn, desk: Desk, *, as_json: bool, waits: bool, picture: Path | None = None) -> None:
    """What came of an utterance, in the operator's language."""
    from cells.dialogue.explanation import explain
    from cells.products.catalogue import catalogue

    names = catalogue(desk.cell)
    lines = explain(turn.task, desk.journal.events(), turn.language, names) if turn.task is not None else []
    sayings = sayings_of(turn, waits, picture)
    texts = [in_words(saying, turn.language, desk.cell) for saying in sayings]
    if as_json:
        emit({"kind": turn.kind, "language": turn.language, "plan": turn.plan or None, "remark": turn.remark or None,
              "sayings": [plain(saying) for saying in sayings], "text": texts, "steps": lines,
              "by_hand": turn.by_hand, "picture": str(picture) if picture else None})  # fmt: skip
        return
    if turn.remark:
        say(turn.remark)
    if turn.task is not None:
        show_plan(lines, turn, desk.cell)
    for text in texts:
        print(text)


def sayings_of(turn: Turn, waits: bool, picture: Path | None = None) -> list[Saying]:
    """What the cell says to an utterance; of a plan its totals too, what has to be changed by hand, with a ``picture``
    of that, and, where it ``waits``, how to confirm it."""
    from cells.dialogue.explanation import totals

    if turn.task is None:
        return list(turn.sayings)
    asks = [dialogue("confirm", plan=turn.plan[:8])] if waits else []
    by_hand = [dialogue("by_hand", what=line) for line in turn.by_hand]
    shown = [dialogue("by_hand_picture", file=str(picture))] if picture else []
    return [*turn.sayings, totals(turn.task), *by_hand, *shown, *asks]


def show_plan(lines: list[Line], turn: Turn, cell: Cell) -> None:
    """The numbered plan."""
    several = len({line.words for line in lines}) > 1  # one sentence's words needn't be said at each step
    heads = [in_words(head(name), turn.language, cell) for name in ("what", "why", "seconds", "record", "words")]
    rows = [
        (line.number, line.what, line.why, f"{line.seconds:.1f}", f"{line.done}/{line.tried}" if line.tried else "–",
         *([line.words] if several else []))
        for line in lines
    ]  # fmt: skip
    assert turn.task is not None
    units = len(turn.task.plan.units)
    title = f"{turn.task.plan.order_id}  {turn.plan[:8]}" + (f"  × {units}" if units > 1 else "")
    table(("", *(heads if several else heads[:-1])), rows, title=title)


def passed_on(text: str, turn: Turn, desk: Desk) -> tuple[bool, str]:
    """Hand a stop, pause, resume or cancel to the running cell: whether it heeds it, and what to say."""
    from cells.runtime.control_socket import send

    if turn.kind == "stop":
        return stop(desk.cell, text, turn.language, desk.by)
    if desk.status is None:
        return False, in_words(dialogue("nothing_runs"), turn.language, desk.cell)
    answer = send(desk.cell.name, turn.action, f"{desk.by}, told")
    return bool(answer.get("ok")), f"{answer.get('state', '')}: {answer.get('what', '')}".strip(": ")


def stop(cell: Cell, text: str, language: str, by: str = "") -> tuple[bool, str]:
    """Stop the running cell; returns whether one was running and stops, and what to say."""
    from cells.runtime.control_socket import send

    try:
        answer = send(cell.name, "stop", f"{by or person()}, told: {text}")
    except CellwrightError:
        return False, in_words(dialogue("nothing_runs"), language, cell)
    if not answer.get("ok"):
        return False, str(answer.get("what"))
    return True, in_words(dialogue("stopped"), language, cell)


def desk_of(cell: Cell, journal: Journal, agree: bool = False, by: str = "", real: bool = False) -> Desk:
    """The desk of whoever speaks, this terminal's unless said; it knows whether the cell is running, the language model
    if one is configured, and whether it is about a ``real`` arm."""
    from cells.dialogue.turn import Desk
    from cells.runtime.control_socket import send

    try:
        status: Mapping[str, Any] | None = send(cell.name, "status", by or person())
    except CellwrightError:
        status = None
    return Desk(cell, journal, by or person(), status, reader(cell, journal, agree), real=real)


def reader(cell: Cell, journal: Journal, agree: bool) -> Reader | None:
    """The language model of the environment as a second reader, if there is one."""
    if not os.environ.get("CELLWRIGHT_LLM_MODEL"):
        if agree:
            raise InputError(Problem("--agree", "no language model is configured", "set CELLWRIGHT_LLM_MODEL"))
        return None
    from cells.dialogue.briefing import briefing_of
    from cells.language.llm import interpret_with_model
    from cells.language.reading import Reading

    def read(text: str, language: str, offline: Reading) -> tuple[Reading, str]:
        reading, note = interpret_with_model(text, language, briefing_of(cell, journal.events()), offline, agree)
        return reading, f"language model: {note.source}" + (f" ({note.reason})" if note.reason else "")

    return read


def dialogue(code: str, **slots: Any) -> Saying:
    """A saying around plans."""
    from cells.language.saying import Saying

    return Saying(f"dialogue.{code}", slots)


def head(name: str) -> Saying:
    """The head of a column."""
    from cells.language.saying import Saying

    return Saying(f"explanation.{name}")


def in_words(saying: Saying, language: str, cell: Cell) -> str:
    """A saying in the operator's language."""
    from cells.language.saying import say as words
    from cells.products.catalogue import catalogue

    return words(saying, language, catalogue(cell))


def person() -> str:
    """Who speaks, and where."""
    return f"{getpass.getuser()}, terminal"
