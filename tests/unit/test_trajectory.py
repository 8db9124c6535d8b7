"""Motions keep every limit, end where they should and follow what they promise to follow."""

import itertools
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cells.control import verify
from cells.control.setpoints import Trajectory
from cells.description.cell import load_cell
from cells.errors import CellwrightError
from cells.kinematics import ik
from cells.kinematics import trajectory as motion
from cells.kinematics.chain import load_chain

CELL = load_cell("panda-bench")
CHAIN = load_chain(CELL)
HOME = CELL.home
MIDDLE, HALF = (CHAIN.q_min + CHAIN.q_max) / 2, (CHAIN.q_max - CHAIN.q_min) / 2

shares = st.lists(st.floats(-1, 1), min_size=7, max_size=7).map(np.array)
joints = shares.map(lambda share: MIDDLE + HALF * share)
examples = settings(max_examples=30, deadline=None, derandomize=True, database=None)


def tip_speeds(path: Trajectory) -> np.ndarray:
    twists = [CHAIN.jacobian(q) @ qd for q, qd in zip(path.q, path.qd, strict=True)]
    return np.linalg.norm(np.array(twists)[:, :3], axis=1)


def tips(path: Trajectory) -> np.ndarray:
    return np.array([CHAIN.fk(q)[:3, 3] for q in path.q])


def assert_good(path: Trajectory, dt: float, goal: np.ndarray) -> None:
    assert verify.limits_broken(CHAIN, path) == []
    np.testing.assert_allclose(np.diff(path.t), dt, rtol=1e-9)
    np.testing.assert_array_equal(path.q[-1], goal)


@examples
@given(
    joints, joints, st.floats(0.05, 1), st.sampled_from([0.001, 0.004, 0.01]), st.sampled_from([0.25, 0.7, math.inf])
)
def test_any_point_to_point_keeps_its_limits(q0, q1, scale, dt, tip_speed) -> None:
    path = motion.point_to_point(CHAIN, q0, q1, scale, dt, tip_speed)
    assert_good(path, dt, q1)
    np.testing.assert_allclose(path.q[0], q0, atol=1e-12)
    assert np.max(np.abs(path.qd) / CHAIN.qd_max) <= scale * 1.001
    assert np.max(np.abs(path.qdd) / CHAIN.qdd_max) <= scale * 1.001
    assert np.max(tip_speeds(path)) <= tip_speed * 1.001


def test_a_point_to_point_goes_straight_and_uses_what_it_may() -> None:
    goal = HOME + np.array([1.2, 0.3, -0.2, 0.4, 0.1, -0.5, 0.2])
    path = motion.point_to_point(CHAIN, HOME, goal)
    share = (path.q - HOME) / (goal - HOME)
    assert np.max(np.ptp(share, axis=1)) < 1e-9
    assert np.max(np.abs(path.qd) / CHAIN.qd_max) > 0.95
    assert motion.point_to_point(CHAIN, HOME, goal, scale=0.5).duration > 1.4 * path.duration


def test_staying_where_one_is_takes_one_tick() -> None:
    path = motion.point_to_point(CHAIN, HOME, HOME)
    assert_good(path, 0.004, HOME)
    assert path.duration == 0.004


@pytest.mark.parametrize(("joint", "value"), [(3, 0.5), (5, math.nan), (0, math.inf)])
def test_a_goal_beyond_the_limits_is_refused_by_name(joint, value) -> None:
    goal = HOME.copy()
    goal[joint] = value
    with pytest.raises(CellwrightError, match=f"panda_joint{joint + 1}: .* beyond its limits"):
        motion.point_to_point(CHAIN, HOME, goal)
    with pytest.raises(CellwrightError, match="no numbers"):
        motion.point_to_point(CHAIN, np.full(7, math.nan), HOME)


ways = given(st.lists(joints, min_size=2, max_size=5), st.floats(0.2, 1), st.sampled_from([0.01, 0.05]))


def assert_way_keeps_its_limits(points, scale, corner) -> None:
    path = motion.through(CHAIN, np.array(points), scale, corner=corner)
    assert_good(path, 0.004, points[-1])
    way = tips(path)
    for point in points:
        assert np.min(np.linalg.norm(way - CHAIN.fk(point)[:3, 3], axis=1)) <= corner + 1e-9
    stops = sum(motion.point_to_point(CHAIN, a, b, scale).duration for a, b in itertools.pairwise(points))
    assert path.duration <= stops + 0.005 * len(points)


@examples
@ways
def test_any_way_through_points_keeps_its_limits(points, scale, corner) -> None:
    assert_way_keeps_its_limits(points, scale, corner)


@pytest.mark.long
@settings(examples, max_examples=1000)
@ways
def test_a_thousand_ways_through_points_keep_their_limits(points, scale, corner) -> None:
    assert_way_keeps_its_limits(points, scale, corner)


