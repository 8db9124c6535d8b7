"""A cell and its arm: ``ros2 launch cellwright cell.launch.py cell:=panda-bench hardware:=sim``.

The cell's node is started again if it dies; a simulated arm isn't, since it would have forgotten where its parts are.
``cellwright hw up`` does the same without a ROS 2 distribution.
"""

import sys

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import LifecycleNode, Node
from launch_ros.substitutions import FindPackageShare

ARGUMENTS = (
    ("cell", "panda-bench", "A cell from the library, or the path of a cell file.", None),
    ("hardware", "sim", "An arm that just follows, a simulated, or the real one.", ("mock", "sim", "real")),
    ("robot_ip", "", "Starts the driver of a real arm of Universal Robots too; leave it away where one runs.", None),
    ("namespace", "", "Before every name; the cell file's unless given.", None),
    ("tf_prefix", "", "Before every joint and frame name; the cell file's unless given.", None),
    ("use_sim_time", "false", "Live by /clock, which a simulated arm tells.", ("true", "false")),
)


def generate_launch_description():
    """What ``ros2 launch`` asks for."""
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=text, choices=choices)
        for name, default, text, choices in ARGUMENTS
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=start)])


def start(context):
    """The nodes for the arguments as they were given."""
    from cells.description.cell import load_cell

    said = {name: LaunchConfiguration(name).perform(context) for name, *_ in ARGUMENTS}
    cell, real = load_cell(said["cell"]), said["hardware"] == "real"
    names = {
        "namespace": said["namespace"] or cell.ros2.namespace or "/",
        "parameters": [
            {
                "cell": said["cell"],
                "tf_prefix": said["tf_prefix"],
                "use_sim_time": said["use_sim_time"] == "true",
            }
        ],
        "output": "screen",
    }
    node = LifecycleNode(
        name="cell",
        executable=sys.executable,
        arguments=["-m", "hw.nodes.cell"],
        # The driver of a real arm tells its frames and its description itself.
        remappings=[("tf", "~/tf"), ("robot_description", "~/robot_description")] if real else [],
        ros_arguments=["-p", "autostart:=true"],
        respawn=True,
        respawn_delay=1.0,
        sigterm_timeout="20",
        sigkill_timeout="20",
        **names,
    )
    if not real:
        module = f"hw.nodes.arm_{said['hardware']}"
        return [Node(name="arm", executable=sys.executable, arguments=["-m", module], **names), node]
    return [*driver(cell, said["robot_ip"], said["tf_prefix"] or cell.ros2.tf_prefix), node]


def driver(cell, robot_ip, tf_prefix):
    """The arm's driver, if it is asked for and known here."""
    if not robot_ip:
        return []
    if cell.robot_spec.manufacturer != "Universal Robots A/S":
        raise RuntimeError(
            f"robot_ip: no driver is known here for the robot {cell.robot}; start it beside, and leave robot_ip away"
        )
    launch = PathJoinSubstitution([FindPackageShare("ur_robot_driver"), "launch", "ur_control.launch.py"])
    told = {"ur_type": cell.robot, "robot_ip": robot_ip, "tf_prefix": tf_prefix, "launch_rviz": "false"}
    return [IncludeLaunchDescription(launch, launch_arguments=told.items())]
