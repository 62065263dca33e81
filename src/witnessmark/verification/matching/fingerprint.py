"""The fingerprint of a video: per sample hashes and a thumbnail, features now and then.

A fingerprint is derived data: it can be made again, and one without its video is only a claim.
Its thumbnails (36x36 grey) show whether something moves, never who: but treat it like a picture.

Layout, little-endian, version 4:
    "WMFP", version u16, width u16, height u16 (of the sampled picture), duration ms u32,
    samples n u32, keyframes m u32, side s of a thumbnail u16;
    n times ms u32; n full hashes 32 bytes; n inner hashes 32 bytes; n x 4 inner edges u8;
    n inset hashes 32 bytes; n x 4 inset edges u8 (all 0: no inset); n x 4 edges between bars u8;
    n contrasts u8; n x s x s luma u8; k x 36 x 36 luma u8 of the k insets;
    m sample numbers u32; m feature counts u16;
    for every feature: x u16, y u16; for every feature: 32 bytes, and 32 bytes mirrored.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from witnessmark.errors import BadInput
from witnessmark.model import Json
from witnessmark.ports import Result
from witnessmark.verification.matching.borders import Box, inner
from witnessmark.verification.matching.decode import MAX_SAMPLES, RATE, Sample, Video
from witnessmark.verification.matching.features import COUNT, Features, features
from witnessmark.verification.matching.framehash import (
    THUMB,
    Hashes,
    distances,
    frame_hash,
    square,
    thumbnail,
)
from witnessmark.verification.matching.seams import Overlaid, shares

VERSION = "4"
#: Side of the thumbnail of a picture, of which there is only one.
STILL_THUMB = 144
#: Seconds between pictures whose features are kept.
KEY_STEP = 1.0
#: A picture this near (bits of 256) to the last one with features brings no new ones, ...
_KEY_NEAR = 12
#: ... for at most this many seconds.
_KEY_MOST = 5.0
#: Insets of one video that are compared as videos of their own.
_INSETS = 12
#: Borders are looked for in every so manieth picture: half a second.
_BORDERS = round(RATE / 2)

_HEADER = struct.Struct("<4sHHHIIIH")
_MAGIC = b"WMFP"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fingerprint:
    """What is kept of a video to find it again; n samples, m keyframes.

    Attributes:
        width, height: of the sampled picture (longest side 480), upright.
        duration: milliseconds.
        times: n, milliseconds from the first picture, rising.
        full, inner: n x 4 words, hash of the whole picture and of it without even borders.
        edges: n x 4, left, top, right, bottom of the inner picture in 255ths.
        inset: n x 4 words, hash of a picture within the picture, 0 without one.
        inset_edges: n x 4, like `edges`; all 0 without one.
        inset_thumbs: k x 36 x 36 luma of the insets; in `thumbs` they are too small to compare.
        between: n x 4, like `edges`, of what lies between bars that were laid over it.
        contrast: n, standard deviation of the thumbnail; a flat picture has next to none.
        thumbs: n x s x s luma; s is 36, or 144 of a picture.
        keys: m sample numbers, rising.
        features: m.
    """

    width: int
    height: int
    duration: int
    times: NDArray[np.uint32]
    full: Hashes
    inner: Hashes
    edges: NDArray[np.uint8]
    inset: Hashes
    inset_edges: NDArray[np.uint8]
    inset_thumbs: NDArray[np.uint8]
    between: NDArray[np.uint8]
    contrast: NDArray[np.uint8]
    thumbs: NDArray[np.uint8]
    keys: NDArray[np.uint32]
    features: tuple[Features, ...]

    def __len__(self) -> int:
        return len(self.times)

    @property
    def seconds(self) -> NDArray[np.float64]:
        """Times in seconds."""
        return self.times / 1000.0

    def within(self) -> tuple[Fingerprint, ...]:
        """The pictures within the picture as videos of their own, on the same clock: one for each
        time that one is there, the longest first, `_INSETS` at most."""
        there = np.flatnonzero(self.inset_edges.any(axis=1))
        if not len(there):
            return ()
        starts = np.flatnonzero(np.diff(there, prepend=-2) > 1)
        spans = zip(starts, [*starts[1:], len(there)], strict=True)
        longest = sorted(spans, key=lambda span: span[0] - span[1])[:_INSETS]
        return tuple(self._inset(there[first:last], int(first)) for first, last in longest)

    def _inset(self, there: NDArray[np.intp], first: int) -> Fingerprint:
        """The inset of the samples `there`, whose thumbnails begin at `first`."""
        count = len(there)
        left, top, right, bottom = np.median(self.inset_edges[there], axis=0) / 255.0
        thumbs = self.inset_thumbs[first : first + count]
        everywhere = np.repeat(np.array([[0, 0, 255, 255]], np.uint8), count, axis=0)
        return dataclasses.replace(
            self,
            width=max(1, round(self.width * (right - left))),
            height=max(1, round(self.height * (bottom - top))),
            times=self.times[there],
            full=self.inset[there],
            inner=self.inset[there],
            edges=everywhere,
            inset=np.zeros((count, 4), np.uint64),
            inset_edges=np.zeros((count, 4), np.uint8),
            inset_thumbs=self.inset_thumbs[:0],
            between=everywhere,
            contrast=spread(thumbs),
            thumbs=thumbs,
            keys=self.keys[:0],
            features=(),
        )

    def part(self, start: float, end: float) -> Fingerprint:
        """The samples from `start` to `end`, in seconds, on the same clock; without features."""
        first, last = np.searchsorted(self.seconds, [start, end])
        before = np.concatenate([[0], np.cumsum(self.inset_edges.any(axis=1))])
        small = slice(int(before[first]), int(before[last]))
        names = ("times", "full", "inner", "edges", "inset", "inset_edges", "between", "contrast",
                 "thumbs")  # fmt: skip
        cut = {name: getattr(self, name)[first:last] for name in names}
        return dataclasses.replace(
            self, **cut, inset_thumbs=self.inset_thumbs[small], keys=self.keys[:0], features=()
        )

    def encode(self) -> bytes:
        """The bytes of the layout above."""
        head = _HEADER.pack(
            _MAGIC, int(VERSION), self.width, self.height, self.duration,
            len(self), len(self.keys), self.thumbs.shape[1],
        )  # fmt: skip
        counts = np.array([len(each) for each in self.features], "<u2")
        points = [np.rint(each.points * 65535).astype("<u2").tobytes() for each in self.features]
        arrays = (
            self.times.astype("<u4"), self.full, self.inner, self.edges, self.inset,
            self.inset_edges, self.between, self.contrast, self.thumbs, self.inset_thumbs,
            self.keys.astype("<u4"), counts,
        )  # fmt: skip
        tail = [each.tobytes() for f in self.features for each in (f.descriptors, f.mirrored)]
        return b"".join([head, *(each.tobytes() for each in arrays), *points, *tail])

    @classmethod
    def decode(cls, data: bytes) -> Fingerprint:
        """Reads what `encode` wrote.

        Raises:
            BadInput: another version, or bytes that are not exactly one fingerprint.
        """
        if len(data) < _HEADER.size or data[:4] != _MAGIC:
            raise _bad("has no fingerprint's header")
        _, version, width, height, duration, n, m, side = _HEADER.unpack_from(data)
        if version != int(VERSION):
            raise _bad(f"is of version {version}, not {VERSION}")
        sized = side == (STILL_THUMB if n == 1 else THUMB)
        if n > MAX_SAMPLES or m > n or not (width and height and sized):
            raise _bad("claims impossible counts")
        take = _Cursor(data, _HEADER.size)
        made: dict[str, Any] = {
            "times": take("<u4", n),
            "full": take("<u8", n, 4),
            "inner": take("<u8", n, 4),
            "edges": take("u1", n, 4),
            "inset": take("<u8", n, 4),
            "inset_edges": take("u1", n, 4),
            "between": take("u1", n, 4),
            "contrast": take("u1", n),
            "thumbs": take("u1", n, side, side),
        }
        insets = made["inset_edges"].any(axis=1)
        made["inset_thumbs"] = take("u1", int(insets.sum()), THUMB, THUMB)
        made["keys"] = take("<u4", m)
        counts = take("<u2", m)
        if counts.size and counts.max() > COUNT:
            raise _bad("claims too many features")
        points = [_points(take("<u2", int(c), 2)) for c in counts]
        blocks = [(take("u1", int(c), 32), take("u1", int(c), 32)) for c in counts]
        take.end()
        _check_order(made["times"], made["keys"], n)
        _check_boxes(made["edges"], made["between"], made["inset_edges"][insets])
        pairs = tuple(Features(p, *d) for p, d in zip(points, blocks, strict=True))
        return cls(width=width, height=height, duration=duration, features=pairs, **made)


def _points(stored: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(stored / 65535, np.float32)


class _Cursor:
    """Takes arrays from bytes, never beyond their end."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self._at = at

    def __call__(self, kind: str, *shape: int) -> NDArray[Any]:
        count = int(np.prod(shape))
        end = self._at + count * np.dtype(kind).itemsize
        if end > len(self._data):
            raise _bad("ends too early")
        array = np.frombuffer(self._data, kind, count, self._at).reshape(shape)
        self._at = end
        return array

    def end(self) -> None:
        if self._at != len(self._data):
            raise _bad("goes on after its end")


