"""From an order to proven skills, in a toy of the joining environment that takes no time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import gymnasium
import numpy as np
import pytest
import typer

from cells.commands import retooling
from cells.commands.build import kept_policies
from cells.description.cell import load_cell
from cells.errors import InputError, Refused
from cells.journal.event import Event
from cells.journal.store import Journal
from cells.orders import changeover
from cells.orders.order import Item, Order
from cells.orders.setup import Setup, instructions, last_setup, setup_for
from cells.orders.timeline import changeover_section, timeline, write_timeline
from cells.products.catalogue import build_variant, families
from cells.products.model import ProductVariant
from cells.skills.contact import NEUTRAL, OBSERVATION
from cells.tasks.disassembly import plan_disassembly
from cells.tasks.limits import build_limits
from cells.tasks.plan import Plan, plan_order
from policies import store
from policies.contacts import ContactStep, contact_steps
from policies.entry import parse_entry
from policies.episodes import read_rows
from policies.folder import read_entry, remove_entry, write_entry
from policies.gating import Candidate, gate
from policies.matching import Match, rank, wanted
from policies.practice import Practice
from policies.publishing import publish
from policies.retool import Retooling, Terms
from policies.retool_command import retool
from policies.sharing import rows_here
from policies.unproven import unproven
from sim.envs.episode import draw, narrowed
from sim.envs.tasks import COVER, DECLARED

CELL = load_cell("panda-bench")
PEGBOARD = {"pegs": 3, "peg_mm": 10.0, "clearance_mm": 0.5}
TERMS = Terms(gated=10, final=20, budget_s=1.0)


class Bore(gymnasium.Env[Any, Any]):
    """The spiral strategy: gentle constants succeed, and the nominal ones where ``easy``; else every other seed."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012
    easy = False
    begun: list[tuple[str, int]] = []  # noqa: RUF012
    interrupt_at: int | None = None

    def __init__(
        self, conditions: str, purpose: str, cell: str, changes: Any, constants: Any = None, twin: bool = False,
        render_mode: str | None = None,
    ) -> None:  # fmt: skip
        assert twin and conditions == "declared"
        self.task, self.cell, self.purpose = SimpleNamespace(skill="insert"), load_cell(cell), purpose
        self.conditions_name, self.conventions, self.neutral = conditions, ("a toy",), NEUTRAL
        self.changes, self.families = changes, (changes["family"],)
        self.observation_space = gymnasium.spaces.Box(OBSERVATION.low, OBSERVATION.high, dtype=np.float64)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, NEUTRAL.shape, np.float64)
        self.speed = 0.025 if constants is None else constants[0]

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.seed = int(seed or 0)
        if self.interrupt_at is not None and len(self.begun) == self.interrupt_at:
            raise KeyboardInterrupt
        self.begun.append((self.purpose, self.seed))
        return self._seen(), self._info()

    def step(self, action: Any) -> Any:
        solved, info = self.easy or self.seed % 2 == 0 or self.speed < 0.018, self._info()
        info["outcome"] = {
            "success": solved, "quick": solved, "time_s": 3.0, "peak_n": 1000.0 * float(self.speed), "tries": 0,
            "cause": "" if solved else "too much force", "why": "",
        }  # fmt: skip
        info["is_success"] = solved
        return self._seen(), 0.0, True, False, info

    def render(self) -> Any:
        raise NotImplementedError

    def _seen(self) -> Any:
        return self.np_random.uniform(OBSERVATION.low, OBSERVATION.high)

    def _info(self) -> dict[str, Any]:
        parameters = {name: value for name, value in self.changes.items() if name not in ("family", "item")}
        drawn = {"family": self.changes["family"], "parameters": parameters}
        return {"nominal": "spiral@5", "drawn": drawn, "time_s": 0.0, "peak_n": 0.0}


