"""The RFC 6962 / RFC 9162 Merkle tree: roots, inclusion and consistency, made and checked.

Makers read the tree through `node(level, index)`: the hash of the complete subtree over leaves
`index * 2**level` up to `(index + 1) * 2**level`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

from witnessmark.errors import BadRecord

HASH_SIZE = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
Node = Callable[[int, int], bytes]


def leaf_hash(data: bytes) -> bytes:
    """RFC 6962 section 2.1: SHA-256(0x00 || data)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 6962 section 2.1: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """Root over `hashes` taken as neighbouring subtrees of one height (any number of them)."""
    if not hashes:
        return EMPTY_ROOT
    row = list(hashes)
    while len(row) > 1:
        pairs = [node_hash(row[i], row[i + 1]) for i in range(0, len(row) - 1, 2)]
        row = pairs + row[len(row) & ~1 :]
    return row[0]


class Frontier:
    """The right edge of a growing tree: leaves go in one by one, each size has its root."""

    def __init__(self) -> None:
        self._peaks: list[tuple[int, bytes]] = []

    def add(self, leaf: bytes) -> None:
        """The next leaf hash."""
        height = 0
        while self._peaks and self._peaks[-1][0] == height:
            leaf = node_hash(self._peaks.pop()[1], leaf)
            height += 1
        self._peaks.append((height, leaf))

    def root(self) -> bytes:
        """The root over all leaves so far."""
        if not self._peaks:
            return EMPTY_ROOT
        value = self._peaks[-1][1]
        for _, peak in reversed(self._peaks[:-1]):
            value = node_hash(peak, value)
        return value


def _split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def range_root(start: int, end: int, node: Node) -> bytes:
    """MTH over leaves `start` to `end`; `start` must be a multiple of the size's split."""
    size = end - start
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return node(level, start >> level)
    middle = start + _split(size)
    return node_hash(range_root(start, middle, node), range_root(middle, end, node))


def root(size: int, node: Node) -> bytes:
    """MTH of the first `size` leaves."""
    return range_root(0, size, node) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """RFC 6962 section 2.1.1, from the leaf's sibling up.

    Raises:
        BadRecord: the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise BadRecord(f"A record of {size} entries has no entry {index}.", code="index")
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(range_root(middle, end, node))
            end = middle
        else:
            proof.append(range_root(start, middle, node))
            start = middle
    return proof[::-1]


def consistency_proof(old: int, new: int, node: Node) -> list[bytes]:
    """RFC 6962 section 2.1.2 between the trees of `old` and `new` leaves.

    Raises:
        BadRecord: `old` is not between 1 and `new`.
    """
    if not 1 <= old <= new:
        raise BadRecord(f"No consistency proof leads from size {old} to {new}.", code="size")
    proof: list[bytes] = []
    start, end, whole = 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(range_root(middle, end, node))
            end = middle
        else:
            proof.append(range_root(start, middle, node))
            start, whole = middle, False
    if not whole:
        proof.append(range_root(start, end, node))
    return proof[::-1]


def root_from_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes]) -> bytes:
    """The root that an inclusion proof leads to (RFC 9162 section 2.1.3.2).

    Raises:
        BadRecord: index outside the tree, or a proof of the wrong length.
    """
    if not 0 <= index < size:
        raise BadRecord(f"A record of {size} entries has no entry {index}.", code="index")
    _hashes([leaf, *proof])
    value = leaf
    for step, left in _climb(index, size - 1, proof):
        value = node_hash(step, value) if left else node_hash(value, step)
    return value


def _climb(position: int, last: int, proof: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each hash of a proof, and whether it stands to the left of what was computed so far.

    The common walk of RFC 9162 sections 2.1.3.2 and 2.1.4.2, from node `position` of a row whose
    last node is `last` up to the root; a proof of another length is refused.
    """
    for step in proof:
        if last == 0:
            raise BadRecord("The proof is too long.", code="proof_length")
        left = bool(position & 1) or position == last
        yield step, left
        while left and position and not position & 1:
            position, last = position >> 1, last >> 1
        position, last = position >> 1, last >> 1
    if last:
        raise BadRecord("The proof is too short.", code="proof_length")


def check_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes
) -> None:
    """Raises `BadRecord` unless `leaf` is entry `index` of the tree with root `expected`."""
    if root_from_inclusion(leaf, index, size, proof) != expected:
        raise BadRecord("The inclusion proof does not lead to the record's root.", code="inclusion")


def check_consistency(
    old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> None:
    """Raises `BadRecord` unless the tree of `old` leaves is a prefix of that of `new`.

    RFC 9162 section 2.1.4.2. An empty old tree proves nothing and is refused.
    """
    if not 1 <= old <= new:
        raise BadRecord(f"No consistency proof leads from size {old} to {new}.", code="size")
    _hashes(proof)
    if old == new:
        if proof:
            raise BadRecord("Equal sizes need an empty proof.", code="proof_length")
        if old_root != new_root:
            raise BadRecord("Two roots for one size: the record was forked.", code="fork")
        return
    steps = list(proof) if old & (old - 1) else [old_root, *proof]
    if not steps:
        raise BadRecord("The consistency proof is empty.", code="proof_length")
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    first = second = steps[0]
    for step, left in _climb(position, last, steps[1:]):
        first = node_hash(step, first) if left else first
        second = node_hash(step, second) if left else node_hash(second, step)
    if first != old_root or second != new_root:
        raise BadRecord("The older record is not the start of the newer one.", code="fork")


def _hashes(proof: Sequence[bytes]) -> None:
    if any(len(step) != HASH_SIZE for step in proof):
        raise BadRecord("A hash is not 32 bytes.", code="proof_length")
