"""What a camera's noise leaves in copies, and what else could look like it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from support import edits, footage
from witnessmark.verification.matching import noise
from witnessmark.verification.matching.fingerprint import of_file
from witnessmark.verification.matching.noise import shared

SIDE = 36
EVERYWHERE = np.ones(SIDE * SIDE, bool)


def take(seed: int, samples: int = 28, sigma: float = 0.4) -> np.ndarray:
    """Cells of a scene in which nothing moves, with noise of its own."""
    scene = footage.texture(np.random.default_rng(1), SIDE, SIDE).ravel().astype(np.float32)
    drawn = np.random.default_rng(seed).normal(0, sigma, (samples, SIDE * SIDE))
    return (scene + drawn).astype(np.float32)


def copied(rows: np.ndarray, sigma: float = 0.5) -> np.ndarray:
    """With the noise of another encoder on top, more than that of the camera."""
    return (rows + np.random.default_rng(99).normal(0, sigma, rows.shape)).astype(np.float32)


def test_a_copy_has_the_noise_and_another_take_has_not() -> None:
    assert shared(copied(take(1)), take(1), EVERYWHERE) >= 0.3
    assert abs(shared(copied(take(1)), take(2), EVERYWHERE)) < 0.05


def test_light_that_changes_is_no_noise() -> None:
    """It comes and goes alike in both takes, everywhere at once and from one side."""
    flicker = 2.5 * np.sin(np.arange(28)[:, None] * 1.9) * np.linspace(0.5, 1, SIDE * SIDE)
    one, other = (take(seed) + flicker.astype(np.float32) for seed in (1, 2))
    assert abs(shared(one, other, EVERYWHERE)) < 0.05


def test_what_moves_is_left_out_with_what_is_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody does the same again; what is fine beside him is fine for him."""
    seen = np.zeros((28, SIDE, SIDE), np.float32)
    seen[:, 10:26, 10:26] = np.random.default_rng(3).choice([-20, 20], (28, 1, 1))
    one, other = (take(seed) + seen.reshape(28, -1) for seed in (1, 2))
    assert abs(shared(one, other, EVERYWHERE)) < 0.05
    monkeypatch.setattr(noise, "_AGAIN", 2.0)  # one thing that moves is like itself by chance
    assert abs(shared(one, other, EVERYWHERE)) < 0.05
    monkeypatch.setattr(noise, "_neighbours", lambda moving, _: moving)
    assert shared(one, other, EVERYWHERE) >= 0.08


@pytest.mark.parametrize(
    ("rows", "inside"),
    [(take(1, samples=15), EVERYWHERE), (take(1), np.arange(SIDE * SIDE) < 300)],
    ids=["short", "small"],
)
def test_too_little_says_nothing(rows: np.ndarray, inside: np.ndarray) -> None:
    assert shared(rows[:, inside], rows[:, inside], inside) == 0.0


def test_what_comes_again_and_again_is_no_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every seventh picture stands by itself, and does so in every take."""
    left = np.zeros((28, SIDE * SIDE), np.float32)
    left[::7] = np.random.default_rng(7).normal(0, 0.6, SIDE * SIDE)
    left[1::7] = np.random.default_rng(8).normal(0, 0.6, SIDE * SIDE)
    left[3::7] = np.random.default_rng(9).normal(0, 0.6, SIDE * SIDE)
    one, other = (take(seed) + left for seed in (1, 2))
    assert shared(one, other, EVERYWHERE) == 0.0
    monkeypatch.setattr(noise, "_AGAIN", 2.0)
    assert shared(one, other, EVERYWHERE) > 0.3


def test_what_an_encoder_makes_of_a_clean_picture_is_no_noise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two takes without any noise: its first pictures are alike, one error for one background."""
    one, other = (cells(tmp_path, *way) for way in ((0.3, 0.0), (0.37, 2.0)))
    count = min(len(one), len(other))
    assert shared(one[:count], other[:count], EVERYWHERE) == 0.0
    monkeypatch.setattr(noise, "_LASTS", 0.0)
    assert shared(one[:count], other[:count], EVERYWHERE) > 0.3


def cells(folder: Path, speed: float, phase: float) -> np.ndarray:
    """A disc before a background that has no noise, through an encoder that leaves little."""
    background = footage.texture(np.random.default_rng(5), 360, 640)

    def pictures() -> Iterator[np.ndarray]:
        for time in np.arange(0, 6, 0.04):
            picture = cv2.GaussianBlur(background, (0, 0), 1.2)
            x, y = 320 + 200 * np.sin(1.3 * speed * time + phase), 180 + 60 * np.sin(phase + time)
            cv2.circle(picture, (int(x), int(y)), 26, 30, -1)
            yield np.dstack([picture] * 3)

    path = edits.write(folder / f"{speed}.mp4", pictures(), 25, crf=34)
    with path.open("rb") as file:
        thumbs = of_file(file)[0].thumbs
    return thumbs.reshape(len(thumbs), -1).astype(np.float32)