class Board:
    """A board that remembers."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def show(self, step: str, doing: str, best: str) -> None:
        pass

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture(autouse=True)
def bore(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The toy is there, and both zoos are empty."""
    monkeypatch.setattr(Bore, "begun", [])
    monkeypatch.setenv("CELLWRIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(store, "SHIPPED", tmp_path / "shipped")
    gymnasium.register("cellwright/Bore-v1", Bore)
    yield
    del gymnasium.registry["cellwright/Bore-v1"]


def planned(family: str = "pegboard", **parameters: Any) -> tuple[Plan, dict[str, ProductVariant]]:
    """An order of one unit, planned."""
    variant = build_variant(family, parameters or PEGBOARD)
    item = Item(product=family, quantity=1, parameters=dict(variant.parameters))
    order = Order(schema="cellwright/order/v1", id="RT-1", customer="c", due="2026-12-31", items=(item,))  # type: ignore
    return plan_order(order, CELL, [variant]), {variant.hash: variant}


def pegs() -> ContactStep:
    """The contact step of a pegboard, practised in the toy."""
    [variant] = planned()[1].values()
    pinned = {**variant.parameters, "family": "pegboard", "item": "peg_1"}
    practice = Practice("cellwright/Bore-v1", "declared", pinned, {"cell": "panda-bench", "twin": True})
    return ContactStep("insert", "bore", "peg", "peg_1", ("insert_peg_1", "insert_peg_2"), variant, practice)


def retooled(folder: Path, terms: Terms = TERMS) -> tuple[Retooling, list[Event], Board]:
    """A retooling that has ended, its events, and what people saw."""
    begun = {"order": "RT-1", "was": None, "becomes": "RT-1: plate", "instructions": []}
    events, board = [Event(changeover.STARTED, 0.0, begun)], Board()
    work = Retooling(
        "RT-1", CELL, [pegs()], terms, folder, "cellwright retool", board,
        lambda kind, data: events.append(Event(kind, 0.0, json.loads(json.dumps(data)))),
    )  # fmt: skip
    work.run()
    return work, events, board


def built(order: str, variant: ProductVariant, energy: str = "unknown") -> list[Event]:
    """Events of an order that went well, in a real cell unless its ``energy`` was "modelled"."""
    items = [{"product": variant.family, "quantity": 1, "parameters": dict(variant.parameters)}]
    unit = {"serial": f"{order}-01", "order": order, "variant": variant.hash, "family": variant.family}
    return [
        Event("order_accepted", 0.0, {"order": order, "items": items, "energy": energy}),
        Event("unit_started", 0.0, {**unit, "parameters": dict(variant.parameters)}),
        Event("unit_finished", 1.0, {"serial": f"{order}-01", "verdict": "good"}),
        Event("order_finished", 2.0, {"order": order}),
    ]


def test_a_plan_has_each_way_of_joining_once_in_the_variants_own_environment() -> None:
    plan, variants = planned("gearbox", pinion_teeth=20, gear_teeth=40, shaft_mm=8.0, pins=2)
    steps = contact_steps(plan, variants, "panda-bench")
    assert [(step.name, step.task, step.steps) for step in steps] == [
        ("insert shaft", "insert", ("insert_shaft_1", "insert_shaft_2")),
        ("mesh small_gear", "mesh", ("mesh_small_gear",)),
        ("mesh large_gear", "mesh", ("mesh_large_gear",)),
        ("insert pin", "insert", ("insert_pin_1", "insert_pin_2")),
        ("insert cover", "cover", ("insert_cover",)),
    ]
    cover, limits = steps[-1].practice, build_limits(CELL)
    conditions = narrowed(COVER.named(DECLARED, CELL), cover.changed)
    episode, variant = draw(conditions, "gate", 3, limits)
    assert variant.hash in variants and conditions.item == "cover"
    assert conditions.offset == pytest.approx(3 * CELL.noise.locator.xy_mm / 1000)
    assert abs(episode.slipped) <= conditions.slipped == conditions.offset


def test_a_gate_ends_when_it_is_settled_and_does_not_play_again(tmp_path: Path) -> None:
    step, path = pegs(), tmp_path / "gate.jsonl"
    found = gate(Candidate(), step.practice, 10, 0.8, 1, path)
    assert (found.passed, found.count, found.played) == (False, 3, 6)  # the third failure of odd seeds settles it
    assert len(Bore.begun) == 6
    assert gate(Candidate(), step.practice, 10, 0.8, 1, path) == found
    assert len(Bore.begun) == 6
    easy = gate(Candidate(), step.practice, 10, 0.5, 1, path)
    assert (easy.passed, easy.count, easy.played) == (True, 5, 9)
    assert {purpose for purpose, _ in Bore.begun} == {"gate"}


def test_where_the_nominal_passes_nothing_is_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bore, "easy", True)
    _, events, _ = retooled(tmp_path / "run")
    [_, step, finished] = events
    assert (step.kind, step.data["policy"], step.data["how"]) == (changeover.STEP, "", "as it is")
    assert step.data["proven"] and step.data["final"]["count"] == step.data["final"]["of"] == 20
    assert (finished.data["proven"], finished.data["steps"]) == (1, 1) and "package_energy_j" in finished.data
    assert not list(store.own_zoo().glob("*"))
    played = len(Bore.begun)
    _, again, _ = retooled(tmp_path / "run")
    assert again[1].data == step.data and len(Bore.begun) == played


