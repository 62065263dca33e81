"""What moves decides: measured over a second and within half of one."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from support import footage
from witnessmark.verification.matching import Fingerprint, evidence, match
from witnessmark.verification.matching.align import Stretch
from witnessmark.verification.matching.candidates import Placement
from witnessmark.verification.matching.decode import RATE, Sample
from witnessmark.verification.matching.evidence import Aligned
from witnessmark.verification.matching.fingerprint import make
from witnessmark.verification.matching.motion import Laid, _even

HEIGHT, WIDTH, SECONDS = 180, 320, 4.0


def aligned(agreement: float, quick: float, moving: float, rate: float = 1.0) -> Aligned:
    return Aligned(
        Stretch(0, moving, rate, 0, 9), agreement, quick, moving, wide=99.0, breadth=1.0, drawn=0.0
    )


@pytest.mark.parametrize(
    ("agreement", "quick", "moving", "same"),
    [
        (0.67, 0.20, 2.9, False),  # waves of one beach, seconds apart
        (0.82, 0.41, 2.1, False),
        (0.70, 0.23, 5.4, False),  # a close-up in a film, and another
        (0.56, 0.55, 3.0, False),  # somebody speaking, minutes apart
        (0.86, 0.78, 2.0, False),  # somebody's second squat
        (0.81, 0.75, 2.3, False),
        (0.88, 0.87, 1.5, True),  # a book is laid down, cropped
        (0.73, 0.66, 3.2, True),  # three seconds in a compilation
        (0.59, 0.54, 6.6, True),  # ten seconds of a tree in no wind
        (0.50, 0.90, 5.0, False),  # within half a second alone is not enough
        (0.99, 0.99, 0.8, False),  # too little moves to tell
    ],
)
def test_the_less_moves_the_more_must_agree(
    agreement: float, quick: float, moving: float, same: bool
) -> None:
    assert aligned(agreement, quick, moving).same_footage == same


def test_a_speed_of_its_own_must_agree_more() -> None:
    assert aligned(0.8, 0.67, 3.0).same_footage
    assert not aligned(0.8, 0.67, 3.0, rate=1.06).same_footage
    assert aligned(0.8, 0.7, 3.0, rate=1.06).same_footage
    assert not aligned(0.88, 0.84, 1.8, rate=0.85).same_footage  # a second squat, slower


def test_noise_in_common_stands_in_for_movement() -> None:
    little = aligned(0.57, 0.49, 3.4)
    assert not little.same_footage
    assert dataclasses.replace(little, noise=0.09).same_footage
    for other in ({"noise": 0.07}, {"noise": 0.2, "quick": 0.35}, {"noise": 0.2, "agreement": 0.4},
                  {"noise": 0.2, "moving": 0.9}, {"noise": 0.2, "again": 0.4}):  # fmt: skip
        assert not dataclasses.replace(little, **other).same_footage


def test_one_start_in_a_minute_of_rest_is_little_movement() -> None:
    even, start = np.ones(80, np.float32), np.full(80, 0.01, np.float32)
    start[40:44] = 1
    assert _even(even) == pytest.approx(80)
    assert _even(start) < RATE


def waves(take: int) -> Fingerprint:
    """A beach: the swell comes in alike each time, what glitters on it never does."""
    shore = footage.texture(np.random.default_rng(7), HEIGHT, WIDTH).astype(np.float32) * 0.5
    rng = np.random.default_rng([take, 9])
    samples = [
        Sample(number / RATE, wave(shore, number / RATE, rng))
        for number in range(round(SECONDS * RATE))
    ]
    return make(samples, SECONDS)


def wave(shore: NDArray[np.float32], time: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    height = np.linspace(0, 4 * np.pi, HEIGHT)[:, None]
    swell = 28 * np.sin(height - 2 * np.pi * time / 2.5)
    glitter = np.kron(rng.normal(0, 16, (HEIGHT // 10, WIDTH // 10)), np.ones((10, 10)))
    return np.clip(shore + 64 + swell + glitter, 0, 255).astype(np.uint8)


def test_waves_agree_over_a_second_and_not_within_half() -> None:
    first, second = waves(1), waves(2)
    placement = Placement(np.eye(2, 3), "identity", first.seconds, second.seconds, 1.0, 1.0)
    stretch = Stretch(0.0, SECONDS, 1.0, 0.0, 9)
    other = Laid(first, second, placement).judged(stretch)
    itself = Laid(first, waves(1), placement).judged(stretch)
    assert other is not None
    assert itself is not None
    assert other.agreement > 0.6 > other.quick
    assert itself.quick > 0.99
    assert itself.same_footage
    assert not other.same_footage


def night(take: int, kind: str) -> Fingerprint:
    """A camera on a tripod at night: noise of its own each time, and something that repeats."""
    scene = footage.texture(np.random.default_rng(3), 270, 480).astype(np.float32) * 0.5 + 20
    rng = np.random.default_rng([take, 4])
    samples = []
    for number in range(round(20 * RATE)):
        time = number / RATE
        picture = scene + rng.normal(0, 4, scene.shape)
        if kind == "beacon" and time % 1 < 0.5:
            picture[98:116, 300:319] = 230
        if kind == "lit sign" and time % 1 < 0.5:
            picture[60:190, 120:330] += 90
        seen = np.clip(picture, 0, 255).astype(np.uint8)
        if kind == "clock":
            cv2.putText(seen, f"12:00:{int(time):02d}", (8, 200), 0, 1.6, 255, 4)
        samples.append(Sample(time, seen))
    return make(samples, 20.0)


@pytest.mark.parametrize(
    ("kind", "rule"),
    [("beacon", ("_WIDE", 0.0)), ("clock", ("_WIDE", 0.0)), ("lit sign", ("_LEFT", 2.0))],
)
def test_what_repeats_makes_no_copy_of_another_take(
    kind: str, rule: tuple[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = night(1, kind), night(2, kind)
    for pair in ((one, other), (other, one)):
        found = match(*pair)
        assert found is not None
        assert found.relation == "same_scene"
    monkeypatch.setattr(evidence, *rule)
    if kind != "lit sign":
        monkeypatch.setattr(evidence, "_LEFT", 2.0)
    found = match(one, other)
    assert found is not None
    assert found.relation == "same_footage"
