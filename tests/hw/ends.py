"""Two processes that use every interface package: ``ends.py arm|cell NAMESPACE``; the cell prints what it got."""

import contextlib
import json
import sys
import threading
from typing import Any

from hw.types import ready

ready()

import rclpy
from cellwright_msgs.msg import Part, State
from cellwright_msgs.srv import Load
from control_msgs.action import FollowJointTrajectory
from control_msgs.msg import JointTolerance
from controller_manager_msgs.srv import SwitchController
from geometry_msgs.msg import TransformStamped
from rclpy.action import ActionClient, ActionServer
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from tf2_msgs.msg import TFMessage
from trajectory_msgs.msg import JointTrajectoryPoint

KEPT = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
PATIENCE_S = 60


def arm(node: Node) -> None:
    """Serve until stdin is closed."""

    def follow(handle: Any) -> FollowJointTrajectory.Result:
        goal = handle.request
        feedback = FollowJointTrajectory.Feedback(joint_names=goal.trajectory.joint_names, index=1)
        feedback.actual = goal.trajectory.points[-1]
        handle.publish_feedback(feedback)
        handle.succeed()
        code = FollowJointTrajectory.Result.GOAL_TOLERANCE_VIOLATED
        return FollowJointTrajectory.Result(error_code=code, error_string=goal.goal_tolerance[0].name)

    def load(request: Load.Request, response: Load.Response) -> Load.Response:
        response.ok, response.done, response.message = True, request.parts, f"{request.what} {request.variants}"
        return response

    def switch(request: SwitchController.Request, response: SwitchController.Response) -> SwitchController.Response:
        response.ok = request.strictness == SwitchController.Request.STRICT
        response.message = request.activate_controllers[0]
        return response

    ActionServer(node, FollowJointTrajectory, "follow", follow)
    node.create_service(Load, "load", load)
    node.create_service(SwitchController, "switch", switch)
    node.create_publisher(State, "state", KEPT).publish(State(state="EXECUTE", order="PB-1", message="läuft"))
    frame = TransformStamped(child_frame_id="tool0")
    frame.transform.translation.z = 0.5
    node.create_publisher(TFMessage, "tf", KEPT).publish(TFMessage(transforms=[frame]))
    sys.stdin.read()


def cell(node: Node) -> dict[str, Any]:
    """Ask the arm for everything once; what came back."""
    heard: dict[str, Any] = {}
    both = threading.Semaphore(0)

    def hear(message: Any) -> None:
        heard[type(message).__name__] = message
        both.release()

    node.create_subscription(State, "state", hear, KEPT)
    node.create_subscription(TFMessage, "tf", hear, KEPT)
    goal = FollowJointTrajectory.Goal(goal_tolerance=[JointTolerance(name="joint_2", position=0.01)])
    goal.trajectory.joint_names = ["joint_1", "joint_2"]
    goal.trajectory.points = [JointTrajectoryPoint(positions=[0.0, 0.0]), JointTrajectoryPoint(positions=[0.25, -1.5])]
    follow = ActionClient(node, FollowJointTrajectory, "follow")
    assert follow.wait_for_server(PATIENCE_S)
    fed: list[Any] = []
    accepted = follow.send_goal_async(goal, feedback_callback=lambda message: fed.append(message.feedback))
    result = wait(wait(accepted).get_result_async()).result
    part = Part(instance="PB-1-01/peg_1", part="peg", variant="abc", station="tray", slot=7)
    loaded = call(node, Load, "load", Load.Request(what=Load.Request.MAKE_READY, parts=[part], variants=["{}"]))
    strict = SwitchController.Request(activate_controllers=["streaming"], strictness=SwitchController.Request.STRICT)
    switched = call(node, SwitchController, "switch", strict)
    assert both.acquire(timeout=PATIENCE_S) and both.acquire(timeout=PATIENCE_S)
    return {
        "error": [result.error_code, result.error_string],
        "feedback": [[*feedback.joint_names, feedback.index, *feedback.actual.positions] for feedback in fed],
        "loaded": [loaded.ok, loaded.message, loaded.done[0].instance, loaded.done[0].slot],
        "switched": [switched.ok, switched.message],
        "state": [heard["State"].state, heard["State"].order, heard["State"].message],
        "tf": [
            heard["TFMessage"].transforms[0].child_frame_id,
            heard["TFMessage"].transforms[0].transform.translation.z,
        ],
    }


def call(node: Node, service: Any, name: str, request: Any) -> Any:
    """The response of a service."""
    client = node.create_client(service, name)
    assert client.wait_for_service(PATIENCE_S)
    return wait(client.call_async(request))


def wait(future: Any) -> Any:
    """The result of what the executor's thread is going to complete."""
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    assert done.wait(PATIENCE_S), "no answer"
    return future.result()


def spin(executor: SingleThreadedExecutor) -> None:
    """Work until ROS 2 is shut down."""
    with contextlib.suppress(ExternalShutdownException):
        executor.spin()


def main(role: str, namespace: str) -> None:
    """Be one of the two."""
    rclpy.init()
    node = rclpy.create_node(role, namespace=namespace)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    thread = threading.Thread(target=spin, args=[executor])
    thread.start()
    try:
        print(json.dumps({"arm": arm, "cell": cell}[role](node)))
    finally:
        rclpy.shutdown()
        thread.join()


main(*sys.argv[1:])
