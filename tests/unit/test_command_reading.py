"""Commands that read: cells, products, stock, journal, doctor. One JSON object on stdout each."""

import json
from pathlib import Path

import pytest
import yaml

from cells.description.cell import LIBRARY
from tests.conftest import Cellwright


def test_cells_are_listed_shown_and_in_order(cellwright: Cellwright) -> None:
    names = [cell["name"] for cell in json.loads(cellwright("cell", "list", "--json").stdout)["cells"]]
    assert "panda-bench" in names
    assert json.loads(cellwright("cell", "show", "panda-bench", "--json").stdout)["robot"] == "panda"
    assert cellwright("cell", "check", "panda-bench").returncode == 0


def test_a_wrong_cell_file_has_every_problem_named(cellwright: Cellwright, tmp_path: Path) -> None:
    content = yaml.safe_load((LIBRARY / "cells" / "panda-bench.yaml").read_text(encoding="utf-8"))
    content["limits"]["force_n"] = -5
    content["wings"] = 2
    del content["stations"]["fixture"]["xyz_mm"]
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content))
    done = cellwright("cell", "check", path)
    assert done.returncode == 2
    for key in ("limits.force_n", "wings", "stations.fixture.xyz_mm"):
        assert f"mine.yaml:{key}: " in done.stderr
    told = json.loads(cellwright("cell", "check", path, "--json").stdout)
    assert not told["ok"]
    assert len(told["problems"]) >= 3


def test_the_schema_accepts_what_it_describes(cellwright: Cellwright) -> None:
    schema = json.loads(cellwright("cell", "schema").stdout)
    assert "stations" in schema["required"]


def test_a_product_is_shown_checked_and_exported(cellwright: Cellwright, here: Path) -> None:
    shown = json.loads(cellwright("product", "show", "pegboard", "--set", "pegs=4", "--json").stdout)
    lines = {line["part"]: line for line in shown["bill_of_material"]}
    assert lines["peg"]["quantity"] == 4
    assert "24-gon" in shown["conventions"][0]
    assert cellwright("product", "check", "pegboard", "--set", "pegs=4").returncode == 0
    wrong = cellwright("product", "check", "pegboard", "--set", "pegs=9", "--json")
    assert wrong.returncode == 1
    assert json.loads(wrong.stdout)["nearest"] == [{"pegs": 6}]

    assert cellwright("product", "export", "pegboard", "--out", here / "parts").returncode == 0
    assert {path.name for path in (here / "parts").iterdir()} == {"peg.stl", "plate.stl", "variant.json"}


def test_an_exported_part_has_its_size(cellwright: Cellwright, here: Path) -> None:
    import trimesh

    cellwright("product", "export", "pegboard", "--set", "peg_mm=10", "--set", "peg_length_mm=44", "--out", here / "x")
    peg = trimesh.load_mesh(here / "x" / "peg.stl")
    assert peg.extents == pytest.approx((10, 10, 44), rel=5e-3)  # an equal-area polygon's corners stand out


def test_stock_comes_in_and_is_in_the_journal(cellwright: Cellwright) -> None:
    assert cellwright("stock", "load", "LOT-7", "peg", 20, "--supplier", "Turner").returncode == 0
    assert json.loads(cellwright("stock", "show", "--json").stdout)["lots"][0]["remaining"] == 20
    assert cellwright("stock", "load", "LOT-8", "peg", 0).returncode == 2
    events = json.loads(cellwright("journal", "show", "--json").stdout)["events"]
    assert [event["kind"] for event in events] == ["stock_loaded"]
    assert json.loads(cellwright("journal", "verify", "--json").stdout)["ok"]


def test_an_order_nobody_knows_is_wrong_use(cellwright: Cellwright) -> None:
    done = cellwright("journal", "show", "NO-SUCH")
    assert done.returncode == 2
    assert "NO-SUCH" in done.stderr


def test_a_cell_that_does_not_run_says_so(cellwright: Cellwright) -> None:
    done = cellwright("stop")
    assert done.returncode == 1
    assert "no run" in done.stderr


def test_a_file_that_is_no_passport_is_refused(cellwright: Cellwright, order: Path) -> None:
    for verb in ("show", "verify"):
        assert cellwright("passport", verb, order.with_name("none.aasx")).returncode == 2
    assert cellwright("passport", "show", order).returncode == 2


def test_the_doctor_finds_this_machine_ready(cellwright: Cellwright) -> None:
    done = cellwright("doctor", "--json")
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert done.returncode == 0, findings
    assert findings["world sim"]["state"] == "ok"
    assert findings["display"]["state"] == "note"


def test_a_plan_gives_its_reasons_and_moves_nothing(cellwright: Cellwright, order: Path, here: Path) -> None:
    done = cellwright("plan", order, "--json")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    (unit,) = plan["units"]
    assert [call["skill"] for call in unit["calls"]] == [
        "pick",
        "place",
        "pick",
        "insert",
        "inspect",
        "pick",
        "handover",
    ]
    assert all(call["reason"] for call in unit["calls"])
    assert all(seconds > 0 for seconds in unit["seconds"])
    assert not list(here.iterdir())
    assert json.loads(cellwright("plan", order, "--json").stdout)["hash"] == plan["hash"]
