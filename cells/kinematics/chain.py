"""A serial chain of joints, read from a URDF, with its limits: what every motion in the cell is computed from."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cells.errors import CellwrightError, InputError, Problem
from cells.kinematics import compiled, ik, ur
from cells.kinematics.kernels import Arrays
from cells.kinematics.numerics import axis_frame, is_pose
from cells.pose import Array

if TYPE_CHECKING:
    from roboticstoolbox import Robot

    from cells.description.cell import Cell
    from cells.description.spindle import Spindle

MOVING = ("revolute", "continuous", "prismatic")


@dataclass(frozen=True, eq=False)
class Chain:
    """Joints from base to tip. Arrays are (n,), SI units; ``arrays`` as :mod:`cells.kinematics.kernels` says.

    Runs on the generic kernels, or, where ``specialised``, on kernels written and compiled for it.
    """

    name: str
    joint_names: tuple[str, ...]
    q_min: Array
    q_max: Array
    qd_max: Array
    qdd_max: Array
    qddd_max: Array
    tau_max: Array
    arrays: Arrays
    specialised: bool = False

    @classmethod
    def from_urdf(cls, path: Path, base: str, tip: str, limits: Mapping[str, Sequence[float]]) -> Chain:
        """Read the chain; ``limits`` gives ``acceleration`` (rad/s²) and ``jerk`` (rad/s³) per joint, base first.

        Everything that hangs on a moving link by fixed joints, and side branches such as fingers (at the middle of
        their travel), counts as that link's mass. Raises :class:`InputError` for a missing link, limit or joint.
        """
        root = ET.fromstring(path.read_bytes())
        joints = _by_child(root, path)
        links = {link.get("name"): link for link in root.iter("link")}
        on_way = _way(joints, base, tip, path)
        moving = [j for j in on_way if j.get("type") in MOVING]
        n = len(moving)
        origins = np.tile(np.eye(4), (n + 1, 1, 1))
        axes, prismatic = np.zeros((n, 3)), np.zeros(n, np.int64)
        bodies: list[list[tuple[float, Array, Array]]] = [[] for _ in range(n)]
        k, reached = 0, np.eye(4)
        for joint in on_way:
            reached = reached @ origin_of(joint)
            if joint.get("type") in MOVING:
                origins[k], reached = reached, np.eye(4)
                axis = joint.find("axis")
                text = "1 0 0" if axis is None else axis.get("xyz", "1 0 0")
                vector = np.array([float(v) for v in text.split()])
                axes[k], prismatic[k] = vector / np.linalg.norm(vector), joint.get("type") == "prismatic"
                k += 1
                child = joint.find("child").get("link")  # type: ignore[union-attr]
                _collect(child, np.eye(4), links, joints, {id(j) for j in moving}, bodies[k - 1])
        origins[n] = reached
        mass, com, inertia = np.zeros(n), np.zeros((n, 3)), np.zeros((n, 3, 3))
        for i, parts in enumerate(bodies):
            mass[i], com[i], inertia[i] = _merged(parts)
        names = tuple(str(j.get("name")) for j in moving)
        return cls(
            name=f"{root.get('name')}:{tip}",
            joint_names=names,
            q_min=_limit(moving, "lower", path),
            q_max=_limit(moving, "upper", path),
            qd_max=_limit(moving, "velocity", path),
            qdd_max=_extra(limits, "acceleration", names, path),
            qddd_max=_extra(limits, "jerk", names, path),
            tau_max=_limit(moving, "effort", path),
            arrays=(origins, axes, prismatic, mass, com, inertia),  # type: ignore[arg-type]
        )

    def carrying(self, mass: float, centre: Array, inertia: Array) -> Chain:
        """The same with a body fixed to its tip: kg, ``centre`` (3,) and ``inertia`` (3, 3) about it in its frame."""
        *frames, masses, centres, inertias = self.arrays
        tip = self.arrays[0][self.n]
        added = (mass, tip[:3, :3] @ centre + tip[:3, 3], tip[:3, :3] @ inertia @ tip[:3, :3].T)
        masses, centres, inertias = masses.copy(), centres.copy(), inertias.copy()
        masses[-1], centres[-1], inertias[-1] = _merged([(masses[-1], centres[-1], inertias[-1]), added])
        return replace(self, arrays=(*frames, masses, centres, inertias))  # type: ignore[arg-type]

    def __getstate__(self) -> dict[str, Any]:
        """What goes to another process: the chain itself, not the functions that were made for it in this one."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def n(self) -> int:
        """Number of joints."""
        return len(self.joint_names)

    @cached_property
    def formula(self) -> ur.Geometry | None:
        """What :meth:`branches` computes with, if the arm is built for it."""
        return ur.geometry(self)

    @cached_property
    def limits(self) -> Array:
        """Lowest and highest joints, (2, n)."""
        return np.stack([self.q_min, self.q_max])

    @cached_property
    def kernels(self) -> compiled.Kernels:
        """The functions that everything is computed by."""
        return compiled.generated(self) if self.specialised else compiled.generic(self)

    def fk(self, q: Array) -> Array:
        """Tip pose (4, 4) in the base frame of joints ``q`` (n,)."""
        return self._forward(q)[0]

    def jacobian(self, q: Array) -> Array:
        """Geometric Jacobian (6, n) at the tip, rows [v; w], base axes."""
        return self._forward(q)[1]

    def _forward(self, q: Array) -> tuple[Array, Array]:
        pose, jacobian = np.empty((4, 4)), np.empty((6, self.n))
        self.kernels.forward(np.ascontiguousarray(q, dtype=float), self.kernels.robot, pose, jacobian)
        return pose, jacobian

    def forward_batch(
        self, q: Array, poses: Array | None = None, jacobians: Array | None = None
    ) -> tuple[Array, Array]:
        """Tip poses (m, 4, 4) and Jacobians (m, 6, n) of joints ``q`` (m, n), into the arrays given or new ones."""
        q = np.ascontiguousarray(q, dtype=float)
        poses = np.empty((len(q), 4, 4)) if poses is None else poses
        jacobians = np.empty((len(q), 6, self.n)) if jacobians is None else jacobians
        self.kernels.forward_batch(q, self.kernels.robot, poses, jacobians)
        return poses, jacobians

    @cached_property
    def solve(self) -> ik.Solve:
        """``solve(target, q0)``: joints (n,) within limits that put the tip at ``target`` (4, 4, base frame), starting
        from ``q0``, and whether they do to 1e-6 m and 1e-6 rad: see :func:`cells.kinematics.ik.solver`."""
        return ik.solver(self)

    def solve_batch(self, targets: Array, starts: Array) -> tuple[Array, npt.NDArray[np.bool_]]:
        """Joints (m, n) and ok (m,) for targets (m, 4, 4) from starts (m, n) or (n,): as ``m`` calls of solve."""
        return ik.solve_batch(self, targets, starts)

    def manipulability(self, q: Array) -> float:
        """How far joints ``q`` (n,) are from a singularity: the least singular value of the Jacobian, m and rad alike
        (Klein & Blaho, "Dexterity measures for the design and control of kinematically redundant manipulators", IJRR
        6(2), 1987). It bounds joint speeds: the tip at twist v needs at most |v| over it."""
        return float(np.linalg.svd(self.jacobian(q), compute_uv=False)[-1])

    def limit_distance(self, q: Array) -> Array:
        """How far each of joints ``q`` (n,) is from its nearer limit (n,), rad or m; negative beyond it."""
        return np.minimum(q - self.q_min, self.q_max - q)

    def branches(self, target: Array, near: Array) -> Array:
        """All joints (k, n), k up to 8, within limits that put the tip at ``target``, each as near to ``near`` as whole
        turns allow; the nearest first.

        Raises :class:`CellwrightError` for an arm that isn't built like Universal Robots': :mod:`cells.kinematics.ur`.
        """
        known = self.formula
        if known is None:
            raise CellwrightError(
                Problem(self.name, "has no formula for all its solutions", "call solve from several starts")
            )
        found, count = np.empty((8, 6)), 0
        if is_pose(target):
            wrist = ur.seen_from_joint_1(target, known.base, known.tool)
            numbers = known.lengths, known.signs, known.offsets
            count = ur.by_formula(wrist, *numbers, np.array(near, float), self.q_min, self.q_max, True, found)
        found = found[:count]
        return np.asarray(found[np.argsort(np.linalg.norm(found - near, axis=1), kind="stable")])

    def to_rtb(self) -> Robot:
        """This chain as a roboticstoolbox robot, for people who live there: same joints, limits, base and tip.

        Roboticstoolbox turns about and slides along x, y and z only, so that each joint's axis is laid on z and back.
        Masses don't go along. Imported here: it takes seconds to load.
        """
        from roboticstoolbox import ET, ETS, Robot

        origins, axes, prismatic = self.arrays[:3]
        steps: Any = ETS()  # type: ignore[operator]
        for k, axis in enumerate(axes):
            turn = np.eye(4)
            turn[:3, :3] = axis_frame(axis)
            joint = ET.tz if prismatic[k] else ET.Rz
            steps = steps * ET.SE3(origins[k] @ turn) * joint(qlim=[self.q_min[k], self.q_max[k]]) * ET.SE3(turn.T)
        return Robot(steps * ET.SE3(origins[self.n]), name=self.name)


