"""The picture inside its borders: even bars, and blurred copies of it that pad a portrait."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Floats = NDArray[np.float64]
#: Left, top, right, bottom in pixels; right and bottom lie behind the last one.
Box = tuple[int, int, int, int]

#: Every how manieth pixel and line is looked at.
_SKIP = 2
#: Samples of a line below which its spread says nothing.
_FEWEST = 3
#: A line whose brightest and darkest tenth differ less than this (of 255) belongs to a border.
_UNIFORM = 6
#: Lines looked at together.
_AT_ONCE = 8
#: Less of the picture than this never is the picture.
_LEAST = 0.15

#: Blurred padding lies on two sides and is no wider than this share of the length on each.
_WIDEST = 0.44
_NARROWEST = 0.08
#: Detail in the padding, of that in the picture.
_SOFT = 0.4
#: A seam is so many times as strong as what is beside it in the padding, and this strong (of 255).
_SEAM, _SEAM_LEAST = 4.0, 3.0


def inner(picture: Picture) -> Box:
    """The picture without blurred padding, or else without even bars (letterbox, pillarbox).

    A dark picture has even lines of its own, so that padding is looked for first.
    """
    height, width = picture.shape
    coarse = np.ascontiguousarray(picture[::_SKIP, ::_SKIP])
    even = _even(coarse)
    left, top, right, bottom = even
    box = _unpadded(coarse, (0, 0, *coarse.shape[::-1]))
    if box is None and even != (0, 0, *coarse.shape[::-1]):
        box = _unpadded(coarse[top:bottom, left:right], even)
    box = box or even
    right, bottom = (min(_SKIP * box[2], width), min(_SKIP * box[3], height))
    return _SKIP * box[0], _SKIP * box[1], right, bottom


def _unpadded(picture: Picture, box: Box) -> Box | None:
    """`box`, of which `picture` is what it holds, without blurred padding; None without any."""
    left, top, right, bottom = box
    rows, columns = _padded(picture), _padded(picture.T)
    if rows is not None and (columns is None or rows[2] >= columns[2]):
        return left, top + rows[0], right, top + rows[1]
    return (left + columns[0], top, left + columns[1], bottom) if columns is not None else None


def _even(picture: Picture) -> Box:
    height, width = picture.shape
    top, bottom = _even_span(picture)
    left, right = _even_span(picture[top:bottom].T)
    if (right - left) * (bottom - top) < _LEAST * width * height:
        return 0, 0, width, height
    return left, top, right, bottom


def _even_span(lines: Picture) -> tuple[int, int]:
    """First and behind-last row of `lines` that is not even."""
    if lines.shape[1] < _FEWEST:  # a thin strip on an even card: too little to tell
        return 0, len(lines)
    return _first_lively(lines), len(lines) - _first_lively(lines[::-1])


def _first_lively(lines: Picture) -> int:
    """Number of the first row that is not even, 0 when all are."""
    cut = max(1, lines.shape[1] // 10)
    for start in range(0, len(lines), _AT_ONCE):  # most pictures have no border: few are looked at
        some = lines[start : start + _AT_ONCE]
        ordered = np.partition(some, (cut, lines.shape[1] - 1 - cut), axis=1)
        spread = ordered[:, -1 - cut].astype(np.int16) - ordered[:, cut]
        lively = np.flatnonzero(spread >= _UNIFORM)
        if len(lively):
            return start + int(lively[0])
    return 0


def _padded(lines: Picture) -> tuple[int, int, float] | None:
    """Rows between two blurred paddings of the same width, and how sharp their seams are."""
    count, length = lines.shape
    if min(count, length) < 24:
        return None
    lines = np.ascontiguousarray(lines)
    step = cv2.absdiff(lines[1:], lines[:-1]).mean(axis=1)  # between row i and row i + 1
    detail = cv2.absdiff(lines[:, 1:], lines[:, :-1]).mean(axis=1)
    tried = np.arange(max(6, int(_NARROWEST * count)), int(_WIDEST * count))
    if len(tried) < 4:
        return None
    # A seam may lie a row off on either side, and is a row or two wide after coding.
    wide = cv2.dilate(step.reshape(-1, 1), np.ones((3, 1), np.uint8)).ravel()
    seam = np.minimum(wide[tried - 1], wide[count - 1 - tried])
    sums = np.concatenate([[0.0], np.cumsum(detail)])
    outside = (sums[tried - 2] + sums[count] - sums[count - tried + 2]) / (2 * (tried - 2))
    inside = (sums[count - tried] - sums[tried]) / (count - 2 * tried)
    steps = np.concatenate([[0.0], np.cumsum(step)])
    around = (steps[tried - 4] + steps[-1] - steps[count - tried + 3]) / (2 * (tried - 4))
    good = (outside <= _SOFT * inside) & (seam >= _SEAM * around) & (seam >= _SEAM_LEAST)
    if not good.any():
        return None
    score = np.where(good, seam / np.maximum(around, 0.1), 0)
    best = int(score.argmax())
    at = int(tried[best])
    return at, count - at, float(score[best])
