"""All solutions by formula for arms built like Universal Robots': each one right, none left out."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from cells.description.cell import load_cell
from cells.errors import CellwrightError
from cells.kinematics import generator, ur
from cells.kinematics.chain import Chain, load_chain
from cells.kinematics.ur import arctangents

URDF = Path(str(files("cells.library").joinpath("robots/ur5e/ur5e.urdf")))
UR5E = Chain.from_urdf(URDF, "base_link", "tool0", {"acceleration": [10.0] * 6, "jerk": [100.0] * 6})
# Axes 2 and 3 turn the other way, the base is tilted and moved, and the tool is bent.
BENT = """<robot name="bent"><link name="base"/><link name="l1"/><link name="l2"/><link name="l3"/><link name="l4"/>
  <link name="l5"/><link name="l6"/><link name="tool"/>
  <joint name="j1" type="revolute"><parent link="base"/><child link="l1"/><origin xyz="0.1 0.2 0.3" rpy="0.4 0.2 0"/>
    <axis xyz="0 0 1"/><limit lower="-6" upper="6" velocity="1" effort="1"/></joint>
  <joint name="j2" type="revolute"><parent link="l1"/><child link="l2"/><origin xyz="0 0 0.1"/>
    <axis xyz="0 -1 0"/><limit lower="-6" upper="6" velocity="1" effort="1"/></joint>
  <joint name="j3" type="revolute"><parent link="l2"/><child link="l3"/><origin xyz="0.1 0.13 0.3"/>
    <axis xyz="0 1 0"/><limit lower="-6" upper="6" velocity="1" effort="1"/></joint>
  <joint name="j4" type="revolute"><parent link="l3"/><child link="l4"/><origin xyz="0.25 -0.02 0.1"/>
    <axis xyz="0 -1 0"/><limit lower="-6" upper="6" velocity="1" effort="1"/></joint>
  <joint name="j5" type="revolute"><parent link="l4"/><child link="l5"/><origin xyz="0 0.09 0"/>
    <axis xyz="0 0 1"/><limit lower="-6" upper="6" velocity="1" effort="1"/></joint>
  <joint name="j6" type="revolute"><parent link="l5"/><child link="l6"/><origin xyz="0 0 0.1"/>
    <axis xyz="1 0 0"/><limit lower="-6" upper="6" velocity="1" effort="1"/></joint>
  <joint name="end" type="fixed"><parent link="l6"/><child link="tool"/>
    <origin xyz="0.1 0.02 0.03" rpy="0.3 1 2"/></joint>
</robot>"""


@pytest.fixture(scope="module")
def bent(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    path = tmp_path_factory.mktemp("bent") / "bent.urdf"
    path.write_text(BENT)
    return Chain.from_urdf(path, "base", "tool", {"acceleration": [1] * 6, "jerk": [1] * 6})


@pytest.mark.parametrize("name", ["ur5e", "bent"])
def test_every_branch_is_right_and_the_one_asked_for_is_among_them(name: str, request: pytest.FixtureRequest) -> None:
    chain = UR5E if name == "ur5e" else request.getfixturevalue(name)
    rng = np.random.default_rng(1)
    counts = []
    for q in rng.uniform(-3.1, 3.1, (300, 6)):
        target = chain.fk(q)
        found = chain.branches(target, q)
        counts.append(len(found))
        np.testing.assert_allclose(found[0], q, atol=1e-6)
        for other in found:
            np.testing.assert_allclose(chain.fk(other), target, atol=1e-8)
        gaps = [np.abs(a - b).max() for i, a in enumerate(found) for b in found[:i]]
        assert not gaps or min(gaps) > 1e-6
    assert max(counts) == 8


def test_singular_and_stretched_poses_have_a_solution_too() -> None:
    rng = np.random.default_rng(2)
    for q in rng.uniform(-3.1, 3.1, (200, 6)):
        for joint, value in ((4, 0.0), (4, np.pi), (2, 0.0), (2, np.pi)):
            posture = q.copy()
            posture[joint] = value
            target = UR5E.fk(posture)
            found = UR5E.branches(target, posture)
            assert len(found) > 0
            np.testing.assert_allclose(UR5E.fk(found[0]), target, atol=1e-6)


def test_what_lies_beyond_the_limits_is_left_out() -> None:
    q = np.array([3.0, -1.0, 1.0, 0.5, 1.0, 0.2])
    near = q - 2 * np.pi * np.array([1, 0, 0, 0, 0, 0])
    found = UR5E.branches(UR5E.fk(q), near)
    assert np.all((found >= UR5E.q_min) & (found <= UR5E.q_max))
    np.testing.assert_allclose(found[0], near, atol=1e-6)  # whole turns towards where the arm is
    assert len(UR5E.branches(np.diag([1.0, 1.0, 1.0, 1.0]) + np.eye(4, k=3) * 2.0, q)) == 0  # 2 m away
    assert len(UR5E.branches(np.full((4, 4), np.nan), q)) == 0


def test_the_generated_solver_uses_the_formula() -> None:
    text = generator.source(UR5E).replace("from numba import njit", "njit = lambda *a, **k: a[0] if a else njit")
    module: dict = {}
    exec(compile(text, "generated", "exec"), module)
    out = np.empty(6)
    for q in np.random.default_rng(3).uniform(-3.1, 3.1, (100, 6)):
        assert module["solve"](UR5E.fk(q), q + 0.01, 0.0, UR5E.limits, 1e-6, 1, out)
        np.testing.assert_allclose(out, q, atol=1e-6)
        start = np.clip(2 * q[::-1], UR5E.q_min, UR5E.q_max)
        assert module["find"](UR5E.fk(q), start, out)
        np.testing.assert_allclose(out, UR5E.branches(UR5E.fk(q), start)[0], atol=1e-9)  # the nearest


def test_other_arms_are_told_apart() -> None:
    panda = load_chain(load_cell("panda-bench"))
    assert ur.geometry(panda) is None
    with pytest.raises(CellwrightError, match="no formula"):
        panda.branches(np.eye(4), np.zeros(7))


def test_arctangents_are_the_librarys() -> None:
    rng = np.random.default_rng(5)
    angles = np.concatenate([rng.uniform(-np.pi, np.pi, 4000), np.arange(-8, 9) * np.pi / 8])
    sizes = 10.0 ** rng.uniform(-6, 6, len(angles))
    y, x, out = sizes * np.sin(angles), sizes * np.cos(angles), np.empty(len(angles))
    arctangents(y, x, out)
    np.testing.assert_allclose(out, np.arctan2(y, x), atol=1e-15, rtol=0)
    arctangents(np.array([0.0, 0.0, 0.0]), np.array([1.0, -1.0, 0.0]), out[:3])
    np.testing.assert_array_equal(out[:3], [0.0, np.pi, 0.0])


def test_a_start_beyond_the_limits_is_taken_for_the_limit() -> None:
    rng = np.random.default_rng(7)
    for q in rng.uniform(-3, 3, (50, 6)):
        beyond = q + rng.choice([-30.0, 30.0], 6)
        target = UR5E.fk(q)
        far, near = (UR5E.branches(target, at) for at in (beyond, np.clip(beyond, UR5E.q_min, UR5E.q_max)))
        assert len(far) == len(near) > 0
        assert np.all((far >= UR5E.q_min) & (far <= UR5E.q_max))
