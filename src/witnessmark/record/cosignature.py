"""C2SP tlog-cosignature with Ed25519 keys (signature type 0x04): a witness's line in a note.

It says that the witness saw this checkpoint, and that it continues the last one they saw.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from witnessmark.errors import BadRecord
from witnessmark.record.note import (
    Signature,
    is_key_name,
    read_key,
    signature_lines,
    spell_key,
    spelled_id,
    strict_base64,
    verify,
)

_COSIGNATURE = 4
_ID, _TIME, _VALUE = 4, 8, 64
#: The latest second that a calendar of four-digit years knows: an `Instant` goes no further.
_LAST = 253_402_300_799


class WitnessKey(NamedTuple):
    """A witness's named Ed25519 public key, written `name+hexid+base64`."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes that stand before this key's co-signatures."""
        return spelled_id(self.name, self.public, _COSIGNATURE)

    def __str__(self) -> str:
        return spell_key(self.name, self.public, _COSIGNATURE)

    @staticmethod
    def parse(text: str) -> WitnessKey:
        """The key that `name+hexid+base64` spells.

        Raises:
            BadRecord: malformed, another key type, an id that does not fit, or a weak key.
        """
        return WitnessKey(*read_key(text, _COSIGNATURE))

    @staticmethod
    def of(name: str, key: Ed25519PrivateKey) -> WitnessKey:
        """The public half of `key`, named. Raises `BadRecord` for a name that no key may have."""
        if not is_key_name(name):
            raise BadRecord("A witness's name has no spaces and no plus sign.", code="key")
        return WitnessKey(name, key.public_key().public_bytes_raw())


class Cosignature(NamedTuple):
    """A co-signature that was checked: whose, when by their clock (POSIX seconds), its line."""

    witness: WitnessKey
    time: int
    line: Signature

    @property
    def instant(self) -> str:
        """The time as it stands in entries."""
        return datetime.fromtimestamp(self.time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    @property
    def encoded(self) -> str:
        """Base64 as it stands in the line: key id, time, signature."""
        return base64.b64encode(self.line.key_id + self.line.value).decode("ascii")


def signed_bytes(text: str, time: int) -> bytes:
    """What a witness signs at `time` (POSIX seconds) for the checkpoint with this note text."""
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def cosign(text: str, key: Ed25519PrivateKey, name: str, time: int) -> Cosignature:
    """A co-signature over a checkpoint's note text, at `time` (POSIX seconds)."""
    witness = WitnessKey.of(name, key)
    value = time.to_bytes(_TIME, "big") + key.sign(signed_bytes(text, time))
    return Cosignature(witness, time, Signature(name, witness.id, value))


def check(text: str, lines: Iterable[Signature], witness: WitnessKey) -> Cosignature | None:
    """The one co-signature by `witness` among `lines`, None when there is none.

    Raises:
        BadRecord: a line with the witness's name and id is wrong (`signature`), or there are
            two (`cosigner`).
    """
    own = [line for line in lines if (line.name, line.key_id) == (witness.name, witness.id)]
    if not own:
        return None
    if len(own) > 1:
        raise BadRecord(
            f"{witness.name} stands in two lines: one key counts once.", code="cosigner"
        )
    line = own[0]
    time = int.from_bytes(line.value[:_TIME], "big")
    if len(line.value) != _TIME + _VALUE or time > _LAST:
        raise BadRecord(f"The co-signature of {witness.name} is malformed.", code="signature")
    if not verify(witness.public, line.value[_TIME:], signed_bytes(text, time)):
        raise BadRecord(f"The co-signature of {witness.name} is wrong.", code="signature")
    return Cosignature(witness, time, line)


def check_encoded(text: str, encoded: str, witness: WitnessKey) -> Cosignature:
    """The co-signature by `witness` whose line ends in the base64 `encoded`.

    Raises:
        BadRecord: it is not over `text`, or not by this witness.
    """
    data = strict_base64(encoded, "The co-signature")
    found = check(text, [Signature(witness.name, data[:_ID], data[_ID:])], witness)
    if found is None:
        raise BadRecord("The co-signature is by another key.", code="signature")
    return found


def parse_lines(data: bytes) -> tuple[Signature, ...]:
    """A witness's answer: one or more signature lines and nothing else.

    Raises:
        BadRecord: not UTF-8, a malformed line, or more than 32.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRecord("The answer is not UTF-8.", code="note") from error
    if not text.endswith("\n"):
        raise BadRecord("The answer's last line has no end.", code="note")
    return signature_lines(text)
