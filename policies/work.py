"""A contact step on its way to a proven skill: who was tried for it, how long what took, and what it has come to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cells.orders.changeover import GATE
from policies.clock import Clock
from policies.contacts import ContactStep
from policies.episodes import NOMINAL
from policies.gating import Candidate, Gated

SPENT = "spent.json"


@dataclass
class Work:
    """A step on its way: who was gated, and how long what took (``phases``, seconds of the clock), in earlier commands
    too. ``how`` its best came to be, and ``why`` it couldn't be improved; ``done`` is what the journal tells of it in
    the end."""

    step: ContactStep
    folder: Path
    gates: list[Gated] = field(default_factory=list)
    why: str = ""
    how: str = "as it is"
    phases: list[tuple[str, float, float]] = field(default_factory=list)
    episodes: int = 0
    env_steps: int = 0
    cpu_s: float = 0.0
    gate_cpu_s: float = 0.0
    improved_steps: int = 0
    done: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        path = self.folder / SPENT
        if path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
            self.phases, self.cpu_s, self.gate_cpu_s = kept["phases"], kept["cpu_s"], kept["gate_cpu_s"]

    def spent(self, what: str, begin: float, end: float, cpu_s: float) -> None:
        """Note a phase: seconds of the clock, and CPU seconds."""
        self.phases.append((what, begin, end))
        self.cpu_s += cpu_s
        self.gate_cpu_s += cpu_s if what == GATE else 0.0
        kept = {"phases": self.phases, "cpu_s": self.cpu_s, "gate_cpu_s": self.gate_cpu_s}
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = self.folder / f"{SPENT}.draft"
        draft.write_text(json.dumps(kept), encoding="utf-8")
        draft.replace(self.folder / SPENT)

    @property
    def best(self) -> Gated | None:
        """The best candidate; of equals the one that was tried first."""
        return max(self.gates, key=lambda gated: gated.better, default=None)

    @property
    def best_told(self) -> str:
        """The best so far, for people."""
        return "" if self.best is None else f"{self.best.candidate.name} ({self.best.count} of {self.best.played})"

    def event(
        self, kept: Candidate, policy: str, final: Mapping[str, Any] | None = None, proven: bool = False
    ) -> dict[str, Any]:
        """What the journal tells of the step (see ``cells/orders/changeover.py``) where ``kept`` does it, as ``policy``
        of the zoo, "" for the nominal; ``final`` is what was found on set B."""
        step = self.step
        gated = next(gated for gated in reversed(self.gates) if gated.candidate == kept)
        return {
            "variant": step.variant.hash, "family": step.variant.family, "parameters": step.variant.parameters,
            "steps": step.steps, "skill": step.skill, "part": step.part, "strategy": step.nominal,
            "policy": policy, "how": self.how, "why": self.why,
            "tried": [{"name": one.candidate.name, "count": one.count, "of": one.played, "passed": one.passed}
                      for one in self.gates],
            "gate": {"count": gated.count, "of": gated.played, "passed": gated.passed},
            "final": final, "proven": proven,
            "phases": [[what, round(begin, 1), round(end, 1)] for what, begin, end in self.phases],
            "episodes": self.episodes, "env_steps": self.env_steps, "improved_steps": self.improved_steps,
            "wall_s": round(sum(end - begin for _, begin, end in self.phases), 1),
            "cpu_s": round(self.cpu_s, 1),
        }  # fmt: skip


def outcome(event: Mapping[str, Any]) -> str:
    """What the journal tells of a step, for people."""
    final, who = event["final"], event["policy"] or NOMINAL
    shown = f", {final['count']} of {final['of']} on B" if final else ""
    return f"{who}, {event['how']}{shown}: {'proven' if event['proven'] else 'not proven'}"


class Phases:
    """Writes down what time goes by for: one phase at a time, by a clock that is kept between two of them."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._doing, self._since = clock, "", (0.0, 0.0)

    @contextmanager
    def of(self, work: Work, what: str) -> Iterator[None]:
        """Time counts as ``what`` of a step while inside; a phase within another of the same step interrupts it."""
        outer = self._doing
        self._turn_to(work, what)
        try:
            yield
        finally:
            self._turn_to(work, outer)

    def _turn_to(self, work: Work, what: str) -> None:
        wall_s, cpu_s = self._clock.wall_s, self._clock.cpu_s
        if self._doing:
            work.spent(self._doing, self._since[0], wall_s, cpu_s - self._since[1])
        self._doing, self._since = what, (wall_s, cpu_s)
        self._clock.note()
