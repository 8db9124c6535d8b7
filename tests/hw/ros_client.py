"""A node of a test's own, in a context of its own, which listens only while something is waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Self

PATIENCE = 60.0  # s for anything that should come, on a loaded machine
BEAT_S = 0.01


class RosClient:
    """``node`` is called "client", in a ``namespace``; ``kept`` the quality of topics that keep their last message."""

    def __init__(self, namespace: str) -> None:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor
        from rclpy.qos import DurabilityPolicy, QoSProfile

        self._context = rclpy.Context()
        self._context.init()
        self.node = rclpy.create_node("client", namespace=namespace, context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self.kept = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._executor.shutdown()
        self.node.destroy_node()
        self._context.shutdown()

    def until(self, what: Callable[[], Any], patience: float = PATIENCE) -> Any:
        """Wait for something to be true; what it is then."""
        deadline = time.monotonic() + patience
        while not (found := what()):
            assert time.monotonic() < deadline, "it didn't happen in time"
            self._executor.spin_once(timeout_sec=BEAT_S)
        return found
