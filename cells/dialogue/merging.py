"""An answer put into the sentence that it answers: "Put the gear in tray A." – "Which?" – "The small one."

What comes out is read as any sentence is, and shown and confirmed as any plan is: nothing here decides a meaning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from cells.language import tokens as tokenizer
from cells.language.interpreter import understand
from cells.language.reading import Reading
from cells.language.tokens import Token
from cells.language.vocabulary import Vocabulary, words

if TYPE_CHECKING:
    from cells.dialogue.conversation import Asked

DESCRIBES = ("size", "color", "number", "unit", "det")
INTO = {"en": ("in", "into", "onto", "to"), "de": ("in", "in die", "auf die", "auf das"), "zh": ("到", "入")}


def answered(asked: Asked, answer: str, names: Vocabulary) -> tuple[str, Reading] | None:
    """The sentence that was asked about, with its answer in it, and its reading: the first that reads as steps."""
    return _first(_answers(asked, answer, names), asked.language, names)


def corrected(text: str, language: str, correction: str, names: Vocabulary) -> tuple[str, Reading] | None:
    """A sentence with what corrects it behind it ("…, no, the blue one"), if that reads as steps."""
    return _first([f"{text.rstrip(' .!。！')}, {correction}"], language, names)


def with_referent(text: str, language: str, things: Sequence[str], names: Vocabulary) -> tuple[str, Reading] | None:
    """A sentence with the one thing that was spoken of last in place of its pronoun; ``None`` if they were several."""
    if len(set(things)) != 1:
        return None
    found = _tokens(text, language, names)
    places = [i for i, token in enumerate(found) if token.kind == "pron" and token.value == "it"]
    if len(places) != 1:
        return None
    said = [token.text for token in found]
    article = {"en": "the ", "de": "das "}.get(language, "")
    said[places[0]] = article + things[0]
    return _first([_joined(said, language)], language, names)


def _answers(asked: Asked, answer: str, names: Vocabulary) -> Iterator[str]:
    text, language = asked.text.rstrip(" .!?。！？"), asked.language
    said = _tokens(answer, language, names)
    sentence = _tokens(text, language, names)
    pieces = [token.text for token in sentence]
    describing = [token.text for token in said if token.kind in DESCRIBES and token.value not in ("the", "a")]
    places = [token.text for token in said if token.value.startswith("station:")]
    for i, token in enumerate(sentence):
        if describing and token.kind == "noun" and token.value.startswith(f"part:{asked.about}"):
            yield _joined([*pieces[:i], *describing, *pieces[i:]], language)
        if places and token.kind in ("traywords", "pron"):
            yield _joined([*pieces[:i], *places[:1], *pieces[i + 1 :]], language)
    if places:
        yield from (_joined([*pieces, word, places[0]], language) for word in INTO[language])
    yield f"{text} {answer}"
    yield f"{text}, {answer}"


def _first(candidates: Sequence[str] | Iterator[str], language: str, names: Vocabulary) -> tuple[str, Reading] | None:
    for candidate in candidates:
        _, reading = understand(candidate, language, names)
        if isinstance(reading, tuple) and all(step.skill not in ("control", "query") for step in reading):
            return candidate, reading
    return None


def _tokens(text: str, language: str, names: Vocabulary) -> list[Token]:
    english = words("en", names) if language == "zh" else None
    return tokenizer.tokens(text, words(language, names), english)


def _joined(pieces: Sequence[str], language: str) -> str:
    return ("" if language == "zh" else " ").join(pieces)
