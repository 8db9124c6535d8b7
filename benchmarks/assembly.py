"""Whole units, built, inspected and judged by the physics: yields that can be believed.

    python benchmarks/assembly.py --family pegboard --units 60 --seed 1 --json

Every unit is an order of its own: a random variant in a world of its own seed, from the loaded trays to the hand-over
place. Then units that *start* assembled and spoilt are inspected. Rows are kept in ``--out`` as they come, so that a
run that was broken off goes on where it was; ``--jobs`` runs units side by side.

Measures: ``good`` share of ordered units that pass inspection and truth, recoveries allowed, ``good_lb`` its one-sided
95 % bound (Clopper-Pearson); ``good_first`` the same with no recovery used; ``false_good`` passed inspection, failed
truth; ``false_reject`` the reverse; ``realtime_whole_order`` simulated seconds per CPU second of the whole process
from the first to the last setpoint, pictures excluded; ``realtime_free`` the same over ticks in which the robot
touches nothing and every part rests; ``spoilt_caught`` of ``spoilt`` units. Truth is defined in sim/truth.py.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import shlex
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cells.description.cell import Cell, list_cells, load_cell
from cells.errors import Unbuildable
from cells.journal.store import Journal
from cells.orders.order import Item, Order
from cells.orders.report import SCREWS
from cells.products.catalogue import build_variant, families
from cells.products.gearbox.dimensions import FOOT, MODULE, STUD
from cells.products.involute import Wheel
from cells.products.model import Part, ProductVariant, Shape
from cells.runtime.production import produce
from cells.runtime.requests import Request
from cells.tasks.limits import build_limits
from cells.tasks.plan import Plan, plan_order
from sim.bodies import MARGIN, WEIGHT, vertices_of

if TYPE_CHECKING:
    from sim.scenes import Defect

DEFAULT_CELL, DRIVER_CELL = "panda-bench", "panda-screws"
BROKEN = math.radians(65)  # on each side; the gear is turned by less


def variant_of(family: str, seed: int, unit: int, name: str = DEFAULT_CELL, screws: int = 0) -> ProductVariant:
    """A random variant; anything that the cell of that ``name`` can build. With ``screws``, all else is as without."""
    chance = np.random.default_rng([seed, unit])
    limits, held = build_limits(load_cell(name)), {"screws": screws} if screws else {}
    while True:
        with suppress(Unbuildable):
            return build_variant(family, PARAMETERS[family](chance) | held, limits)


def pegboard(chance: np.random.Generator) -> dict[str, Any]:
    """3-6 round pegs, clearance 0.3-1.0 mm, chamfer 0.5 mm."""
    return {
        "pegs": int(chance.integers(3, 7)),
        "peg_mm": round(float(chance.uniform(8, 20)), 1),
        "peg_length_mm": round(float(chance.uniform(32, 50)), 1),
        "clearance_mm": round(float(chance.uniform(0.3, 1.0)), 2),
        "chamfer_mm": 0.5,
        "peg_shape": "round",
    }


def gearbox(chance: np.random.Generator) -> dict[str, Any]:
    """18-40 and 18-48 teeth, shafts of 6-12 mm, 0-4 pins, clearance 0.3-0.6 mm, chamfer 0.5 mm."""
    return {
        "pinion_teeth": int(chance.integers(18, 41)),
        "gear_teeth": int(chance.integers(18, 49)),
        "face_mm": round(float(chance.uniform(6, 10)), 1),
        "shaft_mm": round(float(chance.uniform(6, 12)), 1),
        "clearance_mm": round(float(chance.uniform(0.3, 0.6)), 2),
        "chamfer_mm": 0.5,
        "pins": int(chance.integers(0, 5)),
    }


PARAMETERS = {"pegboard": pegboard, "gearbox": gearbox}


def planned(cell: Cell, variant: ProductVariant, serial: str) -> tuple[Order, Plan]:
    """An order of one unit, and its plan."""
    item = Item(product=variant.family, quantity=1, parameters=dict(variant.parameters))
    order = Order(schema="cellwright/order/v1", id=serial, customer="benchmark", due="2026-12-31", items=(item,))  # type: ignore[call-arg]
    return order, plan_order(order, cell, [variant])


def build_unit(
    family: str, seed: int, unit: int, name: str, mode: str | None, films: Path, screws: int = 0,
    policies: Sequence[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """Build one unit and return its row; of one that isn't good a strip of pictures goes into the folder ``films``."""
    from sim.truth import FitWatch

    cell, variant = cell_in(mode, name, policies), variant_of(family, seed, unit, name, screws)
    order, plan = planned(cell, variant, f"B{unit:03d}")
    world = world_of(cell, variant, seed, unit)
    watch, free = FitWatch(world, plan.units[0].serial, variant), FreeTime(world)
    truth: dict[str, Any] = {}
    leave = world.stock.unload

    def unload(instances: Any) -> None:
        good, wrong = watch.good()
        truth.update(good=good, wrong=wrong)
        leave(instances)

    world.stock.unload = unload
    with tempfile.TemporaryDirectory() as folder, Journal.open(cell.name, folder) as journal:
        cpu, began = time.process_time(), world.clock.now()
        outcome = produce(
            order, plan, cell, {variant.hash: variant}, world, journal, Path(folder) / "out", lambda *_: None,
            Unattended(), pictures=False,
        )[0]  # fmt: skip
        cpu, simulated = time.process_time() - cpu, world.clock.now() - began
        failed = [
            {"at_s": e.time} | {key: e.data[key] for key in ("skill", "step", "cause", "why")}
            for e in journal.events()
            if e.kind == "step_failed"
        ]
        peak = max((f for e in journal.events() if e.kind == "step_done" and (f := _peak(e.data))), default=0.0)
    world.close()
    cause, moment = cause_of(outcome.verdict, failed, truth, watch.too_deep, began + simulated)
    if cause:
        film_unit(family, seed, unit, name, mode, screws, policies, moment, films / f"unit-{unit:03d}.png")
    return {
        "kind": "built",
        "unit": unit,
        "parameters": dict(variant.parameters),
        "verdict": outcome.verdict,
        "reasons": outcome.reasons,
        "recoveries": outcome.recoveries,
        "failed_steps": failed,
        "truth": truth,
        "cause": cause,
        "deepest_mm": {k: round(1000 * v, 4) for k, v in watch.deepest.items()},
        "peak_force_n": peak,
        "simulated_s": round(simulated, 3),
        "cpu_s": round(cpu, 3),
        "free_simulated_s": round(free.simulated, 3),
        "free_cpu_s": round(free.cpu, 3),
    }


