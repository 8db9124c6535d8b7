"""Collision checks: what they call free is free, what they refuse is not, judged by coal; and edges as a whole."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import coal
import numpy as np
import pytest

from cells.description.cell import load_cell
from cells.errors import InputError
from cells.kinematics.chain import load_chain
from cells.kinematics.collision.checks import clearance, configs_free, edges_free, path_clearance
from cells.kinematics.collision.exact import Exact, _geometry
from cells.kinematics.collision.gjk import separation
from cells.kinematics.collision.model import HELD, Scene, body_of
from cells.kinematics.collision.shapes import (
    BOX,
    CAPSULE,
    CYLINDER,
    SPHERE,
    Shape,
    box,
    covering_spheres,
    cylinder,
    of_urdf,
    rows,
)

CELL = load_cell("panda-bench")
CHAIN = dataclasses.replace(load_chain(CELL), specialised=False)
SPEC = CELL.robot_spec
BODY = body_of(CHAIN, SPEC.urdf_path, SPEC.base_link)
LOW, HIGH = CHAIN.q_min, CHAIN.q_max


def random_turn(rng: np.random.Generator) -> np.ndarray:
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q if np.linalg.det(q) > 0 else -q


def random_shape(rng: np.random.Generator, kind: int, spread: float = 0.4) -> Shape:
    a, b, c = rng.uniform(0.02, 0.2, 3).tolist()
    size = {SPHERE: (a, 0.0, 0.0), CAPSULE: (a, b, 0.0), BOX: (a, b, c), CYLINDER: (a, b, 0.0)}[kind]
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = random_turn(rng), rng.uniform(-spread, spread, 3)
    return Shape("it", kind, size, pose)


def cluttered(seed: int) -> Scene:
    rng = np.random.default_rng(seed)
    pose = np.eye(4)
    pose[:3, 3] = 0.5, 0.0, -0.1
    solids = [box("bench", (1.2, 1.2, 0.1), pose)]
    for kind in (BOX, BOX, BOX, CYLINDER, CAPSULE, SPHERE):
        solid = random_shape(rng, kind, 0.0)
        solid.pose[:3, 3] = rng.uniform((0.3, -0.5, 0.1), (0.7, 0.5, 0.6))
        solids.append(dataclasses.replace(solid, size=tuple(0.5 * v for v in solid.size)))
    return Scene(tuple(solids))


def free(q: np.ndarray, scene: Scene, margin: float = 0.0, body=BODY) -> np.ndarray:
    out = np.empty(len(q), np.bool_)
    configs_free(np.ascontiguousarray(q), body.tables, scene.table, margin, out)
    return out


def test_distances_between_solids_are_coals() -> None:
    rng = np.random.default_rng(1)
    room, apart = np.empty((7, 4)), 0
    for k in range(1600):
        a, b = random_shape(rng, k % 4), random_shape(rng, k // 4 % 4)
        ours = separation(rows((a, b)), 0, rows((a, b)), 1, np.inf, room)
        at = [coal.Transform3s(s.pose[:3, :3], s.pose[:3, 3]) for s in (a, b)]
        theirs = coal.distance(_geometry(a), at[0], _geometry(b), at[1], coal.DistanceRequest(), coal.DistanceResult())
        if theirs > 1e-5:
            apart += 1
            assert theirs - 5e-6 <= ours <= theirs + 2e-6
        else:
            assert ours <= 1e-5
    assert 400 < apart < 1500


def test_covering_spheres_hold_all_of_a_solid() -> None:
    rng = np.random.default_rng(2)
    for k in range(40):
        shape = random_shape(rng, k % 4)
        a, b, c = shape.size
        radial = rng.normal(size=(2000, 3))
        if shape.kind == BOX:
            points = rng.choice([-1.0, 1.0], (2000, 3)) * (a, b, c)
        elif shape.kind == CYLINDER:
            points = np.column_stack([a * radial[:, :2] / np.linalg.norm(radial[:, :2], axis=1)[:, None],
                                      rng.uniform(-b, b, 2000)])  # fmt: skip
        else:
            points = a * radial / np.linalg.norm(radial, axis=1)[:, None]
            points[:, 2] += np.sign(points[:, 2]) * b
        points = points @ shape.pose[:3, :3].T + shape.pose[:3, 3]
        balls = covering_spheres(shape)
        inside = np.linalg.norm(points[:, None] - balls[:, :3], axis=2) <= balls[:, 3] + 1e-9
        assert inside.any(axis=1).all()


@pytest.mark.parametrize("seed", [1, 2])
def test_the_check_and_coal_agree(seed: int) -> None:
    scene, exact = cluttered(seed), Exact(BODY, cluttered(seed))
    q = np.random.default_rng(seed).uniform(LOW, HIGH, (1500, 7))
    theirs = np.array([exact.contact(joints) is None for joints in q])
    assert 100 < theirs.sum() < 1400
    np.testing.assert_array_equal(free(q, scene), theirs)


@pytest.mark.long
def test_the_check_and_coal_agree_widely() -> None:
    for seed in range(20):
        scene, exact = cluttered(seed), Exact(BODY, cluttered(seed))
        q = np.random.default_rng(seed).uniform(LOW, HIGH, (5000, 7))
        np.testing.assert_array_equal(free(q, scene), [exact.contact(joints) is None for joints in q])


def test_a_clearance_is_a_distance_and_names_who() -> None:
    scene = Scene((box("wall", (0.02, 2.0, 2.0), np.block([[np.eye(3), np.array([[1.0], [0], [0]])], [0, 0, 0, 1]])),))
    q, alone = CELL.home, dataclasses.replace(BODY, pairs=())
    apart, shape, other = clearance(q, alone.tables, scene.table, 1.0)
    assert scene.shapes[other].name == "wall" and BODY.name(shape).startswith("panda_")
    hand = CHAIN.fk(q)[0, 3]  # the tool points down: the hand's thickness is before it
    assert 0.99 - hand - 0.12 < apart < 0.99 - hand
    for margin in (apart - 1e-4, apart + 1e-4):
        assert free(q[None], scene, margin, alone)[0] == (margin < apart)


def test_an_edge_that_is_proven_is_free_all_the_way() -> None:
    scene, rng = cluttered(3), np.random.default_rng(3)
    a = rng.uniform(LOW, HIGH, (600, 7))
    b = np.clip(a + rng.uniform(-0.6, 0.6, a.shape), LOW, HIGH)
    proven = np.empty(len(a), np.bool_)
    edges_free(a, b, BODY.tables, scene.table, 0.01, proven)
    share = np.linspace(0, 1, 80)[:, None]
    dense = np.array([free(p + share * (q - p), scene, 0.01).all() for p, q in zip(a, b, strict=True)])
    roomy = np.array([free(p + share * (q - p), scene, 0.013).all() for p, q in zip(a, b, strict=True)])
    assert not np.any(proven & ~dense)
    assert np.mean(proven[roomy]) > 0.99  # and what is free by 3 mm more is proven


def test_a_path_is_checked_between_its_joints_too() -> None:
    scene, rng = cluttered(4), np.random.default_rng(4)
    hits = 0
    for _ in range(60):
        start = rng.uniform(LOW, HIGH)
        path = np.linspace(start, np.clip(start + rng.uniform(-1, 1, 7), LOW, HIGH), 200)
        inside = ~free(path, scene, 0.002)
        first, apart, _, _ = path_clearance(path, BODY.tables, scene.table, 0.002)
        if inside.any():
            hits += 1
            assert first == int(np.argmax(inside)) and apart <= 0.002
        else:
            assert first == len(path)
    assert 10 < hits < 60


def test_pairs_that_are_left_out_never_meet() -> None:
    """Links two or more apart whose solids aren't looked at: apart at random joints, or one piece by construction."""
    kept = set(BODY.pairs)
    names = [shape.name.removeprefix("panda_link") for shape in BODY.shapes]
    hang = [int(name) if name.isdigit() else 7 for name in names]
    count, links = range(len(hang)), BODY.links
    every = [(a, b) for a in count for b in count if hang[a] + 1 < hang[b] and links[a] < links[b]]
    dropped = dataclasses.replace(BODY, pairs=tuple(pair for pair in every if pair not in kept))
    assert len(dropped.pairs) > 50 and len(kept) > 30
    q = np.random.default_rng(5).uniform(LOW, HIGH, (3000, 7))
    for pair in dropped.pairs:
        alone = dataclasses.replace(BODY, pairs=(pair,))
        share = np.mean(~free(q, Scene(()), 0.0, alone))
        close = np.mean(~free(q[:100], Scene(()), 0.01, alone))
        assert share == 0.0 or close > 0.5, [BODY.name(k) for k in pair]


