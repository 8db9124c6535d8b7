"""The scene of one contact skill: a base that is clamped where the estimate says, but for its error, and a part in the
hand. The same world, ports, control and part families as the main job's.

Before an episode begins the part is held in the air until the fingers have closed on it; from then on it is held by
friction alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from cells.control.setpoints import Compliant
from cells.control.verify import proof_of
from cells.description.cell import Cell
from cells.errors import InputError, Problem
from cells.kinematics.chain import Chain, load_chain
from cells.orders.order import Item, Order
from cells.ports import Estimate, Reading
from cells.pose import Pose
from cells.products.model import ProductVariant
from cells.products.standing import standing
from cells.runtime.world_model import WorldModel
from cells.skills.contact import about
from cells.skills.contract import Call, Command, Context, Grasp
from cells.skills.fit import SURE, plan_fit
from cells.skills.insert import above
from cells.skills.pick import GRIP_FORCE
from cells.tasks.plan import UnitPlan, plan_order
from sim.envs.episode import Conditions, Episode
from sim.envs.twin import Twin
from sim.truth import FitWatch
from sim.world import SimWorld

HIGHER = 0.015  # m above where the joining begins, at which the part is when the episode begins
CLEAR = 2e-4  # m between each finger and the part before they close
CLOSING, SETTLING = 30, 20  # control ticks
HEIGHT_SIGMA = 1.5e-4  # m, of the estimate


@dataclass(frozen=True, slots=True)
class Told:
    """A locator that says what it was given, once and for all."""

    estimates: dict[str, Estimate]

    def locate(self, instance: str) -> Estimate:
        """The estimate. Raises ``KeyError`` for an instance it doesn't know."""
        return self.estimates[instance]


class Stage:
    """The world of an episode, and its ports; ``stiffness`` is a factor of the arm's."""

    world: SimWorld
    cell: Cell
    chain: Chain
    stiffness = 1.0
    tick = 0

    def read(self) -> Reading:
        """Read all ports."""
        world = self.world
        return Reading(world.clock.now(), self.tick, world.arm.read(), world.gripper.read(), world.wrench.read())

    def send(self, command: Command) -> None:
        """Write one command and pass the tick."""
        if isinstance(command, Grasp):
            self.world.gripper.move(command.width, command.speed, command.force)
        elif isinstance(command, Compliant):
            self.world.arm.command(replace(command, stiffness=command.stiffness * self.stiffness))
        elif command is not None:
            self.world.arm.command(command)
        self.world.clock.advance()
        self.tick += 1

    def close(self) -> None:
        """Give the world back."""
        self.world.close()


