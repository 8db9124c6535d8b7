"""The cross-entropy method with successive halving: search a box of a few dozen numbers by noisy, costly trials.

A belief is a normal distribution over the box. Each generation draws candidates from it, all of them tried on the same
few episodes (common random numbers); the worse half is dropped and the rest tried on more, until the elite is left,
and the belief moves towards it. Where it is in the end is half chance; the answer is where it was on average. Sources:
Rubinstein, "The cross-entropy method for combinatorial and continuous optimization" (1999); Karnin et al., "Almost
optimal exploration in multi-armed bandits" (2013); Polyak and Juditsky, "Acceleration of stochastic approximation by
averaging" (1992).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from cells.errors import InputError, Problem
from cells.pose import Array
from policies.practice import Played, Practice, Purpose
from policies.training import Run

CANDIDATES, ROUNDS = 24, (1, 1, 2)  # of a generation, unless a search is told another one
# Spread at first, and at least, in widths of the box. One episode tells little of a point: a failure costs many times
# what two points differ by. A belief that narrows to what a few lucky episodes liked stays there; a wide one goes on
# drifting to where more of them are cheaper.
BEGIN, LEAST = 0.2, 0.2
MOVE = 0.5  # how far the belief moves towards the elite

# Costs (candidates, episodes) of points (candidates, n) on the episodes of these seeds.
Trial = Callable[[Array, Sequence[int]], Array]
# Plays the episodes of some seeds with a point (n,).
Play = Callable[[Practice, Purpose, Sequence[int], Sequence[float]], list[Played]]


@dataclass(frozen=True, slots=True)
class Generation:
    """How many ``candidates`` a generation has, and how many episodes each of its ``rounds``, after which the worse
    half is dropped."""

    candidates: int
    rounds: tuple[int, ...]

    @property
    def episodes(self) -> int:
        """How many episodes a generation takes."""
        return sum((self.candidates >> number) * episodes for number, episodes in enumerate(self.rounds))


@dataclass(frozen=True, slots=True)
class Belief:
    """What a search believes: the best is about ``mean``, give or take ``spread``, both (n,) in the unit of each
    number. ``past`` are the means after each generation so far, ``cost`` that of the last one's elite, and ``took`` the
    CPU seconds that it took."""

    mean: tuple[float, ...]
    spread: tuple[float, ...]
    past: tuple[tuple[float, ...], ...] = ()
    cost: float = float("nan")
    took: float = 0.0

    @property
    def generations(self) -> int:
        """How many there were."""
        return len(self.past)

    @property
    def answer(self) -> Array:
        """The best point (n,), as far as it is known: the mean over the later half of the generations."""
        return np.mean(self.past[self.generations // 2 :] or [self.mean], axis=0)


def search(
    run: Run, play: Play, start: Array, low: Array, high: Array, share: float = 1.0, each: Generation | None = None,
    expected_s: float | None = None, cost: Callable[[Played], float] | None = None,
) -> Array:  # fmt: skip
    """The best point (n,) of the box ``low`` to ``high`` that a ``share`` of the run's budget finds, from ``start``.
    Each generation is a checkpoint, and none is begun that wouldn't end in time, as far as the last one tells, or at
    first ``expected_s`` (CPU seconds). ``cost`` is what an episode costs, as in the run's practice if None. Where
    nobody knows what to expect, the first generation tells: raises ``InputError`` for a budget that is spent before it
    is done."""
    each, cost = each or Generation(CANDIDATES, ROUNDS), cost or run.asked.practice.cost
    belief = begin(start, low, high) if run.state is None else Belief(**run.state)
    shares, unknown = list[bool](), expected_s is None

    def trial(points: Array, seeds: Sequence[int]) -> Array:
        jobs = [(run.asked.practice, "training", [seed], tuple(point)) for point in points.tolist() for seed in seeds]
        played = list[Played]()
        for [one] in run.each(play, jobs):
            played.append(one)
            run.count(one.steps, one.family, one.parameters)
            shares.append(one.success)
            run.tell(f"generation {belief.generations + 1}: {len(shares)} of {each.episodes} episodes")
            if unknown and not belief.generations and len(shares) < each.episodes:
                check_budget(run, share, len(shares) / each.episodes)
        return np.array([cost(one) for one in played]).reshape(len(points), len(seeds))

    def in_time() -> bool:
        expects_s = belief.took or expected_s or 0.0
        return run.spent_s + expects_s < share * run.budget_s

    while in_time() or (unknown and not belief.generations):
        before = run.spent_s
        belief = advance(belief, low, high, trial, run.asked.seed, each)
        belief = replace(belief, took=run.spent_s - before)
        run.point(generation=belief.generations, cost=belief.cost, success=float(np.mean(shares)))
        shares.clear()
        run.save(asdict(belief))
    return belief.answer


def check_budget(run: Run, share: float, done: float) -> None:
    """Raises ``InputError`` if a ``share`` of a run's budget is spent, and only a share ``done`` of a generation is
    done."""
    if run.spent_s > share * run.budget_s:
        takes_s = 10 * math.ceil(run.spent_s / done / share / 10)
        what = f"is spent after {done:.0%} of the first generation of trials, so that nothing was learned"
        raise InputError(Problem("--budget", what, f"take {takes_s}s at least; ten times that for a good policy"))


def begin(start: Array, low: Array, high: Array) -> Belief:
    """The belief (n,) before anything was tried."""
    return Belief(tuple(start.tolist()), tuple((BEGIN * (high - low)).tolist()))


def advance(belief: Belief, low: Array, high: Array, trial: Trial, seed: int, each: Generation | None = None) -> Belief:
    """One generation within the box ``low`` to ``high`` (n,). What it draws depends on ``seed`` and the generation
    alone, so that a search that was interrupted goes on as if it hadn't been."""
    each = each or Generation(CANDIDATES, ROUNDS)
    chance = np.random.default_rng([seed, belief.generations])
    mean, spread = np.array(belief.mean), np.array(belief.spread)
    points = reflected(mean + spread * chance.standard_normal((each.candidates, len(mean))), low, high)
    points[0] = mean
    costs, seeds = np.empty((each.candidates, 0)), iter(_seeds(belief.generations, seed, sum(each.rounds)))
    for number, episodes in enumerate(each.rounds):
        if number:
            best = np.argsort(costs.mean(axis=1), kind="stable")[: len(points) // 2]
            points, costs = points[best], costs[best]
        costs = np.hstack([costs, trial(points, [next(seeds) for _ in range(episodes)])])
    order = np.argsort(costs.mean(axis=1), kind="stable")
    weights = np.log(len(order) + 1) - np.log(np.arange(1, len(order) + 1))
    weights /= weights.sum()
    elite = points[order]
    middle = weights @ elite
    wide = np.sqrt(weights @ (elite - mean) ** 2)  # about the old mean, so that it doesn't shrink while it moves
    moved = tuple(np.clip(mean + MOVE * (middle - mean), low, high).tolist())  # rounding leads out of the box
    return Belief(
        moved,
        tuple(np.maximum(spread + MOVE * (wide - spread), LEAST * (high - low)).tolist()),
        (*belief.past, moved),
        float(weights @ costs[order].mean(axis=1)),
    )


def reflected(points: Array, low: Array, high: Array) -> Array:
    """Points (…, n) within a box: what is beyond a side is thrown back from it. Were it put onto the side, a belief
    that begins there would take it for settled."""
    width = high - low
    inside: Array = low + width - np.abs((points - low) % (2 * width) - width)
    return inside


def _seeds(generation: int, seed: int, episodes: int) -> list[int]:
    """The episodes of a generation, which no other has."""
    first = 1_000_000 * (seed % 1000) + generation * episodes
    return list(range(first, first + episodes))
