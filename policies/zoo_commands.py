"""``cellwright zoo``: the policies that are here, what they say of themselves, and whether they are sound."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cells.commands.show import AsJson, emit, say, table
from cells.errors import CellwrightError, InputError, Problem
from policies import share_commands

if TYPE_CHECKING:
    from policies.contents import Read

app = typer.Typer(help="Policies: find, check, share and take in those of a zoo.", no_args_is_help=True)
app.command()(share_commands.search)
app.command()(share_commands.pull)
app.command()(share_commands.push)
app.command("import")(share_commands.import_)

Reference = Annotated[str, typer.Argument(metavar="POLICY", help="name@version, or name for the newest.")]
COLUMNS = ("policy", "kind", "skill", "robot", "control mode")


@app.command("list")
def list_(store: Annotated[str | None, typer.Option(help="Those of a shared zoo instead: folder or URL.")] = None,
          as_json: AsJson = False) -> None:  # fmt: skip
    """List the policies of your zoo, or of a shared one."""
    rows = [row(folder) for folder in _folders()] if store is None else share_commands.listed(store)
    if as_json:
        emit({"policies": rows})
        return
    sound = [row for row in rows if not row["problems"]]
    table(COLUMNS, [[row[column.replace(" ", "_")] for column in COLUMNS] for row in sound])
    for broken in (row for row in rows if row["problems"]):
        say(f"cellwright: {broken['policy']} is not sound; see cellwright zoo verify {broken['policy']}")


@app.command()
def show(
    policy: Reference,
    aas: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write its AI Model Nameplate (IDTA 02060), JSON.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a policy sees and does, where it was proven, and how it was made."""
    from policies.contents import CARD, EVALUATION
    from policies.entry import parse_json
    from policies.folder import read_entry
    from policies.measured import measured
    from policies.store import find_entry

    folder = find_entry(policy)
    read = read_entry(folder)
    entry = read.entry
    if aas is not None:
        from policies.nameplate import write_nameplate

        write_nameplate(read, aas)
        say(f"written: {aas}")
    if as_json:
        evaluation = parse_json(read.files[EVALUATION], EVALUATION)
        emit({**entry.model_dump(mode="json", by_alias=True), "evaluation": evaluation})
        return
    print(f"{entry.reference}: {entry.kind} for {entry.skill} on {entry.nominal}; {entry.licence}")
    print(f"made for {entry.robot} with {entry.tool}, {entry.control_mode}, each {entry.policy_every} control ticks")
    print(f"made by: {entry.training.command} ({entry.training.cpu_s:g} s of one core, {entry.training.steps} steps)")
    if entry.parents:
        print(f"made from: {', '.join(entry.parents)}")
    if known := measured(read.files[EVALUATION], EVALUATION):
        print(
            f"evaluated: {known.successes} of {known.episodes} succeed (95 % ≥ {known.lower:.3f}), {known.conditions}"
        )
    for family, ranges in entry.part_ranges.proven.items():
        proven = ", ".join(f"{name} {_range(values)}" for name, values in ranges.items())
        print(f"proven on {family}: {proven}")
    parts = [("sees", part) for part in entry.observation] + [("does", part) for part in entry.action]
    rows = [(way, part.name, len(part.low), part.unit, part.frame, part.about) for way, part in parts]
    table(("", "name", "numbers", "unit", "frame", "what it is"), rows)
    if entry.parameters:
        table(("parameter", "value"), [(name, f"{value:g}") for name, value in entry.parameters.items()])
    if CARD in read.files:
        print(f"its card: {folder / CARD}")


@app.command()
def verify(
    policies: Annotated[
        list[str] | None, typer.Argument(metavar="[POLICY|PATH]...", help="Names, folders or zip files; all, if none.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check hashes, signature, contract, normaliser, network and pictures of policies, without running them."""
    found = {name: _checked(path) for name, path in _named(policies)}
    problems = {name: told for name, (_, told) in found.items()}
    if as_json:
        checked = [{"policy": name, "ok": not told, "signed_by": who, "problems": told}
                   for name, (who, told) in found.items()]  # fmt: skip
        emit({"ok": not any(problems.values()), "policies": checked})
    for name, (who, told) in () if as_json else found.items():
        for problem in told:
            say(f"cellwright: {name}: {problem}")
        if not told:
            say(f"{name}: in order{f', signed by {who}' if who else ''}")
    if any(problems.values()):
        raise typer.Exit(InputError.exit_code)


@app.command()
def diff(policy: Reference, other: Reference, as_json: AsJson = False) -> None:
    """Show in which keys two policies differ."""
    from policies.difference import differences
    from policies.folder import read_entry
    from policies.store import find_entry

    ours, theirs = (read_entry(find_entry(name)) for name in (policy, other))
    found = differences(ours, theirs)
    if as_json:
        emit({"policies": [ours.entry.reference, theirs.entry.reference],
              "differences": [{"key": key, "values": values} for key, *values in found]})  # fmt: skip
    else:
        table(("key", ours.entry.reference, theirs.entry.reference), found)


@app.command()
def remove(policy: Annotated[str, typer.Argument(metavar="POLICY", help="name@version")]) -> None:
    """Remove one version of a policy from your own zoo. A shared zoo keeps what it has."""
    from policies.folder import remove_entry
    from policies.store import find_entry, own_zoo

    if not policy.partition("@")[2]:
        raise InputError(Problem("POLICY", f"{policy!r} names no version", "say which, as name@version"))
    folder = find_entry(policy)
    if own_zoo() not in folder.parents:
        raise InputError(Problem(policy, "comes with Cellwright", "a version of your own with its name goes before it"))
    remove_entry(folder)
    say(f"removed: {policy}")


def row(folder: Path) -> dict[str, Any]:
    """What ``list`` tells of an entry; of one that can't be read only its name and why."""
    from policies.folder import read_entry

    told: dict[str, Any] = {"policy": reference(folder), "folder": folder, "problems": ()}
    try:
        entry = read_entry(folder).entry
    except CellwrightError as error:
        return {**told, "problems": error.problems}
    return {**told, **{key: getattr(entry, key) for key in ("kind", "capability", "skill", "robot", "control_mode")}}


def reference(folder: Path) -> str:
    """``name@version`` of an entry's folder."""
    return f"{folder.parent.name}@{folder.name}"


def _folders() -> list[Path]:
    from policies.store import entry_folders

    return list(entry_folders())


def _named(policies: list[str] | None) -> list[tuple[str, Path]]:
    """Names of entries and where they are; of paths, themselves."""
    from policies.store import find_entry

    if not policies:
        return [(reference(folder), folder) for folder in _folders()]
    named = []
    for word in policies:
        is_path = os.sep in word or word.endswith(".zip")
        path = Path(word) if is_path else find_entry(word)
        named.append((word if is_path else reference(path), path))
    return named


def _checked(path: Path) -> tuple[str, tuple[Problem, ...]]:
    """Whose key an entry is signed by ("" for none), and what is wrong with it."""
    from policies.contents import check_contents
    from policies.signature import signer

    try:
        read: Read = share_commands.read_path(path)
        key = signer(read.files)
    except CellwrightError as error:
        return "", error.problems
    return key, tuple(check_contents(read.entry, read.files))


def _range(values: Any) -> str:
    return ", ".join(values) if isinstance(values[0], str) else f"{values[0]:g} to {values[1]:g}"
