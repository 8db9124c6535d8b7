"""How much is simulated in a second of one core: the single-skill environments, and panda-gym's pick and place.

    python benchmarks/env.py --json --peer-python PATH

Simulated seconds per CPU second of stepping (``reset`` is told apart), episode by episode in turn, with an action every
40 ms on both sides. Ours run their nominals, panda-gym's a script that picks and places. The peer lives in an
environment of its own, since it brings its own versions: ``python3.11 -m venv peer && peer/bin/pip install panda-gym``,
then ``--peer-python peer/bin/python``. Without one it is left out, and said to be.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from cells.description.cell import Cell

PEER = Path(__file__).with_name("env_peer.py")
ACTION_S = 0.04  # panda-gym's: 20 steps at 500 Hz
INSTALL = "python3.11 -m venv peer && peer/bin/pip install panda-gym, then --peer-python peer/bin/python"


def environments() -> dict[str, Any]:
    """Ours, by name."""
    from sim.envs.grasping import Grasping
    from sim.envs.joining import Joining

    found = {
        "grasp": Grasping(purpose="tuning"),
        "grasp_twin": Grasping(purpose="tuning", twin=True),
        "insert": Joining("Insert", "hard", purpose="tuning"),
        "insert_twin": Joining("Insert", "hard", purpose="tuning", twin=True),
    }
    for env in found.values():
        env.cell = paced(env.cell)
    return found


def paced(cell: Cell) -> Cell:
    """The cell with a policy tick of ``ACTION_S``."""
    clocks = cell.clocks.model_copy(update={"policy_every": round(ACTION_S / cell.tick_s)})
    return cell.model_copy(update={"clocks": clocks})


def episode(env: Any, seed: int) -> dict[str, float]:
    """One episode: seconds simulated, CPU seconds of its steps and of its reset."""
    begun = time.process_time()
    env.reset(seed=seed)
    ready, over, ticks = time.process_time(), False, 0
    while not over:
        _, _, over, _, _ = env.step(env.neutral)
        ticks += 1
    return {"sim_s": ticks * ACTION_S, "cpu_s": time.process_time() - ready, "reset_s": ready - begun}


class Peer:
    """panda-gym in a process of its own."""

    def __init__(self, python: str) -> None:
        self._process = subprocess.Popen(
            [python, str(PEER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def episode(self, seed: int) -> dict[str, float]:
        """One episode, as :func:`episode`. Raises ``RuntimeError`` if the peer doesn't answer."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{seed}\n")
        self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("{"):
                return dict(json.loads(line))
        raise RuntimeError(f"no answer from the peer: is panda-gym installed? {INSTALL}")

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def rates(found: dict[str, list[dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Of each environment, what its episodes come to."""
    out = {}
    for name, episodes in found.items():
        sim, cpu, reset = (sum(each[key] for each in episodes) for key in ("sim_s", "cpu_s", "reset_s"))
        out[name] = {
            "episodes": len(episodes),
            "sim_per_cpu": round(sim / cpu, 3),
            "sim_per_cpu_with_reset": round(sim / (cpu + reset), 3),
            "reset_s": round(reset / len(episodes), 4),
        }
    return out


def measure(episodes: int, peer_python: str | None) -> dict[str, Any]:
    """All environments in turn, episode by episode, after one that isn't counted."""
    ours, peer = environments(), Peer(peer_python) if peer_python else None
    found: dict[str, list[dict[str, float]]] = {name: [] for name in ours}
    if peer:
        found["panda_gym"] = []
    for seed in range(-1, episodes):
        for name in found:
            one = peer.episode(seed + 1) if peer and name == "panda_gym" else episode(ours[name], seed + 1)
            if seed >= 0:
                found[name].append(one)
    if peer:
        peer.close()
    told = rates(found)
    result: dict[str, Any] = {"action_s": ACTION_S, "rates": told}
    if peer:
        theirs = told["panda_gym"]["sim_per_cpu"]
        result["env_vs_panda_gym"] = {n: round(told[n]["sim_per_cpu"] / theirs, 3) for n in ours}
    else:
        result["env_vs_panda_gym"] = f"not measured: {INSTALL}"
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=5)
    parser.add_argument("--peer-python", help="the interpreter of an environment that has panda-gym")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    result = measure(args.episodes, args.peer_python)
    if args.json:
        json.dump(result, sys.stdout, indent=2)
        print()
        return
    for name, told in result["rates"].items():
        print(f"{name:12} {told['sim_per_cpu']:7.2f} simulated s per CPU s, {told['reset_s']:.3f} CPU s to reset")
    print(f"env_vs_panda_gym: {result['env_vs_panda_gym']}")


if __name__ == "__main__":
    main()
