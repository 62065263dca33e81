"""Hours against hours: compared in pieces, each small enough to look at every sample of it.

Movement within half a second is seen only while no sample is left out; all samples of hours do not
fit into a worker's memory.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from witnessmark.verification.matching.align import GAP, RATES
from witnessmark.verification.matching.candidates import Placement
from witnessmark.verification.matching.fingerprint import Fingerprint
from witnessmark.verification.matching.motion import MOST

Floats = NDArray[np.float64]

#: Seconds of the query in a piece; with what of the reference may belong to it, `MOST` samples.
PIECE = 480.0


def pieces(
    query: Fingerprint, reference: Fingerprint, placement: Placement
) -> Iterator[tuple[Fingerprint, Fingerprint, Placement]]:
    """The three as they are when both are short; else one piece of the query after the other, with
    the part of the reference that most pairs of samples say it shows."""
    if max(len(query), len(reference)) <= MOST:
        yield query, reference, placement
        return
    numbers = placement.query // PIECE
    for number in np.unique(numbers):
        mine = np.flatnonzero(numbers == number)
        mine = mine[_together(placement.reference[mine] - placement.query[mine])]
        here, there = placement.query[mine], placement.reference[mine]
        first, last = number * PIECE, (number + 1) * PIECE
        fastest = float(RATES.max())
        yield (
            query.part(first - 2 * GAP, last + 2 * GAP),
            reference.part(
                float((there - fastest * (here - first)).min()) - 2 * GAP,
                float((there + fastest * (last - here)).max()) + 2 * GAP,
            ),
            dataclasses.replace(placement, query=here, reference=there),
        )


def _together(offsets: Floats) -> NDArray[np.intp]:
    """Of offsets, seconds, the most that lie within one piece of each other."""
    order = np.argsort(offsets, kind="stable")
    ranked = offsets[order]
    behind = np.searchsorted(ranked, ranked + PIECE, side="right")
    first = int(np.argmax(behind - np.arange(len(ranked))))
    return np.sort(order[first : behind[first]])
