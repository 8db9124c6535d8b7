"""Demonstrations: recorded episodes of the nominal or of a teacher, as one bounded ``.npz`` of numbers.

The file has a header (JSON, as bytes) that tells the task and of each episode its seed and how it ended, and arrays
over all steps. Nothing in it is pickled. A teacher sees what a policy sees and the episode's info, with what only a
teacher may know under ``privileged``.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from cells.errors import InputError, Problem
from cells.pose import Array
from policies.practice import Act, Practice

SCHEMA = "cellwright/demonstrations/v1"
MOST_STEPS, MOST_BYTES = 500_000, 1_000_000_000
ARRAYS = ("observations", "actions", "rewards", "nexts", "lasts")
Teacher = Act


@dataclass(frozen=True, slots=True)
class Demonstrations:
    """Steps of some episodes, one after the other: ``observations`` and ``nexts`` (steps, n) before and after an action
    of ``actions`` (steps, m), ``rewards`` (steps,) as :class:`policies.practice.Paid` has them, ``lasts`` (steps,) 1
    where an episode ends, else 0. ``episodes`` tells of each its seed, family, parameters and outcome."""

    episodes: tuple[dict[str, Any], ...]
    observations: Array
    actions: Array
    rewards: Array
    nexts: Array
    lasts: Array


def record(practice: Practice, seeds: Sequence[int], teacher: Teacher) -> Demonstrations:
    """Play training episodes of some seeds by a teacher, and keep all of it."""
    steps: list[tuple[Any, ...]] = []
    episodes = []
    with practice.open("training", privileged=True) as env:
        for seed in seeds:
            observation, info = env.reset(seed=seed)
            over = False
            while not over:
                action = teacher(observation, info)
                after, reward, over, _, info = env.step(action)
                steps.append((observation, action, reward, after, float(over)))
                observation = after
            drawn = info["drawn"]
            episodes.append(
                {"seed": seed, "family": drawn["family"], "parameters": drawn["parameters"], "outcome": info["outcome"]}
            )
    return Demonstrations(tuple(episodes), *(np.array(column, float) for column in zip(*steps, strict=True)))


def joined(several: Sequence[Demonstrations]) -> Demonstrations:
    """Several as one."""
    columns = [np.concatenate([getattr(one, name) for one in several]) for name in ARRAYS]
    return Demonstrations(tuple(episode for one in several for episode in one.episodes), *columns)


def to_npz(shown: Demonstrations, practice: Practice) -> bytes:
    """The file of demonstrations of a task; float32."""
    header = {"schema": SCHEMA, "practice": asdict(practice), "episodes": shown.episodes}
    raw = np.frombuffer(json.dumps(header).encode(), np.uint8)
    out = io.BytesIO()
    np.savez_compressed(out, header=raw, **{name: getattr(shown, name).astype(np.float32) for name in ARRAYS})
    return out.getvalue()


def from_npz(raw: bytes, source: str = "demonstrations.npz") -> Demonstrations:
    """Demonstrations from a file. Raises ``InputError`` for anything that isn't one, and for one that is too large."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            if sum(item.file_size for item in archive.infolist()) > MOST_BYTES:
                raise ValueError(f"more than {MOST_BYTES:,} bytes")
        with np.load(io.BytesIO(raw), allow_pickle=False) as file:
            header = json.loads(file["header"].tobytes())
            columns = [file[name].astype(float) for name in ARRAYS]
        if header["schema"] != SCHEMA:
            raise ValueError(f"schema is not {SCHEMA}")
        steps = len(columns[0])
        if steps > MOST_STEPS or any(len(column) != steps for column in columns):
            raise ValueError(f"not the same number of steps in each array, or more than {MOST_STEPS:,}")
        if not all(np.isfinite(column).all() for column in columns):
            raise ValueError("a number isn't finite")
        if int(columns[-1].sum()) != len(header["episodes"]):
            raise ValueError("not as many episodes as the header tells")
        return Demonstrations(tuple(header["episodes"]), *columns)
    except (ValueError, KeyError, TypeError, OSError, zipfile.BadZipFile) as error:
        what = f"is no file of demonstrations: {str(error).splitlines()[0]}"
        raise InputError(Problem(source, what, "record them again")) from None


def normaliser(shown: Demonstrations, low: Array, high: Array) -> tuple[Array, Array]:
    """Mean and scale (n,) that a network is to be given its observation by. What hardly varied in the demonstrations
    isn't blown up: a scale is at least a twentieth of what the bounds allow."""
    return shown.observations.mean(axis=0), np.maximum(shown.observations.std(axis=0), (high - low) / 20)