def world_of(cell: Cell, variant: ProductVariant, seed: int, unit: int) -> Any:
    """The world in which a unit is built."""
    from sim.world import open_world

    return open_world(cell, {variant.hash: variant}, seed * 100_000 + unit)


def cause_of(
    verdict: str, failed: list[dict[str, Any]], truth: dict[str, Any], too_deep: dict[str, float], end: float
) -> tuple[str | None, float]:
    """The class of cause of a unit that isn't good in the cell's eyes or in truth, and when (simulated s) it showed;
    None of one that is good."""
    if verdict != "good" and failed:
        return f"{failed[-1]['skill']}: {failed[-1]['cause']}", failed[-1]["at_s"]
    if verdict != "good":
        return verdict, end
    if truth["good"]:
        return None, end
    if too_deep:
        return "truth: pressed into each other", min(too_deep.values())
    return "truth: out of place", end


def film_unit(
    family: str, seed: int, unit: int, name: str, mode: str | None, screws: int, policies: Sequence[str], moment: float,
    path: Path,
) -> None:  # fmt: skip
    """Build a unit again until a moment (simulated s), and write a strip of pictures of what came before it."""
    from film import Cut, Film

    cell, variant = cell_in(mode, name, policies), variant_of(family, seed, unit, name, screws)
    order, plan = planned(cell, variant, f"B{unit:03d}")
    world = world_of(cell, variant, seed, unit)
    film = Film(world, moment)
    with tempfile.TemporaryDirectory() as folder, Journal.open(cell.name, folder) as journal, suppress(Cut):
        produce(
            order, plan, cell, {variant.hash: variant}, world, journal, Path(folder) / "out", lambda *_: None,
            Unattended(), pictures=False,
        )  # fmt: skip
    world.close()
    film.save(path)


