"""Types of the fields in files that people write: strict, finite, bounded, and documented for editors."""

from __future__ import annotations

import contextlib
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

Language = Literal["en", "zh", "de"]

# Numbers are never taken from text or booleans, and are always finite.
Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-1e6, le=1e6)]
Positive = Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0, le=1e6)]
NotNegative = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=1e6)]
Integer = Annotated[int, Field(strict=True)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
NAME_PATTERN = r"^[a-z][a-z0-9_-]{0,47}$"
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Labels = Annotated[
    dict[Language, Text], Field(min_length=1, description="what people call it, by language (en, zh, de)")
]
Millimetres3 = tuple[Number, Number, Number]


class Section(BaseModel):
    """A part of a file: frozen, and no key that nobody reads."""

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)


def _iso_date(value: Any) -> Any:
    # pydantic would also take a number as seconds since 1970.
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return date.fromisoformat(value)
    raise ValueError("write a day such as 2026-12-31")


IsoDate = Annotated[date, BeforeValidator(_iso_date)]
