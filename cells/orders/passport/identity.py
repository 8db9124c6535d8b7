"""Submodels that say what the unit is: passport metadata, nameplate, structure with lots, traceability."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cells.orders.passport.elements import (
    collection,
    id_short,
    listing,
    own,
    prop,
    properties,
    reference,
    submodel,
    text,
)
from cells.orders.passport.record import Piece, UnitRecord

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.products.model import ProductVariant

DPP = "https://admin-shell.io/idta/cds"
BOM = "https://admin-shell.io/idta/HierarchicalStructures"
CONTACT = "https://admin-shell.io/zvei/nameplate/1/0/ContactInformations/AddressInformation"


def metadata(unit_id: str, record: UnitRecord, cell: Cell, contents: Mapping[str, str]) -> Any:
    """DPP metadata (IDTA 02099-1): ``contents`` are the semantic ids of the submodels that make up the passport."""
    from basyx.aas import model

    identifiers = [prop(None, semantic, f"{DPP}/contentSpecificationId/1") for semantic in contents.values()]
    ids = f"{DPP}/contentSpecificationIds/1"
    elements = [
        prop("digitalProductPassportId", f"{unit_id}/passport", f"{DPP}/digitalProductPassportId/1"),
        prop("uniqueProductIdentifier", unit_id, f"{DPP}/uniqueProductIdentifier/1"),
        prop("granularity", "Item", f"{DPP}/granularity/1"),
        prop("dppSchemaVersion", "IDTA 02099-1:1.0", f"{DPP}/dppSchemaVersion/1"),
        prop("dppStatus", "Active", f"{DPP}/dppStatus/1"),
        prop(
            "lastUpdate",
            datetime.fromisoformat(record.finished_wall),
            f"{DPP}/lastUpdate/1",
            type_=model.datatypes.DateTime,
        ),
        prop("economicOperatorId", "", f"{DPP}/economicOperatorId/1"),
        prop("facilityId", f"urn:cellwright:cell:{cell.name}", f"{DPP}/facilityId/1"),
        listing("contentSpecificationIds", identifiers, ids, f"{DPP}/contentSpecificationId/1", str),
    ]
    return submodel(unit_id, "DppMetadata", f"{DPP}/dppMetadata/1", elements)


def nameplate(unit_id: str, record: UnitRecord, variant: ProductVariant, cell: Cell) -> Any:
    """Digital Nameplate (IDTA 02006-3-0). Nobody's address is known to a cell: it says so."""
    from basyx.aas import model

    made = datetime.fromisoformat(record.finished_wall)
    address = [
        text("Street", "", "0173-1#02-AAO128#002"),
        text("Zipcode", "", "0173-1#02-AAO129#002"),
        text("CityTown", "", "0173-1#02-AAO132#002"),
        text("NationalCode", "", "0173-1#02-AAO134#002"),
    ]
    arbitrary = "https://admin-shell.io/SMT/General/ArbitraryProp"
    specific = [
        prop(id_short(key), str(value), arbitrary) for key, value in {**variant.parameters, **variant.derived}.items()
    ]
    elements = [
        prop("URIOfTheProduct", unit_id, "0112/2///61987#ABN590#002", type_=model.datatypes.AnyURI),
        text("ManufacturerName", f"Cellwright cell {cell.name}", "0112/2///61987#ABA565#009"),
        text("ManufacturerProductDesignation", record.family, "0112/2///61987#ABA567#009"),
        collection("AddressInformation", address, CONTACT),
        text("ManufacturerProductFamily", record.family, "0112/2///61987#ABP464#002"),
        prop("ManufacturerProductType", f"{record.family} {variant.version}", "0112/2///61987#ABA300#008"),
        prop("OrderCodeOfManufacturer", record.variant, "0112/2///61987#ABA950#008"),
        prop("SerialNumber", record.serial, "0112/2///61987#ABA951#009"),
        prop("YearOfConstruction", str(made.year), "0112/2///61987#ABP000#002"),
        prop(
            "DateOfManufacture",
            model.datatypes.Date(made.year, made.month, made.day),
            "0112/2///61987#ABB757#007",
            type_=model.datatypes.Date,
        ),
        prop(
            "UniqueFacilityIdentifier", cell.name, "https://admin-shell.io/idta/nameplate/3/0/UniqueFacilityIdentifier"
        ),
        collection("AssetSpecificProperties", specific, "0173-1#02-ABI218#003/0173-1#01-AGZ672#004"),
    ]
    return submodel(unit_id, "Nameplate", "https://admin-shell.io/idta/nameplate/3/0/Nameplate", elements)


