"""What moves decides: measured over a second and within half of one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from support import footage
from witnessmark.verification.matching import Fingerprint
from witnessmark.verification.matching.align import Stretch
from witnessmark.verification.matching.candidates import Placement
from witnessmark.verification.matching.decode import RATE, Sample
from witnessmark.verification.matching.fingerprint import make
from witnessmark.verification.matching.motion import Aligned, Laid

HEIGHT, WIDTH, SECONDS = 180, 320, 4.0


def aligned(agreement: float, quick: float, moving: float, rate: float = 1.0) -> Aligned:
    return Aligned(Stretch(0, moving, rate, 0, 9), agreement, quick, moving, breadth=1.0, drawn=0.0)


@pytest.mark.parametrize(
    ("agreement", "quick", "moving", "same"),
    [
        (0.67, 0.21, 4.1, False),  # waves of one beach, seconds apart
        (0.82, 0.42, 3.4, False),
        (0.74, 0.76, 2.4, False),  # somebody speaking, minutes apart
        (0.88, 0.84, 2.1, False),  # somebody's second squat
        (0.87, 0.84, 3.1, True),  # three seconds in a compilation
        (0.87, 0.50, 3.1, False),
        (0.55, 0.90, 5.0, False),  # nor is half a second enough alone
        (0.85, 0.50, 4.0, True),  # over a second it is, if something agrees there
        (0.85, 0.30, 9.0, False),
        (0.99, 0.99, 0.8, False),  # too little moves to tell
    ],
)
def test_the_less_moves_the_more_must_agree(
    agreement: float, quick: float, moving: float, same: bool
) -> None:
    assert aligned(agreement, quick, moving).same_footage == same


def test_a_speed_of_its_own_must_agree_more() -> None:
    assert aligned(0.87, 0.81, 3.0).same_footage
    assert not aligned(0.87, 0.81, 3.0, rate=1.06).same_footage
    assert aligned(0.91, 0.5, 3.0).same_footage
    assert not aligned(0.91, 0.5, 3.0, rate=1.06).same_footage


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
