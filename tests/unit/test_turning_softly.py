"""What turns in the hand turns as far as the skill means it to, also in an arm that is driven by joint targets: the
admittance is damped so heavily that a turn which doesn't say how fast it is would hardly begin."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cells.control.admittance import Admittance
from cells.control.setpoints import Compliant
from cells.description.cell import Cell, list_cells, load_cell
from cells.kinematics.chain import load_chain
from cells.ports import ArmReading, GripperReading, Reading
from cells.pose import tool_down
from cells.skills import mesh, turn
from cells.skills.contact import Contact
from cells.skills.fit import Fit
from cells.skills.insert import push_in

PITCH = math.radians(360 / 24)
WALL = 1e4  # N/m


def turns_of(cell: Cell, steps: Any, begin: Reading, floor: float) -> list[float]:
    """Yaw (rad) of the tool, tick by tick, while a perfect servo follows what the skill asks for above a hard floor."""
    chain = load_chain(cell)
    law = Admittance(chain, cell.base_pose, cell.tick_s)
    law.reset(begin.arm.q)
    reading, out, work = begin, [], steps(begin)
    assert isinstance(work, Generator)
    command = next(work)
    while True:
        assert isinstance(command, Compliant)
        q = law.step(command, reading, np.zeros(6)).q
        reading = reading_at(cell, q, floor)
        axis = reading.arm.tcp.matrix()[:3, 0]
        out.append(math.atan2(axis[1], axis[0]))
        try:
            command = work.send(reading)
        except StopIteration:
            return out


def reading_at(cell: Cell, q: np.ndarray, floor: float) -> Reading:
    still, tcp = np.zeros(len(q)), cell.base_pose @ type(cell.base_pose).from_matrix(load_chain(cell).fk(q))
    arm = ArmReading(q, still, still, q, still, still, tcp, False)
    push = np.array([0, 0, WALL * max(0.0, floor - tcp.xyz[2]), 0, 0, 0])
    return Reading(0.0, 0, arm, GripperReading(0.01, 0.0, 40.0, True), push)


@pytest.fixture(params=[name for name in list_cells() if "admittance" in load_cell(name).control.modes])
def cell(request: pytest.FixtureRequest) -> Cell:
    return load_cell(request.param)


def at_the_fixture(cell: Cell) -> Reading:
    x, y, z = cell.stations["fixture"].pose.xyz
    target = cell.base_pose.inverse().matrix() @ tool_down((x, y, z + 0.05)).matrix()
    q, ok = load_chain(cell).solve(target, cell.home)
    assert ok
    return reading_at(cell, q, -1.0)


def test_a_gear_that_sticks_is_turned_by_more_than_half_a_pitch_each_way(cell: Cell) -> None:
    begin = at_the_fixture(cell)
    x, y, z = begin.arm.tcp.xyz
    fit = Fit(x, y, rim=z, bottom=z - 0.01, tip=0.0, chamfer=0.0, yaw=0.0)
    how = replace(mesh.NOMINAL, turn=mesh.SPAN * PITCH, patience=6.0)
    context: Any = SimpleNamespace(cell=cell)
    yaws = turns_of(cell, lambda reading: push_in(context, reading, Contact(fit), how), begin, floor=z)
    assert max(yaws) > PITCH / 2
    assert min(yaws) < -PITCH / 2


def test_a_hand_turns_a_wheel_all_the_way(cell: Cell) -> None:
    begin = at_the_fixture(cell)
    context: Any = SimpleNamespace(cell=cell)
    held = begin.arm.tcp.xyz
    yaws = turns_of(cell, lambda reading: turn.swing(context, reading, held, 0.0, turn.BEGIN), begin, floor=-1.0)
    assert yaws[-1] == pytest.approx(turn.BEGIN, abs=math.radians(1))
