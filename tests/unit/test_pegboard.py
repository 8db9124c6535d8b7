"""The pegboard: exact geometry from parameters, for every variant that is accepted."""

from __future__ import annotations

import hashlib
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cells.pose import Array
from cells.products.catalogue import build_variant
from cells.products.family import BuildLimits, VariantUnbuildable
from cells.products.model import Box, Convex, Part, ProductVariant
from cells.products.pegboard import DATA, FLANK, FLOOR, HOLE_SIDES, dimensions
from cells.products.shapes import area, equal_area_polygon, wedges

PARAMETERS = st.fixed_dictionaries(
    {
        "pegs": st.integers(1, 6),
        "peg_mm": st.floats(8, 20),
        "peg_length_mm": st.floats(32, 50),
        "peg_shape": st.sampled_from(["round", "square"]),
        "clearance_mm": st.floats(0.2, 1.0),
        "chamfer_mm": st.floats(0, 1),
    }
)
VARIANTS = PARAMETERS.map(lambda parameters: build_variant("pegboard", parameters))
few = settings(max_examples=30, derandomize=True, deadline=None)


def footprints(plate: Part) -> list[Array]:
    """The (k, 2) outlines of the plate's wedges, from the colliders themselves."""
    walls = [shape for shape in plate.fit if isinstance(shape, Convex)]
    return [np.array(wall.vertices[: len(wall.vertices) // 2])[:, :2] for wall in walls]


def ring(part: Part, z: float) -> Array:
    """The (k, 2) outline of a one-piece part at a height where it has corners."""
    (hull,) = part.fit
    assert isinstance(hull, Convex)
    return np.array([vertex[:2] for vertex in hull.vertices if abs(vertex[2] - z) < 1e-12])


def bore(variant: ProductVariant, index: int) -> Array:
    """The (n, 2) corners of a bore, from the inner edges of its wedges, relative to its axis."""
    plate = variant.parts["plate"]
    sides = HOLE_SIDES if variant.parameters["peg_shape"] == "round" else 4
    own = footprints(plate)[index * sides : (index + 1) * sides]
    return np.array([piece[0] for piece in own]) - plate.holes[f"hole_{index + 1}"].pose.xyz[:2]


@few
@given(VARIANTS)
def test_floor_flanks_wedges_and_holes_partition_the_plate(variant: ProductVariant) -> None:
    plate = variant.parts["plate"]
    length, width, height = plate.size
    pieces = [*footprints(plate), *flanks(plate)]
    opening = sum(area([tuple(p) for p in bore(variant, i)]) for i in range(len(plate.holes)))
    filled = sum(area([tuple(p) for p in piece]) for piece in pieces)
    assert abs(filled + opening - length * width) < 1e-12
    hole = next(iter(plate.holes.values()))
    nominal = math.pi / 4 * hole.width**2 if hole.shape == "round" else hole.width**2
    assert abs(opening - len(plate.holes) * nominal) < 1e-12
    assert np.abs(np.vstack(pieces)).max(axis=0) == pytest.approx([length / 2, width / 2], abs=1e-12)
    assert separated(pieces)
    heights = {vertex[2] for wall in plate.fit if isinstance(wall, Convex) for vertex in wall.vertices}
    assert heights == {FLOOR, height}
    floor = plate.fit[0]
    assert isinstance(floor, Box)
    assert (floor.size[:2], floor.pose.xyz[2] + floor.size[2] / 2) == ((length, width), FLOOR)


def flanks(plate: Part) -> list[Array]:
    """The (4, 2) outlines of the bars along the plate, from the colliders; they stand on the floor as the wedges do."""
    bars = [shape for shape in plate.fit[1:] if isinstance(shape, Box)]
    assert len(bars) == 2
    outlines = []
    for bar in bars:
        (x, y, z), (dx, dy, dz) = bar.pose.xyz, bar.size
        assert (z - dz / 2, z + dz / 2) == pytest.approx((FLOOR, plate.size[2]), abs=1e-12)
        assert dy == FLANK
        around = ((1, -1), (1, 1), (-1, 1), (-1, -1))
        outlines.append(np.array([(x + sx * dx / 2, y + sy * dy / 2) for sx, sy in around]))
    return outlines


def separated(pieces: list[Array]) -> bool:
    """Whether all pieces are convex and every two have an edge of one between them (within 1e-12 m)."""
    count = max(len(piece) for piece in pieces)
    corners = np.array([np.vstack([piece, np.repeat(piece[-1:], count - len(piece), axis=0)]) for piece in pieces])
    edges = np.roll(corners, -1, axis=1) - corners
    lengths = np.linalg.norm(edges, axis=2)
    normals = np.stack([edges[..., 1], -edges[..., 0]], axis=2) / np.maximum(lengths, 1e-15)[..., None]
    # outside[a, e, b, k]: how far corner k of piece b lies outside edge e of piece a
    outside = (
        np.einsum("aec,bkc->aebk", normals, corners) - np.einsum("aec,aec->ae", normals, corners)[:, :, None, None]
    )
    real = lengths > 1e-12
    own = outside[np.arange(len(pieces)), :, np.arange(len(pieces)), :]
    convex = own[real].max() < 1e-12
    apart = ((outside.min(axis=3) > -1e-12) & real[:, :, None]).any(axis=1)
    return bool(convex and (apart | apart.T | np.eye(len(pieces), dtype=bool)).all())


def test_the_separation_check_sees_an_overlap() -> None:
    pieces = [np.array(piece) for piece in wedges(equal_area_polygon(12, 0.01), (0, 0), (-0.02, -0.02), (0.02, 0.03))]
    assert separated(pieces)
    pieces[3] = pieces[3] + 1e-6
    assert not separated(pieces)


@few
@given(VARIANTS)
def test_bores_admit_the_nominal_peg_and_refuse_a_thicker_one(variant: ProductVariant) -> None:
    peg, hole = variant.parts["peg"], bore(variant, 0)
    shaft = ring(peg, peg.size[2])
    if variant.parameters["peg_shape"] == "round":
        flats = np.linalg.norm((hole + np.roll(hole, -1, axis=0)) / 2, axis=1)
        assert np.linalg.norm(shaft, axis=1).max() < flats.min()  # however it is turned
    else:
        assert np.abs(shaft).max() < np.abs(hole).max()
    # Nothing of a larger cross-section can be in the opening, however it is turned.
    width = variant.parts["plate"].holes["hole_1"].width
    thicker = shaft * (width + 0.0002) / peg.size[0]
    assert area([tuple(p) for p in thicker]) > area([tuple(p) for p in hole])


@few
@given(VARIANTS)
def test_peg_stands_on_its_chamfered_tip(variant: ProductVariant) -> None:
    peg = variant.parts["peg"]
    d = dimensions(variant.parameters)
    tip, shaft = ring(peg, 0.0), ring(peg, d.length)
    assert tip == pytest.approx(shaft * (d.peg - 2 * d.chamfer) / d.peg, abs=1e-12)
    assert peg.grip.tcp.xyz == pytest.approx((0, 0, d.length - 0.009))
    assert peg.grip.tcp.matrix()[2, 2] == pytest.approx(-1)
    assert peg.mass == pytest.approx(7850 * peg.volume)


@few
@given(VARIANTS)
def test_plate_leaves_walls_and_room_for_fingers(variant: ProductVariant) -> None:
    plate = variant.parts["plate"]
    holes = [plate.holes[f"hole_{i + 1}"] for i in range(len(plate.holes))]
    xs = [hole.pose.xyz[0] for hole in holes]
    assert xs == sorted(xs)
    assert sum(xs) == pytest.approx(0, abs=1e-12)
    for left, right in pairwise(xs):
        assert right - left - holes[0].width >= 0.004
        assert right - left - holes[0].shaft / 2 >= 0.015 - 1e-12
    assert plate.size[0] >= 0.05
    assert plate.size[0] / 2 - xs[-1] - holes[0].width / 2 >= 0.007
    assert holes[0].pose.xyz[2] == plate.size[2] == pytest.approx(holes[0].depth + FLOOR)
    out = variant.parts["peg"].size[2] - holes[0].depth
    assert 0.0173 <= out <= 0.0277
    assert plate.grip.width == plate.size[1] <= 0.044 + 1e-12


@few
@given(VARIANTS)
def test_process_plan_is_a_valid_order_over_the_bill_of_material(variant: ProductVariant) -> None:
    items = [item for line in variant.bom for item in line.items]
    assert len(items) == int(variant.parameters["pegs"]) + 1
    done: set[str] = set()
    filled = []
    for step in variant.process.steps:
        assert set(step.after) <= done
        assert variant.part_of(step.item)
        done.add(step.id)
        if step.capability == "insert":
            assert step.target is not None
            base, hole = step.target.split("/")
            fit = variant.parts[base].holes[hole]
            assert step.constraints["clearance"] == pytest.approx(fit.width - fit.shaft)
            assert step.constraints["depth"] == fit.depth
            filled.append(hole)
    assert filled == list(variant.parts["plate"].holes)
    assert variant.process.steps[0].target == "fixture"
    assert variant.process.steps[-1].capability == "handover"
    with pytest.raises(KeyError):
        variant.part_of("peg_7")


def test_hash_is_stable() -> None:
    # Written out: a change of this text makes every old variant a stranger.
    text = (
        '{"family": "pegboard", "parameters": {"chamfer_mm": 0.5, "clearance_mm": 0.5, "peg_length_mm": 40.0, '
        '"peg_mm": 12.0, "peg_shape": "round", "pegs": 3}, "version": "1"}'
    )
    assert build_variant("pegboard", {}).hash == hashlib.sha256(text.encode()).hexdigest()
    same = {"peg_mm": 12, "pegs": 3, "peg_length_mm": np.float64(40.0), "clearance_mm": 0.5000001}
    assert build_variant("pegboard", same).hash == build_variant("pegboard", {}).hash


@few
@given(PARAMETERS, PARAMETERS)
def test_hash_tells_variants_apart(one: dict, other: dict) -> None:
    first, second = build_variant("pegboard", one), build_variant("pegboard", other)
    assert (first.hash == second.hash) == (first.parameters == second.parameters)


LIMITS = st.builds(
    BuildLimits,
    max_grip_width=st.floats(0.030, 0.080),
    slot_x=st.floats(0.05, 0.2),
    slot_y=st.floats(0.030, 0.075),
)
WILD = st.fixed_dictionaries(
    {"pegs": st.integers(-5, 12), "peg_mm": st.floats(-10, 60), "clearance_mm": st.floats(0, 2)}
)


@settings(few, max_examples=80)
@given(WILD, LIMITS)
def test_nearest_values_are_buildable(wild: dict, limits: BuildLimits) -> None:
    # The smallest plate of all (one thin peg) needs 36 mm across and 54 mm along, with play.
    across, along = min(limits.max_grip_width, limits.slot_y), limits.slot_x
    assume(abs(across - 0.036) > 1e-6 and abs(along - 0.054) > 1e-6)
    try:
        build_variant("pegboard", wild, limits)
    except VariantUnbuildable as refusal:
        assert bool(refusal.nearest) == (across > 0.036 and along > 0.054)
        for change in refusal.nearest:
            build_variant("pegboard", {**wild, **change}, limits)
            assert " and ".join(f"{name} {value}" for name, value in change.items()) in str(refusal)


def test_a_smaller_tray_and_gripper_say_what_would_fit() -> None:
    six = {"pegs": 6, "peg_mm": 20}
    build_variant("pegboard", six, BuildLimits(max_grip_width=0.08, slot_x=0.2, slot_y=0.075))
    with pytest.raises(VariantUnbuildable, match="166 mm long and its tray slot 150 mm") as refusal:
        build_variant("pegboard", six, BuildLimits(slot_x=0.15))
    assert refusal.value.nearest == ({"pegs": 5}, {"peg_mm": 15.0})
    with pytest.raises(VariantUnbuildable, match="44 mm wide, the gripper opens 40 mm") as narrow:
        build_variant("pegboard", six, BuildLimits(max_grip_width=0.04))
    assert narrow.value.nearest == ({"peg_mm": 12.0},)
    with pytest.raises(VariantUnbuildable, match="choose another cell") as hopeless:
        build_variant("pegboard", six, BuildLimits(max_grip_width=0.02))
    assert hopeless.value.nearest == ()


def test_labels_in_three_languages() -> None:
    named = [DATA, *DATA.parameters.values(), *DATA.parts.values(), *DATA.sizes.values()]
    assert all(set(entry.labels) == {"en", "zh", "de"} for entry in named)
