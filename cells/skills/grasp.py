"""Grasp: what a pick feels and tells, and how a policy may correct it.

As with :mod:`cells.skills.contact`, the observation is built and an action is taken up by the very two functions here.
Everything in the observation comes from the readings, the estimate and the part's drawing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cells.ports import Reading
from cells.pose import Array, Pose
from cells.skills.policy import Component, Space

PHASES = ("come", "close", "lift")


@dataclass(frozen=True, slots=True)
class Pace:
    """What a policy changes: speeds of the moves that begin from now on by the factor ``pace``, the force of the
    fingers by ``press``."""

    pace: float = 1.0
    press: float = 1.0


AS_IT_IS = Pace()


@dataclass(slots=True)
class Hold:
    """The state of a pick that others may see: the ``phase`` and since when (s) it lasts; where the tool is to grip
    (``target``, world), how wide (m) the part is there and how wide the fingers can ``open``; the bounds of the
    estimate's error, sideways (m) and in yaw (rad); what the wrist felt in the air (``tare``, (6,)); the
    ``correction`` that stands."""

    target: Pose = field(default_factory=Pose)
    width: float = 0.0
    open: float = 0.0
    error: float = 0.0
    turned: float = 0.0
    phase: str = "come"
    since: float = 0.0
    tare: Array = field(default_factory=lambda: np.zeros(6))
    correction: Pace = AS_IT_IS

    def enter(self, phase: str, reading: Reading) -> None:
        """Begin a phase."""
        self.phase, self.since = phase, reading.time


GRIP = "the grip as estimated: z into the part, fingers closing along y"
OBSERVATION = Space(
    (
        Component("phase", "1", "", (0.0,) * 3, (1.0,) * 3, f"one of {', '.join(PHASES)}"),
        Component("since", "s", "", (0.0,), (5.0,), "how long the phase has lasted"),
        Component("tcp", "m", GRIP, (-0.3, -0.3, -0.3), (0.3, 0.3, 0.3), "tool centre point"),
        Component("yaw", "rad", GRIP, (-3.2,), (3.2,), "turn of the tool about its axis"),
        Component("force", "N", GRIP, (-40.0,) * 3, (40.0,) * 3, "on the tool, tared"),
        Component("fingers", "m, N", "", (0.0, 0.0), (0.1, 100.0), "opening, and force they press with"),
        Component("part", "m", "", (0.0,), (0.1,), "width where it is gripped"),
        Component("room", "m", "", (0.0,), (0.1,), "how much wider the fingers can open"),
        Component("error", "m, rad", "", (0.0, 0.0), (0.02, 0.3), "bounds of the estimate: sideways, in yaw"),
        Component("correction", "1", "", (0.5, 0.5), (2.0, 1.5), "the action that stands"),
    )
)
ACTION = Space(
    (
        Component("pace", "1", "", (0.5,), (2.0,), "factor of the speed of moves that begin from now on"),
        Component("press", "1", "", (0.5,), (1.5,), "factor of the fingers' force"),
    )
)
NEUTRAL = np.array([1.0, 1.0])


def observe(hold: Hold, reading: Reading) -> Array:
    """The observation (n,), as ``OBSERVATION`` has it."""
    seen = hold.target.inverse() @ reading.arm.tcp
    felt = hold.target.matrix()[:3, :3].T @ (reading.wrench - hold.tare)[:3]
    return OBSERVATION.vector(
        phase=[float(hold.phase == name) for name in PHASES],
        since=reading.time - hold.since,
        tcp=seen.xyz,
        yaw=seen.yaw,
        force=felt,
        fingers=(reading.gripper.width, reading.gripper.force),
        part=hold.width,
        room=hold.open - hold.width,
        error=(hold.error, hold.turned),
        correction=(hold.correction.pace, hold.correction.press),
    )


def correction_of(action: Array) -> Pace:
    """The correction that an action (m,) means, within the bounds of ``ACTION``."""
    return Pace(*ACTION.clipped(np.asarray(action, float)).tolist())
