"""Leaves of a unit's behaviour tree. Each drives one generator, a command a tick, with notes in between."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from py_trees.behaviour import Behaviour
from py_trees.common import Status

from cells.errors import CellwrightError
from cells.ports import Reading
from cells.runtime import recovery
from cells.runtime.telemetry import Recorder
from cells.runtime.unit import UnitRun
from cells.skills.contract import Call, Cancelled, Command, Done, Failed, Note, Result, Steps


class Drive(Behaviour):
    """A leaf that drives a generator: one command a tick, notes in between."""

    def __init__(self, name: str, unit: UnitRun) -> None:
        super().__init__(name)
        self.unit = unit
        self._steps: Steps | None = None

    @abstractmethod
    def begin(self, reading: Reading) -> Steps | Failed:
        """The generator to drive, or why it can't be started."""

    @abstractmethod
    def end(self, result: Result) -> None:
        """Take note of how it ended."""

    def sample(self, reading: Reading) -> None:
        """Look at a reading on its way to the generator."""

    def update(self) -> Status:
        """One tick."""
        reading = self.unit.reading
        if self._steps is None:
            begun = self.begin(reading)
            if isinstance(begun, Failed):
                return self._ended(begun)
            self._steps = begun
            return self._tick(lambda: next(begun))
        self.sample(reading)
        steps = self._steps
        return self._tick(lambda: steps.send(reading))

    def tidy(self, first: bool) -> bool:
        """One tick of tidying up after a cancel: ``Cancelled`` is thrown once, then the generator goes on."""
        steps, reading = self._steps, self.unit.reading
        if steps is None:
            return True
        try:
            self._tick(lambda: steps.throw(Cancelled()) if first else steps.send(reading))
        except Cancelled:
            self._steps = None
            self.end(Failed("cancelled", "the order was cancelled"))
        return self._steps is None

    def terminate(self, new_status: Status) -> None:
        """Close the generator where it stands, if it still runs."""
        if self._steps is not None:
            self._steps.close()
            self._steps = None
            cancelled = self.unit.runner.cancelled
            why = ("cancelled", "the order was cancelled") if cancelled else ("interrupted", "the runner took the arm")
            self.end(Failed(*why))

    def _tick(self, advance: Callable[[], Command]) -> Status:
        self.unit.active = self
        steps = self._steps
        assert steps is not None
        try:
            command = advance()
            while isinstance(command, Note):
                self.unit.note(command.kind, command.data)
                command = steps.send(self.unit.reading)
        except StopIteration as stop:
            return self._ended(stop.value)
        except CellwrightError as error:
            return self._ended(Failed("not_possible", str(error)))
        self.unit.command = command
        return Status.RUNNING

    def _ended(self, result: Result) -> Status:
        self._steps = None
        self.end(result)
        return Status.SUCCESS if isinstance(result, Done) else Status.FAILURE


