"""Where parts are without a camera: by what was loaded, gripped and let go of."""

from __future__ import annotations

import math

import pytest

from cells.description.cell import load_cell
from cells.ports import GripperReading, LoadRequest
from cells.pose import Pose, tool_down
from cells.products.catalogue import build_variant
from cells.tasks.plan import slots_of_unit
from hw.locator import LOST, TaughtLocator

CELL = load_cell("panda-bench")
VARIANT = build_variant("pegboard", {"pegs": 2})
PLATE, PEG = VARIANT.parts["plate"], VARIANT.parts["peg"]
LOADS = slots_of_unit("U", CELL, VARIANT)
FIXTURE = CELL.station("fixture").pose
AWAY = tool_down((0.4, 0.0, 0.4))


class Hand:
    """A hand that does as it is told, and a locator that watches it."""

    def __init__(self) -> None:
        self.locator = TaughtLocator(CELL, {VARIANT.hash: VARIANT}, AWAY)
        self.locator.loaded(LOADS)
        self.width = CELL.robot_spec.gripper.max_width

    def at(self, tcp: Pose, asked: float, between: float = 0.0) -> None:
        """Go to ``tcp`` and close or open to ``asked``, with something ``between`` wide in the way."""
        self.locator.follow(tcp, GripperReading(self.width, 0.0, 0.0, still=True), self.asked)
        self.asked = asked
        self.locator.follow(tcp, GripperReading(self.width, -0.05, 0.0, still=False), asked)
        self.width = max(asked, between)
        self.locator.follow(tcp, GripperReading(self.width, 0.0, 20.0, still=True), asked)

    def carry(self, tcp: Pose) -> None:
        self.locator.follow(tcp, GripperReading(self.width, 0.0, 20.0, still=True), self.asked)

    asked = math.inf


def slot_of(instance: str) -> Pose:
    [load] = [load for load in LOADS if load.instance == instance]
    return CELL.station(load.station).slot_pose(load.slot)


def tcp_of(pose: Pose, part: object = PLATE) -> Pose:
    """The tool that grips a part standing at ``pose``."""
    return pose @ part.grip.tcp  # type: ignore[attr-defined]


def off(a: Pose, b: Pose) -> float:
    return math.dist(a.xyz, b.xyz)


@pytest.fixture
def hand() -> Hand:
    return Hand()


def test_what_is_loaded_lies_in_its_slot_within_its_scatter(hand: Hand) -> None:
    told = hand.locator.locate("U/peg_1")
    assert off(told.pose, slot_of("U/peg_1")) == 0.0
    known = CELL.noise.locator_sigma
    assert told.sigma[0] == pytest.approx(math.hypot(CELL.scatter.xy / math.sqrt(3), known[0]))
    assert told.sigma[5] == pytest.approx(math.hypot(CELL.scatter.yaw / math.sqrt(3), known[5]))


def test_fingers_centre_what_they_close_on_and_take_it_along(hand: Hand) -> None:
    # The peg lies off its slot's middle; the hand comes down beside by 0.8 mm along its closing direction.
    seat = slot_of("U/peg_1")
    gripped = tcp_of(seat, PEG).shifted(dx=0.0005, dy=0.0008)
    hand.at(gripped, 0.0, between=PEG.grip.width)
    told = hand.locator.locate("U/peg_1")
    assert told.pose.xyz[1] == pytest.approx(gripped.xyz[1])  # centred where the fingers close
    assert told.pose.xyz[0] == pytest.approx(seat.xyz[0])  # and along the pads as it was
    assert told.sigma[1] < 2e-4 < 5e-4 < told.sigma[0]
    quarter = tool_down((0.45, 0.1, 0.3), math.pi / 2)
    hand.carry(quarter)
    told = hand.locator.locate("U/peg_1")
    assert told.sigma[0] < 2e-4 < 5e-4 < told.sigma[1]  # what was sure turns with the hand
    assert told.pose.xyz[2] == pytest.approx(0.3 - (gripped.xyz[2] - seat.xyz[2]))


