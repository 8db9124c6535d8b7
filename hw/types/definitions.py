"""The interface packages that Cellwright speaks, as their definition files tell them.

``hw/interfaces`` holds them as packages that ``colcon build`` takes. All but our own are also in ROS 2 distributions;
what is here of those is the part that a cell needs, in the layout that Kilted and later releases have.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

FOLDER = Path(__file__).parents[1] / "interfaces"
KINDS = ("msg", "srv", "action")
OWN = "cellwright_msgs"


@dataclass(frozen=True)
class Definition:
    """One interface package: its ``folder``, version, the packages that its types are made of, and its files, relative
    to the folder."""

    folder: Path
    version: str
    depends: tuple[str, ...]
    files: tuple[Path, ...]

    @property
    def package(self) -> str:
        """Its name."""
        return self.folder.name

    @property
    def types(self) -> tuple[str, ...]:
        """Its types by their full names, such as ``control_msgs/action/FollowJointTrajectory``."""
        return tuple(f"{self.package}/{file.with_suffix('')}" for file in self.files)

    def digest(self) -> bytes:
        """SHA-256 over every file's name and text."""
        total = hashlib.sha256()
        for file in (Path("package.xml"), *self.files):
            total.update(f"{file}\0".encode() + (self.folder / file).read_bytes() + b"\0")
        return total.digest()


def definitions(folder: Path = FOLDER) -> tuple[Definition, ...]:
    """The packages in ``folder``, by name."""
    return tuple(_read(path.parent) for path in sorted(folder.glob("*/package.xml")))


def _read(folder: Path) -> Definition:
    package = ElementTree.parse(folder / "package.xml").getroot()
    files = (path.relative_to(folder) for kind in KINDS for path in sorted((folder / kind).glob(f"*.{kind}")))
    depends = tuple(tag.text or "" for tag in package.findall("depend"))
    return Definition(folder, package.findtext("version", ""), depends, tuple(files))
