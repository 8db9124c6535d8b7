"""Contact: what a skill that joins two parts feels and tells, and how a policy may correct it.

The observation is built and an action is taken up by the very two functions here, in a training environment as on a
real arm. Everything in the observation comes from the readings, the estimate and the parts' drawings.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, field

import numpy as np

from cells.ports import Reading
from cells.pose import Array, Pose, tool_down
from cells.skills.contract import Command
from cells.skills.fit import Fit
from cells.skills.policy import Component, Policy, Space

PHASES = ("lean", "touch", "slide", "stand", "search", "push")


@dataclass(frozen=True, slots=True)
class Correction:
    """What a policy changes: speeds by the factor ``pace``, forces by ``press``; the set pose sideways by ``shift`` (m,
    along the way and across) and in tilt by ``turn`` (rad, about the same two axes)."""

    pace: float = 1.0
    press: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    turn: tuple[float, float] = (0.0, 0.0)


NONE = Correction()


@dataclass(slots=True)
class Contact:
    """The state of a joining that others may see.

    Its ``fit``; the ``phase`` and since when (s) it lasts; the ``way`` (rad, world) that a part leans, by how much it
    shall ``lean`` and be ``turned`` from the fit's yaw (rad); the number of ``tries``; what the wrist felt in the air
    (``tare``, (6,)) and the highest force since (``peak``, N) with its phase (``hardest``); the ``correction`` that
    stands; when (s) and where (m) a policy last saw the tool (``seen``).
    """

    fit: Fit
    phase: str = "lean"
    since: float = 0.0
    way: float = 0.0
    tries: int = 0
    peak: float = 0.0
    hardest: str = ""
    tare: Array = field(default_factory=lambda: np.zeros(6))
    lean: float = 0.0
    turned: float = 0.0
    correction: Correction = NONE
    seen: tuple[float, tuple[float, float, float]] | None = None

    def enter(self, phase: str, reading: Reading) -> None:
        """Begin a phase."""
        self.phase, self.since = phase, reading.time

    def felt(self, reading: Reading) -> Array:
        """(6,) [f; m] that acts on the tool (world axes, tared); keeps the peak."""
        felt = reading.wrench - self.tare
        force = math.sqrt(float(felt[0]) ** 2 + float(felt[1]) ** 2 + float(felt[2]) ** 2)
        if force > self.peak:
            self.peak, self.hardest = force, self.phase
        return felt


def tilt_of(pose: Pose, fit: Fit) -> tuple[float, float]:
    """x and y (rad, world) of the rotation vector by which a tool is turned from upright in the fit's yaw."""
    x, y, _, w = (Pose((0.0, 0.0, 0.0), pose.quat) @ tool_down((0.0, 0.0, 0.0), fit.yaw).inverse()).quat
    across = math.hypot(x, y)
    k = 2 * math.atan2(across, w) / across if across > 1e-12 else 2.0
    return k * x, k * y


def _sized(
    name: str, unit: str, frame: str, bounds: tuple[float, ...], about: str, low: float | None = None
) -> Component:
    return Component(name, unit, frame, tuple(-b if low is None else low for b in bounds), bounds, about)


WAY = "rim, x along the way that the part leans"
OBSERVATION = Space(
    (
        _sized("phase", "1", "", (1.0,) * len(PHASES), f"one of {', '.join(PHASES)}", 0.0),
        _sized("since", "s", "", (5.0,), "how long the phase has lasted", 0.0),
        _sized("tries", "1", "", (6.0,), "attempts before this one", 0.0),
        _sized("tip", "m", WAY, (0.02, 0.02, 0.08), "middle of the part's underside, as the joints tell it"),
        _sized("tilt", "rad", WAY, (0.4, 0.4), "rotation vector of the tool from upright"),
        _sized("velocity", "m/s", WAY, (0.2, 0.2, 0.2), "of the tool centre point"),
        _sized("force", "N", WAY, (40.0, 40.0, 40.0), "on the tool, tared"),
        _sized("moment", "Nm", WAY, (3.0, 3.0, 3.0), "on the tool about its centre point, tared"),
        _sized("missing", "m", "world", (0.08,), "height above the seat"),
        _sized("part", "m", "", (0.05, 0.1, 0.002, 0.002), "width, tool above the tip, clearance, chamfer", 0.0),
        _sized("error", "m, rad", "", (0.006, 0.15), "bounds of the estimate: sideways, in tilt", 0.0),
        _sized("correction", "1", "", (2.0, 1.5, 1.0, 1.0, 1.0, 1.0), "the action that stands, in mm and 2°", -1.0),
    )
)  # fmt: skip
ACTION = Space(
    (
        Component("pace", "1", "", (0.5,), (2.0,), "factor of all speeds"),
        Component("press", "1", "", (0.5,), (1.5,), "factor of all forces"),
        Component("shift", "m", WAY, (-0.001, -0.001), (0.001, 0.001), "of the set pose"),
        Component("turn", "rad", WAY, (-0.035, -0.035), (0.035, 0.035), "of the set pose"),
    )
)
NEUTRAL = np.array([1.0, 1.0, 0.0, 0.0, 0.0, 0.0])


