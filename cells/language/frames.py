"""Typed tokens → phrases → clauses → steps: the grammar of instructions, the same for every language.

A phrase is a thing with what is said of it ("two small gears in tray A"), a clause a verb with its phrases by role.
Nothing is guessed: a word that isn't understood, or a thing that could be two, raises ``Unclear``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cells.language.lexicon import Meaning
from cells.language.reading import Quantity, Reading, Refusal, Step, Unclear
from cells.language.tokens import Token
from cells.language.vocabulary import Vocabulary

PARTICLES = {"auseinander": "disassemble", "zusammen": "assemble", "fest": "fasten"}


@dataclass
class Phrase:
    """One thing. ``noun``: part, product or station name, "tray" (which?), or a pronoun ("it", "me", "one", "there",
    "arm"); ``kind`` tells which of these. ``role``: the preposition before it."""

    kind: str = ""
    noun: str = ""
    many: bool | None = None
    det: str = ""
    number: float | None = None
    colors: list[str] = field(default_factory=list)
    sizes: list[str] = field(default_factory=list)
    shape: str = ""
    mm: float | None = None
    teeth: int | None = None
    verdict: str = ""
    role: str = ""
    negated: bool = False
    excepted: bool = False
    alternative: bool = False
    joined: str = ""  # what stands before it: "comma" or "conj"
    measured: bool = False  # a Chinese measure word stood before it
    params: dict[str, float | str] = field(default_factory=dict)

    @property
    def described(self) -> bool:
        """Whether anything is said of it but its name."""
        return bool(self.colors or self.sizes or self.mm is not None or self.teeth is not None or self.verdict or self.shape)


@dataclass
class Clause:
    """A verb and its phrases. ``when``: before, after or first of what stands beside it; ``cond`` as in the schema."""

    verb: str = ""
    torn: Mapping[str, str] = field(default_factory=dict)
    phrases: list[Phrase] = field(default_factory=list)
    front: int = 0  # how many of the phrases stood before the verb
    torque: float | None = None
    slow: bool = False
    cond: str = ""
    about: list[Phrase] = field(default_factory=list)  # what the condition speaks of
    felt: bool = False  # the condition speaks of an inspection
    when: str = ""
    negated: bool = False
    loose: list[str] = field(default_factory=list)
    numbers: list[float] = field(default_factory=list)
    params: dict[str, float | str] = field(default_factory=dict)
    start: int = 0
    end: int = 0


def read(found: Sequence[Token], names: Vocabulary, language: str) -> Reading:
    """The reading of a sentence's tokens. Raises ``Unclear`` where the operator has to be asked."""
    if len(found) > 1 and found[0].kind == "verdict" and not found[1].may_be("noun"):
        found = found[1:]  # "OK, …"
    found = _proportions([_none(token, found[i + 1 : i + 2], i > 0) for i, token in enumerate(found)])
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
    if (query := _query(found, names)) is not None:
        return (query,)
    clauses = Parser(found, names, language).clauses()
    return tuple(Steps(names, found, language).of(clauses))


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


def _says(found: Sequence[Token], kind: str, value: str) -> bool:
    return any(token.kind == kind and token.value == value for token in found)


def _refused(found: Sequence[Token]) -> Refusal | None:
    """What the cell won't do, and never half of it."""
    for token in found:
        if token.kind == "refuse":
            return Refusal(token.value, token.text)
    bypass = any(m.kind == "safety" and m.value == "bypass" for t in found for m in t.meanings)
    guard = next(
        (t for t in found if t.kind == "safety" and t.value == "guard" or (t.kind, t.value) == ("control", "stop")), None
    )
    return Refusal("bypass", guard.text) if bypass and guard is not None else None


def _control(found: Sequence[Token]) -> Step | None:
    """Pause, resume, cancel, repeat: said alone, with how often at most."""
    said = [t for t in found if t.kind == "control"]
    rest = [t for t in found if t.kind not in ("control", "filler", "mark", "pron", "seq", "conj", "det", "slow", "prep", "measure")]
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


TOPICS = ("last_failure", "footprint", "energy", "throughput", "location", "status", "orders", "count")


def _query(found: Sequence[Token], names: Vocabulary) -> Step | None:
    """A question, if it is one."""
    said = {t.value for t in found if t.kind == "topic"}
    if not said:
        return None
    topic = next(t for t in TOPICS if t in said)
    phrases = [p for p in Parser(found, names, "").phrases() if p.kind in ("part", "product", "station")]
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
        params |= _looks(thing, names)
    if topic in ("count", "location") and not things and not _says(found, "everything", "all"):
        if topic == "location" or not places:
            raise Unclear("what")
    noun = thing.noun or ("part" if topic == "count" else None)
    return Step("query", noun or None, places[0] if places else None, None, params)


def _looks(phrase: Phrase, names: Vocabulary) -> dict[str, Any]:
    """What is said of a part, as params."""
    out: dict[str, Any] = {}
    if len(phrase.colors) > 1 or len(phrase.sizes) > 1:
        raise Unclear("which", phrase.noun)
    if phrase.colors:
        out["color"] = phrase.colors[0]
    if phrase.sizes:
        out["size"] = phrase.sizes[0]
    if phrase.teeth is not None:
        out["teeth"] = phrase.teeth
    if phrase.mm is not None:
        out["dims_mm"] = {"diameter": phrase.mm}
    if phrase.shape:
        raise Unclear("shape", phrase.noun)
    return out


