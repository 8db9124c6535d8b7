"""An entry as one zip, and what may be in one: whatever isn't a sound entry is refused, and nothing in it is run."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from benchmarks.zoo import attempt, malicious
from benchmarks.zoo_spoilt import WAYS, Spoilt
from cells.errors import InputError
from policies.archive import pack, read_archive
from policies.folder import read_entry
from policies.sharing import admit
from tests.unit.entries import write_parameters, write_residual

CASES = 150


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CELLWRIGHT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_an_entry_is_the_same_in_a_zip_and_gives_the_same_bytes_each_time(tmp_path: Path) -> None:
    sound = read_entry(write_residual(tmp_path / "a"))
    raw = pack(sound.files)
    assert raw == pack(dict(reversed(sound.files.items())))
    assert read_archive(raw, "gentle.zip") == sound
    folder, _ = admit(read_archive(raw, "gentle.zip"), tmp_path / "b")
    assert read_entry(folder).files == sound.files


def test_a_zip_of_another_program_is_taken_too(tmp_path: Path) -> None:
    import io
    import zipfile

    sound, out = read_entry(write_parameters(tmp_path)), io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in sound.files.items():
            archive.writestr(name, raw)
    assert read_archive(out.getvalue(), "gentle.zip").files == sound.files


@pytest.mark.parametrize("raw", [b"", b"PK", b"\x00" * 1000, b"PK\x05\x06" + bytes(18)])
def test_what_is_no_zip_is_refused(raw: bytes) -> None:
    with pytest.raises(InputError, match=r"x\.zip"):
        read_archive(raw, "x.zip")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_nothing_that_is_spoilt_is_loaded_run_or_ends_in_a_traceback(tmp_path: Path) -> None:
    found = malicious(CASES, 7, tmp_path)
    assert (found["loaded"], found["broken"], found["zoo_malicious_run"]) == ([], [], 0)
    assert len(found["ways"]) > len(WAYS) * 0.8
    sound = read_entry(tmp_path / "sound/sound/1.0.0").files
    for case in (Spoilt("none", files=dict(sound)), Spoilt("none", zip=pack(sound))):
        assert attempt(case, tmp_path / "case")  # what isn't spoilt is


@pytest.mark.long
def test_nothing_of_5000_that_is_spoilt_is_loaded_run_or_ends_in_a_traceback(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = malicious(5000, 8, tmp_path)
    assert (found["loaded"], found["broken"], found["zoo_malicious_run"]) == ([], [], 0)
