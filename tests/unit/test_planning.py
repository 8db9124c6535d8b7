"""Ways around what stands there, and why there is none; what a cell's motions are refused for."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from cells.control.setpoints import Segment
from cells.control.verify import Proof, limits_broken, proof_of
from cells.description.cell import load_cell
from cells.kinematics import trajectory
from cells.kinematics.chain import load_chain
from cells.kinematics.collision.exact import Exact
from cells.kinematics.collision.model import Scene, body_of
from cells.kinematics.collision.shapes import box
from cells.kinematics.planning import NoWay, Surroundings, goals_at, motion, way
from cells.ports import ArmReading, Locator, Reading
from cells.pose import Pose
from cells.runtime.world_model import WorldModel
from cells.skills.contract import Context
from cells.skills.motions import across, straight

CELL = load_cell("panda-bench")
CHAIN = dataclasses.replace(load_chain(CELL), specialised=False)
SPEC = CELL.robot_spec
BODY = body_of(CHAIN, SPEC.urdf_path, SPEC.base_link)
HOME = CELL.home


def placed(x: float, y: float, z: float) -> np.ndarray:
    out = np.eye(4)
    out[:3, 3] = x, y, z
    return out


WALL = Surroundings(BODY, Scene((box("wall", (0.6, 0.02, 1.0), placed(0.65, 0.0, 0.3)),)))
LEFT, RIGHT = HOME + np.array([0.7, 0.5, 0, 0, 0, 0.3, 0]), HOME + np.array([-0.7, 0.5, 0, 0, 0, 0.3, 0])


def reading(q: np.ndarray) -> ArmReading:
    zero = np.zeros(7)
    return ArmReading(q=q, qd=zero, tau=zero, q_cmd=q, qd_cmd=zero, qdd_cmd=zero, tcp=Pose.from_matrix(CHAIN.fk(q)),
                      busy=False, energy_j=0.0, mode="running", speed_scale=1.0)  # fmt: skip


def test_the_straight_way_is_taken_where_it_is_free() -> None:
    np.testing.assert_array_equal(way(Surroundings(BODY, Scene(())), LEFT, RIGHT), [LEFT, RIGHT])


def test_a_way_leads_around_a_wall_and_coal_agrees() -> None:
    exact = Exact(BODY, WALL.scene)
    assert any(exact.contact(q) for q in np.linspace(LEFT, RIGHT, 60))
    for seed in range(5):
        path = way(WALL, LEFT, RIGHT, seed=seed)
        assert len(path) > 2
        np.testing.assert_array_equal(path[[0, -1]], [LEFT, RIGHT])
        for a, b in itertools.pairwise(path):
            assert not any(exact.contact(q) for q in np.linspace(a, b, 40))
    np.testing.assert_array_equal(way(WALL, LEFT, RIGHT, seed=3), way(WALL, LEFT, RIGHT, seed=3))


def test_a_motion_along_a_way_keeps_clear_and_within_limits() -> None:
    found = motion(WALL, LEFT, RIGHT, tip_speed=0.5)
    assert trajectory.sample(found, found.duration)[0] == pytest.approx(RIGHT)
    exact = Exact(BODY, WALL.scene)
    assert not any(exact.contact(q) for q in found.q[::5])
    proof = dataclasses.replace(proof_of(CELL, CHAIN), around=WALL, tip_speed=0.5)
    assert [
        line for line in proof.broken(found, reading(LEFT)) if "person" not in line and "workspace" not in line
    ] == []


def test_the_nearest_of_several_goals_is_taken() -> None:
    goals = goals_at(WALL, CHAIN.fk(RIGHT), RIGHT)
    assert len(goals) > 1
    np.testing.assert_allclose(goals[0], RIGHT, atol=1e-5)
    for goal in goals:
        np.testing.assert_allclose(CHAIN.fk(goal), CHAIN.fk(RIGHT), atol=1e-5)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("start", r"start.*panda_\w+ and wall collide"),
        ("goal", r"goal.*panda_\w+ and wall collide"),
        ("near", r"goal.*panda_\w+ and wall are \d\.\d mm apart, less than 5 mm"),
        ("caged", r"no way in 300 iterations"),
        ("reach", r"goal: 2\d\d mm out of reach"),
    ],
)
def test_a_plan_that_fails_says_why(what: str, words: str) -> None:
    inside = next(q for q in np.linspace(LEFT, RIGHT, 60) if Exact(BODY, WALL.scene).contact(q))
    with pytest.raises(NoWay, match=words):
        if what == "start":
            way(WALL, inside, RIGHT)
        elif what == "goal":
            way(WALL, LEFT, inside)
        elif what == "near":
            beside = next(q for q in np.linspace(LEFT, RIGHT, 3000) if WALL.distance(q, 0.004)[0] < 0.004)
            way(WALL, LEFT, beside)
        elif what == "caged":
            reach = 2.0
            around = tuple(
                box(f"side {k}", (0.02, reach, reach), placed(x, 0.0, 0.5)) for k, x in enumerate((-0.4, 0.85))
            )
            cage = Surroundings(
                BODY, Scene(around + WALL.scene.shapes + (box("lid", (3, 3, 0.02), placed(0, 0, 0.8)),))
            )
            cage = dataclasses.replace(cage, margin=0.001)
            way(cage, LEFT, RIGHT, iterations=300)
        else:
            goals_at(WALL, down(1.0), HOME)


def down(x: float, z: float = 0.2) -> np.ndarray:
    """The tool pointing down at (x, 0, z), base frame."""
    out = np.diag([1.0, -1.0, -1.0, 1.0])
    out[:3, 3] = x, 0.0, z
    return out


def test_how_far_out_of_reach_is_how_far_to_come_nearer() -> None:
    with pytest.raises(NoWay, match="out of reach") as told:
        goals_at(WALL, down(1.0), HOME)
    short = int(re.search(r"(\d+) mm", str(told.value)).group(1)) / 1000
    shoulder = np.array([0.0, 0.0, 0.333])
    towards = (shoulder - down(1.0)[:3, 3]) / np.linalg.norm(shoulder - down(1.0)[:3, 3])
    for step, reached in ((short + 0.002, True), (short - 0.002, False)):
        nearer = down(1.0)
        nearer[:3, 3] += step * towards
        assert CHAIN.solve(nearer, HOME)[1] is reached
    with pytest.raises(NoWay, match="not a rigid transform"):
        goals_at(WALL, np.full((4, 4), np.nan), HOME)


def test_what_a_motion_is_refused_for() -> None:
    proof = proof_of(CELL, CHAIN)
    good = trajectory.point_to_point(CHAIN, HOME, HOME + 0.05, 0.5, CELL.tick_s, CELL.limits.tcp_speed)
    assert proof.broken(good, reading(HOME)) == []

    [elsewhere] = proof.broken(good, reading(HOME + np.array([0, 0, 0.01, 0, 0, 0, 0])))
    assert re.search(r"panda_joint3 at 0 ms: 0.01 rad from the joints held by the controller", elsewhere)
    lagging = dataclasses.replace(reading(HOME), q=HOME - np.array([0, 0.2, 0, 0, 0, 0, 0]))
    assert "panda_joint2 at 0 ms: 0.2 rad from the joints measured" in proof.broken(good, lagging)[0]

    fast = trajectory.point_to_point(CHAIN, HOME, HOME + 0.8 * np.eye(7)[0])
    assert re.match(r"tool at \d+ ms: tool speed 0\.\d+ m/s, at most 0.7", proof.broken(fast, reading(HOME))[0])
    out = trajectory.point_to_point(CHAIN, HOME, HOME + 1.5 * np.eye(7)[0], 0.3, CELL.tick_s, 0.5)
    assert any("beyond the workspace" in line for line in proof.broken(out, reading(HOME)))
    back = trajectory.point_to_point(CHAIN, out.q[-1], HOME, 0.3, CELL.tick_s, 0.5)
    assert not any("workspace" in line for line in proof.broken(back, reading(out.q[-1])))

    low, ok = CHAIN.solve(down(0.45, -0.004), HOME)
    assert ok
    dive = trajectory.point_to_point(CHAIN, HOME, low, 0.3, CELL.tick_s, 0.5)
    assert any(
        re.match(r"panda_\w+ and bench at \d+ ms: (collide|.* mm apart)", line)
        for line in proof.broken(dive, reading(HOME))
    )

    at = CELL.station("hand_over").pose.xyz
    over = down(at[0], at[2] + 0.12)
    over[1, 3] = at[1]
    q, ok = CHAIN.solve(CELL.base_pose.inverse().matrix() @ over, HOME)
    assert ok
    quick = trajectory.point_to_point(CHAIN, q, q + 0.3 * np.eye(7)[0], 1.0, CELL.tick_s, 0.6)
    assert any("near a person" in line for line in proof.broken(quick, reading(q)))


def context_with(proof: Proof) -> Context:
    return Context(CELL, CHAIN, proof, cast(Locator, None), WorldModel, cast(Callable, None))


def test_a_skill_goes_around_what_is_in_the_way_and_straight_where_nothing_is() -> None:
    free = dataclasses.replace(proof_of(CELL, CHAIN), around=Surroundings(BODY, Scene(())))
    blocked = dataclasses.replace(free, around=WALL)
    direct = across(context_with(free), LEFT, RIGHT)
    again = trajectory.point_to_point(CHAIN, LEFT, RIGHT, CELL.limits.speed_scale, CELL.tick_s, CELL.limits.tcp_speed)
    np.testing.assert_array_equal(direct.q, again.q)
    assert blocked.collision(direct)
    around = across(context_with(blocked), LEFT, RIGHT)
    np.testing.assert_allclose(around.q[[0, -1]], [LEFT, RIGHT], atol=1e-9)
    assert not blocked.collision(around) and not limits_broken(CHAIN, around)


def test_a_skill_is_slow_where_a_person_may_be() -> None:
    far = dataclasses.replace(
        proof_of(CELL, CHAIN), around=Surroundings(BODY, Scene(())), operators=np.array([[9.0, 9.0, 0.0]])
    )
    quick = across(context_with(far), LEFT, RIGHT)
    middle = (CELL.base_pose.matrix() @ CHAIN.fk(quick.q[len(quick.q) // 2]))[:3, 3]
    near = dataclasses.replace(far, operators=middle[None])
    assert near.hurries(quick) and near.broken(quick, reading(LEFT))
    slow = across(context_with(near), LEFT, RIGHT)
    assert not near.hurries(slow) and near.broken(slow, reading(LEFT)) == []
    assert slow.duration > quick.duration


def test_a_straight_move_that_is_hurried_is_slow_where_a_person_may_be() -> None:
    at = cast(Reading, SimpleNamespace(arm=reading(HOME)))
    here = CELL.base_pose @ at.arm.tcp
    goal = Pose((here.xyz[0], here.xyz[1] + 0.15, here.xyz[2]), here.quat)
    free = dataclasses.replace(proof_of(CELL, CHAIN), around=Surroundings(BODY, Scene(())))
    lines = []
    for person in (np.array([[9.0, 9.0, 0.0]]), np.array([goal.xyz])):
        proof = dataclasses.replace(free, operators=person)
        command = next(straight(context_with(proof), at, goal, 0.5, 3.0))
        assert isinstance(command, Segment) and not proof.hurries(command.trajectory)
        lines.append(command.trajectory)
    assert lines[1].duration > lines[0].duration


def test_an_arm_that_is_too_close_may_leave_but_not_come_closer() -> None:
    low, ok = CHAIN.solve(down(0.45, 0.0), HOME)  # the fingers 1 mm above the bench, less rounding
    assert ok
    under = Surroundings(BODY, Scene((box("plate", (0.2, 0.2, 0.02), placed(0.45, 0.0, -0.0104)),)))
    proof = dataclasses.replace(proof_of(CELL, CHAIN), around=under, operators=np.empty((0, 3)))
    up = trajectory.line(CHAIN, low, down(0.45, 0.1), 0.1, dt=CELL.tick_s)
    assert proof.broken(up, reading(low)) == []
    deeper = trajectory.line(CHAIN, low, down(0.45, -0.002), 0.1, dt=CELL.tick_s)
    assert "closer than before" in proof.broken(deeper, reading(low))[0]
    back = trajectory.line(CHAIN, up.q[-1], down(0.45, 0.0), 0.1, dt=CELL.tick_s)
    assert "mm apart, at least 1" in proof.broken(back, reading(up.q[-1]))[0]
