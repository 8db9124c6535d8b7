"""What a sentence is at all: a refusal, a stop, another control word, a question, or an instruction, in that order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cells.language.context import disambiguated, in_context
from cells.language.lexicon import Meaning
from cells.language.mood import no_instruction
from cells.language.parser import Parser
from cells.language.phrases import Phrase
from cells.language.reading import Reading, Refusal, Step, Unclear
from cells.language.steps import Steps, looks
from cells.language.tokens import Token
from cells.language.vocabulary import Vocabulary

BESIDE_CONTROL = ("control", "filler", "mark", "pron", "seq", "conj", "det", "slow", "prep", "measure")
UNREAD = ("safety", "control", "topic")  # words that no instruction is made of: what they say would be lost
AGAIN = ("seq", "number", "multiple", "unit", "filler", "mark", "pron")  # words that only say how often
TOPICS = ("last_failure", "footprint", "energy", "throughput", "location", "status", "orders", "count")


def read(found: Sequence[Token], names: Vocabulary, language: str) -> Reading:
    """The reading of a sentence's tokens. Raises ``Unclear`` where the operator has to be asked."""
    found = in_context(found)
    if refusal := _refused(found):
        return refusal
    if _says(found, "control", "stop"):
        return (Step("control", params={"action": "stop"}),)
    if any(token.kind == "yes_no" for token in found):
        raise Unclear("dialogue", " ".join(t.text for t in found))
    for token in found:
        if token.kind == "unknown":
            raise Unclear("unknown_word", token.text)
    if (control := _control(found)) is not None:
        return (control,)
    if (query := _query(found)) is not None:
        return (query,)
    if (code := no_instruction(found, language)) is not None:
        raise Unclear(code, " ".join(t.text for t in found))
    for token in found:
        if token.kind in UNREAD and not token.may_be("verb"):
            raise Unclear("not_understood", token.text)
    clauses = Parser(list(disambiguated(found)), language).clauses()
    return tuple(Steps(names, found, language).of(clauses))


def _says(found: Sequence[Token], kind: str, value: str) -> bool:
    return any(token.kind == kind and token.value == value for token in found)


def _refused(found: Sequence[Token]) -> Refusal | None:
    """What the cell won't do, and never half of it."""
    for token in found:
        if token.kind == "refuse":
            return Refusal(token.value, token.text)
    bypass = any(m.kind == "safety" and m.value == "bypass" for t in found for m in t.meanings)
    guard = next(
        (t for t in found if (t.kind == "safety" and t.value == "guard") or (t.kind, t.value) == ("control", "stop")),
        None,
    )
    return Refusal("bypass", guard.text) if bypass and guard is not None else None


def _control(found: Sequence[Token]) -> Step | None:
    """Pause, resume, cancel, repeat: said alone, with how often at most."""
    said = [t for t in found if t.kind == "control"]
    counted = [t for t in found if (t.kind, t.value) == ("unit", "times")]
    if not said and counted and all(t.kind in AGAIN or (t.may_be("verb") and t.value == "assemble") for t in found):
        said = [Token(t.text, (Meaning("control", "repeat"),)) for t in counted]  # 再做三次
        found = [t for t in found if not t.may_be("verb")]
    rest = [t for t in found if t.kind not in BESIDE_CONTROL]
    if not said:
        return None
    times = [t for t in rest if t.kind in ("number", "multiple")]
    others = [t for t in rest if t.kind not in ("number", "multiple", "unit")]
    others += [t for t in found if (t.kind, t.value) == ("pron", "there")]
    if others:
        return None
    actions = {t.value for t in said}
    if "repeat" in actions and actions <= {"repeat", "resume"}:
        both = 2 if _says(found, "det", "both") else 1
        value = float(times[0].value) if len(times) == 1 else float(both)
        if len(times) > 1 or value < 1 or value != int(value) or _says(found, "det", "some"):
            raise Unclear("how_often", " ".join(t.text for t in times))
        return Step("control", quantity=int(value), params={"action": "repeat"})
    if len(actions) != 1 or times:
        raise Unclear("which", " ".join(t.text for t in said))
    return Step("control", params={"action": actions.pop()})


def _query(found: Sequence[Token]) -> Step | None:
    """A question, if it is one."""
    said = {t.value for t in found if t.kind == "topic"}
    if not said:
        return None
    topic = next(t for t in TOPICS if t in said)
    phrases = [p for p in Parser(list(disambiguated(found)), "").phrases() if p.kind in ("part", "product", "station")]
    things = [p for p in phrases if p.kind != "station"]
    places = [p.noun for p in phrases if p.kind == "station"]
    if topic == "throughput" and things and things[0].kind == "part":
        topic = "count"
    if len({p.noun for p in things}) > 1 and topic in ("count", "location"):
        raise Unclear("which", " / ".join(p.noun for p in things))
    if "tray" in places or len(places) > 1:
        raise Unclear("which_tray")
    params: dict[str, Any] = {"about": topic}
    thing = things[0] if things else Phrase()
    if things:
        params |= looks(thing)
    needs_thing = topic == "location" or (topic == "count" and not places)
    if needs_thing and not things and not _says(found, "everything", "all"):
        raise Unclear("what")
    noun = thing.noun or ("part" if topic == "count" else None)
    return Step("query", noun or None, places[0] if places else None, None, params)
