"""Do what was told and confirmed: build, take apart, or run an errand; one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cells.commands.build import GOOD, STOPPED, build, perform, rehearsal, write_config
from cells.commands.disassemble import take_unit_apart
from cells.commands.folder import make_folder
from cells.commands.retooling import check_setup
from cells.commands.show import say
from cells.commands.worlds import Opener, check_sight, is_real, suited, twin_of, world_opener
from cells.errors import Problem, Refused

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.ports import World
    from cells.runtime.requests import Told
    from cells.tasks.grounding import Task


REMEDY = "leave it away and confirm, or set told_without_asking in the cell"
UNASKED = Problem("--yes", "moves no real arm", REMEDY)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a task is done: the cell, the name of the world, its seed, and whether a window shows it."""

    cell: Cell
    world: str
    seed: int = 0
    view: bool = False

    @property
    def real(self) -> bool:
        """Whether a real arm moves there. Raises ``InputError`` where the world's packages are missing."""
        return is_real(self.world)


def do(task: Task, place: Place, told: Told | None = None, unasked: bool = False) -> dict[str, Any]:
    """Do a task; returns what a closing table says, as JSON values, with ``ok`` and ``stopped``.

    Raises ``Refused`` before anything moves where the arm is a real one and nobody confirmed the task (``unasked``),
    unless the cell's file allows that, or how the cell is set up for it."""
    known = world_opener(place.world)
    free = not unasked or task.cell.told_without_asking
    # A world that says it is real is refused before its arm is taken; that it loads itself doesn't make it less so.
    if not free and getattr(known, "real", False):
        raise Refused(UNASKED)
    if getattr(known, "real", False):
        check_setup(task.setup, task.cell, f"tell it again, for the world {place.world}, and confirm it")
    task, twin = replace(task, cell=suited(task.cell, known)), twin_of(known)

    def opener(cell: Cell, variants: Mapping[str, Any], seed: int, view: bool) -> World:
        world: World = known(cell, variants, seed, view)
        if not free and not world.traits.self_loading:
            world.close()
            raise Refused(UNASKED)
        return world

    if task.order is not None:
        result = build(
            task.order, task.cell, task.variants, task.plan, opener,
            world=place.world, seed=place.seed, view=place.view, out=None, told=told, twin=twin,
        )  # fmt: skip
        return result | {"ok": result["good"] == result["ordered"]}
    if task.apart is not None:
        [variant] = task.variants.values()
        result = take_unit_apart(
            task.apart, task.cell, variant, task.plan, opener, place.world,
            seed=place.seed, view=place.view, out=None, told=told, twin=twin,
        )  # fmt: skip
        return result | {"ok": result["verdict"] in GOOD}
    return errand(task, opener, place, told, twin)


def errand(task: Task, opener: Opener, place: Place, told: Told | None, twin: Opener | None) -> dict[str, Any]:
    """Lease, rehearsal in the ``twin``, folder, journal, world, errand; returns what the closing table says."""
    from cells.journal.store import Journal, event_hash
    from cells.runtime.errand import run_errand
    from cells.runtime.lease import Lease

    cell, plan = task.cell, task.plan
    check_sight(plan, cell, opener)
    work = partial(run_errand, plan, task.variants, cell)
    with Lease(cell.name):
        folder = make_folder(plan.order_id, None)
        asked = {"errand": {"words": sorted(set(task.words.values()))}}
        write_config(folder, asked, cell, plan, place.world, place.seed)
        with Journal.open(cell.name) as journal:
            start, _ = journal.head()
            say(f"{plan.order_id}: in {cell.name}, world {place.world}, seed {place.seed}; results in {folder}")
            outcome = perform(
                cell,
                plan,
                lambda: opener(cell, task.variants, place.seed, place.view),
                lambda world, progress, requests: work(world, journal, folder, progress, requests, say=progress.say),
                told,
                rehearsal(cell, twin, task.variants, place.seed, work),
            )
            events = list(journal.events(after=start))
    return {
        "errand": plan.order_id,
        "folder": str(folder),
        "seed": place.seed,
        "verdict": outcome.verdict,
        "reasons": list(outcome.reasons),
        "recoveries": list(outcome.recoveries),
        "seconds": outcome.seconds,
        "stopped": outcome.verdict in STOPPED,
        "ok": outcome.verdict in GOOD,
        "event_hash": event_hash(events),
        "files": [str(path) for path in sorted(Path(folder, "pictures").glob("*.png"))[-1:]],
    }


def go_on(told: Told, place: Place, before: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Do what was told to the running cell meanwhile, unless a person ended what it was doing ``before``."""
    from cells.dialogue.conversation import proposal_of
    from cells.dialogue.turn import Desk, regrounded
    from cells.journal.store import Journal

    results: list[dict[str, Any]] = []
    while not told.empty() and not before["stopped"]:
        plan = told.get()
        with Journal.open(place.cell.name) as journal:
            desk = Desk(place.cell, journal, "the running cell", events=tuple(journal.events()))
            of_plan = [event for event in desk.events if event.data.get("plan") == plan]
            made = [event for event in of_plan if event.kind == "plan_proposed"]
            agreed = [event for event in of_plan if event.kind == "plan_confirmed"]
            # The socket hands over a hash, no more: what it stands for, and that it was confirmed, the journal says.
            task = regrounded(proposal_of(made[-1].data), desk) if made and agreed else None
            if task is None:
                desk.note("plan_dropped", plan=plan, why="changed")
        if task is None:
            say(f"the plan {plan[:8]} that was told wasn't confirmed, or can't be done as it was shown; tell it again")
            continue
        before = do(task, place, told, unasked=bool(agreed[-1].data["unasked"]))
        say(f"told: {plan[:8]} {'done' if before['ok'] else 'not done'}; results in {before['folder']}")
        results.append(before)
    return results
