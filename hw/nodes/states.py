"""What an arm tells of itself at each tick: joint states, the wrench, and the world's time."""

from __future__ import annotations

from array import array

import numpy as np
from geometry_msgs.msg import WrenchStamped
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState

from cells.description.cell import Cell
from cells.ports import ArmReading, GripperReading
from cells.pose import Array
from hw.names import arm_joints, fingers, wrench_frame
from hw.nodes.faults import Faults, Line
from hw.wrench import as_told, sensor_in_tcp

CLOCK = "/clock"  # where ROS looks for the time, whatever the namespace


class States:
    """Publishers of one cell's arm. ``names`` are the joints, arm and fingers, in the order in which they are told."""

    def __init__(self, node: Node, cell: Cell, hz: int, line: Line) -> None:
        self._fingers, self._sensor, self._line = fingers(cell), sensor_in_tcp(cell), line
        self.names = [*arm_joints(cell), *self._fingers.joints]
        self._frame = wrench_frame(cell)
        self._share, self._phase = hz / cell.clocks.control_hz, 0.0
        self._joints = node.create_publisher(JointState, cell.ros2.joint_states, 10)
        self._wrench = node.create_publisher(WrenchStamped, cell.ros2.wrench.topic, 10)
        self._clock = node.create_publisher(Clock, CLOCK, 10)

    def publish(
        self, arm: ArmReading, hand: GripperReading, wrench: Array, time: int, stamp: int, faults: Faults
    ) -> None:
        """A tick has passed: ``time`` (ns) is the world's, ``stamp`` (ns) what headers say. States come at their own
        rate, the time at every tick and after them."""
        self._phase += self._share
        if self._phase >= 1.0 - 1e-9:
            self._phase -= 1.0
            if not faults.freeze_feedback:
                self._tell(arm, hand, wrench, stamp, faults)
        clock = Clock()
        clock.clock.sec, clock.clock.nanosec = divmod(time, 10**9)
        self._clock.publish(clock)

    def _tell(self, arm: ArmReading, hand: GripperReading, wrench: Array, stamp: int, faults: Faults) -> None:
        travel, count = self._fingers.travel, len(self._fingers.joints)
        position = np.append(arm.q, [self._fingers.position(hand.width)] * count)
        velocity = np.append(arm.qd, [hand.speed * travel] * count)
        effort = np.append(arm.tau, [hand.force] * count)
        if faults.nan_positions:
            position[:] = np.nan
        names = self.names
        if faults.joint_order:
            order = [names.index(name) for name in faults.joint_order]
            names, position, velocity, effort = (
                list(faults.joint_order),
                position[order],
                velocity[order],
                effort[order],
            )
        # As arrays of doubles: lists would be looked through one number after another.
        columns = (array("d", column.tobytes()) for column in (position, velocity, effort))
        state = JointState(name=names)
        state.position, state.velocity, state.effort = columns
        state.header.stamp.sec, state.header.stamp.nanosec = divmod(stamp, 10**9)
        felt = WrenchStamped()
        felt.header.stamp, felt.header.frame_id = state.header.stamp, self._frame
        force, torque = felt.wrench.force, felt.wrench.torque
        force.x, force.y, force.z, torque.x, torque.y, torque.z = as_told(wrench, arm.tcp, self._sensor).tolist()
        self._line.send(lambda: self._joints.publish(state), faults)
        self._line.send(lambda: self._wrench.publish(felt), faults)
