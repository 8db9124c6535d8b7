"""The footprint is mass and energy times a sourced factor; without a source it is unknown."""

from __future__ import annotations

import math

import pytest

from cells.description.cell import load_cell
from cells.description.robot import Energy, Figure
from cells.orders.footprint import electrical_energy, factors, footprint, unit_masses
from cells.products.catalogue import build_variant

CELL = load_cell("panda-bench")


def figure(value: float, unit: str) -> Figure:
    return Figure(value=value, unit=unit, year=2020, source="made up for this test")


def test_material_is_mass_times_factor_with_its_source() -> None:
    made = footprint({"aluminium": 2.0}, None, 60.0, CELL)
    (metal,) = (part for part in made.contributions if part.name == "aluminium")
    assert metal.kg == pytest.approx(30.2) and metal.phase == "A1"
    assert metal.factor is not None and metal.factor.year == 2022 and "15.1 kg CO2e/kg" in metal.formula
    assert made.phase_kg("A1") == metal.kg


@pytest.mark.parametrize("name", ["pom", "unobtainium"])
def test_a_material_without_a_source_is_unknown_and_so_is_the_total(name: str) -> None:
    made = footprint({"aluminium": 1.0, name: 1.0}, 10.0, 60.0, CELL)
    (part,) = (part for part in made.contributions if part.name == name)
    assert part.kg is None and part.factor is None
    assert made.phase_kg("A1") is None and made.total_kg is None


def test_energy_is_idle_power_and_work_over_efficiency() -> None:
    robot = Energy(idle_w=figure(40.0, "W"), efficiency=figure(0.5, "1"))
    assert electrical_energy(300.0, 10.0, robot) == pytest.approx(1000.0)


def test_energy_without_constants_is_unknown_but_the_work_is_told() -> None:
    assert CELL.robot_spec.energy.idle_w is None
    made = footprint({}, 123.0, 60.0, CELL)
    assert made.energy_j is None and made.work_j == 123.0 and made.total_kg is None
    assert made.contributions[-1].name == "electricity" and made.contributions[-1].basis == "modelled"
    assert footprint({}, math.nan, 60.0, CELL).work_j is None


def test_every_factor_that_has_a_value_has_unit_year_and_source() -> None:
    known = factors()
    figures = [found for table in (known.grid, known.materials) for found in table.values() if found is not None]
    assert len(figures) >= 3
    assert all(found.value > 0 and found.unit.startswith("kg CO2") and len(found.source) > 20 for found in figures)
    assert CELL.energy.grid in known.grid


def test_masses_of_a_unit_are_those_of_its_parts() -> None:
    variant = build_variant("pegboard", {"pegs": 3})
    masses = unit_masses(variant)
    assert sum(masses.values()) == pytest.approx(variant.parts["plate"].mass + 3 * variant.parts["peg"].mass)
