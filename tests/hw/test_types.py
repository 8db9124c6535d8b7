"""ROS 2 message types: two processes understand each other in all of them, and ``hw interfaces check`` knows them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from hw.types.definitions import FOLDER, definitions
from hw.types.places import built_folder
from hw.types.platform import Platform
from tests.hw.conftest import check

ROOT = Path(__file__).parents[2]
ENDS = Path(__file__).with_name("ends.py")
# As distributions from Jazzy to Lyrical have it.
TF = "RIHS01_e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087"


@pytest.mark.usefixtures("interfaces")
def test_two_processes_understand_each_other_in_every_package(ros_environment: dict[str, str]) -> None:
    namespace = f"/types_{os.getpid()}"
    command = [sys.executable, ENDS]
    arm = subprocess.Popen(
        [*command, "arm", namespace], env=ros_environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        cell = subprocess.run(
            [*command, "cell", namespace], env=ros_environment, capture_output=True, text=True, timeout=300, check=False
        )
        _, complaints = arm.communicate(timeout=60)
    finally:
        arm.kill()
    assert (cell.stderr, complaints) == ("", "")
    assert json.loads(cell.stdout) == {
        "error": [-5, "joint_2"],
        "feedback": [["joint_1", "joint_2", 1, 0.25, -1.5]],
        "loaded": [True, "2 ['{}']", "PB-1-01/peg_1", 7],
        "switched": [True, "streaming"],
        "state": ["EXECUTE", "PB-1", "läuft"],
        "tf": ["tool0", 0.5],
    }


@pytest.mark.usefixtures("interfaces")
def test_ready_reaches_child_processes_and_no_folder_of_the_checkout_hides_a_package() -> None:
    child = "import os, control_msgs.action; print(control_msgs.__file__, os.environ['PYTHONPATH'], sep='\\n')"
    program = f"import subprocess, sys, hw.types; hw.types.ready(); subprocess.run([sys.executable, '-c', {child!r}])"
    earlier = str(built_folder() / "control_msgs-0" / "lib")  # as a parent leaves it that knew other definitions
    known = os.environ | {"PYTHONPATH": earlier}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=FOLDER, env=known, capture_output=True, text=True, timeout=120, check=True
    )
    file, path = done.stdout.splitlines()
    assert file.startswith(str(built_folder() / "control_msgs-"))
    assert earlier not in path.split(os.pathsep)
    assert done.stderr == ""


def test_folders_of_interfaces_and_launch_files_are_no_python_packages() -> None:
    assert not [*FOLDER.rglob("*.py"), *(ROOT / "launch").glob("__init__.py")]
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert "hw.types" in packages
    assert not [name for name in packages if name.startswith(("launch", "hw.interfaces"))]


@pytest.mark.usefixtures("interfaces")
def test_check_tells_where_each_package_comes_from_and_the_hash_of_each_type() -> None:
    done = check()
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["ok"] and told["release"] == "wheels" and told["rclpy"]["version"]
    packages = {package["package"]: package for package in told["packages"]}
    assert packages["tf2_msgs"]["types"] == {"tf2_msgs/msg/TFMessage": TF}
    assert packages["control_msgs"]["layout"] == "kilted"
    for definition in definitions():
        package = packages[definition.package]
        assert package["built"] and Path(package["prefix"]).is_dir()
        assert set(package["types"]) == set(definition.types)
        assert all(value.startswith("RIHS01_") for value in package["types"].values())


def test_check_says_what_is_not_built_and_what_to_do(platform: Platform, tmp_path: Path) -> None:
    done = check(CELLWRIGHT_CACHE=str(tmp_path))
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert not told["ok"] and not told["packages"]
    assert {problem["where"] for problem in told["problems"]} == {each.package for each in definitions()}
    assert {problem["remedy"] for problem in told["problems"]} == {"cellwright hw interfaces build"}
    assert not list(tmp_path.iterdir()), "check builds nothing"
