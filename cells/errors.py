"""Errors that a user meets: each says what is wrong, where, and what to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: ``where`` as ``file:key`` (or joint, step, part), and the ``remedy``."""

    where: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; {self.remedy}"


class CellwrightError(Exception):
    """Base of every error shown to a user without a traceback. ``exit_code`` as in the CLI's contract."""

    exit_code = 1

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


class InputError(CellwrightError):
    """The user's input is wrong (a file, an option): exit 2."""

    exit_code = 2


class Unbuildable(CellwrightError):
    """The input is well-formed but names something that can't be built: exit 1."""


class Stopped(CellwrightError):
    """A person ended it before anything had been moved: exit 130."""

    exit_code = 130


class Refused(CellwrightError):
    """Refused for safety: exit 3."""

    exit_code = 3
