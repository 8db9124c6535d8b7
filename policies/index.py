"""What is known of an entry without having it: one row, and the index of many, which is all that a search needs."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from cells.description.documents import dotted, shown
from cells.description.fields import Integer, Name, Number
from cells.description.robot import ControlMode
from cells.errors import InputError, Problem
from cells.skills.policy import Kind
from policies.archive import MAX_ARCHIVE_BYTES
from policies.contents import EVALUATION, Read, sha256
from policies.entry import Licence, Nominal, Reference, Sha256, Strict
from policies.measured import Measured, measured
from policies.signature import signer

SCHEMA = "cellwright/zoo-index/v1"
# As in an entry, but told apart without Python, as an index has very many.
_Range = Annotated[
    Annotated[tuple[Number, Number], Field(strict=False)]
    | Annotated[tuple[Name, ...], Field(strict=False, min_length=1, max_length=32)],
    Field(union_mode="left_to_right"),
]
Ranges = dict[Name, dict[Name, _Range]]
MAX_ROW_BYTES, MAX_INDEX_BYTES = 200_000, 200_000_000
PUSHED = "ask whoever keeps this zoo to push the policy anew"


class Row(Strict):
    """An entry in short. ``archive`` is the SHA-256 of its archive, ``size`` how many bytes that has; ``key`` the
    public key that it is signed by ("" for none); ``measured`` is None for a policy that hasn't been evaluated. All
    else is as in ``policy.json``."""

    policy: Reference
    archive: Sha256
    size: Annotated[Integer, Field(ge=1, le=MAX_ARCHIVE_BYTES)]
    key: Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9+/]{43}=)?$")]
    kind: Kind
    capability: Name
    skill: Name
    nominal: Nominal
    robot: Name
    tool: Name
    control_mode: ControlMode
    policy_every: Annotated[Integer, Field(ge=1, le=1000)]
    trained: Ranges
    proven: Ranges
    measured: Measured | None
    licence: Licence

    @property
    def name(self) -> str:
        """The policy's name without its version."""
        return self.policy.partition("@")[0]

    @property
    def version(self) -> str:
        """The policy's version."""
        return self.policy.partition("@")[2]


class _Index(Strict):
    schema_: Literal["cellwright/zoo-index/v1"] = Field(alias="schema")
    policies: Annotated[tuple[Row, ...], Field(strict=False)]


def row_of(read: Read, archive: bytes) -> Row:
    """The row of an entry whose archive is this. Raises ``InputError`` for a signature or an evaluation that isn't
    true."""
    entry = read.entry
    same = ("kind", "capability", "skill", "nominal", "robot", "tool", "control_mode", "policy_every", "licence")
    return Row(
        policy=entry.reference, archive=sha256(archive), size=len(archive), key=signer(read.files),
        trained=entry.part_ranges.trained, proven=entry.part_ranges.proven,
        measured=measured(read.files[EVALUATION], EVALUATION), **{key: getattr(entry, key) for key in same},
    )  # fmt: skip


def row_json(row: Row) -> bytes:
    """A row as a file."""
    return row.model_dump_json(by_alias=True).encode() + b"\n"


def parse_row(raw: bytes, source: str) -> Row:
    """The row that a file is. Raises ``InputError`` for anything else, with its key."""
    return _parsed(Row, raw, source)  # type: ignore[no-any-return]


def index_json(rows: Iterable[Row]) -> bytes:
    """An index as a file: the same for the same rows."""
    ordered = sorted(rows, key=lambda row: row.policy)
    whole = _Index.model_construct(schema_=SCHEMA, policies=tuple(ordered))
    return whole.model_dump_json(by_alias=True).replace('{"policy":', '\n{"policy":').encode() + b"\n"


def parse_index(raw: bytes, source: str) -> tuple[Row, ...]:
    """The rows of an index. Raises ``InputError`` as :func:`parse_row`, and for a policy that is there twice."""
    rows: tuple[Row, ...] = _parsed(_Index, raw, source).policies
    if len({row.policy for row in rows}) != len(rows):
        raise InputError(Problem(source, "has a policy twice", PUSHED))
    return rows


@cache
def _adapter(model: type[Strict]) -> TypeAdapter[Any]:
    return TypeAdapter(model)


def _parsed(model: type[Strict], raw: bytes, source: str) -> Any:
    try:
        return _adapter(model).validate_json(raw, strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        what = "is missing" if first["type"] == "missing" else f"{shown(first['input'])} can't be: {first['msg']}"
        raise InputError(Problem(f"{source}:{dotted(first['loc'])}", what, PUSHED)) from None
