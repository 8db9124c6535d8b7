"""Cells and robots as described in files: the library is right, and what is wrong is said all at once."""

from __future__ import annotations

import copy
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from cells.description.cell import cell_schema, check_cell, list_cells, load_cell
from cells.description.documents import read_document
from cells.description.robot import list_robots, load_robot
from cells.description.stations import Tray
from cells.errors import InputError

LIBRARY = Path(__file__).parents[2] / "cells" / "library"
BENCH = read_document(LIBRARY / "cells" / "panda-bench.yaml").data

HAND_OVER = BENCH["stations"]["hand_over"]


def place(station: str) -> Any:
    """Where a station of the bench is, mm."""
    return BENCH["stations"][station]["xyz_mm"]


Check = Callable[..., dict[str, str]]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """Change the bench by ``{"a.b": value}`` (``...`` removes the key) and check it: messages by key of the file."""

    def run(changes: dict[str, Any]) -> dict[str, str]:
        data = copy.deepcopy(BENCH)
        for dotted, value in changes.items():
            *way, last = dotted.split(".")
            at: Any = data
            for part in way:
                at = at[int(part)] if isinstance(at, list) else at[part]
            if value is ...:
                del at[last]
            else:
                at[int(last) if isinstance(at, list) else last] = value
        path = tmp_path / "cell.yaml"
        data = json.loads(json.dumps(data))  # nothing shared, which YAML would write as anchors
        path.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), encoding="utf-8")
        problems = check_cell(path)
        assert all(problem.remedy for problem in problems)
        found: dict[str, str] = {}
        for problem in problems:
            key = problem.where.removeprefix(f"{path}:")
            found[key] = found.get(key, "") + str(problem)
        return found

    return run


@pytest.mark.parametrize("name", list_cells())
def test_every_cell_of_the_library_is_right(name: str) -> None:
    assert check_cell(name) == []
    assert load_cell(name).name == name


@pytest.mark.parametrize("name", list_robots())
def test_every_robot_of_the_library_has_a_limit_for_every_joint_and_its_source(name: str) -> None:
    spec = load_robot(name)
    joints = spec.joints()
    assert len(joints) == len(spec.acceleration) == len(spec.jerk)
    assert all(joint.lower < joint.upper for joint in joints)
    assert spec.acceleration_rad_s2.source and spec.jerk_rad_s3.source and spec.gripper.source
    assert set(spec.gripper.joints) <= set(spec.urdf_path.read_text(encoding="utf-8").split('"'))


def test_a_cell_speaks_si() -> None:
    cell = load_cell("panda-bench")
    assert cell.tick_s == 1 / BENCH["clocks"]["control_hz"]
    assert cell.physics_s == 1 / BENCH["clocks"]["physics_hz"]
    assert np.allclose(np.degrees(cell.home), BENCH["home_deg"])
    assert cell.limits.tcp_speed == pytest.approx(BENCH["limits"]["tcp_speed_mm_s"] / 1000)
    assert cell.limits.workspace == pytest.approx(np.array(list(BENCH["limits"]["workspace_mm"].values())) / 1000)
    assert cell.noise.locator_sigma[5] == pytest.approx(math.radians(BENCH["noise"]["locator"]["yaw_deg"]))
    assert cell.scatter.xy == pytest.approx(BENCH["scatter"]["xy_mm"] / 1000)
    assert cell.station("fixture").pose.xyz == pytest.approx(np.array(BENCH["stations"]["fixture"]["xyz_mm"]) / 1000)


