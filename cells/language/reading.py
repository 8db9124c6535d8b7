"""What a sentence is read as: steps, a question, or a refusal. Plain data; nothing here can move anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MOTION = ("pick", "place", "insert", "fasten", "inspect", "move", "handover", "assemble", "disassemble")
Quantity = int | str | None  # how many, "all", or unsaid


@dataclass(frozen=True, slots=True)
class Step:
    """One step as the operator said it. ``object`` and ``target`` are names of the catalogue; ``params`` holds only
    what was stated; ``words`` is the piece of the sentence that it came from."""

    skill: str
    object: str | None = None
    target: str | None = None
    quantity: Quantity = None
    params: Mapping[str, Any] = field(default_factory=dict)
    words: str = ""

    def as_json(self) -> dict[str, Any]:
        """The five keys of the instruction schema."""
        return {
            "skill": self.skill,
            "object": self.object,
            "target": self.target,
            "quantity": self.quantity,
            "params": dict(self.params),
        }


@dataclass(frozen=True, slots=True)
class Question:
    """The sentence can't be read without asking. ``code`` names what is missing, ``about`` the words in question,
    ``options`` at most four answers."""

    code: str
    about: str = ""
    options: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """``{"clarify": true, …}``."""
        return {"clarify": True, "code": self.code, "about": self.about, "options": list(self.options)}


@dataclass(frozen=True, slots=True)
class Refusal:
    """The cell won't: ``code`` names the rule, ``about`` the words that it holds against."""

    code: str
    about: str = ""

    def as_json(self) -> dict[str, Any]:
        """``{"refuse": true, …}``."""
        return {"refuse": True, "code": self.code, "about": self.about}


Reading = tuple[Step, ...] | Question | Refusal


def as_json(reading: Reading) -> list[dict[str, Any]] | dict[str, Any]:
    """A reading as JSON values: a list of steps, or an object that says what it is instead."""
    if isinstance(reading, tuple):
        return [step.as_json() for step in reading]
    return reading.as_json()


class Unclear(Exception):
    """Raised while reading where the operator has to be asked."""

    def __init__(self, code: str, about: str = "", options: tuple[str, ...] = ()) -> None:
        self.question = Question(code, about[:80], options)
        super().__init__(code)
