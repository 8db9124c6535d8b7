"""Learner ``tuning``: better constants for the nominal's strategy, found by trials. The result is a policy of kind
``parameters``, which needs no network to run."""

from __future__ import annotations

from collections.abc import Sequence

from cells.skills.tilt import PARAMETERS, Tilt, constants
from policies.practice import Played, Practice, Purpose, play_all
from policies.search import search
from policies.training import Learned, Run


def tune(run: Run) -> Learned:
    """Search the box of ``cells.skills.tilt.PARAMETERS`` from the nominal's own constants until the budget is spent."""
    start = PARAMETERS.clipped(constants(Tilt()))
    found = search(run, play_constants, start, PARAMETERS.low, PARAMETERS.high)
    return Learned(constants=tuple(found.tolist()))


def play_constants(
    practice: Practice, purpose: Purpose, seeds: Sequence[int], values: Sequence[float] | None
) -> list[Played]:
    """Play episodes with such constants of the strategy, or with the nominal's."""
    return play_all(practice, purpose, seeds, constants=values)
