"""A passport says what the journal says, passes the official test tool, and tells when it was tampered with."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cells.description.cell import Cell, load_cell
from cells.errors import InputError
from cells.journal.event import Event
from cells.journal.store import Journal
from cells.orders.order import Order, load_order
from cells.orders.passport import read_passport, verify_passport, write_passport
from cells.products.catalogue import build_variant
from cells.products.model import ProductVariant
from cells.tasks.disassembly import plan_disassembly

SERIAL = "PB-1-01"
TELEMETRY = "ab" * 32

ORDER = """
schema: cellwright/order/v1
id: PB-1
customer: Example
due: 2030-01-31
items: [{product: pegboard, quantity: 1, parameters: {pegs: 2}}]
"""


@pytest.fixture(scope="module")
def cell() -> Cell:
    return load_cell("panda-bench")


@pytest.fixture(scope="module")
def variant() -> ProductVariant:
    return build_variant("pegboard", {"pegs": 2})


@pytest.fixture
def order(tmp_path: Path) -> Order:
    path = tmp_path / "order.yaml"
    path.write_text(ORDER)
    return load_order(path, ())


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open("panda-bench", tmp_path / "home") as journal:
        yield journal


def build(journal: Journal, variant: ProductVariant, work_j: float | None = 12.5) -> None:
    """Write what a run of one unit writes: a peg slips once, is gripped again, and all ends well."""
    clock = iter(range(10_000))

    def note(kind: str, **data: Any) -> None:
        journal.append(Event(kind, next(clock) * 0.5, data))

    note("stock_loaded", lot="L-7", part="peg", variant="any", count=20, supplier="Turner & Söhne")
    note("stock_loaded", lot="L-8", part="plate", variant="any", count=2, supplier="Mill Ltd")
    note("order_accepted", order="PB-1", items=[{"product": "pegboard", "quantity": 1}])
    for line in variant.bom:
        for slot, item in enumerate(line.items):
            lot = "L-8" if line.part == "plate" else "L-7"
            note("material_loaded", instance=f"{SERIAL}/{item}", part=line.part, variant=variant.hash, lot=lot,
                 station="tray_b", slot=slot)  # fmt: skip
    note("unit_started", serial=SERIAL, order="PB-1", variant=variant.hash, family="pegboard")
    for number, step in enumerate(variant.process.steps):
        name = f"{step.capability}@1.2"
        if number == 1:
            note("step_started", serial=SERIAL, step=step.id, skill=name, attempt=1)
            note("step_failed", serial=SERIAL, step=step.id, skill=name, attempt=1, duration_s=2.0, energy_j=work_j,
                 cause="slipped", why="the peg slipped 3 mm <in the hand>", result={})  # fmt: skip
            note("recovery_started", serial=SERIAL, step=step.id, recovery="regrasp")
        attempt = 2 if number == 1 else 1
        note("step_started", serial=SERIAL, step=step.id, skill=name, attempt=attempt)
        note("step_done", serial=SERIAL, step=step.id, skill=name, attempt=attempt, duration_s=3.25, energy_j=work_j,
             result={"peak_force_n": 11.5, "seated": True, "policy": "gentle@1.0.0"},
             telemetry={"file": "x.npz", "sha256": TELEMETRY, "samples": 5})  # fmt: skip
    note("unit_finished", serial=SERIAL, verdict="good", reasons=[], seconds=40.0,
         energy_j=work_j and 10 * work_j)  # fmt: skip


@pytest.fixture
def passport(journal: Journal, variant: ProductVariant, cell: Cell, order: Order, tmp_path: Path) -> Path:
    build(journal, variant)
    return write_passport(SERIAL, journal, variant, cell, order, tmp_path / "passports" / f"{SERIAL}.aasx")


def repacked(source: Path, target: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """A copy of an archive with its members changed."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return target


def test_official_tool_finds_no_error_in_either_file(passport: Path) -> None:
    from aas_test_engines import file

    with open(passport, "rb") as archive:
        aasx = file.check_aasx_file(archive)
    assert aasx.ok(), "\n".join(aasx.to_lines())
    with open(passport.with_suffix(".json"), encoding="utf-8") as text:
        result = file.check_json_file(text)
    assert result.ok(), "\n".join(result.to_lines())


