"""``cellwright retool``: have a cell prove, before an order is built, that each of its contact steps will succeed."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer

from cells.commands.run import Overrides
from cells.commands.show import DEFAULT_CELL, AsJson, CellName, emit, say, table
from cells.streams import STDERR, STDOUT, rerouted

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.orders.order import Order
    from cells.products.model import ProductVariant
    from cells.tasks.plan import Plan
    from policies.retool import Terms


def retool(
    order_file: Annotated[Path, typer.Argument(metavar="ORDER", help="The order, a YAML file.")],
    budget: Annotated[
        str, typer.Option(help="CPU time for improving, shared by the steps that need it: 90s, 10min, 1h.")
    ] = "10min",
    target: Annotated[float, typer.Option(min=0.5, max=1.0, help="The share that has to succeed.")] = 0.95,
    jobs: Annotated[
        int | None, typer.Option(min=1, max=64, help="Processes that play episodes. Default: the cores, 16 at most.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Its folder; goes on there. Default: under runs/retool.")] = None,
    cell: CellName = DEFAULT_CELL,
    as_json: AsJson = False,
    overrides: Overrides = None,
) -> None:
    """Prove who can do the contact steps of an order.

    All of it is simulated.

    For each step the likeliest policies of your zoo and the nominal are tried on 60 episodes of the variant's own
    environment; what passes is kept, else the best is improved. What is kept is evaluated once on 150 fresh episodes,
    and published in your zoo. `cellwright run` works with it. The same command goes on after an interruption.
    """
    from cells.commands.run import prepare
    from policies.retool import Terms
    from policies.train_command import seconds
    from policies.workers import cores

    terms = Terms(target=target, budget_s=seconds(budget), jobs=jobs or cores())
    order, the_cell, variants, plan = prepare(order_file, cell, overrides or [])
    result = retool_order(order, the_cell, cell, variants, plan, terms, out)
    if as_json:
        emit(result)
    else:
        show(result)
    if result["proven"] < len(result["steps"]):
        raise typer.Exit(1)


def retool_order(
    order: Order, cell: Cell, cell_name: str, variants: Mapping[str, ProductVariant], plan: Plan,
    terms: Terms | None = None, out: Path | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Retool a cell for an order, which was planned already; ``cell_name`` is how the cell was named. Returns what
    came of it as JSON values. A Ctrl-C goes through, once what was done is noted."""
    from cells.commands.retooling import picture_setup
    from cells.journal.event import Event
    from cells.journal.store import Journal
    from cells.orders import changeover
    from cells.orders.setup import KINDS, instructions, last_setup, setup_for
    from cells.orders.timeline import write_timeline
    from policies.contacts import contact_steps
    from policies.provenance import fingerprint
    from policies.retool import Retooling
    from policies.retool import Terms as Default
    from policies.workers import cores

    folder = out or Path("runs/retool") / f"{order.id}-{plan.hash[:8]}-{fingerprint(cell)[:8]}"
    # Physics engines write on stdout, where only the result belongs.
    with rerouted(STDOUT, to=STDERR), Journal.open(cell.name) as journal, Watching() as board:

        def note(kind: str, data: dict[str, Any]) -> None:
            journal.append(Event(kind, 0.0, data))

        becomes = setup_for(order.id, cell, variants.values())
        past = list(journal.events(kinds=KINDS))
        # Whoever only simulates changes from one simulated setup to the next.
        was = last_setup(cell, past) or last_setup(cell, past, simulated=True)
        todo = instructions(was, becomes)
        begun = {"order": order.id, "was": was.told if was else None, "becomes": becomes.told, "instructions": todo}
        note(changeover.STARTED, begun)
        board.say(f"{order.id}: retooling {cell.name} from {begun['was'] or 'an unknown setup'}; in {folder}")
        for line in todo:
            board.say(f"meanwhile, by hand: {line}")
        picture = picture_setup(cell, variants, plan, folder / "setup.png") if todo else None
        if picture:
            board.say(f"what it shall look like: {picture}")
        steps = contact_steps(plan, variants, cell_name)
        command = shlex.join(["cellwright", *sys.argv[1:]])
        work = Retooling(order.id, cell, steps, terms or Default(jobs=cores()), folder, command, board, note)
        try:
            work.run()
        finally:
            known = changeover.changeover_of(order.id, journal.events(order=order.id))
            if known is not None:
                write_timeline(known, folder / "changeover.svg")
    done = [one.done for one in work.works if one.done is not None]
    finished = known.finished if known else None
    return {
        "order": order.id, "folder": str(folder), "instructions": todo, "steps": done,
        "proven": sum(one["proven"] for one in done), "changeover": finished,
        "files": [str(path) for path in (folder / "changeover.svg", picture) if path],
    }  # fmt: skip


def show(result: Mapping[str, Any]) -> None:
    """What came of it, as a table."""
    rows = []
    for step in result["steps"]:
        final = step["final"]
        rows.append((
            f"{step['skill']} {step['part']}", step["family"], step["policy"] or "nominal", step["how"],
            f"{final['count']}/{final['of']}" if final else "–", f"{final['lower']:.3f}" if final else "–",
            "proven" if step["proven"] else "not proven", f"{step['wall_s']:.0f}",
        ))  # fmt: skip
    columns = ("step", "product", "by", "", "fresh episodes", "95 % ≥", "", "s")
    table(columns, rows, title=f"Retooled for {result['order']}")
    for step in result["steps"]:
        if step["why"]:
            print(f"{step['skill']} {step['part']}: not improved, as {step['why']}")
    took = result["changeover"]
    print(f"{took['wall_s']:.0f} s on the clock, {took['cpu_s']:.0f} CPU s, {took['episodes']} episodes")
    if (energy_j := took["package_energy_j"]) is not None:
        print(f"{energy_j / 1000:.3g} kJ taken by all the machine's processors meanwhile")
    for name in result["files"]:
        print(f"  {name}")


class Watching:
    """The board that people see: the best so far of each step, live on a terminal, else a line for what is settled."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[str, str]] = {}
        self._live: Any = None

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True), refresh_per_second=4, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, step: str, doing: str, best: str) -> None:
        """What is being done for a step, and what is the best for it so far."""
        self._rows[step] = (doing, best)
        if self._live is None:
            return
        from rich.table import Table
        from rich.text import Text

        drawn = Table("step", "now", "best so far", box=None)
        for name, row in self._rows.items():
            drawn.add_row(*map(Text, (name, *row)))
        self._live.update(drawn)

    def say(self, text: str) -> None:
        """A line, above the board where there is one."""
        if self._live is None:
            say(text)
        else:
            self._live.console.print(text, markup=False, highlight=False)
