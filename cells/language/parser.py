"""Typed tokens → clauses: the grammar of instructions, the same for every language.

Nothing is guessed: what could be two things raises ``Unclear``.
"""

from __future__ import annotations

from collections.abc import Sequence

from cells.language.phrases import Clause, Phrase, absorb, apposed
from cells.language.reading import Unclear
from cells.language.tokens import Token

POSTPOSED = ("以外", "之外", "外", "除外")
DIRECTIONS = "入到喺在進去落上於至埋回返"
PARTICLES = {"auseinander": "disassemble", "zusammen": "assemble", "fest": "fasten"}


class Parser:
    """From tokens to clauses."""

    def __init__(self, found: Sequence[Token], language: str) -> None:
        self._language, self._tokens = language, found

    def phrases(self) -> list[Phrase]:
        """The phrases of the whole sentence, whatever the verbs."""
        return [p for clause in self.clauses() for p in clause.phrases]

    def clauses(self) -> list[Clause]:
        """The clauses, in the order of the sentence."""
        self._done: list[Clause] = []
        self._clause, self._phrase = Clause(), Phrase()
        self._role, self._negate, self._except, self._or = "", False, False, False
        self._unless: str | None = None
        self._at = self._verb_at = self._condition_from = 0
        self._dropped_role = self._joined = ""
        self._boundary = 0
        for i, token in enumerate(self._tokens):
            self._at = i
            self._take(token)
        self._at = len(self._tokens)
        self._end_clause()
        return self._done

    def _take(self, token: Token) -> None:
        """One token, by the method of its kind; of other kinds nothing is to be understood here."""
        handler = getattr(self, f"_on_{token.kind}", None)
        if handler is not None:
            handler(token, token.value)

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
        if (
            clause.verb == "assemble"
            and value
            and not any(p.kind == "product" and value == "assemble" for p in clause.phrases)
            and not any(t.kind in ("conj", "mark", "seq") for t in self._tokens[self._verb_at : self._at])
        ):
            clause.verb, clause.front = value, 0  # "I need the screws tightened"
            return
        if clause.verb or clause.torn:
            if (
                self._language == "zh"
                and clause.verb in ("pick", "put", "give", "go")
                and value in ("put", "go", "give", "insert")
                and not any(t.kind in ("mark", "conj", "seq") for t in self._tokens[self._verb_at : self._at])
            ):
                clause.verb = value if clause.verb != "give" else clause.verb  # one thing done by two verbs: 拿…放到
                self._lead(token)
                return
            behind = clause.phrases[self._boundary :] if self._boundary else []
            moved = behind if clause.front or any(p.verdict for p in behind) else []
            if moved:
                del clause.phrases[self._boundary :]
            self._end_clause()
            self._clause.phrases, self._clause.front = moved, len(moved)
            clause = self._clause
        else:
            before = self._previous()
            listed = (
                before is not None and before.kind in ("mark", "conj") and any(p.role == "to" for p in clause.phrases)
            )
            if self._language == "en" and listed:
                self._end_clause()  # "housing to fixture, tighten the screws"
                clause = self._clause
            clause.front = len(clause.phrases)
        clause.verb, clause.torn = value, torn
        if self._negate:
            clause.negated, self._negate = True, False
        self._boundary, self._verb_at = len(clause.phrases), self._at
        self._lead(token)

    def _lead(self, token: Token) -> None:
        """A Chinese verb that ends in a direction (放入, 插進) leads to where what was named before it goes."""
        taken = bool(self._done) and self._done[-1].verb == "pick"
        if self._language == "zh" and token.text[-1] in DIRECTIONS and (self._clause.phrases or taken):
            self._role = "to"

    def _on_particle(self, token: Token, value: str) -> None:
        clause = self._clause
        self._end_phrase()
        if token.text in clause.torn:
            clause.verb = clause.torn[token.text]
        elif clause.verb and token.text in PARTICLES:
            clause.verb = PARTICLES[token.text]  # of a strong verb: "nimm … auseinander"

    def _on_take(self, token: Token, value: str) -> None:
        if self._clause.verb and self._clause.phrases:
            self._end_clause()

    def _on_noun(self, token: Token, value: str) -> None:
        kind, _, noun = value.partition(":")
        phrase = self._phrase
        if phrase.noun:
            before = self._tokens[self._at - 1]
            owns = before.text in ("嘅", "的") and kind == phrase.kind == "part"
            if owns or (
                before.kind == "noun" and kind == phrase.kind == "part" and not phrase.many and self._language != "de"
            ):
                phrase.noun = ""  # "the cover screws" are screws
            else:
                station = phrase.kind == "station" and before.text in ("嘅", "的")
                self._end_phrase()
                if station:
                    self._clause.phrases[-1].role = "from"
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
        if (
            self._language == "zh"
            and value == "all"
            and before is not None
            and before.kind == "noun"
            and self._clause.phrases
        ):
            last = self._clause.phrases[-1]
            if last.kind == "part" and last.number is None:
                last.det = "all"  # 零件全部…
                self._phrase.det = ""
                if self._next() is not None and self._next().kind != "number":  # type: ignore[union-attr]
                    return
        self._phrase.plural = self._language == "zh" and token.text[-1:] in ("啲", "些")
        if value == "none" and before is not None and (before.kind, before.value) == ("conj", "but"):
            self._negate = True  # "but no red ones"
            return
        self._phrase.det = self._phrase.det if self._phrase.det in ("all", "both", "some", "none") else value

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
            countable = self._phrase.kind in ("part", "product") and self._phrase.number is None
            if self._language == "zh" and countable and self._counts_what_is_before():
                self._phrase.number = number  # 接頭三個
                return
            if (
                self._phrase.noun == "gear"
                and (unit is None or unit.kind in ("mark", "conj"))
                and number == int(number)
            ):
                self._phrase.teeth = int(number)  # "pinion 20"
                return
            self._end_phrase()
        if unit is not None and unit.kind == "unit":
            self._clause.numbers.append(number)
            return
        if self._phrase.number is not None and not self._phrase.noun:
            raise Unclear("number", token.text)
        self._phrase.number = number

    def _counts_what_is_before(self) -> bool:
        """Whether a Chinese number with its measure ends what was named before it, and counts no other thing."""
        behind = [t for t in self._tokens[self._at + 1 :] if t.kind != "filler"][:2]
        return (
            bool(behind)
            and behind[0].kind == "measure"
            and (len(behind) == 1 or behind[1].kind in ("mark", "conj", "verb", "prep", "seq", "det"))
        )

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
        self._adjective()
        self._phrase.colors.append(value)

    def _on_size(self, token: Token, value: str) -> None:
        self._adjective()
        self._phrase.sizes.append(value)

    def _on_shape(self, token: Token, value: str) -> None:
        self._phrase.shape = value

    def _adjective(self) -> None:
        """An adjective behind its thing ("covers, blue") belongs to it; before a thing to that one."""
        if self._phrase.kind == "station":
            self._end_phrase()
            before = self._tokens[self._at - 1]
            if before.text in ("嘅", "的") and self._clause.phrases:
                self._clause.phrases[-1].role = "from"  # A盤嘅藍色銷釘
        elif self._phrase.noun and self._phrase.kind != "param":
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
        behind = self._next()
        ends = behind is None or behind.kind == "mark"
        if self._language == "zh" and ends and self._clause.phrases:
            if behind is not None and behind.value != "stop" and token.text in ("唔係", "不是"):
                self._on_correct(token, value)  # 紅色，唔係，藍色
            else:
                self._clause.phrases[-1].excepted = True  # …但螺絲唔要
            return
        self._negate = True

    def _on_except(self, token: Token, value: str) -> None:
        self._end_phrase()
        if self._language == "zh" and token.text in POSTPOSED:
            if self._clause.phrases:
                self._clause.phrases[-1].excepted = True  # …，大的除外
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
        postposed = (
            self._language == "zh" and value in ("before", "after") and (self._clause.verb or self._clause.phrases)
        )
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
        if value == "else":
            self._end_clause()
            before = next((c.cond for c in reversed(self._done) if c.cond in ("pass", "fail")), "")
            self._clause.cond = {"pass": "fail", "fail": "pass"}.get(before, "?")
            return
        if self._clause.verb and value == "if" and not self._clause.cond:
            # ", and if it fails …" begins what follows; "… if it passes" ends what went before: what comes tells.
            if self._closes_here():
                self._unless, self._condition_from = value, len(self._clause.phrases)
                return
            self._end_clause()
        self._unless, self._condition_from = value, len(self._clause.phrases)

    def _closes_here(self) -> bool:
        """Whether the sentence part ends right behind the condition that begins here."""
        kinds = [t.kind for t in self._tokens[self._at + 1 :]]
        if "verdict" not in kinds and "full" not in kinds:
            return True
        at = kinds.index("verdict") if "verdict" in kinds else kinds.index("full")
        rest = [t for t in self._tokens[self._at + at + 2 :] if t.kind != "filler"]
        if (
            not rest
            or rest[0].kind in ("seq", "cond", "conj")
            or (rest[0].kind == "mark" and rest[0].value in ("stop", "ask"))
        ):
            return True
        before = self._previous()
        joined = before is not None and before.kind in ("mark", "conj")
        return rest[0].kind == "mark" and not joined and self._clause.verb != "inspect"

    def _on_verdict(self, token: Token, value: str) -> None:
        if self._unless is not None:
            flip = (self._unless == "unless") != self._negate
            self._condition({"pass": "fail", "fail": "pass"}[value] if flip else value)
            return
        follows, before = self._next(), self._previous()
        last = self._clause.phrases[-1] if self._clause.phrases else Phrase()
        if (follows is not None and follows.kind in ("noun", "pron", "color", "size")) or self._phrase.noun == "one":
            self._phrase.verdict = value
        elif last.noun == "one" and not self._phrase.noun and before is not None and before.kind in ("pron", "det"):
            last.verdict = value  # "the ones that fail"
        elif (
            self._language != "zh"
            and self._nameless(before)
            and follows is not None
            and follows.kind in ("verb", "prep")
        ):
            self._phrase.kind, self._phrase.noun, self._phrase.verdict = "pron", "one", value  # "gute in Schale C"
            self._end_phrase()
        else:
            self._bare_condition(value, follows)

    def _nameless(self, before: Token | None) -> bool:
        """Whether an adjective that comes now would stand for a thing of its own."""
        return not self._phrase.noun and (before is None or before.kind in ("mark", "conj", "det"))

    def _bare_condition(self, value: str, follows: Token | None) -> None:
        """A condition without its word: "ist er in Ordnung, gib ihn mir"; nothing may be lost of it."""
        behind = self._next(("filler", "mark", "conj", "seq"))
        if follows is None or behind is None or behind.kind not in ("verb", "prep"):
            raise Unclear("condition", follows.text if follows is not None else "")
        self._end_phrase()
        if self._clause.verb:
            spoken = self._clause.phrases[self._boundary :]
            del self._clause.phrases[self._boundary :]
            self._end_clause()
            self._clause.phrases = spoken
        self._condition_from = 0
        self._condition({"pass": "fail", "fail": "pass"}[value] if self._negate else value)

    def _condition(self, cond: str) -> None:
        """The condition is complete: what it speaks of is no object."""
        self._end_phrase()
        about = [p for p in self._clause.phrases[self._condition_from :] if p.kind in ("part", "product")]
        self._clause.about = about or self._clause.about
        del self._clause.phrases[self._condition_from :]
        self._clause.cond, self._unless, self._negate, self._role = cond, None, False, ""

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

    def _end_phrase(self) -> None:
        phrase = self._phrase
        if not (phrase.noun or phrase.described or phrase.number is not None or phrase.det):
            self._phrase = Phrase()
            return
        phrase.role, self._role = self._role, ""
        before = self._clause.phrases[-1] if self._clause.phrases else None
        if (
            not phrase.noun
            and phrase.role == "with"
            and before is not None
            and before.kind in ("part", "pron")
            and phrase.described
        ):
            # "the gear with 24 teeth"
            absorb(before, phrase)
            self._phrase = Phrase()
            return
        phrase.joined, self._joined = self._joined, ""
        if apposed(phrase, before) and before is not None and not (self._negate or self._except or self._or):
            absorb(before, phrase)
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
        if self._unless is not None or self._except or self._negate:
            raise Unclear("condition")  # said of nothing: it isn't understood, and mustn't be lost
        if clause.verb or clause.torn or clause.phrases or clause.cond:
            if clause.torn and not clause.verb:
                raise Unclear("verb")
            clause.end = self._at
            self._done.append(clause)
        self._clause = Clause(start=self._at)
        if self._done and self._done[-1].cond and not self._done[-1].verb and not self._done[-1].phrases:
            # "if it fails, put it …": the condition belongs to what follows.
            self._clause.cond, self._clause.about = self._done[-1].cond, self._done[-1].about
            self._done.pop()
        self._boundary = 0
