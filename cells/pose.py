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
        r = matrix[:3, :3]
        choices = (r[0, 0], r[1, 1], r[2, 2], r[0, 0] + r[1, 1] + r[2, 2])
        k = int(np.argmax(choices))
        quat = np.empty(4)
        if k == 3:
            quat[:] = (r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], 1.0 + choices[3])
        else:
            i, j, m = k, (k + 1) % 3, (k + 2) % 3
            quat[i] = 1.0 + r[i, i] - r[j, j] - r[m, m]
            quat[j] = r[j, i] + r[i, j]
            quat[m] = r[m, i] + r[i, m]
            quat[3] = r[m, j] - r[j, m]
        quat /= np.linalg.norm(quat)
        x, y, z = (float(v) for v in matrix[:3, 3])
        return cls((x, y, z), (float(quat[0]), float(quat[1]), float(quat[2]), float(quat[3])))

    def matrix(self) -> Array:
        """The (4, 4) float64 homogeneous transform."""
        x, y, z, w = self.quat
        out = np.eye(4)
        out[0, :3] = 1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)
        out[1, :3] = 2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)
        out[2, :3] = 2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)
        out[:3, 3] = self.xyz
        return out

    def __matmul__(self, other: Pose) -> Pose:
        """Composition: ``world_a @ a_b`` is ``world_b``."""
        return Pose.from_matrix(self.matrix() @ other.matrix())

    def inverse(self) -> Pose:
        """The pose of this pose's origin frame, seen from it."""
        rotation = self.matrix()[:3, :3].T
        out = np.eye(4)
        out[:3, :3] = rotation
        out[:3, 3] = -rotation @ np.asarray(self.xyz)
        return Pose.from_matrix(out)

    def shifted(self, dx: float = 0.0, dy: float = 0.0, dz: float = 0.0) -> Pose:
        """The same orientation, moved by metres along the axes of the *reference* frame."""
        x, y, z = self.xyz
        return Pose((x + dx, y + dy, z + dz), self.quat)

    @property
    def yaw(self) -> float:
        """Rotation about the vertical in rad, as in the ZYX convention."""
        x, y, z, w = self.quat
        return math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))

    def to_se3(self) -> SE3:
        """As a spatialmath ``SE3`` (imported here: it takes seconds to load)."""
        from spatialmath import SE3

        return SE3(self.matrix(), check=False)

    @classmethod
    def from_se3(cls, se3: SE3) -> Pose:
        """From a spatialmath ``SE3`` holding one value."""
        matrix: Any = se3.A
        return cls.from_matrix(np.asarray(matrix, dtype=float))


def tool_down(xyz: Vector3, yaw: float = 0.0) -> Pose:
    """A tool frame at ``xyz`` whose z axis points down and whose y axis is turned by ``yaw`` (rad)."""
    # Rotation by pi about x, then by yaw about the vertical.
    return Pose(xyz, (math.cos(yaw / 2), math.sin(yaw / 2), 0.0, 0.0))
