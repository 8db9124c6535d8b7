"""What makes this repository a ROS package: the launch file, package.xml, and a setup.py that pip never notices."""

from __future__ import annotations

import ast
import os
import runpy
import shutil
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path
from typing import Any

import pytest
import setuptools

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LAUNCH = ROOT / "launch" / "cell.launch.py"


def arguments_of_setup(monkeypatch: pytest.MonkeyPatch, *words: str) -> dict[str, Any]:
    """What setup.py hands to setuptools where it is called with these words."""
    handed: list[dict[str, Any]] = []
    monkeypatch.setattr(setuptools, "setup", lambda **arguments: handed.append(arguments))
    monkeypatch.setattr(sys, "argv", ["setup.py", *words])
    monkeypatch.chdir(ROOT)
    runpy.run_path("setup.py")
    [arguments] = handed
    return arguments


# ---------------------------------------------------------------------- pip and colcon


@pytest.mark.parametrize("words", [("egg_info",), ("dist_info",), ("bdist_wheel",), ("editable_wheel",), ("sdist",)])
def test_what_pip_builds_comes_from_pyproject_alone(monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    assert arguments_of_setup(monkeypatch, *words) == {}


def test_colcon_is_told_the_same_and_where_a_ros_package_has_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    told = arguments_of_setup(monkeypatch, "--dry-run")
    assert (told["name"], told["version"]) == (PROJECT["name"], PROJECT["version"])
    assert told["install_requires"] == PROJECT["dependencies"]
    assert told["entry_points"]["console_scripts"] == ["cellwright = cells.cli:main"]
    files = dict(told["data_files"])
    assert set(files) == {
        "share/ament_index/resource_index/packages", "share/cellwright", "share/cellwright/launch", "lib/cellwright",
    }  # fmt: skip
    assert all((ROOT / name).is_file() for names in files.values() for name in names)


def test_it_installs_as_colcon_asks_for_it(tmp_path: Path) -> None:
    """The steps of colcon-core 0.21: egg_info, build, install and install_data in one call."""
    (tmp_path / "build").mkdir()
    here = os.path.relpath(tmp_path.resolve(), ROOT.resolve())
    words = [
        *("egg_info", "--egg-base", f"{here}/build", "build", "--build-base", tmp_path / "build" / "build"),
        *("install", "--record", tmp_path / "install.log", "--prefix", tmp_path / "install"),
        *("--single-version-externally-managed", "install_data", "--force"),
    ]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "setup.py", "-q", *map(str, words)],
        cwd=ROOT, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    installed = tmp_path / "install"
    assert (installed / "share" / "ament_index" / "resource_index" / "packages" / "cellwright").is_file()
    assert (installed / "share" / "cellwright" / "package.xml").is_file()
    assert (installed / "share" / "cellwright" / "launch" / "cell.launch.py").is_file()
    assert not list(installed.rglob("launch/__init__.py"))
    [site] = installed.glob("lib/python*/site-packages")
    assert (site / "cells" / "library" / "cells" / "panda-bench.yaml").is_file()
    assert (site / "hw" / "loopback.xml").is_file()
    for name in ("cell_node", "arm_sim_node", "arm_mock_node"):
        node = installed / "lib" / "cellwright" / name
        assert os.access(node, os.X_OK)
        assert node.read_text().startswith("#!/usr/bin/env python3")
    lines = subprocess.run(
        ["git", "status", "--short", "--ignored"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "build/lib" not in lines.stdout


@pytest.mark.long
def test_the_wheel_is_the_same_without_setup_py(tmp_path: Path) -> None:
    """Needs an index for pip, which fetches a setuptools that is new enough."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    contents = []
    for kind in ("with", "without"):
        source = tmp_path / kind
        for name in filter(None, listed.stdout.split("\0")):
            if (kind, name) != ("without", "setup.py"):
                (source / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, source / name)
        words = [sys.executable, "-m", "pip", "-q", "wheel", "--no-deps", "-w", str(tmp_path / f"{kind}-wheel"), "."]
        subprocess.run(words, cwd=source, check=True, timeout=600)
        [wheel] = (tmp_path / f"{kind}-wheel").glob("*.whl")
        with zipfile.ZipFile(wheel) as file:
            contents.append({name: file.read(name) for name in file.namelist()})
    assert contents[0] == contents[1]
    assert not [name for name in contents[0] if name.startswith(("launch/", "share/", "setup"))]


def test_package_xml_agrees_with_pyproject() -> None:
    root = ElementTree.parse(ROOT / "package.xml").getroot()
    assert root.get("format") == "3"
    for name in ("name", "version", "description", "license"):
        assert root.findtext(name) == PROJECT[name]
    assert root.findtext("export/build_type") == "ament_python"


# ---------------------------------------------------------------------- launch


def test_the_folder_of_launch_files_hides_no_package() -> None:
    assert not (ROOT / "launch" / "__init__.py").exists()


def test_the_launch_file_takes_the_arguments_that_users_know() -> None:
    """By its text alone: it runs where a ROS 2 distribution has launch_ros (see the test below)."""
    tree = ast.parse(LAUNCH.read_text(encoding="utf-8"))
    [table] = [
        node.value for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "ARGUMENTS"
    ]  # fmt: skip
    arguments = {name: (default, choices) for name, default, _, choices in ast.literal_eval(table)}
    assert list(arguments) == ["cell", "hardware", "robot_ip", "namespace", "tf_prefix", "use_sim_time"]
    assert arguments["hardware"] == ("sim", ("mock", "sim", "real"))
    assert "generate_launch_description" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("hardware", ["mock", "sim", "real"])
def test_the_launch_file_starts_the_nodes(hardware: str) -> None:
    """Where launch and launch_ros are."""
    found = pytest.importorskip("launch", reason="launch comes with a ROS 2 distribution, not with the wheels")
    if not hasattr(found, "LaunchDescription"):
        pytest.skip("launch comes with a ROS 2 distribution, not with the wheels; a folder has its name here")
    pytest.importorskip("launch_ros")
    told = runpy.run_path(str(LAUNCH))
    assert isinstance(told["generate_launch_description"](), found.LaunchDescription)
    context = found.LaunchContext()
    given = {name: default for name, default, *_ in told["ARGUMENTS"]} | {"hardware": hardware}
    context.launch_configurations.update(given)
    started = told["start"](context)
    assert len(started) == (1 if hardware == "real" else 2)
