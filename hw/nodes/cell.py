"""The cell as a node that takes orders and sentences.

python -m hw.nodes.cell --ros-args -p cell:=panda-bench -r __ns:=/cell_1
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Sequence

from hw.nodes.command import run

SIGNALS = signal.SIGINT, signal.SIGTERM


def main(argv: Sequence[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM; returns the exit code. What runs then comes to rest first."""
    return run(serve, argv)


def serve(argv: Sequence[str]) -> None:
    """The node's life. Raises ``CellwrightError`` for a node that can't be started, or a run that didn't end."""
    import rclpy
    from rclpy.executors import ExternalShutdownException, MultiThreadedExecutor
    from rclpy.signals import SignalHandlerOptions

    from cells.errors import CellwrightError, Problem
    from hw.nodes.cell_node import END_S, THREADS, CellNode
    from hw.nodes.cell_parameters import namespace_in_file

    ends = threading.Event()
    for number in SIGNALS:
        signal.signal(number, lambda *_: ends.set())
    rclpy.init(args=["cell", *argv], signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = CellNode(namespace_in_file())
        node.start()
        executor = MultiThreadedExecutor(THREADS)
        executor.add_node(node)

        def spin() -> None:
            while not ends.is_set():
                try:
                    executor.spin()
                except ExternalShutdownException:
                    return
                except Exception as error:
                    # A callback's mistake costs its client the answer, and nobody else anything.
                    node.get_logger().error(f"unexpected {type(error).__name__}: {error}")

        spinning = threading.Thread(target=spin, name="executor", daemon=True)
        spinning.start()
        ends.wait()
        at_rest = node.end()
        executor.shutdown(timeout_sec=1.0, wait_for_threads=False)
        spinning.join(timeout=2.0)
        node.destroy_node()
    finally:
        rclpy.try_shutdown()
        for number in SIGNALS:
            # A second one, as ros2 launch sends beside the terminal's, must not make a clean end look like a death.
            signal.signal(number, signal.SIG_IGN)
    if not at_rest:
        what = f"hasn't come to its end within {END_S:.0f} s"
        raise CellwrightError(Problem("the run", what, "look at the arm before anything else"))


if __name__ == "__main__":
    sys.exit(main())
