"""C2SP tlog-witness without its network: the question, and what a witness may answer.

A witness decides from three things alone: the question, the keys of the record, and what it has
seen of that record. What it has seen must be durable before it says yes.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import NamedTuple

from witnessmark.errors import BadRecord
from witnessmark.record.checkpoint import Checkpoint, is_size
from witnessmark.record.note import Note, VerifierKey, parse, strict_base64
from witnessmark.record.tree import EMPTY_ROOT, HASH_SIZE, check_consistency

#: Bytes of a question: 63 hashes and a note with 32 lines fit well below it.
MAX_REQUEST = 1 << 16
#: C2SP tlog-witness: "the client MUST NOT send more than 63 consistency proof lines".
_MAX_PROOF = 63


class Status(IntEnum):
    """What a witness answers, as HTTP numbers it."""

    COSIGNED = 200
    BAD_REQUEST = 400
    UNSIGNED = 403
    UNKNOWN = 404
    CONFLICT = 409
    BAD_PROOF = 422


class Request(NamedTuple):
    """A body of `add-checkpoint`: size of the last checkpoint, proof from it, note of the new."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes

    def encode(self) -> bytes:
        """The body's bytes."""
        steps = [base64.b64encode(step).decode("ascii") for step in self.proof]
        return "\n".join([f"old {self.old}", *steps, "", ""]).encode() + self.note

    @staticmethod
    def parse(data: bytes) -> Request:
        """The question in `data`. Its note is not looked at.

        Raises:
            BadRecord: any departure from the format.
        """
        if len(data) > MAX_REQUEST:
            raise BadRecord(f"A question of more than {MAX_REQUEST} bytes.", code="request")
        head, blank, note = data.partition(b"\n\n")
        try:
            first, *rest = head.decode("ascii").split("\n")
        except UnicodeDecodeError as error:
            raise BadRecord("The question does not begin with text.", code="request") from error
        word, _, digits = first.partition(" ")
        if not blank or word != "old" or not is_size(digits):
            raise BadRecord("The question does not begin with 'old' and a size.", code="request")
        if len(rest) > _MAX_PROOF:
            raise BadRecord(f"A proof of more than {_MAX_PROOF} hashes.", code="request")
        proof = tuple(strict_base64(line, "A hash of the proof") for line in rest)
        if any(len(step) != HASH_SIZE for step in proof):
            raise BadRecord("A hash of the proof is not 32 bytes.", code="request")
        return Request(int(digits), proof, note)


class Answer(NamedTuple):
    """What goes back: over HTTP with its status and media type, or as a file on a stick.

    Attributes:
        body: signature lines; or a size; or the checkpoint that was contradicted; or a sentence.
        loud: a sentence for whoever runs the witness, when a record contradicts itself.
    """

    status: Status
    media_type: str
    body: bytes
    loud: str = ""

    def encode(self) -> bytes:
        """The file: the signature lines themselves, or a refusal under a line that says so."""
        if self.status is Status.COSIGNED:
            return self.body
        return b"refused %d\n" % self.status + self.body

    @staticmethod
    def parse(data: bytes) -> Answer:
        """The answer in a file. Signature lines are not looked at.

        Raises:
            BadRecord: a refusal with a status that no witness gives.
        """
        first, _, body = data.partition(b"\n")
        if not first.startswith(b"refused "):
            return Answer(Status.COSIGNED, "", data)
        try:
            return Answer(Status(int(first[8:11])), "", body)
        except ValueError as error:
            raise BadRecord("This is no answer of a witness.", code="answer") from error


class Verdict(NamedTuple):
    """What a witness decides.

    Attributes:
        status: whether it may co-sign, or why not.
        why: one sentence, for people.
        checkpoint: the checkpoint in question, once its signature holds.
        against: the checkpoint seen before that it contradicts. Of one size, the two notes
            are proof of a fork; of two sizes, only the proof that came along failed.
    """

    status: Status
    why: str = ""
    checkpoint: Checkpoint | None = None
    against: bytes | None = None


def read_checkpoint(note: bytes) -> tuple[Note, Checkpoint]:
    """A note and the checkpoint that it states, signed or not.

    Raises:
        BadRecord: malformed.
    """
    parsed = parse(note)
    return parsed, Checkpoint.parse(parsed.text)


def decide(
    request: Request, logs: Mapping[str, Sequence[VerifierKey]], seen: Sequence[bytes]
) -> Verdict:
    """What to answer to `request`.

    Args:
        request: the question.
        logs: origin to the keys that may sign its checkpoints.
        seen: notes of that origin that were co-signed, smallest first; the last is the newest.
    """
    try:
        note, new = read_checkpoint(request.note)
    except BadRecord as error:
        return Verdict(Status.BAD_REQUEST, error.what)
    if new.origin not in logs:
        return Verdict(Status.UNKNOWN, "Checkpoints of this origin are not co-signed here.")
    try:
        note.check(logs[new.origin])
    except BadRecord as error:
        return Verdict(Status.UNSIGNED, error.what)
    for before in reversed(seen):
        old = read_checkpoint(before)[1]
        if old.size == new.size and old.root != new.root:
            why = "Two different records of one size: this one was forked."
            return Verdict(Status.CONFLICT, why, new, before)
    return _continue(request, new, seen[-1] if seen else None)


def _continue(request: Request, new: Checkpoint, newest: bytes | None) -> Verdict:
    """Whether `new` continues the newest checkpoint seen."""
    if request.old > new.size:
        return Verdict(Status.BAD_REQUEST, "The old size is above the checkpoint's.", new)
    last = read_checkpoint(newest)[1] if newest else None
    if request.old != (last.size if last else 0):
        return Verdict(Status.CONFLICT, "Another checkpoint was co-signed last.", new)
    try:
        if last is not None and last.size:
            check_consistency(last.size, new.size, request.proof, last.root, new.root)
        elif request.proof:
            raise BadRecord("The proof from size 0 is empty.", code="proof_length")
        elif not new.size and new.root != EMPTY_ROOT:
            raise BadRecord("An empty record has one root.", code="root")
    except BadRecord as error:
        return Verdict(Status.BAD_PROOF, error.what, new, newest)
    return Verdict(Status.COSIGNED, checkpoint=new)
