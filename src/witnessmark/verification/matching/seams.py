"""What was laid over a picture: another picture in a corner, a caption's bar, a running line.

The edges of things move with the camera or with the things; the seam of something laid over stays
in one row or column of pixels, straight from end to end. So differences of neighbouring pixels are
summed over some seconds; rows and columns that stand out against their neighbours over a long way
make the sides of an inset, and rows that do so across the whole picture the edge of a bar.
Measured on clips that are there to fit: seams of bars stood out over .82 of the width or more,
nothing before a camera over more than .77; of insets the least side from .745, mostly from .82,
rectangles of unedited clips (a window, a picture on a wall, coding blocks) up to .75. So an inset
is compared as a video of its own with whole videos, and what it covers is left out of the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from witnessmark.verification.matching.borders import Box
from witnessmark.verification.matching.framehash import THUMB, Hashes, frame_hash, square, thumbnail

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]

#: Pictures that have one place in common: eight seconds, 8 MB.
_TOGETHER = 64
#: Pictures over which steps are summed, as many times as there are.
_WHILE = 32
#: Least mean difference (of 255) across a seam.
_LEAST = 2.0
#: Sides of an inset as a share of the picture's.
_SHORT, _LONG = 0.14, 0.75
#: Lines looked at in each direction, with the longest stretches of which so much stands out: of
#: long sides that are seen in part, and of short ones that are seen throughout.
_LINES = ((24, 0.5), (16, 0.75))
#: Share of a side of an inset, and of the seam of a bar, that must stand out.
_SEEN, _ACROSS = 0.75, 0.8
#: How far beyond its corners the sides of an inset are looked at, pixels.
_BEYOND = 14
#: Highest bar, of the picture's height.
_BAR = 0.3


class Overlaid:
    """Collects, over pictures in order of time, what lies over each of them."""

    def __init__(self) -> None:
        self._hashes: list[Hashes] = []
        self._thumbs: list[Picture] = []
        self._insets: list[NDArray[np.uint8]] = []
        self._bars: list[NDArray[np.uint8]] = []
        self._held: list[Picture] = []
        self._seams = _Seams()
        self._shape: tuple[int, ...] = ()
        self._places: tuple[Box | None, Box | None] = (None, None)

    def add(self, picture: Picture) -> None:
        """The next picture."""
        if self._held and self._held[-1].shape != picture.shape:  # a stream may change its size
            self._settle()
        self._held.append(picture)
        self._seams.add(picture)
        if len(self._held) >= _TOGETHER:
            self._settle()

    def made(self) -> dict[str, NDArray[Any]]:
        """Of n pictures what a fingerprint keeps: `inset`, `inset_edges`, `inset_thumbs` and
        `between`."""
        self._settle()
        return {
            "inset": np.array(self._hashes, np.uint64).reshape(-1, 4),
            "inset_edges": np.array(self._insets, np.uint8).reshape(-1, 4),
            "inset_thumbs": np.array(self._thumbs, np.uint8).reshape(-1, THUMB, THUMB),
            "between": np.array(self._bars, np.uint8).reshape(-1, 4),
        }

    def _settle(self) -> None:
        """One place for all that are held."""
        shape = self._held[-1].shape if self._held else (0, 0)
        if shape != self._shape or 2 * len(self._held) >= _WHILE:
            some = len(self._held) > 1
            self._places = self._seams.found() if some else (None, None)
        self._shape = shape  # of a short rest there is too little: what was found before stands
        inset, between = self._places
        for picture in self._held:
            whole = (0, 0, *picture.shape[::-1])
            self._bars.append(shares(between or whole, picture))
            self._insets.append(shares(inset or (0, 0, 0, 0), picture))
            if inset is None:
                self._hashes.append(np.zeros(4, np.uint64))
                continue
            left, top, right, bottom = inset
            seen = square(picture[top:bottom, left:right])
            self._hashes.append(frame_hash(seen))
            self._thumbs.append(thumbnail(seen))
        self._held, self._seams = [], _Seams()


def shares(box: Box, picture: Picture) -> NDArray[np.uint8]:
    """A box in 255ths of the picture's width and height."""
    return np.asarray(np.rint(np.array(box) * 255 / np.array(picture.shape[::-1] * 2)), np.uint8)


class _Seams:
    """Sums what stands still over pictures of one size, a short while at a time."""

    def __init__(self) -> None:
        self._whiles: list[list[Floats]] = []
        self._count = 0

    def add(self, picture: Picture) -> None:
        steps = cv2.absdiff(picture[:, 1:], picture[:, :-1]), cv2.absdiff(picture[1:], picture[:-1])
        if self._count % _WHILE == 0:
            self._whiles.append([np.zeros(each.shape, np.float32) for each in steps])
        for each, total in zip(steps, self._whiles[-1], strict=True):
            cv2.accumulate(each, total)
        self._count += 1

    def found(self) -> tuple[Box | None, Box | None]:
        """The rectangle of a picture within the picture, and what lies between bars, if any."""
        columns, rows = (np.mean(each, axis=0) for each in zip(*self._standing(), strict=True))
        return _rectangle(columns, rows), _between(rows)

    def _standing(self) -> Iterator[tuple[Floats, Floats]]:
        """Of each while: what is there for some of the time only is not laid over the rest."""
        for number, (across, down) in enumerate(self._whiles):
            count = np.float32(min(_WHILE, self._count - number * _WHILE))
            if 2 * count >= _WHILE or number == 0:  # of a short rest there are too few
                yield _standing(across / count), _standing(np.ascontiguousarray(down.T) / count)


