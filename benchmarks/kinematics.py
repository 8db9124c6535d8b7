"""Kinematics against its peers: the same random reachable poses, the same process, turn by turn, in CPU time.

    python benchmarks/kinematics.py --n 10000 --seed 1 --json

The peers come with ``pip install -c constraints.txt -e '.[rtb,bench,dev]'``. Poses are those of uniformly random joints
within the limits. Each solver is called once a pose, from the same start, in blocks that take turns; what it returns is
judged by pinocchio's forward kinematics: 1e-6 m and 1e-6 rad, within the limits. EAIK, which knows a URDF by frames of
its own, is asked for the poses of the same joints in those frames and judged by its own forward kinematics; it returns
all branches. ssik solves by modules that ``ssik build`` writes for each arm at the beginning, and is asked for the
solution nearest to the start. Ours is called once a pose, and once more for all poses in one call (``batch``).

Measures: ``ik_<arm>_vs_<peer>`` CPU time of a peer's call over that of ours; ``ik_<arm>_vs_<peer>_per_solution`` the
same with the peer's time divided by the solutions that it returned; ``ik_<arm>_batch_vs_<peer>`` the peer's call over
one pose of our batch; ``ik_success_<arm>`` share of our calls judged right, ``ik_success_lb_<arm>`` its one-sided 95 %
bound (Clopper-Pearson); ``fkj_batch_vs_pinocchio`` time of one pinocchio call (pose and Jacobian) over that of one of
our *batch*; ``track_completed_<arm>`` of the straight tip paths of 0.3 to 1 m that can be tracked, by ours or from one
of 300 random solutions at their beginning, the share that ours leads through; ``track_jumps_<arm>`` paths in which a
joint moves by over 0.05 rad in a step of 1 mm where the Jacobian's least singular value is over 0.05;
``import_first_solve_s`` seconds from a new process to its first solution, machine code in the cache.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from cells.description.cell import load_cell
from cells.kinematics import ik
from cells.kinematics.chain import Chain, load_chain
from cells.kinematics.trajectory import straight
from cells.pose import Array

BLOCK = 500  # poses a solver has before it is the next one's turn
TOLERANCE = 1e-6  # m and rad
JUMP = 0.05  # rad in a step of 1 mm
SINGULAR = 0.05  # least singular value of the Jacobian below which a path of 1 mm steps may need such a step
SEARCH = 300  # solutions that the branch search starts from
LIMITS = {"acceleration": [10.0] * 6, "jerk": [100.0] * 6}  # of the UR5e: no part in kinematics
FIRST = """
import time; begin = time.perf_counter()
from cells.description.cell import load_cell
from cells.kinematics.chain import load_chain
cell = load_cell("panda-bench"); chain = load_chain(cell)
chain.solve(chain.fk(cell.home + 0.3), cell.home)
print(time.perf_counter() - begin)
"""

Solver = Callable[[int], list[Array]]  # number of the pose -> solutions


def ur5e() -> tuple[Chain, Path]:
    """The UR5e up to its flange, and its URDF."""
    path = Path(str(files("cells.library").joinpath("robots/ur5e/ur5e.urdf")))
    return replace(Chain.from_urdf(path, "base_link", "tool0", LIMITS), specialised=True), path


def panda() -> tuple[Chain, Path]:
    """The Panda up to its tool centre point, and its URDF."""
    cell = load_cell("panda-bench")
    return load_chain(cell), cell.robot_spec.urdf_path


def oracle(path: Path, chain: Chain, tip: str) -> Callable[[Array], tuple[Array, Array]]:
    """Pinocchio's pose (4, 4) and Jacobian (6, n) of joints (n,); what isn't in the chain stands at zero."""
    import pinocchio

    model = pinocchio.buildModelFromUrdf(str(path))
    others = [model.getJointId(name) for name in model.names[1:] if name not in chain.joint_names]
    model = pinocchio.buildReducedModel(model, others, pinocchio.neutral(model))
    data, frame = model.createData(), model.getFrameId(tip)
    aligned = pinocchio.ReferenceFrame.LOCAL_WORLD_ALIGNED

    def at(q: Array) -> tuple[Array, Array]:
        jacobian = pinocchio.computeFrameJacobian(model, data, q, frame, aligned)
        return pinocchio.updateFramePlacement(model, data, frame).homogeneous, jacobian

    return at


def right(pose: Array, target: Array) -> bool:
    """Whether a pose is the target to the tolerance."""
    turn = pose[:3, :3].T @ target[:3, :3]
    angle = np.linalg.norm([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]]) / 2
    near = np.trace(turn) > 0  # half a turn has the same sine as none
    return bool(near and angle <= TOLERANCE and np.linalg.norm(pose[:3, 3] - target[:3, 3]) <= TOLERANCE)


def solvers(arm: str, chain: Chain, path: Path, joints: Array, poses: list[Array], start: Array) -> dict[str, Solver]:
    """Ours and the peers', each from the number of a pose to the solutions it returns."""
    steps = chain.to_rtb().ets()
    analytic = built_by_ssik(arm, path)

    def ours(k: int) -> list[Array]:
        q, ok = chain.solve(poses[k], start)
        return [q] if ok else []

    def rtb(k: int) -> list[Array]:
        answer = steps.ik_LM(poses[k], q0=start, tol=1e-12, joint_limits=True)
        return [answer.q] if answer.success else []

    def by_ssik(k: int) -> list[Array]:
        return [found.q for found in analytic.solve(poses[k], max_solutions=1, q_seed=start)]

    out = {"cellwright": ours, "rtb": rtb, "ssik": by_ssik}
    if arm == "ur5e":
        from eaik.IK_URDF import UrdfRobot

        theirs = UrdfRobot(str(path))
        targets = [theirs.fwdKin(q) for q in joints]
        out["eaik"] = lambda k: list(theirs.IK(targets[k]).Q)
    return out


