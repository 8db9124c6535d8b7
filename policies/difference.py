"""How two entries differ, key by key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from policies.contents import DESCRIPTION, EVALUATION, Read
from policies.entry import parse_json

MISSING = "-"


def differences(ours: Read, theirs: Read) -> list[tuple[str, str, str]]:
    """Each key of ``policy.json`` and of ``evaluation.json`` whose value isn't the same, and both values; the hashes of
    files tell which of these differ."""
    return [
        (f"{name}:{key}", a, b)
        for name in (DESCRIPTION, EVALUATION)
        for key, a, b in _different(parse_json(ours.files[name], name), parse_json(theirs.files[name], name))
    ]


def _different(ours: Any, theirs: Any) -> Iterator[tuple[str, str, str]]:
    a, b = dict(_leaves(ours, "")), dict(_leaves(theirs, ""))
    for key in a | b:
        if a.get(key, MISSING) != b.get(key, MISSING):
            yield key, a.get(key, MISSING), b.get(key, MISSING)


def _leaves(value: Any, key: str) -> Iterator[tuple[str, str]]:
    """Dotted keys and their values as text. Components of observation and action are called by their names."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else name)
    elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        for number, item in enumerate(value):
            yield from _leaves(item, f"{key}.{item.get('name', number)}")
    else:
        yield key, value if isinstance(value, str) else json.dumps(value)