def test_slots_of_a_tray_count_along_x_first_and_turn_with_it() -> None:
    layout = {"xyz_mm": [100, 0, 20], "rows": 2, "columns": 3, "pitch_mm": [50, 60]}
    tray = {"kind": "tray", "labels": {"en": "t"}, **layout}
    plain = Tray.model_validate(tray)
    assert plain.slots == 6
    assert plain.slot_pose(0).xyz == pytest.approx((0.05, -0.03, 0.02))
    assert plain.slot_pose(2).xyz == pytest.approx((0.15, -0.03, 0.02))
    assert plain.slot_pose(3).xyz == pytest.approx((0.05, 0.03, 0.02))
    turned = Tray.model_validate({**tray, "yaw_deg": 90})
    assert turned.slot_pose(2).xyz == pytest.approx((0.13, 0.05, 0.02))
    assert turned.slot_pose(2).yaw == pytest.approx(math.pi / 2)
    for slot in (-1, 6):
        with pytest.raises(IndexError):
            plain.slot_pose(slot)


def test_every_problem_is_named_at_once_at_its_key(check: Check) -> None:
    found = check({
        "robot": "pandda",
        "clocks.physics_hz": 1001,
        "clocks.control_hz": 250,
        "limits.force_n": -40,
        "limits.tcp_speed_mm_s": "700 mm/s",
        "noise.force_n": ...,
        "noise.force": 0.1,
        "home_deg.0": math.nan,
        "control.default": "torque",
        "stations.tray_a.rows": 2.5,
        "stations.tray_a.xyz_m": [1, 2, 3],
        "stations.tray_b.kind": "tary",
        "scatter": 5,
        "camera.fov_deg": True,
        "schema": "cellwright/cell/v9",
    })  # fmt: skip
    assert set(found) == {
        "robot", "clocks.physics_hz", "limits.force_n", "limits.tcp_speed_mm_s", "noise.force_n", "noise.force",
        "home_deg.0", "control.default", "stations.tray_a.rows", "stations.tray_a.xyz_m", "stations.tray_b.kind",
        "scatter", "camera.fov_deg", "schema",
    }  # fmt: skip
    assert "did you mean 'panda'?" in found["robot"]
    assert "write 1000 or 1250" in found["clocks.physics_hz"]
    assert "greater than 0" in found["limits.force_n"]
    assert "the number alone" in found["limits.tcp_speed_mm_s"]
    assert "did you mean 'force_n'?" in found["noise.force"]
    assert "did you mean 'xyz_mm'?" in found["stations.tray_a.xyz_m"]
    assert "'tray'" in found["stations.tray_b.kind"]


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"stations.tray_b.xyz_mm": place("tray_a")}, "stations.tray_b.xyz_mm", "overlaps tray_a"),
        ({"stations.hand_over.xyz_mm": place("tray_c")}, "stations.hand_over.xyz_mm", "overlaps tray_c"),
        ({"stations.hand_over.xyz_mm": place("fixture")}, "stations.hand_over.xyz_mm", "overlaps fixture"),
        ({"stations.fixture.xyz_mm": [500, 0, -200]}, "stations.fixture.xyz_mm", "outside limits.workspace_mm along z"),
        ({"stations.tray_d.columns": 50}, "stations.tray_d.xyz_mm", "of 50 places outside limits.workspace_mm along x"),
        ({"base.xyz_mm": [-600, 0, 0]}, "stations.fixture.xyz_mm", "which reaches 855 mm"),
        ({"home_deg": [0, -30, 0, 10, 0, 100, 45]}, "home_deg.3", "outside the limits of panda_joint4"),
        ({"home_deg": [0, -30, 0]}, "home_deg", "one per joint"),
        ({"control.modes": ["admittance"]}, "control.default", "not one of modes"),
        ({"clocks.control_hz": 997}, "clocks.physics_hz", "not a multiple of control_hz"),
        ({"limits.contact_speed_mm_s": 4000}, "limits.contact_speed_mm_s", "faster than tcp_speed_mm_s"),
        ({"limits.workspace_mm.min": [150, 6000, -10]}, "limits.workspace_mm.min.1", "not below max along y"),
        ({"stations.fixture": ...}, "stations.fixture", "is missing"),
        ({"stations.reject_bin": HAND_OVER}, "stations.reject_bin.kind", "write bin"),
        ({"energy.grid": "wrld"}, "energy.grid", "did you mean 'world'?"),
        ({"camera.target_mm": BENCH["camera"]["eye_mm"]}, "camera.target_mm", "where the camera stands"),
        ({"base.xyz_mm": [0]}, "base.xyz_mm", "holds 1 value (line"),
        ({"camera.eye_mm": [0, 0, 0, 0]}, "camera.eye_mm", "write at most 3"),
        ({"labels": {"en": "x", "fr": "y"}}, "labels.fr", "'en', 'zh' or 'de'"),
        ({"name": "../escape"}, "name", "a letter first"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_found(check: Check, changes: dict[str, Any], key: str, words: str) -> None:
    found = check(changes)
    assert key in found, found
    assert words in found[key]


def test_turned_trays_are_compared_as_they_lie(check: Check) -> None:
    # Side by side at 45°: the upright boxes around the two overlap, the trays themselves don't.
    long = {**BENCH["stations"]["tray_b"], "rows": 1, "columns": 3, "pitch_mm": [50, 50]}
    near = {
        "stations.tray_b": {**long, "xyz_mm": [400, -250, 20], "yaw_deg": 45},
        "stations.tray_c": {**long, "xyz_mm": [480, -250, 20], "yaw_deg": -45},
    }
    assert "overlaps tray_b" in check(near)["stations.tray_c.xyz_mm"]
    assert "stations.tray_c.xyz_mm" not in check({**near, "stations.tray_c.yaw_deg": 45})


@pytest.mark.parametrize(
    ("ros2", "key", "said"),
    [
        ({"joints": ["j1", "j2"]}, "ros2.joints", "names 2 joints, panda has 7"),
        ({"joints": ["j1"] * 7}, "ros2.joints", "names a joint twice"),
        ({"gripper": {"closed": 0.1, "open": 0.1}}, "ros2.gripper.open", "is where it is closed"),
        ({"namespace": "cell"}, "ros2.namespace", ""),
    ],
)
def test_names_on_the_network_must_fit_the_robot(check: Check, ros2: object, key: str, said: str) -> None:
    found = check({"ros2": ros2})
    assert list(found) == [key] and said in found[key]


def test_a_broken_section_does_not_hide_problems_in_others(check: Check) -> None:
    found = check({"noise": None, "stations.tray_b.xyz_mm": place("tray_a"), "home_deg.1": 200})
    assert {"noise", "stations.tray_b.xyz_mm", "home_deg.1"} <= set(found)


def test_problems_tell_the_line(tmp_path: Path) -> None:
    path = tmp_path / "cell.yaml"
    text = (LIBRARY / "cells" / "panda-bench.yaml").read_text(encoding="utf-8")
    path.write_text(text.replace("robot: panda ", "robot: pandas "), encoding="utf-8")
    line = next(number for number, each in enumerate(text.splitlines(), 1) if each.startswith("robot:"))
    (problem,) = check_cell(path)
    assert str(problem).startswith(f"{path}:robot: no robot is called 'pandas' (line {line}); did you mean 'panda'?")


def test_an_unknown_cell_is_named_with_the_nearest_one() -> None:
    with pytest.raises(InputError, match="no cell is called 'panda-bensh'; did you mean 'panda-bench'"):
        load_cell("panda-bensh")
    assert "there is no such file" in str(check_cell("nowhere/cell.yaml")[0])


def test_the_schema_knows_every_key_of_the_bench() -> None:
    schema = json.loads(json.dumps(cell_schema()))
    assert {*BENCH, "driver", "policies", "ros2", "told_without_asking"} == set(schema["properties"])
    assert set(schema["$defs"]["Tray"]["properties"]) == {*BENCH["stations"]["tray_a"], "yaw_deg"}
    assert schema["additionalProperties"] is False


def test_reading_a_cell_imports_nothing_heavy() -> None:
    heavy = {"numba", "scipy", "pybullet", "sqlalchemy", "basyx", "ruckig", "pinocchio", "spatialmath", "trimesh"}
    code = "import sys; from cells.description.cell import load_cell; load_cell('panda-bench'); print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not heavy & set(out.split())
