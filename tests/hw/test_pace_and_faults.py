"""Ticks against a clock, and a line that loses and delays: with a clock of the test's own."""

import pytest

from hw.nodes.faults import Faults, Line
from hw.nodes.pace import SAY_EVERY_S, SLIP_S, Pace


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_ticks_are_due_in_even_steps_and_a_late_one_is_caught_up_with(clock: Clock) -> None:
    pace = Pace(0.004, 1.0, clock)
    assert pace.begin() is None
    assert pace.left() == pytest.approx(0.004)
    clock.time += 0.010
    assert pace.left() == 0.0
    late = []
    for _ in range(2):
        assert pace.begin() is None
        late.append(pace.late)
    assert late == pytest.approx([0.006, 0.002])
    assert pace.left() == pytest.approx(0.002)


def test_a_rate_changes_the_steps_and_none_means_at_once(clock: Clock) -> None:
    pace = Pace(0.004, 0.5, clock)
    pace.begin()
    assert pace.left() == pytest.approx(0.008)
    free = Pace(0.004, 0.0, clock)
    for _ in range(3):
        assert free.begin() is None
    assert free.left() == 0.0


def test_ticks_that_cannot_keep_up_say_how_much_they_have_lost_but_not_all_the_time(clock: Clock) -> None:
    pace = Pace(0.004, 1.0, clock)
    said = []
    for _ in range(1000):
        clock.time += 0.008
        lost = pace.begin()
        if lost is not None:
            said.append((clock.time, lost))
    assert said[0][1] == pytest.approx(SLIP_S, abs=0.01)
    assert said[1][0] - said[0][0] == pytest.approx(SAY_EVERY_S, abs=0.2)
    assert said[1][1] == pytest.approx(SAY_EVERY_S / 2, abs=0.2)


def test_a_line_without_faults_delivers_at_once(clock: Clock) -> None:
    got: list[int] = []
    Line(1, clock).send(lambda: got.append(1), Faults())
    assert got == [1]


def test_a_delay_keeps_the_order_also_when_it_ends(clock: Clock) -> None:
    line, got = Line(1, clock), list[int]()
    line.send(lambda: got.append(1), Faults(delay_s=0.2))
    clock.time += 0.1
    line.send(lambda: got.append(2), Faults())
    line.flush()
    assert got == []
    clock.time += 0.11
    line.flush()
    assert got == [1, 2]


def test_a_share_of_the_messages_is_lost_the_same_ones_for_one_seed(clock: Clock) -> None:
    def arrived(seed: int) -> list[int]:
        line, got = Line(seed, clock), list[int]()
        for k in range(1000):
            line.send(lambda k=k: got.append(k), Faults(drop_share=0.3))  # type: ignore[misc]
        return got

    assert 630 < len(arrived(1)) < 770
    assert arrived(1) == arrived(1) != arrived(2)