def _by_child(root: ET.Element, path: Path) -> dict[str | None, ET.Element]:
    """The joint that each link hangs on."""
    out: dict[str | None, ET.Element] = {}
    for joint in root.iter("joint"):
        child = joint.find("child").get("link")  # type: ignore[union-attr]
        if child in out:
            what = f"hangs on 2 joints ({out[child].get('name')}, {joint.get('name')})"
            raise InputError(Problem(f"{path.name}:{child}", what, "open the loop: a chain is a tree's branch"))
        out[child] = joint
    return out


def _way(joints: Mapping[str | None, ET.Element], base: str, tip: str, path: Path) -> list[ET.Element]:
    """The joints from base to tip, in order."""
    way: list[ET.Element] = []
    link: str | None = tip
    while link != base:
        joint = joints.get(link)
        if joint is None or joint in way:
            where = f"{path.name}:{tip}"
            raise InputError(
                Problem(where, f"no joints lead from {base!r} to it", "name a base and a tip of one chain")
            )
        way.append(joint)
        link = joint.find("parent").get("link")  # type: ignore[union-attr]
    return way[::-1]


def origin_of(element: ET.Element) -> Array:
    """(4, 4) of a URDF <origin> child (fixed-axis roll, pitch, yaw), identity where it has none."""
    out = np.eye(4)
    origin = element.find("origin")
    if origin is None:
        return out
    out[:3, 3] = [float(v) for v in origin.get("xyz", "0 0 0").split()]
    roll, pitch, yaw = (float(v) for v in origin.get("rpy", "0 0 0").split())
    cr, sr, cp, sp, cy, sy = (f(a) for a in (roll, pitch, yaw) for f in (math.cos, math.sin))
    out[:3, :3] = [
        [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
        [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
        [-sp, cp * sr, cp * cr],
    ]
    return out


def _collect(
    link: str | None,
    frame: Array,
    links: Mapping[str | None, ET.Element],
    joints: Mapping[str | None, ET.Element],
    chain: set[int],
    into: list[tuple[float, Array, Array]],
) -> None:
    """Gather (mass, centre, inertia) of a link and all that hangs on it, but for the chain's own next joints."""
    inertial = links[link].find("inertial")
    if inertial is not None:
        mass = float(inertial.find("mass").get("value", "0"))  # type: ignore[union-attr]
        tensor = inertial.find("inertia")
        v = {k: float(tensor.get(k, "0")) for k in ("ixx", "ixy", "ixz", "iyy", "iyz", "izz")}  # type: ignore[union-attr]
        matrix = np.array(
            [[v["ixx"], v["ixy"], v["ixz"]], [v["ixy"], v["iyy"], v["iyz"]], [v["ixz"], v["iyz"], v["izz"]]]
        )
        at = frame @ origin_of(inertial)
        into.append((mass, at[:3, 3], at[:3, :3] @ matrix @ at[:3, :3].T))
    for child, joint in joints.items():
        if joint.find("parent").get("link") == link and id(joint) not in chain:  # type: ignore[union-attr]
            step = origin_of(joint)
            if joint.get("type") == "prismatic":
                limit, axis = joint.find("limit"), joint.find("axis")
                ends = [float(limit.get(key, "0")) for key in ("lower", "upper")]  # type: ignore[union-attr]
                middle = sum(ends) / 2
                along = np.array([float(a) for a in axis.get("xyz", "1 0 0").split()])  # type: ignore[union-attr]
                step[:3, 3] += step[:3, :3] @ along * middle
            _collect(child, frame @ step, links, joints, chain, into)


def _merged(parts: Sequence[tuple[float, Array, Array]]) -> tuple[float, Array, Array]:
    """One body out of several (parallel axes)."""
    mass = sum(m for m, _, _ in parts)
    if mass == 0:
        return 0.0, np.zeros(3), np.zeros((3, 3))
    com = np.sum([m * c for m, c, _ in parts], axis=0) / mass
    inertia = np.zeros((3, 3))
    for m, c, i in parts:
        d = c - com
        inertia += i + m * (d @ d * np.eye(3) - np.outer(d, d))
    return mass, com, inertia


def _limit(joints: Sequence[ET.Element], key: str, path: Path) -> Array:
    out = []
    for joint in joints:
        limit = joint.find("limit")
        if joint.get("type") == "continuous" and key in ("lower", "upper"):
            out.append(-math.inf if key == "lower" else math.inf)
        elif limit is None or limit.get(key) is None:
            raise InputError(Problem(f"{path.name}:{joint.get('name')}", f"has no limit {key!r}", "add it to <limit>"))
        else:
            out.append(float(limit.get(key, "0")))
    return np.array(out)


def _extra(limits: Mapping[str, Sequence[float]], key: str, names: Sequence[str], path: Path) -> Array:
    values = limits.get(key, ())
    if len(values) != len(names):
        what = f"{len(values)} {key} limits for the {len(names)} joints {', '.join(names)}"
        raise InputError(Problem(f"{path.name}:{key}", what, "give one per joint, base first"))
    return np.array(values, dtype=float)


@lru_cache(maxsize=8)
def _load(path: Path, base: str, tip: str, acceleration: tuple[float, ...], jerk: tuple[float, ...]) -> Chain:
    return replace(Chain.from_urdf(path, base, tip, {"acceleration": acceleration, "jerk": jerk}), specialised=True)


@lru_cache(maxsize=8)
def _with(chain: Chain, spindle: Spindle) -> Chain:
    """The chain with a driver's spindle, as the cylinder that it is."""
    radius, length, at = spindle.body
    across = spindle.mass_kg * (3 * radius**2 + length**2) / 12
    inertia = np.diag([across, across, spindle.mass_kg * radius**2 / 2])
    return chain.carrying(spindle.mass_kg, np.array(at.xyz), inertia)


def load_chain(cell: Cell) -> Chain:
    """The chain of a cell's arm with all that is fixed to its hand, from its base link to its tool centre point, on
    kernels of its own."""
    spec = cell.robot_spec
    try:
        chain = _load(spec.urdf_path, spec.base_link, spec.tcp_link, spec.acceleration, spec.jerk)
        return _with(chain, cell.driver) if cell.driver else chain
    except OSError as error:
        raise CellwrightError(Problem(str(spec.urdf_path), error.strerror or "unreadable", "reinstall")) from error
