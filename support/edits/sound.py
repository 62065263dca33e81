"""The sound of one clip under the pictures of another."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from support.edits.video import frames, pace, steady

Samples = NDArray[np.float32]
RATE = 44_100


def heard(path: Path, *, end: float | None = None) -> Samples:
    """The sound of a file at 44.1 kHz, both ears in one (n); empty when it has none."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return np.zeros(0, np.float32)
        resampler = av.AudioResampler("flt", "mono", RATE)
        parts: list[Samples] = []
        for frame in container.decode(audio=0):
            parts += [each.to_ndarray().ravel() for each in resampler.resample(frame)]
            if end is not None and sum(map(len, parts)) >= end * RATE:
                break
    sound = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    return np.asarray(sound[: None if end is None else round(end * RATE)], np.float32)


def under(pictures: Path, sound: Samples, out: Path, *, bit_rate: int = 64_000) -> Path:
    """Pictures of a file with this sound, as long as both last; H.264 and AAC in MP4."""
    fps = pace(pictures)
    rate = Fraction(fps).limit_denominator(1001)
    shown = list(steady(frames(pictures, end=len(sound) / RATE), fps))
    sound = sound[: round(len(shown) / fps * RATE)]
    height, width = (side // 2 * 2 for side in shown[0].shape[:2])
    with av.open(str(out), "w") as container:
        video = container.add_stream("libx264", rate=rate, options={"preset": "veryfast"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = container.add_stream("aac", rate=RATE, layout="mono")
        audio.bit_rate = bit_rate
        for number, picture in enumerate(shown):
            even = np.ascontiguousarray(picture[:height, :width])
            frame = av.VideoFrame.from_ndarray(even, format="bgr24")
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for start in range(0, len(sound), 1024):
            block = av.AudioFrame.from_ndarray(sound[None, start : start + 1024], "fltp", "mono")
            block.sample_rate, block.pts, block.time_base = RATE, start, Fraction(1, RATE)
            container.mux(audio.encode(block))
        container.mux(audio.encode(None))
    return out