def test_what_was_proven_for_less_is_not_proven_for_more(tmp_path: Path) -> None:
    _, events, _ = retooled(tmp_path / "run", replace(TERMS, target=0.5))  # the nominal does half of them
    assert events[1].data["policy"] == "" and events[1].data["proven"]
    played = len(Bore.begun)
    _, events, _ = retooled(tmp_path / "run", replace(TERMS, target=0.5, seed=9))
    assert events[1].data["proven"] and len(Bore.begun) == played
    _, events, _ = retooled(tmp_path / "run")
    assert events[1].data["how"] == "tuned" and len(Bore.begun) > played


def test_what_fails_is_tuned_proven_once_on_fresh_seeds_and_published(tmp_path: Path) -> None:
    _, events, _ = retooled(tmp_path / "run")
    step = events[1].data
    name = f"insert-peg-{pegs().variant.hash[:8]}"
    assert (step["policy"], step["how"], step["proven"]) == (f"{name}@1.0.0", "tuned", True)
    assert step["tried"][0]["name"] == "nominal" and not step["tried"][0]["passed"]
    assert step["gate"]["passed"] and step["final"]["of"] == 20
    assert [phase[0] for phase in step["phases"]][:2] == ["gate", "improve"] and step["phases"][-1][0] == "final"
    entry = parse_entry((store.find_entry(name) / "policy.json").read_bytes(), "policy.json")
    assert entry.part_ranges.proven["pegboard"]["peg_mm"] == (10.0, 10.0)
    assert (entry.nominal, entry.kind, entry.parents) == ("spiral@5", "parameters", ())
    finals = [seed for purpose, seed in Bore.begun if purpose == "evaluation"]
    assert len(set(finals)) == 20
    assert {purpose for purpose, _ in Bore.begun} == {"training", "gate", "evaluation"}

    with Journal.open(CELL.name) as journal:
        for event in events:
            journal.append(event)
        kept = kept_policies(CELL, [step["variant"]], journal)
    assert kept[step["variant"]]["insert_peg_2"].name == f"{name}@1.0.0"  # type: ignore[union-attr]


