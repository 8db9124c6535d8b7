"""Units that start assembled are taken apart; judged by the physics: parts back in their trays, upright and undamaged.

    python benchmarks/disassembly.py --family pegboard --units 10 --seed 1 --json

Every unit is a random variant, as in benchmarks/assembly.py, in a world of its own seed; it stands in the fixture from
the start. Rows are kept in ``--out`` as they come, so that a run that was broken off goes on where it was.

Measures: ``apart`` share of units of which the cell says that they are apart and the physics agrees (sim/apart.py):
each part near the middle of its slot, upright, and never pressed into what it came out of; and no guard tripped.
``apart_lb`` its one-sided 95 % bound (Clopper-Pearson), ``apart_first`` the same with no recovery used, ``false_apart``
the cell says so and the physics doesn't. Over all units: ``peak_force_n`` the highest at the tool for one control tick,
``peak_pull_n`` along the hole while parts were drawn out, ``deepest_mm`` the deepest interpenetration.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from assembly import PARAMETERS, Unattended, cell_in, variant_of

from cells.journal.store import Journal
from cells.products.catalogue import families
from cells.runtime.disassembly import take_apart
from cells.tasks.disassembly import plan_disassembly
from sim.bodies import MARGIN, WEIGHT


def take_unit_apart(family: str, seed: int, unit: int, mode: str | None) -> dict[str, Any]:
    """Take one unit apart and return its row."""
    from sim.apart import wrong_with
    from sim.truth import FitWatch
    from sim.world import open_world

    cell, variant, serial = cell_in(mode), variant_of(family, seed, unit), f"D{unit:03d}-01"
    plan = plan_disassembly(serial, f"D{unit:03d}", variant, cell)
    returns = plan.units[0].returns
    lots = {slot.instance: "start" for slot in returns}
    world = open_world(cell, {variant.hash: variant}, seed * 100_000 + unit)
    watch = FitWatch(world, serial, variant)
    with tempfile.TemporaryDirectory() as folder, Journal.open(cell.name, folder) as journal:
        cpu = time.process_time()
        outcome = take_apart(
            plan, variant, lots, cell, world, journal, Path(folder) / "out", lambda *_: None, Unattended(),
            pictures=False,
        )  # fmt: skip
        cpu = time.process_time() - cpu
        steps = [event.data for event in journal.events() if event.kind in ("step_done", "step_failed")]
        trips = [dict(event.data) for event in journal.events() if event.kind == "guard_tripped"]
    wrong = wrong_with(world, returns, watch)
    world.close()
    return {
        "unit": unit,
        "parameters": dict(variant.parameters),
        "verdict": outcome.verdict,
        "reasons": outcome.reasons,
        "recoveries": outcome.recoveries,
        "failed_steps": [{key: s[key] for key in ("step", "cause", "why")} for s in steps if "cause" in s],
        "guard_trips": trips,
        "wrong": wrong,
        "deepest_mm": {item: round(1000 * depth, 4) for item, depth in watch.deepest.items()},
        "peak_force_n": max(step["peak_force_n"] for step in steps),
        "peak_force_of_n": {step["step"]: step["peak_force_n"] for step in steps},
        "peak_pull_n": max(
            (s["result"].get("peak_force_n", 0.0) for s in steps if s["skill"] == "remove"), default=0.0
        ),
        "simulated_s": outcome.seconds,
        "cpu_s": round(cpu, 3),
    }


def measures(rows: list[dict[str, Any]]) -> dict[str, float]:
    """The issue's measures over the rows there are."""
    from scipy.stats import beta

    n = len(rows)
    said = [row for row in rows if row["verdict"] == "apart"]
    good = [row for row in said if not row["wrong"] and not row["guard_trips"]]
    cpu, simulated = sum(row["cpu_s"] for row in rows), sum(row["simulated_s"] for row in rows)
    out = {
        "units": n,
        "apart": len(good) / n if n else 0.0,
        "apart_lb": float(beta.ppf(0.05, len(good), n - len(good) + 1)) if good else 0.0,
        "apart_first": sum(not row["recoveries"] for row in good) / n if n else 0.0,
        "false_apart": len(said) - len(good),
        "peak_force_n": max((row["peak_force_n"] for row in rows), default=0.0),
        "peak_pull_n": max((row["peak_pull_n"] for row in rows), default=0.0),
        "deepest_mm": max((depth for row in rows for depth in row["deepest_mm"].values()), default=0.0),
        "simulated_s_per_unit": simulated / n if n else 0.0,
        "realtime": simulated / cpu if cpu else 0.0,
    }
    return {key: round(value, 4) for key, value in out.items()}


def main() -> None:
    """Run what is missing and print the table, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", choices=tuple(PARAMETERS), default="pegboard")
    parser.add_argument("--units", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--mode", choices=("impedance", "admittance"), help="control mode, instead of the cell's own")
    parser.add_argument(
        "--out", type=Path, help="where rows are kept (default: runs/apart-<family>-<seed>[-<mode>].jsonl)"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    suffix = f"-{options.mode}" if options.mode else ""
    path = options.out or Path("runs") / f"apart-{options.family}-{options.seed}{suffix}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    todo = [unit for unit in range(options.units) if unit not in {row["unit"] for row in rows}]
    # Bullet writes on the standard output of the process, which is for the result alone.
    pool = ProcessPoolExecutor(options.jobs, initializer=os.dup2, initargs=(2, 1))
    with pool, path.open("a") as file:
        given = options.family, options.seed
        futures = [pool.submit(take_unit_apart, *given, unit, options.mode) for unit in todo]
        for done, future in enumerate(as_completed(futures), 1):
            row = future.result()
            rows.append(row)
            file.write(json.dumps(row) + "\n")
            file.flush()
            said = f"{row['unit']}: {row['verdict']} {list(row['reasons'])} {row['wrong'] or 'truth agrees'}"
            print(f"{done}/{len(todo)} {said}", file=sys.stderr)
    rows = sorted((row for row in rows if row["unit"] < options.units), key=lambda row: int(row["unit"]))
    conventions = (*families()[options.family].conventions, f"collision margin {1e6 * MARGIN:.0f} µm", WEIGHT)
    found = measures(rows)
    if options.json:
        result = {
            "name": "disassembly",
            "machine": f"{platform.machine()}, Python {platform.python_version()}, {platform.system()}",
            "command": shlex.join(["python", "benchmarks/disassembly.py", *sys.argv[1:]]),
            "conventions": conventions,
            "rows": rows,
            "measures": found,
        }
        print(json.dumps(result))
        return
    for name, value in found.items():
        print(f"{name:22} {value}")
    print(f"  ({'; '.join(conventions)})")
    for cause, count in Counter(step["cause"] for row in rows for step in row["failed_steps"]).most_common():
        print(f"  failed step: {cause} × {count}")


if __name__ == "__main__":
    main()
