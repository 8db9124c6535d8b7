"""Which units may be taken apart, what the cell does when a part sticks, and what the journal and passport say after.

The skills say what the test wants; tree, runner, journal and production are the real ones."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from cells.description.cell import load_cell
from cells.dialogue.turn import Desk, confirmed, take_turn
from cells.errors import CellwrightError, InputError
from cells.journal.event import Event
from cells.journal.store import Journal, StoredEvent
from cells.kinematics.chain import load_chain
from cells.orders.apart import write_disassembly_report
from cells.orders.finished import unit_to_take_apart, variant_as_built
from cells.orders.passport.record import unit_record
from cells.ports import Loaded
from cells.runtime.disassembly import take_apart
from cells.runtime.production import UnitOutcome
from cells.runtime.requests import Request
from cells.runtime.world_model import fold
from cells.skills.contract import Call, Done, Result
from cells.tasks.disassembly import plan_disassembly
from tests.unit.perfect_world import PerfectWorld
from tests.unit.test_runtime_recovery import Line, Says, fails

SERIAL = "R-01"
CELL = load_cell("panda-bench")


class Undoing(Line):
    """A cell that has built one unit, a peg of it replaced, and takes it apart."""

    def built(self) -> None:
        (outcome,) = self.build(fails("insert_peg_2.pick", 3, "wrong_part"))
        assert outcome.verdict == "good"

    def apart(self, says: Says) -> UnitOutcome:
        self.built()
        return self.take_it_apart(says)

    def take_it_apart(self, says: Says) -> UnitOutcome:
        self.use(says)
        record = unit_to_take_apart(SERIAL, self.events)
        self.variant = variant_as_built(record)
        used = {piece.item: piece.instance for piece in record.pieces}
        self.plan = plan_disassembly(SERIAL, record.order, self.variant, CELL, used)
        lots = {f"{SERIAL}/{piece.instance}": piece.lot for piece in record.pieces}
        self.world, self.before = PerfectWorld(load_chain(CELL), CELL.home), len(self.events)
        with Journal.open(CELL.name, self.folder) as journal:
            outcome = take_apart(
                self.plan, self.variant, lots, CELL, self.world, journal, self.folder / "apart", lambda *_: None,
                self.requests, pictures=False, say=self.hear,
            )  # fmt: skip
            self.events = list(journal.events())
        return outcome

    @property
    def since(self) -> list[StoredEvent]:
        return self.events[self.before :]


@pytest.fixture
def cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Undoing:
    return Undoing(tmp_path, monkeypatch)


def places(cell: Undoing) -> dict[str, str]:
    return {name: piece.place for name, piece in fold(cell.since).pieces.items()}


def slots(cell: Undoing) -> dict[str, str]:
    return {slot.instance: f"{slot.station}/{slot.slot}" for slot in cell.plan.units[0].returns}


def test_every_part_comes_back_into_its_slot_and_the_passport_stays_as_it_was(cell: Undoing) -> None:
    outcome = cell.apart(fails("", 0))
    assert (outcome.verdict, outcome.reasons, outcome.recoveries) == ("apart", (), ())
    assert places(cell) == slots(cell)
    assert f"{SERIAL}/peg_2~2" in places(cell) and f"{SERIAL}/peg_2" not in places(cell)
    assert unit_record(SERIAL, cell.events) == unit_record(SERIAL, cell.events[: cell.before])
    assert not cell.world.unloaded


def test_it_is_not_taken_apart_twice(cell: Undoing) -> None:
    cell.apart(fails("", 0))
    with pytest.raises(InputError, match="its disassembly was begun already"):
        unit_to_take_apart(SERIAL, cell.events)


def test_who_confirms_a_told_disassembly_for_a_real_arm_confirms_that_the_unit_is_there(cell: Undoing) -> None:
    cell.built()
    with Journal.open(CELL.name, cell.folder) as journal:
        desk = Desk(CELL, journal, "ada, terminal", real=True)
        turn = take_turn("take the pegboard apart", "en", desk)
        assert f"fixture: put the unit {SERIAL} into it, assembled" in turn.by_hand
        assert confirmed("", desk)[0] is None
        [setup] = journal.events(kinds=("setup_confirmed",))
        assert setup.data["unit"] == SERIAL and setup.data["instructions"] == list(turn.by_hand)
        assert take_turn("take the pegboard apart", "en", desk).by_hand == ()
        assert take_turn("make a pegboard", "en", desk).by_hand[0].startswith(f"fixture: take out the unit {SERIAL}")


def test_a_unit_that_nobody_brought_may_be_asked_for_again(cell: Undoing, monkeypatch: pytest.MonkeyPatch) -> None:
    cell.built()
    with monkeypatch.context() as patch, pytest.raises(CellwrightError, match="fixture: needs the unit R-01; put it"):
        patch.setattr(PerfectWorld, "_load", lambda _world, requests: Loaded(missing=tuple(requests)))
        cell.take_it_apart(fails("", 0))
    assert cell.take_it_apart(fails("", 0)).verdict == "apart"


def test_a_peg_that_sticks_is_grasped_again(cell: Undoing) -> None:
    outcome = cell.apart(fails("undo_insert_peg_1", 2, "stuck"))
    assert outcome.verdict == "apart"
    assert outcome.recoveries == ("undo_insert_peg_1.store: re-grasp",) * 2


def test_a_peg_that_does_not_stand_is_set_down_again(cell: Undoing) -> None:
    outcome = cell.apart(fails("undo_insert_peg_1.store", 1, "not_seated"))
    assert outcome.verdict == "apart"
    assert outcome.recoveries == ("undo_insert_peg_1.store: re-approach",)


def test_a_peg_that_never_comes_out_ends_it_and_nothing_is_replaced(cell: Undoing) -> None:
    outcome = cell.apart(fails("undo_insert_peg_1", 99, "stuck"))
    assert outcome.verdict == "failed"
    assert outcome.reasons == ("undo_insert_peg_1: stuck, on purpose",)
    assert Counter(outcome.recoveries) == {"undo_insert_peg_1.store: re-grasp": 2}
    assert places(cell) == {
        f"{SERIAL}/plate": "fixture",
        f"{SERIAL}/peg_1": f"{SERIAL}/plate/hole_1",
        f"{SERIAL}/peg_2~2": slots(cell)[f"{SERIAL}/peg_2~2"],
    }
    (ended,) = (event.data for event in cell.since if event.kind == "disassembly_finished")
    assert (ended["verdict"], ended["reasons"]) == ("failed", ["undo_insert_peg_1: stuck, on purpose"])


def test_after_a_stop_it_goes_on_with_what_it_holds(cell: Undoing) -> None:
    def stop_in_hand(call: Call, tried: int) -> Result:
        if call.id == "undo_insert_peg_2.store" and tried == 1:
            cell.requests.put(Request("stop", "test"))
        return Done()

    outcome = cell.apart(stop_in_hand)
    assert outcome.verdict == "apart"
    assert places(cell) == slots(cell)
    done = [event.data["step"] for event in cell.since if event.kind == "step_done"]
    assert done.count("undo_insert_peg_2") == 1


def test_the_report_tells_where_the_parts_are(cell: Undoing) -> None:
    cell.apart(fails("undo_insert_peg_1", 1, "stuck"))
    page = write_disassembly_report(cell.folder, cell.plan, cell.variant, CELL, cell.since).read_text(encoding="utf-8")
    assert "parts in their slots" in page and "3 of 3" in page
    assert "re-grasp" in page and "tray_a/0" in page
    # The graph is that of the inverse plan: one step recovered, the others done at the first try.
    assert re.findall(r'<g class="(\w+)">', page) == ["done", "recovered", "done"]


def started(**more: object) -> Event:
    return Event(
        "unit_started", 0.0, {"serial": SERIAL, "order": "R", "variant": "0" * 64, "family": "pegboard", **more}
    )


def finished(verdict: str) -> Event:
    return Event(
        "unit_finished", 1.0, {"serial": SERIAL, "verdict": verdict, "reasons": [], "seconds": 1.0, "energy_j": 1.0}
    )


def test_a_unit_that_was_rejected_or_is_not_finished_is_refused(tmp_path: Path) -> None:
    with Journal.open(CELL.name, tmp_path) as journal:
        journal.append(started())
        with pytest.raises(InputError, match="isn't finished"):
            unit_to_take_apart(SERIAL, journal.events())
        journal.append(finished("rejected"))
        with pytest.raises(InputError, match="it was rejected"):
            unit_to_take_apart(SERIAL, journal.events())


@pytest.mark.parametrize(
    ("known", "why"),
    [
        ({}, "doesn't tell the parameters"),
        ({"parameters": {"pegs": 2}, "version": "0.9"}, "was built as pegboard 0.9, and here pegboard is"),
    ],
)
def test_a_unit_that_cannot_be_made_out_is_refused(known: dict[str, object], why: str, tmp_path: Path) -> None:
    with Journal.open(CELL.name, tmp_path) as journal:
        journal.append(started(**known))
        journal.append(finished("good"))
        with pytest.raises(InputError, match=why):
            variant_as_built(unit_to_take_apart(SERIAL, journal.events()))