def test_a_policy_that_passes_on_another_part_is_proven_on_both_and_on_nothing_between_them(tmp_path: Path) -> None:
    retooled(tmp_path / "first")
    [folder] = store.own_zoo().glob("*/*")
    step = pegs()
    rows = read_rows(next((tmp_path / "first").rglob("final-0.jsonl")))
    wider = ContactStep(**{**{key: getattr(step, key) for key in ContactStep.__dataclass_fields__},
                           "variant": build_variant("pegboard", {**PEGBOARD, "peg_mm": 12.0})})  # fmt: skip
    from policies.evaluation import summed_up

    found = summed_up(rows, None, ("a toy",))
    kept = Candidate(f"{folder.parent.name}@{folder.name}", "parameters", folder)
    assert publish(kept, step, found, rows, store.own_zoo(), True) == kept.name  # nothing new
    assert publish(kept, wider, found, rows, store.own_zoo(), False) == kept.name
    name = publish(kept, wider, found, rows, store.own_zoo(), True)
    entry = parse_entry((store.find_entry(name) / "policy.json").read_bytes(), "policy.json")
    assert (entry.version, entry.parents) == ("1.1.0", (kept.name,))
    assert entry.part_ranges.proven["pegboard"]["peg_mm"] == (12.0, 12.0)

    def best(peg_mm: float) -> Match:
        variant = build_variant("pegboard", {**PEGBOARD, "peg_mm": peg_mm})
        return rank(wanted(step.capability, variant, families()["pegboard"], CELL), rows_here().rows)[0]

    assert [best(peg_mm).covered for peg_mm in (10.0, 11.0, 12.0)] == [True, False, True]
    assert [best(peg_mm).row.policy for peg_mm in (10.0, 12.0)] == [kept.name, name]


def test_too_small_a_budget_is_told_and_the_best_is_evaluated_all_the_same(tmp_path: Path) -> None:
    _, events, board = retooled(tmp_path / "run", Terms(gated=10, final=20, budget_s=1e-9))
    step = events[1].data
    assert (step["policy"], step["proven"], step["final"]["count"]) == ("", False, 10)
    assert "too few to try anything" in step["why"]
    assert any("not improved" in line for line in board.said)


def test_an_interruption_keeps_what_is_known_and_the_next_start_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bore, "easy", True)
    monkeypatch.setattr(Bore, "interrupt_at", 15)
    events: list[Event] = []
    board = Board()
    work = Retooling("RT-1", CELL, [pegs()], TERMS, tmp_path / "run", "retool", board,
                     lambda kind, data: events.append(Event(kind, 0.0, data)))  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        work.run()
    assert [event.kind for event in events] == [changeover.STEP, changeover.FINISHED]
    assert events[0].data["final"] is None and events[1].data["stopped"]
    assert any("best so far is nominal" in line for line in board.said)
    monkeypatch.setattr(Bore, "interrupt_at", None)
    _, again, _ = retooled(tmp_path / "run")
    step, finished = again[1].data, again[2].data
    assert step["proven"]
    # Both commands' work is on one clock.
    assert [what for what, _, _ in step["phases"]] == ["gate", "final", "gate", "final"]
    assert [phase[1] for phase in step["phases"]] == sorted(phase[1] for phase in step["phases"])
    assert step["wall_s"] <= finished["wall_s"] + 0.1 and step["cpu_s"] <= finished["cpu_s"] + 0.1
    proving = [seed for purpose, seed in Bore.begun if purpose == "evaluation"]
    assert len(proving) == len(set(proving)) == 20  # the rows that were there weren't played again


def test_what_could_not_be_proven_is_tried_again_once_there_is_somebody_new(tmp_path: Path) -> None:
    poor = Terms(gated=10, final=20, budget_s=1e-9)
    assert not retooled(tmp_path / "run", poor)[1][1].data["proven"]
    played = Bore.begun[1:]  # the first tells the strategy
    assert not retooled(tmp_path / "run", poor)[1][1].data["proven"] and Bore.begun[1:-1] == played
    retooled(tmp_path / "elsewhere")
    _, events, _ = retooled(tmp_path / "run", poor)
    [folder] = store.own_zoo().glob("*/*")
    step = events[1].data
    assert step["proven"] and step["policy"] == f"{folder.parent.name}@{folder.name}"
    remove_entry(folder)
    assert not retooled(tmp_path / "run", poor)[1][1].data["proven"]


