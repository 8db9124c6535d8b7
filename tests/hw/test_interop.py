"""Another DDS, written by others: Eclipse Cyclone hears what the arm's node tells by Fast DDS, and knows the values."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cells.description.cell import load_cell
from hw.isolation import LOOPBACK, PROFILES
from hw.names import arm_joints, fingers
from tests.hw.arm_bench import need_ros, process
from tests.hw.ros_client import PATIENCE

CELL = load_cell("panda-bench")
# Cyclone finds others by asking the ports of this machine: loopback carries no multicast.
CYCLONE = """
<CycloneDDS><Domain>
  <General><Interfaces><NetworkInterface name="lo"/></Interfaces><AllowMulticast>false</AllowMulticast></General>
  <Discovery><ParticipantIndex>auto</ParticipantIndex><Peers><Peer address="127.0.0.1"/></Peers></Discovery>
</Domain></CycloneDDS>
"""


def test_a_cyclone_process_reads_the_joint_states(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the profile that hw up ships."""
    need_ros()
    pytest.importorskip("cyclonedds", reason="Cyclone DDS isn't installed: pip install cyclonedds")
    monkeypatch.setenv(PROFILES[0], str(LOOPBACK))
    monkeypatch.delenv("FASTDDS_BUILTIN_TRANSPORTS")
    heard = Path(__file__).with_name("cyclone_states.py")
    with process("hw.nodes.arm_mock", "cell:=panda-bench", namespace="/interop"):
        done = subprocess.run(
            [sys.executable, heard, "rt/interop/joint_states", os.environ["ROS_DOMAIN_ID"]],
            env=os.environ | {"CYCLONEDDS_URI": CYCLONE}, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    words = [line.split() for line in done.stdout.splitlines()]
    hand = CELL.robot_spec.gripper.max_width / 2
    assert [name for name, _ in words] == [*arm_joints(CELL), *fingers(CELL).joints]
    assert np.allclose([float(value) for _, value in words], [*CELL.home, hand, hand], atol=1e-9)
