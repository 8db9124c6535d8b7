"""One unit on its way: what was planned, what was tried and done, and the leaf that has the arm now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from cells.ports import LoadRequest, Reading
from cells.runtime.runner import Emit, Runner
from cells.skills.contract import Call, Command, Context, Skill
from cells.tasks.plan import FOUND, UnitPlan

Progress = Callable[[str, str, int, int], None]


class Driven(Protocol):
    """A leaf that drives a generator."""

    def tidy(self, first: bool) -> bool:
        """One tick of tidying up after a cancel; True once it has ended."""


@dataclass(slots=True)
class UnitRun:
    """What the leaves of a unit's tree share. ``current`` maps a planned instance to the one used in its place;
    ``reading`` and ``command`` are this tick's input and output; ``put_off`` are steps that wait for all others."""

    plan: UnitPlan
    runner: Runner
    context: Context
    skills: Mapping[str, Skill]
    emit: Emit
    load: Callable[[Sequence[LoadRequest]], None]
    picture: Callable[[Call], None]
    progress: Progress
    telemetry: Path
    reading: Reading
    current: dict[str, str] = field(default_factory=dict)
    attempts: Counter[str] = field(default_factory=Counter)
    done: set[str] = field(default_factory=set)
    put_off: set[str] = field(default_factory=set)
    recoveries: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    active: Driven | None = None
    command: Command = None
    # The call that began before it was fulfilled, and its event's head: after a stop the world model may say it is.
    begun: tuple[Call, dict[str, Any]] | None = None
    doing: str = ""
    handled: str = field(init=False)  # the item of the last call, which the fingers may be around
    began: Reading = field(init=False)
    failed_skill: str = ""
    failed_cause: str = ""

    def __post_init__(self) -> None:
        self.handled, self.began = self.plan.calls[0].item, self.reading

    def bound(self, call: Call) -> Call:
        """The call with the instances that are in use now."""
        base = call.base and self.current.get(call.base, call.base)
        return replace(call, item=self.current.get(call.item, call.item), base=base)

    def fulfilled(self, call: Call) -> bool:
        """Whether the world model says that the call's goal is reached; never for a skill that only looks."""
        after = self.skills[call.skill].after
        model, bound = self.context.model(), self.bound(call)
        return bool(after) and all(condition.holds(bound, model) for condition in after)

    def steps(self) -> list[tuple[Call | None, Call]]:
        """The calls by process step: (what brings its item into the hand first, if anything; the call itself). What is
        taken last and put nowhere is a step of its own."""
        out: list[tuple[Call | None, Call]] = []
        taking = None
        for call in self.plan.calls:
            if any(condition.what == "holding" for condition in self.skills[call.skill].after):
                taking = call
            else:
                out.append((taking, call))
                taking = None
        return [*out, (None, taking)] if taking is not None else out

    def slot(self, item: str) -> str | None:
        """The slot into which an item was planned to be loaded (``tray_b/3``), if it was."""
        load = next((load for load in self.plan.loads if load.instance == item), None)
        return f"{load.station}/{load.slot}" if load else None

    def ready(self, call: Call) -> bool:
        """Whether a step is there to be done: neither done nor put off, and all that it waits for is done."""
        ids = [step.id for _, step in self.steps()]
        before = self.plan.after.get(call.id, ids[: ids.index(call.id)])
        return call.id not in self.done | self.put_off and self.done.issuperset(before)

    def take_stock(self) -> None:
        """After a stop: the call that was under way counts as done if the world model shows its goal reached. Its
        event says where the item was found; time and work are those of the attempt that was interrupted."""
        if self.begun and self.fulfilled(self.begun[0]):
            call, head = self.begun
            self.done.add(call.id)
            item = self.bound(call).item
            found = {FOUND: f"{item} in {self.context.model().place_of(item)}"}
            self.emit("step_done", {**head, "duration_s": 0.0, "energy_j": 0.0, "result": found, "telemetry": None})
        self.begun = None

    def note(self, kind: str, data: Mapping[str, Any]) -> None:
        """A skill's note: an event, but for "tare", which zeroes the runner's own force."""
        if kind == "tare":
            self.runner.tare = self.reading.wrench.copy()
        else:
            self.emit(kind, dict(data))

    def instances(self) -> tuple[str, ...]:
        """All instances of this unit that are in the cell."""
        prefix = f"{self.plan.serial}/"
        return tuple(name for name in self.context.model().pieces if name.startswith(prefix))
