"""The command without a process of its own: what needs no world is asked by its entry point."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from cells.cli import main
from tests.conftest import Cellwright, Ended


@pytest.fixture
def cellwright(
    home: Path, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Cellwright:
    """A function that runs ``cellwright`` with its words, in this test's own home and folder and without a display."""
    monkeypatch.setenv("CELLWRIGHT_HOME", str(home))
    for name in ("DISPLAY", "CELLWRIGHT_JOURNAL_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(here)

    def run(*words: object) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        said = capsys.readouterr()
        return SimpleNamespace(returncode=end.value.code, stdout=said.out, stderr=said.err)

    return run
