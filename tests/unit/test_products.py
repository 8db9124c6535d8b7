"""The framework that any product family uses: checking parameters, nearest buildable values, names, export."""

from __future__ import annotations

import math
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from cells.errors import InputError, Unbuildable
from cells.pose import Pose, tool_down
from cells.products import catalogue as catalogue_module
from cells.products.catalogue import build_variant, catalogue, families
from cells.products.data import FamilyData, Named, Parameter, PartData, family_data
from cells.products.export import export_parts, summary
from cells.products.family import BuildLimits, Family, Rule, VariantUnbuildable, build
from cells.products.materials import color, library, material
from cells.products.model import BomLine, Box, Grip, Part, ProcessPlan
from cells.products.pegboard import FAMILY as PEGBOARD

LABELS = {"en": "cube", "zh": "方塊", "de": "Würfel"}


def _cube(parameters):
    edge = parameters["edge_mm"] / 1000
    body = Box((edge, edge, edge), Pose.at(0, 0, edge / 2))
    grip = Grip(tool_down((0, 0, edge / 2)), edge, math.pi / 2)
    mass = edge**3 * material("pom").density.value
    part = Part("cube", LABELS, "pom", "red", edge**3, mass, (edge, edge, edge), (body,), (body,), (body,), grip, 0.4)
    return {"cube": part}, (BomLine("cube", ("cube",), "pom", mass),), ProcessPlan(())


def cube_family(name: str = "cube") -> Family:
    """A whole family, as a stranger would write it."""
    edge = Parameter(
        labels={"en": "edge", "zh": "邊長", "de": "Kante"}, kind="number", unit="mm", min=10, max=60, default=30
    )
    finish = Parameter(
        labels={"en": "finish", "zh": "表面", "de": "Oberfläche"},
        kind="word",
        default="raw",
        choices={"raw": Named(labels={"en": "raw"}), "polished": Named(labels={"en": "polished"})},
    )
    data = FamilyData(
        name=name,
        version="1",
        labels=LABELS,
        parameters={"edge_mm": edge, "finish": finish},
        parts={"cube": PartData(labels=LABELS, material="pom", color="red", friction=0.4)},
    )
    too_wide = "too wide for the gripper"
    rule = Rule(("edge_mm",), lambda p, limits: too_wide if p["edge_mm"] / 1000 > limits.max_grip_width else None)
    return Family(data, _cube, (rule,))


def test_a_family_needs_nothing_but_data_and_a_build_function() -> None:
    variant = build(cube_family(), {"edge_mm": 20})
    assert variant.part_of("cube").mass == pytest.approx(0.02**3 * 1410)
    with pytest.raises(VariantUnbuildable, match="too wide") as refusal:
        build(cube_family(), {"edge_mm": 50}, BuildLimits(max_grip_width=0.0405))
    assert refusal.value.nearest == ({"edge_mm": 40.0},)


def test_an_installed_package_adds_its_family(tmp_path: Path) -> None:
    here = Path(__file__).parent
    info = tmp_path / "cubes-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: cubes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[cellwright.families]\ncube = cubes:FAMILY\n")
    (tmp_path / "cubes.py").write_text("from test_products import cube_family\nFAMILY = cube_family()\n")
    script = (
        f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(here)!r}]\n"
        "from cells.products.catalogue import build_variant, families\n"
        "print(*sorted(families()), build_variant('cube', {}).parts['cube'].size[0])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["cube", "gearbox", "kit", "pegboard", "0.03"]


@pytest.mark.parametrize(
    ("module", "complaint"),
    [
        ("raise RuntimeError('no licence')", "can't be loaded: no licence"),
        ("FAMILY = 7", "is not a Family"),
        ("from test_products import cube_family\nFAMILY = cube_family('pegboard')", "takes the name 'pegboard'"),
    ],
)
def test_a_bad_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, complaint: str) -> None:
    info = tmp_path / "bad-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bad\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[cellwright.families]\nbad = bad_family:FAMILY\n")
    (tmp_path / "bad_family.py").write_text(module)
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "bad_family", raising=False)
    catalogue_module.families.cache_clear()
    with pytest.raises(InputError, match=complaint) as refusal:
        families()
    assert "bad_family:FAMILY" in refusal.value.problems[0].where
    monkeypatch.undo()
    assert "pegboard" in families()


HOSTILE = [
    float("nan"),
    float("inf"),
    -float("inf"),
    None,
    True,
    "12",
    "",
    b"12",
    [12],
    {"a": 1},
    12j,
    Decimal(12),
    object(),
    "x" * 10_000,
]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value)[:12])
@pytest.mark.parametrize("name", list(PEGBOARD.parameters))
def test_values_of_the_wrong_kind_are_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(InputError) as refusal:
        build_variant("pegboard", {name: value})
    (problem,) = refusal.value.problems
    assert problem.where == f"pegboard:{name}"
    assert problem.remedy.startswith("use ")
    assert len(str(problem)) < 200


@pytest.mark.parametrize("value", [10**5000, -(10**5000), 1e308, -1e308, -1, 1e9], ids=lambda value: f"{value > 0}")
@pytest.mark.parametrize("name", ["peg_mm", "peg_length_mm", "clearance_mm", "chamfer_mm"])
def test_numbers_out_of_range_get_the_nearest(name: str, value: float) -> None:
    with pytest.raises(VariantUnbuildable) as refusal:
        build_variant("pegboard", {name: value})
    parameter = families()["pegboard"].parameters[name]
    assert refusal.value.nearest == ({name: parameter.max if value > 0 else parameter.min},)
    assert len(str(refusal.value)) < 200


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(InputError) as refusal:
        build_variant("pegboard", {"pegs": 2.5, "peg_mm": "wide", "holes": 3, 7: 7})
    places = {problem.where for problem in refusal.value.problems}
    assert places == {"pegboard:pegs", "pegboard:peg_mm", "pegboard:'holes'", "pegboard:7"}
    with pytest.raises(Unbuildable) as impossible:
        build_variant("pegboard", {"pegs": 0, "peg_mm": 40})
    assert [problem.where for problem in impossible.value.problems] == ["pegboard:pegs", "pegboard:peg_mm"]
    assert "nearest: pegs 1 and peg_mm 20" in str(impossible.value)


