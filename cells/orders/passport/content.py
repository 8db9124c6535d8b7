"""The hash over a passport's content, independent of the file it is stored in (AASX or JSON)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

CONTENT_HASH = "ContentHash"


def content_hash(objects: Iterable[Any]) -> str:
    """SHA-256 over the canonical JSON of shell and submodels, without the element that holds this hash.

    Named elements and the shell's references count in any order, as the metamodel has it.
    """
    from basyx.aas.adapter.json.json_serialization import AASToJsonEncoder

    whole = [json.loads(json.dumps(item, cls=AASToJsonEncoder)) for item in objects]
    whole.sort(key=lambda item: str(item["id"]))
    plain = json.dumps(_canonical(whole), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(plain.encode()).hexdigest()


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unordered(item) if key == "submodels" else _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        kept = [_canonical(item) for item in value if _name(item) != CONTENT_HASH]
        named = kept and all(_name(item) for item in kept)
        return sorted(kept, key=lambda item: str(item["idShort"])) if named else kept
    return value


def _name(item: Any) -> Any:
    return item.get("idShort") if isinstance(item, dict) else None


def _unordered(references: list[Any]) -> list[Any]:
    return sorted(references, key=lambda item: json.dumps(item, sort_keys=True))
