"""The installed command in a subprocess, with a home and a working folder of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Cellwright = Callable[..., subprocess.CompletedProcess[str]]

ORDER = """\
schema: cellwright/order/v1
id: T-1
customer: Test
due: 2026-12-31
items:
  - product: pegboard
    quantity: 1
    parameters: {pegs: 1, peg_mm: 12, clearance_mm: 0.6}
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where the journal of this test goes; not made before something is written."""
    return tmp_path / "home"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The working folder, with nothing in it."""
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


@pytest.fixture
def order(tmp_path: Path) -> Path:
    """A small order that can be built."""
    path = tmp_path / "order.yaml"
    path.write_text(ORDER, encoding="utf-8")
    return path


def command(home: Path, here: Path) -> Cellwright:
    """A function that runs ``cellwright`` with its words; no display, whatever the machine has."""
    installed = Path(sys.executable).with_name("cellwright")
    environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "CELLWRIGHT_JOURNAL_URL")}
    environment["CELLWRIGHT_HOME"] = str(home)

    def run(*words: object, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [installed, *map(str, words)],
            cwd=here,
            env=environment | more,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    return run


@pytest.fixture
def cellwright(home: Path, here: Path) -> Cellwright:
    """The installed command, in this test's own home and folder."""
    return command(home, here)
