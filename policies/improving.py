"""Improve a candidate for one contact step, on the variant's own environment, until its gate lets it pass or its budget
is spent.

A tuned nominal, and the nominal itself, by a search of the strategy's constants from where they are; a network by going
on to train it, with the steps that its entry carries, so that it doesn't forget. After each part of the budget the gate
is asked, so that nobody pays for more than it takes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cells.description.cell import Cell
from cells.errors import InputError
from cells.pose import Array
from cells.skills.contracts import contract_for
from policies.contacts import ContactStep
from policies.contents import EVALUATION, REPLAY, WEIGHTS
from policies.entry import Entry
from policies.folder import read_entry, write_entry
from policies.gating import Candidate, Gated
from policies.practice import Played
from policies.result import described, next_version
from policies.search import Generation, search
from policies.training import Asked, Learned, Learner, Point, Run
from policies.tuning import OWN, play_constants

EACH = Generation(8, (1, 2))  # smaller than in training: there is less time, and the start is good
# To be sure goes before speed here: what a failure costs, a second, and a newton of the highest force, so that a search
# sees the way to gentleness in few episodes.
FAILED, SECOND, NEWTON = 4.0, 0.1, 0.1
PARTS = (1 / 3, 2 / 3, 1.0)  # of the budget, after which the gate is asked


@dataclass(frozen=True, slots=True)
class Improved:
    """What improving came to: the ``best`` that the gate saw, None if there was nothing to try; CPU seconds, and
    ``steps`` of the environment, those of the gate's not among them; ``why`` in words, if it couldn't be tried."""

    best: Gated | None
    cpu_s: float = 0.0
    steps: int = 0
    why: str = ""


def improve(
    start: Candidate, step: ContactStep, cell: Cell, zoo: Path, folder: Path, budget_s: float, seed: int, jobs: int,
    command: str, episode_s: float, gate: Callable[[Candidate], Gated],
    watch: Callable[[Point], None] = lambda _: None,
) -> Improved:  # fmt: skip
    """Improve ``start`` within a budget (CPU seconds of all processes). What it has come to is drafted as an entry for
    ``zoo`` in the ``folder`` of the run, which goes on where it was; ``episode_s`` is what an episode takes."""
    learner = learner_of(start, step, episode_s)
    if isinstance(learner, str):
        return Improved(None, why=learner)
    asked = Asked(step.skill, step.nominal, step.practice, f"retool from {start.name}", seed)
    best, cpu_s, steps = None, 0.0, 0
    for number, part in enumerate(PARTS, 1):
        with Run(folder, asked, part * budget_s, jobs, watch) as run:
            try:
                learned = learner(run)
            except InputError as error:  # what the entry carries is nothing that can be gone on with
                return Improved(best, cpu_s, steps, str(error).splitlines()[0])
            cpu_s, steps = run.spent_s, run.steps
            if not steps:
                continue
            gated = gate(_draft(run, learned, start, step, cell, zoo, command, folder / f"draft-{number}"))
        if best is None or gated.better > best.better:
            best = gated
        if best.passed:
            break
    if best is None:
        return Improved(None, why=f"{budget_s:.0f} s are too few to try anything ({episode_s:.1f} s an episode)")
    return Improved(best, cpu_s, steps)


def learner_of(start: Candidate, step: ContactStep, episode_s: float) -> Learner | str:
    """What can improve a candidate, or why nothing can."""
    entry = None if start.folder is None else read_entry(start.folder)
    if start.kind == "residual":
        if entry is None or REPLAY not in entry.files:
            return f"{start.name} carries no steps to go on training with"
        return _going_on(entry.files[WEIGHTS], entry.files[REPLAY])
    contract = contract_for(step.skill, "parameters", step.nominal)
    if contract is None:
        return f"no policy improves the strategy {step.nominal}"
    box, begun = contract.action, _constants(entry and entry.entry, step)

    def tune(run: Run) -> Learned:
        expected_s = EACH.episodes * episode_s
        found = search(run, play_constants, box.clipped(begun), box.low, box.high, 1.0, EACH, expected_s, sureness)
        return Learned(constants=tuple(found.tolist()))

    return tune


def sureness(played: Played) -> float:
    """What an episode costs where a target has to be reached."""
    return (0.0 if played.success else FAILED) + SECOND * played.time_s + NEWTON * played.peak_n


def _constants(entry: Entry | None, step: ContactStep) -> Array:
    """The constants (n,) that a search begins with: those of a tuned nominal, or the nominal's own."""
    if entry is None:
        return OWN[step.nominal]
    return np.array([entry.parameters[part.name] for part in entry.action])


def _going_on(weights: bytes, replay: bytes) -> Learner | str:
    """The learner that goes on with a network."""
    try:
        from policies.residual import Start, practise
    except ModuleNotFoundError as error:
        return f"the package {error.name!r} is missing, which trains networks: pip install 'cellwright[train]'"
    return lambda run: practise(run, Start(weights, replay))


def _draft(
    run: Run, learned: Learned, start: Candidate, step: ContactStep, cell: Cell, zoo: Path, command: str, drafts: Path
) -> Candidate:
    """What was learned as an entry that isn't in any zoo yet, proven on nothing."""
    description, files = described(run, run.spent_s, learned, cell, command)
    parents = (start.name,) if start.folder is not None else ()
    description |= {"name": step.called, "version": next_version(zoo, step.called), "parents": parents}
    shutil.rmtree(drafts, ignore_errors=True)
    written = write_entry(drafts, description, {**files, EVALUATION: b"{}"})
    return Candidate(f"{step.called}@{written.name}", description["kind"], written)
