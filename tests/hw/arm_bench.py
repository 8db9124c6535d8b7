"""An arm's node as a process of its own, and a client that talks to it over loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from cells.errors import CellwrightError
from tests.hw.ros_client import PATIENCE, RosClient

NAMESPACE = "/bench"
# A domain of this process's own, so that tests that run side by side don't hear each other.
os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
os.environ["FASTDDS_BUILTIN_TRANSPORTS"] = "UDPv4"  # a killed process's shared memory makes the next one complain


def need_ros() -> None:
    """Skip where ROS 2 or its interfaces can't be had here, with the reason."""
    pytest.importorskip("rclpy", reason="rclpy isn't installed: pip install 'cellwright[ros]'")
    from hw.types import ready

    try:
        ready()
    except CellwrightError as missing:
        pytest.skip(str(missing))


@contextmanager
def process(module: str, *words: str, namespace: str = NAMESPACE) -> Iterator[subprocess.Popen[bytes]]:
    """A node that runs until the block ends; ``words`` are parameters such as ``cell:=panda-bench``."""
    parameters = [part for word in words for part in ("-p", word)]
    command = [sys.executable, "-m", module, "--ros-args", "-r", f"__ns:={namespace}", *parameters]
    started = subprocess.Popen(command)
    try:
        yield started
    finally:
        started.kill()
        started.wait()


def end(node: subprocess.Popen[bytes], by: signal.Signals) -> int:
    """End a node by a signal; its exit code."""
    node.send_signal(by)
    return node.wait(timeout=PATIENCE)


