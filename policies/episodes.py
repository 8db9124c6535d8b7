"""Episodes that can be believed: what was asked, what came of it, and the same once more from the row alone.

An episode always starts from a fresh load, of the policy as of the world. Its ``trajectory`` is the SHA-256 of the
float64 bytes of all observations and rewards, in the order in which they came.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self, cast

import gymnasium
import numpy as np

from cells.commands.show import plain
from cells.description.cell import Cell
from cells.errors import InputError, Problem
from cells.pose import Array
from cells.skills.contracts import tuned_by
from cells.skills.policy import Policy
from cells.streams import STDERR, STDOUT, rerouted
from policies.entry import parse_json
from policies.environments import Environment, open_environment
from policies.folder import read_entry
from policies.running import load_in
from policies.store import find_entry

SCHEMA = "cellwright/episode/v2"
NOMINAL, CONSTANTS = "nominal", "constants"  # what stands for a policy where there is none
EVALUATE = "evaluate anew, into another file"
LOOKED = 20  # first episodes in one of which a policy must be able to act


@dataclass(frozen=True, slots=True)
class Asked:
    """An episode before it is run: of a ``task``, in a ``cell``, under ``conditions`` with ``changes``, by its seed
    among those of a ``purpose``; by whom: the nominal, or ``policy`` (``name@version``) with the SHA-256 of its
    ``network`` or, where that is what it is, ``constants`` of the nominal; in the cell, or in its floating ``twin``.
    ``code`` tells by what it is played, as :func:`policies.provenance.played_by`."""

    task: str
    conditions: str
    purpose: str
    seed: int
    cell: str
    policy: str = NOMINAL
    network: str = ""
    constants: tuple[float, ...] | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    twin: bool = False
    code: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """An episode that was run: what was ``drawn``, its ``outcome``, the number of policy ticks (``steps``), the hash of
    its ``trajectory``, and whether the policy ``acted``, which it does on the strategy alone that it was made for."""

    asked: Asked
    drawn: Mapping[str, Any]
    outcome: Mapping[str, Any]
    steps: int
    trajectory: str
    acted: bool

    def as_json(self) -> str:
        """The row as one line."""
        return json.dumps({"schema": SCHEMA, **asdict(self)})

    @classmethod
    def parse(cls, line: str, source: str) -> Self:
        """The row that a line is. Raises ``InputError`` for anything else."""
        try:
            data = parse_json(line.encode(), source)
            if data.pop("schema") != SCHEMA:
                raise ValueError
            asked = data.pop("asked")
            tuples = {key: tuple(v) if isinstance(v, list) else v for key, v in asked["changes"].items()}
            constants = asked["constants"] and tuple(asked["constants"])
            return cls(Asked(**{**asked, "changes": tuples, "constants": constants}), **data)
        except (InputError, KeyError, TypeError, ValueError, AttributeError):
            raise InputError(Problem(source, f"is no row of {SCHEMA}", EVALUATE)) from None


Watch = Callable[[int, gymnasium.Env[Array, Array]], None]


def run(asked: Asked, folder: Path | None = None, watch: Watch | None = None) -> Row:
    """Run an episode to its end. ``folder`` is where its policy is, the zoo's if None; ``watch`` is called with the
    number of policy ticks done, and may render. Raises ``InputError`` for a task, conditions or policy that aren't
    here, and for a policy that is another than the one asked for."""
    names = ("conditions", "purpose", "cell", "changes", "constants", "twin")
    settings = {name: getattr(asked, name) for name in names}
    if watch:
        settings["render_mode"] = "rgb_array"
    env = open_environment(asked.task, **settings)
    hashed, steps, over, acted = hashlib.sha256(), 0, False, False
    with closing(env):
        told = cast(Environment, env.unwrapped)
        policy = _policy(asked, folder, told.cell) if asked.network else None
        observation, info = env.reset(seed=asked.seed)
        hashed.update(np.asarray(observation, np.float64).tobytes())
        while not over:
            if watch:
                watch(steps, env)
            acting = acts(policy, asked.constants, told.task.skill, info["nominal"])
            acted = acted or acting
            action = policy.act(observation) if policy and acting else told.neutral
            observation, reward, ended, cut, info = env.step(action)
            hashed.update(np.array([*observation, reward], np.float64).tobytes())
            steps, over = steps + 1, ended or cut
        if watch:
            watch(steps, env)
    return Row(asked, plain(info["drawn"]), plain(info["outcome"]), steps, hashed.hexdigest(), acted)


def acts(policy: Policy | None, constants: Sequence[float] | None, skill: str, nominal: str) -> bool:
    """Whether a ``policy``, or ``constants`` of a strategy, act where that ``nominal`` of the ``skill`` is at work: as
    in a cell, what was made for another one leaves it alone."""
    if policy is not None:
        return policy.contract.nominal == nominal
    return constants is not None and tuned_by(skill, nominal, np.asarray(constants)) is not None


def check_acts(policy: Policy, first: int, env: gymnasium.Env[Array, Array]) -> None:
    """Raises ``InputError`` for a policy that acts in none of the first episodes, since they all lead to others than
    its strategy."""
    wanted, others = policy.contract.nominal, dict[str, None]()
    with rerouted(STDOUT, to=STDERR):  # Bullet writes on the standard output of the process
        for seed in range(first, first + LOOKED):
            others[env.reset(seed=seed)[1]["nominal"]] = None
            if wanted in others:
                return
    what = f"is for the strategy {wanted}, and the first {LOOKED} episodes lead to {' and '.join(others)}"
    raise InputError(Problem(policy.name, what, f"name conditions that lead to {wanted}, or a policy for the other"))


def network_of(folder: Path) -> str:
    """The SHA-256 of the network in an entry's ``folder``, "" if it has none. Raises ``InputError`` for a folder that
    isn't an entry."""
    return read_entry(folder).entry.files.get("policy.onnx", "")


def read_rows(path: Path) -> list[Row]:
    """The rows of a file; none, if it isn't there. What was being written when a run was broken off is left out.
    Raises ``InputError`` for a line that is no row."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = text.split("\n")[:-1]
    return [Row.parse(line, f"{path.name}:{number}") for number, line in enumerate(lines, 1)]


def _policy(asked: Asked, folder: Path | None, cell: Cell) -> Policy:
    found = folder or find_entry(asked.policy)
    if network_of(found) != asked.network:
        what = "has another network than the one that the episode is asked of"
        raise InputError(Problem(asked.policy, what, EVALUATE))
    return load_in(found, cell)
