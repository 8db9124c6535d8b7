"""What a policy sees of a joining, and what its action does to the set pose."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cells.pose import tool_down
from cells.skills.contact import ACTION, NEUTRAL, OBSERVATION, Contact, corrected, correction_of, observe
from cells.skills.fit import Fit

FIT = Fit(0.4, 0.1, 0.05, 0.03, 0.03, 0.0, 0.0, width=0.012, hole=0.0125)
TCP = tool_down((0.4, 0.1, 0.09))
READING: Any = SimpleNamespace(time=1.0, arm=SimpleNamespace(tcp=TCP), wrench=np.zeros(6))


def test_a_policy_sees_what_it_does_with_its_sign() -> None:
    contact = Contact(FIT)
    for sign in (-1.0, 1.0):
        contact.correction = correction_of(np.array([1.0, 1.0, sign * 5e-4, 0.0, 0.0, sign * 0.0175]))
        seen = OBSERVATION.named(observe(contact, READING))["correction"]
        assert seen == pytest.approx((1.0, 1.0, sign * 0.5, 0.0, 0.0, sign * 0.5))


def test_the_neutral_action_leaves_a_set_pose_alone_and_none_leads_it_beyond_its_bounds() -> None:
    contact = Contact(FIT, way=0.7)
    contact.correction = correction_of(NEUTRAL)
    assert corrected(TCP, contact) == TCP
    contact.correction = correction_of(100.0 * ACTION.high)
    moved = TCP.inverse() @ corrected(TCP, contact)
    assert np.linalg.norm(moved.xyz) == pytest.approx(0.001 * np.sqrt(2))
    assert moved.angle == pytest.approx(0.035 * np.sqrt(2), rel=1e-6)
