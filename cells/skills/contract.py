"""What a skill is: a generator that receives a Reading each control tick and yields what to do in that tick.

A skill is written once and runs in any world. It never retries (recovery is in the tree) and never sees truth: what
it knows is its parameters, the cell's description, the locator's estimates and the readings.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cells.control.setpoints import Setpoint
from cells.ports import Locator, Reading

if TYPE_CHECKING:
    from cells.control.verify import Proof
    from cells.description.cell import Cell
    from cells.kinematics.chain import Chain
    from cells.products.model import Part
    from cells.runtime.world_model import WorldModel
    from cells.skills.policy import Policies, Policy


@dataclass(frozen=True, slots=True)
class Grasp:
    """Command to the gripper: opening (m), speed (m/s), force (N)."""

    width: float
    speed: float
    force: float


@dataclass(frozen=True, slots=True)
class Spin:
    """Command to the driver: speed (rad/s; 0 stops it), torque (Nm) at which it stops."""

    speed: float
    torque: float


@dataclass(frozen=True, slots=True)
class Note:
    """Something happened that the world model must know now; takes no tick. Becomes a journal event."""

    kind: str
    data: Mapping[str, Any]


# One tick's worth: a setpoint, a command to gripper or driver, a note (takes no tick), or nothing (the last stands).
Command = Setpoint | Grasp | Spin | Note | None


@dataclass(frozen=True, slots=True)
class Done:
    """The skill reached its goal; ``data`` is what it measured (JSON values, SI), written into the journal."""

    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failed:
    """The skill did not: ``cause`` a short class name for statistics and recovery, ``why`` words and numbers."""

    cause: str
    why: str
    data: Mapping[str, Any] = field(default_factory=dict)


Result = Done | Failed
Steps = Generator[Command, Reading, Result]


class Cancelled(BaseException):
    """Thrown into a skill when the operator changes their mind: it has a bounded number of ticks to tidy up."""


@dataclass(frozen=True, slots=True)
class Call:
    """One grounded skill call. ``item`` and ``base`` are instances (``PB-0001/peg_1``, ``PB-0001/plate``);
    ``target`` a station (``fixture``) or a slot of one (``tray_b/3``), or a hole of ``base`` (``hole_1``); ``params``
    numbers in SI."""

    id: str
    skill: str
    serial: str
    item: str
    target: str | None
    base: str | None
    params: Mapping[str, float]
    reason: str


@dataclass(frozen=True, slots=True)
class Context:
    """What a running skill may look at. ``proof`` is what the runner will put its motions to; ``policies`` improve the
    skills that they are for."""

    cell: Cell
    chain: Chain
    proof: Proof
    locator: Locator
    model: Callable[[], WorldModel]
    part: Callable[[str], Part]
    policies: Policies = field(default_factory=dict)

    def policy_for(self, call: Call) -> Policy | None:
        """The policy that a call is to be done by: that of its step, or of its skill, or none."""
        return self.policies[call.id] if call.id in self.policies else self.policies.get(call.skill)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on the world model as data. ``what``: "empty_gripper", "holding" (item), "in_slot" (item still in
    a tray), "at_target" (item at target), "base_at" (base, or what that is put into, at station ``place``)."""

    what: str
    place: str | None = None

    def holds(self, call: Call, model: WorldModel) -> bool:
        """Whether it holds for a call in a model. Raises ``ValueError`` for a condition nobody defined."""
        if self.what == "empty_gripper":
            return model.holding is None
        if self.what == "holding":
            return model.holding == call.item
        where = model.place_of(call.item)
        if self.what == "in_slot":
            return where is not None and "tray" in where
        if self.what == "at_target":
            return where == place_name(call)
        if self.what == "base_at":
            return call.base is not None and _station_under(call.base, model) == self.place
        raise ValueError(f"no condition called {self.what!r}")


def _station_under(instance: str, model: WorldModel) -> str | None:
    """Where an instance stands, if need be by way of what it has been put into; nowhere if that leads in a circle."""
    place, seen = model.place_of(instance), {instance}
    while place is not None and "/" in place:
        below = place.rsplit("/", 1)[0]
        if below in seen:
            return None
        seen.add(below)
        place = model.place_of(below)
    return place


def place_name(call: Call) -> str:
    """The name by which the world model knows the call's target."""
    return f"{call.base}/{call.target}" if call.base else str(call.target)


@dataclass(frozen=True, slots=True)
class Skill:
    """A skill with its contract. ``run(context, call, reading)`` makes the generator; ``capability`` is what a
    process step asks for; with ``drives`` it needs a driver beside the gripper, and with ``looks`` a locator that sees
    what nobody holds. One that ``judges`` says by failing that the unit is bad, not that it couldn't work. A skill that
    takes nothing into the hand names in ``again`` the causes of failure after which it may be tried once more from
    above."""

    name: str
    version: str
    capability: str
    run: Callable[[Context, Call, Reading], Steps]
    before: tuple[Condition, ...] = ()
    after: tuple[Condition, ...] = ()
    judges: bool = False
    drives: bool = False
    looks: bool = False
    again: frozenset[str] = frozenset()
