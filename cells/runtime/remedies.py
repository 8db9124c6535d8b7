"""Remedies: what a person does about a guard trip before acknowledging it, by the trip's cause."""

from __future__ import annotations

LOOK = "look at the cell and find the cause"
# What a robot tells of itself (``robot_<mode>``), and what comes between it and the cell. Names of modes follow the
# drivers of Universal Robots and Franka.
MODES = {
    "protective_stop": "free the arm, and release the protective stop at the robot",
    "emergency_stop": "see that nobody is in danger, and release the emergency stop at the robot",
    "safeguard_stop": "leave the safeguarded area, and close its gate",
    "violation": "restart the robot's safety system at its panel",
    "fault": "restart the robot's safety system at its panel",
    "recovery": "bring the arm back within its limits at its panel",
    "reflex": "free the arm, and recover it at the robot's desk",
    "user_stopped": "release the robot's stop button",
    "guiding": "let go of the arm, and end guiding",
    "idle": "start the robot's motion control",
    "no_feedback": "see that the robot's driver runs and publishes joint states, and that the network carries them",
    "late_feedback": "see what slows the network or the robot's computer: joint states come too late",
    "no_wrench": "see that the force sensor's driver runs and publishes wrenches",
    "clock_mismatch": "synchronise the clocks of the cell's and the robot's computers (chrony, PTP)",
    "motion_rejected": "look into the log of the trajectory controller: is it active, do joints and namespace fit?",
    "motion_unanswered": "see that the trajectory controller's action server runs",
    "motion_aborted": "look into the log of the trajectory controller",
    "path_tolerance": "see what held the arm up, and free it; else slow the cell down or widen the tolerance",
    "goal_tolerance": "see what keeps the arm from its goal, and free it",
    "controllers_not_switched": "see that both controllers are loaded (ros2 control list_controllers)",
    "gripper_rejected": "look into the log of the gripper's controller",
    "claimed_elsewhere": "two cells lead this arm: end one of them",
}
GUARD = {
    "emergency_stop": "see that nobody is in danger",
    "force": "see what the tool pushes on, and free it",
    "tool_speed": LOOK,
    "workspace_left": "see why the tool left its workspace, and that its way back is free",
    "reading_not_a_number": "see that the sensors' and the robot's drivers are well",
    "reading_too_old": "see that the robot's driver runs",
    "tick_overrun": "this computer is too busy to lead an arm: end what else runs on it",
}


def remedy_of(cause: str) -> str:
    """What to do about a trip of this cause (:class:`cells.runtime.guard.Trip`), in words."""
    mode = cause.removeprefix("robot_")
    if mode != cause:
        return MODES.get(mode, "look at the robot's own panel")
    return GUARD.get(cause, LOOK)
