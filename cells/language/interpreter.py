"""The offline interpreter: one sentence in, one reading out. No model, no network, no motion."""

from __future__ import annotations

from cells.language import tokens as tokenizer
from cells.language.lexicon import LANGUAGES
from cells.language.reading import Question, Reading, Unclear
from cells.language.speech import read
from cells.language.vocabulary import Vocabulary, demo, words

MOST_CHARACTERS = 2000


def interpret(text: str, language: str = "auto", names: Vocabulary | None = None) -> Reading:
    """The reading of a sentence in English, German or Chinese ("auto": whichever knows most of its words), in these
    ``names`` (without a cell those of the demo catalogue)."""
    return understand(text, language, names or demo())[1]


def understand(text: str, language: str, names: Vocabulary) -> tuple[str, Reading]:
    """The language that a sentence was taken to be in, and its reading."""
    if len(text) > MOST_CHARACTERS:
        return language if language != "auto" else "en", Question("too_long", text[:40])
    if language != "auto":
        candidates: tuple[str, ...] = (language,)
    elif tokenizer.HAN.search(text):
        candidates = ("zh",)
    else:
        candidates = tuple(lang for lang in LANGUAGES if lang != "zh")
    english = words("en", names)
    found = {lang: tokenizer.tokens(text, words(lang, names), english if lang == "zh" else None) for lang in candidates}
    best = min(found, key=lambda lang: tokenizer.unknown(found[lang]))
    try:
        return best, read(found[best], names, best)
    except Unclear as unclear:
        return best, unclear.question
