"""Carbon Footprint submodel (IDTA 02023-1-0): what is known as numbers, what isn't as "unknown"."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from cells.orders.footprint import Contribution, Footprint, Phase
from cells.orders.passport.elements import collection, listing, prop, submodel
from cells.orders.passport.record import UnitRecord

BASE = "https://admin-shell.io/idta/CarbonFootprint"
SEMANTIC = f"{BASE}/CarbonFootprint/1/0"
PHASES: tuple[tuple[Phase, str, str], ...] = (
    ("A1", "A1 - raw material supply (and upstream production)", "0173-1#07-ABU208#003"),
    ("A3", "A3 - production", "0173-1#07-ABU210#003"),
)


def carbon(unit_id: str, record: UnitRecord, footprint: Footprint) -> Any:
    """One entry per life-cycle phase that is wholly known, and every contribution with formula, factor and source.

    The template wants a number in each phase's entry, so that a phase with an unknown part has none; it is told among
    the contributions, which say "unknown".
    """
    entries = [_phase(phase, words, code, record, footprint) for phase, words, code in PHASES]
    known = [entry for entry in entries if entry is not None]
    parts = [_contribution(part, footprint) for part in footprint.contributions]
    elements = [
        listing(
            "ProductCarbonFootprints",
            known,
            f"{BASE}/ProductCarbonFootprints/1/0",
            f"{BASE}/ProductCarbonFootprint/1/0",
        ),
        listing(
            "ProductOrSectorSpecificCarbonFootprints",
            parts,
            f"{BASE}/ProductOrSectorSpecificCarbonFootprints/1/0",
            f"{BASE}/ProductOrSectorSpecificCarbonFootprint/1/0",
        ),
    ]
    return submodel(unit_id, "CarbonFootprint", SEMANTIC, elements)


def _phase(phase: Phase, words: str, code: str, record: UnitRecord, footprint: Footprint) -> Any:
    from basyx.aas import model

    kg = footprint.phase_kg(phase)
    if kg is None:
        return None
    published = datetime.fromisoformat(record.finished_wall)
    life_cycle = prop(None, words, "0173-1#02-ABG858#003", code)
    elements = [
        _methods(),
        prop("PcfCO2eq", Decimal(f"{kg:.6g}"), "0173-1#02-ABG855#003"),
        prop("ReferenceImpactUnitForCalculation", "piece", "0173-1#02-ABG856#003"),
        prop("QuantityOfMeasureForCalculation", 1.0, "0173-1#02-ABG857#003"),
        listing("LifeCyclePhases", [life_cycle], f"{BASE}/LifeCyclePhases/1/0", "0173-1#02-ABG858#003", str),
        prop("PublicationDate", published, f"{BASE}/PublicationDate/1/0", type_=model.datatypes.DateTime),
    ]
    return collection(None, elements, f"{BASE}/ProductCarbonFootprint/1/0")


def _contribution(part: Contribution, footprint: Footprint) -> Any:
    rule = [
        prop("PcfRuleOperator", "Cellwright", f"{BASE}/ProductOrSectorSpecificRule/Operator/1/0"),
        prop("PcfRuleName", "contributions", f"{BASE}/ProductOrSectorSpecificRule/Name/1/0"),
        prop("PcfRuleVersion", "1", f"{BASE}/ProductOrSectorSpecificRule/Version/1/0"),
    ]
    facts = {
        "Contribution": part.name,
        "LifeCyclePhase": part.phase,
        "KgCO2eq": _number(part.kg),
        "Formula": part.formula,
        "Basis": part.basis,
        "Factor": f"{part.factor.value} {part.factor.unit}" if part.factor else "unknown",
        "FactorYear": str(part.factor.year) if part.factor else "unknown",
        "FactorSource": part.factor.source if part.factor else "unknown",
    }
    if part.name == "electricity":
        facts["MechanicalWorkJ"] = _number(footprint.work_j)
        facts["ElectricalEnergyJ"] = _number(footprint.energy_j)
    arbitrary = "https://admin-shell.io/SMT/General/Arbitrary"
    information = [prop(key, value, arbitrary) for key, value in facts.items()]
    elements = [
        _methods(),
        collection("ProductOrSectorSpecificRule", rule, f"{BASE}/ProductOrSectorSpecificRule/1/0"),
        collection("PcfInformation", information, f"{BASE}/PcfInformation/1/0"),
    ]
    return collection(None, elements, f"{BASE}/ProductOrSectorSpecificCarbonFootprint/1/0")


def _methods() -> Any:
    method = prop(None, "GHG Protocol", "0173-1#02-ABG854#003", "0173-1#07-ABU221#003")
    return listing("PcfCalculationMethods", [method], f"{BASE}/PcfCalculationMethods/1/0", "0173-1#02-ABG854#003", str)


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.6g}"
