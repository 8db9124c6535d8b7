"""Whether a sentence wants anything done: one that asks, tells of something, speaks of later or breaks off doesn't.

Words are matched by their text here, whatever else they are (a filler mostly). ``mood`` in the lexicons lists them:
``state`` what is or was; ``person`` who acts and isn't the cell, unless a word that ``wants`` follows; ``others`` even
then; ``later``; ``open`` what no sentence ends with; ``asks`` what ends a question, unless a word of ``may`` makes a
polite request of it; ``yes`` and ``no`` whole answers; ``why``; ``links`` between a new word and what it means.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from cells.language.lexicon import WORD, normal, raw
from cells.language.tokens import Token


def no_instruction(found: Sequence[Token], language: str) -> str | None:
    """Why a sentence is none that wants something done ("question", "later", "unfinished"), or ``None``."""
    said = [t for t in found if t.kind != "mark"]
    if not said:
        return None
    mood = _mood(language)
    if any(t.text in mood["later"] for t in said):
        return "later"
    if said[-1].text in mood["open"] and not (len(said) > 1 and said[-2].kind == "verb"):  # 裝上去
        return "unfinished"
    asks = any(t.kind == "ask" for t in found)
    asks = asks or (said[-1].text in mood["asks"] and not any(t.text in mood["may"] for t in said))
    return "question" if asks or _tells(said, mood) or (language == "de" and _inverted(said, mood)) else None


def answered(text: str, language: str) -> bool | None:
    """Whether a whole utterance says yes or no; ``None`` if it says more, or something else."""
    said = " ".join(WORD.findall(normal(text).replace("'", " "))).rstrip(" .!。！").strip()
    said = said.replace(" ", "") if language == "zh" else said
    mood = _mood(language)
    return True if said in mood["yes"] else False if said in mood["no"] else None


def asks_why(text: str, language: str) -> bool:
    """Whether an utterance asks for a reason."""
    said = normal(text)
    if language == "zh":
        return any(why in said for why in _mood(language)["why"])
    return any(why in f" {' '.join(WORD.findall(said))} " for why in (f" {word} " for word in _mood(language)["why"]))


Mood = dict[str, frozenset[str]]


@cache
def _mood(language: str) -> Mood:
    return {kind: frozenset(map(normal, forms)) for kind, forms in raw(language)["mood"].items()}


def _tells(said: Sequence[Token], mood: Mood) -> bool:
    """Somebody acts, or something is, before anything is wanted: "I put …", "the pin is in …"."""
    people = mood["person"] | mood["others"]
    telling = people | mood["state"] | mood["wants"]
    opening = [t for t in said if t.kind != "filler" or t.text in telling]
    if opening and opening[0].text in people:
        wants = len(opening) > 1 and (opening[1].text in mood["wants"] or opening[1].value == "assemble")
        if not wants or opening[0].text in mood["others"]:
            return True
    for token in said:
        if token.kind in ("verb", "cond") or token.text in mood["wants"]:
            return False
        if token.text in mood["state"]:
            return True
    return False


def _inverted(said: Sequence[Token], mood: Mood) -> bool:
    """A German question without a word for it: its verb comes first, and then who does it ("steckt der Stift …")."""
    verb = next((i for i, t in enumerate(said) if t.kind in ("verb", "verdict")), None)
    behind = said[verb + 1].text if verb is not None and verb + 1 < len(said) else ""
    return behind == "der" or behind in mood["person"] | mood["others"]
