"""Kernels written for one robot: the same answers as the generic ones, kept in a folder that nobody else can write."""

from __future__ import annotations

import ast
import dataclasses
import math
import os
import pickle
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from cells.cache import cache_folder
from cells.commands.warmup import warmup
from cells.description.cell import load_cell
from cells.errors import InputError
from cells.kinematics import compiled, generator, ik, search
from cells.kinematics.chain import Chain, load_chain

CELL = load_cell("panda-bench")
PANDA = load_chain(CELL)
GENERIC = dataclasses.replace(PANDA, specialised=False)
UR5E_URDF = Path(str(files("cells.library").joinpath("robots/ur5e/ur5e.urdf")))
SIX = {"acceleration": [10.0] * 6, "jerk": [100.0] * 6}
ODD = """<robot name="odd"><link name="base"/><link name="a"/><link name="b"/><link name="tool"/>
  <joint name="turn" type="revolute"><parent link="base"/><child link="a"/><origin xyz="0 0.2 0.1" rpy="0.4 0 0"/>
    <axis xyz="0 0.6 0.8"/><limit lower="-2" upper="2" velocity="1" effort="10"/></joint>
  <joint name="slide" type="prismatic"><parent link="a"/><child link="b"/><origin xyz="0.3 0 0" rpy="0 0.5 0"/>
    <axis xyz="0.8 0 0.6"/><limit lower="-0.5" upper="0.5" velocity="1" effort="10"/></joint>
  <joint name="wrist" type="continuous"><parent link="b"/><child link="tool"/><origin xyz="0 0 0.2" rpy="0 0 0.7"/>
    <axis xyz="1 0 0"/><limit velocity="1" effort="10"/></joint></robot>"""


def random_joints(chain: Chain, count: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform(np.maximum(chain.q_min, -3), np.minimum(chain.q_max, 3), (count, chain.n))


def run_as_python(chain: Chain) -> dict:
    """The generated module's functions without Numba: what is tested is the text, whatever compiles it."""
    text = generator.source(chain).replace("from numba import njit", "njit = lambda *a, **k: a[0] if a else njit")
    names: dict = {}
    exec(compile(text, "generated", "exec"), names)
    return names


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    path = tmp_path_factory.mktemp("odd") / "odd.urdf"
    path.write_text(ODD)
    return Chain.from_urdf(path, "base", "tool", {"acceleration": [1] * 3, "jerk": [1] * 3})


@pytest.fixture(scope="module")
def ur5e() -> Chain:
    return Chain.from_urdf(UR5E_URDF, "base_link", "tool0", SIX)


@pytest.mark.parametrize("name", ["odd", "ur5e", "panda"])
def test_the_text_computes_what_the_generic_kernels_do(name: str, request: pytest.FixtureRequest) -> None:
    chain = GENERIC if name == "panda" else request.getfixturevalue(name)
    forward, iterate = (run_as_python(chain)[part] for part in ("forward", "iterate"))
    pose, jacobian, step, expected = np.empty((4, 4)), np.empty((6, chain.n)), np.empty(chain.n), np.empty(chain.n)
    joints = random_joints(chain, 20, 1)
    joints[0] = np.maximum(chain.q_min, -math.pi)  # every joint at its limit: the active set at work
    for q, other in zip(joints, random_joints(chain, 20, 2), strict=True):
        forward(q, 0.0, pose, jacobian)
        np.testing.assert_allclose(pose, chain.fk(q), atol=1e-12)
        np.testing.assert_allclose(jacobian, chain.jacobian(q), atol=1e-12)
        target, limits = chain.fk(other), (chain.q_min, chain.q_max)
        ours = iterate(q, 0.0, target, *limits, 1e-6, step)
        theirs = search.iterate(q, chain.arrays, target, *limits, 1e-6, expected)
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)
        np.testing.assert_allclose(step, expected, rtol=1e-6, atol=1e-9)


def test_the_ur5e_has_the_published_geometry(ur5e: Chain) -> None:
    """Universal Robots' table, multiplied out by itself; the base link is turned half round against its base."""
    a, d = (0, -0.425, -0.3922, 0, 0, 0), (0.1625, 0, 0, 0.1333, 0.0997, 0.0996)
    alpha = (math.pi / 2, 0, 0, math.pi / 2, -math.pi / 2, 0)
    for q in random_joints(ur5e, 20, 3):
        pose = np.diag([-1.0, -1.0, 1.0, 1.0])
        for i, angle in enumerate(q):
            c, s, ca, sa = math.cos(angle), math.sin(angle), math.cos(alpha[i]), math.sin(alpha[i])
            row = [[c, -s * ca, s * sa, a[i] * c], [s, c * ca, -c * sa, a[i] * s], [0, sa, ca, d[i]], [0, 0, 0, 1]]
            pose = pose @ np.array(row)
        np.testing.assert_allclose(ur5e.fk(q), pose, atol=1e-9)


