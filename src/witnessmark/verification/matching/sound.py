"""One sound in two files, whatever the pictures are: the relation `same_sound`.

Two programs look, the stronger first: `soundmatch` finds a recording of sound again frame by
frame, at any speed that editors use; where it finds nothing, `angles` lays other recordings of one
event over each other by GCC-PHAT. Neither says anything of the pictures, and neither tells a
second microphone from a copy of the first: it is never `same_footage`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import BinaryIO

import numpy as np

from witnessmark.model import Json
from witnessmark.ports import Result
from witnessmark.verification.matching import angles, soundmatch
from witnessmark.verification.matching.align import Stretch
from witnessmark.verification.matching.comparing import compared
from witnessmark.verification.matching.matcher import Segment
from witnessmark.verification.matching.soundprint import VERSION, Soundprint, make, of_file

__all__ = [
    "MATCHER_VERSION",
    "SAME_SOUND",
    "SoundMatch",
    "compare_sounds",
    "explained",
    "match_sounds",
]

#: Of everything that decides: raise it when a decision can come out otherwise.
MATCHER_VERSION = "sound-1"
SAME_SOUND = "same_sound"
#: Seconds by which two clocks may differ and still say the same.
_NEAR = 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class SoundMatch:
    """What two files share in sound.

    Attributes:
        relation: `same_sound`.
        score: 0 to 1: mean correlation of the two sounds over the segments. After GCC-PHAT it is
            low even when the offset is certain.
        segments: always `identity`; of GCC-PHAT the overlap, of which parts may not be common.
        evidence: which program found it, with its numbers, for people.
    """

    relation: str
    score: float
    segments: tuple[Segment, ...]
    evidence: str


def match_sounds(query: Soundprint, reference: Soundprint) -> SoundMatch | None:
    """What two sounds share, None if nothing was found."""
    found = soundmatch.heard(query, reference)
    if found:
        segments = [_segment(each.stretch, reference.seconds) for each in found]
        weights = [soundmatch.length(each.stretch) for each in found]
        score = float(np.average([each.agreement for each in found], weights=weights))
        moved = {each.semitones for each in found} - {0}
        evidence = f"agrees frame by frame, correlation {score:.2f}"
        if moved:
            evidence += f", pitch moved by {', '.join(f'{each:+}' for each in sorted(moved))}"
            evidence += " semitones"
    else:
        laid = angles.aligned(query, reference)
        if not laid:
            return None
        best = max(laid, key=lambda each: each.peak)
        segments = [
            Segment(
                (each.start, each.end), _ends(each.start, each.end, each.offset), 1.0, "identity"
            )
            for each in laid
        ]
        score = best.agreement
        evidence = (
            f"aligned by GCC-PHAT, peak {best.ratio:.1f} times the second, {best.peak:.0f}"
            f" deviations high, correlation {score:.2f}"
        )
    return SoundMatch(SAME_SOUND, min(1.0, max(0.0, score)), tuple(segments), evidence)


def _ends(start: float, end: float, offset: float) -> tuple[float, float]:
    return max(0.0, start + offset), end + offset


def _segment(line: Stretch, longest: float) -> Segment:
    there = line.reference(line.start), line.reference(line.end)
    return Segment(
        (line.start, line.end), (max(0.0, there[0]), min(longest, there[1])), line.rate, "identity"
    )


def explained(segment: Segment, footage: Iterable[Segment]) -> bool:
    """Whether pictures explain at least half of a segment, on the same line of time.

    The sound that goes with the same footage is no news.
    """
    total = 0.0
    for each in footage:
        start = max(segment.query[0], each.query[0])
        end = min(segment.query[1], each.query[1])
        middle = (start + end) / 2
        if end > start and abs(_reference(segment, middle) - _reference(each, middle)) <= _NEAR:
            total += end - start
    return 2 * total >= segment.query[1] - segment.query[0]


def _reference(segment: Segment, time: float) -> float:
    return segment.reference[0] + segment.rate * (time - segment.query[0])


# --- in a worker ---------------------------------------------------------------------------------


def soundprint(file: BinaryIO, params: Mapping[str, Json]) -> Result:  # noqa: ARG001 - the worker's form
    """Worker function: the fingerprint of a file's first sound as blob "soundprint".

    Returns:
        `version`, `duration` (milliseconds) and `warnings`; no blob when nothing could be decoded,
        or when all of it is silent: `silent` says so.
    """
    made, warnings = of_file(file)
    silent = len(made) > 0 and not made.levels.any()
    value: dict[str, Json] = {
        "version": VERSION,
        "duration": round(made.seconds * 1000),
        "warnings": [*warnings, *(["silent"] if silent else [])],
    }
    return Result(value, {"soundprint": made.encode()} if len(made) and not silent else {})


def compare_sounds(
    file: BinaryIO,
    params: Mapping[str, Json],  # noqa: ARG001 - the worker's form
    *,
    also: Sequence[BinaryIO],
) -> Result:
    """Worker function: the sound fingerprint in `file` against each of `also`, in their order.

    Returns:
        as `comparing.compare`.
    """
    query = Soundprint.decode(file.read())
    return Result([compared(query, each, Soundprint.decode, match_sounds) for each in also])


# A worker imports this module and then closes its sandbox: what numpy and PyAV load on their first
# use is used once.
_NOISE = np.random.default_rng(0).normal(size=9 * 8000).astype(np.float32)
match_sounds(make([_NOISE]), make([_NOISE[8000:]]))
angles.aligned(make([_NOISE]), make([_NOISE[8000:]]))
