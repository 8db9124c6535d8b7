"""What is going on, what has been built, and how fast. Names of figures as in ISO 22400-2."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from cells.dialogue.runs import WELL, Asked, Run, Unit, good, local, produced, rounded, span, when
from cells.language.saying import Saying

MOST_ORDERS = 4
CALM = "nothing tripped"  # what a running cell says of a guard that is content


def status(asked: Asked) -> tuple[Saying, ...]:
    """State, order, unit, step and progress; when nothing runs, what ended last and how."""
    if asked.status is not None:
        return tuple(_now(asked, asked.status))
    idle = Saying("answers.idle", {"source": span(asked.events)})
    return (idle, *(_told(run, asked) for run in asked.runs[-1:]))


def orders(asked: Asked) -> tuple[Saying, ...]:
    """The newest orders with their counts, the one that goes on first; at most four."""
    newest = asked.orders[::-1]
    if not newest:
        return (never(asked),)
    said = tuple(_told(run, asked) for run in newest[:MOST_ORDERS])
    more = Saying("answers.more_orders", {"count": len(newest), "source": span(asked.events)})
    return said if len(newest) <= MOST_ORDERS else (*said, more)


def throughput(asked: Asked) -> tuple[Saying, ...]:
    """Units per hour of cell time in the last order, how many of them were good, and what was built today."""
    if not asked.orders:
        return (never(asked),)
    run = asked.orders[-1]
    made = produced(asked.units(run))
    slots: dict[str, Any] = {"name": run.name, "source": run.source}
    if not made:
        return (Saying("answers.no_throughput", slots), _today(asked))
    slots |= {"count": len(made), "good": good(made), "ratio": 100 * good(made) / len(made)}
    slots |= {"seconds": rounded(run.seconds), "rate": rounded(3600 * len(made) / run.seconds)}
    return (Saying("answers.throughput", slots), _today(asked))


def built(asked: Asked) -> tuple[Saying, ...]:
    """How many units of a product were built: in the order that goes on, today, and ever."""
    now = tuple(_told(run, asked) for run in asked.orders if run is asked.going_on)
    ended = [unit for run in asked.orders for unit in produced(asked.units(run))]
    return (*now, _today(asked), _amount("ever", ended, asked)) if ended else (*now, never(asked))


def _now(asked: Asked, said: Mapping[str, Any]) -> Iterator[Saying]:
    """What the running cell says of itself, with what the journal knows of it."""
    if "state" not in said:
        yield Saying("answers.silent", {"what": said.get("what", "")})
        return
    time = rounded(said["time_s"])
    yield Saying("answers.state", {"state": said["state"], "source": time})
    begun = [event for event in asked.events if event.kind == "step_started"]
    if said.get("step") and begun:
        doing = {"unit": said["serial"], "step": said["step"], "skill": begun[-1].data["skill"]}
        yield Saying("answers.doing", doing | {"source": begun[-1].seq})
    if said.get("holding") in asked.model.pieces:
        held = asked.model.pieces[said["holding"]]
        yield Saying("answers.gripper", {"part": held.part, "count": 1, "source": asked.model.version})
    if said.get("guard", CALM) != CALM:
        yield Saying("answers.guard_holds", {"guard": said["guard"], "source": time})
    if asked.going_on is not None:
        yield _told(asked.going_on, asked)


def _told(run: Run, asked: Asked) -> Saying:
    """How far a run is, or how it ended."""
    ended = [unit for unit in asked.units(run) if unit.ended is not None]
    slots: dict[str, Any] = {"name": run.name, "family": run.families, "when": when(run.end or run.events[-1])}
    slots |= {"done": len(ended), "good": good(ended), "ordered": run.ordered(asked.family), "source": run.source}
    if run.end is None:
        outcome = "going_on" if run is asked.going_on else "broken_off"
    else:
        outcome = "ended" if run.end.data.get("verdict", "good") in WELL else "failed"
    return Saying(f"answers.{run.kind}_{outcome}", slots)


def _today(asked: Asked) -> Saying:
    """What was built since midnight, by the clock of the cell's computer."""
    now = datetime.now().astimezone().date()
    units = [unit for run in asked.orders for unit in produced(asked.units(run))]
    return _amount("today", [unit for unit in units if unit.ended and local(unit.ended).date() == now], asked)


def _amount(since: str, units: Sequence[Unit], asked: Asked) -> Saying:
    """How many units were produced "today" or "ever", and how many of them good."""
    source = span([unit.ended for unit in units if unit.ended] or asked.events)
    slots: dict[str, Any] = {"count": len(units), "good": good(units), "source": source}
    if asked.family is None:
        return Saying(f"answers.{since}", slots)
    return Saying(f"answers.{since}_of", {**slots, "family": asked.family})


def never(asked: Asked) -> Saying:
    """That there is nothing to tell of yet."""
    if asked.family is None:
        return Saying("answers.no_orders", {"source": span(asked.events)})
    return Saying("answers.never_built", {"family": asked.family, "source": span(asked.events)})
