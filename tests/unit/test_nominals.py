"""Which nominal a joining takes, and that no policy touches another than its own."""

from __future__ import annotations

from dataclasses import replace
from math import radians
from types import SimpleNamespace
from typing import Any

import pytest

from cells.skills.contracts import CONTRACTS, nominal_of
from cells.skills.fit import Fit
from cells.skills.insert import suited

PEG = Fit(0.0, 0.0, rim=0.1, bottom=0.08, tip=0.03, chamfer=5e-4, yaw=0.0, width=0.012, hole=0.0125)
COVER = replace(PEG, width=0.0, hole=0.0, studs=((0.02, 0.0), (-0.02, 0.0)))


@pytest.mark.parametrize(
    ("skill", "fit", "nominal"),
    [
        ("insert", PEG, "spiral@5"),
        ("mesh", PEG, "mesh@3"),
        ("insert", replace(PEG, chamfer=0.0), "tilt@2"),
        ("insert", replace(PEG, error=0.9e-3), "spiral@5"),
        ("insert", replace(PEG, error=1.4e-3), "tilt@2"),
        ("mesh", replace(PEG, lean=radians(2)), "tilt@2"),
        ("insert", COVER, "spiral@5"),
        ("insert", replace(COVER, lean=radians(2)), "onto@2"),
    ],
)
def test_the_nominal_follows_from_the_fit_and_a_policy_for_another_is_left_out(
    skill: str, fit: Fit, nominal: str
) -> None:
    assert nominal_of(skill, fit) == nominal
    call: Any = SimpleNamespace(skill=skill)
    for contract in CONTRACTS:
        policy = SimpleNamespace(contract=contract)
        context: Any = SimpleNamespace(policy_for=lambda call, policy=policy: policy)
        assert (suited(context, call, fit) is policy) == (contract.nominal == nominal)
    assert suited(SimpleNamespace(policy_for=lambda call: None), call, fit) is None  # type: ignore[arg-type]


def test_what_an_environment_tells_strategies_apart_by_differs() -> None:
    """It is given the constants of one strategy, and leaves the episodes of another alone by how many it has."""
    sizes: dict[str, list[int]] = {}
    for contract in CONTRACTS:
        if contract.kind == "parameters":
            sizes.setdefault(contract.skill, []).append(contract.action.size)
    assert sizes and all(len(each) == len(set(each)) for each in sizes.values()), sizes
