"""The simulated arm and its gripper behind the ports: setpoints in, joint torques out, readings back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from cells.control.setpoints import Compliant, JointTarget, Segment, Setpoint
from cells.description.robot import RobotSpec
from cells.kinematics.chain import Chain
from cells.kinematics.kernels import GRAVITY
from cells.ports import ArmReading, GripperReading
from cells.pose import Array, Pose
from sim import servo

FINGER_FRICTION = 1.2  # rubber on metal; Bullet multiplies it with the part's
COUPLING_FORCE = 100.0  # N that the finger-to-finger gear can carry
HOLDING_FORCE = 20.0  # N with which the fingers stay open before the first command
PATIENCE = 0.02  # s after which a streamed target that isn't followed by another is held


class Controller(ABC):
    """What an arm follows: setpoints in, and at each physics step a spring or a reference of its joints."""

    def __init__(self, chain: Chain, base: Pose, home: Array, dt: float) -> None:
        self._chain, self._dt = chain, dt
        self._base_matrix = base.matrix()
        self._from_world = base.inverse().matrix()
        self.q, self.qd, self.tau = home.copy(), np.zeros(chain.n), np.zeros(chain.n)
        self._hold(home)

    def command(self, setpoint: Setpoint) -> None:
        """Take one setpoint; a Segment starts now."""
        if isinstance(setpoint, Compliant):
            if not isinstance(self._setpoint, Compliant):
                self._posture = self.q.copy()
            turn = self._from_world[:3, :3]
            self._target = self._from_world @ setpoint.pose.matrix()
            self._twist = np.concatenate([turn @ setpoint.twist[:3], turn @ setpoint.twist[3:]])
        self._setpoint, self._elapsed = setpoint, 0.0

    @abstractmethod
    def begin(self, q: Array) -> None:
        """Stand at the joints ``q`` (n,), at rest, from the start, before anything moves."""

    @abstractmethod
    def actuate(self) -> None:
        """Compute and apply what drives one physics step; :meth:`sense` after it."""

    @abstractmethod
    def sense(self) -> None:
        """Take over the state from the physics."""

    @abstractmethod
    def read(self) -> ArmReading: ...

    @abstractmethod
    def felt(self, weight: float, centre: Array) -> Array:
        """(6,) [f; m] at the tcp in the world frame that acted on the tool during the last physics step: what came
        from outside, and the tool's own ``weight`` (N), which hangs at ``centre`` (3,) m in the tcp's frame."""

    def _hold(self, q: Array) -> None:
        self._setpoint: Setpoint = JointTarget(q.copy(), np.zeros(self._chain.n))
        self._elapsed = 0.0
        self._ref = (q.copy(), np.zeros(self._chain.n), np.zeros(self._chain.n))

    def _next(self) -> Compliant | None:
        """Begin a physics step: the spring that the arm is to be, or None where ``_ref`` says where its joints go."""
        setpoint = self._setpoint
        self._elapsed += self._dt
        if isinstance(setpoint, Compliant):
            return setpoint
        if isinstance(setpoint, Segment):
            path = setpoint.trajectory
            self._ref = servo.reference(self._elapsed, path.t[1] - path.t[0], path.q, path.qd, path.qdd)
            if self._elapsed >= path.duration:
                self._hold(path.q[-1])
        elif self._elapsed <= PATIENCE:
            self._ref = (setpoint.q + setpoint.qd * (self._elapsed - self._dt), setpoint.qd, np.zeros(self._chain.n))
        else:
            self._hold(self._ref[0])
        return None

    def _lead(self) -> None:
        """Move the spring's centre on at the commanded twist, until the next tick."""
        self._target[:3, 3] += self._twist[:3] * self._dt


class SimArm(Controller):
    """The arm of a loaded robot body; :meth:`actuate` is called once per physics step."""

    def __init__(self, bullet: Any, body: int, chain: Chain, base: Pose, home: Array, dt: float) -> None:
        super().__init__(chain, base, home, dt)
        self._bullet, self._body = bullet, body
        names = {bullet.getJointInfo(body, j)[1].decode(): j for j in range(bullet.getNumJoints(body))}
        self._joints = [names[name] for name in chain.joint_names]
        for joint, angle in zip(self._joints, home, strict=True):
            bullet.resetJointState(body, joint, angle)
        bullet.setJointMotorControlArray(body, self._joints, bullet.VELOCITY_CONTROL, forces=[0.0] * chain.n)
        # Looked up once: a client of Bullet looks a function up anew each time, and these run in every physics step.
        self._joint_states, self._drive = bullet.getJointStates, bullet.setJointMotorControlArray
        self._torque = bullet.TORQUE_CONTROL
        self.energy_j = 0.0
        self._before = home.copy(), np.zeros(chain.n)

    def begin(self, q: Array) -> None:
        """Stand at the joints ``q`` (n,), at rest, from the start, before anything moves."""
        for joint, angle in zip(self._joints, q, strict=True):
            self._bullet.resetJointState(self._body, joint, angle)
        self.sense()
        self._hold(q)

    def sense(self) -> None:
        """Take over the joint state from the physics."""
        for i, state in enumerate(self._joint_states(self._body, self._joints)):
            self.q[i], self.qd[i] = state[0], state[1]

    def actuate(self) -> None:
        """Compute and apply the torques of one physics step; :meth:`sense` after it."""
        self._before = self.q.copy(), self.qd.copy()
        chain, spring = self._chain, self._next()
        if spring is not None:
            self.tau = servo.impedance_torque(
                self.q, self.qd, self._target, self._twist, spring.stiffness, spring.force_limit,
                self._posture, chain.tau_max, chain.arrays,
            )  # fmt: skip
            self._lead()
            self._ref = (self.q.copy(), self.qd.copy(), np.zeros(chain.n))
        else:
            self.tau = servo.joint_torque(self.q, self.qd, *self._ref, chain.tau_max, chain.arrays)
        self.energy_j += servo.power(self.tau, self.qd) * self._dt
        self._drive(self._body, self._joints, self._torque, forces=self.tau.tolist())

    def read(self) -> ArmReading:
        tcp = Pose.from_matrix(self._base_matrix @ self._chain.fk(self.q))
        q_cmd, qd_cmd, qdd_cmd = self._ref
        return ArmReading(
            q=self.q.copy(), qd=self.qd.copy(), tau=self.tau.copy(), q_cmd=q_cmd, qd_cmd=qd_cmd, qdd_cmd=qdd_cmd,
            tcp=tcp, busy=isinstance(self._setpoint, Segment), energy_j=self.energy_j,
        )  # fmt: skip

    def felt(self, weight: float, centre: Array) -> Array:
        q, qd = self._before
        return servo.felt_wrench(
            q, qd, self.qd, self._dt, self.tau, self._chain.arrays, self._base_matrix, weight, centre
        )


