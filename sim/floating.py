"""A gripper that floats: what an arm holds, driven as the arm's own impedance drives it, without the arm.

The tool is the cell's, with its true masses; at the flange it carries a body that makes it as inert as the arm is at
the tool, seen by a contact. That is told by the operational-space inertia (Khatib, "A unified approach for motion and
force control of robot manipulators", 1987). A rigid body has one mass in all directions and an arm has not: the body
gets the arm's inertia along the tool, about it, and the mean of the two about the axes across it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from cells.control.setpoints import Compliant, Segment
from cells.kinematics.chain import Chain
from cells.kinematics.kernels import GRAVITY, Arrays, dynamics, fk_jacobian
from cells.ports import ArmReading
from cells.pose import Array, Pose
from sim.arm import Controller
from sim.servo import IMPEDANCE_DAMPING, SERVO_BANDWIDTH, rotation_error

LEAST_SHARE = 0.1  # of the inertia that is wanted which the added body has at least, where the tool alone has more
SINGULAR = 1e-6  # damping of the inverse that tells joint speeds


@dataclass(frozen=True, slots=True)
class Apparent:
    """An arm's inertia at its tool: ``mass`` (kg) along it, ``across`` and ``axial`` (kg·m²) about its axes; and the
    diagonal (6,) of the operational-space inertia, base axes, that its dampers go by."""

    mass: float
    across: float
    axial: float
    damped: Array


def apparent(chain: Chain, q: Array) -> Apparent:
    """The inertia of an arm at joints ``q`` (n,).

    A contact along the tool meets less mass where the tool is free to turn than where something, such as a hole, keeps
    it from turning: 5.3 and 9.0 kg for a Panda over its fixture. The mass is their geometric mean.
    """
    tip, jacobian, matrix, _ = dynamics(q, np.zeros(chain.n), chain.arrays)
    mobility = jacobian @ np.linalg.solve(matrix, jacobian.T) + 1e-6 * np.eye(6)
    turn = np.kron(np.eye(2), tip[:3, :3])
    free = 1 / np.diag(turn.T @ mobility @ turn)
    inertia = np.linalg.inv(mobility)
    held = (turn.T @ inertia @ turn)[2, 2]
    across = 2 / (1 / free[3] + 1 / free[4])
    return Apparent(math.sqrt(free[2] * held), across, float(free[5]), np.diag(inertia).copy())


@njit(cache=True)
def _matrix(at: Array, quat: Array) -> Array:
    """(4, 4) of a position and a quaternion xyzw."""
    x, y, z, w = quat
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w), at[0]],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w), at[1]],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y), at[2]],
        [0.0, 0.0, 0.0, 1.0],
    ])  # fmt: skip


@njit(cache=True)
def _seen(at: Array, quat: Array, velocity: Array, tool: Array, base: Array) -> tuple[Array, Array]:
    """The tip (4, 4) and its twist (6,), both in the arm's base, of a flange in the world."""
    flange = _matrix(at, quat)
    tip = flange @ tool
    twist = velocity.copy()
    twist[:3] += np.cross(velocity[3:], tip[:3, 3] - at)
    turn = np.ascontiguousarray(base[:3, :3])
    out = np.empty(6)
    out[:3], out[3:] = turn @ twist[:3], turn @ twist[3:]
    return base @ tip, out


@njit(cache=True)
def spring_wrench(
    tip: Array, moving: Array, target: Array, twist: Array, stiffness: Array, force_limit: float, inertia: Array
) -> Array:
    """[f; m] (6,) at the tip of the law that :func:`sim.servo.impedance_torque` has, for a tip that moves at ``moving``
    (6,); ``inertia`` (6,) is what its dampers go by."""
    error = np.empty(6)
    error[:3] = target[:3, 3] - tip[:3, 3]
    error[3:] = rotation_error(target, tip)
    spring = stiffness * error
    pull = math.sqrt(spring[0] * spring[0] + spring[1] * spring[1] + spring[2] * spring[2])
    if pull > force_limit:
        spring[:3] *= force_limit / pull
    return spring + 2.0 * IMPEDANCE_DAMPING * np.sqrt(stiffness * inertia) * (twist - moving)


