"""One turn of the dialogue: an utterance in, an answer, question, refusal, stop or checked plan out; all of it journal.

Nothing here moves anything: a turn says what should be done, and who runs it does so only after confirmation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cells.dialogue.answers import answer
from cells.dialogue.conversation import MEMORY, Conversation, Proposal, conversation
from cells.dialogue.merging import answered as merged
from cells.dialogue.merging import corrected, with_referent
from cells.journal.event import Event
from cells.language.interpreter import understand
from cells.language.lexicon import LANGUAGES, normal, raw
from cells.language.mood import answered, asks_why
from cells.language.reading import Question, Reading, Refusal, Step, as_json
from cells.language.saying import Saying, label, texts
from cells.language.vocabulary import SIZES, Vocabulary, demo, of_cell, part_and_size
from cells.orders.setup import confirmation, instructions, last_setup
from cells.products.catalogue import families
from cells.runtime.world_model import fold
from cells.tasks.errand import Impossible
from cells.tasks.grounding import Scene, Task, ground

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.journal.store import Journal, StoredEvent

MOST_OPTIONS = 4
Reader = Callable[[str, str, Reading], tuple[Reading, str]]  # (text, language, offline reading) → reading, a remark


@dataclass(frozen=True, slots=True)
class Turn:
    """What came of an utterance. ``kind``: "stop", "control" (``action``), "answer", "question", "refusal",
    "impossible", "plan" (``task``, ``plan`` its hash, and what a person has to change ``by_hand`` first), "confirmed"
    (``plan``), "dropped" or "alias". ``sayings`` is what the cell says to it."""

    kind: str
    language: str
    sayings: tuple[Saying, ...] = ()
    action: str = ""
    task: Task | None = None
    plan: str = ""
    remark: str = ""
    by_hand: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a dialogue takes place: the cell, its journal, who speaks, what the running cell says of itself (``None``
    when none runs), who reads sentences beside the offline interpreter, if anybody, and whether a ``real`` arm is going
    to move: then plans say what has to be changed by hand, and whoever confirms one says that this is done."""

    cell: Cell
    journal: Journal
    by: str
    status: Mapping[str, Any] | None = None
    reader: Reader | None = None
    events: Sequence[StoredEvent] = field(default=())
    real: bool = False

    def note(self, kind: str, **data: Any) -> StoredEvent:
        """Write an event of the dialogue; it has no time of its own in the cell."""
        last = self.events[-1].time if self.events else 0.0
        return self.journal.append(Event(kind, last, data))


def says_stop(text: str, language: str) -> str | None:
    """The language in which an utterance says to stop, if it does: known without a journal or a cell's names."""
    said = _squeezed(text)
    if not any(_squeezed(form) in said for known in LANGUAGES for form in raw(known)["control"]["stop"]):
        return None  # most sentences: known before any lexicon is built
    spoken, reading = understand(text, language, demo())
    return spoken if _is_control(reading, "stop") else None


def _squeezed(text: str) -> str:
    return "".join(letter for letter in normal(text) if letter.isalnum())


def take_turn(text: str, language: str, desk: Desk) -> Turn:
    """What an utterance comes to. ``language``: "en", "de", "zh" or "auto"."""
    desk = replace(desk, events=tuple(desk.journal.events()))
    state = conversation(desk.events, datetime.now(UTC))
    names = _names(desk.cell.model_dump_json(), tuple((a.alias, a.means) for a in state.aliases.values()))
    spoken, reading = understand(text, language, names)
    remark = ""
    if desk.reader is not None:
        reading, remark = desk.reader(text, spoken, reading)
    told = desk.note("told", text=text, language=spoken, by=desk.by, reading=as_json(reading))
    turn = _dialogue(text, spoken, reading, state, names, desk, told.seq) or _said(
        text, spoken, reading, state, names, desk, told.seq
    )
    return replace(turn, remark=remark)


@lru_cache(maxsize=4)
def _names(cell: str, aliases: tuple[tuple[str, str], ...]) -> Vocabulary:
    """The vocabulary of a cell (its JSON) and its aliases: the same one for each turn of a session."""
    from cells.description.cell import Cell

    return of_cell(Cell.model_validate_json(cell), dict(aliases))


