"""What work takes: seconds on the wall, and of all processes' CPUs; added up over commands that were broken off."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path


class Clock:
    """A clock that goes on where its file says that it was. Only what is noted is kept."""

    def __init__(self, path: Path) -> None:
        self._path = path
        kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"wall_s": 0.0, "cpu_s": 0.0}
        self._wall_s, self._cpu_s = kept["wall_s"] - time.monotonic(), kept["cpu_s"] - _cpu_s()

    @property
    def wall_s(self) -> float:
        """Seconds of work so far."""
        return self._wall_s + time.monotonic()

    @property
    def cpu_s(self) -> float:
        """CPU seconds so far, of this process and of those that it has waited for."""
        return self._cpu_s + _cpu_s()

    def note(self) -> None:
        """Keep where the clock is."""
        draft = self._path.with_suffix(".draft")
        draft.write_text(json.dumps({"wall_s": self.wall_s, "cpu_s": self.cpu_s}), encoding="utf-8")
        draft.replace(self._path)


def _cpu_s() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system
