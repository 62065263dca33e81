"""Pictures of a video at a steady pace: upright, grey, small.

Decoding is the floor of the cost, so nothing is converted that is not used: the luma plane is
taken as it lies, and pictures that no other picture needs are skipped where there are plenty.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import BinaryIO

import av
import cv2
import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from witnessmark.verification.media import DecodeErrors, decoded, open_media

Picture = NDArray[np.uint8]

#: Pictures a second. Two would find copies; the more, the better movement can be compared.
#: Measured: from four to eight, agreement of true copies rose at the fifth percentile from .70
#: to .79, since two uploads are never sampled at the same moments.
RATE = 8.0
#: Longest side of a sampled picture. A 144p copy is brought to it too: features then meet at
#: one scale.
SIDE = 480
#: About seven hours. What comes after is not looked at, and a warning says so.
MAX_SAMPLES = 200_000
#: From this many pictures a second on, those that no other picture needs are skipped.
_PLENTY = 20
#: A clock that goes back by so many seconds starts anew, as where two recordings were put together.
_BACK = 1.0

cv2.setNumThreads(1)


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """A picture, upright, at `time` seconds after the first one."""

    time: float
    luma: Picture


@dataclasses.dataclass(slots=True)
class Video:
    """Reads `file` once; `duration` and `warnings` are complete when `samples` has ended.

    Attributes:
        duration: seconds from the first to the end of the last decoded picture.
        warnings: `damaged_packets`, `read_error`, `cut_short`, `clock_jumps`, `no_video`,
            `not_media`.
    """

    file: BinaryIO
    duration: float = 0.0
    warnings: list[str] = dataclasses.field(default_factory=list)

    def samples(self) -> Iterator[Sample]:
        """At most `RATE` a second, in rising time. Damage is skipped and noted, never raised."""
        try:
            container = open_media(self.file)
        except DecodeErrors:
            self._warn("not_media")
            return
        with container:
            if not container.streams.video:
                self._warn("no_video")
                return
            yield from self._paced(self._pictures(container))

    def _warn(self, word: str) -> None:
        if word not in self.warnings:
            self.warnings.append(word)

    def _pictures(self, container: InputContainer) -> Iterator[av.VideoFrame]:
        stream = container.streams.video[0]
        codec = stream.codec_context
        if getattr(stream, "codec_context", None) is None:  # FFmpeg knows no decoder
            self._warn("no_video")
            return
        if (stream.average_rate or 0) >= _PLENTY:
            codec.skip_frame = "NONREF"
        yield from decoded(container, stream, av.VideoFrame, self._warn)

    def _paced(self, frames: Iterator[av.VideoFrame]) -> Iterator[Sample]:
        """Every first picture at or after the next tick; clocks that go back are followed on."""
        start, last, due, count = None, 0.0, 0.0, 0
        step = 1 / RATE
        for frame in frames:
            raw = float(frame.time) if frame.time is not None else None
            start = raw if start is None else start
            if raw is not None and start is not None and raw - start < last - _BACK:
                self._warn("clock_jumps")
                start = raw - last - 0.04
            time = last + 0.04 if raw is None or start is None else raw - start
            time = max(time, last)
            self.duration = max(self.duration, time + _length(frame))
            last = time
            if time < due - 1e-3:
                continue
            if count >= MAX_SAMPLES or time > MAX_SAMPLES / RATE:
                self._warn("cut_short")
                return
            due = max(due + step, time + step / 2)
            count += 1
            yield Sample(time, small(luma(frame), int(frame.rotation)))


def _length(frame: av.VideoFrame) -> float:
    """Seconds that a picture stands, a twenty-fifth when it does not say or says nonsense."""
    length = float((frame.duration or 0) * (frame.time_base or 0))
    return length if 0 < length <= 1 else 0.04


def luma(frame: av.VideoFrame) -> Picture:
    """The brightness plane, height x width, without a copy where the format has one in 8 bits."""
    kind = frame.format
    planar = kind.name.startswith(("yuv4", "yuvj4", "gray", "nv12"))
    if not planar or kind.components[0].bits != 8:
        return np.asarray(frame.to_ndarray(format="gray"), np.uint8)
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: frame.height, : frame.width]


def small(picture: Picture, rotation: int = 0) -> Picture:
    """Brought to `SIDE` and turned anticlockwise by `rotation`, in quarters."""
    height, width = picture.shape
    scale = SIDE / max(height, width)
    size = (max(16, round(width * scale)), max(16, round(height * scale)))
    # Means of whole blocks first, then linear, which down to a half meets every pixel: together a
    # quarter of the cost of areas.
    block = min(int(np.ceil(0.5 / scale)), height, width)
    down, across = height // block, width // block
    whole = picture[: down * block, : across * block]
    blocks = cv2.resize(whole, (across, down), interpolation=cv2.INTER_AREA)
    out = cv2.resize(blocks, size, interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(np.rot90(out, round(rotation / 90) % 4)).astype(
        np.uint8, copy=False
    )
