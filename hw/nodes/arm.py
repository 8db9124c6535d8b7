"""A world behind the interfaces of an arm under ros2_control: what arm_sim and arm_mock have in common.

One thread does everything: it passes the world's ticks when they are due, and hears messages in between. A thread of
its own for the messages made states come no sooner, took a sixth more of the processor, and would need locks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_msgs.msg import String
from std_srvs.srv import Trigger

from cells.description.cell import Cell
from cells.errors import InputError, Problem
from cells.kinematics.chain import load_chain
from cells.products.model import ProductVariant
from hw.controllers.arm import ArmControllers
from hw.controllers.gripper import GripperController
from hw.names import fingers
from hw.nodes.faults import Faults, Held, Line
from hw.nodes.hand import HandServer
from hw.nodes.loading import Loading
from hw.nodes.motion import Motion
from hw.nodes.parameters import Setting, declare
from hw.nodes.sight import Sight
from hw.nodes.states import States

NAME = "arm"
SETTINGS = (
    Setting("cell", "", "the cell whose arm this is: a name in the library, or the path of its file"),
    Setting("tf_prefix", "", "stands before joint and frame names; as the cell's file says unless given"),
    Setting("seed", 1, "what is left to chance follows from it", 0, 2**31 - 1),
    Setting("rate", 1.0, "how many times real time the world goes; 0.0 is as fast as it can", 0.0, 100.0),
    Setting("joint_state_hz", 0, "how often joint states and wrench are told; 0 is at every control tick", 0, 1000),
)
KNOBS = (
    Setting("freeze_feedback", False, "fault: joint states and wrench stop coming", knob=True),
    Setting("delay_s", 0.0, "fault: states, and streamed positions, come so many seconds later", 0.0, 10.0, True),
    Setting("drop_share", 0.0, "fault: the share of states and of streamed positions that is lost", 0.0, 1.0, True),
    Setting("nan_positions", False, "fault: joint positions are told as NaN", knob=True),
    Setting("joint_order", "", "fault: joint states in this order, names parted by commas", knob=True),
    Setting("clock_skew_s", 0.0, "fault: added to time stamps, in seconds", -3600.0, 3600.0, True),
    Setting("hold_arm", False, "fault: the arm stays where it is, as if something held it up", knob=True),
)
FAULTS = frozenset(field.name for field in fields(Faults))


class ArmNode(Node):
    """The node before an open ``world``, whose ``variants`` grow as parts are loaded; ``values`` are those of the
    parameters, which ``settings`` declare."""

    def __init__(
        self,
        cell: Cell,
        values: Mapping[str, Any],
        settings: tuple[Setting, ...],
        world: Any,
        variants: dict[str, ProductVariant],
    ) -> None:
        super().__init__(NAME, namespace=cell.ros2.namespace)
        declare(self, settings)
        self._world = world
        self._due = time.time_ns()
        self._by_wall = values["rate"] == 1.0 and not self.get_parameter("use_sim_time").value
        self._line = Line(values["seed"])
        self._faults = Faults()
        self._states = States(self, cell, values["joint_state_hz"] or cell.clocks.control_hz, self._line)
        self._held = Held(self._world.arm)
        self._arm = ArmControllers(cell, load_chain(cell), self._held)
        self._motion = Motion(
            self, cell.ros2, self._arm, self._stamp, lambda deliver: self._line.send(deliver, self._faults)
        )
        grip = GripperController(fingers(cell), cell.robot_spec.gripper, self._world.gripper, cell.tick_s)
        self._hand = HandServer(self, cell.ros2.gripper, grip, fingers(cell))
        self._loading = Loading(self, cell.ros2.load, self._world.stock, variants)
        sight, locator = cell.ros2.sight, getattr(self._world, "locator", None)
        self._sight = None if sight is None else Sight(self, cell, sight, locator, self._line)
        self._offer_stop(cell)
        self._take_knobs()

    def tick(self, late: float = 0.0) -> None:
        """Pass one control tick of the world, which was due ``late`` seconds ago, and tell what has come of it."""
        self._due = time.time_ns() - round(late * 1e9)
        world = self._world
        world.clock.advance()
        reading, hand = world.arm.read(), world.gripper.read()
        self._arm.tick(reading)
        self._line.flush()
        self._states.publish(reading, hand, world.wrench.read(), self._world_time(), self._stamp(), self._faults)
        if self._sight is not None:
            self._sight.publish(self._loading.instances, self._stamp(), self._faults)
        self._motion.tick()
        self._hand.tick(hand)

    def end(self) -> None:
        """End the goals: nobody is going to carry them out."""
        self._arm.abort("the arm's node ends")
        self._hand.abort()

    # ------------------------------------------------------------------ time

    def _world_time(self) -> int:
        """The world's time in ns."""
        return round(self._world.clock.now() * 1e9)

    def _stamp(self) -> int:
        """What the arm's clock says, in ns: this computer's time where the world keeps up with it, else the world's. It
        stands between ticks, and goes by when they were due: a world that catches up moves no faster for it."""
        now = self._due if self._by_wall else self._world_time()
        return now + round(self._faults.clock_skew_s * 1e9)

    # ------------------------------------------------------------------ the robot's own stop

    def _offer_stop(self, cell: Cell) -> None:
        """Tell the robot's mode where the cell's file asks for it; the services that change it."""
        kept = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        topic = cell.ros2.mode.topic if cell.ros2.mode else f"{NAME}/robot_mode"
        if cell.ros2.mode and cell.ros2.mode.type != "std_msgs/msg/String":
            self.get_logger().warning(f"{topic}: this node tells std_msgs/msg/String, not {cell.ros2.mode.type}")
        mode = self.create_publisher(String, topic, kept)
        mode.publish(String(data=self._arm.mode))

        def change(act: Callable[[], None]) -> Callable[[Any, Any], Any]:
            def answered(_: Any, answer: Any) -> Any:
                act()
                mode.publish(String(data=self._arm.mode))
                self.get_logger().warning(f"robot mode: {self._arm.mode}")
                answer.success, answer.message = True, self._arm.mode
                return answer

            return answered

        self.create_service(Trigger, f"{NAME}/protective_stop", change(self._arm.protective_stop))
        self.create_service(Trigger, f"{NAME}/release", change(self._arm.release))

    # ------------------------------------------------------------------ faults

    def _take_knobs(self) -> None:
        """Let parameters turn faults on and off; they may be on from the start."""
        values = declare(self, KNOBS)
        problem = self._wrong_order(values["joint_order"])
        if problem:
            raise InputError(Problem("parameter joint_order", problem, f"name {', '.join(self._states.names)}"))
        self.add_on_set_parameters_callback(self._may_be_set)
        self.add_post_set_parameters_callback(self._set)
        self._set([self.get_parameter(knob.name) for knob in KNOBS])

    def _may_be_set(self, parameters: list[Parameter]) -> SetParametersResult:
        orders = [parameter.value for parameter in parameters if parameter.name == "joint_order"]
        problem = self._wrong_order(orders[0]) if orders else None
        return SetParametersResult(successful=problem is None, reason=problem or "")

    def _wrong_order(self, order: str) -> str | None:
        names = _names_in(order)
        if names and sorted(names) != sorted(self._states.names):
            return f"isn't an order of the {len(self._states.names)} joints that are told"
        return None

    def _set(self, parameters: list[Parameter]) -> None:
        turned = {parameter.name: parameter.value for parameter in parameters if parameter.name in FAULTS}
        if "joint_order" in turned:
            turned["joint_order"] = _names_in(turned["joint_order"])
        before, self._faults = self._faults, replace(self._faults, **turned)
        self._held.hold(self._faults.hold_arm)
        for name, value in turned.items():
            if value != getattr(before, name):
                self.get_logger().warning(f"fault {name}: {value}")


def _names_in(order: str) -> tuple[str, ...]:
    """Names parted by commas."""
    return tuple(name for part in order.split(",") if (name := part.strip()))