@njit(cache=True)
def servo_wrench(
    tip: Array, moving: Array, q: Array, qd: Array, qdd: Array, mass: float, centre: Array, inertia: Array,
    arrays: Arrays,
) -> Array:  # fmt: skip
    """[f; m] (6,) at the tip that lets it follow joints (n,) as stiffly as :func:`sim.servo.joint_torque` does.

    ``centre`` (3,) of the ``mass`` and its ``inertia`` (3, 3) about it, in the tip's frame.
    """
    goal, jacobian = fk_jacobian(q, arrays)
    error = np.empty(6)
    error[:3] = goal[:3, 3] - tip[:3, 3]
    error[3:] = rotation_error(goal, tip)
    accel = jacobian @ qdd + SERVO_BANDWIDTH * (2.0 * (jacobian @ qd - moving) + SERVO_BANDWIDTH * error)
    turn = np.ascontiguousarray(tip[:3, :3])
    lever, out = turn @ centre, np.empty(6)
    out[:3] = mass * (accel[:3] + np.cross(accel[3:], lever))
    out[3:] = turn @ inertia @ turn.T @ accel[3:] + np.cross(lever, out[:3])
    return out


@njit(cache=True)
def push(sent: Array, tip: Array, at: Array, mass: float, centre: Array, base: Array) -> tuple[Array, Array]:
    """Force (3,) at ``at`` and moment (3,), world axes, of what is ``sent`` to the tip (6,), and of what carries the
    weight of the ``mass`` at its ``centre``."""
    into, hand = np.ascontiguousarray(base[:3, :3]), base @ tip
    force, lift = into @ sent[:3], np.array([0.0, 0.0, GRAVITY * mass])
    lever = hand[:3, 3] - at
    to_centre = lever + np.ascontiguousarray(hand[:3, :3]) @ centre
    return force + lift, into @ sent[3:] + np.cross(lever, force) + np.cross(to_centre, lift)


@njit(cache=True)
def felt_wrench(
    before: Array, after: Array, tip: Array, sent: Array, mass: float, centre: Array, inertia: Array, dt: float,
    base: Array, weight: float, hangs: Array,
) -> Array:  # fmt: skip
    """[f; m] (6,) at the tip, world axes: what acted from outside, that is, what the change of the tip's twist (6,),
    base axes, took beyond what was ``sent``; and the ``weight`` (N) of the tool, which ``hangs`` at (3,) of its frame.
    Newton and Euler about the centre of mass; gravity was compensated, so that it isn't felt but for the tool's."""
    turn, into = np.ascontiguousarray(tip[:3, :3]), np.ascontiguousarray(base[:3, :3])
    lever, spin = turn @ centre, before[3:]
    full = turn @ inertia @ turn.T
    rate = (after - before) / dt
    told = np.empty(6)
    at_centre = rate[:3] + np.cross(rate[3:], lever) + np.cross(spin, np.cross(spin, lever))
    told[:3] = mass * at_centre - sent[:3]
    told[3:] = full @ rate[3:] + np.cross(spin, full @ spin) + np.cross(lever, mass * at_centre) - sent[3:]
    out = np.empty(6)
    out[:3], out[3:] = into @ told[:3], into @ told[3:]
    pull = np.array([0.0, 0.0, -weight])
    out[:3] += pull
    out[3:] += np.cross(into @ (turn @ hangs), pull)
    return out


