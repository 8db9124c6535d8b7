"""The robot's own mode, as drivers tell it, in the words of the guard: "running", or why it may not move."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from cells.description.ros2 import ModeTopic
from cells.errors import InputError, Problem

if TYPE_CHECKING:
    from rclpy.node import Node

# ur_dashboard_msgs/SafetyMode.mode, and franka_msgs/FrankaRobotState.robot_mode; any other number is "unknown".
UR_SAFETY: Mapping[int, str] = {
    1: "running", 2: "running", 3: "protective_stop", 4: "recovery", 5: "safeguard_stop", 6: "emergency_stop",
    7: "emergency_stop", 8: "violation", 9: "fault",
}  # fmt: skip
FRANKA: Mapping[int, str] = {1: "idle", 2: "running", 3: "guiding", 4: "reflex", 5: "user_stopped", 6: "recovery"}
UNKNOWN = "unknown"


def listen(node: Node, topic: ModeTopic, set_mode: Callable[[str], None]) -> None:
    """Hand on the robot's mode whenever it is told. Raises ``InputError`` where the message's package is missing."""
    from rclpy.qos import DurabilityPolicy, QoSProfile

    package, _, name = topic.type.split("/")
    try:
        message = getattr(import_module(f"{package}.msg"), name)
    except ModuleNotFoundError:
        what = f"the package {package} isn't there"
        remedy = "source the distribution that has the robot's driver, or write mode: null in the cell's file"
        raise InputError(Problem(f"ros2.mode.type: {topic.type}", what, remedy)) from None
    # What is told only when it changes must have been kept for who comes later; what is told all the time isn't.
    kept = package != "franka_msgs"
    durability = DurabilityPolicy.TRANSIENT_LOCAL if kept else DurabilityPolicy.VOLATILE
    quality = QoSProfile(depth=1, durability=durability)
    node.create_subscription(message, topic.topic, lambda told: set_mode(_mode(package, told)), quality)


def _mode(package: str, told: Any) -> str:
    """A message's mode."""
    if package == "std_msgs":
        return str(told.data)
    return UR_SAFETY.get(told.mode, UNKNOWN) if package == "ur_dashboard_msgs" else FRANKA.get(told.robot_mode, UNKNOWN)