def _standing(steps: Floats) -> Floats:
    """1 where a step between columns is larger than those on both sides of it, else 0."""
    out = np.zeros(steps.shape, np.float32)
    middle = steps[:, 2:-2]
    around = np.maximum.reduce([steps[:, :-4], steps[:, 1:-3], steps[:, 3:-1], steps[:, 4:]])
    out[:, 2:-2] = (middle > around) & (middle >= _LEAST)
    # Between two columns the larger step is now here, now there.
    out[:, 1:] = np.maximum(out[:, 1:], out[:, :-1])
    return out


def _between(rows: Floats) -> Box | None:
    """What lies between bars above and below, from rows (width x height - 1)."""
    width, height = rows.shape[0], rows.shape[1] + 1
    seams = np.flatnonzero(rows.mean(axis=0) >= _ACROSS) + 1
    top = int(seams[seams <= _BAR * height].max(initial=0))
    bottom = int(seams[seams >= (1 - _BAR) * height].min(initial=height))
    return (0, top, width, bottom) if (top, bottom) != (0, height) else None


def _rectangle(vertical: Floats, horizontal: Floats) -> Box | None:
    """The best rectangle from columns (height x width - 1) and rows (width x height - 1)."""
    height, width = vertical.shape[0], horizontal.shape[0]
    across, down = _pairs(_lines(vertical), width), _pairs(_lines(horizontal), height)
    x0, x1 = np.repeat(across, len(down), axis=0).T
    y0, y1 = np.tile(down, (len(across), 1)).T
    if not len(x0):
        return None
    columns, rows = _Lines(vertical), _Lines(horizontal)
    sides = np.stack(
        [columns.share(x0, y0, y1), columns.share(x1, y0, y1),
         rows.share(y0, x0, x1), rows.share(y1, x0, x1)]
    )  # fmt: skip
    # What is shown in an inset has straight lines, too, that cut a smaller rectangle off it: its
    # sides go on beyond its corners.
    beyond = np.max(
        [
            np.minimum(lines.share(a, start, end), lines.share(b, start, end))
            for lines, a, b, low, high in ((columns, x0, x1, y0, y1), (rows, y0, y1, x0, x1))
            for start, end in ((low - _BEYOND, low - 2), (high + 2, high + _BEYOND))
        ],
        axis=0,
    )
    area = (x1 - x0) * (y1 - y0) / (width * height)
    least = sides.min(axis=0)
    score = least + 0.25 * sides.mean(axis=0) + 0.2 * area - 0.25 * beyond
    best = int(np.where(least >= _SEEN, score, -1).argmax())
    if least[best] < _SEEN:
        return None
    return int(x0[best]) + 1, int(y0[best]) + 1, int(x1[best]) + 1, int(y1[best]) + 1


class _Lines:
    """How much of stretches of lines stands out."""

    def __init__(self, standing: Floats) -> None:
        self._sums = np.concatenate(
            [np.zeros((1, standing.shape[1]), np.float32), np.cumsum(standing, axis=0)]
        )

    def share(
        self, line: NDArray[np.intp], start: NDArray[np.intp], end: NDArray[np.intp]
    ) -> Floats:
        """Of the pixels behind `start` up to `end` of each line; none lie outside the picture."""
        last = len(self._sums) - 1
        some = self._sums[np.clip(end + 1, 0, last), line]
        return np.asarray((some - self._sums[np.clip(start + 1, 0, last), line]) / (end - start))


def _lines(standing: Floats) -> NDArray[np.intp]:
    """Columns with the longest stretches that stand out."""
    ranked = [
        np.argsort(-_longest(standing - np.float32(share)), kind="stable")[:most]
        for most, share in _LINES
    ]
    return np.unique(np.concatenate(ranked))


def _longest(gain: Floats) -> Floats:
    """The greatest sum of neighbours in each column."""
    run = np.zeros(gain.shape[1], np.float32)
    best = run.copy()
    for row in gain:
        run = np.maximum(run + row, 0)
        best = np.maximum(best, run)
    return best


def _pairs(lines: NDArray[np.intp], length: int) -> NDArray[np.intp]:
    """Two lines (n x 2) as far apart as sides of an inset."""
    first, last = (each.ravel() for each in np.meshgrid(lines, lines))
    share = (last - first) / length
    fits = (share >= _SHORT) & (share <= _LONG)
    return np.stack([first[fits], last[fits]], axis=1)
