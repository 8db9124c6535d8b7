"""The ``cellwright`` command: parse, wire, print; no logic of its own.

Imports stay light here: what is heavy is imported by the command that needs it, so that ``--help`` is instant.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from importlib.metadata import entry_points, version
from typing import Annotated

import typer

from cells.commands import (
    alias,
    bench,
    cell,
    doctor,
    interpret,
    journal,
    passport,
    product,
    remote,
    run,
    stock,
    tell,
    warmup,
)
from cells.commands.show import say
from cells.errors import CellwrightError
from cells.streams import STDERR, STDOUT

INTERRUPTED = 130
MOST_PROBLEMS = 6

app = typer.Typer(
    name="cellwright",
    help="Describe a robot cell, say what you want built, and get a product with its passport.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def print_version(wanted: bool) -> None:
    """Print the version and leave, if that is ``wanted``."""
    if wanted:
        print(f"cellwright {version('cellwright')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", callback=print_version, is_eager=True)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Options that stand before the command; ``--debug`` may stand anywhere, see :func:`main`."""


app.command("run")(run.run)
app.command("plan")(run.plan)
app.command("tell")(tell.tell)
app.command("confirm")(tell.confirm)
app.command("interpret")(interpret.interpret)
remote.add_to(app)
app.add_typer(alias.app, name="alias")
app.add_typer(cell.app, name="cell")
app.add_typer(product.app, name="product")
app.add_typer(stock.app, name="stock")
app.add_typer(journal.app, name="journal")
app.add_typer(passport.app, name="passport")
app.command("bench", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(bench.bench)
app.command("doctor")(doctor.doctor)
app.command("warmup")(warmup.warmup)


def add_plugins() -> None:
    """Add the commands of other packages: entry points ``cellwright.commands``, each a ``typer.Typer`` or, for a
    command without verbs, a function."""
    for point in entry_points(group="cellwright.commands"):
        try:
            command = point.load()
            if isinstance(command, typer.Typer):
                app.add_typer(command, name=point.name)
            else:
                app.command(point.name)(command)
        except Exception as error:
            # Someone else's broken package must not take the stop command away.
            say(f"cellwright: the command {point.name!r} of {point.value} doesn't load: {error}")


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command and leave the process with the exit code of the contract.

    0 ok, 1 failed, 2 wrong use, 3 refused for safety, 130 stopped by the user.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    open_streams()
    add_plugins()
    sys.exit(guarded(words, debug))


def open_streams() -> None:
    """Give a process that was started with closed streams (as some daemons are) somewhere to write to, and let no
    letter fail that the terminal's encoding lacks."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STDERR:
        pass
    os.close(descriptor)
    sys.stdout = sys.stdout or os.fdopen(STDOUT, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(STDERR, "w", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def guarded(words: Sequence[str], debug: bool) -> int:
    """The exit code of a command line; every error becomes a short message, a traceback only under ``debug``."""
    try:
        code = app(args=list(words), prog_name="cellwright", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except typer.Exit as stop:
        return stop.exit_code
    except (KeyboardInterrupt, typer.Abort):
        say("cellwright: stopped by the user")
        return INTERRUPTED
    except Exception as error:
        if debug:
            raise
        return explain(error)


def explain(error: Exception) -> int:
    """Say what went wrong in as few lines as it takes; returns the exit code."""
    if isinstance(error, typer.TyperException):
        if "\n" in error.format_message():
            # A noun without a verb: the message is that noun's help.
            say(error.format_message())
            return error.exit_code
        context = getattr(error, "ctx", None)
        hint = f"; see {context.command_path} --help" if context else ""
        say(f"cellwright: {error.format_message().rstrip('.')}{hint}")
        return error.exit_code
    if isinstance(error, CellwrightError):
        for problem in error.problems[:MOST_PROBLEMS]:
            say(f"cellwright: {problem}")
        if len(error.problems) > MOST_PROBLEMS:
            say(f"cellwright: and {len(error.problems) - MOST_PROBLEMS} problems more; correct these first")
        return error.exit_code
    if isinstance(error, OSError) and error.strerror:
        say(f"cellwright: {error.filename or 'output'}: {error.strerror}; make room, or check permissions")
        return 1
    first = (str(error).splitlines() or [""])[0]
    say(f"cellwright: unexpected {type(error).__name__}: {first}; run again with --debug for the traceback")
    return 1
