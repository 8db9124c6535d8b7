"""How good a policy is: on held-out episodes, beside the nominal on the very same ones, each figure with its bound.

Seeds belong to their purpose: those of ``evaluation`` are never met in tuning, training or a gate.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import gymnasium
import numpy as np

from cells.commands.show import plain
from cells.errors import InputError, Problem
from cells.pose import Array
from policies.collecting import Told, collect
from policies.environments import Environment, open_environment
from policies.episodes import CONSTANTS, NOMINAL, Asked, Row, check_acts, network_of
from policies.provenance import played_by
from policies.running import Tuned, load_in
from policies.statistics import Difference, Ratio, Share, difference, ratio, share
from policies.store import find_entry

SCHEMA = "cellwright/evaluation/v1"
MOST = 100_000  # episodes of one base seed
QUICK_S = 10.0  # s within which a success is a quick one
MAY_LOSE = 0.03  # of success, at the bound, for a policy that is as successful as its nominal
THIRDS = 3  # bins of what is measured


@dataclass(frozen=True, slots=True)
class Result:
    """How somebody did: ``success``; ``quick``, the same within 10 s; of the successes the mean time (s) until the part
    was let go and the mean highest force (N), NaN where there is none."""

    success: Share
    quick: Share
    time_s: float
    peak_n: float


@dataclass(frozen=True, slots=True)
class Paired:
    """The policy beside the nominal on the same episodes. ``time`` and ``peak`` are ratios over those that both solve;
    ``as_good``: no less success was seen, and at its bound no more than 3 points are lost."""

    success: Difference
    time: Ratio
    peak: Ratio
    as_good: bool

    @property
    def better(self) -> bool:
        """As good, and at a bound more successful, sooner or gentler."""
        return self.as_good and (self.success.lower > 0.0 or self.time.high < 1.0 or self.peak.high < 1.0)


@dataclass(frozen=True, slots=True)
class Bin:
    """The episodes whose ``factor`` was ``value``, or from ``low`` to ``high``."""

    factor: str
    value: str | float | None
    low: float | None
    high: float | None
    success: Share


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What is known of a policy (or ``nominal``, or ``constants`` of it) under ``conditions``; ``causes`` are the seeds
    of failed episodes by what went wrong, the commonest first."""

    schema: str
    asked: Asked  # the first episode; seeds go up from there
    episodes: int
    acted: int  # in how many of them the policy did: it leaves those of another strategy to the nominal
    conventions: tuple[str, ...]
    result: Result
    nominal: Result | None
    paired: Paired | None
    bins: tuple[Bin, ...]
    causes: Mapping[str, Sequence[int]]

    def as_json(self) -> bytes:
        """``evaluation.json``."""
        return (json.dumps(plain(self), indent=2, allow_nan=False) + "\n").encode()


def evaluate(
    who: str | Path, task: str, conditions: str | None, episodes: int, seed: int, path: Path, *,
    changes: Mapping[str, Any] | None = None, constants: Sequence[float] | None = None, purpose: str = "evaluation",
    cell: str = "panda-bench", twin: bool = False, alone: bool = False, jobs: int = 1, told: Told | None = None,
) -> tuple[Evaluation, list[Row]]:  # fmt: skip
    """Evaluate ``who``, which is ``nominal``, the name of a policy of the zoo, or the folder of an entry, on so many
    ``episodes`` of a base ``seed``; and, unless it is the nominal itself or shall be ``alone``, the nominal on the
    same.

    ``conditions`` of the task, its own default if None, some of them set by ``changes``; ``constants`` instead of the
    nominal's; in the ``cell`` or its floating ``twin``. Rows are kept in the file ``path``, in ``jobs`` processes,
    ``told`` hears of each. Returns the rows of ``who``, too. Raises ``InputError`` for what isn't here or doesn't
    match.
    """
    if not 0 < episodes <= MOST or seed < 0:
        what = f"are {episodes} with base seed {seed}"
        raise InputError(Problem("--episodes", what, f"take 1 to {MOST} episodes and a seed that isn't negative"))
    first, nominal, folder, conventions = first_episodes(
        who, task, conditions, seed, purpose=purpose, changes=changes, constants=constants, cell=cell, twin=twin
    )
    subjects = [first] if alone or first == nominal else [first, nominal]
    asked = [replace(one, seed=one.seed + i) for i in range(episodes) for one in subjects]
    rows = collect(path, asked, folder, jobs, told)
    ours = rows[:: len(subjects)]
    return summed_up(ours, rows[1::2] if len(subjects) == 2 else None, conventions), ours


def first_episodes(
    who: str | Path, task: str, conditions: str | None, seed: int, *, purpose: str, cell: str, twin: bool = False,
    changes: Mapping[str, Any] | None = None, constants: Sequence[float] | None = None,
) -> tuple[Asked, Asked, Path | None, tuple[str, ...]]:  # fmt: skip
    """The first episode of a base ``seed`` as asked of ``who``, and as asked of the nominal; the folder of the policy,
    and the environment's conventions. As :func:`evaluate`."""
    # Lists become tuples, as a row that is read has them.
    those = {name: tuple(value) if isinstance(value, list) else value for name, value in (changes or {}).items()}
    settings = {"purpose": purpose, "cell": cell, "changes": those, "twin": twin}
    with closing(open_environment(task, conditions=conditions, **settings)) as env:
        about = cast(Environment, env.unwrapped)
        code = played_by(type(about).__module__.partition(".")[0], about.cell)
        nominal = Asked(env.spec.name, about.conditions_name, seed=seed * MOST, code=code, **settings)  # type: ignore
        first, folder = _asked_of(who, nominal, constants, env)
        return first, nominal, folder, about.conventions


