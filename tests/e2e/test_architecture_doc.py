"""docs/architecture.md is true: the Python that it shows runs, and says what the page says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from cells.description.cell import load_cell
from cells.kinematics.chain import load_chain

PAGE = Path(__file__).parents[2] / "docs" / "architecture.md"


def test_the_arm_can_be_taken_along_to_roboticstoolbox() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    cell = load_cell("panda-bench")
    told = np.array([float(v) for v in done.stdout.strip("[] \n").split()])
    np.testing.assert_allclose(told, load_chain(cell).fk(cell.home)[:3, 3], atol=1e-4)
