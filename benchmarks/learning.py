"""Policies and their nominals on held-out episodes of single skills, each figure with its one-sided 95 % bound.

    python benchmarks/learning.py --episodes 200 --seed 1 --jobs 2 --json

Rows are kept in ``--out`` as they come, so that a run that was broken off goes on where it was. ``--policies
insert_hard_success=NAME`` says whose the measures are, beside the nominal on the same episodes; without it the shipped
policies serve those measures whose task they were evaluated on, and the nominal all others.

Measures: ``<measure>`` the share of successes of the policy, or of the nominal where there is none, ``_lb`` its bound
(Clopper-Pearson), ``_quick`` the share within 10 s; ``_nominal``, ``_nominal_lb``, ``_nominal_quick`` the same of the
nominal; ``_lost`` the points of success that the policy loses against it at the bound (Tango), ``_p`` McNemar's exact
one-sided p. ``insert_hard_time_vs_nominal``, ``insert_hard_force_vs_nominal`` and ``grasp_time_vs_nominal``: ratios of
means over the episodes that both solve, ``_ub`` their bounds (bootstrap over episodes). ``twin_gap``: the points of
success that are lost from the floating twin to the full arm on the first 100 episodes of insert_hard_success, by whom
that measure is of, ``_ub`` its bound (Tango). Truth is defined in sim/envs/outcome.py and sim/envs/grasping.py.
"""

from __future__ import annotations

import argparse
import json
import platform
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from cells.commands.show import plain, table
from cells.errors import CellwrightError, InputError, Problem
from policies import store
from policies.collecting import collect
from policies.contents import EVALUATION
from policies.entry import parse_json
from policies.episodes import NOMINAL, Row
from policies.eval_command import progress
from policies.evaluation import Evaluation, Result, evaluate, paired
from policies.folder import read_entry
from policies.statistics import Difference

# Task and conditions of each measure of success. A new task is a line here.
SUCCESS = {
    "insert_medium_success": ("Insert", "medium"),
    "insert_shop_success": ("Insert", "shop"),
    "insert_hard_success": ("Insert", "hard"),
    "insert_inhand_success": ("Insert", "inhand"),
    "insert_tight_success": ("Insert", "tight"),
    "mesh_success": ("Mesh", "bench"),
    "cover_success": ("Cover", "bench"),
    "grasp_success": ("Grasp", "varied"),
}
# Ratios of a policy to its nominal: of which measure's episodes, and what of them.
RATIOS = {
    "insert_hard_time_vs_nominal": ("insert_hard_success", "time"),
    "insert_hard_force_vs_nominal": ("insert_hard_success", "peak"),
    "grasp_time_vs_nominal": ("grasp_success", "time"),
}
# Of which measure the first episodes are run in the floating twin as well, and how many.
TWIN_OF, TWINS = "insert_hard_success", 100


def shipped() -> dict[str, str]:
    """The policy that comes with Cellwright for each measure that has one: evaluated on its task, and best on its very
    conditions."""
    found = []
    for folder in store.entry_folders():
        if store.SHIPPED in folder.parents:
            read = read_entry(folder)
            asked = parse_json(read.files[EVALUATION], EVALUATION)["asked"]
            found.append((read.entry.reference, asked["task"], None if asked["changes"] else asked["conditions"]))
    out = {}
    for measure, (task, conditions) in SUCCESS.items():
        of_task = [(where != conditions, name) for name, what, where in found if what == task]
        if of_task:
            # The newest version of a name comes first and min keeps the first.
            out[measure] = min(of_task, key=lambda item: item[0])[1]
    return out


def named(words: list[str]) -> dict[str, str]:
    """Policies by measure, out of ``measure=policy``. Raises ``InputError`` for a measure that there is not."""
    pairs = dict(word.partition("=")[::2] for word in words)
    for measure in pairs:
        if measure not in SUCCESS:
            remedy = f"write measure=policy with one of {', '.join(SUCCESS)}"
            raise InputError(Problem("--policies", f"{measure!r} is no measure of success", remedy))
    return pairs


