"""A product family: parameters in, a built variant out; what can't be built is refused with what could be.

A family is one module: its data (inline or a YAML file), a ``build`` function for the geometry, and rules.
It is found by the entry-point group ``cellwright.families``.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import numbers
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cells.errors import InputError, Problem, Unbuildable
from cells.pose import Vector3
from cells.products.data import FamilyData, Parameter, PartData, Size
from cells.products.model import BomLine, Part, ProcessPlan, ProductVariant, Value

# Numbers are kept to a thousandth of their unit (1 µm), so that equal variants have equal hashes.
DECIMALS = 3
MOST = 1e15  # what a number may be

Parameters = Mapping[str, Value]
Built = tuple[Mapping[str, Part], tuple[BomLine, ...], ProcessPlan]


@dataclass(frozen=True, slots=True)
class BuildLimits:
    """What a cell can hold, in m; infinite where it isn't known. ``max_grip_width`` the gripper's opening,
    ``slot_x`` and ``slot_y`` the room of one tray slot, ``carton`` that between its carton's walls
    along x and y, and their height."""

    max_grip_width: float = math.inf
    slot_x: float = math.inf
    slot_y: float = math.inf
    carton: Vector3 = (math.inf, math.inf, 0.0)


@dataclass(frozen=True, slots=True)
class Rule:
    """``check`` gives the reason why parameters can't be built within limits, or ``None``; ``parameters`` are those
    that a change could cure."""

    parameters: tuple[str, ...]
    check: Callable[[Parameters, BuildLimits], str | None]


@dataclass(frozen=True, slots=True)
class Derivation:
    """How a number follows from the parameters that it is ``of``, all of them numbers. Where it is given, it decides
    those of them that aren't: the last of them alone, if that can be."""

    of: tuple[str, ...]
    value: Callable[[Parameters], float]


@dataclass(frozen=True, slots=True)
class Family:
    """A product family. ``build`` takes complete, valid parameters; ``conventions`` are what must be told with every
    result (how round shapes become convex pieces, say); ``derived`` numbers have the names that the data give them."""

    data: FamilyData
    build: Callable[[Parameters], Built]
    rules: tuple[Rule, ...] = ()
    conventions: tuple[str, ...] = ()
    derived: Mapping[str, Derivation] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.data.name

    @property
    def version(self) -> str:
        return self.data.version

    @property
    def labels(self) -> Mapping[str, str]:
        return self.data.labels

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        return self.data.parameters

    @property
    def parts(self) -> Mapping[str, PartData]:
        return self.data.parts

    @property
    def sizes(self) -> Mapping[str, Size]:
        return self.data.sizes


class VariantUnbuildable(Unbuildable):
    """``nearest`` holds the smallest changes that make the variant buildable, each a mapping of parameters to their
    new values; empty if there is none."""

    def __init__(self, problems: Sequence[Problem], nearest: tuple[Parameters, ...]) -> None:
        super().__init__(*problems)
        self.nearest = nearest


def build(family: Family, given: Parameters, limits: BuildLimits | None = None) -> ProductVariant:
    """The variant of a family. Raises as :func:`resolve` does."""
    parameters = resolve(family, given, limits)
    parts, bom, process = family.build(parameters)
    derived = {name: _rounded(number.value(parameters)) for name, number in family.derived.items()}
    return ProductVariant(
        family.name, family.version, parameters, variant_hash(family, parameters), parts, bom, process, derived
    )


def variant_hash(family: Family, parameters: Parameters) -> str:
    """SHA-256 (hex) of family, version and complete parameters."""
    content = {"family": family.name, "version": family.version, "parameters": dict(parameters)}
    return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()


def resolve(family: Family, given: Parameters, limits: BuildLimits | None = None) -> dict[str, Value]:
    """Complete parameters: the given ones checked, what a given derived number asks for, defaults for the rest; in the
    family's order.

    Raises ``InputError`` naming every unknown parameter and wrong type, or ``VariantUnbuildable`` naming every value
    out of range and every broken rule, with the nearest buildable values.
    """
    if not isinstance(given, Mapping):
        raise InputError(Problem(family.name, "parameters are not a mapping", "write them as `name: value`"))
    within = limits or BuildLimits()
    typed = _typed(family, given)
    for name in (name for name in family.derived if name in given):
        typed |= _meeting(family, name, given, typed, within)
    values = {name: _clamped(parameter, typed[name]) for name, parameter in family.parameters.items()}
    moved = {name: value for name, value in values.items() if value != _kept(typed[name])}
    broken = [(rule, why) for rule in family.rules if (why := rule.check(values, within))]
    if not broken and not moved:
        return values
    nearest = tuple({**moved, **change} for change in _cures(family, values, broken, within)) if broken else (moved,)
    nearest = tuple(change | _derived_of(family, given, {**values, **change}) for change in nearest)
    remedy = "nearest: " + ", or ".join(_listed(change) for change in nearest) if nearest else "choose another cell"
    out_of_range = [
        Problem(
            f"{family.name}:{name}",
            f"{shown(typed[name])} can't be built, only {family.parameters[name].range_text()}",
            remedy,
        )
        for name in moved
    ]
    impossible = [Problem(f"{family.name}:{'+'.join(rule.parameters)}", why, remedy) for rule, why in broken]
    raise VariantUnbuildable((*out_of_range, *impossible), nearest)


def shown(raw: object) -> str:
    """A short text of any value, also of a hostile one."""
    if isinstance(raw, int) and abs(raw) >= 10**15:
        return "an integer of more than 15 digits"
    text = repr(raw)
    return text if len(text) <= 40 else text[:37] + "…"


