"""Which of the arm's two controllers is active: the one that takes whole motions, or the one that takes targets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Literal

from controller_manager_msgs.srv import SwitchController

from cells.description.ros2 import Ros2
from hw.network import Network

Kind = Literal["trajectory", "streaming"]
SWITCH_S = 1.0  # s that a change of controllers may take


class Switching:
    """``active`` is None where it isn't known: at the beginning, and after the robot itself has stopped."""

    def __init__(self, network: Network, ros2: Ros2) -> None:
        self._network = network
        self._client = network.node.create_client(SwitchController, ros2.switch)
        self._names: dict[Kind, str] = {
            "trajectory": ros2.trajectory.controller,
            "streaming": ros2.streaming.controller,
        }
        self.active: Kind | None = None
        self._done = threading.Event()
        self._turn = 0  # the number of the change that was asked for last
        self._asked = 0.0

    def ready(self) -> bool:
        """Whether the controller manager is there."""
        return bool(self._client.service_is_ready())

    def to(self, kind: Kind, then: Callable[[bool], None]) -> None:
        """Ask for a change; ``then(done)`` is called once it is made or refused, on the executor's thread."""
        request = SwitchController.Request()
        other: Kind = "streaming" if kind == "trajectory" else "trajectory"
        request.activate_controllers, request.deactivate_controllers = [self._names[kind]], [self._names[other]]
        request.strictness = request.BEST_EFFORT if self.active is None else request.STRICT
        request.timeout.sec = int(SWITCH_S)
        self.active = None
        self._turn += 1
        self._asked, turn = time.monotonic(), self._turn
        self._done.clear()

        def answered(future: Any) -> None:
            if turn != self._turn:
                return
            done = future.exception() is None and bool(future.result().ok)
            self.active = kind if done else None
            self._done.set()
            then(done)

        self._network.do(lambda: self._client.call_async(request).add_done_callback(answered))

    def wait(self, seconds: float) -> bool:
        """Wait for the change that was asked for; whether it was answered."""
        return self._done.wait(seconds)

    def overdue(self) -> bool:
        """Whether a change was asked for and should have been answered by now."""
        return self._turn > 0 and not self._done.is_set() and time.monotonic() - self._asked > SWITCH_S

    def give_up(self) -> None:
        """Wait for no answer any more."""
        self._turn += 1
        self._done.set()
