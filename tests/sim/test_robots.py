"""Other arms than the Panda, driven by joint targets and the admittance law, do real work with the same skills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.assembly import Unattended, planned
from cells.description.cell import load_cell
from cells.journal.store import Journal
from cells.pose import Pose
from cells.products.catalogue import build_variant
from cells.runtime.production import produce
from sim.world import open_world


@pytest.mark.parametrize("name", ["ur5e-bench", "kuka-bench"])
def test_an_arm_puts_a_plate_into_the_fixture(name: str, tmp_path: Path) -> None:
    cell, variant = load_cell(name), build_variant("pegboard", {"pegs": 1})
    order, plan = planned(cell, variant, "R")
    first = replace(plan.units[0], calls=plan.units[0].calls[:2])
    assert [call.skill for call in first.calls] == ["pick", "place"]
    world = open_world(cell, {variant.hash: variant}, seed=1)
    stood: list[Pose] = []
    unload = world.stock.unload

    def look_and_unload(instances: Sequence[str]) -> None:
        stood.append(world.stock.true_pose(first.calls[0].item))
        unload(instances)

    world.stock.unload = look_and_unload  # type: ignore[method-assign]
    with Journal.open(cell.name, tmp_path / "home") as journal:
        produce(
            order, replace(plan, units=(first,)), cell, {variant.hash: variant}, world, journal, tmp_path / "out",
            lambda *_: None, Unattended(), pictures=False,
        )  # fmt: skip
        kinds = [event.kind for event in journal.events()]
    world.close()
    assert kinds.count("step_done") == 2
    assert not {"step_failed", "guard_tripped"} & set(kinds)
    [plate], seat = stood, cell.stations["fixture"].pose
    assert plate.xyz == pytest.approx(seat.xyz, abs=0.0005)
    assert plate.tilt < 0.01
