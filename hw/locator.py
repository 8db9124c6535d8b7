"""Locator without a camera: stations are taught, and parts are reckoned by what was done with them.

Where a part is follows from the last thing that happened to it, and so does how sure that is (σ, one for each axis; all
of it together with ``noise.locator`` of the cell's file, which says how well its poses were taught):

* *loaded*: it lies in its slot; a uniform scatter of half width h has σ = h/√3 (x, y, z, yaw).
* *gripped*: the fingers have closed on something as wide as it is, near where it was. They centre it between them (σ
  ``CENTRED``) and turn a flat one to their pads (``FLAT``); along the pads and in height it is as unsure as before.
  What stood on it or in it comes along.
* *let go of*: it stands where the hand left it, within ``LEFT``.
* *in the fixture*: a base that the hand left within ``NEAR`` of the taught seat is there, within its play (h as above).
* *lost*: the fingers closed farther than it is wide: it is somewhere around (``LOST``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from cells.description.cell import Cell
from cells.ports import Estimate, GripperReading, LoadRequest, item_of
from cells.pose import Pose
from cells.products.model import Grip, Part, ProductVariant
from cells.products.standing import standing

CENTRED, FLAT = 1e-4, math.radians(0.3)  # m along the fingers' way; rad about the tool's axis
LEFT = 2e-4  # m: fingers seldom open both at once
NEAR = 4e-3  # m around the fixture's seat, along each axis
LOST = 0.02  # m
REACH = 0.02  # m between where a part, or its grip, should be and where it is found
AS_WIDE = 2e-3  # m between the opening and the width of what is held
BLOCKED = 1e-3  # m short of what was asked: something is in between
LEAST = 1e-5  # m, rad: nothing is known for certain

Sigma = tuple[float, float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class Known:
    """A part and where it is: in the world, or in the frame of the tool while it is held, and so is ``sigma``."""

    part: Part
    pose: Pose
    sigma: Sigma


class TaughtLocator:
    """What is known of the parts in the cell, tick by tick. Poses are of the parts' frames, m and rad."""

    def __init__(self, cell: Cell, variants: Mapping[str, ProductVariant], tcp: Pose) -> None:
        """For a hand that is empty at ``tcp`` (world)."""
        self._variants = variants
        self._fixture, self._station = cell.station("fixture"), cell.station
        self._taught = cell.noise.locator_sigma
        scatter = cell.scatter
        half = (scatter.xy, scatter.xy, scatter.z, 0.0, 0.0, scatter.yaw)
        self._in_slot = _both(tuple(h / math.sqrt(3) for h in half), self._taught)
        self._stands: dict[str, Known] = {}
        self._held: dict[str, Known] = {}  # in the frame of the tool; the one between the fingers first
        self._tcp, self._gap = tcp, math.inf
        self._asked, self._closing = math.inf, False

    # ------------------------------------------------------------------ what happens

    def loaded(self, requests: Iterable[LoadRequest]) -> None:
        """Parts lie in their slots."""
        for request in requests:
            seat = self._station(request.station).slot_pose(request.slot)
            self._stands[request.instance] = Known(self._part(request), seat, self._in_slot)

    def returned(self, returns: Iterable[LoadRequest]) -> None:
        """The parts of a finished unit stand in the fixture, put together."""
        for request in returns:
            part = self._part(request)
            pose = self._fixture.pose @ standing(self._variants[request.variant])[item_of(request.instance)]
            self._stands[request.instance] = Known(part, pose, self._within_play(part))

    def unloaded(self, instances: Iterable[str]) -> None:
        """Parts have left the cell."""
        for instance in instances:
            self._stands.pop(instance, None)
            self._held.pop(instance, None)

    def follow(self, tcp: Pose, hand: GripperReading, asked: float) -> None:
        """The tool is at ``tcp`` (world), the hand reads so, and was ``asked`` last to open so far (m): to be told at
        every tick."""
        self._tcp = tcp
        if asked != self._asked:
            if self._held and asked > self._gap + BLOCKED:
                self._let_go()
            self._asked, self._closing = asked, asked < hand.width
        if self._held and hand.width < self._gap - AS_WIDE:
            self._held = {name: replace(it, sigma=_both(it.sigma, (LOST,) * 3)) for name, it in self._held.items()}
            self._let_go()
        if self._closing and hand.still:
            if not self._held and hand.width > asked + BLOCKED:
                self._take(hand.width)
            self._closing = False

    # ------------------------------------------------------------------ what is told

    def locate(self, instance: str) -> Estimate:
        """Estimate of a part's pose. Raises ``KeyError`` for one that isn't in the cell."""
        held = self._held.get(instance)
        if held is not None:
            return Estimate(self._tcp @ held.pose, self._seen(held.sigma), -math.inf)
        known = self._stands[instance]
        return Estimate(known.pose, known.sigma, -math.inf)

    @property
    def held(self) -> frozenset[str]:
        """The parts that the hand takes along."""
        return frozenset(self._held)

    def nearest(self, part: str, pose: Pose) -> str | None:
        """The instance of a part of that name that should be next to ``pose`` (world); None where none should."""
        held = {name: replace(it, pose=self._tcp @ it.pose) for name, it in self._held.items()}
        found = [
            (math.dist(known.pose.xyz, pose.xyz), name)
            for name, known in {**self._stands, **held}.items()
            if known.part.name == part
        ]
        off, name = min(found, default=(math.inf, ""))
        return name if off <= REACH else None

    # ------------------------------------------------------------------ how it is reckoned

    def _part(self, request: LoadRequest) -> Part:
        return self._variants[request.variant].parts[request.part]

    def _within_play(self, part: Part) -> Sigma:
        play = getattr(self._fixture, "play", 0.0) / math.sqrt(3)
        return _both((play, play, 0.0, 0.0, 0.0, 2 * play / max(part.size[:2])), self._taught)

    def _take(self, width: float) -> None:
        """The fingers hold what they should find here, if anything."""
        found = [
            (math.dist((known.pose @ grip.tcp).xyz, self._tcp.xyz), name, grip)
            for name, known in self._stands.items()
            for grip in filter(None, (known.part.grip, known.part.gauge))
            if abs(grip.width - width) <= AS_WIDE
        ]
        off, name, grip = min(found, key=lambda each: each[0], default=(math.inf, "", None))
        if grip is None or off > REACH:
            return
        known, self._gap = self._stands.pop(name), width
        pose = _between_pads(self._tcp.inverse() @ known.pose, grip)
        along, _, high, *tilt, turn = self._seen(known.sigma)
        held = (along, CENTRED, high, *tilt, min(turn, FLAT) if grip.symmetry else turn)
        self._held = {name: Known(known.part, pose, held)}
        for other, on in list(self._stands.items()):
            at = known.pose.inverse() @ on.pose
            if all(abs(x) <= edge / 2 for x, edge in zip(at.xyz, known.part.size[:2], strict=False)) and at.xyz[2] >= 0:
                self._held[other] = Known(on.part, pose @ at, self._seen(self._stands.pop(other).sigma))

    def _let_go(self) -> None:
        """What is held stands where the hand is now; a base close to its seat in the fixture stands there."""
        correction = Pose()
        for index, (name, held) in enumerate(self._held.items()):
            pose, sigma = self._tcp @ held.pose, _both(self._seen(held.sigma), (LEFT, LEFT))
            off = self._fixture.pose.inverse() @ pose
            if index == 0 and held.part.base and max(map(abs, off.xyz)) <= NEAR:
                quarter = math.pi / 2 * round(off.yaw / (math.pi / 2))
                seated = self._fixture.pose @ Pose.at(0.0, 0.0, 0.0, quarter)
                correction, sigma = seated @ pose.inverse(), self._within_play(held.part)
            self._stands[name] = Known(held.part, correction @ pose, sigma)
        self._held = {}

    def _seen(self, sigma: Sequence[float]) -> Sigma:
        """σ along the tool's axes as σ along the world's, or the other way round, for a tool that points down."""
        x, y, z, roll, pitch, yaw = sigma
        c, s = abs(math.cos(self._tcp.yaw)), abs(math.sin(self._tcp.yaw))
        return (
            math.hypot(c * x, s * y), math.hypot(s * x, c * y), z,
            math.hypot(c * roll, s * pitch), math.hypot(s * roll, c * pitch), yaw,
        )  # fmt: skip


def _both(first: Sequence[float], second: Sequence[float]) -> Sigma:
    """σ of the sum of two errors along each axis; axes that the shorter one doesn't name have none of it."""
    padded = [*second, *(0.0 for _ in range(6 - len(second)))]
    x, y, z, roll, pitch, yaw = (max(math.hypot(a, b), LEAST) for a, b in zip(first, padded, strict=True))
    return (x, y, z, roll, pitch, yaw)


def _between_pads(part: Pose, grip: Grip) -> Pose:
    """A part's pose in the frame of the tool once the pads have closed on it: centred between them, and flat."""
    at = part @ grip.tcp
    (x, _, z), turn = at.xyz, at.yaw
    if grip.symmetry:
        turn = grip.symmetry * round(turn / grip.symmetry)
    return Pose.at(x, 0.0, z, turn) @ grip.tcp.inverse()
