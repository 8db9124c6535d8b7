"""The gripper's controller without ROS: widths through the finger joint, ends, stalls, refusals."""

from dataclasses import replace

import pytest

from cells.description.cell import load_cell
from cells.ports import GripperReading
from hw.controllers.gripper import STALL_S, GripEnd, GripperController
from hw.controllers.sampling import Rejected
from hw.mock_world import MockGripper
from hw.names import Fingers, fingers

CELL = load_cell("panda-bench")
HAND = CELL.robot_spec.gripper
DT = CELL.tick_s


class Fingertips(MockGripper):
    """A hand with a part of ``part`` metres between its fingers."""

    part = 0.0

    def read(self) -> GripperReading:
        reading = super().read()
        if reading.width < self.part:
            return replace(reading, width=self.part, speed=0.0, still=True, force=20.0)
        return reading


def ended(controller: GripperController, hand: Fingertips, seconds: float = 3.0) -> tuple[GripEnd | None, float]:
    """How the command ended, and after how many seconds."""
    for tick in range(round(seconds / DT)):
        hand.advance()
        end = controller.update(hand.read())
        if end is not None:
            return end, (tick + 1) * DT
    return None, seconds


@pytest.fixture
def hand() -> Fingertips:
    return Fingertips(HAND, DT)


def test_a_finger_goes_where_it_is_told_at_the_speed_that_it_is_told(hand: Fingertips) -> None:
    controller = GripperController(fingers(CELL), HAND, hand, DT)
    controller.start(controller.plan(0.01, 0.02, 30.0))
    end, took = ended(controller, hand)
    assert end == GripEnd(stalled=False)
    assert hand.read().width == pytest.approx(0.02, abs=1e-3)
    assert took == pytest.approx(0.03 / 0.02, abs=0.05)  # one finger, 3 cm at 2 cm/s


def test_a_hand_that_meets_a_part_says_so(hand: Fingertips) -> None:
    hand.part = 0.03
    controller = GripperController(fingers(CELL), HAND, hand, DT)
    controller.start(controller.plan(0.0, 0.0, 0.0))
    end, took = ended(controller, hand)
    assert end == GripEnd(stalled=True)
    assert not end.reached
    assert took == pytest.approx(0.05 / (2 * HAND.max_speed) + STALL_S, abs=0.05)


def test_beyond_its_travel_the_hand_stalls_at_its_stop(hand: Fingertips) -> None:
    controller = GripperController(fingers(CELL), HAND, hand, DT)
    controller.start(controller.plan(0.2, 0.0, 0.0))
    assert ended(controller, hand)[0] == GripEnd(stalled=True)
    assert hand.read().width == HAND.max_width


def test_a_knuckle_that_grows_as_it_closes_is_understood(hand: Fingertips) -> None:
    knuckle = Fingers(("knuckle",), 0.8, 0.0, HAND.min_width, HAND.max_width)
    controller = GripperController(knuckle, HAND, hand, DT)
    controller.start(controller.plan(0.4, 0.5, 0.0))
    assert ended(controller, hand)[0] == GripEnd(stalled=False)
    assert hand.read().width == pytest.approx(HAND.max_width / 2, abs=1e-3)


def test_held_where_it_is_nothing_ends_any_more(hand: Fingertips) -> None:
    controller = GripperController(fingers(CELL), HAND, hand, DT)
    controller.start(controller.plan(0.0, 0.0, 0.0))
    ended(controller, hand, 0.1)
    controller.hold()
    width = hand.read().width
    assert ended(controller, hand, 1.0)[0] is None
    assert hand.read().width == pytest.approx(width)


@pytest.mark.parametrize("command", [(float("nan"), 0.0, 0.0), (0.01, -1.0, 0.0), (0.01, 0.0, float("inf"))])
def test_a_command_that_means_nothing_is_refused(hand: Fingertips, command: tuple[float, float, float]) -> None:
    with pytest.raises(Rejected):
        GripperController(fingers(CELL), HAND, hand, DT).plan(*command)
