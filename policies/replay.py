"""``replay.npz``: the steps that training goes on with, so that a policy doesn't forget what it could before.

It is a file of demonstrations (:mod:`policies.demonstrations`): a zip of arrays of numbers. What an array's header
claims is held against what is behind it before anything is made of it, as numpy would believe it.
"""

from __future__ import annotations

import io
import math
import zipfile
from typing import IO

import numpy as np

from cells.description.documents import shown
from cells.errors import InputError, Problem
from cells.pose import Array
from policies.entry import ANEW, Entry, parse_json, space

SCHEMA = "cellwright/demonstrations/v1"
HEADER, COLUMNS = "header", ("observations", "actions", "rewards", "nexts", "lasts")
MOST_UNPACKED = 64_000_000


def check_replay(raw: bytes, entry: Entry, source: str) -> None:
    """Raise ``InputError`` unless ``raw`` is a file of demonstrations of the entry's observation and action, as many
    steps in each array, and every number finite."""
    try:
        arrays = _arrays(raw)
    except Exception as error:  # zipfile, zlib and numpy have many ways to be surprised
        first = (str(error).splitlines() or [""])[0]
        raise InputError(Problem(source, f"is no file of demonstrations: {shown(first)}", ANEW)) from None
    if parse_json(arrays[HEADER].tobytes(), f"{source}:{HEADER}").get("schema") != SCHEMA:
        raise InputError(Problem(f"{source}:{HEADER}:schema", f"is not {SCHEMA}", ANEW))
    seen, done, steps = space(entry.observation).size, space(entry.action).size, len(arrays["rewards"])
    shapes = ((steps, seen), (steps, done), (steps,), (steps, seen), (steps,))
    for name, shape in zip(COLUMNS, shapes, strict=True):
        if arrays[name].shape != shape:
            what = f"has the shape {arrays[name].shape}, not {shape} as policy.json and the other arrays say"
            raise InputError(Problem(f"{source}:{name}", what, ANEW))
        if not np.isfinite(arrays[name]).all():
            raise InputError(Problem(f"{source}:{name}", "holds a number that isn't finite", ANEW))


def _arrays(raw: bytes) -> dict[str, Array]:
    """The arrays by name: float32, the header bytes. Raises whatever it likes for anything else."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        items = {item.filename: item for item in archive.infolist()}
        if items.keys() != {f"{name}.npy" for name in (HEADER, *COLUMNS)} or len(archive.infolist()) != len(items):
            raise ValueError("not the arrays of demonstrations")
        if sum(item.file_size for item in items.values()) > MOST_UNPACKED:
            raise ValueError(f"more than {MOST_UNPACKED:,} bytes")
        found = {}
        for name, item in items.items():
            with archive.open(item) as file:
                content = file.read(item.file_size + 1)
            found[name.removesuffix(".npy")] = _array(io.BytesIO(content), "|u1" if name == "header.npy" else "<f4")
    return found


def _array(file: IO[bytes], kind: str) -> Array:
    if np.lib.format.read_magic(file) != (1, 0):
        raise ValueError("an array of another version")
    shape, by_column, dtype = np.lib.format.read_array_header_1_0(file)
    rest = file.read()
    if dtype.str != kind or by_column or not 1 <= len(shape) <= 2 or math.prod(shape) * dtype.itemsize != len(rest):
        raise ValueError("an array that isn't what its header says")
    return np.frombuffer(rest, dtype).reshape(shape)
