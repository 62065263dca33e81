"""Lays two recordings of one event over each other in time: GCC-PHAT (Knapp & Carter, 1976).

Other microphones hear the same event with other rooms, noise and filters: agreement frame by frame
may be lost in it. The generalised cross-correlation with phase transform uses all of both sounds
at once and gives every rhythm the same weight, in each band. It works on the levels of the
fingerprint, not on the wave: what stands in several places of a square reaches two microphones
at different times, up to a tenth of a second apart, and leaves the wave without a common peak.

What it cannot do: say which seconds are common (it gives the clocks' offset, and the overlap that
follows from it), follow a changed speed, or tell a second microphone from a bad copy of the first.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from witnessmark.verification.matching.soundmatch import Shapes, agreement, shapes
from witnessmark.verification.matching.soundprint import PACE, Soundprint

#: Rhythms that are used, changes a second: slower ones are the room's, faster ones noise.
_SLOWEST, _FASTEST = 0.5, 10.0
#: Seconds around a peak that belong to it.
_PEAK = 0.5
#: Least overlap, seconds.
OVERLAP = 8.0
#: A minute of the shorter sound is laid over ten of the longer; of hours, so many minutes are.
_WINDOW, _PART, _MOST_WINDOWS = 60 * PACE, 600 * PACE, 40
#: What an offset must reach. Among unrelated sounds the peak is 3 to 6 deviations high and up to
#: 1.5 times the second (`python -m bench sound`); a beat that repeats has a second nearly as high.
_PEAK_FROM, _RATIO_FROM, _AGREE_FROM = 9.0, 2.0, 0.08


@dataclasses.dataclass(frozen=True, slots=True)
class Aligned:
    """Where reference = query + offset, seconds.

    Attributes:
        start, end: seconds of the query in which both run.
        peak: height of the highest peak above the mean, in standard deviations of the rest.
        ratio: of the highest peak to the second.
        agreement: mean correlation at this offset, as of a recording that was found.
    """

    offset: float
    start: float
    end: float
    peak: float
    ratio: float
    agreement: float

    @property
    def certain(self) -> bool:
        """Whether the offset stands out."""
        return (
            self.peak >= _PEAK_FROM and self.ratio >= _RATIO_FROM and self.agreement >= _AGREE_FROM
        )


def correlated(query: Shapes, reference: Shapes) -> NDArray[np.float64]:
    """GCC-PHAT at each lag, in frames: at index k the reference is k - len(query) + 1 later."""
    size = 1 << (len(query) + len(reference)).bit_length()
    a, b = np.fft.rfft(query, size, axis=0), np.fft.rfft(reference, size, axis=0)
    cross = np.conj(a) * b
    rhythm = np.fft.rfftfreq(size, 1 / PACE)
    used = (rhythm >= _SLOWEST) & (rhythm <= _FASTEST)
    # a band in which nothing changes has no phase
    white = np.where(used[:, None], cross / np.maximum(np.abs(cross), 1e-6), 0)
    lags = np.fft.irfft(white.sum(axis=1), size)
    return np.asarray(np.roll(lags, len(query) - 1)[: len(query) + len(reference) - 1])


def aligned(query: Soundprint, reference: Soundprint, *, everything: bool = False) -> list[Aligned]:
    """Offsets at which the two are one event, by query time; none when nothing stands out.

    Args:
        everything: the best offset of every window, however weak.
    """
    if len(query) > len(reference):
        found = aligned(reference, query, everything=everything)
        return sorted(map(_turned, found), key=lambda each: each.start)
    a, b = shapes(query.levels), shapes(reference.levels)
    joined: list[Aligned] = []
    for start in _starts(len(a), _WINDOW, _MOST_WINDOWS):
        window = a[start : start + _WINDOW]
        tried = (
            _laid(window, b[there : there + _PART], start, there)
            for there in _starts(len(b), _PART - _WINDOW, len(b))
        )
        best = max((each for each in tried if each), key=lambda each: each.peak, default=None)
        if best is not None and (everything or best.certain):
            _join(joined, best)
    return joined


def _starts(length: int, step: int, most: int) -> list[int]:
    """Where windows begin; when there would be more than `most`, evenly spread ones of them."""
    starts = list(range(0, max(length, 1), step))
    return starts if len(starts) <= most else starts[:: -(-len(starts) // most)]


def _join(found: list[Aligned], new: Aligned) -> None:
    """Adds a window's alignment, or lengthens the one before when both say the same."""
    last = found[-1] if found else None
    if last and abs(last.offset - new.offset) <= _PEAK and new.start - last.end <= 1.0:
        better = max(last, new, key=lambda each: each.peak)
        found[-1] = dataclasses.replace(better, start=last.start, end=new.end)
    else:
        found.append(new)


def _laid(query: Shapes, reference: Shapes, first: int, there: int) -> Aligned | None:
    """The one offset that stands out, if one does; the shapes begin at frames `first`, `there`."""
    least = round(OVERLAP * PACE)
    if min(len(query), len(reference)) < least:
        return None
    lags = correlated(query, reference)
    lag = np.arange(len(lags)) - len(query) + 1
    over = np.minimum(len(query), len(reference) - lag) - np.maximum(0, -lag)
    lags, lag = lags[over >= least], lag[over >= least]
    top = int(lags.argmax())
    rest = lags[np.abs(lag - lag[top]) > _PEAK * PACE]
    spread = float(rest.std()) if len(rest) else 0.0
    second = float(rest.max()) if len(rest) else 0.0
    if spread <= 0 or second <= 0:
        return None
    peak, ratio = float(lags[top] - rest.mean()) / spread, float(lags[top]) / second
    by = int(lag[top])
    start, end = max(0, -by), min(len(query), len(reference) - by)
    agree = float(agreement(query[start:end], reference[start + by : end + by]).mean())
    offset = (there + by - first) / PACE
    return Aligned(offset, (first + start) / PACE, (first + end) / PACE, peak, ratio, agree)


def _turned(found: Aligned) -> Aligned:
    """Seen from the reference."""
    return dataclasses.replace(
        found,
        offset=-found.offset,
        start=found.start + found.offset,
        end=found.end + found.offset,
    )