def only_one_that_can_not_act() -> None:
    """Leave in the user's zoo a policy for another clock in the place of the only one."""
    [folder] = store.own_zoo().glob("*/*")
    read = read_entry(folder)
    odd = read.entry.model_dump(mode="json", by_alias=True, exclude={"schema_", "files"})
    odd |= {"name": "odd", "policy_every": read.entry.policy_every + 1}
    write_entry(store.own_zoo(), odd, {name: read.files[name] for name in read.entry.files})
    remove_entry(folder)


def test_a_policy_that_the_skill_can_not_take_is_left_out(tmp_path: Path) -> None:
    retooled(tmp_path / "first")
    only_one_that_can_not_act()
    _, events, board = retooled(tmp_path / "second")
    assert any("odd@1.0.0 is left out: " in line and "policy_every" in line for line in board.said)
    assert events[1].data["proven"] and events[1].data["tried"][0]["name"] == "nominal"


def test_somebody_new_who_is_of_no_use_buys_no_second_evaluation(tmp_path: Path) -> None:
    poor = Terms(gated=10, final=20, budget_s=1e-9)
    _, before, _ = retooled(tmp_path / "run", poor)
    retooled(tmp_path / "elsewhere")
    only_one_that_can_not_act()
    Bore.begun.clear()
    _, after, _ = retooled(tmp_path / "run", poor)
    assert after[1].data["final"] == before[1].data["final"] and not after[1].data["proven"]
    assert not [seed for purpose, seed in Bore.begun if purpose == "evaluation"]


def test_a_folder_is_of_one_cell_as_it_is_described(tmp_path: Path) -> None:
    retooled(tmp_path / "run")
    noisy = CELL.model_copy(update={"noise": CELL.noise.model_copy(update={"force_n": 9.0})})
    with pytest.raises(InputError, match="holds a retooling of another cell than panda-bench as it is now"):
        Retooling("RT-1", noisy, [pegs()], TERMS, tmp_path / "run", "retool", Board(), lambda kind, data: None)


def test_what_was_stopped_does_not_replace_what_was_proven(tmp_path: Path) -> None:
    _, events, _ = retooled(tmp_path / "run")
    step = events[1]
    stopped = Event(changeover.STEP, 0.0, {**step.data, "policy": "", "final": None, "proven": False})
    mode = CELL.control.default
    assert changeover.retooled([step, stopped], mode) == changeover.retooled([step], mode)
    failed = replace(stopped, data={**stopped.data, "final": {"count": 1, "of": 20}})
    assert not changeover.retooled([step, failed], mode)[step.data["variant"]]["insert_peg_1"]["proven"]


def test_a_changeover_is_told_from_its_events_until_the_order_is_built(tmp_path: Path) -> None:
    _, events, _ = retooled(tmp_path / "run")
    found = changeover.changeover_of("RT-1", events)
    assert found is not None and found.finished is not None
    drawn = ElementTree.fromstring(timeline(found))
    assert len(drawn.findall("rect")) == len(found.steps[0]["phases"]) + 3  # and the legend
    assert "proven: 20 of 20" in changeover_section(found)
    write_timeline(found, tmp_path / "changeover.svg")
    assert ElementTree.parse(tmp_path / "changeover.svg").getroot().tag == "{http://www.w3.org/2000/svg}svg"
    assert "peg mm" not in timeline(found)  # one variant needs no telling apart
    wider = {**events[1].data, "variant": "another", "parameters": {**PEGBOARD, "peg_mm": 12.0}}
    both = changeover.changeover_of("RT-1", [*events[:2], Event(changeover.STEP, 0.0, wider)])
    assert both is not None and ">peg mm 10.0<" in timeline(both) and ">peg mm 12.0<" in timeline(both)
    again = changeover.changeover_of("RT-1", [*events, *events])
    assert again is not None and len(again.steps) == 1
    assert changeover.changeover_of("RT-1", [*events, Event("order_finished", 9.0, {"order": "RT-1"})]) is None
    assert changeover.changeover_of("RT-2", events) is None and changeover_section(None) == ""


