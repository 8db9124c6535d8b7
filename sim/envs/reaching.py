"""Reach-v1: the tool centre point goes to a drawn pose in the cell and comes to rest there, led by a policy's steps."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import gymnasium
import numpy as np

from cells.control.steps import Steps
from cells.description.cell import Cell, load_cell
from cells.kinematics.chain import load_chain
from cells.pose import Array, Pose, tool_down
from cells.skills.contact import about
from cells.skills.reach import action, observation, observe
from sim.envs.episode import PURPOSES, Purpose
from sim.envs.running import LIMIT_N, Course, Running
from sim.envs.scene import Stage
from sim.envs.twin import Twin
from sim.world import SimWorld

NEAR, TURNED, STILL = 5e-3, math.radians(2), 0.02  # m, rad, rad/s of the fastest joint
ASIDE, LOW, HIGH = 0.2, 0.12, 0.4  # m: goals are so far from the fixture, in x and y each, and so high
LEAN, TURN = math.radians(20), math.radians(90)  # of goals from the upright, about any horizontal axis; in yaw
SCALE = 0.5  # share of the joints' limits
SETTLING = 20  # control ticks before an episode begins
SHY = 1.0  # reward lost per m to the goal and second


@dataclass(frozen=True, slots=True)
class Reached:
    """``success``: at the goal and at rest there, in time and gently; ``off_mm`` and ``off_deg`` from it."""

    success: bool
    time_s: float
    peak_n: float
    cause: str
    off_mm: float
    off_deg: float


class Free(Stage):
    """A cell's world with nothing in it, and a ``goal`` (world) that the arm reaches."""

    def __init__(self, cell: Cell, chance: np.random.Generator, seed: int, twin: bool) -> None:
        self.cell, self.chain = cell, load_chain(cell)
        self.goal = self._draw(chance)
        self.world = (Twin if twin else SimWorld)(cell, {}, seed)
        for _ in range(SETTLING):
            self.world.clock.advance()

    def _draw(self, chance: np.random.Generator) -> Pose:
        x, y, _ = self.cell.station("fixture").pose.xyz
        into_base = self.cell.base_pose.inverse().matrix()
        while True:
            at = (x + chance.uniform(-ASIDE, ASIDE), y + chance.uniform(-ASIDE, ASIDE), chance.uniform(LOW, HIGH))
            lean, way, yaw = chance.uniform(0, LEAN), chance.uniform(-math.pi, math.pi), chance.uniform(-TURN, TURN)
            turn = about(lean * math.cos(way), lean * math.sin(way)) @ tool_down((0.0, 0.0, 0.0), yaw)
            goal = Pose(at, turn.quat)
            if self.chain.solve(into_base @ goal.matrix(), self.cell.home)[1]:
                return goal

    def off(self, tcp: Pose) -> tuple[float, float]:
        """How far (m, rad) a tool is from the goal."""
        return math.dist(tcp.xyz, self.goal.xyz), (tcp.inverse() @ self.goal).angle


class Reaching(gymnasium.Env[Array, Array]):
    """One way to a goal. ``reset(seed=...)`` chooses it; a seed belongs to the ``purpose`` that it is used for."""

    metadata = {"render_modes": []}  # noqa: RUF012

    def __init__(self, purpose: Purpose = "training", cell: str = "panda-bench", twin: bool = False) -> None:
        self.purpose, self._twin, self.cell = purpose, twin, load_cell(cell)
        chain = load_chain(self.cell)
        self._seen, self._does = observation(chain), action(chain)
        self.observation_space = gymnasium.spaces.Box(self._seen.low, self._seen.high, dtype=np.float64)
        self.action_space = gymnasium.spaces.Box(self._does.low, self._does.high, dtype=np.float64)
        self.neutral = np.zeros(chain.n)
        self._scene: Free | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Begin the episode of a seed; of the next one at random, if none is given."""
        super().reset(seed=seed)
        if seed is None:
            seed = int(self.np_random.integers(2**31))
        self.close()
        key = [PURPOSES.index(self.purpose), seed]
        world_seed = int(np.random.SeedSequence([*key, 1]).generate_state(1)[0])
        self._scene = scene = Free(self.cell, np.random.default_rng(key), world_seed, self._twin)
        self._run = Running(scene)
        self._way = Steps(scene.chain, self._run.reading.arm.q_cmd, self.cell.tick_s, SCALE)
        self._run.begin(self._course(scene))
        return observe(self._seen, scene.goal, self._run.reading), {"goal": asdict(scene.goal)}

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Lead the joints on by one step."""
        assert self._scene is not None, "reset first"
        scene = self._scene
        self._way.aim(self._run.reading.arm.q_cmd + self._does.clipped(np.asarray(action, float)))
        over, cost = self._run.turn(self.cell.clocks.policy_every)
        apart = scene.off(self._run.reading.arm.tcp)[0]
        reward = -cost - SHY * apart * self.cell.tick_s * self.cell.clocks.policy_every
        info: dict[str, Any] = {"goal": asdict(scene.goal)}
        if over:
            outcome = self.outcome()
            info["outcome"], info["is_success"] = asdict(outcome), outcome.success
            reward += 1.0 if outcome.success else 0.0
        return observe(self._seen, scene.goal, self._run.reading), reward, over, False, info

    def outcome(self) -> Reached:
        """How the episode ended, in truth."""
        assert self._scene is not None, "reset first"
        ran, (apart, turned) = self._run.ran(), self._scene.off(self._run.reading.arm.tcp)
        cause = ran.wrong or ("too much force" if ran.peak > LIMIT_N else "")
        return Reached(
            not cause, round(ran.seconds, 4), round(ran.peak, 3), cause, round(1000 * apart, 3),
            round(math.degrees(turned), 3),
        )  # fmt: skip

    def close(self) -> None:
        """Give the world back."""
        if self._scene is not None:
            self._scene.close()
            self._scene = None

    def _course(self, scene: Free) -> Course:
        """Where the steps lead, until the tool is at its goal and at rest."""
        while True:
            target, _ = self._way.next()
            arm = (yield target).arm
            apart, turned = scene.off(arm.tcp)
            if apart < NEAR and turned < TURNED and float(np.abs(arm.qd).max()) < STILL:
                return None
