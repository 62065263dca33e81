"""A picture within the picture: an upright rectangle whose seams stay where they are.

The edges of things move with the camera or with the things; the seam of an inset stays in one
row or column of pixels, straight from corner to corner. So differences of neighbouring pixels are
summed over some seconds, and rows and columns that stand out against both of their neighbours
over a long way make the sides. A window frame before a fixed camera may look so too: an inset
found here is one more view to be compared, and decides nothing.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from witnessmark.verification.matching.borders import Box
from witnessmark.verification.matching.framehash import Hashes, frame_hash, square

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]

#: Pictures that have one place in common: eight seconds, 8 MB.
_TOGETHER = 64
#: Least mean difference (of 255) across a seam.
_LEAST = 2.0
#: Sides of an inset as a share of the picture's.
_SHORT, _LONG = 0.14, 0.75
#: Lines looked at in each direction, of each the longest stretches.
_LINES = 14
#: Share of a side that must stand out.
_SEEN = 0.6


class Insets:
    """Collects, over pictures in order of time, the hash and the place of the inset in each."""

    def __init__(self) -> None:
        self._hashes: list[Hashes] = []
        self._edges: list[NDArray[np.uint8]] = []
        self._held: list[Picture] = []
        self._seams = _Seams()

    def add(self, picture: Picture) -> None:
        """The next picture; all are of one size."""
        self._held.append(picture)
        self._seams.add(picture)
        if len(self._held) >= _TOGETHER:
            self._settle()

    def made(self) -> tuple[Hashes, NDArray[np.uint8]]:
        """Hashes (n x 4) and edges (n x 4 in 255ths: left, top, right, bottom); 0 without one."""
        self._settle()
        count = len(self._hashes)
        return (
            np.array(self._hashes, np.uint64).reshape(count, 4),
            np.array(self._edges, np.uint8).reshape(count, 4),
        )

    def _settle(self) -> None:
        """One place for all that are held."""
        box = self._seams.box() if len(self._held) > 1 else None
        for picture in self._held:
            if box is None:
                self._hashes.append(np.zeros(4, np.uint64))
                self._edges.append(np.zeros(4, np.uint8))
                continue
            left, top, right, bottom = box
            self._hashes.append(frame_hash(square(picture[top:bottom, left:right])))
            self._edges.append(shares(box, picture))
        self._held, self._seams = [], _Seams()


def shares(box: Box, picture: Picture) -> NDArray[np.uint8]:
    """A box in 255ths of the picture's width and height."""
    return np.rint(np.array(box) * 255 / np.array(picture.shape[::-1] * 2)).astype(np.uint8)


class _Seams:
    """Sums what stands still over pictures of one size."""

    def __init__(self) -> None:
        self._sums: tuple[Floats, Floats] | None = None
        self._count = 0

    def add(self, picture: Picture) -> None:
        across = cv2.absdiff(picture[:, 1:], picture[:, :-1])
        down = cv2.absdiff(picture[1:], picture[:-1])
        if self._sums is None:
            self._sums = np.zeros(across.shape, np.float32), np.zeros(down.shape, np.float32)
        cv2.accumulate(across, self._sums[0])
        cv2.accumulate(down, self._sums[1])
        self._count += 1

    def box(self) -> Box | None:
        """The rectangle, None without one."""
        if self._sums is None:
            return None
        across, down = (each / self._count for each in self._sums)
        return _rectangle(_standing(across), _standing(np.ascontiguousarray(down.T)))


def _standing(steps: Floats) -> Floats:
    """1 where a step between columns is larger than those on both sides of it, else 0."""
    out = np.zeros(steps.shape, np.float32)
    middle = steps[:, 2:-2]
    around = np.maximum.reduce([steps[:, :-4], steps[:, 1:-3], steps[:, 3:-1], steps[:, 4:]])
    out[:, 2:-2] = (middle > around) & (middle >= _LEAST)
    # Between two columns the larger step is now here, now there.
    out[:, :-1] = np.maximum(out[:, :-1], out[:, 1:])
    return out


def _rectangle(vertical: Floats, horizontal: Floats) -> Box | None:
    """The best rectangle from columns (height x width - 1) and rows (width x height - 1)."""
    height, width = vertical.shape[0], horizontal.shape[0]
    v_sums, h_sums = (
        np.concatenate([np.zeros((1, s.shape[1]), np.float32), np.cumsum(s, axis=0)])
        for s in (vertical, horizontal)
    )
    columns, rows = _lines(vertical), _lines(horizontal)
    x0, x1, y0, y1 = (each.ravel() for each in np.meshgrid(columns, columns, rows, rows))
    w, h = x1 - x0, y1 - y0
    fits = (w >= _SHORT * width) & (w <= _LONG * width) & (h >= _SHORT * height) & (h <= _LONG * height)
    x0, x1, y0, y1, w, h = (each[fits] for each in (x0, x1, y0, y1, w, h))
    if not len(x0):
        return None
    sides = np.stack([
        (v_sums[y1 + 1, x0] - v_sums[y0 + 1, x0]) / h,
        (v_sums[y1 + 1, x1] - v_sums[y0 + 1, x1]) / h,
        (h_sums[x1 + 1, y0] - h_sums[x0 + 1, y0]) / w,
        (h_sums[x1 + 1, y1] - h_sums[x0 + 1, y1]) / w,
    ])
    # What is shown in an inset may have straight lines of its own: of equals, the larger one.
    score = sides.min(axis=0) + 0.25 * sides.mean(axis=0) + 0.2 * w * h / (width * height)
    best = int(score.argmax())
    if sides[:, best].min() < _SEEN:
        return None
    return int(x0[best]) + 1, int(y0[best]) + 1, int(x1[best]) + 1, int(y1[best]) + 1


def _lines(standing: Floats) -> NDArray[np.intp]:
    """Columns with the longest stretch that stands out."""
    gain = standing - 0.5
    run = np.zeros(standing.shape[1], np.float32)
    best = run.copy()
    for row in gain:
        run = np.maximum(run + row, 0)
        best = np.maximum(best, run)
    longest = np.argsort(-best, kind="stable")[:_LINES]
    return np.sort(longest[best[longest] >= 0.04 * len(standing)])
