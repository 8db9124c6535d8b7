"""One episode of a single-skill task: what is drawn, from which ranges, by which seed. Plain data, kept with results.

Seeds of different purposes never meet: the purpose is part of what the generator is seeded with.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from cells.description.documents import shown
from cells.description.problems import nearest
from cells.errors import InputError, Problem, Unbuildable
from cells.products.catalogue import build_variant, family_of
from cells.products.family import MOST, BuildLimits, Family
from cells.products.model import ProductVariant, Value

Purpose = Literal["tuning", "training", "gate", "evaluation"]
PURPOSES: tuple[Purpose, ...] = ("tuning", "training", "gate", "evaluation")
Drawn = Value | tuple[float, float] | tuple[Value, ...]
TRIES = 1000  # variants that are drawn before it is said that hardly any can be built


@dataclass(frozen=True, slots=True)
class Conditions:
    """What varies, and how far. ``parameters`` of the family as in an order; a pair of floats: anything between, a pair
    of ints: a whole number between, other tuples: one of them. All errors are uniform: of the estimate ``offset`` (m, x
    and y each), ``tilt`` (rad, about any horizontal axis), ``yaw`` (rad, where it matters); of the part in the hand
    ``slipped`` (m, along the pads) and ``leaning`` (rad, about the closing axis). ``friction`` and ``mass`` are factors
    of the parts', ``stiffness`` one of the arm's, ``noise`` one of the wrist sensor's. ``item`` is the one of the unit
    that the episode is about; any that its task is about, if empty."""

    family: str
    parameters: Mapping[str, Drawn] = field(default_factory=dict)
    offset: float = 0.0
    tilt: float = 0.0
    yaw: float = 0.0
    slipped: float = 0.0
    leaning: float = 0.0
    friction: tuple[float, float] = (0.9, 1.1)
    mass: tuple[float, float] = (0.9, 1.1)
    stiffness: tuple[float, float] = (0.9, 1.1)
    noise: tuple[float, float] = (0.5, 1.5)
    item: str = ""


ERRORS = {"offset", "tilt", "yaw", "slipped", "leaning"}  # bounds, not negative
FACTORS = {"friction", "mass", "stiffness", "noise"}  # from where to where
WORDS = {"family", "item"}
OWN = ERRORS | FACTORS | WORDS


@dataclass(frozen=True, slots=True)
class Episode:
    """What was drawn (SI, rad). ``choice`` in 0..1 picks among items that would do; ``phase`` in 0..1 turns what may
    stand in any turn. The sign of an error: truth is at the estimate, moved and turned by it."""

    purpose: Purpose
    seed: int
    family: str
    parameters: Mapping[str, Value]
    choice: float
    phase: float
    offset: tuple[float, float]
    tilt: float
    way: float
    yaw: float
    slipped: float
    leaning: float
    friction: float
    mass: float
    stiffness: float
    noise: float

    @property
    def world_seed(self) -> int:
        """The seed of the world's own noise."""
        return int(np.random.SeedSequence([PURPOSES.index(self.purpose), self.seed, 1]).generate_state(1)[0])


def draw(conditions: Conditions, purpose: Purpose, seed: int, limits: BuildLimits) -> tuple[Episode, ProductVariant]:
    """The episode of a seed, and its variant: something that a cell of these limits can build. Raises ``InputError``
    where next to nothing of what may be drawn can be built."""
    chance = np.random.default_rng([PURPOSES.index(purpose), seed])

    def within(most: float) -> float:
        return float(chance.uniform(-most, most))

    variant = _variant(conditions, chance, limits)
    return (
        Episode(
            purpose, seed, conditions.family, dict(variant.parameters),
            choice=float(chance.random()), phase=float(chance.random()),
            offset=(within(conditions.offset), within(conditions.offset)),
            tilt=float(chance.uniform(0.0, conditions.tilt)), way=within(math.pi), yaw=within(conditions.yaw),
            slipped=within(conditions.slipped), leaning=within(conditions.leaning),
            friction=float(chance.uniform(*conditions.friction)), mass=float(chance.uniform(*conditions.mass)),
            stiffness=float(chance.uniform(*conditions.stiffness)), noise=float(chance.uniform(*conditions.noise)),
        ),
        variant,
    )  # fmt: skip


