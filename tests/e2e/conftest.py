"""The installed command in a subprocess."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Cellwright, Ended


def command(home: Path, here: Path, patience_s: float = 240.0) -> Cellwright:
    """A function that runs ``cellwright`` with its words, for so long at most; no display, whatever the machine has."""
    installed = Path(sys.executable).with_name("cellwright")
    environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "CELLWRIGHT_JOURNAL_URL")}
    environment["CELLWRIGHT_HOME"] = str(home)

    def run(*words: object, **more: str) -> Ended:
        return subprocess.run(
            [installed, *map(str, words)],
            cwd=here,
            env=environment | more,
            capture_output=True,
            text=True,
            timeout=patience_s,
            check=False,
        )

    return run


@pytest.fixture
def cellwright(home: Path, here: Path) -> Cellwright:
    """The installed command, in this test's own home and folder."""
    return command(home, here)
