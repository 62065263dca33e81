"""Words: ORB descriptors rounded to the nearest entry of a fixed vocabulary.

The vocabulary (`words-1.bin`, 16,384 entries of 32 bytes) was made by `bench/vocabulary.py` from
made-up pictures: nothing in it comes from anybody's footage. A word alone says little; the
signature, 64 of a descriptor's 256 bits, tells descriptors of one word apart (Hamming embedding,
Jegou et al., 2008).
"""

from __future__ import annotations

import functools
from importlib import resources

import faiss
import numpy as np
from numpy.typing import NDArray

#: Version of vocabulary and signature; an index of another one is made again.
VERSION = "1"
COUNT = 16384
#: The 64 bits of a signature, spread over the descriptor.
_BITS = np.arange(64) * 4 + np.arange(64) % 4


@functools.cache
def _vocabulary() -> faiss.IndexBinaryFlat:
    data = resources.files(__package__).joinpath(f"words-{VERSION}.bin").read_bytes()
    entries = np.frombuffer(data, np.uint8).reshape(COUNT, 32)
    faiss.omp_set_num_threads(1)  # many threads on small work cost more than they bring
    index = faiss.IndexBinaryFlat(256)
    index.add(entries)
    return index


def nearest(descriptors: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """The words of descriptors (n x 32)."""
    _, found = _vocabulary().search(np.ascontiguousarray(descriptors), 1)
    return np.asarray(found[:, 0], np.uint16)


def signatures(descriptors: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The signatures of descriptors (n x 32)."""
    bits = np.unpackbits(descriptors, axis=1)[:, _BITS]
    packed = np.ascontiguousarray(np.packbits(bits, axis=1))
    return packed.view("<u8")[:, 0].astype(np.uint64)
