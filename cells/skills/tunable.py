"""Tunable constants of a strategy as a vector, each within its bounds: what a policy of kind ``parameters`` says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from cells.pose import Array
from cells.skills.policy import Component, Space

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

How = TypeVar("How", bound="DataclassInstance")
Ranges = Mapping[str, tuple[str, float, float]]  # unit, lowest and highest, by the constant's name


def space(ranges: Ranges, of: str) -> Space:
    """The box of the constants ``of`` something."""
    return Space(
        tuple(
            Component(name, unit, "", (low,), (high,), f"constant {name!r} of {of}")
            for name, (unit, low, high) in ranges.items()
        )
    )


def constants(how: DataclassInstance, box: Space) -> Array:
    """The constants (n,) of a strategy that a ``box`` has."""
    return np.array([getattr(how, part.name) for part in box.components])


def tuned(how: How, values: Array, box: Space) -> How:
    """``how``, but with the constants (n,) that ``values`` says, within the ``box``."""
    named = box.named(box.clipped(np.asarray(values, float)))
    return replace(how, **{name: value for name, (value,) in named.items()})
