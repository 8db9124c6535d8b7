"""A world without physics, and without PyBullet: the arm is where it is told to be, the hand meets nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cells.control.setpoints import JointTarget, Segment, Setpoint, Trajectory
from cells.description.cell import Cell
from cells.description.robot import Gripper as Hand
from cells.kinematics.chain import Chain, load_chain
from cells.kinematics.trajectory import sample
from cells.ports import ArmReading, GripperReading, Loaded, LoadRequest, Traits
from cells.pose import Array, Pose


class MockArm:
    """An arm that follows without any error. Takes Segments and JointTargets; a Compliant is a TypeError."""

    def __init__(self, chain: Chain, base: Array, home: Array, dt: float) -> None:
        self._chain, self._base, self._dt = chain, base, dt
        self._state = home.copy(), np.zeros(chain.n), np.zeros(chain.n)
        self._motion: Trajectory | None = None
        self._elapsed = 0.0

    def command(self, setpoint: Setpoint) -> None:
        self._motion, self._elapsed = None, 0.0
        if isinstance(setpoint, Segment):
            self._motion = setpoint.trajectory
        elif isinstance(setpoint, JointTarget):
            self._state = setpoint.q.copy(), setpoint.qd.copy(), np.zeros(self._chain.n)
        else:
            raise TypeError("this arm has no compliance of its own")

    def advance(self) -> None:
        """Pass one tick. A target that isn't followed by another is held."""
        if self._motion is None:
            self._state = self._state[0], np.zeros(self._chain.n), np.zeros(self._chain.n)
            return
        self._elapsed += self._dt
        self._state = sample(self._motion, self._elapsed)
        if self._elapsed >= self._motion.duration - self._dt / 2:
            self._motion = None

    def read(self) -> ArmReading:
        q, qd, qdd = self._state
        tcp = Pose.from_matrix(self._base @ self._chain.fk(q))
        return ArmReading(q, qd, np.zeros(self._chain.n), q, qd, qdd, tcp, self._motion is not None)


class MockGripper:
    """A hand that moves at the speed it is told to, and has nothing between its fingers."""

    def __init__(self, hand: Hand, dt: float) -> None:
        self._hand, self._dt = hand, dt
        self._target, self._speed = hand.max_width, 0.0
        self._reading = GripperReading(hand.max_width, 0.0, 0.0, True)

    def move(self, width: float, speed: float, force: float) -> None:
        self._target = min(max(width, self._hand.min_width), self._hand.max_width)
        self._speed = speed

    def advance(self) -> None:
        """Pass one tick."""
        before, step = self._reading.width, self._speed * self._dt
        width = before + min(max(self._target - before, -step), step)
        self._reading = replace(
            self._reading, width=width, speed=(width - before) / self._dt, still=abs(width - before) < 1e-9
        )

    def read(self) -> GripperReading:
        return self._reading


class MockWrench:
    """Nothing touches the tool, and it weighs nothing."""

    def read(self) -> Array:
        return np.zeros(6)


class MockStock:
    """Says of everything that it has been done."""

    def load(self, requests: Sequence[LoadRequest]) -> Loaded:
        return Loaded(done=tuple(requests))

    def load_unit(self, returns: Sequence[LoadRequest]) -> Loaded:
        return Loaded(done=tuple(returns))

    def make_ready(self, returns: Sequence[LoadRequest]) -> Loaded:
        return Loaded(done=tuple(returns))

    def unload(self, instances: Sequence[str]) -> None: ...


class MockWorld:
    """What an arm's node needs of a world, and its clock: there is no locator and no camera."""

    traits = Traits(contact=False, deterministic=True, self_loading=True)

    def __init__(self, cell: Cell) -> None:
        self.tick_s = cell.tick_s
        self.arm = MockArm(load_chain(cell), cell.base_pose.matrix(), cell.home, cell.tick_s)
        self.gripper = MockGripper(cell.robot_spec.gripper, cell.tick_s)
        self.wrench, self.stock, self.clock = MockWrench(), MockStock(), self
        self._ticks = 0

    def now(self) -> float:
        """Seconds since the world was opened."""
        return self._ticks * self.tick_s

    def advance(self) -> None:
        """Pass one control tick."""
        self._ticks += 1
        self.arm.advance()
        self.gripper.advance()

    def close(self) -> None: ...
