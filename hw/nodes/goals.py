"""An action server that has one goal at a time, carried out by a world's ticks and not by a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.node import Node

from hw.controllers.sampling import Rejected

Finish = Callable[[bool, Any], None]  # whether it went as asked, and the action's result


class Goals(ActionServer):
    """``accept(goal)`` makes a plan of what is asked for, or raises :class:`Rejected`; ``begin(plan, finish)`` sets
    about it, and somebody calls ``finish`` once; ``cancel()`` sees to it that this is soon."""

    def __init__(
        self,
        node: Node,
        action: Any,
        name: str,
        accept: Callable[[Any], Any],
        begin: Callable[[Any, Finish], None],
        cancel: Callable[[], None],
    ) -> None:
        self._log, self._accept, self._start, self._cancel = node.get_logger(), accept, begin, cancel
        self._plan: Any = None
        self._current: Any = None  # its handle
        super().__init__(
            node, action, name, lambda _: None, goal_callback=self._asked, handle_accepted_callback=self._begin,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )  # fmt: skip

    def tick(self) -> None:
        """Hear whether the goal is to be cancelled."""
        if self._current is not None and self._current.is_cancel_requested:
            self._cancel()

    def tell(self, feedback: Any) -> None:
        """Publish feedback on the goal, if there is one."""
        if self._current is not None:
            self._current.publish_feedback(feedback)

    def notify_execute(self, goal_handle: Any, execute_callback: Any) -> None:
        """A goal is carried out by ticks: only its end is a callback, which sends the result."""
        if execute_callback is not None:
            super().notify_execute(goal_handle, execute_callback)

    def _asked(self, goal: Any) -> GoalResponse:
        try:
            self._plan = self._accept(goal)
        except Rejected as reason:
            self._log.warning(f"goal rejected: {reason}")
            return GoalResponse.REJECT
        return GoalResponse.ACCEPT

    def _begin(self, handle: Any) -> None:
        handle.execute()
        plan, self._plan = self._plan, None
        self._start(plan, lambda ok, result: self._finish(handle, ok, result))
        self._current = handle

    def _finish(self, handle: Any, ok: bool, result: Any) -> None:
        if self._current is handle:
            self._current = None
        if handle.is_cancel_requested:
            handle.canceled()
        elif ok:
            handle.succeed()
        else:
            handle.abort()
        self.notify_execute(handle, lambda _: result)
