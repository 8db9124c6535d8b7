"""The lease and the control socket, with real files, sockets and processes."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cells.errors import CellwrightError, InputError
from cells.runtime.control_socket import ControlSocket, send
from cells.runtime.lease import Lease, run_folder
from cells.runtime.requests import Request, RequestQueue, interrupt_is_stop

CELL = "bench"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[list[Request]]:
    """A running cell that says yes to everything; the requests it got."""
    requests, got, over = RequestQueue(), [], threading.Event()

    def runner() -> None:
        while not over.is_set():
            request = requests.poll(0.02)
            if request:
                got.append(request)
                request.answer({"ok": True, "state": "Stopping"})

    thread = threading.Thread(target=runner)
    with Lease(CELL, tmp_path), ControlSocket(CELL, requests, tmp_path):
        thread.start()
        yield got
        over.set()
        thread.join()


def test_a_request_reaches_the_runner_and_its_answer_comes_back(served: list[Request], tmp_path: Path) -> None:
    assert send(CELL, "stop", "ada", tmp_path) == {"ok": True, "state": "Stopping"}
    assert [(request.command, request.by) for request in served] == [("stop", "ada")]


def test_only_the_owner_reaches_the_socket(served: list[Request], tmp_path: Path) -> None:
    folder = run_folder(CELL, tmp_path)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "control.sock").stat().st_mode) == 0o600


def test_a_long_home_folder_is_no_obstacle(tmp_path: Path) -> None:
    home, requests = tmp_path / ("long" * 30), RequestQueue()
    with Lease(CELL, home), ControlSocket(CELL, requests, home):
        answer: dict[str, object] = {}
        client = threading.Thread(target=lambda: answer.update(send(CELL, "status", "ada", home)))
        client.start()
        request = requests.poll(5.0)
        assert request is not None
        request.answer({"ok": True})
        client.join()
    assert answer == {"ok": True}


def test_a_word_that_is_no_command_is_named(served: list[Request], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="dance"):
        send(CELL, "dance", "ada", tmp_path)
    assert served == []


def test_rubbish_on_the_socket_is_answered_and_harms_nothing(served: list[Request], tmp_path: Path) -> None:
    import socket

    for line in (b"\xff\n", b"[]\n", b'{"command": 7}\n', b"x" * 10_000):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(str(run_folder(CELL, tmp_path) / "control.sock"))
            client.sendall(line)
            assert b'"ok": false' in client.recv(4096)
    assert send(CELL, "pause", "ada", tmp_path)["ok"]
    assert len(served) == 1


def test_a_cell_that_does_not_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(CellwrightError, match="no run of this cell"):
        send(CELL, "stop", "ada", tmp_path)


def test_a_second_run_is_refused_and_names_the_first(tmp_path: Path) -> None:
    code = f"from cells.runtime.lease import Lease; Lease({CELL!r}, {str(tmp_path)!r})"
    with Lease(CELL, tmp_path):
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert other.returncode != 0
        assert f"process {os.getpid()}" in other.stderr
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_a_dead_process_left_is_no_obstacle(tmp_path: Path) -> None:
    code = (
        "import os; from cells.runtime.lease import Lease; from cells.runtime.requests import RequestQueue;"
        "from cells.runtime.control_socket import ControlSocket;"
        f"lease = Lease({CELL!r}, {str(tmp_path)!r});"
        f"served = ControlSocket({CELL!r}, RequestQueue(), {str(tmp_path)!r}); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    assert (run_folder(CELL, tmp_path) / "control.sock").exists()
    with pytest.raises(CellwrightError, match="no run of this cell"):
        send(CELL, "status", "ada", tmp_path)
    with Lease(CELL, tmp_path), ControlSocket(CELL, RequestQueue(), tmp_path):
        pass
    assert not (run_folder(CELL, tmp_path) / "control.sock").exists()


@pytest.fixture
def with_a_terminal() -> Iterator[None]:
    """SIGHUP isn't ignored, as it is under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("with_a_terminal")
def test_the_end_of_the_process_is_a_stop_that_leaves_and_ctrl_c_one_that_waits() -> None:
    before, said = signal.getsignal(signal.SIGTERM), []
    for numbers, asked in (
        ([signal.SIGTERM], ["leave"]), ([signal.SIGHUP], ["leave"]), ([signal.SIGINT] * 2, ["stop", "leave"]),
    ):  # fmt: skip
        requests = RequestQueue()
        with interrupt_is_stop(requests, said.append):
            for number in numbers:
                signal.raise_signal(number)
        got = [request.command for _ in numbers if (request := requests.poll())]
        assert got == asked
    assert signal.getsignal(signal.SIGTERM) is before
