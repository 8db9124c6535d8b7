"""The way to the arm over ROS 2: how late states come, how soon it moves, rests and stops, and what an order takes.

    python benchmarks/ros2.py --seconds 20 --times 30 --seed 1 --json
    python benchmarks/ros2.py --order examples/gearbox.yaml --json

In real time, over loopback, with this house's node for an arm (``--arm mock`` has no physics, ``--arm sim`` is
simulated) in a process of its own, and the cell's own receiving code here. Both are scheduled as SCHED_RR where that is
allowed: it keeps what else runs on the machine from being measured. Its load average is told beside the figures.

* ``joint_states_p99_ms_500hz``: at 500 joint states a second, the time from the instant at which a state's tick was due
  (its stamp) until this process has it; ``..._median_...`` and ``..._max_...`` likewise; ``..._lost_...``: those that
  never came. ``arm_cpu_500hz``, ``listener_cpu_500hz``: shares of one core meanwhile, of the node and of this process.
* ``goal_to_motion_ms``: from sending a trajectory as a goal until a joint state with a moving joint is here, median;
  ``cancel_to_rest_ms``: from cancelling it at ``SHARE`` of the last joint's speed until one at rest is here, median.
* ``stop_to_ramp_cycles``: from a stop request to the runner, at any instant of a motion, until the ramp to rest has
  been handed to the arm, in control cycles of the cell (4 ms), at most; ``stop_seen_cycles``: until the arm's first
  control tick that is slower, at most. ``cell_cpu``, ``arm_cpu``: shares of one core of the process that runs the
  cell's loop, and of the arm's node, meanwhile.
* with ``--order``: ``order_*_wall_s`` and ``order_*_cell_s``, over ROS 2 (``ros2``: a simulated arm that tells its own
  time, no faster than this computer's) and in one process (``sim``: as fast as it can), with one seed and without a
  rehearsal; ``order_*_good``: units that became good; ``order_acknowledged``: how often the arm was stopped as the
  machine was too busy for one, and was made to go on.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shlex
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from cells.control.setpoints import Segment, Trajectory
from cells.description.cell import LIBRARY, Cell, load_cell
from cells.errors import CellwrightError
from cells.kinematics.chain import Chain, load_chain
from cells.kinematics.trajectory import point_to_point
from cells.ports import Reading
from cells.runtime.control_socket import send
from cells.runtime.requests import Request
from cells.runtime.runner import Runner
from cells.skills.contract import Command
from hw.isolation import isolated
from hw.types import ready

NAMESPACE = "/measured"
CLOCKS = "control_hz: 250"
SHARE = 0.5  # of the joints' limits, at which motions go
TURN = 2.0  # rad of the last joint
CRUISE = 0.6, 1.2  # s after its beginning, between which such a motion goes at constant speed
MOVES, RESTS, SLOWER = 1e-4, 1e-3, 0.01  # rad/s: above, below, and less than before
PATIENCE_S = 30.0
BUSY = ("tick overrun", "robot no feedback", "robot no wrench", "robot motion unanswered")


def cell_file(folder: Path, hz: int) -> Path:
    """The bench in the control mode that real arms take, with so many control ticks a second."""
    text = (LIBRARY / "cells" / "panda-bench.yaml").read_text(encoding="utf-8")
    for old, new in ((CLOCKS, f"control_hz: {hz}"), ("default: impedance", "default: admittance")):
        assert old in text
        text = text.replace(old, new)
    path = folder / f"bench-{hz}.yaml"
    path.write_text(f"{text}ros2: {{namespace: {NAMESPACE}}}\n", encoding="utf-8")
    return path


@contextmanager
def arm_node(kind: str, cell: Path, *parameters: str) -> Iterator[int]:
    """The arm's node until the block ends; its process."""
    words = [word for parameter in (f"cell:={cell}", *parameters) for word in ("-p", parameter)]
    node = subprocess.Popen([sys.executable, "-m", f"hw.nodes.arm_{kind}", "--ros-args", *words])
    try:
        yield node.pid
    finally:
        node.terminate()
        node.wait(PATIENCE_S)


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def used(pids: dict[str, int], act: Callable[[], None]) -> dict[str, float]:
    """Shares of one core that processes use while something is done."""
    before, began = {name: cpu_s(pid) for name, pid in pids.items()}, time.monotonic()
    act()
    passed = time.monotonic() - began
    return {name: (cpu_s(pid) - before[name]) / passed for name, pid in pids.items()}


