"""The family `gearbox`: a housing with two bored seats, a shaft in each, a spur gear on each shaft, dowel pins, a cover
on two studs of the housing, and screws that hold it down.

Everything goes together from above. A wheel is gripped by its hub, which is narrower than its root circle, so that the
other wheel's teeth pass it on their way down. The housing is open at its sides: one sees what turns.
Names, ranges and materials are data: cells/library/products/gearbox.yaml.
"""

from __future__ import annotations

from math import pi

from cells.products.family import BuildLimits, Built, Derivation, Family, Parameters, Rule
from cells.products.gearbox import parts
from cells.products.gearbox.dimensions import (
    BORE,
    COUNTERBORE_DEPTH,
    COVER,
    FLOOR,
    PIN,
    PIN_GRIP,
    PIN_LENGTH,
    PIN_SEAT,
    SCREW,
    SCREW_TIP,
    SHAFT_GRIP,
    STUD,
    THIN_WALL,
    THROUGH,
    Dimensions,
    dimensions,
)
from cells.products.involute import meshed_turn
from cells.products.making import ROUNDING, base_rules
from cells.products.model import BomLine, ProcessPlan, ProcessStep

ROUND = f"equal-area {parts.HOLE_SIDES}-gon bores, equal-area {parts.ROD_SIDES}-gon rods"
CONVENTION = f"{ROUND}, involute flanks in straight pieces inside"
SCREWS = 4
INSERT_FORCE = 30.0  # N
# Nm: a third of what VDI 2230 gives an M4 of class 8.8 in steel (3.0 Nm), as the thread is in plastic. Our own choice.
TIGHTENING = 1.0
HEIGHT_TOLERANCE = 0.0004


def build(parameters: Parameters) -> Built:
    """Parts, bill of material and process plan of complete, valid parameters."""
    d = dimensions(parameters)
    made = {
        "housing": parts.housing(d),
        "shaft": parts.rod("shaft", d.shaft, d.shaft_length, d.chamfer, SHAFT_GRIP),
        "small_gear": parts.gear("small_gear", d, d.small),
        "large_gear": parts.gear("large_gear", d, d.large),
        "cover": parts.cover(d, str(parameters["cover_color"])),
    }
    items = {
        "housing": ("housing",),
        "shaft": ("shaft_1", "shaft_2"),
        "small_gear": ("small_gear",),
        "large_gear": ("large_gear",),
        "pin": tuple(f"pin_{i}" for i in range(1, d.pins + 1)),
        "cover": ("cover",),
    }
    if d.pins:
        made["pin"] = parts.rod("pin", PIN, PIN_LENGTH, d.chamfer, PIN_GRIP)
    if d.screws:
        made["screw"], items["screw"] = parts.screw(), tuple(f"screw_{i}" for i in range(1, d.screws + 1))
    bom = tuple(BomLine(name, items[name], part.material, part.mass) for name, part in made.items())
    return made, bom, _process(d, items["pin"], items.get("screw", ()))