class Parser:
    """From tokens to clauses."""

    def __init__(self, found: Sequence[Token], names: Vocabulary, language: str) -> None:
        self._names, self._language = names, language
        self._tokens = list(_disambiguated(found, names))

    def phrases(self) -> list[Phrase]:
        """The phrases of the whole sentence, whatever the verbs."""
        return [p for clause in self.clauses() for p in clause.phrases]

    def clauses(self) -> list[Clause]:
        """The clauses, in the order of the sentence."""
        self._done: list[Clause] = []
        self._clause, self._phrase = Clause(), Phrase()
        self._role, self._negate, self._except, self._or = "", False, False, False
        self._unless: str | None = None
        self._condition_from = 0
        self._dropped_role = self._joined = ""
        self._boundary = 0
        for i, token in enumerate(self._tokens):
            self._at = i
            self._take(token, i)
        self._end_clause()
        return [c for c in self._done if c.verb or c.phrases or c.cond or c.params]

    # one token

    def _take(self, token: Token, i: int) -> None:
        kind, value = token.kind, token.value
        handler = getattr(self, f"_on_{kind}", None)
        if handler is not None:
            handler(token, value)

    def _next(self, skip: Sequence[str] = ("filler",)) -> Token | None:
        for token in self._tokens[self._at + 1 :]:
            if token.kind not in skip:
                return token
        return None

    def _previous(self) -> Token | None:
        for token in reversed(self._tokens[: self._at]):
            if token.kind != "filler":
                return token
        return None

    def _on_verb(self, token: Token, value: str) -> None:
        self._end_phrase()
        torn = token.meanings[0].torn
        clause = self._clause
        if clause.verb == "assemble" and value and not any(p.kind == "product" and value == "assemble" for p in clause.phrases):
            clause.verb, clause.front = value, 0  # "I need the screws tightened"
            return
        if clause.verb or clause.torn:
            if self._language == "zh" and clause.verb in ("pick", "put", "give", "go") and value in ("put", "go") and not clause.phrases:
                clause.verb = value if clause.verb != "give" else "give"
                return
            behind = clause.phrases[self._boundary :] if self._boundary else []
            moved = behind if clause.front or any(p.verdict for p in behind) else []
            if moved:
                del clause.phrases[self._boundary :]
            self._end_clause()
            self._clause.phrases, self._clause.front = moved, len(moved)
            clause = self._clause
        else:
            clause.front = len(clause.phrases)
        clause.verb, clause.torn = value, torn
        if self._negate:
            clause.negated, self._negate = True, False
        self._boundary = len(clause.phrases)

    def _on_particle(self, token: Token, value: str) -> None:
        clause = self._clause
        self._end_phrase()
        if token.text in clause.torn:
            clause.verb = clause.torn[token.text]
        elif clause.verb and token.text in PARTICLES:
            clause.verb = PARTICLES[token.text]  # of a strong verb: "nimm … auseinander"
        elif not clause.verb and not clause.torn:
            clause.loose.append(token.text)

    def _on_take(self, token: Token, value: str) -> None:
        if self._clause.verb and self._clause.phrases:
            self._end_clause()

    def _on_noun(self, token: Token, value: str) -> None:
        kind, _, noun = value.partition(":")
        phrase = self._phrase
        if phrase.noun:
            before = self._tokens[self._at - 1]
            if before.kind == "noun" and kind == phrase.kind == "part" and not phrase.many and self._language != "de":
                phrase.noun = ""  # "the cover screws" are screws
            else:
                self._end_phrase()
                phrase = self._phrase
        phrase.kind, phrase.noun, phrase.many = kind, noun, token.many
        if kind == "part" and ":" in noun:
            phrase.noun, _, size = noun.partition(":")
            phrase.sizes.append(size)

    def _on_robot(self, token: Token, value: str) -> None:
        if self._phrase.noun:
            self._end_phrase()
        self._phrase.kind, self._phrase.noun = "arm", "arm"
        self._end_phrase()

    def _on_traywords(self, token: Token, value: str) -> None:
        if self._phrase.noun:
            self._end_phrase()
        self._phrase.kind, self._phrase.noun, self._phrase.many = "station", "tray", token.many
        self._end_phrase()

    def _on_everything(self, token: Token, value: str) -> None:
        self._end_phrase()
        self._phrase.kind, self._phrase.noun, self._phrase.det = "part", "part", "all"

    def _on_pron(self, token: Token, value: str) -> None:
        before = self._previous()
        if token.text == "sie" and before is not None and before.kind == "verb" and before.text.endswith("n"):
            return  # "Legen Sie …"
        if value == "one" and not (self._phrase.described or self._phrase.det or self._negate or self._except):
            if self._language != "zh":
                self._phrase.number = 1.0 if token.text == "one" else self._phrase.number
                if token.text == "one":
                    return
            self._phrase.det = "the"
            if self._language == "zh":
                return
        if self._phrase.noun:
            self._end_phrase()
        self._phrase.kind, self._phrase.noun = "pron", value
        if value == "one":
            self._phrase.many = token.text == "ones" or None
        self._end_phrase()

    def _on_det(self, token: Token, value: str) -> None:
        if self._phrase.noun:
            self._end_phrase()
        before = self._previous()
        if value == "none" and before is not None and (before.kind, before.value) == ("conj", "but"):
            self._negate = True  # "but no red ones"
            return
        self._phrase.det = self._phrase.det if self._phrase.det in ("all", "both", "some", "none") else value

    def _on_measure(self, token: Token, value: str) -> None:
        self._phrase.measured = True

    def _on_multiple(self, token: Token, value: str) -> None:
        if self._phrase.noun:
            self._end_phrase()
        self._phrase.number = float(value) * (self._phrase.number or 1.0)

    def _on_number(self, token: Token, value: str) -> None:
        number = float(value)
        unit = self._next()
        if self._phrase.noun and not (unit is not None and unit.kind == "unit"):
            # A number behind a thing counts the next one; unless nothing follows ("pinion 20").
            if self._phrase.kind == "param":
                self._phrase.number = number
                return
            if self._phrase.noun == "gear" and (unit is None or unit.kind in ("mark", "conj")) and number == int(number):
                self._phrase.teeth = int(number)  # "pinion 20"
                return
            self._end_phrase()
        if unit is not None and unit.kind == "unit":
            self._clause.numbers.append(number)
            return
        if self._phrase.number is not None and not self._phrase.noun:
            raise Unclear("number", token.text)
        self._phrase.number = number

    def _on_unit(self, token: Token, value: str) -> None:
        if not self._clause.numbers:
            if value == "teeth" and self._phrase.number is not None:
                self._clause.numbers.append(self._phrase.number)
                self._phrase.number = None
            else:
                if value == "times":
                    return
                raise Unclear("number", token.text)
        number = self._clause.numbers.pop()
        if value == "nm":
            if self._clause.torque is not None:
                raise Unclear("torque")
            self._clause.torque, self._role = number, ""
        elif value == "mm":
            if self._phrase.mm is not None:
                raise Unclear("number", token.text)
            self._phrase.mm = number
        elif value == "teeth":
            if number != int(number):
                raise Unclear("number", token.text)
            self._phrase.teeth = int(number)
        else:
            raise Unclear("how_often")

    def _on_color(self, token: Token, value: str) -> None:
        self._adjective(token)
        self._phrase.colors.append(value)

    def _on_size(self, token: Token, value: str) -> None:
        self._adjective(token)
        self._phrase.sizes.append(value)

    def _on_shape(self, token: Token, value: str) -> None:
        self._phrase.shape = value

    def _adjective(self, token: Token) -> None:
        """An adjective behind its thing ("covers, blue") belongs to it; before a thing to that one."""
        if self._phrase.noun and self._phrase.kind != "param":
            follows = self._next(("filler", "color", "size"))
            if follows is not None and follows.kind in ("noun",) and self._language != "zh":
                self._end_phrase()

    def _on_param(self, token: Token, value: str) -> None:
        if value == "diameter" and self._phrase.mm is not None:
            return
        said, self._phrase.mm = self._phrase.mm, None
        if self._phrase.noun:
            self._end_phrase()
        self._phrase.mm = said
        self._phrase.kind, self._phrase.noun = "param", value

    def _on_prep(self, token: Token, value: str) -> None:
        if value == "its":
            self._end_phrase()
            if self._clause.phrases and self._clause.phrases[-1].kind == "station":
                self._clause.phrases[-1].role = "from"
            return
        if value == "of" and not self._phrase.noun:
            return  # "two of them"
        if self._phrase.noun or self._phrase.described or self._phrase.number is not None:
            if value == "of" and self._phrase.kind == "param":
                return
            self._end_phrase()
        if value != "of":
            self._role = value

    def _on_neg(self, token: Token, value: str) -> None:
        self._end_phrase()
        self._negate = True

    def _on_except(self, token: Token, value: str) -> None:
        self._end_phrase()
        if self._language == "zh" and self._except:
            return
        self._except = True

    def _on_conj(self, token: Token, value: str) -> None:
        every = self._phrase.det == "all" or self._phrase.noun == "part"
        self._end_phrase()
        behind = self._next()
        if value == "but" and every and behind is not None and behind.kind in ("det", "color", "size", "noun"):
            self._except = True
            return
        if value == "or":
            self._or = True
            if self._clause.phrases:
                self._clause.phrases[-1].alternative = True
        elif value == "but":
            self._negate = False
        self._joined = "conj"
        self._mark()

    def _on_mark(self, token: Token, value: str) -> None:
        if value in ("dash", "slash"):
            return
        self._end_phrase()
        if value in ("stop", "ask"):
            self._end_clause()
        else:
            self._joined = "comma"
            self._mark()

    def _mark(self) -> None:
        """A boundary inside a clause."""
        self._boundary = len(self._clause.phrases)
        if self._clause.when in ("before", "after") and (self._clause.verb or self._clause.torn):
            self._end_clause()

    def _on_seq(self, token: Token, value: str) -> None:
        postposed = self._language == "zh" and value in ("before", "after") and (self._clause.verb or self._clause.phrases)
        self._end_phrase()
        if postposed:
            self._clause.when = value
            self._end_clause()
            return
        if value == "first" and not (self._clause.verb or self._clause.phrases):
            self._clause.when = self._clause.when or ("first" if self._done else "")
            return
        before = self._previous()
        if value == "first" and self._clause.verb and before is not None and before.kind in ("conj", "mark"):
            self._end_clause()
            self._clause.when = "first"
            return
        if value == "first" and self._clause.verb:
            # "check the cover first": it happens before what was said, if anything was.
            self._clause.when = self._clause.when or ("first" if self._done else "")
            return
        if (self._clause.verb or self._clause.torn) and not self._clause.phrases:
            return  # "ziehe danach den Deckel fest"
        if self._clause.verb or self._clause.phrases or self._clause.torn:
            self._end_clause()
        if value in ("before", "after"):
            self._clause.when = value

    def _on_slow(self, token: Token, value: str) -> None:
        self._clause.slow = True

    def _on_cond(self, token: Token, value: str) -> None:
        self._end_phrase()
        if self._clause.verb and value in ("if", "else") and not self._clause.cond:
            # ", and if it fails …" begins what follows; "… if it passes" ends what went before: what comes tells.
            if self._closes_here():
                self._unless, self._condition_from = value, len(self._clause.phrases)
                return
            self._end_clause()
        self._unless, self._condition_from = value, len(self._clause.phrases)
        if value == "else":
            self._end_clause()
            before = next((c.cond for c in reversed(self._done) if c.cond in ("pass", "fail")), "")
            self._clause.cond = {"pass": "fail", "fail": "pass"}.get(before, "?")
            self._unless = None

    def _closes_here(self) -> bool:
        """Whether the sentence part ends right behind the condition that begins here."""
        kinds = [t.kind for t in self._tokens[self._at + 1 :]]
        if "verdict" not in kinds and "full" not in kinds:
            return True
        at = kinds.index("verdict") if "verdict" in kinds else kinds.index("full")
        rest = [t for t in self._tokens[self._at + at + 2 :] if t.kind != "filler"]
        if not rest or rest[0].kind in ("seq", "cond", "conj") or (rest[0].kind == "mark" and rest[0].value in ("stop", "ask")):
            return True
        before = self._previous()
        joined = before is not None and before.kind in ("mark", "conj")
        return rest[0].kind == "mark" and not joined and self._clause.verb != "inspect"

    def _on_verdict(self, token: Token, value: str) -> None:
        if self._unless is None:
            follows = self._next()
            if follows is not None and follows.kind in ("noun", "pron", "color", "size") or self._phrase.noun == "one":
                self._phrase.verdict = value
            elif self._phrase.noun:
                self._phrase.verdict = self._phrase.verdict or value
            elif follows is not None and follows.kind in ("verb", "prep"):
                self._phrase.kind, self._phrase.noun, self._phrase.verdict = "pron", "one", value  # "gute in Schale C"
                self._end_phrase()
            return
        flip = (self._unless == "unless") != self._negate
        self._condition({"pass": "fail", "fail": "pass"}[value] if flip else value)

    def _condition(self, cond: str) -> None:
        """The condition is complete: what it speaks of is no object."""
        self._end_phrase()
        about = [p for p in self._clause.phrases[self._condition_from :] if p.kind in ("part", "product")]
        self._clause.about = about or self._clause.about
        del self._clause.phrases[self._condition_from :]
        self._clause.cond, self._unless, self._negate, self._role = cond, None, False, ""
        self._clause.felt = True

    def _on_inspection(self, token: Token, value: str) -> None:
        self._phrase = Phrase()

    def _on_full(self, token: Token, value: str) -> None:
        self._end_phrase()
        spoken = self._clause.phrases[self._condition_from :]
        place = next((p for p in reversed(self._clause.phrases) if p.kind == "station"), None)
        if place is not None and place not in spoken and any(p.kind == "pron" for p in spoken):
            del self._clause.phrases[self._condition_from :]
            noun = place.noun
        elif place is None:
            following = self._next(("filler", "prep", "det"))
            noun = following.value.partition(":")[2] if following is not None and following.kind == "noun" else ""
        else:
            noun = place.noun
            self._clause.phrases.remove(place)
        if not noun.startswith("tray_"):
            raise Unclear("which_tray")
        empty = value == "room" or (self._negate != (self._unless == "unless"))
        if not empty:
            raise Unclear("condition")
        self._clause.cond, self._unless, self._negate, self._role = f"not {noun}_full", None, False, ""

    def _on_correct(self, token: Token, value: str) -> None:
        self._end_phrase()
        if self._clause.phrases:
            self._clause.phrases.pop()
            self._role = self._role or self._dropped_role

    # ends

    def _end_phrase(self) -> None:
        phrase = self._phrase
        if not (phrase.noun or phrase.described or phrase.number is not None or phrase.det):
            self._phrase = Phrase()
            return
        phrase.role, self._role = self._role, ""
        before = self._clause.phrases[-1] if self._clause.phrases else None
        if not phrase.noun and phrase.role == "with" and before is not None and before.kind in ("part", "pron") and phrase.described:
            # "the gear with 24 teeth"
            _absorb(before, phrase)
            self._phrase = Phrase()
            return
        phrase.joined, self._joined = self._joined, ""
        if _apposed(phrase, before) and before is not None and not (self._negate or self._except or self._or):
            _absorb(before, phrase)
            self._phrase = Phrase()
            return
        phrase.negated, phrase.excepted = self._negate, self._except
        phrase.alternative = self._or
        self._negate, self._except, self._or = False, False, False
        self._dropped_role = phrase.role
        self._clause.phrases.append(phrase)
        self._phrase = Phrase()

    def _end_clause(self) -> None:
        self._end_phrase()
        clause = self._clause
        for text in clause.loose:
            if text in clause.torn:
                clause.verb = clause.torn[text]
        if self._unless is not None and not clause.cond and not clause.verb and not clause.phrases:
            pass
        if clause.verb or clause.torn or clause.phrases or clause.cond or clause.params:
            if clause.torn and not clause.verb:
                raise Unclear("verb")
            clause.end = self._at
            self._done.append(clause)
        self._clause = Clause(start=self._at)
        if self._done and self._done[-1].cond and not self._done[-1].verb and not self._done[-1].phrases:
            # "if it fails, put it …": the condition belongs to what follows.
            self._clause.cond, self._clause.felt = self._done[-1].cond, True
            self._clause.about = self._done[-1].about
            self._done.pop()
        self._boundary = 0
        self._negate = False


