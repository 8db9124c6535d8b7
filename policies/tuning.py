"""Learner ``tuning``: better constants for the nominal's strategy, found by trials. The result is a policy of kind
``parameters``, which needs no network to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cells.pose import Array
from cells.skills import mesh, pick, push, tilt
from cells.skills.contracts import MESH_NOMINAL, SPIRAL_NOMINAL, TILT_NOMINAL, contract_for
from cells.skills.tunable import constants
from policies.practice import Played, Practice, Purpose, play_all
from policies.search import search
from policies.training import Learned, Run

# The constants of each nominal that may be tuned, as its contract's action has them.
OWN: Mapping[str, Array] = {
    TILT_NOMINAL: constants(tilt.Tilt(), tilt.PARAMETERS),
    pick.PICK_NOMINAL: constants(pick.NOMINAL, pick.PARAMETERS),
    SPIRAL_NOMINAL: constants(push.Push(), push.SPIRAL_PARAMETERS),
    MESH_NOMINAL: constants(mesh.NOMINAL, push.MESH_PARAMETERS),
}


def tune(run: Run) -> Learned:
    """Search the contract's box from the nominal's own constants until the budget is spent."""
    contract = contract_for(run.asked.skill, "parameters", run.asked.nominal)
    assert contract is not None, "a run is of a skill that takes what its learner makes"
    box = contract.action
    found = search(run, play_constants, box.clipped(OWN[contract.nominal]), box.low, box.high)
    return Learned(constants=tuple(found.tolist()))


def play_constants(
    practice: Practice, purpose: Purpose, seeds: Sequence[int], values: Sequence[float] | None
) -> list[Played]:
    """Play episodes with such constants of the strategy, or with the nominal's."""
    return play_all(practice, purpose, seeds, constants=values)
