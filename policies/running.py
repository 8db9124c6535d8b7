"""Run a policy of the zoo: with onnxruntime, in one thread, without torch; refused for whatever doesn't match.

The network's output is clipped to the bounds that the *skill* sets, whatever the policy's file says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cells.description.cell import Cell
from cells.description.documents import shown
from cells.errors import InputError, Problem
from cells.pose import Array
from cells.skills.contracts import CONTRACTS
from cells.skills.policy import Component, Contract, Policy, Space
from policies.contents import DESCRIPTION, NETWORK, check_contents
from policies.entry import Entry, space
from policies.folder import read_entry
from policies.store import find_entry

OTHER = "use a policy that was made for this skill and cell, or train one"


@dataclass
class Learned:
    """A network that decides."""

    name: str
    contract: Contract
    session: Any  # an onnxruntime.InferenceSession, which comes without types

    def act(self, observation: Array) -> Array:
        """The action (m,) for an observation (n,), within the skill's bounds."""
        given = np.asarray(observation, np.float32).reshape(1, -1)
        (action,) = self.session.run(None, {self.session.get_inputs()[0].name: given})
        return self.contract.action.clipped(action[0].astype(float))


@dataclass
class Tuned:
    """A skill's constants, tuned."""

    name: str
    contract: Contract
    values: tuple[float, ...]

    def act(self, observation: Array) -> Array:
        """The constants (m,) in the contract's order, within the skill's bounds, whatever is seen."""
        return self.contract.action.clipped(np.array(self.values))


def load_named(
    reference: str, contracts: Sequence[Contract], robot: str, tool: str, control_mode: str, policy_every: int
) -> Policy:
    """The policy that the zoo knows as ``name@version``, or ``name`` for the newest, under the one of ``contracts``
    that is of its skill and kind. Raises ``InputError`` as :func:`load_policy`, and for an unknown name."""
    return load_from(find_entry(reference), contracts, robot, tool, control_mode, policy_every)


def load_in(folder: Path, cell: Cell) -> Policy:
    """The policy of an entry's ``folder`` for a cell as it stands. Raises ``InputError`` as :func:`load_policy`."""
    tool, mode = cell.robot_spec.gripper.kind, cell.control.default
    return load_from(folder, CONTRACTS, cell.robot, tool, mode, cell.clocks.policy_every)


def load_from(
    folder: Path, contracts: Sequence[Contract], robot: str, tool: str, control_mode: str, policy_every: int
) -> Policy:
    """The policy of an entry's ``folder``, as :func:`load_named`."""
    entry = read_entry(folder).entry
    of_skill = [contract for contract in contracts if contract.skill == entry.skill]
    if not of_skill:
        known = ", ".join(sorted({contract.skill for contract in contracts})) or "none"
        what = f"is {shown(entry.skill)}; skills that take a policy here: {known}"
        raise InputError(Problem(f"{entry.reference}: {DESCRIPTION}:skill", what, OTHER))
    of_kind = [contract for contract in of_skill if contract.kind == entry.kind] or of_skill
    contract = next((contract for contract in of_kind if contract.nominal == entry.nominal), of_kind[0])
    return load_policy(folder, contract, robot, tool, control_mode, policy_every)


def load_policy(
    folder: Path, contract: Contract, robot: str, tool: str, control_mode: str, policy_every: int
) -> Policy:
    """The policy of an entry's ``folder``, for a skill's ``contract`` in a cell with this robot, tool, control mode and
    ``policy_every`` (control ticks of a policy tick).

    Raises ``InputError`` with every mismatch by its key (``policy.json:observation.tip.low``), and for a folder that
    isn't a sound entry.
    """
    read = read_entry(folder)
    cell = {"robot": robot, "tool": tool, "control_mode": control_mode, "policy_every": policy_every}
    problems = [*mismatches(read.entry, contract, cell), *check_contents(read.entry, read.files)]
    if problems:
        raise InputError(*problems)
    if read.entry.kind == "parameters":
        values = tuple(read.entry.parameters[component.name] for component in contract.action.components)
        return Tuned(read.entry.reference, contract, values)
    return Learned(read.entry.reference, contract, _session(read.files[NETWORK]))


def mismatches(entry: Entry, contract: Contract, cell: dict[str, object]) -> Iterator[Problem]:
    """Every key of an entry that isn't what the skill's contract and the ``cell`` (values by the entry's keys) say."""
    skill = {"skill": contract.skill, "nominal": contract.nominal, "kind": contract.kind}
    for key, wanted in {**skill, **cell}.items():
        found = getattr(entry, key)
        if found != wanted:
            yield Problem(f"{DESCRIPTION}:{key}", f"is {shown(found)}, and here it is {shown(wanted)}", OTHER)
    yield from _differences("observation", space(entry.observation), contract.observation)
    yield from _differences("action", space(entry.action), contract.action)


def _differences(key: str, found: Space, wanted: Space) -> Iterator[Problem]:
    ours = {component.name: component for component in wanted.components}
    theirs = {component.name: component for component in found.components}
    for name in theirs.keys() - ours.keys():
        yield Problem(f"{DESCRIPTION}:{key}.{name}", "is nothing that the skill knows", OTHER)
    for name, component in ours.items():
        if name in theirs:
            yield from _different(f"{DESCRIPTION}:{key}.{name}", theirs[name], component)
        else:
            yield Problem(f"{DESCRIPTION}:{key}.{name}", "is missing", OTHER)
    if set(theirs) == set(ours) and list(theirs) != list(ours):
        yield Problem(f"{DESCRIPTION}:{key}", f"has its components in another order than {', '.join(ours)}", OTHER)


def _different(where: str, found: Component, wanted: Component) -> Iterator[Problem]:
    # Bounds are compared exactly: JSON keeps every digit, and a bound that moved is another contract.
    for key in ("unit", "frame", "low", "high"):
        theirs, ours = getattr(found, key), getattr(wanted, key)
        if theirs != ours:
            yield Problem(f"{where}.{key}", f"is {shown(str(theirs))}, the skill's is {shown(str(ours))}", OTHER)


def _session(network: bytes) -> Any:
    """An onnxruntime session of a network that was checked."""
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        what, remedy = f"can't be run without the package {error.name!r}", "pip install 'cellwright[run-policy]'"
        raise InputError(Problem(NETWORK, what, remedy)) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what goes wrong is raised
    return onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
