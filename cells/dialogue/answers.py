"""Answers to an operator's questions: from the journal and the world model it tells of, each with its source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cells.dialogue.costs import energy, footprint
from cells.dialogue.failures import failure
from cells.dialogue.places import count, location
from cells.dialogue.progress import orders, status, throughput
from cells.dialogue.runs import Asked, runs_of
from cells.language.saying import Saying

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.journal.store import StoredEvent
    from cells.language.reading import Step

ABOUT: Mapping[str, Callable[[Asked], tuple[Saying, ...]]] = {
    "count": count,
    "location": location,
    "status": status,
    "last_failure": failure,
    "footprint": footprint,
    "energy": energy,
    "throughput": throughput,
    "orders": orders,
}


def answer(
    query: Step, cell: Cell, events: Sequence[StoredEvent], status: Mapping[str, Any] | None
) -> tuple[Saying, ...]:
    """The answer to a question (a step with the skill "query"), one saying a line. ``events`` are all of the cell's
    journal, in order; ``status`` is what the running cell answers to ``cellwright status``, ``None`` when none runs."""
    stream = tuple(events)
    if not stream:
        return (Saying("answers.nothing_yet"),)
    return ABOUT[query.params["about"]](Asked(query, cell, stream, runs_of(stream), status))
