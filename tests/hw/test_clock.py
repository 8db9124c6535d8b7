"""Clocks that wait: the next tick ahead, lateness in sight, and nobody who waits for ever."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import pytest

from hw.clock import SteadyClock, ToldClock, stamped_by

TICK = 0.004


def test_ticks_come_on_a_grid_and_those_that_were_missed_are_passed_over() -> None:
    clock = SteadyClock(TICK)
    times = []
    for late in (0.0, 0.0, 0.05, 0.0):
        time.sleep(late)
        clock.advance()
        times.append(clock.now())
    ticks = [round(at / TICK) for at in times]
    assert all(abs(at - tick * TICK) < 1e-9 for at, tick in zip(times, ticks, strict=True))
    assert ticks[2] - ticks[1] >= 12  # 50 ms late: the time says so
    assert sorted(set(ticks)) == ticks


def test_what_arrives_late_is_as_old_as_its_stamp_says() -> None:
    """A state every 4 ms by the robot's clock, which is 100 s ahead; every third is 30 ms on its way instead of 1."""
    clock, now = SteadyClock(TICK), time.monotonic()
    ages = [clock.age(100.0 + now + k * TICK, now + k * TICK + (0.031 if k % 3 == 0 else 0.001)) for k in range(30)]
    steps = [a - b for a, b in pairwise(ages[1:])]
    assert all(abs(step - TICK) < 1e-4 for step in steps)  # evenly spaced, as they were measured
    assert clock.theirs() == pytest.approx(100.0 + now, abs=0.1)
    assert clock.age(100.0 + now + 29 * TICK, now + 29 * TICK + 0.001) == ages[-1]  # asked again, it is no older


def test_a_told_clock_waits_for_what_is_told_and_passes_over_what_it_missed() -> None:
    clock = ToldClock(TICK, 50.0)

    def tell() -> None:
        for k in range(1, 6):
            time.sleep(0.01)
            clock.tell(50.0 + k * TICK)

    teller = threading.Thread(target=tell)
    teller.start()
    for k in range(1, 4):
        clock.advance()
        assert clock.now() == pytest.approx(k * TICK)
    teller.join()
    clock.tell(50.1)
    began = time.monotonic()
    clock.tell(50.1 + TICK)
    clock.advance()
    assert time.monotonic() - began < 0.5
    assert clock.now() == pytest.approx(0.1 + TICK)
    assert clock.age(50.1, 0.0) == pytest.approx(TICK)


def test_where_nothing_is_told_any_more_time_goes_on_and_what_is_told_later_goes_on_from_there() -> None:
    clock = ToldClock(TICK, 50.0)
    for _ in range(5):
        clock.advance()  # the first waits for a second, the others for a tick each
    assert clock.now() == pytest.approx(5 * TICK)
    clock.tell(50.0 + TICK)
    clock.advance()
    assert clock.now() == pytest.approx(6 * TICK)


def test_the_stamp_tells_whose_clock_it_is() -> None:
    assert stamped_by(1000.2, 1000.0, None) == "wall"
    assert stamped_by(12.5, 1000.0, 12.504) == "told"
    assert stamped_by(995.0, 1000.0, None) is None
    assert stamped_by(12.5, 1000.0, 40.0) is None