def inspect_unit(family: str, seed: int, unit: int, name: str, mode: str | None, _films: Path) -> dict[str, Any]:
    """Inspect one unit that starts assembled and spoilt, and return its row."""
    from sim.scenes import assembled, inspection_of
    from sim.world import open_world

    cell, variant = cell_in(mode, name), variant_of(family, seed + 7_000, unit, name)
    order, plan = planned(cell, variant, f"S{unit:03d}")
    world = open_world(cell, {variant.hash: variant}, seed * 100_000 + 50_000 + unit)
    defect = DEFECTS[family](seed, unit, variant)
    items, looks = inspection_of(defect.item, plan.units[0].calls)
    holds = assembled(world, plan.units[0].serial, variant, defect, items)
    only = replace(plan.units[0], loads=(), calls=looks, seconds=(), joules=())
    with tempfile.TemporaryDirectory() as folder, Journal.open(cell.name, folder) as journal:
        outcome = produce(
            order, replace(plan, units=(only,)), cell, {variant.hash: variant}, world, journal,
            Path(folder) / "out", lambda *_: None, Unattended(), pictures=False, holds=holds,
        )[0]  # fmt: skip
    world.close()
    what = {"item": defect.item, "kind": defect.kind, "high_mm": round(1000 * defect.high, 3)}
    if defect.part is not None:
        what |= {"size_mm": [round(1000 * edge, 2) for edge in defect.part.size]}
    return {
        "kind": "spoilt",
        "unit": unit,
        "parameters": dict(variant.parameters),
        "defect": what,
        "verdict": outcome.verdict,
        "reasons": outcome.reasons,
    }


def spoilt_pegboard(seed: int, unit: int, variant: ProductVariant) -> Defect:
    """A defect, kinds in turn: a chip of 0.7-4 mm under a peg; a peg 1-2 mm thinner or 1.5-4 mm longer or shorter; or
    none there at all."""
    from sim.scenes import Defect

    chance = np.random.default_rng([seed, unit, 1])
    pegs = int(variant.parameters["pegs"])
    item, kind = f"peg_{int(chance.integers(1, pegs + 1))}", ("unseated", "wrong_peg", "missing")[unit % 3]
    if kind == "unseated":
        return Defect(item, "unseated", high=float(chance.uniform(0.0007, 0.004)), chip=True)
    if kind == "missing":
        return Defect(item, "missing", missing=True)
    size, length = float(variant.parameters["peg_mm"]), float(variant.parameters["peg_length_mm"])
    if chance.random() < 0.5 and size >= 9:
        size = round(size - float(chance.uniform(1.0, min(2.0, size - 8))), 2)
    else:
        sign = 1.0 if length < 41 else -1.0
        length = round(length + sign * float(chance.uniform(1.5, 4.0)), 1)
    wrong = build_variant("pegboard", {**variant.parameters, "peg_mm": size, "peg_length_mm": length})
    return Defect(item, "wrong_peg", part=wrong.parts["peg"])


def spoilt_gearbox(seed: int, unit: int, variant: ProductVariant) -> Defect:
    """A defect, kinds in turn: a pin, or where there is none the cover, isn't there; a gear has 1-6 teeth less than it
    should; the cover lies on its studs, 1.5-3 mm beside where it should (also where no gear of less teeth goes onto the
    shafts); the large gear stands tooth on tooth, or has lost those teeth that should drive the other."""
    from sim.scenes import Defect

    chance, pins = np.random.default_rng([seed, unit, 1]), int(variant.parameters["pins"])
    small, large = sorted(int(variant.parameters[name]) for name in ("pinion_teeth", "gear_teeth"))
    kind = ("missing", "wrong_gear", "unseated", "unmeshed")[unit % 4]
    if kind == "missing":
        return Defect(f"pin_{int(chance.integers(1, pins + 1))}" if pins else "cover", kind, missing=True)
    if kind == "wrong_gear":
        wrong = [
            Defect(item, kind, part=part)
            for item, teeth in (("small_gear", small), ("large_gear", large))
            for fewer in range(1, 7)
            if (part := gear_of(variant, teeth - fewer)) is not None
        ]
        if wrong:
            return wrong[int(chance.integers(len(wrong)))]
        kind = "unseated"
    if kind == "unseated":
        way, by = chance.uniform(-math.pi, math.pi), chance.uniform(0.0015, 0.003)
        aside = (float(by * math.cos(way)), float(by * math.sin(way)))
        return Defect("cover", kind, high=STUD - FOOT, aside=aside)
    if chance.random() < 0.5:
        return Defect("large_gear", kind, high=float(variant.parameters["face_mm"]) / 1000, turn=math.pi / large)
    return Defect("large_gear", kind, part=broken(variant.parts["large_gear"], large))


