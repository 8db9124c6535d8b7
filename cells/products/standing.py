"""Where every item of a finished unit stands, from its process plan: pure geometry."""

from __future__ import annotations

from collections.abc import Iterator

from cells.pose import Pose
from cells.products.model import Part, ProcessStep, ProductVariant


def puts(variant: ProductVariant) -> Iterator[ProcessStep]:
    """The steps that put an item into a hole, or onto studs, of another."""
    return (step for step in variant.process.steps if "depth" in step.constraints and step.capability != "inspect")


def standing(variant: ProductVariant) -> dict[str, Pose]:
    """The pose of every item's frame in that of the finished unit, which is its base's; the base first, each after
    what it is put into. Wheels stand so that their teeth mesh, and screws are driven down."""
    [base] = [item for line in variant.bom for item in line.items if variant.parts[line.part].base]
    poses = {base: Pose()}
    for step in puts(variant):
        into, place = str(step.target).split("/")
        at = poses[into] @ _seat(variant.part_of(into), place)
        if place in variant.part_of(into).studs:
            at = Pose.at(*at.xyz[:2], step.constraints["seat"], step.constraints.get("turn", 0.0))
        poses[step.item] = at
    for step in variant.process.steps:
        poses[step.item] = poses[step.item].shifted(dz=-step.constraints.get("travel", 0.0))
    return poses


def _seat(part: Part, place: str) -> Pose:
    """The bottom of a hole, or the middle of the tops of all studs, in the part's frame."""
    if place in part.holes:
        return part.holes[place].pose.shifted(dz=-part.holes[place].depth)
    tops = [stud.pose.xyz for stud in part.studs.values()]
    x, y, z = (sum(values) / len(tops) for values in zip(*tops, strict=True))
    return Pose.at(x, y, z)
