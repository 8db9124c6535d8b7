"""The control socket: how another terminal reaches the running cell.

An owner-only Unix socket under ``$CELLWRIGHT_HOME/<cell>/run``; one JSON object a line in, one out:
``{"command": "stop", "by": "ada"}`` → ``{"ok": true, "state": "Stopping", "what": "…"}``.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cells.errors import CellwrightError, InputError, Problem
from cells.runtime.lease import run_folder
from cells.runtime.requests import COMMANDS, Answer, Request, RequestQueue, Told

ANSWER_S = 10.0
TAKE = "take"  # a plan that was told and confirmed
_MOST_BYTES = 4096
_SOCKET = "control.sock"


class NothingRuns(CellwrightError):
    """Nobody listens: no run of the cell is going on."""


class ControlSocket:
    """Listens in a thread and hands requests to the runner's queue. The cell's lease must be held: a socket file that
    is already there was left by a process that died, and is replaced."""

    def __init__(
        self, cell: str, requests: RequestQueue, home: Path | str | None = None, told: Told | None = None
    ) -> None:
        self._requests, self._told = requests, told
        self._folder = run_folder(cell, home)
        self._server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        (self._folder / _SOCKET).unlink(missing_ok=True)
        # A socket's address is at most ~100 bytes: bind through the folder's descriptor, however long its path is.
        with _Near(self._folder) as address:
            before = os.umask(0o177)
            try:
                self._server.bind(address)
            finally:
                os.umask(before)
        self._server.listen(8)
        self._thread = threading.Thread(target=self._listen, name="control socket", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and remove the socket."""
        (self._folder / _SOCKET).unlink(missing_ok=True)
        # shutdown() wakes the thread out of accept(); close() alone would not.
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(timeout=1.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(ANSWER_S)
            try:
                answer = self._ask(_receive(connection))
                connection.sendall(json.dumps(answer).encode() + b"\n")
            except OSError:
                return

    def _ask(self, line: bytes) -> Answer:
        try:
            message = json.loads(line)
            command, by = message["command"], str(message.get("by", "somebody"))[:80]
        except (ValueError, KeyError, TypeError, AttributeError):
            return {"ok": False, "what": 'not a request: send {"command": "status", "by": "your name"} and a line feed'}
        if command == TAKE and self._told is not None and isinstance(message.get("plan"), str):
            self._told.put(message["plan"])
            return {"ok": True, "what": "taken up next"}
        if command not in COMMANDS:
            return {"ok": False, "what": f"no command {str(command)[:40]!r}: use {', '.join(COMMANDS)}"}
        answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._requests.put(Request(command, by, answers.put))
        try:
            return answers.get(timeout=ANSWER_S)
        except queue.Empty:
            return {"ok": False, "what": f"the runner has not answered for {ANSWER_S:.0f} s; is its process stuck?"}


def send(
    cell: str, command: str, by: str = "terminal", home: Path | str | None = None, plan: str = ""
) -> dict[str, Any]:
    """Ask the running cell; returns its answer (``ok``, ``state``, ``what``, …). ``TAKE`` hands it a ``plan`` by hash.

    Raises ``InputError`` for an unknown command, ``NothingRuns`` when the cell isn't running, ``CellwrightError`` when
    it doesn't answer.
    """
    if command not in (*COMMANDS, TAKE):
        raise InputError(Problem("command", f"there is no {command!r}", f"use one of {', '.join(COMMANDS)}"))
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(ANSWER_S + 2.0)
            with _Near(run_folder(cell, home)) as address:
                client.connect(address)
            client.sendall(json.dumps({"command": command, "by": by, "plan": plan}).encode() + b"\n")
            answer = json.loads(_receive(client))
    except (FileNotFoundError, ConnectionRefusedError):
        what, remedy = "no run of this cell is going on", "start one with: cellwright run ORDER.yaml"
        raise NothingRuns(Problem(f"cell:{cell}", what, remedy)) from None
    except (OSError, ValueError) as error:
        what, remedy = f"the running cell didn't answer ({error})", "look at the terminal in which it runs"
        raise CellwrightError(Problem(f"cell:{cell}", what, remedy)) from None
    return dict(answer)


class _Near:
    """A short address for the socket in ``folder``, valid while inside."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor = -1

    def __enter__(self) -> str:
        address = str(self._folder / _SOCKET)
        if len(os.fsencode(address)) < 100:
            return address
        self._descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        return f"/proc/self/fd/{self._descriptor}/{_SOCKET}"

    def __exit__(self, *_error: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)


def _receive(connection: socket.socket) -> bytes:
    """One line of at most 4096 bytes."""
    data = b""
    while not data.endswith(b"\n") and len(data) <= _MOST_BYTES:
        more = connection.recv(_MOST_BYTES)
        if not more:
            break
        data += more
    return data[:_MOST_BYTES]
