"""Robots and cells of the library as data: what skills, products and the collision check rely on holds for each."""

from __future__ import annotations

import hashlib
import json
import math
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from cells.control.verify import proof_of
from cells.description.cell import Cell, check_cell, list_cells, load_cell
from cells.description.robot import RobotSpec, list_robots, load_robot
from cells.kinematics.chain import Chain, load_chain
from cells.kinematics.collision.shapes import of_urdf
from cells.pose import Array, tool_down
from cells.skills.motions import TRAVEL_Z

ABOVE = 0.03  # m of the tool centre point over a seat
NEAR_SINGULAR = 0.08  # least singular value of the Jacobian (m, rad) at work

UR5E = {  # Universal Robots, "DH Parameters for calculations of kinematics and dynamics", UR5e
    "a": (0, -0.425, -0.3922, 0, 0, 0),
    "d": (0.1625, 0, 0, 0.1333, 0.0997, 0.0996),
    "alpha": (math.pi / 2, 0, 0, math.pi / 2, -math.pi / 2, 0),
}
UR5E_MASS = (3.761, 8.058, 2.846, 1.37, 1.3, 0.365)
UR5E_CENTRE = (
    (0, -0.02561, 0.00193), (0.2125, 0, 0.11336), (0.15, 0, 0.0265),
    (0, -0.0018, 0.01634), (0, 0.0018, 0.01634), (0, 0, -0.001159),
)  # fmt: skip
IIWA14 = {  # KUKA, technical data of the LBR iiwa 14 R820: the four lengths; the angles are how its axes stand
    "a": (0,) * 7,
    "d": (0.36, 0, 0.42, 0, 0.4, 0, 0.126),
    "alpha": (-math.pi / 2, math.pi / 2, math.pi / 2, -math.pi / 2, -math.pi / 2, math.pi / 2, 0),
}


def rows(table: dict[str, tuple[float, ...]], q: Array) -> list[Array]:
    """Where each row of a Denavit-Hartenberg table ends, (4, 4) in the frame that it begins in."""
    out, pose = [], np.eye(4)
    for angle, a, d, alpha in zip(q, table["a"], table["d"], table["alpha"], strict=True):
        c, s, ca, sa = math.cos(angle), math.sin(angle), math.cos(alpha), math.sin(alpha)
        pose = pose @ np.array([[c, -s * ca, s * sa, a * c], [s, c * ca, -c * sa, a * s], [0, sa, ca, d], [0, 0, 0, 1]])
        out.append(pose)
    return out


def chain_to(spec: RobotSpec, tip: str) -> Chain:
    limits = {"acceleration": spec.acceleration, "jerk": spec.jerk}
    return Chain.from_urdf(spec.urdf_path, spec.base_link, tip, limits)


@pytest.fixture(params=list_robots())
def spec(request: pytest.FixtureRequest) -> RobotSpec:
    return load_robot(request.param)


@pytest.fixture(params=list_cells(), scope="module")
def cell(request: pytest.FixtureRequest) -> Cell:
    return load_cell(request.param)


@pytest.mark.parametrize("name", list_cells())
def test_a_cell_of_the_library_has_no_problem(name: str) -> None:
    assert check_cell(name) == []


@pytest.mark.parametrize(("name", "table"), [("ur5e", UR5E), ("iiwa14", IIWA14)])
def test_an_arm_has_the_published_geometry(name: str, table: dict[str, tuple[float, ...]]) -> None:
    spec = load_robot(name)
    chain = chain_to(spec, spec.flange_link)
    base = np.diag([-1.0, -1.0, 1.0, 1.0]) if name == "ur5e" else np.eye(4)  # REP-103 turns the UR's base half round
    for q in np.random.default_rng(1).uniform(chain.q_min, chain.q_max, (20, chain.n)):
        np.testing.assert_allclose(chain.fk(q), base @ rows(table, q)[-1], atol=1e-9)


def test_the_ur5e_has_the_published_masses_where_they_are_published() -> None:
    spec = load_robot("ur5e")
    links = {link.get("name"): link for link in ET.parse(spec.urdf_path).getroot().iter("link")}
    names = ("shoulder_link", "upper_arm_link", "forearm_link", "wrist_1_link", "wrist_2_link", "wrist_3_link")
    q = np.random.default_rng(2).uniform(-math.pi, math.pi, 6)
    ends = rows(UR5E, q)
    for k, name in enumerate(names):
        inertial = links[name].find("inertial")
        assert inertial is not None
        mass, origin = inertial.find("mass"), inertial.find("origin")
        assert mass is not None and origin is not None
        assert float(mass.get("value", "")) == UR5E_MASS[k]
        centre = np.array([*map(float, origin.get("xyz", "").split()), 1.0])
        published = ends[k] @ np.array([*UR5E_CENTRE[k], 1.0])
        start = np.eye(4) if k == 0 else ends[k - 1]
        turned = np.eye(4)
        turned[:2, :2] = [[math.cos(q[k]), -math.sin(q[k])], [math.sin(q[k]), math.cos(q[k])]]
        np.testing.assert_allclose(start @ turned @ centre, published, atol=1e-6)


