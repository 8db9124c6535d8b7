"""Bad input, by the installed command: a short error, the exit code of the contract, nothing written."""

from pathlib import Path

import pytest

from cells.runtime.lease import Lease
from tests.conftest import ORDER, Cellwright


@pytest.mark.parametrize(
    ("content", "code", "names"),
    [("items: [\n  {", 2, "order.yaml"), (ORDER.replace("pegs: 1", "pegs: 60"), 1, "nearest: pegs 6")],
)
def test_a_bad_order_is_refused_whole(
    content: str, code: int, names: str, cellwright: Cellwright, order: Path, here: Path, home: Path
) -> None:
    order.write_text(content, encoding="utf-8")
    done = cellwright("run", order)
    assert done.returncode == code
    assert done.stderr.startswith("cellwright: ")
    assert names in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout
    assert not list(here.iterdir())
    assert not home.exists()


def test_two_runs_on_one_cell_are_refused(cellwright: Cellwright, order: Path, here: Path, home: Path) -> None:
    with Lease("panda-bench", home):
        done = cellwright("run", order)
    assert done.returncode == 2
    assert "running already" in done.stderr
    assert "cellwright cancel" in done.stderr
    assert not list(here.iterdir())