class CallLeaf(Drive):
    """One skill call, with its conditions, events and telemetry."""

    def __init__(self, unit: UnitRun, planned: Call) -> None:
        super().__init__(planned.id, unit)
        self._planned = planned

    def begin(self, reading: Reading) -> Steps | Failed:
        unit = self.unit
        self._call = call = unit.bound(self._planned)
        unit.attempts[call.id] += 1
        skill, number = unit.skills[call.skill], unit.attempts[call.id]
        self._head: dict[str, Any] = {"serial": call.serial, "step": call.id, "skill": call.skill}
        self._head |= {"version": skill.version, "attempt": number}
        unit.begun = None if unit.fulfilled(self._planned) else (self._planned, self._head)
        unit.doing, unit.handled = call.id, call.item
        self._since, self._energy = reading.time, reading.arm.energy_j
        unit.runner.tare = reading.wrench.copy()
        self._recorder = Recorder(unit.context.chain.n)
        calls = [planned.id for planned in unit.plan.calls]
        unit.progress(call.serial, call.id, calls.index(call.id) + 1, len(calls))
        unit.emit("step_started", self._head)
        model = unit.context.model()
        for condition in skill.before:
            if not condition.holds(call, model):
                return Failed("precondition", f"{condition.what.replace('_', ' ')} doesn't hold for {call.item}")
        return skill.run(unit.context, call, reading)

    def sample(self, reading: Reading) -> None:
        runner = self.unit.runner
        self._recorder.sample(reading, runner.force(reading), runner.tare, runner.compliant)

    def end(self, result: Result) -> None:
        unit, call = self.unit, self._call
        if isinstance(result, Done) and unit.skills[call.skill].after and not unit.fulfilled(self._planned):
            why = f"{call.skill} said done, but the world model doesn't show it"
            result = Failed("postcondition", why, result.data)
        self._result = result
        reading = unit.reading
        energy = reading.arm.energy_j - self._energy
        name = f"{call.serial}-{call.id}-{self._head['attempt']}.npz"
        record: dict[str, Any] = {
            **self._head,
            "duration_s": round(reading.time - self._since, 6),
            "energy_j": round(energy, 6) if energy == energy else None,
            "peak_force_n": round(self._recorder.peak_force, 3),
            "result": dict(result.data),
            "telemetry": self._recorder.save(unit.telemetry / name),
        }
        if isinstance(result, Done):
            unit.done.add(call.id)
            unit.begun = None
            unit.emit("step_done", record)
            unit.picture(call)
        else:
            unit.failed_skill, unit.failed_cause = call.skill, result.cause
            unit.reasons.append(f"{call.id}: {result.why}")
            unit.emit("step_failed", {**record, "cause": result.cause, "why": result.why})

    def _ended(self, result: Result) -> Status:
        super()._ended(result)
        return Status.SUCCESS if isinstance(self._result, Done) else Status.FAILURE


class Recover(Drive):
    """One named recovery of one step: fails at once where it can't help."""

    def __init__(
        self, unit: UnitRun, name: str, step: Call, helps: Callable[[], bool], motion: Callable[[Reading], Steps]
    ) -> None:
        super().__init__(name, unit)
        self._step, self._helps, self._motion = step, helps, motion

    def begin(self, reading: Reading) -> Steps | Failed:
        if not self._helps():
            return Failed("no_help", f"{self.name} doesn't help here")
        unit = self.unit
        unit.doing = f"{self._step.id}: {self.name}"
        unit.recoveries.append(f"{self._step.id}: {self.name}")
        unit.emit("recovery_started", {"serial": self._step.serial, "step": self._step.id, "recovery": self.name})
        return self._motion(reading)

    def end(self, result: Result) -> None:
        if isinstance(result, Failed) and result.cause != "no_help":
            self.unit.reasons.append(f"{self._step.id}, {self.name}: {result.why}")


class Is(Behaviour):
    """Succeeds or fails at once, by a question about the world model."""

    def __init__(self, name: str, holds: Callable[[], bool]) -> None:
        super().__init__(name)
        self._holds = holds

    def update(self) -> Status:
        """Ask."""
        return Status.SUCCESS if self._holds() else Status.FAILURE


class Boundary(Drive):
    """After a stop: back to a step boundary, or (``tidy``) all the way home with empty hands."""

    def __init__(self, unit: UnitRun, tidy: bool) -> None:
        super().__init__("tidy up" if tidy else "step boundary", unit)
        self._tidy = tidy

    def begin(self, reading: Reading) -> Steps | Failed:
        self.unit.doing = self.name
        return cleared(self.unit, reading) if self._tidy else self._rise(reading)

    def end(self, result: Result) -> None:
        if isinstance(result, Failed):
            self.unit.reasons.append(f"{self.name}: {result.why}")

    def _rise(self, reading: Reading) -> Steps:
        # A part that slipped out is in the world model as lost now: the steps that follow know what to do.
        yield from recovery.rise(self.unit.context, self.unit.handled, reading)
        return Done()


def cleared(unit: UnitRun, reading: Reading) -> Steps:
    """Rise, drop what is held into the reject bin, go home."""
    context, runner = unit.context, unit.runner
    yield from recovery.rise(context, unit.handled, reading)
    yield from recovery.empty_hand(context, runner.read())
    yield from recovery.go_home(context, runner.read())
    return Done()
