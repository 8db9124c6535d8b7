"""The kernels a chain runs on: compiled for one robot and kept in a folder of the user's, or generic ones.

The folder holds what :mod:`cells.kinematics.generator` wrote, under a name made of that text, the versions of Python
and Numba and the processor; Numba keeps its machine code beside it. That code is loaded as it is, so that the folder
must be the user's own and closed to others: one that isn't is not used, and the generic kernels take over.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from cells.cache import cache_folder
from cells.kinematics import search
from cells.pose import Array

if TYPE_CHECKING:
    from cells.kinematics.chain import Chain


@dataclass(frozen=True, eq=False)
class Kernels:
    """Numba functions as :mod:`cells.kinematics.search` describes them, and the ``robot`` that they take; and ``find``,
    which is ``solve`` within the chain's limits, of target, start and room for the joints alone."""

    robot: Any
    forward: Callable[..., None]
    forward_batch: Callable[..., None]
    solve: Callable[..., bool]
    solve_batch: Callable[..., None]
    track: Callable[..., int]
    find: Callable[..., bool]


def generic(chain: Chain) -> Kernels:
    """Kernels that work on any chain, and need no folder."""
    robot, limits = chain.arrays, chain.limits

    def find(target: Array, q0: Array, out: Array) -> bool:
        return bool(search.solve(target, q0, robot, limits, search.TOLERANCE, search.ATTEMPTS, out))

    return _of(search, robot, find)


def generated(chain: Chain) -> Kernels:
    """Kernels written for this chain; the generic ones where there is no folder for them."""
    folder = cache_folder()
    if folder is None:
        return generic(chain)
    text, path = _module(chain, folder)
    try:
        if not path.exists():
            _write(path, text)
        module = _load(path)
        return _of(module, 0.0, module.find)
    except OSError:
        return generic(chain)


def is_built(chain: Chain) -> bool:
    """Whether machine code of the chain's solver is in the folder already."""
    folder = cache_folder()
    return folder is not None and any((folder / "__pycache__").glob(f"{_module(chain, folder)[1].stem}.solve-*.nbc"))


def first_calls(chain: Chain) -> dict[str, Callable[[], object]]:
    """By name, a call of each of the chain's kernels, so that it is compiled or loaded."""
    import numpy as np

    run, q, out = chain.kernels, np.zeros((1, chain.n)), np.empty((1, chain.n))
    poses, jacobians, ok = np.tile(np.eye(4), (1, 1, 1)), np.empty((1, 6, chain.n)), np.empty(1, np.bool_)
    return {
        "forward": lambda: run.forward(q[0], run.robot, poses[0], jacobians[0]),
        "forward_batch": lambda: run.forward_batch(q, run.robot, poses, jacobians),
        "find": lambda: run.find(poses[0], q[0], out[0]),
        "solve": lambda: run.solve(poses[0], q[0], run.robot, chain.limits, 1e-6, 1, out[0]),
        "solve_batch": lambda: run.solve_batch(poses, q, run.robot, chain.limits, 1e-6, 1, out, ok),
        "track": lambda: run.track(poses, q[0], run.robot, chain.limits, 0.1, 0.0, 1e-6, out),
    }


def _of(module: ModuleType, robot: Any, find: Callable[..., bool]) -> Kernels:
    return Kernels(robot, module.forward, module.forward_batch, module.solve, module.solve_batch, module.track, find)


def _module(chain: Chain, folder: Path) -> tuple[str, Path]:
    """The text of the chain's kernels, and the file for it on this machine."""
    import llvmlite.binding
    import numba

    from cells.kinematics.generator import source

    text = source(chain)
    parts = (text, sys.version, numba.__version__, llvmlite.binding.get_host_cpu_name())
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    name = "".join(c if c.isascii() and c.isalnum() else "_" for c in chain.name)
    return text, folder / f"{name}_{key}.py"


def _write(path: Path, text: str) -> None:
    """Whole or not at all, whoever else writes the same."""
    handle, made = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
        os.replace(made, path)
    except OSError:
        os.unlink(made)
        raise


def _load(path: Path) -> ModuleType:
    name = f"cellwright_kernels_{path.stem}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[name] = module
    return module
