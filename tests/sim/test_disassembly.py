"""A board that stands assembled comes apart: the physics agrees with the cell, and no part takes harm."""

from __future__ import annotations

from pathlib import Path

from cells.description.cell import load_cell
from cells.journal.store import Journal
from cells.products.catalogue import build_variant
from cells.runtime.disassembly import take_apart
from cells.runtime.requests import RequestQueue
from cells.tasks.disassembly import plan_disassembly
from sim.apart import wrong_with
from sim.truth import FitWatch
from sim.world import open_world

CELL = load_cell("panda-bench")
SERIAL = "D-01"


def test_peg_and_plate_stand_in_their_slots_undamaged(tmp_path: Path) -> None:
    board = build_variant("pegboard", {"pegs": 1, "peg_mm": 9, "clearance_mm": 0.4})
    plan = plan_disassembly(SERIAL, "D", board, CELL)
    returns = plan.units[0].returns
    world = open_world(CELL, {board.hash: board}, seed=21)
    watch = FitWatch(world, SERIAL, board)
    with Journal.open(CELL.name, tmp_path) as journal:
        outcome = take_apart(
            plan, board, {slot.instance: "L-1" for slot in returns}, CELL, world, journal, tmp_path / "out",
            lambda *_: None, RequestQueue(), pictures=False,
        )  # fmt: skip
        peaks = [event.data["peak_force_n"] for event in journal.events() if event.kind == "step_done"]
    wrong = wrong_with(world, returns, watch)
    world.close()
    assert (outcome.verdict, outcome.recoveries) == ("apart", ())
    assert not wrong
    assert len(peaks) == 4 and max(peaks) < CELL.limits.force_n
