"""Fits in the physics: a bore takes its peg and refuses a larger one, and its rim is as sharp as it was drawn.

By guided moves, not free drops: a peg that can't turn is pressed down at 10 N while a soft spring holds it sideways.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cells.description.cell import load_cell
from cells.ports import LoadRequest
from cells.pose import Pose
from cells.products.catalogue import build_variant
from cells.products.model import Part, ProductVariant
from sim.bodies import MARGIN, STEEL, part_centre, spawn_part, static_hull
from sim.truth import measure
from sim.world import SimWorld, open_world

CELL = load_cell("panda-bench")
PLATE_AT = Pose.at(0.48, 0.0, 0.1)
PRESS, SPRING, SPEED = 10.0, 500.0, 0.03  # N, N/m, m/s
MASS, STILL = 0.5, 1e3  # kg and kgm² of the guided peg: it goes where it is led and never turns
SHAPES = pytest.mark.parametrize("shape", ["round", "square"])


def variant(shape: str, peg_mm: float = 14.0, clearance_mm: float = 0.5, chamfer_mm: float = 0.5) -> ProductVariant:
    parameters = {"pegs": 1, "peg_shape": shape, "peg_mm": peg_mm, "peg_length_mm": 32}
    return build_variant("pegboard", {**parameters, "clearance_mm": clearance_mm, "chamfer_mm": chamfer_mm})


class Press:
    """The simulated world without its robot: a clamped plate, and a peg that is led into its hole."""

    def __init__(self, folder: Path) -> None:
        self.world: SimWorld = open_world(CELL, {}, seed=1)
        self.world.bullet.removeBody(self.world.robot)
        self._folder = folder

    def lower(
        self, plate: Part, peg: Part, aside: float = 0.0, friction: float | None = None, name: str = "hole_1"
    ) -> Pose:
        """Where the peg's frame ends, seen from the rim of the hole, led ``aside`` (m) of its axis along x."""
        hole = plate.holes[name]
        return self._led(plate, peg, PLATE_AT @ hole.pose, hole.depth, aside, friction)

    def lower_onto(self, rod: Part, part: Part, depth: float) -> Pose:
        """Where the part's frame ends, seen from the top of a clamped rod that it is led onto."""
        return self._led(rod, part, PLATE_AT @ rod.studs["top"].pose, depth, 0.0, None)

    def _led(self, plate: Part, peg: Part, rim: Pose, depth: float, aside: float, friction: float | None) -> Pose:
        bullet = self.world.bullet
        clamped = spawn_part(bullet, plate, PLATE_AT, STEEL, self._folder)
        bullet.changeDynamics(clamped, -1, mass=0)
        self._body = spawn_part(bullet, peg, rim.shifted(dx=aside, dz=5e-4), STEEL, self._folder)
        bullet.changeDynamics(self._body, -1, mass=MASS, localInertiaDiagonal=(STILL,) * 3)
        if friction is not None:
            bullet.changeDynamics(self._body, -1, lateralFriction=friction)
        self.lead(rim.xyz[0] + aside, rim.xyz[1], depth / SPEED + 0.2)
        x, y, z = part_centre(peg)
        at = Pose(*bullet.getBasePositionAndOrientation(self._body)) @ Pose((-x, -y, -z))
        bullet.removeBody(clamped)
        bullet.removeBody(self._body)
        return rim.inverse() @ at

    def lead(self, x: float, y: float, seconds: float) -> None:
        """Press the peg down, its middle on a spring at (x, y)."""
        bullet = self.world.bullet
        for _ in range(round(seconds / CELL.physics_s)):
            at, _ = bullet.getBasePositionAndOrientation(self._body)
            v, _ = bullet.getBaseVelocity(self._body)
            down = min(max(200.0 * (-SPEED - v[2]), -PRESS), PRESS)
            side = [SPRING * (want - have) - 20.0 * speed for want, have, speed in zip((x, y), at, v, strict=False)]
            force = (*side, MASS * 9.80665 + down)
            bullet.applyExternalForce(self._body, -1, force, at, bullet.WORLD_FRAME)
            bullet.stepSimulation()


@pytest.fixture(scope="module")
def press(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Press]:
    press = Press(tmp_path_factory.mktemp("fits"))
    yield press
    press.world.close()


