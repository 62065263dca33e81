"""Hours against hours: compared in pieces, each small enough to look at every sample of it.

Movement within half a second is seen only while no sample is left out; all samples of hours do not
fit into a worker's memory.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from witnessmark.verification.matching.align import GAP, RATES
from witnessmark.verification.matching.candidates import Placement
from witnessmark.verification.matching.fingerprint import Fingerprint
from witnessmark.verification.matching.motion import MOST

Floats = NDArray[np.float64]
#: Query, reference, and where one lies in the other.
Piece = tuple[Fingerprint, Fingerprint, Placement]

#: Seconds of one side in a piece; with what of the other may belong to it, `MOST` samples.
PIECE = 480.0
#: Pieces compared for one pair of videos: three to five seconds of CPU each.
PIECES = 48


@dataclasses.dataclass(slots=True)
class Budget:
    """How many pieces may still be compared for a pair of videos."""

    left: int = PIECES


def pieces(
    query: Fingerprint, reference: Fingerprint, placement: Placement, budget: Budget
) -> list[Piece]:
    """The three as they are when both are short. Else one piece after the other of the longer one,
    with all of the other one if that is short, and if not with the part that most pairs of samples
    say it shows; of too many pieces those with most pairs."""
    if max(len(query), len(reference)) <= MOST:
        return [(query, reference, placement)]
    turned = len(reference) > len(query) and len(query) <= MOST
    along = placement.reference if turned else placement.query
    numbers, counts = np.unique(along // PIECE, return_counts=True)
    most = np.sort(np.argsort(-counts, kind="stable")[: budget.left])
    budget.left -= len(most)
    return [
        _piece(query, reference, placement, np.flatnonzero(along // PIECE == number), turned)
        for number in numbers[most]
    ]


def _piece(
    query: Fingerprint,
    reference: Fingerprint,
    placement: Placement,
    mine: NDArray[np.intp],
    turned: bool,
) -> Piece:
    """The piece that the pairs `mine` lie in; of the reference when `turned`."""
    if turned:
        first = placement.reference[mine[0]] // PIECE * PIECE
        reference = reference.part(first - 2 * GAP, first + PIECE + 2 * GAP)
    else:
        first = placement.query[mine[0]] // PIECE * PIECE
        query = query.part(first - 2 * GAP, first + PIECE + 2 * GAP)
        if len(reference) > MOST:
            mine = mine[_together(placement.reference[mine] - placement.query[mine])]
            here, there = placement.query[mine], placement.reference[mine]
            fastest = float(RATES.max())
            low = float((there - fastest * (here - first)).min())
            high = float((there + fastest * (first + PIECE - here)).max())
            reference = reference.part(low - 2 * GAP, high + 2 * GAP)
    here, there = placement.query[mine], placement.reference[mine]
    return query, reference, dataclasses.replace(placement, query=here, reference=there)


def _together(offsets: Floats) -> NDArray[np.intp]:
    """Of offsets, seconds, the most that lie within one piece of each other."""
    order = np.argsort(offsets, kind="stable")
    ranked = offsets[order]
    behind = np.searchsorted(ranked, ranked + PIECE, side="right")
    first = int(np.argmax(behind - np.arange(len(ranked))))
    return np.sort(order[first : behind[first]])
