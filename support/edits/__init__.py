"""Re-uploads made on the spot: what platforms and people do to a clip before it comes back.

Every edit takes a source path and an output path (`.mp4`) and gives the output path back. They
are synthetic: real re-uploads combine several and add encoders of their own. Those with random
measures are in `reuploads`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from support.edits import pictures
from support.edits.pictures import small_picture
from support.edits.video import Picture, Timed, fitted, frames, pace, resized, steady, write

__all__ = [
    "EDITS",
    "Edit",
    "Picture",
    "Timed",
    "fitted",
    "frames",
    "pace",
    "resized",
    "small_picture",
    "steady",
    "write",
]

Edit = Callable[[Path, Path], Path]


def _each(
    change: Callable[[Picture], Picture], source: Path, out: Path, *, bit_rate: int = 0
) -> Path:
    fps = pace(source)
    changed = (change(picture) for picture in steady(frames(source), fps))
    return write(out, changed, fps, bit_rate=bit_rate)


def low_bitrate(source: Path, out: Path) -> Path:
    return _each(lambda picture: picture, source, out, bit_rate=90_000)


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
    return write(out, steady(frames(source), fps), fps)


def compilation(
    parts: Sequence[tuple[Path, float, float]], out: Path, *, size: tuple[int, int] = (640, 360)
) -> Path:
    """Pieces (path, start, end) in a row, each fitted into `size` with black around."""

    def shown() -> Iterator[Picture]:
        for path, start, end in parts:
            for picture in steady(frames(path, start=start, end=end), 25.0):
                yield pictures.boxed(picture, *size)

    return write(out, shown(), 25.0)


def picture_in_picture(source: Path, out: Path, *, behind: Path, share: float = 0.45) -> Path:
    """`source` in the lower left corner over `behind`, which is shown again until it ends."""
    fps = pace(source)

    def backs() -> Iterator[Picture]:
        while True:
            yield from steady(frames(behind), fps)

    def shown() -> Iterator[Picture]:
        for picture, back in zip(steady(frames(source), fps), backs(), strict=False):
            scene = pictures.boxed(back, 640, 480)
            scale = min(640 * share / picture.shape[1], 480 * share / picture.shape[0])
            size = round(picture.shape[1] * scale), round(picture.shape[0] * scale)
            inset = resized(picture, *size)
            scene[-inset.shape[0] - 12 : -12, 12 : 12 + inset.shape[1]] = inset
            yield scene

    return write(out, shown(), fps)


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
