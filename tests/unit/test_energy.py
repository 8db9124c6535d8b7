"""The energy of a machine's processors, out of a folder that is written as Linux writes /sys/class/powercap."""

from __future__ import annotations

from pathlib import Path

import pytest

from policies.clock import Clock
from policies.energy import Packages


@pytest.fixture
def powercap(tmp_path: Path) -> Path:
    """Two packages, one with cores below it, and the whole platform beside them."""
    folder = tmp_path / "powercap"
    (folder / "intel-rapl").mkdir(parents=True)  # the control type, which is no zone
    names = {"0": "package-0", "0:0": "core", "1": "package-1", "2": "psys"}
    for zone, name in names.items():
        path = folder / f"intel-rapl:{zone}"
        path.mkdir()
        (path / "name").write_text(f"{name}\n")
        (path / "max_energy_range_uj").write_text("262143328850\n")
        count(folder, zone, 1_000_000)
    return folder


def count(folder: Path, zone: str, microjoules: int) -> None:
    (folder / f"intel-rapl:{zone}" / "energy_uj").write_text(f"{microjoules}\n")


def test_packages_are_summed_and_what_is_within_or_beside_them_is_not(powercap: Path) -> None:
    packages = Packages(powercap)
    assert packages.used_j == 0.0
    for zone in ("0", "0:0", "1", "2"):
        count(powercap, zone, 3_500_000)
    assert packages.used_j == 5.0
    assert packages.used_j == 5.0


def test_a_counter_that_has_gone_round_goes_on(powercap: Path) -> None:
    count(powercap, "0", 262_143_000_000)
    packages = Packages(powercap)
    count(powercap, "0", 671_150)
    assert packages.used_j == pytest.approx(1.0)


def test_where_it_can_not_be_read_it_is_not_known(powercap: Path, tmp_path: Path) -> None:
    assert Packages(tmp_path / "nothing").used_j is None
    packages = Packages(powercap)
    counter = powercap / "intel-rapl:1" / "energy_uj"
    counter.unlink()
    assert packages.used_j is None
    count(powercap, "1", 9_000_000)
    assert packages.used_j is None  # nobody knows what was missed


def test_a_clock_goes_on_with_what_commands_took_before(powercap: Path, tmp_path: Path) -> None:
    first = Clock(tmp_path / "clock.json", powercap)
    count(powercap, "0", 3_000_000)
    first.note()
    count(powercap, "0", 7_000_000)  # between two commands
    second = Clock(tmp_path / "clock.json", powercap)
    count(powercap, "1", 2_000_000)
    assert second.package_energy_j == 3.0
    assert Clock(tmp_path / "clock.json", tmp_path / "nothing").package_energy_j is None


def test_a_sum_of_which_a_part_was_not_measured_is_not_known(powercap: Path, tmp_path: Path) -> None:
    Clock(tmp_path / "clock.json", tmp_path / "nothing").note()
    assert Clock(tmp_path / "clock.json", powercap).package_energy_j is None
