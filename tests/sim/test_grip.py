"""A grip holds as much as Coulomb says, no less and no more: two pads, each pressing with 40 N."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from cells.control.setpoints import Compliant
from cells.description.cell import load_cell
from cells.pose import Pose
from cells.products.catalogue import build_variant
from sim.arm import FINGER_FRICTION
from sim.bodies import LEAST_MASS
from sim.world import SimWorld, open_world

PLATE = build_variant("pegboard", {"pegs": 3}).parts["plate"]
GRIP = 40.0  # N
LIMIT = 2 * FINGER_FRICTION * PLATE.friction * GRIP  # N along the pads; Bullet multiplies the two surfaces' friction
WEIGHT = 9.81 * max(PLATE.mass, LEAST_MASS)  # N


@pytest.fixture
def held() -> Iterator[tuple[SimWorld, int]]:
    """A stiff arm with a plate between its fingers, gripped at its middle."""
    world = open_world(load_cell("panda-bench"), {}, seed=1)
    tcp = world.arm.read().tcp
    world.arm.command(Compliant(tcp, np.zeros(6), np.array([3000.0, 3000.0, 3000.0, 200.0, 200.0, 200.0]), 1000.0))
    x, y, z = (a - b for a, b in zip(tcp.xyz, PLATE.grip.tcp.xyz, strict=True))
    body = world.stock.spawn(PLATE, Pose((x, y, z)))
    for joint in (9, 10):  # just beside it, so that it is caught before it falls
        assert world.bullet.getJointInfo(world.robot, joint)[1].startswith(b"panda_finger")
        world.bullet.resetJointState(world.robot, joint, PLATE.grip.width / 2 + 2e-4)
    world.gripper.move(0.0, 0.2, GRIP)
    for _ in range(100):
        world.clock.advance()
    yield world, body
    world.close()


def slip_after(held: tuple[SimWorld, int], force: tuple[float, float, float], seconds: float) -> float:
    """How far (m) the plate has moved in the hand after a force (N, world) has pulled at its middle."""
    world, body = held
    bullet, actuate = world.bullet, world.arm.actuate

    def actuate_and_pull() -> None:
        actuate()
        bullet.applyExternalForce(body, -1, force, bullet.getBasePositionAndOrientation(body)[0], bullet.WORLD_FRAME)

    def at() -> tuple[float, float, float]:
        return (world.arm.read().tcp.inverse() @ Pose(*bullet.getBasePositionAndOrientation(body))).xyz

    world.arm.actuate = actuate_and_pull  # type: ignore[method-assign]
    before = at()
    for _ in range(round(seconds / world.clock.tick_s)):
        world.clock.advance()
    return math.dist(before, at())


@pytest.mark.parametrize("way", [(0.0, 0.0, -1.0), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)], ids=["down", "up", "along"])
@pytest.mark.parametrize("share", [0.9, 1.1])
def test_what_is_gripped_slips_where_coulomb_says(
    held: tuple[SimWorld, int], way: tuple[float, float, float], share: float
) -> None:
    pull = share * LIMIT
    force = (way[0] * pull, way[1] * pull, way[2] * pull + (WEIGHT if way[2] else 0.0))
    slipped = slip_after(held, force, 0.5)
    assert slipped < 3e-4 if share < 1.0 else slipped > 5e-3
