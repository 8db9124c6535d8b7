"""Bounds and tests, held against scipy's own and against what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest, bootstrap

from policies.statistics import difference, ratio, score, share


@st.composite
def paired(draw: st.DrawFn) -> tuple[int, int, int]:
    """Gained, lost, of."""
    of = draw(st.integers(1, 300))
    gained = draw(st.integers(0, of))
    return gained, draw(st.integers(0, of - gained)), of


@given(st.integers(1, 400).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_a_share_is_bounded_as_scipy_bounds_it(case: tuple[int, int]) -> None:
    count, of = case
    exact = binomtest(count, of, alternative="greater").proportion_ci(0.95, method="exact")
    assert share(count, of).lower == pytest.approx(exact.low, abs=1e-12)


def test_a_share_of_nothing_is_no_number() -> None:
    assert math.isnan(share(0, 0).share) and math.isnan(share(0, 0).lower)


@given(paired())
def test_mcnemar_is_the_sign_test_of_the_episodes_that_tell_the_two_apart(case: tuple[int, int, int]) -> None:
    gained, lost, of = case
    p = binomtest(gained, gained + lost, alternative="greater").pvalue if gained + lost else 1.0
    assert difference(gained, lost, of).p == pytest.approx(p, rel=1e-9)


@given(paired())
def test_the_bound_of_a_difference_is_where_the_score_is_the_levels(case: tuple[int, int, int]) -> None:
    gained, lost, of = case
    found = difference(gained, lost, of)
    assert -1.0 <= found.lower <= found.difference
    if lost < of:
        assert score(gained, lost, of, found.lower) == pytest.approx(1.6449, abs=1e-3)


@given(paired(), st.one_of(st.floats(-0.9, -0.01), st.floats(0.01, 0.9)))
def test_the_score_uses_the_likeliest_chances(case: tuple[int, int, int], true: float) -> None:
    gained, lost, of = case
    same = of - gained - lost

    def unlikely(loss: float) -> float:
        chances = ((gained, loss + true), (lost, loss), (same, 1 - 2 * loss - true))
        return -sum(count * math.log(max(chance, 1e-300)) for count, chance in chances if count)

    low, high = max(0.0, -true), (1 - true) / 2
    best = minimize_scalar(unlikely, bounds=(low, high), method="bounded", options={"xatol": 1e-10}).x
    # At an end of what is possible a search only comes close: take the end where that is likelier.
    best = min((low, best, high), key=unlikely)
    expected = (gained - lost - of * true) / math.sqrt(of * (2 * best + true - true**2))
    assert score(gained, lost, of, true) == pytest.approx(expected, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("of", [20, 200])
def test_episodes_that_tell_nothing_apart_still_leave_a_doubt(of: int) -> None:
    z = 1.6448536
    assert difference(0, 0, of).lower == pytest.approx(-(z**2) / (of + z**2), abs=1e-6)


def test_the_bound_of_a_difference_holds_as_often_as_it_says() -> None:
    chance, true = np.random.default_rng(1), 0.05 - 0.03
    counts = chance.multinomial(200, [0.05, 0.03, 0.92], size=2000)
    held = sum(difference(int(gained), int(lost), 200).lower <= true for gained, lost, _ in counts)
    assert 0.93 <= held / 2000 <= 0.97


def test_a_ratio_is_bounded_as_scipys_bootstrap_bounds_it() -> None:
    chance = np.random.default_rng(2)
    theirs = chance.uniform(2, 6, 80)
    ours = 0.7 * theirs + chance.normal(0, 0.4, 80)
    found = ratio(ours, theirs)
    peer = bootstrap(
        (ours, theirs), lambda a, b, axis: a.mean(axis) / b.mean(axis), paired=True, confidence_level=0.9,
        n_resamples=4000, method="percentile", rng=np.random.default_rng(3),
    ).confidence_interval  # fmt: skip
    assert found.ratio == pytest.approx(ours.mean() / theirs.mean())
    assert (found.low, found.high) == (pytest.approx(peer.low, abs=0.004), pytest.approx(peer.high, abs=0.004))
    assert ratio(ours, theirs) == found


def test_a_ratio_over_no_episode_is_no_number() -> None:
    assert math.isnan(ratio(np.array([]), np.array([])).ratio)
