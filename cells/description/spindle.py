"""A screwdriving spindle, fixed beside the robot's hand: how it is built, and what it can do. Files speak of
millimetres and revolutions a minute; the accessors are SI, in the frame of the tool centre point."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import Field

from cells.description.fields import Millimetres3, NotNegative, Positive, Section, Text
from cells.pose import Pose, Vector3

BRACKET = 0.015  # m: height of the plate that carries the spindle, at its upper end

Size = tuple[Positive, Positive]
Rod = tuple[float, float, Pose]


class Spindle(Section):
    """A spindle whose bit points along the tool's z, on a plate from the hand. It can't be drawn in or out."""

    bit_mm: Millimetres3 = Field(description="middle of the bit's end in the frame of the tool centre point, mm")
    bit_size_mm: Size = Field(description="diameter and length of the bit, mm")
    size_mm: Size = Field(description="diameter and length of the spindle above the bit, mm")
    mass_kg: Positive
    max_torque_nm: Positive
    max_speed_rpm: Positive
    catch_mm: NotNegative = Field(description="how far off a head's axis the bit still finds its socket, mm")
    press_n: Annotated[Positive, Field(le=100)] = Field(description="with what the bit must press to stay in, N")
    source: Text

    @property
    def tip(self) -> Pose:
        """The bit's end, z pointing where the bit does."""
        x, y, z = self.bit_mm
        return Pose.at(x / 1000, y / 1000, z / 1000)

    @property
    def max_speed(self) -> float:
        """rad/s."""
        return self.max_speed_rpm * 2 * math.pi / 60

    @property
    def catch(self) -> float:
        """How far off its axis (m) the bit still finds a socket."""
        return self.catch_mm / 1000

    @property
    def bit(self) -> Rod:
        """The bit as a cylinder: radius and length in m, pose of its middle."""
        return self._rod(self.bit_size_mm, 0.0)

    @property
    def body(self) -> Rod:
        """The spindle above the bit, likewise."""
        return self._rod(self.size_mm, self.bit_size_mm[1] / 1000)

    @property
    def bracket(self) -> tuple[Vector3, Pose]:
        """The plate from the hand's axis to the spindle, as a box: edges in m, pose of its middle."""
        x, y, z = self.tip.xyz
        top = z - (self.bit_size_mm[1] + self.size_mm[1]) / 1000
        edges = (math.hypot(x, y), self.size_mm[0] / 1000, BRACKET)
        return edges, Pose.at(x / 2, y / 2, top + BRACKET / 2, math.atan2(y, x))

    def _rod(self, size: Size, above: float) -> Rod:
        radius, length = size[0] / 2000, size[1] / 1000
        return radius, length, self.tip @ Pose.at(0.0, 0.0, -above - length / 2)