def test_says_what_was_built_and_how(passport: Path, variant: ProductVariant) -> None:
    said = read_passport(passport)
    assert said["unit"]["Serial"] == SERIAL and said["unit"]["Verdict"] == "good"
    assert {(lot["item"], lot["Lot"], lot["Supplier"]) for lot in said["lots"]} == {
        ("plate", "L-8", "Mill Ltd"), ("peg_1", "L-7", "Turner & Söhne"), ("peg_2", "L-7", "Turner & Söhne"),
    }  # fmt: skip
    assert [step["step"] for step in said["steps"]] == [step.id for step in variant.process.steps]
    retried = said["steps"][1]
    assert retried["Attempts"] == 2 and retried["peak_force_n"] == 11.5 and retried["SkillVersion"] == "1.2"
    errors = said["submodels"]["ExecutedProcesses"]["Run__01__"]["Process__02__"]["ProcessErrors"]
    why = "the peg slipped 3 mm <in the hand>"
    assert errors == {"ProcessError__01__": {"ErrorCode": "slipped", "ErrorDescription": why}}
    assert TELEMETRY in said["submodels"]["Traceability"]["Telemetry"].values()
    assert said["submodels"]["Nameplate"]["AssetSpecificProperties"]["pegs"] == "2"


def test_an_interrupted_attempt_is_told(
    journal: Journal, variant: ProductVariant, cell: Cell, order: Order, tmp_path: Path
) -> None:
    first = variant.process.steps[0]
    head = {"serial": SERIAL, "step": first.id, "skill": "place", "version": "1"}
    done = {"duration_s": 1.0, "energy_j": 2.0, "result": {}}
    for time, kind, data in (
        (0.0, "unit_started", {"serial": SERIAL, "order": "PB-1", "variant": variant.hash, "family": "pegboard"}),
        (1.0, "step_started", {**head, "attempt": 1}),
        (2.0, "step_started", {**head, "attempt": 2}),
        (3.0, "step_done", {**head, "attempt": 2, **done}),
        (4.0, "unit_finished", {"serial": SERIAL, "verdict": "good", "reasons": [], "seconds": 4.0, "energy_j": 9.0}),
    ):
        journal.append(Event(kind, time, data))
    path = write_passport(SERIAL, journal, variant, cell, order, tmp_path / "x.aasx")
    said = read_passport(path)
    process = said["submodels"]["ExecutedProcesses"]["Run__01__"]["Process__01__"]
    assert [stage["Result"] for stage in process["ProcessStages"].values()] == ["failed", "done"]
    assert process["ProcessErrors"]["ProcessError__01__"]["ErrorCode"] == "interrupted"
    # What the arm did between the attempts counts too: the unit's own figure, not the sum over its steps.
    assert said["footprint"][-1]["MechanicalWorkJ"] == "9"
    assert said["unit"]["Seconds"] == 4.0


