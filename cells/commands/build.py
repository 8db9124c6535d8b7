"""Build an order: lease, folder, journal, world, production, passports, report. Each is another module's work."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import distributions, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from cells.commands.folder import make_folder
from cells.commands.progress import Progress
from cells.commands.rehearse import Work, rehearse
from cells.commands.show import plain, say
from cells.commands.worlds import check_sight
from cells.errors import InputError, Problem
from cells.streams import STDERR, STDOUT, in_front, rerouted

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.journal.store import Journal, StoredEvent
    from cells.orders.footprint import Footprint
    from cells.orders.order import Order
    from cells.ports import World
    from cells.products.model import ProductVariant
    from cells.runtime.production import UnitOutcome
    from cells.runtime.requests import RequestQueue, Requests, Told
    from cells.skills.policy import Policies
    from cells.tasks.plan import Plan

T = TypeVar("T")
# Verdicts of units that a person ended, and of what went well.
STOPPED = ("stopped", "cancelled")
GOOD = ("good", "apart", "done")


def build(
    order: Order,
    cell: Cell,
    variants: Mapping[str, ProductVariant],
    plan: Plan,
    opener: Callable[..., Any],
    *,
    world: str,
    seed: int,
    view: bool,
    out: Path | None,
    told: Told | None = None,
    twin: Callable[..., Any] | None = None,
    retooled: bool = True,
) -> dict[str, Any]:
    """Build the order in a world; returns what the closing table says, as JSON values. ``told`` takes what is told
    meanwhile; ``twin`` opens the world in which it is rehearsed first; if ``retooled``, each step is done by what
    retooling has come to.

    Raises ``InputError`` where the cell is running already, passports can't be written or the folder can't be used:
    nothing is written then; and where a policy can't be loaded: nothing is done then; nor where a step must see and
    the world doesn't look. Raises ``Refused`` where the rehearsal fails: nothing has moved then.
    """
    from cells.journal.store import Journal, event_hash
    from cells.orders.changeover import KINDS, changeover_of
    from cells.orders.passport.elements import need_basyx
    from cells.orders.report import write_report
    from cells.runtime.lease import Lease
    from cells.runtime.production import produce

    need_basyx()
    check_sight(plan, cell, opener)
    with Lease(cell.name):
        folder = make_folder(order.id, out)
        with Journal.open(cell.name) as journal:
            kept = kept_policies(cell, variants, journal) if retooled else {}
            work = partial(produce, order, plan, cell, variants, kept=kept)
            write_config(folder, {"order": order.model_dump(mode="json", by_alias=True)}, cell, plan, world, seed)
            start, _ = journal.head()
            changed = changeover_of(order.id, journal.events(kinds=(*KINDS, "order_finished"), order=order.id))
            ordered = f"{len(plan.units)} unit{'' if len(plan.units) == 1 else 's'}"
            say(f"{order.id}: {ordered} in {cell.name}, world {world}, seed {seed}; results in {folder}")
            outcomes = perform(
                cell,
                plan,
                lambda: opener(cell, variants, seed, view),
                lambda world, progress, requests: work(world, journal, folder, progress, requests, say=progress.say),
                told,
                rehearsal(cell, twin, variants, seed, work),
            )
            built = [event for event in journal.events(after=start) if event.kind not in KINDS]
            units = [papers(outcome, folder, journal, order, plan, cell, variants, built) for outcome in outcomes]
            report = write_report(folder, order, plan, variants, cell, built, changed)
    return {
        "order": order.id,
        "folder": str(folder),
        "seed": seed,
        "ordered": len(plan.units),
        "good": sum(unit["verdict"] == "good" for unit in units),
        "stopped": len(units) < len(plan.units) or any(unit["verdict"] in STOPPED for unit in units),
        "event_hash": event_hash(built),
        "units": units,
        "files": [str(report), *(unit["passport"] for unit in units if unit["passport"])],
    }


def kept_policies(cell: Cell, variants: Iterable[str], journal: Journal) -> dict[str, Policies]:
    """What retooling has come to for variants (hashes): the policies of their steps, by variant. Raises ``InputError``
    for a policy that isn't here any more, or doesn't match the cell any more."""
    from cells.orders.changeover import STEP, retooled
    from cells.skills.learned import policies_by_step

    known = retooled(journal.events(kinds=(STEP,)), cell.control.default)
    names = {hash_: {step: data["policy"] for step, data in known.get(hash_, {}).items()} for hash_ in variants}
    try:
        return {hash_: policies_by_step(cell, steps) for hash_, steps in names.items()}
    except InputError as error:
        what, remedy = "is retooled with what isn't right here", "cellwright retool the order anew, or zoo pull it"
        raise InputError(*error.problems, Problem(cell.name, what, remedy)) from None


def perform(
    cell: Cell,
    plan: Plan,
    open_world: Callable[[], World],
    work: Callable[[World, Progress, RequestQueue], T],
    told: Told | None,
    rehearsal: Callable[[Requests], None] | None = None,
) -> T:
    """Open the world and do ``work`` in it, after the ``rehearsal`` if there is one, within reach of other terminals
    from the beginning: a stop that is asked for meanwhile is obeyed before anything moves.

    The terminal and the signals are those of the process's main thread. Work in another one leaves both alone: whoever
    runs it there hears the signals, and asks through the control socket as everybody else."""
    from cells.runtime.control_socket import ControlSocket
    from cells.runtime.requests import RequestQueue, interrupt_is_stop

    requests = RequestQueue()
    with ControlSocket(cell.name, requests, told=told):
        compile_ahead(cell)
        if rehearsal is not None:
            rehearsal(requests)
        with rerouted(STDOUT, STDERR):
            world = open_world()
        try:
            # Only here can the arm be moving: before and after, Ctrl-C just ends the process.
            heard = interrupt_is_stop(requests, say) if in_front() else nullcontext()
            with rerouted(STDOUT, to=STDERR), Progress(plan, bar=in_front()) as progress, heard:
                return work(world, progress, requests)
        finally:
            world.close()


def rehearsal(
    cell: Cell, twin: Callable[..., Any] | None, variants: Mapping[str, ProductVariant], seed: int, work: Work[Any]
) -> Callable[[Requests], None] | None:
    """The rehearsal of ``work`` in a ``twin``'s world; None where there is none."""
    if twin is None:
        return None
    return lambda requests: rehearse(cell, lambda: twin(cell, variants, seed), work, GOOD, requests)


