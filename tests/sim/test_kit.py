"""A kit in the simulated world: in truth every part stands in its place of the pattern; papers; an empty place."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aas_test_engines import file as aas_file

from cells.description.cell import load_cell
from cells.journal.store import Journal
from cells.kinematics.chain import load_chain
from cells.orders.order import Item, Order
from cells.orders.passport import write_passport
from cells.orders.report import write_report
from cells.ports import Reading
from cells.pose import Pose
from cells.products.catalogue import build_variant
from cells.runtime.production import UnitOutcome, produce
from cells.runtime.requests import RequestQueue
from cells.runtime.runner import Runner
from cells.runtime.world_model import WorldModel
from cells.skills.contract import Call, Command, Context, Failed, Result, Steps
from cells.skills.pack import PROBE
from cells.tasks.plan import plan_order
from sim.world import SimWorld, open_world

CELL = load_cell("panda-bench")
PARAMETERS = {"rows": 2, "columns": 1, "blocks": 1, "rods": 1}
KIT = build_variant("kit", PARAMETERS)
PLACES = {step.item: step.constraints for step in KIT.process.steps if step.capability == "pack"}
OFF = 0.0015  # m that a part may stand off its place


@dataclass
class Packed:
    """How it went, where every part stood in the carton's frame when the arm had left it, and the papers."""

    world: SimWorld
    outcome: UnitOutcome
    passport: Path
    report: str
    stood: dict[str, Pose] = field(default_factory=dict)


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Packed]:
    order = Order(
        schema="cellwright/order/v1", id="K", customer="c", due="2026-12-31",
        items=(Item(product="kit", quantity=1, parameters=PARAMETERS),),
    )  # fmt: skip
    out, plan, variants = tmp_path_factory.mktemp("kit"), plan_order(order, CELL, [KIT]), {KIT.hash: KIT}
    world, stood = open_world(CELL, variants, seed=4), dict[str, Pose]()

    def look(serial: str, step: str, _index: int, _total: int) -> None:
        if step == "leave_carton":
            carton = CELL.station("carton").pose.inverse()
            stood.update({item: carton @ world.stock.true_pose(f"{serial}/{item}") for item in PLACES})

    with Journal.open(CELL.name, out / "home") as journal:
        (outcome,) = produce(
            order, plan, CELL, variants, world, journal, out, look, RequestQueue(), pictures=False
        )  # fmt: skip
        passport = write_passport("K-01", journal, KIT, CELL, order, out / "K-01.aasx")
        report = write_report(out, order, plan, variants, CELL, list(journal.events()))
    yield Packed(world, outcome, passport, report.read_text(encoding="utf-8"), stood)
    world.close()


def test_every_part_stands_in_its_place_of_the_pattern(packed: Packed) -> None:
    assert (packed.outcome.verdict, packed.outcome.recoveries) == ("good", ())
    assert packed.stood.keys() == PLACES.keys()
    for item, pose in packed.stood.items():
        x, y, z = pose.xyz
        assert math.dist((x, y), (PLACES[item]["x"], PLACES[item]["y"])) < OFF, item
        assert abs(z) < 2e-4 and pose.tilt < math.radians(0.5), item


def test_its_passport_lists_its_parts_and_passes_the_official_checker(packed: Packed) -> None:
    with packed.passport.open("rb") as stream:
        result = aas_file.check_aasx_file(stream)
    assert result.ok(), "\n".join(result.to_lines())
    told = packed.passport.with_suffix(".json").read_text(encoding="utf-8")
    assert all(f'"{item}"' in told for item in PLACES)


def test_its_report_draws_the_packing(packed: Packed) -> None:
    assert "1 of 1" in packed.report and "pack block 1" in packed.report and "leave carton" in packed.report


class Doing:
    """Probing as work for the runner."""

    def __init__(self, context: Context, call: Call) -> None:
        self._context, self._call = context, call
        self._steps: Steps | None = None
        self.command: Command = None
        self.result: Result | None = None

    def advance(self, reading: Reading) -> bool:
        try:
            if self._steps is None:
                self._steps = PROBE.run(self._context, self._call, reading)
                self.command = next(self._steps)
            else:
                self.command = self._steps.send(reading)
        except StopIteration as stop:
            self.result = stop.value
        return self.result is not None

    def cancel(self) -> None: ...

    def close(self) -> None: ...

    def status(self) -> dict[str, str]:
        return {}


def test_an_empty_place_is_found(packed: Packed) -> None:
    """A person has taken the carton away by now."""
    world = packed.world
    runner = Runner(CELL, load_chain(CELL), world, lambda *_: None, RequestQueue(), lambda _: None)
    context = Context(CELL, runner.chain, runner.proof, world.locator, WorldModel, lambda _: KIT.parts["rod"])
    probe = next(step for step in KIT.process.steps if step.id == "probe_rod_1")
    call = Call("probe", "probe", "K-02", "K-02/rod_1", "carton", None, probe.constraints, "is it there?")
    runner.start()
    work = Doing(context, call)
    runner.run(work)
    assert isinstance(work.result, Failed) and work.result.cause == "missing"
