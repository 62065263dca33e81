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
#: Longest sound that is laid over another at once; of a longer one its windows are.
_WINDOW = 60 * PACE


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