class Listener:
    """Hears the arm as the cell does. ``states`` are (arrival, stamp, fastest joint, last joint's position): s, rad/s,
    rad, by this computer's time."""

    def __init__(self, joints: int) -> None:
        from control_msgs.action import FollowJointTrajectory
        from rclpy.action import ActionClient
        from sensor_msgs.msg import JointState

        from hw.listening import NEWEST
        from hw.network import Network

        self._joints = joints
        self._network = Network("listener", NAMESPACE)
        self.states: deque[tuple[float, float, float, float]] = deque(maxlen=100_000)
        self._network.node.create_subscription(JointState, "joint_states", self._hear, NEWEST)
        action = "joint_trajectory_controller/follow_joint_trajectory"
        self._goals = ActionClient(self._network.node, FollowJointTrajectory, action)
        self._network.start()
        until(lambda: self.states and self._goals.server_is_ready())

    def _hear(self, message: Any) -> None:
        now, stamp = time.time(), message.header.stamp
        fastest = max(map(abs, message.velocity[: self._joints]))
        self.states.append((now, stamp.sec + 1e-9 * stamp.nanosec, fastest, message.position[self._joints - 1]))

    def first(self, what: Callable[[float], bool], since: float) -> tuple[float, float, float, float]:
        """The first state that came after ``since`` and whose fastest joint is like that."""
        while True:
            found = [state for state in tuple(self.states) if state[0] > since and what(state[2])]
            if found:
                return found[0]
            assert time.time() - since < PATIENCE_S, "no such state came"
            time.sleep(0.001)

    def send(self, goal: Any) -> Any:
        """Send a goal; its future."""
        futures: list[Any] = []
        self._network.do(lambda: futures.append(self._goals.send_goal_async(goal)))
        return lambda: futures and futures[0].done() and futures[0].result()

    def cancel(self, handle: Any) -> None:
        self._network.do(handle.cancel_goal_async)

    def close(self) -> None:
        self._network.close()


def until(what: Callable[[], Any]) -> Any:
    """Wait for something; what it is then."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := what()):
        assert time.monotonic() < deadline, "it didn't happen"
        time.sleep(0.001)
    return found


def states(kind: str, folder: Path, seconds: float) -> dict[str, float]:
    """How late joint states come at 500 Hz."""
    with arm_node(kind, cell_file(folder, 500)) as arm:
        listener = Listener(load_chain(load_cell("panda-bench")).n)
        time.sleep(2.0)  # everybody has found everybody
        listener.states.clear()
        shares = used({"arm_cpu_500hz": arm, "listener_cpu_500hz": os.getpid()}, lambda: time.sleep(seconds))
        heard = np.array(listener.states)
        listener.close()
    late = 1e3 * (heard[:, 0] - heard[:, 1])
    told = round(500 * (heard[-1, 1] - heard[0, 1])) + 1
    measured = {"p99": np.percentile(late, 99), "median": np.median(late), "max": late.max()}
    found = {f"joint_states_{name}_ms_500hz": float(value) for name, value in measured.items()}
    return {**found, "joint_states_lost_500hz": told - len(heard), **shares}


def turn(chain: Chain, q: np.ndarray, dt: float) -> Trajectory:
    """The last joint to the other side."""
    goal = q.copy()
    goal[-1] += TURN if q[-1] < 0.0 else -TURN
    return point_to_point(chain, q, goal, SHARE, dt)


def goals(listener: Listener, cell: Cell, times: int, dice: random.Random) -> dict[str, float]:
    """How soon a goal moves the arm, and a cancelled one lets it rest."""
    from hw.motion import goal_of
    from hw.names import arm_joints

    chain, q, moved, rested = load_chain(cell), cell.home.copy(), [], []
    for _ in range(times):
        time.sleep(dice.uniform(0.1, 0.2))
        q[-1] = listener.states[-1][3]
        goal, sent = goal_of(turn(chain, q, cell.tick_s), arm_joints(cell), None), time.time()
        handle = listener.send(goal)
        moved.append(1e3 * (listener.first(lambda speed: speed > MOVES, sent)[0] - sent))
        time.sleep(dice.uniform(*CRUISE))
        accepted, asked = until(handle), time.time()
        listener.cancel(accepted)
        rested.append(1e3 * (listener.first(lambda speed: speed < RESTS, asked)[0] - asked))
    return {"goal_to_motion_ms": statistics.median(moved), "cancel_to_rest_ms": statistics.median(rested)}


class Turning:
    """The runner's work: one motion."""

    def __init__(self, way: Trajectory) -> None:
        self.command: Command = Segment(way)
        self._begun = False

    def advance(self, reading: Reading) -> bool:
        if self._begun:
            self.command = None
        begun, self._begun = self._begun, True
        return begun and not reading.arm.busy

    def cancel(self) -> None: ...

    def close(self) -> None: ...

    def status(self) -> dict[str, Any]:
        return {}


class Asked:
    """A stop that comes ``at`` some instant, whatever the loop does then; once the arm rests, it goes on."""

    def __init__(self) -> None:
        self.at = np.inf
        self._answers: list[Request] = []

    def poll(self, wait_s: float = 0.0) -> Request | None:
        if time.time() >= self.at:
            self.at = np.inf
            self._answers = [Request("acknowledge", "bench"), Request("resume", "bench")]
            return Request("stop", "bench")
        return self._answers.pop(0) if wait_s and self._answers else None


