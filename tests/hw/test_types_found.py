"""A sourced ROS 2 distribution's own packages go before ours, and what they lack is said with the remedy."""

from __future__ import annotations

import json
import shutil
import sys
import sysconfig
from pathlib import Path

import pytest

from cells.errors import Unbuildable
from hw.types.definitions import OWN, definitions
from hw.types.found import lacking, may_be_built
from hw.types.places import python_folder
from hw.types.platform import Platform, find_platform
from tests.hw.conftest import check

TRAJECTORY = "control_msgs/action/FollowJointTrajectory"


@pytest.fixture
def workspace(interfaces: None, tmp_path: Path) -> Path:
    """A prefix with a control_msgs of the layout that Jazzy has, as if built and sourced by somebody else."""
    built = next(each["prefix"] for each in json.loads(check().stdout)["packages"] if each["package"] == "control_msgs")
    prefix = tmp_path / "install"
    shutil.copytree(built, prefix)
    described = prefix / "share" / f"{TRAJECTORY}.json"
    document = json.loads(described.read_text())
    for each in document["type_description_msg"]["referenced_type_descriptions"]:
        each["fields"] = [field for field in each["fields"] if not field["name"].endswith("index")]
    described.write_text(json.dumps(document))
    return prefix


def sourced(prefix: Path) -> dict[str, str]:
    """The environment after that prefix was sourced."""
    return {"PYTHONPATH": str(python_folder(prefix)), "AMENT_PREFIX_PATH": str(prefix)}


def test_a_package_that_is_installed_goes_before_ours(workspace: Path) -> None:
    done = check(**sourced(workspace))
    assert done.returncode == 0, done.stderr
    packages = {package["package"]: package for package in json.loads(done.stdout)["packages"]}
    found = packages["control_msgs"]
    assert (found["built"], found["prefix"], found["layout"]) == (False, str(workspace), "older")
    assert packages["tf2_msgs"]["built"]


def test_a_package_without_a_type_that_is_needed_is_refused(workspace: Path) -> None:
    (workspace / "share" / "control_msgs" / "action" / "ParallelGripperCommand.json").unlink()
    done = check(**sourced(workspace))
    assert done.returncode == 1
    (problem,) = json.loads(done.stdout)["problems"]
    assert problem["what"] == f"{workspace} has no control_msgs/action/ParallelGripperCommand"


def test_on_a_distribution_only_our_own_package_is_built(tmp_path: Path) -> None:
    jazzy = Platform("jazzy", (tmp_path,))
    buildable = [definition.package for definition in definitions() if may_be_built(definition, jazzy)]
    assert buildable == [OWN]
    problems = [problem for definition in definitions() if (problem := lacking(definition, jazzy, None))]
    assert {problem.where: problem.remedy for problem in problems} == {
        "cellwright_msgs": "cellwright hw interfaces build",
        "control_msgs": "apt-get install ros-jazzy-control-msgs",
        "controller_manager_msgs": "apt-get install ros-jazzy-controller-manager-msgs",
        "tf2_msgs": "apt-get install ros-jazzy-tf2-msgs",
    }


@pytest.mark.parametrize(
    ("suffix", "said"),
    [
        (sysconfig.get_config_var("EXT_SUFFIX"), "ROS 2: humble is older than Jazzy"),
        (".cpython-38-x86_64-linux-gnu.so", "was made for another Python than 3."),
    ],
)
def test_a_distribution_that_cannot_be_used_is_named(suffix: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "rclpy").mkdir()
    for name in ("__init__.py", f"_rclpy_pybind11{suffix}"):
        (tmp_path / "rclpy" / name).touch()
    done = check(PYTHONPATH=str(tmp_path), AMENT_PREFIX_PATH=str(tmp_path), ROS_DISTRO="humble")
    assert done.returncode == 1
    assert said in done.stderr and "Traceback" not in done.stderr


def test_without_any_ros_the_remedy_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(Unbuildable, match=r"Python finds no rclpy; pip install 'cellwright\[ros\]', or source"):
        find_platform()
