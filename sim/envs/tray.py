"""The scene of a pick: a unit's parts stand in their trays, and the locator is wrong about one of them.

What is taken is a box (a square peg or a plate), a cylinder, a gear or a shaft, none so wide that the fingers couldn't
come down beside it whatever the error.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cells.control.verify import proof_of
from cells.description.cell import Cell
from cells.errors import InputError, Problem
from cells.kinematics.chain import load_chain
from cells.ports import Estimate, LoadRequest
from cells.pose import Pose, tool_down
from cells.products.model import Part, ProductVariant
from cells.runtime.world_model import WorldModel
from cells.skills.contract import Context
from cells.skills.fit import SURE
from cells.skills.motions import TRAVEL_Z
from cells.skills.pick import GRIP_FORCE, OPEN_BESIDE
from cells.tasks.plan import UnitPlan
from sim.envs.episode import PURPOSES, Conditions, Episode, Purpose
from sim.envs.scene import HEIGHT_SIGMA, Stage, Told, unit_of, with_noise
from sim.envs.tasks import GEARBOX, PEG, Task
from sim.envs.twin import Twin
from sim.world import SimWorld

OFFSET, YAW = 6e-3, math.radians(5)  # bounds of the estimate's error, of x and y each and of the turn
SPARE = 2e-3  # m that each finger stays clear at the worst
AWAY = 0.06  # m beside where the part is seen, towards the middle of the cell, at which an episode begins
TILT_SIGMA = math.radians(0.1)  # rad
SETTLING = 20  # control ticks


@dataclass(frozen=True, slots=True)
class Kind:
    """Parts that are much alike: the ``conditions`` under which variants are drawn, and the ``parts`` of them."""

    conditions: Conditions
    parts: tuple[str, ...]


def _kind(family: str, parameters: Mapping[str, object], *parts: str) -> Kind:
    fit = {"clearance_mm": 0.5, "chamfer_mm": 0.5}
    return Kind(Conditions(family, {**parameters, **fit}, offset=OFFSET, yaw=YAW), parts)  # type: ignore[dict-item]


KINDS: Mapping[str, Kind] = {
    "box": _kind("pegboard", {**PEG, "peg_shape": "square"}, "peg", "plate"),
    "cylinder": _kind("pegboard", {**PEG, "peg_shape": "round"}, "peg"),
    "gear": _kind("gearbox", GEARBOX, "small_gear", "large_gear"),
    "shaft": _kind("gearbox", GEARBOX, "shaft"),
}
GRASP = Task("Grasp", "pick", False, {name: kind.conditions for name, kind in KINDS.items()})


def kind_of(purpose: Purpose, seed: int) -> str:
    """The kind of part of a seed's episode."""
    chance = np.random.default_rng([PURPOSES.index(purpose), seed, 2])
    return tuple(KINDS)[int(chance.integers(len(KINDS)))]


def fits(part: Part, opening: float) -> bool:
    """Whether fingers that open so far (m) come down beside a part, whatever the error of its estimate."""
    return part.grip.width + 2 * (OFFSET + SPARE) <= opening


def takable(kind: Kind, variant: ProductVariant, unit: UnitPlan, opening: float) -> list[LoadRequest]:
    """What of a unit's parts is of a kind, and not too wide for fingers that open so far (m)."""
    return [load for load in unit.loads if load.part in kind.parts and fits(variant.parts[load.part], opening)]


class Tray(Stage):
    """The world of an episode, with the arm above the trays."""

    def __init__(self, cell: Cell, kind: Kind, episode: Episode, variant: ProductVariant, twin: bool = False) -> None:
        self.cell, self.chain = with_noise(cell, episode.noise), load_chain(cell)
        self.variant, self.episode, self.stiffness = variant, episode, episode.stiffness
        unit = unit_of(self.cell, variant)
        opening = cell.robot_spec.gripper.max_width
        choice = takable(kind, variant, unit, opening)
        load = choice[int(episode.choice * len(choice))]
        self.call = next(call for call in unit.calls if (call.skill, call.item) == ("pick", load.instance))
        self.world = world = (Twin if twin else SimWorld)(self.cell, {variant.hash: variant}, episode.world_seed)
        world.stock.load(unit.loads)
        body, bullet, part = world.stock.pieces[self.call.item].body, world.bullet, self.part(self.call.item)
        mass = bullet.getDynamicsInfo(body, -1)[0]
        bullet.changeDynamics(body, -1, lateralFriction=part.friction * episode.friction, mass=mass * episode.mass)
        self._begin_beside(load, part, self._estimate().pose)
        for _ in range(SETTLING):
            world.clock.advance()
        self.stood = {name: world.stock.true_pose(name) for name in world.stock.pieces}
        world.locator = Told({self.call.item: self._estimate()})
        proof = proof_of(self.cell, self.chain)
        self.context = Context(self.cell, self.chain, proof, world.locator, WorldModel, self.part)

    def part(self, instance: str) -> Part:
        """The part that an instance is."""
        return self.variant.part_of(instance.split("/")[1])

    def _begin_beside(self, load: LoadRequest, part: Part, seen: Pose) -> None:
        """The arm at travel height beside where the part is ``seen``, which tells nothing of where it is; the fingers
        as after such a part was let go."""
        x, y, _ = seen.xyz
        tcp = tool_down((x, y - math.copysign(AWAY, y), TRAVEL_Z))
        q, found = self.chain.solve(self.cell.base_pose.inverse().matrix() @ tcp.matrix(), self.cell.home)
        if not found:
            what = f"lets a part be seen where the arm of {self.cell.name} doesn't reach, beside {load.station}"
            raise InputError(Problem("conditions:offset", what, "take a smaller one"))
        spec = self.cell.robot_spec.gripper
        width = min(part.grip.width + 2 * OPEN_BESIDE, spec.max_width)
        self.world.arm.begin(q)
        self.world.gripper.begin(width)
        self.world.gripper.move(width, spec.max_speed, GRIP_FORCE)

    def _estimate(self) -> Estimate:
        """What the locator says: the truth is at it, moved and turned by the error."""
        true, drawn = self.world.stock.true_pose(self.call.item), self.episode
        x, y = (value - off for value, off in zip(true.xyz, drawn.offset, strict=False))
        seen = Pose.at(x, y, true.xyz[2], true.yaw - drawn.yaw)
        return Estimate(seen, (OFFSET / SURE,) * 2 + (HEIGHT_SIGMA,) + (TILT_SIGMA,) * 2 + (YAW / SURE,))
