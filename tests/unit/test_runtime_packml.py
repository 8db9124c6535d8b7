"""What may be asked of the cell in which state."""

from __future__ import annotations

import pytest

from cells.runtime.packml import COMMANDS, NEXT, IllegalCommand, State, command, completed


def test_every_state_can_be_reached_from_idle_and_no_command_leads_elsewhere() -> None:
    reached, todo = {State.IDLE}, [State.IDLE]
    while todo:
        state = todo.pop()
        after = [target for allowed, target in COMMANDS.values() if state in allowed]
        after += [NEXT[state]] if state in NEXT else []
        todo += [new for new in after if new not in reached]
        reached |= set(after)
    assert reached == set(State)


@pytest.mark.parametrize("state", [State.STOPPED, State.ABORTED])
@pytest.mark.parametrize("name", ["start", "unhold", "complete"])
def test_nothing_moves_a_stopped_cell_before_it_is_acknowledged(state: State, name: str) -> None:
    with pytest.raises(IllegalCommand, match="acknowledge"):
        command(state, name)


def test_an_acknowledged_abort_passes_through_stopped_to_idle() -> None:
    state = completed(command(State.ABORTED, "clear"))
    assert state is State.STOPPED
    assert completed(command(state, "reset")) is State.IDLE


def test_a_refusal_uses_the_words_of_the_person_who_asked() -> None:
    with pytest.raises(IllegalCommand, match="'resume' isn't possible while the cell is Execute"):
        command(State.EXECUTE, "unhold", "resume")


def test_a_waiting_state_does_not_end_by_itself() -> None:
    with pytest.raises(IllegalCommand):
        completed(State.HELD)
