"""From a variant that no shipped policy was trained on to proven skills: how often, how soon, and what it takes.

    python benchmarks/retool.py --variants 12 --seed 1 --jobs 2 --json

Variants are drawn from ``VARIANTS`` by ``--seed``; each has at least one parameter outside of what the shipped policies
of contact steps were trained on, as their entries tell. Two of three are pegboards, the third a gearbox without screws.
Each is retooled for as ``cellwright retool`` does it, with the shipped zoo alone (a home of its own), in panda-bench
with the noise that it declares: gates on set A and one final evaluation on set B in the floating twin. Then the first
episodes of B are done once more by the full arm. Rows are kept in ``--out``, so that a run that was broken off goes on
where it was; ``--families`` or ``--numbers`` do only some of them, so that several can run side by side.

A hard variant is one of which a step passes no gate as it is. Where there are fewer of them than ``--hard`` asks for,
the numbers that follow are gated, and the hard ones among them retooled; those that pass are left at that, and count
nowhere but in ``hard_share``.

Measures: ``retool_success`` the share of variants whose every contact step succeeds in at least 93 % of B;
``retool_success_hard`` the same of the hard ones, with those that were looked for; ``_lb`` their bounds (Clopper-
Pearson); ``hard_share`` how many of all that were gated are hard. ``retool_steps_vs_scratch`` environment steps until
the gate lets an improved step pass, from the zoo's candidate over from the nominal, paired, over steps that began with
one; who never passes counts what the budget gave. ``changeover_s_median`` from order to proven, wall clock.
``twin_gap`` the points of success that are lost from the twin to the full arm on the same episodes, ``_ub`` its bound
(Tango), ``full_arm_success`` the share there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from cells.commands.show import plain, say, table
from cells.description.cell import Cell, load_cell
from cells.errors import CellwrightError, Unbuildable
from cells.orders.order import Item, Order
from cells.products.catalogue import build_variant, families
from cells.products.model import ProductVariant, Value
from cells.streams import STDERR, STDOUT, rerouted
from cells.tasks.limits import build_limits
from cells.tasks.plan import plan_order
from policies.contacts import JOINING, ContactStep, contact_steps
from policies.entry import Ranges
from policies.evaluation import evaluate, paired
from policies.folder import read_entry
from policies.gating import FIRST_SEED, Candidate, gate
from policies.improving import improve
from policies.matching import outside, rank, wanted
from policies.publishing import prove
from policies.retool import Retooling, Terms, candidates, gate_file
from policies.retool_command import Watching
from policies.sharing import rows_here
from policies.statistics import difference, share
from policies.store import SHIPPED, entry_folders, find_entry, own_zoo
from policies.work import Work

CELL, ENOUGH, FULL_ARM = "panda-bench", 0.93, 20
Box = Mapping[str, tuple[Value, ...] | Value]
# A pair of floats: anything between; a pair of ints: a whole number between; other tuples: one of them.
VARIANTS: Mapping[str, Box] = {
    "pegboard": {"pegs": (2, 4), "peg_mm": (8.0, 20.0), "peg_length_mm": (32.0, 50.0), "peg_shape": ("round", "square"),
                 "clearance_mm": (0.3, 1.0), "chamfer_mm": (0.0, 0.5)},
    "gearbox": {"pinion_teeth": (18, 40), "gear_teeth": (18, 48), "face_mm": (6.0, 10.0), "shaft_mm": (6.0, 12.0),
                "clearance_mm": (0.3, 0.6), "pins": 2, "screws": 0},
}  # fmt: skip
FAMILIES = ("pegboard", "pegboard", "gearbox")


def trained_on() -> dict[str, Ranges]:
    """The parts that the shipped policies of contact steps were trained on, by policy."""
    entries = [read_entry(folder).entry for folder in entry_folders() if SHIPPED in folder.parents]
    return {entry.reference: entry.part_ranges.trained for entry in entries if entry.skill in JOINING}


def variant_of(number: int, seed: int) -> ProductVariant:
    """The variant of a number: one that the cell can build, and that no shipped policy was trained on."""
    family, chance, cell = FAMILIES[number % 3], np.random.default_rng([seed, number]), load_cell(CELL)
    while True:
        drawn = {name: _value(range_, chance) for name, range_ in VARIANTS[family].items()}
        try:
            variant = build_variant(family, drawn, build_limits(cell))
            plan_order(order_of(variant, number), cell, [variant])
        except Unbuildable:
            continue
        asked = wanted("", variant, families()[family], cell)
        if all(outside(asked, ranges) for ranges in trained_on().values()):
            return variant


def order_of(variant: ProductVariant, number: int) -> Order:
    """An order of one unit of a variant."""
    item = Item(product=variant.family, quantity=1, parameters=dict(variant.parameters))
    data = {"schema": "cellwright/order/v1", "id": f"BENCH-{number:03d}", "customer": "bench", "due": "2026-12-31"}
    return Order(**data, items=(item,))  # type: ignore[arg-type]


def _value(range_: Any, chance: np.random.Generator) -> Value:
    if not isinstance(range_, tuple):
        return range_  # type: ignore[no-any-return]
    if isinstance(range_[0], float):
        return round(float(chance.uniform(*range_)), 2)
    if isinstance(range_[0], int):
        return int(chance.integers(range_[0], range_[1] + 1))
    return str(chance.choice(range_))


def retooled(number: int, seed: int, terms: Terms, full_arm: int, out: Path) -> dict[str, Any]:
    """The row of a variant."""
    folder, cell, variant = out / f"variant-{number:03d}", load_cell(CELL), variant_of(number, seed)
    os.environ["CELLWRIGHT_HOME"] = str((folder / "home").resolve())
    order, variants = order_of(variant, number), {variant.hash: variant}
    steps = contact_steps(plan_order(order, cell, [variant]), variants, CELL)
    done: dict[str, Any] = {}

    def note(kind: str, data: dict[str, Any]) -> None:
        done[kind] = data

    command = shlex.join(["python", "benchmarks/retool.py", *sys.argv[1:]])
    with Watching() as board:
        work = Retooling(order.id, cell, steps, terms, folder / "retool", command, board, note)
        work.run()
    improved = sum(bool(one.improved_steps) for one in work.works)
    shared = replace(terms, budget_s=terms.budget_s / max(improved, 1))  # as the steps that need it share it
    rows = [step_row(one, shared, full_arm) for one in work.works]
    took = done["changeover_finished"]
    return {
        "number": number, "family": variant.family, "parameters": dict(variant.parameters), "steps": rows,
        "wall_s": took["wall_s"], "cpu_s": took["cpu_s"], "episodes": took["episodes"],
        "success": all(row["final"]["share"] >= ENOUGH for row in rows), "hard": any(row["hard"] for row in rows),
    }  # fmt: skip


def is_hard(number: int, seed: int, terms: Terms, out: Path) -> bool:
    """Whether a contact step of a variant passes no gate by whom the shipped zoo has. The rows of these gates are where
    :func:`retooled` finds them."""
    folder, cell, variant = out / f"variant-{number:03d}", load_cell(CELL), variant_of(number, seed)
    # Not the home that the variant is retooled in, whose zoo may have what came of it.
    os.environ["CELLWRIGHT_HOME"] = str((folder / "shipped").resolve())
    steps = contact_steps(plan_order(order_of(variant, number), cell, [variant]), {variant.hash: variant}, CELL)
    return not all(_passes(step, cell, terms, folder / "retool" / step.called) for step in steps)


def _passes(step: ContactStep, cell: Cell, terms: Terms, folder: Path) -> bool:
    asked = wanted(step.capability, step.variant, families()[step.variant.family], cell, step.nominal)
    return any(
        gate(who, step.practice, terms.gated, terms.target, terms.seed, folder / gate_file(who), terms.jobs).passed
        for who, _ in candidates(rank(asked, rows_here().rows))
    )


def step_row(work: Work, terms: Terms, full_arm: int) -> dict[str, Any]:
    """What came of a step, with the full arm and with what the same takes from scratch."""
    event = work.done
    assert event is not None, "a retooling that has ended has done all steps"
    hard = not any(one["passed"] for one in event["tried"] if not one["name"].startswith(work.step.called))
    return {
        **event,
        "hard": hard,
        **on_full_arm(work, event, terms, full_arm),
        **from_scratch(work, event, hard, terms),
    }


def on_full_arm(work: Work, event: Mapping[str, Any], terms: Terms, episodes: int) -> dict[str, Any]:
    """The first episodes of B by the full arm, beside the twin on the same."""
    some = min(episodes, terms.final)
    if not some:
        return {"full_arm": None}
    kept = Candidate(folder=find_entry(event["policy"])) if event["policy"] else Candidate()
    # Each policy that was proven had a set B of its own.
    number = len(list(work.folder.glob("final-*.jsonl"))) - 1
    _, floating = prove(kept, work.step, some, terms.seed + number, work.folder / f"final-{number}.jsonl", terms.jobs)
    practice = work.step.practice
    _, real = evaluate(
        kept.folder or "nominal", practice.task, practice.conditions, some, FIRST_SEED + terms.seed + number,
        work.folder / "full-arm.jsonl", changes=practice.changed, cell=CELL, alone=True, jobs=terms.jobs,
    )  # fmt: skip
    found = paired(real, floating).success
    return {"full_arm": {"count": sum(bool(row.outcome["success"]) for row in real), "of": some,
                         "gained": found.gained, "lost": found.lost}}  # fmt: skip


def from_scratch(work: Work, event: Mapping[str, Any], hard: bool, terms: Terms) -> dict[str, Any]:
    """The steps that an improvement took, and those that it takes from the nominal; None where there is nothing to
    compare: not improved, or from the nominal anyway."""
    begun = max((one for one in event["tried"] if not one["name"].startswith(work.step.called)),
                key=lambda one: (one["passed"], one["count"]))  # fmt: skip
    if not hard or not event["improved_steps"] or begun["name"] == "nominal":
        return {"warm_steps": None, "scratch_steps": None}
    step, cell = work.step, load_cell(CELL)
    found = improve(
        Candidate(), step, cell, own_zoo(), work.folder / "scratch", terms.budget_s, terms.seed, terms.jobs, "",
        0.0, lambda candidate: gate(candidate, step.practice, terms.gated, terms.target, terms.seed,
                                    work.folder / "scratch-gate.jsonl", terms.jobs),
    )  # fmt: skip
    return {"warm_steps": event["improved_steps"], "scratch_steps": found.steps}


def measures(rows: list[dict[str, Any]], sought: list[dict[str, Any]], gated: int) -> dict[str, float]:
    """The measures over the ``rows`` of variants as they were drawn and of hard ones that were ``sought``, of all that
    were ``gated``; what nothing was found for is left out."""
    out: dict[str, float] = {}
    hard = [row for row in rows if row["hard"]] + sought
    for name, some in (("retool_success", rows), ("retool_success_hard", hard)):
        if some:
            found = share(sum(row["success"] for row in some), len(some))
            out |= {name: found.share, f"{name}_lb": found.lower, f"{name}_of": float(found.of)}
    out["hard_share"] = len(hard) / gated
    steps = [step for row in rows + sought for step in row["steps"]]
    both = [step for step in steps if step["scratch_steps"]]
    if both:
        out["retool_steps_vs_scratch"] = sum(s["warm_steps"] for s in both) / sum(s["scratch_steps"] for s in both)
    out["changeover_s_median"] = median(row["wall_s"] for row in rows)
    full = [step["full_arm"] for step in steps if step["full_arm"]]
    if full:
        gap = difference(
            sum(one["gained"] for one in full), sum(one["lost"] for one in full), sum(one["of"] for one in full)
        )
        out |= {
            "twin_gap": -100 * gap.difference, "twin_gap_ub": -100 * gap.lower,
            "full_arm_success": sum(one["count"] for one in full) / gap.of,
        }  # fmt: skip
    return {name: round(value, 4) + 0.0 for name, value in out.items()}  # + 0.0: no minus zero


def main() -> None:
    """Run what is missing and print the table, or one JSON object."""
    from policies.train_command import seconds

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variants", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hard", type=int, default=0, help="hard variants that there must be at least")
    parser.add_argument("--families", nargs="*", choices=sorted(set(FAMILIES)), default=list(FAMILIES))
    parser.add_argument("--numbers", nargs="*", type=int, help="of the variants, instead of all")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--gate", type=int, default=60, help="episodes of set A")
    parser.add_argument("--final", type=int, default=150, help="episodes of set B")
    parser.add_argument("--full-arm", type=int, default=FULL_ARM, help="episodes of B by the full arm")
    parser.add_argument("--budget", default="10min", help="CPU time for improving, of each variant")
    parser.add_argument("--out", type=Path, help="where rows are kept (default: runs/bench-retool-<seed>)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    out = options.out or Path("runs") / f"bench-retool-{options.seed}"
    terms = Terms(budget_s=seconds(options.budget), gated=options.gate, final=options.final, jobs=options.jobs)
    asked = {**asdict(replace(terms, jobs=1)), "seed": options.seed, "full_arm": options.full_arm}

    def row_of(number: int) -> Any:
        path = out / f"variant-{number:03d}" / "row.json"
        kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"asked": None}
        if kept["asked"] != asked:
            with rerouted(STDOUT, to=STDERR):
                done = plain(retooled(number, options.seed, terms, options.full_arm, out))
            kept = {"asked": asked, "row": done}
            path.write_text(json.dumps(kept), encoding="utf-8")
        row = kept["row"]
        say(f"variant {number}: {'proven' if row['success'] else 'not proven'}, {row['wall_s']:.0f} s")
        return row

    further = (number for number in count(options.variants) if FAMILIES[number % 3] in options.families)
    sought: list[dict[str, Any]] = []
    try:
        numbers = range(options.variants) if options.numbers is None else options.numbers
        rows = [row_of(number) for number in numbers if FAMILIES[number % 3] in options.families]
        gated = len(rows)
        while sum(row["hard"] for row in rows) + len(sought) < options.hard:
            number, gated = next(further), gated + 1
            if is_hard(number, options.seed, terms, out):
                sought.append(row_of(number))
            else:
                say(f"variant {number}: passes as it is")
    except CellwrightError as error:
        sys.exit(str(error))
    found = measures(rows, sought, gated)
    if options.json:
        report = {
            "name": "retool",
            "machine": f"{platform.machine()}, Python {platform.python_version()}, {platform.system()}",
            "command": shlex.join(["python", "benchmarks/retool.py", *sys.argv[1:]]),
            "trained_on": trained_on(), "rows": rows + sought, "measures": found,
        }  # fmt: skip
        print(json.dumps(plain(report)))
        return
    lines = [
        (row["number"], row["family"], f"{step['skill']} {step['part']}", step["strategy"], step["policy"] or "nominal",
         step["how"], f"{step['final']['count']}/{step['final']['of']}", f"{step['wall_s']:.0f}")
        for row in rows + sought for step in row["steps"]
    ]  # fmt: skip
    table(("variant", "product", "step", "strategy", "by", "", "set B", "s"), lines)
    for name, value in found.items():
        print(f"{name:28} {value}")


if __name__ == "__main__":
    main()