def test_an_unknown_family_names_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"use one of .*pegboard"):
        build_variant("gearbocks", {})
    with pytest.raises(InputError, match="not a mapping"):
        build_variant("pegboard", [("pegs", 2)])


def test_family_data_names_every_wrong_key() -> None:
    text = """
schema: cellwright/family/v1
name: thing
version: "1"
labels: {en: thing}
parameters:
  width_mm: {labels: {en: width}, kind: number, min: 5, max: 2, default: 3}
  shape: {labels: {en: shape}, kind: word, default: oval, choices: {round: {labels: {en: round}}}}
parts: {thing: {labels: {en: thing}, material: pom, colour: red, friction: 0.4}}
"""
    with pytest.raises(InputError) as refusal:
        family_data(text, "thing.yaml")
    places = {problem.where for problem in refusal.value.problems}
    assert {"thing.yaml:parameters.width_mm", "thing.yaml:parameters.shape"} <= places
    assert {"thing.yaml:parts.thing.color", "thing.yaml:parts.thing.colour"} <= places


def test_a_part_of_an_unknown_material_or_colour_is_told_by_file_and_key() -> None:
    text = """
schema: cellwright/family/v1
name: thing
version: "1"
labels: {en: thing}
parameters: {}
parts: {thing: {labels: {en: thing}, material: mithril, color: octarine, friction: 0.4}}
"""
    with pytest.raises(InputError) as refusal:
        family_data(text, "thing.yaml")
    bad = {problem.where: problem for problem in refusal.value.problems}
    assert bad.keys() == {"thing.yaml:parts.thing.material", "thing.yaml:parts.thing.color"}
    assert "mithril" in bad["thing.yaml:parts.thing.material"].what
    assert "yellow" in bad["thing.yaml:parts.thing.color"].remedy


def test_every_colour_that_a_cover_may_have_is_in_the_library() -> None:
    for word in families()["gearbox"].parameters["cover_color"].choices:
        assert build_variant("gearbox", {"cover_color": word}).parts["cover"].color == word
        assert color(word).labels == families()["gearbox"].parameters["cover_color"].choices[word].labels


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "!!python/object/apply:os.getcwd []", " " * 1_000_001])
def test_family_data_that_is_no_data(text: str) -> None:
    with pytest.raises(InputError, match=r"thing\.yaml"):
        family_data(text, "thing.yaml")


def test_catalogue_speaks_three_languages_without_ambiguity() -> None:
    entries = catalogue().entries
    assert {"peg", "plate"} <= set(catalogue().names("part"))
    for kind in {entry.kind for entry in entries}:
        for language in ("en", "zh", "de"):
            words = [
                (word, entry.of)
                for entry in entries
                if entry.kind == kind
                for word in (entry.labels[language], *entry.aliases.get(language, ()))
            ]
            assert len(words) == len(set(words)), f"{kind} in {language}"
    peg = next(entry for entry in entries if entry.kind == "part" and entry.name == "peg")
    assert "pin" not in peg.aliases["en"]  # a pin is another part


def test_catalogue_knows_the_cells_stations() -> None:
    from cells.description.cell import load_cell

    stations = catalogue(load_cell("panda-bench")).names("station")
    assert {"tray_a", "fixture", "hand_over"} <= set(stations)
    assert catalogue().names("station") == ()


def test_sizes_and_parts_use_names_that_exist() -> None:
    for family in families().values():
        for part in family.parts.values():
            assert material(part.material).density.source
            assert color(part.color).rgb
        for size in family.sizes.values():
            build(family, size.parameters)


def test_materials_have_sources_and_unknown_ones_are_refused() -> None:
    for entry in library().materials.values():
        assert entry.density.unit == "kg/m3"
        assert 500 < entry.density.value < 20_000
        assert entry.density.year > 1900 and entry.density.source
    with pytest.raises(InputError, match="no material called 'mithril'"):
        material("mithril")


def test_exported_meshes_have_the_parts_volume(tmp_path: Path) -> None:
    import trimesh

    variant = build_variant("pegboard", {"pegs": 2, "peg_mm": 15})
    written = export_parts(variant, tmp_path)
    assert sorted(path.name for path in written) == ["peg.stl", "plate.stl"]
    for name, part in variant.parts.items():
        solid = trimesh.load_mesh(tmp_path / f"{name}.stl")
        # Equal-area polygons keep the nominal volume; STL holds single precision.
        assert solid.volume == pytest.approx(part.volume * 1e9, rel=1e-5)
        assert solid.extents[2] == pytest.approx(part.size[2] * 1000, rel=1e-6)


def test_summary_tells_what_is_built_of_what_and_how() -> None:
    variant = build_variant("pegboard", {"pegs": 2})
    told = summary(variant, ["hexagons"])
    assert told["conventions"][0] == "hexagons" and "STL meshes in mm" in str(told["conventions"])
    assert told["hash"] == variant.hash
    assert [line["quantity"] for line in told["bill_of_material"]] == [1, 2]
    assert [step["capability"] for step in told["process"]] == ["place", *["insert"] * 2, *["inspect"] * 2, "handover"]
