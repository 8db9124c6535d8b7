"""From a document to a checked model; everything wrong with it at once, each with its place and a remedy."""

from __future__ import annotations

import contextlib
import difflib
import types
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, TypeAdapter, ValidationError

from cells.description.documents import Document, Key, shown
from cells.description.fields import NAME_PATTERN
from cells.errors import InputError, Problem

MAX_PROBLEMS = 50

M = TypeVar("M", bound=BaseModel)

_WANTED = {
    "int_type": "a whole number", "int_from_float": "a whole number", "float_type": "a number",
    "finite_number": "a finite number", "string_type": "text", "bool_type": "true or false",
    "dict_type": "a mapping (lines 'key: value', indented)", "model_type": "a mapping (lines 'key: value', indented)",
    "model_attributes_type": "a mapping (lines 'key: value', indented)", "list_type": "a list", "tuple_type": "a list",
}  # fmt: skip
_RULES = {NAME_PATTERN: "up to 48 of a-z, 0-9, '_' and '-', a letter first"}
_BOUNDS = {"greater_than": "greater than {gt:g}", "greater_than_equal": "at least {ge:g}",
           "less_than": "less than {lt:g}", "less_than_equal": "at most {le:g}"}  # fmt: skip


def validated(model: type[M], document: Document) -> M:
    """The document as a ``model``. Raises ``InputError`` with every problem, the YAML's own included."""
    value, problems = attempt(model, document)
    if value is None or problems:
        raise InputError(*problems)
    return value


def attempt(model: type[M], document: Document) -> tuple[M | None, list[Problem]]:
    """The document as a ``model`` if that's possible at all, and every problem (at most ``MAX_PROBLEMS``)."""
    value, found = None, list(document.problems)
    if not isinstance(document.data, dict):
        what = "is empty" if document.data is None else f"holds {shown(document.data)}"
        found.append(Problem(document.source, what, "write lines 'key: value', beginning with 'schema: ...'"))
        return None, found
    try:
        value = model.model_validate(document.data)
    except ValidationError as error:
        places = {problem.where for problem in found}
        translated = (_translate(model, document, item) for item in error.errors() if not _echo(item))
        found += [problem for problem in translated if problem.where not in places]
    if len(found) > MAX_PROBLEMS:
        rest = Problem(document.source, f"has {len(found) - MAX_PROBLEMS} problems more", "correct these first")
        found = [*found[:MAX_PROBLEMS], rest]
    return value, found


def valid_fields(model: type[BaseModel], data: Any) -> dict[str, Any]:
    """The fields of a model that are right in themselves, by name, where ``data`` as a whole isn't."""
    found: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        key = info.alias or name
        if isinstance(data, dict) and key in data:
            with contextlib.suppress(ValidationError):
                kind: Any = Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation
                found[name] = TypeAdapter(kind).validate_python(data[key])
    return found


def nearest(word: str, known: Iterable[str]) -> str:
    """The remedy for an unknown name: the likeliest known one and the whole list, if it is short."""
    names = sorted(known)
    close = difflib.get_close_matches(word[:80], names, n=1, cutoff=0.5)
    guess = f"did you mean {close[0]!r}? " if close else ""
    return f"{guess}known: {', '.join(names[:30])}" if names else "none is known here"


