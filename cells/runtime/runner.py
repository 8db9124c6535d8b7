"""Runner: the one loop that reads, lets the work go on by a tick, guards, writes and passes the tick.

It owns the arm whenever nobody else may: a stop, an emergency stop or a guard trip closes the work and brings the
arm to rest from its commanded state; then the cell waits for people. Nothing resumes by itself.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from cells.control.setpoints import Compliant, Segment
from cells.control.verify import proof_of
from cells.errors import CellwrightError, Problem
from cells.ports import Reading, World, driver_of
from cells.pose import Array
from cells.runtime import packml, stop
from cells.runtime.guard import Guard, Trip
from cells.runtime.packml import State
from cells.runtime.remedies import LOOK, remedy_of
from cells.runtime.requests import Request, Requests
from cells.skills.contract import Command, Grasp, Spin

if TYPE_CHECKING:
    from cells.description.cell import Cell
    from cells.kinematics.chain import Chain

Emit = Callable[[str, dict[str, Any]], None]

CONTACT_N = 10.0  # tared force above which a stopped joint motion counts as one that ran into something
REST_SPEED = 0.02  # rad/s below which every joint must stay
FINGERS_MOVE = 0.005  # m/s above which the fingers are on their way, unless they press on something
FINGERS_PRESS = 5.0  # N: a grip that trembles is a grip
FINGERS_STOP = 0.05, 20.0  # m/s, N with which they are then held where they are
REST_TICKS = 10
REST_S = 3.0  # how long to wait for that
_EVENTS = {"stop": "stop_requested", "emergency_stop": "stop_requested", "pause": "pause_requested"}
_EVENTS |= {"resume": "resume_requested", "cancel": "cancel_requested", "acknowledge": "acknowledged"}
# What an obeyed request means for the loop, and in words for the person who asked.
_WISHES = {"stop": "brake", "emergency_stop": "brake", "pause": "brake", "cancel": "cancel"}
_WISHES |= {"acknowledge": "acknowledged", "resume": "go on"}
_WORDS = {
    "brake": "the arm comes to rest and waits",
    "cancel": "the present step tidies up, then the order ends",
    "acknowledged": "acknowledged; resume goes on from a step boundary, cancel ends the order",
    "go on": "going on from a step boundary",
    "end": "the order ends where it stands",
}
_ADVICE = {
    State.STOPPED: "stopped, waiting: cellwright acknowledge, then resume or cancel, from another terminal",
    State.ABORTED: "aborted ({why}), waiting: {remedy}; "
    "then cellwright acknowledge, and resume or cancel, from another terminal",
    State.HELD: "held: cellwright resume or cancel, from another terminal",
}


class Ending(Enum):
    """How the runner came back from some work."""

    FINISHED = "finished"
    INTERRUPTED = "interrupted"  # stopped or held, and allowed to go on: replan from a step boundary
    CANCELLED = "cancelled"  # tidied up and at rest, motion is still allowed
    LEFT = "left"  # ended where it stands: no further motion


class Work(Protocol):
    """Something that moves the cell, tick by tick."""

    command: Command

    def advance(self, reading: Reading) -> bool:
        """Go on by one tick and set ``command``; True if the work had ended already and nothing is to be sent."""

    def cancel(self) -> None:
        """From the next tick on: tidy up, within a bounded number of ticks, and end."""

    def close(self) -> None:
        """End now, without another command."""

    def status(self) -> dict[str, Any]:
        """What is being done, for people."""


class Runner:
    """Runs work in a world. ``emit(kind, data)`` writes an event; ``state`` is the PackML state."""

    def __init__(
        self, cell: Cell, chain: Chain, world: World, emit: Emit, requests: Requests, say: Callable[[str], None]
    ) -> None:
        self.cell, self.chain, self.world = cell, chain, world
        self._driver = driver_of(world)
        self.state = State.IDLE
        self.cancelled = False  # a person has ended the order early
        self.left = False  # the order ends where it stands: nothing may move any more
        self.tare: Array = np.zeros(6)
        self.tick = 0
        self.proof = proof_of(cell, chain)
        self.guard = Guard(cell, chain)
        self._emit, self._requests, self._say = emit, requests, say
        self._standing: Command = None
        self._law: Any = None
        if cell.control.default == "admittance":
            from cells.control.admittance import Admittance

            self._law = Admittance(chain, cell.base_pose, cell.tick_s)

    # ------------------------------------------------------------------ the tick

    def run(self, work: Work) -> Ending:
        """Tick ``work`` until it has ended, was cancelled, or was interrupted and may be continued.

        A fault, of a skill as of the journal, is raised once the arm is at rest."""
        try:
            return self._run(work)
        except Exception:
            self._rest_after_fault(work)
            raise

    def _run(self, work: Work) -> Ending:
        cancelled = False
        self.guard.begin()
        while True:
            reading = self.read()
            wish = self._heed(self._requests.poll(), work)
            if wish == "cancel":
                cancelled = True
                work.cancel()
            elif wish:
                return self._interrupt(work, reading)
            if work.advance(reading):
                if cancelled:
                    self._come_to_rest(reading, work)
                return Ending.CANCELLED if cancelled else Ending.FINISHED
            trip = self.guard.check(reading, work.command, self.force(reading))
            if trip:
                self._tripped(trip)
                return self._interrupt(work, reading)
            if isinstance(work.command, Segment):
                self._prove(work.command, reading)
            self._send(work.command, reading)

    def read(self) -> Reading:
        """Read all ports."""
        world = self.world
        driver = self._driver.read() if self._driver else None
        return Reading(
            world.clock.now(), self.tick, world.arm.read(), world.gripper.read(), world.wrench.read(), driver
        )

    def force(self, reading: Reading) -> float:
        """Norm of the tared force in N."""
        x, y, z = (reading.wrench[:3] - self.tare[:3]).tolist()
        return math.sqrt(x * x + y * y + z * z)

    @property
    def compliant(self) -> bool:
        """Whether the setpoint that stands is a Compliant."""
        return isinstance(self._standing, Compliant)

    def _send(self, command: Command, reading: Reading) -> None:
        """Write one command and pass the tick. Where the arm has no compliance of its own the one law gives it."""
        if isinstance(command, Grasp):
            self.world.gripper.move(command.width, command.speed, command.force)
        elif isinstance(command, Spin):
            assert self._driver is not None  # nothing is begun that needs one where there is none
            self._driver.turn(command.speed, command.torque)
        elif command is not None:
            if self._law and isinstance(command, Compliant) and not self.compliant:
                self._law.reset(reading.arm.q_cmd)
            self._standing = command
            if not (self._law and isinstance(command, Compliant)):
                self.world.arm.command(command)  # type: ignore[arg-type]
        if self._law and isinstance(self._standing, Compliant):
            self.world.arm.command(self._law.step(self._standing, reading, self.tare))
        self.world.clock.advance()
        self.tick += 1

    def _prove(self, segment: Segment, reading: Reading) -> None:
        """Raise :class:`CellwrightError`, naming joint, time and value, for a motion that the arm must not get."""
        broken = self.proof.broken(segment.trajectory, reading.arm)
        if broken:
            remedy = "nothing was sent: change the cell or the order"
            raise CellwrightError(Problem("motion", "; ".join(broken[:3]), remedy))

    # ------------------------------------------------------------------ coming to rest

    def _interrupt(self, work: Work, reading: Reading) -> Ending:
        """The runner takes the arm: close the work, come to rest, and wait for what people decide."""
        work.close()
        self._come_to_rest(reading, work)
        self._to(packml.completed(self.state))
        return self._wait(work)

    def _ramp(self, reading: Reading) -> stop.Ramp:
        """The way to rest from here: softly in contact, on a jerk-limited ramp in free space."""
        dt = self.cell.tick_s
        if isinstance(self._standing, Compliant):
            return stop.soft_stop(reading, self._standing, dt)
        if self.force(reading) > CONTACT_N:
            return stop.soft_stop(reading, stop.softened(self.chain, self.cell.base_pose, reading), dt)
        return stop.free_stop(self.chain, reading, dt)

    def _come_to_rest(self, reading: Reading, work: Work) -> None:
        """Stream a ramp to its end; requests that come meanwhile are answered, and may only be stronger."""
        if self._driver:
            self._driver.turn(0.0, 0.0)
        ramp = self._ramp(reading)
        setpoint = next(ramp)
        # What is held stays held; fingers on their way stop, or they would push the resting arm when they meet a part.
        if _fingers_on_their_way(reading):
            self.world.gripper.move(reading.gripper.width, *FINGERS_STOP)
        while True:
            self._send(setpoint, reading)
            self._heed(self._requests.poll(), work)
            reading = self.read()
            try:
                setpoint = ramp.send(reading)
            except StopIteration:
                break
        self.settle()

    def _rest_after_fault(self, work: Work) -> None:
        # Where the journal is what failed, neither step below can be noted; the arm must come to rest all the same.
        with contextlib.suppress(Exception):
            self._go("abort")
        with contextlib.suppress(Exception):
            work.close()
        self._come_to_rest(self.read(), work)

    def settle(self) -> None:
        """Pass ticks until every joint is at rest (or for at most three seconds)."""
        quiet = 0
        for _ in range(round(REST_S / self.cell.tick_s)):
            reading = self.read()
            moving = float(np.abs(reading.arm.qd).max()) > REST_SPEED or _fingers_on_their_way(reading)
            quiet = 0 if moving else quiet + 1
            if quiet >= REST_TICKS:
                return
            self._send(None, reading)

    # ------------------------------------------------------------------ people

    def start(self) -> None:
        """Idle → Execute."""
        self._go("start")

    def finish(self) -> None:
        """The order is done: Execute or Completing → Complete. A cell that was left stopped stays so."""
        if self.state is State.EXECUTE:
            self._to(packml.completed(self.state))
        if self.state is State.COMPLETING:
            self._to(packml.completed(self.state))

    def _wait(self, work: Work) -> Ending:
        """At rest, until people have decided. Cell time goes on, at about real time."""
        while not self.left:
            self._send(None, self.read())
            wish = self._heed(self._requests.poll(self.cell.tick_s), work)
            if wish == "go on":
                return Ending.INTERRUPTED
            if wish == "cancel":
                return Ending.CANCELLED
            if wish == "end":
                self.left = True
            if wish == "brake":  # the arm is at rest already
                self._to(packml.completed(self.state))
        return Ending.LEFT

    def _heed(self, request: Request | None, work: Work) -> str | None:
        """Obey and answer a request; what it means for the loop: "brake", "cancel", "go on", "end" or nothing."""
        if request is None:
            return None
        if request.command == "status":
            request.answer({"ok": True, "state": str(self.state), **self._status(), **work.status()})
            return None
        try:
            wish = self._obey(request)
        except packml.IllegalCommand as refusal:
            request.answer({"ok": False, "state": str(self.state), "what": str(refusal)})
            return None
        request.answer({"ok": True, "state": str(self.state), "what": _WORDS[wish]})
        return wish

    def _obey(self, request: Request) -> str:
        """Change state as asked. Raises :class:`cells.runtime.packml.IllegalCommand`."""
        asked = request.command
        if asked == "leave":
            self.left = True
            if self.state not in (State.EXECUTE, State.COMPLETING):
                return "end"
            asked = "stop"
        way = self._way(asked)
        if way:
            packml.command(self.state, way[0], asked)
        if asked == "acknowledge":
            self._check_robot()
            self.guard.reset()
        self._emit(_EVENTS[asked], {"by": request.by})
        if asked == "emergency_stop":
            self.guard.latched = Trip("emergency_stop", math.nan, math.nan)
        self.cancelled = self.cancelled or asked == "cancel"
        for name in way:
            self._go(name)
        # What was stopped and not acknowledged may not move, not even to tidy up.
        return _WISHES[asked] if way else "end"

    def _way(self, asked: str) -> tuple[str, ...]:
        """The PackML commands that a request stands for in the present state."""
        stands = self.state in (State.STOPPED, State.ABORTED)
        if asked == "acknowledge":
            return ("clear", "reset") if self.state is State.ABORTED else ("reset",)
        if asked == "resume":
            return ("unhold",) if self.state is State.HELD else ("start",)
        if asked == "cancel":
            return () if stands else ("complete",)
        return ({"stop": "stop", "emergency_stop": "abort", "pause": "hold"}[asked],)

    def _check_robot(self) -> None:
        mode = self.world.arm.read().mode
        if mode != "running":
            remedy = f"{remedy_of(f'robot_{mode}')}; then acknowledge again"
            raise packml.IllegalCommand(Problem("robot", f"it still reports {mode!r}", remedy))

    def _status(self) -> dict[str, Any]:
        trip = self.guard.latched
        told = {"time_s": round(self.world.clock.now(), 3), "guard": str(trip) if trip else "nothing tripped"}
        return {**told, "remedy": remedy_of(trip.cause)} if trip else told

    def _tripped(self, trip: Trip) -> None:
        value, limit = (None if math.isnan(v) else v for v in (trip.value, trip.limit))
        self._emit("guard_tripped", {"cause": trip.cause, "value": value, "limit": limit})
        self._go("abort")

    def _go(self, name: str) -> None:
        """Give a PackML command, and pass through what takes no time."""
        self._to(packml.command(self.state, name))
        while self.state in (State.STARTING, State.UNHOLDING, State.CLEARING, State.RESETTING):
            self._to(packml.completed(self.state))

    def _to(self, state: State) -> None:
        was, self.state = self.state, state
        self._emit("state_changed", {"state": str(state), "was": str(was)})
        if state in (State.STOPPED, State.ABORTED, State.HELD):
            trip = self.guard.latched
            self._say(_ADVICE[state].format(why=trip or "stopped", remedy=remedy_of(trip.cause) if trip else LOOK))


def _fingers_on_their_way(reading: Reading) -> bool:
    gripper = reading.gripper
    return abs(gripper.speed) > FINGERS_MOVE and gripper.force < FINGERS_PRESS
