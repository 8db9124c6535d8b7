"""What trips the guard, and that it stays tripped until a person resets it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from cells.control.setpoints import Compliant, JointTarget
from cells.description.cell import Cell, load_cell
from cells.kinematics.chain import Chain, load_chain
from cells.ports import ArmReading, GripperReading, Reading
from cells.pose import Pose
from cells.runtime.guard import LATE_S, Guard, Trip
from cells.runtime.remedies import remedy_of

INSIDE = Pose((0.5, 0.0, 0.3))


@pytest.fixture(scope="module")
def cell() -> Cell:
    return load_cell("panda-bench")


@pytest.fixture(scope="module")
def chain(cell: Cell) -> Chain:
    return load_chain(cell)


def calm(tick: int) -> Reading:
    zero = np.zeros(7)
    arm = ArmReading(q=zero, qd=zero, tau=zero, q_cmd=zero, qd_cmd=zero, qdd_cmd=zero, tcp=INSIDE, busy=False)
    return Reading(tick * 0.004, tick, arm, GripperReading(0.04, 0.0, 0.0, True), np.zeros(6))


def first_trip(guard: Guard, change: Callable[[Reading], Reading], force: float = 0.0) -> Trip | None:
    """The trip after ten calm ticks and ten changed ones."""
    for tick in range(20):
        reading = calm(tick)
        reading = change(reading) if tick >= 10 else reading
        trip = guard.check(reading, None, force if tick >= 10 else 0.0)
        if trip:
            return trip
    return None


def arm(**changes: object) -> Callable[[Reading], Reading]:
    return lambda reading: replace(reading, arm=replace(reading.arm, **changes))  # type: ignore[arg-type]


def test_a_calm_arm_trips_nothing(cell: Cell, chain: Chain) -> None:
    assert first_trip(Guard(cell, chain), lambda reading: reading) is None


@pytest.mark.parametrize(
    ("cause", "change"),
    [
        ("joint_3_speed", arm(qd=np.array([0, 0, 3.0, 0, 0, 0, 0]))),
        ("workspace_left", arm(tcp=Pose((0.5, 0.0, -0.05)))),
        ("reading_not_a_number", arm(q=np.full(7, np.nan))),
        ("reading_not_a_number", arm(tcp=Pose((math.nan, 0.0, 0.3)))),
        ("robot_protective_stop", arm(mode="protective_stop")),
        ("tool_speed", lambda reading: arm(tcp=Pose((0.4 + 0.004 * (reading.tick - 10), 0.0, 0.3)))(reading)),
        ("reading_too_old", lambda reading: replace(reading, time=0.036)),
    ],
)
def test_each_limit_trips_by_its_name(
    cell: Cell, chain: Chain, cause: str, change: Callable[[Reading], Reading]
) -> None:
    trip = first_trip(Guard(cell, chain), change)
    assert trip is not None and trip.cause == cause


def test_a_lasting_push_trips_and_a_single_ring_does_not(cell: Cell, chain: Chain) -> None:
    limit = cell.limits.force_n
    trip = first_trip(Guard(cell, chain), lambda reading: reading, force=limit + 1)
    assert trip == Trip("force", limit + 1, limit)
    guard = Guard(cell, chain)
    assert guard.check(calm(0), None, 3 * limit) is None
    assert guard.check(calm(1), None, 0.0) is None


@pytest.mark.parametrize(
    "setpoint",
    [
        JointTarget(np.array([0, 0, np.nan, 0, 0, 0, 0]), np.zeros(7)),
        JointTarget(np.zeros(7), np.array([0, np.inf, 0, 0, 0, 0, 0])),
        Compliant(Pose((math.nan, 0.0, 0.0)), np.zeros(6), np.ones(6), 10.0),
    ],
)
def test_a_setpoint_that_is_no_number_is_never_sent(
    cell: Cell, chain: Chain, setpoint: JointTarget | Compliant
) -> None:
    trip = Guard(cell, chain).check(calm(0), setpoint, 0.0)
    assert trip is not None and trip.cause == "setpoint_not_a_number"


def test_a_trip_stays_until_it_is_reset(cell: Cell, chain: Chain) -> None:
    guard = Guard(cell, chain)
    bad = arm(mode="emergency_stop")(calm(0))
    assert guard.check(bad, None, 0.0) is not None
    assert guard.check(calm(1), None, 0.0) is not None
    guard.reset()
    assert guard.check(calm(2), None, 0.0) is None


def late(at: int, ticks: int, change: Callable[[Reading], Reading]) -> list[Reading]:
    """Twenty ticks; before the one ``at`` so many pass unseen, and from the one before it on all are changed."""
    readings = [calm(k if k < at else k + ticks) for k in range(20)]
    return [change(reading) if k >= at - 1 else reading for k, reading in enumerate(readings)]


LED = Compliant(INSIDE, np.zeros(6), np.ones(6), 10.0)


@pytest.mark.parametrize(
    ("change", "command", "trips"),
    [
        (arm(), None, False),  # planning takes its time while the arm stands
        (arm(busy=True), None, True),
        (arm(qd=np.full(7, 0.05)), None, True),
        (arm(), LED, True),  # it stands, and presses on something softly
    ],
)
def test_a_loop_that_comes_late_has_lost_an_arm_that_moves_or_is_led(
    cell: Cell, chain: Chain, change: Callable[[Reading], Reading], command: Compliant | None, trips: bool
) -> None:
    guard, missed = Guard(cell, chain), round(LATE_S / 0.004) + 1
    found = [guard.check(reading, command, 0.0) for reading in late(10, missed, change)]
    assert (found[-1] is not None and found[-1].cause == "tick_overrun") is trips
    calm_again = Guard(cell, chain)
    assert not any(calm_again.check(reading, command, 0.0) for reading in late(10, missed - 3, change))


def test_what_was_measured_earlier_moves_no_faster(cell: Cell, chain: Chain) -> None:
    """0.6 m/s, told with up to 12 ms of delay: as seen at the ticks it would jump."""
    guard = Guard(cell, chain)
    for tick in range(40):
        age = 0.012 if tick % 8 < 4 else 0.0
        at = Pose((0.4 + 0.6 * (tick * 0.004 - age), 0.0, 0.3))
        assert guard.check(arm(tcp=at, age=age)(calm(tick)), None, 0.0) is None


def test_every_trip_has_a_remedy_in_words() -> None:
    causes = ["force", "tool_speed", "joint_3_speed", "robot_protective_stop", "robot_no_feedback", "robot_whatever"]
    remedies = [remedy_of(cause) for cause in causes]
    assert all(remedies) and remedies[3] != remedies[4] != remedies[5]
    assert "protective stop" in remedies[3] and "panel" in remedies[5]
