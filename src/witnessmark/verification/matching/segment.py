"""A segment of the index: some videos, found by their hashes and words. Never changed once made."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from witnessmark.verification.matching import arrays, multihash, postings
from witnessmark.verification.matching.arrays import Arrays, Layout
from witnessmark.verification.matching.framehash import Hashes
from witnessmark.verification.matching.multihash import Hits
from witnessmark.verification.matching.postings import WordHits
from witnessmark.verification.matching.sketch import Sketch


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """v videos with n hashes and d keyframes.

    Attributes:
        keys: v, the names of the videos.
        tables: `hashes` (n x 4), `hash_videos` (n), `document_videos` (d), and those of
            `multihash` and `postings`.
    """

    keys: tuple[str, ...]
    tables: Arrays

    @property
    def hash_videos(self) -> NDArray[np.uint32]:
        return self.tables["hash_videos"]

    @property
    def document_videos(self) -> NDArray[np.uint32]:
        return self.tables["document_videos"]

    def near(self, hashes: Hashes) -> Hits:
        """Stored hashes within the radius of `hashes`."""
        return multihash.search(hashes, self.tables["hashes"], self.tables)

    def alike(self, query: Sketch) -> WordHits:
        """Stored words that agree with those of `query`."""
        return postings.search(query, self.tables)


def load(path: Path) -> Segment:
    """The segment in a file.

    Raises:
        StoreFailure: the file is missing, was cut, or its arrays do not go together.
    """
    tables = arrays.load(path)
    try:
        ends, text = tables["key_ends"].tolist(), tables["key_text"].tobytes()
        keys = tuple(text[start:end].decode() for start, end in itertools.pairwise([0, *ends]))
        made = Segment(keys, tables)
        expected = {name: shape for name, (_, shape) in _layout([made], text).items()}
        if {name: each.shape for name, each in tables.items()} != expected:
            raise ValueError("sizes that do not go together")
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise arrays.damaged(path) from error
    return made


def write(path: Path, parts: Sequence[Segment]) -> None:
    """Writes the videos of all parts into one segment. A video is in one part only."""
    texts = [key.encode() for part in parts for key in part.keys]
    text = b"".join(texts)
    with arrays.create(path, _layout(parts, text)) as into:
        into["key_text"][:] = np.frombuffer(text, np.uint8)
        into["key_ends"][:] = np.cumsum([len(each) for each in texts])
        videos = np.cumsum([0, *(len(part.keys) for part in parts)])
        documents = np.cumsum([0, *(len(part.document_videos) for part in parts)])
        _put(into["hashes"], [part.tables["hashes"] for part in parts])
        for name in ("hash_videos", "document_videos"):
            shifted = zip(parts, videos, strict=False)
            _put(into[name], [part.tables[name] + np.uint32(first) for part, first in shifted])
        multihash.fill(into["hashes"], into)
        postings.merge([part.tables for part in parts], documents[:-1].tolist(), into)


def _put(into: NDArray[Any], parts: Sequence[NDArray[Any]]) -> None:
    at = 0
    for part in parts:
        into[at : at + len(part)] = part
        at += len(part)


def _layout(parts: Sequence[Segment], text: bytes) -> Layout:
    """Types and shapes of a segment that holds all parts."""
    videos = sum(len(part.keys) for part in parts)
    hashes, documents, words = (
        sum(len(part.tables[name]) for part in parts)
        for name in ("hash_videos", "document_videos", "word_documents")
    )
    return {
        "key_text": ("|u1", (len(text),)),
        "key_ends": ("<u4", (videos,)),
        "hashes": ("<u8", (hashes, 4)),
        "hash_videos": ("<u4", (hashes,)),
        "document_videos": ("<u4", (documents,)),
        **multihash.layout(hashes),
        **postings.layout(words),
    }


def of_sketches(sketches: Mapping[str, Sketch]) -> Segment:
    """A segment in memory, without tables for its hashes."""
    own = list(sketches.values())
    numbers = np.arange(len(own), dtype=np.uint32)
    return Segment(
        tuple(sketches),
        {
            "hashes": np.concatenate([np.zeros((0, 4), np.uint64), *(each.hashes for each in own)]),
            "hash_videos": np.repeat(numbers, [len(each.hashes) for each in own]),
            "document_videos": np.repeat(numbers, [each.keys for each in own]),
            **postings.made(own),
        },
    )


def without(segment: Segment, keys: Collection[str]) -> Segment:
    """The same in memory, without some videos, and without tables for its hashes."""
    stays = np.array([key not in keys for key in segment.keys], bool)
    video = np.cumsum(stays) - 1
    hashes = stays[segment.hash_videos]
    documents = stays[segment.document_videos]
    starts = np.asarray(segment.tables["word_starts"], np.int64)
    words = documents[segment.tables["word_documents"]]
    left = np.concatenate([[0], np.cumsum(words)])
    document = np.cumsum(documents) - 1
    return Segment(
        tuple(key for key, stay in zip(segment.keys, stays, strict=True) if stay),
        {
            "hashes": segment.tables["hashes"][hashes],
            "hash_videos": video[segment.hash_videos[hashes]].astype(np.uint32),
            "document_videos": video[segment.document_videos[documents]].astype(np.uint32),
            "word_starts": left[starts].astype(np.uint32),
            "word_documents": document[segment.tables["word_documents"][words]].astype(np.uint32),
            "word_signatures": segment.tables["word_signatures"][words],
            "word_places": segment.tables["word_places"][words],
        },
    )
