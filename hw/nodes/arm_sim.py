"""A world that is found by its entry point, behind the interfaces of an arm under ros2_control.

python -m hw.nodes.arm_sim --ros-args -p cell:=panda-bench -r __ns:=/cell_1
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from hw.nodes.command import run


def main(argv: Sequence[str] | None = None) -> int:
    """Run the node; returns the exit code."""

    def serve(argv: Sequence[str]) -> None:
        from cells.commands.worlds import check_world_name, world_opener
        from cells.errors import InputError, Problem
        from hw.nodes.parameters import Setting
        from hw.nodes.serving import serve

        def opener(cell: Any, variants: Any, values: Any) -> Any:
            if values["world"] == "ros2":
                remedy = "choose a world that is computed here, such as sim"
                raise InputError(Problem("parameter world", "ros2 is what this node offers", remedy))
            check_world_name(values["world"], view=False)
            return world_opener(values["world"])(cell, variants, values["seed"], False)

        world = Setting("world", "sim", "the world behind the arm, by its entry point in cellwright.worlds")
        serve(opener, argv, (world,))

    return run(serve, argv)


if __name__ == "__main__":
    sys.exit(main())
