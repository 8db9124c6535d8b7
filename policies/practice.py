"""Where learners practise: a single-skill task, found by its entry point; what an episode costs; ours against theirs.

Every learner has the same aim: put the part in, then sooner, then more gently. It is one number for a whole episode,
:data:`FAILED` and so on, which a search takes as it is and a learner by reward is paid in parts (:class:`Paid`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import gymnasium
import numpy as np
from gymnasium.envs.registration import parse_env_id

from cells.errors import InputError, Problem
from cells.pose import Array
from policies.environments import find_tasks

# Seeds of one purpose are never those of another. What is reported comes from "evaluation", which no learner asks for.
Purpose = Literal["training", "gate"]
FAILED, SECOND, NEWTON = 8.0, 0.7, 0.015  # what a failure costs, a second, and a newton of the highest force
HOPELESS = 30.0  # N: above it an episode has failed, and what would come after it is no use to a learner
# From where (N) each newton costs so much more: what comes near the limit is above it in another episode, of which a
# learner sees too few to tell.
NEAR, RISK = 22.0, 0.15

Act = Callable[[Array, Mapping[str, Any]], Array]  # observation (n,), info → action (m,)


@dataclass(frozen=True, slots=True)
class Practice:
    """A task: the environment's id as ``gymnasium.make`` takes it, the name of its ``conditions``, what is ``changed``
    of these, and further ``options`` of the environment, all plain; ``second`` is what a second costs here, ``newton``
    what one of the highest force does."""

    env: str
    conditions: str
    changed: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    second: float = SECOND
    newton: float = NEWTON

    @property
    def task(self) -> str:
        """The name of the task, as :func:`policies.environments.open_environment` takes it."""
        return str(parse_env_id(self.env.rpartition(":")[2])[1])

    @contextmanager
    def open(self, purpose: Purpose, **more: Any) -> Iterator[gymnasium.Env[Array, Array]]:
        """The environment, for as long as it is needed, :class:`Paid` for training; ``more`` are options of this time
        only."""
        find_tasks()
        env = gymnasium.make(
            self.env, conditions=self.conditions, purpose=purpose, changes=dict(self.changed), **self.options, **more
        )
        try:
            yield Paid(env, self.second, self.newton) if purpose == "training" else env
        finally:
            env.close()

    def cost(self, played: Played) -> float:
        """What an episode costs."""
        pressed = pressing(played.peak_n, self.newton)
        return (0.0 if played.success else FAILED) + self.second * played.time_s + pressed


@dataclass(frozen=True, slots=True)
class Played:
    """How an episode went: seconds until the part was let go, the highest force (N) until then, ``cause`` of a failure
    ("" for none), policy ``steps``, the ``family`` and ``parameters`` of its parts."""

    seed: int
    success: bool
    time_s: float
    peak_n: float
    cause: str
    steps: int
    family: str
    parameters: Mapping[str, Any]


def pressing(peak_n: float, newton: float) -> float:
    """What it costs to press with ``peak_n`` (N) at most, where each ``newton`` costs so much."""
    return newton * peak_n + RISK * max(0.0, peak_n - NEAR)


def environment(skill: str) -> str:
    """The id of the environment in which a ``skill`` is practised: that of the task of this name, or a task of the
    skill. Raises ``InputError`` if there is none."""
    known = find_tasks()
    for name in sorted(known, key=lambda name: name != skill):  # a name comes before a skill
        with closing(gymnasium.make(known[name], disable_env_checker=True)) as env:
            task = getattr(env.unwrapped, "task", None)
        if task is not None and skill in (name, task.skill):
            return known[name]
    remedy = "train insert, mesh or pick; if you did: pip install 'cellwright[sim]'"
    raise InputError(Problem("train", f"there is no environment for {skill!r}", remedy))


def first_conditions(env_id: str) -> str:
    """The name of the conditions that an environment takes by itself."""
    with closing(gymnasium.make(env_id, disable_env_checker=True)) as env:
        return str(env.get_wrapper_attr("conditions_name"))


def play(env: gymnasium.Env[Array, Array], seed: int, act: Act | None = None) -> Played:
    """Play the episode of a ``seed``, by the nominal as it is if nobody acts."""
    steps, over, neutral = 0, False, env.get_wrapper_attr("neutral")
    observation, info = env.reset(seed=seed)
    while not over:
        observation, _, ended, cut, info = env.step(act(observation, info) if act else neutral)
        over, steps = ended or cut, steps + 1
    outcome = info["outcome"]
    return Played(
        seed, bool(outcome["success"]), float(outcome["time_s"]), float(outcome["peak_n"]), str(outcome["cause"]),
        steps, info["drawn"]["family"], info["drawn"]["parameters"],
    )  # fmt: skip


def play_all(
    practice: Practice, purpose: Purpose, seeds: Iterable[int], act: Act | None = None, **more: Any
) -> list[Played]:
    """Play the episodes of some seeds, one after the other."""
    with practice.open(purpose, **more) as env:
        return [play(env, seed, act) for seed in seeds]


# Parameters of parts by family and name: of a number from where to where, of a word which there were.
Ranges = dict[str, dict[str, list[Any]]]


def widened(ranges: Ranges, family: str, parameters: Mapping[str, Any]) -> None:
    """Widen ``ranges`` so that these parameters are within."""
    of_family = ranges.setdefault(family, {})
    for name, value in parameters.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            low, high = of_family.get(name, (value, value))
            of_family[name] = [min(low, value), max(high, value)]
        elif isinstance(value, str):
            of_family[name] = sorted({value, *of_family.get(name, ())})


@dataclass(frozen=True, slots=True)
class Comparison:
    """A policy against the nominal on the same ``episodes``: shares that succeed, mean costs, and ratios of time and
    highest force, as means over the episodes that both solve (not a number, if there are none)."""

    episodes: int
    success: float
    nominal_success: float
    cost: float
    nominal_cost: float
    time_ratio: float
    force_ratio: float


def compare(ours: Sequence[Played], nominal: Sequence[Played], cost: Callable[[Played], float]) -> Comparison:
    """Compare what was played with the same seeds; ``cost`` is what an episode costs."""
    pairs = list(zip(ours, nominal, strict=True))
    assert all(one.seed == other.seed for one, other in pairs), "episodes of other seeds can't be compared"
    both = [pair for pair in pairs if pair[0].success and pair[1].success]

    def ratio(what: Callable[[Played], float]) -> float:
        return sum(what(one) for one, _ in both) / sum(what(other) for _, other in both) if both else float("nan")

    return Comparison(
        len(pairs),
        float(np.mean([one.success for one in ours])), float(np.mean([other.success for other in nominal])),
        float(np.mean([cost(one) for one in ours])), float(np.mean([cost(other) for other in nominal])),
        ratio(lambda played: played.time_s), ratio(lambda played: played.peak_n),
    )  # fmt: skip


class Paid(gymnasium.Wrapper[Array, Array, Array, Array]):
    """Pays at each step for what it costs: over an episode, and but for a constant, minus :meth:`Practice.cost`.

    The highest force is paid for when it rises, so that a learner needn't find out which of its actions it was for; and
    an episode that has failed by it is over.
    """

    def __init__(self, env: gymnasium.Env[Array, Array], second: float, newton: float) -> None:
        """``second`` is what a second costs, ``newton`` what one of the highest force does."""
        super().__init__(env)
        self._second, self._newton = second, newton

    def reset(self, **options: Any) -> tuple[Array, dict[str, Any]]:
        """Begin an episode."""
        observation, info = self.env.reset(**options)
        self._time, self._peak = info["time_s"], info["peak_n"]
        return observation, info

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """One policy tick."""
        observation, _, over, cut, info = self.env.step(action)
        time_s, peak_n = info["time_s"], info["peak_n"]
        reward = -self._second * (time_s - self._time)
        reward -= pressing(peak_n, self._newton) - pressing(self._peak, self._newton)
        self._time, self._peak = time_s, peak_n
        if not over and self._peak > HOPELESS:
            over, info["is_success"] = True, False
            info["outcome"] = {
                "success": False, "time_s": self._time, "peak_n": self._peak, "cause": "too much force",
            }  # fmt: skip
        if over and info["is_success"]:
            reward += FAILED
        return observation, reward, over, cut, info
