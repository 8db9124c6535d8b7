"""Retool a cell for an order: prove, for each of its contact steps, who can do it; improve only what has to be.

For each step: match in the zoo → gate on set A, in the variant's own environment → accept the first that passes, or
improve the best and gate again → one final evaluation on set B → publish what is new. The seeds of training, gate and
final evaluation can't meet: each has a purpose of its own, which is part of what an episode is drawn by. All of it is
in files of one folder, so that the same command goes on where it was; what it comes to is in the cell's journal.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from cells.commands.show import plain
from cells.description.cell import Cell
from cells.errors import InputError, Problem
from cells.orders import changeover
from cells.products.catalogue import families
from policies.clock import Clock
from policies.contacts import ContactStep
from policies.episodes import Row
from policies.gating import Candidate, Gated, gate
from policies.improving import improve
from policies.index import Row as IndexRow
from policies.matching import Match, rank, wanted
from policies.provenance import fingerprint
from policies.publishing import prove, publish, zoo_has
from policies.sharing import rows_here
from policies.store import find_entry, own_zoo
from policies.training import Point
from policies.work import Phases, Work, outcome

MATCHES = 3  # policies of the zoo that are tried, beside the nominal
# What is kept counts as proven on B down to this much below the target: with 150 episodes a share has a standard error
# of that size, so that half of what just reaches the target would fail otherwise.
SLACK = 0.02
KEPT = "kept.json"


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms: the ``target`` that the gate asks for, ``budget_s`` of CPU time for improving, all steps together;
    how many ``gated`` episodes A has and how many ``final`` ones B; the ``seed`` of all of it; ``jobs`` processes."""

    target: float = 0.95
    budget_s: float = 600.0
    gated: int = 60
    final: int = 150
    seed: int = 1
    jobs: int = 1


class Board(Protocol):
    """What people see of it."""

    def show(self, step: str, doing: str, best: str) -> None:
        """What is being done for a step, and what is the best for it so far."""

    def say(self, text: str) -> None:
        """A line."""


Emit = Callable[[str, dict[str, Any]], None]