class SimGripper:
    """Two prismatic fingers, coupled to each other by a gear as a real parallel gripper's are.

    Their friction is Bullet's with an anchor (Coulomb's cone as without, but what creeps within it is drawn back): with
    none a solver that hasn't converged lets what is held creep at two thirds of the force at which it should slip.
    """

    def __init__(self, bullet: Any, body: int, spec: RobotSpec) -> None:
        self._bullet, self._body = bullet, body
        names = {bullet.getJointInfo(body, j)[1].decode(): j for j in range(bullet.getNumJoints(body))}
        self._joints = [names[name] for name in spec.gripper.joints]
        a, b = self._joints
        gear = bullet.createConstraint(body, a, body, b, bullet.JOINT_GEAR, [1, 0, 0], [0, 0, 0], [0, 0, 0])
        bullet.changeConstraint(gear, gearRatio=-1, erp=0.2, maxForce=COUPLING_FORCE)
        for joint in self._joints:
            bullet.changeDynamics(
                body, joint, lateralFriction=FINGER_FRICTION, spinningFriction=0.002, rollingFriction=0.0,
                frictionAnchor=1,
            )  # fmt: skip
            bullet.resetJointState(body, joint, spec.gripper.max_width / 2)
        self.move(spec.gripper.max_width, spec.gripper.max_speed, HOLDING_FORCE)

    def begin(self, width: float) -> None:
        """Stand open by ``width`` (m) from the start, before anything moves."""
        for joint in self._joints:
            self._bullet.resetJointState(self._body, joint, width / 2)

    def move(self, width: float, speed: float, force: float) -> None:
        """Move to ``width`` (m) at ``speed`` (m/s of the opening), pressing with at most ``force`` (N)."""
        for joint in self._joints:
            self._bullet.setJointMotorControl2(
                self._body, joint, self._bullet.POSITION_CONTROL, targetPosition=width / 2,
                positionGain=0.1, velocityGain=1.0, force=force, maxVelocity=speed / 2,
            )  # fmt: skip

    def read(self) -> GripperReading:
        a, b = self._bullet.getJointStates(self._body, self._joints)
        speed = a[1] + b[1]
        return GripperReading(a[0] + b[0], speed, (abs(a[3]) + abs(b[3])) / 2, abs(speed) < 1e-3)


class SimWrench:
    """Force and moment at the tool, with the tool's weight, as a wrist sensor tells them: the mean over a control tick,
    not the instant in which two rigid bodies meet.

    Computed from motion and torques of the arm, which is exact in simulation. Bullet's own joint reaction isn't: it
    loses what comes along and about the axis of the fingers' joints.
    """

    def __init__(self, arm: Controller, bullet: Any, body: int, flange: str, noise: Sequence[float], seed: int) -> None:
        """``flange`` is the link that the tool hangs on; a body that has none begins there."""
        self._arm = arm
        infos = [bullet.getJointInfo(body, j) for j in range(bullet.getNumJoints(body))]
        base = -1
        tool = {next((info[0] for info in infos if info[12].decode() == flange), base)}
        for info in infos:
            if info[16] in tool:
                tool.add(info[0])
        links = sorted(tool - {base})
        masses = np.array([bullet.getDynamicsInfo(body, link)[0] for link in links])
        centres = np.array([bullet.getLinkState(body, link)[0] for link in links])
        tcp = arm.read().tcp.matrix()
        self._weight = float(GRAVITY * masses.sum())
        self._centre = tcp[:3, :3].T @ (masses @ centres / masses.sum() - tcp[:3, 3])
        self._noise, self._random = np.array(noise), np.random.default_rng([seed, 7])
        self._sum, self._steps = self._felt(), 1

    def _felt(self) -> Array:
        return self._arm.felt(self._weight, self._centre)

    def sense(self, first: bool) -> None:
        """Feel one physics step, the ``first`` of a control tick or another."""
        felt = self._felt()
        self._sum, self._steps = (felt, 1) if first else (self._sum + felt, self._steps + 1)

    def read(self) -> Array:
        """(6,) [f; m] at the tcp in the world frame: what acts on the tool, untared."""
        return self._sum / self._steps + self._random.standard_normal(6) * self._noise
