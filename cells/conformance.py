"""Does a world keep what :mod:`cells.ports` promises? A conformance suite for every world behind the ports.

    checks = check_world(open_world(cell, variants, seed=1), cell, variants, open_world(cell, variants, seed=1))
    assert not failures(checks), "\\n".join(failures(checks))

It moves the arm a little around where it stands, opens and closes the empty hand, and loads one part of each kind
where the world loads itself. Run it on a real cell only with somebody beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from cells.control.setpoints import Compliant, JointTarget, Segment
from cells.description.cell import Cell
from cells.kinematics.chain import Chain, load_chain
from cells.kinematics.trajectory import point_to_point
from cells.ports import ArmReading, Estimate, Loaded, LoadRequest, Traits, World
from cells.pose import Array, Pose
from cells.products.model import ProductVariant
from cells.tasks.plan import slots_for, slots_of_unit

STEP = 0.1  # rad that the last joint is turned
SLOW = 0.3  # share of the robot's limits for it
RAISE = 0.01  # m that the tool is drawn upwards
SOFT_FORCE = 20.0  # N that the spring may pull with
AT_REST, AT_END = 2e-3, 5e-3  # rad that joints may be off while they hold, and at the end of a motion
TCP = (5e-4, 5e-3)  # m, rad between the measured tool and the chain's
WIDTH = 2e-3  # m between the commanded and the reached opening
PATIENCE = 1.0  # s that a motion may take longer than it says
NOBODY = "nobody/nothing"  # an instance that no world has


@dataclass(frozen=True, slots=True)
class Check:
    """One thing a world must do: ``verdict`` is "passed", "failed" or "skipped"; ``said`` what was expected and what
    was seen, or why it doesn't apply."""

    name: str
    verdict: str
    said: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.verdict}" + (f": {self.said}" if self.said else "")


class Unlike(Exception):
    """The world did something else than was expected of it."""


class NotHere(Exception):
    """A check doesn't apply to this world; the reason is its text."""


def check_world(
    world: World, cell: Cell, variants: Mapping[str, ProductVariant], twin: World | None = None
) -> list[Check]:
    """Check an open world that nothing has moved yet, and close it; ``variants`` (by hash) as it was opened with.

    ``twin`` is a second world of the same cell, variants and seed, with which a deterministic one must agree to the
    last bit. Never raises for what a world does wrong: every check is listed, in the order in which they ran.
    """
    bench = _Bench(world, cell, variants)
    checks = bench.run()
    other = _Bench(twin, cell, variants) if twin else None
    checks.append(_outcome("twin", lambda: _same(bench, other)))
    checks.append(_outcome("close", world.close))
    return checks


def failures(checks: Sequence[Check]) -> list[str]:
    """What failed, in words; empty for a world that conforms."""
    return [str(check) for check in checks if check.verdict == "failed"]


def _outcome(name: str, check: Callable[[], None]) -> Check:
    try:
        check()
    except NotHere as reason:
        return Check(name, "skipped", str(reason))
    except Unlike as difference:
        return Check(name, "failed", str(difference))
    except Exception as error:  # whatever a world raises is a finding, not the end of the suite
        return Check(name, "failed", f"expected no error, saw {type(error).__name__}: {error}")
    return Check(name, "passed")


def _expect(what: str, holds: bool, seen: object) -> None:
    if not holds:
        raise Unlike(f"expected {what}, saw {seen}")


