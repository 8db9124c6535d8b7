"""The contact steps of a plan: each way in which two parts of a variant are joined, once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from cells.products.model import ProductVariant
from cells.skills.contract import Call
from cells.skills.registry import skills
from cells.tasks.plan import Plan
from policies.practice import Practice, environment

JOINING = ("insert", "mesh")
DECLARED = "declared"  # the conditions of one variant in one cell


@dataclass(frozen=True)
class ContactStep:
    """A joining by a ``skill``, which a ``task`` of the simulated cell is about: of a ``part`` of a ``variant``, in all
    ``steps`` of its process plan that do the same; ``item`` is that of the first. ``practice`` is the variant's own
    environment, in a cell's floating twin."""

    skill: str
    task: str
    part: str
    item: str
    steps: tuple[str, ...]
    variant: ProductVariant
    practice: Practice

    @property
    def name(self) -> str:
        """What people call it: ``insert peg``."""
        return f"{self.skill} {self.part}"

    @property
    def called(self) -> str:
        """The name of folders and of policies that are made for it: one of each variant."""
        return f"{self.skill}-{self.part}-{self.variant.hash[:8]}".replace("_", "-")

    @property
    def capability(self) -> str:
        """What the process plan asks for."""
        return skills()[self.skill].capability

    @cached_property
    def nominal(self) -> str:
        """The strategy that it takes (``tilt@2``), as the environment tells."""
        with self.practice.open("gate") as env:
            return str(env.reset(seed=0)[1]["nominal"])


def contact_steps(plan: Plan, variants: Mapping[str, ProductVariant], cell: str) -> list[ContactStep]:
    """The contact steps of a plan, in its order; ``variants`` by hash, ``cell`` by name or file. Steps share one where
    skill, part and hole are alike. Screws are left out: they are screwed in, which no environment is about."""
    found = []
    for variant in variants.values():
        unit = next(unit for unit in plan.units if unit.variant_hash == variant.hash)
        alike: dict[object, list[Call]] = {}
        for call in unit.calls:
            if call.skill in JOINING and variant.part_of(_item(call.item)).thread is None:
                alike.setdefault(_likeness(call, variant), []).append(call)
        found += [_step(calls, variant, cell) for calls in alike.values()]
    return found


def _step(calls: list[Call], variant: ProductVariant, cell: str) -> ContactStep:
    call = calls[0]
    item = _item(call.item)
    part = variant.part_of(item)
    task = "cover" if len(part.holes) > 1 else call.skill
    pinned = {**variant.parameters, "family": variant.family, "item": item}
    practice = Practice(environment(task), DECLARED, pinned, {"cell": cell, "twin": True})
    return ContactStep(call.skill, task, part.name, item, tuple(call.id for call in calls), variant, practice)


def _likeness(call: Call, variant: ProductVariant) -> object:
    return call.skill, variant.part_of(_item(call.item)).name, tuple(_hole(call, variant)), tuple(call.params.items())


def _hole(call: Call, variant: ProductVariant) -> Iterator[object]:
    """What matters of the hole that a call's part goes into, if it is one."""
    hole = variant.part_of(_item(str(call.base))).holes.get(str(call.target))
    if hole is not None:
        yield from (hole.shape, hole.width, hole.shaft, hole.depth)


def _item(instance: str) -> str:
    return instance.rpartition("/")[2]
