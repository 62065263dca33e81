"""Edits that come out the same every time.

Each takes a source path and an output path (`.mp4`) and gives the output path back.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from support.edits import pictures
from support.edits.video import Picture, changed, frames, pace, steady, write

Edit = Callable[[Path, Path], Path]
#: Pictures a second of a compilation.
COMPILED = 25.0


def _each(change: Callable[[Picture], Picture], source: Path, out: Path) -> Path:
    return changed(source, out, lambda picture, _: change(picture))


def low_bitrate(source: Path, out: Path) -> Path:
    return changed(source, out, lambda picture, _: picture, bit_rate=90_000)


def small(source: Path, out: Path) -> Path:
    return _each(pictures.small_picture, source, out)


def grey(source: Path, out: Path) -> Path:
    return _each(pictures.grey, source, out)


def blur(source: Path, out: Path) -> Path:
    return _each(pictures.blur, source, out)


def brighter(source: Path, out: Path) -> Path:
    return _each(pictures.brighter, source, out)


def caption_bar_and_logo(source: Path, out: Path) -> Path:
    return _each(pictures.caption, source, out)


def letterbox(source: Path, out: Path) -> Path:
    return _each(pictures.letterbox, source, out)


def mirror(source: Path, out: Path) -> Path:
    return _each(pictures.mirror, source, out)


def rotate90(source: Path, out: Path) -> Path:
    """A quarter clockwise, in the pixels."""
    return _each(pictures.rotate90, source, out)


def crop(source: Path, out: Path, *, fraction: float = 0.2) -> Path:
    return _each(functools.partial(pictures.crop, fraction=fraction), source, out)


def blur_padded_portrait(source: Path, out: Path) -> Path:
    return _each(pictures.portrait, source, out)


def excerpt(source: Path, out: Path, *, start: float, end: float) -> Path:
    fps = pace(source)
    return write(out, steady(frames(source, start=start, end=end), fps), fps)


def speed(source: Path, out: Path, *, rate: float) -> Path:
    """Plays `rate` times as fast, at the old number of pictures a second."""
    fps = pace(source)
    return write(out, steady(frames(source, speed=rate), fps), fps)


def frame_rate(source: Path, out: Path, *, fps: float = 15.0) -> Path:
    return changed(source, out, lambda picture, _: picture, fps=fps)


def compilation(
    parts: Sequence[tuple[Path, float, float]], out: Path, *, size: tuple[int, int] = (640, 360)
) -> Path:
    """Pieces (path, start, end) in a row, each fitted into `size` with black around."""

    def shown() -> Iterator[Picture]:
        for path, start, end in parts:
            for picture in steady(frames(path, start=start, end=end), COMPILED):
                yield pictures.boxed(picture, *size)

    return write(out, shown(), COMPILED)


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
