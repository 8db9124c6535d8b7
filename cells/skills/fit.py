"""Fit: where a part is to go, as estimated now."""

from __future__ import annotations

from dataclasses import dataclass
from math import radians

from cells.pose import Pose
from cells.skills.contract import Call, Context
from cells.skills.motions import nearest_turn

SURE = 3.0  # standard deviations of the locator that count as the bounds of its error
# m of chamfer below which, rad and m of doubt above which upright isn't good enough. The search reaches 2.8 mm, and
# what was picked by such an estimate is off in the hand by as much again: so 1.16 mm in x and y are found.
SHARP, MAY_LEAN, MAY_BE_OFF = 3e-4, radians(1), 1.15e-3


@dataclass(frozen=True, slots=True)
class Fit:
    """What a joining goes for, in the world (m, rad): the middle of the rim, or of the studs' tops, and the height of
    the part's underside when it is seated; its underside below the tcp; yaw; the bounds of the estimate's error,
    sideways (``error``), in tilt (``lean``) and in yaw (``twist``). Of a part that goes into a hole also its ``width``
    and the ``hole``'s, and whether they are ``round``; of one that goes onto several where these ``studs`` are, seen
    from their middle (m, along the world's x and y)."""

    x: float
    y: float
    rim: float
    bottom: float
    tip: float
    chamfer: float
    yaw: float
    error: float = 0.0
    lean: float = 0.0
    twist: float = 0.0
    width: float = 0.0
    hole: float = 0.0
    round: bool = True
    studs: tuple[tuple[float, float], ...] = ()


def plan_fit(context: Context, call: Call) -> Fit:
    """The fit as estimated now."""
    part = context.part(call.item)
    rim, depth = where_it_goes(context, call)
    x, y, z = rim.xyz
    yaw = nearest_turn(rim.yaw, part.grip.symmetry) + part.grip.tcp.yaw
    sigma = context.locator.locate(str(call.base)).sigma
    base = context.part(str(call.base))
    hole = base.holes.get(str(call.target))
    seen = context.locator.locate(str(call.base)).pose
    studs = [(seen @ stud.pose).xyz for stud in base.studs.values()] if hole is None and len(base.studs) > 1 else []
    return Fit(
        x, y, z, z - depth, part.grip.tcp.xyz[2], call.params.get("chamfer", 0.0), yaw,
        error=SURE * max(sigma[:2]), lean=SURE * max(sigma[3:5]), twist=SURE * sigma[5],
        width=hole.shaft if hole else 0.0, hole=hole.width if hole else 0.0,
        round=hole is None or hole.shape == "round", studs=tuple((sx - x, sy - y) for sx, sy, _ in studs),
    )  # fmt: skip


def leans(fit: Fit) -> bool:
    """Whether a part must be tilted to find its hole."""
    return fit.hole > 0.0 and (fit.chamfer < SHARP or fit.lean > MAY_LEAN or fit.error > MAY_BE_OFF)


def one_by_one(fit: Fit) -> bool:
    """Whether a part goes onto its studs one after the other, since all at once wouldn't be found."""
    return bool(fit.studs) and fit.lean > MAY_LEAN


def where_it_goes(context: Context, call: Call) -> tuple[Pose, float]:
    """Where the part's underside is when the part meets the hole's rim, or the tops of the studs that it goes onto, in
    the middle and as estimated now (world), and how deep it goes from there (m)."""
    base, seen = context.part(str(call.base)), context.locator.locate(str(call.base)).pose
    hole = base.holes.get(str(call.target))
    if hole is not None:
        return seen @ hole.pose, hole.depth
    tops = [stud.pose.xyz for stud in base.studs.values()]
    x, y, z = (sum(values) / len(tops) for values in zip(*tops, strict=True))
    # The tops meet the rims of the part's own holes, which may be higher than its underside.
    above = next(iter(context.part(call.item).holes.values())).pose.xyz[2]
    return seen @ Pose((x, y, z - above)), call.params["depth"] - above
