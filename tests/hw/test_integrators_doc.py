"""docs/integrators.md: the cell files that it shows are right, and it names what there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cells.description.cell import check_cell, load_cell
from hw.isolation import LOOPBACK
from hw.names import arm_joints, fingers

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "integrators.md").read_text(encoding="utf-8")


def shown(heading: str) -> dict[str, Any]:
    """The sections of a cell's file under a heading: the YAML that has ``ros2``."""
    chapter = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    [found] = [
        told for told in map(yaml.safe_load, re.findall(r"```yaml\n(.*?)```", chapter, re.DOTALL)) if "ros2" in told
    ]
    return found


@pytest.mark.parametrize(
    ("heading", "base", "joint", "open_at"),
    [
        ("Universal Robots", "ur5e-bench", "shoulder_pan_joint", 0.0),
        ("Franka", "panda-bench", "fr3_joint1", 0.04),
    ],
)
def test_the_cell_files_are_right(tmp_path: Path, heading: str, base: str, joint: str, open_at: float) -> None:
    file = ROOT / "cells" / "library" / "cells" / f"{base}.yaml"
    written = tmp_path / "my-cell.yaml"
    written.write_text(
        yaml.safe_dump(yaml.safe_load(file.read_text(encoding="utf-8")) | shown(heading)), encoding="utf-8"
    )
    assert check_cell(written) == []
    cell = load_cell(written)
    assert cell.control.default == "admittance"
    assert arm_joints(cell)[0] == joint
    hand = fingers(cell)
    assert hand.position(hand.max_width) == pytest.approx(open_at)


def test_it_says_that_it_is_no_safety_function() -> None:
    assert "not safety-rated" in PAGE
    assert "DDS security" in PAGE


def test_the_files_that_it_names_are_there() -> None:
    assert LOOPBACK.is_file()
    assert (ROOT / "launch" / "cell.launch.py").is_file()
    package = ROOT / "hw" / "interfaces" / "cellwright_msgs"
    for name in re.findall(r"`cellwright_msgs/([A-Za-z]+)`", PAGE):
        assert list(package.glob(f"*/{name}.*")), name
