"""Prove what a step is to be done by, once, on set B, and publish what is new about it.

The seeds of B are of purpose "evaluation": no learner and no gate met them, and each base seed is used for one policy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from policies.card import card, plot
from policies.contacts import ContactStep
from policies.contents import CARD, EVALUATION, FILMSTRIP, PLOT
from policies.episodes import NOMINAL, Row
from policies.evaluation import Evaluation, evaluate
from policies.folder import read_entry, write_entry
from policies.gating import FIRST_SEED, Candidate
from policies.practice import widened
from policies.result import film, next_version
from policies.store import entry_folders


def prove(
    kept: Candidate, step: ContactStep, episodes: int, seed: int, path: Path, jobs: int,
    told: Callable[[Row], None] = lambda _: None,
) -> tuple[Evaluation, list[Row]]:  # fmt: skip
    """The one evaluation of what is ``kept`` for a step, on so many episodes of B; their rows are in the file
    ``path``."""
    practice = step.practice
    return evaluate(
        kept.folder or NOMINAL, practice.task, practice.conditions, episodes, FIRST_SEED + seed, path,
        changes=practice.changed, constants=kept.constants, alone=True, jobs=jobs, told=told, **practice.options,
    )  # fmt: skip


def publish(kept: Candidate, step: ContactStep, found: Evaluation, rows: list[Row], zoo: Path, proven: bool) -> str:
    """Publish a draft into a ``zoo``; or, of a policy that is in it, what has been proven of it now, as its next
    version, which is proven on this part alone, as its evaluation is. Returns the ``name@version`` to work with."""
    assert kept.folder is not None, "the nominal is everybody's"
    read = read_entry(kept.folder)
    description = read.entry.model_dump(mode="json", by_alias=True, exclude={"schema_", "files"})
    if zoo_has(kept):
        if not proven or _covered(description["part_ranges"]["proven"], step):
            return kept.name
        name = read.entry.name
        description |= {"version": next_version(zoo, name), "parents": (kept.name,)}
        # What was proven before, the parent tells: a range that held both would claim all between them, which nobody
        # has tried.
        description["part_ranges"]["proven"] = {}
    if proven:
        widened(description["part_ranges"]["proven"], step.variant.family, step.variant.parameters)
    with TemporaryDirectory() as folder:
        pictures = {PLOT: plot(found), **film(rows, Path(folder), kept.folder)}
    made = {EVALUATION: found.as_json(), CARD: card(description, found, pictures), **pictures}
    same = {name: read.files[name] for name in read.entry.files if name not in (EVALUATION, CARD, PLOT, FILMSTRIP)}
    written = write_entry(zoo, description, {**same, **made})
    return f"{written.parent.name}@{written.name}"


def zoo_has(kept: Candidate) -> bool:
    """Whether a candidate is in a zoo, and not only drafted."""
    return kept.folder in list(entry_folders())


def _covered(proven: Mapping[str, Any], step: ContactStep) -> bool:
    """Whether the part is within what was proven already."""
    wider = deepcopy(dict(proven))
    widened(wider, step.variant.family, step.variant.parameters)
    return wider == dict(proven)