def test_where_two_legs_overlap_their_jerks_together_keep_the_limit_within_a_tick_too() -> None:
    far, up, turned = np.eye(7)[0], np.eye(7)[1], np.array([1 / 64, 0, 0, 0, 0, 0, 1.0])
    points = [MIDDLE + HALF * share for share in (np.zeros(7), far, up, turned)]
    assert_good(motion.through(CHAIN, np.array(points), 1.0, corner=0.01), 0.004, points[-1])


def test_points_that_are_all_but_one_take_a_tick_each() -> None:
    near = HOME + np.array([0, 0, 0, 0, 0, 0, 1e-12])
    path = motion.through(CHAIN, np.array([HOME, near, HOME]))
    assert_good(path, 0.004, HOME)
    assert path.duration <= 0.008


def test_points_on_the_way_are_passed_without_stopping() -> None:
    turn = np.array([0.5, 0, 0, 0, 0, 0, 0.3])
    bend = np.array([0.4, 0.2, 0, 0, 0, 0, 0.3])
    path = motion.through(CHAIN, np.array([HOME, HOME + turn, HOME + turn, HOME + turn + bend]), 0.6)
    between = slice(len(path.t) // 5, -len(path.t) // 5)
    assert np.min(np.abs(path.qd[between, 0])) > 0.3
    stops = motion.point_to_point(CHAIN, HOME, HOME + turn, 0.6).duration
    stops += motion.point_to_point(CHAIN, HOME + turn, HOME + turn + bend, 0.6).duration
    assert path.duration < stops - 0.05


def shifted(x: float, y: float, z: float, yaw: float = 0.0) -> np.ndarray:
    target = CHAIN.fk(HOME)
    target[:3, 3] += (x, y, z)
    c, s = math.cos(yaw), math.sin(yaw)
    target[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ target[:3, :3]
    return target


@examples
@given(
    st.floats(-0.15, 0.15),
    st.floats(-0.3, 0.3),
    st.floats(-0.2, 0.15),
    st.floats(-1, 1),
    st.floats(0.01, 3),
    st.sampled_from([0.002, 0.004]),
)
def test_any_straight_move_is_straight_and_keeps_its_limits(x, y, z, yaw, speed, dt) -> None:
    target = shifted(x, y, z, yaw)
    path = motion.line(CHAIN, HOME, target, speed, accel=10 * speed, dt=dt)
    np.testing.assert_allclose(CHAIN.fk(path.q[-1]), target, atol=1e-9)
    assert verify.limits_broken(CHAIN, path) == []
    np.testing.assert_allclose(np.diff(path.t), dt, rtol=1e-9)
    start = CHAIN.fk(HOME)
    share = np.clip(tip_share(path, start, target), 0, 1)
    for q, s in list(zip(path.q, share, strict=True))[:: max(1, len(share) // 20)]:
        here = CHAIN.fk(q)
        np.testing.assert_allclose(here[:3, 3], start[:3, 3] + s * (target[:3, 3] - start[:3, 3]), atol=1e-6)
        turned = here[:3, :3] @ start[:3, :3].T
        assert math.atan2(turned[1, 0], turned[0, 0]) == pytest.approx(s * yaw, abs=1e-4)
        assert abs(turned[2, 2] - 1) < 1e-9
    assert np.max(tip_speeds(path)) <= speed * 1.001 + 1e-9


def tip_share(path: Trajectory, start: np.ndarray, target: np.ndarray) -> np.ndarray:
    """How far along each sample is, by distance or, where there is next to none and it turns, by yaw."""
    way = target[:3, 3] - start[:3, 3]
    whole = target[:3, :3] @ start[:3, :3].T
    end = math.atan2(whole[1, 0], whole[0, 0])
    if np.linalg.norm(way) > 1e-3 or abs(end) < 1e-3:
        return (tips(path) - start[:3, 3]) @ way / max(way @ way, 1e-18)
    turns = [CHAIN.fk(q)[:3, :3] @ start[:3, :3].T for q in path.q]
    return np.array([math.atan2(t[1, 0], t[0, 0]) for t in turns]) / end


def test_a_straight_move_takes_its_time_from_the_speed_asked_for() -> None:
    path = motion.line(CHAIN, HOME, shifted(0, 0, -0.2), speed=0.05, accel=1.0)
    assert path.duration == pytest.approx(0.2 / 0.05, abs=0.15)
    assert np.max(tip_speeds(path)) == pytest.approx(0.05, rel=1e-3)


@pytest.mark.parametrize("target", [shifted(0, 0, 2), shifted(-2, 0, 0), np.full((4, 4), math.nan), np.zeros((4, 4))])
def test_a_straight_move_that_cannot_be_is_refused(target) -> None:
    with pytest.raises(ik.Unreachable):
        motion.line(CHAIN, HOME, target, 0.2)


@examples
@given(shares, shares, shares)
def test_from_any_motion_the_arm_comes_to_rest_within_limits(where, velocity, acceleration) -> None:
    q, qd, qdd = MIDDLE + 0.4 * HALF * where, 0.95 * CHAIN.qd_max * velocity, CHAIN.qdd_max * acceleration
    path = motion.stop_ramp(CHAIN, q, qd, qdd, 0.004)
    assert verify.limits_broken(CHAIN, path, from_rest=False) == []
    np.testing.assert_allclose([path.q[0], path.qd[0], path.qdd[0]], [q, qd, qdd], atol=1e-9)
    assert not np.any(path.qd[-1]) and not np.any(path.qdd[-1])
    # Braking from full speed with full acceleration and the time to build it up and down.
    assert path.duration <= np.max(2 * CHAIN.qd_max / CHAIN.qdd_max + 4 * CHAIN.qdd_max / CHAIN.qddd_max)


def test_a_stop_out_of_a_straight_motion_stays_on_its_line() -> None:
    goal = HOME + np.array([1.2, 0.3, -0.2, 0.4, 0.1, -0.5, 0.2])
    path = motion.point_to_point(CHAIN, HOME, goal)
    for time in (0.05, 0.2, 0.3, 0.5):
        stop = motion.stop_ramp(CHAIN, *motion.sample(path, time), 0.004)
        share = (stop.q - HOME) / (goal - HOME)
        assert np.max(np.ptp(share, axis=1)) < 1e-6
        assert verify.limits_broken(CHAIN, stop, from_rest=False) == []


def test_samples_between_ticks_belong_to_the_same_motion() -> None:
    path = motion.point_to_point(CHAIN, HOME, HOME + 0.5, 0.5)
    for k in (0, 1, 40, len(path.t) - 2, len(path.t) - 1):
        for mine, theirs in zip(motion.sample(path, path.t[k]), (path.q[k], path.qd[k], path.qdd[k]), strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-9)
    step = 1e-6
    for time in (0.0331, 0.1502, 0.3007):
        before, at, after = (motion.sample(path, time + d) for d in (-step, 0, step))
        np.testing.assert_allclose((after[0] - before[0]) / (2 * step), at[1], atol=1e-6)
        np.testing.assert_allclose((after[1] - before[1]) / (2 * step), at[2], atol=1e-3)
    for time, index in ((-1.0, 0), (path.duration + 1, -1)):
        q, qd, qdd = motion.sample(path, time)
        np.testing.assert_array_equal(q, path.q[index])
        assert not np.any(qd) and not np.any(qdd)


def spoilt(what: str) -> Trajectory:
    path = motion.point_to_point(CHAIN, HOME, HOME + 0.5)
    t, q, qd, qdd = path.t.copy(), path.q.copy(), path.qd.copy(), path.qdd.copy()
    if what == "position":
        q[:, 3] += 3.0
    elif what == "velocity":
        qd[30, 2] = 2.5
    elif what == "acceleration":
        qdd[30, 2] = 11.0
    elif what == "jump":
        q[30:, 4] += 0.01
    elif what == "unrest":
        return Trajectory(t[:50], q[:50], qd[:50], qdd[:50])
    elif what == "uneven":
        t[7] += 0.001
    elif what == "nan":
        q[3, 3] = math.nan
    return Trajectory(t, q, qd, qdd)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("position", r"panda_joint4 at \d+ ms: above its position limit"),
        ("velocity", r"panda_joint3 at 120 ms: velocity 2\.5 rad/s, at most 2\.177"),
        ("acceleration", r"panda_joint3 at 120 ms: acceleration 11 rad/s², at most 10\.01"),
        ("jump", r"panda_joint5 at 116 ms: jump in position"),
        ("unrest", r"panda_joint\d at 196 ms: velocity at the end"),
        ("uneven", "aren't evenly spaced"),
        ("nan", "no numbers"),
    ],
)
def test_a_spoilt_motion_is_found_out(what, said) -> None:
    found = verify.limits_broken(CHAIN, spoilt(what))
    assert any(re.search(said, line) for line in found), found


def test_jerk_alone_is_found_out() -> None:
    gentle = replace(CHAIN, qddd_max=CHAIN.qddd_max / 50)
    found = verify.limits_broken(gentle, motion.point_to_point(CHAIN, HOME, HOME + 0.5))
    assert any("jerk" in line for line in found)
    assert verify.limits_broken(gentle, motion.point_to_point(gentle, HOME, HOME + 0.5)) == []


def test_too_few_samples_are_found_out() -> None:
    one = Trajectory(np.zeros(1), HOME[None], np.zeros((1, 7)), np.zeros((1, 7)))
    assert "two samples" in verify.limits_broken(CHAIN, one)[0]
