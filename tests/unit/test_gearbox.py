"""The gearbox: involutes by the textbook, wheels that turn together, and parts that fit, for every accepted variant."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cells.errors import InputError
from cells.pose import Array
from cells.products.catalogue import build_variant, families
from cells.products.family import BuildLimits, VariantUnbuildable
from cells.products.gearbox.dimensions import (
    AIR,
    COUNTERBORE_DEPTH,
    COVER,
    HEAD,
    PASSING,
    PIN,
    PIN_SEAT,
    SCREW,
    dimensions,
)
from cells.products.involute import (
    Wheel,
    centre_distance,
    contact_ratio,
    interferes,
    involute,
    least_teeth,
    meshed_turn,
    tooth,
)
from cells.products.model import Box, Convex, Part, ProductVariant
from cells.products.shapes import area
from cells.products.standing import standing

few = settings(max_examples=30, derandomize=True, deadline=None)
WHEELS = st.builds(Wheel, st.integers(18, 48), st.just(0.001), st.floats(0.000025, 0.00015))
PARAMETERS = st.fixed_dictionaries(
    {
        "pinion_teeth": st.integers(18, 40),
        "gear_teeth": st.integers(18, 48),
        "backlash_mm": st.floats(0.05, 0.3),
        "face_mm": st.floats(6, 12),
        "shaft_mm": st.floats(6, 12),
        "clearance_mm": st.floats(0.2, 0.6),
        "chamfer_mm": st.floats(0, 1),
        "pins": st.integers(0, 4),
        "screws": st.sampled_from((0, 4)),
    }
)
PANDA = BuildLimits(0.08, 0.2, 0.075)


def buildable(parameters) -> ProductVariant | None:
    try:
        return build_variant("gearbox", parameters, PANDA)
    except VariantUnbuildable:
        return None


VARIANTS = PARAMETERS.map(buildable).filter(lambda variant: variant is not None)


def turned(outline, turn: float, x: float = 0.0) -> Array:
    c, s = math.cos(turn), math.sin(turn)
    return np.array(outline) @ np.array([[c, s], [-s, c]]) + (x, 0.0)


def depth(a: Array, b: Array) -> float:
    """How deep two convex polygons overlap (m); below 0: how far apart, at least (separating axes)."""
    least = float(min((a.max(axis=0) - b.min(axis=0)).min(), (b.max(axis=0) - a.min(axis=0)).min()))
    if least < 0:
        return least
    for first, second in ((a, b), (b, a)):
        edges = np.roll(first, -1, axis=0) - first
        normals = np.column_stack([edges[:, 1], -edges[:, 0]])
        normals = normals / np.linalg.norm(normals, axis=1)[:, None]
        beyond = (normals @ second.T).min(axis=1) - np.sum(normals * first, axis=1)
        least = min(least, float(-beyond.max()))
    return least


def overlap(a: Wheel, b: Wheel, turn: float, off: float = 0.0) -> float:
    """How deep the teeth of two wheels overlap; ``off`` turns the second away from the middle of its gap (rad)."""
    apart, deepest = centre_distance(a, b), -math.inf
    facing = {}
    for wheel, at, x, towards in ((a, turn, 0.0, 0.0), (b, meshed_turn(a, b, turn) + off, apart, math.pi)):
        first = round((towards - at) / wheel.pitch_angle)
        facing[x] = [turned(tooth(wheel), at + k * wheel.pitch_angle, x) for k in range(first - 3, first + 4)]
    for p in facing[0.0]:
        for q in facing[apart]:
            deepest = max(deepest, depth(p, q))
    return deepest


def test_the_contact_ratio_is_the_textbooks() -> None:
    """Norton, "Machine Design", example 12-1: 19 and 37 teeth, 6 per inch, 20°: contact ratio 1.62."""
    inch = 0.0254
    pinion, gear = Wheel(19, inch / 6), Wheel(37, inch / 6)
    assert contact_ratio(pinion, gear) == pytest.approx(1.62, abs=0.005)
    assert centre_distance(pinion, gear) / inch == pytest.approx(4.667, abs=0.001)
    assert pinion.base_radius == pytest.approx(pinion.pitch_radius * math.cos(math.radians(20)))
    assert involute(math.radians(20)) == pytest.approx(0.014904, abs=1e-6)  # in every table
    assert least_teeth() == 18


@few
@given(WHEELS)
def test_flanks_are_involutes(wheel: Wheel) -> None:
    """A point of the flank is where a taut string, unwound from the base circle, ends; and the tooth is as thick as it
    should be on the pitch circle."""
    thickness = 2 * wheel.half_angle(wheel.pitch_radius) * wheel.pitch_radius
    assert thickness == pytest.approx(math.pi * wheel.module / 2 - wheel.thinned, rel=1e-12)
    start = wheel.half_angle(wheel.base_radius)
    for radius in np.linspace(wheel.base_radius, wheel.tip_radius, 6):
        unwound = math.sqrt(radius**2 - wheel.base_radius**2) / wheel.base_radius
        point = (1 + 1j * unwound) * np.exp(-1j * unwound) * wheel.base_radius
        assert abs(point) == pytest.approx(radius)
        assert start - wheel.half_angle(radius) == pytest.approx(-np.angle(point), abs=1e-12)
    outline = np.array(tooth(wheel))
    edges = np.roll(outline, -1, axis=0) - outline
    following = np.roll(edges, -1, axis=0)
    assert np.all(edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0] > -1e-15)  # convex


@few
@given(WHEELS, WHEELS, st.floats(0, 2 * math.pi))
def test_two_wheels_turn_together_with_the_backlash_asked_for(a: Wheel, b: Wheel, turn: float) -> None:
    assert not interferes(a, b) and contact_ratio(a, b) > 1.4
    play = (a.thinned + b.thinned) / 2  # to each side, along the pitch circle
    chord = 2e-5  # straight pieces are inside the flanks by up to this
    for side in (-1, 1):
        assert overlap(a, b, turn, side * (play - 1e-6) / b.pitch_radius) < 0
        assert overlap(a, b, turn, side * (play + chord) / b.pitch_radius) > 0


def test_a_full_turn_is_free_of_overlap() -> None:
    a, b = Wheel(18, 0.001, 0.00005), Wheel(31, 0.001, 0.00005)
    assert max(overlap(a, b, turn) for turn in np.linspace(0, 2 * math.pi, 721)) < 0


@pytest.mark.long
@settings(max_examples=60, derandomize=True, deadline=None)
@given(VARIANTS)
def test_every_accepted_pair_turns_freely_for_a_full_turn(variant: ProductVariant) -> None:
    d = dimensions(variant.parameters)
    assert max(overlap(d.small, d.large, turn) for turn in np.linspace(0, 2 * math.pi, 721)) < 0


def outline(piece: Convex | Box) -> tuple[Array, float, float]:
    """Seen from above, (k, 2), and from where to where in z. All pieces but rods are upright prisms."""
    if isinstance(piece, Box):
        (x, y, z), (a, b, c) = piece.pose.xyz, (edge / 2 for edge in piece.size)
        return np.array([(x + s * a, y + t * b) for s, t in ((1, -1), (1, 1), (-1, 1), (-1, -1))]), z - c, z + c
    corners = np.array(piece.vertices)
    low, high = corners[:, 2].min(), corners[:, 2].max()
    widest = max({*corners[:, 2]}, key=lambda z: np.ptp(corners[corners[:, 2] == z][:, 0]))
    return corners[corners[:, 2] == widest][:, :2], low, high


def clash(part: Part, at: tuple[float, float, float], other: Part, turn: float = 0.0) -> float:
    """How deep (m) the pieces of a part, put at a place of the other, are in that one's, seen from above, where their
    heights overlap."""
    deepest = -math.inf
    ours, theirs = ([outline(piece) for piece in p.fit] for p in (part, other))  # type: ignore[arg-type]
    for corners, low, high in ours:
        moved = turned(corners, turn) + at[:2]
        for beside, bottom, top in theirs:
            if min(high + at[2], top) - max(low + at[2], bottom) > 1e-9:
                deepest = max(deepest, depth(moved, beside))
    return deepest


@settings(few, max_examples=12)
@given(VARIANTS)
def test_parts_fit_where_they_belong(variant: ProductVariant) -> None:
    d, parts = dimensions(variant.parameters), variant.parts
    housing, shaft = parts["housing"], parts["shaft"]
    for hole in (hole for hole in housing.holes.values() if not hole.thread):
        part = shaft if hole.width == d.bore and hole.depth != PIN_SEAT else parts.get("pin", shaft)
        x, y, z = hole.pose.xyz
        assert clash(part, (x, y, z - hole.depth), housing) < 0
    for name, wheel, x in zip(("small_gear", "large_gear"), d.wheels, d.seats, strict=True):
        gear = parts[name]
        assert clash(gear, (x, 0.0, d.base), housing) < -AIR / 2
        assert clash(shaft, (0.0, 0.0, 0.0), gear) < 0
        assert d.hub(wheel) <= wheel.root_radius - PASSING + 1e-12
    turn = meshed_turn(d.small, d.large, 0.0)
    distance = centre_distance(*d.wheels)
    for lifted in (0.0, 0.3 * d.face, 1.1 * d.face):  # the second goes down past the hub of the first
        assert clash(parts["large_gear"], (distance, 0.0, lifted), parts["small_gear"], turn) < 0
    cover = parts["cover"]
    assert clash(cover, (0.0, 0.0, d.deck), housing) < 0
    assert d.base + d.stack + AIR - 1e-12 < d.deck  # nothing under it reaches it
    if "pin" in parts:
        for x, y in d.pin_places:
            assert clash(parts["pin"], (x, y, d.deck - PIN_SEAT), cover) < 0


@few
@given(VARIANTS)
def test_each_wheel_is_held_away_from_the_other(variant: ProductVariant) -> None:
    places = standing(variant)
    small, large = (np.array(places[item].xyz[:2]) for item in ("small_gear", "large_gear"))
    for item, away in (("small_gear", small - large), ("large_gear", large - small)):
        [step] = [step for step in variant.process.steps if (step.capability, step.item) == ("mesh", item)]
        angle = step.constraints["away"]
        assert np.array([math.cos(angle), math.sin(angle)]) @ away == pytest.approx(np.linalg.norm(away))


@settings(few, max_examples=4)
@given(PARAMETERS.map(lambda parameters: buildable({**parameters, "screws": 4})).filter(bool))
def test_screws_pass_the_cover_and_reach_their_threads(variant: ProductVariant) -> None:
    d, parts, seated = dimensions(variant.parameters), variant.parts, standing(variant)
    holes = [hole for hole in parts["housing"].holes.values() if hole.thread]
    assert len(holes) == len(d.screw_places) == 4
    for i, ((x, y), hole) in enumerate(zip(d.screw_places, holes, strict=True), 1):
        assert hole.pose.xyz == pytest.approx((x, y, d.deck + COVER))
        begins = hole.pose.xyz[2] - hole.depth
        for other, low in (("housing", 0.0), ("cover", d.deck)):
            assert clash(parts["screw"], (x, y, begins - low), parts[other]) < 0
        down = seated[f"screw_{i}"].xyz[2]
        assert down + SCREW.length == pytest.approx(d.deck + COVER)  # the head lies on the cover
        assert 1.5 * SCREW.diameter < begins - down < SCREW.length - COVER - COUNTERBORE_DEPTH + 1e-9  # of thread
        assert clash(parts["screw"], (x, y, down - d.deck), parts["cover"]) < 0
        beside = [math.hypot(x - at[0], y - at[1]) - (HEAD + PIN) / 2 for at in (*d.pin_places, (x, 0.0))]
        assert min(beside) > 0
        for at in d.pin_places:  # fingers that touch the head reach 10.5 mm to each side in y
            assert abs(at[1] - y) - PIN / 2 - 0.0105 > 0.002 or abs(at[0] - x) > 0.03


def test_without_screws_a_gearbox_is_as_it_was() -> None:
    one, other = (build_variant("gearbox", {"pins": 4, **more}) for more in ({}, {"screws": 0}))
    assert one == other
    assert "screw" not in one.parts
    assert one.parts["housing"].size[1] == pytest.approx(0.052)
    assert not any("screw" in step.id for step in one.process.steps)
    screwed = build_variant("gearbox", {"pins": 4, "screws": 4})
    for name in ("shaft", "small_gear", "large_gear", "pin"):
        assert screwed.parts[name] == one.parts[name]


def test_a_screw_is_driven_between_its_insertion_and_its_inspection() -> None:
    steps = build_variant("gearbox", {"screws": 4}).process.steps
    mine = [step for step in steps if step.item == "screw_3"]
    assert [step.capability for step in mine] == ["insert", "fasten", "inspect"]
    assert mine[0].after == ("inspect_screw_2",)
    assert mine[1].inverse == "unfasten"
    assert mine[0].constraints["seat"] - mine[1].constraints["seat"] == pytest.approx(mine[1].constraints["travel"])


def test_three_screws_are_refused_with_what_can_be_had() -> None:
    with pytest.raises(VariantUnbuildable, match=r"3 screws: the cover takes 4.*nearest: screws 4"):
        build_variant("gearbox", {"screws": 3}, PANDA)
    with pytest.raises(VariantUnbuildable, match="nearest: screws 0"):
        build_variant("gearbox", {"screws": 4}, BuildLimits(0.06, 0.2, 0.075))


@settings(few, max_examples=8)
@given(VARIANTS)
def test_pieces_of_a_part_touch_and_do_not_overlap_and_weigh_what_it_does(variant: ProductVariant) -> None:
    for part in variant.parts.values():
        pieces = [outline(piece) for piece in part.fit]  # type: ignore[arg-type]
        for i, (corners, low, high) in enumerate(pieces):
            for beside, bottom, top in pieces[:i]:
                if min(high, top) - max(low, bottom) > 1e-9:
                    assert depth(corners, beside) < 1e-4, part.name  # a tooth's root stands in the disc
        if part.name in ("housing", "cover", "small_gear", "large_gear"):
            filled = sum(area([tuple(p) for p in corners]) * (high - low) for corners, low, high in pieces)
            assert filled == pytest.approx(part.volume, rel=0.02)


def test_what_is_refused_comes_with_what_can_be_built() -> None:
    rng, cured = np.random.default_rng(3), 0
    for _ in range(60):
        limits = BuildLimits(rng.uniform(0.05, 0.07), rng.uniform(0.08, 0.12), 0.075)
        teeth = {"pinion_teeth": int(rng.integers(18, 41)), "gear_teeth": int(rng.integers(18, 49))}
        parameters = {**teeth, "shaft_mm": float(rng.uniform(6, 12)), "screws": int(rng.integers(0, 5))}
        try:
            build_variant("gearbox", parameters, limits)
        except VariantUnbuildable as refused:
            for change in refused.nearest:
                build_variant("gearbox", {**parameters, **change}, limits)
                cured += 1
    assert cured > 10


def test_a_thin_hub_is_refused_with_the_reason() -> None:
    with pytest.raises(VariantUnbuildable, match=r"the hub of 18 teeth has a wall of 0\.80 mm") as refused:
        build_variant("gearbox", {"pinion_teeth": 18, "shaft_mm": 12}, PANDA)
    assert {"shaft_mm": 7.5} in refused.value.nearest


def test_the_steps_are_in_an_order_in_which_they_can_be_done() -> None:
    variant = build_variant("gearbox", {"pins": 4}, PANDA)
    done: set[str] = set()
    for step in variant.process.steps:
        assert set(step.after) <= done
        done.add(step.id)
        assert variant.part_of(step.item)
        if step.target and "/" in step.target:
            on, place = step.target.split("/")
            part = variant.part_of(on)
            assert place in part.holes or place in part.studs
    assert "gearbox" in families()


@pytest.mark.parametrize(
    ("given", "teeth"),
    [
        ({"ratio": 2}, (20, 40)),
        ({"ratio": 2.0, "pinion_teeth": 22}, (22, 44)),
        ({"ratio": 1.5, "gear_teeth": 45}, (30, 45)),
        ({"ratio": 2.4}, (20, 48)),
        ({"ratio": 2.5, "shaft_mm": 7}, (18, 45)),  # 20 teeth would need 50
        ({"ratio": 2, "shaft_mm": 10}, (21, 42)),  # 20 teeth have no room for that shaft's hub
        ({"pinion_teeth": 24, "gear_teeth": 36, "ratio": 1.5}, (24, 36)),
    ],
)
def test_a_ratio_decides_the_teeth_that_are_not_given(given: dict[str, float], teeth: tuple[int, int]) -> None:
    variant = build_variant("gearbox", given, PANDA)
    assert (variant.parameters["pinion_teeth"], variant.parameters["gear_teeth"]) == teeth
    assert variant.derived["ratio"] == pytest.approx(given["ratio"])
    said = {name: value for name, value in given.items() if name != "ratio"}
    directly = build_variant("gearbox", {**said, "pinion_teeth": teeth[0], "gear_teeth": teeth[1]}, PANDA)
    assert variant.hash == directly.hash


@pytest.mark.parametrize(
    ("given", "why", "nearest"),
    [
        ({"ratio": 2, "pinion_teeth": 30}, "no gear_teeth in range make it 2", {"ratio": 1.6, "gear_teeth": 48}),
        ({"ratio": 9}, "range make it 9", {"ratio": 2.526, "pinion_teeth": 19, "gear_teeth": 48}),  # 18 have no hub
        ({"ratio": 1.7, "pinion_teeth": 20, "gear_teeth": 36}, "20 and gear_teeth 36 make it 1.8", {"ratio": 1.8}),
        ({"ratio": 1.618}, "in range make it 1.618", {"ratio": 1.619, "pinion_teeth": 21, "gear_teeth": 34}),
    ],
)
def test_a_ratio_that_no_teeth_have_is_refused_with_the_nearest_and_its_teeth(
    given: dict[str, float], why: str, nearest: dict[str, float]
) -> None:
    with pytest.raises(VariantUnbuildable, match=why) as refused:
        build_variant("gearbox", given, PANDA)
    assert refused.value.nearest == (nearest,)
    build_variant("gearbox", {**given, **nearest}, PANDA)


@settings(max_examples=40, derandomize=True, deadline=None)
@given(st.floats(0.1, 4), st.none() | st.integers(18, 40), st.none() | st.integers(18, 48))
def test_whatever_ratio_is_asked_for_is_met_or_the_nearest_offered_is(
    ratio: float, pinion: int | None, gear: int | None
) -> None:
    asked = {"ratio": ratio, "pinion_teeth": pinion, "gear_teeth": gear, "shaft_mm": 7}
    given = {name: value for name, value in asked.items() if value is not None}
    try:
        met, variant = given, build_variant("gearbox", given)
    except VariantUnbuildable as refused:
        met = given | dict(refused.nearest[0])
        variant = build_variant("gearbox", met)
    assert variant.derived["ratio"] == pytest.approx(met["ratio"], abs=5.1e-4)
    pinion_teeth, gear_teeth = (variant.parameters[name] for name in ("pinion_teeth", "gear_teeth"))
    assert gear_teeth / pinion_teeth == pytest.approx(met["ratio"], abs=6e-4)
    assert variant.hash == build_variant("gearbox", variant.parameters).hash


@pytest.mark.parametrize("ratio", ["two", True, None, [2], float("nan"), float("inf"), 10**400])
def test_a_ratio_that_is_no_number_is_told_as_such(ratio: object) -> None:
    with pytest.raises(InputError, match=r"gearbox:ratio: .* is of the wrong kind"):
        build_variant("gearbox", {"ratio": ratio})  # type: ignore[dict-item]


def test_what_is_nearest_to_a_broken_rule_keeps_a_given_ratio_true() -> None:
    given = {"ratio": 2.5}
    with pytest.raises(VariantUnbuildable) as refused:
        build_variant("gearbox", given, PANDA)
    assert {"shaft_mm": 7.5, "ratio": 2.5} in refused.value.nearest
    for change in refused.value.nearest:
        assert build_variant("gearbox", {**given, **change}, PANDA).derived["ratio"] == change["ratio"]
