"""Answers to an operator's questions: the numbers, the failed step and the source, from a real journal."""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from cells.description.cell import load_cell
from cells.dialogue.answers import ABOUT, answer
from cells.dialogue.failures import last_failure
from cells.journal.event import Event
from cells.journal.store import Journal, StoredEvent
from cells.language.reading import Step
from cells.language.saying import say, texts
from cells.orders.stock import load_lot
from cells.products.catalogue import build_variant, catalogue

CELL = load_cell("panda-bench")
NAMES = catalogue(CELL)
PEGBOARD = build_variant("pegboard", {"pegs": 2})
SMALL = build_variant("pegboard", {"pegs": 2, "peg_mm": 8})
GEARBOX = build_variant("gearbox", {"pins": 0})


class Bench:
    """A journal that is written as the cell would, and asked as an operator would."""

    def __init__(self, journal: Journal) -> None:
        self.journal, self.time, self.running = journal, 0.0, False

    def note(self, kind: str, after: float = 1.0, **data: Any) -> int:
        """Write an event so many seconds later; returns its sequence."""
        self.time += after
        return self.journal.append(Event(kind, self.time, data)).seq

    def order(
        self, order: str = "PB-1", product: str = "pegboard", quantity: int = 2, energy: str = "modelled"
    ) -> None:
        items = [{"product": product, "quantity": quantity, "parameters": {}}]
        self.time, self.running = 0.0, True
        self.note("order_accepted", 0.0, order=order, items=items, energy=energy)

    def begin(self, serial: str, variant: Any = PEGBOARD, parts: Mapping[str, str] | None = None) -> None:
        """A unit begins, with its parts in their slots: item → "tray_b/0"."""
        made = {"variant": variant.hash, "family": variant.family, "parameters": dict(variant.parameters)}
        self.note("unit_started", serial=serial, order=serial.rpartition("-")[0], version=variant.version, **made)
        for item, place in (parts or {"plate": "tray_a/0", "peg_1": "tray_b/0", "peg_2": "tray_b/1"}).items():
            station, _, slot = place.partition("/")
            part = next(line.part for line in variant.bom if item in line.items)
            loaded = {"instance": f"{serial}/{item}", "part": part, "variant": variant.hash, "lot": f"L-{part}"}
            self.note("material_loaded", station=station, slot=int(slot), **loaded)

    def put(self, instance: str, place: str) -> None:
        self.note("part_gripped", instance=instance)
        self.note("part_released", instance=instance, place=place)

    def attempt(self, serial: str, step: str, skill: str, attempt: int = 1, during: str = "", **failed: Any) -> int:
        """A step; with ``cause`` and ``why`` it fails, and ``result`` is what it measured. ``during`` is what a person
        asks for while it is done."""
        head = {"serial": serial, "step": step, "skill": skill, "attempt": attempt}
        self.note("step_started", **head)
        if during:
            self.note(f"{during}_requested", by="ada, terminal")
        kind = "step_failed" if failed else "step_done"
        figures = {"duration_s": 1.0, "energy_j": 50.0, "peak_force_n": 12.345}
        return self.note(kind, **head, **figures, **{"result": {}, **failed})

    def end(self, serial: str, verdict: str = "good", energy_j: float | None = 500.0, *reasons: str) -> int:
        if verdict != "stopped":
            loaded = self.journal.events(kinds=("material_loaded",), serial=serial)
            self.note("unit_left", serial=serial, instances=[event.data["instance"] for event in loaded])
        told = {"serial": serial, "verdict": verdict, "reasons": list(reasons), "energy_j": energy_j}
        return self.note("unit_finished", seconds=30.0, **told)

    def close(self, order: str = "PB-1", good: int = 2, ordered: int = 2) -> int:
        self.running = False
        return self.note("order_finished", order=order, good=good, ordered=ordered)

    def ask(self, about: str, language: str = "en", **query: Any) -> str:
        """The answer in a language, a saying a line."""
        params = {"about": about, **query.pop("params", {})}
        asked = Step("query", query.get("object"), query.get("target"), None, params)
        return "\n".join(say(saying, language, NAMES) for saying in answer(asked, CELL, self.events(), self.status()))

    def events(self) -> list[StoredEvent]:
        return list(self.journal.events())

    def status(self) -> dict[str, Any] | None:
        """What the running cell says of itself."""
        begun = [event.data for event in self.events() if event.kind == "step_started"]
        if not self.running:
            return None
        step = {"serial": begun[-1]["serial"], "step": begun[-1]["step"]} if begun else {}
        return {
            "ok": True,
            "state": "Execute",
            "time_s": self.time,
            "guard": "nothing tripped",
            "holding": None,
            **step,
        }


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Journal.open("panda-bench", tmp_path) as journal:
        yield Bench(journal)


