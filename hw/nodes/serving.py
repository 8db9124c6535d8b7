"""One arm node as a process: from its command line to its end by a signal, with nothing left behind."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from typing import Any

import rclpy
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from cells.description.cell import Cell, load_cell
from cells.description.ros2 import Ros2
from cells.errors import InputError, Problem
from cells.products.model import ProductVariant
from hw.nodes.arm import NAME, SETTINGS, ArmNode
from hw.nodes.pace import Pace
from hw.nodes.parameters import Setting, declare

SIGNALS = signal.SIGINT, signal.SIGTERM
LAST_TICKS = 5  # after the end was asked for, so that the end of a goal is still sent
HEARD_WHEN_LATE = 4  # events between two ticks of a world that is behind: enough for a stream at twice its ticks

Opener = Callable[..., Any]


def serve(opener: Opener, argv: Sequence[str], settings: tuple[Setting, ...] = ()) -> None:
    """Run an arm's node until SIGINT or SIGTERM. ``opener(cell, variants, values)`` opens its world; ``values`` are
    those of the parameters, which ``settings`` add to. Raises :class:`cells.errors.CellwrightError` for a node that
    can't be started."""
    try:
        rclpy.init(args=["arm", *argv], signal_handler_options=SignalHandlerOptions.NO)
    except Exception as error:  # rcl has a type of its own for each, and says in words what it can't read
        raise InputError(Problem("--ros-args", str(error).splitlines()[0], "see `ros2 run --help`")) from None
    try:
        settings = (*SETTINGS, *settings)
        cell, values = _asked_for(settings)
        variants: dict[str, ProductVariant] = {}
        world = opener(cell, variants, values)
        try:
            node = ArmNode(cell, values, settings, world, variants)
            _run(node, Pace(cell.tick_s, values["rate"]))
            node.destroy_node()
        finally:
            world.close()
    finally:
        rclpy.try_shutdown()


def _asked_for(settings: Sequence[Setting]) -> tuple[Cell, dict[str, Any]]:
    """The cell, with the prefix that was asked for, and the parameters: a node's namespace may come from the cell's
    file, which a parameter names, so that a node is made only to read these."""
    probe = Node(NAME, enable_rosout=False, start_parameter_services=False)
    try:
        values = declare(probe, settings)
    finally:
        probe.destroy_node()
    if not values["cell"]:
        raise InputError(Problem("parameter cell", "is missing", "add --ros-args -p cell:=panda-bench"))
    cell = load_cell(values["cell"])
    asked, ticks = values["joint_state_hz"], cell.clocks.control_hz
    if asked > ticks:
        what = f"{asked} Hz is more than the {ticks} control ticks a second of {cell.name}"
        raise InputError(Problem("parameter joint_state_hz", what, "choose less, or raise clocks.control_hz"))
    return _with_prefix(cell, values["tf_prefix"]), values


def _with_prefix(cell: Cell, prefix: str) -> Cell:
    """The cell with a prefix of its own, if one is given."""
    if not prefix:
        return cell
    try:
        told = Ros2.model_validate({**cell.ros2.model_dump(), "tf_prefix": prefix})
    except ValueError:
        remedy = "begin with a letter, then letters, digits and _"
        raise InputError(Problem("parameter tf_prefix", f"{prefix!r} is no prefix for names", remedy)) from None
    return cell.model_copy(update={"ros2": told})


def _run(node: ArmNode, pace: Pace) -> None:
    """Pass ticks as they are due, and hear messages in between, until a signal says stop."""
    asked_to_end: list[int] = []
    before = [signal.signal(number, lambda which, _: asked_to_end.append(which)) for number in SIGNALS]
    executor = EventsExecutor()
    executor.add_node(node)
    node.get_logger().info("ready")
    try:
        while not asked_to_end:
            _pass_one(executor, node, pace)
        node.end()
        for _ in range(LAST_TICKS):
            _pass_one(executor, node, pace)
    finally:
        executor.shutdown()
        for number, handler in zip(SIGNALS, before, strict=True):
            signal.signal(number, handler)


def _pass_one(executor: Any, node: ArmNode, pace: Pace) -> None:
    """Hear messages until a tick is due, some in any case; then pass it."""
    for _ in range(HEARD_WHEN_LATE):
        executor.spin_once(timeout_sec=pace.left())
    while (left := pace.left()) > 0.0:
        executor.spin_once(timeout_sec=left)
    lost = pace.begin()
    if lost is not None:
        node.get_logger().warning(f"can't keep up: {lost:.2f} s behind; the world goes slower than it should")
    node.tick(pace.late)