@SHAPES
@pytest.mark.parametrize("clearance_mm", [0.2, 0.5])
@pytest.mark.parametrize("chamfer_mm", [0.0, 0.5])
def test_the_bore_takes_its_peg_to_the_bottom(press: Press, shape: str, clearance_mm: float, chamfer_mm: float) -> None:
    one = variant(shape, clearance_mm=clearance_mm, chamfer_mm=chamfer_mm)
    plate, peg = one.parts["plate"], one.parts["peg"]
    end = press.lower(plate, peg)
    fit = measure(Pose(), plate.holes["hole_1"], end, peg.size[0], chamfer_mm / 1000)
    assert abs(fit.missing) < 5e-5
    assert fit.off_axis < 5e-5
    assert fit.interpenetration < 5e-5


@SHAPES
@pytest.mark.parametrize("clearance_mm", [0.2, 0.5])
def test_a_peg_a_fifth_of_a_millimetre_over_the_bore_is_refused(press: Press, shape: str, clearance_mm: float) -> None:
    plate = variant(shape, clearance_mm=clearance_mm).parts["plate"]
    over = variant(shape, peg_mm=14.0 + clearance_mm + 0.2).parts["peg"]
    assert over.size[0] == pytest.approx(plate.holes["hole_1"].width + 2e-4)
    tip = press.lower(plate, over).xyz[2]
    assert -5e-4 < tip < -2e-4  # no farther than its chamfer of 0.5 mm reaches
    blunt = variant(shape, peg_mm=14.0 + clearance_mm + 0.2, chamfer_mm=0.0).parts["peg"]
    assert abs(press.lower(plate, blunt).xyz[2]) < 5e-5


@SHAPES
@pytest.mark.parametrize(("aside_mm", "enters"), [(0.2, True), (0.3, False)])
def test_without_a_chamfer_the_rim_is_sharp(press: Press, shape: str, aside_mm: float, enters: bool) -> None:
    """Radial clearance 0.25 mm: 0.05 mm to either side of it decide."""
    one = variant(shape, chamfer_mm=0.0)
    plate, peg = one.parts["plate"], one.parts["peg"]
    tip = press.lower(plate, peg, aside_mm / 1000).xyz[2]
    assert tip == pytest.approx(-plate.holes["hole_1"].depth if enters else 0.0, abs=5e-5)


@SHAPES
@pytest.mark.parametrize(("aside_mm", "enters"), [(0.65, True), (0.85, False)])
def test_a_chamfer_leads_in_as_far_as_it_reaches(press: Press, shape: str, aside_mm: float, enters: bool) -> None:
    """Radial clearance and chamfer are 0.75 mm together. The peg is greased: friction isn't the question here."""
    one = variant(shape)
    plate, peg = one.parts["plate"], one.parts["peg"]
    tip = press.lower(plate, peg, aside_mm / 1000, friction=0.0).xyz[2]
    assert tip == pytest.approx(-plate.holes["hole_1"].depth if enters else 0.0, abs=5e-5)


def test_margins_eat_less_than_a_twentieth_of_a_millimetre_of_play(press: Press) -> None:
    """What a square peg can move in its hole, to and fro, is the clearance but for the margins of two bodies."""
    one = variant("square", clearance_mm=0.2, chamfer_mm=0.0)
    plate, peg = one.parts["plate"], one.parts["peg"]
    lead: Callable[..., None] = press.lead
    ends = []
    for side in (-1, 1):

        def in_and_aside(x: float, y: float, seconds: float, side: int = side) -> None:
            lead(x, y, seconds)
            lead(x + side * 0.002, y, 0.2)

        press.lead = in_and_aside  # type: ignore[method-assign]
        ends.append(press.lower(plate, peg, friction=0.0).xyz[0])
    press.lead = lead  # type: ignore[method-assign]
    eaten = 2e-4 - (ends[1] - ends[0])
    assert 0.0 <= eaten < 4 * MARGIN + 5e-6 < 5e-5


