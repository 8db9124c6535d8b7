"""Wrenches go to the driver's frame and come back; the lever is that of the robot's own hand."""

import numpy as np
import pytest

from cells.description.cell import load_cell
from cells.description.ros2 import Ros2
from cells.kinematics.chain import load_chain
from cells.pose import Pose, tool_down
from hw.wrench import as_read, as_told, sensor_in_tcp

CELL = load_cell("panda-bench")
FLANGE = CELL.model_copy(update={"ros2": Ros2.model_validate({"wrench": {"frame": "flange"}})})


def test_a_weight_in_the_tool_pulls_along_its_axis_that_points_down() -> None:
    tcp = tool_down((0.4, 0.1, 0.3), yaw=0.5)
    told = as_told(np.array([0.0, 0.0, -9.9, 0.0, 0.0, 0.0]), tcp, sensor_in_tcp(CELL))
    assert told == pytest.approx([0.0, 0.0, 9.9, 0.0, 0.0, 0.0], abs=1e-12)


def test_a_push_at_the_tip_turns_the_flange_by_the_length_of_the_hand() -> None:
    tcp = Pose.from_matrix(load_chain(CELL).fk(CELL.home))
    sensor = sensor_in_tcp(FLANGE)
    along_x = tcp.matrix()[:3, 0]  # of the tool
    told = as_told(np.concatenate([5.0 * along_x, np.zeros(3)]), tcp, sensor)
    assert np.linalg.norm(told[:3]) == pytest.approx(5.0)
    assert np.linalg.norm(told[3:]) == pytest.approx(5.0 * 0.1034, abs=1e-6)  # Franka Hand: flange to tip


def test_what_was_told_is_read_as_it_was() -> None:
    random = np.random.default_rng(1)
    sensor = sensor_in_tcp(FLANGE)
    for _ in range(20):
        wrench = random.standard_normal(6)
        tcp = tool_down(tuple(random.standard_normal(3)), yaw=float(random.standard_normal()))
        assert as_read(as_told(wrench, tcp, sensor), tcp, sensor) == pytest.approx(wrench)
