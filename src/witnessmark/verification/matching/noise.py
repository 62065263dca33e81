"""What a camera's noise and its first encoder leave where nothing moves: every copy has it.

No other take has it, however alike its scene is (docs/adr/0025). So where little moves, it decides.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

#: Square of a residual (of levels) from which a cell moves at some time.
_MOVES = 9.0
#: Cells without movement, and samples, that are needed; samples that it must come from (as Kish
#: counts): what one key picture of the encoder leaves says nothing.
_CELLS, _SAMPLES, _LASTS = 400, 16, 8.0
#: How much may be left of it when one side is shifted, by so many samples at most: key pictures
#: come again and again.
_AGAIN, _FURTHEST = 0.5, 25
#: Samples on each side against which movement, and noise, is taken.
_LONG, _SHORT = 8, 2
_AROUND = np.ones((3, 3), np.uint8)


def shared(q: Floats, r: Floats, inside: NDArray[np.bool_]) -> float:
    """Correlation of two sides' noise, about -1 to 1; 0 where there is too little to tell.

    Args:
        q, r: n x p levels of cells at the same moments.
        inside: s * s, which cells of the picture the p are.
    """
    side = round(len(inside) ** 0.5)
    still = inside.copy()
    still[inside] = np.maximum(_moves(q), _moves(r)) < _MOVES
    ours = still[inside] & ~_neighbours(inside & ~still, side)[inside]
    if ours.sum() < _CELLS or len(q) < _SAMPLES:
        return 0.0
    mine, theirs = (_fine(_apart(each, _SHORT), inside, side)[:, ours] for each in (q, r))
    found, lasts = _agreeing(mine, theirs)
    shifts = range(_SHORT + 2, min(_FURTHEST, len(q) - _SAMPLES // 2))
    again = [
        _agreeing(one[shift:], other[:-shift])[0]
        for shift in shifts
        for one, other in ((mine, theirs), (theirs, mine))
    ]
    return found if lasts >= _LASTS and max(again, default=0.0) <= _AGAIN * found else 0.0


def _agreeing(a: Floats, b: Floats) -> tuple[float, float]:
    """Correlation, and the samples that it comes from, as Kish counts."""
    each = (a * b).sum(axis=1)
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    found = float(each.sum()) / scale if scale > 0 else 0.0
    return found, float(each.sum() ** 2 / max(float((each**2).sum()), 1e-12))


def _moves(rows: Floats) -> Floats:
    """The greatest square of each cell's residual."""
    return np.asarray((_apart(rows, _LONG) ** 2).max(axis=0))


def _apart(rows: Floats, around: int) -> Floats:
    """Rows without the mean of those around them, and without what most cells do together."""
    window = (2 * around + 1, 1)
    mean = cv2.blur(np.ascontiguousarray(rows.T), window, borderType=cv2.BORDER_REFLECT)
    rest = rows - mean.T
    return np.asarray(rest - np.median(rest, axis=1, keepdims=True), np.float32)


def _neighbours(moving: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    """Cells that move, and their neighbours: movement shows there, too."""
    wide = cv2.dilate(moving.reshape(side, side).astype(np.uint8), _AROUND)
    return np.asarray(wide.ravel() > 0)


def _fine(rows: Floats, inside: NDArray[np.bool_], side: int) -> Floats:
    """Rows without the mean of the cells around each: light that changes is no noise."""
    laid = np.zeros((side * side, len(rows)), np.float32)
    laid[inside] = rows.T
    count = cv2.blur(inside.reshape(side, side).astype(np.float32), (3, 3))
    mean = np.stack(
        [cv2.blur(np.ascontiguousarray(each), (3, 3)) for each in laid.T.reshape(-1, side, side)]
    ) / np.maximum(count, 1e-6)
    return np.asarray(rows - mean.reshape(len(rows), -1)[:, inside], np.float32)