def test_every_text_is_there_in_three_languages_with_the_same_slots() -> None:
    for code, said in texts().items():
        assert list(said) == ["en", "de", "zh"], code
        slots = {
            language: {slot for _, slot, _, _ in string.Formatter().parse(text) if slot}
            for language, text in said.items()
        }
        assert slots["en"] == slots["de"] == slots["zh"], (code, slots)


@pytest.mark.parametrize("about", ABOUT)
@pytest.mark.parametrize("language", ["en", "de", "zh"])
def test_an_empty_journal_and_one_with_only_stock_are_answered(bench: Bench, about: str, language: str) -> None:
    assert len(bench.ask(about, language).splitlines()) == 1
    load_lot(bench.journal, "L-peg", "peg", 5)
    assert bench.ask(about, language)


@pytest.mark.parametrize(
    ("language", "tray", "hole", "stock"),
    [
        ("en", "peg in tray B, slot 1: 1", "peg in the part “plate” of unit PB-1-01, hole_1: 1", "peg in stock: 38"),
        ("de", "Bolzen in Ablage B, Platz 1: 1", "Bolzen im Teil „Platte“ der Einheit PB-1-01, hole_1: 1", "Lager: 38"),
        ("zh", "栓在B 盤，格位 1：1", "栓在產品 PB-1-01 的板，hole_1：1", "栓庫存：38"),
    ],
)
def test_counts_and_finds_parts_where_they_stand(bench: Bench, language: str, tray: str, hole: str, stock: str) -> None:
    load_lot(bench.journal, "L-peg", "peg", 40)
    bench.order()
    bench.begin("PB-1-01")
    bench.put("PB-1-01/plate", "fixture")
    bench.put("PB-1-01/peg_1", "PB-1-01/plate/hole_1")
    for about in ("count", "location"):
        said = bench.ask(about, language, object="peg")
        assert tray in said and hole in said and stock in said
    assert {"en": "peg in the cell: 2 (world model, version 7)"}.get(language, "2") in bench.ask(
        "count", language, object="peg"
    )


def test_a_place_is_asked_for_alone_and_holds_what_stands_in_what_it_holds(bench: Bench) -> None:
    bench.order()
    bench.begin("PB-1-01")
    assert (
        bench.ask("count", object="peg", target="tray_b") == "peg in tray B, slot 0 and 1: 2 (world model, version 3)."
    )
    assert bench.ask("count", object="peg", target="tray_c") == "peg, tray C: 0 (world model, version 3)."
    bench.put("PB-1-01/plate", "fixture")
    bench.put("PB-1-01/peg_1", "PB-1-01/plate/hole_1")
    said = bench.ask("count", object="part", target="fixture").splitlines()
    assert [line.partition(" (")[0] for line in said] == [
        "plate, fixture: 1",
        "peg in the part “plate” of unit PB-1-01, hole_1: 1",
    ]
    assert bench.ask("count", object="part", target="operator").startswith("operator: nothing there now")
    assert "no such place: tray f. It has tray A, tray B" in bench.ask("count", object="peg", target="tray_f")
    assert "such a part: connector" in bench.ask("location", object="connector")


def test_what_is_held_and_what_is_lost_is_said(bench: Bench) -> None:
    bench.order()
    bench.begin("PB-1-01")
    bench.note("part_gripped", instance="PB-1-01/peg_1")
    bench.note("part_lost", instance="PB-1-01/peg_2")
    said = bench.ask("location", object="peg")
    assert "peg in the gripper: 1" in said and "peg, whereabouts unknown: 1" in said
    assert "Greifer: 1" in bench.ask("location", "de", object="peg")
    assert "夾爪上：1" in bench.ask("location", "zh", object="peg")


