"""Commands that reach the running cell from another terminal: status, stop, pause, resume, cancel, acknowledge."""

from __future__ import annotations

import getpass
from collections.abc import Callable

import typer

from cells.commands.show import DEFAULT_CELL, AsJson, CellName, emit, say

# Command and what it does, in the words of --help.
COMMANDS = {
    "status": "Show the running cell's state and what it is doing.",
    "stop": "Bring the arm to rest, now; nothing resumes unacknowledged.",
    "pause": "Bring the arm to rest, now; needs no acknowledgement.",
    "resume": "Go on after a pause or an acknowledged stop. The arm goes back to a step boundary first.",
    "cancel": "End the order early. What is held goes to the reject bin, the arm home; unacknowledged, nothing moves.",
    "acknowledge": "Confirm that a stop's cause was looked at; resets the latch. Also for what a run that died left.",
}


def add_to(app: typer.Typer) -> None:
    """Add every command of this module to ``app``."""
    for name, text in COMMANDS.items():
        app.command(name, help=text)(command(name))


def command(name: str) -> Callable[[str, bool], None]:
    """The function of one command: asks the running cell and prints its answer; exit 1 if it says no."""

    def ask(cell: CellName = DEFAULT_CELL, as_json: AsJson = False) -> None:
        from cells.description.cell import load_cell
        from cells.runtime.control_socket import send
        from cells.runtime.standing import acknowledge

        by = f"{getpass.getuser()}, terminal"
        described = load_cell(cell).name
        answer = acknowledge(described, by) if name == "acknowledge" else send(described, name, by)
        if as_json:
            emit(answer)
        elif name == "status":
            for key, value in answer.items():
                print(f"{key}: {value}")
        else:
            say(f"{answer.get('state', '')}: {answer.get('what', '')}".strip(": "))
        if not answer.get("ok", False):
            raise typer.Exit(1)

    return ask
