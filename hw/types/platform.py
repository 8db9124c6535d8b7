"""The ROS 2 that Python finds here: a distribution that was sourced, or the wheels of the extra ``ros``."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from dataclasses import dataclass
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from cells.errors import Problem, Unbuildable
from hw.types.places import is_built_here

OLDEST = "jazzy"
WHEELS = "wheels"
SOURCE = "pip install 'cellwright[ros]', or source a distribution: . /opt/ros/<release>/setup.sh"


@dataclass(frozen=True)
class Platform:
    """``release`` is the distribution's name or "wheels"; ``prefixes`` are searched in this order for packages."""

    release: str
    prefixes: tuple[Path, ...]

    @property
    def wheels(self) -> bool:
        """Whether it came by pip, and holds just what PyPI has."""
        return self.release == WHEELS

    def prefix_of(self, package: str) -> Path | None:
        """Where a ROS package is installed."""
        return next((prefix for prefix in self.prefixes if (prefix / "share" / package / "package.xml").exists()), None)

    def share_of(self, package: str) -> Path:
        """The folder of a package's descriptions and templates. Raises :class:`Unbuildable` if it isn't installed."""
        prefix = self.prefix_of(package)
        if prefix is None:
            what = f"the package {package} isn't installed, which building interfaces needs"
            debian = f"apt-get install ros-{self.release}-{package.replace('_', '-')}"
            raise Unbuildable(Problem("ROS 2", what, "pip install 'cellwright[ros]'" if self.wheels else debian))
        return prefix / "share" / package

    def version_of(self, package: str) -> str:
        """The version that a ROS package's package.xml tells; empty if it isn't installed."""
        prefix = self.prefix_of(package)
        return version_in(prefix, package) if prefix else ""


def find_platform() -> Platform:
    """What is here. Raises :class:`Unbuildable` if nothing is, or a release that is older than Jazzy."""
    spec = PathFinder.find_spec("rclpy")
    if spec is None or spec.origin is None:
        raise Unbuildable(Problem("ROS 2", "Python finds no rclpy", SOURCE))
    if not (Path(spec.origin).parent / f"_rclpy_pybind11{sysconfig.get_config_var('EXT_SUFFIX')}").exists():
        what = f"{Path(spec.origin).parent} was made for another Python than {sys.version.split()[0]}"
        remedy = "use that one (python3 -m venv --system-site-packages), or a shell in which no distribution is sourced"
        raise Unbuildable(Problem("ROS 2", what, remedy))
    sourced = [entry for entry in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if entry]
    prefixes = tuple(dict.fromkeys(Path(entry) for entry in (*sourced, sys.prefix) if not is_built_here(entry)))
    if _is_wheel(Path(spec.origin).parent):
        return Platform(WHEELS, prefixes)
    release = os.environ.get("ROS_DISTRO", "unnamed")
    if release < OLDEST:
        what = f"{release} is older than Jazzy, and its types carry no hash"
        raise Unbuildable(Problem("ROS 2", what, "use Jazzy or a later release, or the wheels of the extra 'ros'"))
    return Platform(release, prefixes)


def version_in(prefix: Path, package: str) -> str:
    """The version of a package that is installed in ``prefix``."""
    text = (prefix / "share" / package / "package.xml").read_text(encoding="utf-8")
    found = re.search(r"<version[^>]*>\s*([^<\s]+)", text)
    return found[1] if found else ""


def _is_wheel(rclpy: Path) -> bool:
    try:
        return Path(str(distribution("ros-rclpy").locate_file("rclpy"))) == rclpy
    except PackageNotFoundError:
        return False
