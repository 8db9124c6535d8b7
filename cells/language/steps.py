"""Clauses → steps of the instruction schema: roles, pronouns, quantities, and the order of doing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from cells.language.phrases import Clause, Phrase
from cells.language.reading import Quantity, Step, Unclear
from cells.language.tokens import Token
from cells.language.vocabulary import SIZES, Vocabulary

MOST = 9999  # things in one sentence: more is a slip of the pen


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
        if self._language == "zh" and any(p.kind == "part" and not p.role for p in phrases):
            phrases = [
                p for p in phrases if not (p.kind == "pron" and p.noun == "it" and not p.role)
            ]  # 嗰個齒輪，夾起佢
        if any(p.alternative for p in phrases):
            raise Unclear("which")
        excepted = [p for p in phrases if p.excepted]
        phrases = [p for p in phrases if not p.excepted]
        mounts = clause.verb == "insert" and not any(p.role == "to" for p in phrases)  # "montieren" is either
        if any(p.kind == "product" for p in phrases) and (clause.verb in ("assemble", "") or mounts):
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
        objects = self._meant(objects)
        if me and targets and not sources and all(p.kind == "station" and p.role == "in" for p in targets):
            sources = targets
        if me or (verb == "give" and not targets):
            targets, verb = [Phrase("station", "operator")], "give"
        if any(p.noun == "operator" for p in targets):
            verb = "give"
        if not verb:
            verb = (
                "put"
                if targets
                else self._verb
                if self._verb in ("pick", "inspect", "fasten", "give", "insert")
                else ""
            )
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
                if (
                    head is not None
                    and head.kind == "part"
                    and not head.role
                    and (phrase.described or phrase.number is not None)
                ):
                    phrase = replace(
                        phrase,
                        kind="part",
                        noun=head.noun,
                        many=False if phrase.number is None and phrase.det != "all" else head.many,
                    )
                else:
                    before = next((p for p in reversed(out) if p.kind == "part"), None)
                    if before is not None and not phrase.described and phrase.det in ("all", "both"):
                        if phrase.number is not None:  # 小、中、大齒輪各一個
                            out = [
                                replace(p, number=phrase.number) if p.kind == "part" and not p.role else p for p in out
                            ]
                        continue
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
            elif (
                phrase.role in ("to", "in")
                and phrase.kind in ("part", "pron", "product")
                and (objects or verb in ("put", "insert", "fasten", "give", "go", "pick", ""))
            ):
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

    def _meant(self, objects: list[Phrase]) -> list[Phrase]:
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
                number = (
                    phrase.number
                    if phrase.number is not None
                    else (None if phrase.det or phrase.many or phrase.verdict else before.number)
                )
                out.append(
                    replace(
                        phrase,
                        kind=before.kind,
                        noun=before.noun,
                        number=number,
                        many=phrase.many if phrase.many is not None else (before.many if phrase.verdict else None),
                        det=phrase.det or (before.det if phrase.verdict else ""),
                    )
                )
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
            if not self._last or (target is None and verb == "put"):
                raise Unclear("what")
            objects = self._last
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
        merged = self._merge(skill, objects)
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
            if (
                params.get("if") in ("pass", "fail")
                and skill != "inspect"
                and not any(s.skill == "inspect" for s in self._out)
            ):
                self._add(Step("inspect", phrase.noun, None, quantity, self._of(phrase, "inspect")), clause)
            self._add(Step(skill, phrase.noun, name, quantity, params), clause)
        self._last, self._verb = objects, verb

    def _merge(self, skill: str, objects: list[Phrase]) -> dict[str, Any]:
        """A pick right before the same thing is put somewhere is one step with it: takes it back, returns what it said
        of the source."""
        if skill not in ("place", "insert", "handover") or (
            objects is not self._last and [p.noun for p in objects] != [p.noun for p in self._last]
        ):
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
            return (
                "handover"
                if target is None or target.noun == "operator"
                else ("place" if target.kind == "station" else "insert")
            )
        return {"put": "place"}.get(verb, verb)

    def _of(self, phrase: Phrase, skill: str) -> dict[str, Any]:
        if phrase.kind == "product" and skill not in ("inspect", "place", "handover", "pick"):
            raise Unclear("what", phrase.noun)
        return looks(phrase)

    def _quantity(self, phrase: Phrase) -> Quantity:
        quantity = quantity_of(phrase)
        if (
            phrase.noun == "gear"
            and quantity != "all"
            and not (phrase.colors or phrase.sizes or phrase.teeth is not None)
        ):
            raise Unclear("which_gear", phrase.noun, SIZES)
        return quantity

    def _except(self, excepted: list[Phrase]) -> dict[str, str]:
        if len(excepted) > 1:
            raise Unclear("except")
        phrase = excepted[0]
        said = looks(phrase)
        if phrase.kind == "part" and not said and phrase.noun != "part":
            return {"object": phrase.noun}
        if len(said) != 1 or next(iter(said)) not in ("color", "size"):
            raise Unclear("except")
        return said

    def _disassemble(self, clause: Clause, phrases: list[Phrase]) -> None:
        products = [p for p in phrases if p.kind == "product"]
        if len(products) != 1 or len(phrases) != 1:
            raise Unclear("what_product")
        quantity = quantity_of(products[0])
        if quantity == "all" and (products[0].det != "all" or products[0].plural):
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
        bare = (
            self._language == "de" and not product.det and product.number is None and clause.front == 0 and clause.verb
        )
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
        said = list(self._found[clause.start : clause.end])
        while said and said[-1].kind in ("mark", "conj", "seq"):
            said.pop()
        self._out.append(replace(step, words=("" if self._language == "zh" else " ").join(t.text for t in said)))
        self._owner.append(self._now)


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


def looks(phrase: Phrase) -> dict[str, Any]:
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
        if phrase.number != int(phrase.number) or phrase.number > MOST:
            raise Unclear("how_many", phrase.noun)
        return int(phrase.number)
    if phrase.det == "both":
        return 2
    if phrase.det == "all" or (phrase.many and phrase.det != "a"):
        return "all"
    return 1