def test_a_hand_is_as_skills_and_products_expect_it(spec: RobotSpec) -> None:
    """Fingers close along the tcp's y and open as wide as said; pads end, and the palm begins, where it is said."""
    root, gripper = ET.parse(spec.urdf_path).getroot(), spec.gripper
    joints = {joint.get("name"): joint for joint in root.iter("joint")}
    solids, tips, palms = of_urdf(spec.urdf_path), [], []
    for name, side in zip(gripper.joints, (1, -1), strict=True):
        joint = joints[name]
        parent, child, axis, limit = (joint.find(tag) for tag in ("parent", "child", "axis", "limit"))
        assert parent is not None and child is not None and axis is not None and limit is not None
        hand, finger = chain_to(spec, parent.get("link", "")), chain_to(spec, spec.tcp_link)
        q = np.zeros(hand.n)
        into_tcp = np.linalg.inv(finger.fk(q)) @ hand.fk(q)
        along = into_tcp[:3, :3] @ np.array([float(v) for v in axis.get("xyz", "").split()])
        np.testing.assert_allclose(along, [0, side, 0], atol=1e-9)
        assert float(limit.get("upper", "")) == pytest.approx(gripper.max_width / 2)
        assert float(limit.get("lower", "")) == pytest.approx(gripper.min_width / 2)
        origin = joint.find("origin")
        assert origin is not None
        z = float(origin.get("xyz", "").split()[2]) + into_tcp[2, 3]
        tips.append(max(z + shape.pose[2, 3] + shape.size[2] for shape in solids[child.get("link", "")]))
        palms += [into_tcp[2, 3] + shape.pose[2, 3] + shape.size[2] for shape in solids[parent.get("link", "")]]
    np.testing.assert_allclose(tips, gripper.pad_size[1] / 2, atol=2e-4)
    assert -max(palms) == pytest.approx(gripper.palm_clearance, abs=1e-4)


def test_the_pairs_that_may_meet_were_found_for_this_urdf(spec: RobotSpec) -> None:
    kept = json.loads(Path(spec.folder / "meetings.json").read_bytes())
    assert kept["urdf_sha256"] == hashlib.sha256(spec.urdf_path.read_bytes()).hexdigest()


def test_an_arm_at_rest_is_free_and_points_its_tool_down(cell: Cell) -> None:
    chain, proof = load_chain(cell), proof_of(cell, load_chain(cell))
    pose = cell.base_pose.matrix() @ chain.fk(cell.home)
    np.testing.assert_allclose(pose[:3, :3], np.diag([1.0, -1.0, -1.0]), atol=0.02)
    assert pose[2, 3] >= TRAVEL_Z - 0.01
    apart, _ = proof.around.distance(cell.home, 0.02)
    assert apart > 0.01


def test_every_place_of_a_cell_is_reached_from_rest_without_a_flip(cell: Cell) -> None:
    """Turned as far as a square part may ask for; clear of everything, of singularities and of the joints' limits."""
    chain, proof = load_chain(cell), proof_of(cell, load_chain(cell))
    into_base = cell.base_pose.inverse().matrix()
    for name, station in cell.stations.items():
        for slot in range(station.slots):
            x, y, z = station.slot_pose(slot).xyz
            heights = (TRAVEL_Z,) if station.kind == "bin" else (TRAVEL_Z, z + ABOVE)
            for height in heights:
                for yaw in (0.0, math.radians(45), math.radians(-45)):
                    q, ok = chain.solve(into_base @ tool_down((x, y, height), yaw).matrix(), cell.home)
                    where = f"{name} {slot} at {1000 * height:.0f} mm, {math.degrees(yaw):.0f}°"
                    assert ok, where
                    assert chain.manipulability(q) > NEAR_SINGULAR, where
                    assert chain.limit_distance(q).min() > math.radians(2), where
                    assert np.abs(q - cell.home).max() < 0.8 * math.pi, where
                    apart, who = proof.around.distance(q, 0.02)
                    assert apart > 0.001, f"{where}: {who}"