def built_by_ssik(arm: str, path: Path) -> Any:
    """The module that ssik writes for an arm."""
    base, tip = ("base_link", "tool0") if arm == "ur5e" else ("panda_link0", "panda_tcp")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / f"{arm}_by_ssik.py"
        command = [Path(sys.executable).with_name("ssik"), "build", path, "--base", base, "--ee", tip, "--out", out]
        subprocess.run([*command, "--no-validate"], check=True, stdout=sys.stderr)
        spec = importlib.util.spec_from_file_location(out.stem, out)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


def race(runners: dict[str, Solver], count: int) -> tuple[dict[str, float], dict[str, list[list[Array]]]]:
    """CPU seconds of each solver over all poses, and what each returned. No garbage is collected meanwhile: whoever
    happened to be at it would pay for all."""
    spent, found = dict.fromkeys(runners, 0.0), {name: [] for name in runners}
    for solver in runners.values():  # what compiles or loads at the first call
        solver(0)
    gc.disable()
    for begin in range(0, count, BLOCK):
        for name, solver in runners.items():
            block = range(begin, min(begin + BLOCK, count))
            clock = time.process_time()
            answers = [solver(k) for k in block]
            spent[name] += time.process_time() - clock
            found[name] += answers
    gc.enable()
    return spent, found


def compare(arm: str, chain: Chain, path: Path, tip: str, count: int, seed: int) -> tuple[list[dict], dict[str, float]]:
    """Rows and measures of one arm."""
    from scipy.stats import beta

    rng = np.random.default_rng([seed, chain.n])
    joints = rng.uniform(chain.q_min, chain.q_max, (count, chain.n))
    judge = oracle(path, chain, tip)
    poses = [judge(q)[0] for q in joints]
    middle = (chain.q_min + chain.q_max) / 2 + 0.3
    runners = solvers(arm, chain, path, joints, poses, middle)
    spent, found = race(runners, count)
    rows, out = [], {}
    for name, answers in found.items():
        solutions = sum(len(answer) for answer in answers)
        if name == "eaik":
            from eaik.IK_URDF import UrdfRobot

            theirs = UrdfRobot(str(path))
            solved = sum(
                any(right(theirs.fwdKin(q), theirs.fwdKin(joints[k])) for q in a) for k, a in enumerate(answers)
            )
        else:
            inside = [[q for q in a if np.all((q >= chain.q_min - 1e-9) & (q <= chain.q_max + 1e-9))] for a in answers]
            solved = sum(any(right(judge(q)[0], poses[k]) for q in a) for k, a in enumerate(inside))
        us = 1e6 * spent[name] / count
        rows.append({"arm": arm, "solver": name, "us": round(us, 2), "solved": solved / count,
                     "solutions": round(solutions / count, 2)})  # fmt: skip
        if name == "cellwright":
            together = np.array(poses)
            chain.solve_batch(together[:2], middle)
            clock = time.process_time()
            chain.solve_batch(together, middle)
            batch = time.process_time() - clock
            rows.append({"arm": arm, "solver": "(batch)", "us": round(1e6 * batch / count, 2), "solved": solved / count,
                         "solutions": 1.0})  # fmt: skip
            out[f"ik_success_{arm}"] = solved / count
            out[f"ik_success_lb_{arm}"] = float(beta.ppf(0.05, solved, count - solved + 1))
        else:
            out[f"ik_{arm}_vs_{name}"] = spent[name] / spent["cellwright"]
            out[f"ik_{arm}_batch_vs_{name}"] = spent[name] / batch
            out[f"ik_{arm}_vs_{name}_per_solution"] = out[f"ik_{arm}_vs_{name}"] / max(solutions / count, 1.0)
    return rows, out