def compile_ahead(cell: Cell) -> None:
    """Compile, or load, what a run needs before anything moves, as nobody answers a stop meanwhile; and say why the
    first run takes longer."""
    from cells.cache import cache_folder
    from cells.control.warm import first_calls
    from cells.kinematics.chain import load_chain
    from cells.kinematics.compiled import is_built

    if cache_folder() and not is_built(load_chain(cell)):
        say("compiling the kinematics of this arm, once; cellwright warmup does it ahead of time")
    for call in first_calls(cell).values():
        call()


def papers(
    outcome: UnitOutcome,
    folder: Path,
    journal: Journal,
    order: Order,
    plan: Plan,
    cell: Cell,
    variants: Mapping[str, ProductVariant],
    built: Sequence[StoredEvent],
) -> dict[str, Any]:
    """Write the passport of a good unit; returns what the closing table says of any. ``built``: this run's events."""
    from cells.orders.passport import write_passport
    from cells.orders.report import unit_footprint

    variant = next(variants[unit.variant_hash] for unit in plan.units if unit.serial == outcome.serial)
    passport = None
    if outcome.verdict == "good":
        passport = folder / "passports" / f"{outcome.serial}.aasx"
        write_passport(outcome.serial, journal, variant, cell, order, passport)
    return unit_result(outcome, unit_footprint(outcome.serial, variant, cell, built), passport)


def unit_result(outcome: UnitOutcome, carbon: Footprint, passport: Path | None) -> dict[str, Any]:
    """What the closing table says of one unit. ``energy_j`` is electrical, ``work_j`` the arm's mechanical work;
    ``co2e_kg`` is null if a factor is unknown, ``co2e_known_kg`` the sum of what is known."""
    return {
        "serial": outcome.serial,
        "verdict": outcome.verdict,
        "reasons": list(outcome.reasons),
        "recoveries": list(outcome.recoveries),
        "seconds": outcome.seconds,
        "work_j": carbon.work_j,
        "energy_j": carbon.energy_j,
        "co2e_kg": carbon.total_kg,
        "co2e_known_kg": sum(part.kg for part in carbon.contributions if part.kg is not None),
        "passport": str(passport) if passport else None,
    }


def write_config(folder: Path, asked: Mapping[str, Any], cell: Cell, plan: Plan, world: str, seed: int) -> Path:
    """Write ``run.json``: the exact command, what was asked for, configuration, versions and seed of this run."""
    config = {
        "schema": "cellwright/run/v1",
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "world": world,
        "seed": seed,
        "cellwright": version("cellwright"),
        "python": sys.version.split()[0],
        "packages": {
            found.name: found.version for found in sorted(distributions(), key=lambda found: found.name.lower())
        },
        **asked,
        "cell": cell.model_dump(mode="json", by_alias=True),
        "plan": plain(plan),
    }
    path = folder / "run.json"
    path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path
