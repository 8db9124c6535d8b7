"""What ``policy.json`` says: whose policy this is, what it sees and does, where it was proven, and how it was made.

The model is strict: no key is unknown, none has a default, no number comes from text, and all are finite. What a model
of single fields can't say is in :func:`contradictions`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, StringConstraints, Tag, ValidationError

from cells.description.documents import dotted, shown
from cells.description.fields import Integer, Name, NotNegative, Number, Section, Text
from cells.description.robot import ControlMode
from cells.errors import InputError, Problem
from cells.skills.policy import Component, Kind, Space

SCHEMA = "cellwright/policy/v2"
ANEW = "fetch the entry anew, or train it again"
MOST_PROBLEMS = 20

Version = Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,5})(\.(0|[1-9][0-9]{0,5})){2}$")]
Nominal = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,47}@[1-9][0-9]{0,5}$")]
# name@version of another policy.
Reference = Annotated[
    str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,47}@(0|[1-9][0-9]{0,5})(\.(0|[1-9][0-9]{0,5})){2}$")
]
MAX_COMMAND = 2000  # characters
Command = Annotated[str, StringConstraints(min_length=1, max_length=MAX_COMMAND, pattern=r"^[^\x00-\x1f\x7f]+$")]
# An expression of SPDX identifiers: "Apache-2.0", "CC-BY-4.0 OR MIT".
Licence = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+() -]{0,99}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
FileName = Literal[
    "weights.safetensors", "policy.onnx", "evaluation.json", "replay.npz", "card.md", "success.png", "filmstrip.png"
]
# JSON has lists only; their items stay strict.
Numbers = Annotated[tuple[Number, ...], Field(strict=False, max_length=512)]


def _kind_of_range(values: Any) -> str:
    return "words" if isinstance(values, list | tuple) and values and isinstance(values[0], str) else "numbers"


# Of a parameter that is a number from where to where, of one that is a word which words.
Range = Annotated[
    Annotated[tuple[Number, Number], Field(strict=False), Tag("numbers")]
    | Annotated[tuple[Name, ...], Field(strict=False, min_length=1, max_length=32), Tag("words")],
    Discriminator(_kind_of_range),
]
Ranges = dict[Name, dict[Name, Range]]


class Strict(Section):
    """A part of ``policy.json``: every value has its type already."""

    model_config = ConfigDict(strict=True)


class Part(Strict):
    """A component of observation or action: each number of it lies within its ``low`` and ``high``, both in ``unit``
    (SI, "1" where there is none) and given in ``frame`` ("" where there is none)."""

    name: Name
    unit: Text
    frame: Annotated[str, StringConstraints(max_length=48)]
    low: Numbers
    high: Numbers
    about: Text


Parts = Annotated[tuple[Part, ...], Field(strict=False, max_length=64)]


class Normaliser(Strict):
    """The network is given (observation - ``mean``) / ``scale``: one number of each, in the component's unit, for each
    number of the observation."""

    mean: Numbers
    scale: Numbers


class PartRanges(Strict):
    """Parameters of the parts, by product family: where the policy was trained, and where it was proven. Units are in
    the parameters' names, as in the family."""

    trained: Ranges
    proven: Ranges


class Training(Strict):
    """How to make the policy again: the ``command`` with its ``seed``, what it was allowed (``budget_s``, wall clock)
    and what it took (``cpu_s``, seconds of one core; ``steps`` of the environment), by which ``code_version``."""

    command: Command
    seed: Annotated[Integer, Field(ge=0)]
    budget_s: NotNegative
    cpu_s: NotNegative
    steps: Annotated[Integer, Field(ge=0)]
    code_version: Text


