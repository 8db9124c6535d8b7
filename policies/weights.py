"""``weights.safetensors`` read without torch, and held against the network that is run: they are the same numbers.

The format is eight bytes that tell the length of a header, the header (JSON: of each tensor its type, shape and where
its bytes are), and the bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from cells.description.documents import shown
from cells.errors import InputError, Problem
from cells.pose import Array
from policies.entry import ANEW, parse_json

MOST_TENSORS = 64


def check_weights(raw: bytes, network: Sequence[Array], source: str) -> None:
    """Raise ``InputError`` unless the file holds exactly the constants of a ``network``, in the order of its chain:
    mean, scale, weight and bias of each layer, reach, middle."""
    tensors = tensors_of(raw, source)
    layers = [f"layers.{n}.{part}" for n in range((len(network) - 4) // 2) for part in ("weight", "bias")]
    names = ["mean", "scale", *layers, "reach", "middle"]
    if tensors.keys() != set(names) or len(names) != len(network):
        raise InputError(Problem(source, "hasn't the tensors that policy.onnx is made of", ANEW))
    for name, constant in zip(names, network, strict=True):
        if not np.array_equal(tensors[name], constant):
            raise InputError(Problem(f"{source}:{name}", "isn't what policy.onnx has", ANEW))


def tensors_of(raw: bytes, source: str) -> dict[str, Array]:
    """The tensors by name, float32. Raises ``InputError`` for anything else than such a file, and for bytes that no
    tensor or more than one has."""
    length = int.from_bytes(raw[:8], "little")
    if len(raw) < 8 or not 2 <= length <= len(raw) - 8:
        raise InputError(Problem(source, "is no safetensors file", ANEW))
    header, data = parse_json(raw[8 : 8 + length], source), raw[8 + length :]
    header.pop("__metadata__", None)
    if len(header) > MOST_TENSORS:
        raise InputError(Problem(source, f"holds {len(header)} tensors, more than {MOST_TENSORS}", ANEW))
    found, spans = {}, []
    for name, told in header.items():
        where = f"{source}:{shown(name)}"
        shape, begin, end = _told(told, where)
        if not 0 <= begin <= end <= len(data) or end - begin != 4 * math.prod(shape):
            raise InputError(Problem(where, "isn't as large as its shape", ANEW))
        found[name] = np.frombuffer(data[begin:end], "<f4").reshape(shape)
        spans.append((begin, end))
    at = 0
    for begin, end in sorted(spans):
        if begin != at:
            raise InputError(Problem(source, "holds bytes that no tensor has, or two have", ANEW))
        at = end
    if at != len(data):
        raise InputError(Problem(source, "holds bytes that no tensor has", ANEW))
    return found


def _told(told: Any, where: str) -> tuple[tuple[int, ...], int, int]:
    """Shape, begin and end of a tensor, as the header tells them."""
    try:
        kind, shape, (begin, end) = told["dtype"], tuple(told["shape"]), told["data_offsets"]
        numbers = (*shape, begin, end)
    except (KeyError, TypeError, ValueError):
        raise InputError(Problem(where, "has no type, shape and place", ANEW)) from None
    if kind != "F32" or not 1 <= len(shape) <= 2 or any(type(n) is not int or not 0 <= n < 2**31 for n in numbers):
        raise InputError(Problem(where, "is not a float32 vector or matrix", ANEW))
    return shape, begin, end