def test_a_gear_is_either_gear_unless_its_size_is_said(bench: Bench) -> None:
    bench.order("GB-1", "gearbox", 1)
    bench.begin("GB-1-01", GEARBOX, {"small_gear": "tray_b/2", "large_gear": "tray_b/3"})
    both = bench.ask("location", object="gear")
    assert "small gear in tray B, slot 2" in both and "large gear in tray B, slot 3" in both
    large = bench.ask("location", object="gear", params={"size": "large"})
    assert "large gear in tray B, slot 3" in large and "small gear" not in large
    white = bench.ask("count", object="gear", params={"color": "white"})
    assert (
        "small gear in the cell: 0" in white and "large gear in tray B, slot 3: 1" in white and "meant: white" in white
    )
    teeth = bench.ask("count", object="gear", params={"teeth": 20})
    assert "small gear in tray B, slot 2: 1" in teeth and "large gear in the cell: 0" in teeth
    assert "such a part: gear" in bench.ask("location", object="gear", params={"size": "medium"})


def test_sizes_and_diameters_are_told_apart_by_the_variants_that_the_journal_tells(bench: Bench) -> None:
    load_lot(bench.journal, "L-peg", "peg", 7, variant=SMALL.hash)
    load_lot(bench.journal, "L-more", "peg", 5)
    bench.order()
    bench.begin("PB-1-01", SMALL)
    bench.begin("PB-1-02", PEGBOARD, {"peg_1": "tray_c/4"})
    small = bench.ask("count", object="peg", params={"size": "small"})
    assert "tray B, slot 0 and 1: 2" in small and "tray C" not in small and "meant: small" in small
    assert "in stock: 4; lots: 1" in small and "in stock, looks not recorded: 5" in small
    thick = bench.ask("location", object="peg", params={"dims_mm": {"diameter": 12}})
    assert "tray C, slot 4: 1" in thick and "tray B" not in thick and "12 mm" in thick


def test_a_simulated_cell_is_empty_between_runs_and_a_real_one_is_not(bench: Bench) -> None:
    bench.order("SIM-1")
    bench.begin("SIM-1-01")
    bench.note("unit_finished", serial="SIM-1-01", verdict="stopped", reasons=[], seconds=1.0, energy_j=1.0)
    end = bench.close("SIM-1", good=0)
    said = bench.ask("count", object="peg")
    assert f"its last one, SIM-1, is over (journal 1–{end})" in said and "peg in the cell: 0" in said
    bench.order("REAL-1", energy="measured")
    bench.begin("REAL-1-01", parts={"peg_1": "tray_c/0"})
    bench.close("REAL-1", good=0)
    said = bench.ask("location", object="peg")
    assert (
        "peg in tray C, slot 0: 1 (world model, version 1)" in said and "tray B" not in said and "simulated" not in said
    )


def test_status_tells_what_goes_on_and_then_how_it_ended(bench: Bench) -> None:
    bench.order()
    bench.begin("PB-1-01")
    bench.end("PB-1-01")
    bench.begin("PB-1-02")
    seq = bench.attempt("PB-1-02", "insert_peg_1", "insert") - 1
    said = bench.ask("status")
    assert "State: Execute" in said and f"unit PB-1-02, step insert_peg_1 (insert) (journal {seq})" in said
    assert "Order PB-1 (pegboard) is going on. Done: 1 of 2, good: 1" in said
    assert "Schritt insert_peg_1 (einsetzen)" in bench.ask("status", "de")
    assert "訂單 PB-1（栓板）進行中。已完成：1／2" in bench.ask("status", "zh")
    bench.end("PB-1-02", "failed")
    end = bench.close(good=1)
    said = bench.ask("status")
    assert "Nothing is running" in said and f"Good: 1 of 2 (journal 1–{end})" in said
    bench.order("PB-2")
    bench.running = False
    assert "PB-2 (pegboard) broke off without an end" in bench.ask("status")


