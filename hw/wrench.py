"""A wrench from the frame in which an arm's driver tells it to the one in which a cell reads it, and back.

A cell reads [f; m] at the tool centre point along the world's axes; a driver tells them at and along its own frame.
"""

from __future__ import annotations

import numpy as np

from cells.description.cell import Cell
from cells.kinematics.chain import Chain
from cells.pose import Array, Pose


def sensor_in_tcp(cell: Cell) -> Pose:
    """Where the frame is that the cell's file names for wrenches, seen from the tool centre point."""
    if cell.ros2.wrench.frame == "tcp":
        return Pose()
    spec = cell.robot_spec
    limits = {"acceleration": spec.acceleration, "jerk": spec.jerk}
    ends = (spec.tcp_link, spec.flange_link)
    tcp, flange = (Chain.from_urdf(spec.urdf_path, spec.base_link, end, limits).fk(cell.home) for end in ends)
    return Pose.from_matrix(tcp).inverse() @ Pose.from_matrix(flange)


def as_told(wrench: Array, tcp: Pose, sensor: Pose) -> Array:
    """(6,) [f; m] at and along the ``sensor`` frame (seen from the tcp), of one at the ``tcp`` along world axes."""
    at = tcp @ sensor
    turn, lever = at.matrix()[:3, :3].T, np.subtract(tcp.xyz, at.xyz)
    return np.concatenate([turn @ wrench[:3], turn @ (wrench[3:] + np.cross(lever, wrench[:3]))])


def as_read(told: Array, tcp: Pose, sensor: Pose) -> Array:
    """(6,) [f; m] at the ``tcp`` along world axes, of one that was told as :func:`as_told` tells it."""
    at = tcp @ sensor
    turn, lever = at.matrix()[:3, :3], np.subtract(at.xyz, tcp.xyz)
    force = turn @ told[:3]
    return np.concatenate([force, turn @ told[3:] + np.cross(lever, force)])
