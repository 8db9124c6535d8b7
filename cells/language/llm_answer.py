"""What a language model may answer, and how its answer becomes a reading in the names of a briefing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from cells.language.llm_prompt import MOST_CHARACTERS, Briefing
from cells.language.reading import Question, Reading, Refusal, Step

ANY = "part"  # the schema's word for any part
# The one text of an answer that is neither a name nor the operator's: too plain for a secret or a message to hide in.
WORD = re.compile("[a-z]{1,20}")
LOOKS = frozenset(("size", "color", "teeth", "dims_mm"))
HANDLED = LOOKS | {"from", "speed", "except", "if"}
# Params that a skill takes, where they aren't those of handling a part.
PARAMS = {
    "control": frozenset(("action",)),
    "query": LOOKS | {"about"},
    "move": frozenset(("speed", "if")),
    "assemble": frozenset(("speed", "if", "variant")),
    "disassemble": frozenset(("speed", "if")),
    "fasten": HANDLED | {"torque_nm"},
}


class _Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, str_max_length=MOST_CHARACTERS)


Number = Annotated[float, Field(ge=-1e6, le=1e6)]
Whole = Annotated[int, Field(ge=-1_000_000, le=1_000_000)]
Size = Literal["small", "medium", "large"]
Color = Literal["red", "blue", "green", "yellow", "black", "white"]


class Except(_Wire):
    """What is left out of all: one of the three."""

    size: Size | None = None
    color: Color | None = None
    object: str | None = None


class Dims(_Wire):
    """Measures of a part in millimetres."""

    diameter: Annotated[float, Field(gt=0, le=1e6)]


class Setting(_Wire):
    """A parameter of a product, and its value."""

    name: str
    value: Whole | Number | str


class Params(_Wire):
    """Only what was said."""

    size: Size | None = None
    color: Color | None = None
    teeth: Annotated[int, Field(ge=1, le=9999)] | None = None
    dims_mm: Dims | None = None
    source: str | None = Field(default=None, alias="from")
    torque_nm: Annotated[float, Field(gt=0, le=1e6)] | None = None
    speed: Literal["slow"] | None = None
    excepted: Except | None = Field(default=None, alias="except")
    condition: str | None = Field(default=None, alias="if")
    action: Literal["stop", "pause", "resume", "cancel", "repeat"] | None = None
    about: (
        Literal["count", "location", "status", "last_failure", "footprint", "energy", "throughput", "orders"] | None
    ) = None
    variant: Annotated[list[Setting], Field(max_length=20)] | None = None  # no mapping: strict modes know none


class PlanStep(_Wire):
    """One step of the instruction schema."""

    skill: str
    object: str | None = None
    target: str | None = None
    quantity: Annotated[int, Field(ge=1, le=9999)] | Literal["all"] | None = None
    params: Params = Params()


class Plan(_Wire):
    """The sentence says clearly what is to be done."""

    schema_version: Literal[1]
    steps: Annotated[list[PlanStep], Field(min_length=1, max_length=20)]


class Clarify(_Wire):
    """The operator has to be asked: what is missing, the words of the sentence in question (copied, or empty), and at
    most four names to choose from."""

    schema_version: Literal[1]
    code: Literal[
        "what", "where", "which", "which_gear", "which_tray", "which_parameter", "what_product", "what_to_do",
        "how_many", "how_often", "number", "condition", "dialogue", "question", "unknown_word", "not_understood",
    ]  # fmt: skip
    about: str = ""
    options: Annotated[list[str], Field(max_length=4)] = []


class Refuse(_Wire):
    """The cell won't: which rule, and the words of the sentence that it holds against (copied, or empty)."""

    schema_version: Literal[1]
    code: Literal["bypass", "capability", "harm", "throwing", "speed", "injection", "off_topic"]
    about: str = ""