def test_status_of_a_unit_taken_apart_and_of_an_errand(bench: Bench) -> None:
    head = {"serial": "PB-1-01", "order": "PB-1", "family": "pegboard", "variant": PEGBOARD.hash}
    bench.note("disassembly_started", energy="modelled", **head)
    bench.running = True
    assert "Unit PB-1-01 (pegboard) is being taken apart" in bench.ask("status")
    bench.running = False
    bench.note("disassembly_finished", serial="PB-1-01", verdict="apart", reasons=[], seconds=9.0, energy_j=1.0)
    assert "Unit PB-1-01 (pegboard) was taken apart" in bench.ask("status")
    bench.note("errand_started", serial="E-1-01", errand="E-1", energy="modelled")
    bench.attempt("E-1-01", "pick_peg_1", "pick", cause="missed", why="the fingers closed to 0.40 mm")
    bench.note("errand_finished", serial="E-1-01", verdict="failed", reasons=["…"], seconds=9.0, energy_j=1.0)
    assert "single steps E-1 were not all done" in bench.ask("status")
    assert "pick_peg_1 (pick up), attempt 1, cause: missed" in bench.ask("last_failure")


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("en", ("step insert_peg_2 (insert), attempt 3, cause: not_seated", "the part is not all the way in its seat",
                "Highest force: 12.35 N", "height error 1.42 mm", "approached again, times: 2")),
        ("de", ("Schritt insert_peg_2 (einsetzen), Versuch 3, Ursache: not_seated", "sitzt nicht ganz in seinem Sitz",
                "Höchste Kraft: 12.35 N", "1.42 mm", "neu angefahren, Male: 2")),
        ("zh", ("insert_peg_2（插入），第 3 次嘗試，原因：not_seated", "零件未完全到位",
                "最大受力：12.35 N", "1.42 mm", "重新靠近，次數：2")),
    ],
)  # fmt: skip
def test_the_last_failure_names_step_cause_numbers_and_what_was_done(
    bench: Bench, language: str, texts: tuple[str, ...]
) -> None:
    why, seq = "PB-1-01/peg_2 stands +1.4 mm off its seat", 0
    bench.order()
    bench.begin("PB-1-01")
    for attempt in (1, 2, 3):
        result = {"height_error_m": 0.00142, "peak_force_n": 12.0}
        seq = bench.attempt("PB-1-01", "insert_peg_2", "insert", attempt, cause="not_seated", why=why, result=result)
        if attempt < 3:
            bench.note("recovery_started", serial="PB-1-01", step="insert_peg_2", recovery="re-approach")
    end = bench.end("PB-1-01", "failed")
    said = bench.ask("last_failure", language)
    assert all(text in said for text in (*texts, why, str(seq), str(end)))
    found = last_failure(bench.events())
    assert found is not None and (found.serial, found.step, found.attempt, found.seq) == (
        "PB-1-01",
        "insert_peg_2",
        3,
        seq,
    )
    assert found.numbers == {"height_error_m": 0.00142, "peak_force_n": 12.345} and len(found.recoveries) == 2


def test_nothing_failed_is_said_and_a_good_last_unit_is_said_first(bench: Bench) -> None:
    bench.order()
    bench.begin("PB-1-01")
    bench.attempt("PB-1-01", "insert_peg_1", "insert")
    last = bench.end("PB-1-01")
    assert bench.ask("last_failure").startswith("Nothing has gone wrong") and last_failure(bench.events()) is None
    assert str(last) in bench.ask("last_failure")
    bench.begin("PB-1-02")
    bench.attempt("PB-1-02", "inspect_peg_1", "inspect", cause="wrong_height", why="stands +1.00 mm off")
    rejected = bench.end("PB-1-02", "rejected")
    said = bench.ask("last_failure")
    assert f"Unit PB-1-02 was rejected: an inspection found a fault (journal {rejected})" in said
    assert "No recovery was tried" in said
    bench.begin("PB-1-03")
    bench.attempt("PB-1-03", "insert_peg_1", "insert")
    good = bench.end("PB-1-03")
    said = bench.ask("last_failure").splitlines()
    assert f"The last unit, PB-1-03, went without trouble (journal {good})" in said[0] and "PB-1-02" in said[1]


