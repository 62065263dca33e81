"""What channels put around footage is no footage: captions, tickers, intro cards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from support import blanks, edits, footage
from support.edits import dressing
from witnessmark.verification.matching import Fingerprint, evidence, match, matcher, motion
from witnessmark.verification.matching.decode import RATE, Sample
from witnessmark.verification.matching.fingerprint import make, of_file

Picture = np.ndarray


def of(path: Path) -> Fingerprint:
    with path.open("rb") as file:
        return of_file(file)[0]


def dressed(folder: Path, seed: int, change: Callable[[Picture, int], Picture]) -> Fingerprint:
    """A made-up scene in which little moves, under a channel's caption and running line."""
    plain = footage.synthetic(
        folder / f"{seed}.mp4", seed=seed, seconds=5.0, size=(320, 180), fixed_camera=True
    )
    shown = edits.steady(edits.frames(plain), 25.0)
    changed = (change(edits.resized(p, 640, 360), n) for n, p in enumerate(shown))
    return of(edits.write(folder / f"{seed}.dressed.mp4", changed, 25.0))


def ticker(picture: Picture, number: int) -> Picture:
    """The lowest third is a bright line that runs."""
    out = picture.copy()
    run = footage.texture(np.random.default_rng(9), 120, 2000)
    out[-120:] = run[:, 8 * number : 8 * number + 640, None]
    return out


@pytest.mark.parametrize("kind", ["channel", "ticker"])
def test_one_template_over_two_scenes_is_no_copy(kind: str, tmp_path: Path) -> None:
    change = ticker if kind == "ticker" else dressing.channel(640, 360, np.random.default_rng(5))
    one, other = dressed(tmp_path, 21, change), dressed(tmp_path, 22, change)
    assert match(one, other) is None


def test_without_the_look_at_the_rest_the_ticker_would_be_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where its seam is not found: where it is, the line is left out to begin with."""
    monkeypatch.setattr(motion, "_within", lambda _, points, __: np.ones(points.shape[1], bool))
    one, other = dressed(tmp_path, 21, ticker), dressed(tmp_path, 22, ticker)
    found = match(one, other)
    assert found is None or found.relation != "same_footage"
    monkeypatch.setattr(evidence, "BROAD", 0.0)
    monkeypatch.setattr(evidence, "_BROADER", 0.0)
    found = match(one, other)
    assert found is not None
    assert found.relation == "same_footage"


@pytest.fixture(scope="module")
def intros(tmp_path_factory: pytest.TempPathFactory) -> tuple[Fingerprint, Fingerprint]:
    folder = tmp_path_factory.mktemp("intros")
    one, other = (of(blanks.blank(folder / f"{n}.mp4", "same intro card", n)) for n in range(2))
    return one, other


def test_a_shared_intro_is_a_card(intros: tuple[Fingerprint, Fingerprint]) -> None:
    found = match(*intros)
    assert found is not None
    assert found.relation == "same_card"
    assert all(segment.query[1] <= 4.5 for segment in found.segments)


def moving_intro(seed: int) -> Fingerprint:
    """Three seconds in which signs drift over an even ground, then a scene of its own."""
    scene = footage.texture(np.random.default_rng(seed), 180, 320)
    samples = []
    for number in range(round(7 * RATE)):
        picture = np.roll(scene, number * 3, axis=1)
        if number < 3 * RATE:
            picture = np.full((180, 320), 40, np.uint8)
            for sign in range(4):
                across = 30 + 70 * sign + round(22 * np.sin(number * 0.9 + sign))
                down = 50 + 25 * sign + round(18 * np.cos(number * 0.7 * (sign + 1)))
                cv2.circle(picture, (across, down), 22, 235, -1)
                cv2.putText(picture, "NEWS", (across - 18, down + 5), 0, 0.45, 20, 1)
        samples.append(Sample(number / RATE, picture))
    return make(samples, 7.0)


def test_without_telling_cards_apart_an_intro_would_be_a_copy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, other = moving_intro(31), moving_intro(32)
    found = match(one, other)
    assert found is not None
    assert found.relation == "same_card"
    monkeypatch.setattr(matcher, "_DRAWN", 2.0)
    found = match(one, other)
    assert found is not None
    assert found.relation == "same_footage"
