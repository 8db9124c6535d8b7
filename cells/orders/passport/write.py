"""Write a passport: the unit's submodels into an AASX file, and the same as JSON beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cells.errors import InputError, Problem

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.journal.store import Journal
    from cells.orders.order import Order
    from cells.products.model import ProductVariant


def write_passport(
    serial: str, journal: Journal, variant: ProductVariant, cell: Cell, order: Order, path: Path | str
) -> Path:
    """Write the passport of a finished unit to ``path`` (``….aasx``) and beside it (``….json``), and note its hash
    in the journal (``passport_written``). Everything in it comes from events, variant, cell and order.

    Raises ``InputError`` for a unit that isn't finished, isn't of this order or variant, or a path that can't be
    written.
    """
    from cells.journal.event import Event
    from cells.orders.footprint import footprint, unit_masses
    from cells.orders.passport.elements import need_basyx
    from cells.orders.passport.record import PASSPORT_KINDS, unit_record

    need_basyx()
    record = unit_record(serial, journal.events(kinds=(*PASSPORT_KINDS, "stock_loaded")))
    if (record.order, record.variant) != (order.id, variant.hash):
        what = f"was built for order {record.order} as variant {record.variant[:12]}"
        raise InputError(Problem(f"journal:{serial}", what, "give the order and variant that it was built for"))
    carbon = footprint(unit_masses(variant), record.work_j, record.seconds, cell, record.basis)
    shell, submodels, content = _build(record, variant, cell, carbon, journal.head())
    target = Path(path)
    _write_files(target, shell, submodels)
    journal.append(Event("passport_written", record.finished, {"serial": serial, "order": order.id, "sha256": content}))
    return target


def _build(record: Any, variant: Any, cell: Any, carbon_: Any, head: tuple[int, str]) -> tuple[Any, list[Any], str]:
    """The shell, its submodels, and the content hash that the last of them carries."""
    from basyx.aas import model

    from cells.orders.passport import carbon, identity, process
    from cells.orders.passport.content import content_hash

    unit_id = f"urn:cellwright:unit:{cell.name}:{quote(record.serial, safe='')}"
    submodels = [
        identity.nameplate(unit_id, record, variant, cell),
        identity.structure(unit_id, record, variant),
        carbon.carbon(unit_id, record, carbon_),
        process.executed(unit_id, record, variant, cell),
        process.disassembly(unit_id, variant, cell),
    ]
    contents = {held.id_short: held.semantic_id.key[0].value for held in submodels}
    submodels.append(identity.metadata(unit_id, record, cell, contents))
    names = [held.id_short for held in submodels] + ["Traceability"]
    references = {
        model.ModelReference((model.Key(model.KeyTypes.SUBMODEL, f"{unit_id}/{name}"),), model.Submodel)
        for name in names
    }
    asset = model.AssetInformation(model.AssetKind.INSTANCE, global_asset_id=unit_id)
    shell = model.AssetAdministrationShell(asset, f"{unit_id}/shell", id_short="Passport", submodel=references)
    bare = identity.traceability(unit_id, record, cell, head)
    content = content_hash([shell, *submodels, bare])
    return shell, [*submodels, identity.traceability(unit_id, record, cell, head, content)], content


def _write_files(target: Path, shell: Any, submodels: list[Any]) -> None:
    """Both files under temporary names first, so that no half-written passport is ever seen."""
    from basyx.aas import model
    from basyx.aas.adapter import aasx
    from basyx.aas.adapter.json.json_serialization import write_aas_json_file

    store: Any = model.DictObjectStore([shell, *submodels])
    files: Any = aasx.DictSupplementaryFileContainer()  # type: ignore[no-untyped-call]
    beside = target.with_suffix(".json")
    drafts = {target: target.with_name(f".{target.name}.part"), beside: beside.with_name(f".{beside.name}.part")}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(drafts[target], "wb") as archive, aasx.AASXWriter(archive) as writer:
            writer.write_aas(shell.id, store, files)
        with open(drafts[beside], "w", encoding="utf-8") as file:
            write_aas_json_file(file, store, indent=1)
        for final, draft in drafts.items():
            os.replace(draft, final)
    except OSError as error:
        remedy = "choose a folder that can be written to"
        raise InputError(Problem(str(target), f"can't be written ({error.strerror})", remedy)) from None
    finally:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)
