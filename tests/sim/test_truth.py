"""The judge: what it says of poses made by hand, of units that stand in the physics, and that inspection agrees."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.assembly import planned
from cells.description.cell import load_cell
from cells.journal.store import Journal
from cells.pose import Pose
from cells.products.catalogue import build_variant
from cells.products.model import Part, ProductVariant
from cells.runtime.production import UnitOutcome, produce
from cells.runtime.requests import RequestQueue
from cells.skills.registry import skills
from sim.scenes import Defect, assembled
from sim.truth import Fit, FitWatch, faults_of, measure
from sim.world import SimWorld, open_world

CELL = load_cell("panda-bench")
RIM = Pose.at(0.3, -0.2, 0.05, yaw=0.7)  # anywhere: a fit is relative
CLEARANCE, CHAMFER = 0.5e-3, 0.5e-3
ROUND = build_variant("pegboard", {"pegs": 1, "peg_mm": 14, "peg_length_mm": 32, "clearance_mm": 0.5})
SQUARE = build_variant("pegboard", {**ROUND.parameters, "peg_shape": "square"})
DEPTH = ROUND.parts["plate"].holes["hole_1"].depth


def fit_of(peg: Pose, variant: ProductVariant = ROUND) -> Fit:
    """The fit of a peg whose frame is at ``peg``, seen from the rim."""
    return measure(RIM, variant.parts["plate"].holes["hole_1"], RIM @ peg, variant.parts["peg"].size[0], CHAMFER)


def leaning(angle: float) -> Pose:
    """A peg whose tip is in the middle of the bottom and that leans by ``angle`` (rad) towards x."""
    return Pose((0.0, 0.0, -DEPTH), (0.0, math.sin(angle / 2), 0.0, math.cos(angle / 2)))


def test_a_seated_peg_has_no_fault() -> None:
    fit = fit_of(Pose.at(0, 0, -DEPTH))
    assert (fit.missing, fit.off_axis, fit.interpenetration) == pytest.approx((0, 0, 0), abs=1e-9)
    assert faults_of(fit, CLEARANCE, fit.interpenetration) == []


def test_a_peg_against_the_wall_still_has_none() -> None:
    fit = fit_of(Pose.at(CLEARANCE / 2, 0, -DEPTH))
    assert fit.interpenetration == pytest.approx(0, abs=1e-9)
    assert faults_of(fit, CLEARANCE, fit.interpenetration) == []


@pytest.mark.parametrize(("height_mm", "faults"), [(0.49, []), (0.51, ["depth +0.51 mm"]), (4.0, ["depth +4.00 mm"])])
def test_a_peg_that_stands_high_is_judged_by_its_depth(height_mm: float, faults: list[str]) -> None:
    assert faults_of(fit_of(Pose.at(0, 0, -DEPTH + height_mm / 1000)), CLEARANCE, 0.0) == faults


def test_a_peg_that_fell_over_the_edge_is_beside_the_plate_and_not_in_it() -> None:
    hole, width = ROUND.parts["plate"].holes["hole_1"], ROUND.parts["peg"].size[0]
    sides = (-0.02, 0.02, -0.02, 0.02)
    for x, inside in ((0.0271, 0.0), (0.0265, 0.0005)):
        assert measure(Pose(), hole, Pose.at(x, 0, -0.008), width, CHAMFER, sides).interpenetration == pytest.approx(
            inside
        )


def test_a_peg_that_dropped_into_the_next_hole_is_astray_and_not_inside_the_plate() -> None:
    variant = build_variant("pegboard", {**ROUND.parameters, "pegs": 2})
    (x, y, _), (to_x, to_y, _) = (hole.pose.xyz for hole in variant.parts["plate"].holes.values())
    world = open_world(CELL, {variant.hash: variant}, seed=11)
    watch = FitWatch(world, "T-01", variant)
    defect = Defect("peg_1", "astray", aside=(to_x - x, to_y - y), high=DEPTH - 0.003)
    assembled(world, "T-01", variant, defect, items=("plate", "peg_1"))
    _, faults = watch.good()
    world.close()
    assert faults["peg_1"] == ["not in its place"]
    assert watch.deepest["peg_1"] < 1e-4


def test_a_peg_sunk_into_the_bottom_interpenetrates_by_as_much() -> None:
    fit = fit_of(Pose.at(0, 0, -DEPTH - 2e-4))
    assert fit.interpenetration == pytest.approx(2e-4)
    assert faults_of(fit, CLEARANCE, fit.interpenetration) == ["interpenetration 0.200 mm at rest"]


def test_a_peg_in_the_wall_interpenetrates_by_what_the_clearance_leaves() -> None:
    fit = fit_of(Pose.at(0.4e-3, 0, -DEPTH))
    assert fit.interpenetration == pytest.approx(0.4e-3 - CLEARANCE / 2)
    assert faults_of(fit, CLEARANCE, 0.0) == ["interpenetration 0.150 mm at rest"]
    assert faults_of(fit, CLEARANCE, 0.35e-3)[1] == "interpenetration 0.35 mm on the way"


def test_a_leaning_peg_touches_the_rim_where_geometry_says() -> None:
    free = fit_of(leaning(math.radians(0.5)))
    assert free.interpenetration == pytest.approx(math.sin(math.radians(0.5)) * (0.007 - CHAMFER), rel=1e-3)
    lean = math.radians(3.0)
    wedged = fit_of(leaning(lean))
    # The section of a leaning peg at the rim is longer than the peg is wide.
    inside = DEPTH * math.tan(lean) + 0.007 / math.cos(lean) - 0.007 - CLEARANCE / 2
    assert wedged.interpenetration == pytest.approx(inside, rel=1e-3)
    assert "interpenetration" in faults_of(wedged, CLEARANCE, 0.0)[0]


def test_the_raised_side_of_a_leaning_peg_is_not_in_the_rim() -> None:
    # One edge of the tip is 0.18 mm down in the hole; the other, which is over the rim, is 0.28 mm up.
    lean = math.radians(2.0)
    down = (0.007 - CHAMFER) * math.sin(lean)
    at = Pose.at(1.0e-3, 0.0, 5e-5) @ Pose((0, 0, 0), (0.0, -math.sin(lean / 2), 0.0, math.cos(lean / 2)))
    assert fit_of(at).interpenetration == 0.0
    # Leaning the other way, the edge over the rim is the one that is down.
    other = Pose.at(1.0e-3, 0.0, 5e-5) @ Pose((0, 0, 0), (0.0, math.sin(lean / 2), 0.0, math.cos(lean / 2)))
    assert fit_of(other).interpenetration == pytest.approx(down - 5e-5, rel=0.01)


def test_a_peg_beside_its_hole_is_off_depth_and_axis_but_not_inside_the_plate() -> None:
    fit = fit_of(Pose.at(0.006, 0, 0))
    assert fit.interpenetration == 0.0
    assert faults_of(fit, CLEARANCE, 0.0) == [f"depth +{1000 * DEPTH:.2f} mm", "tip 6.00 mm off the axis"]
    assert fit_of(Pose.at(0.006, 0, -1e-4)).interpenetration == pytest.approx(1e-4)


def test_a_square_peg_turned_in_its_hole_overlaps_at_the_corners() -> None:
    assert fit_of(Pose.at(0, 0, -DEPTH), SQUARE).interpenetration == pytest.approx(0, abs=1e-9)
    turned = math.radians(5)
    half, opening = 0.007, 0.00725
    corner = half * (math.cos(turned) + math.sin(turned))
    fit = fit_of(Pose.at(0, 0, -DEPTH, yaw=turned), SQUARE)
    assert fit.interpenetration == pytest.approx(corner - opening)


@pytest.mark.parametrize(("off_mm", "ok"), [(0.44, True), (0.46, False)])
def test_the_tip_may_be_off_the_axis_by_radial_clearance_and_a_fifth_of_a_millimetre(off_mm: float, ok: bool) -> None:
    assert (faults_of(Fit(0.0, off_mm / 1000, 0.0), CLEARANCE, 0.0) == []) is ok


def peg_of(**other: float) -> Part:
    """The peg of a variant that differs."""
    return build_variant("pegboard", {**ROUND.parameters, **other}).parts["peg"]


SPOILT: Mapping[str, Defect | None] = {
    "unspoilt": None,
    "unseated": Defect("peg_1", "unseated", high=0.0012, chip=True),
    "missing": Defect("peg_1", "missing", missing=True),
    "thin": Defect("peg_1", "wrong_peg", part=peg_of(peg_mm=12.5)),
    "long": Defect("peg_1", "wrong_peg", part=peg_of(peg_length_mm=34.5)),
}


def scene(defect: Defect | None) -> tuple[SimWorld, FitWatch, object]:
    """A world in which one unit stands in the fixture, its judge, and what the cell believes."""
    world = open_world(CELL, {ROUND.hash: ROUND}, seed=11)
    watch = FitWatch(world, "T-01", ROUND)
    return world, watch, assembled(world, "T-01", ROUND, defect)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [("unspoilt", {}), ("unseated", {"peg_1": "depth +1.2"}), ("missing", {"peg_1": "not in its place"})],
)
def test_units_that_stand_in_the_physics_are_judged_as_they_were_made(kind: str, wrong: dict[str, str]) -> None:
    world, watch, _ = scene(SPOILT[kind])
    good, faults = watch.good()
    world.close()
    assert good is (not wrong)
    assert faults.keys() == wrong.keys()
    assert all(faults[item][0].startswith(text) for item, text in wrong.items())


def inspected(defect: Defect | None, folder: Path) -> UnitOutcome:
    """What the cell's own inspection says of a unit that it believes to be complete."""
    order, plan = planned(CELL, ROUND, "T")
    world, _, holds = scene(defect)
    looks = tuple(call for call in plan.units[0].calls if skills()[call.skill].judges)
    only = replace(plan.units[0], loads=(), calls=looks, seconds=(), joules=())
    with Journal.open(CELL.name, folder) as journal:
        (outcome,) = produce(
            order, replace(plan, units=(only,)), CELL, {ROUND.hash: ROUND}, world, journal, folder / "out",
            lambda *_: None, RequestQueue(), pictures=False, holds=holds,  # type: ignore[arg-type]
        )  # fmt: skip
    world.close()
    return outcome


@pytest.mark.parametrize(
    ("kind", "verdict", "reason"),
    [
        ("unseated", "rejected", "off its nominal height"),
        pytest.param("missing", "rejected", "nothing where", marks=pytest.mark.long),
        pytest.param("thin", "rejected", "gauges", marks=pytest.mark.long),
        pytest.param("long", "rejected", "off its nominal height", marks=pytest.mark.long),
        pytest.param("unspoilt", "good", None, marks=pytest.mark.long),
    ],
)
def test_inspection_finds_what_is_spoilt_and_nothing_else(
    kind: str, verdict: str, reason: str | None, tmp_path: Path
) -> None:
    outcome = inspected(SPOILT[kind], tmp_path)
    assert outcome.verdict == verdict
    assert reason in outcome.reasons[0] if reason else outcome.reasons == ()
