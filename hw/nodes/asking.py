"""What is asked of a cell's node: orders, sentences, confirmations; answered by the code behind the commands."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cells.commands.build import build
from cells.commands.retooling import check_setup, note_setup
from cells.commands.run import exit_code, planned
from cells.commands.tell import agree_to, desk_of, in_words, passed_on, sayings_of
from cells.commands.told import Place, do
from cells.commands.worlds import check_sight, suited, twin_of, world_opener
from cells.errors import CellwrightError
from cells.journal.store import Journal
from cells.orders.order import parse_order
from cells.orders.setup import setup_for
from cells.runtime.requests import Told
from hw.nodes.work import Result, Work

if TYPE_CHECKING:
    from cells.dialogue.turn import Desk
    from cells.tasks.grounding import Task

BY = "ROS 2"
WRONG = ("refusal", "question", "impossible")  # kinds of turns that come to nothing


class OrderJob:
    """An order's text to be built; ``total`` steps, known once it is planned. ``yes``: what has to be changed by hand
    in a real cell is done."""

    def __init__(self, text: str, overrides: list[str], place: Place, yes: bool) -> None:
        self._text, self._overrides, self._place, self._yes = text, overrides, place, yes
        self.total = 0

    def __call__(self, told: Told) -> Result:
        place = self._place
        order, document = parse_order(self._text, self._overrides)
        variants, plan = planned(order, document, place.cell)
        self.total = sum(len(unit.calls) for unit in plan.units)
        opener = world_opener(place.world)
        cell, twin = suited(place.cell, opener), twin_of(opener)
        if getattr(opener, "real", False):
            check_sight(plan, cell, opener)  # nobody sets up a cell for what it then refuses
            becomes = setup_for(order.id, cell, variants.values())
            if self._yes:
                note_setup(becomes, cell, variants, BY)
            check_setup(becomes, cell, "send the order again with yes: true")
        return build(
            order, cell, variants, plan, opener,
            world=place.world, seed=place.seed, view=False, out=None, told=told, twin=twin,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ended:
    """How an order ended, as the action's result says it; ``report`` is the folder, as an absolute path."""

    code: int
    order: str = ""
    units: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    report: str = ""
    message: str = ""


def ended(job: Callable[[], Result]) -> Ended:
    """How a job ended: by its result, or by what it raised."""
    try:
        result = job()
    except CellwrightError as error:
        return Ended(error.exit_code, message=str(error))
    except Exception as error:
        return Ended(1, message=f"unexpected {type(error).__name__}: {error}")
    units = result["units"]
    return Ended(
        exit_code(result),
        result["order"],
        tuple(unit["serial"] for unit in units),
        tuple(unit["verdict"] for unit in units),
        str(Path(result["folder"]).absolute()),
        "; ".join(f"{unit['serial']}: {reason}" for unit in units for reason in unit["reasons"]),
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What the cell says: whether it is as the speaker wished, the ``kind`` of the turn, words, the plan's hash if
    there is one, and the ``job`` that was begun."""

    ok: bool
    kind: str
    message: str
    plan: str = ""
    job: Future[Result] | None = None


class Clerk:
    """Takes sentences and confirmations, one after the other."""

    def __init__(self, place: Place, work: Work) -> None:
        self._place, self._work = place, work
        self._one = threading.Lock()

    def tell(self, text: str, yes: bool) -> Answer:
        """One turn of the dialogue. Raises ``CellwrightError``."""
        from cells.dialogue.turn import says_stop, take_turn

        cell = self._place.cell
        spoken = says_stop(text, "auto")
        # First of all, whoever else is speaking: the arm comes to rest.
        stopped = self._stopped(text) if spoken is not None else None
        with self._one, Journal.open(cell.name) as journal:
            desk = desk_of(cell, journal, by=BY, real=self._place.real)
            turn = take_turn(text, "auto", desk)
            if turn.kind == "stop" and stopped is None:
                stopped = self._stopped(text)
            if stopped is not None:
                return Answer(stopped[0], "stop", stopped[1])
            if turn.kind == "control":
                heeded, words = passed_on(text, turn, desk)
                return Answer(heeded, turn.kind, words)
            # Nobody has seen yet what is to be changed by hand: that waits for a yes of its own.
            if turn.kind == "confirmed" or (turn.kind == "plan" and yes and not turn.by_hand):
                return self._agree(turn.kind, turn.plan, desk, unasked=turn.kind == "plan")
            said = [in_words(saying, turn.language, cell) for saying in sayings_of(turn, waits=True)]
            return Answer(turn.kind not in WRONG, turn.kind, "\n".join(said), turn.plan)

    def _stopped(self, text: str) -> tuple[bool, str]:
        try:
            return in_a_line(self._work.stop(self._place.cell.name, f"{BY}, told: {text}"))
        except CellwrightError as error:
            return False, str(error)

    def confirm(self, plan: str) -> Answer:
        """Say yes to the plan that waits. Raises ``CellwrightError``."""
        with self._one, Journal.open(self._place.cell.name) as journal:
            desk = desk_of(self._place.cell, journal, by=BY, real=self._place.real)
            return self._agree("confirmed", plan, desk, unasked=False)

    def _agree(self, kind: str, plan: str, desk: Desk, unasked: bool) -> Answer:
        agreed, words, task = agree_to(plan, desk, unasked)
        if task is None:
            return Answer(agreed, kind, words, plan)
        job = self._work.begin(task.plan.order_id, self._place, partial(_do, task, self._place, unasked))
        return Answer(True, kind, f"{task.plan.order_id} begins", task.plan.hash, job)


def in_a_line(answer: Mapping[str, Any]) -> tuple[bool, str]:
    """What the running cell answered: whether it heeds, and its state with its words."""
    return bool(answer.get("ok")), f"{answer.get('state', '')}: {answer.get('what', '')}".strip(": ")


def _do(task: Task, place: Place, unasked: bool, told: Told) -> Result:
    return do(task, place, told, unasked)
