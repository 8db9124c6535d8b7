"""The arm behind a trajectory controller and a streaming one: setpoints in, readings out.

A Segment is a goal of the trajectory controller; one that begins in motion, a ramp to rest, is spliced into the motion
that it takes over from. A JointTarget is a point for the streaming controller, after a change of controllers where the
other one is active. What goes wrong on the way is the arm's ``mode``, until it was read and a new setpoint comes, or
some time has passed: whoever has read it remembers it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from action_msgs.msg import GoalStatus
from control_msgs.action import FollowJointTrajectory
from rclpy.action import ActionClient
from std_msgs.msg import Float64MultiArray

from cells.control.setpoints import JointTarget, Segment, Setpoint, Trajectory
from cells.errors import CellwrightError, Problem
from cells.ports import ArmReading
from cells.pose import Array, Pose
from hw.claim import Claim
from hw.clock import Clock
from hw.feedback import Feedback, Joints
from hw.motion import Motion, begins_moving, goal_of
from hw.names import arm_joints
from hw.network import Network
from hw.switching import Switching

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.kinematics.chain import Chain

PATIENCE_S = 0.02  # s after which a streamed target that isn't followed by another is held
HOLD_S = 0.07  # s that one target waits for the controllers to change: less than the guard's patience with a tick
TOLD_S = 0.5  # s for which what went wrong is told, whether time passes in the cell or not: the next order is another's
LATE_S = 0.1  # s of ticks at which states were too old: for less than that it may be this computer that is late
REASON_S = 0.05  # s in which a robot that has stopped by itself says so, when a motion has ended early
CODES = {
    FollowJointTrajectory.Result.PATH_TOLERANCE_VIOLATED: "path_tolerance",
    FollowJointTrajectory.Result.GOAL_TOLERANCE_VIOLATED: "goal_tolerance",
}


class Ros2Arm:
    """One robot arm with its controllers. :meth:`tick` is to be called once after each of the clock's."""

    def __init__(self, network: Network, cell: Cell, chain: Chain, feedback: Feedback, claim: Claim) -> None:
        node, self._network = network.node, network
        self._log, self._joints = node.get_logger(), arm_joints(cell)
        self._ros2, self._chain, self._base = cell.ros2, chain, cell.base_pose.matrix()
        self._feedback, self._claim = feedback, claim
        self._switching = Switching(network, cell.ros2)
        self._goals = ActionClient(node, FollowJointTrajectory, cell.ros2.trajectory.action)
        self._points = node.create_publisher(Float64MultiArray, cell.ros2.streaming.topic, 1)
        self._lock = threading.RLock()  # setpoints come on the runner's thread, answers on the executor's
        self._motion: Motion | None = None
        self._target: tuple[JointTarget, float] | None = None  # and the clock's time of it
        self._held: Array | None = None  # joints (n,) that the controller holds; None: wherever it stands
        self._wanted: str | None = None  # the controller that was asked for last
        self._fault: str | None = None
        self._told: float | None = None  # when the fault was first read (``time.monotonic()``)
        self._late = 0.0  # s for which the newest state has been too old
        self._at = self._broken_at = 0.0  # the clock's time of the last tick, and of the last motion that ended early
        self._seen: Joints | None = None  # what the tcp was reckoned from last
        self._tcp = Pose()
        self._ran = True  # whether the robot itself let itself be led at the last tick

    def missing(self) -> list[str]:
        """What isn't there yet of what it is led by."""
        told = self._ros2
        found = {
            f"the action {told.trajectory.action}": self._goals.server_is_ready(),
            f"the service {told.switch}": self._switching.ready(),
            f"a subscriber of {told.streaming.topic}": self._points.get_subscription_count() > 0,
        }
        return [name for name, there in found.items() if not there]

    def begin(self, clock: Clock) -> None:
        """From now on time passes on this clock; the arm is at rest."""
        self._clock = clock

    # ------------------------------------------------------------------ setpoints

    def command(self, setpoint: Setpoint) -> None:
        """Take one setpoint. A robot that has stopped by itself gets none, so that nothing begins when it is released.
        Nor does one that isn't heard of: its controller, which knows where it is, ends the motion or holds the point.

        Raises :class:`CellwrightError` for a Compliant, which an arm that takes positions gets from the one law."""
        with self._lock:
            if self._lost() is not None or not self._ran:
                self._drop()
                return
            if self._told is not None:
                self._fault, self._told = None, None
        if isinstance(setpoint, Segment):
            self._follow(setpoint.trajectory)
        elif isinstance(setpoint, JointTarget):
            self._stream(setpoint)
        else:
            raise CellwrightError(Problem("arm", "takes positions", "run the cell in its control mode admittance"))

    def _follow(self, trajectory: Trajectory) -> None:
        """A whole motion: the controller that takes it first, then the goal."""
        splices = begins_moving(trajectory)
        goal = goal_of(trajectory, self._joints, self._clock.theirs() if splices else None)
        with self._lock:
            before, motion = self._motion, Motion(trajectory, elapsed=0.0 if splices else None)
            self._motion, self._target = motion, None
            if self._switching.active == "trajectory":
                self._ask(motion, goal, before)
                return
            self._wanted = "trajectory"
            self._switching.to(self._wanted, lambda done: self._switched(done, lambda: self._ask(motion, goal, before)))

    def _stream(self, target: JointTarget) -> None:
        """One point, once the controller is there that takes it: until then nothing moves, and each target waits."""
        with self._lock:
            if self._motion is not None:
                self._drop()
            if self._wanted != "streaming":
                self._wanted = "streaming"
                self._switching.to(self._wanted, lambda done: self._switched(done, lambda: None))
        if self._switching.active != "streaming" and not self._switching.wait(HOLD_S):
            return
        with self._lock:
            if self._switching.active == "streaming":
                self._points.publish(Float64MultiArray(data=target.q.tolist()))
                self._target, self._held = (target, self._clock.now()), target.q.copy()

    def _switched(self, done: bool, go_on: Callable[[], None]) -> None:
        with self._lock:
            if done:
                go_on()
            else:
                wanted, self._wanted = self._wanted, None
                self.fail("controllers_not_switched", f"the controller manager refused to activate {wanted}")

    # ------------------------------------------------------------------ answers

    def _ask(self, motion: Motion, goal: Any, before: Motion | None) -> None:
        self._network.do(
            lambda: self._goals.send_goal_async(goal).add_done_callback(
                lambda answer: self._answered(motion, answer.result(), before)
            )
        )

    def _answered(self, motion: Motion, handle: Any, before: Motion | None) -> None:
        """The controller takes a goal, or doesn't: then one that still runs ends as well."""
        with self._lock:
            if not handle.accepted:
                self._let_go(before)
                if motion is self._motion:
                    self._switching.active = self._wanted = None  # somebody else may have changed what is active
                    self.fail("motion_rejected", "the trajectory controller rejected a motion")
                return
            motion.accepted(handle)
            if motion.dropped:
                self._let_go(motion)
            handle.get_result_async().add_done_callback(lambda answer: self._ended(motion, answer.result()))

    def _ended(self, motion: Motion, answer: Any) -> None:
        """A goal has ended; one that another took over from is of no concern."""
        with self._lock:
            if motion is not self._motion:
                return
            result = answer.result
            if answer.status == GoalStatus.STATUS_SUCCEEDED and result.error_code == result.SUCCESSFUL:
                self._motion, self._held = None, motion.trajectory.q[-1].copy()
                return
            mode = CODES.get(result.error_code, "motion_aborted")
            motion.broken = mode, f"a motion ended early: {result.error_string or mode} (code {result.error_code})"
            self._broken_at = self._clock.now()

    def fail(self, mode: str, why: str) -> None:
        """What was to be done isn't: nothing moves on, and the arm is wherever it is."""
        with self._lock:
            self._drop()
            self._fault, self._told = mode, None
        self._log.error(why)

    def _drop(self) -> None:
        """Let go of what runs."""
        motion, self._motion, self._target, self._held = self._motion, None, None, None
        self._let_go(motion)

    def _let_go(self, motion: Motion | None) -> None:
        """End a motion that the controller has taken; one that it takes later is ended then."""
        if motion is None:
            return
        motion.dropped = True
        if motion.handle is not None:
            self._network.do(motion.handle.cancel_goal_async)

    # ------------------------------------------------------------------ ticks and readings

    def tick(self) -> None:
        """A tick has passed: the controller is farther with what it follows; look whether it still answers."""
        with self._lock:
            now, running = self._clock.now(), self._feedback.mode == "running"
            self._late = self._late + self._clock.tick_s if self._age() > self._ros2.feedback_timeout_s else 0.0
            if not running:  # the reason of whatever went wrong, or the greater trouble
                self._drop()
                self._fault, self._told = None, None
            if running and not self._ran:  # whoever led it meanwhile may have changed what is active
                self._switching.active = self._wanted = None
            motion = self._motion
            if motion is not None:
                motion.pass_time((now - self._at) * self._feedback.speed_scale)
                if motion.broken and now - self._broken_at > REASON_S:
                    self.fail(*motion.broken)
                elif motion.overdue():
                    self.fail("motion_unanswered", "the trajectory controller doesn't answer")
            self._at, self._ran = now, running
            if self._switching.overdue():
                self._switching.give_up()
                self._wanted = None
                self.fail("controllers_not_switched", "the controller manager doesn't answer")

    def read(self) -> ArmReading:
        """What is measured, and what the controller should be tracking."""
        joints = self._feedback.joints
        assert joints is not None  # the world was opened with one
        with self._lock:
            now = time.monotonic()
            if self._told is not None and now - self._told > TOLD_S:
                self._fault, self._told = None, None
            mode = self._mode()
            if self._told is None and self._fault is not None and mode == self._fault:
                self._told = now
            q_cmd, qd_cmd, qdd_cmd = self._tracked(joints.q)
            busy = self._motion is not None
        return ArmReading(
            q=joints.q, qd=joints.qd, tau=joints.tau, q_cmd=q_cmd, qd_cmd=qd_cmd, qdd_cmd=qdd_cmd,
            tcp=self.tcp(), busy=busy, mode=mode,
            speed_scale=self._feedback.speed_scale, energy_j=joints.energy, age=self._age(),
        )  # fmt: skip

    def tcp(self) -> Pose:
        """The measured tool centre point in the world frame."""
        joints = self._feedback.joints
        assert joints is not None
        if joints is not self._seen:
            self._seen, self._tcp = joints, Pose.from_matrix(self._base @ self._chain.fk(joints.q))
        return self._tcp

    def _mode(self) -> str:
        """Why the arm can't be led, the robot's own reason first; else "running"."""
        return self._lost() or self._fault or ("claimed_elsewhere" if self._claim.rival else "running")

    def _lost(self) -> str | None:
        """Why nobody here can tell the arm what to do: it has stopped by itself, or isn't heard of in time."""
        feedback = self._feedback
        if feedback.mode is not None and feedback.mode != "running":
            return feedback.mode
        if (silent := feedback.silent()) is not None:
            return silent
        assert feedback.joints is not None
        if feedback.joints.stamp and not self._clock.fits(feedback.joints.stamp, feedback.joints.arrival):
            return "clock_mismatch"
        return "late_feedback" if self._late > LATE_S else None

    def _age(self) -> float:
        joints = self._feedback.joints
        assert joints is not None
        if joints.stamp:
            return self._clock.age(joints.stamp, joints.arrival)
        return time.monotonic() - joints.arrival

    def _tracked(self, measured: Array) -> tuple[Array, Array, Array]:
        none = np.zeros(len(measured))
        if self._motion is not None:
            return self._motion.at()
        if self._target is not None:
            target, when = self._target
            if self._clock.now() - when <= PATIENCE_S:
                return target.q, target.qd, none
        return measured if self._held is None else self._held, none, none

    def close(self) -> None:
        """Let nothing go on."""
        with self._lock:
            self._drop()
