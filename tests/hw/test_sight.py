"""Where parts are when somebody looks: what is seen goes before what is reckoned, unless it is over by now."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from cells.description.cell import load_cell
from cells.ports import GripperReading
from cells.pose import Pose, tool_down
from cells.products.catalogue import build_variant
from cells.tasks.plan import slots_of_unit
from hw.feedback import Feedback
from hw.locator import TaughtLocator
from hw.names import arm_joints
from hw.sight import Frames, SeeingLocator

CELL = load_cell("panda-bench")
VARIANT = build_variant("pegboard", {"pegs": 2})
PEG = VARIANT.parts["peg"]
LOADS = slots_of_unit("U", CELL, VARIANT)
FIRST, SECOND = (load for load in LOADS if load.part == "peg")
SEATS = {load.instance: CELL.station(load.station).slot_pose(load.slot) for load in (FIRST, SECOND)}
AWAY = tool_down((0.4, 0.0, 0.4))
TICK = CELL.tick_s
OPEN = CELL.robot_spec.gripper.max_width


def stamp(time: float) -> Any:
    return SimpleNamespace(sec=int(time), nanosec=round(time % 1 * 1e9))


def frame(name: str, pose: Pose, seen: float, where: str = "world") -> Any:
    (x, y, z), (i, j, k, w) = pose.xyz, pose.quat
    turn = SimpleNamespace(translation=SimpleNamespace(x=x, y=y, z=z), rotation=SimpleNamespace(x=i, y=j, z=k, w=w))
    header = SimpleNamespace(frame_id=where, stamp=stamp(seen))
    return SimpleNamespace(header=header, child_frame_id=name, transform=turn)


class Bench:
    """A cell with a hand, and somebody who looks; the robot's clock is 100 s ahead of the cell's."""

    def __init__(self) -> None:
        self.time = 0.0
        self.feedback, self.frames = Feedback(CELL), Frames()
        taught = TaughtLocator(CELL, {VARIANT.hash: VARIANT}, AWAY)
        taught.loaded(LOADS)
        assert CELL.ros2.sight is not None
        self.locator = SeeingLocator(taught, self.frames, self.feedback, CELL, CELL.ros2.sight, lambda: self.time)
        self.tcp, self.width, self.asked, self.still = AWAY, OPEN, OPEN, True
        self.tick()

    def tick(self, *seen: Any) -> None:
        self.time += TICK
        state = SimpleNamespace(
            header=SimpleNamespace(stamp=stamp(100.0 + self.time)), name=list(arm_joints(CELL)),
            position=list(CELL.home), velocity=[], effort=[],
        )  # fmt: skip
        self.feedback.on_joint_states(state)
        self.frames.on_frames(SimpleNamespace(transforms=seen))
        self.locator.follow(self.tcp, GripperReading(self.width, 0.0, 0.0, self.still), self.asked)

    def sees(self, name: str, pose: Pose, ago: float = 0.0, where: str = "world") -> None:
        """Tell what was seen some time ``ago`` (s), and let a tick pass."""
        self.tick(frame(name, pose, 100.0 + self.time + TICK - ago, where))

    def grip(self) -> None:
        """Take the first peg."""
        self.tcp = SEATS[FIRST.instance] @ PEG.grip.tcp
        self.tick()
        self.asked, self.still = 0.0, False
        self.tick()
        self.width, self.still = PEG.grip.width, True
        self.tick()

    def reckoned(self, instance: str) -> bool:
        return self.locator.locate(instance).seen < 0.0


@pytest.fixture
def bench() -> Bench:
    return Bench()


def moved(pose: Pose, dx: float) -> Pose:
    return pose.shifted(dx=dx)


def test_what_is_seen_goes_before_what_is_reckoned_until_it_is_old(bench: Bench) -> None:
    there = moved(SEATS[FIRST.instance], 0.003)
    assert bench.reckoned(FIRST.instance)
    bench.sees(FIRST.instance, there, ago=0.05)
    told = bench.locator.locate(FIRST.instance)
    assert told.pose.xyz == pytest.approx(there.xyz) and told.sigma == CELL.noise.locator_sigma
    assert told.seen == pytest.approx(bench.time - 0.05, abs=1e-6)
    assert bench.reckoned(SECOND.instance)
    for _ in range(round(0.5 / TICK)):
        bench.tick()
    assert bench.reckoned(FIRST.instance)


def test_a_detector_that_knows_kinds_of_parts_means_the_nearest(bench: Bench) -> None:
    for number, instance in enumerate(SEATS):
        bench.sees(f"peg.{number}", moved(SEATS[instance], 0.002))
    for instance, seat in SEATS.items():
        assert bench.locator.locate(instance).pose.xyz == pytest.approx(moved(seat, 0.002).xyz)


@pytest.mark.parametrize(
    ("name", "dx", "where"), [("peg", 0.5, "world"), ("nut", 0.0, "world"), (FIRST.instance, 0.0, "camera_optical")]
)
def test_what_is_no_part_of_this_cell_is_passed_over(bench: Bench, name: str, dx: float, where: str) -> None:
    bench.sees(name, moved(SEATS[FIRST.instance], dx), where=where)
    assert all(map(bench.reckoned, SEATS))


@pytest.mark.parametrize("spoilt", [Pose((float("nan"), 0.0, 0.0)), Pose((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0))])
def test_numbers_that_are_no_pose_are_passed_over(bench: Bench, spoilt: Pose) -> None:
    bench.sees(FIRST.instance, spoilt)
    assert bench.reckoned(FIRST.instance)


def test_a_part_that_is_carried_is_where_the_hand_is_and_not_where_it_was_seen(bench: Bench) -> None:
    bench.grip()
    held = moved(SEATS[FIRST.instance], 0.0008)
    bench.tick()
    bench.sees(FIRST.instance, held)
    assert bench.locator.locate(FIRST.instance).pose.xyz == pytest.approx(held.xyz)
    bench.tcp = bench.tcp.shifted(dz=0.05)
    bench.tick()
    told = bench.locator.locate(FIRST.instance)
    assert told.seen < 0.0 and told.pose.xyz[2] == pytest.approx(SEATS[FIRST.instance].xyz[2] + 0.05, abs=1e-3)
    bench.sees(FIRST.instance, held, ago=0.1)  # it was seen before the hand moved, and told after
    assert bench.reckoned(FIRST.instance)


def test_what_was_seen_before_the_hand_let_go_says_nothing_of_after(bench: Bench) -> None:
    bench.grip()
    bench.tick()
    bench.sees(FIRST.instance, SEATS[FIRST.instance])
    assert not bench.reckoned(FIRST.instance)
    bench.asked = OPEN
    bench.tick()
    assert bench.reckoned(FIRST.instance)


def test_who_is_not_in_the_cell_is_unknown(bench: Bench) -> None:
    bench.sees("U/peg_9", AWAY)
    with pytest.raises(KeyError):
        bench.locator.locate("U/peg_9")
