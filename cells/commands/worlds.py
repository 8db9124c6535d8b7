"""Find a world by its entry point, and say what to install where it is missing."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

from cells.commands.show import STDERR, STDOUT, rerouted
from cells.errors import InputError, Problem

GROUP = "cellwright.worlds"
# What brings a world that is not installed.
EXTRAS = {"sim": "pip install 'cellwright[sim]' on Python 3.11", "ros2": "install Cellwright in a ROS 2 environment"}


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


def world_opener(name: str) -> Callable[..., Any]:
    """The function that opens the world ``name``. Raises ``InputError`` where its packages are missing."""
    point = next(iter(entry_points(group=GROUP, name=name)))
    try:
        with rerouted(STDOUT, STDERR):
            opener: Callable[..., Any] = point.load()
    except ModuleNotFoundError as error:
        remedy = EXTRAS.get(name, f"install what {point.value} needs")
        raise InputError(Problem("--world", f"the world {name!r} needs the package {error.name!r}", remedy)) from error
    return opener


def has_display() -> bool:
    """Whether a window can be opened here."""
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY"))
