"""The definition files say what the wire needs, and colcon would find everything that they name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hw.types.definitions import FOLDER, OWN, Definition, definitions
from hw.types.platform import Platform

ALL = definitions()


def members(file: Path) -> list[list[str]]:
    """The fields of each part (goal, result, feedback; request, response), as written, without comments."""
    lines = [re.sub(r"#.*", "", line).strip() for line in file.read_text(encoding="utf-8").splitlines()]
    parts: list[list[str]] = [[]]
    for line in filter(None, lines):
        if line == "---":
            parts.append([])
        elif "=" not in line:
            parts[-1].append(line)
    return parts


def test_all_packages_are_there() -> None:
    assert [definition.package for definition in ALL] == [
        OWN,
        "control_msgs",
        "controller_manager_msgs",
        "tf2_msgs",
    ]


@pytest.mark.parametrize("definition", ALL, ids=lambda definition: definition.package)
def test_cmake_lists_every_file_and_both_lists_name_what_the_fields_are_made_of(definition: Definition) -> None:
    cmake = (definition.folder / "CMakeLists.txt").read_text()
    assert re.findall(r'^  "(.*)"$', cmake, re.MULTILINE) == sorted(map(str, definition.files))
    (listed,) = re.findall(r"DEPENDENCIES (.*)", cmake)
    found = re.findall(r"find_package\((\w+) REQUIRED\)", cmake)
    assert listed.split() == list(definition.depends)
    assert set(found) == {"ament_cmake", "rosidl_default_generators", *definition.depends}
    fields = [field for file in definition.files for part in members(definition.folder / file) for field in part]
    used = {field.partition("/")[0] for field in fields if "/" in field.split()[0]}
    actions = {"action_msgs"} if any(file.suffix == ".action" for file in definition.files) else set()
    assert used | actions == set(definition.depends)


@pytest.mark.parametrize("definition", ALL, ids=lambda definition: definition.package)
def test_every_definition_is_read_by_ros(definition: Definition, platform: Platform) -> None:
    from rosidl_adapter.parser import parse_action_file, parse_message_file, parse_service_file

    parse = {".msg": parse_message_file, ".srv": parse_service_file, ".action": parse_action_file}
    name = {".msg": "msg_name", ".srv": "srv_name", ".action": "action_name"}
    for file in definition.files:
        read = parse[file.suffix](definition.package, definition.folder / file)
        assert getattr(read, name[file.suffix]) == file.stem


def test_a_trajectory_has_the_fields_of_kilted_in_their_order() -> None:
    goal, result, feedback = members(FOLDER / "control_msgs" / "action" / "FollowJointTrajectory.action")
    assert goal == [
        "trajectory_msgs/JointTrajectory trajectory",
        "trajectory_msgs/MultiDOFJointTrajectory multi_dof_trajectory",
        "JointTolerance[] path_tolerance",
        "JointComponentTolerance[] component_path_tolerance",
        "JointTolerance[] goal_tolerance",
        "JointComponentTolerance[] component_goal_tolerance",
        "builtin_interfaces/Duration goal_time_tolerance",
    ]
    assert result == ["int32 error_code", "string error_string"]
    point, multi = ("trajectory_msgs/JointTrajectoryPoint", "trajectory_msgs/MultiDOFJointTrajectoryPoint")
    assert feedback == [
        "std_msgs/Header header",
        "string[] joint_names",
        *(f"{point} {name}" for name in ("desired", "actual", "error")),
        "int32 index",
        "string[] multi_dof_joint_names",
        *(f"{multi} multi_dof_{name}" for name in ("desired", "actual", "error")),
        "int32 multi_dof_index",
    ]


def test_only_our_own_package_is_what_colcon_builds_beside_a_distribution() -> None:
    assert [each.package for each in ALL if not (each.folder / "COLCON_IGNORE").exists()] == [OWN]
