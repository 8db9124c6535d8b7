"""What people ask of a running cell, and the queue from which the runner takes it, one request a tick."""

from __future__ import annotations

import contextlib
import queue
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Literal, Protocol

Command = Literal["stop", "pause", "resume", "cancel", "acknowledge", "status", "emergency_stop", "leave"]
COMMANDS: tuple[Command, ...] = ("stop", "pause", "resume", "cancel", "acknowledge", "status", "emergency_stop")
Answer = Mapping[str, Any]
_BY: dict[int, str] = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "the terminal's end"}


@dataclass(frozen=True, slots=True)
class Request:
    """``command`` by somebody (``by``: user and place, such as "ada, terminal"); ``answer`` is called once."""

    command: Command
    by: str
    answer: Callable[[Answer], None] = field(default=lambda _answer: None)


# Plans that were told to the running cell and confirmed, by hash: it takes them up when it has done what it is doing.
Told = queue.SimpleQueue[str]


class Requests(Protocol):
    """Where the runner looks for requests."""

    def poll(self, wait_s: float = 0.0) -> Request | None:
        """The next request; waits at most ``wait_s`` for one."""


class RequestQueue:
    """Requests from any thread (control socket, Ctrl-C), in the order of their coming."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Request] = queue.SimpleQueue()

    def put(self, request: Request) -> None:
        """Hand a request to the runner."""
        self._queue.put(request)

    def poll(self, wait_s: float = 0.0) -> Request | None:
        if not wait_s and self._queue.empty():
            return None
        try:
            return self._queue.get(timeout=wait_s or None, block=wait_s > 0)
        except queue.Empty:
            return None


@contextmanager
def interrupt_is_stop(requests: RequestQueue, say: Callable[[str], None]) -> Iterator[None]:
    """While inside, Ctrl-C asks for a stop, and a second one leaves the run once the arm is at rest.

    SIGTERM and the end of the terminal (SIGHUP) leave at once: dying of them would abandon a moving arm.
    """
    seen = 0

    def on_signal(number: int, _frame: FrameType | None) -> None:
        nonlocal seen
        seen += 1
        leaves = seen > 1 or number != signal.SIGINT
        requests.put(Request("leave" if leaves else "stop", _BY[number]))
        # The terminal may be what is gone, or a line may be half written (a reentrant write).
        with contextlib.suppress(OSError, RuntimeError):
            say("leaving once the arm is at rest" if leaves else "stopping; Ctrl-C again leaves")

    # A run under nohup is meant to outlive its terminal.
    heard = [n for n in _BY if n != signal.SIGHUP or signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, on_signal) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
