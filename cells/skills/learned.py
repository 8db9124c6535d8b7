"""Find the policies that skills are to work with, by what can run them (entry points ``cellwright.policies``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Protocol

from cells.errors import InputError, Problem
from cells.skills.policy import Contract, Policies, Policy

if TYPE_CHECKING:
    from cells.description.cell import Cell

GROUP = "cellwright.policies"


class Loader(Protocol):
    """What an entry point of the group is: it loads the policy that is called ``reference`` (``name@version``, or
    ``name``) under the one of ``contracts`` that the policy was made for.

    ``policy_every`` is the control ticks of a policy tick. Raises ``InputError`` where anything doesn't match.
    """

    def __call__(
        self,
        reference: str,
        contracts: Sequence[Contract],
        robot: str,
        tool: str,
        control_mode: str,
        policy_every: int,
    ) -> Policy: ...


def policies_of(cell: Cell) -> Policies:
    """The policies that a cell's file names, by skill. Raises ``InputError`` as :func:`load_policies`."""
    from cells.skills.contracts import CONTRACTS

    tool, every = cell.robot_spec.gripper.kind, cell.clocks.policy_every
    return load_policies(cell.policies, CONTRACTS, cell.robot, tool, cell.control.default, every)


def policies_by_step(cell: Cell, names: Mapping[str, str]) -> Policies:
    """The policies of the steps of a variant, by their ids; ``names`` are ``name@version``, or "" for the nominal as it
    is. Raises ``InputError`` as :func:`load_policies`."""
    from cells.skills.contracts import CONTRACTS

    tool, every = cell.robot_spec.gripper.kind, cell.clocks.policy_every
    found: dict[str, Policy | None] = {"": None}
    for name in sorted(set(names.values()) - {""}):
        found[name] = _loader(name)(name, CONTRACTS, cell.robot, tool, cell.control.default, every)
    return {step: found[name] for step, name in names.items()}


def load_policies(
    references: Sequence[str],
    contracts: Sequence[Contract],
    robot: str,
    tool: str,
    control_mode: str,
    policy_every: int,
) -> Policies:
    """The policies of these names, by their skills; none, if none is named.

    Raises ``InputError`` where nobody can run policies, where one doesn't match, and where two are for one skill.
    """
    found: dict[str, Policy] = {}
    for reference in references:
        policy = _loader(reference)(reference, contracts, robot, tool, control_mode, policy_every)
        skill = policy.contract.skill
        if skill in found:
            what = f"{found[skill].name} and {policy.name} are both for the skill {skill!r}"
            raise InputError(Problem("policy", what, "name one policy for each skill"))
        found[skill] = policy
    return found


def _loader(reference: str) -> Loader:
    for point in entry_points(group=GROUP):
        try:
            loader: Loader = point.load()
        except ModuleNotFoundError as error:
            what = f"{reference!r} can't be loaded: the package {error.name!r} is missing"
            raise InputError(Problem("policy", what, "pip install 'cellwright[run-policy]'")) from error
        return loader
    what = f"{reference!r} can't be loaded: nothing here can run a policy"
    raise InputError(Problem("policy", what, "install Cellwright anew: pip install 'cellwright[run-policy]'"))