class FloatingArm(Controller):
    """The floating gripper of a loaded body, behind an arm's port: its joints are those with which the arm would put
    the tool where it is. What hangs at the flange are the gripper's links, at the flange itself the added body."""

    def __init__(self, bullet: Any, body: int, chain: Chain, base: Pose, home: Array, dt: float, tool: Pose) -> None:
        """``tool`` is the tip in the flange's frame."""
        super().__init__(chain, base, home, dt)
        self._bullet, self._body = bullet, body
        self._tool, self._to_flange = tool.matrix(), tool.inverse().matrix()
        self.begin(home)

    def begin(self, q: Array) -> None:
        flange = Pose.from_matrix(self._base_matrix @ self._chain.fk(q) @ self._to_flange)
        self._bullet.resetBasePositionAndOrientation(self._body, flange.xyz, flange.quat)
        self._bullet.resetBaseVelocity(self._body, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
        self.q, self.qd = q.copy(), np.zeros(self._chain.n)
        self._weigh(apparent(self._chain, q), flange)
        self.sense()
        self._before, self._there, self._sent = self._moving, self._tip, np.zeros(6)
        self._hold(q)

    def _weigh(self, wanted: Apparent, flange: Pose) -> None:
        """Give the flange what the tool lacks to be as inert as is ``wanted``."""
        bullet, body, into = self._bullet, self._body, flange.inverse()
        links = range(bullet.getNumJoints(body))
        infos = [bullet.getDynamicsInfo(body, link) for link in links]
        states = [bullet.getLinkState(body, link, computeForwardKinematics=True) for link in links]
        frames = [(into @ Pose(state[0], state[1])).matrix() for state in states]
        masses = np.array([info[0] for info in infos])
        added = max(wanted.mass - masses.sum(), LEAST_SHARE * wanted.mass)
        centre = sum(m * frame[:3, 3] for m, frame in zip(masses, frames, strict=True)) / (added + masses.sum())
        spread = _about(added, centre)
        for info, frame in zip(infos, frames, strict=True):
            turn = frame[:3, :3]
            spread = spread + turn @ np.diag(info[2]) @ turn.T + _about(info[0], frame[:3, 3] - centre)
        goal = np.array([wanted.across, wanted.across, wanted.axial])
        own = np.maximum(goal - np.diag(spread), LEAST_SHARE * goal)
        bullet.changeDynamics(body, -1, mass=added, localInertiaDiagonal=own.tolist())
        self._mass, self._damped = float(added + masses.sum()), wanted.damped
        turn = self._tool[:3, :3]
        self._centre = np.ascontiguousarray(turn.T @ (centre - self._tool[:3, 3]))
        self._inertia = np.ascontiguousarray(turn.T @ (spread + np.diag(own)) @ turn)

    def sense(self) -> None:
        at, quat = self._bullet.getBasePositionAndOrientation(self._body)
        linear, angular = self._bullet.getBaseVelocity(self._body)
        self._at = np.array(at)
        self._tip, self._moving = _seen(
            self._at, np.array(quat), np.array((*linear, *angular)), self._tool, self._from_world
        )

    def actuate(self) -> None:
        self._before, self._there = self._moving, self._tip
        if (spring := self._next()) is not None:
            self._sent = spring_wrench(
                self._tip, self._moving, self._target, self._twist, spring.stiffness, spring.force_limit, self._damped
            )
            self._lead()
        else:
            self._sent = servo_wrench(
                self._tip, self._moving, *self._ref, self._mass, self._centre, self._inertia, self._chain.arrays
            )
        force, moment = push(self._sent, self._tip, self._at, self._mass, self._centre, self._base_matrix)
        bullet = self._bullet
        bullet.applyExternalForce(self._body, -1, force, self._at, bullet.WORLD_FRAME)
        bullet.applyExternalTorque(self._body, -1, moment, bullet.WORLD_FRAME)

    def read(self) -> ArmReading:
        chain, compliant = self._chain, isinstance(self._setpoint, Compliant)
        self.q = chain.solve(self._tip, self.q if compliant else self._ref[0])[0]
        jacobian = chain.jacobian(self.q)
        square = jacobian @ jacobian.T + SINGULAR * np.eye(6)
        self.qd = jacobian.T @ np.linalg.solve(square, self._moving)
        self.tau = jacobian.T @ self._sent
        if compliant:
            self._ref = (self.q, self.qd, np.zeros(chain.n))
        q_cmd, qd_cmd, qdd_cmd = self._ref
        return ArmReading(
            q=self.q, qd=self.qd, tau=self.tau, q_cmd=q_cmd, qd_cmd=qd_cmd, qdd_cmd=qdd_cmd,
            tcp=Pose.from_matrix(self._base_matrix @ self._tip), busy=isinstance(self._setpoint, Segment),
        )  # fmt: skip

    def felt(self, weight: float, centre: Array) -> Array:
        return felt_wrench(
            self._before, self._moving, self._there, self._sent, self._mass, self._centre, self._inertia, self._dt,
            self._base_matrix, weight, centre,
        )  # fmt: skip


def _about(mass: float, lever: Array) -> Array:
    """(3, 3) moment of inertia (kg·m²) of a point mass about a point ``lever`` (3,) m away."""
    return np.asarray(mass * (lever @ lever * np.eye(3) - np.outer(lever, lever)))
