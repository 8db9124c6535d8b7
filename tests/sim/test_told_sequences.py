"""Sequences that the validator lets through are done in the physics as they stand."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.assembly import Unattended
from cells.description.cell import load_cell
from cells.journal.store import Journal
from cells.runtime.errand import run_errand
from cells.runtime.world_model import WorldModel
from cells.skills.registry import skills
from cells.tasks.plan import plan_of
from cells.tasks.validation import objections
from sim.world import open_world
from tests.unit.test_validation import garbled, planned

CELL = load_cell("panda-bench")
EXECUTED = 10


@pytest.mark.long
def test_ten_sequences_that_are_let_through_are_done_in_the_physics(tmp_path: Path) -> None:
    variant, unit = planned("pegboard", CELL)
    dice, done = random.Random("physics 6"), 0
    while done < EXECUTED:
        calls = tuple(garbled(unit.calls, dice))
        told = replace(unit, calls=calls, seconds=(), joules=(), after={})
        if objections(told, variant, CELL, skills(), WorldModel()):
            continue
        world = open_world(CELL, {variant.hash: variant}, seed=600 + done)
        with Journal.open(CELL.name, tmp_path / str(done)) as journal:
            outcome = run_errand(
                plan_of(f"S{done}", CELL, (told,)), {variant.hash: variant}, CELL, world, journal,
                tmp_path / str(done) / "out", lambda *_: None, Unattended(), pictures=False,
            )  # fmt: skip
            failed = [event.data["cause"] for event in journal.events() if event.kind == "step_failed"]
        world.close()
        assert outcome.verdict == "done", (done, [call.id for call in calls], outcome.reasons)
        assert "precondition" not in failed and "postcondition" not in failed
        done += 1
