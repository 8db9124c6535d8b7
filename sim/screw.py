"""Screws and the driver that turns them: an analytic model in place of contact.

A rigid-body engine can't turn a thread in a thread. A screw is a free part until the bit stands on its head, presses
and turns while its tip is where the thread begins. From then on the thread holds it, and how it moves is prescribed:
it stands up within its first turn, and goes down by the pitch with every turn, until its head bears on something; the
collision of screw and threaded part, which the model stands for, is switched off. Everything else stays contact: what
the head meets, what the bit presses with, and the torque's reaction on hand and threaded part.

The torque is that of VDI 2230 part 1 (2015), equation R13/1, for the preload that turning has given: none before the
head bears, then as stiff as the joint.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cells.description.spindle import Spindle
from cells.ports import DriverReading
from cells.pose import Pose, Vector3
from cells.products.model import Hole, Thread
from sim.bodies import part_centre
from sim.stock import SimStock

FRICTION = 0.12  # of thread and head: the middle of friction class B (0.08 to 0.16) of VDI 2230, table A5
STIFFNESS = 1e8  # N/m: E As / l of an M4 that is clamped over 9 mm is 2e8, and the clamped plate is about as stiff
MOUTH = (6e-4, 4e-4)  # m that the tip may be off the thread's beginning, across and along, and still find it
CROSSED = math.radians(6)  # of lean at which the thread doesn't take the screw. Our own choice
CROSSING = 0.5  # Nm for each radian that it is turned all the same. Our own choice
BEARS = 2.0  # N under the head
UNDER_HEAD = 5e-4  # m around the head's underside where that is looked for
PRESSES = 3.0  # N on the head below which the bit isn't in its socket
IN_SOCKET = 5.0  # friction of the bit, in place of the socket that it doesn't slip out of
HOLDS = 1000.0  # N that the thread's constraint may take


@dataclass(frozen=True, slots=True)
class Engaged:
    """A screw that a thread holds: in the thread's frame (its origin where the thread begins, z out) the pose ``began``
    in which it was caught; how far it was ``turned`` (rad); how far when its head bore (None: it doesn't yet), and how
    high its tip was ``seated`` then (m)."""

    base: str
    hole: Hole
    thread: Thread
    under_head: float
    constraint: int
    began: Pose
    turned: float = 0.0
    bore: float | None = None
    seated: float = 0.0

    def pose(self) -> Pose:
        """Where it is now."""
        free = advanced(self.began, self.thread.pitch, self.turned)
        return free if self.bore is None else Pose((*free.xyz[:2], self.seated), free.quat)

    def torque(self) -> float:
        """Nm that turning it on takes."""
        return 0.0 if self.bore is None else self._per_turn() * (self.turned - self.bore)

    def turned_on(self, angle: float, limit: float) -> Engaged:
        """Turned by so much more (rad), or as far as the torque's limit (Nm) lets it."""
        if self.bore is not None:
            angle = max(0.0, min(angle, limit / self._per_turn() - (self.turned - self.bore)))
        return replace(self, turned=self.turned + angle)

    def _per_turn(self) -> float:
        """Nm per radian once the head bears."""
        preload = STIFFNESS * self.thread.pitch / (2 * math.pi)
        return tightening_torque(preload, self.thread, self.under_head, FRICTION)


@dataclass(frozen=True, slots=True)
class Mouth:
    """The beginning of a thread, and the pose of a screw that is there, in the thread's frame; ``under_head`` is the
    mean diameter (m) of where its head will rub."""

    base: str
    hole: Hole
    thread: Thread
    under_head: float
    at: Pose


def tightening_torque(preload: float, thread: Thread, under_head: float, friction: float) -> float:
    """The torque (Nm) that gives a screw its ``preload`` (N): MA = FM (P / 2π + 0.58 d2 µG + DKm / 2 µK), with one
    ``friction`` for thread and head; ``under_head`` is the mean diameter (m) of where the head rubs."""
    flank = thread.diameter - 0.6495 * thread.pitch  # d2 of ISO 724
    return preload * (thread.pitch / (2 * math.pi) + friction * (0.58 * flank + under_head / 2))


def advanced(began: Pose, pitch: float, turned: float) -> Pose:
    """Where a right-handed screw is that was caught as it ``began`` and ``turned`` so far (rad)."""
    rest = max(0.0, 1.0 - turned / (2 * math.pi))  # of its offset and lean
    x, y, z = began.xyz
    matrix = began.matrix()
    lean, towards = began.tilt * rest, math.atan2(matrix[1, 2], matrix[0, 2])
    # The heading that is left once the lean is taken out.
    upright = Pose((0.0, 0.0, 0.0), _leaning(-began.tilt, towards)) @ Pose((0.0, 0.0, 0.0), began.quat)
    turn = upright.yaw - turned
    heading = (0.0, 0.0, math.sin(turn / 2), math.cos(turn / 2))
    at = (x * rest, y * rest, z - pitch * turned / (2 * math.pi))
    return Pose(at, _leaning(lean, towards)) @ Pose((0.0, 0.0, 0.0), heading)


def _leaning(angle: float, towards: float) -> tuple[float, float, float, float]:
    """The quaternion that leans the z axis by an angle towards a heading (rad)."""
    s = math.sin(angle / 2)
    return (-s * math.sin(towards), s * math.cos(towards), 0.0, math.cos(angle / 2))


class SimDriver:
    """The driver of a loaded robot; :meth:`actuate` is called once per physics step, before it."""

    def __init__(self, bullet: Any, robot: int, bit: int, spindle: Spindle, stock: SimStock, dt: float) -> None:
        self._bullet, self._robot, self._bit, self._spindle = bullet, robot, bit, spindle
        self._stock, self._dt = stock, dt
        bullet.changeDynamics(robot, bit, lateralFriction=IN_SOCKET)
        self._engaged: dict[str, Engaged] = {}
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
        for name in [n for n, held in self._engaged.items() if instance in (n, held.base)]:
            self._bullet.removeConstraint(self._engaged.pop(name).constraint)

    def actuate(self) -> None:
        """Turn on by one physics step, with all that hangs on it. At its limit the clutch lets go."""
        if self._speed == 0.0 or self._reading.stalled:
            return
        angle, torque = self._speed * self._dt, 0.0
        screw = self._under_bit()
        mouth = self._mouth(screw) if screw and screw not in self._engaged else None
        if screw and mouth and mouth.at.tilt > CROSSED:
            torque = min(CROSSING * (self._reading.turned + angle), self._limit)
            self._react(mouth.base, torque)
        elif screw and mouth:
            self._engaged[screw] = self._engage(screw, mouth)
        if screw in self._engaged:
            was = self._engaged[screw]
            if was.bore is None and self._bears(screw):
                was = replace(was, bore=was.turned, seated=self._height(screw, was))
            now = self._engaged[screw] = was.turned_on(angle, self._limit)
            self._bullet.changeConstraint(now.constraint, *self._child_frame(screw, now.pose()), maxForce=HOLDS)
            angle, torque = now.turned - was.turned, now.torque()
            self._react(now.base, torque)
        self._reading = DriverReading(self._reading.turned + angle, torque, torque > self._limit - 1e-9)

    def _under_bit(self) -> str | None:
        """The screw whose head the bit stands on and presses, near enough to its axis to be in its socket."""
        for name, piece in self._stock.pieces.items():
            if piece.part.thread is None:
                continue
            touching = self._bullet.getContactPoints(self._robot, piece.body, self._bit)
            if sum(point[9] for point in touching) < PRESSES:
                continue
            state = self._bullet.getLinkState(self._robot, self._bit)
            tip = Pose(state[4], state[5]) @ self._spindle.tip
            x, y, _ = ((self._stock.true_pose(name)).inverse() @ tip).xyz
            if math.hypot(x, y) <= self._spindle.catch:
                return name
        return None

    def _mouth(self, screw: str) -> Mouth | None:
        """The thread at whose beginning a screw's tip is."""
        tip, thread = self._stock.true_pose(screw), self._stock.pieces[screw].part.thread
        for base, piece in self._stock.pieces.items():
            for hole in piece.part.holes.values():
                if hole.thread != thread or hole.thread is None:
                    continue
                at = self._begins(base, hole).inverse() @ tip
                if math.hypot(*at.xyz[:2]) < MOUTH[0] and abs(at.xyz[2]) < MOUTH[1]:
                    head = self._stock.pieces[screw].part.size[0]
                    return Mouth(base, hole, hole.thread, (head + hole.width) / 2, at)
        return None

    def _engage(self, screw: str, mouth: Mouth) -> Engaged:
        """Let the thread hold the screw from now on."""
        base, body = self._stock.pieces[mouth.base], self._stock.pieces[screw].body
        begins = Pose(part_centre(base.part)).inverse() @ mouth.hole.pose @ Pose((0.0, 0.0, -mouth.hole.depth))
        frame = self._child_frame(screw, mouth.at)
        constraint = self._bullet.createConstraint(
            base.body, -1, body, -1, self._bullet.JOINT_FIXED, (0.0, 0.0, 0.0), begins.xyz, frame[0],
            begins.quat, frame[1],
        )  # fmt: skip
        self._bullet.setCollisionFilterPair(base.body, body, -1, -1, 0)
        return Engaged(mouth.base, mouth.hole, mouth.thread, mouth.under_head, constraint, mouth.at)

    def _child_frame(self, screw: str, at: Pose) -> tuple[Vector3, tuple[float, ...]]:
        """Where the thread's frame is on the screw's body, for a screw at a pose in that frame."""
        frame = Pose(part_centre(self._stock.pieces[screw].part)).inverse() @ at.inverse()
        return frame.xyz, frame.quat

    def _height(self, screw: str, held: Engaged) -> float:
        """How high (m) its tip really is in the thread's frame: the constraint gives way by 0.1 mm under the bit."""
        begins = self._begins(held.base, held.hole)
        return (begins.inverse() @ self._stock.true_pose(screw)).xyz[2]

    def _begins(self, base: str, hole: Hole) -> Pose:
        """Where a thread begins (world), z out."""
        return self._stock.true_pose(base) @ hole.pose @ Pose((0.0, 0.0, -hole.depth))

    def _bears(self, screw: str) -> bool:
        """Whether something holds against the underside of the head."""
        piece = self._stock.pieces[screw]
        into, length = self._stock.true_pose(screw).inverse(), self._engaged[screw].thread.length
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
