"""What the cell's inspection says of gearboxes that stand assembled as far as the part in question, spoilt or not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.assembly import broken, gear_of, planned
from cells.description.cell import load_cell
from cells.journal.store import Journal
from cells.products.catalogue import build_variant
from cells.products.gearbox.dimensions import FOOT, STUD
from cells.runtime.production import UnitOutcome, produce
from cells.runtime.requests import RequestQueue
from sim.scenes import Defect, assembled, inspection_of
from sim.stock import SimStock
from sim.world import open_world

CELL = load_cell("panda-bench")
VARIANT = build_variant("gearbox", {"pinion_teeth": 20, "gear_teeth": 30, "pins": 1})
LARGE = VARIANT.parts["large_gear"]
FACE = 0.008  # m, the default
DEFECTS: Mapping[str, Defect] = {
    "broken teeth": Defect("large_gear", "unmeshed", part=broken(LARGE, 30)),
    "tooth on tooth": Defect("large_gear", "unmeshed", high=FACE, turn=math.pi / 30),
    "one tooth less": Defect("large_gear", "wrong_gear", part=gear_of(VARIANT, 29)),
    "no pin": Defect("pin_1", "missing", missing=True),
    "beside the studs": Defect("cover", "unseated", high=STUD - FOOT, aside=(0.0015, 0.001)),
}


def inspected(item: str, defect: Defect | None, folder: Path) -> UnitOutcome:
    """What the inspections say that come after an item has been put in."""
    order, plan = planned(CELL, VARIANT, "T")
    world = open_world(CELL, {VARIANT.hash: VARIANT}, seed=3)
    items, looks = inspection_of(item, plan.units[0].calls)
    holds = assembled(world, plan.units[0].serial, VARIANT, defect, items)
    only = replace(plan.units[0], loads=(), calls=looks, seconds=(), joules=())
    with Journal.open(CELL.name, folder) as journal:
        (outcome,) = produce(
            order, replace(plan, units=(only,)), CELL, {VARIANT.hash: VARIANT}, world, journal, folder / "out",
            lambda *_: None, RequestQueue(), pictures=False, holds=holds,
        )  # fmt: skip
    world.close()
    return outcome


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("broken teeth", "doesn't follow"),
        pytest.param("tooth on tooth", "off its nominal height", marks=pytest.mark.long),
        pytest.param("one tooth less", "gauges", marks=pytest.mark.long),
        pytest.param("no pin", "nothing where", marks=pytest.mark.long),
        pytest.param("beside the studs", "off its nominal height", marks=pytest.mark.long),
    ],
)
def test_a_spoilt_gearbox_is_rejected_with_the_reason(kind: str, reason: str, tmp_path: Path) -> None:
    defect = DEFECTS[kind]
    outcome = inspected(defect.item, defect, tmp_path)
    assert outcome.verdict == "rejected"
    assert reason in outcome.reasons[0]


@pytest.mark.parametrize("item", ["large_gear", pytest.param("cover", marks=pytest.mark.long)])
def test_an_unspoilt_one_is_not(item: str, tmp_path: Path) -> None:
    outcome = inspected(item, None, tmp_path)
    assert (outcome.verdict, outcome.reasons) == ("good", ())


@pytest.mark.long
def test_wheels_that_are_only_reckoned_prove_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = SimStock.locate
    monkeypatch.setattr(SimStock, "locate", lambda stock, name: replace(seen(stock, name), seen=-math.inf))
    outcome = inspected("large_gear", None, tmp_path)
    assert outcome.verdict == "rejected"
    assert "must be seen" in outcome.reasons[0]
