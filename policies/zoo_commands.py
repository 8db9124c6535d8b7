"""``cellwright zoo``: the policies that are here, what they say of themselves, and whether they are sound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cells.commands.show import AsJson, emit, say, table
from cells.errors import CellwrightError, InputError

if TYPE_CHECKING:
    from pathlib import Path

app = typer.Typer(help="Policies: list, show, verify those of the zoo.", no_args_is_help=True)

Reference = Annotated[str, typer.Argument(metavar="POLICY", help="name@version, or name for the newest.")]
COLUMNS = ("policy", "kind", "skill", "robot", "control mode")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the policies of the zoo."""
    from policies.store import entry_folders

    rows = [row(folder) for folder in entry_folders()]
    if as_json:
        emit({"policies": rows})
        return
    sound = [row for row in rows if not row["problems"]]
    table(COLUMNS, [[row[column.replace(" ", "_")] for column in COLUMNS] for row in sound])
    for broken in (row for row in rows if row["problems"]):
        say(f"cellwright: {broken['policy']} is not sound; see cellwright zoo verify {broken['policy']}")


@app.command()
def show(policy: Reference, as_json: AsJson = False) -> None:
    """Show what a policy sees and does, where it was proven, and how it was made."""
    from policies.entry import parse_json
    from policies.folder import EVALUATION, read_entry
    from policies.store import find_entry

    read = read_entry(find_entry(policy))
    entry = read.entry
    if as_json:
        evaluation = parse_json(read.files[EVALUATION], EVALUATION)
        emit({**entry.model_dump(mode="json", by_alias=True), "evaluation": evaluation})
        return
    print(f"{entry.reference}: {entry.kind} for {entry.skill} on {entry.nominal}; {entry.licence}")
    print(f"made for {entry.robot} with {entry.tool}, {entry.control_mode}, each {entry.policy_every} control ticks")
    print(f"made by: {entry.training.command} ({entry.training.cpu_s:g} s of one core, {entry.training.steps} steps)")
    for family, ranges in entry.part_ranges.proven.items():
        proven = ", ".join(f"{name} {low:g} to {high:g}" for name, (low, high) in ranges.items())
        print(f"proven on {family}: {proven}")
    parts = [("sees", part) for part in entry.observation] + [("does", part) for part in entry.action]
    rows = [(way, part.name, len(part.low), part.unit, part.frame, part.about) for way, part in parts]
    table(("", "name", "numbers", "unit", "frame", "what it is"), rows)
    if entry.parameters:
        table(("parameter", "value"), [(name, f"{value:g}") for name, value in entry.parameters.items()])


@app.command()
def verify(
    policies: Annotated[list[str] | None, typer.Argument(metavar="[POLICY]...", help="Which; all, if none.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check hashes, contract, normaliser and network of policies, without running them."""
    from policies.folder import verify_entry
    from policies.store import entry_folders, find_entry

    folders = [find_entry(policy) for policy in policies] if policies else list(entry_folders())
    found = {reference(folder): verify_entry(folder) for folder in folders}
    if as_json:
        checked = [{"policy": name, "ok": not problems, "problems": problems} for name, problems in found.items()]
        emit({"ok": not any(found.values()), "policies": checked})
    for name, problems in () if as_json else found.items():
        for problem in problems:
            say(f"cellwright: {name}: {problem}")
        if not problems:
            say(f"{name}: in order")
    if any(found.values()):
        raise typer.Exit(InputError.exit_code)


def row(folder: Path) -> dict[str, Any]:
    """What ``list`` tells of an entry; of one that can't be read only its name and why."""
    from policies.folder import read_entry

    told: dict[str, Any] = {"policy": reference(folder), "folder": folder, "problems": ()}
    try:
        entry = read_entry(folder).entry
    except CellwrightError as error:
        return {**told, "problems": error.problems}
    return {**told, **{key: getattr(entry, key) for key in ("kind", "skill", "robot", "control_mode")}}


def reference(folder: Path) -> str:
    """``name@version`` of an entry's folder."""
    return f"{folder.parent.name}@{folder.name}"
