"""Parts that wait: they stand in their slots until they are taken, and one that has fallen is not gripped blindly."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from cells.control.verify import proof_of
from cells.description.cell import load_cell
from cells.kinematics.chain import load_chain
from cells.ports import LoadRequest, Reading
from cells.pose import Pose
from cells.products.catalogue import build_variant
from cells.runtime.world_model import WorldModel
from cells.skills.contract import Call, Context, Failed
from cells.skills.pick import run as pick
from sim.world import SimWorld, open_world

CELL = load_cell("panda-bench")
CHAIN = load_chain(CELL)
SLENDER = build_variant("pegboard", {"pegs": 6, "peg_mm": 8, "peg_length_mm": 46})
SLOTS = [("tray_b", slot) for slot in range(6)] + [("tray_c", slot) for slot in range(6)]


@pytest.fixture(scope="module")
def world() -> Iterator[SimWorld]:
    world = open_world(CELL, {SLENDER.hash: SLENDER}, seed=42)
    requests = [LoadRequest(f"U/{tray}{slot}", "peg", SLENDER.hash, tray, slot) for tray, slot in SLOTS]
    world.stock.load(requests)
    yield world
    world.close()


def test_slender_pegs_stand_where_they_were_loaded(world: SimWorld) -> None:
    before = {name: world.stock.true_pose(name) for name in world.stock.pieces}
    for _ in range(round(1.5 / CELL.tick_s)):
        world.clock.advance()
    after = {name: world.stock.true_pose(name) for name in before}
    assert max(pose.tilt for pose in after.values()) < math.radians(0.3)
    assert max(math.dist(after[name].xyz, before[name].xyz) for name in before) < 2e-4


def test_a_peg_that_has_fallen_is_not_gripped(world: SimWorld) -> None:
    body = world.stock.pieces["U/tray_b0"].body
    lying = Pose.at(0.40, -0.25, 0.05) @ Pose((0.0, 0.0, 0.0), (math.sqrt(0.5), 0.0, 0.0, math.sqrt(0.5)))
    world.bullet.resetBasePositionAndOrientation(body, lying.xyz, lying.quat)
    assert isinstance(result_of(world, "U/tray_b0"), Failed)
    assert "leans by 90°" in result_of(world, "U/tray_b0").why


def result_of(world: SimWorld, instance: str) -> Failed:
    """What the skill says before it has moved anything."""
    context = Context(CELL, CHAIN, proof_of(CELL, CHAIN), world.locator, WorldModel, lambda item: SLENDER.parts["peg"])
    call = Call("pick", "pick", "U", instance, "tray_b", None, {}, "it is needed")
    reading = Reading(0.0, 0, world.arm.read(), world.gripper.read(), world.wrench.read())
    with pytest.raises(StopIteration) as ended:
        pick(context, call, reading).send(None)
    return ended.value.value  # type: ignore[no-any-return]