def test_a_replaced_piece_is_named_in_the_process_and_not_among_those_in_the_unit(
    journal: Journal, variant: ProductVariant, cell: Cell, order: Order, tmp_path: Path
) -> None:
    loaded = {"part": "peg", "variant": variant.hash, "station": "tray_b"}
    head = {"serial": SERIAL, "step": "insert_peg_2", "skill": "insert", "version": "1"}
    ended = {"duration_s": 1.0, "energy_j": 2.0, "result": {}}
    for kind, data in (
        ("stock_loaded", {"lot": "L-7", "part": "peg", "variant": "any", "count": 9, "supplier": "Turner"}),
        ("stock_loaded", {"lot": "L-9", "part": "peg", "variant": "any", "count": 9, "supplier": "Lathe Ltd"}),
        ("unit_started", {"serial": SERIAL, "order": "PB-1", "variant": variant.hash, "family": "pegboard"}),
        ("material_loaded", {**loaded, "instance": f"{SERIAL}/peg_1", "lot": "L-7", "slot": 0}),
        ("material_loaded", {**loaded, "instance": f"{SERIAL}/peg_2", "lot": "L-7", "slot": 1}),
        ("step_started", {**head, "attempt": 1}),
        ("step_failed", {**head, "attempt": 1, "cause": "wedged", "why": "wedged at 3 mm", **ended}),
        ("recovery_started", {"serial": SERIAL, "step": "insert_peg_2", "recovery": "replace"}),
        ("material_loaded", {**loaded, "instance": f"{SERIAL}/peg_2~2", "lot": "L-9", "slot": 2}),
        ("step_started", {**head, "attempt": 2}),
        ("step_done", {**head, "attempt": 2, **ended}),
        ("unit_finished", {"serial": SERIAL, "verdict": "good", "reasons": [], "seconds": 4.0, "energy_j": 9.0}),
    ):
        journal.append(Event(kind, 0.0, data))
    said = read_passport(write_passport(SERIAL, journal, variant, cell, order, tmp_path / "x.aasx"))
    assert {lot["item"]: (lot["Instance"], lot["Lot"], lot["Supplier"]) for lot in said["lots"]} == {
        "peg_1": ("peg_1", "L-7", "Turner"), "peg_2": ("peg_2~2", "L-9", "Lathe Ltd"),
    }  # fmt: skip
    (process,) = (run for run in said["submodels"]["ExecutedProcesses"].values())
    assert process["Process__01__"]["ProcessBoM"] == {"peg_2": "L-9"}
    (step,) = said["steps"]
    assert step["Rejected"] == "peg_2, lot L-7"


def test_json_beside_says_the_same(passport: Path) -> None:
    assert read_passport(passport.with_suffix(".json")) == read_passport(passport)


def test_what_has_no_source_is_unknown_and_not_a_number(passport: Path) -> None:
    said = read_passport(passport)
    parts = {part["Contribution"]: part for part in said["footprint"]}
    assert parts["pom"]["KgCO2eq"] == "unknown" and parts["pom"]["FactorSource"] == "unknown"
    assert float(parts["steel"]["KgCO2eq"]) > 0 and "worldsteel" in parts["steel"]["FactorSource"]
    assert parts["electricity"]["Basis"] == "modelled" and float(parts["electricity"]["MechanicalWorkJ"]) > 0
    assert said["kg_co2e"] is None
    # One known material doesn't make a known phase: no number may stand for all materials.
    assert said["submodels"]["CarbonFootprint"]["ProductCarbonFootprints"] == []


def test_its_disassembly_is_the_plan_that_a_cell_carries_out(
    passport: Path, variant: ProductVariant, cell: Cell
) -> None:
    processes = list(read_passport(passport)["submodels"]["DisassemblyProcess"]["Processes"].values())
    (unit,) = plan_disassembly(SERIAL, "PB-1", variant, cell).units
    told = [(process["ProcessId"], process["ProcessName"]) for process in processes]
    assert told == [(call.id, call.skill) for call in unit.calls if call.skill != "store"]
    assert [process["ProductParameters"]["Item"] for process in processes] == ["peg_2", "peg_1", "plate"]
    assert processes[-1]["ProcessParameters"]["After"] == "undo_insert_peg_2, undo_insert_peg_1"


def test_verifies_with_its_journal_also_after_more_events(passport: Path, journal: Journal) -> None:
    journal.append(Event("state_changed", 99.0, {"state": "Idle", "was": "Complete"}))
    assert verify_passport(passport) == []
    assert verify_passport(passport, journal) == []


def test_a_changed_lot_is_found(passport: Path, tmp_path: Path) -> None:
    forged = repacked(passport, tmp_path / "forged.aasx", lambda _, content: content.replace(b"L-7", b"L-9"))
    assert ["content was changed" in problem.what for problem in verify_passport(forged)] == [True]


def test_a_forgery_with_its_own_hash_is_found_by_the_journal(passport: Path, journal: Journal, tmp_path: Path) -> None:
    forged = repacked(passport, tmp_path / "forged.aasx", lambda _, content: content.replace(b"L-7", b"L-9"))
    said = str(read_passport(passport)["content_sha256"])
    from cells.orders.passport.content import content_hash
    from cells.orders.passport.read import _load

    actual = content_hash(_load(forged)).encode()
    perfect = repacked(forged, tmp_path / "perfect.aasx", lambda _, content: content.replace(said.encode(), actual))
    assert verify_passport(perfect) == []
    assert any("doesn't know" in problem.what for problem in verify_passport(perfect, journal))


