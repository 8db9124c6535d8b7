"""The wrist sensor tells what the environment exerts on the tool: at the tcp, in the world frame, tool weight and all.

Bullet gives the reaction of a joint about the child's centre of mass, not about the joint's own frame; read as the
latter, moments are wrong by force times some centimetres. So the moments here are those of known levers.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cells.description.cell import load_cell
from cells.kinematics.kernels import GRAVITY
from cells.pose import Array
from cells.products.catalogue import build_variant
from sim import bodies
from sim.world import SimWorld, open_world

UPRIGHT = (0.0, -20.0, 0.0, -125.0, 0.0, 105.0, 45.0)  # fingers close along the world's y
LEANING = (20.0, -25.0, 10.0, -120.0, -35.0, 130.0, 80.0)  # the tool's axis far from the vertical
TOOL = ("panda_hand", "panda_leftfinger", "panda_rightfinger")


class Bench:
    """An arm that holds still while a body (the hand, or what it holds) is pushed at a point."""

    def __init__(self, home: tuple[float, ...]) -> None:
        cell = load_cell("panda-bench").model_copy(update={"home_deg": home})
        self.world: SimWorld = open_world(cell, {}, seed=1)
        bullet, robot = self.world.bullet, self.world.robot
        names = [bullet.getJointInfo(robot, j)[12].decode() for j in range(bullet.getNumJoints(robot))]
        self.links = {name: names.index(name) for name in TOOL}
        self.pushed = (robot, self.links["panda_hand"])
        self._actuate, self._push = self.world.arm.actuate, (np.zeros(3), np.zeros(3))
        self.world.arm.actuate = self._actuate_and_push  # type: ignore[method-assign]

    def _actuate_and_push(self) -> None:
        self._actuate()
        force, lever = self._push
        bullet = self.world.bullet
        point = (self.tcp + lever).tolist()
        bullet.applyExternalForce(*self.pushed, force.tolist(), point, bullet.WORLD_FRAME)

    @property
    def tcp(self) -> Array:
        return np.array(self.world.arm.read().tcp.xyz)

    def felt(self, force: Array, lever: Array) -> Array:
        """Mean wrench (6,) once the arm is still under ``force`` (N, world) at ``lever`` (m, world) off the tcp."""
        self._push = (force, lever)
        for _ in range(25):
            self.world.clock.advance()
        told = []
        for _ in range(25):
            self.world.clock.advance()
            told.append(self.world.wrench.read())
        return np.mean(told, axis=0)

    def hold_a_peg(self, folder: Path) -> None:
        """Let the fingers close on a peg that floats between them, and push that from now on."""
        bullet = self.world.bullet
        peg = build_variant("pegboard", {"pegs": 1, "peg_mm": 12}).parts["peg"]
        at = self.world.arm.read().tcp @ peg.grip.tcp.inverse()
        self.pushed = (bodies.spawn_part(bullet, peg, at, bodies.STEEL, folder), -1)
        bullet.setGravity(0, 0, 0)
        self.world.gripper.move(0.0, 0.1, 40.0)
        for _ in range(200):
            self.world.clock.advance()
        bullet.setGravity(0, 0, -GRAVITY)

    def weight(self) -> Array:
        """(6,) of the tool's gravity about the tcp, from the masses and where Bullet has them."""
        bullet, out = self.world.bullet, np.zeros(6)
        for link in self.links.values():
            centre = np.array(bullet.getLinkState(self.world.robot, link)[0])
            force = np.array([0.0, 0.0, -GRAVITY * bullet.getDynamicsInfo(self.world.robot, link)[0]])
            out += np.concatenate([force, np.cross(centre - self.tcp, force)])
        return out


@pytest.fixture(scope="module", params=[UPRIGHT, LEANING], ids=["upright", "leaning"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    bench = Bench(request.param)
    yield bench
    bench.world.close()


def test_untared_it_tells_the_weight_of_hand_and_fingers(bench: Bench) -> None:
    told = bench.felt(np.zeros(3), np.zeros(3))
    assert bench.weight()[2] == pytest.approx(-0.73 * GRAVITY, rel=1e-6)
    assert told[:3] == pytest.approx(bench.weight()[:3], abs=0.1)
    assert told[3:] == pytest.approx(bench.weight()[3:], abs=0.04)


AT_TCP, ASIDE = (0, 0, 0), (0.05, -0.03, 0.08)


@pytest.mark.parametrize(
    ("force", "lever"), [((10, 0, 0), ASIDE), ((0, 10, 0), ASIDE), ((0, 0, 10), ASIDE), ((6, -8, -5), AT_TCP)], ids=str
)
def test_a_known_push_at_the_hand_is_told_in_the_world_frame(bench: Bench, force: Array, lever: Array) -> None:
    push, arm = np.array(force, dtype=float), np.array(lever, dtype=float)
    tare = bench.felt(np.zeros(3), np.zeros(3))
    told = bench.felt(push, arm) - tare
    assert np.linalg.norm(told[:3] - push) < 0.05 * np.linalg.norm(push)
    assert told[3:] == pytest.approx(np.cross(arm, push), abs=0.02)


@pytest.mark.parametrize("force", [(3, 0, 0), (0, 3, 0), (0, 0, 3), (0, 0, -3)], ids=str)
def test_a_known_push_at_a_held_peg_is_told(holding: Bench, force: Array) -> None:
    push = np.array(force, dtype=float)
    told = holding.felt(push, np.zeros(3)) - holding.felt(np.zeros(3), np.zeros(3))
    assert np.linalg.norm(told[:3] - push) < 0.05 * np.linalg.norm(push)


def test_a_push_below_the_grip_is_told_as_a_moment(holding: Bench) -> None:
    """It turns the peg about the fingers' axis, against the friction of the pads."""
    push, lever = np.array([3.0, 0.0, 0.0]), np.array([0.0, 0.0, -0.04])
    told = holding.felt(push, lever) - holding.felt(np.zeros(3), np.zeros(3))
    assert told[3:] == pytest.approx(np.cross(lever, push), abs=0.02)


@pytest.fixture(scope="module")
def holding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bench = Bench(UPRIGHT)
    bench.hold_a_peg(tmp_path_factory.mktemp("peg"))
    yield bench
    bench.world.close()
