"""What a policy is to a skill: named, bounded numbers in, named, bounded numbers out.

A skill works without any. A policy of kind ``residual`` corrects its setpoints a little at each policy tick,
``parameters`` are the skill's own constants, tuned. What a policy may do is bounded here, by the skill, whatever the
policy's file says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from cells.pose import Array

Kind = Literal["residual", "parameters"]


@dataclass(frozen=True, slots=True)
class Component:
    """Some numbers of a vector that belong together: ``low`` and ``high`` bound each; ``unit`` in SI ("1" where there
    is none); ``frame`` that they are given in ("" where there is none)."""

    name: str
    unit: str
    frame: str
    low: tuple[float, ...]
    high: tuple[float, ...]
    about: str


@dataclass(frozen=True, slots=True)
class Space:
    """A vector made of components, in their order."""

    components: tuple[Component, ...]

    @property
    def low(self) -> Array:
        """(n,) lower bounds."""
        return np.array([value for part in self.components for value in part.low])

    @property
    def high(self) -> Array:
        """(n,) upper bounds."""
        return np.array([value for part in self.components for value in part.high])

    @property
    def size(self) -> int:
        """How many numbers."""
        return sum(len(part.low) for part in self.components)

    def vector(self, **values: object) -> Array:
        """The vector (n,) of values by component name, each clipped to its bounds; what isn't a number counts as the
        middle. Raises ``KeyError`` for one that is missing."""
        flat = np.concatenate([np.atleast_1d(np.asarray(values[part.name], float)) for part in self.components])
        return self.clipped(flat)

    def clipped(self, vector: Array) -> Array:
        """The vector (n,) within its bounds. What isn't a number becomes the middle."""
        low, high = self.low, self.high
        return np.clip(np.where(np.isfinite(vector), vector, (low + high) / 2), low, high)

    def named(self, vector: Array) -> dict[str, tuple[float, ...]]:
        """The components of a vector (n,) by name."""
        out, at = {}, 0
        for part in self.components:
            out[part.name] = tuple(float(v) for v in vector[at : at + len(part.low)])
            at += len(part.low)
        return out


@dataclass(frozen=True, slots=True)
class Contract:
    """What a policy for a ``skill`` sees and does, and the ``nominal`` (``insert@1``) that it builds on. For
    ``parameters`` nothing is seen, and what it "does" are the skill's constants, each within its bounds."""

    skill: str
    nominal: str
    kind: Kind
    observation: Space
    action: Space


class Policy(Protocol):
    """Something that decides. ``name`` is ``name@version``, for the journal and the passport."""

    name: str
    contract: Contract

    def act(self, observation: Array) -> Array:
        """The action (m,) for an observation (n,), both as the contract has them."""


# The policies that a cell works with: by skill; for one step by its id, which goes before, None for the nominal as it
# is. What is in neither way runs as it is.
Policies = Mapping[str, Policy | None]