@pytest.fixture(scope="module")
def loaded() -> Iterator[SimWorld]:
    one = variant("round")
    world = open_world(CELL, {one.hash: one}, seed=1)
    where = {"plate": "tray_a", "peg": "tray_b"}
    world.stock.load([LoadRequest(f"U/{part}", part, one.hash, tray, 0) for part, tray in where.items()])
    yield world
    world.close()


def post(bullet: Any, at: Pose, folder: Path) -> int:
    corners = np.array(list(itertools.product((-0.005, 0.005), repeat=3)))
    return static_hull(bullet, corners, at, STEEL, friction=0.5)


def peg(bullet: Any, at: Pose, folder: Path) -> int:
    return spawn_part(bullet, variant("square", peg_mm=10.0).parts["peg"], at, STEEL, folder)


@pytest.mark.parametrize("make", [post, peg])
def test_everything_that_takes_part_in_a_fit_has_the_thin_margin(loaded: SimWorld, make: Any, tmp_path: Path) -> None:
    """Measured, as Bullet doesn't tell the margin of a shape: two that are 10 mm wide stand 1 mm apart."""
    pair = [make(loaded.bullet, Pose((x, 0.0, 1.0)), tmp_path) for x in (0.0, 0.011)]
    points = loaded.bullet.getClosestPoints(*pair, 0.01)
    for body in pair:
        loaded.bullet.removeBody(body)
    assert min(point[8] for point in points) == pytest.approx(0.001, abs=4 * MARGIN)


def finger_links(world: SimWorld) -> list[int]:
    fingers, robot = CELL.robot_spec.gripper.joints, world.robot
    joints = range(world.bullet.getNumJoints(robot))
    return [j for j in joints if world.bullet.getJointInfo(robot, j)[1].decode() in fingers]


@pytest.mark.xfail(strict=True, reason="changeDynamics sets the margin of the base, whichever link it is given")
def test_the_fingers_have_it_too(loaded: SimWorld) -> None:
    margins = [loaded.bullet.getDynamicsInfo(loaded.robot, link)[11] for link in finger_links(loaded)]
    assert margins == [1e-5, 1e-5]


def test_pads_are_where_they_were_drawn(loaded: SimWorld) -> None:
    """Bullet lays the margin of boxes inside: whatever it is, it moves no face of a pad."""
    bullet, tool = loaded.bullet, loaded.arm.read().tcp
    shape = bullet.createCollisionShape(bullet.GEOM_BOX, halfExtents=[0.002] * 3)
    cube = bullet.createMultiBody(0, shape, -1, tool.xyz, tool.quat)
    points = [bullet.getClosestPoints(loaded.robot, cube, 0.06, link, -1) for link in finger_links(loaded)]
    near = [min(point[8] for point in found) for found in points]
    bullet.removeBody(cube)
    assert sum(near) + 0.004 == pytest.approx(loaded.gripper.read().width, abs=2e-5)


def gearbox(shaft_mm: float, clearance_mm: float, chamfer_mm: float = 0.5) -> ProductVariant:
    parameters = {"pinion_teeth": 24, "shaft_mm": shaft_mm, "clearance_mm": clearance_mm, "chamfer_mm": chamfer_mm}
    return build_variant("gearbox", parameters)


@pytest.mark.parametrize("clearance_mm", [0.2, 0.4])
def test_a_gearboxs_bores_take_the_shaft_and_refuse_a_thicker_one(press: Press, clearance_mm: float) -> None:
    one, over = gearbox(8.0, clearance_mm), gearbox(8.0 + clearance_mm + 0.2, 0.2, 0.0)
    housing, gear, shaft = (one.parts[name] for name in ("housing", "large_gear", "shaft"))
    end = press.lower(housing, shaft, name="bore_1")
    fit = measure(Pose(), housing.holes["bore_1"], end, shaft.size[0], 0.0005)
    assert abs(fit.missing) < 5e-5 and fit.interpenetration < 5e-5
    assert abs(press.lower(housing, over.parts["shaft"], name="bore_1").xyz[2]) < 5e-5
    depth = 0.02
    assert press.lower_onto(shaft, gear, depth).xyz[2] < -0.8 * depth
    stopped = press.lower_onto(over.parts["shaft"], gear, depth).xyz[2]
    assert stopped == pytest.approx(-gear.holes["bore"].pose.xyz[2], abs=5e-5)