def test_a_good_unit_that_needed_recoveries_tells_them(bench: Bench) -> None:
    bench.order()
    bench.begin("PB-1-01")
    bench.attempt("PB-1-01", "insert_peg_1.pick", "pick", cause="slipped", why="left the fingers")
    bench.note("recovery_started", serial="PB-1-01", step="insert_peg_1", recovery="re-grasp")
    bench.attempt("PB-1-01", "insert_peg_1", "insert", 2, cause="wedged", why="stuck 3.0 mm above the bottom")
    bench.note("recovery_started", serial="PB-1-01", step="insert_peg_1", recovery="replace")
    bench.attempt("PB-1-01", "insert_peg_1", "insert", 3)
    bench.end("PB-1-01")
    said = bench.ask("last_failure")
    assert "PB-1-01 was good in the end" in said and "cause: wedged" in said
    assert "gripped anew, times: 1" in said and "took another part, times: 1" in said


def test_a_persons_stop_is_no_failure_unless_it_ended_the_unit_and_a_guards_always_is(bench: Bench) -> None:
    taken = {"cause": "interrupted", "why": "the runner took the arm"}
    bench.order()
    bench.begin("PB-1-01")
    bench.attempt("PB-1-01", "insert_peg_1", "insert", during="pause", **taken)
    bench.end("PB-1-01")
    assert last_failure(bench.events()) is None
    bench.begin("PB-1-02")
    bench.note("step_started", serial="PB-1-02", step="insert_peg_1", skill="insert", attempt=1)
    trip = bench.note("guard_tripped", cause="force", value=48.25, limit=40.0)
    head = {"serial": "PB-1-02", "step": "insert_peg_1", "skill": "insert", "attempt": 1}
    bench.note("step_failed", result={}, peak_force_n=48.25, **head, **taken)
    said = bench.ask("last_failure")
    assert (
        "PB-1-02 has not ended" in said
        and f"guard tripped: force, 48.25 where 40 is the limit (journal {trip})" in said
    )
    bench.attempt("PB-1-02", "insert_peg_1", "insert", 2, during="stop", **taken)
    bench.end("PB-1-02", "stopped", 1.0, "stopped during insert_peg_1")
    said = bench.ask("last_failure")
    assert "Unit PB-1-02 was stopped" in said and "A stop was asked for by ada, terminal" in said
    assert "attempt 2" in said and "Broken off: step insert_peg_1" in said


def test_throughput_and_counts_of_products_leave_out_what_was_broken_off(bench: Bench) -> None:
    bench.order(quantity=4)
    for number, verdict in enumerate(("good", "rejected", "good", "cancelled"), 1):
        bench.begin(f"PB-1-0{number}")
        bench.time = 100.0 * number - 2
        bench.end(f"PB-1-0{number}", verdict)
    bench.time = 359.0
    end = bench.close(good=2, ordered=4)
    said = bench.ask("throughput")
    assert "Produced quantity: 3, good quantity: 2, quality ratio: 66.67 %" in said and f"journal 1–{end}" in said
    assert "execution time: 400 s" in said and "rate 27 units per hour" in said and "ISO 22400-2" in said
    assert "Qualitätsrate (quality ratio): 66.67 %" in bench.ask("throughput", "de")
    assert "合格率（quality ratio）：66.67%" in bench.ask("throughput", "zh")
    for about in ("count", "throughput"):
        assert "pegboard, today. Produced quantity: 3, good quantity: 2" in bench.ask(about, object="pegboard")
    assert "栓板今日產量：3" in bench.ask("count", "zh", object="pegboard")
    assert "gearbox: none has been built here yet" in bench.ask("count", object="gearbox")
    assert "pegboard PB-1-04 left the cell" in bench.ask("location", object="pegboard")


