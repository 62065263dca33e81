"""Compares two fingerprints: candidates by hash and features, decided by what moves."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable

import numpy as np

from witnessmark.verification.matching.align import GAP, TOLERANCE, Stretch
from witnessmark.verification.matching.candidates import Placement, by_features, by_hash
from witnessmark.verification.matching.evidence import BROAD, Aligned
from witnessmark.verification.matching.fingerprint import Fingerprint
from witnessmark.verification.matching.framehash import inverse
from witnessmark.verification.matching.hours import Budget, pieces
from witnessmark.verification.matching.motion import SCENIC, SHARED, Laid
from witnessmark.verification.matching.stills import Moment, moment

VERSION = "4"
#: Share of the query from which no further placement is looked at.
_EXPLAINED = 0.8
#: Agreement below which laying the pictures more exactly is not tried.
_WORTHWHILE = 0.3
#: A card has this share without detail (footage of cameras: up to .44; cards: from .61), lasts so
#: many seconds at most, and is this share of either video at most.
_DRAWN, _CARD_LONGEST, _CARD_PART = 0.5, 15.0, 0.6
#: Agreement from which something drawn is the same: words that appear move for half a second, and
#: nobody draws them twice as a camera films twice.
_SAME_DRAWN = 0.9
#: Shortest stretch, seconds.
SHORTEST = 1.5


@dataclasses.dataclass(frozen=True, slots=True)
class Segment:
    """Seconds of the query that show seconds of the reference.

    Attributes:
        rate: seconds of the reference for one of the query.
        transform: how the query lies against the reference (`identity`, `mirror`, ...).
    """

    query: tuple[float, float]
    reference: tuple[float, float]
    rate: float
    transform: str

    def turned(self) -> Segment:
        """Seen from the reference."""
        return Segment(self.reference, self.query, 1 / self.rate, inverse(self.transform))


@dataclasses.dataclass(frozen=True, slots=True)
class Match:
    """What two videos share.

    Attributes:
        relation: `same_footage`; `same_scene` when only what stands still agrees; `same_card` when
            nothing but an intro, a countdown or a test card is shared.
        score: 0 to 1; for footage and cards the mean agreement of what moves, for a scene the
            share of the query's pictures that agree.
        segments: for a scene, from the first to the last picture that agrees, on each side.
    """

    relation: str
    score: float
    segments: tuple[Segment, ...]

    def turned(self) -> Match:
        """Seen from the reference."""
        segments = sorted((each.turned() for each in self.segments), key=lambda each: each.query)
        return Match(self.relation, self.score, tuple(segments))


_Found = tuple[Segment, Aligned]


@dataclasses.dataclass(frozen=True, slots=True)
class _Placed:
    """A placement of a reference in a query; either may be the inset of a video."""

    query: Fingerprint
    reference: Fingerprint
    placement: Placement


def _placed(
    placing: Callable[[Fingerprint, Fingerprint], list[Placement]],
    query: Fingerprint,
    reference: Fingerprint,
) -> list[_Placed]:
    return [_Placed(query, reference, each) for each in placing(query, reference)]


def _hashed(query: Fingerprint, reference: Fingerprint) -> list[_Placed]:
    """By hash: of both videos, and of the pictures within either: what is small is compared by
    itself. An inset and an inset are not: what two channels lay over their pictures is theirs."""
    pairs = [(query, reference)]
    pairs += [(inset, reference) for inset in query.within()]
    pairs += [(query, inset) for inset in reference.within()]
    return [each for pair in pairs for each in _placed(by_hash, *pair)]


def match(query: Fingerprint, reference: Fingerprint) -> Match | None:
    """What `query` and `reference` share, None if nothing was found; either may be a picture."""
    if min(len(query), len(reference)) < 1:
        return None
    if len(query) == 1:
        return _pictured(query, reference)
    if len(reference) == 1:
        found = _pictured(reference, query)
        return found and found.turned()
    placed, budget = _hashed(query, reference), Budget()
    footage = _gathered([], placed, budget)
    if _covered(footage, query) < _EXPLAINED:
        features = _placed(by_features, query, reference)
        placed += features
        footage = _gathered(footage, features, budget)
    cards = [each for each in footage if _card(each, query, reference)]
    filmed = [each for each in footage if each not in cards]
    if filmed:
        return _matched("same_footage", filmed)
    if cards:
        return _matched("same_card", cards)
    return _scene(placed)


def _matched(relation: str, found: list[_Found]) -> Match:
    """The mean agreement, longer segments counting more."""
    weights = [segment.query[1] - segment.query[0] for segment, _ in found]
    score = float(np.average([aligned.agreement for _, aligned in found], weights=weights))
    return Match(relation, min(1.0, score), tuple(segment for segment, _ in found))


def _same_drawn(aligned: Aligned) -> bool:
    """Whether the same thing was drawn, if it is a card."""
    return aligned.drawn >= _DRAWN and aligned.agreement >= _SAME_DRAWN and aligned.breadth >= BROAD


def _card(found: _Found, query: Fingerprint, reference: Fingerprint) -> bool:
    """Whether a segment is an intro, a countdown, a test card: drawn, short, not all there is."""
    segment, aligned = found
    part = max(
        (end - start) / max(each.duration / 1000, 0.1)
        for (start, end), each in ((segment.query, query), (segment.reference, reference))
    )
    length = segment.query[1] - segment.query[0]
    return aligned.drawn >= _DRAWN and length <= _CARD_LONGEST and part <= _CARD_PART


def _pictured(picture: Fingerprint, reference: Fingerprint) -> Match | None:
    """The moment of the reference that a picture shows; of another picture, only the scene."""
    found: list[Moment] = []
    found_by = (_hashed, functools.partial(_placed, by_features))
    for placing in found_by:  # a whole picture that agrees outweighs its points
        moments = [
            moment(each.query, each.reference, each.placement)
            for each in placing(picture, reference)
        ]
        found += [each for each in moments if each is not None]
        if any(each.same_footage for each in found):
            break
    if not found:
        return None
    best = max(found, key=lambda each: (each.same_footage, each.agreement))
    if best.same_footage and len(reference) > 1:
        relation, score = "same_footage", best.agreement
    else:
        best = max(found, key=lambda each: each.likeness)
        relation, score = "same_scene", best.likeness
        if not best.same_scene:
            return None
    segment = Segment((0.0, 0.0), (best.time, best.time), 1.0, best.transform)
    return Match(relation, min(1.0, score), (segment,))


def _gathered(footage: list[_Found], placed: list[_Placed], budget: Budget) -> list[_Found]:
    """What the placements add, until the query is explained."""
    for each in placed:
        if _covered(footage, each.query) >= _EXPLAINED:
            break
        footage = _merged(footage, _same(each, budget))
    return footage


def _same(placed: _Placed, budget: Budget) -> list[_Found]:
    """Segments along one placement; those of hours are found in pieces."""
    found: list[_Found] = []
    for each in pieces(placed.query, placed.reference, placed.placement, budget):
        new = list(_stretched(_Placed(*each)))
        if found and new and _goes_on(found[-1][0], new[0][0]):
            new[0] = _joined(found.pop(), new[0])
        found += new
    return found


def _goes_on(before: Segment, segment: Segment) -> bool:
    """Whether a segment carries another one on into the next piece: pieces overlap."""
    apart = segment.query[0] - before.query[1]
    there = before.reference[1] + before.rate * apart
    together = abs(segment.reference[0] - there) <= TOLERANCE
    return -5 * GAP <= apart <= TOLERANCE and together and segment.transform == before.transform


def _joined(before: _Found, after: _Found) -> _Found:
    (one, first), (other, second) = before, after
    last = max(one, other, key=lambda each: each.query[1])
    query, reference = (one.query[0], last.query[1]), (one.reference[0], last.reference[1])
    rate = one.rate
    if one.rate != other.rate:
        rate = (reference[1] - reference[0]) / (query[1] - query[0])
    lengths = [each.query[1] - each.query[0] for each in (one, other)]
    agreement = float(np.average([first.agreement, second.agreement], weights=lengths))
    longer = first if lengths[0] >= lengths[1] else second
    evidence = dataclasses.replace(longer, agreement=agreement, moving=first.moving + second.moving)
    return Segment(query, reference, rate, one.transform), evidence


def _stretched(placed: _Placed) -> Iterable[_Found]:
    query, reference, placement = placed.query, placed.reference, placed.placement
    laid = Laid(query, reference, placement)
    for stretch in laid.stretches():
        aligned = _judged(laid, stretch, placed)
        if aligned is None or aligned.stretch.end - aligned.stretch.start < SHORTEST:
            continue
        line = aligned.stretch
        there = line.reference(line.start), line.reference(line.end)
        segment = Segment(
            (line.start, line.end),
            (max(0.0, there[0]), min(reference.duration / 1000, there[1])),
            line.rate,
            placement.transform,
        )
        found = segment, aligned
        if aligned.same_footage or (_same_drawn(aligned) and _card(found, query, reference)):
            yield found


def _judged(laid: Laid, stretch: Stretch, placed: _Placed) -> Aligned | None:
    """The evidence along a stretch; where it is not clear, with the pictures laid more exactly."""
    aligned = laid.judged(stretch)
    if aligned is None or aligned.agreement < _WORTHWHILE or aligned.clear:
        return aligned
    matrix = laid.exact(aligned.stretch, placed.placement.matrix)
    if matrix is None:
        return aligned
    exactly = dataclasses.replace(placed.placement, matrix=matrix)
    closer = Laid(placed.query, placed.reference, exactly)
    again = closer.judged(aligned.stretch) if closer.shared >= SHARED else None
    return aligned if again is None else max(aligned, again, key=_rank)


def _rank(aligned: Aligned) -> tuple[bool, float]:
    return aligned.same_footage, aligned.agreement


def _merged(kept: list[_Found], new: Iterable[_Found]) -> list[_Found]:
    """One segment for each piece of the query: where two overlap, the one with more evidence."""
    ranked = sorted([*kept, *new], key=lambda each: -each[1].agreement * each[1].moving)
    chosen: list[_Found] = []
    for segment, aligned in ranked:
        start, end = segment.query
        shared = sum(
            max(0.0, min(end, other.query[1]) - max(start, other.query[0])) for other, _ in chosen
        )
        if shared <= 0.3 * (end - start):
            chosen.append((segment, aligned))
    return sorted(chosen, key=lambda each: each[0].query)


def _covered(footage: list[_Found], query: Fingerprint) -> float:
    """Share of the query that segments explain."""
    total = sum(segment.query[1] - segment.query[0] for segment, _ in footage)
    return total / max(query.duration / 1000, 0.1)


def _scene(placed: list[_Placed]) -> Match | None:
    """The strongest placement under which more than a template agrees; it does not move."""
    for each in sorted(placed, key=lambda one: -len(np.unique(one.placement.query))):
        best = each.placement
        start, end = float(best.query.min()), float(best.query.max())
        if max(end - start, float(np.ptp(best.reference))) < GAP / 2:  # one rule for both sides
            continue
        laid = Laid(each.query, each.reference, best)
        if laid.shared >= SHARED and laid.breadth(best) >= SCENIC:
            there = float(best.reference.min()), float(best.reference.max())
            segment = Segment((start, end), there, 1.0, best.transform)
            return Match("same_scene", best.share, (segment,))
    return None
