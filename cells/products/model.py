"""Nouns of a product (ISA-95, VDI 3682): variant, parts with their three geometries, bill of material, process plan.

A part's frame has its origin at the middle of its underside, z up, as it lies or stands in its tray.
All lengths in metres, masses in kg.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cells.pose import Pose, Vector3

Value = float | int | str | bool


@dataclass(frozen=True, slots=True)
class Box:
    """A box of full edge lengths ``size`` (m), centred at ``pose``."""

    size: Vector3
    pose: Pose = Pose()


@dataclass(frozen=True, slots=True)
class Cylinder:
    """A cylinder about the z axis of ``pose``, centred there."""

    radius: float
    length: float
    pose: Pose = Pose()


@dataclass(frozen=True, slots=True)
class Convex:
    """The convex hull of ``vertices`` (k points, in the part's frame)."""

    vertices: tuple[Vector3, ...]


Shape = Box | Cylinder | Convex


@dataclass(frozen=True, slots=True)
class Grip:
    """How a two-finger gripper holds the part: ``tcp`` in the part's frame (tool z pointing into the part, pads
    closing along tool y), ``width`` between the pads when it is held, ``symmetry`` the angle (rad) by which the grip
    may be turned about the tool's axis and be the same grip (0: any angle)."""

    tcp: Pose
    width: float
    symmetry: float


@dataclass(frozen=True, slots=True)
class Thread:
    """A metric thread, m: nominal ``diameter``, ``pitch``, and the ``length`` that has it: of a screw, all that is
    under its head."""

    diameter: float
    pitch: float
    length: float


@dataclass(frozen=True, slots=True)
class Hole:
    """A blind hole: ``pose`` is the middle of its rim in the part's frame, z pointing out; ``width`` its diameter
    (round, equal-area) or side (square); ``shaft`` the nominal diameter or side of what goes in. At the bottom of a
    hole with a ``thread`` that thread begins."""

    pose: Pose
    shape: Literal["round", "square"]
    width: float
    shaft: float
    depth: float
    thread: Thread | None = None


@dataclass(frozen=True, slots=True)
class Stud:
    """Something round that stands up and takes a part with a hole: ``pose`` is the middle of its top in the part's
    frame, z pointing out; ``width`` its diameter, ``height`` how far it stands out."""

    pose: Pose
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of part of one variant. A part with as many holes as another has studs goes onto them, each to its own
    in their order. The ``base`` of a unit is what the fixture holds and the others are put into or onto. ``gauge`` is
    how fingers measure it where its ``grip`` doesn't tell it from its like; ``probes`` are (x, y) where its top is
    touched to tell whether it is seated. A part with a ``thread`` is a screw, which hangs by its head in its tray."""

    name: str
    labels: Mapping[str, str]
    material: str
    color: str
    volume: float
    mass: float
    size: Vector3
    visual: tuple[Shape, ...]
    fit: tuple[Shape, ...]
    grasp: tuple[Shape, ...]
    grip: Grip
    friction: float
    gauge: Grip | None = None
    probes: tuple[tuple[float, float], ...] = ((0.0, 0.0),)
    holes: Mapping[str, Hole] = field(default_factory=dict)
    studs: Mapping[str, Stud] = field(default_factory=dict)
    base: bool = False
    thread: Thread | None = None


@dataclass(frozen=True, slots=True)
class BomLine:
    """``items`` are the names of the single pieces of one unit (``peg_1``, ``peg_2``) of one kind of part."""

    part: str
    items: tuple[str, ...]
    material: str
    mass: float

    @property
    def quantity(self) -> int:
        return len(self.items)


@dataclass(frozen=True, slots=True)
class ProcessStep:
    """One step: a required capability on one item, with its constraints as numbers in SI.

    ``target`` is a station (``fixture``), or a hole or stud of an item (``plate/hole_1``). ``after`` names the steps
    that must be done before. ``inverse`` is the capability that undoes it ("remove", "pick", "none"), or "destructive".
    """

    id: str
    capability: str
    item: str
    target: str | None
    constraints: Mapping[str, float]
    after: tuple[str, ...]
    inverse: str


@dataclass(frozen=True, slots=True)
class ProcessPlan:
    """Steps as a directed acyclic graph, listed in a valid order."""

    steps: tuple[ProcessStep, ...]


@dataclass(frozen=True, slots=True)
class ProductVariant:
    """A family with all its parameters decided. ``hash`` is the SHA-256 of family, version and parameters; ``derived``
    are the numbers that follow from these and that people ask for."""

    family: str
    version: str
    parameters: Mapping[str, Value]
    hash: str
    parts: Mapping[str, Part]
    bom: tuple[BomLine, ...]
    process: ProcessPlan
    derived: Mapping[str, float] = field(default_factory=dict)

    def part_of(self, item: str) -> Part:
        """The kind of part that the item (``peg_2``) of a unit is. Raises ``KeyError`` for an unknown item."""
        for line in self.bom:
            if item in line.items:
                return self.parts[line.part]
        raise KeyError(item)
