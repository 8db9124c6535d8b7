"""Grasp-v1: one pick, from beside the tray at travel height until the part is lifted, corrected by a policy.

The environment runs the very skill that the cell runs, with ``cells.skills.grasp`` as its eyes and hands; an action is
the correction that stands until the next policy tick, and the neutral one leaves the nominal as it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import gymnasium
import numpy as np

from cells.description.cell import load_cell
from cells.description.documents import shown
from cells.description.problems import nearest
from cells.errors import InputError, Problem
from cells.pose import Array
from cells.products.catalogue import family_of
from cells.skills.contract import Failed
from cells.skills.contracts import tuned_by
from cells.skills.grasp import ACTION, NEUTRAL, OBSERVATION, Hold, correction_of, observe
from cells.skills.motions import APPROACH
from cells.skills.pick import NOMINAL, PICK_NOMINAL, take
from cells.skills.tunable import tuned
from cells.tasks.limits import build_limits
from sim.envs.episode import WORDS, Conditions, Purpose, changeable, draw, narrowed
from sim.envs.outcome import conventions_of
from sim.envs.running import LIMIT_N, LIMIT_S, Course, Ran, Running
from sim.envs.tray import GRASP, KINDS, Tray, kind_of

VARIED = "varied"
STANDING = math.radians(5)  # of tilt in the hand
# m from where the grip is planned, in the tool's axes. Closing (y) the fingers centre the part. Along the pads (x)
# nothing is felt, so that what the estimate is off by stays: 6 mm and one of slip, with which the middle of a round
# part still lies on pads of 17.4 mm. Along the tool (z) the locator is off by 0.15 mm and the part may slip.
OFF = (0.007, 0.001, 0.0015)
SHORT = 0.002  # m that the part may be below the height of the lift
STIRRED = 0.001  # m that another part may move


@dataclass(frozen=True, slots=True)
class Taken:
    """``success``: the part is in the hand, up, upright and where it should be in it, in time and gently, and nothing
    else moved. ``time_s`` until it was lifted; ``peak_n`` the highest force until then; ``cause`` a class of failure
    ("" for none) and ``why`` in words; ``off_mm`` from where the grip is planned, in the tool's axes."""

    success: bool
    time_s: float
    peak_n: float
    cause: str
    why: str
    off_mm: tuple[float, float, float]


class Grasping(gymnasium.Env[Array, Array]):
    """One pick. ``reset(seed=...)`` chooses the episode; a seed belongs to the ``purpose`` that it is used for."""

    task, neutral = GRASP, NEUTRAL
    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012

    def __init__(
        self, conditions: str | None = None, purpose: Purpose = "training", cell: str = "panda-bench",
        changes: Mapping[str, Any] | None = None, constants: Sequence[float] | None = None,
        privileged: bool = False, twin: bool = False, render_mode: str | None = None,
    ) -> None:  # fmt: skip
        """``conditions``: a kind of part (see sim/envs/tray.py), or "varied" (or None) for any, some of them set by
        ``changes``, a parameter for the kinds whose family has it; ``constants`` of the skill instead of the nominal's,
        as ``cells.skills.pick.PARAMETERS`` has them. The info tells of what was ``drawn`` what an order says, at the
        end all of it, and the ``outcome``; if ``privileged`` the error of the estimate. A ``twin`` floats: see
        :mod:`sim.envs.twin`."""
        self.conditions_name = conditions or VARIED
        self._kinds = tuple(KINDS) if self.conditions_name == VARIED else (self.conditions_name,)
        for kind in self._kinds:
            if kind not in KINDS:
                what = f"the task {self.task.name} has none called {shown(kind)}"
                raise InputError(Problem("conditions", what, nearest(kind, (VARIED, *KINDS))))
        self.purpose, self._privileged = purpose, privileged
        self._conditions = narrowed_kinds(self._kinds, changes or {})
        self._twin, self.render_mode = twin, render_mode
        contract = None if constants is None else tuned_by(self.task.skill, PICK_NOMINAL, np.asarray(constants))
        self._how = tuned(NOMINAL, np.asarray(constants), contract.action) if contract else NOMINAL
        self.cell = load_cell(cell)
        self._limits = build_limits(self.cell)
        self.families = tuple(dict.fromkeys(KINDS[kind].conditions.family for kind in self._kinds))
        self.conventions = conventions_of(self.families, self.cell, LIMIT_S, LIMIT_N)
        self.observation_space = gymnasium.spaces.Box(OBSERVATION.low, OBSERVATION.high, dtype=np.float64)
        self.action_space = gymnasium.spaces.Box(ACTION.low, ACTION.high, dtype=np.float64)
        self._scene: Tray | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Begin the episode of a seed; of the next one at random, if none is given."""
        super().reset(seed=seed)
        if seed is None:
            seed = int(self.np_random.integers(2**31))
        self.close()
        self._kind = kind_of(self.purpose, seed) if self.conditions_name == VARIED else self.conditions_name
        kind = KINDS[self._kind]
        episode, variant = draw(self._conditions[self._kind], self.purpose, seed, self._limits)
        self._scene = Tray(self.cell, kind, episode, variant, self._twin)
        self._hold, self._run = Hold(), Running(self._scene)
        self._run.begin(self._episode(self._scene))
        return observe(self._hold, self._run.reading), self._info()

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Let a correction stand for one policy tick."""
        assert self._scene is not None, "reset first"
        self._hold.correction = correction_of(action)
        over, cost = self._run.turn(self.cell.clocks.policy_every)
        reward, info = -cost, self._info()
        if over:
            outcome = self.outcome()
            info["drawn"] |= asdict(self._scene.episode)
            info["outcome"], info["is_success"] = asdict(outcome), outcome.success
            reward += 1.0 if outcome.success else 0.0
        return observe(self._hold, self._run.reading), reward, over, False, info

    def outcome(self) -> Taken:
        """How the episode ended, in truth."""
        assert self._scene is not None, "reset first"
        return outcome_of(self._scene, self._run.ran(), self._hold.phase)

    def render(self) -> Any:
        """A picture (height, width, 3) of the place in the tray."""
        from sim.envs.picture import picture

        assert self._scene is not None, "reset first"
        return picture(self._scene.world, self._scene.stood[self._scene.call.item].xyz)

    def close(self) -> None:
        """Give the world back."""
        if self._scene is not None:
            self._scene.close()
            self._scene = None

    def _episode(self, scene: Tray) -> Course:
        result = yield from take(scene.context, scene.call, self._run.reading, self._how, self._hold)
        self._run.finish()
        return f"{result.cause}: {result.why}" if isinstance(result, Failed) else None

    def _info(self) -> dict[str, Any]:
        assert self._scene is not None, "reset first"
        drawn, call = self._scene.episode, self._scene.call
        known = {"family": drawn.family, "parameters": dict(drawn.parameters), "kind": self._kind, "item": call.item}
        ran = self._run.ran()
        info: dict[str, Any] = {
            "nominal": PICK_NOMINAL, "phase": self._hold.phase, "drawn": known,
            "time_s": ran.seconds, "peak_n": ran.peak,
        }  # fmt: skip
        if self._privileged:
            info["privileged"] = {"offset": drawn.offset, "yaw": drawn.yaw}
        return info


