"""Whether what was found is what is true."""

from __future__ import annotations

import dataclasses

from bench.matching.queries import Part
from witnessmark.verification.matching import Match, Segment

#: How far a hit may lie beside the truth, seconds; of a still, how far the second.
NEAR, STILL = 0.5, 1.0


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """Of one part of a query.

    Attributes:
        found: its piece is linked, at this part of the query.
        linked: its piece is linked, wherever in the query: what peers are asked, too.
        placed: and every end of every segment there lies within half a second of the truth.
        outcome: `found`, `wrong place`, `same_scene`, `elsewhere in the query`, `nothing`.
    """

    part: Part
    found: bool
    placed: bool
    outcome: str
    score: float
    told: str
    linked: bool = False


def judged(part: Part, match: Match | None) -> Verdict:
    """The verdict on one part, from what was found of its piece."""
    if match is None:
        return Verdict(part, False, False, "nothing", 0.0, "")
    told = "; ".join(_told(segment) for segment in match.segments)
    if match.relation != "same_footage":
        return Verdict(part, False, False, match.relation, match.score, told)
    still = part.end <= part.start
    mine = [each for each in match.segments if still or _overlaps(each, part)]
    if not mine:
        return Verdict(part, False, False, "elsewhere in the query", match.score, told, True)
    near = STILL if still else NEAR
    placed = max(_off(segment, part) for segment in mine) <= near
    # A still's footage is found when its second is; a segment may be found a little off.
    outcome = "found" if placed else "wrong place"
    return Verdict(part, placed or not still, placed, outcome, match.score, told, True)


def _overlaps(segment: Segment, part: Part) -> bool:
    shared = min(segment.query[1], part.end) - max(segment.query[0], part.start)
    return shared > 0.5 * min(segment.query[1] - segment.query[0], part.end - part.start, 1.0)


def _off(segment: Segment, part: Part) -> float:
    """The greatest distance of an end of the segment from the truth, seconds."""
    if part.end <= part.start:
        return max(abs(there - part.offset) for there in segment.reference)
    return max(
        abs(part.rate * here + part.offset - there)
        for here, there in zip(segment.query, segment.reference, strict=True)
    )


def _told(segment: Segment) -> str:
    (a, b), (c, d) = segment.query, segment.reference
    return f"{a:.2f}-{b:.2f} = {c:.2f}-{d:.2f} x{segment.rate:.3f} {segment.transform}"
