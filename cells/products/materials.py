"""Materials and colours by name, each figure with its source (cells/library/materials.yaml)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TypeVar

from cells.errors import InputError, Problem
from cells.products.data import yaml_mapping

T = TypeVar("T")

WHERE = "cells/library/materials.yaml"


@dataclass(frozen=True, slots=True)
class Sourced:
    """A figure with its unit, the year (edition) of its source, and the source."""

    value: float
    unit: str
    year: int
    source: str


@dataclass(frozen=True, slots=True)
class Material:
    """A material; ``density.value`` in kg/m³."""

    labels: Mapping[str, str]
    density: Sourced


@dataclass(frozen=True, slots=True)
class Color:
    """A colour; ``rgb`` each 0..1."""

    labels: Mapping[str, str]
    rgb: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Materials:
    """The whole file."""

    schema: str
    materials: Mapping[str, Material]
    colors: Mapping[str, Color]


@cache
def library() -> Materials:
    """The library's materials and colours."""
    from pydantic import TypeAdapter

    text = files("cells.library").joinpath("materials.yaml").read_text(encoding="utf-8")
    return TypeAdapter(Materials).validate_python(yaml_mapping(text, WHERE))


def material(name: str) -> Material:
    """A material by its name. Raises ``InputError`` for one the library doesn't have."""
    return _named(name, library().materials, "material")


def color(name: str) -> Color:
    """A colour by its name. Raises ``InputError`` for one the library doesn't have."""
    return _named(name, library().colors, "color")


def _named(name: str, known: Mapping[str, T], kind: str) -> T:
    if name not in known:
        raise InputError(Problem(f"{WHERE}:{kind}s", f"no {kind} called {name!r}", f"use one of {', '.join(known)}"))
    return known[name]
