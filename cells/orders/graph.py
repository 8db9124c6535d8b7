"""A process plan as a graph, in an inline SVG: what waits for what, and how far each step came.

Steps stand in columns, each as far to the right as its longest chain of predecessors is; what stands in one column may
be done in any order. How a step ended is told by its mark and its outline, and by colour only beside.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import count

from cells.journal.event import Event
from cells.products.model import ProcessPlan

BOX, HIGH = 146, 30  # px
GAP, LINE = 34, 42  # between columns' boxes, from row to row
DONE, RECOVERED, FAILED, WAITING = "done", "recovered", "failed", "waiting"
MARKS = {DONE: "✓", RECOVERED: "↻", FAILED: "✗", WAITING: "·"}
MEANINGS = {
    DONE: "done at the first try",
    RECOVERED: "done after a recovery",
    FAILED: "failed",
    WAITING: "not reached",
}


def columns(plan: ProcessPlan) -> list[list[str]]:
    """Ids of the steps by column, in each in the plan's order. A step must come after those that it waits for."""
    depth: dict[str, int] = {}
    for step in plan.steps:
        depth[step.id] = 1 + max((depth[before] for before in step.after), default=-1)
    return [[id_ for id_ in depth if depth[id_] == column] for column in range(max(depth.values(), default=-1) + 1)]


def states(plan: ProcessPlan, serial: str, events: Iterable[Event]) -> dict[str, str]:
    """How far each step of a unit came, from its events; what picks before a step or stores after it is part of it."""
    out = {step.id: WAITING for step in plan.steps}
    for event in events:
        if event.data.get("serial") != serial:
            continue
        step, _, more = str(event.data.get("step", "")).partition(".")
        if step not in out:
            continue
        if event.kind == "step_failed":
            out[step] = FAILED
        elif event.kind == "step_done" and more != "pick":
            out[step] = DONE if out[step] in (WAITING, DONE) else RECOVERED
    return out


def graph(plan: ProcessPlan, state: Mapping[str, str], title: str) -> str:
    """The SVG; ``state`` by step id."""
    laid = columns(plan)
    rows = max(map(len, laid), default=0)
    width, height = len(laid) * (BOX + GAP) - GAP + 4, rows * LINE + 4
    at = {
        id_: (2 + column * (BOX + GAP), 2 + row * LINE)
        for column, ids in enumerate(laid)
        for row, id_ in enumerate(ids)
    }
    return "".join(
        [
            f'<svg class="graph" viewBox="0 0 {width} {height}" style="min-width: {width}px" role="img">',
            f"<title>{escape(title)}</title><desc>{escape(told(plan, state))}</desc>",
            *(_edge(at[before], at[step.id]) for step in plan.steps for before in step.after),
            *(_box(step.id, state[step.id], *at[step.id]) for step in plan.steps),
            "</svg>",
        ]
    )


def told(plan: ProcessPlan, state: Mapping[str, str]) -> str:
    """The graph in words, for who can't see it."""
    numbers = dict(zip((step.id for step in plan.steps), count(1), strict=False))
    return "; ".join(
        f"{numbers[step.id]} {step.id}: {MEANINGS[state[step.id]]}" + _waits([numbers[id_] for id_ in step.after])
        for step in plan.steps
    )


def legend() -> str:
    """What the marks mean, as HTML."""
    return "&ensp;".join(f"{MARKS[state]} {meaning}" for state, meaning in MEANINGS.items())


def _waits(numbers: Sequence[int]) -> str:
    return f", after {', '.join(map(str, numbers))}" if numbers else ""


def _edge(begin: tuple[float, float], end: tuple[float, float]) -> str:
    """Along its own row up to the last gap, so that it doesn't cross what stands above."""
    x, y, to_x, to_y = begin[0] + BOX, begin[1] + HIGH / 2, end[0], end[1] + HIGH / 2
    bend, turn = to_x - GAP / 2, to_x - GAP
    return f'<path class="edge" d="M{x:g} {y:g}H{turn:g}C{bend:g} {y:g} {bend:g} {to_y:g} {to_x:g} {to_y:g}"/>'


def _box(id_: str, state: str, x: float, y: float) -> str:
    name = escape(id_.replace("_", " "))
    return (
        f'<g class="{state}"><rect x="{x:g}" y="{y:g}" width="{BOX}" height="{HIGH}" rx="6"/>'
        f'<text x="{x + 9:g}" y="{y + HIGH / 2 + 3.5:g}">{MARKS[state]}</text>'
        f'<text x="{x + 23:g}" y="{y + HIGH / 2 + 3.5:g}">{name}</text></g>'
    )
