"""What tests of the command share: a small order, a home for the journal and a working folder of the test's own."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

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


class Ended(Protocol):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


Cellwright = Callable[..., Ended]


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
