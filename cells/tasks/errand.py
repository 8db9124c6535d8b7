"""Single steps that an operator asks for ("insert the shaft", "put a peg in tray C") → the calls of one unit.

The process plan of the product whose parts are meant fills in what is missing: the steps that must come before, and
where a part goes. What was filled in is said. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any

from cells.description.stations import HandOver, Tray
from cells.language.reading import Step
from cells.language.saying import Saying
from cells.language.vocabulary import part_and_size
from cells.ports import LoadRequest
from cells.skills.contract import Call, Skill
from cells.tasks.plan import Past, UnitPlan, predicted, skill_for, slots_for, slots_of_unit, target_of

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.products.family import Family
    from cells.products.model import BomLine, Part, ProcessStep, ProductVariant, Value

PUT_INTO = ("insert", "mesh")
LOOKS = ("inspect", "turn", "probe")


class Impossible(Exception):
    """What was said can't be done, and ``why``."""

    def __init__(self, code: str, **slots: Any) -> None:
        self.why = Saying(f"objection.{code}", slots)
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class Errand:
    """The unit's plan; by call id the ``words`` it came from and the ``reasons`` why it is there; ``remarks`` on what
    was assumed."""

    unit: UnitPlan
    words: Mapping[str, str]
    reasons: Mapping[str, Saying]
    remarks: tuple[Saying, ...]


def family_of(steps: Sequence[Step], families: Mapping[str, Family]) -> Family | None:
    """The one family whose parts (or which itself) the steps speak of; ``None`` where they speak of no part.

    Raises ``Impossible`` where no family has them all, or several have."""
    products = {step.object for step in steps if step.object in families}
    nouns = {noun for step in steps for noun in (step.object, step.target) if noun is not None}
    nouns -= products | {"part"}
    known = {name: {part_and_size(part)[0] for part in family.parts} for name, family in families.items()}
    nouns = {noun for noun in nouns if any(noun in parts for parts in known.values()) or _is_object(noun, steps)}
    if not nouns and not products:
        return None
    able = [name for name, parts in known.items() if nouns <= parts and products <= {name}]
    if len(able) == 1:
        return families[able[0]]
    missing = next((noun for noun in nouns if not any(noun in parts for parts in known.values())), None)
    if missing is not None:
        raise Impossible("no_product", part=missing, family=list(families))
    raise Impossible("two_products", part=sorted(nouns))


def _is_object(noun: str, steps: Sequence[Step]) -> bool:
    return any(step.object == noun for step in steps)


def parameters_said(steps: Sequence[Step], family: Family) -> dict[str, Value]:
    """What the steps say of parts that decides the product's parameters ("the 24-tooth pinion", "a 12 mm peg").

    Raises ``Impossible`` where two steps say different things, or nothing is made to that measure."""
    found: dict[str, Value] = {}
    for step in steps:
        for name, value in _said(step, family):
            if found.setdefault(name, value) != value:
                raise Impossible("two_values", parameter=name, asked=str(found[name]), asked_2=str(value))
    return found


def counts_said(steps: Sequence[Step], family: Family) -> dict[str, range]:
    """How many of a part a product must have, where the steps ask for more than it has by default, and may have."""
    found = {}
    for step in steps:
        known = family.parameters.get(f"{step.object}s")
        if known is not None and isinstance(step.quantity, int) and step.quantity > int(known.default):
            found[f"{step.object}s"] = range(step.quantity, max(step.quantity, int(known.max)) + 1)
    return found


def _said(step: Step, family: Family) -> Iterator[tuple[str, Value]]:
    noun, params = step.object, step.params
    size = params.get("size")
    sized = any(part_and_size(part) == (noun, size) for part in family.parts)
    if size is not None and size in family.sizes and not sized:
        yield from family.sizes[size].parameters.items()
    if params.get("color") is not None and f"{noun}_color" in family.parameters:
        yield f"{noun}_color", params["color"]
    if "teeth" in params:
        yield ("pinion_teeth" if size == "small" else "gear_teeth"), params["teeth"]
    for value in params.get("dims_mm", {}).values():
        if f"{noun}_mm" not in family.parameters:
            raise Impossible("no_dimension", part=noun, family=family.name)
        yield f"{noun}_mm", value


