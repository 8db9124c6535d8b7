"""A changeover: what it took until a cell could build an order, as its events tell it.

    changeover_started   [order, was, becomes, instructions]   setups in words; what a person has to change
    step_retooled        [order, variant, family, steps, skill, part, strategy, policy, how, why, gate, final, proven,
                          control_mode, phases, episodes, env_steps, wall_s, cpu_s]
    changeover_finished  [order, proven, steps, stopped, episodes, env_steps, wall_s, cpu_s,
                          package_energy_j]

``policy`` is ``name@version``, or "" for the nominal as it is; ``how`` that came to be: "as it is", "tuned",
"fine-tuned"; ``gate`` and ``final`` [count, of], ``final`` also [share, lower], null if it wasn't done. ``phases`` are
[what, from, to], seconds of work since the changeover began: what was interrupted between two commands isn't counted.
``package_energy_j`` is what all processor packages of the machine took over these seconds of work, whatever else ran on
it; null where it wasn't measured all the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cells.journal.event import Event

STARTED, STEP, FINISHED = "changeover_started", "step_retooled", "changeover_finished"
KINDS = (STARTED, STEP, FINISHED)
GATE, IMPROVE, FINAL = "gate", "improve", "final"  # phases of a step


@dataclass(frozen=True, slots=True)
class Changeover:
    """A changeover for an ``order``: data of its events. ``finished`` is None for one that was broken off."""

    order: str
    started: Mapping[str, Any]
    steps: tuple[Mapping[str, Any], ...]
    finished: Mapping[str, Any] | None


def changeover_of(order: str, events: Iterable[Event]) -> Changeover | None:
    """The changeover to an order since it was last finished, of more than one command if they were broken off; of a
    step that was retooled more than once, the last time. None if there was none."""
    found: Changeover | None = None
    for event in events:
        if event.data.get("order") != order:
            continue
        if event.kind == "order_finished":
            found = None
        elif event.kind == STARTED:
            found = Changeover(order, event.data, found.steps if found else (), None)
        elif event.kind == STEP and found is not None:
            others = (step for step in found.steps if _which(step) != _which(event.data))
            found = Changeover(order, found.started, (*others, event.data), None)
        elif event.kind == FINISHED and found is not None:
            found = Changeover(order, found.started, found.steps, event.data)
    return found


def _which(step: Mapping[str, Any]) -> tuple[Any, ...]:
    return step["variant"], *step["steps"]


def retooled(events: Iterable[Event], control_mode: str) -> dict[str, dict[str, Mapping[str, Any]]]:
    """What retooling has come to, by a variant's hash and a step of its process plan: the last event's data, of those
    in this control mode, as another is another plant. One that was stopped before its final evaluation doesn't replace
    what was proven."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for event in events:
        if event.kind == STEP and event.data["control_mode"] == control_mode:
            known = found.setdefault(event.data["variant"], {})
            for step in event.data["steps"]:
                if event.data["final"] or step not in known or not known[step]["proven"]:
                    known[step] = event.data
    return found