@pytest.mark.parametrize("name", ["odd", "panda"])
def test_roboticstoolbox_sees_the_same_arm(name: str, request: pytest.FixtureRequest) -> None:
    chain = GENERIC if name == "panda" else request.getfixturevalue(name)
    robot = chain.to_rtb()
    np.testing.assert_allclose(robot.qlim, [chain.q_min, chain.q_max])
    for q in random_joints(chain, 20, 6):
        np.testing.assert_allclose(robot.fkine(q).A, chain.fk(q), rtol=0, atol=1e-9)
        np.testing.assert_allclose(robot.jacob0(q), chain.jacobian(q), rtol=0, atol=1e-9)


def test_the_module_stands_alone() -> None:
    imported = [node for node in ast.walk(ast.parse(generator.source(PANDA))) if isinstance(node, ast.ImportFrom)]
    assert {node.module for node in imported} == {"numba"}


def test_names_in_a_urdf_are_no_code(tmp_path: Path) -> None:
    evil = "&quot;&quot;&quot;&#10;raise SystemExit(1)&#10;&quot;&quot;&quot;"
    path = tmp_path / "evil.urdf"
    path.write_text(ODD.replace('name="odd"', f'name="{evil}"').replace('name="slide"', f'name="{evil}"'))
    chain = Chain.from_urdf(path, "base", "tool", {"acceleration": [1] * 3, "jerk": [1] * 3})
    assert "raise" in chain.name and "raise" in chain.joint_names[1]
    assert not any(isinstance(node, ast.Raise) for node in ast.walk(ast.parse(generator.source(chain))))


def test_compiled_and_generic_kernels_find_the_same_joints() -> None:
    targets = np.array([PANDA.fk(q) for q in random_joints(PANDA, 200, 4)])
    found, ok = PANDA.solve_batch(targets, CELL.home)
    generic, generic_ok = ik.solve_batch(GENERIC, targets, CELL.home)
    assert ok.all() and generic_ok.all()
    assert np.mean(np.abs(found - generic).max(axis=1) < 1e-5) > 0.95  # rounding may send a restart elsewhere
    for target, q in zip(targets, found, strict=True):
        assert np.abs(GENERIC.fk(q) - target).max() < 2e-6
        assert np.all((q >= PANDA.q_min) & (q <= PANDA.q_max))


def test_a_batch_is_what_single_calls_are() -> None:
    joints = random_joints(PANDA, 50, 5)
    poses, jacobians = PANDA.forward_batch(joints)
    found, ok = PANDA.solve_batch(poses, CELL.home)
    for k, q in enumerate(joints):
        np.testing.assert_array_equal(poses[k], PANDA.fk(q))
        np.testing.assert_array_equal(jacobians[k], PANDA.jacobian(q))
        single, fine = PANDA.solve(poses[k], CELL.home)
        assert fine == ok[k]
        np.testing.assert_array_equal(single, found[k])
    into = np.empty((50, 4, 4)), np.empty((50, 6, 7))
    assert PANDA.forward_batch(joints, *into)[0] is into[0]


@pytest.mark.parametrize("spoil", ["open to others", "a link", "a file"])
def test_a_folder_that_others_may_write_is_not_used(spoil: str, tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / "cache"
    if spoil == "open to others":
        folder.mkdir()
        folder.chmod(0o777)
    elif spoil == "a link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        folder.write_text("")
    monkeypatch.setenv("CELLWRIGHT_CACHE", str(folder))
    assert cache_folder() is None
    assert compiled.generated(PANDA).robot is PANDA.arrays  # generic


def test_the_folder_is_made_for_the_user_alone(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("CELLWRIGHT_CACHE", str(tmp_path / "new"))
    compiled.generated(PANDA)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "new").stat().st_uid == os.geteuid()
    (written,) = (tmp_path / "new").glob("*.py")
    assert written.read_text() == generator.source(PANDA)


def test_warmup_tells_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    warmup("panda-bench")
    told = capsys.readouterr().err.splitlines()
    assert [line.split()[0] for line in told[:-1]] == [f"{k}/10" for k in range(1, 11)]
    assert told[-1].startswith("panda:panda_tcp is ready, kept in ")


def test_a_link_with_two_parents_is_named(tmp_path: Path) -> None:
    path = tmp_path / "closed.urdf"
    loop = '<joint name="back" type="revolute"><parent link="base"/><child link="tool"/></joint></robot>'
    path.write_text(ODD.replace("</robot>", loop))
    with pytest.raises(InputError, match=r"closed\.urdf:tool: hangs on 2 joints \(wrist, back\)"):
        Chain.from_urdf(path, "base", "tool", {"acceleration": [1] * 3, "jerk": [1] * 3})


def test_a_chain_that_has_solved_goes_to_another_process() -> None:
    target = PANDA.fk(CELL.home)
    q, _ = PANDA.solve(target, CELL.home + 0.1)
    again, ok = pickle.loads(pickle.dumps(PANDA)).solve(target, CELL.home + 0.1)
    assert ok
    np.testing.assert_array_equal(again, q)