def test_what_is_let_go_of_stands_where_the_hand_left_it(hand: Hand) -> None:
    hand.at(tcp_of(slot_of("U/peg_1"), PEG), 0.0, between=PEG.grip.width)
    there = tool_down((0.5, -0.1, 0.12))
    hand.carry(there)
    hand.at(there, 0.06)
    hand.carry(AWAY)
    told = hand.locator.locate("U/peg_1")
    assert off(told.pose, there @ PEG.grip.tcp.inverse()) < 1e-9
    assert told.sigma[1] < 5e-4


def test_a_base_near_its_seat_is_where_the_fixture_was_taught_and_takes_along_what_stands_in_it(hand: Hand) -> None:
    seat = slot_of("U/plate")
    hand.at(tcp_of(seat), 0.0, between=PLATE.grip.width)
    seated = tcp_of(Pose((FIXTURE.xyz[0] + 0.0011, FIXTURE.xyz[1], FIXTURE.xyz[2] - 0.0004)))
    hand.carry(seated)
    hand.at(seated, PLATE.grip.width + 0.016)
    told = hand.locator.locate("U/plate")
    assert off(told.pose, FIXTURE) < 1e-9 and abs(math.sin(2 * (told.pose.yaw - FIXTURE.yaw))) < 1e-9
    assert told.sigma[0] < CELL.scatter.xy / math.sqrt(3)
    hole = (told.pose @ PLATE.holes["hole_1"].pose).shifted(dz=-PLATE.holes["hole_1"].depth)
    hand.at(tcp_of(slot_of("U/peg_1"), PEG), 0.0, between=PEG.grip.width)
    hand.carry(tcp_of(hole, PEG))
    hand.at(tcp_of(hole, PEG), 0.06)
    assert off(hand.locator.locate("U/peg_1").pose, hole) < 1e-9
    # The plate is gripped again, and goes with the peg in it; the other peg stays.
    hand.at(tcp_of(FIXTURE), 0.0, between=PLATE.grip.width)
    hand.carry(tcp_of(FIXTURE).shifted(dy=0.14))
    assert off(hand.locator.locate("U/peg_1").pose, hole.shifted(dy=0.14)) < 1e-9
    assert off(hand.locator.locate("U/peg_2").pose, slot_of("U/peg_2")) == 0.0


def test_closing_on_nothing_holds_nothing_and_a_part_that_slips_may_be_anywhere_around(hand: Hand) -> None:
    hand.at(tcp_of(slot_of("U/peg_1"), PEG), 0.0)  # the slot is empty
    hand.carry(AWAY)
    assert off(hand.locator.locate("U/peg_1").pose, slot_of("U/peg_1")) == 0.0
    hand.at(AWAY, 0.08)
    hand.at(tcp_of(slot_of("U/peg_2"), PEG), 0.0, between=PEG.grip.width)
    hand.width = 0.0
    hand.carry(AWAY)
    assert hand.locator.locate("U/peg_2").sigma[0] >= LOST


def test_something_else_as_wide_far_from_every_part_is_no_part(hand: Hand) -> None:
    hand.at(tool_down((0.5, 0.2, 0.3)), 0.0, between=PEG.grip.width)
    hand.carry(AWAY)
    assert all(off(hand.locator.locate(load.instance).pose, slot_of(load.instance)) == 0.0 for load in LOADS)


def test_a_finished_unit_stands_in_the_fixture_put_together(hand: Hand) -> None:
    hand.locator.unloaded([load.instance for load in LOADS])
    hand.locator.returned(LOADS)
    hole = PLATE.holes["hole_2"]
    bottom = (FIXTURE @ hole.pose).shifted(dz=-hole.depth)
    assert off(hand.locator.locate("U/peg_2").pose, bottom) < 1e-9


def test_what_was_never_loaded_or_has_left_is_unknown(hand: Hand) -> None:
    with pytest.raises(KeyError):
        hand.locator.locate("X/peg_1")
    hand.locator.unloaded(["U/peg_1"])
    with pytest.raises(KeyError):
        hand.locator.locate("U/peg_1")
    hand.locator.loaded([LoadRequest("U/peg_1", "peg", VARIANT.hash, "tray_b", 1)])
    assert hand.locator.locate("U/peg_1").pose == CELL.station("tray_b").slot_pose(1)
