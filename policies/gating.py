"""A gate: does a candidate reach a target on the episodes of set A? Ended as soon as that is settled.

The seeds of A are of purpose "gate", and no learner chooses by them. A gate of so many episodes is ended early only
where the rest can't change its answer any more: enough have succeeded, or too many have failed (curtailed sampling), so
that the answer is that of the whole gate. The share that was seen until then is no estimate of success, and isn't told
as one: that is what the final evaluation is for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from policies.collecting import collect
from policies.episodes import NOMINAL, Asked, Row, read_rows
from policies.evaluation import first_episodes
from policies.practice import Practice

FIRST_SEED = 1000  # base seeds from here on: learners choose by 0, `cellwright train` compares by 1


@dataclass(frozen=True, slots=True)
class Candidate:
    """Who may do a step: the nominal as it is; the policy of an entry's ``folder``; or the nominal with ``constants``.
    ``kind`` is that of the policy, "" of the nominal."""

    name: str = NOMINAL
    kind: str = ""
    folder: Path | None = None
    constants: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class Gated:
    """How a candidate did: ``count`` of ``played`` episodes, of the ``of`` that the gate has at most; ``steps`` of the
    environment."""

    candidate: Candidate
    count: int
    played: int
    of: int
    passed: bool
    steps: int

    @property
    def better(self) -> tuple[bool, int]:
        """What candidates are ordered by: who passes, then who succeeded more often before it was settled."""
        return self.passed, self.count

    @property
    def told(self) -> str:
        """The answer in words."""
        return f"{'passes' if self.passed else 'fails'} at {self.count} of {self.played} ({self.of} at most)"


def gate(
    candidate: Candidate, practice: Practice, episodes: int, target: float, seed: int, path: Path, jobs: int = 1,
    told: Callable[[Row], None] = lambda _: None,
) -> Gated:  # fmt: skip
    """Play so many ``episodes`` at most until it is settled whether a share of ``target`` of all of them succeeds. Rows
    are kept in the file ``path``, and those that it has aren't played again."""
    first, folder = asked_of(candidate, practice, "gate", seed)
    needed = math.ceil(target * episodes - 1e-9)
    counts = [0, 0]  # failures, successes

    def hear(row: Row) -> None:
        counts[bool(row.outcome["success"])] += 1
        told(row)
        if counts[1] >= needed or counts[0] > episodes - needed:
            raise Settled

    try:
        rows = collect(path, [replace(first, seed=first.seed + i) for i in range(episodes)], folder, jobs, hear)
    except Settled:
        rows = [row for row in read_rows(path) if replace(row.asked, seed=first.seed) == first]
    count = sum(bool(row.outcome["success"]) for row in rows)
    return Gated(candidate, count, len(rows), episodes, count >= needed, sum(row.steps for row in rows))


def asked_of(candidate: Candidate, practice: Practice, purpose: str, seed: int) -> tuple[Asked, Path | None]:
    """The first episode that is asked of a candidate, and the folder of its policy."""
    first, _, folder, _ = first_episodes(
        candidate.folder or NOMINAL, practice.task, practice.conditions, FIRST_SEED + seed, purpose=purpose,
        changes=practice.changed, constants=candidate.constants, **practice.options,
    )  # fmt: skip
    return first, folder


class Settled(Exception):
    """The rest of a gate can't change its answer."""
