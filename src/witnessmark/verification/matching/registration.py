"""Lays one small picture onto another more exactly than keyframes of another moment could.

Enhanced correlation coefficient (Evangelidis and Psarakis, IEEE TPAMI 2008) from OpenCV, over
affine movements: brightness and contrast do not matter, and a small tilt of a screen is followed.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Picture = NDArray[np.float32]

_STEPS = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 40, 1e-4)
#: A corner that wanders further than this, of the query's side, has run away.
_FURTHEST = 0.3
#: How much the area may grow or shrink.
_LARGER = 1.6
_CORNERS = np.array([[0, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1]], float).T


def registered(
    matrix: Floats, query: Picture, reference: Picture, shown: NDArray[np.bool_] | None = None
) -> Floats | None:
    """`matrix` (2 x 3, reference to query, both from 0 to 1) made exact; None when it fails.

    Args:
        query, reference: square pictures, q x q and r x r, softened to one scale.
        shown: q x q, where the query shows anything; left out, everywhere.
    """
    everywhere = np.ones(query.shape, bool)
    mask = (everywhere if shown is None else shown).astype(np.uint8) * 255
    inside, outside = _pixels(reference.shape[0]), np.linalg.inv(_pixels(query.shape[0]))
    warp = (outside @ np.vstack([matrix, [0, 0, 1]]) @ inside)[:2].astype(np.float32)
    try:
        _, warp = cv2.findTransformECC(reference, query, warp, cv2.MOTION_AFFINE, _STEPS, mask, 3)
    except cv2.error:  # nothing in common, or not one step was possible
        return None
    full = np.vstack([warp.astype(float), [0, 0, 1]])
    found = np.asarray((np.linalg.inv(outside) @ full @ np.linalg.inv(inside))[:2])
    if not np.isfinite(found).all() or np.abs((found - matrix) @ _CORNERS).max() > _FURTHEST:
        return None
    larger = float(np.linalg.det(found[:, :2]) / np.linalg.det(matrix[:, :2]))
    return found if 1 / _LARGER < larger < _LARGER else None


def _pixels(side: int) -> Floats:
    """Takes the middle of a pixel to its place from 0 to 1."""
    return np.array([[1 / side, 0, 0.5 / side], [0, 1 / side, 0.5 / side], [0, 0, 1.0]])