def test_another_journal_is_refused(passport: Path, tmp_path: Path) -> None:
    with Journal.open("panda-bench", tmp_path / "elsewhere") as other:
        problems = verify_passport(passport, other)
    assert any("Traceability.Journal" in problem.where for problem in problems)


def test_a_missing_submodel_is_named(passport: Path, tmp_path: Path) -> None:
    beside = passport.with_suffix(".json")
    data = json.loads(beside.read_text())
    data["submodels"] = [held for held in data["submodels"] if held["idShort"] != "Nameplate"]
    cut = tmp_path / "cut.json"
    cut.write_text(json.dumps(data))
    assert any("Nameplate" in problem.what for problem in verify_passport(cut))


def test_hostile_files_are_refused_with_a_reason(passport: Path, tmp_path: Path) -> None:
    doctype = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
    evil = repacked(
        passport, tmp_path / "evil.aasx",
        lambda _, content: content.replace(b"<?xml version='1.0' encoding='UTF-8'?>", doctype).replace(
            b'<?xml version="1.0" encoding="UTF-8"?>', doctype),
    )  # fmt: skip
    assert "entities" in verify_passport(evil)[0].what
    bomb = tmp_path / "bomb.aasx"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", bytes(65 << 20))
    assert "unpacks to more" in verify_passport(bomb)[0].what
    large = tmp_path / "large.aasx"
    with open(large, "wb") as file:
        file.truncate(17 << 20)
    assert "larger" in verify_passport(large)[0].what
    for content in (b"", b"PK\x03\x04", b"[" * 100_000, b"{}", b"\xff\xfe"):
        odd = tmp_path / "odd.aasx"
        odd.write_bytes(content)
        assert verify_passport(odd), content[:10]
    with pytest.raises(InputError, match="can't be read"):
        read_passport(tmp_path / "missing.aasx")


def test_a_shell_of_somebody_else_is_no_passport(passport: Path, tmp_path: Path) -> None:
    data = json.loads(passport.with_suffix(".json").read_text())
    for name in ("Unit", "Journal"):
        trace = next(held for held in data["submodels"] if held["idShort"] == "Traceability")
        trace["submodelElements"] = [held for held in trace["submodelElements"] if held["idShort"] != name]
        other = tmp_path / "other.json"
        other.write_text(json.dumps(data))
        assert "no passport of Cellwright" in verify_passport(other)[0].what


def test_same_events_give_the_same_ids(passport: Path) -> None:
    text = passport.with_suffix(".json").read_text()
    assert f'"urn:cellwright:unit:panda-bench:{SERIAL}/shell"' in text
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", text)


def test_a_serial_built_twice_has_the_last_build_only(
    passport: Path, journal: Journal, variant: ProductVariant, cell: Cell, order: Order, tmp_path: Path
) -> None:
    build(journal, variant, None)
    again = write_passport(SERIAL, journal, variant, cell, order, tmp_path / "again.aasx")
    said = read_passport(again)
    assert said["steps"][1]["Attempts"] == 2
    (electricity,) = (part for part in said["footprint"] if part["Contribution"] == "electricity")
    assert electricity["MechanicalWorkJ"] == "unknown"


def test_an_unfinished_unit_gets_none(
    journal: Journal, variant: ProductVariant, cell: Cell, order: Order, tmp_path: Path
) -> None:
    journal.append(
        Event("unit_started", 0.0, {"serial": SERIAL, "order": "PB-1", "variant": variant.hash, "family": "pegboard"})
    )
    with pytest.raises(InputError, match="isn't finished"):
        write_passport(SERIAL, journal, variant, cell, order, tmp_path / "x.aasx")
    assert list(tmp_path.glob("x.*")) == []


def test_importing_passports_does_not_load_basyx() -> None:
    code = "import sys, cells.orders.passport; print([m for m in ('basyx', 'sqlalchemy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
