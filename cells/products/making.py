"""What families are made with: a part from its data and its geometry, and the rules that any base part must keep."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from cells.pose import Vector3
from cells.products.data import FamilyData
from cells.products.family import BuildLimits, Parameters, Rule
from cells.products.materials import color as known_color
from cells.products.materials import material
from cells.products.model import Grip, Hole, Part, Shape, Stud, Thread

PLAY = 0.004  # m in a slot, and of open fingers around what they grip
ROUNDING = 1e-9  # m: lengths that differ by less are equal


def part(
    data: FamilyData,
    name: str,
    *,
    volume: float,
    size: Vector3,
    fit: tuple[Shape, ...],
    grasp: tuple[Shape, ...],
    grip: Grip,
    gauge: Grip | None = None,
    probes: tuple[tuple[float, float], ...] = ((0.0, 0.0),),
    holes: Mapping[str, Hole] | None = None,
    studs: Mapping[str, Stud] | None = None,
    base: bool = False,
    color: str = "",
    thread: Thread | None = None,
) -> Part:
    """The part of that name in the family's data, which tells its labels, material, friction and, unless it is given,
    colour. ``volume`` in m³, ``size`` in m. It looks as it fits. Raises ``InputError`` for a colour that the library
    doesn't have."""
    kind = data.parts[name]
    chosen = color or kind.color
    known_color(chosen)
    return Part(
        name=name,
        labels=kind.labels,
        material=kind.material,
        color=chosen,
        volume=volume,
        mass=volume * material(kind.material).density.value,
        size=size,
        visual=fit,
        fit=fit,
        grasp=grasp,
        grip=grip,
        friction=kind.friction,
        gauge=gauge,
        probes=probes,
        holes=holes or {},
        studs=studs or {},
        base=base,
        thread=thread,
    )


def base_rules(
    what: str, size: Callable[[Parameters], Vector3], length: tuple[str, ...], width: tuple[str, ...]
) -> tuple[Rule, Rule]:
    """That a base part, called ``what`` and of a ``size`` (m), fits into a tray slot and between the fingers; which
    parameters its length and its width depend on."""

    def fits_slot(parameters: Parameters, limits: BuildLimits) -> str | None:
        long = size(parameters)[0]
        if long + PLAY <= limits.slot_x + ROUNDING:
            return None
        slot = f"its tray slot {limits.slot_x * 1000:g} mm"
        return f"the {what} is {long * 1000:g} mm long and {slot} (with {PLAY * 1000:g} mm play)"

    def fits_across(parameters: Parameters, limits: BuildLimits) -> str | None:
        wide = size(parameters)[1]
        room = {"gripper opens": limits.max_grip_width, "tray slot is": limits.slot_y}
        tight = [f"the {which} {room[which] * 1000:g} mm" for which in room if wide + PLAY > room[which] + ROUNDING]
        if not tight:
            return None
        return f"the {what} is {wide * 1000:g} mm wide, {' and '.join(tight)} (with {PLAY * 1000:g} mm play)"

    return Rule(length, fits_slot), Rule(width, fits_across)
