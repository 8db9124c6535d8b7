"""Text → typed tokens: the longest known form at each place, numbers, and near misses of longer words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rapidfuzz import process
from rapidfuzz.distance import OSA

from cells.language import numbers
from cells.language.lexicon import WORD, Lexicon, Meaning, normal

HAN = re.compile(r"[㐀-鿿]")
FUZZY_FROM = 5  # letters: shorter words are one slip away from too many others
# A slip of the pen never makes these: a word that stops, refuses or negates is written, or it isn't there.
EXACT = frozenset(
    ("control", "refuse", "safety", "neg", "filler", "number", "unit", "yes_no", "topic", "cond", "prep", "seq")
)
PUNCTUATION = {".": "stop", "!": "stop", "?": "ask", ";": "stop", ":": "stop", ",": "comma", "、": "list", "。": "stop",
               "-": "dash", "/": "slash", "…": "stop"}  # fmt: skip
COUNTS = ("number", "det", "color", "size", "unit", "multiple")  # behind these stands a thing
ZH_NUMBER = re.compile(r"[零〇一二兩两三四五六七八九十百廿卅]+(點[零一二三四五六七八九]+)?")


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of a sentence. ``meanings`` are all that it may be; ``kind`` and ``value`` the first of them."""

    text: str
    meanings: tuple[Meaning, ...]

    @property
    def kind(self) -> str:
        """What kind of word it is; "unknown" if nobody knows."""
        return self.meanings[0].kind if self.meanings else "unknown"

    @property
    def value(self) -> str:
        """What it says."""
        return self.meanings[0].value if self.meanings else self.text

    @property
    def many(self) -> bool | None:
        """Whether it is a plural, where that can be told."""
        return self.meanings[0].many if self.meanings else None

    def as_kind(self, kind: str) -> Token:
        """The same token, decided to be of that kind."""
        return replace(self, meanings=tuple(m for m in self.meanings if m.kind == kind))

    def may_be(self, kind: str) -> bool:
        """Whether it may be of that kind."""
        return any(m.kind == kind for m in self.meanings)


def tokens(text: str, words: Lexicon, english: Lexicon | None = None) -> list[Token]:
    """The tokens of a sentence. ``english`` also knows the Latin words in a Chinese one."""
    clean = normal(text)
    return _chinese(clean, words, english) if words.language == "zh" else _spaced(clean, words)


def unknown(found: Sequence[Token]) -> int:
    """How many tokens nobody knows."""
    return sum(token.kind == "unknown" for token in found)


def _number(text: str) -> Token:
    return Token(text, (Meaning("number", text.replace(",", ".")),))


def _spaced(text: str, words: Lexicon) -> list[Token]:
    pieces = WORD.findall(re.sub(r"(?<=\w)['-](?=\w)", " ", text))
    out: list[Token] = []
    i = 0
    while i < len(pieces):
        for n in range(min(words.longest, len(pieces) - i), 0, -1):
            meanings = words.forms.get(tuple(pieces[i : i + n]))
            if meanings and n > 1 and meanings[0].kind == "verb" and out and out[-1].kind in COUNTS:
                noun = words.forms.get((pieces[i],))
                if noun and any(m.kind == "noun" for m in noun):
                    continue  # "the four screws on the cover" screws nothing on
            if meanings:
                out.append(Token(" ".join(pieces[i : i + n]), tuple(meanings)))
                i += n
                break
        else:
            out.append(_single(pieces[i], words))
            i += 1
        if words.language == "de" and out[-1].text == "er" and len(out) > 1 and out[-2].text.isdigit():
            out[-1] = Token("er", (Meaning("unit", "teeth"),))  # ein 24er Rad
    return out


