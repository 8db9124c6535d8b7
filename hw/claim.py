"""Claim: who leads this arm. Two cells on one arm would each think it theirs; the second one is told so.

A world announces itself on ``cellwright/claim``, again and again. What is heard from others comes from somebody who is
alive: a claim is kept for those who come later by its owner alone, and goes with it.
"""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
from typing import TYPE_CHECKING, Any

from cells.errors import InputError, Problem

if TYPE_CHECKING:
    from rclpy.node import Node

TOPIC = "cellwright/claim"
EVERY_S, LEASE_S = 0.3, 1.0  # s between two announcements; without one for so long it counts as given up
HEARD_S = 3.2  # s in which somebody on this network is found: a lost announcement is repeated after three


class Claim:
    """This cell's claim to the arm, and that of another."""

    def __init__(self, node: Node, cell: str) -> None:
        from std_msgs.msg import String

        self._me = {
            "id": uuid.uuid4().hex,
            "cell": cell,
            "host": socket.gethostname(),
            "process": os.getpid(),
            "since": time.time(),
        }
        self._rival: str | None = None
        self._began = self._heard_at = time.monotonic()
        message = String(data=json.dumps(self._me))
        publisher = node.create_publisher(String, TOPIC, quality())
        publisher.publish(message)
        node.create_timer(EVERY_S, lambda: publisher.publish(message))
        node.create_subscription(String, TOPIC, self._heard, quality())

    @property
    def rival(self) -> str | None:
        """Names another, older cell that leads the arm, if there is one."""
        return self._rival if time.monotonic() - self._heard_at < LEASE_S else None

    def settle(self) -> None:
        """Wait until anybody else would have been heard. Raises ``InputError`` naming who leads the arm already."""
        while self.rival is None and time.monotonic() - self._began < HEARD_S:
            time.sleep(0.02)
        if (rival := self.rival) is not None:
            remedy = "end that one, or give this cell an arm (a ros2.namespace) of its own"
            raise InputError(Problem("ros2", f"{rival} leads this arm already", remedy))

    def _heard(self, message: Any) -> None:
        """Somebody claims the arm: who came first has it."""
        try:
            other = json.loads(message.data)
            senior = (float(other["since"]), str(other["id"])) < (self._me["since"], self._me["id"])
            name = (
                f"the cell {str(other['cell'])[:48]!r} (process {int(other['process'])} on {str(other['host'])[:64]!r})"
            )
        except (ValueError, KeyError, TypeError):
            return  # no claim at all
        if senior:
            self._rival, self._heard_at = name, time.monotonic()


def quality() -> Any:
    """The ``QoSProfile`` of claims: the newest is kept for those who come later, as long as its owner is alive."""
    from rclpy.duration import Duration
    from rclpy.qos import DurabilityPolicy, LivelinessPolicy, QoSProfile

    return QoSProfile(
        depth=1,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
        deadline=Duration(seconds=LEASE_S),
        liveliness=LivelinessPolicy.MANUAL_BY_TOPIC,
        liveliness_lease_duration=Duration(seconds=LEASE_S),
    )
