"""OpenTimestamps: a digest for a calendar, its promise, and the way into a block later.

A promise is never taken for a time. Proofs are bytes here; the library `opentimestamps` takes
them apart and puts them together, and nothing of its own way to the network is used.
"""

from __future__ import annotations

import dataclasses
import secrets
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from witnessmark.anchoring.http import Door, NoAnswer
from witnessmark.errors import BadStamp

if TYPE_CHECKING:
    from opentimestamps.core.timestamp import DetachedTimestampFile, Timestamp

#: spec/anchor.md
_LARGEST = 1 << 20
_MAX_HEIGHT = 1 << 32
#: promises of one proof that are followed
_FOLLOWED = 16


@dataclasses.dataclass(frozen=True, slots=True)
class Proof:
    """What a proof says.

    Attributes:
        data: its bytes (.ots).
        promises: values that a calendar has promised to stamp.
        blocks: (height, Merkle root that the block of that height must have).
    """

    data: bytes
    promises: tuple[bytes, ...]
    blocks: tuple[tuple[int, bytes], ...]


def submit(door: Door, url: str, digest: bytes) -> Proof:
    """Asks a calendar to stamp the SHA-256 of a text; it sees not even that, but a salted one.

    Raises:
        NoAnswer: the calendar gave none.
        BadStamp: what it gave is no proof.
    """
    from opentimestamps.core.op import OpAppend, OpSHA256
    from opentimestamps.core.timestamp import DetachedTimestampFile, Timestamp

    base = Timestamp(digest)
    sent = base.ops.add(OpAppend(secrets.token_bytes(16))).ops.add(OpSHA256())
    answer = door.post(f"{url.rstrip('/')}/digest", sent.msg, "application/octet-stream")
    with _reading():
        sent.merge(_tree(answer, sent.msg))
    return read(_bytes(DetachedTimestampFile(OpSHA256(), base)), digest)


def upgrade(door: Door, url: str, proof: Proof, digest: bytes) -> Proof | None:
    """The proof with the way into a block, when the calendar has it by now.

    Asks the calendar of the settings; the address inside a proof is never followed.

    Raises:
        NoAnswer: the calendar gave none, for another reason than that it is not ready.
        BadStamp: what it gave is no proof.
    """
    detached, grown = _parse(proof.data), False
    for value in proof.promises[:_FOLLOWED]:
        try:
            answer = door.get(f"{url.rstrip('/')}/timestamp/{value.hex()}")
        except NoAnswer as error:
            if error.status == 404:
                continue
            raise
        with _reading():
            found = _tree(answer, value)
            for node in _nodes(detached.timestamp):
                if node.msg == value:
                    node.merge(found)
                    grown = True
                    break
    made = read(_bytes(detached), digest) if grown else proof
    return made if made.blocks else None


def read(data: bytes, digest: bytes) -> Proof:
    """A proof over the text of that SHA-256.

    Raises:
        BadStamp: `malformed`, or `wrong_imprint` when it is over something else.
    """
    from opentimestamps.core.notary import BitcoinBlockHeaderAttestation, PendingAttestation

    if len(data) > _LARGEST:
        raise BadStamp("The proof is too large.")
    detached = _parse(data)
    if _bytes(detached) != data:  # padded numbers, a branch twice: readers of packages refuse it
        raise BadStamp("The proof is not in the form that the library writes.")
    if detached.file_digest != digest:
        raise BadStamp("The proof is over something else.", code="wrong_imprint")
    promises, blocks = set(), set()
    with _reading():
        for value, each in detached.timestamp.all_attestations():
            if isinstance(each, PendingAttestation):
                promises.add(value)
            elif isinstance(each, BitcoinBlockHeaderAttestation):
                if each.height > _MAX_HEIGHT or len(value) != 32:
                    raise BadStamp("The proof names a block that cannot be.")
                blocks.add((each.height, value))
    if not promises and not blocks:
        raise BadStamp("The proof leads neither to a calendar nor to a block.")
    return Proof(data, tuple(sorted(promises)), tuple(sorted(blocks)))


def _parse(data: bytes) -> DetachedTimestampFile:
    from opentimestamps.core.op import OpSHA256
    from opentimestamps.core.serialize import BytesDeserializationContext
    from opentimestamps.core.timestamp import DetachedTimestampFile

    with _reading():
        detached = DetachedTimestampFile.deserialize(BytesDeserializationContext(data))
    if not isinstance(detached.file_hash_op, OpSHA256):
        raise BadStamp("The proof is over something else than a SHA-256.")
    return detached


def _tree(data: bytes, value: bytes) -> Timestamp:
    """The operations that a calendar answers with, on `value`."""
    from opentimestamps.core.serialize import BytesDeserializationContext
    from opentimestamps.core.timestamp import Timestamp

    context = BytesDeserializationContext(data)
    found = Timestamp.deserialize(context, value)
    context.assert_eof()
    return found


def _bytes(detached: DetachedTimestampFile) -> bytes:
    from opentimestamps.core.serialize import BytesSerializationContext

    context = BytesSerializationContext()
    with _reading():
        detached.serialize(context)
    return bytes(context.getbytes())


def _nodes(timestamp: Timestamp) -> Iterator[Timestamp]:
    waiting = [timestamp]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.ops.values()


@contextmanager
def _reading() -> Iterator[None]:
    """What the library raises over somebody else's bytes, as a `BadStamp`."""
    from opentimestamps.core.serialize import DeserializationError

    try:
        with warnings.catch_warnings():  # of an operation that may go: here only others use it
            warnings.simplefilter("ignore", PendingDeprecationWarning)
            yield
    except (DeserializationError, ValueError, TypeError, AssertionError, RecursionError) as error:
        raise BadStamp(f"The proof cannot be read: {error}.") from error