def _asked_of(
    who: str | Path, nominal: Asked, constants: Sequence[float] | None, env: gymnasium.Env[Array, Array]
) -> tuple[Asked, Path | None]:
    """The nominal's episode as asked of ``who``, and the folder of its policy."""
    if who == NOMINAL:
        if constants is None:
            return nominal, None
        return replace(nominal, policy=CONSTANTS, constants=tuple(map(float, constants))), None
    folder = who if isinstance(who, Path) else find_entry(who)
    about = cast(Environment, env.unwrapped)
    policy, skill = load_in(folder, about.cell), about.task.skill
    if policy.contract.skill != skill:
        what = f"is for the skill {policy.contract.skill!r}, and the task is one of {skill!r}"
        raise InputError(Problem(policy.name, what, "name a task of its skill"))
    check_acts(policy, nominal.seed, env)
    if isinstance(policy, Tuned):
        return replace(nominal, policy=policy.name, constants=policy.values), folder
    return replace(nominal, policy=policy.name, network=network_of(folder)), folder


def summed_up(rows: Sequence[Row], nominal: Sequence[Row] | None, conventions: Sequence[str]) -> Evaluation:
    """What rows say, beside the nominal's of the same episodes if there are any."""
    causes: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        if not row.outcome["success"]:
            causes[row.outcome["cause"]].append(row.asked.seed)
    return Evaluation(
        SCHEMA, rows[0].asked, len(rows), sum(row.acted for row in rows), tuple(conventions), result_of(rows),
        None if nominal is None else result_of(nominal), None if nominal is None else paired(rows, nominal),
        tuple(bins_of(rows)), dict(sorted(causes.items(), key=lambda item: (-len(item[1]), item[0]))),
    )  # fmt: skip


def result_of(rows: Sequence[Row]) -> Result:
    """How somebody did."""
    solved = [row.outcome for row in rows if row.outcome["success"]]

    def mean(key: str) -> float:
        return float(np.mean([outcome[key] for outcome in solved])) if solved else math.nan

    quick = sum(outcome["time_s"] <= QUICK_S for outcome in solved)
    return Result(share(len(solved), len(rows)), share(quick, len(rows)), mean("time_s"), mean("peak_n"))


def paired(ours: Sequence[Row], theirs: Sequence[Row]) -> Paired:
    """``ours`` beside ``theirs``, of the same episodes in the same order."""
    pairs = [(a.outcome, b.outcome) for a, b in zip(ours, theirs, strict=True)]
    gained = sum(a["success"] and not b["success"] for a, b in pairs)
    lost = sum(b["success"] and not a["success"] for a, b in pairs)
    both = [(a, b) for a, b in pairs if a["success"] and b["success"]]

    def ratio_of(key: str) -> Ratio:
        return ratio(np.array([a[key] for a, _ in both]), np.array([b[key] for _, b in both]))

    success = difference(gained, lost, len(pairs))
    as_good = success.difference >= 0.0 and success.lower >= -MAY_LOSE
    return Paired(success, ratio_of("time_s"), ratio_of("peak_n"), as_good)


Factor = Callable[[Mapping[str, Any]], float | str | None]


def _size(name: str) -> Factor:
    """How large an error is, to whichever side."""
    return lambda drawn: abs(drawn[name]) if name in drawn else None


# What success is broken down by, out of what was drawn; None where an episode has no such thing.
FACTORS: dict[str, Factor] = {
    "clearance_mm": lambda drawn: drawn["parameters"].get("clearance_mm"),
    "offset_m": lambda drawn: math.hypot(*drawn["offset"]) if "offset" in drawn else None,
    "tilt_rad": _size("tilt"), "yaw_rad": _size("yaw"), "slipped_m": _size("slipped"), "leaning_rad": _size("leaning"),
    "friction": _size("friction"), "mass": _size("mass"), "stiffness": _size("stiffness"), "noise": _size("noise"),
    "kind": lambda drawn: drawn.get("kind"),
    "peg_shape": lambda drawn: drawn["parameters"].get("peg_shape"),
}  # fmt: skip


def bins_of(rows: Sequence[Row]) -> list[Bin]:
    """Success by each factor that varies: by value where there are few, else in equal thirds of its range."""
    bins = []
    for factor, value_of in FACTORS.items():
        found = [(value, bool(row.outcome["success"])) for row in rows if (value := value_of(row.drawn)) is not None]
        values = sorted({value for value, _ in found}, key=str)
        if len(values) < 2:
            continue
        if len(values) <= THIRDS or isinstance(values[0], str):
            bins += [Bin(factor, v, None, None, _share([ok for value, ok in found if value == v])) for v in values]
            continue
        numbers = np.array([value for value, _ in found], float)
        edges = np.linspace(numbers.min(), numbers.max(), THIRDS + 1)
        at = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, THIRDS - 1)
        for i, (low, high) in enumerate(pairwise(edges)):
            inside = [ok for (_, ok), where in zip(found, at, strict=True) if where == i]
            bins.append(Bin(factor, None, float(low), float(high), _share(inside)))
    return bins


def _share(succeeded: Sequence[bool]) -> Share:
    return share(sum(succeeded), len(succeeded))