def test_what_a_person_has_to_change_follows_from_what_stood_there() -> None:
    small, large = (build_variant("pegboard", {**PEGBOARD, "peg_mm": size}) for size in (10.0, 16.0))
    was, becomes = setup_for("A", CELL, [small]), setup_for("B", CELL, [large])
    told = instructions(was, becomes)
    assert told[0] == f"fixture: clamp the plate for {becomes.fixture[0]}, instead of the one for {was.fixture[0]}"
    assert any(line.startswith("tray_b: seats for 3 × peg 16 × 16 × 40 mm") for line in told)
    assert instructions(was, setup_for("C", CELL, [small])) == []
    assert instructions(was, Setup("D")) == ["tray_a: leave it empty", "tray_b: leave it empty"]
    everything = instructions(None, becomes)
    assert everything[0] == f"fixture: clamp the plate for {becomes.fixture[0]}"
    assert [line.partition(":")[0] for line in everything[1:]] == ["tray_a", "tray_b"]


def test_what_stands_in_a_cell_is_what_its_last_order_was_begun_with() -> None:
    small, large = (build_variant("pegboard", {**PEGBOARD, "peg_mm": size}) for size in (10.0, 16.0))
    was, becomes = setup_for("A", CELL, [small]), setup_for("B", CELL, [large])
    whole, begun = built("A", small), built("B", large)
    assert last_setup(CELL, []) is None and last_setup(CELL, whole) == was
    assert last_setup(CELL, [*whole, begun[0]]) == was  # no unit of it was begun
    assert last_setup(CELL, [*whole, *begun[:2]]) == becomes  # it was broken off
    simulated = built("B", large, "modelled")
    assert last_setup(CELL, [*whole, *simulated]) == was and last_setup(CELL, simulated) is None
    assert last_setup(CELL, [*whole, *simulated], simulated=True) == becomes


def test_a_real_cell_is_not_moved_before_its_setup_is_confirmed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, variants = planned(**{**PEGBOARD, "peg_mm": 16.0})
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: False))
    with pytest.raises(Refused, match="isn't confirmed: nobody knows what stands in the cell"):
        retooling.confirm_setup(CELL, variants, plan, tmp_path / "out", yes=False)
    picture = tmp_path / "RT-1-setup.png"
    said = capsys.readouterr().err
    assert said.index("change by hand: tray_b") < said.index(f"what it shall look like: {picture}")
    assert picture.read_bytes().startswith(b"\x89PNG")
    small = build_variant("pegboard", PEGBOARD)
    with Journal.open(CELL.name) as journal:
        for event in built("A", small):
            journal.append(event)
    with pytest.raises(Refused, match="isn't confirmed: the cell was set up for A"):
        retooling.confirm_setup(CELL, variants, plan, tmp_path / "out", yes=False)
    retooling.confirm_setup(CELL, variants, plan, tmp_path / "out", yes=True)
    assert "change by hand: fixture: clamp the plate for" in capsys.readouterr().err
    # It is confirmed now, even if the order came to nothing.
    retooling.confirm_setup(CELL, variants, plan, tmp_path / "out", yes=False)
    assert capsys.readouterr().err == ""
    with Journal.open(CELL.name) as journal:
        [confirmed] = journal.events(kinds=("setup_confirmed",))
    assert confirmed.data["order"] == "RT-1" and len(confirmed.data["instructions"]) == 3


