"""What the cell says: a code with its slots, put into an operator's language only when it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from cells.language.lexicon import packaged
from cells.products.catalogue import Catalogue

LIST = {"en": (", ", " and "), "de": (", ", " und "), "zh": ("、", "和")}
# Slots that hold names of the catalogue, and names of texts: shown by their labels, not as they are.
CATALOGUE = ("part", "family", "station", "color", "size", "parameter")


@dataclass(frozen=True, slots=True)
class Saying:
    """``code`` names a text in ``texts/*.yaml``; ``slots`` (JSON values) are what goes into it.

    A slot's name tells how its value is shown: ``part``, ``family``, ``station``, ``color``, ``size`` and
    ``parameter`` (also numbered: ``part_2``) hold names of the catalogue, ``skill`` one of the texts ``skill.<name>``;
    a list of names is listed; numbers are shown as short as they are, all else as it is."""

    code: str
    slots: Mapping[str, Any] = field(default_factory=dict)


@cache
def texts() -> Mapping[str, Mapping[str, str]]:
    """Every text: code → language → template."""
    found: dict[str, Mapping[str, str]] = {}
    for file in sorted(files("cells.language").joinpath("texts").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".yaml"):
            found |= {f"{file.name[:-5]}.{code}": said for code, said in packaged(f"texts/{file.name}").items()}
    return found


def say(saying: Saying, language: str, names: Catalogue) -> str:
    """The text of a saying in a language ("en", "de", "zh"). Raises ``KeyError`` for a code or slot that isn't there,
    which a test finds for every code."""
    shown = {key: _shown(key, value, language, names) for key, value in saying.slots.items()}
    return texts()[saying.code][language].format_map(shown)


def _shown(slot: str, value: Any, language: str, names: Catalogue) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        words = [_shown(slot, each, language, names) for each in value]
        comma, last = LIST[language]
        return comma.join(words[:-1]) + last + words[-1] if len(words) > 1 else "".join(words)
    if isinstance(value, Mapping):
        return _shown(
            slot, [f"{key} {_shown('', each, language, names)}" for key, each in value.items()], language, names
        )
    if isinstance(value, float):
        return f"{value:.4g}"
    kind = slot.rstrip("_0123456789")
    if kind == "skill":
        return texts().get(f"skill.{value}", {}).get(language, str(value))
    if kind in CATALOGUE:
        return label(kind, str(value), language, names)
    return str(value)


def label(kind: str, name: str, language: str, names: Catalogue) -> str:
    """The name that people of a language read for a name of the catalogue; what has no label is shown as it is."""
    for entry in names.entries:
        if entry.kind == kind and entry.name == name:
            return entry.labels.get(language, name)
    return name.replace("_", " ")
