"""Find a world by its entry point, and say what to install where it is missing."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

from cells.errors import InputError, Problem

# What brings a world that is not installed.
EXTRAS = {"sim": "pip install 'cellwright[sim]' on Python 3.11", "ros2": "install Cellwright in a ROS 2 environment"}


def world_opener(name: str, view: bool) -> Callable[..., Any]:
    """The function that opens the world ``name``.

    Raises ``InputError`` for a world nobody installed, one whose packages are missing, or a window without a display.
    """
    points = {point.name: point for point in entry_points(group="cellwright.worlds")}
    if name not in points:
        known = ", ".join(sorted(points)) or "none"
        remedy = EXTRAS.get(name, f"choose one of: {known}")
        raise InputError(Problem("--world", f"no world is called {name!r}", remedy))
    if view and not has_display():
        raise InputError(Problem("--view", "there is no display to open a window on", "leave --view away, or set DISPLAY"))
    try:
        opener: Callable[..., Any] = points[name].load()
    except ModuleNotFoundError as error:
        remedy = EXTRAS.get(name, f"install what {points[name].value} needs")
        raise InputError(Problem("--world", f"the world {name!r} needs the package {error.name!r}", remedy)) from error
    return opener


def has_display() -> bool:
    """Whether a window can be opened here."""
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY"))
