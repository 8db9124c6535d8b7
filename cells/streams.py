"""The standard output and error of the whole process, past Python's own: libraries written in C write on them too."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

STDOUT, STDERR = 1, 2


def in_front() -> bool:
    """Whether this is the process's main thread, which terminal and signals belong to."""
    return threading.current_thread() is threading.main_thread()


@contextmanager
def rerouted(*descriptors: int, to: int | None = None) -> Iterator[None]:
    """While inside, what anything writes to these file descriptors goes to the descriptor ``to``, or nowhere.

    Physics engines write on the process's stdout and stderr from C, past ``sys.stdout``; a result is not to be mixed
    with that. Both are the whole process's: beside the main thread, in a service, they stay as they are.
    """
    if not in_front():
        yield
        return
    flush()
    kept = {descriptor: os.dup(descriptor) for descriptor in descriptors}
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in descriptors:
        os.dup2(nowhere if to is None else to, descriptor)
    try:
        yield
    finally:
        flush()
        for descriptor, before in kept.items():
            os.dup2(before, descriptor)
            os.close(before)
        os.close(nowhere)


def flush() -> None:
    """Empty every buffer of stdout and stderr, that of C's stdio too, which would spill after the result."""
    sys.stdout.flush()
    sys.stderr.flush()
    ctypes.CDLL(None).fflush(None)