class _Bench:
    """The checks, each one method; they share the world and what they know of the cell. ``trace`` is what the world
    told after each."""

    def __init__(self, world: World, cell: Cell, variants: Mapping[str, ProductVariant]) -> None:
        self.world, self._cell, self._variants = world, cell, variants
        self._chain: Chain = load_chain(cell)
        self.trace: list[tuple[str, Array]] = []

    def run(self) -> list[Check]:
        """All of them, in this order: what comes later relies on what came before."""
        checks = (
            self.traits, self.clock, self.readings, self.tool, self.hold, self.segment, self.preemption,
            self.compliant, self.gripper, self.locator, self.stock, self.unit, self.camera,
        )  # fmt: skip
        outcomes = []
        for check in checks:
            outcomes.append(_outcome(check.__name__, check))
            self.trace += [(check.__name__, numbers) for numbers in _numbers(self.world)]
        return outcomes

    def traits(self) -> None:
        told = self.world.traits
        for field in fields(Traits):
            value = getattr(told, field.name)
            _expect(f"traits.{field.name} to be True or False", isinstance(value, bool), repr(value))

    def clock(self) -> None:
        clock, tick = self.world.clock, self._cell.tick_s
        _expect(f"clock.tick_s to be the cell's {tick} s", clock.tick_s == tick, clock.tick_s)
        passed = []
        for _ in range(20):
            before = clock.now()
            self.world.arm.read()
            clock.advance()
            passed.append(clock.now() - before)
        if self.world.traits.deterministic:
            worst = max(passed, key=lambda seconds: abs(seconds - tick))
            _expect(f"one advance() to pass {tick} s, and reading none", abs(worst - tick) <= 1e-9, f"{worst:.6f} s")
            return
        # What waits for a clock may come late, and says so; it is never early, and late only now and then.
        usual, least = float(np.median(passed)), min(passed)
        seen = f"{usual:.6f} s, once {least:.6f} s"
        _expect(f"advance() to pass {tick} s as a rule", abs(usual - tick) <= tick / 2 <= least, seen)

    def readings(self) -> None:
        arm, hand = self.world.arm.read(), self.world.gripper.read()
        for name in ("q", "qd", "tau", "q_cmd", "qd_cmd", "qdd_cmd"):
            _finite(f"arm.read().{name}", getattr(arm, name), self._chain.n)
        _expect('mode "running"', arm.mode == "running", repr(arm.mode))
        _expect("speed_scale above 0 and up to 1", 0 < arm.speed_scale <= 1, arm.speed_scale)
        _expect("a world at rest not to be busy", not arm.busy, f"busy={arm.busy!r}")
        inside = np.all(arm.q >= self._chain.q_min - AT_REST) and np.all(arm.q <= self._chain.q_max + AT_REST)
        _expect("joints within the robot's limits", bool(inside), arm.q)
        for name in ("width", "speed", "force"):
            value = getattr(hand, name)
            _expect(f"gripper.read().{name} to be a finite number", math.isfinite(value), value)
        _finite("wrench.read()", self.world.wrench.read(), 6)
        kept = arm.q.copy()
        self._move(self._nudged(arm, STEP))
        _expect("a reading to stay as it was read", bool(np.array_equal(arm.q, kept)), "q changed with the arm")
        self._move(kept)

    def tool(self) -> None:
        arm = self.world.arm.read()
        chain = self._cell.base_pose @ Pose.from_matrix(self._chain.fk(arm.q))
        apart, turned = _between(arm.tcp, chain)
        seen = f"{1000 * apart:.3f} mm and {math.degrees(turned):.3f}° between {arm.tcp.xyz} and {chain.xyz}"
        _expect("the tcp where the chain puts it for the measured joints", apart <= TCP[0] and turned <= TCP[1], seen)

    def hold(self) -> None:
        start = self.world.arm.read().q.copy()
        for streamed in (True, False):  # a stream that ends leaves the arm where it is
            for _ in self._ticks(0.3):
                if streamed:
                    self.world.arm.command(JointTarget(start.copy(), np.zeros(self._chain.n)))
                self.world.clock.advance()
            arm = self.world.arm.read()
            off, when = float(np.abs(arm.q - start).max()), "under" if streamed else "after the end of"
            _expect(f"joints within {AT_REST} rad {when} a stream of one JointTarget", off <= AT_REST, f"{off:.5f} rad")
            _expect("a JointTarget not to count as busy", not arm.busy, f"busy={arm.busy!r}")

    def segment(self) -> None:
        before = self.world.arm.read()
        start = before.q_cmd.copy()
        self._move(self._nudged(before, STEP))
        after = self.world.arm.read()
        if math.isfinite(before.energy_j):
            grown = after.energy_j >= before.energy_j
            _expect("mechanical work not to shrink", grown, f"{before.energy_j} J, then {after.energy_j} J")
        self._move(start)

    def preemption(self) -> None:
        arm = self.world.arm.read()
        start = arm.q_cmd.copy()
        self.world.arm.command(Segment(self._way(start, self._nudged(arm, STEP))))
        for _ in range(5):
            self.world.clock.advance()
        here = self.world.arm.read().q_cmd.copy()
        for _ in self._ticks(0.3):
            self.world.arm.command(JointTarget(here.copy(), np.zeros(self._chain.n)))
            self.world.clock.advance()
        arm = self.world.arm.read()
        _expect("a Segment to end with the next setpoint", not arm.busy, f"busy={arm.busy!r}")
        off = float(np.abs(arm.q - here).max())
        _expect(f"the arm within {AT_END} rad of the setpoint that replaced it", off <= AT_END, f"{off:.4f} rad")
        self._move(start)

    def compliant(self) -> None:
        """A world takes Compliant where the arm has a compliance of its own; elsewhere the one law stands before it."""
        if not self.world.traits.contact or self._cell.control.default != "impedance":
            raise NotHere("no contact in this world, or the cell isn't in mode impedance")
        start = self.world.arm.read()
        for goal in (start.tcp.shifted(dz=RAISE), start.tcp):
            soft = Compliant(goal, np.zeros(6), np.array([1500.0] * 3 + [40.0] * 3), SOFT_FORCE)
            for _ in self._ticks(1.0):
                self.world.arm.command(soft)
                self.world.clock.advance()
            off = _between(self.world.arm.read().tcp, goal)[0]
            what = f"the tool drawn to within {300 * RAISE:g} mm of a Compliant pose {1000 * RAISE:g} mm away"
            _expect(what, off <= 0.3 * RAISE, f"{1000 * off:.2f} mm")
        _expect("a Compliant not to count as busy", not self.world.arm.read().busy, "busy=True")
        self.world.arm.command(JointTarget(self.world.arm.read().q_cmd.copy(), np.zeros(self._chain.n)))
        self.world.clock.advance()
        self._move(start.q_cmd.copy())

    def gripper(self) -> None:
        spec = self._cell.robot_spec.gripper
        for share in (0.5, 0.8):
            width = spec.min_width + share * (spec.max_width - spec.min_width)
            self.world.gripper.move(width, 2 * spec.max_speed, 0.5 * spec.max_force_n)
            for _ in self._ticks(3.0):
                self.world.clock.advance()
                hand = self.world.gripper.read()
                if hand.still and abs(hand.width - width) <= WIDTH:
                    break
            seen = f"{1000 * hand.width:.1f} mm, still={hand.still!r}"
            reached = hand.still and abs(hand.width - width) <= WIDTH
            _expect(f"the empty hand open {1000 * width:.1f} mm and still after 3 s", reached, seen)

    def locator(self) -> None:
        try:
            told = self.world.locator.locate(NOBODY)
        except KeyError:
            return
        raise Unlike(f"expected KeyError for an instance that isn't there, saw {told}")

    def stock(self) -> None:
        requests = self._requests()
        self._loaded("load()", self.world.stock.load(requests), requests)
        for request in requests:
            self._near_its_slot(request)
        self._readies(requests)
        self._unload(requests)

    def _readies(self, loaded: Sequence[LoadRequest]) -> None:
        """A slot beside those that are taken is made ready for a part that is there."""
        taken = {(request.station, request.slot) for request in loaded}
        slots = (replace(r, station=name, slot=slot) for r in loaded for name, slot in self._free_for(r, taken))
        if (request := next(slots, None)) is not None:
            made = self.world.stock.make_ready((request,))
            _expect("make_ready() to return Loaded", isinstance(made, Loaded), type(made).__name__)

    def _free_for(self, request: LoadRequest, taken: set[tuple[str, int]]) -> list[tuple[str, int]]:
        part = self._variants[request.variant].parts[request.part]
        return [slot for slot in slots_for(part, self._cell) if slot not in taken]

    def unit(self) -> None:
        variant = next(iter(self._variants.values()), None)
        if variant is None:
            raise NotHere("no variants were given")
        returns = slots_of_unit("check", self._cell, variant)
        self._loaded("load_unit()", self.world.stock.load_unit(returns), returns)
        [base] = [request for request in returns if variant.parts[request.part].base]
        told, fixture = self.world.locator.locate(base.instance), self._cell.station("fixture")
        off = math.dist(told.pose.xyz, fixture.pose.xyz)
        room = getattr(fixture, "play", 0.0) + 4 * math.sqrt(sum(sigma**2 for sigma in told.sigma[:3]))
        _expect(f"the unit's base within its play and 4 σ of the fixture, {room:.5f} m", off <= room, f"{off:.5f} m")
        self._unload(returns)

    def _loaded(self, name: str, loaded: Loaded, requests: Sequence[LoadRequest]) -> None:
        _expect(f"{name} to return Loaded", isinstance(loaded, Loaded), type(loaded).__name__)
        named = sorted(r.instance for r in (*loaded.done, *loaded.missing))
        _expect("each request in done or in missing", named == sorted(r.instance for r in requests), named)
        if loaded.missing and not self.world.traits.self_loading:
            raise NotHere("a person loads this world; with its parts loaded the rest can be checked")
        _expect("a self-loading world to load everything", not loaded.missing, f"missing {loaded.missing}")
        for _ in self._ticks(0.3):
            self.world.clock.advance()

    def _unload(self, requests: Sequence[LoadRequest]) -> None:
        self.world.stock.unload([request.instance for request in requests])
        for request in requests:
            try:
                told = self.world.locator.locate(request.instance)
            except KeyError:
                continue
            raise Unlike(f"expected KeyError for {request.instance}, which was unloaded, saw {told}")

    def camera(self) -> None:
        picture = self.world.camera.picture(64, 48)
        _expect("bytes", isinstance(picture, bytes), type(picture).__name__)
        if picture:
            head = b"\x89PNG\r\n\x1a\n", (64, 48)
            seen = picture[:8], (int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24]))
            _expect("a PNG of 64 × 48 pixels, or nothing", seen == head, seen)

    # ------------------------------------------------------------------ what the checks are made of

    def _ticks(self, seconds: float) -> range:
        return range(round(seconds / self._cell.tick_s))

    def _nudged(self, arm: ArmReading, angle: float) -> Array:
        """Joints (n,) with the last one turned by ``angle`` (rad), away from its nearer limit."""
        q, last = arm.q_cmd.copy(), self._chain.n - 1
        middle = (self._chain.q_min[last] + self._chain.q_max[last]) / 2
        q[last] += angle if q[last] < middle else -angle
        return q

    def _way(self, start: Array, end: Array) -> Any:
        return point_to_point(self._chain, start, end, SLOW, self._cell.tick_s)

    def _move(self, end: Array) -> None:
        """One Segment from the commanded joints to ``end``: busy at once, still at the end, in time."""
        path = self._way(self.world.arm.read().q_cmd, end)
        if path.duration <= self._cell.tick_s:  # over before anybody could see it
            return
        self.world.arm.command(Segment(path))
        self.world.clock.advance()
        _expect("busy while a Segment runs", self.world.arm.read().busy, "busy=False after its first tick")
        for _ in self._ticks(path.duration + PATIENCE):
            if not self.world.arm.read().busy:
                break
            self.world.clock.advance()
        arm = self.world.arm.read()
        late = f"still busy {PATIENCE:g} s later"
        _expect(f"a Segment of {path.duration:.2f} s to end in time", not arm.busy, late)
        for _ in self._ticks(0.1):
            self.world.clock.advance()
        off = float(np.abs(self.world.arm.read().q - end).max())
        _expect(f"the arm within {AT_END} rad of the Segment's end", off <= AT_END, f"{off:.4f} rad")

    def _requests(self) -> list[LoadRequest]:
        """One part of each kind of the first variant, in slots that take it."""
        if not self._variants:
            raise NotHere("no variants were given")
        variant = next(iter(self._variants.values()))
        taken: set[tuple[str, int]] = set()
        out = []
        for name, part in variant.parts.items():
            slot = next((slot for slot in slots_for(part, self._cell) if slot not in taken), None)
            if slot is None:
                raise NotHere(f"no tray slot of the cell takes a {name}")
            taken.add(slot)
            out.append(LoadRequest(f"check/{name}", name, variant.hash, *slot))
        return out

    def _near_its_slot(self, request: LoadRequest) -> None:
        told, scatter = self.world.locator.locate(request.instance), self._cell.scatter
        _expect("locate() to return an Estimate", isinstance(told, Estimate), type(told).__name__)
        sigma = np.asarray(told.sigma, dtype=float)
        _expect("six positive standard deviations", sigma.shape == (6,) and bool(np.all(sigma > 0)), told.sigma)
        _finite("an estimated pose", np.array([*told.pose.xyz, *told.pose.quat]), 7)
        self.trace.append(("locate()", np.array([*told.pose.xyz, *told.pose.quat])))
        slot = self._cell.station(request.station).slot_pose(request.slot)
        x, y, z = (slot.inverse() @ told.pose).xyz
        yaw = (slot.inverse() @ told.pose).yaw
        room = np.array([scatter.xy, scatter.xy, scatter.z, scatter.yaw]) + 4 * sigma[[0, 1, 2, 5]] + 1e-4
        off = np.array([x, y, z, yaw])
        what = f"{request.instance} within scatter and 4 σ of its slot: (x, y, z, yaw) up to {np.round(room, 5)}"
        _expect(what, bool(np.all(np.abs(off) <= room)), np.round(off, 5))


