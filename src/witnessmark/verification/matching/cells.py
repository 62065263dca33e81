"""Arithmetic on rows of cells (n x p levels) and on their clocks."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from witnessmark.verification.matching.decode import RATE

Floats = NDArray[np.float32]

#: Samples on each side whose mean counts as what stands still: one second.
AROUND = round(RATE)


def softened(thumbs: NDArray[np.uint8], scale: float) -> Floats:
    """As coarse as being shown `scale` times larger in the other one calls for."""
    pictures = thumbs.astype(np.float32)
    side = pictures.shape[1]
    whole = max(each for each in range(1, max(1, int(scale)) + 1) if side % each == 0)
    if whole > 1:
        blocks = pictures.reshape(len(pictures), side // whole, whole, side // whole, whole)
        pictures, scale, side = blocks.mean(axis=(2, 4)), scale / whole, side // whole
    if scale <= 1.2:
        return pictures
    sigma = 0.5 * np.sqrt(scale * scale - 1)
    place = np.arange(side)
    kernel = np.exp(-0.5 * ((place[:, None] - place[None, :]) / sigma) ** 2)
    kernel = (kernel / kernel.sum(axis=1, keepdims=True)).astype(np.float32)
    soft: Floats = kernel @ pictures @ kernel.T
    return soft


def sampled(pictures: Floats, points: NDArray[np.float64]) -> Floats:
    """Values (n x p) between cells at `points` (2 x p, 0 to 1)."""
    side = pictures.shape[1]
    x, y = np.clip(points * side - 0.5, 0, side - 1)
    left, top = np.minimum(x.astype(int), side - 2), np.minimum(y.astype(int), side - 2)
    fx, fy = (x - left).astype(np.float32), (y - top).astype(np.float32)
    upper = pictures[:, top, left] * (1 - fx) + pictures[:, top, left + 1] * fx
    lower = pictures[:, top + 1, left] * (1 - fx) + pictures[:, top + 1, left + 1] * fx
    between: Floats = upper * (1 - fy) + lower * fy
    return between


def centred(rows: Floats) -> Floats:
    """Rows without their mean: a change of exposure is no movement."""
    return rows - rows.mean(axis=1, keepdims=True) if rows.shape[1] else rows


def unit(rows: Floats) -> Floats:
    """Rows of length 1."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6))


def residual(rows: Floats, around: int = AROUND) -> tuple[Floats, Floats]:
    """Rows without what stands still around them, and their mean squares."""
    if not rows.shape[1]:
        return rows, np.zeros(len(rows), np.float32)
    # Sums of a window that is cut off at both ends, in double precision within OpenCV.
    window, alone = (1, 2 * around + 1), cv2.BORDER_CONSTANT
    sums = cv2.boxFilter(rows, cv2.CV_32F, window, normalize=False, borderType=alone)
    places = np.arange(len(rows))
    count = np.minimum(len(rows), places + around + 1) - np.maximum(0, places - around)
    rest = centred(np.asarray(rows - sums / count[:, None].astype(np.float32), np.float32))
    return rest, np.asarray((rest * rest).mean(axis=1))


def nearest(clock: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.intp]:
    """Index of the nearest of rising times (at least two) for each moment."""
    after = np.clip(np.searchsorted(clock, at), 1, len(clock) - 1)
    return after - (at - clock[after - 1] < clock[after] - at)


def between(rows: Floats, clock: NDArray[np.float64], at: NDArray[np.float64]) -> Floats:
    """Rows between samples, at any moments."""
    left = np.clip(np.searchsorted(clock, at) - 1, 0, len(clock) - 2)
    part = np.clip((at - clock[left]) / (clock[left + 1] - clock[left]), 0, 1)
    share = part.astype(np.float32)[:, None]
    return rows[left] * (1 - share) + rows[left + 1] * share
