"""The behaviour tree of one unit: its process steps in the plan's order, each with its bounded, named recoveries.

    unit →─┬─ for each step: not ready ? step, which may be put off
           └─ for each step: done ? step

    step ?─┬─ attempt →─┬─ held already ? pick
           │            └─ call ? (re-approach → call) x 2      (all there is for what takes nothing into the hand)
           ├─ (re-grasp → attempt) x 2
           ├─ another order: the part goes back into its slot, and the step is put off until the others are done
           └─ replace → attempt

The second time round is for what was put off and for what waited for it; without trouble nothing is left to do then.
A leaf drives one generator, a tick at a time. Recoveries are leaves too: each first asks whether it can help.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from py_trees.behaviour import Behaviour
from py_trees.common import Status
from py_trees.composites import Selector, Sequence

from cells.errors import CellwrightError, Problem
from cells.ports import REPLACEMENT, Reading
from cells.runtime import recovery
from cells.runtime.unit import UnitRun
from cells.skills.contract import Call, Command, Done, Steps, place_name
from cells.tasks.leaves import Boundary, CallLeaf, Is, Recover, cleared
from cells.tasks.plan import slots_for

RE_APPROACHES, RE_GRASPS, REPLACEMENTS = 2, 2, 1
TIDY_S = 4.0  # cell time that a cancelled skill has to tidy up


def unit_tree(unit: UnitRun, resumed: bool = False) -> Behaviour:
    """The tree of what remains to be done for a unit; ``resumed`` after a stop: first back to a step boundary."""
    remaining = [(pick, call) for pick, call in unit.steps() if call.id not in unit.done]
    root = Sequence(unit.plan.serial, memory=True)
    if resumed and remaining:
        root.add_child(Boundary(unit, tidy=False))
    for pick, call in remaining:
        root.add_child(_when_ready(unit, pick, call))
    for pick, call in remaining:
        root.add_child(_if_left(unit, pick, call))
    return root


def _when_ready(unit: UnitRun, pick: Call | None, call: Call) -> Behaviour:
    not_ready = Is("not ready", lambda: not unit.ready(call))
    return Selector(f"{call.id}, if ready", memory=True, children=[not_ready, _step(unit, pick, call, may_wait=True)])


def _if_left(unit: UnitRun, pick: Call | None, call: Call) -> Behaviour:
    done = Is("done", lambda: call.id in unit.done)
    return Selector(f"{call.id}, if left", memory=True, children=[done, _step(unit, pick, call, may_wait=False)])


def _step(unit: UnitRun, pick: Call | None, call: Call, may_wait: bool) -> Behaviour:
    if pick is None:
        return _attempt(unit, pick, call)
    first = next(other for other in unit.plan.calls if other.item == call.item)
    slot = unit.slot(call.item) if first is pick else None  # from where it comes, unless it has been taken before

    def item() -> str:
        return unit.bound(call).item

    def within_reach() -> bool:
        model = unit.context.model()
        return model.holding is None and model.place_of(item()) not in (None, recovery.REJECT_BIN)

    def replaceable() -> bool:
        # One that was let go of where it belongs, and isn't seated, is in the way of another.
        there = unit.context.model().place_of(item()) == place_name(unit.bound(call))
        return slot is not None and not there and unit.attempts[f"replace {call.item}"] < REPLACEMENTS

    def others_can_go_first() -> bool:
        others = (other for taking, other in unit.steps() if taking and other.id != call.id)
        room = slot is not None and (within_reach() or not unit.context.model().at(slot))
        return room and any(unit.ready(other) for other in others)

    def lift(reading: Reading) -> Steps:
        return recovery.rise(unit.context, unit.handled, reading)

    def put_off(reading: Reading) -> Steps:
        result = yield from lift(reading)
        if isinstance(result, Done):
            result = yield from recovery.put_back(unit.context, str(slot), unit.runner.read())
        if isinstance(result, Done):
            unit.put_off.add(call.id)
        return result

    def new_one(reading: Reading) -> Steps:
        yield from cleared(unit, reading)
        _load_another(unit, call.item)
        return Done()

    step = Selector(call.id, memory=True)
    step.add_child(_attempt(unit, pick, call))
    for _ in range(RE_GRASPS):
        again = Recover(unit, "re-grasp", call, within_reach, lift)
        step.add_child(Sequence("re-grasp and try", memory=True, children=[again, _attempt(unit, pick, call)]))
    if may_wait:
        step.add_child(Recover(unit, "another order", call, others_can_go_first, put_off))
    new = Recover(unit, "replace", call, replaceable, new_one)
    step.add_child(Sequence("replace and try", memory=True, children=[new, _attempt(unit, pick, call)]))
    return step


def _attempt(unit: UnitRun, pick: Call | None, call: Call) -> Behaviour:
    """Take the item, if one is to be taken, and do the call; again from above, where that can help."""

    def held() -> bool:
        return unit.context.model().holding == unit.bound(call).item

    def lift(reading: Reading) -> Steps:
        return recovery.rise(unit.context, unit.handled, reading)

    def helps() -> bool:
        return held() if pick else unit.failed_cause in unit.skills[call.skill].again

    act = Selector(f"{call.skill} {call.item}", memory=True, children=[CallLeaf(unit, call)])
    for _ in range(RE_APPROACHES):
        again = Recover(unit, "re-approach", call, helps, lift)
        act.add_child(Sequence("re-approach and try", memory=True, children=[again, CallLeaf(unit, call)]))
    if pick is None:
        return act
    in_hand = Selector("in hand", memory=True, children=[Is("held already", held), CallLeaf(unit, pick)])
    return Sequence(f"attempt {call.id}", memory=True, children=[in_hand, act])


def _load_another(unit: UnitRun, planned: str) -> None:
    """Load a new instance of a planned item (``…/peg_2~2``) and use it from now on."""
    unit.attempts[f"replace {planned}"] += 1
    model, context = unit.context.model(), unit.context
    request = next(load for load in unit.plan.loads if load.instance == planned)
    another = f"{planned}{REPLACEMENT}{unit.attempts[f'replace {planned}'] + 1}"
    used = {(load.station, load.slot) for load in unit.plan.loads}
    slots = sorted(slots_for(context.part(planned), context.cell), key=lambda slot: slot in used)
    free = next((slot for slot in slots if not model.at(f"{slot[0]}/{slot[1]}")), None)
    if free is None:
        raise CellwrightError(Problem(planned, "no free slot for another one", "add a roomy tray to the cell's file"))
    unit.load([replace(request, instance=another, station=free[0], slot=free[1])])
    unit.current[planned] = another


class TreeWork:
    """A tree as work for the runner."""

    def __init__(self, root: Behaviour, unit: UnitRun) -> None:
        self.root, self._unit = root, unit
        self.command: Command = None
        self._tidy_ticks: int | None = None

    @property
    def succeeded(self) -> bool:
        """Whether everything in the tree was done."""
        return self.root.status is Status.SUCCESS

    def advance(self, reading: Reading) -> bool:
        unit = self._unit
        unit.reading, unit.command = reading, None
        ended = self._tick() if self._tidy_ticks is None else self._tidy(self._tidy_ticks)
        self.command = unit.command
        return ended

    def cancel(self) -> None:
        self._tidy_ticks = 0

    def close(self) -> None:
        self.root.stop(Status.INVALID)
        self._unit.active = None

    def status(self) -> dict[str, Any]:
        unit = self._unit
        return {"serial": unit.plan.serial, "step": unit.doing, "holding": unit.context.model().holding}

    def _tick(self) -> bool:
        self.root.tick_once()
        return self.root.status is not Status.RUNNING

    def _tidy(self, ticks: int) -> bool:
        self._tidy_ticks = ticks + 1
        leaf, most = self._unit.active, round(TIDY_S / self._unit.context.cell.tick_s)
        if leaf is None or ticks >= most or leaf.tidy(first=ticks == 0):
            self.close()
            return True
        return False