def measures(found: dict[str, Evaluation], twin: Difference | None) -> dict[str, float]:
    """The issue's measures; ``twin`` is the full arm beside its twin."""
    out: dict[str, float] = {}
    for measure, evaluation in found.items():
        out |= told(measure, evaluation.result)
        if evaluation.nominal and evaluation.paired:
            out |= told(f"{measure}_nominal", evaluation.nominal)
            success = evaluation.paired.success
            out |= {f"{measure}_lost": -100 * success.lower, f"{measure}_p": success.p}
    for measure, (success_of, what) in RATIOS.items():
        paired = found[success_of].paired if success_of in found else None
        if paired:
            ratio = getattr(paired, what)
            out |= {measure: ratio.ratio, f"{measure}_ub": ratio.high}
    if twin:
        out |= {"twin_gap": -100 * twin.difference, "twin_gap_ub": -100 * twin.lower}
    return {name: round(value, 4) + 0.0 for name, value in out.items()}  # + 0.0: no minus zero


def told(name: str, result: Result) -> dict[str, float]:
    """The figures of one result."""
    success, quick = result.success, result.quick
    return {name: success.share, f"{name}_lb": success.lower, f"{name}_quick": quick.share}


def lines(found: dict[str, Evaluation]) -> Iterator[tuple[str, ...]]:
    """The table for people."""
    for measure, evaluation in found.items():
        both = {evaluation.asked.policy: evaluation.result} | ({NOMINAL: r} if (r := evaluation.nominal) else {})
        for who, result in both.items():
            figures = (result.success.share, result.success.lower, result.quick.share)
            rest = f"{result.time_s:.2f}", f"{result.peak_n:.1f}"
            yield measure, who, *(f"{figure:.3f}" for figure in figures), *rest


def main() -> None:
    """Run what is missing and print the table, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=200, help="of each measure")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--measures", nargs="*", choices=SUCCESS, default=list(SUCCESS), help="only these")
    parser.add_argument("--policies", nargs="*", metavar="MEASURE=POLICY", help="default: the shipped ones")
    parser.add_argument("--out", type=Path, help="where rows are kept (default: runs/bench-learning-<seed>.jsonl)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    path = options.out or Path("runs") / f"bench-learning-{options.seed}.jsonl"
    try:
        policies = shipped() if options.policies is None else named(options.policies)
        found, twin, rows = run(options.measures, policies, options.episodes, options.seed, path, options.jobs)
    except CellwrightError as error:
        sys.exit(str(error))
    conventions = sorted({each for evaluation in found.values() for each in evaluation.conventions})
    if options.json:
        report = {
            "name": "learning",
            "machine": f"{platform.machine()}, Python {platform.python_version()}, {platform.system()}",
            "command": shlex.join(["python", "benchmarks/learning.py", *sys.argv[1:]]),
            "conventions": conventions,
            "rows": rows,
            "evaluations": found,
            "measures": measures(found, twin),
        }
        print(json.dumps(plain(report)))
        return
    table(("measure", "who", "success", "95 % ≥", "within 10 s", "time s", "peak N"), lines(found))
    for name, value in measures(found, twin).items():
        print(f"{name:36} {value}")
    print(f"  ({'; '.join(conventions)})")
    for measure, evaluation in found.items():
        for cause, seeds in evaluation.causes.items():
            print(f"  {measure}: {len(seeds)} × {cause}, as of seed {seeds[0]}")


def run(
    wanted: list[str], policies: dict[str, str], episodes: int, seed: int, path: Path, jobs: int
) -> tuple[dict[str, Evaluation], Difference | None, list[dict[str, Any]]]:
    """The evaluations by measure, the full arm beside its twin, and the rows of all."""
    found, twin, rows = {}, None, []

    @contextmanager
    def heard(measure: str, who: str, total: int) -> Iterator[Callable[[Row], None]]:
        print(f"{measure}: {who}", file=sys.stderr)
        with progress(total) as tell:

            def hear(row: Row) -> None:
                rows.append({"measure": measure, **asdict(row)})
                tell(row)

            yield hear

    for measure in wanted:
        (task, conditions), who = SUCCESS[measure], policies.get(measure, NOMINAL)
        with heard(measure, who, episodes * (1 if who == NOMINAL else 2)) as hear:
            found[measure], ours = evaluate(who, task, conditions, episodes, seed, path, jobs=jobs, told=hear)
        if measure == TWIN_OF:
            floating = [replace(row.asked, twin=True) for row in ours[:TWINS]]
            with heard("twin_gap", who, len(floating)) as hear:
                twin = paired(ours[:TWINS], collect(path, floating, jobs=jobs, told=hear)).success
    return found, twin, sorted(rows, key=lambda row: (row["measure"], row["asked"]["policy"], row["asked"]["seed"]))


if __name__ == "__main__":
    main()