class Retooling:
    """The retooling for an order, in a folder. ``emit`` takes events for the journal."""

    def __init__(
        self, order: str, cell: Cell, steps: list[ContactStep], terms: Terms, folder: Path, command: str,
        board: Board, emit: Emit,
    ) -> None:  # fmt: skip
        _claim(folder, cell)
        self.order, self.cell, self.terms, self.command = order, cell, terms, command
        self._board, self._emit, self._clock = board, emit, Clock(folder / "clock.json")
        self._phases = Phases(self._clock)
        self.works = [Work(step, folder / step.called) for step in steps]

    def run(self) -> None:
        """Do all of it; what was done for each step is in ``works``, also after an interruption."""
        try:
            self._all()
        except KeyboardInterrupt:
            for work in self.works:
                if work.done is None and work.best is not None:
                    best = work.best.candidate
                    self._board.say(f"{work.step.name}: the best so far is {best.name}, which {work.best.told}")
                    if best.folder is None or zoo_has(best):
                        self._told(work, best, "" if best.folder is None else best.name)
            self._board.say("stopped; what was tried is kept, and the same command goes on from there")
            self._finished(stopped=True)
            raise
        self._finished(stopped=False)

    def _all(self) -> None:
        rows = rows_here()
        for problem in rows.problems:
            self._board.say(f"cellwright: {problem}")
        for work in self.works:
            if not self._had(work, rows.rows):
                self._gate_all(work, rows.rows)
                if work.best is not None and work.best.passed:
                    self._prove(work)
        todo = [work for work in self.works if work.done is None]
        left_s = self.terms.budget_s
        for number, work in enumerate(todo):
            left_s -= self._improve(work, left_s / (len(todo) - number))
            self._prove(work)

    def _had(self, work: Work, rows: tuple[IndexRow, ...]) -> bool:
        """Whether an earlier command has done a step on these terms, or proven it by what these ask for, with what is
        still here; then it is told again. What it couldn't prove is tried again once there is somebody new to try."""
        kept = _kept_in(work.folder)
        if kept is None or (kept["terms"] != self._terms and not self._suffices(kept["event"])):
            return False
        tried = {one["name"] for one in kept["event"]["tried"]}
        if not kept["event"]["proven"] and any(who.name not in tried for who, _ in self._candidates(work, rows)):
            return False
        work.done = kept["event"]
        self._emit(changeover.STEP, work.done)
        self._board.show(work.step.name, "done before", outcome(work.done))
        return True

    def _suffices(self, event: Mapping[str, Any]) -> bool:
        """Whether a final evaluation on other terms shows what these ask for."""
        final = event["final"]
        proven: bool = event["proven"] and self._reached(final["share"]) and final["of"] >= self.terms.final
        return proven

    def _reached(self, share: float) -> bool:
        """Whether a share of successes on B counts as proven."""
        return share >= self.terms.target - SLACK

    @property
    def _terms(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self.terms).items() if key != "jobs"}

    def _gate_all(self, work: Work, rows: tuple[IndexRow, ...]) -> None:
        """Gate candidates until one passes. A policy that the skill can't take is left out, and said so."""
        step = work.step
        for candidate, why in self._candidates(work, rows):
            self._board.show(step.name, f"gates {candidate.name}", work.best_told)
            if why:
                self._board.say(f"{step.name}: tries {candidate.name}: {why}")
            try:
                if self._gated(work, candidate).passed:
                    break
            except InputError as error:
                if candidate.folder is None:
                    raise
                self._board.say(f"{step.name}: {candidate.name} is left out: {str(error).splitlines()[0]}")

    def _candidates(self, work: Work, rows: tuple[IndexRow, ...]) -> Iterator[tuple[Candidate, str]]:
        step = work.step
        asked = wanted(step.capability, step.variant, families()[step.variant.family], self.cell, step.nominal)
        return candidates(rank(asked, rows))

    def _gated(self, work: Work, candidate: Candidate) -> Gated:
        terms = self.terms
        work.folder.mkdir(parents=True, exist_ok=True)
        with self._phases.of(work, changeover.GATE):
            found = gate(
                candidate, work.step.practice, terms.gated, terms.target, terms.seed,
                work.folder / gate_file(candidate), terms.jobs, self._hear(work, "gates"),
            )  # fmt: skip
        work.gates.append(found)
        work.episodes, work.env_steps = work.episodes + found.played, work.env_steps + found.steps
        self._board.say(f"{work.step.name}: {candidate.name} {found.told}")
        return found

    def _improve(self, work: Work, budget_s: float) -> float:
        """Improve the best of a step that improves at all; the CPU seconds that it took."""
        step, start = work.step, work.best
        assert start is not None, "the nominal is always gated"
        self._board.show(step.name, "improves", work.best_told)
        episode_s = work.gate_cpu_s / max(work.episodes, 1)
        with self._phases.of(work, changeover.IMPROVE):
            found = improve(
                start.candidate, step, self.cell, own_zoo(), work.folder / "improve", budget_s, self.terms.seed,
                self.terms.jobs, self.command, episode_s, lambda candidate: self._gated(work, candidate),
                lambda point: self._point(work, point),
            )  # fmt: skip
        work.env_steps += found.steps
        work.improved_steps = found.steps
        if found.best is None:
            work.why = found.why
            self._board.say(f"{step.name}: not improved, as {found.why}")
        elif work.best is found.best:
            work.how = "tuned" if found.best.candidate.kind == "parameters" else "fine-tuned"
        return found.cpu_s

    def _prove(self, work: Work) -> None:
        """The one final evaluation of the best, and what is new about it into the zoo."""
        step, best = work.step, work.best
        assert best is not None, "the nominal is always gated"
        kept = best.candidate
        had = _kept_in(work.folder)
        if had and had["terms"] == self._terms and had["event"]["policy"] == ("" if kept.folder is None else kept.name):
            # Its one evaluation was counted: asked often enough, a poor one would pass.
            self._settled(work, kept, had["event"]["policy"], had["event"]["final"], had["event"]["proven"])
            return
        self._board.show(step.name, f"proves {kept.name}", work.best_told)
        number = sum(1 for _ in work.folder.glob("final-*.jsonl.done"))
        path = work.folder / f"final-{number}.jsonl"
        with self._phases.of(work, changeover.FINAL):
            found, rows = prove(
                kept, step, self.terms.final, self.terms.seed + number, path, self.terms.jobs,
                self._hear(work, "proves"),
            )  # fmt: skip
            success = found.result.success
            proven = self._reached(success.share)
            policy = "" if kept.folder is None else publish(kept, step, found, rows, own_zoo(), proven)
        path.with_suffix(".jsonl.done").touch()  # this set is used: another policy gets another one
        work.episodes, work.env_steps = work.episodes + len(rows), work.env_steps + sum(row.steps for row in rows)
        final = {"count": success.count, "of": success.of, "share": success.share, "lower": success.lower}
        self._settled(work, kept, policy, final, proven)

    def _settled(self, work: Work, kept: Candidate, policy: str, final: Mapping[str, Any], proven: bool) -> None:
        """Note what a step has come to, in the journal and for the next command."""
        self._told(work, kept, policy, final, proven)
        kept_file = {"terms": self._terms, "event": work.done}
        draft = work.folder / f"{KEPT}.draft"
        draft.write_text(json.dumps(kept_file, indent=1), encoding="utf-8")
        draft.replace(work.folder / KEPT)
        self._board.show(work.step.name, "done", outcome(work.done or {}))

    def _told(
        self, work: Work, kept: Candidate, policy: str, final: Mapping[str, Any] | None = None, proven: bool = False
    ) -> None:
        """Note what is kept for a step in the journal."""
        event = work.event(kept, policy, final, proven)
        work.done = plain({"order": self.order, **event, "control_mode": self.cell.control.default})
        self._emit(changeover.STEP, work.done or {})

    def _finished(self, stopped: bool) -> None:
        done = [work.done for work in self.works if work.done is not None]
        self._clock.note()
        energy_j = self._clock.package_energy_j
        self._emit(
            changeover.FINISHED,
            {
                "order": self.order, "steps": len(self.works), "proven": sum(one["proven"] for one in done),
                "stopped": stopped, "episodes": sum(one["episodes"] for one in done),
                "env_steps": sum(one["env_steps"] for one in done), "wall_s": round(self._clock.wall_s, 1),
                "cpu_s": round(self._clock.cpu_s, 1),
                "package_energy_j": None if energy_j is None else round(energy_j, 1),
            },
        )  # fmt: skip

    def _hear(self, work: Work, doing: str) -> Callable[[Row], None]:
        counts = [0, 0]

        def hear(row: Row) -> None:
            counts[bool(row.outcome["success"])] += 1
            self._clock.note()  # so that a command that is killed has taken what it took
            told = f"{doing} {row.asked.policy}: {counts[1]} of {sum(counts)}"
            self._board.show(work.step.name, told, work.best_told)

        return hear

    def _point(self, work: Work, point: Point) -> None:
        self._clock.note()
        told = f"improves: {point['cpu_s']:.0f} CPU s, {100 * point.get('success', 0.0):.0f} % succeed in practice"
        self._board.show(work.step.name, told, work.best_told)


