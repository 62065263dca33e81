"""Finds along which lines two clocks run together: reference = rate * query + offset.

Votes over (rate, offset), as in the generalised Hough transform (Ballard, 1981), with one vote
per query frame and line: a still scene that looks like everything cannot outvote movement.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Speeds looked for: 0.75 to 1.34, in steps that drift half a second in twenty.
RATES = np.concatenate([[1.0], 1.025 ** np.arange(1, 13), 1.025 ** -np.arange(1.0, 13)])
#: Width of an offset bin, seconds.
_BIN = 0.5
#: A pair belongs to a line when it is this near, seconds; samples are an eighth apart.
TOLERANCE = 0.3
#: Frames without a vote for this long end a stretch, seconds.
GAP = 2.0
#: Votes that make a stretch: less is chance.
LEAST = 6
#: Stretches of one pair of videos: a compilation of a compilation.
MOST = 12


@dataclasses.dataclass(frozen=True, slots=True)
class Stretch:
    """Query seconds `start` to `end` follow reference = rate * query + offset.

    Attributes:
        votes: sum of the weights that agreed, one a query frame.
    """

    start: float
    end: float
    rate: float
    offset: float
    votes: float

    def reference(self, time: float) -> float:
        return self.rate * time + self.offset


def align(query: Floats, reference: Floats, weight: Floats) -> list[Stretch]:
    """Stretches by query time, from pairs of times in seconds (p each) with weights above 0.

    The order of the pairs does not matter. A query frame is used by one line only.
    """
    order = np.lexsort((reference, query))
    query, reference, weight = query[order], reference[order], weight[order]
    frames, ids = np.unique(query, return_inverse=True)
    free = np.ones(len(query), bool)
    found: list[Stretch] = []
    while len(found) < MOST and free.sum() >= LEAST:
        part = query[free], reference[free], weight[free]
        rate, offset = _refined(*part, *_best(*part, ids[free], len(frames)))
        near = free & (np.abs(reference - rate * query - offset) <= TOLERANCE)
        pieces = _split(query[near], weight[near], rate, offset)
        if not pieces:
            break
        found += pieces
        for piece in pieces:
            free &= (query < piece.start) | (query > piece.end)
    return sorted(found[:MOST], key=lambda stretch: stretch.start)


def _best(
    query: Floats, reference: Floats, weight: Floats, ids: NDArray[np.intp], frames: int
) -> tuple[float, float]:
    """Rate and offset with most votes; among equals the rate nearest to 1, which comes first."""
    best, found = -1.0, (1.0, 0.0)
    for rate in RATES:
        offset = reference - rate * query
        low = offset.min()
        for shift in (0.0, 0.5):  # bins that overlap by half: no line falls between two
            bins = ((offset - low) / _BIN + shift).astype(np.intp)
            keys, which = np.unique(bins * frames + ids, return_inverse=True)
            vote = np.zeros(len(keys))
            np.maximum.at(vote, which, weight)
            total = np.bincount(keys // frames, vote)
            top = int(total.argmax())
            if total[top] > best * (1 + 1e-9):
                best, found = float(total[top]), (float(rate), low + (top + 0.5 - shift) * _BIN)
    return found


def _refined(
    query: Floats, reference: Floats, weight: Floats, rate: float, offset: float
) -> tuple[float, float]:
    """Least squares over the pairs near the line, nearer each time."""
    for reach in (1.0, 0.6, TOLERANCE, TOLERANCE):
        near = np.abs(reference - rate * query - offset) <= reach
        if near.sum() < LEAST or np.ptp(query[near]) < 1.0:
            continue
        w, x, y = weight[near], query[near], reference[near]
        mx, my = np.average(x, weights=w), np.average(y, weights=w)
        slope = np.sum(w * (x - mx) * (y - my)) / np.sum(w * (x - mx) ** 2)
        if RATES.min() * 0.97 <= slope <= RATES.max() * 1.03:
            rate, offset = float(slope), float(my - slope * mx)
    return rate, offset


def _split(query: Floats, weight: Floats, rate: float, offset: float) -> list[Stretch]:
    """Runs of voting frames without a gap, each with at least `LEAST` frames."""
    if not len(query):
        return []
    frames, first = np.unique(query, return_index=True)
    best = np.maximum.reduceat(weight, first)
    cuts = np.flatnonzero(np.diff(frames) > GAP) + 1
    runs = zip(np.split(frames, cuts), np.split(best, cuts), strict=True)
    return [
        Stretch(float(run[0]), float(run[-1]), rate, offset, float(votes.sum()))
        for run, votes in runs
        if len(run) >= LEAST
    ]
