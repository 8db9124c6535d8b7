"""What tests over ROS 2 share: the built interfaces, and an environment for processes that meet on this machine."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cells.errors import Unbuildable
from hw.types.compiler import find_compiler
from hw.types.platform import Platform, find_platform
from tests.conftest import Ended


@pytest.fixture(scope="session")
def platform() -> Platform:
    """The ROS 2 that is here, with what building interfaces takes."""
    try:
        find_compiler()
        return find_platform()
    except Unbuildable as error:
        pytest.skip(str(error))


def check(**more: str) -> Ended:
    """How ``cellwright hw interfaces check --json`` ends, with ``more`` in its environment."""
    command = [Path(sys.executable).with_name("cellwright"), "hw", "interfaces", "check", "--json"]
    # What an earlier test of this process has put on the paths isn't there for a command in a terminal.
    known = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "AMENT_PREFIX_PATH")}
    known |= more
    return subprocess.run(command, env=known, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="session")
def interfaces(platform: Platform) -> None:
    """Every interface package is built; whichever process comes first does it, the others wait."""
    command = [Path(sys.executable).with_name("cellwright"), "hw", "interfaces", "build"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def ros_environment() -> dict[str, str]:
    """For processes that talk to each other, and to nobody else. Shared memory is left out: what a killed process left
    there makes the next one complain."""
    return os.environ | {
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "FASTDDS_BUILTIN_TRANSPORTS": "UDPv4",
        "PYTHONUNBUFFERED": "1",
    }