def _single(piece: str, words: Lexicon) -> Token:
    """A piece that is in no form."""
    if piece[0].isdigit():
        return _number(piece)
    if not piece[0].isalnum():
        mark = PUNCTUATION.get(piece)
        return Token(piece, (Meaning("mark", mark),) if mark else (Meaning("filler", ""),))
    if words.language == "de" and piece.endswith("mal") and (number := words.forms.get((piece[:-3],))):
        return Token(piece, tuple(number))
    return _compound(piece, words) or _near(piece, words) or Token(piece, ())


def _near(piece: str, words: Lexicon) -> Token | None:
    """The one form that a slip or two would make of this word; None if there is none or several meanings."""
    if len(piece) < FUZZY_FROM:
        return None
    most = 1 if len(piece) < 8 else 2
    choices = [
        form[0] for form, meanings in words.forms.items()
        if len(form) == 1 and len(form[0]) >= FUZZY_FROM and form[0][0] == piece[0] and meanings[0].kind not in EXACT
    ]  # fmt: skip
    found = process.extract(piece, choices, scorer=OSA.distance, score_cutoff=most, limit=5)
    if not found:
        return None
    best = [form for form, score, _ in found if score == found[0][1]]
    meanings = {(m.kind, m.value): m for form in best for m in words.forms[(form,)]}
    return Token(piece, tuple(meanings.values())) if len(meanings) == 1 else None


def _compound(piece: str, words: Lexicon) -> Token | None:
    """A German compound of a known word and the name of a thing, which is what it says."""
    if words.language != "de":
        return None
    for cut in range(3, len(piece) - 3):
        head = words.forms.get((piece[cut:],))
        front = piece[:cut]
        known = (
            words.forms.get((front,)) or words.forms.get((front.rstrip("s"),)) or words.forms.get((front.rstrip("n"),))
        )
        if head and head[0].kind == "noun" and known and known[0].kind in ("noun", "filler"):
            return Token(piece, tuple(head))
    return None


def _chinese(text: str, words: Lexicon, english: Lexicon | None) -> list[Token]:
    out: list[Token] = []
    i = 0
    while i < len(text):
        if text[i].isspace():
            i += 1
            continue
        form = _longest(text, i, words)
        run = "" if form and HAN.search(form.text) else _latin(text, i)
        if run and english is not None:
            out += _latin_tokens(run, words, english)
            i += len(run)
            continue
        number = ZH_NUMBER.match(text, i)
        if number and (form is None or len(number.group()) >= len(form.text)):
            value = numbers.chinese(number.group())
            out.append(Token(number.group(), (Meaning("number", f"{value:g}"),) if value is not None else ()))
            i = number.end()
            continue
        if form is None:
            mark = PUNCTUATION.get(text[i])
            known = (Meaning("mark", mark),) if mark else () if text[i].isalnum() else (Meaning("filler", ""),)
            form = Token(text[i], known)
        out.append(form)
        i += len(form.text)
        while i < len(text) and text[i].isspace():
            i += 1
    return out


def _longest(text: str, start: int, words: Lexicon) -> Token | None:
    squeezed, ends = "", []
    for at in range(start, min(len(text), start + 2 * words.longest)):
        if not text[at].isspace():
            squeezed += text[at]
            ends.append(at + 1)
    for n in range(min(words.longest, len(squeezed)), 0, -1):
        meanings = words.forms.get(tuple(squeezed[:n]))
        if meanings:
            return Token(text[start : ends[n - 1]], tuple(meanings))
    return None


def _latin(text: str, start: int) -> str:
    """The run of Latin words and digits that begins here."""
    found = re.match(r"[a-z0-9](?:[a-z0-9.,:' +-]*[a-z0-9])?", text[start:])
    return found.group() if found else ""


def _latin_tokens(run: str, words: Lexicon, english: Lexicon) -> list[Token]:
    """Latin words inside a Chinese sentence: its own forms (nm, mm, ok) first, then English ones."""
    out = []
    for token in _spaced(run, english):
        own = words.forms.get(tuple(token.text.replace(" ", "")))
        out.append(Token(token.text, tuple(own)) if own else token)
    return out
