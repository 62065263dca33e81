"""Made-up videos that are as far from real ones as unrelated real ones are from each other.

Nobody here has 100,000 real videos, and random bits would be too easy a background. Measured on
real unrelated clips, and followed by what is made here:

- Hashes. Bits of frames of two unrelated clips differ independently: distances lie 128 +- 8 as of
  256 coins, over no pair below 88. So every bit of a distractor is the sign of a Gaussian of its
  own. Over time each Gaussian is the sum of a part that stays, one that changes in 5 s and one
  that changes in 0.7 s, in the shares that give the distances between frames 0.5 to 16 s apart of
  a real clip drawn at random; slow clips are pruned to few hashes, as real ones are.
- Words. Words, signatures and places are taken from keyframes of real clips that no query shows:
  of twelve keyframes in a row of one clip, as many features as `_OWN` says, the others from all of
  those clips. Drawn from all clips alone, two features agree as often as real ones do, but several
  in one pair of keyframes less often: features of one picture are of one kind.

`likeness` prints both distributions side by side.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from witnessmark.verification.matching import postings
from witnessmark.verification.matching.fingerprint import Fingerprint
from witnessmark.verification.matching.framehash import distances
from witnessmark.verification.matching.geometry import Pairs
from witnessmark.verification.matching.sketch import LAST, PRUNED, WORDS, Sketch, sketch
from witnessmark.verification.matching.words import COUNT

SECONDS = 30.0
#: Share of a keyframe's features that come from one real keyframe.
_OWN = 0.8
_KEYS = 12
#: Hashes two a second; after how many of them distances over time are measured.
_LAGS = (1, 2, 4, 8, 16, 32)
#: In how many hashes the slow and the fast part of a clip forget what they were.
_SLOW, _FAST = 10.0, 1.4
_BATCH = 200
#: Distractors after which hashes are made afresh; between, their bits are shuffled.
_FRESH = 1000


@dataclasses.dataclass(frozen=True)
class Model:
    """What is measured of real clips.

    Attributes:
        shares: of the staying, the slow and the fast part, of each clip.
        trimmed: share of clips whose trimmed hashes differ from the whole ones.
        sources: sketches with features of clips that no query shows.
    """

    shares: NDArray[np.float64]
    trimmed: float
    sources: tuple[Sketch, ...]


def model(clips: Sequence[Fingerprint], sources: Sequence[Fingerprint]) -> Model:
    """Measures hashes of `clips`, and takes features from `sources`."""
    framed = [not np.array_equal(each.full, each.inner) for each in clips]
    sketches = [sketch(each) for each in sources]
    return Model(
        np.array([_shares(each) for each in clips if len(each) >= 32]),
        float(np.mean(framed)),
        tuple(each for each in sketches if each.keys),
    )


def _shares(clip: Fingerprint) -> tuple[float, float, float]:
    """The staying, slow and fast part that explain a clip's distances over time best."""
    off = distances(clip.full[::4], clip.full[::4])
    lags = [lag for lag in _LAGS if lag < len(off) - 2]
    seen = np.array([np.cos(np.pi * np.diagonal(off, lag).mean() / 256) for lag in lags])
    slow, fast = (np.exp(-np.array(lags) / each) for each in (_SLOW, _FAST))
    grid = [(a, b) for a in np.arange(0, 1.01, 0.04) for b in np.arange(0, 1.01 - a, 0.04)]
    errors = [((a + b * slow + (1 - a - b) * fast - seen) ** 2).sum() for a, b in grid]
    stays, slows = grid[int(np.argmin(errors))]
    return float(stays), float(slows), max(0.0, float(1 - stays - slows))


def sketches(known: Model, count: int, seed: int) -> Iterator[Sketch]:
    """So many distractors of half a minute."""
    rng = np.random.default_rng(seed)
    pool = _Pool(known.sources)
    for start in range(0, count, _BATCH):
        size = min(_BATCH, count - start)
        if not start % _FRESH:
            made, kept = hashes(known, min(count, _FRESH), rng)
        trimmed = rng.random(size) < known.trimmed
        words = pool.drawn(size, rng)
        for number in range(size):
            chosen = rng.integers(0, len(made), 2)[: 2 if trimmed[number] else 1]
            own = [_shuffled(made[each, kept[each]], rng) for each in chosen]
            yield pool.sketch(np.concatenate(own), words[number])


def hashes(
    known: Model, count: int, rng: np.random.Generator
) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """Hashes of clips (count x 60 x 4), two a second, and which of them are not pruned."""
    length = int(SECONDS * 2)
    shares = np.sqrt(known.shares[rng.integers(0, len(known.shares), count)]).astype(np.float32)
    parts = rng.standard_normal((3, count, 256), np.float32)
    forget = np.exp(-1 / np.array([_SLOW, _FAST])).astype(np.float32)[:, None, None]
    renew = np.sqrt(1 - forget**2)
    made = np.empty((count, length, 4), np.uint64)
    for moment in range(length):
        bits = (shares.T[:, :, None] * parts).sum(axis=0) > 0
        made[:, moment] = np.packbits(bits, axis=1).view(np.uint64)
        parts[1:] = forget * parts[1:] + renew * rng.standard_normal((2, count, 256), np.float32)
    return made, _kept(made)


