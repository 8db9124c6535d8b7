"""Proof before sending: the very samples of a motion, checked before the arm gets them.

The runner puts every :class:`~cells.control.setpoints.Segment` to :class:`Proof`, in every world. What is wrong is told
as "joint (or thing), time, value" lines.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cells.control.setpoints import Trajectory
from cells.kinematics.collision.checks import path_clearance
from cells.kinematics.collision.exact import Exact
from cells.kinematics.collision.model import Scene, body_of
from cells.kinematics.collision.shapes import Shape, box, cylinder
from cells.kinematics.planning import Surroundings
from cells.kinematics.profiles import jumps
from cells.pose import Array

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.description.spindle import Spindle
    from cells.kinematics.chain import Chain
    from cells.ports import ArmReading

MARGIN = 0.001  # m that a motion keeps from everything
LEAVING = 1e-4  # m: how much closer it may come while it leaves what it is too close to
SECOND_OPINION = 0.01  # m: where the arm comes closer than this, coal is asked as well
START = 1e-3  # rad: how far a motion may begin from the joints that the arm's controller holds
FOLLOWING = 0.1  # rad: how far the measured joints may be from those
OPERATOR_SPEED = 0.25  # m/s near a person: reduced speed of ISO 10218-1:2011, 5.6.2
OPERATOR_REACH = 0.15  # m around where a person takes what the cell gives
SLACK = 1.001  # rounding of speeds


@dataclass(frozen=True, eq=False)
class Proof:
    """What a cell's motions must keep. ``workspace`` (2, 3) and ``operators`` (k, 3) in m, world frame."""

    chain: Chain
    base: Array
    around: Surroundings
    tip_speed: float
    workspace: Array
    operators: Array

    def broken(self, trajectory: Trajectory, arm: ArmReading) -> list[str]:
        """What is wrong with a motion for an arm that reads like this; empty for a good one."""
        found = limits_broken(self.chain, trajectory)
        if found:
            return found
        return self._start(trajectory, arm) + self._tip(trajectory) + self.collision(trajectory)

    def _start(self, trajectory: Trajectory, arm: ArmReading) -> list[str]:
        names, out = self.chain.joint_names, []
        for what, off, most in (
            ("held by the controller", np.abs(trajectory.q[0] - arm.q_cmd), START),
            ("measured", np.abs(arm.q_cmd - arm.q), FOLLOWING),
        ):
            worst = int(np.argmax(off))
            if not off[worst] <= most:
                out.append(f"{names[worst]} at 0 ms: {off[worst]:.4g} rad from the joints {what}, at most {most:g}")
        return out

    def _tip(self, trajectory: Trajectory) -> list[str]:
        """Speed of the tool centre point, also near people, and the box that it may not leave."""
        places, speeds, near = self._passed(trajectory)
        low, high = self.workspace
        beyond = np.max(np.maximum(low - places, places - high), axis=1)
        # A tip that is out already may come back in.
        beyond = np.where(np.maximum.accumulate(beyond[::-1])[::-1] < beyond[0] + 1e-6, -1.0, beyond)
        out = []
        for what, value, most, unit in (
            ("tool speed", speeds, self.tip_speed * SLACK, "m/s"),
            ("tool speed near a person", np.where(near, speeds, 0.0), OPERATOR_SPEED * SLACK, "m/s"),
            ("tool beyond the workspace by", beyond, 1e-6, "m"),
        ):
            k = int(np.argmax(value))
            if not value[k] <= most:
                out.append(f"tool at {1000 * trajectory.t[k]:.0f} ms: {what} {value[k]:.4g} {unit}, at most {most:.4g}")
        return out

    def hurries(self, trajectory: Trajectory) -> bool:
        """Whether a motion comes near a person faster than it may."""
        _, speeds, near = self._passed(trajectory)
        return bool(np.any(speeds[near] > OPERATOR_SPEED * SLACK))

    def _passed(self, trajectory: Trajectory) -> tuple[Array, Array, npt.NDArray[np.bool_]]:
        """Where the tool centre point is in the world (m, 3), its speed (m,), and whether a person may be near (m,)."""
        poses, jacobians = self.chain.forward_batch(trajectory.q)
        places = poses[:, :3, 3] @ self.base[:3, :3].T + self.base[:3, 3]
        speeds = np.linalg.norm(np.einsum("mij,mj->mi", jacobians[:, :3], trajectory.qd), axis=1)
        apart = np.linalg.norm(places[:, None] - self.operators, axis=2)
        return places, speeds, np.any(apart < OPERATOR_REACH, axis=1)

    def collision(self, trajectory: Trajectory) -> list[str]:
        """What collides on the way."""
        around, q = self.around, np.ascontiguousarray(trajectory.q)
        begin, end, last = 0, len(q), -np.inf
        # An arm that stands too close to something may leave it, and come no closer.
        while begin < end:
            apart, who = around.distance(q[begin], MARGIN)
            if apart >= MARGIN:
                break
            if apart < last - LEAVING:
                at = f"at {1000 * trajectory.t[begin]:.0f} ms"
                return [f"{who} {at}: {1000 * apart:.1f} mm apart and closer than before"]
            begin, last = begin + 1, max(last, apart)
        tables = around.body.tables, around.scene.table
        while begin < end:
            k, apart, _, _ = path_clearance(q[begin:], *tables, SECOND_OPINION)
            k += begin
            if k >= end:
                return []
            at = f"at {1000 * trajectory.t[k]:.0f} ms"
            if apart <= MARGIN:
                _, who = around.distance(q[k], MARGIN)
                return [f"{who} {at}: {1000 * apart:.1f} mm apart, at least {1000 * MARGIN:g}"]
            touch = self._exact.contact(q[k])
            if touch:
                return [f"{touch[0]} and {touch[1]} {at}: collide"]
            begin = k + 1
        return []

    @cached_property
    def _exact(self) -> Exact:
        return Exact(self.around.body, self.around.scene)