def test_the_kept_proofs_are_of_the_urdf_as_it_is() -> None:
    kept = json.loads((SPEC.folder / "meetings.json").read_bytes())
    assert kept["urdf_sha256"] == hashlib.sha256(SPEC.urdf_path.read_bytes()).hexdigest()


def test_the_held_part_is_in_the_way() -> None:
    pose = np.eye(4)
    pose[:3, 3] = 0.8, 0.0, -0.05
    scene = Scene((box("bench", (1.0, 1.0, 0.1), pose),))
    q, height = CELL.home, CHAIN.fk(CELL.home)[2, 3]
    rod = cylinder("rod", 0.01, 2 * height + 0.02, np.eye(4))
    assert free(q[None], scene)[0] and not free(q[None], scene, 0.0, BODY.holding(rod))[0]
    _, shape, _ = clearance(q, BODY.holding(rod).tables, scene.table, 0.01)
    assert BODY.holding(rod).name(shape) == HELD
    short = cylinder("rod", 0.01, height, np.eye(4))
    assert free(q[None], scene, 0.0, BODY.holding(short))[0]


def test_fingers_are_where_any_opening_puts_them() -> None:
    """A thin plate beside the closed fingers is inside the open ones."""
    tip = CHAIN.fk(CELL.home)
    plate = box(
        "plate", (0.005, 0.005, 0.005), tip @ np.block([[np.eye(3), np.array([[0.0], [0.045], [0]])], [0, 0, 0, 1]])
    )
    assert not free(CELL.home[None], Scene((plate,)))[0]


def test_a_mesh_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "meshed.urdf"
    path.write_text('<robot name="m"><link name="arm"><collision><geometry><mesh filename="a.stl"/></geometry>'
                    "</collision></link></robot>")  # fmt: skip
    with pytest.raises(InputError, match=r"meshed.urdf:arm.*box, cylinder or sphere"):
        of_urdf(path)
