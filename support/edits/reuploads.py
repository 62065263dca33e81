"""Edits with random measures: what a query of a measurement is made of.

Each takes the clip, where to write, and a generator; the same generator makes the same file. Each
gives back how its clock runs against the clip's: second t shows second `rate` * t + `start`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np

from support.edits import dressing, fixed, pictures
from support.edits.dressing import Random
from support.edits.video import (
    Change,
    Picture,
    changed,
    fitted,
    frames,
    pace,
    resized,
    steady,
    write,
)


class Clock(NamedTuple):
    """Second t of the edit shows second `rate` * t + `start` of the clip; it lasts `length`."""

    start: float
    rate: float
    length: float


Reupload = Callable[[Path, Path, Random], Clock]
#: Raise when an edit comes out otherwise than before: kept files are made anew.
VERSION = "1"


def length(path: Path) -> float:
    """Seconds; counted when the file does not say."""
    with av.open(str(path)) as container:
        if container.duration:
            return container.duration / av.time_base
        times = [frame.time or 0.0 for frame in container.decode(video=0)]
        return max(times) - min(times)


def shape(path: Path) -> tuple[int, int]:
    """Width and height."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return stream.width, stream.height


def _whole(path: Path) -> Clock:
    return Clock(0.0, 1.0, length(path))


def _changed(
    source: Path, out: Path, change: Change, *, fps: float = 0, crf: int = 26, bit_rate: int = 0
) -> Clock:
    changed(source, out, change, fps=fps, crf=crf, bit_rate=bit_rate)
    return _whole(source)


def _still(change: Callable[[Picture], Picture]) -> Change:
    """A change that is the same for every picture."""
    return lambda picture, _: change(picture)


# --- hardly changed ----------------------------------------------------------------------------


def low_bitrate(source: Path, out: Path, rng: Random) -> Clock:
    return _changed(source, out, lambda p, _: p, bit_rate=int(rng.uniform(60_000, 140_000)))


def small(source: Path, out: Path, rng: Random) -> Clock:
    del rng
    fixed.small(source, out)
    return _whole(source)


def grey(source: Path, out: Path, rng: Random) -> Clock:
    return _changed(source, out, _still(pictures.grey), crf=int(rng.integers(23, 31)))


def blur(source: Path, out: Path, rng: Random) -> Clock:
    sigma = min(shape(source)) * rng.uniform(0.006, 0.012)
    soft: Change = lambda p, _: np.asarray(cv2.GaussianBlur(p, (0, 0), sigma), np.uint8)  # noqa: E731 - one line says it
    return _changed(source, out, soft)


def frame_rate(source: Path, out: Path, rng: Random, *, fps: float) -> Clock:
    del rng
    fixed.frame_rate(source, out, fps=fps)
    return _whole(source)


def speed(source: Path, out: Path, rng: Random, *, rate: float) -> Clock:
    """Plays `rate` times as fast, at the old number of pictures a second."""
    del rng
    fixed.speed(source, out, rate=rate)
    return Clock(0.0, rate, length(source) / rate)


def excerpt(source: Path, out: Path, rng: Random) -> Clock:
    """Forty to sixty hundredths of it, three seconds at least."""
    fps, whole = pace(source), length(source)
    kept = max(3.0, whole * rng.uniform(0.4, 0.6))
    start = round(rng.uniform(0, whole - kept) * fps) / fps
    fixed.excerpt(source, out, start=start, end=start + kept)
    return Clock(start, 1.0, min(kept, whole - start))


def twice(source: Path, out: Path, rng: Random) -> Clock:
    """Encoded at one size and poorly, and that again at another."""
    between = out.with_suffix(".between.mp4")
    first, second = rng.uniform(0.5, 0.8), rng.uniform(0.6, 0.9)
    rates = (int(each) for each in rng.uniform(120_000, 250_000, 2))
    for here, there, scale in ((source, between, first), (between, out, second)):
        shrink = functools.partial(_scaled, scale=scale)
        _changed(here, there, _still(shrink), bit_rate=next(rates))
    between.unlink()
    return _whole(source)


def _scaled(picture: Picture, scale: float) -> Picture:
    height, width = picture.shape[:2]
    return resized(picture, max(64, round(width * scale)), max(64, round(height * scale)))


# --- framed anew -------------------------------------------------------------------------------


def _cropped(size: tuple[int, int], share: tuple[float, float], rng: Random) -> Change:
    """Keeps `share` of width and height, anywhere."""
    width, height = (round(side * kept) for side, kept in zip(size, share, strict=True))
    left = int(rng.integers(0, size[0] - width + 1))
    top = int(rng.integers(0, size[1] - height + 1))
    return _still(lambda p: np.ascontiguousarray(p[top : top + height, left : left + width]))


def crop(source: Path, out: Path, rng: Random, *, fraction: float) -> Clock:
    """Takes `fraction` off width and height, anywhere."""
    return _changed(source, out, _cropped(shape(source), (1 - fraction, 1 - fraction), rng))


def portrait_crop(source: Path, out: Path, rng: Random) -> Clock:
    """An upright 9:16 window of it; of an upright clip, a square."""
    width, height = shape(source)
    share = (height * 9 / 16 / width, 1.0) if width > height else (1.0, width / height)
    return _changed(source, out, _cropped((width, height), share, rng))


def channel_overlay(source: Path, out: Path, rng: Random) -> Clock:
    return _changed(source, out, dressing.channel(*shape(source), rng))