def _finite(name: str, value: object, size: int) -> None:
    shape = getattr(value, "shape", None)
    _expect(f"{name} as an array of shape ({size},)", shape == (size,), f"{type(value).__name__} of shape {shape}")
    _expect(f"{name} to be finite", bool(np.all(np.isfinite(value))), value)  # type: ignore[call-overload]


def _between(a: Pose, b: Pose) -> tuple[float, float]:
    """Distance (m) and angle (rad) between two poses."""
    turned = a.matrix()[:3, :3].T @ b.matrix()[:3, :3]
    return math.dist(a.xyz, b.xyz), math.acos(min(1.0, max(-1.0, (float(np.trace(turned)) - 1) / 2)))


def _numbers(world: World) -> Iterator[Array]:
    """Everything the ports tell now, as arrays; nothing where a port fails."""
    try:
        arm, hand = world.arm.read(), world.gripper.read()
        yield np.array([*arm.q, *arm.qd, *arm.tau, *arm.q_cmd, *arm.tcp.xyz, *arm.tcp.quat, arm.energy_j])
        yield np.array([hand.width, hand.speed, hand.force, world.clock.now()])
        yield world.wrench.read()
    except Exception:
        return  # its own check has said so


def _same(bench: _Bench, twin: _Bench | None) -> None:
    """Whether two worlds of one seed told the same all along."""
    if not bench.world.traits.deterministic:
        raise NotHere("this world doesn't claim to be deterministic")
    if twin is None:
        raise NotHere("no twin was given")
    twin.run()
    twin.world.close()
    _expect("a twin to get as far", len(bench.trace) == len(twin.trace), f"{len(bench.trace)} and {len(twin.trace)}")
    for (when, mine), (_, theirs) in zip(bench.trace, twin.trace, strict=True):
        what = f"the same numbers after {when} from a twin of the same seed"
        _expect(what, np.array_equal(mine, theirs, equal_nan=True), f"{mine} and {theirs}")
