"""Pose: where something is and how it is turned, as one small frozen value.

Frames follow REP-103/105; a name such as ``world_peg`` reads "the peg in the world frame".
Quaternions are xyzw. Kernels take the (4, 4) float64 matrix of :meth:`Pose.matrix`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from spatialmath import SE3

Array = npt.NDArray[np.float64]
Vector3 = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Pose:
    """A rigid transform: ``xyz`` in metres, ``quat`` a unit quaternion (x, y, z, w)."""

    xyz: Vector3 = (0.0, 0.0, 0.0)
    quat: Quaternion = (0.0, 0.0, 0.0, 1.0)

    @classmethod
    def at(cls, x: float, y: float, z: float, yaw: float = 0.0) -> Pose:
        """A pose turned by ``yaw`` (rad) about the vertical."""
        return cls((x, y, z), (0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2)))

    @classmethod
    def from_matrix(cls, matrix: Array) -> Pose:
        """From a (4, 4) homogeneous transform (rotation by Shepperd's method, 1978)."""
        (a, b, c, x), (d, e, f, y), (g, h, i, z) = matrix[:3].tolist()
        trace = a + e + i
        if trace >= a and trace >= e and trace >= i:
            quat = (h - f, c - g, d - b, 1.0 + trace)
        elif a >= e and a >= i:
            quat = (1.0 + a - e - i, d + b, c + g, h - f)
        elif e >= i:
            quat = (d + b, 1.0 + e - i - a, f + h, c - g)
        else:
            quat = (g + c, f + h, 1.0 + i - a - e, d - b)
        return cls((x, y, z), _unit(*quat))

    def matrix(self) -> Array:
        """The (4, 4) float64 homogeneous transform."""
        (a, b, c), (d, e, f), (g, h, i) = self._rows()
        x, y, z = self.xyz
        return np.array(((a, b, c, x), (d, e, f, y), (g, h, i, z), (0.0, 0.0, 0.0, 1.0)))

    def __matmul__(self, other: Pose) -> Pose:
        """Composition: ``world_a @ a_b`` is ``world_b``."""
        ax, ay, az, aw = self.quat
        bx, by, bz, bw = other.quat
        quat = _unit(
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
            aw * bw - ax * bx - ay * by - az * bz,
        )
        x, y, z = self.xyz
        dx, dy, dz = self._turned(*other.xyz)
        return Pose((x + dx, y + dy, z + dz), quat)

    def inverse(self) -> Pose:
        """The pose of this pose's origin frame, seen from it."""
        x, y, z, w = self.quat
        back = Pose((0.0, 0.0, 0.0), (-x, -y, -z, w))
        dx, dy, dz = back._turned(*self.xyz)
        return Pose((-dx, -dy, -dz), back.quat)

    def _rows(self) -> tuple[Vector3, Vector3, Vector3]:
        """The rows of the rotation matrix."""
        x, y, z, w = self.quat
        return (
            (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
            (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
            (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
        )

    def _turned(self, x: float, y: float, z: float) -> Vector3:
        """A vector turned by this pose's rotation."""
        (a, b, c), (d, e, f), (g, h, i) = self._rows()
        return a * x + b * y + c * z, d * x + e * y + f * z, g * x + h * y + i * z

    def shifted(self, dx: float = 0.0, dy: float = 0.0, dz: float = 0.0) -> Pose:
        """The same orientation, moved by metres along the axes of the *reference* frame."""
        x, y, z = self.xyz
        return Pose((x + dx, y + dy, z + dz), self.quat)

    @property
    def yaw(self) -> float:
        """Rotation about the vertical in rad, as in the ZYX convention."""
        x, y, z, w = self.quat
        return math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))

    @property
    def angle(self) -> float:
        """Angle in rad, from 0 to pi, by which this pose is turned about whatever axis."""
        x, y, z, w = self.quat
        return 2 * math.atan2(math.hypot(x, y, z), abs(w))

    @property
    def tilt(self) -> float:
        """Angle in rad between this frame's z axis and the vertical."""
        x, y, z, w = self.quat
        return 2 * math.atan2(math.hypot(x, y), math.hypot(z, w))

    def to_se3(self) -> SE3:
        """As a spatialmath ``SE3`` (imported here: it takes seconds to load)."""
        from spatialmath import SE3

        return SE3(self.matrix(), check=False)

    @classmethod
    def from_se3(cls, se3: SE3) -> Pose:
        """From a spatialmath ``SE3`` holding one value."""
        matrix: Any = se3.A
        return cls.from_matrix(np.asarray(matrix, dtype=float))


def _unit(x: float, y: float, z: float, w: float) -> Quaternion:
    """A quaternion scaled to length one."""
    k = 1.0 / math.sqrt(x * x + y * y + z * z + w * w)
    return x * k, y * k, z * k, w * k


def tool_down(xyz: Vector3, yaw: float = 0.0) -> Pose:
    """A tool frame at ``xyz`` whose z axis points down and whose y axis is turned by ``yaw`` (rad)."""
    # Rotation by pi about x, then by yaw about the vertical.
    return Pose(xyz, (math.cos(yaw / 2), math.sin(yaw / 2), 0.0, 0.0))
