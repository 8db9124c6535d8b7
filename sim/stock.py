"""The only way parts come into the simulated cell and leave it; and the locator, which never tells the truth exactly.

True poses are the slot's nominal pose plus a seeded placement scatter; what the cell is told is truth plus seeded
noise that stays the same until the part has been moved, as the bias of a real camera does.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cells.description.cell import Cell
from cells.ports import Estimate, Loaded, LoadRequest, item_of
from cells.pose import Pose, Vector3
from cells.products.materials import library
from cells.products.model import Part, ProductVariant
from cells.products.standing import standing
from sim import bodies

IN_SLOT = 0.02  # m from a slot's middle within which a part still lies in it
SETTLE_S = 0.25  # a part that has lain this long may sleep
SEAT_ROLLING = 1e-3  # m: rubber. On hard seats one in six Ø 8 mm pegs rolls round over its rim, in Bullet, and falls
EDGE, FINGER_GAP = 0.002, 0.026  # m: a seat beyond its part, and for a finger's 17 mm in between, with the scatter
QUIET = 3e-5  # m (and ×20 of the quaternion) between two looks below which a body counts as still
MOVED, TURNED = 5e-4, math.radians(1)  # m and rad after which the locator looks anew
ABOVE = 2e-5  # m between a part of a finished unit and what it stands on at the start


@dataclass
class Piece:
    """One part instance in the physics: its body, the seat (bodies) that it was loaded on or is to come back to in a
    ``slot``, and whether it sleeps."""

    part: Part
    body: int
    seat: tuple[int, ...]
    slot: tuple[str, int] | None
    born: float
    asleep: bool = False
    seen: tuple[Vector3, tuple[float, ...]] = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))


class SimStock:
    """Stock and Locator of the simulated cell."""

    def __init__(
        self,
        bullet: Any,
        cell: Cell,
        variants: Mapping[str, ProductVariant],
        seed: int,
        folder: Path,
        now: Callable[[], float],
    ) -> None:
        self._bullet, self._cell, self._variants, self._seed = bullet, cell, variants, seed
        self._folder, self._now = folder, now
        self._awake = bullet.ACTIVATION_STATE_WAKE_UP | bullet.ACTIVATION_STATE_DISABLE_SLEEPING
        self._asleep = bullet.ACTIVATION_STATE_SLEEP | bullet.ACTIVATION_STATE_ENABLE_SLEEPING
        self.pieces: dict[str, Piece] = {}
        self._nest: tuple[Part, list[int]] | None = None
        self._told: dict[str, tuple[Pose, Estimate]] = {}
        self._looks: dict[str, int] = {}
        self.on_leave: Callable[[str], None] = lambda instance: None

    def load(self, requests: Sequence[LoadRequest]) -> Loaded:
        """Put the parts into their slots, each on a seat of its own height. Raises ``ValueError`` for a full slot."""
        held = {piece.slot: name for name, piece in self.pieces.items() if self._lies_in_slot(piece)}
        for request in requests:
            self._must_be_free(request, held)
            part = self._variants[request.variant].parts[request.part]
            if part.base:
                self.fit_nest(part)
            self._spawn(request, part)
        return Loaded(done=tuple(requests))

    def load_unit(self, returns: Sequence[LoadRequest]) -> Loaded:
        """Let a finished unit stand in the fixture, and a seat of its own height wait in its slot for each part."""
        held = {piece.slot: name for name, piece in self.pieces.items() if self._lies_in_slot(piece)}
        variant, fixture = self._variants[returns[0].variant], self._cell.station("fixture").pose
        places = standing(variant)
        for request in returns:
            self._must_be_free(request, held)
            part, stands = variant.parts[request.part], (fixture @ places[item_of(request.instance)]).shifted(dz=ABOVE)
            if part.base:
                self.fit_nest(part)
            self._add(request, part, self._seat(request, part)[0], stands)
        return Loaded(done=tuple(returns))

    def make_ready(self, returns: Sequence[LoadRequest]) -> Loaded:
        """Let a seat of its own height wait for each part in the slot that it is going to be put into."""
        for request in returns:
            piece = self.pieces[request.instance]
            piece.seat += self._seat(request, piece.part)[0]
        return Loaded(done=tuple(returns))

    def unload(self, instances: Sequence[str]) -> None:
        """Take parts out of the cell for good; one that was believed there and isn't is passed over."""
        for instance in instances:
            self.on_leave(instance)
        for piece in filter(None, [self.pieces.pop(instance, None) for instance in instances]):
            for body in (piece.body, *piece.seat):
                self._bullet.removeBody(body)

    def fit_nest(self, part: Part) -> None:
        """Fit the fixture with the nest of a base part, as a changeover does, unless it is the one that is there."""
        if self._nest is not None:
            if self._nest[0] == part:
                return
            for body in self._nest[1]:
                self._bullet.removeBody(body)
        fixture = self._cell.station("fixture")
        play, lead_in = fixture.play, fixture.lead_in  # type: ignore[union-attr]
        self._nest = (part, bodies.nest(self._bullet, part, fixture.pose, play, lead_in))

    def _spawn(self, request: LoadRequest, part: Part) -> None:
        self._add(request, part, *self._seat(request, part))

    def _add(self, request: LoadRequest, part: Part, seat: tuple[int, ...], pose: Pose) -> None:
        """A part at ``pose``, and the seat in its slot."""
        at = (request.station, request.slot)
        self.pieces[request.instance] = Piece(part, self.spawn(part, pose), seat, at, self._now())

    def _seat(self, request: LoadRequest, part: Part) -> tuple[tuple[int, ...], Pose]:
        """Put a seat of a part's own size into its slot: its bodies, and the pose of a part that is put there. The seat
        of a long part is two blocks under its ends, between which fingers reach down; a screw's is a sleeve."""
        random = np.random.default_rng([self._seed, zlib.crc32(request.instance.encode()), 1])
        scatter = self._cell.scatter
        dx, dy, dz, turn = random.uniform(-1, 1, 4) * (scatter.xy, scatter.xy, scatter.z, scatter.yaw)
        slot = self._cell.station(request.station).slot_pose(request.slot).shifted(dz=float(dz))
        pose = slot @ Pose.at(float(dx), float(dy), 5e-5, float(turn))
        if part.thread is not None:
            return (bodies.collar(self._bullet, part.thread, pose.shifted(dz=-5e-5), self._folder),), pose
        length, width, height = part.size[0] + 2 * EDGE, part.size[1] + 2 * EDGE, slot.xyz[2]
        gap = FINGER_GAP if part.size[0] > 1.5 * part.size[1] else 0.0
        middles = [side * (length + gap) / 4 for side in (-1, 1)] if gap else [0.0]
        size = ((length - gap) / len(middles), width, height)
        seat = []
        for x in middles:
            block = bodies.static_box(self._bullet, size, slot @ Pose.at(x, 0.0, -height / 2), bodies.TRAY)
            self._bullet.changeDynamics(block, -1, rollingFriction=SEAT_ROLLING)
            seat.append(block)
        return tuple(seat), pose

    @staticmethod
    def _must_be_free(request: LoadRequest, held: Mapping[tuple[str, int] | None, str]) -> None:
        """Raise ``ValueError`` for a full slot."""
        taken = held.get((request.station, request.slot))
        if taken is not None:
            raise ValueError(f"{request.station}/{request.slot} is taken by {taken}")

    def _lies_in_slot(self, piece: Piece) -> bool:
        """Whether a part is in its slot."""
        if piece.slot is None:
            return False
        station, slot = piece.slot
        seat = self._cell.station(station).slot_pose(slot)
        return math.dist(self._bullet.getBasePositionAndOrientation(piece.body)[0][:2], seat.xyz[:2]) < IN_SLOT

    def spawn(self, part: Part, pose: Pose) -> int:
        """A free body of a part at ``pose``; returns the body's id."""
        return bodies.spawn_part(self._bullet, part, pose, (*library().colors[part.color].rgb, 1.0), self._folder)

    def stand(self, instance: str, part: Part, pose: Pose, fixed: bool = False) -> int:
        """Let a part stand at ``pose`` from the start, before anything moves: for runs that begin assembled; ``fixed``
        as if it were clamped. Returns its body."""
        body = self.spawn(part, pose)
        if fixed:
            self._bullet.changeDynamics(body, -1, mass=0.0)
        self.pieces[instance] = Piece(part, body, (), None, self._now())
        return body

    def true_pose(self, instance: str) -> Pose:
        """Where the part's frame really is. For evaluation only: nothing in the cell may call it."""
        piece = self.pieces[instance]
        xyz, quat = self._bullet.getBasePositionAndOrientation(piece.body)
        x, y, z = bodies.part_centre(piece.part)
        return Pose(xyz, quat) @ Pose((-x, -y, -z))

    def locate(self, instance: str) -> Estimate:
        """Estimate of a part's pose. Raises ``KeyError`` for one that isn't in the cell."""
        true = self.true_pose(instance)
        told = self._told.get(instance)
        if told is not None and math.dist(told[0].xyz, true.xyz) < MOVED and (told[0].inverse() @ true).angle < TURNED:
            return told[1]
        look = self._looks[instance] = self._looks.get(instance, 0) + 1
        random = np.random.default_rng([self._seed, zlib.crc32(instance.encode()), 2, look])
        sigma = self._cell.noise.locator_sigma
        dx, dy, dz, roll, pitch, yaw = (float(v) for v in random.standard_normal(6) * sigma)
        turn = Pose((0.0, 0.0, 0.0), _small_turn(roll, pitch, yaw))
        moved = Pose(true.xyz).shifted(dx, dy, dz) @ turn @ Pose((0.0, 0.0, 0.0), true.quat)
        estimate = Estimate(moved, sigma)
        self._told[instance] = (true, estimate)
        return estimate

    def rest(self, robot: int) -> None:
        """Let still parts that nothing moves sleep, as a physics engine does by itself after a while.

        Sleeping bodies cost no contacts; Bullet wakes them at the first touch. Parts whose boxes overlap (pegs in
        their plate) sleep and wake together, and what touches the robot stays awake.
        """
        boxes = {name: self._bullet.getAABB(piece.body) for name, piece in self.pieces.items()}
        for group in _touching(boxes):
            pieces = [self.pieces[name] for name in group]
            still = all([self._still(piece) for piece in pieces])
            awake = not still or any(self._bullet.getContactPoints(robot, piece.body) for piece in pieces)
            state = self._awake if awake else self._asleep
            for piece in pieces:
                # Sleep is asked for again at each look: Bullet wakes by itself what an awake part has touched.
                if not awake or piece.asleep:
                    self._bullet.changeDynamics(piece.body, -1, activationState=state)
                    piece.asleep = not awake

    def _still(self, piece: Piece) -> bool:
        """Whether a part has hardly moved since the last look (contact jitter has speed, but goes nowhere)."""
        before, piece.seen = piece.seen, self._bullet.getBasePositionAndOrientation(piece.body)
        near = math.dist(before[0], piece.seen[0]) < QUIET and math.dist(before[1], piece.seen[1]) < 20 * QUIET
        return near and self._now() - piece.born >= SETTLE_S


Box = tuple[Vector3, Vector3]


def _touching(boxes: Mapping[str, Box]) -> list[set[str]]:
    """Groups of names whose boxes overlap, directly or through others."""
    groups: list[set[str]] = []
    for name, (low, high) in boxes.items():
        mine = {name}
        for group in [g for g in groups if any(_overlap(low, high, *boxes[other]) for other in g)]:
            mine |= group
            groups.remove(group)
        groups.append(mine)
    return groups


def _overlap(low: Vector3, high: Vector3, other_low: Vector3, other_high: Vector3) -> bool:
    return all(a <= d and c <= b for a, b, c, d in zip(low, high, other_low, other_high, strict=True))


def _small_turn(roll: float, pitch: float, yaw: float) -> tuple[float, float, float, float]:
    """Quaternion of a rotation vector (rad)."""
    angle = math.sqrt(roll * roll + pitch * pitch + yaw * yaw)
    k = math.sin(angle / 2) / angle if angle > 1e-12 else 0.5
    return (roll * k, pitch * k, yaw * k, math.cos(angle / 2))
