"""Sight: a locator for whom somebody looks. What is seen goes before what is reckoned.

Who looks (a vision system, or the node of a simulated arm) tells frames of parts with the time at which it looked,
which is past: a part that the hand carries is by now somewhere else. So a part that is held is where it was seen only
if the hand has kept still since; otherwise it is reckoned from the hand.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from cells.description.cell import Cell
from cells.description.ros2 import SightTopic
from cells.ports import Estimate, GripperReading
from cells.pose import Pose
from hw.feedback import Feedback, seconds
from hw.locator import TaughtLocator

WORLD = "world"  # the frame in which parts are told
STILL = 2e-4, 2e-3  # m, rad: a hand that moves no farther keeps still
MOST = 1000  # frames that wait for the next tick
UNIT = 1e-3  # by which the length of a quaternion may differ from 1


@dataclass(frozen=True, slots=True)
class Seen:
    """Where a part was seen (world), and when: the cell's time, s."""

    pose: Pose
    at: float


class Frames:
    """What is told, until it is asked for: filled by an executor's thread, and emptied by the runner's."""

    def __init__(self) -> None:
        self._told: deque[tuple[str, Pose, float]] = deque(maxlen=MOST)

    def on_frames(self, message: Any) -> None:
        """A ``tf2_msgs/TFMessage``; what isn't told in the world's frame, or is no pose, is passed over."""
        for told in message.transforms:
            at, turn = told.transform.translation, told.transform.rotation
            xyz, quat = (at.x, at.y, at.z), (turn.x, turn.y, turn.z, turn.w)
            if told.header.frame_id == WORLD and all(map(math.isfinite, xyz)) and abs(math.hypot(*quat) - 1.0) < UNIT:
                self._told.append((told.child_frame_id, Pose(xyz, quat), seconds(told.header.stamp)))

    def news(self) -> Iterator[tuple[str, Pose, float]]:
        """Name, pose (world) and stamp (s) of each frame that has come since."""
        while self._told:
            yield self._told.popleft()


class SeeingLocator:
    """What is known of the parts in the cell: as ``taught`` reckons, and as ``frames`` tell. ``now`` is the cell's
    time."""

    def __init__(
        self, taught: TaughtLocator, frames: Frames, feedback: Feedback, cell: Cell, sight: SightTopic,
        now: Callable[[], float],
    ) -> None:  # fmt: skip
        self._taught, self._frames, self._feedback, self._now = taught, frames, feedback, now
        self._sigma, self._timeout = cell.noise.locator_sigma, sight.timeout_s
        self._seen: dict[str, Seen] = {}
        self._tcp, self._moved = Pose(), -math.inf

    def follow(self, tcp: Pose, hand: GripperReading, asked: float) -> None:
        """As :meth:`TaughtLocator.follow`, at every tick."""
        before = self._taught.held
        self._taught.follow(tcp, hand, asked)
        for instance in before ^ self._taught.held:  # what was seen of it was before that
            self._seen.pop(instance, None)
        turned = (self._tcp.inverse() @ tcp).angle
        if math.dist(self._tcp.xyz, tcp.xyz) > STILL[0] or turned > STILL[1] or not hand.still:
            self._tcp, self._moved = tcp, self._now()
        for name, pose, stamp in self._frames.news():
            instance = self._instance(name, pose)
            if instance is not None:
                self._seen[instance] = Seen(pose, self._now() - self._age(stamp))

    def locate(self, instance: str) -> Estimate:
        """Estimate of a part's pose. Raises ``KeyError`` for one that isn't in the cell."""
        reckoned, seen = self._taught.locate(instance), self._seen.get(instance)
        if seen is None or self._now() - seen.at > self._timeout:
            return reckoned
        if instance in self._taught.held and seen.at < self._moved:
            return reckoned
        return Estimate(seen.pose, self._sigma, seen.at)

    def _instance(self, name: str, pose: Pose) -> str | None:
        """Whose frame it is, of the parts that are in the cell."""
        try:
            self._taught.locate(name)
        except KeyError:
            return self._taught.nearest(name.partition(".")[0], pose)
        return name

    def _age(self, stamp: float) -> float:
        """How long ago (s) something was stamped, by the robot's clock."""
        joints = self._feedback.joints
        return max(0.0, joints.stamp - stamp) if joints is not None and joints.stamp and stamp else 0.0