def proof_of(cell: Cell, chain: Chain) -> Proof:
    """The proof that a cell's motions are put to. Parts, and the seats and nests that hold them, are left to the
    skills: touching them is what the cell is for."""
    spec = cell.robot_spec
    into_base = cell.base_pose.inverse().matrix()
    solids = [("bench", *cell.bench)]
    for name, station in cell.stations.items():
        if station.kind != "hand_over":
            solids += [(name, *placed) for placed in station.boxes]
    scene = Scene(tuple(box(name, edges, into_base @ pose.matrix()) for name, edges, pose in solids))
    body = body_of(chain, spec.urdf_path, spec.base_link)
    if cell.driver is not None:
        body = body.holding(*solids_of(cell.driver), name="driver")
    people = [station.pose.xyz for station in cell.stations.values() if station.kind == "hand_over"]
    return Proof(
        chain,
        cell.base_pose.matrix(),
        Surroundings(body, scene),
        cell.limits.tcp_speed,
        cell.limits.workspace,
        np.array(people).reshape(-1, 3),
    )


def solids_of(driver: Spindle) -> tuple[Shape, ...]:
    """A driver's solids in the frame of the tip."""
    rods = [cylinder("", radius, length, at.matrix()) for radius, length, at in (driver.bit, driver.body)]
    edges, at = driver.bracket
    return (*rods, box("", edges, at.matrix()))


def limits_broken(chain: Chain, trajectory: Trajectory, from_rest: bool = True) -> list[str]:
    """What is wrong with a motion, as "joint, time, value" lines; empty for a good one.

    Checks finite numbers, an even tick, rest at the end (and the start, unless ``from_rest`` is False), the limits
    of position, velocity, acceleration and jerk (mean over each tick), and that positions and velocities are each
    other's integrals to within what bounded jerk can hide in a tick.
    """
    t, q, qd, qdd = trajectory.t, trajectory.q, trajectory.qd, trajectory.qdd
    if len(t) < 2 or any(a.shape != (len(t), chain.n) for a in (q, qd, qdd)):
        return [f"needs two samples or more of {chain.n} joints: t {t.shape}, q {q.shape}, qd {qd.shape}"]
    if not all(np.all(np.isfinite(a)) for a in (t, q, qd, qdd)):
        return ["holds values that are no numbers"]
    dt = float(t[1] - t[0])
    if dt <= 0 or np.max(np.abs(t - dt * np.arange(len(t)))) > 1e-9 * len(t):
        return ["its samples aren't evenly spaced in time from 0"]
    jerk = chain.qddd_max
    in_position, in_velocity = jumps(chain, q, qd, qdd, dt)
    checks: list[tuple[str, Array, Array, str]] = [
        ("above its position limit", q - chain.q_max, np.full(chain.n, 1e-6), "rad"),
        ("below its position limit", chain.q_min - q, np.full(chain.n, 1e-6), "rad"),
        ("velocity", np.abs(qd), chain.qd_max * 1.001, "rad/s"),
        ("acceleration", np.abs(qdd), chain.qdd_max * 1.001, "rad/s²"),
        ("jerk", np.abs(np.diff(qdd, axis=0)) / dt, jerk * 1.001 + 1e-6, "rad/s³"),
        ("jump in position", *in_position, "rad"),
        ("jump in velocity", *in_velocity, "rad/s"),
        ("velocity at the end", np.abs(qd[-1:]), np.full(chain.n, 1e-9), "rad/s"),
        ("velocity at the start", np.abs(qd[:1]) * from_rest, np.full(chain.n, 1e-9), "rad/s"),
    ]
    found = []
    for name, values, limit, unit in checks:
        row, joint = np.unravel_index(int(np.argmax(values / limit)), values.shape)
        if values[row, joint] > limit[joint]:
            at = 1000 * float(t[-1] if name.endswith("end") else t[row])
            size = f"{values[row, joint]:.4g} {unit}, at most {limit[joint]:.4g}"
            found.append(f"{chain.joint_names[joint]} at {at:.0f} ms: {name} {size}")
    return found