def _variant(conditions: Conditions, chance: np.random.Generator, limits: BuildLimits) -> ProductVariant:
    """The first that can be built of the variants that are drawn."""
    for _ in range(TRIES):
        parameters = {name: _value(drawn, chance) for name, drawn in conditions.parameters.items()}
        try:
            return build_variant(conditions.family, parameters, limits)
        except Unbuildable as error:
            reason = error
    drawn = ", ".join(f"{name} {shown(value)}" for name, value in conditions.parameters.items())
    what = f"{conditions.family} of {drawn} can't be built, as {TRIES} tries tell; the last: {reason}"
    raise InputError(Problem("conditions", what, "change fewer parameters, or give them more room"))


def _value(drawn: Drawn, chance: np.random.Generator) -> Value:
    if not isinstance(drawn, tuple):
        return drawn
    if len(drawn) == 2 and all(isinstance(end, float) for end in drawn):
        return round(float(chance.uniform(*drawn)), 2)  # type: ignore[arg-type]
    if len(drawn) == 2 and all(isinstance(end, int) and not isinstance(end, bool) for end in drawn):
        return int(chance.integers(int(drawn[0]), int(drawn[1]) + 1))
    return drawn[int(chance.integers(len(drawn)))]


def narrowed(conditions: Conditions, changes: Mapping[str, Any]) -> Conditions:
    """The conditions with some of the parameters, or of their own numbers, set; a list for a parameter as
    :class:`Conditions` has tuples. Raises ``InputError`` for something else than a number, or than a number or two of
    them for what is drawn from where to where, for what is neither a parameter of the family nor a condition, and where
    no product is named."""
    own = {name: value for name, value in changes.items() if name in OWN}
    own |= {name: _number(name, own[name]) for name in ERRORS & own.keys()}
    own |= {name: _range(name, own[name]) for name in FACTORS & own.keys()}
    own |= {name: _word(name, own[name]) for name in WORDS & own.keys()}
    found = replace(conditions, **own)
    if not found.family:
        raise InputError(Problem("conditions", "are of no product, as they stand", "set family and its parameters"))
    family = family_of(found.family)
    drawn = {name: _drawn(family, name, value) for name, value in changes.items() if name not in OWN}
    return replace(found, parameters={**conditions.parameters, **drawn})


def changeable(family: Family) -> set[str]:
    """The names of what can be changed of conditions of a family: its parameters, and the conditions' own."""
    return OWN | family.parameters.keys() | family.derived.keys()


def _drawn(family: Family, name: str, value: Any) -> Drawn:
    """What a parameter is drawn from: a list of two numbers is from where to where, another one what there is."""
    if name not in changeable(family):
        what = f"is no parameter of a {family.name}, and no condition"
        raise InputError(Problem(f"conditions:{name}", what, nearest(name, changeable(family))))
    if not isinstance(value, list | tuple):
        return value  # type: ignore[no-any-return]
    kind = family.parameters[name].kind if name in family.parameters else "number"
    if kind == "word":
        fits = bool(value) and all(isinstance(one, str) for one in value)
    else:
        fits = len(value) > 1 and all(_counts(one, whole=kind == "integer") for one in value)
        fits = fits and (len(value) > 2 or value[0] <= value[1])
    if not fits:
        remedy = "write one value; or from where to where, as in [0.3, 0.6]; or several words to draw from"
        raise InputError(Problem(f"conditions:{name}", f"is {shown(tuple(value))}", remedy))
    return tuple(float(one) for one in value) if kind == "number" else tuple(value)


def _counts(value: Any, whole: bool) -> bool:
    """Whether a value is a number that a parameter may be, a ``whole`` one if it must."""
    return not isinstance(value, bool) and isinstance(value, int if whole else int | float) and 0 <= value < MOST


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise InputError(Problem(f"conditions:{name}", f"is {shown(value)}", "write a number that isn't negative"))
    return float(value)


def _word(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise InputError(Problem(f"conditions:{name}", f"is {shown(value)}", "write a name"))
    return value


def _range(name: str, value: Any) -> tuple[float, float]:
    ends = value if isinstance(value, list | tuple) else (value, value)
    if len(ends) != 2 or _number(name, ends[0]) > _number(name, ends[1]):
        what, remedy = f"is {shown(value)}", "write a number, or from where to where: [0.8, 1.2]"
        raise InputError(Problem(f"conditions:{name}", what, remedy))
    return float(ends[0]), float(ends[1])