def _apposed(phrase: Phrase, before: Phrase | None) -> bool:
    """Whether a phrase without a thing says more of the one before ("the cover, the black one")."""
    if before is None or before.kind != "part" or phrase.joined != "comma" or phrase.role or phrase.verdict:
        return False
    bare = not phrase.noun or (phrase.kind == "pron" and phrase.noun == "one" and not phrase.many)
    new = not (phrase.colors and before.colors) and not (phrase.sizes and before.sizes)
    return bare and new and phrase.described and phrase.number is None and phrase.det in ("", "the")


def _absorb(before: Phrase, phrase: Phrase) -> None:
    before.teeth = before.teeth if before.teeth is not None else phrase.teeth
    before.mm = before.mm if before.mm is not None else phrase.mm
    before.colors, before.sizes = before.colors + phrase.colors, before.sizes + phrase.sizes


def _disambiguated(found: Sequence[Token], names: Vocabulary) -> Iterator[Token]:
    """Words that may be a verb or a thing: a verb where none has been said yet and a thing follows. A word that a verb
    may be torn from, at the end of a clause whose verb it completes: a particle."""
    verb, torn = False, frozenset[str]()
    for i, token in enumerate(found):
        if token.text in torn and (i + 1 == len(found) or found[i + 1].kind in ("mark", "conj", "seq", "filler", "cond")):
            yield replace(token, meanings=(Meaning("particle", token.text),))
            continue
        torn = torn | {p for m in token.meanings for p in m.torn}
        if token.may_be("verb") and len(token.meanings) > 1:
            other = next(m.kind for m in token.meanings if m.kind != "verb")
            behind = next((t for t in found[i + 1 :] if t.kind != "filler"), None)
            front = next((t for t in reversed(found[:i]) if t.kind != "filler"), None)
            opens = behind is not None and (behind.kind in ("det", "pron", "number", "color", "size") or behind.may_be("noun"))
            inside = front is not None and front.kind in ("det", "number", "color", "size", "prep", "unit", "multiple")
            said = verb and not (behind is not None and behind.kind == "pron")
            token = token.as_kind("verb" if opens and not inside and not said else other)
        elif token.kind == "verb" and i and found[i - 1].kind in ("det", "number") and found[i + 1 : i + 2] and found[i + 1].may_be("noun"):
            continue  # "das fertige Getriebe"
        if token.kind == "verb":
            verb = True
        if token.kind in ("mark", "seq", "conj"):
            verb = False
        yield token