class Client(RosClient):
    """Everything that a cell would ask of an arm in ``namespace``, one call after another."""

    def __init__(self, joints: Sequence[str], gripper: str = "parallel", namespace: str = NAMESPACE) -> None:
        super().__init__(namespace)
        from action_msgs.msg import GoalStatusArray
        from control_msgs.action import FollowJointTrajectory, GripperCommand, ParallelGripperCommand
        from geometry_msgs.msg import WrenchStamped
        from rcl_interfaces.msg import Log
        from rclpy.action import ActionClient
        from rosgraph_msgs.msg import Clock
        from sensor_msgs.msg import JointState
        from std_msgs.msg import Float64MultiArray, String
        from tf2_msgs.msg import TFMessage
        from trajectory_msgs.msg import JointTrajectory

        self.joints = tuple(joints)
        self.heard: dict[str, list[Any]] = {
            name: [] for name in ("states", "wrench", "parts", "clock", "mode", "log", "goals")
        }
        for name, kind, topic, qos in (
            ("states", JointState, "joint_states", 10),
            ("wrench", WrenchStamped, "force_torque_sensor_broadcaster/wrench", 10),
            ("parts", TFMessage, "arm/parts", 10),
            ("clock", Clock, "/clock", 10),
            ("mode", String, "arm/robot_mode", self.kept),
            ("log", Log, "/rosout", 10),
            ("goals", GoalStatusArray, "joint_trajectory_controller/follow_joint_trajectory/_action/status", self.kept),
        ):
            self.node.create_subscription(kind, topic, self.heard[name].append, qos)
        self.points = self.node.create_publisher(Float64MultiArray, "forward_position_controller/commands", 10)
        self.trajectories = self.node.create_publisher(
            JointTrajectory, "joint_trajectory_controller/joint_trajectory", 10
        )
        follow = "joint_trajectory_controller/follow_joint_trajectory"
        self._follow = ActionClient(self.node, FollowJointTrajectory, follow)
        self.grip_kind = ParallelGripperCommand if gripper == "parallel" else GripperCommand
        self._grip = ActionClient(self.node, self.grip_kind, "gripper_controller/gripper_cmd")

    # ------------------------------------------------------------------ waiting

    def pass_(self, seconds: float) -> None:
        """Listen for a while."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._executor.spin_once(timeout_sec=0.01)

    def heard_within(self, seconds: float, name: str) -> list[Any]:
        """What comes within the next seconds."""
        self.heard[name].clear()
        self.pass_(seconds)
        return self.heard[name]

    def ask(self, kind: Any, name: str, request: Any = None) -> Any:
        """A service's answer."""
        client = self.node.create_client(kind, name)
        self.until(client.service_is_ready)
        future = client.call_async(request or kind.Request())
        self.until(future.done)
        self.node.destroy_client(client)
        return future.result()

    # ------------------------------------------------------------------ the arm

    def ready(self) -> None:
        """Wait until the node is there and tells its states."""
        self.until(lambda: self._follow.server_is_ready() and self._grip.server_is_ready() and self.heard["states"])
        self.until(lambda: self.points.get_subscription_count() and self.trajectories.get_subscription_count())

    def state(self) -> tuple[np.ndarray, np.ndarray]:
        """Joint positions and velocities by name, of a message that comes after now."""
        self.heard["states"].clear()
        message = self.until(lambda: self.heard["states"])[-1]
        where = [list(message.name).index(joint) for joint in self.joints]
        return np.array(message.position)[where], np.array(message.velocity)[where]

    def at_rest(self) -> np.ndarray:
        """Joint positions once nothing moves."""
        self.until(lambda: np.abs(self.state()[1]).max() < 1e-3)
        return self.state()[0]

    def goal(self, q: Any, seconds: float, names: Sequence[str] = (), tolerance: float = 0.0) -> Any:
        """Send a goal; its handle, which says whether it was accepted."""
        from control_msgs.action import FollowJointTrajectory
        from control_msgs.msg import JointTolerance

        goal = FollowJointTrajectory.Goal()
        goal.trajectory = self.trajectory(q, seconds, names)
        if tolerance:
            goal.path_tolerance = [JointTolerance(name=name, position=tolerance) for name in self.joints]
        return self._sent(self._follow, goal)

    def trajectory(self, q: Any, seconds: float, names: Sequence[str] = ()) -> Any:
        """A trajectory of one point, at rest there."""
        from builtin_interfaces.msg import Duration
        from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

        point = JointTrajectoryPoint(positions=list(map(float, q)), velocities=[0.0] * len(q))
        point.time_from_start = Duration(sec=int(seconds), nanosec=round(seconds % 1 * 1e9))
        return JointTrajectory(joint_names=list(names or self.joints), points=[point])

    def grip(self, position: float) -> Any:
        """Command the finger; the result."""
        goal = self.grip_kind.Goal()
        if hasattr(goal.command, "max_effort"):
            goal.command.position = position
        else:
            goal.command.position = [position]
        handle = self._sent(self._grip, goal)
        assert handle.accepted
        return self.result(handle)[1]

    def result(self, handle: Any) -> tuple[int, Any]:
        """Status and result of a goal that ends by itself or was cancelled."""
        future = handle.get_result_async()
        self.until(future.done)
        return future.result().status, future.result().result

    def cancel(self, handle: Any) -> None:
        self.until(handle.cancel_goal_async().done)

    def _sent(self, client: Any, goal: Any) -> Any:
        future = client.send_goal_async(goal)
        self.until(future.done)
        return future.result()

    def stream(self, *points: Any) -> None:
        """One position after another, at 100 Hz."""
        from std_msgs.msg import Float64MultiArray

        for q in points:
            self.points.publish(Float64MultiArray(data=list(map(float, q))))
            self.pass_(0.01)

    def switch(self, activate: str, deactivate: str) -> Any:
        from controller_manager_msgs.srv import SwitchController

        request = SwitchController.Request(activate_controllers=[activate], deactivate_controllers=[deactivate])
        request.strictness = SwitchController.Request.STRICT
        return self.ask(SwitchController, "controller_manager/switch_controller", request)

    def set(self, **values: Any) -> list[Any]:
        """Set parameters of the arm's node; the answers."""
        from rcl_interfaces.srv import SetParameters
        from rclpy.parameter import Parameter

        parameters = [Parameter(name, value=value).to_parameter_msg() for name, value in values.items()]
        return list(self.ask(SetParameters, "arm/set_parameters", SetParameters.Request(parameters=parameters)).results)

    def trigger(self, name: str) -> Any:
        from std_srvs.srv import Trigger

        return self.ask(Trigger, f"arm/{name}")
