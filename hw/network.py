"""A ROS 2 node with a context of its own, and an executor on a thread of its own: nothing else here is touched."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.executors import Executor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

BEAT_S = 0.001  # s after which the executor's thread looks for what it is asked to do; messages wake it as well


class Network:
    """``node`` lives until :meth:`close`. Its callbacks and what :meth:`do` is given run on the executor's thread, one
    after another: rclpy loses answers to goals that are sent from another one."""

    def __init__(self, name: str, namespace: str) -> None:
        self._context = rclpy.Context()
        rclpy.init(args=[], context=self._context, signal_handler_options=SignalHandlerOptions.NO)
        self.node = Node(name, namespace=namespace or None, context=self._context, use_global_arguments=False)
        self._executor = _executor(self._context)
        self._executor.add_node(self.node)
        self._asked: deque[Callable[[], object]] = deque()
        self._open = True
        self._thread = threading.Thread(target=self._run, name="ros2", daemon=True)

    def start(self) -> None:
        """Let messages come, once everything that the node offers and listens to has been made."""
        self._thread.start()

    def do(self, act: Callable[[], object]) -> None:
        """Have something done on the executor's thread, soon."""
        self._asked.append(act)

    def close(self) -> None:
        """Do what was asked for, and leave the network."""
        self._open = False
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)

    def _run(self) -> None:
        while self._open or self._asked:
            try:
                self._executor.spin_once(timeout_sec=BEAT_S)
                while self._asked:
                    self._asked.popleft()()
            except Exception as error:  # a message that nobody understands must not make the others unheard
                self.node.get_logger().error(f"{type(error).__name__}: {error}")


def _executor(context: Any) -> Executor:
    """The executor that loses the fewest states: at 1 kHz the usual one, all that Jazzy has, is ten times as late."""
    try:
        from rclpy.experimental import EventsExecutor
    except ImportError:
        from rclpy.executors import SingleThreadedExecutor

        return SingleThreadedExecutor(context=context)
    return EventsExecutor(context=context)
