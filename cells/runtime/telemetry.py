"""High-rate signals of one skill call: a compressed ``.npz`` of plain numbers, whose SHA-256 goes into the event.

Arrays, one row per sample: ``time`` (m,) s; ``wrench`` (m, 6) N, Nm, tared, at the tcp in the world frame; ``tcp``
(m, 7) xyz in m and quaternion xyzw, world; ``q`` (m, n) rad; ``width`` (m,) m, the gripper's opening.
Every tick while the arm is compliant, every fourth otherwise.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cells.ports import Reading
from cells.pose import Array

FREE_EVERY = 4
_MOST_BYTES = 256 << 20


class Recorder:
    """Gathers the samples of one call."""

    def __init__(self, joints: int) -> None:
        self._n = joints
        self._rows: Array = np.empty((2048, 15 + joints))
        self._count = 0
        self.peak_force = 0.0

    def sample(self, reading: Reading, force: float, tare: Array, compliant: bool) -> None:
        """Take one tick; ``force`` is the norm of the tared force in N."""
        if force > self.peak_force:
            self.peak_force = force
        if not compliant and reading.tick % FREE_EVERY:
            return
        if self._count == len(self._rows):
            self._rows = np.concatenate([self._rows, np.empty_like(self._rows)])
        row, tcp = self._rows[self._count], reading.arm.tcp
        row[0] = reading.time
        row[1:7] = reading.wrench - tare
        row[7:14] = tcp.xyz + tcp.quat
        row[14] = reading.gripper.width
        row[15:] = reading.arm.q
        self._count += 1

    def save(self, path: Path) -> dict[str, Any]:
        """Write the file; returns what the event says of it: file name, SHA-256 and number of samples."""
        rows = self._rows[: self._count].astype(np.float32)
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            time=self._rows[: self._count, 0],
            wrench=rows[:, 1:7],
            tcp=rows[:, 7:14],
            width=rows[:, 14],
            q=rows[:, 15:],
        )
        path.write_bytes(buffer.getvalue())
        return {"file": path.name, "sha256": hashlib.sha256(buffer.getvalue()).hexdigest(), "samples": self._count}


def read_telemetry(path: Path) -> Mapping[str, Array]:
    """The arrays of a telemetry file. Raises ``ValueError`` if it isn't one or is too large."""
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path.name} is larger than {_MOST_BYTES >> 20} MB")
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in ("time", "wrench", "tcp", "width", "q")}