def _bad(why: str) -> BadInput:
    return BadInput(
        f"This fingerprint {why}.", todo="Make it again from the video.", code="fingerprint"
    )


def _check_order(times: NDArray[np.uint32], keys: NDArray[np.uint32], n: int) -> None:
    if np.any(times[1:] <= times[:-1]) or np.any(keys[1:] <= keys[:-1]):
        raise _bad("is not in order of time")
    if len(keys) and keys[-1] >= n:
        raise _bad("points outside itself")


def _check_boxes(*all_edges: NDArray[np.uint8]) -> None:
    for edges in all_edges:
        if np.any(edges[:, :2] >= edges[:, 2:]):
            raise _bad("has a box that holds nothing")


class _Maker:
    """Collects samples into a fingerprint."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self.keys: list[int] = []
        self.features: list[Features] = []
        self.shape = (1, 1)
        self._inner: Box = (0, 0, 1, 1)
        self._key_time = float("-inf")
        self._first: NDArray[np.uint8] | None = None
        self._overlaid = Overlaid()

    def add(self, sample: Sample) -> None:
        picture = sample.luma
        self._first = picture if self._first is None else self._first
        if len(self.rows) % _BORDERS == 0 or self.shape != picture.shape:
            self._inner = inner(picture)
        self.shape = (picture.shape[0], picture.shape[1])
        left, top, right, bottom = self._inner
        squared = square(picture)
        full = trimmed = frame_hash(squared)
        if (right - left, bottom - top) != picture.shape[::-1]:
            trimmed = frame_hash(square(picture[top:bottom, left:right]))
        edges = shares((left, top, right, bottom), picture)
        time = round(sample.time * 1000)
        if self.rows and time <= self.rows[-1][0]:
            return
        self.rows.append((time, full, trimmed, edges, thumbnail(squared)))
        self._overlaid.add(picture)
        self._maybe_key(sample, full)

    def _maybe_key(self, sample: Sample, full: Hashes) -> None:
        waited = sample.time - self._key_time
        if waited < KEY_STEP - 0.02:
            return
        if waited < _KEY_MOST and self.keys:
            last = self.rows[self.keys[-1]][1]
            if distances(full[None], last[None])[0, 0] <= _KEY_NEAR:
                return
        self._key_time = sample.time
        self.keys.append(len(self.rows) - 1)
        self.features.append(features(sample.luma))

    def made(self, duration: float) -> Fingerprint:
        columns: list[Any] = list(zip(*self.rows, strict=True)) or [()] * 5
        times, full, trimmed, edges, small = columns
        n = len(times)
        thumbs: NDArray[np.uint8] = np.array(small, np.uint8).reshape(n, THUMB, THUMB)
        shown = thumbs
        if n == 1 and self._first is not None:
            side = (STILL_THUMB, STILL_THUMB)
            large = cv2.resize(self._first, side, interpolation=cv2.INTER_AREA)
            shown = np.asarray(large[None], np.uint8)
        return Fingerprint(
            width=self.shape[1],
            height=self.shape[0],
            duration=min(round(duration * 1000), 2**32 - 1),
            times=np.array(times, np.uint32),
            full=np.array(full, np.uint64).reshape(n, 4),
            inner=np.array(trimmed, np.uint64).reshape(n, 4),
            edges=np.array(edges, np.uint8).reshape(n, 4),
            contrast=spread(thumbs),
            thumbs=shown,
            keys=np.array(self.keys, np.uint32),
            features=tuple(self.features),
            **self._overlaid.made(),
        )


def spread(thumbs: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Standard deviation of thumbnails (n x s x s) in levels, whole ones."""
    rows = thumbs.reshape(len(thumbs), -1) if len(thumbs) else np.zeros((0, 1))
    parts = [rows[start : start + 512].std(axis=1) for start in range(0, len(rows), 512)]
    return np.asarray(np.minimum(255, np.rint(np.concatenate([np.zeros(0), *parts]))), np.uint8)


