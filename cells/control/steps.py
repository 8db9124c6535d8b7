"""A policy's steps as setpoints: what is decided at the policy tick, smooth at the control tick.

A policy says where the joints shall be, a few times a second. Ruckig (see :mod:`cells.kinematics.trajectory`) leads
them there from the very position, velocity and acceleration that they are commanded at, so that one step goes over into
the next with bounded jerk, whatever the policy says; where no more steps come the joints end at rest at the last one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cells.control.setpoints import JointTarget
from cells.errors import CellwrightError, Problem
from cells.kinematics.profiles import limits_of
from cells.pose import Array

if TYPE_CHECKING:
    from cells.kinematics.chain import Chain


class Steps:
    """The way of the joints from step to step, one setpoint each control tick of ``dt`` s.

    Starts at rest at ``q`` (n,). ``scale`` (0..1] is the share of the joints' velocity, acceleration and jerk limits
    that may be used.
    """

    def __init__(self, chain: Chain, q: Array, dt: float, scale: float = 1.0) -> None:
        import ruckig

        self._chain = chain
        self._otg = ruckig.Ruckig(chain.n, dt)
        self._given: Any = ruckig.InputParameter(chain.n)
        self._out: Any = ruckig.OutputParameter(chain.n)
        velocity, acceleration, jerk = (most * scale for most in limits_of(chain))
        self._given.max_velocity, self._given.max_acceleration = velocity, acceleration
        self._given.max_jerk = jerk
        self._given.synchronization = ruckig.Synchronization.Time
        zero = np.zeros(chain.n)
        self._given.current_position, self._given.target_position = q, q
        self._given.current_velocity = self._given.current_acceleration = zero

    def aim(self, q: Array) -> None:
        """A new step: joints (n,) to go to, clipped to the limits. Raises :class:`CellwrightError` for a NaN."""
        if not np.all(np.isfinite(q)):
            names = [name for name, value in zip(self._chain.joint_names, q, strict=True) if not np.isfinite(value)]
            raise CellwrightError(
                Problem(", ".join(names), "the policy's step is no number", "look at its observation")
            )
        self._given.target_position = np.clip(q, self._chain.q_min, self._chain.q_max)

    def next(self) -> tuple[JointTarget, Array]:
        """The setpoint of the next control tick, and its acceleration (n,) rad/s²."""
        result = self._otg.update(self._given, self._out)
        if result.value < 0:
            raise CellwrightError(Problem("policy steps", f"no way on: {result}", "report it with the journal"))
        self._out.pass_to_input(self._given)
        q, qd, qdd = (np.array(v) for v in (self._out.new_position, self._out.new_velocity, self._out.new_acceleration))
        return JointTarget(q, qd), qdd
