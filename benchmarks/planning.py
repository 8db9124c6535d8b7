"""Collision checks and planning against their peers: the same process, turn by turn, in CPU time.

    python benchmarks/planning.py --pairs 500 --configs 100000 --seed 1 --json

The peers come with ``pip install -c constraints.txt -e '.[sim,bench,dev]'``. The Panda, by the collision shapes of its
URDF, in scenes of eight boxes: a bench and seven boxes thrown over it.

Measures: ``check_vs_pybullet`` CPU time of a configuration check in PyBullet (set the joints, detect collisions, look
for contacts) over that of one of our batch. ``sphere_recall`` share of the configurations in which coal finds contact
that our check refuses, ``sphere_false_alarm`` share of those that coal finds free that it refuses, ``*_bound`` their
one-sided 95 % bounds (Clopper-Pearson). ``plan_solved`` share, of random pairs of free joints that OMPL's RRT-Connect
on coal's checks joins in 10 s at its own resolution of 1 %, that our planner joins; ``plan_vs_ompl`` OMPL's time with
its simplification over ours, where ours proves the whole edges and asks coal as well wherever the way comes nearer than
1 cm; ``plan_ms_median`` and ``plan_ms_p99`` of our way; ``motion_ms_median`` with the jerk-limited motion along it and
its proof. ``ways_hit`` ways on which coal, asked every 0.01 rad, finds contact: must be 0.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import shlex
import sys
import time
from collections.abc import Callable

import numpy as np

from cells.description.cell import load_cell
from cells.kinematics.chain import Chain, load_chain
from cells.kinematics.collision.checks import configs_free
from cells.kinematics.collision.exact import Exact
from cells.kinematics.collision.model import Body, Scene, body_of
from cells.kinematics.collision.shapes import Shape, box
from cells.kinematics.planning import NoWay, Surroundings, motion, way
from cells.pose import Array

SCENES = 10
BOXES = 7
BLOCK = 1000  # configurations that a check has before it is the other's turn
CLEAR = 0.006  # m: how free the ends of a plan are
OMPL_S = 10.0


def scene(rng: np.random.Generator) -> Scene:
    """A bench and boxes over it, in the base frame."""
    solids: list[Shape] = []
    pose = np.eye(4)
    pose[:3, 3] = 0.5, 0.0, -0.06
    solids.append(box("bench", (1.2, 1.2, 0.1), pose))
    for k in range(BOXES):
        turn, pose = rng.uniform(-np.pi, np.pi), np.eye(4)
        pose[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
        pose[:3, 3] = rng.uniform((0.3, -0.5, 0.05), (0.7, 0.5, 0.5))
        x, y, z = rng.uniform(0.05, 0.25, 3).tolist()
        solids.append(box(f"box {k + 1}", (x, y, z), pose))
    return Scene(tuple(solids))


def free(body: Body, around: Scene, q: Array, margin: float) -> Array:
    """Whether the arm keeps over ``margin`` at joints (m, n): (m,)."""
    out = np.empty(len(q), np.bool_)
    configs_free(q, body.tables, around.table, margin, out)
    return out


def pybullet_check(chain: Chain, around: Scene) -> Callable[[Array], bool]:
    """Whether PyBullet finds the arm free at joints (n,)."""
    import pybullet
    from pybullet_utils.bullet_client import BulletClient

    bullet = BulletClient(pybullet.DIRECT)
    path = str(load_cell("panda-bench").robot_spec.urdf_path)
    flags = pybullet.URDF_USE_SELF_COLLISION_EXCLUDE_PARENT
    robot = bullet.loadURDF(path, useFixedBase=True, flags=flags)
    names = {bullet.getJointInfo(robot, k)[1].decode(): k for k in range(bullet.getNumJoints(robot))}
    joints = [names[name] for name in chain.joint_names]
    for solid in around.shapes:
        shape = bullet.createCollisionShape(pybullet.GEOM_BOX, halfExtents=solid.size)
        turn = np.arctan2(solid.pose[1, 0], solid.pose[0, 0])
        bullet.createMultiBody(0, shape, -1, solid.pose[:3, 3], pybullet.getQuaternionFromEuler((0, 0, turn)))

    def check(q: Array) -> bool:
        for joint, value in zip(joints, q, strict=True):
            bullet.resetJointState(robot, joint, value)
        bullet.performCollisionDetection()
        return not bullet.getContactPoints(robot)

    return check


def compare_checks(chain: Chain, body: Body, around: Scene, q: Array) -> dict[str, float]:
    """PyBullet's time over ours, and both (µs)."""
    theirs, spent = pybullet_check(chain, around), [0.0, 0.0]
    free(body, around, q[:2], 0.0)
    for begin in range(0, len(q), BLOCK):
        block = q[begin : begin + BLOCK]
        clock = time.process_time()
        free(body, around, block, 0.0)
        spent[0] += time.process_time() - clock
        clock = time.process_time()
        for joints in block:
            theirs(joints)
        spent[1] += time.process_time() - clock
    ours_us, theirs_us = (1e6 * seconds / len(q) for seconds in spent)
    return {"check_vs_pybullet": theirs_us / ours_us, "check_us": ours_us, "check_us_pybullet": theirs_us}


