"""The offline interpreter: one sentence in, one reading out. No model, no network, no motion."""

from __future__ import annotations

from cells.language import tokens as tokenizer
from cells.language.lexicon import LANGUAGES
from cells.language.reading import Question, Reading, Unclear
from cells.language.speech import read
from cells.language.vocabulary import demo, words

MOST_CHARACTERS = 2000


def interpret(text: str, language: str = "auto") -> Reading:
    """The reading of a sentence in English, German or Chinese ("auto": whichever knows most of its words)."""
    if len(text) > MOST_CHARACTERS:
        return Question("too_long", text[:40])
    if language != "auto":
        candidates: tuple[str, ...] = (language,)
    elif tokenizer.HAN.search(text):
        candidates = ("zh",)
    else:
        candidates = tuple(lang for lang in LANGUAGES if lang != "zh")
    english = words("en")
    found = {lang: tokenizer.tokens(text, words(lang), english if lang == "zh" else None) for lang in candidates}
    best = min(found, key=lambda lang: tokenizer.unknown(found[lang]))
    try:
        return read(found[best], demo(), best)
    except Unclear as unclear:
        return unclear.question
