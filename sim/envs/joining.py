"""Insert-v1, Mesh-v1, Cover-v1: one joining, from above the rim until the part is let go, corrected by a policy.

The environment runs the very skill that the cell runs, with ``cells.skills.contact`` as its eyes and hands; an action
is the correction that stands until the next policy tick, and the neutral one leaves the nominal as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import gymnasium
import numpy as np

from cells.description.cell import load_cell
from cells.pose import Array
from cells.skills.contact import ACTION, NEUTRAL, OBSERVATION, Contact, correction_of, observe
from cells.skills.contracts import nominal_of, tuned_by
from cells.skills.insert import join, let_go, tuned_as
from cells.skills.mesh import push_for
from cells.skills.motions import straight
from cells.skills.push import Push
from cells.tasks.limits import build_limits
from sim.envs.episode import Purpose, draw, narrowed
from sim.envs.outcome import Outcome, conventions_of, outcome_of
from sim.envs.running import LIMIT_N, LIMIT_S, Course, Running
from sim.envs.scene import Scene
from sim.envs.tasks import TASKS

RETREAT = 0.02  # m


class Joining(gymnasium.Env[Array, Array]):
    """One joining. ``reset(seed=...)`` chooses the episode; a seed belongs to the ``purpose`` that it is used for."""

    neutral = NEUTRAL  # the action that leaves the nominal as it is
    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012

    def __init__(
        self, task: str, conditions: str | None = None, purpose: Purpose = "training", cell: str = "panda-bench",
        changes: Mapping[str, Any] | None = None, constants: Sequence[float] | None = None, privileged: bool = False,
        twin: bool = False, render_mode: str | None = None,
    ) -> None:  # fmt: skip
        """``conditions`` by name (see sim/envs/tasks.py), some of them set by ``changes``; ``constants`` of the
        strategy instead of the nominal's, as its contract's action has them, which leave an episode of a strategy with
        another number of them alone. The info tells which
        ``nominal`` is at work, so that a policy for another leaves it alone, and of what was ``drawn`` what an order
        says; at the end all of it, and the ``outcome``; if ``privileged`` what only a teacher may know: the error of
        the estimate, and of the part in the hand. A ``twin`` floats, without the arm: see :mod:`sim.envs.twin`."""
        self.task = TASKS[task]
        self.conditions_name = conditions or next(iter(self.task.conditions))
        self.purpose, self._privileged, self._twin, self.render_mode = purpose, privileged, twin, render_mode
        self._constants = None if constants is None else np.asarray(constants)
        self.cell = load_cell(cell)
        self.conditions = narrowed(self.task.named(self.conditions_name, self.cell), changes or {})
        self._limits = build_limits(self.cell)
        self.observation_space = _box(OBSERVATION.low, OBSERVATION.high)
        self.action_space = _box(ACTION.low, ACTION.high)
        self.families = (self.conditions.family,)
        self.conventions = conventions_of(self.families, self.cell, LIMIT_S, LIMIT_N)
        self._scene: Scene | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Begin the episode of a seed; of the next one at random, if none is given."""
        super().reset(seed=seed)
        if seed is None:
            seed = int(self.np_random.integers(2**31))
        self.close()
        episode, variant = draw(self.conditions, self.purpose, seed, self._limits)
        self._scene = scene = Scene(
            self.cell, self.conditions, episode, variant, self.task.skill, self.task.studs, self._twin
        )
        self._contact = Contact(scene.fit)
        self._run = Running(scene)
        self._run.begin(self._episode())
        return observe(self._contact, self._run.reading), self._info()

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Let a correction stand for one policy tick."""
        assert self._scene is not None, "reset first"
        self._contact.correction = correction_of(action)
        over, cost = self._run.turn(self.cell.clocks.policy_every)
        reward = -cost
        info = self._info()
        if over:
            outcome = self.outcome()
            info["drawn"] = asdict(self._scene.episode)
            info["outcome"], info["is_success"] = asdict(outcome), outcome.success
            reward += 1.0 if outcome.success else 0.0
        return observe(self._contact, self._run.reading), reward, over, False, info

    def outcome(self) -> Outcome:
        """How the episode ended, in truth."""
        assert self._scene is not None, "reset first"
        ran = self._run.ran()
        return outcome_of(self._scene, ran.seconds, ran.peak, ran.wrong, self._contact, LIMIT_S, LIMIT_N)

    def render(self) -> Any:
        """A picture (height, width, 3) of the place of the joining."""
        from sim.envs.picture import picture

        assert self._scene is not None, "reset first"
        fit = self._scene.fit
        return picture(self._scene.world, (fit.x, fit.y, fit.rim))

    def close(self) -> None:
        """Give the world back."""
        if self._scene is not None:
            self._scene.close()
            self._scene = None

    def _episode(self) -> Course:
        """Join, let go, and go up: the skill's own steps."""
        scene, call = self._scene, self._scene.call
        how, tilt = push_for(scene.cell, call) if call.skill == "mesh" else Push(), None
        if self._constants is not None:
            contract = tuned_by(call.skill, nominal_of(call.skill, scene.fit), self._constants)
            how, tilt = tuned_as(contract, self._constants, how) if contract else (how, tilt)
        reading, wrong = yield from join(scene.context, self._run.reading, self._contact, how, tilt)
        if wrong is None:
            reading = yield from let_go(scene.context, call, reading, self._contact.fit, how.force)
            self._run.finish()
            yield from straight(scene.context, reading, reading.arm.tcp.shifted(dz=RETREAT))
        return wrong

    def _info(self) -> dict[str, Any]:
        drawn = self._scene.episode
        nominal = nominal_of(self.task.skill, self._scene.fit)
        known = {"family": drawn.family, "parameters": dict(drawn.parameters)}
        ran = self._run.ran()
        info: dict[str, Any] = {
            "nominal": nominal, "phase": self._contact.phase, "drawn": known,
            "time_s": ran.seconds, "peak_n": ran.peak,
        }  # fmt: skip
        if self._privileged:
            info["privileged"] = {
                "offset": drawn.offset, "tilt": drawn.tilt, "way": drawn.way, "yaw": drawn.yaw,
                "slipped": drawn.slipped, "leaning": drawn.leaning,
            }  # fmt: skip
        return info


def _box(low: Array, high: Array) -> gymnasium.spaces.Box:
    return gymnasium.spaces.Box(low, high, dtype=np.float64)
