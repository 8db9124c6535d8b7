"""Find a world by its entry point, and say what to install where it is missing."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from cells.commands.show import say
from cells.errors import InputError, Problem
from cells.streams import STDERR, STDOUT, rerouted

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.tasks.plan import Plan

Opener = Callable[..., Any]
GROUP = "cellwright.worlds"
TWIN = "sim"  # the world in which a run is rehearsed before a real arm moves
# What brings a world that is not installed.
EXTRAS = {
    "sim": "pip install 'cellwright[sim]' on Python 3.11",
    "ros2": "pip install 'cellwright[ros]', or source a ROS 2 distribution",
}


def check_world_name(name: str, view: bool) -> None:
    """Refuse, without loading anything, what can't work.

    Raises ``InputError`` for a world that nobody installed, or a window without a display.
    """
    known = entry_points(group=GROUP).names
    if name not in known:
        remedy = EXTRAS.get(name, f"choose one of: {', '.join(sorted(known)) or 'none'}")
        raise InputError(Problem("--world", f"no world is called {name!r}", remedy))
    if view and not has_display():
        raise InputError(
            Problem("--view", "there is no display to open a window on", "leave --view away, or set DISPLAY")
        )


def world_opener(name: str) -> Opener:
    """The function that opens the world ``name``. It may say, as attributes, which control ``modes`` the world takes
    (all unless said), that a ``real`` arm moves in it, and whether in a cell it ``looks`` where parts are (unless said,
    it does) or only reckons where the hand has put them. Raises ``InputError`` where its packages are missing."""
    point = next(iter(entry_points(group=GROUP, name=name)))
    try:
        with rerouted(STDOUT, STDERR):
            opener: Opener = point.load()
    except ModuleNotFoundError as error:
        remedy = EXTRAS.get(name, f"install what {point.value} needs")
        raise InputError(Problem("--world", f"the world {name!r} needs the package {error.name!r}", remedy)) from error
    return opener


def is_real(name: str) -> bool:
    """Whether a real arm moves in the world ``name``; nothing of the simulated one is loaded to know that. Raises
    ``InputError`` where its packages are missing."""
    return name != TWIN and bool(getattr(world_opener(name), "real", False))


def suited(cell: Cell, opener: Opener) -> Cell:
    """The cell in a control mode that the world takes: its default, or else another that it offers, which is said.

    Raises ``InputError`` where it offers none."""
    modes = getattr(opener, "modes", cell.control.modes)
    if cell.control.default in modes:
        return cell
    mode = next((mode for mode in cell.control.modes if mode in modes), None)
    if mode is None:
        what = f"offers {', '.join(cell.control.modes)}, and this world takes {', '.join(modes)}"
        raise InputError(
            Problem(f"{cell.name}:control.modes", what, f"add {modes[0]}, if the robot can be driven by it")
        )
    say(f"in control mode {mode}: this world takes no {cell.control.default}")
    return cell.model_copy(update={"control": cell.control.model_copy(update={"default": mode})})


def check_sight(plan: Plan, cell: Cell, opener: Opener) -> None:
    """Raises ``InputError`` where a step of the plan must see something, and the world doesn't look."""
    from cells.skills.registry import skills

    known = skills()
    calls = (call for unit in plan.units for call in unit.calls)
    looks = getattr(opener, "looks", lambda _: True)
    blind = None if looks(cell) else next((call for call in calls if known[call.skill].looks), None)
    if blind is not None:
        what = f"only reckons where the hand has put parts, and {blind.id} must see how they move"
        remedy = "run it in a world that looks (over ROS 2: ros2.sight), or order what needs no such step"
        raise InputError(Problem("--world", what, remedy))


def twin_of(opener: Opener, wanted: bool = True) -> Opener | None:
    """The simulated world to rehearse in before the real arm of another moves; None where there is nothing to rehearse,
    it isn't ``wanted``, or no simulated world is installed, which is said."""
    if not wanted or not getattr(opener, "real", False):
        return None
    try:
        if TWIN in entry_points(group=GROUP).names:
            return world_opener(TWIN)
    except InputError:
        pass
    say(f"not rehearsed: there is no simulated world here ({EXTRAS[TWIN]})")
    return None


def has_display() -> bool:
    """Whether a window can be opened here."""
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY"))
