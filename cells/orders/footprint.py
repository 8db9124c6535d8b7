"""Carbon footprint of one unit: material mass × factor, plus electricity × grid factor, each with its source.

What has no sourced factor is unknown, not zero and not a guess; a total with an unknown part is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from cells.description.documents import read_document
from cells.description.fields import Section, Text
from cells.description.problems import validated
from cells.description.robot import LIBRARY, Figure

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.description.robot import Energy
    from cells.products.model import ProductVariant

Basis = Literal["modelled", "measured"]
Phase = Literal["A1", "A3"]  # EN 15804: raw material supply, production
JOULES_PER_KWH = 3.6e6


class Factors(Section):
    """The data file of factors: ``null`` where no source was found."""

    schema_: Literal["cellwright/footprint/v1"] = Field(alias="schema")
    grid: dict[Text, Figure | None]
    materials: dict[Text, Figure | None]


@dataclass(frozen=True, slots=True)
class Contribution:
    """One part of the footprint in kg CO2e (``None``: unknown), with the ``formula`` in words and numbers."""

    name: str
    phase: Phase
    kg: float | None
    formula: str
    factor: Figure | None
    basis: Basis


@dataclass(frozen=True, slots=True)
class Footprint:
    """All contributions. ``work_j`` is the arm's mechanical work, ``energy_j`` its electrical energy; ``None``:
    unknown."""

    contributions: tuple[Contribution, ...]
    work_j: float | None
    energy_j: float | None
    basis: Basis

    @property
    def total_kg(self) -> float | None:
        """The sum in kg CO2e; ``None`` (unknown) as soon as one contribution is."""
        return _sum(part.kg for part in self.contributions)

    def phase_kg(self, phase: Phase) -> float | None:
        """The sum over one life-cycle phase, unknown likewise."""
        return _sum(part.kg for part in self.contributions if part.phase == phase)


def footprint(
    masses: Mapping[str, float], work_j: float | None, seconds: float, cell: Cell, basis: Basis = "modelled"
) -> Footprint:
    """Footprint of material ``masses`` (kg by material) and of an arm that did ``work_j`` (J, Σ|τ·q̇| over time;
    ``None`` or NaN: unknown) in ``seconds``. The grid is ``cell.energy.grid``."""
    known = factors()
    work = None if work_j is None or math.isnan(work_j) else work_j
    energy = electrical_energy(work, seconds, cell.robot_spec.energy)
    parts = [_material(name, kg, known.materials.get(name)) for name, kg in sorted(masses.items())]
    parts.append(_electricity(energy, cell.energy.grid, known.grid.get(cell.energy.grid), basis))
    return Footprint(tuple(parts), work, energy, basis)


def electrical_energy(work_j: float | None, seconds: float, robot: Energy) -> float | None:
    """E = idle power × time + mechanical work / efficiency, in J; ``None`` if a constant has no source."""
    if work_j is None or robot.idle_w is None or robot.efficiency is None:
        return None
    return robot.idle_w.value * seconds + work_j / robot.efficiency.value


def unit_masses(variant: ProductVariant) -> dict[str, float]:
    """Mass in kg by material of one unit: what its bill of material lists."""
    masses: dict[str, float] = {}
    for line in variant.bom:
        masses[line.material] = masses.get(line.material, 0.0) + line.quantity * variant.parts[line.part].mass
    return masses


@lru_cache(maxsize=1)
def factors() -> Factors:
    """The factors in the library's footprint.yaml."""
    return validated(Factors, read_document(LIBRARY / "footprint.yaml"))


def _material(name: str, kg: float, factor: Figure | None) -> Contribution:
    if factor is None:
        return Contribution(name, "A1", None, f"{kg:.4f} kg {name}, no sourced factor", None, "modelled")
    formula = f"{kg:.4f} kg {name} × {factor.value} {factor.unit}"
    return Contribution(name, "A1", kg * factor.value, formula, factor, "modelled")


def _electricity(energy_j: float | None, grid: str, factor: Figure | None, basis: Basis) -> Contribution:
    if energy_j is None:
        missing = "electricity unknown: the robot's idle power or efficiency has no source, or its work is not known"
        return Contribution("electricity", "A3", None, missing, factor, basis)
    kwh = energy_j / JOULES_PER_KWH
    if factor is None:
        return Contribution("electricity", "A3", None, f"{kwh:.6f} kWh, no sourced factor for {grid}", None, basis)
    formula = f"{kwh:.6f} kWh ({basis}) × {factor.value} {factor.unit}"
    return Contribution("electricity", "A3", kwh * factor.value, formula, factor, basis)


def _sum(values: Iterable[float | None]) -> float | None:
    total = 0.0
    for value in values:
        if value is None:
            return None
        total += value
    return total
