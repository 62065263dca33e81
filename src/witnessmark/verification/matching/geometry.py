"""Whether points that have one word also lie alike: a quick check of very many pairs of keyframes.

Of each pair of keyframes the best few points are taken; every two of these say how one picture lies
in the other (turned, larger, moved), and the others agree or not. Chance rarely agrees: a point
falls where a similarity puts it in one case of some hundred.
"""

from __future__ import annotations

import dataclasses
from typing import Self

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Complex = NDArray[np.complex64]

#: Points looked at of each pair of keyframes, those with the nearest signatures.
LOOKED_AT = 16
#: Of these, the best few say how one picture lies in the other; all of them agree or not.
_LAID = 8
#: How far a point may lie off, of the longer side (geometric mean of both pictures).
_REACH = 0.02
#: Two points nearer than this say nothing about how a picture lies; how much larger or smaller.
_APART, _SCALE = 0.05, 5.0
#: Pairs of keyframes at a time.
_BLOCK = 1 << 10


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Agreements (h) sorted into g pairs of keyframes.

    Attributes:
        order: h, agreements, pair after pair, in each the best first.
        start: g, where a pair begins in `order`.
        count: g.
    """

    order: Ints
    start: Ints
    count: Ints

    @classmethod
    def of(cls, pair: Ints, badness: Ints) -> Self:
        """From the pair that each agreement belongs to; equal ones do not come in one pair."""
        order = np.lexsort((badness, pair))
        _, start, count = np.unique(pair[order], return_index=True, return_counts=True)
        return cls(order, start, count)

    @property
    def first(self) -> Ints:
        """One agreement of each pair."""
        return self.order[self.start]

    def total(self, weight: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum of the weights of each pair."""
        if not len(self.start):
            return np.zeros(0)
        return np.asarray(np.add.reduceat(weight[self.order], self.start))

    def agreeing(self, one: NDArray[np.uint16], other: NDArray[np.uint16]) -> Ints:
        """How many points of each pair agree, at most `LOOKED_AT`."""
        votes = np.zeros(len(self.start), np.int64)
        looked_at = np.minimum(self.count, LOOKED_AT)
        for points in range(2, LOOKED_AT + 1):
            alike = np.flatnonzero(looked_at == points)
            for start in range(0, len(alike), _BLOCK):
                part = alike[start : start + _BLOCK]
                at = self.order[self.start[part, None] + np.arange(points)]
                votes[part] = _most(_places(one[at]), _places(other[at]))
        return votes


def _places(packed: NDArray[np.uint16]) -> Complex:
    return ((packed & 255) / 255 + 1j * (packed >> 8) / 255).astype(np.complex64)


def _most(a: Complex, b: Complex) -> Ints:
    """Of g rows of p points: how many lie alike under the best similarity, 0 if there is none."""
    one, other = np.triu_indices(min(a.shape[1], _LAID), 1)
    span_a, span_b = a[:, one] - a[:, other], b[:, one] - b[:, other]
    size_a, size_b = np.abs(span_a), np.abs(span_b)
    usable = size_a * size_b >= _APART**2
    usable &= (size_a <= _SCALE * size_b) & (size_b <= _SCALE * size_a)
    turn = np.where(usable, span_b, 0) / np.where(usable, span_a, 1)
    move = b[:, one] - turn * a[:, one]
    off = np.abs(turn[:, :, None] * a[:, None, :] + move[:, :, None] - b[:, None, :])
    near = off <= _REACH * np.sqrt(np.abs(turn))[:, :, None]
    return np.asarray(np.where(usable, near.sum(axis=2), 0).max(axis=1), np.int64)
