"""Which videos agree with a sketch, and in which order they deserve to be compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from witnessmark.verification.matching.framehash import ORIENTATIONS, orient
from witnessmark.verification.matching.geometry import Pairs
from witnessmark.verification.matching.postings import LEAST
from witnessmark.verification.matching.segment import Segment
from witnessmark.verification.matching.sketch import Sketch
from witnessmark.verification.matching.words import COUNT

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

#: Candidates of one query that are given back; the others are counted.
MOST = 100
#: Hashes of either video that must agree, and of how many a video must have more for that: of a
#: picture, or of a video that hardly moves, one is enough.
_HASHES, _FEW = 2, 4
#: Points of one pair of keyframes that must agree, in word and place. Measured: of made-up videos
#: one in 270 had five, one in 9,000 six; the fewest of a true copy that was found, six.
VOTES = LEAST
#: Worth of a hash in words: one that nobody else has says as much as so many such words.
_WORTH = 8.0


@dataclasses.dataclass(frozen=True, slots=True)
class Candidate:
    """A video that deserves to be compared.

    Attributes:
        score: to rank by, nothing else.
        hashes: hashes that agree, counted on the side where fewer do.
        votes: points that agree of the best pair of keyframes, of at most `geometry.LOOKED_AT`.
    """

    key: str
    score: float
    hashes: int
    votes: int


@dataclasses.dataclass(frozen=True, slots=True)
class Candidates:
    """The answer of an index.

    Attributes:
        ranked: the likeliest first.
        left_off: so many more agreed, but less, and are not in the list.
        only_flat: the query shows nothing but black or even pictures: there was nothing to
            search by, which is not the same as nothing found.
    """

    ranked: tuple[Candidate, ...]
    left_off: int
    only_flat: bool


def ranked(
    segments: Sequence[Segment], query: Sketch, mirrored: Sketch | None, most: int
) -> Candidates:
    """The candidates in all segments."""
    videos = np.cumsum([0, *(len(each.keys) for each in segments)])
    agreeing, hash_weights = _by_hash(segments, query, videos)
    votes, word_weights = _by_words(segments, query, videos)
    if mirrored is not None:
        more_votes, more_weights = _by_words(segments, mirrored, videos)
        votes, word_weights = np.maximum(votes, more_votes), np.maximum(word_weights, more_weights)
    enough = np.flatnonzero((agreeing > 0) | (votes >= VOTES))
    score = _WORTH * hash_weights + word_weights
    found = []
    for video in enough.tolist():
        place = int(np.searchsorted(videos, video, side="right")) - 1
        key = segments[place].keys[video - int(videos[place])]
        found.append(
            Candidate(key, round(float(score[video]), 6), int(agreeing[video]), int(votes[video]))
        )
    found.sort(key=lambda each: (-each.score, each.key))
    return Candidates(tuple(found[:most]), max(0, len(found) - most), query.only_flat)


def _by_hash(segments: Sequence[Segment], query: Sketch, videos: Ints) -> tuple[Ints, Floats]:
    """Of each video: hashes that agree, 0 when they are too few; and their weight."""
    turned = np.concatenate([orient(query.hashes, each) for each in ORIENTATIONS])
    asked, rows, of, held = [], [], [], []
    first = 0
    for place, each in enumerate(segments):
        hits = each.near(turned)
        asked.append(hits.query % max(1, len(query.hashes)))
        rows.append(hits.row + first)
        of.append(each.hash_videos[hits.row].astype(np.int64) + videos[place])
        held.append(np.bincount(each.hash_videos, minlength=len(each.keys)))
        first += len(each.hash_videos)
    count = int(videos[-1])
    asked_of, asked_video = _distinct(_all(asked), _all(of), count)
    _, row_video = _distinct(_all(rows), _all(of), count)
    agreeing = np.minimum(
        *(np.bincount(each, minlength=count) for each in (asked_video, row_video))
    )
    fewest = np.minimum(_all(held), len(query.hashes))
    agreeing[agreeing < np.where(fewest > _FEW, _HASHES, 1)] = 0
    weight = _rarity(np.bincount(asked_of, minlength=len(query.hashes)), count)
    weights = np.bincount(asked_video, weight[asked_of], minlength=count)
    return agreeing.astype(np.int64), weights.astype(np.float64)


def _by_words(segments: Sequence[Segment], query: Sketch, videos: Ints) -> tuple[Ints, Floats]:
    """Of each video: points that agree of its best pair of keyframes, and the heaviest weight."""
    hits, of, first = [], [], 0
    often = np.zeros(len(query.words), np.int64)
    for place, each in enumerate(segments):
        found = each.alike(query)
        often += found.often
        of.append(each.document_videos[found.document].astype(np.int64) + videos[place])
        hits.append(dataclasses.replace(found, document=found.document + first))
        first += len(each.document_videos)
    number, document = _all([h.word for h in hits]), _all([h.document for h in hits])
    weight = _rarity(often, max(1, first))[number]
    pairs = Pairs.of(
        query.keyframes[number].astype(np.int64) * max(1, first) + document,
        _all([h.distance for h in hits]) * COUNT + query.words[number],
    )
    stored = np.concatenate([np.zeros(0, np.uint16), *(h.place for h in hits)])
    votes = pairs.agreeing(query.places[number], stored)
    count = int(videos[-1])
    best, weights = np.zeros(count, np.int64), np.zeros(count)
    video = _all(of)[pairs.first]
    np.maximum.at(best, video, votes)
    good = votes >= VOTES
    np.maximum.at(weights, video[good], pairs.total(weight)[good])
    return best, weights


def _rarity(often: Ints, among: int) -> Floats:
    """What a thing weighs that was found so often: the less often, the more, 1 at most."""
    return np.asarray(np.log((among + 1) / np.maximum(often, 1)) / np.log(among + 2))


def _distinct(thing: Ints, video: Ints, count: int) -> tuple[Ints, Ints]:
    """Each pair once."""
    both = np.unique(thing * max(1, count) + video)
    return both // max(1, count), both % max(1, count)


def _all(parts: Sequence[NDArray[np.generic]]) -> Ints:
    return np.concatenate([np.zeros(0, np.int64), *parts]).astype(np.int64, copy=False)
