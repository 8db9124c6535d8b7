"""What can be said of two ways of doing the same episodes: shares, differences and ratios with their bounds.

Every bound is one-sided, 95 %: a share's by Clopper and Pearson (exact), a paired difference's by Tango's score, a
ratio's by the bootstrap over episodes. Tango's (Statistics in Medicine 17, 1998, 891-908) is taken since it says
something sensible where hardly any episode tells the two apart: with none among n it is -z²/(n + z²), not 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq  # type: ignore[import-untyped]
from scipy.stats import beta, binom, norm  # type: ignore[import-untyped]

from cells.pose import Array

LEVEL = 0.95
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Share:
    """``count`` of ``of`` episodes, as a ``share``, which is at least ``lower``; both NaN where there is no episode."""

    count: int
    of: int
    share: float
    lower: float


@dataclass(frozen=True, slots=True)
class Difference:
    """Successes that one way has and the other has not: ``gained`` and ``lost`` of ``of`` episodes; by how much the
    share is higher (``difference``), at least (``lower``); ``p`` of as many gained or more, if neither were better
    (McNemar, exact, one-sided)."""

    gained: int
    lost: int
    of: int
    difference: float
    lower: float
    p: float


@dataclass(frozen=True, slots=True)
class Ratio:
    """Mean over mean of the same ``of`` episodes; the true one is at least ``low``, and at most ``high``, each with
    95 %; all NaN where there is no episode."""

    of: int
    ratio: float
    low: float
    high: float


def share(count: int, of: int) -> Share:
    """``count`` of ``of`` episodes."""
    lower = float(beta.ppf(1 - LEVEL, count, of - count + 1)) if count else 0.0
    return Share(count, of, count / of, lower) if of else Share(0, 0, math.nan, math.nan)


def difference(gained: int, lost: int, of: int) -> Difference:
    """What is ``gained`` and ``lost`` among ``of`` paired episodes."""
    told_apart = gained + lost
    p = float(binom.sf(gained - 1, told_apart, 0.5))
    if not of:
        return Difference(0, 0, 0, math.nan, math.nan, p)
    found, z = (gained - lost) / of, float(norm.ppf(LEVEL))
    # The score falls from infinity at -1 to 0 at what was found.
    lower = float(brentq(lambda true: score(gained, lost, of, true) - z, -1 + 1e-9, found)) if found > -1 else -1.0
    return Difference(gained, lost, of, found, lower, p)


def score(gained: int, lost: int, of: int, true: float) -> float:
    """By how many standard deviations the difference found is above one that is ``true`` (-1 to 1), the chance of a
    loss being the likeliest that there is with that."""
    a, b = 2 * of, -gained - lost + (2 * of - gained + lost) * true
    likeliest = (math.sqrt(max(b * b + 4 * a * lost * true * (1 - true), 0.0)) - b) / (2 * a)
    variance = of * (2 * likeliest + true * (1 - true))
    off = gained - lost - of * true
    return off / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, off) if off else 0.0


def ratio(ours: Array, theirs: Array, seed: int = 0) -> Ratio:
    """Mean of ``ours`` (n,) over mean of ``theirs`` (n,), of the same episodes; bounds are percentiles over resampled
    episodes, drawn by ``seed``."""
    of = len(ours)
    if not of:
        return Ratio(0, math.nan, math.nan, math.nan)
    drawn = np.random.default_rng(seed).integers(of, size=(RESAMPLES, of))
    low, high = np.quantile(ours[drawn].mean(axis=1) / theirs[drawn].mean(axis=1), [1 - LEVEL, LEVEL])
    return Ratio(of, float(ours.mean() / theirs.mean()), float(low), float(high))
