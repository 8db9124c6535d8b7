"""A toy of the joining environments: the same spaces and info, no physics, a few steps. Fast and soft is better."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gymnasium
import numpy as np

from cells.description.cell import load_cell
from cells.pose import Array
from cells.skills.contact import ACTION, NEUTRAL, OBSERVATION
from cells.skills.contracts import TILT_NOMINAL
from policies.practice import Practice

STEPS, CELL = 8, load_cell("panda-bench")
TOY = Practice("tests.unit.toy:cellwright/Toy-v0", "easy")


class Joining(gymnasium.Env[Array, Array]):
    """The time is the mean of 1 / pace, the force that of 20 press, and more for every shift; it always succeeds."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012

    neutral, families, conventions = NEUTRAL, ("toy",), ("a toy",)

    def __init__(self, conditions: str = "easy", constants: Any = None, **_: Any) -> None:
        self.task, self.conditions_name, self.cell = SimpleNamespace(skill="insert"), conditions, CELL
        self.observation_space = gymnasium.spaces.Box(OBSERVATION.low, OBSERVATION.high, dtype=np.float64)
        self.action_space = gymnasium.spaces.Box(ACTION.low, ACTION.high, dtype=np.float64)
        self._constants = None if constants is None else np.asarray(constants)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        super().reset(seed=seed)
        self._step, self._time, self._peak = 0, 0.0, 0.0
        return self._seen(), self._info()

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(np.asarray(action, float)), action
        self._step += 1
        self._time += 1.0 / action[0]
        self._peak = max(self._peak, 20 * action[1] + 1000 * float(np.abs(action[2:4]).sum()))
        over, info = self._step == STEPS, self._info()
        if over:
            info["outcome"] = {"success": True, "time_s": self._time, "peak_n": self._peak, "cause": ""}
            info["is_success"] = True
        return self._seen(), 0.0, over, False, info

    def _seen(self) -> Array:
        seen = self.np_random.uniform(OBSERVATION.low, OBSERVATION.high)
        seen[:6] = np.eye(6)[self._step * 6 // (STEPS + 1)]
        return OBSERVATION.clipped(seen)

    def _info(self) -> dict[str, Any]:
        drawn = {"family": "toy", "parameters": {"peg_mm": 12.0, "pegs": 3, "peg_shape": "round"}}
        return {"nominal": TILT_NOMINAL, "drawn": drawn, "time_s": self._time, "peak_n": self._peak}


gymnasium.register("cellwright/Toy-v0", Joining)
