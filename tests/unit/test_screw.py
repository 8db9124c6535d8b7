"""The model of a screw: its torque by the textbook, its way by its pitch; and who may drive one."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.assembly import planned
from cells.control.verify import proof_of, solids_of
from cells.description.cell import load_cell
from cells.errors import CellwrightError, Unbuildable
from cells.kinematics.chain import load_chain
from cells.orders.report import SCREWS, conventions
from cells.pose import Pose
from cells.products.catalogue import build_variant
from cells.products.model import Thread
from cells.runtime.production import produce
from cells.tasks.disassembly import plan_disassembly
from sim.screw import Engaged, Mouth, advanced, tightening_torque

CELL = load_cell("panda-screws")
VARIANT = build_variant("gearbox", {"screws": 4})
M4 = Thread(0.004, 0.0007, 0.016)


@pytest.mark.parametrize(
    ("thread", "bearing", "hole", "preload", "torque"),
    [
        (M4, 0.00653, 0.0045, 4400.0, 3.0),
        (Thread(0.008, 0.001, 0.03), 0.01163, 0.009, 20_200.0, 26.1),
    ],
)
def test_the_torque_is_the_tables(thread: Thread, bearing: float, hole: float, preload: float, torque: float) -> None:
    """VDI 2230, tables of assembly preload and tightening torque for class 8.8 and a friction of 0.12: M4, and M8 x 1;
    bearing faces of ISO 4762 and ISO 4014, clearance holes of ISO 273, medium."""
    assert tightening_torque(preload, thread, (bearing + hole) / 2, 0.12) == pytest.approx(torque, rel=0.015)


def test_a_screw_goes_down_by_its_pitch_clockwise_and_stands_up_in_its_first_turn() -> None:
    lean, heading = 0.05, 0.6
    leaning = Pose((2e-4, -1e-4, 3e-5), (math.sin(lean / 2), 0.0, 0.0, math.cos(lean / 2)))
    began = leaning @ Pose.at(0.0, 0.0, 0.0, heading)
    again = advanced(began, M4.pitch, 0.0)
    assert again.xyz == pytest.approx(began.xyz) and again.quat == pytest.approx(began.quat, abs=1e-9)
    half, whole = (advanced(began, M4.pitch, turn * math.pi) for turn in (1, 2))
    assert half.tilt == pytest.approx(began.tilt / 2)
    assert whole.tilt == pytest.approx(0.0, abs=1e-6)
    assert whole.xyz == pytest.approx((0.0, 0.0, began.xyz[2] - M4.pitch))
    quarter = advanced(Pose(), M4.pitch, math.pi / 2)
    assert quarter.yaw == pytest.approx(-math.pi / 2)


def test_once_its_head_bears_a_screw_stays_and_its_torque_rises_to_the_limit() -> None:
    hole = VARIANT.parts["housing"].holes["screw_1"]
    free = Engaged(Mouth("housing", hole, M4, Pose(), 0.00575), turned=60.0)
    assert free.torque() == 0.0 and free.turned_on(0.03, 1.0).turned == pytest.approx(60.03)
    bears = replace(free, bore=60.0, seated=-0.0067)
    tight = bears.turned_on(10.0, 1.0)
    assert tight.torque() == pytest.approx(1.0)
    assert tight.pose().xyz[2] == -0.0067
    assert 3 < math.degrees(tight.turned - 60.0) < 27  # a hard joint, by ISO 5393
    assert tight.turned_on(1.0, 1.0) == tight


def test_a_cell_without_a_driver_refuses_the_plan_and_says_what_to_do() -> None:
    with pytest.raises(Unbuildable, match=r"fasten_screw_1 needs a driver.*panda-screws.*without screws"):
        planned(load_cell("panda-bench"), VARIANT, "U")


def test_a_driver_too_weak_refuses_it_too() -> None:
    assert CELL.driver is not None
    weak = CELL.model_copy(update={"driver": CELL.driver.model_copy(update={"max_torque_nm": 0.5})})
    with pytest.raises(Unbuildable, match=r"max_torque_nm: 1 Nm are asked for, the driver gives 0\.5 Nm"):
        planned(weak, VARIANT, "U")


def test_a_world_without_a_driver_refuses_before_anything_moves() -> None:
    order, plan = planned(CELL, VARIANT, "U")
    world: Any = object()
    with pytest.raises(CellwrightError, match="has no driver"):
        produce(order, plan, CELL, {}, world, world, world, world, world)


def test_a_unit_with_screws_is_not_taken_apart() -> None:
    with pytest.raises(Unbuildable, match="no installed skill has the capability 'unfasten'"):
        plan_disassembly("U", "D", VARIANT, CELL)


def test_the_report_names_the_model_where_there_are_screws() -> None:
    plain = build_variant("gearbox", {})
    assert SCREWS in conventions({VARIANT.hash: VARIANT}, CELL)
    assert SCREWS not in conventions({plain.hash: plain}, CELL)


def test_the_arm_knows_what_it_carries() -> None:
    bare, with_driver = (load_chain(load_cell(name)) for name in ("panda-bench", "panda-screws"))
    assert CELL.driver is not None
    assert with_driver.arrays[3][-1] - bare.arrays[3][-1] == pytest.approx(CELL.driver.mass_kg)
    assert proof_of(CELL, with_driver).around.body.shapes[-1].name == "driver"
    lowest = max(solid.pose[2, 3] + solid.size[1] for solid in solids_of(CELL.driver)[:2])
    assert lowest == pytest.approx(CELL.driver.tip.xyz[2])
    assert -lowest > CELL.robot_spec.gripper.palm_clearance  # no lower than the palm
