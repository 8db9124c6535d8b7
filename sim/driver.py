"""The simulated driver: what its bit stands on it turns, and a screw at the beginning of a thread goes into it.

A screw is a free part until the bit presses on its head and turns while its tip is where a thread begins. From then on
it is held and moved as :mod:`sim.screw` says, and the collision of screw and threaded part, which that model stands
for, is switched off. Everything else stays contact: what the head meets and what the bit presses with. What the socket
does beside, to hold the bit on the head's axis and to bear the torque, acts on both sides, the hand and the parts.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from cells.description.spindle import Spindle
from cells.ports import DriverReading
from cells.pose import Pose, Vector3
from cells.products.model import Hole
from sim.bodies import part_centre
from sim.screw import Engaged, Mouth
from sim.stock import SimStock

MOUTH = (6e-4, 4e-4)  # m that a tip may be off a thread's beginning, across and along, and still find it
CROSSED = math.radians(6)  # of lean at which a thread doesn't take the screw. Our own choice
CROSSING = 0.5  # Nm for each radian that it is turned all the same. Our own choice
BEARS = 2.0  # N under the head
UNDER_HEAD = 5e-4  # m around the head's underside where that is looked for
PRESSES = 3.0  # N on the head below which the bit isn't in its socket
CENTRES = 3000.0  # N/m with which socket and sleeve hold the bit to the head's axis. Our own choice
HOLDS = 1000.0  # N that a thread's constraint may take


class SimDriver:
    """The driver of a loaded robot; :meth:`actuate` is called once per physics step, before it."""

    def __init__(self, bullet: Any, robot: int, bit: int, spindle: Spindle, stock: SimStock, dt: float) -> None:
        self._bullet, self._robot, self._bit, self._spindle = bullet, robot, bit, spindle
        self._stock, self._dt = stock, dt
        # A bit turns with its screw; this one stands, and the turning head would drag it aside.
        bullet.changeDynamics(robot, bit, lateralFriction=0.0)
        self._engaged: dict[str, Engaged] = {}
        self._constraints: dict[str, int] = {}
        self._speed = self._limit = 0.0
        self._reading = DriverReading(0.0, 0.0, False)

    @property
    def engaged(self) -> Mapping[str, Engaged]:
        """The screws that threads hold, by instance. For evaluation only."""
        return self._engaged

    def turn(self, speed: float, torque: float) -> None:
        """Turn at ``speed`` (rad/s, clockwise; 0 stops) until ``torque`` (Nm) is reached."""
        self._speed, self._limit = min(speed, self._spindle.max_speed), min(torque, self._spindle.max_torque_nm)
        self._reading = DriverReading(0.0, 0.0, False)

    def read(self) -> DriverReading:
        return self._reading

    def forget(self, instance: str) -> None:
        """A part leaves the cell: what holds it, or it holds, holds no more."""
        for name in [n for n, held in self._engaged.items() if instance in (n, held.mouth.base)]:
            del self._engaged[name]
            self._bullet.removeConstraint(self._constraints.pop(name))

    def actuate(self) -> None:
        """Hold the bit in its socket, and turn on by one physics step, with all that hangs on it. At its limit the
        clutch lets go."""
        screw = self._under_bit()
        if screw:
            self._centre(screw)
        if self._speed == 0.0 or self._reading.stalled:
            return
        angle, torque = self._speed * self._dt, 0.0
        mouth = self._mouth(screw) if screw and screw not in self._engaged else None
        if screw and mouth and mouth.at.tilt > CROSSED:
            torque = min(CROSSING * (self._reading.turned + angle), self._limit)
            self._react(mouth.base, torque)
        elif screw and mouth:
            self._engage(screw, mouth)
        if screw in self._engaged:
            was = self._engaged[screw]
            if was.bore is None and self._bears(screw):
                was = replace(
                    was, bore=was.turned, seated=self._in_thread(screw, was.mouth.base, was.mouth.hole).xyz[2]
                )
            now = self._engaged[screw] = was.turned_on(angle, self._limit)
            self._bullet.changeConstraint(
                self._constraints[screw], *self._child_frame(screw, now.pose()), maxForce=HOLDS
            )
            angle, torque = now.turned - was.turned, now.torque()
            self._react(now.mouth.base, torque)
        self._reading = DriverReading(self._reading.turned + angle, torque, torque > self._limit - 1e-9)

    def _under_bit(self) -> str | None:
        """The screw whose head the bit stands on and presses, near enough to its axis to be in its socket."""
        pressed = Counter[int]()
        for point in self._bullet.getContactPoints(self._robot, linkIndexA=self._bit):
            pressed[point[2]] += point[9]
        if not pressed:
            return None
        for name, piece in self._stock.pieces.items():
            if piece.part.thread is not None and pressed[piece.body] >= PRESSES:
                x, y, _ = (self._stock.true_pose(name).inverse() @ self._tip()).xyz
                if math.hypot(x, y) <= self._spindle.catch:
                    return name
        return None

    def _centre(self, screw: str) -> None:
        """What socket and sleeve press sideways, on the bit and as much on the head."""
        at, tip = self._stock.true_pose(screw), self._tip()
        x, y, _ = (at.inverse() @ tip).xyz
        force = at.matrix()[:3, :2] @ np.array([x, y]) * CENTRES
        world = self._bullet.WORLD_FRAME
        self._bullet.applyExternalForce(self._robot, self._bit, (-force).tolist(), tip.xyz, world)
        self._bullet.applyExternalForce(self._stock.pieces[screw].body, -1, force.tolist(), tip.xyz, world)

    def _tip(self) -> Pose:
        """Where the bit's end really is, z pointing where the bit does."""
        state = self._bullet.getLinkState(self._robot, self._bit)
        return Pose(state[4], state[5]) @ self._spindle.tip

    def _mouth(self, screw: str) -> Mouth | None:
        """The thread at whose beginning a screw's tip is."""
        part = self._stock.pieces[screw].part
        for base, piece in self._stock.pieces.items():
            for hole in piece.part.holes.values():
                if part.thread is None or hole.thread != part.thread:
                    continue
                at = self._in_thread(screw, base, hole)
                if math.hypot(*at.xyz[:2]) < MOUTH[0] and abs(at.xyz[2]) < MOUTH[1]:
                    return Mouth(base, hole, part.thread, at, (part.size[0] + hole.width) / 2)
        return None

    def _engage(self, screw: str, mouth: Mouth) -> None:
        """Let the thread hold the screw from now on."""
        base, body = self._stock.pieces[mouth.base], self._stock.pieces[screw].body
        begins = Pose(part_centre(base.part)).inverse() @ mouth.hole.pose @ Pose((0.0, 0.0, -mouth.hole.depth))
        frame = self._child_frame(screw, mouth.at)
        self._constraints[screw] = self._bullet.createConstraint(
            base.body, -1, body, -1, self._bullet.JOINT_FIXED, (0.0, 0.0, 0.0), begins.xyz, frame[0],
            begins.quat, frame[1],
        )  # fmt: skip
        self._bullet.setCollisionFilterPair(base.body, body, -1, -1, 0)
        self._engaged[screw] = Engaged(mouth)

    def _child_frame(self, screw: str, at: Pose) -> tuple[Vector3, tuple[float, ...]]:
        """Where the thread's frame is on the screw's body, for a screw at a pose in that frame."""
        frame = Pose(part_centre(self._stock.pieces[screw].part)).inverse() @ at.inverse()
        return frame.xyz, frame.quat

    def _in_thread(self, screw: str, base: str, hole: Hole) -> Pose:
        """Where a screw really is in a thread's frame: not quite where it is held, which gives way by up to 0.1 mm."""
        begins = self._stock.true_pose(base) @ hole.pose @ Pose((0.0, 0.0, -hole.depth))
        return begins.inverse() @ self._stock.true_pose(screw)

    def _bears(self, screw: str) -> bool:
        """Whether something holds against the underside of the head."""
        piece = self._stock.pieces[screw]
        into, length = self._stock.true_pose(screw).inverse(), self._engaged[screw].mouth.thread.length
        force = 0.0
        for point in self._bullet.getContactPoints(piece.body):
            if point[2] != self._robot and abs((into @ Pose(point[5])).xyz[2] - length) < UNDER_HEAD:
                force += point[9]
        return force > BEARS

    def _react(self, base: str, torque: float) -> None:
        """The torque on the threaded part, and its reaction on the hand."""
        turn = self._stock.true_pose(base).matrix()[:3, 2] * torque
        world = self._bullet.WORLD_FRAME
        self._bullet.applyExternalTorque(self._robot, self._bit, turn.tolist(), world)
        self._bullet.applyExternalTorque(self._stock.pieces[base].body, -1, (-turn).tolist(), world)
