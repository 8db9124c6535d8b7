"""Read and verify a passport, from anywhere: within limits, and without trusting the file."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cells.errors import InputError, Problem

if TYPE_CHECKING:
    from cells.journal.store import Journal

MAX_FILE = 16 << 20
MAX_UNPACKED = 64 << 20
MAX_MEMBERS = 64

_REMEDY = "get the passport again from who made it"


def read_passport(path: Path | str) -> dict[str, Any]:
    """What a passport (``.aasx`` or ``.json``) says, as plain values: the unit, its lots, steps and footprint, and
    every submodel under its name.

    Raises ``InputError`` for a file that is too large, unsafe or no passport.
    """
    return _said(_load(Path(path)), path)


def _said(objects: list[Any], path: Path | str) -> dict[str, Any]:
    try:
        return _gathered(objects)
    except (KeyError, TypeError, ValueError, AttributeError, StopIteration):
        remedy = "name one that `cellwright run` wrote"
        raise InputError(Problem(str(path), "holds no passport of Cellwright", remedy)) from None


def _gathered(objects: list[Any]) -> dict[str, Any]:
    submodels = {str(item.id_short): _plain_children(item) for item in objects if hasattr(item, "submodel_element")}
    trace = submodels["Traceability"]
    carbon = submodels.get("CarbonFootprint", {}).get("ProductOrSectorSpecificCarbonFootprints", [])
    parts = [entry["PcfInformation"] for entry in carbon]
    return {
        "serial": str(trace["Unit"]["Serial"]),
        "unit": trace["Unit"],
        "lots": _lots(submodels.get("HierarchicalStructures", {})),
        "steps": _steps(submodels.get("ExecutedProcesses", {})),
        "kg_co2e": _total(parts),
        "footprint": parts,
        "journal": {"Sequence": int(trace["Journal"]["Sequence"]), "HeadHash": str(trace["Journal"]["HeadHash"])},
        "content_sha256": trace.get("ContentHash"),
        "submodels": submodels,
    }


def verify_passport(path: Path | str, journal: Journal | None = None) -> list[Problem]:
    """Everything that is wrong with a passport; empty if it is in order.

    Checked: that it can be read as an asset administration shell with all its submodels, that its content is what its
    hash says, and, with the cell's ``journal``, that the journal still holds, contains the head hash that the passport
    names, and notes the passport's own hash.
    """
    from cells.orders.passport.content import content_hash

    where = str(path)
    try:
        objects = _load(Path(path))
        said = _said(objects, path)
    except InputError as error:
        return list(error.problems)
    problems = []
    actual = content_hash(objects)
    if actual != said["content_sha256"]:
        what = f"its content was changed (hash {actual[:12]}…, it says {str(said['content_sha256'])[:12]}…)"
        problems.append(Problem(f"{where}:Traceability.ContentHash", what, _REMEDY))
    problems += _missing(objects, where)
    if journal is not None:
        problems += _against(journal, said, where)
    return problems


def _against(journal: Journal, said: Mapping[str, Any], where: str) -> list[Problem]:
    sequence, head = said["journal"]["Sequence"], said["journal"]["HeadHash"]
    problems = journal.verify()
    if journal.hash_at(sequence) != head:
        what = f"the journal's event {sequence} has another hash than the passport names, or isn't there"
        problems.append(Problem(f"{where}:Traceability.Journal", what, "verify in the cell that built the unit"))
    written = journal.events(kinds=("passport_written",), serial=said["serial"])
    if said["content_sha256"] not in {event.data["sha256"] for event in written}:
        what = "the journal doesn't know a passport with this content"
        problems.append(Problem(f"{where}:Traceability.ContentHash", what, _REMEDY))
    return problems


def _missing(objects: list[Any], where: str) -> list[Problem]:
    """Submodels that the shell names and the file lacks."""
    held = {item.id for item in objects}
    shells = [item for item in objects if hasattr(item, "asset_information")]
    if len(shells) != 1:
        return [Problem(where, f"holds {len(shells)} asset administration shells instead of one", _REMEDY)]
    named = sorted(link.key[0].value for link in shells[0].submodel)
    return [Problem(where, f"lacks its submodel {name}", _REMEDY) for name in named if name not in held]


def _load(path: Path) -> list[Any]:
    """All identifiable objects in the file. Raises ``InputError``."""
    from cells.orders.passport.elements import need_basyx

    need_basyx()
    from basyx.aas import model
    from basyx.aas.adapter import aasx
    from basyx.aas.adapter.json.json_deserialization import read_aas_json_file_into

    raw = _bytes(path)
    store: Any = model.DictObjectStore()
    files: Any = aasx.DictSupplementaryFileContainer()  # type: ignore[no-untyped-call]
    try:
        if raw[:2] == b"PK":
            _check_archive(raw, path)
            with aasx.AASXReader(io.BytesIO(raw)) as reader:
                reader.read_into(store, files, failsafe=False)
        else:
            read_aas_json_file_into(store, io.StringIO(raw.decode("utf-8")), failsafe=False)
    except InputError:
        raise
    except (Exception, RecursionError) as error:  # basyx raises whatever its parsers meet
        what = f"can't be read as a passport ({type(error).__name__}: {str(error)[:120]})"
        raise InputError(Problem(str(path), what, _REMEDY)) from None
    return list(store)


def _bytes(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            raw = file.read(MAX_FILE + 1)
    except OSError as error:
        raise InputError(Problem(str(path), f"can't be read ({error.strerror})", "name a passport file")) from None
    if len(raw) > MAX_FILE:
        raise InputError(Problem(str(path), f"is larger than {MAX_FILE >> 20} MiB", _REMEDY))
    return raw


def _check_archive(raw: bytes, path: Path) -> None:
    """Refuses an archive that unpacks to too much, or whose XML declares entities (in any encoding but UTF-8)."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        members = archive.infolist()
        if len(members) > MAX_MEMBERS or sum(member.file_size for member in members) > MAX_UNPACKED:
            what = f"unpacks to more than {MAX_MEMBERS} files or {MAX_UNPACKED >> 20} MiB"
            raise InputError(Problem(str(path), what, _REMEDY))
        for member in members:
            content = archive.read(member)
            if b"<!DOCTYPE" in content or b"<!ENTITY" in content or b"\0" in content:
                what = "declares XML entities or isn't UTF-8"
                raise InputError(Problem(f"{path}:{member.filename}", what, _REMEDY))


