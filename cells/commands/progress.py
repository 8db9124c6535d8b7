"""How far a run is: a bar on a terminal, else one line for each step; always on stderr."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from cells.commands.show import say

if TYPE_CHECKING:
    from cells.tasks.plan import Plan


class Progress:
    """What production calls as each step begins; a context manager that gives the terminal back at its end. ``bar``:
    whether it may have the terminal, if there is one, for a bar of its own."""

    def __init__(self, plan: Plan, bar: bool = True) -> None:
        self._may = bar
        self._total = sum(len(unit.calls) for unit in plan.units)
        self._begun = 0
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        if self._may and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Bar

            columns = (
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.description}", markup=False),
            )
            self._bar = Bar(*columns, console=Console(stderr=True))
            self._bar.start()
            self._task = self._bar.add_task("starting", total=self._total)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, serial: str, step: str, index: int, total: int) -> None:
        """A step begins: ``index`` of ``total`` of its unit, from 1."""
        if self._bar is None:
            say(f"{serial}  {index}/{total}  {step}")
            return
        self._begun += 1
        self._bar.update(self._task, completed=min(self._begun, self._total), description=f"{serial} {step}")

    def say(self, text: str) -> None:
        """A line for people, above the bar where there is one."""
        if self._bar is None:
            say(text)
        else:
            self._bar.console.print(text, markup=False, highlight=False)