def _in_order(clauses: Sequence[Clause]) -> list[Clause]:
    """The clauses in the order in which they are to be done."""
    out: list[Clause] = []
    i = 0
    clauses = list(clauses)
    while i < len(clauses):
        clause = clauses[i]
        if clause.when == "before" and clause.verb:
            later = i + 1 < len(clauses) and not out
            if later:
                out += [clauses[i + 1], clause]
                i += 2
                continue
            out.append(clause)
        elif clause.when == "after" and out and clause.verb:
            out.insert(len(out) - 1, clause)
        elif clause.when == "first" and out:
            out.insert(0, clause)
        else:
            out.append(clause)
        i += 1
    return out


class Steps:
    """From clauses to steps. ``last`` are the objects that a pronoun may mean."""

    def __init__(self, names: Vocabulary, found: Sequence[Token], language: str) -> None:
        self._names, self._found, self._language = names, found, language
        self._owner: list[int] = []
        self._now = 0
        self._last: list[Phrase] = []
        self._out: list[Step] = []
        self._verb = ""

    def of(self, clauses: Sequence[Clause]) -> list[Step]:
        """The steps of all clauses. Raises ``Unclear`` if there is nothing to do."""
        for self._now, clause in enumerate(clauses):
            if clause.negated:
                self._last = [p for p in clause.phrases if p.kind == "part" and not p.role] or self._last
            else:
                self._clause(clause)
        if not self._out:
            raise Unclear("nothing_to_do")
        # Pronouns mean what was said before, wherever it is done: the order of doing comes last.
        order = [next(i for i, c in enumerate(clauses) if c is clause) for clause in _in_order(clauses)]
        return [step for i in order for step, owner in zip(self._out, self._owner, strict=True) if owner == i]

    def _clause(self, clause: Clause) -> None:
        for part in _parts(clause):
            self._one(part)

    def _one(self, clause: Clause) -> None:
        if clause.about and not any(p.kind == "part" and not p.role for p in clause.phrases):
            self._last = clause.about
        phrases = self._shared([p for p in clause.phrases if not p.negated])
        if any(p.alternative for p in phrases):
            raise Unclear("which")
        excepted = [p for p in phrases if p.excepted]
        phrases = [p for p in phrases if not p.excepted]
        if any(p.kind == "product" for p in phrases) and clause.verb in ("assemble", "", "insert", "put", "give"):
            if clause.verb in ("assemble", "") or (clause.verb == "insert" and not any(p.role == "to" for p in phrases)):
                self._assemble(clause, phrases)
                return
        verb = clause.verb
        if verb == "assemble":
            if not any(p.kind == "station" for p in phrases) or not any(p.kind == "part" for p in phrases):
                raise Unclear("what_product")
            verb = "put"  # "I want the pins in tray B"
        if verb == "disassemble":
            self._disassemble(clause, phrases)
            return
        me = any(p.kind == "pron" and p.noun == "me" for p in phrases)
        phrases = [p for p in phrases if not (p.kind == "pron" and p.noun == "me")]
        if any(p.kind == "pron" and p.noun == "there" for p in phrases):
            raise Unclear("where")
        objects, sources, targets = self._roles(phrases, verb)
        arm = any(p.kind == "arm" for p in objects)
        objects = [p for p in objects if p.kind != "arm"]
        if (verb == "go" or (arm and not objects and verb in ("put", "give", "pick", "go"))) and not objects:
            self._move(clause, targets, sources)
            return
        if verb == "go":
            verb = "put"
        objects = self._meant(objects, verb)
        if me and targets and not sources and all(p.kind == "station" and p.role == "in" for p in targets):
            sources = targets
        if me or verb == "give" and not targets:
            targets, verb = [Phrase("station", "operator")], "give"
        if any(p.noun == "operator" for p in targets):
            verb = "give"
        if not verb:
            verb = "put" if targets else self._verb if self._verb in ("pick", "inspect", "fasten", "give", "insert") else ""
            if not verb and self._verb == "put" and not targets:
                raise Unclear("where")
            if not verb:
                raise Unclear("what_to_do")
        self._perform(clause, verb, objects, sources, targets, excepted)

    def _shared(self, phrases: list[Phrase]) -> list[Phrase]:
        """Things of a list that share one noun ("small, medium and large gear"), each with it."""
        out: list[Phrase] = []
        for i, phrase in enumerate(phrases):
            if not phrase.noun and (phrase.described or phrase.number is not None or phrase.det):
                head = next((p for p in phrases[i + 1 :] if p.noun), None)
                if head is not None and head.kind == "part" and not head.role and (phrase.described or phrase.number is not None):
                    phrase = replace(phrase, kind="part", noun=head.noun, many=False if phrase.number is None and phrase.det != "all" else head.many)
                else:
                    before = next((p for p in reversed(out) if p.kind == "part"), None)
                    if before is None and not phrase.described:
                        if phrase.number is not None or phrase.det in ("some", "none"):
                            phrase = replace(phrase, kind="pron", noun="one")
                        elif phrase.det in ("all", "both"):
                            phrase = replace(phrase, kind="pron", noun="it")
                        else:
                            continue
                    else:
                        phrase = replace(phrase, kind="pron", noun="one")
            out.append(phrase)
        return out

    def _roles(self, phrases: list[Phrase], verb: str) -> tuple[list[Phrase], list[Phrase], list[Phrase]]:
        """Which phrases are acted on, where they come from, and where they go to."""
        objects: list[Phrase] = []
        sources: list[Phrase] = []
        targets: list[Phrase] = []
        for phrase in phrases:
            place = phrase.kind == "station"
            if phrase.role == "from":
                sources.append(phrase)
            elif place and phrase.role in ("to", "in", ""):
                if not phrase.role and verb in ("empty",):
                    sources.append(phrase)
                else:
                    targets.append(phrase)
            elif phrase.role in ("to", "in") and phrase.kind in ("part", "pron", "product") and (objects or verb in ("put", "insert", "fasten", "give", "go", "pick", "")):
                targets.append(phrase)
            elif phrase.role == "with" and verb == "put" and targets and not objects:
                objects.append(phrase)
            elif phrase.role == "with" and verb not in ("fill", "assemble"):
                raise Unclear("with", phrase.noun)
            else:
                objects.append(phrase)
        if verb in ("pick", "inspect", "fasten") and targets and not sources:
            static = [p for p in targets if p.kind == "station" and p.role in ("in", "")]
            if static and len(static) == len(targets):
                sources, targets = static, []
        while len(targets) > 1 and not sources:
            first = targets[0]
            if first.kind != "station":
                break
            sources, targets = [first], targets[1:]
        if len(targets) > 1 or len(sources) > 1:
            raise Unclear("where")
        return objects, sources, targets

    def _meant(self, objects: list[Phrase], verb: str) -> list[Phrase]:
        """Pronouns replaced by what they mean."""
        out: list[Phrase] = []
        for phrase in objects:
            if phrase.kind != "pron":
                if phrase.kind == "param":
                    raise Unclear("what", phrase.noun)
                out.append(phrase)
            elif phrase.noun == "it":
                if not self._last:
                    raise Unclear("what")
                out += [replace(p, role="", number=phrase.number or p.number) for p in self._last]
            elif phrase.noun == "one":
                before = out[-1] if out else (self._last[-1] if self._last else None)
                if before is None:
                    raise Unclear("what")
                number = phrase.number if phrase.number is not None else (None if phrase.det or phrase.many or phrase.verdict else before.number)
                out.append(replace(phrase, kind=before.kind, noun=before.noun, number=number, many=phrase.many if phrase.many is not None else (before.many if phrase.verdict else None),
                                   det=phrase.det or (before.det if phrase.verdict else "")))
            else:
                raise Unclear("what")
        return out

    def _move(self, clause: Clause, targets: list[Phrase], sources: list[Phrase]) -> None:
        if len(targets) != 1 or sources:
            raise Unclear("where")
        place = targets[0]
        if place.kind != "station":
            raise Unclear("where", place.noun)
        params = self._common(clause)
        self._add(Step("move", None, _station(place), None, params), clause)

    def _common(self, clause: Clause) -> dict[str, Any]:
        out: dict[str, Any] = {}
        if clause.slow:
            out["speed"] = "slow"
        if clause.cond == "?":
            raise Unclear("condition")
        if clause.cond:
            out["if"] = clause.cond
        return out

    def _perform(
        self, clause: Clause, verb: str, objects: list[Phrase], sources: list[Phrase], targets: list[Phrase],
        excepted: list[Phrase],
    ) -> None:  # fmt: skip
        target = targets[0] if targets else None
        source = _station(sources[0]) if sources else None
        if sources and sources[0].kind == "pron":
            raise Unclear("where")
        if sources and sources[0].kind != "station":
            raise Unclear("where", sources[0].noun)
        if verb == "empty":
            if source is None:
                raise Unclear("where")
            objects, verb = objects or [Phrase("part", "part", det="all")], "put"
        if verb == "fill":
            objects = [replace(p, role="") for p in objects]
            verb = "put"
        if verb == "discard":
            verb, target = "put", target or Phrase("station", "reject_bin")
        if not objects:
            if not self._last or target is None and verb == "put":
                raise Unclear("what")
            objects = self._last
            elliptic = True
        else:
            elliptic = False
        skill = "fasten" if verb == "insert" and clause.torque is not None else self._skill(verb, target)
        name = None if target is None else _station(target) if target.kind == "station" else target.noun
        if target is not None and target.kind == "pron":
            if target.noun != "it" or not self._last:
                raise Unclear("where")
            name = self._last[-1].noun
        if target is not None and target.kind == "part" and target.noun == "part":
            raise Unclear("where")
        if skill == "place" and name is None:
            raise Unclear("where")
        merged = self._merge(skill, objects, elliptic)
        for phrase in objects:
            params = self._common(clause) | self._of(phrase, skill)
            if phrase.verdict:
                if "if" in params:
                    raise Unclear("condition")
                params["if"] = phrase.verdict
            params = {**merged, **params}
            if source:
                params["from"] = source
            if clause.torque is not None:
                if skill != "fasten":
                    raise Unclear("torque")
                params["torque_nm"] = clause.torque
            if excepted:
                params["except"] = self._except(excepted)
            quantity = "all" if "except" in params else self._quantity(phrase)
            if params.get("if") in ("pass", "fail") and skill != "inspect" and not any(s.skill == "inspect" for s in self._out):
                self._add(Step("inspect", phrase.noun, None, quantity, self._of(phrase, "inspect")), clause)
            self._add(Step(skill, phrase.noun, name, quantity, params), clause)
        self._last, self._verb = objects, verb

    def _merge(self, skill: str, objects: list[Phrase], elliptic: bool) -> dict[str, Any]:
        """A pick right before the same thing is put somewhere is one step with it: takes it back, returns what it said
        of the source."""
        if skill not in ("place", "insert", "handover") or objects is not self._last and [p.noun for p in objects] != [p.noun for p in self._last]:
            return {}
        picks = self._out[len(self._out) - len(objects) :]
        if not picks or any(s.skill != "pick" for s in picks) or [s.object for s in picks] != [p.noun for p in objects]:
            return {}
        if any(s.quantity not in (self._quantity(p), "all") for s, p in zip(picks, objects, strict=True)):
            return {}
        del self._owner[len(self._out) - len(objects) :]
        del self._out[len(self._out) - len(objects) :]
        return {key: picks[0].params[key] for key in ("from", "speed", "except", "if") if key in picks[0].params}

    def _skill(self, verb: str, target: Phrase | None) -> str:
        if verb in ("put", "insert", "pick") and target is not None:
            return "place" if target.kind == "station" else "insert"
        if verb == "give":
            return "handover" if target is None or target.noun == "operator" else ("place" if target.kind == "station" else "insert")
        return {"put": "place"}.get(verb, verb)

    def _of(self, phrase: Phrase, skill: str) -> dict[str, Any]:
        if phrase.kind == "product" and skill not in ("inspect", "place", "handover", "pick"):
            raise Unclear("what", phrase.noun)
        params = _looks(phrase, self._names)
        if phrase.kind == "part" and "color" in params and phrase.noun != "part" and params["color"] not in self._names.colors_of(phrase.noun):
            pass
        return params

    def _quantity(self, phrase: Phrase) -> Quantity:
        quantity = quantity_of(phrase)
        if phrase.noun == "gear" and quantity != "all" and not (phrase.colors or phrase.sizes or phrase.teeth is not None):
            raise Unclear("which_gear", phrase.noun, self._names.sizes)
        return quantity

    def _except(self, excepted: list[Phrase]) -> dict[str, str]:
        if len(excepted) > 1:
            raise Unclear("except")
        phrase = excepted[0]
        looks = _looks(phrase, self._names)
        if phrase.kind == "part" and not looks and phrase.noun != "part":
            return {"object": phrase.noun}
        if len(looks) != 1 or next(iter(looks)) not in ("color", "size"):
            raise Unclear("except")
        return looks

    def _disassemble(self, clause: Clause, phrases: list[Phrase]) -> None:
        products = [p for p in phrases if p.kind == "product"]
        if len(products) != 1 or len(phrases) != 1:
            raise Unclear("what_product")
        quantity = quantity_of(products[0])
        if quantity == "all" and products[0].det != "all":
            raise Unclear("how_many")
        self._add(Step("disassemble", products[0].noun, None, quantity, self._common(clause)), clause)
        self._last = products

    def _assemble(self, clause: Clause, phrases: list[Phrase]) -> None:
        """A product with what is said of its parts."""
        me = [p for p in phrases if p.kind == "pron" and p.noun == "me"]
        phrases = [p for p in phrases if p not in me]
        products = [p for p in phrases if p.kind == "product"]
        if len(products) != 1:
            raise Unclear("what_product")
        product = products[0]
        if product.colors or product.sizes or product.mm is not None or product.teeth is not None:
            raise Unclear("which_parameter", product.noun)
        quantity = quantity_of(product)
        bare = self._language == "de" and not product.det and product.number is None and clause.front == 0 and clause.verb
        if quantity == "all" or bare:
            raise Unclear("how_many")
        variant: dict[str, Any] = {}
        for phrase in phrases:
            if phrase is product:
                continue
            if phrase.kind == "pron" and phrase.noun == "one":  # "… pegs, each 10 mm in diameter"
                part = next((p for p in reversed(phrases[: phrases.index(phrase)]) if p.kind == "part"), None)
                if part is None:
                    raise Unclear("which_parameter")
                phrase = replace(phrase, kind="part", noun=part.noun, det="", number=None)
            for name, value in self._names.parameters(product.noun, phrase).items():
                if name in variant:
                    raise Unclear("which_parameter", name)
                variant[name] = value
        params = self._common(clause)
        if variant:
            params["variant"] = variant
        self._add(Step("assemble", product.noun, None, quantity, params), clause)
        self._last, self._verb = [product], "assemble"

    def _add(self, step: Step, clause: Clause) -> None:
        words = " ".join(t.text for t in self._found[clause.start : clause.end + 1])
        self._out.append(replace(step, words=words))
        self._owner.append(self._now)


