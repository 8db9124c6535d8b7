"""The cell in PyBullet: one implementation of the ports."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cells.description.cell import Cell
from cells.errors import InputError, Problem
from cells.kinematics.chain import load_chain
from cells.kinematics.kernels import GRAVITY
from cells.ports import Traits
from cells.products.model import ProductVariant
from cells.streams import STDERR, STDOUT, rerouted
from sim import bodies
from sim.arm import Controller, SimArm, SimGripper, SimWrench
from sim.camera import SimCamera
from sim.driver import SimDriver
from sim.robot import BIT, write_urdf
from sim.stock import SimStock

SOLVER_ITERATIONS = 50  # as deep as with 100 (0.12 mm, a shaft in its bore) for less time; with 25 twice as deep
CONTACT_RANGE = 2e-3  # m within which Bullet keeps contact points; more costs time, less lets a grip slip
REST_EVERY = 12  # control ticks between looks at what may sleep


class SimClock:
    """Simulated time: one advance is one control tick of physics steps."""

    def __init__(self, world: SimWorld) -> None:
        self._world = world
        self.tick_s = world.cell.tick_s

    def now(self) -> float:
        """Simulated seconds since the world was opened."""
        return self._world.ticks * self.tick_s

    def advance(self) -> None:
        """Simulate one control tick."""
        self._world.step()


class SimWorld:
    """A PyBullet world of a cell. ``step_hooks`` are called after every control tick (evaluation, tests)."""

    traits = Traits(contact=True, deterministic=True, self_loading=True)

    def __init__(self, cell: Cell, variants: Mapping[str, ProductVariant], seed: int, view: bool = False) -> None:
        with rerouted(STDOUT, STDERR):  # Bullet says on both when it was built, and whenever it begins
            import pybullet
            from pybullet_utils.bullet_client import BulletClient

            self.bullet: Any = BulletClient(pybullet.GUI if view else pybullet.DIRECT)
        self.cell, self.ticks, self._view = cell, 0, view
        self._folder = tempfile.TemporaryDirectory(prefix="cellwright-")
        folder = Path(self._folder.name)
        self._substeps = round(cell.tick_s / cell.physics_s)
        self.bullet.setGravity(0, 0, -GRAVITY)
        self.bullet.setTimeStep(cell.physics_s)
        self.bullet.setPhysicsEngineParameter(
            numSolverIterations=SOLVER_ITERATIONS,
            contactBreakingThreshold=CONTACT_RANGE,
            deterministicOverlappingPairs=1,
        )
        spec = cell.robot_spec
        flags = self.bullet.URDF_USE_INERTIA_FROM_FILE
        if cell.driver is not None:  # else the bit is a hull, with a margin of 1 mm around it
            flags |= self.bullet.URDF_USE_IMPLICIT_CYLINDER
        self.robot: int = self._load_robot(write_urdf(cell, folder), flags)
        for link in range(-1, self.bullet.getNumJoints(self.robot)):
            self.bullet.changeDynamics(self.robot, link, linearDamping=0, angularDamping=0, jointDamping=0)
        self.arm = self._arm()
        self.gripper = SimGripper(self.bullet, self.robot, spec)
        noise = [cell.noise.force_n] * 3 + [cell.noise.moment_nm] * 3
        self.wrench = SimWrench(self.arm, self.bullet, self.robot, spec.flange_link, noise, seed)
        self.camera = SimCamera(self.bullet, cell.camera)
        self.stock = SimStock(self.bullet, cell, variants, seed, folder, lambda: self.clock.now())
        self.locator = self.stock
        self.driver = self._driver()
        self.clock = SimClock(self)
        self.step_hooks: list[Any] = []
        self._simulate = self.bullet.stepSimulation  # looked up once: a client looks a function up anew each time
        self._furnish()
        self._began = time.monotonic()

    def step(self) -> None:
        """Simulate one control tick."""
        for step in range(self._substeps):
            self.arm.actuate()
            if self.driver is not None:
                self.driver.actuate()
            self._simulate()
            self.arm.sense()
            self.wrench.sense(first=step == 0)
        self.ticks += 1
        if self.ticks % REST_EVERY == 0:
            self.stock.rest(self.robot)
        for hook in self.step_hooks:
            hook()
        if self._view:
            time.sleep(max(0.0, self.ticks * self.cell.tick_s - (time.monotonic() - self._began)))

    def close(self) -> None:
        """Disconnect from Bullet and remove the generated files."""
        self.bullet.disconnect()
        self._folder.cleanup()

    def _load_robot(self, urdf: Path, flags: int) -> int:
        """The body of the robot."""
        base = self.cell.base_pose
        return int(self.bullet.loadURDF(str(urdf), base.xyz, base.quat, useFixedBase=True, flags=flags))

    def _arm(self) -> Controller:
        """The arm of the robot's body."""
        cell = self.cell
        return SimArm(self.bullet, self.robot, load_chain(cell), cell.base_pose, cell.home, cell.physics_s)

    def _driver(self) -> SimDriver | None:
        """The driver, if the cell has one."""
        if self.cell.driver is None:
            return None
        names = [self.bullet.getJointInfo(self.robot, j)[12] for j in range(self.bullet.getNumJoints(self.robot))]
        bit = names.index(BIT.encode())
        driver = SimDriver(self.bullet, self.robot, bit, self.cell.driver, self.stock, self.cell.physics_s)
        self.stock.on_leave = driver.forget
        return driver

    def _furnish(self) -> None:
        """The bench and the bins; trays and nest come with what they hold."""
        bodies.static_box(self.bullet, *self.cell.bench, (0.80, 0.78, 0.74, 1.0))
        for station in self.cell.stations.values():
            for edges, pose in station.boxes:
                bodies.static_box(self.bullet, edges, pose, bodies.TRAY)


def open_world(cell: Cell, variants: Mapping[str, ProductVariant], seed: int, view: bool = False) -> SimWorld:
    """Open the simulated world of a cell. Raises :class:`InputError` for ``view`` without a display."""
    if view and not os.environ.get("DISPLAY"):
        what = "no display to open a window on"
        raise InputError(Problem("--view", what, "run it on a desktop, or without --view (the report has pictures)"))
    return SimWorld(cell, variants, seed, view)
