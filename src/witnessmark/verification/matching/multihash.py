"""All hashes within a radius, exactly, without looking at each: multi-index hashing.

After Norouzi, Punjani and Fleet, "Fast Search in Hamming Space with Multi-Index Hashing" (CVPR
2012). The 256 bits are cut into chunks. Two hashes that differ in at most `RADIUS` bits differ in
at most `flips` of at least one chunk, since chunks * (flips + 1) > RADIUS; so it is enough to look
at the hashes that have nearly the same chunk.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from witnessmark.verification.matching.arrays import Arrays, Layout
from witnessmark.verification.matching.framehash import Hashes, distances

Ids = NDArray[np.uint32]

#: Differing bits of 256 up to which a hash is found; PDQ's own threshold. Measured: frames of
#: re-encoded, small, grey, blurred, turned copies lie within it for four fifths.
RADIUS = 31
#: Hashes from which chunks are worth their tables.
_SCANNED = 20_000
#: Rows compared at a time, so that what lies between stays in the cache.
_BLOCK = 1 << 16


@dataclasses.dataclass(frozen=True, slots=True)
class Cut:
    """How hashes are cut: `chunks` of `width` bits, looked up with up to `flips` of them wrong."""

    chunks: int
    width: int
    flips: int


#: Few hashes: short tables, long lists. From `_LONG` hashes on: long tables, short lists.
_FEW, _MANY, _LONG = Cut(16, 16, 1), Cut(11, 23, 2), 1_500_000
#: Neighbouring bits of a hash are neighbouring frequencies and often agree; a chunk takes its bits
#: from all over the hash, so that its values are spread as evenly as can be.
_ORDER = np.random.default_rng(20120616).permutation(256)


def cut_of(count: int) -> Cut | None:
    """The cut for so many hashes; None: they are compared one by one."""
    if count < _SCANNED:
        return None
    return _FEW if count < _LONG else _MANY


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """p pairs within the radius, by query and row: which query, which stored row, how far."""

    query: NDArray[np.int64]
    row: NDArray[np.int64]
    distance: NDArray[np.uint16]


def layout(count: int) -> Layout:
    """Name to type and shape of the tables for so many hashes."""
    cut = cut_of(count)
    if cut is None:
        return {}
    return {
        "chunk_starts": ("<u4", (cut.chunks, (1 << cut.width) + 1)),
        "chunk_rows": ("<u4", (cut.chunks, count)),
    }


def fill(hashes: Hashes, tables: Arrays) -> None:
    """Writes the tables of `hashes` (n x 4) into arrays of that layout."""
    cut = cut_of(len(hashes))
    if cut is None:
        return
    values = np.zeros((cut.chunks, len(hashes)), np.uint32)
    for start in range(0, len(hashes), _BLOCK):
        span = slice(start, start + _BLOCK)
        values[:, span] = _chunks(hashes[span], cut).T
    for number, chunk in enumerate(values):
        tables["chunk_rows"][number] = np.argsort(chunk)
        counts = np.bincount(chunk, minlength=1 << cut.width)
        tables["chunk_starts"][number, 0] = 0
        tables["chunk_starts"][number, 1:] = np.cumsum(counts)


def search(queries: Hashes, hashes: Hashes, tables: Arrays) -> Hits:
    """Every pair of `queries` (m x 4) and `hashes` (n x 4) within `RADIUS`, each once."""
    cut = cut_of(len(hashes))
    found = list(
        _scanned(queries, hashes) if cut is None else _looked_up(queries, hashes, tables, cut)
    )
    query, row, off = (
        np.concatenate([np.zeros(0, kind), *(each[place] for each in found)])
        for place, kind in enumerate((np.int64, np.int64, np.uint16))
    )
    # one pair may agree in several chunks
    _, first = np.unique(query * max(1, len(hashes)) + row, return_index=True)
    return Hits(query[first], row[first], off[first])


_Found = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint16]]


def _scanned(queries: Hashes, hashes: Hashes) -> Iterator[_Found]:
    step = max(1, _BLOCK * 16 // max(1, len(hashes)))
    for start in range(0, len(queries), step):
        off = distances(queries[start : start + step], hashes)
        query, row = np.nonzero(off <= RADIUS)
        yield query + start, row, off[query, row]


def _looked_up(queries: Hashes, hashes: Hashes, tables: Arrays, cut: Cut) -> Iterator[_Found]:
    masks, values = _masks(cut), _chunks(queries, cut).astype(np.int64)
    for number in range(cut.chunks):
        starts, rows = tables["chunk_starts"][number], tables["chunk_rows"][number]
        near = (values[:, number, None] ^ masks[None, :]).ravel()
        low, high = starts[near].astype(np.int64), starts[near + 1].astype(np.int64)
        asked = np.repeat(np.arange(len(queries)), len(masks))
        full = np.flatnonzero(high > low)
        for part in _portions(high[full] - low[full]):
            at = full[part]
            count = high[at] - low[at]
            query = np.repeat(asked[at], count)
            row = rows[ranges(low[at], count)].astype(np.int64)
            off = _apart(queries, query, hashes, row)
            good = off <= RADIUS
            yield query[good], row[good], off[good]


def _apart(
    a: Hashes, at_a: NDArray[np.int64], b: Hashes, at_b: NDArray[np.int64]
) -> NDArray[np.uint16]:
    bits = np.bitwise_count(np.take(a, at_a, axis=0) ^ np.take(b, at_b, axis=0))
    total: NDArray[np.uint16] = bits[:, 0].astype(np.uint16)
    for word in range(1, 4):
        total += bits[:, word]
    return total


def _portions(counts: NDArray[np.int64]) -> Iterator[slice]:
    """Slices of `counts` that each add up to about a block."""
    ends = np.cumsum(counts)
    start = 0
    while start < len(counts):
        before = int(ends[start - 1]) if start else 0
        end = max(start + 1, int(np.searchsorted(ends, before + _BLOCK, side="right")))
        yield slice(start, end)
        start = end


def ranges(low: NDArray[np.int64], count: NDArray[np.int64]) -> NDArray[np.int64]:
    """low[0], low[0] + 1, ..., for so many; then from low[1]; and so on."""
    first = np.cumsum(count) - count
    return np.arange(int(count.sum())) - np.repeat(first - low, count)


def _chunks(hashes: Hashes, cut: Cut) -> NDArray[np.uint32]:
    """Values of all chunks, n x chunks."""
    bits = np.unpackbits(np.ascontiguousarray(hashes).view(np.uint8), axis=1)
    padded = np.zeros((len(hashes), cut.chunks, 32), np.uint8)
    chosen = bits[:, _ORDER[: cut.chunks * cut.width]]
    padded[:, :, 32 - cut.width :] = chosen.reshape(len(hashes), cut.chunks, cut.width)
    packed = np.packbits(padded.reshape(len(hashes), cut.chunks * 32), axis=1)
    return np.ascontiguousarray(packed).view(">u4").astype(np.uint32)


def _masks(cut: Cut) -> NDArray[np.int64]:
    """What at most `flips` wrong bits do to a value."""
    return np.array(
        [
            sum(1 << bit for bit in bits)
            for flips in range(cut.flips + 1)
            for bits in itertools.combinations(range(cut.width), flips)
        ]
    )
