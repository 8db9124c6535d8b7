"""How far a training run is: a bar on a terminal, else a line for each point of its curves, on stderr; TensorBoard."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cells.commands.show import say
from cells.errors import InputError, Problem
from policies.training import Point

NOT_TOLD = ("cpu_s", "steps")
TELL_EVERY_S = 10.0  # s on the wall between two lines of what is under way


class Watching:
    """What a run calls with each point of its curves; a context manager that gives the terminal back at its end."""

    def __init__(self, folder: Path, budget_s: float) -> None:
        self._folder, self._budget_s = folder, budget_s
        self._bar: Any = None
        self._board: Any = None
        self._again = 0.0  # when it is time for a line

    def __enter__(self) -> Self:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        if sys.stderr.isatty():
            columns = BarColumn(), TimeRemainingColumn(), TextColumn("{task.description}", markup=False)
            self._bar = Progress(*columns, console=Console(stderr=True))
            self._bar.start()
            self._task = self._bar.add_task("begins", total=self._budget_s)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self._board is not None:
            self._board.close()

    def __call__(self, point: Point) -> None:
        spent, steps = point["cpu_s"], point["steps"]
        words = [f"{steps / max(spent, 1e-9):.0f} steps/s"]
        words += [f"{name.replace('_', ' ')} {value:.3g}" for name, value in point.items() if name not in NOT_TOLD]
        left = max(self._budget_s - spent, 0.0)
        if self._bar is None:
            say(f"{spent:.0f} CPU s, {left:.0f} left; {', '.join(words)}")
        else:
            self._bar.update(self._task, completed=min(spent, self._budget_s), description=", ".join(words))
        self._write(point)

    def hear(self, spent_s: float, under_way: str) -> None:
        """What is under way after so many CPU seconds: on the bar, else in a line now and then."""
        if self._bar is not None:
            self._bar.update(self._task, completed=min(spent_s, self._budget_s), description=under_way)
        elif time.monotonic() >= self._again:
            say(f"{spent_s:.0f} CPU s, {max(self._budget_s - spent_s, 0.0):.0f} left; {under_way}")
            self._again = time.monotonic() + TELL_EVERY_S

    def say(self, text: str) -> None:
        """A line for people, above the bar where there is one."""
        if self._bar is None:
            say(text)
        else:
            self._bar.console.print(text, markup=False, highlight=False)

    def _write(self, point: Point) -> None:
        if self._board is None:
            self._board = _board(self._folder)
        for name, value in point.items():
            self._board.add_scalar(name, value, int(point["cpu_s"]))
        self._board.flush()


def _board(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError as error:
        what, remedy = f"the package {error.name!r} is missing, for its curves", "pip install 'cellwright[train]'"
        raise InputError(Problem("train", what, remedy)) from None
    return SummaryWriter(str(folder / "tensorboard"))