def _shuffled(clip: NDArray[np.uint64], rng: np.random.Generator) -> NDArray[np.uint64]:
    """Another clip that changes in the same way: bits are independent, so any order will do."""
    bits = np.unpackbits(clip.view(np.uint8), axis=1)[:, rng.permutation(256)]
    bits ^= rng.integers(0, 2, 256, np.uint8)
    return np.ascontiguousarray(np.packbits(bits, axis=1)).view(np.uint64)


def _kept(made: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """What `sketch.pruned` keeps, of all clips at once."""
    kept = np.zeros(made.shape[:2], bool)
    last = np.zeros((len(made), LAST, 4), np.uint64)
    held = np.zeros(len(made), np.int64)
    every = np.arange(len(made))
    for moment in range(made.shape[1]):
        off = np.bitwise_count(last ^ made[:, moment, None]).sum(axis=2, dtype=np.int64)
        off[np.arange(LAST)[None, :] >= held[:, None]] = 256
        new = off.min(axis=1) > PRUNED
        kept[:, moment] = new
        place = held % LAST
        last[every[new], place[new]] = made[new, moment]
        held += new
    return kept


class _Pool:
    """Features of all sources, keyframe after keyframe."""

    def __init__(self, sources: Sequence[Sketch]) -> None:
        self.words = np.concatenate([each.words for each in sources])
        self.signatures = np.concatenate([each.signatures for each in sources])
        self.places = np.concatenate([each.places for each in sources])
        counts = [np.bincount(each.keyframes, minlength=each.keys) for each in sources]
        self.size = np.concatenate(counts)
        self.start = np.cumsum(self.size) - self.size
        #: Of each source, how many keyframes it has, and which is its first one.
        self.keys = np.array([each.keys for each in sources])
        self.first = np.cumsum(self.keys) - self.keys

    def drawn(self, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
        """For each of `count` videos: which features of the pool, `WORDS` to a keyframe.

        A word may come twice in a keyframe, which real ones do not have: a little more to find.
        """
        source = rng.integers(0, len(self.keys), count)
        begin = (rng.random(count) * np.maximum(1, self.keys[source] - _KEYS + 1)).astype(np.int64)
        number = np.minimum(begin[:, None] + np.arange(_KEYS), self.keys[source][:, None] - 1)
        key = (self.first[source][:, None] + number).ravel()
        place = np.arange(WORDS)[None, :]
        own = rng.random((len(key), WORDS), np.float32) < _OWN
        own &= place < self.size[key][:, None]
        others = rng.integers(0, len(self.words), own.shape)
        return np.where(own, self.start[key][:, None] + place, others).reshape(count, -1)

    def sketch(self, kept: NDArray[np.uint64], at: NDArray[np.int64]) -> Sketch:
        return Sketch(
            hashes=kept,
            words=self.words[at],
            signatures=self.signatures[at],
            places=self.places[at],
            keyframes=np.repeat(np.arange(_KEYS, dtype=np.uint32), WORDS),
            only_flat=False,
        )


# --- how like real ones they are -----------------------------------------------------------------

_QUANTILES = (0.0, 0.0001, 0.001, 0.01, 0.1, 0.5)


def likeness(
    known: Model, queries: Sequence[Fingerprint], others: Sequence[Fingerprint]
) -> dict[str, str]:
    """Low quantiles of hash distances, and how many points of a pair of keyframes agree: of
    `queries` with unrelated real `others`, and with distractors."""
    made = list(sketches(known, 40, seed=1))
    generated = hashes(known, 40, np.random.default_rng(2))[0].reshape(-1, 4)
    real, fake = [], []
    for each in queries:
        lively = each.full[::4][each.contrast[::4] >= 6]
        for other in others:  # each pair of clips counts alike, however long they are
            there = other.full[::4][other.contrast[::4] >= 6]
            real.append(np.quantile(distances(lively, there), np.linspace(0, 1, 2000)))
        fake.append(np.quantile(distances(lively, generated), np.linspace(0, 1, 20000)))
    asked = [sketch(each) for each in queries]
    held = [each for each in map(sketch, others) if each.keys]
    return {
        "distances, real": _shown(np.concatenate(real)),
        "distances, distractors": _shown(np.concatenate(fake)),
        "points, real": _tail(asked, held),
        "points, distractors": _tail(asked, made),
    }


def _shown(values: NDArray[np.float64]) -> str:
    found = np.quantile(values, _QUANTILES)
    return ", ".join(f"{q:g}: {v:.0f}" for q, v in zip(_QUANTILES, found, strict=True))


def _tail(asked: Sequence[Sketch], held: Sequence[Sketch]) -> str:
    """Share of pairs of keyframes with so many agreeing words, and points that lie alike."""
    words: list[NDArray[np.int64]] = []
    points, pairs = [], 0
    tables, documents = postings.made(held), sum(each.keys for each in held)
    for query in asked:
        hits = postings.search(query, tables, least=1)
        pair = query.keyframes[hits.word].astype(np.int64) * documents + hits.document
        both = Pairs.of(pair, hits.distance.astype(np.int64) * COUNT + query.words[hits.word])
        words.append(both.count)
        points.append(both.agreeing(query.places[hits.word], hits.place))
        pairs += query.keys * documents
    word, point = np.concatenate(words), np.concatenate(points)
    shares = [f"{n} words {(word >= n).sum() / pairs:.5f}" for n in (1, 2, 3, 4, 5, 6)]
    shares += [f"{n} alike {(point >= n).sum() / pairs:.6f}" for n in (3, 4, 5)]
    return f"of {pairs} pairs of keyframes: {', '.join(shares)}"
