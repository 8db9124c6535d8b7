"""What ``run`` asks of whoever can prove skills: to do it first, or which steps nobody has proven (entry points
``cellwright.retool``: ``retool`` and ``unproven``)."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cells.commands.show import say
from cells.errors import InputError, Problem, Refused
from cells.streams import STDERR, STDOUT, rerouted

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.orders.order import Order
    from cells.orders.setup import Setup
    from cells.products.model import ProductVariant
    from cells.tasks.plan import Plan

GROUP = "cellwright.retool"
PICTURE_SIZE = (960, 600)


def retool_first(
    order: Order, cell: Cell, cell_name: str, variants: Mapping[str, ProductVariant], plan: Plan
) -> Mapping[str, Any]:
    """Prove who can do each contact step of a plan. Raises ``InputError`` where nobody here can do that."""
    retool = _found("retool")
    if retool is None:
        what, remedy = "nothing here can prove a skill", "pip install 'cellwright[sim,train]'"
        raise InputError(Problem("--retool", what, remedy))
    result: Mapping[str, Any] = retool(order, cell, cell_name, variants, plan)
    for step in result["steps"]:
        who = step["policy"] or "the nominal"
        say(f"{step['skill']} {step['part']}: {who}, {'proven' if step['proven'] else 'not proven'}")
    return result


def say_unproven(
    order_file: Path, overrides: Sequence[str], cell_name: str, cell: Cell, variants: Mapping[str, ProductVariant],
    plan: Plan,
) -> None:  # fmt: skip
    """Name, in one line, the steps that nobody has proven and what proves them. Silent about what ran well before, and
    where no policies are used."""
    look = _found("unproven")
    steps = [] if look is None else look(cell, variants, plan)
    if steps:
        words = ["cellwright", "retool", str(order_file), "--cell", cell_name]
        words += [word for override in overrides for word in ("--set", override)]
        say(f"not proven for these parts: {', '.join(steps)}; to prove it: {shlex.join(words)}")


def picture_setup(cell: Cell, variants: Mapping[str, ProductVariant], plan: Plan, path: Path) -> Path | None:
    """Write a picture of the cell as it is to be set up for the first unit of a plan, out of the simulated world; None
    where there is none, or it can't draw. Raises ``InputError`` where the file can't be written."""
    from cells.commands.worlds import GROUP as WORLDS
    from cells.commands.worlds import TWIN, world_opener

    if TWIN not in entry_points(group=WORLDS).names:
        return None
    try:
        opener = world_opener(TWIN)
    except InputError:  # its packages are missing
        return None
    with rerouted(STDOUT, to=STDERR):
        world = opener(cell, variants, 0, False)
        try:
            unit = plan.units[0]
            # Without loads it is one that comes back to be taken apart.
            world.stock.load(unit.loads) if unit.loads else world.stock.load_unit(unit.returns)
            data = world.camera.picture(*PICTURE_SIZE)
        finally:
            world.close()
    if not data:
        return None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        remedy = "give --out a folder in a place where you may write"
        raise InputError(Problem(str(path), f"can't be written ({error.strerror})", remedy)) from None
    return path


def confirm_setup(
    cell: Cell, variants: Mapping[str, ProductVariant], plan: Plan, out: Path | None, yes: bool, unit: str = ""
) -> None:
    """List what a person has to change in a real cell since its last order, all of it where that isn't known, with a
    picture beside the run's folder ``out`` (default: under runs), and have it confirmed, ``yes`` by the command itself;
    then the journal tells it. ``unit`` is the one that is taken apart, if one is. Raises ``Refused`` where nobody
    does."""
    from cells.commands.tell import person
    from cells.journal.store import Journal
    from cells.orders.setup import KINDS, confirmation, instructions, last_setup, setup_for

    with Journal.open(cell.name) as journal:
        was = last_setup(cell, journal.events(kinds=KINDS))
        becomes = setup_for(plan.order_id, cell, variants.values(), unit)
        todo = instructions(was, becomes)
        if not todo:
            return
        for line in todo:
            say(f"change by hand: {line}")
        beside = Path("runs") if out is None else out.parent
        if picture := picture_setup(cell, variants, plan, beside / f"{unit or plan.order_id}-setup.png"):
            say(f"what it shall look like: {picture}")
        if not yes and (not sys.stdin.isatty() or not typer.confirm("Is all of it done?", err=True)):
            raise Refused(_unconfirmed(was, "change what is listed, then run it with --yes"))
        journal.append(confirmation(becomes, variants.values(), todo, person()))


def check_setup(becomes: Setup | None, cell: Cell, remedy: str) -> None:
    """Raises ``Refused``, with all of it, where a person has to change something in a real cell that nobody has
    confirmed; never for what needs no setup (None)."""
    from cells.journal.store import Journal
    from cells.orders.setup import KINDS, instructions, last_setup

    if becomes is None:
        return
    with Journal.open(cell.name) as journal:
        was = last_setup(cell, journal.events(kinds=KINDS))
    if todo := instructions(was, becomes):
        raise Refused(_unconfirmed(was, f"change by hand: {'; '.join(todo)}; then {remedy}"))


def note_setup(becomes: Setup, cell: Cell, variants: Mapping[str, ProductVariant], by: str) -> None:
    """Note that a person, as ``by`` says, has done all that there was to be changed in a real cell."""
    from cells.journal.store import Journal
    from cells.orders.setup import KINDS, confirmation, instructions, last_setup

    with Journal.open(cell.name) as journal:
        if todo := instructions(last_setup(cell, journal.events(kinds=KINDS)), becomes):
            journal.append(confirmation(becomes, variants.values(), todo, by))


def _unconfirmed(was: Setup | None, remedy: str) -> Problem:
    stands = f"the cell was set up for {was.order}" if was else "nobody knows what stands in the cell"
    return Problem("setup", f"isn't confirmed: {stands}", remedy)


def _found(name: str) -> Callable[..., Any] | None:
    """What an installed package offers under this name; None if nobody does, or it lacks a package itself."""
    for point in entry_points(group=GROUP, name=name):
        try:
            offered: Callable[..., Any] = point.load()
        except ModuleNotFoundError:
            continue
        return offered
    return None