def narrowed_kinds(kinds: Sequence[str], changes: Mapping[str, Any]) -> dict[str, Conditions]:
    """The conditions of some kinds of parts, changed: a parameter where the family has it. Raises ``InputError`` as
    :func:`narrowed`, for a parameter that no family has, and for what the kind says already."""
    for name in WORDS & changes.keys():
        what = "follows from the kind of part that is taken"
        raise InputError(Problem(f"conditions:{name}", what, f"name a kind as conditions: {', '.join(KINDS)}"))
    known = {kind: changeable(family_of(KINDS[kind].conditions.family)) for kind in kinds}
    anywhere = set[str]().union(*known.values())
    return {
        kind: narrowed(
            KINDS[kind].conditions,
            {name: value for name, value in changes.items() if name in names or name not in anywhere},
        )
        for kind, names in known.items()
    }


def outcome_of(scene: Tray, ran: Ran, phase: str) -> Taken:
    """The outcome of a scene that has come to its end."""
    off = off_grip(scene)
    cause, why = "", ""
    if ran.wrong is not None:
        cause, why = f"{phase}: {ran.wrong.split(':')[0]}", ran.wrong
    elif faults := faults_of(scene, off):
        cause, why = f"believed done, {faults[0].split(' ')[0]}", "; ".join(faults)
    elif ran.peak > LIMIT_N:
        cause, why = "too much force", f"{ran.peak:.1f} N"
    elif ran.seconds > LIMIT_S:
        cause, why = "out of time", f"{ran.seconds:.1f} s"
    x, y, z = (round(1000 * value, 3) for value in off)
    return Taken(not cause, round(ran.seconds, 4), round(ran.peak, 3), cause, why, (x, y, z))


def faults_of(scene: Tray, off: Sequence[float]) -> list[str]:
    """What is wrong with a part in the hand, in words; empty where nothing is."""
    item, stock, out = scene.call.item, scene.world.stock, []
    true, stood = stock.true_pose(item), scene.stood[item]
    if not in_hand(scene):
        out.append("dropped, or held by one finger")
    if true.xyz[2] - stood.xyz[2] < APPROACH - SHORT:
        out.append(f"lifted by {1000 * (true.xyz[2] - stood.xyz[2]):.1f} mm only")
    if true.tilt > STANDING:
        out.append(f"leaning by {math.degrees(true.tilt):.1f}°")
    if any(abs(value) > most for value, most in zip(off, OFF, strict=True)):
        out.append(f"off in the hand by {', '.join(f'{1000 * value:.2f}' for value in off)} mm")
    for name, there in scene.stood.items():
        moved = math.dist(stock.true_pose(name).xyz, there.xyz)
        if name != item and moved > STIRRED:
            out.append(f"stirred {name}, by {1000 * moved:.1f} mm")
    return out


def off_grip(scene: Tray) -> tuple[float, float, float]:
    """By how much (m, in the tool's axes) the part is off where the grip is planned."""
    item = scene.call.item
    planned = scene.world.stock.true_pose(item) @ scene.part(item).grip.tcp
    return (scene.world.arm.read().tcp.inverse() @ planned).xyz


def in_hand(scene: Tray) -> bool:
    """Whether both fingers touch the part."""
    world, body = scene.world, scene.world.stock.pieces[scene.call.item].body
    names = scene.cell.robot_spec.gripper.joints
    infos = [world.bullet.getJointInfo(world.robot, joint) for joint in range(world.bullet.getNumJoints(world.robot))]
    fingers = [info[0] for info in infos if info[1].decode() in names]
    return all(world.bullet.getContactPoints(world.robot, body, finger) for finger in fingers)
