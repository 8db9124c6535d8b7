"""Robot: what the library knows about an arm and its gripper beyond the URDF, each figure with its source."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from cells.description.documents import MAX_BYTES, read_document
from cells.description.fields import Integer, Labels, Name, NotNegative, Positive, Section, Text
from cells.description.problems import nearest, validated
from cells.errors import InputError, Problem

LIBRARY = Path(__file__).resolve().parents[1] / "library"

ControlMode = Literal["impedance", "admittance"]
Limits = Annotated[tuple[Positive, ...], Field(min_length=1, max_length=32)]


class Limit(Section):
    """One limit per joint, from the base to the tip, with its source."""

    values: Limits
    source: Text


class Figure(Section):
    """One published number: value, unit, year and where it comes from."""

    value: NotNegative
    unit: Text
    year: Annotated[Integer, Field(ge=1950, le=2100)]
    source: Text


class Energy(Section):
    """Constants of the energy model P = idle + Σ|τ·q̇|/efficiency; ``null`` where no source is known."""

    idle_w: Figure | None
    efficiency: Figure | None


class Gripper(Section):
    """A two-finger gripper with flat pads."""

    kind: Literal["parallel"]
    joints: tuple[Text, Text]
    max_width_mm: Positive
    min_width_mm: NotNegative
    max_force_n: Positive
    max_speed_mm_s: Positive = Field(description="speed of one finger, mm/s")
    pad_size_mm: tuple[Positive, Positive] = Field(description="contact face of a pad: across the fingers, along them")
    palm_clearance_mm: NotNegative = Field(description="free depth between the tool centre point and the palm, mm")
    source: Text

    @property
    def max_width(self) -> float:
        """Widest opening in metres."""
        return self.max_width_mm / 1000

    @property
    def min_width(self) -> float:
        """Narrowest opening in metres."""
        return self.min_width_mm / 1000

    @property
    def max_speed(self) -> float:
        """Speed of one finger in m/s (the opening changes twice as fast)."""
        return self.max_speed_mm_s / 1000

    @property
    def pad_size(self) -> tuple[float, float]:
        """Contact face of a pad in metres."""
        return (self.pad_size_mm[0] / 1000, self.pad_size_mm[1] / 1000)

    @property
    def palm_clearance(self) -> float:
        """Free depth between tool centre point and palm in metres."""
        return self.palm_clearance_mm / 1000


@dataclass(frozen=True)
class JointRange:
    """One moving joint of the chain as the URDF has it; rad (``lower`` < ``upper``)."""

    name: str
    lower: float
    upper: float


class RobotSpec(Section):
    """A robot of the library. Link names are the URDF's; joint names, ranges and speeds come from it."""

    schema_: Literal["cellwright/robot/v1"] = Field(alias="schema")
    name: Name
    labels: Labels
    manufacturer: Text
    urdf: Annotated[Text, Field(pattern=r"^[A-Za-z0-9_-]+\.urdf$")]
    base_link: Text
    flange_link: Text
    tcp_link: Text
    payload_kg: Positive
    reach_mm: Positive
    acceleration_rad_s2: Limit
    jerk_rad_s3: Limit
    gripper: Gripper
    control_modes: Annotated[tuple[ControlMode, ...], Field(min_length=1, description="how it can be driven")]
    energy: Energy

    @property
    def folder(self) -> Path:
        """The robot's folder in the library."""
        return LIBRARY / "robots" / self.name

    @property
    def urdf_path(self) -> Path:
        """The URDF file."""
        return self.folder / self.urdf

    @property
    def reach(self) -> float:
        """Reach in metres."""
        return self.reach_mm / 1000

    @property
    def acceleration(self) -> tuple[float, ...]:
        """(n,) joint acceleration limits, rad/s²."""
        return self.acceleration_rad_s2.values

    @property
    def jerk(self) -> tuple[float, ...]:
        """(n,) joint jerk limits, rad/s³."""
        return self.jerk_rad_s3.values

    def joints(self) -> tuple[JointRange, ...]:
        """The moving joints between base and tool centre point. Raises ``InputError`` if the URDF doesn't have them."""
        return _joints(self.urdf_path, self.base_link, self.tcp_link)


def list_robots() -> list[str]:
    """Names of the robots in the library."""
    return sorted(path.parent.name for path in (LIBRARY / "robots").glob("*/robot.yaml"))


@lru_cache(maxsize=16)
def load_robot(name: str) -> RobotSpec:
    """A robot of the library by its name. Raises ``InputError``."""
    if name not in list_robots():
        raise InputError(Problem("robot", f"no robot is called {name!r}", nearest(name, list_robots())))
    path = LIBRARY / "robots" / name / "robot.yaml"
    document = read_document(path)
    spec = validated(RobotSpec, document)
    if len(spec.acceleration_rad_s2.values) != len(spec.jerk_rad_s3.values):
        what = "has another number of joints than acceleration_rad_s2"
        raise InputError(document.problem(("jerk_rad_s3", "values"), what, "give one value per joint in both"))
    return spec


@lru_cache(maxsize=16)
def _joints(path: Path, base: str, tip: str) -> tuple[JointRange, ...]:
    try:
        raw = path.read_bytes() if path.stat().st_size <= MAX_BYTES else b""
        root = ElementTree.fromstring(raw)
    except (OSError, ElementTree.ParseError) as error:
        raise InputError(Problem(str(path), f"is not a readable URDF: {error}", "restore the robot's URDF")) from None
    parents = {_link(joint, "child"): joint for joint in root.findall("joint")}
    found: list[JointRange] = []
    link = tip
    while link != base:
        joint = parents.pop(link, None)
        if joint is None:
            what = f"no chain leads from {base!r} to {tip!r}"
            raise InputError(Problem(str(path), what, "correct the link names in robot.yaml"))
        if joint.get("type") != "fixed":
            found.append(_range(joint))
        link = _link(joint, "parent")
    return tuple(reversed(found))


def _link(joint: ElementTree.Element, role: str) -> str:
    element = joint.find(role)
    return element.get("link", "") if element is not None else ""


def _range(joint: ElementTree.Element) -> JointRange:
    limit = joint.find("limit")
    lower, upper = (float(limit.get(side, "nan")) if limit is not None else math.nan for side in ("lower", "upper"))
    return JointRange(joint.get("name", ""), lower, upper)
