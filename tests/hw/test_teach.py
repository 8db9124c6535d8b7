"""A measured pose in the cell's file: that station's lines change, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cells.description.cell import LIBRARY, load_cell
from cells.errors import InputError
from cells.pose import Pose, tool_down
from hw.teach import own_file, touched, write_pose

BLOCK = """\
  fixture:
    kind: fixture  # holds the plate
    xyz_mm:
      - 480
      - 0
      - 20  # measured on Monday
    # play was gauged
    play_mm: 0.3
    lead_in_mm: 4
    labels: {en: fixture}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_bytes((LIBRARY / "cells" / "panda-bench.yaml").read_bytes())
    path.chmod(0o640)
    return path


def changed(before: str, after: str) -> list[str]:
    old = before.splitlines()
    return [line for line in after.splitlines() if line not in old]


def test_only_the_pose_of_that_station_changes(file: Path) -> None:
    before = file.read_text(encoding="utf-8")
    write_pose(file, "fixture", (481.5, -0.25, 19.98), 0.3)
    [line] = changed(before, file.read_text(encoding="utf-8"))
    assert "xyz_mm: [481.5, -0.25, 19.98]" in line and "yaw_deg: 0.3" in line and "play_mm: 0.3" in line
    taught = load_cell(file)
    assert taught.stations["fixture"].xyz_mm == (481.5, -0.25, 19.98)
    assert taught.stations["fixture"].yaw_deg == 0.3
    write_pose(file, "fixture", (480.0, 0.0, 20.0), -1.0)  # and again, now that it has a yaw
    assert load_cell(file).stations["fixture"].yaw_deg == -1.0
    assert len(file.read_text(encoding="utf-8").splitlines()) == len(before.splitlines())
    assert file.stat().st_mode & 0o777 == 0o640
    assert os.listdir(file.parent) == ["mine.yaml"]


def test_a_file_in_block_style_keeps_its_comments_and_its_line_ends(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    [flow] = [line for line in text.splitlines(keepends=True) if line.startswith("  fixture:")]
    text = text.replace(flow, BLOCK).replace("\n", "\r\n")
    file.write_bytes(b"\xef\xbb\xbf" + text.encode())
    write_pose(file, "fixture", (481.0, 0.0, 20.0), 2.5)
    raw = file.read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    after = raw.decode("utf-8-sig")
    assert set(changed(text, after)) == {"    yaw_deg: 2.5", "      [481, 0, 20]  # measured on Monday"}
    assert "\n" not in after.replace("\r\n", "")
    assert load_cell(file).stations["fixture"].yaw_deg == 2.5


@pytest.mark.parametrize(
    ("station", "place", "said"),
    [("fixtuer", (480.0, 0.0, 20.0), "known are tray_a"), ("fixture", (480.0, 900.0, 20.0), "nothing was written")],
)
def test_what_makes_no_cell_leaves_the_file_as_it_is(
    file: Path, station: str, place: tuple[float, float, float], said: str
) -> None:
    before = file.read_bytes()
    with pytest.raises(InputError, match=said) as refused:
        write_pose(file, station, place, 0.0)
    assert "mine.yaml" in str(refused.value)
    assert file.read_bytes() == before and os.listdir(file.parent) == ["mine.yaml"]


@pytest.mark.parametrize("cell", ["panda-bench", str(LIBRARY / "cells" / "panda-bench.yaml")])
def test_a_cell_of_the_library_is_refused_with_what_to_copy(cell: str) -> None:
    with pytest.raises(InputError, match=r"copy it first: cp .*panda-bench\.yaml my-cell\.yaml"):
        own_file(cell, "fixture")


def test_the_ends_of_the_fingers_touch_and_a_leaning_tool_is_refused() -> None:
    cell = load_cell("panda-bench")
    pad = 1000 * cell.robot_spec.gripper.pad_size[1] / 2
    place, yaw = touched(cell, tool_down((0.48, 0.001, 0.02 + pad / 1000), 0.1))
    assert place == (480.0, 1.0, 20.0) and yaw == 5.73
    leaning = tool_down((0.48, 0.0, 0.03)) @ Pose((0.0, 0.0, 0.0), (0.05, 0.0, 0.0, 0.9987))
    with pytest.raises(InputError, match="leans by"):
        touched(cell, leaning)
