"""The robot as PyBullet loads it: the cell's own URDF, with pybullet_data's meshes as visuals where it has them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

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
COLOUR = "0.92 0.93 0.95 1"


def write_urdf(urdf: Path, folder: Path) -> Path:
    """Write the URDF that Bullet loads into ``folder`` and return its path.

    Visuals are added (meshes where there are any, else the collision primitives); everything else is the cell's file.
    """
    import pybullet_data

    tree = ET.parse(urdf)
    root = tree.getroot()
    base, meshes = MESHES.get(root.get("name", ""), ("", {}))
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


def _visual(geometry: str, origin: str) -> ET.Element:
    material = f'<material name="body"><color rgba="{COLOUR}"/></material>'
    return ET.fromstring(f"<visual>{origin}<geometry>{geometry}</geometry>{material}</visual>")