def stops(listener: Listener, cell: Cell, arm: int, times: int, dice: random.Random) -> dict[str, float]:
    """How soon a stop is a ramp."""
    from hw.world import Ros2World

    world, asked = Ros2World(cell, {}), Asked()
    chain = load_chain(cell)
    runner = Runner(cell, chain, world, lambda *_: None, asked, lambda _: None)
    runner.start()
    commands: list[float] = []
    command = world.arm.command
    world.arm.command = lambda setpoint: (command(setpoint), commands.append(time.time()))  # type: ignore[method-assign]
    ramp, seen = [], []

    def stop() -> None:
        for _ in range(times):
            asked.at = at = time.time() + dice.uniform(*CRUISE)
            runner.run(Turning(turn(chain, world.arm.read().q_cmd, cell.tick_s)))
            ramp.append((next(when for when in commands if when > at) - at) / cell.tick_s)
            before = [speed for _, stamp, speed, _ in tuple(listener.states) if stamp < at][-1]
            slower = next(s for s in tuple(listener.states) if s[1] > at and s[2] < before - SLOWER)
            seen.append((slower[1] - at) / cell.tick_s)

    shares = used({"cell_cpu": os.getpid(), "arm_cpu": arm}, stop)
    world.close()
    return {"stop_to_ramp_cycles": max(ramp), "stop_seen_cycles": max(seen), **shares}


def order(path: Path, folder: Path, seed: int) -> dict[str, float]:
    """What an order takes over ROS 2 and in one process."""
    cell, found, over = cell_file(folder, 250), {}, threading.Event()
    acknowledged: list[str] = []
    operator = threading.Thread(target=stand_by, args=[load_cell(cell).name, over, acknowledged])
    operator.start()
    words = [Path(sys.executable).with_name("cellwright"), "run", path.absolute(), "--cell", cell, "--seed", str(seed)]
    try:
        with arm_node("sim", cell, f"seed:={seed}", "use_sim_time:=true"):
            for world, more in (("ros2", ["--no-rehearse", "--yes"]), ("sim", [])):
                began = time.monotonic()
                done = subprocess.run(
                    [*words, "--world", world, *more, "--json"], cwd=folder, stdout=subprocess.PIPE, check=False
                )
                units = json.loads(done.stdout)["units"]
                found[f"order_{world}_wall_s"] = time.monotonic() - began
                found[f"order_{world}_cell_s"] = sum(unit["seconds"] for unit in units)
                found[f"order_{world}_good"] = sum(unit["verdict"] == "good" for unit in units)
    finally:
        over.set()
        operator.join()
    return found | {"order_acknowledged": len(acknowledged)}


def stand_by(cell: str, over: threading.Event, acknowledged: list[str]) -> None:
    """Let an order go on that a busy machine has stopped; one that has stopped otherwise is ended."""
    while not over.wait(0.5):
        try:
            status = send(cell, "status", "bench")
            if status.get("state") != "Aborted":  # no state: it is busy with opening its world
                continue
            acknowledged.append(status["guard"])
            print(f"acknowledged: {status['guard']}", file=sys.stderr)
            for word in ("acknowledge", "resume") if status["guard"].startswith(BUSY) else ("cancel",):
                send(cell, word, "bench")
        except CellwrightError:
            continue  # it doesn't run yet, or no more


def schedule(policy: int, priority: int) -> bool:
    """How this process and its children are scheduled from now on; whether that is allowed."""
    try:
        os.sched_setscheduler(0, policy, os.sched_param(priority))
    except PermissionError:
        return False
    return True


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--times", type=int, default=30)
    parser.add_argument("--arm", choices=("mock", "sim"), default="mock")
    parser.add_argument("--order", type=Path, help="measure this order, and nothing else")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    os.environ.update(isolated(os.environ))
    ready()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder, dice = Path(name), random.Random(args.seed)
        os.environ["CELLWRIGHT_HOME"] = str(folder / "home")
        found: dict[str, float] = {}
        scheduling = "SCHED_OTHER"
        if args.order:
            found |= order(args.order, folder, args.seed)
        else:
            scheduling = "SCHED_RR" if schedule(os.SCHED_RR, 10) else scheduling
            found |= states(args.arm, folder, args.seconds)
            path = cell_file(folder, 250)
            cell = load_cell(path)
            with arm_node(args.arm, path) as arm:
                listener = Listener(load_chain(cell).n)
                found |= goals(listener, cell, args.times, dice)
                found |= stops(listener, cell, arm, args.times, dice)
                listener.close()
    found = {name: round(value, 3) for name, value in found.items()}
    machine = f"{platform.machine()}, Python {platform.python_version()}, {os.cpu_count()} cores"
    machine += f", load average {load:.1f} before, {scheduling}"
    if args.json:
        command = shlex.join(["python", "benchmarks/ros2.py", *sys.argv[1:]])
        print(json.dumps({"name": "ros2", "machine": machine, "command": command, "measures": found}))
        return
    print(machine)
    for name, value in found.items():
        print(f"{name:32} {value:g}")


if __name__ == "__main__":
    main()
