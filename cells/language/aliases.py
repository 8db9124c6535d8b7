"""Words that operators teach: "the big boy is the large gear"."""

from __future__ import annotations

from collections.abc import Sequence

from cells.errors import InputError, Problem
from cells.language import tokens as tokenizer
from cells.language.lexicon import raw
from cells.language.tokens import Token
from cells.language.vocabulary import Vocabulary, words

MOST_CHARACTERS = 60
ARTICLES = ("det", "measure", "filler", "mark")


def teaching(text: str, language: str, names: Vocabulary) -> tuple[str, str, str] | None:
    """(alias, what it means as a lexicon says it, how that was said), if a sentence teaches one: something unknown, a
    word such as "is" or "means", and one thing of the cell. ``None`` otherwise."""
    found = _tokens(text, language, names)
    links = raw(language)["mood"]["links"]
    for i, token in enumerate(found):
        if token.text in links and i:
            alias, rest = found[:i], found[i + 1 :]
            means = _meaning(rest)
            if means is not None and any(each.kind == "unknown" for each in alias):
                joint = "" if language == "zh" else " "
                bare = [each for each in alias if each.kind not in ARTICLES]
                return joint.join(t.text for t in bare), means, joint.join(t.text for t in rest).strip(" .。")
    return None


def taught(alias: str, means: str, language: str, names: Vocabulary) -> str:
    """What an alias is to mean, as a lexicon says it. Raises ``InputError`` where that isn't one thing of the cell, or
    where the alias means something already."""
    if not 0 < len(alias.strip()) <= MOST_CHARACTERS or not alias.isprintable():
        raise InputError(Problem("alias", f"has {len(alias)} characters", f"use 1 to {MOST_CHARACTERS}"))
    said = [token for token in _tokens(alias, language, names) if token.kind not in ("det", "mark")]
    if said and all(token.kind != "unknown" for token in said):
        what = f"{alias!r} means something already ({', '.join(sorted({token.kind for token in said}))})"
        raise InputError(Problem("alias", what, "choose another word"))
    meaning = _meaning(_tokens(means, language, names))
    if meaning is None:
        remedy = 'name one part with its size, a station or a product, such as "the large gear"'
        raise InputError(Problem("alias", f"{means!r} isn't one thing of this cell", remedy))
    return meaning


def _meaning(found: Sequence[Token]) -> str | None:
    """The one thing that is named, with its size."""
    nouns = [token for token in found if token.kind == "noun"]
    sizes = [token.value for token in found if token.kind == "size"]
    if len(nouns) != 1 or len(sizes) > 1 or any(t.kind not in ("noun", "size", *ARTICLES) for t in found):
        return None
    value = nouns[0].value
    sized = sizes and value.startswith("part:") and value.count(":") == 1
    return f"{value}:{sizes[0]}" if sized else None if sizes and not value.endswith(sizes[0]) else value


def _tokens(text: str, language: str, names: Vocabulary) -> list[Token]:
    return tokenizer.tokens(text, words(language, names), words("en", names) if language == "zh" else None)
