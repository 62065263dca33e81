"""Intervals that do not take clips of one shoot for independent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

#: Draws of groups.
_DRAWS = 2000
LEVEL = 0.95


def clustered(by_group: Mapping[str, Sequence[bool]]) -> tuple[float, float]:
    """A 95% interval of a share, from draws of whole groups with replacement.

    When every group says the same, draws say nothing: then the exact bound for so many groups
    of which none differed is given (Clopper and Pearson; near "three by n").
    """
    good = np.array([sum(values) for values in by_group.values()], float)
    total = np.array([len(values) for values in by_group.values()], float)
    if not len(total):
        return 0.0, 1.0
    if good.sum() == total.sum():
        return lower_of_all(len(total)), 1.0
    if good.sum() == 0:
        return 0.0, 1 - lower_of_all(len(total))
    draws = np.random.default_rng(0).integers(0, len(total), (_DRAWS, len(total)))
    shares = good[draws].sum(axis=1) / total[draws].sum(axis=1)
    low, high = np.quantile(shares, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def lower_of_all(count: int) -> float:
    """95% lower bound (one-sided) of a share when all of `count` trials were good."""
    return float((1 - LEVEL) ** (1 / count)) if count else 0.0


def upper(bad: int, count: int) -> float:
    """95% upper bound (one-sided, Clopper-Pearson) of a rate after `bad` in `count` trials."""
    if not count or bad >= count:
        return 1.0
    low, high = bad / count, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _at_most(bad, count, middle) > 1 - LEVEL else (low, middle)
    return high


def _at_most(bad: int, count: int, rate: float) -> float:
    """Chance of `bad` or fewer in `count` at this rate."""
    ways = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, count + 1)))])
    k = np.arange(bad + 1)
    logs = (
        ways[count] - ways[k] - ways[count - k] + k * np.log(rate) + (count - k) * np.log1p(-rate)
    )
    return float(np.exp(logs).sum())
