"""The command without a process of its own (what needs no world is asked by its entry point); a language model."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from cells.cli import main
from tests.conftest import Cellwright, Ended
from tests.unit.chat_server import KEY, ChatServer


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


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    """A server that is the configured language model while a test runs."""
    server = ChatServer()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("CELLWRIGHT_LLM_MODEL", "openai:test-model")
    monkeypatch.setenv("CELLWRIGHT_LLM_URL", server.url)
    monkeypatch.setenv("CELLWRIGHT_LLM_KEY", KEY)
    yield server
    server.http.shutdown()
    server.http.server_close()