def _typed(family: Family, given: Parameters) -> dict[str, Value]:
    """Every parameter with a value of its kind, ranges not yet looked at."""
    known = ", ".join((*family.parameters, *family.derived))
    problems = [
        Problem(f"{family.name}:{shown(name)}", "is not a parameter", f"use one of {known}")
        for name in given
        if name not in family.parameters and name not in family.derived
    ]
    typed: dict[str, Value] = {}
    for name, parameter in family.parameters.items():
        raw = given.get(name, parameter.default)
        if _has_kind(parameter, raw):
            typed[name] = raw
        else:
            remedy = f"use {parameter.range_text()}"
            problems.append(Problem(f"{family.name}:{name}", f"{shown(raw)} is of the wrong kind", remedy))
    if problems:
        raise InputError(*problems)
    return typed


def _meeting(family: Family, name: str, given: Parameters, typed: Parameters, limits: BuildLimits) -> dict[str, Value]:
    """Values with which a derived number is what is ``given``, of as few as can be of those parameters that aren't, as
    near to their defaults as can be; if possible such that no rule is broken. Raises ``InputError`` for what isn't a
    number, ``VariantUnbuildable`` for one that can't be met, with the nearest that can be built."""
    number, wanted = family.derived[name], given[name]
    if not isinstance(wanted, numbers.Real) or isinstance(wanted, bool) or not abs(wanted) < MOST:
        remedy = f"use a number, or leave it out and give {' and '.join(number.of)}"
        raise InputError(Problem(f"{family.name}:{name}", f"{shown(wanted)} is of the wrong kind", remedy))
    values = {of: _clamped(parameter, typed[of]) for of, parameter in family.parameters.items()}
    free = [of for of in reversed(number.of) if of not in given]
    options = [change for count in range(len(free) + 1) for change in _changes(family, values, free, count)]
    made = [_rounded(number.value(values | change)) for change in options]
    meeting = [change for change, value in zip(options, made, strict=True) if value == _rounded(wanted)]
    if meeting:
        return next((change for change in meeting if _obeys(family, values | change, limits)), meeting[0])
    by_distance = sorted(zip(options, made, strict=True), key=lambda option: abs(option[1] - wanted))
    change, closest = next((o for o in by_distance if _obeys(family, values | o[0], limits)), by_distance[0])
    nearest = {name: closest} | {of: (values | change)[of] for of in number.of if of in free}
    given_ones = _listed({of: values[of] for of in number.of})
    why = f"no {' and '.join(free)} in range make it {wanted:g}" if free else f"{given_ones} make it {closest:g}"
    remedy = f"nearest: {_listed(nearest)}" + ("" if free else ", or leave one of them out")
    raise VariantUnbuildable((Problem(f"{family.name}:{name}", why, remedy),), (nearest,))


def _changes(family: Family, values: Parameters, names: Sequence[str], count: int) -> Iterator[dict[str, Value]]:
    """All changes of ``count`` of these parameters, for each choice of them the smallest first."""
    for chosen in itertools.combinations(names, count):
        options = itertools.product(*(family.parameters[name].candidates() for name in chosen))
        for option in sorted(options, key=lambda option: _distance(family, values, chosen, option)):
            yield dict(zip(chosen, option, strict=True))


def _obeys(family: Family, values: Parameters, limits: BuildLimits) -> bool:
    """Whether complete parameters break no rule."""
    return not any(rule.check(values, limits) for rule in family.rules)


def _derived_of(family: Family, given: Parameters, values: Parameters) -> dict[str, Value]:
    """What those derived numbers that are given become with other values."""
    return {name: _rounded(number.value(values)) for name, number in family.derived.items() if name in given}


def _rounded(value: float) -> float:
    return round(float(value), DECIMALS)


def _has_kind(parameter: Parameter, raw: object) -> bool:
    if parameter.kind == "word":
        return isinstance(raw, str) and raw in parameter.choices
    if isinstance(raw, bool):
        return False
    if parameter.kind == "integer":
        return isinstance(raw, numbers.Integral)
    return isinstance(raw, numbers.Integral) or (isinstance(raw, numbers.Real) and math.isfinite(raw))


def _clamped(parameter: Parameter, value: Value) -> Value:
    """The nearest value in range, in the parameter's own type."""
    if isinstance(value, str):
        return value
    inside = min(max(value, parameter.min), parameter.max)
    return int(inside) if parameter.kind == "integer" else round(float(inside), DECIMALS) + 0.0


def _kept(value: Value) -> Value:
    """A number to the resolution at which numbers are kept."""
    return round(float(value), DECIMALS) if isinstance(value, float) else value


def _cures(
    family: Family, values: Parameters, broken: Sequence[tuple[Rule, str]], limits: BuildLimits
) -> Iterator[dict[str, Value]]:
    """The smallest changes of one parameter (else of two) after which no rule is broken."""
    names = list(dict.fromkeys(name for rule, _ in broken for name in rule.parameters))
    for count in (1, 2):
        cures: dict[tuple[str, ...], dict[str, Value]] = {}
        for change in _changes(family, values, names, count):
            if tuple(change) not in cures and _obeys(family, {**values, **change}, limits):
                cures[tuple(change)] = change
        yield from cures.values()
        if cures:
            return


def _distance(family: Family, values: Parameters, names: Sequence[str], option: Sequence[Value]) -> float:
    """How far an option is from the values, each parameter in parts of its range."""
    total = 0.0
    for name, new in zip(names, option, strict=True):
        parameter, old = family.parameters[name], values[name]
        if isinstance(new, str) or isinstance(old, str):
            total += new != old
        else:
            total += abs(new - old) / max(parameter.max - parameter.min, 1e-9)
    return total


def _listed(change: Parameters) -> str:
    return " and ".join(f"{name} {value}" for name, value in change.items())
