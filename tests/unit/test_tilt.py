"""The geometry of leaning: where the tool must be so that a part's lowest point is where it shall be."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cells.pose import tool_down
from cells.skills.contact import tilt_of
from cells.skills.fit import Fit
from cells.skills.tilt import PARAMETERS, Tilt, leaning, lowest, reach, ways
from cells.skills.tunable import constants, tuned

ANGLE = st.floats(-math.pi, math.pi)
LENGTH = st.floats(-0.3, 0.3)


def fit_of(yaw: float, tip: float = 0.03, shape_round: bool = True) -> Fit:
    return Fit(0.4, 0.1, 0.05, 0.03, tip, 0.0, yaw, width=0.012, hole=0.0125, round=shape_round)


@given(LENGTH, LENGTH, LENGTH, st.floats(0.0, 0.4), ANGLE, ANGLE, st.floats(0.002, 0.05), st.floats(0.0, 0.06))
def test_the_low_point_is_where_it_shall_be(
    x: float, y: float, z: float, lean: float, way: float, yaw: float, far: float, tip: float
) -> None:
    fit = fit_of(yaw, tip)
    pose = leaning(fit, (x, y, z), lean, way, far)
    assert lowest(fit, pose, way, far) == pytest.approx((x, y, z), abs=1e-9)


@given(st.floats(0.01, 0.4), ANGLE, ANGLE)
def test_no_point_of_the_rim_is_lower_and_the_tool_leans_by_as_much(lean: float, way: float, yaw: float) -> None:
    fit, far = fit_of(yaw), 0.006
    pose = leaning(fit, (0.0, 0.0, 0.0), lean, way, far)
    around = [lowest(fit, pose, way + turn, far)[2] for turn in np.linspace(0.1, 2 * math.pi - 0.1, 12)]
    assert min(around) > -1e-9
    assert lowest(fit, pose, way + math.pi, far)[2] == pytest.approx(2 * far * math.sin(lean), abs=1e-9)
    assert math.hypot(*tilt_of(pose, fit)) == pytest.approx(lean, abs=1e-6)


def test_an_upright_part_is_held_straight_down() -> None:
    fit = fit_of(0.3)
    pose = leaning(fit, (0.1, 0.2, 0.0), 0.0, 1.0, 0.0)
    assert pose.xyz == pytest.approx((0.1, 0.2, 0.03))
    assert (pose.inverse() @ tool_down(pose.xyz, 0.3)).angle == pytest.approx(0.0, abs=1e-7)


def test_a_square_part_leads_with_a_corner() -> None:
    square, around = fit_of(0.2, shape_round=False), fit_of(0.2)
    assert all(abs(math.cos(2 * (way - 0.2))) < 1e-9 for way in ways(square))
    assert {round(math.degrees(way - 0.2)) % 360 for way in ways(square)} == {45, 135, 225, 315}
    assert reach(square, 0.01) == pytest.approx(0.01 / math.sqrt(2))
    assert reach(around, 0.01) == 0.005


def test_the_nominal_is_within_what_may_be_tuned_and_comes_back_from_its_vector() -> None:
    vector = constants(Tilt(), PARAMETERS)
    assert np.all(vector > PARAMETERS.low)
    assert np.all(vector < PARAMETERS.high)
    assert constants(tuned(Tilt(), vector, PARAMETERS), PARAMETERS) == pytest.approx(vector)
    assert constants(tuned(Tilt(), vector * 100, PARAMETERS), PARAMETERS) == pytest.approx(PARAMETERS.high)
