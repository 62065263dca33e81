"""Hours against hours: every sample is compared, in pieces."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from support import footage
from witnessmark.verification.matching import Fingerprint
from witnessmark.verification.matching.fingerprint import spread
from witnessmark.verification.matching.framehash import frame_hash

#: Seconds before one view, and samples a second.
SCENE, RATE = 15.0, 8


def long(
    minutes: float, *, late: float = 0.0, take: int = 1, noise: int = 0, first: float = 0.0
) -> Fingerprint:
    """A made-up video: one view after the other, and before each something goes about.

    Args:
        late: seconds by which its samples lie beside those of another copy.
        take: what goes about; the views are the same.
        first: second of the whole at which it begins.
    """
    clock = np.arange(0, minutes * 60, 1 / RATE) + late
    seen = clock + first
    rng = np.random.default_rng(4)
    views = [footage.texture(rng, 36, 36) for _ in range(int(seen[-1] / SCENE) + 2)]
    thumbs = np.stack([views[int(time / SCENE)] for time in seen]).astype(np.float32)
    y, x = np.mgrid[:36, :36].astype(np.float32)
    for speed, phase in np.random.default_rng(take).uniform((0.4, 0), (1.6, 40), (4, 2)):
        across = 18 + 14 * np.sin(speed * seen + phase + np.sin(0.37 * seen))
        down = 18 + 14 * np.cos(0.8 * speed * seen + 2 * phase + np.sin(0.53 * seen))
        near = (x - across[:, None, None]) ** 2 + (y - down[:, None, None]) ** 2
        thumbs += 90 * np.exp(-near / 8).astype(np.float32)
    thumbs += np.random.default_rng(9).normal(0, 1 + noise, thumbs.shape).astype(np.float32)
    return of_thumbs(clock - late, np.clip(thumbs, 0, 255).astype(np.uint8))


def of_thumbs(clock: np.ndarray, thumbs: np.ndarray) -> Fingerprint:
    n = len(clock)
    hashes = np.stack([frame_hash(cv2.resize(each, (72, 72))) for each in thumbs])
    whole = np.repeat(np.array([[0, 0, 255, 255]], np.uint8), n, axis=0)
    return Fingerprint(
        width=480, height=270, duration=round(clock[-1] * 1000) + 125,
        times=np.rint(clock * 1000).astype(np.uint32), full=hashes, inner=hashes, edges=whole,
        inset=np.zeros((n, 4), np.uint64), inset_edges=0 * whole,
        inset_thumbs=thumbs[:0], between=whole, contrast=spread(thumbs), thumbs=thumbs,
        keys=np.zeros(0, np.uint32), features=(),
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole() -> Fingerprint:
    made = long(45)
    assert len(made) > 20_000
    return made