def gear_of(variant: ProductVariant, teeth: int) -> Part | None:
    """The gear of so many teeth that would go onto the same shaft, if there is one."""
    parameters = {**variant.parameters, "pinion_teeth": teeth, "gear_teeth": teeth}
    with suppress(Unbuildable):
        return build_variant("gearbox", parameters).parts["small_gear"]
    return None


def broken(gear: Part, teeth: int) -> Part:
    """The gear without its teeth on the side of +x, where the other gear is: they have broken off."""
    root = Wheel(teeth, MODULE).root_radius

    def kept(shape: Shape) -> bool:
        x, y, _ = vertices_of(shape).mean(axis=0)
        return math.hypot(x, y) < root or abs(math.atan2(y, x)) > BROKEN

    return replace(gear, fit=tuple(filter(kept, gear.fit)), visual=tuple(filter(kept, gear.visual)))


DEFECTS = {"pegboard": spoilt_pegboard, "gearbox": spoilt_gearbox}


def cell_in(mode: str | None, name: str = DEFAULT_CELL, policies: Sequence[str] = ()) -> Cell:
    """The cell of that ``name`` in a control mode (its default if None), working with ``policies`` of the zoo."""
    cell = load_cell(name)
    control = cell.control if mode is None else cell.control.model_copy(update={"default": mode})
    return cell.model_copy(update={"control": control, "policies": tuple(policies)})


class Unattended:
    """Requests of a cell with nobody beside it: where it has come to a stop and waits, it is left as it stands."""

    def poll(self, wait_s: float = 0.0) -> Request | None:
        """Nothing while the cell works; "leave" once it waits."""
        return Request("leave", "nobody is there") if wait_s else None


class FreeTime:
    """CPU and simulated seconds of the ticks in which the robot touches nothing and every part sleeps."""

    def __init__(self, world: Any) -> None:
        self._world, self._last = world, time.process_time()
        self.cpu = self.simulated = 0.0
        self._ticks = 0
        self._was_free = False
        world.step_hooks.append(self._look)

    def _look(self) -> None:
        self._ticks += 1
        if self._ticks % 25:
            return
        now = time.process_time()
        quiet = all(piece.asleep for piece in self._world.stock.pieces.values())
        free = quiet and not self._world.bullet.getContactPoints(self._world.robot)
        if free and self._was_free:
            self.cpu += now - self._last
            self.simulated += 25 * self._world.clock.tick_s
        self._was_free, self._last = free, now


def _peak(data: Any) -> float | None:
    result = data.get("result") or {}
    return result.get("peak_force_n")


def measures(rows: list[dict[str, Any]]) -> dict[str, float]:
    """The issue's measures over the rows there are."""
    from scipy.stats import beta

    built = [r for r in rows if r["kind"] == "built"]
    spoilt = [r for r in rows if r["kind"] == "spoilt"]
    n = len(built)
    good = [r for r in built if r["verdict"] == "good" and r["truth"].get("good")]
    cpu, simulated = sum(r["cpu_s"] for r in built), sum(r["simulated_s"] for r in built)
    free_cpu, free = sum(r["free_cpu_s"] for r in built), sum(r["free_simulated_s"] for r in built)
    out = {
        "units": n,
        "good": len(good) / n if n else 0.0,
        "good_lb": float(beta.ppf(0.05, len(good), n - len(good) + 1)) if good else 0.0,
        "good_first": sum(not r["recoveries"] for r in good) / n if n else 0.0,
        "false_good": sum(r["verdict"] == "good" and not r["truth"].get("good") for r in built),
        "false_reject": sum(r["verdict"] == "rejected" and bool(r["truth"].get("good")) for r in built),
        "realtime_whole_order": simulated / cpu if cpu else 0.0,
        "realtime_free": free / free_cpu if free_cpu else 0.0,
        "simulated_s_per_unit": simulated / n if n else 0.0,
        "peak_force_n": max((r["peak_force_n"] for r in built), default=0.0),
        "spoilt": len(spoilt),
        "spoilt_caught": sum(r["verdict"] == "rejected" for r in spoilt),
    }
    return {key: round(value, 4) for key, value in out.items()}