def _process(d: Dimensions, pins: tuple[str, ...], screws: tuple[str, ...]) -> ProcessPlan:
    place = ProcessStep("place_housing", "place", "housing", "fixture", {}, (), "pick")
    steps = [place]

    def put(capability: str, item: str, target: str, depth: float, seat: float, after: tuple[str, ...],
            **more: float) -> str:  # fmt: skip
        """A step and its inspection, which is what the next may wait for: the item goes ``depth`` into the hole or
        down the stud, until its underside is ``seat`` above the unit's."""
        fit = {"clearance": d.clearance, "depth": depth, "seat": seat, "chamfer": d.chamfer,
               "force_limit": INSERT_FORCE, "height_tolerance": HEIGHT_TOLERANCE}  # fmt: skip
        step = ProcessStep(f"{capability}_{item}", capability, item, target, fit | more, after, "remove")
        height = {"depth": depth, "seat": seat, "height_tolerance": HEIGHT_TOLERANCE}
        look = ProcessStep(f"inspect_{item}", "inspect", item, target, height, (step.id,), "none")
        steps.extend((step, look))
        return look.id

    shafts = [put("insert", f"shaft_{i}", f"housing/bore_{i}", BORE, FLOOR, (place.id,)) for i in (1, 2)]
    down = d.shaft_length - BORE
    small, large = d.wheels
    # They stand along x, the small one first, so that this is away from the large one.
    one = {"pitch": small.pitch_angle, "turn": 0.0, "away": pi}
    other = {"pitch": large.pitch_angle, "turn": meshed_turn(small, large, 0.0), "away": 0.0}
    wheels = [
        put("mesh", item, f"shaft_{i}/top", down, d.base, tuple(shafts), **more)
        for i, (item, more) in enumerate({"small_gear": one, "large_gear": other}.items(), 1)
    ]
    runs = ProcessStep(
        "turn_large_gear", "turn", "large_gear", "small_gear/bore", {"ratio": d.large.teeth / d.small.teeth},
        tuple(wheels), "none",
    )  # fmt: skip
    steps.append(runs)
    ends = [
        put("insert", pin, f"housing/pin_{i}", PIN_SEAT, d.deck - PIN_SEAT, (place.id,))
        for i, pin in enumerate(pins, 1)
    ]
    ends.append(put("insert", "cover", "housing/stud_1", STUD, d.deck, (runs.id,)))
    for i, item in enumerate(screws, 1):
        into, tip = f"housing/screw_{i}", d.deck + COVER - SCREW.length
        began = d.deck - COUNTERBORE_DEPTH
        steps += _screwed(item, into, began, tip, steps[-1].id if i > 1 else ends[-1])
        ends.append(steps[-1].id)
    handover = ProcessStep("handover_housing", "handover", "housing", "hand_over", {}, tuple(ends), "none")
    return ProcessPlan((*steps, handover))


def _screwed(item: str, into: str, began: float, seat: float, after: str) -> tuple[ProcessStep, ...]:
    """The steps of one screw, whose tip is ``began`` above the unit's underside where its thread begins, and ``seat``
    when its head is down. Nothing can be unscrewed yet: no skill has the capability "unfasten"."""
    fit = {"clearance": THROUGH - SCREW.diameter, "depth": COVER + COUNTERBORE_DEPTH, "seat": began,
           "chamfer": SCREW_TIP, "force_limit": INSERT_FORCE, "height_tolerance": HEIGHT_TOLERANCE}  # fmt: skip
    seated = {"seat": seat, "height_tolerance": HEIGHT_TOLERANCE}
    turn = {"travel": began - seat, "torque": TIGHTENING}
    put, drive, look = (f"{capability}_{item}" for capability in ("insert", "fasten", "inspect"))
    return (
        ProcessStep(put, "insert", item, into, fit, (after,), "remove"),
        ProcessStep(drive, "fasten", item, into, seated | turn, (put,), "unfasten"),
        ProcessStep(look, "inspect", item, into, seated, (drive,), "none"),
    )


def _all_or_none(parameters: Parameters, limits: BuildLimits) -> str | None:
    count = int(parameters["screws"])
    return None if count in (0, SCREWS) else f"{count} screws: the cover takes {SCREWS}, two at each end, or none"


def _has_a_hub(parameters: Parameters, limits: BuildLimits) -> str | None:
    d = dimensions(parameters)
    wall = d.hub(d.small) - d.bore / 2
    if wall >= THIN_WALL - ROUNDING:
        return None
    least = f"at least {THIN_WALL * 1000:g} mm"
    return f"the hub of {d.small.teeth} teeth has a wall of {wall * 1000:.2f} mm around the bore, {least} must be left"


TEETH = ("pinion_teeth", "gear_teeth")
SIZE_RULES = base_rules("housing", lambda parameters: dimensions(parameters).size, TEETH, (*TEETH, "screws"))
RULES = (Rule((*TEETH, "shaft_mm"), _has_a_hub), Rule(("screws",), _all_or_none), *SIZE_RULES)
RATIO = Derivation(TEETH, lambda parameters: int(parameters["gear_teeth"]) / int(parameters["pinion_teeth"]))
FAMILY = Family(parts.DATA, build, RULES, (CONVENTION,), {"ratio": RATIO})