def make(samples: Iterable[Sample], duration: float) -> Fingerprint:
    """The fingerprint of samples in rising time; `duration` in seconds."""
    maker = _Maker()
    for sample in samples:
        maker.add(sample)
    return maker.made(duration)


def of_file(file: BinaryIO) -> tuple[Fingerprint, list[str]]:
    """The fingerprint of what decodes in `file`, and warnings about what does not."""
    video, maker = Video(file), _Maker()
    for sample in video.samples():
        maker.add(sample)
    return maker.made(video.duration), video.warnings


def fingerprint(file: BinaryIO, params: Mapping[str, Json]) -> Result:  # noqa: ARG001 - the worker's form
    """Worker function: the fingerprint as blob "fingerprint".

    Returns:
        `version`, `samples`, `keyframes`, `duration` (milliseconds) and `warnings`; no blob when
        not one picture could be decoded.
    """
    made, warnings = of_file(file)
    value: dict[str, Json] = {
        "version": VERSION,
        "samples": len(made),
        "keyframes": len(made.keys),
        "duration": made.duration,
        "warnings": list(warnings),
    }
    return Result(value, {"fingerprint": made.encode()} if len(made) else {})


# A worker imports this module and then closes its sandbox: numpy loads parts of itself on their
# first use, so everything is used once.
_SOME = np.zeros((64, 64), np.uint8) + np.eye(64, dtype=np.uint8) * 255
make([Sample(0.0, _SOME), Sample(1 / RATE, _SOME)], 2 / RATE)
