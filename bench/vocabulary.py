"""Makes the vocabulary of the search index: `python -m bench.vocabulary OUT`, six minutes.

The entries are k-medians (majority of each bit) of ORB descriptors of 1,500 made-up pictures: noise
of all scales, shaded things before it, lines, words, blur, and JPEG. Measured on real clips that
neither vocabulary had seen: two descriptors of one point fall on one of 4,096 entries in 35 cases
of 100 with this one, in 38 with one trained on other real clips. That was not worth putting
anything of anybody's footage into every copy of the program. Another OpenCV may draw other
pictures: the file in the package is the vocabulary, not what this makes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import faiss
import numpy as np
from numpy.typing import NDArray

from support.footage import texture
from witnessmark.verification.matching.features import features
from witnessmark.verification.matching.words import COUNT

Picture = NDArray[np.uint8]
Bytes = NDArray[np.uint8]

_HEIGHT, _WIDTH = 270, 480
_PICTURES, _ROUNDS = 1500, 6


def picture(rng: np.random.Generator) -> Picture:
    """Noise; with things; with things and lines; with words besides: each in a quarter."""
    kind = rng.integers(4)
    made = texture(rng, _HEIGHT, _WIDTH).astype(np.float32)
    if kind >= 1:
        for _ in range(rng.integers(5, 40)):
            made = _thing(made, rng)
    if kind >= 2:
        for _ in range(rng.integers(3, 20)):
            _line(made, rng)
    out = np.clip(made, 0, 255).astype(np.uint8)
    if kind == 3:
        for _ in range(rng.integers(1, 8)):
            _words(out, rng)
    soft = cv2.GaussianBlur(out.astype(np.float32), (0, 0), 0.4 + rng.random())
    soft += rng.normal(0, rng.random() * 3, soft.shape)
    clipped = np.clip(soft, 0, 255).astype(np.uint8)
    coded = cv2.imencode(".jpg", clipped, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 95))])[1]
    return np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)


def _thing(made: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    corners = rng.integers(3, 8)
    centre = rng.random(2) * (_WIDTH, _HEIGHT)
    radius = rng.random() ** 2 * 120 + 6
    angles = np.sort(rng.random(corners)) * 2 * np.pi
    spokes = radius * (0.4 + 0.6 * rng.random((corners, 1)))
    points = centre + np.stack([np.cos(angles), np.sin(angles)], 1) * spokes
    mask = np.zeros((_HEIGHT, _WIDTH), np.uint8)
    cv2.fillPoly(mask, [points.astype(np.int32)], 255)
    surface = texture(rng, _HEIGHT, _WIDTH).astype(np.float32)
    shade, rough = rng.random() * 255, rng.random() * 0.5
    laid = np.where(mask > 0, surface * rough + shade * (1 - rough), made)
    return np.asarray(laid, np.float32)


def _line(made: NDArray[np.float32], rng: np.random.Generator) -> None:
    ends = (rng.random(4) * (_WIDTH, _HEIGHT, _WIDTH, _HEIGHT)).astype(int).tolist()
    shade, width = float(rng.random() * 255), int(rng.integers(1, 6))
    cv2.line(made, tuple(ends[:2]), tuple(ends[2:]), shade, width, cv2.LINE_AA)


def _words(out: Picture, rng: np.random.Generator) -> None:
    text = "".join(chr(rng.integers(33, 126)) for _ in range(rng.integers(4, 20)))
    place = int(rng.random() * _WIDTH * 0.7), int(rng.random() * _HEIGHT)
    face, size = int(rng.integers(8)), float(0.3 + rng.random() * 1.2)
    shade, width = int(rng.random() * 255), int(rng.integers(1, 4))
    cv2.putText(out, text, place, face, size, shade, width, cv2.LINE_AA)


def medians(descriptors: Bytes, count: int, rng: np.random.Generator) -> Bytes:
    """`count` entries (x 32) for descriptors (n x 32); one that nothing is near to starts anew."""
    entries = descriptors[rng.choice(len(descriptors), count, replace=False)].copy()
    for _ in range(_ROUNDS):
        index = faiss.IndexBinaryFlat(256)
        index.add(entries)
        nearest = index.search(descriptors, 1)[1][:, 0]
        order = np.argsort(nearest, kind="stable")
        size = np.bincount(nearest, minlength=count)
        bits = np.unpackbits(descriptors[order], axis=1)
        sums = np.zeros((len(bits) + 1, 256), np.int32)
        np.cumsum(bits, axis=0, out=sums[1:])
        ends = np.cumsum(size)
        ones = sums[ends] - sums[ends - size]
        entries = np.packbits(ones * 2 > size[:, None], axis=1)
        alone = np.flatnonzero(size == 0)
        entries[alone] = descriptors[rng.choice(len(descriptors), len(alone), replace=False)]
    return entries


def main(out: Path) -> None:
    faiss.omp_set_num_threads(1)
    rng = np.random.default_rng(1)
    seen = [features(picture(rng)).descriptors for _ in range(_PICTURES)]
    out.write_bytes(medians(np.concatenate(seen), COUNT, np.random.default_rng(2)).tobytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
