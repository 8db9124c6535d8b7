"""An arm without physics behind the interfaces of one under ros2_control: it follows without any error.

python -m hw.nodes.arm_mock --ros-args -p cell:=panda-bench -r __ns:=/cell_1
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from hw.nodes.command import run


def main(argv: Sequence[str] | None = None) -> int:
    """Run the node; returns the exit code."""

    def serve(argv: Sequence[str]) -> None:
        from hw.mock_world import MockWorld
        from hw.nodes.serving import serve

        serve(lambda cell, variants, values: MockWorld(cell), argv)

    return run(serve, argv)


if __name__ == "__main__":
    sys.exit(main())
