"""Stations of a cell: tray, fixture, bin, hand-over place. Files speak of millimetres; the accessors are SI."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from cells.description.fields import Integer, Labels, Millimetres3, NotNegative, Number, Positive, Section
from cells.pose import Array, Pose, Vector3

TRAY_FOOT = 0.004  # m; the tray under its seats
BIN_WALL, BIN_FLOOR = 0.004, 0.001  # m
HAND_OVER_SEAT = (0.2, 0.025)  # m, along x and y

Boxes = tuple[tuple[Vector3, Pose], ...]
SlotCount = Annotated[Integer, Field(ge=1, le=50)]


class Station(Section):
    """What all stations share. A station holds ``slots`` parts; one slot in its middle unless it is a tray."""

    kind: str
    labels: Labels
    xyz_mm: Millimetres3 = Field(description="middle of the station's top surface in the world, mm")
    yaw_deg: Annotated[Number, Field(ge=-180, le=180)] = Field(
        default=0.0, description="turn about the vertical, degrees"
    )

    @property
    def pose(self) -> Pose:
        """The middle of the top surface in the world frame."""
        x, y, z = self.xyz_mm
        return Pose.at(x / 1000, y / 1000, z / 1000, math.radians(self.yaw_deg))

    @property
    def slots(self) -> int:
        """How many parts it has places for."""
        return 1

    def slot_pose(self, slot: int) -> Pose:
        """Nominal pose (world frame) of the seat of a slot, counted from 0. Raises ``IndexError``."""
        self._must_have(slot)
        return self.pose

    @property
    def size(self) -> tuple[float, float]:
        """Outline along the station's own x and y in metres; (0, 0) for a place without one."""
        return (0.0, 0.0)

    @property
    def boxes(self) -> Boxes:
        """What stands there for good, as boxes: edges in metres, and the pose of the middle in the world frame."""
        return ()

    def corners(self) -> Array:
        """(4, 2) corners of the outline in the world frame, in metres, anticlockwise."""
        half = np.array(self.size) / 2
        square = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half
        matrix = self.pose.matrix()
        corners: Array = square @ matrix[:2, :2].T + matrix[:2, 3]
        return corners

    def _must_have(self, slot: int) -> None:
        if not 0 <= slot < self.slots:
            raise IndexError(f"slot {slot} of a station with {self.slots}")


class Tray(Station):
    """Slots in rows (along y) and columns (along x); slot 0 is at the smallest x and y, columns count first."""

    kind: Literal["tray"]
    rows: SlotCount = Field(description="slots along y, 1 to 50")
    columns: SlotCount = Field(description="slots along x, 1 to 50")
    pitch_mm: tuple[Positive, Positive] = Field(description="distance between slots along x and y, mm")

    @property
    def slots(self) -> int:
        return self.rows * self.columns

    def slot_pose(self, slot: int) -> Pose:
        self._must_have(slot)
        row, column = divmod(slot, self.columns)
        dx, dy = (pitch / 1000 for pitch in self.pitch_mm)
        return self.pose @ Pose.at((column - (self.columns - 1) / 2) * dx, (row - (self.rows - 1) / 2) * dy, 0.0)

    @property
    def boxes(self) -> Boxes:
        return (((*self.size, TRAY_FOOT), self.pose.shifted(dz=TRAY_FOOT / 2 - self.pose.xyz[2])),)

    @property
    def slot_size(self) -> tuple[float, float]:
        """The room that one slot offers along x and y, in metres."""
        return (self.pitch_mm[0] / 1000, self.pitch_mm[1] / 1000)

    @property
    def size(self) -> tuple[float, float]:
        return (self.columns * self.pitch_mm[0] / 1000, self.rows * self.pitch_mm[1] / 1000)


class Fixture(Station):
    """Holds the product's base part with ``play`` all around; its walls open by ``lead_in`` at the top."""

    kind: Literal["fixture"]
    play_mm: NotNegative = Field(description="gap between part and wall on each side, mm")
    lead_in_mm: NotNegative = Field(description="height of the bevel that guides the part in, mm")

    @property
    def play(self) -> float:
        """Gap on each side in metres."""
        return self.play_mm / 1000

    @property
    def lead_in(self) -> float:
        """Height of the bevel in metres."""
        return self.lead_in_mm / 1000


class Bin(Station):
    """An open box into which parts are dropped or packed, on a thin floor whose top is the station's."""

    kind: Literal["bin"]
    size_mm: tuple[Positive, Positive] = Field(description="outline along x and y, mm")
    height_mm: Positive = Field(default=50.0, description="height of the walls, mm")

    @property
    def size(self) -> tuple[float, float]:
        return (self.size_mm[0] / 1000, self.size_mm[1] / 1000)

    @property
    def height(self) -> float:
        """Height of the walls in metres."""
        return self.height_mm / 1000

    @property
    def inside(self) -> tuple[float, float]:
        """The room between its walls along x and y, in metres."""
        length, width = self.size
        return (length - 2 * BIN_WALL, width - 2 * BIN_WALL)

    @property
    def boxes(self) -> Boxes:
        (length, width), out = self.size, []
        for side in (-1, 1):
            out.append(((length, BIN_WALL, self.height), (0.0, side * (width - BIN_WALL) / 2)))
        for side in (-1, 1):
            out.append(((BIN_WALL, width, self.height), (side * (length - BIN_WALL) / 2, 0.0)))
        walls = tuple((edges, self.pose @ Pose((x, y, self.height / 2))) for edges, (x, y) in out)
        return (*walls, ((length, width, BIN_FLOOR), self.pose.shifted(dz=-BIN_FLOOR / 2)))


class HandOver(Station):
    """Where a person takes what the cell gives."""

    kind: Literal["hand_over"]

    @property
    def boxes(self) -> Boxes:
        height = self.pose.xyz[2]
        return (((*HAND_OVER_SEAT, height), self.pose.shifted(dz=-height / 2)),)


AnyStation = Annotated[Tray | Fixture | Bin | HandOver, Field(discriminator="kind")]
