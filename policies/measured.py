"""What an entry's ``evaluation.json`` says in short: of how many episodes how many succeeded, and in what time."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cells.description.documents import dotted, shown
from cells.description.fields import Integer, NotNegative, Text
from cells.errors import InputError, Problem
from policies.entry import ANEW, Strict, parse_json

Share = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=1)]


class Measured(Strict):
    """``successes`` of ``episodes`` of a ``task`` under ``conditions``; the true share is at least ``lower`` (one-sided
    95 %), and a success took ``time_s`` on average, None where there was none."""

    task: Text
    conditions: Text
    successes: Annotated[Integer, Field(ge=0)]
    episodes: Annotated[Integer, Field(ge=1, le=1_000_000)]
    lower: Share
    time_s: NotNegative | None


class _Lax(BaseModel):
    """A part of the file of which only some keys are read here."""

    model_config = ConfigDict(strict=True)


class _Asked(_Lax):
    task: Text
    conditions: Text


class _Success(_Lax):
    count: Annotated[Integer, Field(ge=0)]
    of: Annotated[Integer, Field(ge=1, le=1_000_000)]
    share: Share
    lower: Share


class _Result(_Lax):
    success: _Success
    time_s: NotNegative | None


class _Evaluation(_Lax):
    schema_: Literal["cellwright/evaluation/v1"] = Field(alias="schema")
    asked: _Asked
    result: _Result


def measured(raw: bytes, source: str) -> Measured | None:
    """What ``evaluation.json`` tells; None for ``{}``, which says that the policy hasn't been evaluated. Raises
    ``InputError`` with the key of what can't be true."""
    data = parse_json(raw, source)
    if not data:
        return None
    try:
        found = _Evaluation.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        what = f"is {shown(first['input'])}, and {first['msg'].replace('Input', 'it')}"
        if first["type"] == "missing":
            what = "is missing"
        raise InputError(Problem(f"{source}:{dotted(first['loc'])}", what, ANEW)) from None
    success = found.result.success
    if success.count > success.of or not success.lower <= success.share + 1e-9:
        what = f"says {success.count} of {success.of}, at least {success.lower:g}, which can't be"
        raise InputError(Problem(f"{source}:result.success", what, ANEW))
    return Measured(
        task=found.asked.task, conditions=found.asked.conditions, successes=success.count, episodes=success.of,
        lower=success.lower, time_s=found.result.time_s,
    )  # fmt: skip
