"""The cell's node as a process of its own, and a client of it over loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.hw.ros_client import PATIENCE, RosClient


@contextmanager
def cell_process(home: Path, here: Path, namespace: str, **parameters: object) -> Iterator[subprocess.Popen[bytes]]:
    """A cell's node until the block ends, with its journal and its results in folders of the test's own."""
    said = here / "cell.log"
    words = [part for name, value in parameters.items() for part in ("-p", f"{name}:={value}")]
    command = [sys.executable, "-m", "hw.nodes.cell", "--ros-args", "-r", f"__ns:={namespace}", *words]
    known = os.environ | {"CELLWRIGHT_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}
    with said.open("ab") as log:
        node = subprocess.Popen(command, cwd=here, env=known, stdout=log, stderr=log)
    try:
        yield node
    finally:
        node.kill()
        node.wait()


def ended(node: subprocess.Popen[bytes], by: signal.Signals = signal.SIGTERM) -> int:
    """End a node by a signal; its exit code."""
    node.send_signal(by)
    return node.wait(PATIENCE)


class CellClient(RosClient):
    """Whoever gives orders to the node in ``namespace``."""

    def __init__(self, namespace: str) -> None:
        super().__init__(namespace)
        from cellwright_msgs.action import RunOrder, Tell
        from cellwright_msgs.msg import State
        from diagnostic_msgs.msg import DiagnosticArray
        from rclpy.action import ActionClient

        self.states: list[Any] = []
        self.health: list[Any] = []
        self.node.create_subscription(State, "cell/state", self.states.append, self.kept)
        self.node.create_subscription(DiagnosticArray, "diagnostics", self.health.append, 10)
        self.orders = ActionClient(self.node, RunOrder, "cell/run_order")
        self.sentences = ActionClient(self.node, Tell, "cell/tell")

    def heard(self, kind: Any, topic: str) -> Any:
        """The message that a topic keeps for who comes later."""
        found: list[Any] = []
        subscription = self.node.create_subscription(kind, topic, found.append, self.kept)
        message = self.until(lambda: found)[0]
        self.node.destroy_subscription(subscription)
        return message

    def ask(self, kind: Any, name: str, request: Any = None, patience: float = PATIENCE) -> Any:
        """A service's answer."""
        client = self.node.create_client(kind, name)
        self.until(client.service_is_ready, patience)
        future = client.call_async(request or kind.Request())
        self.until(future.done, patience)
        self.node.destroy_client(client)
        return future.result()

    def trigger(self, name: str) -> Any:
        from std_srvs.srv import Trigger

        return self.ask(Trigger, f"cell/{name}")

    def change(self, transition: str) -> bool:
        """Ask for a transition of the node's life."""
        from lifecycle_msgs.msg import Transition
        from lifecycle_msgs.srv import ChangeState

        number = getattr(Transition, f"TRANSITION_{transition.upper()}")
        request = ChangeState.Request(transition=Transition(id=number))
        return bool(self.ask(ChangeState, "cell/change_state", request).success)

    def set(self, **values: Any) -> list[Any]:
        """Set parameters; the answers."""
        from rcl_interfaces.srv import SetParameters
        from rclpy.parameter import Parameter

        wanted = [Parameter(name, value=value).to_parameter_msg() for name, value in values.items()]
        return list(self.ask(SetParameters, "cell/set_parameters", SetParameters.Request(parameters=wanted)).results)

    def order(
        self, text: str, overrides: Mapping[str, object] | None = None, told: list[Any] | None = None, yes: bool = False
    ) -> Any:
        """Send an order; the goal's handle. Feedback goes into ``told``."""
        from cellwright_msgs.action import RunOrder

        goal = RunOrder.Goal(
            order=text, overrides=[f"{key}={value}" for key, value in (overrides or {}).items()], yes=yes
        )
        self.until(self.orders.server_is_ready)
        hear = None if told is None else lambda message: told.append(message.feedback)
        future = self.orders.send_goal_async(goal, feedback_callback=hear)
        return self.until(lambda: future.done() and future.result())

    def tell(self, text: str, yes: bool = False) -> Any:
        """Say something; the result."""
        from cellwright_msgs.action import Tell

        self.until(self.sentences.server_is_ready)
        future = self.sentences.send_goal_async(Tell.Goal(text=text, yes=yes))
        return self.result(self.until(lambda: future.done() and future.result()))[1]

    def result(self, handle: Any, patience: float = 300.0) -> tuple[int, Any]:
        """Status and result of a goal."""
        future = handle.get_result_async()
        self.until(future.done, patience)
        return future.result().status, future.result().result

    def state(self, name: str) -> Any:
        """The newest state, once it is this one."""
        return self.until(lambda: self.states and self.states[-1].state == name and self.states[-1])
