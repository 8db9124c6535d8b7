"""What a word is among its neighbours: tokens in, tokens out, before anything is made of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from cells.language.lexicon import Meaning
from cells.language.tokens import Token


def in_context(found: Sequence[Token]) -> list[Token]:
    """The tokens of a sentence, with what "OK", "no", and two numbers of a ratio say where they stand."""
    if len(found) > 1 and found[0].kind == "verdict" and not found[1].may_be("noun"):
        found = found[1:]  # "OK, …"
    return _proportions(_counted([_none(token, found[i + 1 : i + 2], i > 0) for i, token in enumerate(found)]))


def _counted(found: list[Token]) -> list[Token]:
    """A Chinese count that stands before what describes its thing, moved to the thing: "兩塊12毫米栓的釘板"."""
    for i, token in enumerate(found[:-1]):
        if token.kind != "number" or found[i + 1].kind != "measure":
            continue
        for of in range(i + 3, len(found) - 1):
            described = found[i + 2 : of]
            product = found[of].text in ("的", "嘅") and found[of + 1].value.startswith("product:")
            if product and any(t.may_be("noun") for t in described):
                return [*found[:i], *described, token, found[i + 1], *found[of + 1 :]]
    return found


def _none(token: Token, behind: Sequence[Token], inside: bool) -> Token:
    """ "no" before a thing counts it; inside a sentence it takes back what was said."""
    if token.text == "no" and behind and any(behind[0].may_be(kind) for kind in ("noun", "color", "size")):
        return replace(token, meanings=(Meaning("det", "none"),))
    if token.text in ("no", "nein") and inside and behind:
        return replace(token, meanings=(Meaning("correct", "correct"),))
    return token


def _proportions(found: Sequence[Token]) -> list[Token]:
    """Two numbers with "to" between them as one, where a ratio is spoken of ("two to one")."""
    out = list(found)
    if not any(t.kind == "param" and t.value == "ratio" for t in found):
        return out
    for i in range(len(found) - 2):
        a, to, b = found[i : i + 3]
        said = [1.0 if t.text == "one" else float(t.value) if t.kind == "number" else 0.0 for t in (a, b)]
        if all(said) and (to.value == "to" or to.text in (":", "zu", "比", "/")):
            one = Token(f"{a.text} {to.text} {b.text}", (Meaning("number", f"{said[0] / said[1]:g}"),))
            return [*found[:i], one, *found[i + 3 :]]
    return out


def disambiguated(found: Sequence[Token]) -> Iterator[Token]:
    """Words that may be a verb or a thing: a verb where none has been said yet and a thing follows. A word that a verb
    may be torn from, at the end of a clause whose verb it completes: a particle."""
    verb, torn = False, frozenset[str]()
    for i, token in enumerate(found):
        if token.text in torn and (
            i + 1 == len(found) or found[i + 1].kind in ("mark", "conj", "seq", "filler", "cond")
        ):
            yield replace(token, meanings=(Meaning("particle", token.text),))
            continue
        torn = torn | {p for m in token.meanings for p in m.torn}
        if token.may_be("verb") and len(token.meanings) > 1:
            other = next(m.kind for m in token.meanings if m.kind != "verb")
            behind = next((t for t in found[i + 1 :] if t.kind != "filler"), None)
            front = next((t for t in reversed(found[:i]) if t.kind != "filler"), None)
            opens = behind is not None and (
                behind.kind in ("det", "pron", "number", "color", "size") or behind.may_be("noun")
            )
            inside = front is not None and front.kind in ("det", "number", "color", "size", "prep", "unit", "multiple")
            said = verb and not (behind is not None and behind.kind == "pron")
            token = token.as_kind("verb" if opens and not inside and not said else other)
        elif (
            token.kind == "verb"
            and i
            and found[i - 1].kind in ("det", "number")
            and found[i + 1 : i + 2]
            and found[i + 1].may_be("noun")
        ):
            continue  # "das fertige Getriebe"
        if token.kind == "verb":
            verb = True
        if token.kind in ("mark", "seq", "conj"):
            verb = False
        yield token
