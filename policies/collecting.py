"""Many episodes, side by side in processes of their own, kept in a file as they come.

A run that was broken off goes on where it was: what the file has already isn't run again, unless it was played by other
code or in a cell of another description.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import closing, contextmanager
from pathlib import Path

from cells.errors import InputError, Problem
from cells.streams import STDERR, STDOUT, rerouted
from policies.episodes import Asked, Row, read_rows, run
from policies.workers import workers

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

Told = Callable[[Row], None]


def collect(
    path: Path, asked: Sequence[Asked], folder: Path | None = None, jobs: int = 1, told: Told | None = None
) -> list[Row]:
    """The rows of what is ``asked``, in its order, out of the file ``path`` or run now, in ``jobs`` processes.

    ``folder`` is where a policy is that isn't in the zoo; ``told`` hears of every row, those of the file first. Raises
    ``InputError`` for a file that holds something else or can't be written, and as :func:`policies.episodes.run`.
    """
    have = {_key(row.asked): row for row in read_rows(path)}
    for one in asked:
        if told and _key(one) in have:
            told(have[_key(one)])
    todo = [one for one in asked if _key(one) not in have]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _appending(path) as write, closing(_rows(todo, folder, jobs)) as rows:
            for row in rows:
                have[_key(row.asked)] = row
                write(row.as_json() + "\n")
                if told:
                    told(row)
    except OSError as error:
        what = f"can't be written ({error.strerror})"
        raise InputError(Problem(str(error.filename or path), what, "name a folder that you may write")) from None
    return [have[_key(one)] for one in asked]


def _key(asked: Asked) -> str:
    return repr((asked, sorted(asked.changes.items())))


@contextmanager
def _appending(path: Path) -> Iterator[Callable[[str], None]]:
    """A function that writes behind the last whole line of a file, so that it is there at once."""
    with path.open("ab") as file:
        file.truncate(path.read_bytes().rfind(b"\n") + 1)

        def write(line: str) -> None:
            file.write(line.encode())
            file.flush()

        yield write


def _rows(todo: Sequence[Asked], folder: Path | None, jobs: int) -> Generator[Row, None, None]:
    """The rows of what is to be done, as they come."""
    if jobs == 1 or not todo:
        # Bullet writes on the standard output of the process, which is for results alone.
        with rerouted(STDOUT, to=STDERR):
            for one in todo:
                yield run(one, folder)
        return
    with _one_thread_each():
        pool = workers(min(jobs, len(todo)))
        try:
            futures = [pool.submit(run, one, folder) for one in todo]
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """While inside, processes that are begun compute in one thread: there are as many of them as was asked for."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
