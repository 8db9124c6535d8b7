"""Stops and cancels at many instants: in free space, in contact, and while the gripper closes.

    python benchmarks/stop.py --instants 50 --cancels 20 --seed 1 --json

Each run builds one pegboard of one peg; stops come one after another, each acknowledged and resumed, a cancel ends its
run. The bench sees what the arm sees: it stands between the runner and the world and only looks.

Measures: ``stop_ticks_max`` control ticks from the runner taking the request to the first setpoint of the ramp, both
in one tick counting 1; ``at_rest`` and ``completed`` stops after which the arm rested, and after which (acknowledged,
resumed) the unit ended good; ``built_twice`` process steps done more than once with no recovery that names them;
``peak_force_n`` the highest tared force from any request to rest; ``cancelled_tidily`` cancels after which the hand
was empty, the parts had left the cell, and unit and order were named as cancelled and ended.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import shlex
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from cells.control.setpoints import Compliant, JointTarget, Setpoint
from cells.description.cell import Cell, load_cell
from cells.journal.store import Journal
from cells.ports import ArmReading, GripperReading
from cells.products.catalogue import build_variant
from cells.runtime.production import UnitOutcome, produce
from cells.runtime.requests import Request
from cells.tasks.plan import plan_order

KINDS = ("free", "contact", "gripping")
CONTACT_N = 3.0  # of tared force while compliant, from which a tick counts as in contact
MOVING = 0.1  # rad/s of the fastest joint, from which a tick counts as moving in free space
CLOSING = 0.002  # m/s of the fingers
AT_REST = 0.03  # rad/s that no joint may exceed while the cell stands stopped
PER_RUN = 3
LONGEST_S = 400.0  # cell time after which a run that doesn't end is ended


@dataclass(frozen=True)
class Instant:
    """A request to make: ``after`` seconds since the run began or went on, at the first tick of that kind."""

    kind: str
    after: float
    command: str = "stop"


@dataclass
class Stop:
    """What was seen of one request."""

    kind: str
    command: str
    time: float
    step: str = ""
    ticks: int = 0
    fastest: float = math.inf  # rad/s of any joint while the cell stands stopped
    rest_after_s: float = 0.0
    peak_force_n: float = 0.0
    jump_rad: float = 0.0

    @property
    def at_rest(self) -> bool:
        """Whether the arm rested while the cell stood stopped."""
        return self.fastest <= AT_REST


@dataclass
class Trial:
    """One run: its requests, its outcome, its events."""

    stops: list[Stop]
    outcome: UnitOutcome
    events: list[Any] = field(repr=False, default_factory=list)
    left: tuple[str, ...] = ()

    def repeated(self) -> int:
        """Process steps (picks aside: a part may have to be fetched again) done more than once without a recovery."""
        done = Counter(e.data["step"] for e in self.events if e.kind == "step_done" and e.data["skill"] != "pick")
        recovered = {e.data["step"] for e in self.events if e.kind == "recovery_started"}
        return sum(count > 1 and step not in recovered for step, count in done.items())

    def tidy(self) -> bool:
        """After a cancel: named, ended, nothing in the hand and nothing left in the cell."""
        ended = [e.data["verdict"] for e in self.events if e.kind == "unit_finished"]
        finished = any(e.kind == "order_finished" for e in self.events)
        return ended == ["cancelled"] and finished and not self.left


class Watch:
    """Stands between runner and world: sees every reading and setpoint, and asks for what is due.

    It is the world's ports and the runner's source of requests at once, so that it knows each tick exactly.
    """

    def __init__(self, world: Any, instants: Sequence[Instant]) -> None:
        self._world, self._due = world, list(instants)
        self.traits, self.locator, self.camera, self.stock = world.traits, world.locator, world.camera, world.stock
        self.clock = self
        self.arm = SimpleNamespace(read=self._read_arm, command=self._command)
        self.gripper = SimpleNamespace(read=self._read_gripper, move=world.gripper.move)
        self.wrench = SimpleNamespace(read=self._read_wrench)
        self.tick_s = world.clock.tick_s
        self.stops: list[Stop] = []
        self.step = ""
        self._tick = self._asked = self._quiet = 0
        self._since = 0.0
        self._open: Stop | None = None
        self._answers: list[Any] = []
        self._standing: Setpoint | None = None
        self._tare = np.zeros(3)
        self._awaiting = ""

    def now(self) -> float:
        return float(self._world.clock.now())

    def advance(self) -> None:
        self._tick += 1
        self._world.clock.advance()

    def close(self) -> None:
        self._world.close()

    def poll(self, wait_s: float = 0.0) -> Request | None:
        """The runner looks for a request: called once a tick, after the reading and before the setpoint."""
        if self._open:
            return self._see_it_through(wait_s > 0)
        if self.now() > LONGEST_S:
            return Request("leave", "the bench's patience")
        if not self._due or self.now() - self._since < self._due[0].after or not self._is(self._due[0].kind):
            return None
        instant = self._due.pop(0)
        self._open = Stop(instant.kind, instant.command, self.now(), self.step)
        self.stops.append(self._open)
        self._asked, self._quiet, self._awaiting = self._tick, 0, "ramp"
        return Request(instant.command, "bench")  # type: ignore[arg-type]

    def _see_it_through(self, waiting: bool) -> Request | None:
        """After a stop: once the runner says that the arm is at rest, check it for a while, acknowledge, resume."""
        assert self._open
        if self._open.command == "cancel" or not waiting:
            return None
        self._quiet += 1
        if self._quiet == 1:
            self._open.fastest = 0.0
            self._open.rest_after_s = self.now() - self._open.time
        self._open.fastest = max(self._open.fastest, self._speed)
        if self._quiet == 25:
            return Request("acknowledge", "bench")
        if self._quiet == 26:
            self._open, self._since = None, self.now()
            return Request("resume", "bench")
        return None

    def _is(self, kind: str) -> bool:
        compliant = isinstance(self._standing, Compliant)
        if kind == "gripping":
            return self._fingers < -CLOSING and self.step.endswith(".pick") and compliant
        if kind == "contact":
            return compliant and self._force > CONTACT_N
        return not compliant and self._speed > MOVING

    def _read_arm(self) -> ArmReading:
        reading: ArmReading = self._world.arm.read()
        self._speed = float(np.abs(reading.qd).max())
        self._q_cmd = reading.q_cmd
        return reading

    def _read_gripper(self) -> GripperReading:
        reading: GripperReading = self._world.gripper.read()
        self._fingers = reading.speed
        return reading

    def _read_wrench(self) -> Any:
        wrench = self._world.wrench.read()
        self._wrench = wrench
        self._force = float(np.linalg.norm(wrench[:3] - self._tare))
        if self._open and self._open.command == "stop" and self._quiet == 0:
            self._open.peak_force_n = max(self._open.peak_force_n, self._force)
        return wrench

    def _command(self, setpoint: Setpoint) -> None:
        if isinstance(setpoint, Compliant) and not isinstance(self._standing, Compliant):
            self._tare = self._wrench[:3].copy()
        if self._open and self._awaiting:
            self._open.ticks = self._tick - self._asked + 1
            if isinstance(setpoint, JointTarget):
                self._open.jump_rad = float(np.abs(setpoint.q - self._q_cmd).max())
            self._awaiting = ""
        self._standing = setpoint
        self._world.arm.command(setpoint)


def trial(cell: Cell, instants: Sequence[Instant], seed: int, pegs: int = 1) -> Trial:
    """Build one unit with these requests on the way."""
    from sim.world import open_world

    variant = build_variant("pegboard", {"pegs": pegs})
    item = SimpleNamespace(product="pegboard", quantity=1, parameters={"pegs": pegs})
    order: Any = SimpleNamespace(id=f"STOP-{seed}", items=[item])
    plan = plan_order(order, cell, [variant])
    watch = Watch(open_world(cell, {variant.hash: variant}, seed), instants)

    def progress(_serial: str, step: str, _index: int, _total: int) -> None:
        watch.step = step

    with tempfile.TemporaryDirectory() as folder, Journal.open(cell.name, folder) as journal:
        out = Path(folder) / "out"
        world: Any = watch
        variants = {variant.hash: variant}
        outcomes = produce(order, plan, cell, variants, world, journal, out, progress, watch, pictures=False)
        events = list(journal.events())
    left = tuple(watch.stock.pieces)
    watch.close()
    return Trial(watch.stops, outcomes[0], events, left)


def schedule(instants: int, cancels: int, seed: int) -> list[tuple[int, list[Instant]]]:
    """(seed of the world, requests) of each run: kinds in turn, at times that nobody chose."""
    chance = random.Random(seed)
    stops = [Instant(KINDS[i % 3], chance.uniform(0.0, 9.0)) for i in range(instants)]
    ends = [[Instant(KINDS[i % 3], chance.uniform(0.0, 20.0), "cancel")] for i in range(cancels)]
    groups = [stops[i : i + PER_RUN] for i in range(0, instants, PER_RUN)]
    return [(1000 * seed + number, group) for number, group in enumerate(groups + ends)]


def measures(trials: Sequence[Trial], instants: int, cancels: int) -> dict[str, float]:
    """What the issue asks for; counts of the requests that came about."""
    stopped = [trial for trial in trials if not any(stop.command == "cancel" for stop in trial.stops)]
    cancelled = [trial for trial in trials if any(stop.command == "cancel" for stop in trial.stops)]
    stops = [stop for trial in stopped for stop in trial.stops]
    ticks = [stop.ticks for trial in stopped for stop in trial.stops]
    return {
        "instants": len(stops),
        "instants_asked": instants,
        "stop_ticks_max": max(ticks, default=0),
        "at_rest": sum(stop.at_rest for stop in stops),
        "completed": sum(len(trial.stops) for trial in stopped if trial.outcome.verdict == "good"),
        "built_twice": sum(trial.repeated() for trial in trials),
        "peak_force_n": round(max((stop.peak_force_n for stop in stops), default=0.0), 2),
        "jump_rad_max": max((stop.jump_rad for stop in stops), default=0.0),
        "cancels": len(cancelled),
        "cancels_asked": cancels,
        "cancelled_tidily": sum(trial.tidy() for trial in cancelled),
    }


def main() -> None:
    """Run the bench and print its table, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--instants", type=int, default=50)
    parser.add_argument("--cancels", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--mode", choices=("impedance", "admittance"), help="control mode, instead of the cell's own")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    cell = load_cell("panda-bench")
    if options.mode:
        cell = cell.model_copy(update={"control": cell.control.model_copy(update={"default": options.mode})})
    trials = []
    # Bullet greets on the standard output of the process, which is for the result alone.
    with ProcessPoolExecutor(options.jobs, initializer=os.dup2, initargs=(2, 1)) as pool:
        runs = schedule(options.instants, options.cancels, options.seed)
        futures = [pool.submit(trial, cell, instants, seed) for seed, instants in runs]
        for number, future in enumerate(futures, 1):
            trials.append(future.result())
            done = trials[-1]
            said = ", ".join(
                f"{stop.command} {stop.kind} in {stop.step}, then {stop.fastest:.3f} rad/s" for stop in done.stops
            )
            reasons = f" ({'; '.join(done.outcome.reasons)})" if done.outcome.reasons else ""
            print(f"run {number}/{len(runs)}: {done.outcome.verdict}{reasons}: {said}", file=sys.stderr)
    found = measures(trials, options.instants, options.cancels)
    if options.json:
        rows = [asdict(stop) | {"verdict": trial.outcome.verdict} for trial in trials for stop in trial.stops]
        machine = f"{platform.machine()}, Python {platform.python_version()}, {platform.system()}"
        command = shlex.join(["python", "benchmarks/stop.py", *sys.argv[1:]])
        print(json.dumps({"name": "stop", "machine": machine, "command": command, "rows": rows, "measures": found}))
        return
    for name, value in found.items():
        print(f"{name:20} {value}")


if __name__ == "__main__":
    main()