class Scene(Stage):
    """The world of an episode, with the part in the hand above its place."""

    def __init__(self, cell: Cell, conditions: Conditions, episode: Episode, variant: ProductVariant, skill: str,
                 studs: bool, twin: bool = False) -> None:  # fmt: skip
        """A ``twin`` floats: see :mod:`sim.envs.twin`."""
        self.cell = with_noise(cell, episode.noise)
        self.variant, self.episode, self.stiffness = variant, episode, episode.stiffness
        self.call = call_for(self.cell, variant, skill, studs, episode.choice, conditions.item)
        self.world = (Twin if twin else SimWorld)(self.cell, {variant.hash: variant}, episode.world_seed)
        self.chain = load_chain(self.cell)
        self._stand(conditions)
        self.context = Context(
            self.cell, self.chain, proof_of(self.cell, self.chain), self.world.locator, WorldModel, self.part,
        )  # fmt: skip
        self.fit = plan_fit(self.context, self.call)
        self._grip()
        self.watch = FitWatch(self.world, self.call.serial, variant)

    def part(self, instance: str) -> object:
        """The kind of part that an instance is."""
        return self.variant.part_of(instance.split("/")[1])

    def _stand(self, conditions: Conditions) -> None:
        """Clamp the base where it really is, let others stand in it, and tell the locator where they should be."""
        places, stock, drawn = standing(self.variant), self.world.stock, self.episode
        seat = self.cell.station("fixture").pose
        [base] = [item for item in places if self.variant.part_of(item).base]
        into = str(self.call.base).split("/")[1]
        rim = places[into] @ self._rim(into)
        error = Pose(quat=about(-drawn.tilt * math.sin(drawn.way), drawn.tilt * math.cos(drawn.way)).quat)
        error = Pose((*drawn.offset, 0.0), (Pose.at(0.0, 0.0, 0.0, drawn.yaw) @ error).quat)
        truth = seat @ rim @ error @ rim.inverse()
        wrong = (conditions.offset / SURE,) * 2 + (HEIGHT_SIGMA,) + (conditions.tilt / SURE,) * 2
        sigma = (*wrong, conditions.yaw / SURE)
        told = {}
        for item in self._there(base):
            instance, part, at = f"{self.call.serial}/{item}", self.variant.part_of(item), places[item]
            if item != base and part.grip.symmetry != math.pi:
                at = at @ Pose.at(0.0, 0.0, 2e-5, 2 * math.pi * drawn.phase)
            body = stock.stand(instance, part, truth @ at, fixed=item == base)
            self.world.bullet.changeDynamics(body, -1, lateralFriction=part.friction * drawn.friction)
            told[instance] = Estimate(seat @ places[item], sigma)
        self.world.locator = Told(told)

    def _there(self, base: str) -> list[str]:
        """The items that are there when the call's turn comes."""
        item = self.call.item.split("/")[1]
        if self.call.skill != "mesh":
            return [base]
        return [base, "shaft_1", "shaft_2", "large_gear" if item == "small_gear" else "small_gear"]

    def _rim(self, into: str) -> Pose:
        """Where the errors are meant: the rim of the hole, or the middle of the tops of the studs."""
        part = self.variant.part_of(into)
        hole = part.holes.get(str(self.call.target))
        if hole is not None:
            return hole.pose
        tops = [stud.pose.xyz for stud in part.studs.values()]
        return Pose(tuple(sum(values) / len(tops) for values in zip(*tops, strict=True)))

    def _grip(self) -> None:
        """The arm above the place, the part between the fingers, and these close."""
        world, part, drawn = self.world, self.variant.part_of(self.call.item.split("/")[1]), self.episode
        tcp = above(self.fit).shifted(dz=HIGHER)
        q, found = self.chain.solve(self.cell.base_pose.inverse().matrix() @ tcp.matrix(), self.cell.home)
        if not found:
            raise RuntimeError(f"the arm of {self.cell.name} doesn't reach its own fixture")
        world.arm.begin(q)
        world.gripper.begin(part.grip.width + 2 * CLEAR)
        slipped = Pose((drawn.slipped, 0.0, 0.0), (0.0, math.sin(drawn.leaning / 2), 0.0, math.cos(drawn.leaning / 2)))
        upright = Pose.at(0.0, 0.0, 0.0, self.fit.yaw - part.grip.tcp.yaw)
        x, y, z = (a - b for a, b in zip(tcp.xyz, (upright @ Pose(part.grip.tcp.xyz)).xyz, strict=True))
        held = Pose((x, y, z), upright.quat)
        body = world.stock.stand(self.call.item, part, tcp @ slipped @ tcp.inverse() @ held)
        bullet = world.bullet
        mass = bullet.getDynamicsInfo(body, -1)[0]
        bullet.changeDynamics(body, -1, lateralFriction=part.friction * drawn.friction, mass=mass * drawn.mass)
        at = bullet.getBasePositionAndOrientation(body)
        hold = bullet.createConstraint(body, -1, -1, -1, bullet.JOINT_FIXED, (0, 0, 0), (0, 0, 0), *at)
        world.gripper.move(0.0, 0.1, GRIP_FORCE)
        for _ in range(CLOSING):
            world.clock.advance()
        bullet.removeConstraint(hold)
        for _ in range(SETTLING):
            world.clock.advance()


def with_noise(cell: Cell, factor: float) -> Cell:
    """The cell with a wrist sensor that is so much noisier."""
    noise = cell.noise.model_copy(
        update={"force_n": cell.noise.force_n * factor, "moment_nm": cell.noise.moment_nm * factor}
    )
    return cell.model_copy(update={"noise": noise})


def call_for(cell: Cell, variant: ProductVariant, skill: str, studs: bool, choice: float, item: str = "") -> Call:
    """The call of a ``skill`` in the plan of one such unit, onto ``studs`` or into a hole: that of an ``item``, or of
    several by ``choice``. Raises ``InputError`` where nothing of the kind is done."""
    calls = [call for call in unit_of(cell, variant).calls if call.skill == skill]
    fitting = [
        call for call in calls
        if _onto_studs(variant, call) == studs and item in ("", call.item.split("/")[1])
    ]  # fmt: skip
    if not fitting:
        what = f"to {skill} {item or 'something'} is no step of a {variant.family} that this task is about"
        raise InputError(Problem("conditions:item", what, "name an item of the variant, as its process plan has it"))
    return fitting[int(choice * len(fitting))]


def unit_of(cell: Cell, variant: ProductVariant) -> UnitPlan:
    """The plan of one unit of a variant."""
    item = Item(product=variant.family, quantity=1, parameters=dict(variant.parameters))
    order = Order(schema="cellwright/order/v1", id="E", customer="env", due="2026-12-31", items=(item,))  # type: ignore[call-arg]
    return plan_order(order, cell, [variant]).units[0]


def _onto_studs(variant: ProductVariant, call: Call) -> bool:
    """Whether a call puts a part onto more than one stud at once."""
    return len(variant.part_of(call.item.split("/")[1]).holes) > 1