def reading_of(answer: Plan | Clarify | Refuse, text: str, briefing: Briefing) -> Reading:
    """The reading that an answer to ``text`` stands for, of the types that the offline interpreter returns.

    Raises ``ValueError`` with all that is wrong, for the model to put right: names that aren't in the briefing, a step
    that no sentence is read as, words that aren't the operator's.
    """
    if isinstance(answer, Plan):
        faults = [f"steps[{i}]: {fault}" for i, step in enumerate(answer.steps) for fault in _faults(step, briefing)]
        if len(answer.steps) > 1 and any(step.skill == "control" for step in answer.steps):
            faults.append("a control step stands alone")
    else:
        said = " ".join(answer.about.casefold().split()) in " ".join(text.casefold().split())
        faults = [] if said else ["about: must be copied from the sentence, or empty"]
    if isinstance(answer, Clarify):
        known = {*_things(briefing), *briefing.stations, *get_args(Color), *get_args(Size)}
        known |= {name for parameters in briefing.products.values() for name in parameters}
        faults += [f"options: no name {option!r} in the data" for option in answer.options if option not in known]
    if faults:
        raise ValueError("; ".join(faults))
    if isinstance(answer, Plan):
        return tuple(
            Step(step.skill, step.object, step.target, step.quantity, _said(step), text) for step in answer.steps
        )
    if isinstance(answer, Clarify):
        return Question(answer.code, answer.about[:80], tuple(answer.options))
    return Refusal(answer.code, answer.about[:80])


def _things(briefing: Briefing) -> set[str]:
    return {*briefing.parts, *briefing.products, ANY}


def _faults(step: PlanStep, briefing: Briefing) -> Iterator[str]:
    """What is wrong with a step."""
    said, skill, params = _said(step), step.skill, step.params
    things, stations = _things(briefing), set(briefing.stations)
    targets: dict[str, set[str | None]] = {
        "place": {*stations},
        "move": {*stations, "home"},
        "handover": {"operator"},
        "insert": {*things, None},
        "fasten": {*things, None},
        "query": {*stations, None},
    }
    conditions = {"pass", "fail", *(f"not {station}_full" for station in stations)}
    aimless = skill in ("move", "control")
    counted = skill not in ("move", "query", "control") or params.action == "repeat"
    needs = {"control": "action", "query": "about"}.get(skill)
    checks = (
        (skill in {*briefing.skills, "control", "query"}, f"no skill {skill!r} in the data"),
        (step.object is None or step.object in things, f"no part or product {step.object!r} in the data"),
        (skill == "query" or (step.object is None) == aimless, f"{skill} {'has no' if aimless else 'needs an'} object"),
        (skill not in ("assemble", "disassemble") or step.object in briefing.products, f"{skill} needs a product"),
        (step.target in targets.get(skill, {None}), f"{step.target!r} is no target of {skill}"),
        (step.quantity is None or counted, f"{skill} has no quantity"),
        (step.quantity != "all" or skill not in ("assemble", "control"), f"{skill} needs a number"),
        (set(said) <= PARAMS.get(skill, HANDLED), f"{skill} takes no {sorted(set(said) - PARAMS.get(skill, HANDLED))}"),
        (needs is None or needs in said, f"{skill} needs params.{needs}"),
        (params.source is None or params.source in stations, f"no station {params.source!r} in the data"),
        (params.condition is None or params.condition in conditions, f"no condition {params.condition!r}"),
        (len(said.get("except", [ANY])) == 1, "except needs exactly one of size, color, object"),
        (params.excepted is None or params.excepted.object in {*things, None}, "except: no such part in the data"),
    )
    yield from (fault for fine, fault in checks if not fine)
    settings = params.variant or []
    if len({setting.name for setting in settings}) < len(settings):
        yield "variant says a parameter twice"
    for setting in settings:
        kind = briefing.products.get(step.object or "", {}).get(setting.name)
        if kind is None:
            yield f"no parameter {setting.name!r} of {step.object!r} in the data"
        elif not _is(kind, setting.value):
            yield f"variant: {setting.name} is of the kind {kind}"


def _is(kind: str, value: float | str) -> bool:
    if isinstance(value, str):
        return value in get_args(Color) if kind == "color" else kind == "word" and bool(WORD.fullmatch(value))
    return kind == "number" or (kind == "int" and value == int(value))


def _said(step: PlanStep) -> dict[str, Any]:
    """The params as the offline interpreter gives them: nothing that wasn't said, whole numbers as such."""
    said = step.params.model_dump(by_alias=True, exclude_none=True)
    if step.params.variant is not None:
        said["variant"] = {setting.name: _plain(setting.value) for setting in step.params.variant}
    return said


def _plain(value: float | str) -> float | str:
    return int(value) if isinstance(value, float) and value == int(value) else value
