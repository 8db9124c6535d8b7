"""The conformance suite: the PyBullet world passes it whole, and worlds that break a promise are caught by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from cells.conformance import check_world, failures
from cells.control.setpoints import Compliant, Setpoint
from cells.description.cell import load_cell
from cells.ports import ArmReading, Estimate, Loaded, LoadRequest, Traits
from cells.pose import Array, Pose
from cells.products.catalogue import build_variant
from cells.products.model import ProductVariant
from sim.world import SimWorld, open_world

CELL = load_cell("panda-bench")
VARIANT = build_variant("pegboard", {"pegs": 1})
VARIANTS: Mapping[str, ProductVariant] = {VARIANT.hash: VARIANT}


class Wrapped:
    """The real world, all of its ports handed on: a broken one overrides what it breaks."""

    def __init__(self, world: SimWorld) -> None:
        self.world, self.traits = world, world.traits
        self.arm: Any = SimpleNamespace(command=world.arm.command, read=self.read_arm)
        self.gripper: Any = world.gripper
        self.camera: Any = world.camera
        self.stock: Any = world.stock
        self.wrench: Any = SimpleNamespace(read=self.read_wrench)
        self.locator: Any = SimpleNamespace(locate=self.locate)
        self.clock: Any = SimpleNamespace(tick_s=world.clock.tick_s, now=self.now, advance=world.clock.advance)

    def read_arm(self) -> ArmReading:
        return self.world.arm.read()

    def read_wrench(self) -> Array:
        return self.world.wrench.read()

    def locate(self, instance: str) -> Estimate:
        return self.world.locator.locate(instance)

    def now(self) -> float:
        return self.world.clock.now()

    def close(self) -> None:
        self.world.close()


class Sloppy(Wrapped):
    """Keeps several promises badly: time jumps, the wrench is short, the tool is elsewhere, sigma is nought."""

    def now(self) -> float:
        return self.world.clock.now() + 0.002 * (self.world.ticks // 7)

    def read_wrench(self) -> Array:
        return self.world.wrench.read()[:3]

    def read_arm(self) -> ArmReading:
        reading = self.world.arm.read()
        return replace(reading, tcp=reading.tcp.shifted(dx=0.002))

    def locate(self, instance: str) -> Estimate:
        return replace(self.world.locator.locate(instance), sigma=(0.0,) * 6)


class Careless(Wrapped):
    """Takes setpoints as it likes: a Segment never ends, parts stay, strangers are known, close fails."""

    def __init__(self, world: SimWorld) -> None:
        super().__init__(world)
        self.stock = SimpleNamespace(
            load=world.stock.load,
            load_unit=lambda returns: Loaded(done=tuple(returns)),
            make_ready=lambda returns: Loaded(done=tuple(returns)),
            unload=lambda _instances: None,
        )
        self.gripper = SimpleNamespace(read=world.gripper.read, move=lambda *_: None)
        self.camera = SimpleNamespace(picture=lambda _width, _height: b"JPEG")
        self.traits = replace(world.traits, deterministic=False)

    def read_arm(self) -> ArmReading:
        reading = self.world.arm.read()
        return replace(reading, busy=self.world.ticks > 30)

    def locate(self, instance: str) -> Estimate:
        try:
            return self.world.locator.locate(instance)
        except KeyError:
            return Estimate(Pose(), (1.0,) * 6)

    def close(self) -> None:
        super().close()
        raise OSError("the line is dead")


class Stiff(Wrapped):
    """Hears no Compliant, and tells joints in an array that goes on changing."""

    def __init__(self, world: SimWorld) -> None:
        super().__init__(world)
        self._joints = np.zeros(7)
        self.arm = SimpleNamespace(command=self.command, read=self.read_arm)

    def command(self, setpoint: Setpoint) -> None:
        if not isinstance(setpoint, Compliant):
            self.world.arm.command(setpoint)

    def read_arm(self) -> ArmReading:
        reading = self.world.arm.read()
        self._joints[:] = reading.q
        return replace(reading, q=self._joints)


def opened(seed: int = 1) -> SimWorld:
    return open_world(CELL, VARIANTS, seed)


def by_name(world: Any, twin: Any = None) -> tuple[dict[str, str], set[str]]:
    """What the suite says of each check that failed, and the names of those that it left out."""
    checks = check_world(world, CELL, VARIANTS, twin)
    failed = {check.name: check.said for check in checks if check.verdict == "failed"}
    return failed, {check.name for check in checks if check.verdict == "skipped"}


def test_the_simulated_world_conforms_and_no_check_is_left_out() -> None:
    checks = check_world(opened(), CELL, VARIANTS, opened())
    assert not failures(checks), "\n".join(failures(checks))
    assert {check.verdict for check in checks} == {"passed"}
    assert len({check.name for check in checks}) == len(checks) >= 14


def test_each_broken_promise_is_named_with_what_was_seen() -> None:
    said, _ = by_name(Sloppy(opened()))
    assert set(said) == {"clock", "readings", "tool", "stock", "unit"}
    assert said["clock"] == "expected one advance() to pass 0.004 s, and reading none, saw 0.006000 s"
    assert "wrench.read() as an array of shape (6,)" in said["readings"]
    assert "saw ndarray of shape (3,)" in said["readings"]
    assert "2.000 mm" in said["tool"]
    assert "six positive standard deviations" in said["stock"]


def test_a_world_that_does_as_it_likes_is_caught_at_every_port() -> None:
    said, _ = by_name(Careless(opened()))
    assert set(said) == {
        "readings", "hold", "segment", "preemption", "compliant", "gripper", "locator", "stock", "unit", "camera",
        "close",
    }  # fmt: skip
    assert "still busy" in said["segment"]
    assert "KeyError" in said["locator"]
    assert "unloaded" in said["stock"]
    assert said["close"] == "expected no error, saw OSError: the line is dead"


def test_an_arm_without_compliance_and_readings_that_change_are_caught() -> None:
    said, _ = by_name(Stiff(opened()))
    assert "drawn to within" in said["compliant"]
    assert said["readings"] == "expected a reading to stay as it was read, saw q changed with the arm"
    assert set(said) <= {"compliant", "readings", "segment", "preemption"}


def test_compliance_is_not_asked_of_a_world_without_contact_and_a_twin_of_another_seed_is_none() -> None:
    world = Wrapped(opened())
    world.traits = Traits(contact=False, deterministic=True, self_loading=True)
    failed, skipped = by_name(world, opened(seed=2))
    assert set(failed) == {"twin"}
    assert skipped == {"compliant"}


def test_neither_repetition_nor_parts_are_asked_of_a_world_that_people_load() -> None:
    world = Wrapped(opened())
    world.traits = Traits(contact=True, deterministic=False, self_loading=False)

    def ask(requests: Sequence[LoadRequest]) -> Loaded:
        return Loaded(missing=tuple(requests))

    world.stock = SimpleNamespace(load=ask, load_unit=ask)
    assert by_name(world) == ({}, {"stock", "unit", "twin"})
