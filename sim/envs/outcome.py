"""How an episode ended, in truth: geometry and physics, and not what the skill believes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cells.description.cell import Cell
from cells.products.catalogue import families
from cells.skills.contact import Contact
from sim.bodies import MARGIN, WEIGHT
from sim.envs.scene import Scene
from sim.truth import faults_of

QUICK_S = 10.0  # s within which a success also counts as a quick one


@dataclass(frozen=True, slots=True)
class Outcome:
    """``success``: the skill is done, in time and gently, and the physics agrees; ``quick`` the same within 10 s.
    ``time_s`` until the part was let go, ``peak_n`` the highest force until then; ``cause`` a class of failure ("" for
    none) and ``why`` in words; ``tries`` attempts after the first; ``deepest_mm`` interpenetration at any time."""

    success: bool
    quick: bool
    time_s: float
    peak_n: float
    cause: str
    why: str
    tries: int
    deepest_mm: float


def outcome_of(
    scene: Scene, seconds: float, peak: float, wrong: str | None, contact: Contact, limit_s: float, limit_n: float
) -> Outcome:
    """The outcome of a scene that has come to its end. ``wrong`` is what the skill says."""
    item = scene.call.item.split("/")[1]
    fits, deepest = scene.watch.fits(), scene.watch.deepest[item]
    faults = ["not in its place"]
    if item in fits:
        faults = faults_of(fits[item], float(scene.variant.parameters["clearance_mm"]) / 1000, deepest)
    cause, why = "", ""
    if wrong is not None:
        why = wrong
        cause = wrong.split(":")[0] if wrong.startswith(("guard", "out of time")) else f"{contact.phase}: gave up"
    elif faults:
        cause, why = f"believed done, {faults[0].split(' ')[0]}", "; ".join(faults)
    elif peak > limit_n:
        cause, why = f"{contact.hardest}: too much force", f"{peak:.1f} N"
    elif seconds > limit_s:
        cause, why = "out of time", f"{seconds:.1f} s"
    return Outcome(
        success=not cause, quick=not cause and seconds <= QUICK_S, time_s=round(seconds, 4), peak_n=round(peak, 3),
        cause=cause, why=why, tries=contact.tries, deepest_mm=round(1000 * deepest, 4),
    )  # fmt: skip


def conventions_of(names: Iterable[str], cell: Cell, limit_s: float, limit_n: float) -> tuple[str, ...]:
    """What must be told with every result of parts of the families of these ``names``, for it to mean anything."""
    return (
        *dict.fromkeys(line for name in names for line in families()[name].conventions),
        f"collision margin {1e6 * MARGIN:.0f} µm",
        WEIGHT,
        f"physics at {cell.clocks.physics_hz} Hz",
        f"a success takes at most {limit_s:g} s and {limit_n:g} N",
    )
