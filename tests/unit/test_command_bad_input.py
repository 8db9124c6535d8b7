"""Bad input: a short error with place and remedy, the right exit code, and nothing half-written."""

import os
from pathlib import Path

import pytest

from tests.conftest import ORDER, Cellwright

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)

# name: the file, the exit code, and what the message must name
CASES = {
    "broken YAML": ("items: [\n  {", 2, "order.yaml"),
    "not a mapping": ("just words\n", 2, "order.yaml"),
    "unknown key": (ORDER + "colour: blue\n", 2, "colour"),
    "unknown parameter": (ORDER.replace("peg_mm", "peg_inch"), 2, "peg_inch"),
    "unknown product": (ORDER.replace("pegboard", "cupboard"), 2, "cupboard"),
    "wrong type": (ORDER.replace("quantity: 1", "quantity: two"), 2, "quantity"),
    "wrong unit": (ORDER.replace("peg_mm: 12", "peg_mm: 12 cm"), 2, "peg_mm"),
    "not a number": (ORDER.replace("peg_mm: 12", "peg_mm: .nan"), 2, "peg_mm"),
    "infinity": (ORDER.replace("peg_mm: 12", "peg_mm: .inf"), 2, "peg_mm"),
    "negative quantity": (ORDER.replace("quantity: 1", "quantity: -1"), 2, "quantity"),
    "huge quantity": (ORDER.replace("quantity: 1", "quantity: 1" + "0" * 30), 2, "quantity"),
    "YAML tag": (ORDER.replace("customer: Test", "customer: !!python/object/apply:os.getcwd []"), 2, "order.yaml"),
    "anchor bomb": (BOMB + ORDER, 2, "order.yaml"),
    "escaping id": (ORDER.replace("id: T-1", "id: ../../T-1"), 2, "id"),
    "unbuildable": (ORDER.replace("pegs: 1", "pegs: 60"), 1, "nearest"),
}


def short_and_helpful(text: str, names: str) -> None:
    """The message names the place, gives a remedy, and is no longer than it takes."""
    assert names in text
    assert text.startswith("cellwright: ")
    assert "; " in text
    assert "Traceback" not in text
    assert len(text) < 2000
    assert len(text.splitlines()) <= 8


@pytest.mark.parametrize("case", CASES)
def test_a_bad_order_is_refused_whole(case: str, cellwright: Cellwright, order: Path, here: Path, home: Path) -> None:
    content, code, names = CASES[case]
    order.write_text(content, encoding="utf-8")
    done = cellwright("run", order)
    assert done.returncode == code, done.stderr
    short_and_helpful(done.stderr, names)
    assert not done.stdout
    assert not list(here.iterdir())
    assert not home.exists()


def test_a_file_of_100_mb_is_refused(cellwright: Cellwright, order: Path, here: Path) -> None:
    with open(order, "r+b") as file:
        file.truncate(100_000_000)
    done = cellwright("run", order)
    assert done.returncode == 2
    short_and_helpful(done.stderr, "order.yaml")
    assert not list(here.iterdir())


def test_a_missing_file_is_named(cellwright: Cellwright, here: Path) -> None:
    done = cellwright("run", "nothing.yaml")
    assert done.returncode == 2
    short_and_helpful(done.stderr, "nothing.yaml")
    assert not list(here.iterdir())


def test_a_folder_that_cannot_be_written_is_refused(
    cellwright: Cellwright, order: Path, tmp_path: Path, home: Path
) -> None:
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o555)
    # Root may write anywhere but into the process table.
    out = Path("/proc/cellwright") if os.access(shut, os.W_OK) else shut / "out"
    done = cellwright("run", order, "--out", out)
    assert done.returncode == 2, done.stderr
    short_and_helpful(done.stderr, str(out))
    assert not any(path.is_file() and path.name == "journal.db" for path in home.rglob("*"))


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--disassemble", "T-1-09"], "journal:T-1-09: no such unit was started"),
        (["--disassemble", ""], "no such unit was started"),
        (["--disassemble", "../../x"], "no such unit was started"),
        (["--disassemble", "T-1-01", "--set", "items.0.quantity=2"], "--set"),
        (["--disassemble", "T-1-01", "--world", "moon"], "moon"),
        (["order.yaml", "--disassemble", "T-1-01"], "an order to build and a unit to take apart"),
        ([], "nothing to build or take apart"),
    ],
)
def test_what_cannot_be_taken_apart_is_told(
    words: list[str], names: str, cellwright: Cellwright, here: Path, home: Path
) -> None:
    done = cellwright("run", *words)
    assert done.returncode == 2, done.stderr
    short_and_helpful(done.stderr, names)
    assert not list(here.iterdir())
    assert not home.exists()


def test_results_are_never_overwritten(cellwright: Cellwright, order: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "report.html").write_text("mine")
    done = cellwright("run", order, "--out", kept)
    assert done.returncode == 2
    short_and_helpful(done.stderr, "kept")
    assert [path.name for path in kept.iterdir()] == ["report.html"]
    assert (kept / "report.html").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "names"),
    [(["--view"], "--view"), (["--world", "moon"], "moon"), (["--cell", "panda-bunch"], "panda-bunch")],
)
def test_what_is_not_there_is_named(
    words: list[str], names: str, cellwright: Cellwright, order: Path, here: Path
) -> None:
    done = cellwright("run", order, *words)
    assert done.returncode == 2, done.stderr
    short_and_helpful(done.stderr, names)
    assert not list(here.iterdir())


def test_a_bad_override_names_the_option(cellwright: Cellwright, order: Path, here: Path) -> None:
    done = cellwright("plan", order, "--set", "items.0.quantity=none")
    assert done.returncode == 2
    short_and_helpful(done.stderr, "--set items.0.quantity")
