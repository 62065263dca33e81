"""Made-up videos that are as far from real ones as unrelated real ones are from each other.

Nobody here has 100,000 real videos, and random bits would be too easy a background. Measured on
real unrelated clips, and followed by what is made here:

- Hashes. Bits of frames of two unrelated clips differ independently: distances lie 128 +- 8 as of
  256 coins, over no pair below 88. So every bit of a distractor is the sign of a Gaussian of its
  own. Over time each Gaussian is the sum of a part that stays, one that changes in 5 s and one
  that changes in 0.7 s, in the shares that give the distances between frames 0.5 to 16 s apart of
  a real clip drawn at random; slow clips are pruned to few hashes, as real ones are.
- Words. Words, signatures and places are taken from keyframes of real clips that no query shows:
  of eight keyframes in a row of one clip, as many features as `_OWN` says, the others from all of
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
from witnessmark.verification.matching.sketch import WORDS, Sketch, pruned, sketch
from witnessmark.verification.matching.words import COUNT

SECONDS = 30.0
#: Share of a keyframe's features that come from one real keyframe.
_OWN = 0.8
_KEYS = 8
#: Hashes two a second; after how many of them distances over time are measured.
_LAGS = (1, 2, 4, 8, 16, 32)
#: In how many hashes the slow and the fast part of a clip forget what they were.
_SLOW, _FAST = 10.0, 1.4
_BATCH = 200


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
        whole, trimmed = hashes(known, size, rng), hashes(known, size, rng)
        framed = rng.random(size) < known.trimmed
        for number in range(size):
            kept = [pruned(whole[number])]
            kept += [pruned(trimmed[number])] if framed[number] else []
            yield _sketch(pool, np.concatenate(kept), rng)


def hashes(known: Model, count: int, rng: np.random.Generator) -> NDArray[np.uint64]:
    """Hashes of clips (count x 60 x 4), two a second."""
    length = int(SECONDS * 2)
    shares = np.sqrt(known.shares[rng.integers(0, len(known.shares), count)]).astype(np.float32)
    parts = rng.standard_normal((3, count, 256), np.float32)
    keep = np.exp(-1 / np.array([_SLOW, _FAST])).astype(np.float32)
    bits = np.empty((count, length, 256), bool)
    for moment in range(length):
        bits[:, moment] = np.einsum("cp,pcb->cb", shares, parts) > 0
        fresh = rng.standard_normal((2, count, 256), np.float32)
        for part in (0, 1):
            parts[part + 1] = (
                keep[part] * parts[part + 1] + np.sqrt(1 - keep[part] ** 2) * fresh[part]
            )
    return np.packbits(bits, axis=2).view(np.uint64)


class _Pool:
    """Features of all sources."""

    def __init__(self, sources: Sequence[Sketch]) -> None:
        self.words = np.concatenate([each.words for each in sources])
        self.signatures = np.concatenate([each.signatures for each in sources])
        self.places = np.concatenate([each.places for each in sources])
        counts = [np.bincount(each.keyframes, minlength=each.keys) for each in sources]
        ends = np.cumsum(np.concatenate(counts))
        #: Of each source, where its keyframes begin and end.
        self.spans = np.split(
            np.stack([ends - np.concatenate(counts), ends], axis=1),
            np.cumsum([each.keys for each in sources])[:-1],
        )


def _sketch(pool: _Pool, kept: NDArray[np.uint64], rng: np.random.Generator) -> Sketch:
    spans = pool.spans[rng.integers(len(pool.spans))]
    first = int(rng.integers(max(1, len(spans) - _KEYS + 1)))
    chosen = []
    for number in range(_KEYS):
        low, high = spans[min(first + number, len(spans) - 1)]
        own = np.flatnonzero(rng.random(high - low) < _OWN) + low
        others = rng.integers(0, len(pool.words), max(0, WORDS - len(own)))
        at = np.concatenate([own, others])
        chosen.append(at[np.unique(pool.words[at], return_index=True)[1]])
    every = np.concatenate(chosen)
    counts = [len(each) for each in chosen]
    return Sketch(
        hashes=kept,
        words=pool.words[every],
        signatures=pool.signatures[every],
        places=pool.places[every],
        keyframes=np.repeat(np.arange(_KEYS, dtype=np.uint32), counts),
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
    generated = hashes(known, 40, np.random.default_rng(2)).reshape(-1, 4)
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
        hits = postings.search(query, tables)
        pair = query.keyframes[hits.word].astype(np.int64) * documents + hits.document
        both = Pairs.of(pair, hits.distance.astype(np.int64) * COUNT + query.words[hits.word])
        words.append(both.count)
        points.append(both.agreeing(query.places[hits.word], hits.place))
        pairs += query.keys * documents
    word, point = np.concatenate(words), np.concatenate(points)
    shares = [f"{n} words {(word >= n).sum() / pairs:.5f}" for n in (1, 2, 3, 4, 5, 6)]
    shares += [f"{n} alike {(point >= n).sum() / pairs:.6f}" for n in (3, 4, 5)]
    return f"of {pairs} pairs of keyframes: {', '.join(shares)}"
