"""Results appear whole or not at all, and never over others."""

from __future__ import annotations

from pathlib import Path

import pytest

from cells.commands.folder import make_folder, whole
from cells.errors import InputError


def test_a_folder_appears_when_all_is_written(tmp_path: Path) -> None:
    with whole(tmp_path / "new" / "parts") as draft:
        (draft / "a.stl").write_text("solid")
        assert not (tmp_path / "new" / "parts").exists()
    assert [path.name for path in (tmp_path / "new").rglob("*")] == ["parts", "a.stl"]


def test_after_an_error_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), whole(tmp_path / "parts") as draft:
        (draft / "a.stl").write_text("solid")
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_told_with_the_option(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--out .*parts: can't be written \(No space left"), whole(tmp_path / "parts"):
        raise OSError(28, "No space left on device")
    assert not list(tmp_path.iterdir())


def test_an_empty_folder_may_be_used_and_a_used_one_not(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with whole(tmp_path / "empty") as draft:
        (draft / "a.stl").write_text("solid")
    with pytest.raises(InputError, match="not empty"), whole(tmp_path / "empty"):
        raise AssertionError("nothing is written into a folder that is used")
    with pytest.raises(InputError, match="is a file"), whole(tmp_path / "empty" / "a.stl"):
        raise AssertionError("nothing is written over a file")


def test_each_run_gets_the_next_free_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [str(make_folder("A", None)) for _ in range(2)] == ["runs/A-1", "runs/A-2"]
