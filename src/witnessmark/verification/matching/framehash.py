"""A 256-bit hash of a whole picture, after PDQ, in all eight orientations.

PDQ (Facebook, 2019, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm"):
a 64x64 luma picture, the 16x16 lowest frequencies of its cosine transform without the constant
ones, each bit whether a coefficient is above their median. Ours is 72x72 and made small in
another way, so its bits are not interchangeable with PDQ's. Mirroring flips the sign of the odd
frequencies and turning swaps the axes, so the other seven hashes follow from the first one.
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]
#: Four words a hash.
Hashes = NDArray[np.uint64]

#: Side of the square, and of the thumbnail that is made of it.
SIZE, THUMB = 72, 36
_KEPT = 16
_ROWS = 64


def _cosines() -> Floats:
    """Rows 1 to 16 of the 72-point DCT-II."""
    k, n = np.arange(1, _KEPT + 1)[:, None], np.arange(SIZE)[None, :]
    rows = np.cos(np.pi * k * (2 * n + 1) / (2 * SIZE)) * np.sqrt(2 / SIZE)
    return np.asarray(rows, np.float32)


_DCT = _cosines()


@dataclasses.dataclass(frozen=True, slots=True)
class Orientation:
    """One of eight: how a copy lies against its source.

    Attributes:
        matrix: 2x2, takes a direction (right, down) in the source to the copy.
    """

    name: str
    matrix: tuple[tuple[int, int], tuple[int, int]]


#: Turns are clockwise; a mirrored name is mirrored left-right first, then turned.
ORIENTATIONS = (
    Orientation("identity", ((1, 0), (0, 1))),
    Orientation("rotate90", ((0, -1), (1, 0))),
    Orientation("rotate180", ((-1, 0), (0, -1))),
    Orientation("rotate270", ((0, 1), (-1, 0))),
    Orientation("mirror", ((-1, 0), (0, 1))),
    Orientation("mirror_rotate90", ((0, -1), (-1, 0))),
    Orientation("mirror_rotate180", ((1, 0), (0, -1))),
    Orientation("mirror_rotate270", ((0, 1), (1, 0))),
)


def inverse(name: str) -> str:
    """The orientation of the source against its copy: a quarter turn goes back the other way."""
    return {"rotate90": "rotate270", "rotate270": "rotate90"}.get(name, name)


def square(picture: Picture) -> Picture:
    """Squeezed to `SIZE` each way: a change of aspect does not matter."""
    small = cv2.resize(picture, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def thumbnail(squared: Picture) -> Picture:
    """`THUMB` each way, of a picture that went through `square`."""
    small = cv2.resize(squared, (THUMB, THUMB), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def frame_hash(squared: Picture) -> Hashes:
    """Four words for a picture that went through `square`."""
    low = _DCT @ squared.astype(np.float32) @ _DCT.T
    half = low.size // 2 - 1  # above the lower one of the two in the middle: as above the median
    return np.packbits(low > np.partition(low, half, axis=None)[half]).view(np.uint64)


def orient(hashes: Hashes, orientation: Orientation) -> Hashes:
    """Hashes (n x 4) of the same pictures laid as `orientation` says."""
    bits = np.unpackbits(hashes.view(np.uint8), axis=-1).reshape(-1, _KEPT, _KEPT)
    (xx, xy), (yx, yy) = orientation.matrix
    if xx == 0:
        bits = bits.transpose(0, 2, 1)
    odd = (np.arange(1, _KEPT + 1) % 2).astype(np.uint8)
    if xx + xy < 0:
        bits = bits ^ odd[None, None, :]
    if yx + yy < 0:
        bits = bits ^ odd[None, :, None]
    return np.packbits(bits.reshape(-1, _KEPT * _KEPT), axis=-1).view(np.uint64)


def distances(a: Hashes, b: Hashes) -> NDArray[np.uint16]:
    """Differing bits of every hash in `a` (n x 4) from every one in `b` (m x 4)."""
    total = np.zeros((len(a), len(b)), np.uint16)
    for start in range(0, len(a), _ROWS):  # hours against hours: keep what lies between small
        part = slice(start, start + _ROWS)
        for word in range(4):
            total[part] += np.bitwise_count(a[part, word, None] ^ b[None, :, word])
    return total
