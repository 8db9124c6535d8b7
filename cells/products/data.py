"""What a family's data file holds: names in three languages, parameters with ranges, parts with materials, sizes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from cells.errors import InputError, Problem
from cells.products.model import Value

MAX_BYTES = 1_000_000
_STRICT = {"extra": "forbid"}


@dataclass(frozen=True, kw_only=True)
class Named:
    """``labels`` by language (en, zh, de): the name to show; ``aliases`` by language: other words for the same."""

    __pydantic_config__ = _STRICT
    labels: Mapping[str, str]
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Parameter(Named):
    """One decision about a variant. ``min`` and ``max`` bound numbers and integers, ``choices`` are the words;
    ``step`` is how finely nearest buildable values are looked for (1 for integers)."""

    kind: Literal["number", "integer", "word"]
    default: float | int | str
    unit: str = ""
    min: float = -math.inf
    max: float = math.inf
    step: float = 1.0
    choices: Mapping[str, Named] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind == "word":
            if self.default not in self.choices:
                raise ValueError(f"default {self.default!r} is not among the choices {', '.join(self.choices)}")
        elif isinstance(self.default, str) or not (
            math.isfinite(self.min) and math.isfinite(self.max) and self.min <= self.default <= self.max
        ):
            raise ValueError(f"needs finite min <= default <= max, got {self.min}, {self.default}, {self.max}")
        if not self.step > 0:
            raise ValueError("step must be above 0")

    def range_text(self) -> str:
        """What may be given, in words: "a number from 8 to 20 mm"."""
        if self.kind == "word":
            return "one of " + ", ".join(self.choices)
        noun = "an integer" if self.kind == "integer" else "a number"
        return f"{noun} from {self.min:g} to {self.max:g} {self.unit}".rstrip()

    def candidates(self) -> tuple[Value, ...]:
        """The values among which nearest buildable ones are looked for."""
        if self.kind == "word":
            return tuple(self.choices)
        if self.kind == "integer":
            return tuple(range(math.ceil(self.min), math.floor(self.max) + 1))
        count = math.floor((self.max - self.min) / self.step + 1e-9)
        grid = [round(self.min + i * self.step, 9) for i in range(count + 1)]
        return tuple(grid if grid[-1] == self.max else [*grid, float(self.max)])


@dataclass(frozen=True, kw_only=True)
class Derived(Named):
    """A number that follows from parameters, and may be given instead of some of them."""

    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class PartData(Named):
    """A kind of part: ``material`` and ``color`` by their names in materials.yaml, ``friction`` its coefficient."""

    material: str
    color: str
    friction: float


@dataclass(frozen=True, kw_only=True)
class Size(Named):
    """A word such as "small" and the parameters it stands for."""

    parameters: Mapping[str, float | int | str]


@dataclass(frozen=True, kw_only=True)
class FamilyData(Named):
    """Everything about a family that is data and not geometry."""

    name: str
    version: str
    parameters: Mapping[str, Parameter]
    parts: Mapping[str, PartData]
    sizes: Mapping[str, Size] = field(default_factory=dict)
    derived: Mapping[str, Derived] = field(default_factory=dict)
    schema: Literal["cellwright/family/v1"] = "cellwright/family/v1"


def family_data(text: str, where: str) -> FamilyData:
    """Family data from the text of a YAML file called ``where`` in errors.

    Raises ``InputError`` naming every wrong key at once.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        data = TypeAdapter(FamilyData).validate_python(yaml_mapping(text, where))
    except ValidationError as error:
        raise InputError(
            *(
                Problem(f"{where}:{'.'.join(str(key) for key in wrong['loc'])}", wrong["msg"], "correct it")
                for wrong in error.errors()
            )
        ) from error
    if problems := _unknown_names(data, where):
        raise InputError(*problems)
    return data


def _unknown_names(data: FamilyData, where: str) -> list[Problem]:
    """Materials and colours that the library doesn't have."""
    from cells.products.materials import library

    known = library()
    return [
        Problem(f"{where}:parts.{part}.{key}", f"no {key} called {name!r}", f"use one of {', '.join(names)}")
        for part, kind in data.parts.items()
        for key, name, names in (
            ("material", kind.material, tuple(known.materials)),
            ("color", kind.color, tuple(known.colors)),
        )
        if name not in names
    ]


def yaml_mapping(text: str, where: str) -> dict[str, Any]:
    """One mapping from YAML by the safe loader. Raises ``InputError``."""
    import yaml

    if len(text) > MAX_BYTES:
        raise InputError(Problem(where, f"is larger than {MAX_BYTES} bytes", "give a smaller file"))
    try:
        data = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise InputError(Problem(where, f"is not YAML: {error}", "correct it")) from error
    if not isinstance(data, dict):
        raise InputError(Problem(where, "is not a mapping of keys to values", "start it with `schema: …`"))
    return data
