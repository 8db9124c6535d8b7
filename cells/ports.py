"""What a cell needs from a world. Protocols and the readings they return, nothing else.

A world (simulated, real) implements these; skills, runner and guard see nothing but these. Poses are in the world
frame, SI units and radians.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cells.control.setpoints import Setpoint
from cells.pose import Array, Pose


@dataclass(frozen=True, slots=True)
class ArmReading:
    """One arm at one tick: measured and commanded joint state.

    ``q, qd, tau`` (n,) measured rad, rad/s, Nm; ``q_cmd, qd_cmd, qdd_cmd`` (n,) what the arm's controller is
    tracking now; ``busy`` while a Segment is executing; ``mode`` the robot's own mode ("running", "protective_stop",
    "emergency_stop", ...), or what has come between it and the cell ("no_feedback", "motion_rejected", ...: see
    :mod:`cells.runtime.remedies`); ``speed_scale`` in 0..1; ``tcp`` the measured tool centre point in the world frame;
    ``energy_j`` mechanical work Σ|τ·q̇| since the world started, in joules (NaN where the world can't tell); ``age`` the
    seconds that have passed since this was measured.
    """

    q: Array
    qd: Array
    tau: Array
    q_cmd: Array
    qd_cmd: Array
    qdd_cmd: Array
    tcp: Pose
    busy: bool
    mode: str = "running"
    speed_scale: float = 1.0
    energy_j: float = float("nan")
    age: float = 0.0


@dataclass(frozen=True, slots=True)
class GripperReading:
    """Opening between the pads in m, its speed in m/s (opening positive), grip force in N, and whether it is still."""

    width: float
    speed: float
    force: float
    still: bool


@dataclass(frozen=True, slots=True)
class DriverReading:
    """What a driver has ``turned`` since it was last told to (rad), the ``torque`` that it turns with (Nm), and whether
    it has ``stalled``, that is, stopped at its limit; ``torque`` is then what it stopped at."""

    turned: float
    torque: float
    stalled: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything the ports tell at one control tick. ``wrench`` (6,) [f; m] at the tcp in the world frame, the force
    that the environment exerts on the tool, as measured (not tared); ``driver`` where the world has one."""

    time: float
    tick: int
    arm: ArmReading
    gripper: GripperReading
    wrench: Array
    driver: DriverReading | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """A part's pose as the cell knows it: mean and standard deviations (x, y, z in m; roll, pitch, yaw in rad).
    ``seen`` is the cell time (s) of the look: +inf where the locator looks whenever it is asked, -inf where it only
    reckons."""

    pose: Pose
    sigma: tuple[float, float, float, float, float, float]
    seen: float = math.inf

    def covariance(self) -> Array:
        """(6, 6) covariance over (x, y, z, roll, pitch, yaw)."""
        import numpy as np

        return np.diag(np.square(np.asarray(self.sigma, dtype=float)))


@dataclass(frozen=True, slots=True)
class Traits:
    """What can be said of a world: ``contact`` physics, ``deterministic`` by seed, ``self_loading`` stock."""

    contact: bool
    deterministic: bool
    self_loading: bool


# In an instance's id, before the number of a replacement: the second ``PB-1-01/peg_2`` is ``PB-1-01/peg_2~2``.
REPLACEMENT = "~"


def item_of(instance: str) -> str:
    """The item of the bill of material that an instance is used for: ``peg_2`` for ``PB-1-01/peg_2~2``."""
    return instance.rpartition("/")[2].partition(REPLACEMENT)[0]


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """One part instance to be put into a slot: ``instance`` its unique id in the run (``<serial>/<item>``, and
    ``REPLACEMENT`` with a number if it replaces another), ``part`` the name in the variant's parts, ``variant`` the
    hash of the variant it belongs to."""

    instance: str
    part: str
    variant: str
    station: str
    slot: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a Stock port did: the requests that are in place now, and those a person must still load."""

    done: tuple[LoadRequest, ...] = ()
    missing: tuple[LoadRequest, ...] = field(default=())


class Arm(Protocol):
    """One robot arm with its controller."""

    def command(self, setpoint: Setpoint) -> None:
        """Take one setpoint. A Segment runs until its end or the next setpoint."""

    def read(self) -> ArmReading: ...


class Gripper(Protocol):
    """A two-finger gripper."""

    def move(self, width: float, speed: float, force: float) -> None:
        """Move to the opening ``width`` (m) with at most ``speed`` (m/s), pressing with at most ``force`` (N)."""

    def read(self) -> GripperReading: ...


class Driver(Protocol):
    """A screwdriving spindle with a torque clutch."""

    def turn(self, speed: float, torque: float) -> None:
        """Turn clockwise at ``speed`` (rad/s) until ``torque`` (Nm) is reached; at speed 0 stop."""

    def read(self) -> DriverReading: ...


class Wrench(Protocol):
    """Force and moment at the tool."""

    def read(self) -> Array:
        """(6,) [f; m] at the tcp in the world frame (N, Nm)."""


class Locator(Protocol):
    """Where parts are, with covariance."""

    def locate(self, instance: str) -> Estimate:
        """Estimate of a part instance's pose. Raises ``KeyError`` for an instance it doesn't know."""


class Camera(Protocol):
    """Pictures of the cell."""

    def picture(self, width: int, height: int) -> bytes:
        """One PNG picture from the cell's camera; empty where there is none."""


class Clock(Protocol):
    """Cell time, in control ticks."""

    @property
    def tick_s(self) -> float:
        """Seconds of one control tick."""

    def now(self) -> float:
        """Cell time in seconds."""

    def advance(self) -> None:
        """Pass one control tick: simulate it, or wait for it."""


class Stock(Protocol):
    """The only way in which parts and finished units come into the cell and leave it."""

    def load(self, requests: Sequence[LoadRequest]) -> Loaded:
        """Put parts into their slots (a simulated world spawns, a real one asks)."""

    def load_unit(self, returns: Sequence[LoadRequest]) -> Loaded:
        """Put a finished unit, made of just these instances, into the fixture, and make the slots that they name ready
        for them to be put into (a simulated world lets it stand there, a real one asks)."""

    def make_ready(self, returns: Sequence[LoadRequest]) -> Loaded:
        """Make slots ready for parts that are in the cell and are going to be put into them (a simulated world puts a
        seat there, a real one asks)."""

    def unload(self, instances: Sequence[str]) -> None:
        """Take a finished unit (all its instances) or rejected parts out of the cell."""


class World(Protocol):
    """A cell's world: its ports and its traits. It may have a ``driver`` too: see :func:`driver_of`."""

    traits: Traits
    arm: Arm
    gripper: Gripper
    wrench: Wrench
    locator: Locator
    camera: Camera
    clock: Clock
    stock: Stock

    def close(self) -> None:
        """Give everything back; the world can't be used after it."""


def driver_of(world: World) -> Driver | None:
    """The driver of a world that has one."""
    driver: Driver | None = getattr(world, "driver", None)
    return driver