def _translate(model: type[BaseModel], document: Document, error: Any) -> Problem:
    key = _key(document.data, error["loc"])
    kind, context, value = error["type"], error.get("ctx", {}), error["input"]
    name = str(key[-1]) if key else ""
    if kind == "missing" and isinstance(key[-1], int):
        return document.problem(key[:-1], f"holds {_count(value)}", "write those that are missing")
    if kind == "missing":
        return document.problem(key, "is missing", f"add '{name}: ...'{_meaning(model, error['loc'])}")
    if kind == "extra_forbidden":
        return document.problem(key, "is an unknown key", nearest(name, _allowed(model, error["loc"][:-1])))
    if error["loc"] and error["loc"][-1] == "[key]":
        return document.problem(key, "is not a possible name here", f"rename it: {_rule(context)}")
    if kind in ("too_short", "too_long"):
        bound = f"at least {context['min_length']}" if kind == "too_short" else f"at most {context['max_length']}"
        return document.problem(key, f"holds {_count(value)}", f"write {bound}")
    if kind == "string_pattern_mismatch":
        return document.problem(key, f"is {shown(value)}", f"write {_rule(context)}{_meaning(model, error['loc'])}")
    if kind == "float_type" and isinstance(value, str) and value[:1].isdigit():
        return document.problem(key, f"is {shown(value)}", "write the number alone: its unit is in the key's name")
    if kind in _WANTED:
        return document.problem(key, f"is {shown(value)}", f"write {_WANTED[kind]}{_meaning(model, error['loc'])}")
    if kind in _BOUNDS:
        return document.problem(key, f"is {shown(value)}", f"write a value {_BOUNDS[kind].format(**context)}")
    if kind in ("literal_error", "union_tag_invalid"):
        expected = context.get("expected") or context.get("expected_tags")
        tag = (*key, "kind") if kind == "union_tag_invalid" else key
        got = value.get("kind") if kind == "union_tag_invalid" and isinstance(value, dict) else value
        return document.problem(tag, f"is {shown(got)}", f"write one of {expected}")
    if kind == "union_tag_not_found":
        return document.problem((*key, "kind"), "is missing", "add 'kind: ...'")
    return document.problem(key, f"is {shown(value)}: {_plain(error)}", f"correct it{_meaning(model, error['loc'])}")


def _echo(error: Any) -> bool:
    """Whether an error only repeats another: a list too short as some of its items were wrong, or several missing."""
    if error["type"] == "too_short":
        return bool(len(error["input"]) >= error["ctx"]["min_length"])
    return error["type"] == "missing" and isinstance(error["loc"][-1], int) and error["loc"][-1] > len(error["input"])


def _count(values: Any) -> str:
    return f"{len(values)} value{'' if len(values) == 1 else 's'}"


def _plain(error: Any) -> str:
    message: str = error["msg"].removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _rule(context: dict[str, Any]) -> str:
    """In words, what a text must be like."""
    if "expected" in context:
        return f"one of {context['expected']}"
    return _RULES.get(context.get("pattern", ""), "plain text on one line, without special characters")


def _key(data: Any, loc: Sequence[str | int]) -> Key:
    """pydantic's location as a key of the file: without the names of union members, which the file doesn't have."""
    key: list[str | int] = []
    tagged = False
    for part in loc:
        if part == "[key]":
            continue
        if isinstance(data, dict) and not tagged and part == data.get("kind"):
            tagged = True
            continue
        key.append(part)
        tagged = False
        if isinstance(data, dict):
            data = data.get(part) if isinstance(part, str) else None
        elif isinstance(data, list):
            data = data[part] if isinstance(part, int) and part < len(data) else None
    return tuple(key)


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models that a field's type may hold, unwrapped from Annotated, unions, dict and tuple."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _models(arguments[0])
    if origin in (Union, types.UnionType, dict, tuple, list):
        return [model for argument in arguments for model in _models(argument)]
    return []


def _holders(model: type[BaseModel], loc: Sequence[str | int]) -> list[type[BaseModel]]:
    """The models that stand at a location."""
    holders = [model]
    for part in loc:
        every = [item for holder in holders for item in holder.model_fields.items()]
        fields = [info for name, info in every if part in (name, info.alias)]
        if fields:
            holders = [found for info in fields for found in _models(info.annotation)]
        else:
            # A key of a dict, an index, or the tag of a union member: the latter narrows the choice.
            holders = [holder for holder in holders if part == _tag(holder)] or holders
    return holders


def _tag(model: type[BaseModel]) -> str | None:
    info = model.model_fields.get("kind")
    arguments = get_args(info.annotation) if info else ()
    return arguments[0] if len(arguments) == 1 else None


def _allowed(model: type[BaseModel], loc: Sequence[str | int]) -> set[str]:
    return {info.alias or name for holder in _holders(model, loc) for name, info in holder.model_fields.items()}


def _meaning(model: type[BaseModel], loc: Sequence[str | int]) -> str:
    """What a field means, in brackets, from its description; empty where it has none."""
    for end in range(len(loc), 0, -1):
        for holder in _holders(model, loc[: end - 1]):
            for name, info in holder.model_fields.items():
                if loc[end - 1] in (name, info.alias):
                    return f" ({info.description})" if info.description else ""
    return ""
