"""The dialogue, turn by turn, on a real journal. Nothing moves here: what a turn comes to is looked at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import cells.tasks
from cells.description.cell import load_cell
from cells.dialogue.turn import Desk, Turn, confirmed, says_stop, take_turn
from cells.journal.event import Event
from cells.journal.store import Journal, StoredEvent
from cells.language.lexicon import raw
from cells.language.saying import say
from cells.language.saying import texts as saying_texts
from cells.orders.setup import confirmation, instructions, setup_for
from cells.products.catalogue import build_variant, catalogue

CELL = load_cell("panda-bench")
NAMES = catalogue(CELL)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Journal.open(CELL.name, tmp_path) as journal:
        yield Desk(CELL, journal, "ada, terminal")


def told(desk: Desk, text: str) -> Turn:
    return take_turn(text, "auto", desk)


def texts(turn: Turn) -> str:
    return "\n".join(say(saying, turn.language, NAMES) for saying in turn.sayings)


def calls(turn: Turn) -> list[str]:
    assert turn.task is not None, texts(turn)
    return [call.id for call in turn.task.plan.units[0].calls]


def test_a_sentence_becomes_an_order_whose_defaults_are_told(desk: Desk) -> None:
    turn = told(desk, "Make two pegboards with 12 mm pegs")
    assert turn.kind == "plan" and turn.task is not None and turn.task.order is not None
    assert [(item.product, item.quantity, item.values) for item in turn.task.order.items] == [
        ("pegboard", 2, {"peg_mm": 12})
    ]
    assert len(turn.task.plan.units) == 2
    assert "where nothing was said: pegs 3" in texts(turn)


@pytest.mark.parametrize("text", ["請做兩塊12毫米栓的釘板", "Bau zwei Stiftbretter mit 12-mm-Bolzen"])
def test_the_same_order_in_other_languages(desk: Desk, text: str) -> None:
    turn = told(desk, text)
    assert turn.task is not None and turn.task.order is not None
    [item] = turn.task.order.items
    assert (item.product, item.quantity, item.values) == ("pegboard", 2, {"peg_mm": 12})


def test_the_process_plan_fills_in_what_must_come_before_and_that_is_said(desk: Desk) -> None:
    turn = told(desk, "insert the shaft")
    assert calls(turn) == ["place_housing.pick", "place_housing", "insert_shaft_1.pick", "insert_shaft_1"]
    assert "set down housing; it wasn't said" in texts(turn)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("put the pin in the fixture", "the fixture holds only the part that others go into"),
        ("put the connector in tray A", "no product of this cell has a connector"),
        ("insert nine pegs", "nearest"),
        ("tighten the screw", "panda-bench has none"),
        ("make a pegboard with 30 mm pegs", "only a number from 8 to 20 mm; nearest: peg_mm 20"),
        ("take the gearbox apart", "build one first"),
        ("pick up the red peg", "there is no such peg (red)"),
        ("make a pegboard and move home", "can't be mixed"),
        ("pick up a peg, then insert the shaft", "several products"),
        ("put everything in the carton", "which part of which product"),
        ("hand over a gearbox", "say: make a gearbox"),
    ],
)
def test_what_cant_be_done_is_told_with_the_reason_and_proposes_nothing(desk: Desk, text: str, why: str) -> None:
    turn = told(desk, text)
    assert turn.kind == "impossible" and why in texts(turn), texts(turn)
    assert confirmed("", desk)[2] is None


def test_an_answer_goes_into_the_sentence_that_was_asked_about(desk: Desk) -> None:
    question = told(desk, "Put the gear on its shaft")
    assert question.kind == "question"
    assert texts(question) == "which gear?\npossible: small and large"
    assert calls(told(desk, "the small one"))[-1] == "mesh_small_gear"
    assert told(desk, "Lege einen Bolzen in die Schale").kind == "question"
    assert calls(told(desk, "Schale C"))[-1] == "store_peg_1"


def test_yes_confirms_the_plan_that_waits_and_no_drops_it(desk: Desk) -> None:
    plan = told(desk, "insert a peg")
    assert told(desk, "yes").plan == plan.plan
    assert told(desk, "nein").kind == "dropped"
    assert told(desk, "ja").kind == "question"


def test_a_plan_is_void_once_the_world_has_changed(desk: Desk) -> None:
    plan = told(desk, "insert a peg")
    loaded = {"instance": "X/peg_1", "part": "peg", "variant": "v", "lot": "L", "station": "tray_b", "slot": 0}
    desk.journal.append(Event("material_loaded", 0.0, loaded))
    reason, _, task = confirmed(plan.plan[:8], desk)
    assert task is None and reason is not None and reason.code == "dialogue.changed"
    assert confirmed("", desk)[0].code == "dialogue.nothing_pending"  # type: ignore[union-attr]


def test_only_the_plan_that_was_shown_is_confirmed_and_only_once(desk: Desk) -> None:
    first, second = told(desk, "insert a peg"), told(desk, "insert two pegs")
    assert first.plan != second.plan
    assert confirmed(first.plan, desk)[0].code == "dialogue.other_plan"  # type: ignore[union-attr]
    reason, _, task = confirmed("", desk)
    assert reason is None and task is not None and task.plan.hash == second.plan
    assert confirmed("", desk)[0].code == "dialogue.nothing_pending"  # type: ignore[union-attr]


def test_same_again_repeats_what_was_confirmed(desk: Desk) -> None:
    assert told(desk, "same again").kind == "impossible"
    told(desk, "make a pegboard")
    confirmed("", desk)
    again = told(desk, "same again")
    assert again.task is not None and again.task.order is not None
    assert [(item.product, item.quantity) for item in again.task.order.items] == [("pegboard", 1)]


def test_it_is_what_was_spoken_of_last(desk: Desk) -> None:
    told(desk, "insert the shaft")
    assert calls(told(desk, "inspect it"))[-1] == "inspect_shaft_1"


def test_a_word_is_taught_confirmed_used(desk: Desk) -> None:
    assert told(desk, "put the big boy on its shaft").kind == "question"
    asked = told(desk, "the big boy is the large gear")
    assert asked.kind == "alias" and "the large gear" in texts(asked)
    assert told(desk, "yes").kind == "alias"
    assert calls(told(desk, "put the big boy on its shaft"))[-1] == "mesh_large_gear"


def test_why_tells_the_reasons_of_the_plan_or_of_what_was_refused(desk: Desk) -> None:
    told(desk, "insert the shaft")
    assert "the process plan asks for it" in texts(told(desk, "why?"))
    told(desk, "put the pin in the fixture")
    assert "hält nur das Teil" in texts(told(desk, "warum?"))


@pytest.mark.parametrize("text", ["stop", "halt", "停", "put the peg in tray C, no, stop"])
def test_a_stop_is_a_stop_whatever_waits(desk: Desk, text: str) -> None:
    told(desk, "insert a peg")
    assert told(desk, text).kind == "stop"


def test_a_refusal_names_the_rule_and_leaves_nothing_to_confirm(desk: Desk) -> None:
    turn = told(desk, "ignore the guard and insert the peg")
    assert turn.kind == "refusal" and "nothing gets round a guard" in texts(turn)
    assert confirmed("", desk)[2] is None


def test_everything_said_is_in_the_journal(desk: Desk) -> None:
    told(desk, "insert a peg")
    confirmed("", desk)
    told(desk, "how many pegs are in tray B?")
    told(desk, "put the flange in tray A")
    kinds = [event.kind for event in desk.journal.events()]
    assert kinds == ["told", "plan_proposed", "plan_confirmed", "told", "told_answered", "told", "asked_back"]
    assert desk.journal.verify() == []
    first = next(iter(desk.journal.events()))
    assert first.data["text"] == "insert a peg" and first.data["by"] == "ada, terminal"


def test_slow_halves_the_speeds_of_that_task_alone(desk: Desk) -> None:
    turn = told(desk, "insert a peg slowly")
    assert turn.task is not None
    assert turn.task.cell.limits.tcp_speed == CELL.limits.tcp_speed / 2
    assert told(desk, "insert a peg").task.cell.limits == CELL.limits  # type: ignore[union-attr]


def test_each_step_shows_the_words_it_came_from(desk: Desk) -> None:
    turn = told(desk, "hand me the cover and put the housing in the fixture")
    assert turn.task is not None
    assert set(turn.task.words.values()) == {"hand me the cover", "put the housing in the fixture"}


def test_every_objection_has_its_text() -> None:
    sources = "".join(path.read_text("utf-8") for path in Path(cells.tasks.__file__).parent.glob("*.py"))
    codes = set(re.findall(r'Impossible\(\s*"([a-z_]+)"|Saying\("objection\.([a-z_]+)"', sources))
    assert len(codes) > 20
    assert all(f"objection.{a or b}" in saying_texts() for a, b in codes)


@pytest.mark.parametrize("language", ["en", "de", "zh"])
def test_a_stop_is_known_without_a_journal(language: str) -> None:
    for form in raw(language)["control"]["stop"]:
        assert says_stop(str(form), "auto"), form
    assert says_stop("insert a peg", "auto") is None


def confirmed_setups(desk: Desk) -> list[StoredEvent]:
    return list(desk.journal.events(kinds=("setup_confirmed",)))


def test_who_confirms_a_plan_for_a_real_arm_confirms_what_it_says_to_change_by_hand(desk: Desk) -> None:
    assert told(desk, "make a pegboard").by_hand == ()  # a simulated cell sets itself up
    real = replace(desk, real=True)
    turn = told(real, "make a pegboard")
    assert [line.partition(":")[0] for line in turn.by_hand] == ["fixture", "tray_a", "tray_b"]
    assert confirmed_setups(desk) == []
    assert confirmed(turn.plan, real)[0] is None
    [setup] = confirmed_setups(desk)
    assert setup.data["by"] == "ada, terminal" and setup.data["instructions"] == list(turn.by_hand)
    assert told(real, "make a pegboard").by_hand == ()
    assert confirmed("", real)[0] is None and len(confirmed_setups(desk)) == 1


def test_what_was_not_shown_to_be_changed_by_hand_is_not_confirmed(desk: Desk) -> None:
    real = replace(desk, real=True)
    told(desk, "make a pegboard")  # for the simulated cell
    reason, _, task = confirmed("", real)
    assert task is None and reason is not None and reason.code == "dialogue.by_hand_unseen"
    assert "fixture: clamp the plate" in say(reason, "de", NAMES)
    told(real, "make a pegboard")
    other = build_variant("pegboard", {"peg_mm": 16})
    becomes = setup_for("B", CELL, [other])
    desk.journal.append(confirmation(becomes, [other], instructions(None, becomes), "bob, terminal"))
    assert confirmed("", real)[0].code == "dialogue.by_hand_unseen"  # type: ignore[union-attr]
    assert len(confirmed_setups(desk)) == 1


def test_nobody_changes_anything_by_hand_in_a_running_cell(desk: Desk) -> None:
    runs = replace(desk, real=True, status={"state": "Execute"})
    told(runs, "make a pegboard")
    assert confirmed("", runs)[0].code == "dialogue.by_hand_later"  # type: ignore[union-attr]
    assert confirmed_setups(desk) == []


@pytest.mark.parametrize(("allowed", "noted"), [(False, 0), (True, 1)])
def test_a_yes_that_nobody_asked_for_confirms_a_setup_only_where_it_moves_an_arm(
    desk: Desk, allowed: bool, noted: int
) -> None:
    real = replace(desk, real=True, cell=CELL.model_copy(update={"told_without_asking": allowed}))
    assert told(real, "make a pegboard").by_hand
    assert confirmed("", real, unasked=True)[0] is None
    assert len(confirmed_setups(desk)) == noted


def test_an_errand_needs_the_setup_of_the_product_whose_parts_it_takes_and_without_parts_none(desk: Desk) -> None:
    real = replace(desk, real=True)
    assert told(real, "move home").by_hand == ()
    assert told(real, "hand me a peg").by_hand  # where its pegs lie nobody knows
    assert confirmed("", real)[0] is None
    assert told(real, "put a peg in tray C").by_hand == () and told(real, "make a pegboard").by_hand == ()
    thicker = told(real, "put a 16 mm peg in tray C").by_hand
    assert any(line.startswith("tray_b: seats for 3 × peg 16 × 16") for line in thicker)
