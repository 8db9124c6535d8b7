"""docs/extending.md is true: its code blocks, as files of an installed package, pass the tests that it shows."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's blocks as files, with the metadata that installing them would leave."""
    folder = tmp_path_factory.mktemp("penstand")
    for name, content in re.findall(r"^```\w+\n# file: (\S+)\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S):
        (folder / name).write_text(content, encoding="utf-8")
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    metadata = folder / f"{project['name']}-{project['version']}.dist-info"
    metadata.mkdir()
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (metadata / "METADATA").write_text(head)
    groups = (
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
        for group, points in project["entry-points"].items()
    )
    (metadata / "entry_points.txt").write_text("\n".join(groups))
    return folder


def run(package: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of this environment where the package is installed."""
    environment = os.environ | {
        "PYTHONPATH": str(package),
        "CELLWRIGHT_HOME": str(package / "home"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(words, cwd=package, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_the_family_is_known_to_the_command(package: Path) -> None:
    listed = run(package, "cellwright", "product", "list").stdout
    assert "penstand" in listed
    assert "pegboard" in listed


def test_the_tests_on_the_page_pass(package: Path) -> None:
    done = run(package, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", ".")
    assert "3 passed" in done.stdout
