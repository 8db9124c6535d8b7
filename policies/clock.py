"""What work takes: seconds on the wall, and of all processes' CPUs, and what the machine's processors took meanwhile;
added up over commands that were broken off."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from policies.energy import POWERCAP, Packages


class Clock:
    """A clock that goes on where its file says that it was. Only what is noted is kept."""

    def __init__(self, path: Path, powercap: Path = POWERCAP) -> None:
        self._path, self._packages = path, Packages(powercap)
        new = {"wall_s": 0.0, "cpu_s": 0.0, "package_energy_j": 0.0}
        kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else new
        self._package_energy_j: float | None = kept.get("package_energy_j")
        self._wall_s, self._cpu_s = kept["wall_s"] - time.monotonic(), kept["cpu_s"] - _cpu_s()

    @property
    def wall_s(self) -> float:
        """Seconds of work so far."""
        return self._wall_s + time.monotonic()

    @property
    def cpu_s(self) -> float:
        """CPU seconds so far, of this process and of those that it has waited for."""
        return self._cpu_s + _cpu_s()

    @property
    def package_energy_j(self) -> float | None:
        """What all processor packages of the machine took so far, in joules, whatever else ran on it; None where it
        wasn't measured all the time."""
        used_j = self._packages.used_j
        return None if self._package_energy_j is None or used_j is None else self._package_energy_j + used_j

    def note(self) -> None:
        """Keep where the clock is."""
        draft = self._path.with_suffix(".draft")
        now = {"wall_s": self.wall_s, "cpu_s": self.cpu_s, "package_energy_j": self.package_energy_j}
        draft.write_text(json.dumps(now), encoding="utf-8")
        draft.replace(self._path)


def _cpu_s() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system