def forward_ratio(chain: Chain, path: Path, tip: str, count: int, seed: int) -> float:
    """Time of one pinocchio call over that of one pose and Jacobian of our batch."""
    joints = np.random.default_rng([seed, 1]).uniform(chain.q_min, chain.q_max, (count, chain.n))
    judge = oracle(path, chain, tip)
    room = np.empty((count, 4, 4)), np.empty((count, 6, chain.n))
    chain.forward_batch(joints, *room)
    ours = theirs = 0.0
    for _ in range(5):
        clock = time.process_time()
        chain.forward_batch(joints, *room)
        ours += time.process_time() - clock
        clock = time.process_time()
        for q in joints:
            judge(q)
        theirs += time.process_time() - clock
    return theirs / ours


def tracked(chain: Chain, count: int, seed: int) -> dict[str, float]:
    """Straight tip paths of 0.3 to 1 m at 1 mm, turning by up to 1 rad on the way, from random joints' poses."""
    rng, again = (np.random.default_rng([seed, part, chain.n]) for part in (2, 3))
    trackable = completed = jumps = 0
    for _ in range(count):
        begin = chain.fk(rng.uniform(chain.q_min, chain.q_max))
        length, turn = rng.uniform(0.3, 1.0), rng.normal(size=3)
        direction = rng.normal(size=3)
        move = np.concatenate([length * direction / np.linalg.norm(direction),
                               rng.uniform(0, 1) * turn / np.linalg.norm(turn)])  # fmt: skip
        poses = straight(begin, move, round(1000 * length))
        try:
            path = ik.along(chain, poses, (chain.q_min + chain.q_max) / 2)
        except ik.Unreachable:
            path = None
        if path is None and not branch_search(chain, poses, again):
            continue
        trackable += 1
        if path is None:
            continue
        completed += 1
        steps = np.abs(np.diff(path, axis=0)).max(axis=1)
        jumps += any(chain.manipulability(path[k]) > SINGULAR for k in np.flatnonzero(steps > JUMP))
    return {"track_paths": trackable, "track_jumps": jumps, "track_completed": completed / trackable}


def branch_search(chain: Chain, poses: Array, rng: np.random.Generator) -> bool:
    """Whether the path can be tracked from any of many solutions at its beginning, found from random starts."""
    starts = rng.uniform(np.maximum(chain.q_min, -np.pi), np.minimum(chain.q_max, np.pi), (SEARCH, chain.n))
    found, ok = chain.solve_batch(np.broadcast_to(poses[0], (SEARCH, 4, 4)), starts)
    for start in found[ok]:
        try:
            ik.cartesian_path(chain, start, poses)
        except ik.Unreachable:
            continue
        return True
    return False


def main() -> None:
    """Run and print the table, or one JSON object."""
    parser = argparse.ArgumentParser(description="Kinematics against its peers.")
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--paths", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows: list[dict] = []
    measures: dict[str, float] = {}
    arms = {"panda": (panda, "panda_tcp"), "ur5e": (ur5e, "tool0")}
    for arm, (load, tip) in arms.items():
        chain, path = load()
        found, told = compare(arm, chain, path, tip, options.n, options.seed)
        rows += found
        measures |= told
    chain, path = panda()
    measures["fkj_batch_vs_pinocchio"] = forward_ratio(chain, path, "panda_tcp", options.n, options.seed)
    for arm, (load, _) in arms.items():
        told = tracked(load()[0], options.paths, options.seed)
        measures |= {f"{key}_{arm}": value for key, value in told.items()}
    first = [float(subprocess.check_output([sys.executable, "-c", FIRST], text=True)) for _ in range(3)]
    measures["import_first_solve_s"] = min(first)
    measures = {key: round(value, 4) for key, value in measures.items()}
    if options.json:
        machine = f"{platform.machine()}, Python {platform.python_version()}, {platform.system()}"
        command = shlex.join(["python", "benchmarks/kinematics.py", *sys.argv[1:]])
        print(json.dumps({"name": "kinematics", "machine": machine, "command": command, "rows": rows,
                          "measures": measures}))  # fmt: skip
        return
    for row in rows:
        print("{arm:6} {solver:11} {us:9.2f} µs a call, solved {solved:.4f}, {solutions:.2f} solutions".format(**row))
    for name, value in measures.items():
        print(f"{name:34} {value}")


if __name__ == "__main__":
    main()