class Entry(Strict):
    """One version of one policy.

    ``version`` is that of SemVer 2.0 without pre-release and build. ``capability`` is what a process step asks for, and
    ``skill`` what has it. ``policy_every`` is the control ticks of one policy tick. ``parameters`` are the values of a
    policy of that kind, by the action component that each one is, in its unit; other kinds have none. ``parents`` are
    the policies that this one was made from. ``files`` tells the SHA-256 of every file beside ``policy.json``.
    """

    schema_: Literal["cellwright/policy/v2"] = Field(alias="schema")
    name: Name
    version: Version
    kind: Kind
    capability: Name
    skill: Name
    nominal: Nominal
    robot: Name
    tool: Name
    control_mode: ControlMode
    policy_every: Annotated[Integer, Field(ge=1, le=1000)]
    observation: Parts
    action: Annotated[Parts, Field(min_length=1)]
    normaliser: Normaliser
    parameters: dict[Name, Number]
    part_ranges: PartRanges
    training: Training
    licence: Licence
    parents: Annotated[tuple[Reference, ...], Field(strict=False, max_length=64)]
    files: dict[FileName, Sha256]

    @property
    def reference(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"


def parts(space: Space) -> list[dict[str, Any]]:
    """The components of a skill's space as ``policy.json`` has them."""
    names = Component.__dataclass_fields__
    return [{name: getattr(component, name) for name in names} for component in space.components]


def space(entry_parts: tuple[Part, ...]) -> Space:
    """What the entry says of observation or action, as a space."""
    return Space(tuple(Component(**part.model_dump()) for part in entry_parts))


def as_json(entry: Entry) -> bytes:
    """``policy.json`` of an entry."""
    return (entry.model_dump_json(by_alias=True, indent=2) + "\n").encode()


def parse_entry(raw: bytes, source: str) -> Entry:
    """The entry that ``policy.json`` is. Raises ``InputError`` with everything that is wrong, each with its key."""
    data = parse_json(raw, source)
    try:
        entry = Entry.model_validate(data)
    except ValidationError as error:
        raise InputError(*(_problem(item, source) for item in error.errors()[:MOST_PROBLEMS])) from None
    if problems := list(contradictions(entry, source))[:MOST_PROBLEMS]:
        raise InputError(*problems)
    return entry


def parse_json(raw: bytes, source: str) -> dict[str, Any]:
    """A file that holds one JSON object. Raises ``InputError`` for anything else, deep nesting, a key written twice and
    numbers that aren't finite."""
    try:
        data = json.loads(raw.decode(), object_pairs_hook=_once, parse_constant=_not_finite)
    except RecursionError:
        raise InputError(Problem(source, "is nested too deeply", ANEW)) from None
    except ValueError as error:  # not UTF-8, not JSON, or refused by a hook
        raise InputError(Problem(source, f"is not valid JSON: {shown(str(error))}", ANEW)) from None
    if not isinstance(data, dict):
        raise InputError(Problem(source, f"holds {shown(data)}, not an object", ANEW))
    return data


def contradictions(entry: Entry, source: str) -> Iterator[Problem]:
    """What can't be true together, though each value may be right in itself."""
    for key, components in (("observation", entry.observation), ("action", entry.action)):
        yield from _odd_components(components, f"{source}:{key}")
    size = space(entry.observation).size
    for key, numbers in (("mean", entry.normaliser.mean), ("scale", entry.normaliser.scale)):
        if len(numbers) != size:
            what = f"holds {len(numbers)} numbers for {size} of the observation"
            yield Problem(f"{source}:normaliser.{key}", what, ANEW)
    if not all(entry.normaliser.scale):
        yield Problem(f"{source}:normaliser.scale", "holds a zero, by which nothing can be divided", ANEW)
    for key, ranges in (("trained", entry.part_ranges.trained), ("proven", entry.part_ranges.proven)):
        for family, parameters in ranges.items():
            for name, values in parameters.items():
                low, high = values[0], values[-1]
                if not isinstance(low, str) and not isinstance(high, str) and low > high:
                    where = f"{source}:part_ranges.{key}.{family}.{name}"
                    yield Problem(where, f"begins at {low:g}, above its end {high:g}", ANEW)
    yield from _odd_parameters(entry, source)


def _odd_components(components: tuple[Part, ...], where: str) -> Iterator[Problem]:
    names = [part.name for part in components]
    for part in components:
        if names.count(part.name) > 1:
            yield Problem(f"{where}.{part.name}", "is there twice", ANEW)
        if not part.low or len(part.low) != len(part.high):
            what = f"has {len(part.low)} numbers, 'high' has {len(part.high)}"
            yield Problem(f"{where}.{part.name}.low", what, ANEW)
        elif any(low > high for low, high in zip(part.low, part.high, strict=True)):
            yield Problem(f"{where}.{part.name}.low", "is above 'high'", ANEW)


def _odd_parameters(entry: Entry, source: str) -> Iterator[Problem]:
    if entry.kind != "parameters":
        if entry.parameters:
            yield Problem(f"{source}:parameters", f"has values, which a policy of kind {entry.kind} has not", ANEW)
        if not entry.observation:
            yield Problem(f"{source}:observation", f"is empty, but a policy of kind {entry.kind} sees something", ANEW)
        return
    if entry.observation:
        yield Problem(f"{source}:observation", "isn't empty, but parameters see nothing", ANEW)
    for part in entry.action:
        value = entry.parameters.get(part.name)
        where = f"{source}:parameters.{part.name}"
        if len(part.low) != 1:
            yield Problem(f"{source}:action.{part.name}.low", "isn't one number, as each parameter is", ANEW)
        elif value is None:
            yield Problem(where, "is missing", ANEW)
        elif not part.low[0] <= value <= part.high[0]:
            yield Problem(where, f"is {value:g}, not within {part.low[0]:g} to {part.high[0]:g} {part.unit}", ANEW)
    for name in entry.parameters.keys() - {part.name for part in entry.action}:
        yield Problem(f"{source}:parameters.{name}", "is no component of the action", ANEW)


def _problem(error: Any, source: str) -> Problem:
    where = f"{source}:{dotted(error['loc'])}"
    if error["type"] == "missing":
        return Problem(where, "is missing", ANEW)
    if error["type"] == "extra_forbidden":
        return Problem(where, "is an unknown key", ANEW)
    rule = error["msg"].replace("Input", "it").replace("String", "it")
    return Problem(where, f"is {shown(error['input'])}, and {rule}", ANEW)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise ValueError("a key is written twice in one object")
    return data


def _not_finite(name: str) -> None:
    raise ValueError(f"{name} is not a finite number")
