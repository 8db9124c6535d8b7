"""``cellwright run`` and ``plan``: from an order file to products, passports and a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cells.commands.show import DEFAULT_CELL, AsJson, CellName, emit, table

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.description.documents import Document
    from cells.orders.order import Order
    from cells.products.model import ProductVariant
    from cells.tasks.plan import Plan

Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="K=V", help="Override a value: items.0.quantity=3.")
]


def prepare(
    order_file: Path, cell_name: str, overrides: Sequence[str]
) -> tuple[Order, Cell, dict[str, ProductVariant], Plan]:
    """Read the order and the cell, decide every variant and plan; changes nothing.

    The variants come by hash, in the order of the items. Raises ``InputError`` and ``Unbuildable``.
    """
    from cells.description.cell import load_cell
    from cells.orders.order import read_order

    order, document = read_order(order_file, overrides)
    cell = load_cell(cell_name)
    variants, made = planned(order, document, cell)
    return order, cell, variants, made


def planned(order: Order, document: Document, cell: Cell) -> tuple[dict[str, ProductVariant], Plan]:
    """The variants of an order, and its plan; ``document`` is what it was read from. As :func:`prepare`."""
    from cells.journal.home import home_folder
    from cells.journal.store import Journal
    from cells.orders.order import of_item
    from cells.products.catalogue import build_variant
    from cells.tasks.limits import build_limits
    from cells.tasks.plan import past_of, plan_order

    limits = build_limits(cell)
    items = []
    for index, item in enumerate(order.items):
        with of_item(document, index, item.product):
            items.append(build_variant(item.product, item.parameters, limits))
    past = None
    if (home_folder() / cell.name).exists():
        with Journal.open(cell.name) as journal:
            past = past_of(journal.events(kinds=("step_done",)))
    return {variant.hash: variant for variant in items}, plan_order(order, cell, items, past=past)


def plan(
    order_file: Annotated[str, typer.Argument(metavar="ORDER|TEXT", help="An order's YAML file, or a sentence.")],
    cell: CellName = DEFAULT_CELL,
    as_json: AsJson = False,
    overrides: Overrides = None,
) -> None:
    """Say what would be done, why and how long it would take. Moves nothing."""
    if not order_file.endswith((".yaml", ".yml")) and not Path(order_file).exists():
        from cells.commands.tell import tell

        tell(order_file, cell, dry_run=True, as_json=as_json)
        return
    order, _, _, made = prepare(Path(order_file), cell, overrides or [])
    if as_json:
        emit(made)
        return
    rows = [
        (call.id, call.skill, call.item, call.target or "", f"{seconds:.1f}", call.reason)
        for unit in made.units
        for call, seconds in zip(unit.calls, unit.seconds, strict=True)
    ]
    table(("step", "skill", "item", "target", "s", "why"), rows, title=f"Plan of order {order.id}")


def run(
    order_file: Annotated[Path | None, typer.Argument(metavar="ORDER", help="The order, a YAML file.")] = None,
    disassemble: Annotated[
        str | None, typer.Option("--disassemble", metavar="UNIT", help="Take a finished unit apart: its serial.")
    ] = None,
    cell: CellName = DEFAULT_CELL,
    world: Annotated[str, typer.Option(help="The world to build it in: a name from the installed packages.")] = "sim",
    view: Annotated[bool, typer.Option("--view", help="Open the world's window and run at real time.")] = False,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of everything random in the world.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder of the results; default ./runs/<order>-<n>.")] = None,
    policies: Annotated[
        list[str] | None,
        typer.Option("--policy", metavar="NAME", help="Work with a policy of the zoo: NAME[@VERSION]."),
    ] = None,
    retool: Annotated[
        bool, typer.Option("--retool", help="First prove who can do each contact step, and improve what can't.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="What has to be changed by hand in a real cell is done.")] = False,
    no_rehearse: Annotated[
        bool, typer.Option("--no-rehearse", help="Move the real arm without trying the plan in simulation first.")
    ] = False,
    as_json: AsJson = False,
    overrides: Overrides = None,
) -> None:
    """Build an order, or take a unit apart; write a report."""
    from cells.commands import disassemble as apart
    from cells.commands.build import build
    from cells.commands.retooling import confirm_setup, retool_first, say_unproven
    from cells.commands.told import Place, go_on
    from cells.commands.worlds import check_sight, check_world_name, suited, twin_of, world_opener
    from cells.errors import InputError, Problem
    from cells.runtime.requests import Told
    from cells.skills.learned import policies_of

    if (order_file is None) == (disassemble is None):
        what = "nothing to build or take apart" if order_file is None else "an order to build and a unit to take apart"
        remedy = "give an order's file, or --disassemble and a unit's serial (cellwright run --help)"
        raise InputError(Problem("run", what, remedy))
    check_world_name(world, view)
    if disassemble is not None:
        if retool:
            raise InputError(Problem("--retool", "there is no order to retool for", "leave it out"))
        if overrides:
            raise InputError(Problem("--set", "there is no order to override", "a unit comes apart as it was built"))
        apart.run(
            disassemble, cell, world, seed=seed, view=view, out=out, as_json=as_json, yes=yes,
            rehearsed=not no_rehearse,
        )  # fmt: skip
        return
    assert order_file is not None
    order, the_cell, variants, made = prepare(order_file, cell, overrides or [])
    if policies is not None:
        the_cell = the_cell.model_copy(update={"policies": tuple(policies)})
    opener = world_opener(world)
    the_cell = suited(the_cell, opener)
    policies_of(the_cell)  # refused before anything is written
    if retool:
        retool_first(order, the_cell, cell, variants, made)
    elif policies is None:
        say_unproven(order_file, overrides or [], cell, the_cell, variants, made)
    if getattr(opener, "real", False):
        check_sight(made, the_cell, opener)  # nobody sets up a cell for what it then refuses
        confirm_setup(the_cell, variants, made, out, yes)
    told, twin = Told(), twin_of(opener, wanted=not no_rehearse)
    result = build(
        order, the_cell, variants, made, opener, seed=seed, view=view, out=out, world=world, told=told, twin=twin,
        retooled=policies is None,
    )  # fmt: skip
    if as_json:
        emit(result)
    else:
        show_result(result)
    go_on(told, Place(the_cell, world, seed, view), result)
    if code := exit_code(result):
        raise typer.Exit(code)


def exit_code(result: Mapping[str, Any]) -> int:
    """How the command ends: 130 where a person ended the order early, 1 where not every unit is good, else 0."""
    return 130 if result["stopped"] else 1 if result["good"] < result["ordered"] else 0


def show_result(result: Mapping[str, Any]) -> None:
    """The closing table and the files to open."""
    rows = [
        (
            unit["serial"],
            unit["verdict"],
            f"{unit['seconds']:.1f} s",
            amount(unit["energy_j"], 1e-3, "kJ"),
            carbon(unit),
            unit["passport"] or "–",
        )
        for unit in result["units"]
    ]
    table(("unit", "verdict", "time", "energy", "CO2e", "passport"), rows, title=f"Order {result['order']}")
    for unit in result["units"]:
        for reason in unit["reasons"]:
            print(f"{unit['serial']}: {reason}")
    print("Open:")
    for name in result["files"]:
        print(f"  {name}")


def carbon(unit: Mapping[str, Any]) -> str:
    """The footprint of a unit; where a factor is unknown, at least what is known."""
    if unit["co2e_kg"] is not None:
        return amount(unit["co2e_kg"], 1e3, "g")
    return f"unknown (known: {amount(unit['co2e_known_kg'], 1e3, 'g')})"


def amount(value: float | None, factor: float, unit: str) -> str:
    """A quantity for people; what nobody knows is called unknown."""
    return "unknown" if value is None or value != value else f"{value * factor:.3g} {unit}"
