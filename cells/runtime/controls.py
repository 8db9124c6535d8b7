"""Everything by which people reach a run: the lease that makes it the only one, the socket, and Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cells.runtime.control_socket import ControlSocket
from cells.runtime.lease import Lease
from cells.runtime.requests import RequestQueue, interrupt_is_stop


@contextmanager
def controls(cell: str, say: Callable[[str], None], home: Path | str | None = None) -> Iterator[RequestQueue]:
    """The cell's requests while it runs. Raises ``InputError`` if another process runs the cell."""
    requests = RequestQueue()
    with Lease(cell, home), ControlSocket(cell, requests, home), interrupt_is_stop(requests, say):
        yield requests