def _plain_children(element: Any) -> dict[str, Any]:
    holder = next(name for name in ("submodel_element", "statement", "value") if hasattr(element, name))
    children = getattr(element, holder)
    return {str(child.id_short): _plain(child) for child in children if not hasattr(child, "second")}


def _plain(element: Any) -> Any:
    from basyx.aas import model

    if isinstance(element, model.Property):
        value = element.value
        return value if isinstance(value, int | float | str | None) else str(value)
    if isinstance(element, model.MultiLanguageProperty):
        return dict(element.value or {})
    if isinstance(element, model.ReferenceElement):
        return str(element.value.key[-1].value) if element.value else None
    if isinstance(element, model.SubmodelElementList):
        return [_plain(child) for child in element.value]
    return _plain_children(element)


def _lots(structure: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"item": item, **facts} for item, facts in structure.get("EntryNode", {}).items()]


def _steps(executed: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"step": process["ProcessId"], "result": process["ProcessResult"], **process["ProcessParameters"]}
        for run in executed.values()
        for name, process in run.items()
        if name.startswith("Process__")
    ]


def _total(parts: list[dict[str, Any]]) -> float | None:
    """The footprint in kg CO2e, or ``None`` where a contribution is unknown."""
    values = [part["KgCO2eq"] for part in parts]
    return None if "unknown" in values or not values else sum(float(value) for value in values)
