"""The floating twin: the ports keep their promises, it moves as the arm does, and an insertion ends the same way."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from cells.conformance import check_world, failures
from cells.control.setpoints import Compliant
from cells.description.cell import load_cell
from cells.pose import Array
from cells.products.catalogue import build_variant
from cells.skills.contact import NEUTRAL
from sim.envs.joining import Joining
from sim.envs.twin import Twin
from sim.world import SimWorld

CELL = load_cell("panda-bench")
VARIANT = build_variant("pegboard", {"pegs": 1})
SOFT = np.array([800.0, 800.0, 2000.0, 25.0, 25.0, 25.0])


@pytest.fixture
def worlds() -> Iterator[tuple[SimWorld, SimWorld]]:
    pair = (SimWorld(CELL, {}, seed=1), Twin(CELL, {}, seed=1))
    yield pair
    for world in pair:
        world.close()


def test_the_ports_keep_what_they_promise() -> None:
    variants = {VARIANT.hash: VARIANT}
    checks = check_world(Twin(CELL, variants, 1), CELL, variants, Twin(CELL, variants, 1))
    assert not failures(checks), "\n".join(failures(checks))


def drawn(world: SimWorld, ticks: int) -> Array:
    """Where (3,) the tool is, and what the wrist feels (6,), after a spring has drawn it aside and up."""
    start = world.arm.read().tcp
    for _ in range(ticks):
        world.arm.command(Compliant(start.shifted(0.01, 0.01, 0.01), np.zeros(6), SOFT, 20.0))
        world.clock.advance()
    return np.concatenate([np.subtract(world.arm.read().tcp.xyz, start.xyz), world.wrench.read()])


def test_a_spring_draws_it_as_it_draws_the_arm(worlds: tuple[SimWorld, SimWorld]) -> None:
    for ticks in (20, 60):
        arm, twin = (drawn(world, ticks) for world in worlds)
        assert np.abs(arm - twin)[:3].max() < 2e-3
        assert np.abs(arm - twin)[3:6].max() < 0.5


def test_what_the_wrist_feels_in_the_air_is_the_tools_weight(worlds: tuple[SimWorld, SimWorld]) -> None:
    for world in worlds:
        for _ in range(20):
            world.clock.advance()
    arm, twin = (np.mean([world.wrench.read() for _ in range(50)], axis=0) for world in worlds)
    assert np.abs(arm - twin).max() < 0.02
    assert twin[2] == pytest.approx(-7.16, abs=0.1)


def test_an_insertion_ends_on_the_twin_as_on_the_arm() -> None:
    ends = []
    for twin in (False, True):
        env = Joining("Insert", "hard", purpose="tuning", twin=twin)
        env.reset(seed=4)
        over = False
        while not over:
            _, _, over, _, info = env.step(NEUTRAL)
        ends.append(info["outcome"])
        env.close()
    arm, floating = ends
    assert arm["success"]
    assert floating["success"]
    assert floating["time_s"] == pytest.approx(arm["time_s"], rel=0.2)
