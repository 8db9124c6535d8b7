"""What the machine's processors take, in joules, where Linux tells it: all of the machine's, whoever works on it.

The kernel's powercap framework (https://docs.kernel.org/power/powercap/powercap.html) has a power zone for each
processor package, by Intel's and AMD's running average power limit: ``intel-rapl:<n>`` with the ``name`` package-<n>,
whose ``energy_uj`` counts microjoules and begins again at 0 after ``max_energy_range_uj``. Zones below a package (its
cores) are part of it; memory and the whole platform have zones of other names, which aren't counted. Mostly only root
may read it.
"""

from __future__ import annotations

from pathlib import Path

POWERCAP = Path("/sys/class/powercap")


class Packages:
    """The energy of all processor packages since this was made. It has to be asked before a counter has gone round,
    which takes minutes at full load."""

    def __init__(self, powercap: Path = POWERCAP) -> None:
        self._powercap, self._used_uj = powercap, 0
        self._counters = self._read()

    @property
    def used_j(self) -> float | None:
        """Joules so far; None where that isn't known, as nobody tells, or no longer told."""
        before, self._counters = self._counters, self._read()
        if before is None or self._counters is None or before.keys() != self._counters.keys():
            self._counters = None  # what was missed once is missing for good
            return None
        for zone, (counted, turn) in self._counters.items():
            self._used_uj += (counted - before[zone][0]) % turn
        return self._used_uj / 1e6

    def _read(self) -> dict[str, tuple[int, int]] | None:
        """Of each package its counter and where that begins again, in µJ; None where they can't be read."""
        try:
            return {
                zone.name: (_number(zone / "energy_uj"), _number(zone / "max_energy_range_uj"))
                for zone in self._powercap.glob("intel-rapl:*")
                if (zone / "name").read_text().startswith("package")
            } or None
        except (OSError, ValueError):
            return None


def _number(path: Path) -> int:
    return int(path.read_text())
