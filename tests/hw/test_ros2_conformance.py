"""Both nodes of the house, with and without physics behind them, keep what the ports promise."""

from __future__ import annotations

import pytest

from cells.conformance import check_world, failures
from tests.hw.arm_bench import need_ros, process
from tests.hw.attended_run import VARIANT, cell_in, opened

# No compliance of the arm's own is asked of it, and no twin: it isn't deterministic.
LEFT_OUT = {"compliant", "twin"}


@pytest.mark.parametrize(("kind", "rate"), [("mock", "3.0"), ("sim", "2.0")])
def test_the_world_over_ros_2_conforms(kind: str, rate: str) -> None:
    need_ros()
    if kind == "sim":
        pytest.importorskip("pybullet", reason="PyBullet isn't installed: pip install 'cellwright[sim]'")
    cell = cell_in(f"/{kind}")
    words = "cell:=panda-bench", f"rate:={rate}", "use_sim_time:=true"
    with process(f"hw.nodes.arm_{kind}", *words, namespace=f"/{kind}"):
        world = opened(cell)
        checks = check_world(world, cell, {VARIANT.hash: VARIANT})
    assert not failures(checks), "\n".join(failures(checks))
    assert {check.name for check in checks if check.verdict == "skipped"} == LEFT_OUT
    assert world.traits.self_loading and not world.traits.deterministic
