"""An arm behind two controllers, of which one is active: whole motions, or one streamed position after another.

Setpoints go to the arm's port; nothing here knows where it leads. What ends a motion early brings the arm to rest on a
jerk-limited ramp, and nothing resumes: after a protective stop the trajectory controller is active, as at the start,
and has no goal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from cells.control.setpoints import JointTarget, Segment, Trajectory
from cells.description.cell import Cell
from cells.kinematics.chain import Chain
from cells.kinematics.trajectory import stop_ramp
from cells.ports import Arm, ArmReading
from hw.controllers.sampling import Rejected, State, Waypoint, sampled
from hw.controllers.trajectory import INVALID_GOAL, SUCCESSFUL, Outcome, Tolerances, TrajectoryController
from hw.names import arm_joints

RUNNING, PROTECTIVE_STOP = "running", "protective_stop"
STRICT = 2  # controller_manager_msgs/SwitchController

Ended = Callable[[Outcome], None]


class ArmControllers:
    """The two controllers of one arm. ``mode`` is the robot's, ``active`` the controller's name, if any is."""

    def __init__(self, cell: Cell, chain: Chain, arm: Arm) -> None:
        self.joints = arm_joints(cell)
        self.names = cell.ros2.trajectory.controller, cell.ros2.streaming.controller
        self.active: str | None = self.names[0]
        self.mode = RUNNING
        self.trajectory = TrajectoryController(self.joints, cell.tick_s)
        self._chain, self._arm, self._dt = chain, arm, cell.tick_s
        self._ended: Ended | None = None

    # ------------------------------------------------------------------ whole motions

    def plan(self, names: Sequence[str], points: Sequence[Waypoint], begins: float) -> Trajectory:
        """The motion through ``points`` from where the arm is commanded to be; ``begins`` in seconds from now. Raises
        :class:`Rejected`, also where the arm wouldn't take it."""
        self._must_be_active(self.names[0])
        arm = self._arm.read()
        return sampled(names, points, self.joints, (arm.q_cmd, arm.qd_cmd, arm.qdd_cmd), begins, self._dt)

    def start(self, motion: Trajectory, tolerances: Tolerances, ended: Ended) -> None:
        """Follow a motion as a goal; ``ended`` is told once how it ended. It replaces the goal that was."""
        self._end(Outcome(INVALID_GOAL, "replaced by a newer goal"))
        self.trajectory.goal, self._ended = tolerances, ended
        self.follow(motion)

    def follow(self, motion: Trajectory) -> None:
        """Follow a motion; a goal that waits goes on waiting, now for the end of this one."""
        self.trajectory.follow(motion)
        self._arm.command(Segment(motion))

    def hold(self) -> None:
        """Come to rest; a goal that waits goes on waiting, now for that rest."""
        self._must_be_active(self.names[0])
        self.follow(self._ramp())

    def cancel(self) -> None:
        """End the goal and come to rest."""
        self._stop(Outcome(SUCCESSFUL, "cancelled: the arm comes to rest where it is"))

    def abort(self, why: str) -> None:
        """End the goal as one that failed, and come to rest."""
        self._stop(Outcome(INVALID_GOAL, why))

    # ------------------------------------------------------------------ streamed positions

    def stream(self, q: Sequence[float]) -> None:
        """Go to the joints ``q`` (n,), rad, and stay there until the next. Raises :class:`Rejected`."""
        self._must_be_active(self.names[1])
        if len(q) != len(self.joints):
            raise Rejected(f"{len(q)} positions for {len(self.joints)} joints")
        target = np.array(q, dtype=float)
        if not np.all(np.isfinite(target)):
            raise Rejected("positions that are no numbers")
        # A position is all that comes: the arm's own servo makes a motion of what arrives in steps.
        self._arm.command(JointTarget(target, np.zeros(len(target))))

    # ------------------------------------------------------------------ who may, and whether at all

    def switch(self, activate: Sequence[str], deactivate: Sequence[str], strictness: int) -> None:
        """Change the active controller as controller_manager does. Raises :class:`Rejected` for what can't be done;
        unless STRICT, that is passed over instead."""
        self._must_run()
        problems = [f"no controller is called {name!r}" for name in (*activate, *deactivate) if name not in self.names]
        problems += [f"{name} isn't active" for name in deactivate if name in self.names and name != self.active]
        left = None if self.active in deactivate else self.active
        for name in activate:
            if name not in self.names:
                continue
            if left is None:
                left = name
            else:
                problems.append(f"{name} can't be active: {left} has the joints" if name != left else f"{name} is")
        if problems and strictness == STRICT:
            raise Rejected("; ".join(problems))
        if left != self.active:
            if self.active == self.names[0]:
                self.abort("the controller was deactivated")
            self.active = left

    def protective_stop(self) -> None:
        """Come to rest, and take nothing until :meth:`release`."""
        if self.mode == RUNNING:
            self.mode = PROTECTIVE_STOP
            self.abort("the robot is in a protective stop")

    def release(self) -> None:
        """Take goals again; what was going on before is forgotten."""
        self.mode, self.active = RUNNING, self.names[0]

    # ------------------------------------------------------------------ the tick

    def tick(self, arm: ArmReading) -> None:
        """A tick has passed: end the goal that is over."""
        outcome = self.trajectory.update(arm)
        if outcome is None:
            return
        if outcome.code == SUCCESSFUL:
            self._end(outcome)
        else:  # it stays where it really is: pressing on towards where it should be is what a tolerance is against
            self._stop(outcome, (arm.q, arm.qd, np.zeros(len(self.joints))))

    def _stop(self, outcome: Outcome, state: State | None = None) -> None:
        """End the goal, and come to rest."""
        self._end(outcome)
        self._arm.command(Segment(self._ramp(state)))

    def _end(self, outcome: Outcome) -> None:
        """End the goal, if there is one, and follow nothing."""
        self.trajectory.leave()
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(outcome)

    def _ramp(self, state: State | None = None) -> Trajectory:
        """The way to rest from a state, unless said the commanded one."""
        arm = self._arm.read()
        q, qd, qdd = state or (arm.q_cmd, arm.qd_cmd, arm.qdd_cmd)
        chain = self._chain
        # A goal may ask for more than the arm can, since nobody checks it for that; the arm itself does no more.
        qd, qdd = np.clip(qd, -chain.qd_max, chain.qd_max), np.clip(qdd, -chain.qdd_max, chain.qdd_max)
        return stop_ramp(chain, q, qd, qdd, self._dt)

    def _must_be_active(self, name: str) -> None:
        self._must_run()
        if self.active != name:
            raise Rejected(f"{name} isn't active: switch to it first")

    def _must_run(self) -> None:
        if self.mode != RUNNING:
            raise Rejected(f"the robot is in a {self.mode.replace('_', ' ')}: release it first")
