"""Borders: even bars of any brightness, and blurred padding."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from support import footage
from witnessmark.verification.matching.borders import inner


def picture(seed: int, height: int = 270, width: int = 480) -> np.ndarray:
    return footage.texture(np.random.default_rng(seed), height, width)


@pytest.mark.parametrize("level", [0, 90, 255])
def test_even_bars_are_taken_away(level: int) -> None:
    padded = np.pad(picture(1, 200), ((35, 35), (0, 0)), constant_values=level)
    left, top, right, bottom = inner(padded)
    assert abs(top - 35) <= 2
    assert abs(bottom - 235) <= 2
    assert (left, right) == (0, 480)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("turned", [False, True])
def test_blurred_padding_is_taken_away(seed: int, turned: bool) -> None:
    clip = picture(seed, 152, 270)
    back = cv2.GaussianBlur(cv2.resize(clip, (854, 480))[:, 292:562], (0, 0), 12)
    back[164:316] = clip
    box = inner(np.ascontiguousarray(back.T) if turned else back)
    left, top, right, bottom = (box[1], box[0], box[3], box[2]) if turned else box
    assert abs(top - 164) <= 4
    assert abs(bottom - 316) <= 4
    assert (left, right) == (0, 270)


@pytest.mark.parametrize("seed", range(6))
def test_a_picture_without_borders_is_left_alone(seed: int) -> None:
    assert inner(picture(seed)) == (0, 0, 480, 270)


def test_padding_on_one_side_only_is_none() -> None:
    """A blurred sky is no padding."""
    sky = picture(2)
    sky[:120] = cv2.GaussianBlur(sky[:120], (0, 0), 20)
    assert inner(sky) == (0, 0, 480, 270)
