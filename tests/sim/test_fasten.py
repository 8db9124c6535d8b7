"""Screws driven in the simulated cell: home, to a torque, and what is said where that can't be."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.assembly import Unattended, planned
from cells.description.cell import load_cell
from cells.journal.store import Journal
from cells.ports import Estimate
from cells.pose import Pose
from cells.products.catalogue import build_variant
from cells.products.standing import standing
from cells.runtime.production import produce
from sim.scenes import Defect, assembled
from sim.truth import SEATED
from sim.world import SimWorld, open_world

CELL = load_cell("panda-screws")
VARIANT = build_variant("gearbox", {"screws": 4})
SCREW = "screw_1"
STEP = next(step for step in VARIANT.process.steps if step.id == f"fasten_{SCREW}")
TRAVEL, PITCH = STEP.constraints["travel"], VARIANT.parts["screw"].thread.pitch  # type: ignore[union-attr]


@dataclass
class Driven:
    """How driving one screw ended: the step's last event and how many goes it took, how high (m) the head is over
    where it is to be, how far the screw was ever off pitch × turn while it went down (m), its turns, and where the
    cover is."""

    said: Mapping[str, Any]
    goes: int = 0
    off: float = math.nan
    slip: float = 0.0
    turned: float = 0.0
    cover: Pose | None = None


def driven(folder: Path, missing: bool = False, aside: Sequence[float] = (), **params: float) -> Driven:
    """Drive a screw that stands started in its hole, or isn't there; its place may be seen ``aside`` of it, so far (m)
    at each go."""
    order, plan = planned(CELL, VARIANT, "F")
    unit = plan.units[0]
    world = open_world(CELL, {VARIANT.hash: VARIANT}, seed=1)
    started = Defect(SCREW, "started", missing=missing, high=TRAVEL)
    holds = assembled(world, unit.serial, VARIANT, started, {"housing", "cover", SCREW})
    [call] = [call for call in unit.calls if call.id == STEP.id]
    call = replace(call, params={**call.params, **params})
    out = Driven({})
    tell, leave = world.locator.locate, world.stock.unload

    goes = list(aside)

    def locate(instance: str) -> Estimate:
        told, off = tell(instance), goes[0] if goes else 0.0
        if goes and instance.endswith(SCREW):  # the last that is looked for at a go
            del goes[0]
        return replace(told, pose=told.pose.shifted(dx=off))

    def unload(instances: Any) -> None:
        end_of(world, unit.serial, out)
        leave(instances)

    world.locator.locate = locate  # type: ignore[method-assign]
    world.stock.unload = unload  # type: ignore[method-assign]
    world.step_hooks.append(lambda: follow(world, out))
    only = replace(unit, loads=(), calls=(call,), seconds=(), joules=())
    with Journal.open(CELL.name, folder) as journal:
        produce(
            order, replace(plan, units=(only,)), CELL, {VARIANT.hash: VARIANT}, world, journal, folder / "out",
            lambda *_: None, Unattended(), pictures=False, holds=holds,
        )  # fmt: skip
        ends = [event.data for event in journal.events() if event.kind in ("step_done", "step_failed")]
        out.said, out.goes = ends[-1], len(ends)
    world.close()
    return out


def end_of(world: SimWorld, serial: str, out: Driven) -> None:
    true, places = world.stock.true_pose, standing(VARIANT)
    housing = true(f"{serial}/housing")
    out.cover = housing.inverse() @ true(f"{serial}/cover")
    if f"{serial}/{SCREW}" in world.stock.pieces:
        out.off = (housing.inverse() @ true(f"{serial}/{SCREW}")).xyz[2] - places[SCREW].xyz[2]


def follow(world: SimWorld, out: Driven) -> None:
    assert world.driver is not None
    for held in world.driver.engaged.values():
        out.turned = held.turned
        if held.bore is None:
            out.slip = max(
                out.slip, abs(held.mouth.at.xyz[2] - held.pose().xyz[2] - PITCH * held.turned / (2 * math.pi))
            )


def test_a_started_screw_is_driven_home_to_its_torque(tmp_path: Path) -> None:
    end = driven(tmp_path)
    found = end.said["result"]
    assert "cause" not in end.said
    assert abs(end.off) < SEATED / 4
    assert end.slip < 1e-9
    assert found["torque_nm"] == pytest.approx(STEP.constraints["torque"], abs=1e-3)
    assert found["travel_m"] == pytest.approx(TRAVEL, abs=2e-4)
    assert found["turns"] == pytest.approx(TRAVEL / PITCH, abs=0.2)
    assert abs(found["height_error_m"]) < 1e-4
    assert end.cover is not None
    assert end.cover.xyz[2] == pytest.approx(standing(VARIANT)["cover"].xyz[2], abs=1e-4)


def test_the_driver_stops_at_the_torque_that_is_asked_for(tmp_path: Path) -> None:
    assert driven(tmp_path, torque=0.3).said["result"]["torque_nm"] == pytest.approx(0.3, abs=1e-3)


def test_a_screw_that_is_not_there_is_missed(tmp_path: Path) -> None:
    end = driven(tmp_path, missing=True)
    assert end.said["cause"] == "no_screw"
    assert "no screw under the bit" in end.said["why"]


def test_a_bit_beside_the_socket_turns_idle_and_is_set_on_again(tmp_path: Path) -> None:
    end = driven(tmp_path, aside=[0.002])
    assert end.goes == 2 and "cause" not in end.said
    assert end.said["result"]["torque_nm"] == pytest.approx(STEP.constraints["torque"], abs=1e-3)
    assert abs(end.off) < SEATED / 4


@pytest.mark.long
def test_a_bit_that_stays_beside_the_socket_is_said_to_turn_idle(tmp_path: Path) -> None:
    end = driven(tmp_path, aside=[0.002] * 3)
    assert end.goes == 3 and end.said["cause"] == "no_advance"
    assert "doesn't go down" in end.said["why"]
    assert end.turned == 0.0 and end.off == pytest.approx(TRAVEL, abs=2e-4)


def test_the_fingers_that_gauged_the_cover_leave_it_there_when_they_go_for_a_screw(tmp_path: Path) -> None:
    order, plan = planned(CELL, VARIANT, "F")
    unit = plan.units[0]
    world = open_world(CELL, {VARIANT.hash: VARIANT}, seed=1)
    holds = assembled(world, unit.serial, VARIANT, items={"housing", "cover"})
    calls = tuple(call for call in unit.calls if call.id in ("inspect_cover", f"insert_{SCREW}.pick"))
    loads = tuple(load for load in unit.loads if load.instance.endswith(SCREW))
    out = Driven({})
    leave = world.stock.unload

    def unload(instances: Any) -> None:
        end_of(world, unit.serial, out)
        leave(instances)

    world.stock.unload = unload  # type: ignore[method-assign]
    only = replace(unit, loads=loads, calls=calls, seconds=(), joules=())
    with Journal.open(CELL.name, tmp_path) as journal:
        produce(
            order, replace(plan, units=(only,)), CELL, {VARIANT.hash: VARIANT}, world, journal, tmp_path / "out",
            lambda *_: None, Unattended(), pictures=False, holds=holds,
        )  # fmt: skip
        assert not [event.data["why"] for event in journal.events() if event.kind == "step_failed"]
    world.close()
    assert out.cover is not None
    assert out.cover.xyz[2] == pytest.approx(standing(VARIANT)["cover"].xyz[2], abs=1e-4)
