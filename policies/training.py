"""A training run as a folder: what is asked for, what it has cost so far, its checkpoint and its curves.

A run that was killed goes on from its last checkpoint by the same command. Its budget counts the CPU seconds of all its
processes, so that it buys the same on a busy machine as on an idle one.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from cells.errors import InputError, Problem
from policies.practice import Practice, Ranges, widened
from policies.workers import workers

Result = TypeVar("Result")
Point = Mapping[str, float]  # of the curves, by their names
CHECKPOINT, DRAFT, OLD = "checkpoint", ".draft", ".old"
STATE, POINTS = "state.json", "points.jsonl"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run is for: a ``skill`` by way of a strategy (``nominal``). A folder belongs to one of these for good;
    only the budget may be raised later."""

    skill: str
    nominal: str
    practice: Practice
    learner: str
    seed: int


@dataclass(frozen=True, slots=True)
class Learned:
    """What a learner has come to: the ``weights`` of a network (a policy of kind residual), or the ``constants`` of the
    strategy (kind parameters); of a network also the steps to go on training with (``replay``, a file of
    demonstrations)."""

    weights: bytes | None = None
    constants: tuple[float, ...] | None = None
    replay: bytes | None = None


class Run:
    """A run in its folder. A context manager: its processes end with it.

    ``watch`` is called with each point of the curves, for people, and ``hear`` with the CPU seconds so far and what is
    under way in words. ``steps`` counts policy steps in the environment,
    ``trained`` tells what parts these were with.
    """

    def __init__(
        self,
        folder: Path,
        asked: Asked,
        budget_s: float,
        jobs: int = 1,
        watch: Callable[[Point], None] = lambda _: None,
        hear: Callable[[float, str], None] = lambda _, __: None,
    ) -> None:
        """Raises ``InputError`` for a folder of another run, or one that can't be written."""
        self.folder, self.asked, self.budget_s, self.jobs = folder, asked, budget_s, jobs
        self._watch, self._hear = watch, hear
        self.steps, self._paid, self._began = 0, 0.0, time.process_time()
        self._pool: ProcessPoolExecutor | None = None
        self._others: dict[int, float] = {}  # CPU seconds of other processes
        self.points: list[dict[str, float]] = []
        self.trained: Ranges = {}
        self.state = self._resumed()

    @property
    def spent_s(self) -> float:
        """CPU seconds so far, those before an interruption among them."""
        return self._paid + time.process_time() - self._began + sum(self._others.values())

    @property
    def over(self) -> bool:
        """Whether the budget is spent."""
        return self.spent_s >= self.budget_s

    def point(self, **values: float) -> None:
        """Tell a point of the curves."""
        point = {"cpu_s": round(self.spent_s, 2), "steps": float(self.steps), **values}
        self.points.append(point)
        self._watch(point)

    def tell(self, under_way: str) -> None:
        """Tell people what is under way."""
        self._hear(self.spent_s, under_way)

    def count(self, steps: int, family: str, parameters: Mapping[str, Any]) -> None:
        """Count steps with parts of such parameters."""
        self.steps += steps
        widened(self.trained, family, parameters)

    def save(self, state: Mapping[str, Any], files: Mapping[str, bytes] | None = None) -> None:
        """Keep what it takes to go on: the learner's ``state`` (JSON) and ``files`` by name; as a whole or not at
        all."""
        kept = {
            "asked": asdict(self.asked), "cpu_s": self.spent_s, "steps": self.steps, "trained": self.trained,
            "learner": dict(state),
        }  # fmt: skip
        draft, here, old = (self.folder / name for name in (DRAFT, CHECKPOINT, OLD))
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        for name, content in (files or {}).items():
            (draft / name).write_bytes(content)
        (draft / STATE).write_text(json.dumps(kept, indent=1), encoding="utf-8")
        (draft / POINTS).write_text("".join(json.dumps(point) + "\n" for point in self.points), encoding="utf-8")
        if here.exists():
            shutil.rmtree(old, ignore_errors=True)
            here.rename(old)
        draft.rename(here)
        shutil.rmtree(old, ignore_errors=True)

    def file(self, name: str) -> bytes:
        """A file of the checkpoint that the run goes on from."""
        return (self.folder / CHECKPOINT / name).read_bytes()

    def each(self, work: Callable[..., Result], arguments: Sequence[tuple[Any, ...]]) -> Iterator[Result]:
        """``work`` of each tuple of arguments, in their order, as they are done, in as many processes as the run may
        have."""
        if self.jobs == 1:
            yield from (work(*given) for given in arguments)
            return
        if self._pool is None:
            self._pool = workers(self.jobs)
        for result, process, seconds in self._pool.map(_counted, [work] * len(arguments), arguments):
            self._others[process] = max(seconds, self._others.get(process, 0.0))
            yield result

    def _resumed(self) -> dict[str, Any] | None:
        """The learner's state in the checkpoint, if there is one."""
        here, old = self.folder / CHECKPOINT, self.folder / OLD
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if old.exists() and not here.exists():  # killed between the two renames
                old.rename(here)
        except OSError as error:
            what = f"can't be written ({error.strerror})"
            raise InputError(Problem(str(self.folder), what, "name a folder that you may write with --out")) from None
        if not here.exists():
            return None
        kept = json.loads((here / STATE).read_text(encoding="utf-8"))
        if kept["asked"] != json.loads(json.dumps(asdict(self.asked))):
            what = "holds a run with another task, learner or seed"
            raise InputError(Problem(str(self.folder), what, "name another folder with --out, or remove this one"))
        self._paid, self.steps, self.trained = kept["cpu_s"], kept["steps"], kept["trained"]
        self.points = [json.loads(line) for line in (here / POINTS).read_text(encoding="utf-8").splitlines()]
        state: dict[str, Any] = kept["learner"]
        return state

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


Learner = Callable[[Run], Learned]


def _counted(work: Callable[..., Result], given: tuple[Any, ...]) -> tuple[Result, int, float]:
    """The result, the process, and the CPU seconds that this has taken since it began."""
    return work(*given), os.getpid(), time.process_time()
