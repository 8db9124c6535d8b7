"""Options of the form ``a.b=1`` that change a document before it is checked; problems then name the option."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cells.description.documents import Document, Key, parse_document, shown
from cells.errors import InputError, Problem

MAX_OVERRIDES = 200
MAX_LENGTH = 2000
MAX_PARTS = 12


def overridden(document: Document, options: Sequence[str]) -> Document:
    """The document with each ``a.b=value`` applied, values read as YAML, list items by number from 0
    (``items.0.parameters.pegs=4``). Mappings that are missing on the way are added, list items aren't.
    Raises ``InputError`` naming every option that can't be applied."""
    if len(options) > MAX_OVERRIDES:
        raise InputError(Problem("--set", f"is given {len(options)} times", f"give it at most {MAX_OVERRIDES} times"))
    data = copy.deepcopy(document.data)
    keys: dict[Key, str] = dict(document.overridden)
    problems: list[Problem] = []
    for option in options:
        where = f"--set {shown(option)[1:-1]}"
        try:
            path, value = _split(option, where)
            key = _put(data, path, value, where)
        except InputError as error:
            problems += error.problems
            continue
        # What an earlier option set further down is replaced too.
        keys = {known: option for known, option in keys.items() if known[: len(key)] != key} | {key: where}
    if problems:
        raise InputError(*problems)
    return replace(document, data=data, overridden=keys)


def _split(option: str, where: str) -> tuple[list[str], Any]:
    name, equals, text = option.partition("=")
    path = name.strip().split(".")
    if not equals or not all(path) or len(path) > MAX_PARTS or len(option) > MAX_LENGTH:
        raise InputError(Problem(where, "can't be read", "write key=value, for example items.0.quantity=3"))
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        raise InputError(Problem(where, "is not UTF-8 text", "type the value again")) from None
    read = parse_document(raw, where)
    if read.problems:
        raise InputError(*(Problem(where, problem.what, problem.remedy) for problem in read.problems))
    return path, read.data


def _put(data: Any, path: list[str], value: Any, where: str) -> Key:
    key: list[str | int] = []
    for depth, part in enumerate(path):
        last = depth == len(path) - 1
        inside = ".".join(path[:depth]) or "the file"
        if isinstance(data, list):
            index = int(part) if part.isascii() and part.isdigit() and len(part) < 6 else len(data)
            if index >= len(data):
                what = f"{inside} is a list of {len(data)} and has no item {shown(part)}"
                raise InputError(Problem(where, what, "count items from 0; add new ones in the file"))
            key.append(index)
            if last:
                data[index] = value
            data = data[index]
        elif isinstance(data, dict):
            key.append(part)
            if last:
                data[part] = value
            elif data.get(part) is None:
                data[part] = {}
            data = data[part]
        else:
            what = f"{inside} is {shown(data)}, so nothing inside it can be set"
            raise InputError(Problem(where, what, "correct the key"))
    return tuple(key)