def letterbox(source: Path, out: Path, rng: Random, *, ink: str) -> Clock:
    inks = {"black": (0, 0, 0), "white": (255, 255, 255)}
    return _changed(source, out, dressing.bars(rng, inks.get(ink) or dressing.colour(rng)))


def mirror(source: Path, out: Path, rng: Random) -> Clock:
    del rng
    fixed.mirror(source, out)
    return _whole(source)


def rotate(source: Path, out: Path, rng: Random, *, quarters: int) -> Clock:
    """Clockwise, in the pixels."""
    del rng
    return _changed(source, out, _still(lambda p: np.ascontiguousarray(np.rot90(p, -quarters))))


def tilt(source: Path, out: Path, rng: Random) -> Clock:
    return _changed(source, out, dressing.tilt(*shape(source), rng))


def screen_recording(source: Path, out: Path, rng: Random) -> Clock:
    """Filmed off a screen at another number of pictures a second."""
    fps = float(rng.choice([20.0, 24.0, 30.0]))
    return _changed(source, out, dressing.screen(*shape(source), rng), fps=fps, crf=28)


def blur_padded(source: Path, out: Path, rng: Random) -> Clock:
    return _changed(source, out, _still(pictures.portrait), crf=int(rng.integers(24, 30)))


def mirror_crop_overlay(source: Path, out: Path, rng: Random) -> Clock:
    size = shape(source)
    share = 1 - rng.uniform(0.08, 0.18)
    cropped = _cropped(size, (share, share), rng)
    over = dressing.channel(round(size[0] * share), round(size[1] * share), rng)
    return _changed(source, out, lambda p, t: over(pictures.mirror(cropped(p, t)), t))


# --- of several, and of one picture ------------------------------------------------------------


def picture_in_picture(source: Path, out: Path, rng: Random, *, behind: Path) -> Clock:
    """`source` in a corner over `behind`, as long as both last."""
    width, height = shape(behind)
    share = rng.uniform(0.33, 0.5)
    w, h = shape(source)
    scale = min(width * share / w, height * share / h)
    size = max(32, round(w * scale)), max(32, round(h * scale))
    x, y = (12 if rng.random() < 0.5 else side - 12 - own
            for side, own in zip((width, height), size, strict=True))  # fmt: skip
    fps = pace(source)

    def shown(pair: tuple[Picture, Picture]) -> Picture:
        out = pair[1].copy()
        out[y : y + size[1], x : x + size[0]] = resized(pair[0], *size)
        return out

    pairs = zip(steady(frames(source), fps), steady(frames(behind), fps), strict=False)
    write(out, (shown(pair) for pair in pairs), fps)
    return Clock(0.0, 1.0, min(length(source), length(behind)))


def compilation(sources: Sequence[Path], out: Path, rng: Random) -> list[Clock]:
    """Three to four seconds of each, one after the other, in one size; a clock for each."""
    fps, clocks = fixed.COMPILED, []
    for source in sources:
        kept = rng.uniform(3.0, 4.0)
        start = rng.uniform(0, length(source) - kept)
        clocks.append(Clock(round(start * fps) / fps, 1.0, round(kept * fps) / fps))
    parts = zip(sources, clocks, strict=True)
    fixed.compilation([(path, at.start, at.start + at.length) for path, at in parts], out)
    return clocks


def screenshot(source: Path, out: Path, rng: Random, *, dressed: bool) -> Clock:
    """A JPEG of one picture at another size, with a player's page around it or without."""
    whole = length(source)
    at = rng.uniform(0.1, 0.9) * whole
    shown = next(p for time, p in frames(source, start=at, end=None) if time >= 0)
    picture = fitted(shown, int(rng.uniform(320, 600)))
    if dressed:
        picture = dressing.page(picture, rng)
    cv2.imwrite(str(out), picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(55, 90))])
    return Clock(at, 1.0, 0.0)


#: Of one clip, by name.
LIGHT: dict[str, Reupload] = {
    "low bitrate": low_bitrate,
    "144p": small,
    "grey": grey,
    "blur": blur,
    "frame rate 15": functools.partial(frame_rate, fps=15.0),
    "frame rate 12": functools.partial(frame_rate, fps=12.0),
    "speed 0.8": functools.partial(speed, rate=0.8),
    "speed 0.9": functools.partial(speed, rate=0.9),
    "speed 1.1": functools.partial(speed, rate=1.1),
    "speed 1.25": functools.partial(speed, rate=1.25),
    "excerpt": excerpt,
    "twice re-encoded": twice,
}
HARD: dict[str, Reupload] = {
    "crop 10%": functools.partial(crop, fraction=0.10),
    "crop 25%": functools.partial(crop, fraction=0.25),
    "portrait crop": portrait_crop,
    "channel overlay": channel_overlay,
    "letterbox black": functools.partial(letterbox, ink="black"),
    "letterbox white": functools.partial(letterbox, ink="white"),
    "letterbox colour": functools.partial(letterbox, ink="colour"),
    "mirror": mirror,
    "rotation 90": functools.partial(rotate, quarters=1),
    "rotation 180": functools.partial(rotate, quarters=2),
    "rotation 270": functools.partial(rotate, quarters=3),
    "tilt": tilt,
    "screen recording": screen_recording,
    "blur-padded 9:16": blur_padded,
    "mirror+crop+overlay": mirror_crop_overlay,
}
STILLS: dict[str, Reupload] = {
    "screenshot": functools.partial(screenshot, dressed=False),
    "screenshot in a page": functools.partial(screenshot, dressed=True),
}