def confirmed(asked: str, desk: Desk, unasked: bool = False) -> tuple[Saying | None, Proposal | None, Task | None]:
    """The plan that waits, made anew, if it is still the same in the same world, and nothing has to be changed by hand
    but what was shown: then it is noted as confirmed, and so is the cell's setup. ``asked``: (the beginning of) its
    hash, "" for whichever waits; ``unasked``: no person has looked at it. Otherwise the reason why not."""
    desk = replace(desk, events=tuple(desk.journal.events()))
    proposal = conversation(desk.events, datetime.now(UTC)).proposal
    if proposal is None:
        return Saying("dialogue.nothing_pending"), None, None
    if asked and not proposal.plan.startswith(asked):
        return Saying("dialogue.other_plan", {"plan": proposal.plan[:8], "asked": asked}), proposal, None
    reason, task = _void(proposal, desk), None
    by_hand: tuple[str, ...] = ()
    if reason is None:
        task = regrounded(proposal, desk)
        if task is None or task.plan.hash != proposal.plan:
            reason = Saying("dialogue.changed", {"was": proposal.world, "now": fold(desk.events).version})
        else:
            by_hand = _by_hand(task, desk)
            reason = _not_set_up(by_hand, proposal, desk)
    if reason is not None:
        desk.note("plan_dropped", plan=proposal.plan, why=reason.code)
        return reason, proposal, None
    desk.note("plan_confirmed", plan=proposal.plan, by=desk.by, unasked=unasked)
    # A yes that moves no real arm here doesn't say how its cell is set up either.
    if task is not None and task.setup is not None and by_hand and (not unasked or task.cell.told_without_asking):
        desk.journal.append(confirmation(task.setup, task.variants.values(), by_hand, desk.by))
    return None, proposal, task


def _by_hand(task: Task, desk: Desk) -> tuple[str, ...]:
    """What a person has to change before a real arm does this task."""
    if not desk.real or task.setup is None:
        return ()
    return tuple(instructions(last_setup(task.cell, desk.events), task.setup))


def _not_set_up(by_hand: Sequence[str], proposal: Proposal, desk: Desk) -> Saying | None:
    """Why a yes to a plan can't say that this was changed by hand."""
    if by_hand and desk.status is not None:
        return Saying("dialogue.by_hand_later", {"what": by_hand})
    if set(by_hand) - set(proposal.by_hand):
        return Saying("dialogue.by_hand_unseen", {"what": by_hand})
    return None


def regrounded(proposal: Proposal, desk: Desk) -> Task | None:
    """The task of a proposal, made anew from its steps; ``None`` where that isn't possible any more."""
    try:
        return _ground(proposal.steps, proposal.name, desk)
    except Impossible:
        return None


def _void(proposal: Proposal, desk: Desk) -> Saying | None:
    shown = next(e.wall for e in reversed(desk.events) if e.kind == "plan_proposed" and e.data["plan"] == proposal.plan)
    if datetime.now(UTC) - datetime.fromisoformat(shown) > MEMORY:
        return Saying("dialogue.expired", {"minutes": round(MEMORY.total_seconds() / 60)})
    now = fold(desk.events).version
    if now != proposal.world:
        return Saying("dialogue.changed", {"was": proposal.world, "now": now})
    return None


def _dialogue(
    text: str, spoken: str, reading: Reading, state: Conversation, names: Vocabulary, desk: Desk, seq: int
) -> Turn | None:
    """What is said to what was said before: yes, no, an answer, a correction, why, an alias; ``None`` if nothing is."""
    if isinstance(reading, Refusal) or _is_control(reading, "stop"):
        return None
    decided = answered(text, spoken)
    if decided is not None and state.alias is not None:
        return _alias(state, decided, spoken, desk)
    if decided is not None and state.proposal is not None:
        if not decided:
            desk.note("plan_dropped", plan=state.proposal.plan, why="no")
            return Turn("dropped", spoken, (Saying("dialogue.dropped"),))
        return Turn("confirmed", spoken, plan=state.proposal.plan)
    if not isinstance(reading, Question):
        return None
    if asks_why(text, spoken):
        return _because(spoken, state, desk)
    if (taught := _taught(text, spoken, names)) is not None:
        desk.note("alias_asked", **taught)
        return Turn(
            "alias", spoken, (Saying("dialogue.alias_asked", {"alias": taught["alias"], "means": taught["says"]}),)
        )
    found = _in_context(text, spoken, state, names)
    if found is None:
        return None
    whole, steps = found
    return _said(whole, spoken, steps, state, names, desk, seq)


def _in_context(text: str, spoken: str, state: Conversation, names: Vocabulary) -> tuple[str, Reading] | None:
    """A sentence that isn't whole by itself, made whole by what it answers, corrects or speaks of."""
    if state.question is not None and (found := merged(state.question, text, names)) is not None:
        return found
    before = state.context
    if before is None:
        return None
    if state.proposal is not None and (found := corrected(before.text, before.language, text, names)) is not None:
        return found
    things = [_label(step.object, step.params, spoken) for step in before.steps if step.object is not None]
    return with_referent(text, spoken, things, names)


def _label(thing: str, params: Mapping[str, Any], language: str) -> str:
    from cells.products.catalogue import catalogue

    known = catalogue()
    size = params.get("size")
    kind = "family" if thing in families() else "part"
    name = f"{size}_{thing}" if size and any(entry.name == f"{size}_{thing}" for entry in known.entries) else thing
    return label(kind, name, language, known)


