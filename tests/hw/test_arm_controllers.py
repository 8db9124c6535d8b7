"""The controllers without ROS, on an arm that follows without error: splines, refusals, tolerances, who may move it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from cells.description.cell import load_cell
from cells.kinematics.chain import load_chain
from cells.kinematics.trajectory import point_to_point
from cells.pose import Array
from hw.controllers.arm import PROTECTIVE_STOP, STRICT, ArmControllers
from hw.controllers.sampling import Rejected, Waypoint, sampled
from hw.controllers.trajectory import (
    GOAL_TOLERANCE_VIOLATED,
    INVALID_GOAL,
    PATH_TOLERANCE_VIOLATED,
    SUCCESSFUL,
    Outcome,
    tolerances,
)
from hw.mock_world import MockWorld

CELL = load_cell("panda-bench")
CHAIN = load_chain(CELL)
DT = CELL.tick_s
HOME = CELL.home
TRAJECTORY, STREAMING = "joint_trajectory_controller", "forward_position_controller"
REST = HOME, np.zeros(7), np.zeros(7)


class Bench:
    """Controllers before a world; ``off`` (n,) rad is added to what is measured, ``said`` is how goals ended."""

    def __init__(self) -> None:
        self.world = MockWorld(CELL)
        self.arm = ArmControllers(CELL, CHAIN, self.world.arm)
        self.off, self.said = np.zeros(7), list[Outcome]()

    def pass_(self, seconds: float) -> None:
        for _ in range(round(seconds / DT)):
            self.world.advance()
            reading = self.world.arm.read()
            self.arm.tick(replace(reading, q=reading.q + self.off))

    def go(self, points: Sequence[Waypoint], path: float = 0.0, goal: float = 0.0, time: float = 0.0) -> None:
        asked = [{name: (most, 0.0) for name in self.arm.joints} for most in (path, goal)]
        motion = self.arm.plan(self.arm.joints, points, 0.0)
        self.arm.start(motion, tolerances(self.arm.joints, *asked, time), self.said.append)

    @property
    def q(self) -> Array:
        return self.world.arm.read().q

    @property
    def speed(self) -> float:
        return float(np.abs(self.world.arm.read().qd).max())


def turned(angle: float, joint: int = 6) -> Array:
    q = HOME.copy()
    q[joint] += angle
    return q


def to(angle: float, t: float = 0.5) -> list[Waypoint]:
    return [Waypoint(t, list(turned(angle)), [0.0] * 7)]


# ---------------------------------------------------------------------- what lies between the points


def test_a_verified_motion_comes_out_of_its_points_as_it_went_in() -> None:
    path = point_to_point(CHAIN, HOME, turned(0.4), 0.3, DT)
    rows = zip(path.t.tolist(), path.q.tolist(), path.qd.tolist(), path.qdd.tolist(), strict=True)
    points = [Waypoint(*row) for row in rows]
    again = sampled(CHAIN.joint_names, points, CHAIN.joint_names, REST, 0.0, DT)
    assert len(again.t) == len(path.t)
    for ours, theirs in ((again.q, path.q), (again.qd, path.qd), (again.qdd, path.qdd)):
        assert np.allclose(ours, theirs, atol=1e-6)


def test_straight_cubic_and_quintic_pieces_meet_what_they_are_given() -> None:
    one = np.array([1.0])
    names, now = ("a",), (0 * one, 0 * one, 0 * one)
    straight = sampled(names, [Waypoint(1.0, [1.0])], names, now, 0.0, 0.01)
    assert np.allclose(straight.q[:, 0], straight.t)
    assert np.allclose(straight.qd[:-1], 1.0)
    cubic = sampled(names, [Waypoint(1.0, [1.0], [0.0])], names, now, 0.0, 0.01)
    s = cubic.t
    assert np.allclose(cubic.q[:, 0], 3 * s**2 - 2 * s**3)
    assert np.allclose(cubic.qd[:, 0], 6 * s - 6 * s**2)
    quintic = sampled(names, [Waypoint(1.0, [1.0], [0.0], [0.0])], names, now, 0.0, 0.01)
    assert np.allclose(quintic.q[:, 0], 10 * s**3 - 15 * s**4 + 6 * s**5)
    assert np.allclose(np.gradient(quintic.qd[:, 0], 0.01)[1:-1], quintic.qdd[1:-1, 0], atol=0.02)


def test_names_in_another_order_are_sorted_out_by_name() -> None:
    names = CHAIN.joint_names[::-1]
    path = sampled(names, [Waypoint(0.5, list(turned(0.2)[::-1]))], CHAIN.joint_names, REST, 0.0, DT)
    assert np.allclose(path.q[-1], turned(0.2))


def test_a_start_in_the_past_skips_what_is_over_and_one_in_the_future_takes_its_time() -> None:
    points = [Waypoint(0.5, list(turned(0.1))), Waypoint(1.0, list(turned(0.2)))]
    late = sampled(CHAIN.joint_names, points, CHAIN.joint_names, REST, -0.75, DT)
    assert late.duration == pytest.approx(0.25, abs=DT)
    assert late.q[0, 6] == pytest.approx(turned(0.15)[6])
    early = sampled(CHAIN.joint_names, points, CHAIN.joint_names, REST, 1.0, DT)
    assert early.duration == pytest.approx(2.0, abs=DT)
    assert early.q[0, 6] == pytest.approx(HOME[6])


@pytest.mark.parametrize(
    ("names", "points", "begins", "why"),
    [
        (CHAIN.joint_names[:6], [Waypoint(1.0, [0.0] * 6)], 0.0, "panda_joint7 missing"),
        (("elbow", *CHAIN.joint_names[1:]), [Waypoint(1.0, [0.0] * 7)], 0.0, "panda_joint1 missing; 'elbow' unknown"),
        ((*CHAIN.joint_names, "panda_joint7"), [Waypoint(1.0, [0.0] * 8)], 0.0, "named twice"),
        (CHAIN.joint_names, [], 0.0, "no points"),
        (CHAIN.joint_names, [Waypoint(1.0, [])], 0.0, "0 positions for 7 joints"),
        (CHAIN.joint_names, [Waypoint(1.0, [0.0] * 7, [0.0])], 0.0, "1 velocities"),
        (CHAIN.joint_names, [Waypoint(1.0, [0.0] * 6 + [float("nan")])], 0.0, "no numbers"),
        (CHAIN.joint_names, [Waypoint(1.0, [0.0] * 7), Waypoint(1.0, [0.1] * 7)], 0.0, "point 1 isn't later"),
        (CHAIN.joint_names, [Waypoint(1.0, [0.0] * 7, [0.1] * 7)], 0.0, "isn't at rest"),
        (CHAIN.joint_names, [Waypoint(1.0, [0.0] * 7)], -3.0, "ended 2.000 s ago"),
        (CHAIN.joint_names, [Waypoint(1e9, [0.0] * 7)], 0.0, "more than 600"),
    ],
)
def test_what_is_no_trajectory_for_these_joints_is_refused_with_the_reason(
    names: Sequence[str], points: Sequence[Waypoint], begins: float, why: str
) -> None:
    with pytest.raises(Rejected, match=why):
        sampled(names, points, CHAIN.joint_names, REST, begins, DT)


# ---------------------------------------------------------------------- goals


def test_a_goal_ends_where_it_says_and_not_before() -> None:
    bench = Bench()
    bench.go(to(0.3, 0.5))
    bench.pass_(0.48)
    assert bench.said == []
    bench.pass_(0.04)
    assert [end.code for end in bench.said] == [SUCCESSFUL]
    assert np.allclose(bench.q, turned(0.3))


def test_a_newer_goal_replaces_the_older_which_is_told() -> None:
    bench = Bench()
    bench.go(to(0.3))
    bench.pass_(0.2)
    bench.go(to(-0.1))
    assert bench.said == [Outcome(INVALID_GOAL, "replaced by a newer goal")]
    bench.pass_(0.6)
    assert bench.said[1].code == SUCCESSFUL
    assert np.allclose(bench.q, turned(-0.1))


def test_a_cancelled_goal_leaves_the_arm_at_rest_soon_and_without_a_jump() -> None:
    bench = Bench()
    bench.go(to(0.5))
    bench.pass_(0.24)
    before, speed = bench.q.copy(), bench.speed
    bench.arm.cancel()
    assert "cancelled" in bench.said[0].words
    bench.pass_(DT)
    assert bench.speed == pytest.approx(speed, abs=CHAIN.qdd_max[6] * DT)
    bench.pass_(0.3)
    assert bench.speed == 0.0
    assert 0.0 < bench.q[6] - before[6] < 0.3
    assert len(bench.said) == 1


def test_a_joint_beyond_its_path_tolerance_ends_the_goal_and_is_held_where_it_is() -> None:
    bench = Bench()
    bench.go(to(0.3), path=0.05)
    bench.pass_(0.2)
    bench.off[2] = 0.2
    bench.pass_(DT)
    [end] = bench.said
    assert end.code == PATH_TOLERANCE_VIOLATED
    assert end.words == "path tolerance violated: panda_joint3 is 0.2 rad off, at most 0.05"
    bench.off[2] = 0.0
    bench.pass_(0.5)
    assert bench.speed == 0.0
    assert bench.q[2] == pytest.approx(HOME[2] + 0.2, abs=1e-6)  # where it was measured to be


def test_a_reading_that_is_no_number_is_beyond_any_tolerance() -> None:
    bench = Bench()
    bench.go(to(0.3), path=0.05)
    bench.pass_(0.1)
    bench.off[0] = float("nan")
    bench.world.advance()
    bench.arm.trajectory.update(replace(bench.world.arm.read(), q=bench.q + bench.off))
    outcome = bench.arm.trajectory.update(replace(bench.world.arm.read(), q=bench.q + bench.off))
    assert outcome is not None
    assert outcome.code == PATH_TOLERANCE_VIOLATED


def test_an_end_that_is_missed_is_told_after_the_goals_time_and_never_without_one() -> None:
    bench = Bench()
    bench.off[3] = 0.02
    bench.go(to(0.3), goal=0.01, time=0.2)
    bench.pass_(0.68)
    assert bench.said == []
    bench.pass_(0.04)
    assert bench.said[0].code == GOAL_TOLERANCE_VIOLATED
    patient = Bench()
    patient.off[3] = 0.02
    patient.go(to(0.3), goal=0.01)
    patient.pass_(3.0)
    assert patient.said == []
    patient.off[3] = 0.0
    patient.pass_(DT)
    assert patient.said[0].code == SUCCESSFUL


def test_holding_by_the_topic_stops_the_motion_and_the_goal_ends_with_it() -> None:
    """As the real one does: an empty trajectory on the topic overrides the active goal without aborting it."""
    bench = Bench()
    bench.go(to(0.5))
    bench.pass_(0.2)
    bench.arm.hold()
    assert bench.said == []
    bench.pass_(0.5)
    assert bench.speed == 0.0
    assert bench.q[6] < turned(0.5)[6] - 0.1
    assert [end.code for end in bench.said] == [SUCCESSFUL]


@pytest.mark.parametrize(("joint", "value"), [("elbow", 0.1), ("panda_joint1", -0.5), ("panda_joint1", float("nan"))])
def test_a_tolerance_that_means_nothing_is_refused(joint: str, value: float) -> None:
    with pytest.raises(Rejected, match="path_tolerance"):
        tolerances(CHAIN.joint_names, {joint: (value, 0.0)}, {}, 0.0)


def test_an_erased_tolerance_is_none() -> None:
    told = tolerances(CHAIN.joint_names, {}, {"panda_joint1": (0.1, -1.0)}, 0.0)
    assert told.goal[0, 0] == 0.1
    assert told.goal[1, 0] == 0.0
    assert told.goal[1, 1] == 0.01


# ---------------------------------------------------------------------- streams, switching, stops


def test_a_stream_moves_the_arm_once_its_controller_is_active_and_holds_when_it_ends() -> None:
    bench = Bench()
    with pytest.raises(Rejected, match="forward_position_controller isn't active"):
        bench.arm.stream(list(turned(0.1)))
    bench.arm.switch([STREAMING], [TRAJECTORY], STRICT)
    for k in range(50):
        bench.arm.stream(list(turned(0.002 * k)))
        bench.pass_(DT)
    bench.pass_(1.0)
    assert np.allclose(bench.q, turned(0.098))
    with pytest.raises(Rejected, match="joint_trajectory_controller isn't active"):
        bench.go(to(0.3))


@pytest.mark.parametrize("q", [[0.0] * 6, [float("nan")] * 7])
def test_a_point_that_is_none_is_refused(q: list[float]) -> None:
    bench = Bench()
    bench.arm.switch([STREAMING], [TRAJECTORY], STRICT)
    with pytest.raises(Rejected, match="positions"):
        bench.arm.stream(q)


def test_a_strict_switch_does_all_or_nothing_and_best_effort_what_it_can() -> None:
    bench = Bench()
    with pytest.raises(Rejected, match="joint_trajectory_controller has the joints"):
        bench.arm.switch([STREAMING], [], STRICT)
    with pytest.raises(Rejected, match="no controller is called 'other'"):
        bench.arm.switch([STREAMING], [TRAJECTORY, "other"], STRICT)
    assert bench.arm.active == TRAJECTORY
    bench.arm.switch([STREAMING], [TRAJECTORY, "other"], strictness=1)
    assert bench.arm.active == STREAMING
    bench.arm.switch([], [STREAMING], STRICT)
    assert bench.arm.active is None


def test_deactivating_the_controller_ends_its_goal_and_the_motion() -> None:
    bench = Bench()
    bench.go(to(0.5))
    bench.pass_(0.2)
    bench.arm.switch([STREAMING], [TRAJECTORY], STRICT)
    assert bench.said == [Outcome(INVALID_GOAL, "the controller was deactivated")]
    bench.pass_(0.3)
    assert bench.speed == 0.0


def test_a_protective_stop_ends_the_goal_takes_nothing_and_nothing_resumes() -> None:
    bench = Bench()
    bench.go(to(0.5))
    bench.pass_(0.2)
    bench.arm.protective_stop()
    assert "protective stop" in bench.said[0].words
    assert bench.arm.mode == PROTECTIVE_STOP
    bench.pass_(0.3)
    stood = bench.q.copy()
    for refused in (lambda: bench.go(to(0.1)), lambda: bench.arm.switch([], [TRAJECTORY], STRICT), bench.arm.hold):
        with pytest.raises(Rejected, match="release it first"):
            refused()
    bench.arm.release()
    bench.pass_(1.0)
    assert np.array_equal(bench.q, stood)
    bench.go(to(0.1))
    bench.pass_(0.6)
    assert bench.said[-1].code == SUCCESSFUL


def test_a_stream_that_went_on_through_a_protective_stop_is_not_taken_up_again() -> None:
    bench = Bench()
    bench.arm.switch([STREAMING], [TRAJECTORY], STRICT)
    bench.arm.stream(list(turned(0.05)))
    bench.pass_(0.1)
    bench.arm.protective_stop()
    bench.arm.release()
    with pytest.raises(Rejected, match="isn't active"):
        bench.arm.stream(list(turned(0.3)))


def test_a_goal_faster_than_any_limit_can_still_be_cancelled() -> None:
    bench = Bench()
    bench.go([Waypoint(0.01, list(turned(1.0)), [0.0] * 7), Waypoint(0.2, list(turned(1.5)), [0.0] * 7)])
    bench.pass_(DT)
    bench.arm.cancel()
    bench.pass_(2.0)
    assert bench.speed == 0.0