def test_a_unit_is_put_into_a_real_cell_before_it_is_taken_apart_and_taken_out_where_nobody_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, variants = planned()
    [variant] = variants.values()
    plan = plan_disassembly("A-01", "A", variant, CELL)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: False))
    with Journal.open(CELL.name) as journal:
        for event in built("A", variant):
            journal.append(event)
    with pytest.raises(Refused, match="isn't confirmed"):
        retooling.confirm_setup(CELL, variants, plan, tmp_path / "out", yes=False, unit="A-01")
    first, picture = capsys.readouterr().err.splitlines()  # plate and seats are those that it was built with
    assert first == "change by hand: fixture: put the unit A-01 into it, assembled"
    assert picture == f"what it shall look like: {tmp_path / 'A-01-setup.png'}"
    retooling.confirm_setup(CELL, variants, plan, tmp_path / "out", yes=True, unit="A-01")
    again = setup_for("B", CELL, [variant])
    with Journal.open(CELL.name) as journal:
        stands = list(journal.events())
    assert instructions(last_setup(CELL, stands), again) == [
        "fixture: take out the unit A-01, if it still stands there"
    ]
    begun = Event("disassembly_started", 0.0, {"serial": "A-01", "energy": "unknown"})
    assert instructions(last_setup(CELL, [*stands, begun]), again) == []
    simulated = Event("disassembly_started", 0.0, {"serial": "A-01", "energy": "modelled"})
    assert instructions(last_setup(CELL, [*stands, simulated]), again) != []


def test_an_unproven_step_is_named_once_the_zoo_is_used_and_not_for_what_ran_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, variants = planned()
    assert unproven(CELL, variants, plan) == []  # nobody uses policies here
    retooled(tmp_path / "run")
    assert unproven(CELL, variants, plan) == []  # proven for these very parts
    other, others = planned(**{**PEGBOARD, "peg_mm": 16.0})
    assert unproven(CELL, others, other) == ["insert of pegboard"]
    retooling.say_unproven(Path("my order.yaml"), ["items.0.quantity=2"], "panda-bench", CELL, others, other)
    said = capsys.readouterr().err
    assert "to prove it: cellwright retool 'my order.yaml' --cell panda-bench --set items.0.quantity=2" in said
    [hash_] = others
    with Journal.open(CELL.name) as journal:
        for event in built("B", others[hash_]):
            journal.append(event)
    assert unproven(CELL, others, other) == []


def test_a_policy_that_has_gone_is_refused_by_name(tmp_path: Path) -> None:
    _, events, _ = retooled(tmp_path / "run")
    with Journal.open(CELL.name) as journal:
        journal.append(Event(changeover.STEP, 0.0, {**events[1].data, "policy": "gone@1.0.0"}))
        with pytest.raises(InputError, match=r"the zoo has no 'gone@1\.0\.0'"):
            kept_policies(CELL, [events[1].data["variant"]], journal)


@pytest.mark.long
def test_the_command_proves_a_step_in_the_simulated_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Terms.__init__, "__defaults__", (0.95, 600.0, 1, 1, 1, 1))
    monkeypatch.chdir(tmp_path)
    item = {"product": "pegboard", "quantity": 1, "parameters": {"pegs": 1, "chamfer_mm": 0.0}}
    order = {"schema": "cellwright/order/v1", "id": "RT-9", "customer": "c", "due": "2026-12-31", "items": [item]}
    Path("order.yaml").write_text(json.dumps(order), encoding="utf-8")  # JSON is YAML
    app = typer.Typer()
    app.command()(retool)
    app(args=["order.yaml", "--json"], standalone_mode=False)
    result = json.loads(capfd.readouterr().out)
    [step] = result["steps"]
    assert (step["strategy"], step["final"]["of"], result["proven"]) == ("tilt@2", 1, 1)
    assert Path(result["files"][0]).read_text(encoding="utf-8").startswith("<svg")
    with Journal.open(CELL.name) as journal:
        assert [event.kind for event in journal.events()] == list(changeover.KINDS)
        assert journal.verify() == []
