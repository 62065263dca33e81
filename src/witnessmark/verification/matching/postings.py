"""Which keyframes hold a word with nearly the same signature: an inverted file.

Two descriptors count as one point when they have one word and signatures that differ in few bits.
The rule is the same from both sides, so the votes of a pair of keyframes are, too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from witnessmark.verification.matching.arrays import Arrays, Layout
from witnessmark.verification.matching.multihash import ranges
from witnessmark.verification.matching.sketch import Sketch
from witnessmark.verification.matching.words import COUNT

#: Differing bits of 64 up to which two signatures of one word are one point.
NEAR = 11
#: Agreements of a pair of keyframes from which they are looked at.
LEAST = 6
#: Words copied at a time when inverted files are merged.
_BLOCK = 1 << 22
_COLUMNS = ("word_documents", "word_signatures", "word_places")


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class WordHits:
    """h agreements of pairs of keyframes that have enough of them; q words were asked for.

    Attributes:
        word: number of the query's word.
        document: number of the stored keyframe.
        distance: of the signatures.
        place: where in the stored keyframe, as in a sketch.
        often: q, agreements of each word with any keyframe, those left out counted, too.
    """

    word: NDArray[np.int64]
    document: NDArray[np.int64]
    distance: NDArray[np.uint8]
    place: NDArray[np.uint16]
    often: NDArray[np.int64]


def layout(words: int) -> Layout:
    """Name to type and shape of the inverted file of so many words in all."""
    return {
        "word_starts": ("<u4", (COUNT + 1,)),
        "word_documents": ("<u4", (words,)),
        "word_signatures": ("<u8", (words,)),
        "word_places": ("<u2", (words,)),
    }


def made(sketches: Sequence[Sketch]) -> dict[str, NDArray[Any]]:
    """The inverted file of some sketches, in memory; their keyframes are numbered on."""
    first = np.cumsum([0, *(each.keys for each in sketches)])
    words = _joined([each.words for each in sketches], np.uint16)
    numbers = [each.keyframes + first[place] for place, each in enumerate(sketches)]
    order = np.argsort(words, kind="stable")
    return {
        "word_starts": np.cumsum([0, *np.bincount(words, minlength=COUNT)]).astype(np.uint32),
        "word_documents": _joined(numbers, np.uint32)[order],
        "word_signatures": _joined([each.signatures for each in sketches], np.uint64)[order],
        "word_places": _joined([each.places for each in sketches], np.uint16)[order],
    }


def merge(parts: Sequence[Arrays], documents: Sequence[int], into: Arrays) -> None:
    """Writes some inverted files into one.

    Args:
        documents: what is added to the keyframe numbers of each part.
        into: arrays of the layout of all their words.
    """
    starts = [np.asarray(part["word_starts"], np.int64) for part in parts]
    total = np.sum(starts, axis=0)
    into["word_starts"][:] = total
    first = 0
    while first < COUNT:
        end = max(first + 1, int(np.searchsorted(total, total[first] + _BLOCK, side="right")) - 1)
        low, high = int(total[first]), int(total[end])
        _merge_words(
            parts,
            starts,
            documents,
            (first, end),
            {name: into[name][low:high] for name in _COLUMNS},
        )
        first = end


def _merge_words(
    parts: Sequence[Arrays],
    starts: Sequence[NDArray[np.int64]],
    documents: Sequence[int],
    words: tuple[int, int],
    into: Arrays,
) -> None:
    """The words from `words[0]` to before `words[1]`; of one word, part after part."""
    span = slice(words[0], words[1])
    place = np.sum([each[span] - each[words[0]] for each in starts], axis=0)
    for part, start, added in zip(parts, starts, documents, strict=True):
        count = np.diff(start[words[0] : words[1] + 1])
        there = ranges(place, count)
        own = slice(int(start[words[0]]), int(start[words[1]]))
        for name in _COLUMNS:
            into[name][there] = part[name][own]
        into["word_documents"][there] += np.uint32(added)
        place = place + count


def _joined(parts: Sequence[NDArray[Any]], kind: type) -> NDArray[Any]:
    return np.concatenate([np.zeros(0, kind), *parts]).astype(kind, copy=False)


def search(query: Sketch, tables: Arrays, least: int = LEAST) -> WordHits:
    """The agreements of the query's words."""
    starts = np.asarray(tables["word_starts"], np.int64)
    low, high = starts[query.words], starts[query.words.astype(np.int64) + 1]
    often = np.zeros(len(query.words), np.int64)
    columns = [_Columns(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.uint8))]
    for key in range(query.keys):
        first, end = np.searchsorted(query.keyframes, (key, key + 1)).tolist()
        found = _agreements(query.signatures, tables["word_signatures"], low, high, first, end)
        often[first:end] = np.bincount(found.word - first, minlength=end - first)
        columns.append(_enough(found, tables["word_documents"], least))
    word, at = (np.concatenate([each[k] for each in columns]) for k in (0, 1))
    distance = np.concatenate([each.distance for each in columns])
    documents, places = tables["word_documents"], tables["word_places"]
    return WordHits(word, documents[at].astype(np.int64), distance, places[at], often)


class _Columns(NamedTuple):
    word: NDArray[np.int64]
    at: NDArray[np.int64]
    distance: NDArray[np.uint8]


def _agreements(
    asked: NDArray[np.uint64],
    stored: NDArray[np.uint64],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    first: int,
    end: int,
) -> _Columns:
    """Of the query's words from `first` to before `end`, places in the inverted file."""
    near, distances = [np.zeros(0, np.int64)], [np.zeros(0, np.uint8)]
    for number in range(first, end):
        off = np.bitwise_count(stored[low[number] : high[number]] ^ asked[number])
        good = np.flatnonzero(off <= NEAR)
        near.append(good + low[number])
        distances.append(off[good])
    counts = [len(each) for each in near[1:]]
    return _Columns(
        np.repeat(np.arange(first, end), counts), np.concatenate(near), np.concatenate(distances)
    )


def _enough(found: _Columns, documents: NDArray[np.uint32], least: int) -> _Columns:
    """Those in keyframes that have enough of them: nearly all others are there by chance."""
    there = documents[found.at]
    if not len(there):
        return found
    kept = np.flatnonzero(np.bincount(there)[there] >= least)
    return _Columns(found.word[kept], found.at[kept], found.distance[kept])