def test_the_order_that_goes_on_comes_first_and_four_are_enough(bench: Bench) -> None:
    for number in range(1, 6):
        bench.order(f"PB-{number}")
        if number < 5:
            bench.begin(f"PB-{number}-01")
            bench.end(f"PB-{number}-01")
            bench.close(f"PB-{number}")
    said = bench.ask("orders").splitlines()
    assert [line.split()[1] for line in said[:4]] == ["PB-5", "PB-4", "PB-3", "PB-2"]
    assert "is going on" in said[0] and "Good: 1 of 2" in said[1] and "orders in all: 5" in said[4]
    assert bench.ask("orders", object="gearbox") == "gearbox: none has been built here yet (journal 1–33)."


def test_energy_and_footprint_say_what_is_known_and_what_is_not(bench: Bench) -> None:
    bench.order()
    for number in (1, 2):
        bench.begin(f"PB-1-0{number}")
        bench.end(f"PB-1-0{number}")
    bench.close()
    said = bench.ask("energy").splitlines()
    assert "PB-1-02: mechanical work of the arm 0.5 kJ in 30 s" in said[0] and "electrical energy unknown" in said[1]
    assert "PB-1: mechanical work of the arm 1 kJ in 60 s" in said[2] and "modelled" in said[4]
    assert "用電不詳" in bench.ask("energy", "zh") and "elektrische Energie unbekannt" in bench.ask("energy", "de")
    said = bench.ask("footprint").splitlines()
    steel = 1000 * 1.91 * sum(line.quantity * line.mass for line in PEGBOARD.bom if line.material == "steel")
    assert f"Known part: {steel:.4g} g CO2e (steel); no sourced figure: electricity and pom" in said[0]
    assert f"PB-1: carbon footprint unknown. Known part: {2 * steel:.4g} g CO2e" in said[1]
    bench.order("PB-2", quantity=1, energy="unknown")
    bench.begin("PB-2-01")
    bench.end("PB-2-01", energy_j=None)
    assert "PB-2-01: energy unknown" in bench.ask("energy")


def test_a_footprint_of_another_version_of_the_family_is_unknown(bench: Bench) -> None:
    bench.order(quantity=1)
    made = {"variant": "0" * 64, "family": "pegboard", "version": "0", "parameters": dict(PEGBOARD.parameters)}
    bench.note("unit_started", serial="PB-1-01", order="PB-1", **made)
    bench.end("PB-1-01")
    assert "another version of its product family" in bench.ask("footprint")


def test_a_running_cell_says_what_it_holds_and_what_its_guard_found_or_that_it_is_silent(bench: Bench) -> None:
    bench.order()
    bench.begin("PB-1-01")
    bench.note("part_gripped", instance="PB-1-01/peg_1")
    assert "pegboard PB-1-01 has parts in the cell: tray A and tray B" in bench.ask("location", object="pegboard")
    said = {"ok": True, "state": "Aborted", "time_s": 3.0, "guard": "force: 48.2, limit 40", "holding": "PB-1-01/peg_1"}
    query = Step("query", params={"about": "status"})
    text = [say(saying, "en", NAMES) for saying in answer(query, CELL, bench.events(), said)]
    assert text[0] == "State: Aborted (running cell, cell time 3 s)." and text[1].startswith("peg in the gripper: 1")
    assert text[2] == "The guard has tripped: force: 48.2, limit 40 (running cell, cell time 3 s)."
    (silent,) = answer(query, CELL, bench.events(), {"ok": False, "what": "the runner has not answered for 10 s"})
    assert "has not answered for 10 s" in say(silent, "de", NAMES)


def test_a_cancel_with_no_step_under_way_and_a_guard_without_numbers_are_told(bench: Bench) -> None:
    bench.order()
    bench.begin("PB-1-01")
    trip = bench.note("guard_tripped", cause="robot_protective_stop", value=None, limit=None)
    assert f"guard tripped: robot_protective_stop (journal {trip})" in bench.ask("last_failure")
    bench.end("PB-1-01", "cancelled", 0.0, "cancelled during loading")
    bench.begin("PB-1-02")
    asked = bench.note("cancel_requested", by="ada, terminal")
    bench.end("PB-1-02", "cancelled", 0.0, "cancelled during loading")
    said = bench.ask("last_failure")
    assert "Unit PB-1-02 was cancelled" in said and "“cancelled during loading”" in said
    assert f"A cancel was asked for by ada, terminal (journal {asked})" in said