def _said(
    text: str, spoken: str, reading: Reading, state: Conversation, names: Vocabulary, desk: Desk, seq: int
) -> Turn:
    """What a whole sentence comes to."""
    if isinstance(reading, Refusal):
        refusal = Saying(f"refusal.{reading.code}", {"about": reading.about})
        desk.note("told_refused", text=text, sayings=[_as_json(refusal)])
        return Turn("refusal", spoken, (refusal,))
    if isinstance(reading, Question):
        return _ask(text, spoken, reading, names, desk)
    if _is_control(reading, "stop"):
        return Turn("stop", spoken, action="stop")
    [first, *_] = reading
    if first.skill == "query":
        sayings = answer(first, desk.cell, desk.events, desk.status)
        desk.note("told_answered", text=text, sayings=[_as_json(each) for each in sayings])
        return Turn("answer", spoken, sayings)
    if first.skill == "control" and first.params["action"] != "repeat":
        return Turn("control", spoken, action=first.params["action"])
    steps = tuple(reading)
    try:
        if first.skill == "control":
            steps = _again(state, int(first.quantity or 1))
        task = _ground(steps, f"T{seq:05d}", desk)
    except Impossible as impossible:
        desk.note("told_impossible", text=text, sayings=[_as_json(impossible.why)])
        return Turn("impossible", spoken, (impossible.why,))
    by_hand = _by_hand(task, desk)
    desk.note(
        "plan_proposed", plan=task.plan.hash, name=f"T{seq:05d}", world=fold(desk.events).version,
        steps=[step.as_json() | {"words": step.words} for step in steps], text=text, language=spoken, by=desk.by,
        by_hand=by_hand,
    )  # fmt: skip
    return Turn("plan", spoken, task.remarks, task=task, plan=task.plan.hash, by_hand=by_hand)


def _ground(steps: Sequence[Step], name: str, desk: Desk) -> Task:
    from cells.skills.registry import skills

    return ground(steps, name, desk.by, datetime.now(UTC).date(), Scene(desk.cell, desk.events, skills()))


def _again(state: Conversation, times: int) -> tuple[Step, ...]:
    """The steps of the last plan that was confirmed, so many times. Raises ``Impossible`` if there is none."""
    if state.last is None:
        raise Impossible("nothing_to_repeat")
    if all(step.skill == "assemble" for step in state.last.steps):
        return tuple(replace(step, quantity=int(step.quantity or 1) * times) for step in state.last.steps)
    return state.last.steps * times


def _ask(text: str, spoken: str, question: Question, names: Vocabulary, desk: Desk) -> Turn:
    code = f"question.{question.code}"
    slots = {"about": question.about, "part": question.about}
    sayings = [Saying(code if code in texts() else "question.other", slots)]
    if options := _options(question, names):
        sayings.append(Saying("question.options", {"have": options}))
    desk.note("asked_back", text=text, language=spoken, code=question.code, about=question.about)
    return Turn("question", spoken, tuple(sayings))


def _options(question: Question, names: Vocabulary) -> tuple[str, ...]:
    """At most four answers that there are in this cell; none where there are more, or nobody knows."""
    found: list[str] = []
    if question.code == "which_gear":
        parts = [part_and_size(part) for family in families().values() for part in family.parts]
        found = [size for size in SIZES if any(part == (question.about, size) for part in parts)]
    elif question.code == "which_tray":
        found = [tray.replace("_", " ") for tray in names.trays]
    elif question.code == "what_product":
        found = list(names.families)
    return tuple(found) if len(found) <= MOST_OPTIONS else ()


def _because(spoken: str, state: Conversation, desk: Desk) -> Turn:
    """Why: the reasons of what was refused or not possible last, of the plan that waits, or of the last failure."""
    sayings: tuple[Saying, ...]
    if state.objection:
        sayings = tuple(Saying(each["code"], each["slots"]) for each in state.objection)
    elif state.proposal is not None and (task := regrounded(state.proposal, desk)) is not None:
        reasons = {(reason.code, str(reason.slots)): reason for reason in task.reasons.values()}
        sayings = (*task.remarks, *reasons.values())
    else:
        sayings = answer(Step("query", params={"about": "last_failure"}), desk.cell, desk.events, desk.status)
    return Turn("answer", spoken, sayings)


def _taught(text: str, spoken: str, names: Vocabulary) -> dict[str, str] | None:
    """What an utterance like "the big boy is the large gear" teaches, if its first half is unknown and its second one
    thing."""
    from cells.language.aliases import teaching

    taught = teaching(text, spoken, names)
    return None if taught is None else {"alias": taught[0], "means": taught[1], "says": taught[2]}


def _alias(state: Conversation, decided: bool, spoken: str, desk: Desk) -> Turn:
    assert state.alias is not None
    if not decided:
        return Turn("dropped", spoken, (Saying("dialogue.dropped"),))
    known = state.alias
    desk.note("alias_taught", alias=known.alias, means=known.means, says=known.says, by=desk.by)
    return Turn("alias", spoken, (Saying("dialogue.alias_kept", {"alias": known.alias, "means": known.says}),))


def _is_control(reading: Reading, action: str) -> bool:
    return isinstance(reading, tuple) and any(
        step.skill == "control" and step.params.get("action") == action for step in reading
    )


def _as_json(saying: Saying) -> dict[str, Any]:
    return {"code": saying.code, "slots": dict(saying.slots)}