def recall(body: Body, scenes: list[Scene], chain: Chain, count: int, rng: np.random.Generator) -> dict[str, float]:
    """Our check against coal's."""
    from scipy.stats import beta

    hits = missed = frees = alarms = 0
    for around in scenes:
        q = rng.uniform(chain.q_min, chain.q_max, (count // len(scenes), chain.n))
        ours, coal = free(body, around, q, 0.0), Exact(body, around)
        touch = np.array([coal.contact(joints) is not None for joints in q])
        hits += int(touch.sum())
        missed += int((ours & touch).sum())
        frees += int((~touch).sum())
        alarms += int((~ours & ~touch).sum())
    return {
        "sphere_recall": 1 - missed / hits,
        "sphere_recall_bound": float(beta.ppf(0.05, hits - missed, missed + 1)),
        "sphere_false_alarm": alarms / frees,
        "sphere_false_alarm_bound": float(beta.ppf(0.95, alarms + 1, frees - alarms)),
        "sphere_configs": hits + frees,
    }


class Ompl:
    """OMPL's RRT-Connect with coal's checks."""

    def __init__(self, chain: Chain, exact: Exact) -> None:
        from ompl import base, geometric, util

        util.setLogLevel(util.LOG_ERROR)
        self._base, self._geometric, self._chain = base, geometric, chain
        self._space = base.RealVectorStateSpace(chain.n)
        bounds = base.RealVectorBounds(chain.n)
        for i in range(chain.n):
            bounds.setLow(i, float(chain.q_min[i]))
            bounds.setHigh(i, float(chain.q_max[i]))
        self._space.setBounds(bounds)
        self._free = base.StateValidityCheckerFn(
            lambda state: exact.contact(np.array([state[i] for i in range(chain.n)])) is None
        )

    def solve(self, start: Array, goal: Array) -> bool:
        """Whether it joins the two in time, the way simplified."""
        setup = self._geometric.SimpleSetup(self._space)
        setup.setStateValidityChecker(self._free)
        ends = [self._base.State(self._space) for _ in range(2)]
        for state, q in zip(ends, (start, goal), strict=True):
            for i, value in enumerate(q):
                state[i] = float(value)
        setup.setStartAndGoalStates(*ends)
        setup.setPlanner(self._geometric.RRTConnect(setup.getSpaceInformation()))
        if not setup.solve(OMPL_S) or not setup.haveExactSolutionPath():
            return False
        setup.simplifySolution()
        return True


def asked(exact: Exact, around: Surroundings, path: Array, step: float, nearer: float | None) -> bool:
    """Whether coal finds the way (k, n) free every ``step`` rad, where the arm is ``nearer`` than that to something."""
    for a, b in itertools.pairwise(path):
        q = a + np.linspace(0, 1, 2 + int(np.abs(b - a).max() / step))[:, None] * (b - a)
        if nearer is not None:
            q = q[~free(around.body, around.scene, q, nearer)]
        if any(exact.contact(joints) is not None for joints in q):
            return False
    return True


def compare_plans(chain: Chain, body: Body, scenes: list[Scene], count: int, seed: int) -> tuple[list[dict], dict]:
    """Rows, one a pair, and measures."""
    from ompl import util

    util.RNG.setSeed(seed)
    rng, rows = np.random.default_rng([seed, 7]), []
    hit = 0
    for k in range(count):
        around = Surroundings(body, scenes[k % len(scenes)])
        q = rng.uniform(chain.q_min, chain.q_max, (400, chain.n))
        start, goal = q[free(body, around.scene, q, CLEAR)][:2]
        exact = Exact(body, around.scene)
        peer = Ompl(chain, exact)
        if k == 0:  # what compiles or loads at the first call
            motion(around, start, goal)
        clock = time.process_time()
        theirs = peer.solve(start, goal)
        spent = time.process_time() - clock
        row = {"pair": k, "ompl": theirs, "ompl_ms": 1e3 * spent, "ours": False, "why": ""}
        clock = time.process_time()
        try:
            path = way(around, start, goal, seed=k)
            row["ours"] = asked(exact, around, path, 0.05, 0.01)
            row["way_ms"] = 1e3 * (time.process_time() - clock)
            hit += not asked(exact, around, path, 0.01, None)
            clock = time.process_time()
            motion(around, start, goal, seed=k)
            row["motion_ms"] = 1e3 * (time.process_time() - clock)
        except NoWay as reason:
            row["way_ms"], row["why"] = 1e3 * (time.process_time() - clock), str(reason)
        rows.append({key: round(v, 3) if isinstance(v, float) else v for key, v in row.items()})
        print(f"\r{k + 1}/{count}", end="", file=sys.stderr)
    print(file=sys.stderr)
    both = [row for row in rows if row["ompl"]]
    ours = [row["way_ms"] for row in both]
    return rows, {
        "plan_pairs": len(both),
        "plan_solved": sum(row["ours"] for row in both) / len(both),
        "plan_vs_ompl": sum(row["ompl_ms"] for row in both) / sum(ours),
        "plan_vs_ompl_median": float(np.median([row["ompl_ms"] / row["way_ms"] for row in both])),
        "plan_ms_median": float(np.median(ours)),
        "plan_ms_p99": float(np.percentile(ours, 99)),
        "motion_ms_median": float(np.median([row["motion_ms"] for row in both if "motion_ms" in row])),
        "ways_hit": hit,
    }


def main() -> None:
    """Run and print the measures, or one JSON object."""
    parser = argparse.ArgumentParser(description="Collision checks and planning against their peers.")
    parser.add_argument("--pairs", type=int, default=500)
    parser.add_argument("--configs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print doesn't belong to the result
    cell = load_cell("panda-bench")
    chain, spec = load_chain(cell), cell.robot_spec
    body, rng = body_of(chain, spec.urdf_path, spec.base_link), np.random.default_rng(options.seed)
    scenes = [scene(rng) for _ in range(SCENES)]
    q = rng.uniform(chain.q_min, chain.q_max, (10_000, chain.n))
    measures = compare_checks(chain, body, scenes[0], q)
    measures |= recall(body, scenes, chain, options.configs, rng)
    rows, told = compare_plans(chain, body, scenes, options.pairs, options.seed)
    measures |= told
    measures = {key: round(value, 5) for key, value in measures.items()}
    failed = [row for row in rows if row["ompl"] and not row["ours"]]
    if options.json:
        machine = f"{platform.machine()}, Python {platform.python_version()}, {platform.system()}"
        command = shlex.join(["python", "benchmarks/planning.py", *sys.argv[1:]])
        print(json.dumps({"name": "planning", "machine": machine, "command": command, "rows": rows,
                          "measures": measures}), file=result)  # fmt: skip
    else:
        for row in failed:
            print(row, file=result)
        for name, value in measures.items():
            print(f"{name:28} {value}", file=result)
    result.flush()
    os._exit(0)  # OMPL's wheel frees memory twice while Python ends


if __name__ == "__main__":
    main()
