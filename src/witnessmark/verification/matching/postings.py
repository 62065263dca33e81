"""Which keyframes hold a word with nearly the same signature: an inverted file.

Two descriptors count as one point when they have one word and signatures that differ in few bits.
The rule is the same from both sides, so the votes of a pair of keyframes are, too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from witnessmark.verification.matching.arrays import Arrays, Layout
from witnessmark.verification.matching.multihash import ranges
from witnessmark.verification.matching.sketch import Sketch
from witnessmark.verification.matching.words import COUNT

#: Differing bits of 64 up to which two signatures of one word are one point.
NEAR = 11
#: Words copied at a time when inverted files are merged.
_BLOCK = 1 << 22
_COLUMNS = ("word_documents", "word_signatures", "word_places")


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class WordHits:
    """h agreements.

    Attributes:
        word: number of the query's word.
        document: number of the stored keyframe.
        distance: of the signatures.
        place: where in the stored keyframe, as in a sketch.
    """

    word: NDArray[np.int64]
    document: NDArray[np.int64]
    distance: NDArray[np.uint8]
    place: NDArray[np.uint16]


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


def search(query: Sketch, tables: Arrays) -> WordHits:
    """All agreements of the query's words."""
    starts = np.asarray(tables["word_starts"], np.int64)
    documents, signatures, places = (tables[name] for name in _COLUMNS)
    numbers, near = [], []
    distances = [np.zeros(0, np.uint8)]
    for number in np.argsort(query.words, kind="stable").tolist():
        low, high = starts[query.words[number]], starts[int(query.words[number]) + 1]
        off = np.bitwise_count(signatures[low:high] ^ query.signatures[number])
        good = np.flatnonzero(off <= NEAR)
        if len(good):
            distances.append(off[good])
            near.append(low + good)
            numbers.append(number)
    at = _joined(near, np.int64)
    word = np.repeat(np.array(numbers, np.int64), [len(each) for each in near])
    return WordHits(word, documents[at].astype(np.int64), np.concatenate(distances), places[at])
