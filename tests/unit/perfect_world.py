"""A world without physics for tests of the runtime: the arm is wherever it is told to be, parts are only names."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from cells.control.setpoints import JointTarget, Segment, Setpoint, Trajectory
from cells.kinematics.chain import Chain
from cells.ports import ArmReading, GripperReading, Loaded, LoadRequest, Traits
from cells.pose import Array, Pose

TICK = 0.004


class PerfectWorld:
    """Ports of an arm that is wherever it is told to be, at once; ``sent`` is every setpoint with its tick."""

    def __init__(self, chain: Chain, home: Array) -> None:
        self.traits = Traits(contact=False, deterministic=True, self_loading=True)
        self._chain, self.ticks, self.tick_s = chain, 0, TICK
        self.q, self.qd, self.qdd = home.copy(), np.zeros(7), np.zeros(7)
        self.mode, self.push = "running", 0.0
        self.sent: list[tuple[int, Setpoint]] = []
        self._way: Trajectory | None = None
        self._at = 0
        self.loaded: list[LoadRequest] = []
        self.unloaded: list[str] = []
        self.arm: Any = SimpleNamespace(read=self._read, command=self._command)
        self.width, self.grips = 0.05, [0.05]
        self.gripper: Any = SimpleNamespace(read=lambda: GripperReading(self.width, 0.0, 0.0, True), move=self._grip)
        self.wrench: Any = SimpleNamespace(read=lambda: np.array([0.0, 0.0, self.push, 0.0, 0.0, 0.0]))
        self.clock, self.locator, self.camera = self, None, None
        self.driver: Any = None
        self.stock: Any = SimpleNamespace(
            load=self._load, load_unit=self._load, make_ready=self._load, unload=self.unloaded.extend
        )

    def now(self) -> float:
        return self.ticks * TICK

    def advance(self) -> None:
        self.ticks += 1
        if self._way is not None:
            self._at = min(self._at + 1, len(self._way.t) - 1)
            self.q, self.qd, self.qdd = (part[self._at] for part in (self._way.q, self._way.qd, self._way.qdd))
            if self._at == len(self._way.t) - 1:
                self._way = None

    def close(self) -> None: ...

    def _command(self, setpoint: Setpoint) -> None:
        self.sent.append((self.ticks, setpoint))
        self._way = None
        if isinstance(setpoint, Segment):
            self._way, self._at = setpoint.trajectory, 0
        elif isinstance(setpoint, JointTarget):
            self.qdd = (setpoint.qd - self.qd) / TICK
            self.q, self.qd = setpoint.q.copy(), setpoint.qd.copy()

    def _read(self) -> ArmReading:
        tcp = Pose.from_matrix(self._chain.fk(self.q))
        return ArmReading(self.q, self.qd, self.qd, self.q, self.qd, self.qdd, tcp, self._way is not None, self.mode)

    def _grip(self, width: float, _speed: float, _force: float) -> None:
        self.width = width
        self.grips.append(width)

    def _load(self, requests: Sequence[LoadRequest]) -> Loaded:
        self.loaded += requests
        return Loaded(done=tuple(requests))
