"""Re-uploads made on the spot: what platforms and people do to a clip before it comes back.

Every edit takes a source path and an output path (`.mp4`) and gives the output path back. They
are synthetic: real re-uploads combine several and add encoders of their own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Edit = Callable[[Path, Path], Path]
Timed = Iterator[tuple[float, Picture]]


# --- reading and writing -----------------------------------------------------------------------


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


def _each(
    change: Callable[[Picture], Picture], source: Path, out: Path, *, bit_rate: int = 0
) -> Path:
    fps = pace(source)
    changed = (change(picture) for picture in steady(frames(source), fps))
    return write(out, changed, fps, bit_rate=bit_rate)


def fitted(picture: Picture, side: int) -> Picture:
    """No side longer than `side`, both even."""
    scale = min(1.0, side / max(picture.shape[:2]))
    width, height = (round(length * scale) // 2 * 2 for length in picture.shape[1::-1])
    return _resized(picture, width, height)


def _resized(picture: Picture, width: int, height: int) -> Picture:
    method = cv2.INTER_AREA if width < picture.shape[1] else cv2.INTER_LINEAR
    return cv2.resize(picture, (width, height), interpolation=method).astype(np.uint8, copy=False)


# --- one picture at a time ---------------------------------------------------------------------


def small_picture(picture: Picture, short: int = 144) -> Picture:
    scale = short / min(picture.shape[:2])
    return _resized(picture, round(picture.shape[1] * scale), round(picture.shape[0] * scale))


def _grey(picture: Picture) -> Picture:
    return cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR).astype(
        np.uint8, copy=False
    )


def _blur(picture: Picture) -> Picture:
    sigma = min(picture.shape[:2]) / 120
    return cv2.GaussianBlur(picture, (0, 0), sigma).astype(np.uint8, copy=False)


def _caption(picture: Picture) -> Picture:
    """A black bar with text over the lowest seventh, and a logo in the upper right corner."""
    out = picture.copy()
    height, width = out.shape[:2]
    bar, unit = height // 7, max(1.0, height / 270)
    out[-bar:] = 0
    place = (width // 20, height - bar // 3)
    white = (255, 255, 255)
    cv2.putText(out, "BREAKING: SEE THIS", place, 0, 0.7 * unit, white, round(2 * unit))
    logo = max(8, height // 6)
    cv2.rectangle(out, (width - logo - 8, 8), (width - 8, 8 + logo), (40, 40, 220), -1)
    cv2.circle(out, (width - logo // 2 - 8, 8 + logo // 2), logo // 3, white, -1)
    return out


def _letterbox(picture: Picture) -> Picture:
    bar = picture.shape[0] // 6
    return np.pad(picture, ((bar, bar), (0, 0), (0, 0)))


def _mirror(picture: Picture) -> Picture:
    return np.ascontiguousarray(picture[:, ::-1])


def _rotate90(picture: Picture) -> Picture:
    return np.ascontiguousarray(np.rot90(picture, -1))


def _crop(picture: Picture, fraction: float = 0.2) -> Picture:
    """Takes `fraction` off width and height, a third of it left and above."""
    height, width = picture.shape[:2]
    top, left = round(height * fraction / 3), round(width * fraction / 3)
    low, right = round(height * fraction * 2 / 3), round(width * fraction * 2 / 3)
    return np.ascontiguousarray(picture[top : height - low, left : width - right])


def _portrait(picture: Picture) -> Picture:
    """9:16 with the clip across and a blurred, enlarged copy of it above and below."""
    height, width = picture.shape[:2]
    tall = width * 16 // 9
    if height >= tall:  # portrait already: the same at its sides
        return np.ascontiguousarray(_portrait(picture.transpose(1, 0, 2)).transpose(1, 0, 2))
    cut = max(8, height * width // tall)
    middle = picture[:, (width - cut) // 2 : (width + cut) // 2]
    back = cv2.GaussianBlur(_resized(middle, width, tall), (0, 0), width / 30)
    top = (tall - height) // 2
    back[top : top + height] = picture
    return back.astype(np.uint8, copy=False)


def _brighter(picture: Picture) -> Picture:
    return cv2.convertScaleAbs(picture, alpha=1.25, beta=15).astype(np.uint8, copy=False)


# --- edits -------------------------------------------------------------------------------------


def low_bitrate(source: Path, out: Path) -> Path:
    return _each(lambda picture: picture, source, out, bit_rate=90_000)


def small(source: Path, out: Path) -> Path:
    return _each(small_picture, source, out)


def grey(source: Path, out: Path) -> Path:
    return _each(_grey, source, out)


def blur(source: Path, out: Path) -> Path:
    return _each(_blur, source, out)


def brighter(source: Path, out: Path) -> Path:
    return _each(_brighter, source, out)


def caption_bar_and_logo(source: Path, out: Path) -> Path:
    return _each(_caption, source, out)


def letterbox(source: Path, out: Path) -> Path:
    return _each(_letterbox, source, out)


def mirror(source: Path, out: Path) -> Path:
    return _each(_mirror, source, out)


def rotate90(source: Path, out: Path) -> Path:
    """A quarter clockwise, in the pixels."""
    return _each(_rotate90, source, out)


def crop(source: Path, out: Path, *, fraction: float = 0.2) -> Path:
    return _each(functools.partial(_crop, fraction=fraction), source, out)


def blur_padded_portrait(source: Path, out: Path) -> Path:
    return _each(_portrait, source, out)


def excerpt(source: Path, out: Path, *, start: float, end: float) -> Path:
    fps = pace(source)
    return write(out, steady(frames(source, start=start, end=end), fps), fps)


def speed(source: Path, out: Path, *, rate: float) -> Path:
    """Plays `rate` times as fast, at the old number of pictures a second."""
    fps = pace(source)
    return write(out, steady(frames(source, speed=rate), fps), fps)


def frame_rate(source: Path, out: Path, *, fps: float = 15.0) -> Path:
    return write(out, steady(frames(source), fps), fps)


def compilation(
    parts: Sequence[tuple[Path, float, float]], out: Path, *, size: tuple[int, int] = (640, 360)
) -> Path:
    """Pieces (path, start, end) in a row, each fitted into `size` with black around."""

    def pictures() -> Iterator[Picture]:
        for path, start, end in parts:
            for picture in steady(frames(path, start=start, end=end), 25.0):
                yield _boxed(picture, *size)

    return write(out, pictures(), 25.0)


def _boxed(picture: Picture, width: int, height: int) -> Picture:
    scale = min(width / picture.shape[1], height / picture.shape[0])
    inside = _resized(picture, round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    out = np.zeros((height, width, 3), np.uint8)
    top, left = (height - inside.shape[0]) // 2, (width - inside.shape[1]) // 2
    out[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return out


def picture_in_picture(source: Path, out: Path, *, behind: Path, share: float = 0.45) -> Path:
    """`source` in the lower left corner over `behind`, which is shown again until it ends."""
    fps = pace(source)

    def backs() -> Iterator[Picture]:
        while True:
            yield from steady(frames(behind), fps)

    def pictures() -> Iterator[Picture]:
        for picture, back in zip(steady(frames(source), fps), backs(), strict=False):
            scene = _boxed(back, 640, 480)
            scale = min(640 * share / picture.shape[1], 480 * share / picture.shape[0])
            size = round(picture.shape[1] * scale), round(picture.shape[0] * scale)
            inset = _resized(picture, *size)
            scene[-inset.shape[0] - 12 : -12, 12 : 12 + inset.shape[1]] = inset
            yield scene

    return write(out, pictures(), fps)


#: Edits that need nothing but the clip; those of a part of it take the middle.
EDITS: dict[str, Edit] = {
    "low_bitrate": low_bitrate,
    "small": small,
    "grey": grey,
    "blur": blur,
    "brighter": brighter,
    "caption_bar_and_logo": caption_bar_and_logo,
    "letterbox": letterbox,
    "mirror": mirror,
    "rotate90": rotate90,
    "crop_10": functools.partial(crop, fraction=0.1),
    "crop_25": functools.partial(crop, fraction=0.25),
    "frame_rate_15": frame_rate,
    "speed_0.8": functools.partial(speed, rate=0.8),
    "speed_1.25": functools.partial(speed, rate=1.25),
    "blur_padded_portrait": blur_padded_portrait,
}
