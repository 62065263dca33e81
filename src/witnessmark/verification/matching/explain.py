"""A picture of why two files match: moments side by side, points that agree, a time line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from witnessmark.errors import BadInput
from witnessmark.model import Json
from witnessmark.ports import Result
from witnessmark.verification.matching.candidates import agreeing
from witnessmark.verification.matching.decode import SIDE, Picture, Video
from witnessmark.verification.matching.features import features
from witnessmark.verification.matching.fingerprint import Fingerprint
from witnessmark.verification.matching.matcher import Match, Segment

Canvas = NDArray[np.uint8]
#: Moments that are shown, over all segments.
MOMENTS = 6
_WIDTH = 2 * SIDE + 20
_BAR = 150
_INK, _PAPER = (30, 30, 30), (255, 255, 255)
#: Blue, green and red of the segments; apart from each other for colour-blind eyes too.
_COLOURS = ((178, 114, 0), (0, 94, 213), (115, 158, 0), (167, 121, 204), (66, 228, 240))


def moments(match: Match) -> list[tuple[int, float, float]]:
    """(segment, seconds of the query, seconds of the reference) to be shown."""
    each = max(1, MOMENTS // max(1, len(match.segments)))
    found = []
    for number, segment in enumerate(match.segments[:MOMENTS]):
        for step in range(each):
            share = (step + 0.5) / each
            found.append(
                (number, _between(segment.query, share), _between(segment.reference, share))
            )
    return found


def _between(span: tuple[float, float], share: float) -> float:
    return span[0] + (span[1] - span[0]) * share


def pictures(file: BinaryIO, params: Mapping[str, Json]) -> Result:
    """Worker function: the samples nearest to `times` (seconds), as raw grey pictures.

    Returns:
        `shapes` (height and width of each) and a blob for each, named by its number.
    """
    times = params["times"]
    assert isinstance(times, list)
    wanted = [float(str(time)) for time in times]
    best: list[tuple[float, Picture] | None] = [None] * len(wanted)
    for sample in Video(file).samples():
        for number, time in enumerate(wanted):
            off, held = abs(sample.time - time), best[number]
            if held is None or off < held[0]:
                best[number] = (off, sample.luma)
    found = [each[1] for each in best if each is not None]
    shapes: list[Json] = [[*picture.shape] for picture in found]
    return Result(
        {"shapes": shapes}, {str(n): picture.tobytes() for n, picture in enumerate(found)}
    )


def read(result: Result) -> list[Picture]:
    """The pictures of a worker's answer, which may be anything. Raises `BadInput`."""
    value: Any = result.value
    shapes = value.get("shapes") if isinstance(value, dict) else None
    found = []
    for number, shape in enumerate(shapes if isinstance(shapes, list) else []):
        data = np.frombuffer(result.blobs.get(str(number), b""), np.uint8)
        fits = isinstance(shape, list) and len(shape) == 2
        if not fits or not all(type(n) is int and 0 < n <= SIDE for n in shape):
            raise BadInput("The pictures of this match make no sense.")
        if len(data) != shape[0] * shape[1]:
            raise BadInput("The pictures of this match are cut short.")
        found.append(data.reshape(shape))
    return found


def drawn(
    match: Match,
    names: tuple[str, str],
    prints: tuple[Fingerprint, Fingerprint],
    shown: tuple[Sequence[Picture], Sequence[Picture]],
) -> bytes:
    """The explanation as a PNG.

    Args:
        names: of query and reference; what is not ASCII is shown as a question mark.
        shown: their pictures at `moments(match)`.
    """
    title = f"{match.relation.replace('_', ' ')}, score {match.score:.2f} (not a probability)"
    parts = [_text([title, f"A: {names[0]}", f"B: {names[1]}"])]
    for (number, here, there), a, b in zip(moments(match), *shown, strict=False):
        parts.append(_pair(a, b, f"A {here:.2f} s  =  B {there:.2f} s", _colour(number)))
    parts.append(_lines(match.segments, prints[0].duration / 1000, prints[1].duration / 1000))
    done, data = cv2.imencode(".png", np.vstack(parts))
    if not done:
        raise BadInput("The picture of this match could not be written.")
    return data.tobytes()


def _colour(number: int) -> tuple[int, int, int]:
    return _COLOURS[number % len(_COLOURS)]


def _text(lines: Sequence[str]) -> Canvas:
    canvas = np.full((24 * len(lines) + 12, _WIDTH, 3), 255, np.uint8)
    for number, line in enumerate(lines):
        plain = line.encode("ascii", "replace").decode()[:110]
        cv2.putText(canvas, plain, (10, 24 * (number + 1)), 0, 0.5, _INK, 1, cv2.LINE_AA)
    return canvas


def _pair(a: Picture, b: Picture, label: str, colour: tuple[int, int, int]) -> Canvas:
    """Both side by side, with a line between every two points that agree."""
    height = max(a.shape[0], b.shape[0])
    canvas = np.full((height + 30, _WIDTH, 3), 255, np.uint8)
    for picture, left in ((a, 0), (b, SIDE + 20)):
        canvas[: picture.shape[0], left : left + picture.shape[1]] = picture[..., None]
    here, there = agreeing(features(a), features(b), a.shape, b.shape)
    for (x, y), (u, v) in zip(here.astype(int), there.astype(int), strict=True):
        start, end = (int(x), int(y)), (int(u) + SIDE + 20, int(v))
        cv2.line(canvas, start, end, colour, 1, cv2.LINE_AA)
        cv2.circle(canvas, start, 3, colour, 1, cv2.LINE_AA)
        cv2.circle(canvas, end, 3, colour, 1, cv2.LINE_AA)
    told = f"{label}    {len(here)} points agree"
    cv2.putText(canvas, told, (10, height + 20), 0, 0.5, _INK, 1, cv2.LINE_AA)
    return canvas


def _lines(segments: Sequence[Segment], a: float, b: float) -> Canvas:
    """The time line of either file, segments joined."""
    canvas = np.full((_BAR + 20, _WIDTH, 3), 255, np.uint8)
    left, right, upper, lower = 40, _WIDTH - 20, 40, _BAR - 30
    longest = max(a, b, 0.1)

    def place(time: float) -> int:
        return round(left + (right - left) * min(max(time / longest, 0), 1))

    for number, segment in enumerate(segments):
        (start, end), (first, last) = segment.query, segment.reference
        corners = [(place(start), upper + 16), (place(end), upper + 16),
                   (place(last), lower), (place(first), lower)]  # fmt: skip
        pale = tuple(255 - (255 - part) // 4 for part in _colour(number))
        cv2.fillPoly(canvas, [np.array(corners, np.int32)], pale)
    for name, length, y in (("A", a, upper), ("B", b, lower)):
        cv2.putText(canvas, name, (12, y + 13), 0, 0.5, _INK, 1, cv2.LINE_AA)
        cv2.rectangle(canvas, (left, y), (place(length), y + 16), _INK, 1)
        told = f"{length:.1f} s"
        cv2.putText(
            canvas, told, (max(left, place(length) - 60), y - 6), 0, 0.45, _INK, 1, cv2.LINE_AA
        )
    for number, segment in enumerate(segments):
        for span, y in ((segment.query, upper), (segment.reference, lower)):
            low, high = place(span[0]), max(place(span[1]), place(span[0]) + 2)
            cv2.rectangle(canvas, (low, y + 1), (high, y + 15), _colour(number), -1)
    return canvas
