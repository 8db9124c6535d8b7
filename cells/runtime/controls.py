"""Everything by which people reach a run while it may move the arm: the control socket, Ctrl-C and signals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cells.runtime.control_socket import ControlSocket
from cells.runtime.requests import RequestQueue, interrupt_is_stop


@contextmanager
def controls(cell: str, say: Callable[[str], None], home: Path | str | None = None) -> Iterator[RequestQueue]:
    """The cell's requests while it runs; the cell's lease must be held."""
    requests = RequestQueue()
    with ControlSocket(cell, requests, home), interrupt_is_stop(requests, say):
        yield requests
