"""Reading and writing the pictures of a video."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Timed = Iterator[tuple[float, Picture]]
#: What to do to a picture that is shown at this tick.
Change = Callable[[Picture, int], Picture]


def frames(
    source: Path, *, start: float = 0.0, end: float | None = None, speed: float = 1.0
) -> Timed:
    """Time (from 0, after speed) and BGR picture of `source` from `start` to `end` seconds."""
    with av.open(str(source)) as container:
        first = None
        for frame in container.decode(video=0):
            at = float(frame.time or 0.0)
            first = at if first is None else first
            at -= first
            if end is not None and at >= end:
                return
            if at >= start:
                yield (at - start) / speed, np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def pace(source: Path) -> float:
    """Pictures a second, 25 when the file does not say."""
    with av.open(str(source)) as container:
        rate = container.streams.video[0].average_rate
        return min(float(rate), 30.0) if rate else 25.0


def steady(pictures: Timed, fps: float) -> Iterator[Picture]:
    """The picture on show at every tick of a steady clock."""
    tick, shown = 0, None
    for time, picture in pictures:
        while shown is not None and tick / fps < time - 1e-6:
            yield shown
            tick += 1
        shown = picture
    if shown is not None:
        yield shown


def write(
    out: Path, pictures: Iterator[Picture], fps: float, *, crf: int = 26, bit_rate: int = 0
) -> Path:
    """H.264 in MP4. A `bit_rate` replaces `crf`."""
    options = {"preset": "veryfast"} | ({} if bit_rate else {"crf": str(crf)})
    rate = Fraction(fps).limit_denominator(1001)
    with av.open(str(out), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options=options)
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        if bit_rate:
            stream.bit_rate = bit_rate
        for number, picture in enumerate(pictures):
            even = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]
            if number == 0:
                stream.height, stream.width = even.shape[:2]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="bgr24")
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out


def changed(
    source: Path, out: Path, change: Change, *, fps: float = 0, crf: int = 26, bit_rate: int = 0
) -> Path:
    """Writes every picture of `source` as `change` makes it; at its own pace without `fps`."""
    fps = fps or pace(source)
    made = (change(picture, tick) for tick, picture in enumerate(steady(frames(source), fps)))
    return write(out, made, fps, crf=crf, bit_rate=bit_rate)


def fitted(picture: Picture, side: int) -> Picture:
    """No side longer than `side`, both even."""
    scale = min(1.0, side / max(picture.shape[:2]))
    width, height = (round(length * scale) // 2 * 2 for length in picture.shape[1::-1])
    return resized(picture, width, height)


def resized(picture: Picture, width: int, height: int) -> Picture:
    """Exactly `width` by `height`."""
    method = cv2.INTER_AREA if width < picture.shape[1] else cv2.INTER_LINEAR
    return cv2.resize(picture, (width, height), interpolation=method).astype(np.uint8, copy=False)
