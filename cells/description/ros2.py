"""How a cell's real arm is reached over ROS 2: names of controllers, actions and topics.

The defaults are the names that ros2_control's own controllers have in most drivers, and those of the nodes that come
with this house. Names are relative, so that a namespace goes before them; docs/integrators.md has a worked file for
the drivers of Universal Robots and Franka.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from cells.description.fields import Number, Positive, Section

# As ROS 2 writes them: https://design.ros2.org/articles/topic_and_service_names.html
RosName = Annotated[str, Field(pattern=r"^/?[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*$", max_length=200)]
Prefix = Annotated[str, Field(pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$", max_length=60)]
JointName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_./-]*$", max_length=120)]


class TrajectoryController(Section):
    """Takes whole motions: a controller with a FollowJointTrajectory action."""

    controller: RosName = "joint_trajectory_controller"
    action: RosName = "joint_trajectory_controller/follow_joint_trajectory"


class StreamingController(Section):
    """Takes one joint position after another: a controller with a Float64MultiArray topic."""

    controller: RosName = "forward_position_controller"
    topic: RosName = "forward_position_controller/commands"


class GripperAction(Section):
    """The gripper's action. Its ``joint`` stands at ``closed`` when the hand is as narrow as the robot's file says, at
    ``open`` when it is as wide, and evenly between (m or rad, as the driver counts)."""

    kind: Literal["parallel", "command"] = Field(
        default="parallel", description="control_msgs ParallelGripperCommand, or the older GripperCommand"
    )
    action: RosName = "gripper_controller/gripper_cmd"
    joint: JointName | None = Field(default=None, description="the robot's first finger joint unless said")
    closed: Number | None = Field(default=None, description="half of the narrowest opening in m unless said")
    open: Number | None = Field(default=None, description="half of the widest opening in m unless said")


class WrenchTopic(Section):
    """A WrenchStamped topic: what the surroundings exert on the tool, in N and Nm, at and along ``frame``."""

    topic: RosName = "force_torque_sensor_broadcaster/wrench"
    frame: Literal["tcp", "flange"] = "tcp"


class SightTopic(Section):
    """A TFMessage topic on which something that sees tells where parts are, in the frame ``world``. A frame is called
    by a part's instance (``PB-1-01/peg_2``), or by the part's name and anything after a dot (``peg``, ``peg.2``): then
    it is the nearest such part's. What was seen longer than ``timeout_s`` ago isn't counted on."""

    topic: RosName = "arm/parts"
    timeout_s: Positive = 0.5


class ModeTopic(Section):
    """Where the robot tells whether it may move."""

    topic: RosName = "arm/robot_mode"
    type: Literal["std_msgs/msg/String", "ur_dashboard_msgs/msg/SafetyMode", "franka_msgs/msg/FrankaRobotState"] = (
        "std_msgs/msg/String"
    )


class Ros2(Section):
    """Names and times on the way to the arm."""

    namespace: Annotated[str, Field(pattern=r"^(/[A-Za-z_][A-Za-z0-9_]*)*$", max_length=200)] = Field(
        default="", description="stands before every relative name, for example /cell_1; none unless said"
    )
    tf_prefix: Prefix = Field(default="", description="stands before every joint and frame name; none unless said")
    joints: Annotated[tuple[JointName, ...], Field(max_length=32)] = Field(
        default=(), description="the driver's joint names from the base to the tip; the URDF's unless said"
    )
    joint_states: RosName = "joint_states"
    trajectory: TrajectoryController = TrajectoryController()
    streaming: StreamingController = StreamingController()
    switch: RosName = Field(
        default="controller_manager/switch_controller", description="service that changes the active controller"
    )
    gripper: GripperAction = GripperAction()
    wrench: WrenchTopic = WrenchTopic()
    mode: ModeTopic | None = Field(default=ModeTopic(), description="null where the driver tells no mode")
    sight: SightTopic | None = Field(default=SightTopic(), description="null where nothing sees the parts")
    speed_scaling: RosName | None = Field(
        default=None, description="Float64 topic of the speed slider in percent; none unless said"
    )
    load: RosName = Field(default="arm/load", description="service that loads parts, where a person doesn't")
    feedback_timeout_s: Positive = Field(
        default=0.1, description="age of the newest joint state above which the arm counts as lost"
    )
