"""Cell: one work centre as a YAML file describes it, and the SI view of it that the rest of the house uses."""

from __future__ import annotations

import math
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from cells.description.documents import Document, read_document, shown
from cells.description.fields import Integer, Labels, Millimetres3, Name, NotNegative, Number, Positive, Section
from cells.description.problems import attempt, nearest, valid_fields
from cells.description.robot import LIBRARY, ControlMode, RobotSpec, load_robot
from cells.description.ros2 import Ros2
from cells.description.spindle import Spindle
from cells.description.stations import AnyStation, Station
from cells.errors import InputError, Problem
from cells.pose import Array, Pose, Vector3

PolicyName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,63}(@[0-9]+\.[0-9]+\.[0-9]+)?$")]


class Base(Section):
    """Where the robot stands in the world."""

    xyz_mm: Millimetres3
    yaw_deg: Annotated[Number, Field(ge=-180, le=180)] = 0.0


class Control(Section):
    """How the arm may be driven; evidence is kept per mode."""

    default: ControlMode = Field(description="the mode a run uses: impedance or admittance")
    modes: Annotated[tuple[ControlMode, ...], Field(min_length=1, max_length=2)] = Field(
        description="the modes this cell offers: impedance, admittance"
    )


class Clocks(Section):
    """The three clocks: physics (simulation only), control tick, policy tick (every so many control ticks)."""

    physics_hz: Annotated[Integer, Field(ge=100, le=20_000)]
    control_hz: Annotated[Integer, Field(ge=100, le=1000)]
    policy_every: Annotated[Integer, Field(ge=1, le=1000)]


class Workspace(Section):
    """The box that the tool centre point may not leave."""

    min: Millimetres3
    max: Millimetres3


class CellLimits(Section):
    """What the guard enforces and what motions are planned within."""

    tcp_speed_mm_s: Annotated[Positive, Field(le=5000)]
    speed_scale: Annotated[Positive, Field(le=1)] = Field(
        description="share of the robot's own limits, above 0, at most 1"
    )
    contact_speed_mm_s: Positive
    force_n: Annotated[Positive, Field(le=1000)]
    workspace_mm: Workspace

    @property
    def tcp_speed(self) -> float:
        """Highest speed of the tool centre point, m/s."""
        return self.tcp_speed_mm_s / 1000

    @property
    def contact_speed(self) -> float:
        """Highest speed where contact is expected, m/s."""
        return self.contact_speed_mm_s / 1000

    @property
    def workspace(self) -> Array:
        """(2, 3) lower and upper corner in the world frame, m."""
        return np.array([self.workspace_mm.min, self.workspace_mm.max]) / 1000


class LocatorNoise(Section):
    """Standard deviations of the locator's estimate."""

    xy_mm: NotNegative
    z_mm: NotNegative
    tilt_deg: NotNegative
    yaw_deg: NotNegative


class Noise(Section):
    """Standard deviations of what the cell measures."""

    locator: LocatorNoise
    force_n: NotNegative
    moment_nm: NotNegative

    @property
    def locator_sigma(self) -> tuple[float, float, float, float, float, float]:
        """Standard deviations (x, y, z in m; roll, pitch, yaw in rad)."""
        at = self.locator
        tilt = math.radians(at.tilt_deg)
        return (at.xy_mm / 1000, at.xy_mm / 1000, at.z_mm / 1000, tilt, tilt, math.radians(at.yaw_deg))


class Scatter(Section):
    """Half widths of the uniform scatter of parts in their slots."""

    xy_mm: NotNegative
    z_mm: NotNegative
    yaw_deg: Annotated[NotNegative, Field(le=180)]

    @property
    def xy(self) -> float:
        """Along x and along y, m."""
        return self.xy_mm / 1000

    @property
    def z(self) -> float:
        """Along z, m."""
        return self.z_mm / 1000

    @property
    def yaw(self) -> float:
        """About the vertical, rad."""
        return math.radians(self.yaw_deg)


class CellEnergy(Section):
    """Which electricity the cell uses."""

    grid: Name = Field(description="name of a grid factor in the footprint data")


class View(Section):
    """Where the cell's camera stands and looks."""

    eye_mm: Millimetres3
    target_mm: Millimetres3
    fov_deg: Annotated[Positive, Field(ge=5, le=150)]

    @property
    def eye(self) -> tuple[float, float, float]:
        """Camera position, m."""
        x, y, z = self.eye_mm
        return (x / 1000, y / 1000, z / 1000)

    @property
    def target(self) -> tuple[float, float, float]:
        """The point in the middle of the picture, m."""
        x, y, z = self.target_mm
        return (x / 1000, y / 1000, z / 1000)


