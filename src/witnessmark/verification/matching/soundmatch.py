"""Finds one sound recording in two files: votes of short blocks over (rate, offset).

A block is two seconds of one sound, with its mean in each band and its loudness taken out: what
is left is how the shape of the sound changes. Blocks are laid on every moment of the other sound
at nine speeds, once with the pitch moved along (a record played faster), once with it kept (what
editing programs do). Where they agree is put to `align`; each stretch that comes of it is
compared frame by frame.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from witnessmark.verification.matching.align import Stretch, align
from witnessmark.verification.matching.soundprint import BANDS, PACE, Soundprint

Shapes = NDArray[np.float32]

#: Semitones by which sound is moved at most: 0.8 to 1.25 is 3.9 of them.
_SEMITONES = (0, *(sign * step for step in range(1, 5) for sign in (1, -1)))
#: Frames and bands taken together where blocks are searched: half of both.
_COARSE = 2
_BLOCK = 2 * PACE // _COARSE
#: Blocks of one query, by which long ones get fewer a second; frames searched together.
_MOST_BLOCKS, _SPAN = 400, 4096
_MOST_VOTES = 50_000
#: Agreement from which a block votes, and how many moments it may vote for.
_VOTES_FROM, _MOMENTS = 0.4, 6
#: Levels this far under the loudest of the next seconds count as silence, half decibels.
_DEPTH = 80
#: Frames over which the mean is taken out, and within which silence is judged.
_AROUND = 3 * PACE
#: Frames over which agreement is judged, two seconds.
_JUDGED = 2 * PACE
#: Agreement of every two seconds of a stretch, and over all of it. Chosen on made-up sounds: of
#: 800 unrelated pairs none came over .37, pieces of one song machine and key nearest.
_EVERY, WHOLE = 0.35, 0.5
#: Shortest stretch, seconds.
SHORTEST = 3.0


@dataclasses.dataclass(frozen=True, slots=True)
class Heard:
    """Query seconds `start` to `end` sound as reference = rate * query + offset.

    Attributes:
        agreement: mean correlation of the two, 0 to 1.
        semitones: by which the reference is lower.
    """

    stretch: Stretch
    agreement: float
    semitones: int


def shapes(levels: NDArray[np.uint8]) -> Shapes:
    """n x bands: what changes in a sound; zeros where there is nothing to compare."""
    if not len(levels):
        return np.zeros((0, BANDS), np.float32)
    loud = levels.astype(np.float32)
    top = _running_most(loud.max(axis=1))
    loud = np.maximum(loud, np.maximum(top - _DEPTH, 1.0)[:, None])
    loud -= _running_mean(loud)
    loud -= loud.mean(axis=1, keepdims=True)
    return loud


def _running_most(values: Shapes) -> Shapes:
    padded = np.pad(values, _AROUND, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _AROUND + 1)
    return np.asarray(windows.max(axis=1), np.float32)


def _running_mean(values: Shapes) -> Shapes:
    half = _AROUND // 2
    total = np.cumsum(np.pad(values, ((half + 1, half), (0, 0)), mode="edge"), axis=0, dtype=float)
    width = 2 * half + 1
    return np.asarray((total[width:] - total[:-width]) / width, np.float32)


def _moved(shape: Shapes, semitones: int) -> Shapes:
    """The same sound so many bands higher; what comes in at an end is zero."""
    out = np.zeros_like(shape)
    if semitones > 0:
        out[:, semitones:] = shape[:, :-semitones]
    elif semitones < 0:
        out[:, :semitones] = shape[:, -semitones:]
    else:
        out[:] = shape
    return out


def _at(shape: Shapes, frames: NDArray[np.float64]) -> Shapes:
    """Shapes between frames, zeros outside."""
    low = np.floor(frames).astype(np.intp)
    part = (frames - low).astype(np.float32)[:, None]
    inside = ((low >= 0) & (low < len(shape)))[:, None]
    first, second = np.clip(low, 0, len(shape) - 1), np.clip(low + 1, 0, len(shape) - 1)
    return np.asarray((shape[first] * (1 - part) + shape[second] * part) * inside, np.float32)


def _coarse(shape: Shapes) -> Shapes:
    n = len(shape) // _COARSE
    cut = shape[: n * _COARSE].reshape(n, _COARSE, BANDS // _COARSE, _COARSE)
    return np.asarray(cut.mean(axis=(1, 3)), np.float32)


def _blocks(shape: Shapes, step: int) -> Shapes:
    """Windows of `_BLOCK` coarse frames every `step`, flat, of length 1 or 0 when nothing is."""
    windows = np.lib.stride_tricks.sliding_window_view(shape, _BLOCK, axis=0)[::step]
    flat = windows.reshape(len(windows), -1)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(np.where(length > _FLAT, flat / np.maximum(length, _FLAT), 0), np.float32)


#: Length of a block (root of summed squares) under which nothing in it changes: a half decibel.
_FLAT = 1.0 * float(np.sqrt(_BLOCK * BANDS / _COARSE))


def _votes(
    query: Shapes, reference: Shapes
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Moments of both that agree, in seconds, and how much."""
    played = list(_played(query))
    found = []
    # part by part: hours of sound would not fit at once
    for start in range(0, len(reference) // _COARSE - _BLOCK + 1, _SPAN):
        part = reference[_COARSE * start :][: _COARSE * (_SPAN + _BLOCK - 1)]
        there = _blocks(_coarse(part), 1).T
        found += [_peaks(blocks @ there, start, step, rate) for blocks, step, rate in played]
    votes = np.concatenate(found) if found else np.zeros((0, 3))
    if len(votes) > _MOST_VOTES:
        votes = votes[np.argsort(-votes[:, 2], kind="stable")[:_MOST_VOTES]]
    return votes[:, 0], votes[:, 1], votes[:, 2]


def _played(query: Shapes) -> Iterator[tuple[Shapes, int, float]]:
    """Blocks of the query as it would sound at other speeds, their step, and the speed."""
    for semitones in _SEMITONES:
        rate = 2 ** (semitones / 12)
        slowed = _at(query, np.arange(int(len(query) * rate)) / rate)
        for pitch in {0, -semitones}:
            coarse = _coarse(_moved(slowed, pitch))
            if len(coarse) >= _BLOCK:
                step = max(_BLOCK // 5, -(-len(coarse) // _MOST_BLOCKS))
                yield _blocks(coarse, step), step, rate


def _peaks(agreement: Shapes, start: int, step: int, rate: float) -> NDArray[np.float64]:
    """(query seconds, reference seconds, agreement) of each block's best moments."""
    most = min(_MOMENTS, agreement.shape[1])
    best = np.argpartition(-agreement, most - 1, axis=1)[:, :most]
    value = np.take_along_axis(agreement, best, axis=1)
    row, column = np.nonzero(value > _VOTES_FROM)
    middle = _BLOCK / 2
    a = (row * step + middle) * _COARSE / PACE / rate
    b = (best[row, column] + start + middle) * _COARSE / PACE
    return np.stack([a, b, value[row, column].astype(float)], axis=1)


def heard(query: Soundprint, reference: Soundprint, least: float = WHOLE) -> list[Heard]:
    """Stretches of `query` that sound as `reference` does, by query time; none overlap.

    Args:
        least: agreement; a lower one shows how near a pair comes to being called the same.
    """
    if len(query) > len(reference):  # blocks are laid densest in the shorter one
        return sorted(
            map(_turned, heard(reference, query, least)), key=lambda each: each.stretch.start
        )
    a, b = shapes(query.levels), shapes(reference.levels)
    lines = map(_evened, align(*_votes(a, b)))
    judged = [each for line in lines for each in _judged(a, b, line, least)]
    chosen: list[Heard] = []
    for each in sorted(judged, key=lambda each: -each.agreement * length(each.stretch)):
        if all(_apart(each.stretch, other.stretch) for other in chosen):
            chosen.append(each)
    return sorted(chosen, key=lambda each: each.stretch.start)


def length(stretch: Stretch) -> float:
    """Seconds of the query."""
    return stretch.end - stretch.start


def _evened(line: Stretch) -> Stretch:
    """At rate 1 when that is within two frames of the line from end to end."""
    if abs(line.rate - 1) * length(line) > 2 / PACE:
        return line
    middle = (line.start + line.end) / 2
    return dataclasses.replace(line, rate=1.0, offset=line.reference(middle) - middle)


def _apart(one: Stretch, other: Stretch) -> bool:
    return min(one.end, other.end) - max(one.start, other.start) <= 0.3 * length(one)


def _turned(found: Heard) -> Heard:
    line = found.stretch
    ends = line.reference(line.start), line.reference(line.end)
    there = Stretch(*ends, 1 / line.rate, -line.offset / line.rate, line.votes)
    return Heard(there, found.agreement, -found.semitones)


def _judged(query: Shapes, reference: Shapes, stretch: Stretch, least: float) -> Iterator[Heard]:
    """The parts of a stretch, and a little around it, that agree frame by frame."""
    first = max(0, int((stretch.start - 2) * PACE))
    last = min(len(query), int((stretch.end + 2) * PACE))
    a = query[first:last]
    frames = np.asarray(np.arange(first, last) * stretch.rate, np.float64)
    moved = round(12 * np.log2(stretch.rate))
    tried = []
    for pitch in {0, -moved}:
        for shift in range(-4, 5):
            b = _at(reference, frames + (stretch.offset * PACE + shift))
            tried.append((agreement(_moved(a, pitch), b), shift, pitch))
    best = max(tried, key=lambda each: float(each[0].mean()))
    offset = stretch.offset + best[1] / PACE
    for start, end in _runs(best[0] >= min(_EVERY, least)):
        mean = float(best[0][start:end].mean())
        if end - start >= SHORTEST * PACE and mean >= least:
            part = Stretch(
                (first + start) / PACE, (first + end) / PACE, stretch.rate, offset, stretch.votes
            )
            yield Heard(part, mean, best[2])


def agreement(a: Shapes, b: Shapes) -> NDArray[np.float64]:
    """Correlation of two aligned shapes around every frame; 0 where one of them is flat."""
    width = min(_JUDGED, len(a))
    if not width:
        return np.zeros(0)

    def summed(values: Shapes) -> NDArray[np.float64]:
        padded = np.pad(values.sum(axis=1, dtype=float), (width // 2, width - 1 - width // 2))
        total = np.concatenate([[0.0], np.cumsum(padded)])
        return np.asarray(total[width:] - total[:-width])

    # under half a decibel of change there is nothing to compare
    least = width * BANDS
    x, y = summed(a * a), summed(b * b)
    some = (x > least) & (y > least)
    return np.where(some, summed(a * b) / np.sqrt(np.maximum(x * y, least)), 0.0)


def _runs(good: NDArray[np.bool_]) -> Iterable[tuple[int, int]]:
    """Start and end of what is good without a break of a second."""
    at = np.flatnonzero(good)
    if not len(at):
        return []
    cuts = np.flatnonzero(np.diff(at) > PACE) + 1
    return [(int(run[0]), int(run[-1]) + 1) for run in np.split(at, cuts)]
