"""Our archive as a witness: co-signs partners' checkpoints that continue what it has seen."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from witnessmark.errors import BadInput, BadRecord, NotFound, Refused
from witnessmark.ports import Contradiction, WatchedLog, WitnessMemory
from witnessmark.record.cosignature import WitnessKey, cosign
from witnessmark.record.note import VerifierKey
from witnessmark.record.witnessing import (
    Answer,
    Request,
    Status,
    Verdict,
    decide,
    read_checkpoint,
)

Clock = Callable[[], int]
_TEXT = "text/plain; charset=utf-8"
#: C2SP tlog-witness: the media type of an answer that is the size seen last.
_SIZE = "text/x.tlog.size"
#: Others may be asking at the same moment; each time one of them got further.
_TRIES = 100


def posix_now() -> int:
    """The machine's clock in POSIX seconds."""
    return int(time.time())


class Witness:
    """A witness over its memory.

    Its key is not wrapped, so that it can serve while nobody is there; what its theft allows is in
    the threat model.
    """

    def __init__(self, memory: WitnessMemory, clock: Clock = posix_now) -> None:
        self._memory = memory
        self._clock = clock

    @staticmethod
    def make(memory: WitnessMemory, name: str) -> Witness:
        """The witness in `memory`; its key is made and named when there is none."""
        WitnessKey.of(name, seed := Ed25519PrivateKey.from_private_bytes(secrets.token_bytes(32)))
        memory.make_key(name, seed.private_bytes_raw())
        return Witness(memory)

    @property
    def key(self) -> WitnessKey:
        """What partners need to know our co-signatures. Raises `NotFound` without a key."""
        return WitnessKey.of(*self._secret())

    def _secret(self) -> tuple[str, Ed25519PrivateKey]:
        found = self._memory.key()
        if found is None:
            raise NotFound(
                "This archive has no witness key yet.", todo="'witnessmark witness key' makes one."
            )
        return found[0], Ed25519PrivateKey.from_private_bytes(found[1])

    def watch(self, name: str, key: VerifierKey) -> None:
        """Co-signs the record of this verifier key from now on.

        Raises:
            Refused: it is known under another name, or the name stands for another record.
        """
        for log in self._memory.logs():
            if (log.origin == key.name) != (log.name == name):
                raise Refused(
                    f"{log.name} is {log.origin} already.",
                    kept="Nothing was changed.",
                    todo="One name for each record, one record for each name.",
                )
        self._memory.watch(WatchedLog(name, key.name, str(key)))

    def answer(self, body: bytes, *, again: bool = False) -> Answer:
        """What to say to `body`; what is co-signed is durably remembered before.

        Args:
            body: of `add-checkpoint`.
            again: on a stick, where each answer takes days: the newest checkpoint is co-signed
                once more, whatever size was asked from, and a contradicted one comes back.
        """
        try:
            request = Request.parse(body)
        except BadRecord as error:
            return _said(Status.BAD_REQUEST, error.what)
        logs = {log.origin: [VerifierKey.parse(log.key)] for log in self._memory.logs()}
        try:
            origin, asked = read_checkpoint(request.note)[1][:2]
        except BadRecord as error:
            return _said(Status.BAD_REQUEST, error.what)
        for _ in range(_TRIES):
            seen = self._memory.seen(origin, asked)
            if again and seen and read_checkpoint(seen[-1])[1] == read_checkpoint(request.note)[1]:
                request = Request(asked, (), request.note)
            verdict = decide(request, logs, seen)
            if verdict.status is not Status.COSIGNED:
                answer = self._refuse(request, logs, verdict)
                newest = read_checkpoint(seen[-1])[1].size if seen else 0
                if verdict.status is not Status.CONFLICT or request.old == newest:
                    return answer
                # C2SP: whoever asks from another size is told the size, and nothing else
                told = Answer(Status.CONFLICT, _SIZE, b"%d\n" % newest, answer.loud)
                return answer if again and verdict.against else told
            # a time before the memory is written: nothing larger was seen then
            moment = self._clock()
            if self._memory.advance(origin, request.old, asked, _bare(request.note, logs[origin])):
                name, key = self._secret()
                line = cosign(read_checkpoint(request.note)[0].text, key, name, moment).line
                return Answer(Status.COSIGNED, _TEXT, line.line.encode())
        raise Refused("Too many ask for this record at once.", todo="Ask again.", code="busy")

    def _refuse(
        self, request: Request, logs: dict[str, list[VerifierKey]], verdict: Verdict
    ) -> Answer:
        """The answer that is no co-signature; a contradiction is kept before it goes out."""
        new, before = verdict.checkpoint, verdict.against
        if new is None or before is None:
            return _said(verdict.status, verdict.why)
        kind = "fork" if read_checkpoint(before)[1].size == new.size else "unproved"
        at = datetime.fromtimestamp(self._clock(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        note = _bare(request.note, logs[new.origin])
        self._memory.contradict(Contradiction(new.origin, new.size, kind, at, before, note))
        name = next(log.name for log in self._memory.logs() if log.origin == new.origin)
        # the note that was seen goes back: signed by their own key, it proves the fork to them too
        return Answer(verdict.status, _TEXT, before, f"{name}, size {new.size}: {verdict.why}")


def _bare(note: bytes, keys: list[VerifierKey]) -> bytes:
    """A note with the lines of `keys` alone: strangers' lines are not kept."""
    parsed = read_checkpoint(note)[0]
    wanted = {(key.name, key.id) for key in keys}
    lines = [each.line for each in parsed.signatures if (each.name, each.key_id) in wanted]
    return (parsed.text + "\n" + "".join(lines[:1])).encode()


def _said(status: Status, sentence: str) -> Answer:
    return Answer(status, _TEXT, f"{sentence}\n".encode())


def watched_key(text: str) -> VerifierKey:
    """The verifier key of a partner's record. Raises `BadInput`."""
    try:
        return VerifierKey.parse(text.strip())
    except BadRecord as error:
        raise BadInput(
            f"This is not the key of a record: {error.what}",
            todo="It is the line that 'witnessmark keys' prints at the partner's: name+id+base64.",
        ) from error