def _claim(folder: Path, cell: Cell) -> None:
    """Make the folder of a retooling, which is of one cell as it is described: what was played elsewhere, or with other
    noise, proves nothing. Raises ``InputError`` where it is another's."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "cell.sha256"
    if path.exists() and path.read_text(encoding="utf-8") != fingerprint(cell):
        what = f"holds a retooling of another cell than {cell.name} as it is now"
        raise InputError(Problem(str(folder), what, "name another folder with --out, or remove this one"))
    path.write_text(fingerprint(cell), encoding="utf-8")


def _kept_in(folder: Path) -> dict[str, Any] | None:
    """What an earlier command has kept in a step's folder; None if it has nothing whole, or by a policy that has
    gone."""
    try:
        kept: dict[str, Any] = json.loads((folder / KEPT).read_text(encoding="utf-8"))
        if kept["event"]["policy"]:
            find_entry(kept["event"]["policy"])
    except (FileNotFoundError, ValueError, InputError):  # ValueError: it was cut off
        return None
    return kept


def gate_file(candidate: Candidate) -> str:
    """The name of the file, in a step's folder, that has the rows of a candidate's gate."""
    return f"gate-{candidate.name.replace('@', '-')}.jsonl"


def candidates(found: list[Match]) -> Iterator[tuple[Candidate, str]]:
    """Who may do a step, the likeliest first, with the reason for a policy: those that were proven on such parts, the
    nominal as it is, then those that are near. Each policy once, by its newest version that ranks."""
    chosen: dict[str, Match] = {}
    for match in found:
        chosen.setdefault(match.row.name, match)
    matches = list(chosen.values())[:MATCHES]
    before = sum(match.covered for match in matches)
    yield from map(_candidate, matches[:before])
    yield Candidate(), ""
    yield from map(_candidate, matches[before:])


def _candidate(match: Match) -> tuple[Candidate, str]:
    return Candidate(match.row.policy, match.row.kind, find_entry(match.row.policy)), match.why
