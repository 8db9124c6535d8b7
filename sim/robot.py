"""The robot as PyBullet loads it: the cell's own URDF, with pybullet_data's meshes as visuals where it has them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from cells.description.cell import Cell
from cells.description.spindle import Spindle
from cells.pose import Pose

# Visual meshes of pybullet_data by link name, for robots it ships (folder, file of each link).
MESHES = {
    "panda": (
        "franka_panda/meshes",
        {
            "panda_link0": "collision/link0.obj",
            **{f"panda_link{i}": f"visual/link{i}.obj" for i in range(1, 7)},
            "panda_link7": "collision/link7.obj",
            "panda_hand": "visual/hand.obj",
            "panda_leftfinger": "visual/finger.obj",
            "panda_rightfinger": "visual/finger.obj",
        },
    )
}
TURNED = {"panda_rightfinger": "0 0 3.141592653589793"}
BIT = "driver_bit"
COLOUR = "0.92 0.93 0.95 1"


def write_urdf(cell: Cell, folder: Path) -> Path:
    """Write the URDF that Bullet loads into ``folder`` and return its path.

    Visuals are added (meshes where there are any, else the collision primitives), and a driver, if the cell has one, on
    the tool centre point; everything else is the robot's file.
    """
    import pybullet_data

    spec = cell.robot_spec
    urdf = spec.urdf_path
    tree = ET.parse(urdf)
    root = tree.getroot()
    base, meshes = MESHES.get(root.get("name", ""), ("", {}))
    if cell.driver is not None:
        root.extend(_driver(cell.driver, spec.tcp_link))
    for link in root.iter("link"):
        name = link.get("name", "")
        file = Path(pybullet_data.getDataPath()) / base / meshes.get(name, "-")
        if file.is_file():
            link.append(
                _visual(f'<mesh filename="{file}"/>', f'<origin xyz="0 0 0" rpy="{TURNED.get(name, "0 0 0")}"/>')
            )
        else:
            for collision in link.findall("collision"):
                origin, geometry = collision.find("origin"), collision.find("geometry")
                at = "" if origin is None else ET.tostring(origin, "unicode")
                inner = "" if geometry is None else "".join(ET.tostring(shape, "unicode") for shape in geometry)
                link.append(_visual(inner, at))
    out = folder / urdf.name
    tree.write(out)
    return out


def _driver(spindle: Spindle, tcp: str) -> list[ET.Element]:
    """A driver's links and joints: the spindle with its plate, and the bit as a link of its own, to know what it
    touches."""
    mass = spindle.mass_kg
    radius, length, at = spindle.body
    across = mass * (3 * radius**2 + length**2) / 12
    inertial = (
        f'<inertial>{_origin(at)}<mass value="{mass}"/><inertia ixx="{across}" iyy="{across}" '
        f'izz="{mass * radius**2 / 2}" ixy="0" ixz="0" iyz="0"/></inertial>'
    )
    edges, plate = spindle.bracket
    box = f'<box size="{" ".join(map(str, edges))}"/>'
    solids = _collision(at, _cylinder(radius, length)) + _collision(plate, box)
    bit_radius, bit_length, bit = spindle.bit
    nothing = '<inertial><mass value="0"/><inertia ixx="0" iyy="0" izz="0" ixy="0" ixz="0" iyz="0"/></inertial>'
    texts = [
        f'<link name="driver">{inertial}{solids}</link>',
        f'<link name="{BIT}">{nothing}{_collision(bit, _cylinder(bit_radius, bit_length))}</link>',
    ]
    for child in ("driver", BIT):
        ends = f'<parent link="{tcp}"/><child link="{child}"/>'
        texts.append(f'<joint name="{child}_joint" type="fixed">{ends}<origin xyz="0 0 0" rpy="0 0 0"/></joint>')
    return [ET.fromstring(text) for text in texts]


def _origin(pose: Pose) -> str:
    return f'<origin xyz="{" ".join(map(str, pose.xyz))}" rpy="0 0 {pose.yaw}"/>'


def _cylinder(radius: float, length: float) -> str:
    return f'<cylinder radius="{radius}" length="{length}"/>'


def _collision(pose: Pose, geometry: str) -> str:
    return f"<collision>{_origin(pose)}<geometry>{geometry}</geometry></collision>"


def _visual(geometry: str, origin: str) -> ET.Element:
    material = f'<material name="body"><color rgba="{COLOUR}"/></material>'
    return ET.fromstring(f"<visual>{origin}<geometry>{geometry}</geometry>{material}</visual>")
