"""Stops and cancels in the simulated cell, at the bench's own kinds of instants: two of each in one unit."""

from __future__ import annotations

import pytest

from benchmarks.stop import AT_REST, KINDS, Instant, Stop, Trial, trial
from cells.description.cell import Cell, load_cell

STOPS = [
    Instant("free", 0.5), Instant("gripping", 0.0), Instant("contact", 0.0),
    Instant("gripping", 0.0), Instant("contact", 0.0), Instant("free", 1.0),
]  # fmt: skip


@pytest.fixture(scope="module")
def cell() -> Cell:
    return load_cell("panda-bench")


@pytest.fixture(scope="module")
def stopped(cell: Cell) -> Trial:
    return trial(cell, STOPS, seed=3)


def test_each_stop_came_about_in_its_kind_of_instant(stopped: Trial) -> None:
    assert sorted(stop.kind for stop in stopped.stops) == sorted(KINDS * 2)


def test_the_ramp_begins_within_two_ticks_and_without_a_jump(stopped: Trial) -> None:
    assert all(1 <= stop.ticks <= 2 for stop in stopped.stops)
    assert max(stop.jump_rad for stop in stopped.stops) < 2e-3


def test_the_arm_rests_while_it_waits(stopped: Trial) -> None:
    assert all(stop.at_rest for stop in stopped.stops), AT_REST


def test_force_stays_below_the_cells_limit(stopped: Trial, cell: Cell) -> None:
    def gentle(stop: Stop) -> bool:
        return stop.peak_force_n < cell.limits.force_n

    assert all(gentle(stop) for stop in stopped.stops)


def test_the_unit_is_finished_after_all_and_nothing_is_built_twice(stopped: Trial) -> None:
    assert stopped.outcome.verdict == "good", stopped.outcome.reasons
    assert stopped.repeated() == 0
    assert stopped.left == ()


@pytest.mark.parametrize(("kind", "after"), [("free", 1.0), ("gripping", 0.0)])
def test_a_cancel_ends_named_and_leaves_an_empty_cell(cell: Cell, kind: str, after: float) -> None:
    done = trial(cell, [Instant(kind, after, "cancel")], seed=3)
    assert done.tidy(), done.events[-5:]
    assert done.outcome.verdict == "cancelled"
