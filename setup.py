"""For colcon, which calls this file to make an ament_python package; for pip, pyproject.toml says everything.

colcon takes the setuptools of its distribution, which may be older than this pyproject.toml: it is read here then.
"""

import sys
import tomllib
from pathlib import Path

from setuptools import Distribution, setup

# None of these is called by a build with pip.
COLCON = {"install", "develop", "install_data", "symlink_data", "--dry-run", "--help-commands"}


class Ament(Distribution):
    """A distribution that leaves pyproject.toml alone."""

    def parse_config_files(self, filenames=None, ignore_option_errors=False):
        super().parse_config_files(filenames=filenames or [], ignore_option_errors=ignore_option_errors)


def ament():
    """What pyproject.toml says, with the files of a ROS package, as arguments of ``setup``."""
    # colcon may call a link to this file, in a folder of its own.
    told = tomllib.loads(Path(__file__).resolve().with_name("pyproject.toml").read_text(encoding="utf-8"))
    project, files = told["project"], told["tool"]["setuptools"]
    points = {"console_scripts": project["scripts"], **project["entry-points"]}
    return {
        "distclass": Ament,
        "name": project["name"],
        "version": project["version"],
        "description": project["description"],
        "license": project["license"],
        "python_requires": project["requires-python"],
        "install_requires": project["dependencies"],
        "packages": files["packages"],
        "package_data": files["package-data"],
        "entry_points": {group: [f"{name} = {at}" for name, at in found.items()] for group, found in points.items()},
        "data_files": [
            ("share/ament_index/resource_index/packages", ["resource/cellwright"]),
            ("share/cellwright", ["package.xml"]),
            ("share/cellwright/launch", ["launch/cell.launch.py"]),
            ("lib/cellwright", [f"launch/lib/{name}_node" for name in ("cell", "arm_sim", "arm_mock")]),
        ],
        "zip_safe": False,
    }


setup(**(ament() if COLCON & set(sys.argv) else {}))