def observe(contact: Contact, reading: Reading) -> Array:
    """The observation (n,), as ``OBSERVATION`` has it."""
    fit, tcp = contact.fit, reading.arm.tcp
    c, s = math.cos(contact.way), math.sin(contact.way)

    def turned(v: Array) -> Array:
        return np.array([c * v[0] + s * v[1], -s * v[0] + c * v[1], *v[2:]])

    tip = np.array((tcp @ Pose((0.0, 0.0, fit.tip))).xyz) - np.array([fit.x, fit.y, fit.rim])
    felt, did = contact.felt(reading), contact.correction
    then, there = contact.seen or (reading.time, tcp.xyz)
    velocity = (np.array(tcp.xyz) - there) / max(reading.time - then, 1e-3)
    contact.seen = (reading.time, tcp.xyz)
    return OBSERVATION.vector(
        phase=[float(contact.phase == name) for name in PHASES],
        since=reading.time - contact.since,
        tries=contact.tries,
        tip=turned(tip),
        tilt=turned(np.array(tilt_of(tcp, fit))),
        velocity=turned(velocity),
        force=turned(felt[:3]),
        moment=turned(felt[3:]),
        missing=tip[2] + fit.rim - fit.bottom,
        part=(fit.width, fit.tip, fit.hole - fit.width, fit.chamfer),
        error=(fit.error, fit.lean),
        correction=(did.pace, did.press, *(1000 * v for v in did.shift), *(v / 0.035 for v in did.turn)),
    )


def correction_of(action: Array) -> Correction:
    """The correction that an action (m,) means, within the bounds of ``ACTION``."""
    pace, press, along, across, about_along, about_across = ACTION.clipped(np.asarray(action, float)).tolist()
    return Correction(pace, press, (along, across), (about_along, about_across))


def corrected(pose: Pose, contact: Contact) -> Pose:
    """A set pose (world) with the correction that stands."""
    (along, across), (roll, pitch) = contact.correction.shift, contact.correction.turn
    if (along, across, roll, pitch) == (0.0, 0.0, 0.0, 0.0):
        return pose
    c, s = math.cos(contact.way), math.sin(contact.way)
    turn = about(c * roll - s * pitch, s * roll + c * pitch)
    moved = pose.shifted(c * along - s * across, s * along + c * across)
    return Pose(moved.xyz, (turn @ Pose((0.0, 0.0, 0.0), pose.quat)).quat)


def about(x: float, y: float) -> Pose:
    """A turn by a horizontal rotation vector (rad, world)."""
    angle = math.hypot(x, y)
    k = math.sin(angle / 2) / angle if angle > 1e-12 else 0.5
    return Pose((0.0, 0.0, 0.0), (x * k, y * k, 0.0, math.cos(angle / 2)))


Phase = Generator[Command, Reading, tuple[Reading, str | None]]


def guided(steps: Phase, contact: Contact, policy: Policy, every: int) -> Phase:
    """The steps of a joining, corrected by a policy once in ``every`` control ticks."""
    tick = 0
    try:
        command = next(steps)
        while True:
            reading = yield command
            if tick % every == 0:
                contact.correction = correction_of(policy.act(observe(contact, reading)))
            tick += 1
            command = steps.send(reading)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