class Cell(Section):
    """A robot cell. Files speak of millimetres and degrees; the accessors are SI and radians, in the world frame."""

    schema_: Literal["cellwright/cell/v1"] = Field(alias="schema", description="the format of this file")
    name: Name
    labels: Labels
    robot: Name = Field(description="a robot of the library")
    base: Base
    driver: Spindle | None = Field(default=None, description="a screwdriving spindle beside the robot's hand")
    home_deg: Annotated[tuple[Number, ...], Field(min_length=1, max_length=32)] = Field(
        description="joint angles at rest, from the base to the tip, degrees"
    )
    control: Control
    clocks: Clocks
    limits: CellLimits
    noise: Noise
    scatter: Scatter
    energy: CellEnergy
    stations: Annotated[dict[Name, AnyStation], Field(min_length=1, max_length=64)]
    camera: View
    policies: Annotated[tuple[PolicyName, ...], Field(max_length=16)] = Field(
        default=(), description="policies of the zoo that skills work with, as name or name@version; none unless said"
    )
    ros2: Ros2 = Field(default=Ros2(), description="how the real arm is reached over ROS 2")
    told_without_asking: bool = Field(
        default=False, description="whether `cellwright tell --yes` may move this cell's real arm; false unless said"
    )

    @property
    def robot_spec(self) -> RobotSpec:
        """The robot as the library describes it."""
        return load_robot(self.robot)

    @cached_property
    def base_pose(self) -> Pose:
        """The robot's base in the world."""
        x, y, z = self.base.xyz_mm
        return Pose.at(x / 1000, y / 1000, z / 1000, math.radians(self.base.yaw_deg))

    @property
    def bench(self) -> tuple[Vector3, Pose]:
        """What the cell stands on, as a box: edges in metres, and the pose of its middle in the world frame."""
        return (1.2, 1.4, 0.02), Pose((0.35, 0.0, -0.011))

    @property
    def home(self) -> Array:
        """(n,) joint angles at rest, rad."""
        return np.array(self.home_deg) * (math.pi / 180)

    @property
    def tick_s(self) -> float:
        """Seconds of one control tick."""
        return 1.0 / self.clocks.control_hz

    @property
    def physics_s(self) -> float:
        """Seconds of one physics step."""
        return 1.0 / self.clocks.physics_hz

    def station(self, name: str) -> Station:
        """A station by its name. Raises ``KeyError``."""
        return self.stations[name]


def list_cells() -> list[str]:
    """Names of the cells in the library."""
    return sorted(path.stem for path in (LIBRARY / "cells").glob("*.yaml"))


def load_cell(name_or_path: str | Path) -> Cell:
    """A cell by its name in the library, or from a file. Raises ``InputError`` with every problem at once."""
    cell, problems = _read(name_or_path)
    if cell is None or problems:
        raise InputError(*problems)
    return cell


def check_cell(name_or_path: str | Path) -> list[Problem]:
    """Everything that is wrong with a cell's file; empty if nothing is."""
    try:
        return _read(name_or_path)[1]
    except InputError as error:
        return list(error.problems)


def cell_schema() -> dict[str, Any]:
    """JSON schema of a cell file, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Cell.model_json_schema(by_alias=True)}


def _read(name_or_path: str | Path) -> tuple[Cell | None, list[Problem]]:
    from cells.description.cell_checks import semantic_problems

    document = read_document(_locate(name_or_path))
    cell, problems = attempt(Cell, document)
    return cell, problems + semantic_problems(_sections(cell, document), document)


def _locate(name_or_path: str | Path) -> Path:
    text = str(name_or_path)
    if text in list_cells():
        return LIBRARY / "cells" / f"{text}.yaml"
    path = Path(name_or_path)
    if path.suffix or len(path.parts) > 1 or path.exists():
        return path
    remedy = f"{nearest(text, list_cells())}; or give the path of a .yaml file"
    raise InputError(Problem("cell", f"no cell is called {shown(text)}", remedy))


def _sections(cell: Cell | None, document: Document) -> dict[str, Any]:
    """The sections of a cell that are right in themselves, so that they can be checked beside broken ones."""
    if cell is not None:
        return {name: getattr(cell, name) for name in Cell.model_fields}
    return valid_fields(Cell, document.data)
