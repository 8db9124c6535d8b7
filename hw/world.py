"""The cell on a real arm: the ports over ROS 2, by the names in the cell's file.

The arm's driver may be anybody's: this house's nodes (:mod:`hw.nodes`), ros2_control with a robot's hardware, or with a
simulator's. What the ports see is the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import rclpy  # noqa: F401  without it this world isn't installed, and whoever looks for it is told so at once

from cells.control.warm import first_calls
from cells.errors import CellwrightError, InputError, Problem
from cells.kinematics.chain import load_chain
from cells.ports import Traits
from cells.pose import Array, Pose
from hw.clock import Clock
from hw.feedback import Feedback
from hw.locator import TaughtLocator
from hw.sight import Frames, SeeingLocator
from hw.types import ready
from hw.wrench import as_read, sensor_in_tcp

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.products.model import ProductVariant
    from hw.arm import Ros2Arm
    from hw.network import Network
    from hw.stock import Stock

OPEN_S = 10.0  # s in which everything must have been found
LOOK_S = 0.02


class NoCamera:
    """A cell without a camera."""

    def picture(self, width: int, height: int) -> bytes:
        """Nothing."""
        return b""


class Ros2Wrench:
    """Force and moment at the tool, as the arm's sensor tells them in a frame of its own."""

    def __init__(self, feedback: Feedback, arm: Ros2Arm, sensor: Pose) -> None:
        self._feedback, self._arm, self._sensor = feedback, arm, sensor

    def read(self) -> Array:
        """(6,) [f; m] at the tcp in the world frame: what acts on the tool, untared."""
        assert self._feedback.felt is not None  # the world was opened with one
        return as_read(self._feedback.felt.wrench, self._arm.tcp(), self._sensor)


class WorldClock:
    """The clock of the world: with each of its ticks the others are told that time has passed."""

    def __init__(self, clock: Clock, passed: Callable[[], None]) -> None:
        self._clock, self._passed = clock, passed
        self.tick_s = clock.tick_s

    def now(self) -> float:
        """Seconds since the world was opened."""
        return self._clock.now()

    def advance(self) -> None:
        """Wait for the next tick."""
        self._clock.advance()
        self._passed()


class Ros2World:
    """An arm, its hand and its wrench on the network. Opening it takes the arm: see :mod:`hw.claim`."""

    def __init__(self, cell: Cell, variants: Mapping[str, ProductVariant]) -> None:
        """Raises :class:`CellwrightError` naming everything that isn't there within ten seconds, clocks that differ, or
        another cell that leads the arm."""
        from hw.network import Network

        self._network = Network("cell_io", cell.ros2.namespace)
        try:
            self._open(cell, variants)
        except BaseException:
            self._network.close()
            raise

    def _open(self, cell: Cell, variants: Mapping[str, ProductVariant]) -> None:
        from cellwright_msgs.srv import Load

        from hw.arm import Ros2Arm
        from hw.claim import Claim
        from hw.gripper import Ros2Gripper
        from hw.listening import Listening
        from hw.stock import AskedStock, ServedStock

        network = self._network
        feedback, frames = Feedback(cell), Frames()
        heard = Listening(network.node, cell.ros2, feedback, frames)
        claim = Claim(network.node, cell.name)
        self.arm = Ros2Arm(network, cell, load_chain(cell), feedback, claim)
        self.gripper = Ros2Gripper(network, cell, feedback, self.arm.fail)
        load = network.node.create_client(Load, cell.ros2.load)
        network.start()
        for call in first_calls(cell).values():  # nothing is compiled while an arm waits
            call()
        find(lambda: [*feedback.missing(), *self.arm.missing(), *self.gripper.missing(), *unseen(network, cell)], cell)
        claim.settle()
        feedback.wait()  # what came while this computer was busy with itself is old: clocks would seem to differ
        clock = heard.clock(cell.tick_s)
        self.arm.begin(clock)
        self.clock = WorldClock(clock, self._tick)
        taught = TaughtLocator(cell, variants, self.arm.tcp())
        self.locator: TaughtLocator | SeeingLocator = taught
        if cell.ros2.sight is not None:
            self.locator = SeeingLocator(taught, frames, feedback, cell, cell.ros2.sight, self.clock.now)
        self.wrench = Ros2Wrench(feedback, self.arm, sensor_in_tcp(cell))
        self.camera = NoCamera()
        self._feedback = feedback
        self.stock: Stock = AskedStock(taught)
        if load.service_is_ready():
            self.stock = ServedStock(taught, network, load, variants, feedback.wait)
        self.traits = Traits(contact=True, deterministic=False, self_loading=load.service_is_ready())

    def _tick(self) -> None:
        self._feedback.pass_time(self.clock.tick_s)
        self.arm.tick()
        self.locator.follow(self.arm.tcp(), self.gripper.read(), self.gripper.asked)

    def close(self) -> None:
        """Let nothing go on, and leave the network."""
        self.arm.close()
        self._network.close()


def unseen(network: Network, cell: Cell) -> list[str]:
    """Who sees parts, where the cell's file says that somebody does and nobody is there."""
    sight = cell.ros2.sight
    if sight is None or network.node.count_publishers(sight.topic):
        return []
    return [f"who sees parts on {sight.topic} (where nothing does, write sight: null)"]


def find(missing: Callable[[], list[str]], cell: Cell) -> None:
    """Wait until nothing is missing. Raises :class:`CellwrightError` naming what still is after ten seconds."""
    until = time.monotonic() + OPEN_S
    while (names := missing()) and time.monotonic() < until:
        time.sleep(LOOK_S)
    if names:
        where = f"ros2{f' in {cell.ros2.namespace}' if cell.ros2.namespace else ''}"
        remedy = (
            "start the arm's driver, and see that namespace and names in the cell's file, and ROS_DOMAIN_ID, fit it"
        )
        raise CellwrightError(Problem(where, f"there is no sign of {'; '.join(names)}", remedy))


def open_world(cell: Cell, variants: Mapping[str, ProductVariant], seed: int, view: bool = False) -> Ros2World:
    """Open the world of a cell's real arm; nothing in it is left to the ``seed``.

    Raises :class:`InputError` for a ``view``, which it has none of, and for a cell that isn't run in admittance: the
    streaming controller takes positions."""
    if view:
        raise InputError(Problem("--view", "a real arm has no window", "leave it away; rviz2 shows what ROS 2 tells"))
    if cell.control.default not in open_world.modes:
        what = f"is {cell.control.default}, and the arm's controllers take positions"
        raise InputError(
            Problem(f"{cell.name}:control.default", what, "write admittance, and offer it in control.modes")
        )
    ready()
    return Ros2World(cell, variants)


# What a run of it has to know beforehand: the control modes that it takes, that a real arm moves, and in which cells it
# sees parts.
open_world.modes = ("admittance",)
open_world.real = True
open_world.looks = lambda cell: cell.ros2.sight is not None