def main() -> None:
    """Run what is missing and print the table, or one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", choices=("pegboard", "gearbox"), default="pegboard")
    parser.add_argument("--units", type=int, default=60)
    parser.add_argument("--spoilt", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--screws", type=int, choices=(0, 4), default=0, help="of each unit that is built (gearbox)")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--cell", choices=list_cells(), help=f"default: {DEFAULT_CELL}; with screws {DRIVER_CELL}")
    parser.add_argument("--mode", choices=("impedance", "admittance"), help="control mode, instead of the cell's own")
    parser.add_argument("--policies", nargs="*", default=(), metavar="NAME", help="of the zoo, to build with")
    parser.add_argument(
        "--out", type=Path,
        help="where rows are kept (default: runs/bench-<family>-<seed>[-<cell>][-<mode>][-<policies>].jsonl)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    name = options.cell or (DRIVER_CELL if options.screws else DEFAULT_CELL)
    own = (None if name == DEFAULT_CELL else name, options.mode, *options.policies)
    suffix = "".join(f"-{word}" for word in own if word)
    path = options.out or Path("runs") / f"bench-{options.family}-{options.seed}{suffix}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    have = {(row["kind"], row["unit"]) for row in rows}
    jobs = [("built", unit) for unit in range(options.units)] + [("spoilt", unit) for unit in range(options.spoilt)]
    work = {"built": build_unit, "spoilt": inspect_unit}
    # Bullet writes on the standard output of the process, which is for the result alone.
    pool = ProcessPoolExecutor(options.jobs, initializer=os.dup2, initargs=(2, 1))
    with pool, path.open("a") as file:
        todo = [job for job in jobs if job not in have]
        given = options.family, options.seed
        films, more = path.with_suffix(".films"), {"built": (options.screws, tuple(options.policies)), "spoilt": ()}
        futures = [pool.submit(work[kind], *given, unit, name, options.mode, films, *more[kind]) for kind, unit in todo]
        for done, future in enumerate(as_completed(futures), 1):
            row = future.result()
            rows.append(row)
            file.write(json.dumps(row) + "\n")
            file.flush()
            truth = "" if row["kind"] == "spoilt" else f" truth {row['truth'].get('good')} {row['truth'].get('wrong')}"
            said = f"{row['kind']} {row['unit']}: {row['verdict']}{truth} {list(row['reasons'])}"
            print(f"{done}/{len(todo)} {said}", file=sys.stderr)
    rows = [r for r in rows if r["unit"] < (options.units if r["kind"] == "built" else options.spoilt)]
    conventions = (*families()[options.family].conventions, f"collision margin {1e6 * MARGIN:.0f} µm", WEIGHT)
    if options.screws:
        conventions += (SCREWS,)
    found = measures(sorted(rows, key=lambda r: (r["kind"], r["unit"])))
    if options.json:
        machine = f"{platform.machine()}, Python {platform.python_version()}, {platform.system()}"
        command = shlex.join(["python", "benchmarks/assembly.py", *sys.argv[1:]])
        print(
            json.dumps(
                {
                    "name": "assembly",
                    "machine": machine,
                    "command": command,
                    "conventions": conventions,
                    "rows": rows,
                    "measures": found,
                }
            )
        )
        return
    for name, value in found.items():
        print(f"{name:22} {value}")
    print(f"  ({'; '.join(conventions)})")
    for cause, count in Counter(s["cause"] for r in rows for s in r.get("failed_steps", ())).most_common():
        print(f"  failed step: {cause} × {count}")
    for cause, count in Counter(r["cause"] for r in rows if r.get("cause")).most_common():
        print(f"  not good: {cause} × {count}, see {path.with_suffix('.films')}")


if __name__ == "__main__":
    main()