def structure(unit_id: str, record: UnitRecord, variant: ProductVariant) -> Any:
    """Hierarchical structure (IDTA 02011-1-1): the unit, and each piece in it with its lot."""
    from basyx.aas import model

    nodes = [_node(piece, variant) for piece in record.pieces]
    home = f"{unit_id}/HierarchicalStructures"
    whole = (model.Key(model.KeyTypes.SUBMODEL, home), model.Key(model.KeyTypes.ENTITY, "EntryNode"))
    links = [
        model.RelationshipElement(
            f"HasPart_{node.id_short}",
            model.ModelReference(whole, model.Entity),
            model.ModelReference((*whole, model.Key(model.KeyTypes.ENTITY, node.id_short)), model.Entity),
            semantic_id=reference(f"{BOM}/HasPart/1/0"),
        )
        for node in nodes
    ]
    entry = model.Entity(
        "EntryNode",
        model.EntityType.SELF_MANAGED_ENTITY,
        [*nodes, *links],
        global_asset_id=unit_id,
        semantic_id=reference(f"{BOM}/EntryNode/1/0"),
    )
    arche = prop("ArcheType", "Full", f"{BOM}/ArcheType/1/0")
    return submodel(unit_id, "HierarchicalStructures", f"{BOM}/1/1/Submodel", [entry, arche])


def traceability(
    unit_id: str, record: UnitRecord, cell: Cell, head: tuple[int, str], content: str | None = None
) -> Any:
    """Where to find the evidence: the journal's head when the passport was written, and the telemetry's hashes.

    ``content`` is the hash of all the rest; a passport is built without it first, to compute it.
    """
    signals = {f"{item.step}_{item.attempt}": item.telemetry for item in record.attempts if item.telemetry}
    unit = {
        "Cell": cell.name,
        "Order": record.order,
        "Serial": record.serial,
        "Variant": record.variant,
        "Verdict": record.verdict,
        "Reasons": "; ".join(record.reasons) or "none",
        "Recoveries": "; ".join(record.recoveries) or "none",
        "Started": record.started_wall,
        "Finished": record.finished_wall,
        "Seconds": float(record.seconds),
    }
    journal = {"Sequence": head[0], "HeadHash": head[1]}
    elements = [
        properties("Unit", unit, own("traceability-unit"), own("traceability-value")),
        properties("Journal", journal, own("journal-head"), own("journal-value")),
        properties("Telemetry", signals, own("telemetry"), own("telemetry-sha256")),
    ]
    if content:
        elements.append(prop("ContentHash", content, own("content-sha256")))
    return submodel(unit_id, "Traceability", own("traceability"), elements)


def _node(piece: Piece, variant: ProductVariant) -> Any:
    from basyx.aas import model

    part = variant.parts.get(piece.part)
    facts = {"Part": piece.part, "Instance": piece.instance, "Lot": piece.lot, "Supplier": piece.supplier}
    statements = [prop(key, value, own(f"piece-{key.lower()}")) for key, value in facts.items()]
    if part:
        statements.append(prop("Material", part.material, own("piece-material")))
        statements.append(prop("MassKg", float(part.mass), own("piece-mass-kg")))
    name = id_short(piece.item)
    kind, concept = model.EntityType.CO_MANAGED_ENTITY, reference(f"{BOM}/Node/1/0")
    return model.Entity(name, kind, statements, semantic_id=concept)
