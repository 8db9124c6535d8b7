"""Processes that play episodes side by side, and end with the one that began them, however that ends."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from cells.streams import STDERR, STDOUT

MOST = 16  # processes, unless somebody asks for more: each takes 0.4 GB
LOOK_S = 1.0  # s between two looks at whether the one that began them is still there


def cores() -> int:
    """How many processes can compute side by side here."""
    return min(len(os.sched_getaffinity(0)), MOST)


def workers(jobs: int) -> ProcessPoolExecutor:
    """So many of them. What they write on their standard output goes to standard error: Bullet writes there."""
    return ProcessPoolExecutor(jobs, get_context("spawn"), _begin, (os.getpid(),))


def _begin(parent: int) -> None:
    os.dup2(STDERR, STDOUT)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """Nobody reads what a worker would finish once its parent was killed, and it would go on for ever."""
    while os.getppid() == parent:
        time.sleep(LOOK_S)
    os._exit(1)
