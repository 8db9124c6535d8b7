"""Parameters of the cell's node, and what they may be."""

from __future__ import annotations

import re
from typing import Any

from rclpy.node import Node

from cells.commands.show import DEFAULT_CELL
from cells.commands.worlds import check_world_name
from cells.description.cell import load_cell
from cells.errors import InputError, Problem
from hw.nodes.parameters import Setting, declare

PREFIX = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)?")
NAME = "cell"
# They may change until the cell is configured.
SETTINGS = (
    Setting("cell", DEFAULT_CELL, "the cell: a name in the library, or the path of its file", knob=True),
    Setting("world", "ros2", "the world to work in, by its entry point in cellwright.worlds", knob=True),
    Setting("seed", 0, "seed of everything random in the world", 0, 2**31 - 1, knob=True),
    Setting("tf_prefix", "", "stands before joint and frame names; as the cell's file says unless given", knob=True),
    Setting("autostart", False, "configure and activate at the start, where nobody else manages this node"),
)


def check(name: str, value: Any) -> None:
    """Raises ``CellwrightError`` for a value of a parameter that can't work."""
    if name == "cell":
        load_cell(value)
    if name == "world":
        check_world_name(value, view=False)
    if name == "tf_prefix" and not PREFIX.fullmatch(value):
        raise InputError(Problem("parameter tf_prefix", f"{value!r} begins no name", "use letters, digits and _"))


def namespace_in_file() -> str:
    """The namespace that the cell's file says. A node's namespace can't change, and which file it is a parameter says,
    so that a node is made just to read this. Raises ``InputError``."""
    probe = Node(NAME, enable_rosout=False, start_parameter_services=False)
    try:
        return load_cell(declare(probe, SETTINGS)["cell"]).ros2.namespace
    finally:
        probe.destroy_node()
