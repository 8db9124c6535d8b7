"""What a cell can grip and hold, as limits to what can be built in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.products.family import BuildLimits


def build_limits(cell: Cell) -> BuildLimits:
    """What the cell can grip and hold: its gripper's opening, its roomiest tray slot, its carton."""
    from cells.description.stations import Bin, Tray
    from cells.products.family import BuildLimits

    slots = [station.slot_size for station in cell.stations.values() if isinstance(station, Tray)]
    x, y = max(slots, key=lambda size: size[0] * size[1], default=(0.0, 0.0))
    carton = cell.stations.get("carton")
    inside = (*carton.inside, carton.height) if isinstance(carton, Bin) else (0.0, 0.0, 0.0)
    return BuildLimits(cell.robot_spec.gripper.max_width, x, y, inside)
