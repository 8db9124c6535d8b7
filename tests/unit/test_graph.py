"""The process plan as a graph: where its steps stand, and how far each came."""

from __future__ import annotations

from xml.etree import ElementTree

from cells.journal.event import Event
from cells.orders.graph import DONE, FAILED, MARKS, RECOVERED, WAITING, columns, graph, states
from cells.products.catalogue import build_variant

PLAN = build_variant("gearbox", {"pins": 1}).process


def event(kind: str, step: str, serial: str = "G-01") -> Event:
    return Event(kind, 0.0, {"serial": serial, "step": step})


def test_steps_that_may_be_done_in_any_order_stand_in_one_column_and_every_arrow_goes_right() -> None:
    laid = columns(PLAN)
    assert laid[0] == ["place_housing"]
    assert laid[1] == ["insert_shaft_1", "insert_shaft_2", "insert_pin_1"]
    assert {"mesh_small_gear", "mesh_large_gear"} <= set(laid[3])
    assert laid[-1] == ["handover_housing"]
    column = {step: i for i, steps in enumerate(laid) for step in steps}
    assert column.keys() == {step.id for step in PLAN.steps}
    assert all(column[before] < column[step.id] for step in PLAN.steps for before in step.after)


def test_a_step_is_as_far_as_its_own_events_say() -> None:
    told = [
        event("step_done", "place_housing.pick"),
        event("step_done", "place_housing"),
        event("step_done", "insert_shaft_1.pick"),
        event("step_failed", "insert_shaft_1"),
        event("step_done", "insert_shaft_1"),
        event("step_failed", "insert_shaft_2.pick"),
        event("step_done", "insert_pin_1.pick"),
        event("step_done", "insert_pin_1", "another unit"),
        event("recovery_started", "insert_shaft_1"),
        Event("order_accepted", 0.0, {}),
    ]
    state = states(PLAN, "G-01", told)
    assert state["place_housing"] == DONE
    assert state["insert_shaft_1"] == RECOVERED
    assert state["insert_shaft_2"] == FAILED
    assert state["insert_pin_1"] == WAITING  # picked, but not in
    assert state["handover_housing"] == WAITING


def test_the_drawing_tells_each_step_once_by_mark_and_in_words() -> None:
    state = states(PLAN, "G-01", [event("step_done", "place_housing"), event("step_failed", "insert_shaft_1")])
    svg = ElementTree.fromstring(graph(PLAN, state, "Plan of <G-01>"))
    assert svg.findtext("title") == "Plan of <G-01>"
    words = str(svg.findtext("desc"))
    assert "insert_shaft_1: failed, after 1;" in words and "place_housing: done at the first try" in words
    boxes = {texts[1].text: texts[0].text for group in svg.findall("g") if (texts := group.findall("text"))}
    assert boxes.keys() == {step.id.replace("_", " ") for step in PLAN.steps}
    assert boxes["place housing"] == MARKS[DONE] and boxes["insert shaft 1"] == MARKS[FAILED]
    assert len(svg.findall("path")) == sum(len(step.after) for step in PLAN.steps)