def plan_errand(
    serial: str, steps: Sequence[Step], variant: ProductVariant | None, cell: Cell, skills: Mapping[str, Skill],
    past: Past,
) -> Errand:  # fmt: skip
    """The calls for these steps, with what the process plan needs before them. ``skills`` by capability.

    Raises ``Impossible``, and ``Unbuildable`` where trays are too small or a capability is missing."""
    work = _Work(serial, variant, cell, skills)
    for step in steps:
        work.add(step)
    return work.errand(past)


class _Work:
    """An errand while it is being put together."""

    def __init__(self, serial: str, variant: ProductVariant | None, cell: Cell, skills: Mapping[str, Skill]) -> None:
        self._serial, self._variant, self._cell, self._skills = serial, variant, cell, skills
        self._calls: list[Call] = []
        self._words: dict[str, str] = {}
        self._reasons: dict[str, Saying] = {}
        self._remarks: list[Saying] = []
        self._steps = {step.id: step for step in variant.process.steps} if variant else {}
        self._slots: dict[str, LoadRequest] = {}
        if variant is not None:
            self._slots = {_name(load.instance): load for load in slots_of_unit(serial, cell, variant)}
        self._done: set[str] = set()
        self._moved: dict[str, str] = {}  # item → where a step has put it, other than the process plan
        self._held: str | None = None
        self._numbers = count(1)

    def add(self, step: Step) -> None:
        """The calls of one step."""
        if self._variant is not None and step.object == self._variant.family:
            raise Impossible("whole_unit", skill=step.skill, family=step.object)
        if step.params.get("if") == "fail":
            raise Impossible("condition_fail")
        if step.params.get("if") == "pass":
            self._remark("remark.if_pass")
        elif str(step.params.get("if", "")).startswith("not tray_"):
            self._room(step)
        {"move": self._move, "pick": self._pick, "place": self._place, "insert": self._insert, "fasten": self._fasten,
         "inspect": self._inspect, "handover": self._handover}[step.skill](step)  # fmt: skip

    def errand(self, past: Past) -> Errand:
        """What has been put together."""
        used = {_name(call.item) for call in self._calls} | {_name(call.base) for call in self._calls if call.base}
        loads = tuple(load for item, load in self._slots.items() if item in used)
        calls = tuple(self._calls)
        hash_ = self._variant.hash if self._variant else ""
        returns = tuple(self._stored(call) for call in calls if call.target is not None and "/" in call.target)
        unit = UnitPlan(self._serial, 0, hash_, loads, calls, *predicted(calls, past), returns)
        return Errand(unit, self._words, self._reasons, tuple(self._remarks))

    def _stored(self, call: Call) -> LoadRequest:
        """The slot that a part is put into."""
        station, slot = str(call.target).split("/")
        name = _name(call.item)
        return LoadRequest(call.item, self._part(name).name, self._product.hash, station, int(slot))

    def _move(self, step: Step) -> None:
        target = self._station(str(step.target)) if step.target != "home" else "home"
        item = self._instance(self._held) if self._held else ""
        self._call(step, f"move_{next(self._numbers)}", "move", item, target, None, Saying("reason.asked"))

    def _pick(self, step: Step) -> None:
        for item in self._free(step):
            self._take(step, item, Saying("reason.asked"))

    def _place(self, step: Step) -> None:
        target = self._station(str(step.target))
        if target == "carton":
            self._goals(step, ("pack",), "not_packed", family=self._product.family)
            return
        if target == "fixture":
            base = next((item for item in self._matching(step) if self._part(item).base), None)
            if base is None:
                raise Impossible("not_a_base", item=str(step.object), station=target)
            self._goals(step, ("place",), "not_inserted")
            return
        for item in self._free(step):
            slot = self._free_slot(item, target) if isinstance(self._cell.stations[target], Tray) else target
            self._take(step, item, _for(item, step.skill))
            skill = "discard" if target == "reject_bin" else "store" if slot != target else "place"
            self._call(step, f"{skill}_{item}", skill, self._instance(item), slot, None, Saying("reason.asked"))
            self._moved[item], self._held = slot, None

    def _insert(self, step: Step) -> None:
        if step.target is not None and step.target not in {part_and_size(line.part)[0] for line in self._product.bom}:
            raise Impossible("no_product", part=step.target, family=[self._product.family])
        if all(self._part(item).base for item in self._matching(step)):
            raise Impossible("not_inserted", part=str(step.object))
        for item in self._wanted(step, self._inserting(step)):
            self._reach(step, next(s for s in self._steps.values() if s.item == item and s.capability in PUT_INTO))

    def _inserting(self, step: Step) -> list[str]:
        """The items that match and go by the process plan into what the step names, those not in it yet first."""
        found, into = [], []
        for item in self._matching(step):
            for each in self._steps.values():
                if each.item == item and each.capability in PUT_INTO:
                    base = self._part(str(each.target).partition("/")[0])
                    into.append(part_and_size(base.name)[0])
                    if step.target in (None, into[-1]):
                        found.append((each.id in self._done, item))
        if not found and into:
            raise Impossible("not_into", part=str(step.object), part_2=str(step.target), have=sorted(set(into)))
        return [item for _, item in sorted(found, key=lambda pair: pair[0])]

    def _fasten(self, step: Step) -> None:
        torque = step.params.get("torque_nm")
        self._goals(step, ("fasten",), "not_fastened", torque=float(torque) if torque is not None else None)

    def _inspect(self, step: Step) -> None:
        self._goals(step, LOOKS, "no_inspection")

    def _handover(self, step: Step) -> None:
        station = next((n for n, s in self._cell.stations.items() if isinstance(s, HandOver)), None)
        if station is None:
            raise Impossible("no_station", station="operator", cell=self._cell.name)
        for item in self._free(step):
            self._take(step, item, _for(item, "handover"))
            why = Saying("reason.asked")
            self._call(step, f"handover_{item}", "handover", self._instance(item), station, None, why)
            self._moved[item], self._held = station, None

    def _goals(
        self, step: Step, capabilities: Sequence[str], code: str, torque: float | None = None, **slots: Any
    ) -> None:
        """Reach the process steps of these capabilities on the matching items."""
        goals: dict[str, list[ProcessStep]] = {}
        for each in self._steps.values():
            if each.capability in capabilities:
                goals.setdefault(each.item, []).append(each)
        everything = step.object == "part"
        items = [item for item in (goals if everything else self._matching(step)) if item in goals]
        if not items:
            raise Impossible(code, part=str(step.object), **slots)
        for item in items if everything else self._wanted(step, items):
            for goal in goals[item]:
                self._reach(step, goal, torque)

    def _reach(self, step: Step, goal: ProcessStep, torque: float | None = None) -> None:
        """A process step, after all that it waits for."""
        for before in goal.after:
            if before not in self._done:
                needed = self._steps[before]
                self._remark("remark.first", skill=needed.capability, item=needed.item, item_2=goal.item)
                self._reach(step, needed)
        if goal.id in self._done:
            return
        skill = skill_for(goal.capability, goal, self._skills)
        asked = goal.item in self._matching(step)
        why = Saying("reason.asked") if asked else Saying("reason.before", {"item": goal.item})
        if any(condition.what == "holding" for condition in skill.before):
            self._take(step, goal.item, _for(goal.item, goal.capability), f"{goal.id}.pick", dict(goal.constraints))
        base, target = target_of(self._serial, goal)
        params = {**goal.constraints, **({"torque": torque} if torque is not None else {})}
        self._call(step, goal.id, goal.capability, self._instance(goal.item), target, base, why, params)
        self._done.add(goal.id)
        self._held = None

    def _take(
        self, step: Step, item: str, why: Saying, name: str | None = None, params: Mapping[str, float] | None = None
    ) -> None:
        if self._held == item:
            return
        if self._held is not None:
            raise Impossible("hand_full", item=item, item_2=self._held)
        self._call(step, name or f"pick_{item}", "pick", self._instance(item), None, None, why, params or {})
        self._held = item

    def _call(
        self, step: Step, name: str, capability: str, item: str, target: str | None, base: str | None, why: Saying,
        params: Mapping[str, float] | None = None,
    ) -> None:  # fmt: skip
        skill = self._skills.get(capability)
        if skill is None:
            raise Impossible("no_skill", skill=capability)
        while name in self._words:
            name = f"{name}+"
        said = f"asked: {step.words}" if step.words else "asked"
        self._calls.append(Call(name, skill.name, self._serial, item, target, base, params or {}, said))
        self._words[name], self._reasons[name] = step.words, why

    @property
    def _product(self) -> ProductVariant:
        if self._variant is None:
            raise Impossible("which_part")
        return self._variant

    def _lines(self, step: Step) -> Iterator[BomLine]:
        for line in self._product.bom:
            noun, size = part_and_size(line.part)
            said = step.params.get("size")
            if step.object in (noun, "part") and (size is None or said in (None, size)):
                yield line

    def _matching(self, step: Step) -> list[str]:
        """The items that a step means by its noun, size, colour and tray, exceptions left out."""
        return [item for line in self._lines(step) for item in line.items if self._looks(step, item)]

    def _looks(self, step: Step, item: str) -> bool:
        part, params = self._part(item), step.params
        noun, size = part_and_size(part.name)
        unless: Mapping[str, str] = params.get("except", {})
        if unless and (unless.get("object") == noun or unless.get("color") == part.color or unless.get("size") == size):
            return False
        return params.get("color") in (None, part.color)

    def _wanted(self, step: Step, items: Sequence[str]) -> list[str]:
        """As many of these as the step asks for. Raises ``Impossible`` where there are fewer."""
        if not items:
            have = sorted({f"{self._part(i).color} {_name(i)}" for line in self._lines(step) for i in line.items})
            looks = " ".join(str(v) for k, v in step.params.items() if k in ("color", "size", "teeth"))
            raise Impossible("no_such", part=str(step.object), looks=looks or "–", have=have or ["–"])
        if step.quantity == "all":
            return list(items)
        asked = int(step.quantity or 1)
        if asked > len(items):
            raise Impossible(
                "too_few", asked=asked, part=str(step.object), family=self._product.family, have=len(items)
            )
        return list(items[:asked])

    def _free(self, step: Step) -> list[str]:
        """The items that a step means and that are still in a tray, taken from the tray that it names."""
        used = {self._steps[done].item for done in self._done}
        target = str(step.target)
        items = [i for i in self._matching(step) if i not in used and not self._moved.get(i, "").startswith(target)]
        if self._held is not None and self._held in items:
            items = [self._held, *(item for item in items if item != self._held)]
        wanted = self._wanted(step, items)
        source = step.params.get("from")
        if source is not None:
            for item in wanted:
                self._load_into(item, self._station(source))
        return wanted

    def _load_into(self, item: str, tray: str) -> None:
        """Plan that an item lies in a tray to begin with."""
        if item not in self._moved and self._slots[item].station != tray:
            station, slot = self._free_slot(item, tray).split("/")
            self._slots[item] = replace(self._slots[item], station=station, slot=int(slot))

    def _free_slot(self, item: str, tray: str) -> str:
        taken = {f"{load.station}/{load.slot}" for load in self._slots.values()} | set(self._moved.values())
        able = [f"{name}/{slot}" for name, slot in slots_for(self._part(item), self._cell) if name == tray]
        if not able:
            raise Impossible("too_big", part=self._part(item).name, station=tray)
        free = next((place for place in able if place not in taken), None)
        if free is None:
            raise Impossible("tray_full", part=self._part(item).name, station=tray)
        return free

    def _room(self, step: Step) -> None:
        """Check now whether the tray that a step is to happen for has room, and say so."""
        tray = str(step.params["if"])[len("not ") : -len("_full")]
        for item in self._matching(step)[:1]:
            self._free_slot(item, self._station(tray))
        self._remark("remark.room", station=tray)

    def _station(self, name: str) -> str:
        if name not in self._cell.stations:
            raise Impossible("no_station", station=name, cell=self._cell.name)
        return name

    def _instance(self, item: str) -> str:
        return f"{self._serial}/{item}"

    def _part(self, item: str) -> Part:
        return self._product.part_of(item)

    def _remark(self, code: str, **slots: Any) -> None:
        if (remark := Saying(code, slots)) not in self._remarks:
            self._remarks.append(remark)


def _for(item: str, capability: str) -> Saying:
    return Saying("reason.in_hand", {"item": item, "skill": capability})


def _name(instance: str) -> str:
    return instance.rpartition("/")[2]