def _parts(clause: Clause) -> list[Clause]:
    """A clause that says several times what goes where ("the pin in tray A, the gear in tray B"), taken apart."""
    groups: list[list[Phrase]] = [[]]
    for i, phrase in enumerate(clause.phrases):
        here = groups[-1]
        thing = phrase.kind != "station" and not phrase.role and not phrase.negated and not phrase.excepted
        has_thing = any(p.kind != "station" and not p.role and not p.negated for p in here)
        placed = any(p.role in ("to", "in") for p in here)
        again = any(p.role in ("to", "in") for p in clause.phrases[i + 1 :])
        if thing and has_thing and placed and again and not any(p.kind == "product" for p in clause.phrases):
            groups.append([])
        groups[-1].append(phrase)
    return [clause] if len(groups) == 1 else [replace(clause, phrases=group) for group in groups]


def _station(phrase: Phrase) -> str:
    if phrase.noun in ("tray", "tray_?"):
        raise Unclear("which_tray")
    return phrase.noun


def quantity_of(phrase: Phrase) -> Quantity:
    """How many are meant: a number, "all", or one."""
    if phrase.det in ("some",):
        raise Unclear("how_many", phrase.noun)
    if phrase.det == "none" or phrase.number == 0:
        raise Unclear("how_many", phrase.noun)
    if phrase.number is not None:
        if phrase.number != int(phrase.number):
            raise Unclear("how_many", phrase.noun)
        return int(phrase.number)
    if phrase.det == "both":
        return 2
    if phrase.det == "all" or (phrase.many and phrase.det != "a"):
        return "all"
    return 1
