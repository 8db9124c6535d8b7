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
from cells.runtime.guard import Guard
from cells.skills.contact import ACTION, OBSERVATION, Contact, correction_of, observe
from cells.skills.contract import Command, Note
from cells.skills.insert import Push, join, let_go
from cells.skills.mesh import push_for
from cells.skills.motions import straight
from cells.skills.tilt import tuned
from cells.tasks.limits import build_limits
from sim.envs.episode import Purpose, draw, narrowed
from sim.envs.outcome import Outcome, outcome_of
from sim.envs.scene import Scene
from sim.envs.tasks import TASKS

LIMIT_S, LIMIT_N = 20.0, 30.0  # an episode that takes longer, or presses harder, has failed
RETREAT = 0.02  # m
SPEED_COST, FORCE_COST = 0.05, 0.01  # per second; per N above HARD at a policy tick
HARD = 15.0  # N


class Joining(gymnasium.Env[Array, Array]):
    """One joining. ``reset(seed=...)`` chooses the episode; a seed belongs to the ``purpose`` that it is used for."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012

    def __init__(
        self, task: str, conditions: str | None = None, purpose: Purpose = "training", cell: str = "panda-bench",
        changes: Mapping[str, Any] | None = None, constants: Sequence[float] | None = None, privileged: bool = False,
        render_mode: str | None = None,
    ) -> None:  # fmt: skip
        """``conditions`` by name (see sim/envs/tasks.py), some of them set by ``changes``; ``constants`` of the
        strategy instead of the nominal's, as ``cells.skills.tilt.PARAMETERS`` has them; with ``privileged`` the info
        tells what only a teacher may know: the error of the estimate, and of the part in the hand."""
        self.task = TASKS[task]
        named = self.task.conditions
        self.conditions = narrowed(named[conditions or next(iter(named))], changes or {})
        self.purpose, self._privileged, self.render_mode = purpose, privileged, render_mode
        self._tilt = None if constants is None else tuned(np.asarray(constants))
        self.cell = load_cell(cell)
        self._limits = build_limits(self.cell)
        self.observation_space = _box(OBSERVATION.low, OBSERVATION.high)
        self.action_space = _box(ACTION.low, ACTION.high)
        self._scene: Scene | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Begin the episode of a seed; of the next one at random, if none is given."""
        super().reset(seed=seed)
        if seed is None:
            seed = int(self.np_random.integers(2**31))
        self.close()
        episode, variant = draw(self.conditions, self.purpose, seed, self._limits)
        self._scene = scene = Scene(self.cell, self.conditions, episode, variant, self.task.skill, self.task.studs)
        self._contact = Contact(scene.fit)
        self._guard = Guard(scene.cell, scene.context.chain, realtime=False)
        self._began, self._ended, self._peak, self._wrong = scene.world.clock.now(), None, 0.0, "unfinished"
        self._tare = scene.read().wrench
        self._steps = self._episode()
        self._reading = scene.read()
        self._command: Command = next(self._steps)
        return observe(self._contact, self._reading), self._info()

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Let a correction stand for one policy tick."""
        assert self._scene is not None, "reset first"
        self._contact.correction = correction_of(action)
        begun, over = self._scene.world.clock.now(), False
        for _ in range(self.cell.clocks.policy_every):
            over = self._tick()
            if over:
                break
        felt = float(np.linalg.norm((self._reading.wrench - self._tare)[:3]))
        reward = -SPEED_COST * (self._scene.world.clock.now() - begun) - FORCE_COST * max(0.0, felt - HARD)
        info = self._info()
        if over:
            outcome = self.outcome()
            info["outcome"], info["is_success"] = asdict(outcome), outcome.success
            reward += 1.0 if outcome.success else 0.0
        return observe(self._contact, self._reading), reward, over, False, info

    def outcome(self) -> Outcome:
        """How the episode ended, in truth."""
        assert self._scene is not None, "reset first"
        return outcome_of(self._scene, self._seconds(), self._peak, self._wrong, self._contact, LIMIT_S, LIMIT_N)

    def render(self) -> Any:
        """A picture (height, width, 3) of the place of the joining."""
        from sim.envs.picture import picture

        assert self._scene is not None, "reset first"
        return picture(self._scene)

    def close(self) -> None:
        """Give the world back."""
        if self._scene is not None:
            self._scene.close()
            self._scene = None

    def _episode(self) -> Any:
        """Join, let go, and go up: the skill's own steps."""
        scene, call = self._scene, self._scene.call
        how = push_for(call) if call.skill == "mesh" else Push()
        reading, wrong = yield from join(scene.context, self._reading, self._contact, how, self._tilt)
        if wrong is None:
            reading = yield from let_go(scene.context, call, reading, self._contact.fit, how.force)
            self._ended = scene.world.clock.now()
            yield from straight(scene.context, reading, reading.arm.tcp.shifted(dz=RETREAT))
        return wrong

    def _tick(self) -> bool:
        """One control tick; whether the episode is over."""
        scene = self._scene
        scene.send(self._command)
        self._reading = reading = scene.read()
        force = float(np.linalg.norm((reading.wrench - self._tare)[:3]))
        if self._ended is None:
            self._peak = max(self._peak, force)
        if trip := self._guard.check(reading, self._command, force):
            self._wrong = f"guard: {trip}"
            return True
        if reading.time - self._began > LIMIT_S:
            self._wrong = "out of time"
            return True
        try:
            self._command = self._steps.send(reading)
            while isinstance(self._command, Note):  # takes no tick
                self._command = self._steps.send(reading)
        except StopIteration as end:
            self._wrong = end.value
            return True
        return False

    def _seconds(self) -> float:
        """How long the joining has taken, until the part was let go."""
        return (self._scene.world.clock.now() if self._ended is None else self._ended) - self._began

    def _info(self) -> dict[str, Any]:
        drawn = self._scene.episode
        info: dict[str, Any] = {
            "episode": asdict(drawn), "phase": self._contact.phase, "time_s": self._seconds(), "peak_n": self._peak,
        }  # fmt: skip
        if self._privileged:
            info["privileged"] = {
                "offset": drawn.offset, "tilt": drawn.tilt, "way": drawn.way, "yaw": drawn.yaw,
                "slipped": drawn.slipped, "leaning": drawn.leaning,
            }  # fmt: skip
        return info


def _box(low: Array, high: Array) -> gymnasium.spaces.Box:
    return gymnasium.spaces.Box(low, high, dtype=np.float64)
