"""C2SP signed notes with Ed25519 keys (signature type 0x01).

Witnesses' keys and lines (type 0x04) are in `record.cosignature`; both are spelled here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from witnessmark.errors import BadRecord

_ED25519 = 1
_MAX_SIGNATURES = 32
_P = 2**255 - 19
_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
#: y-coordinates of the eight points of small order: anybody can sign for such a key.
_SMALL_ORDER_Y = frozenset({0, 1, _P - 1, _ORDER_8, _P - _ORDER_8})
#: without spaces, plus and what is invisible: a list (spec/checkpoint.md), so that it never grows
_KEY_NAME = re.compile(
    r"[^\0- +\x7f-\xa0\xad\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f"
    r"\u3000\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]+"
)


def check_public_key(public: bytes) -> bytes:
    """`public` itself, when it is a canonical Ed25519 key that is not of small order.

    Raises:
        BadRecord: another length, a y-coordinate of 2^255 - 19 or more, or a small-order point.
    """
    if len(public) != 32:
        raise BadRecord("An Ed25519 public key has 32 bytes.", code="key")
    y = int.from_bytes(public, "little") & (2**255 - 1)
    if y >= _P or y in _SMALL_ORDER_Y:
        raise BadRecord("This public key accepts signatures from anybody.", code="weak_key")
    return public


def verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether `signature` is the key's Ed25519 signature (RFC 8032) over `message`.

    Raises:
        BadRecord: the key is malformed or of small order.
    """
    try:
        Ed25519PublicKey.from_public_bytes(check_public_key(public)).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def strict_base64(text: str, what: str) -> bytes:
    """Bytes of standard padded base64 in its one canonical spelling.

    Raises:
        BadRecord: anything else.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRecord(f"{what} is not base64.", code="base64") from error
    if base64.b64encode(data).decode("ascii") != text:
        raise BadRecord(f"{what} is not canonical base64.", code="base64")
    return data


class VerifierKey(NamedTuple):
    """A named Ed25519 public key, written `name+hexid+base64`."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes that stand before this key's signatures."""
        return spelled_id(self.name, self.public, _ED25519)

    def __str__(self) -> str:
        return spell_key(self.name, self.public, _ED25519)

    @staticmethod
    def parse(text: str) -> VerifierKey:
        """The key that `name+hexid+base64` spells.

        Raises:
            BadRecord: malformed, another key type, an id that does not fit, or a weak key.
        """
        return VerifierKey(*read_key(text, _ED25519))


def spelled_id(name: str, public: bytes, kind: int) -> bytes:
    """The four bytes of a key of signature type `kind`."""
    return hashlib.sha256(name.encode("utf-8") + b"\n" + bytes([kind]) + public).digest()[:4]


def spell_key(name: str, public: bytes, kind: int) -> str:
    """A verifier key of signature type `kind`: `name+hexid+base64`."""
    encoded = base64.b64encode(bytes([kind]) + public).decode("ascii")
    return f"{name}+{spelled_id(name, public, kind).hex()}+{encoded}"


def read_key(text: str, kind: int) -> tuple[str, bytes]:
    """Name and public key of the verifier key that `text` spells.

    Raises:
        BadRecord: malformed, of another type than `kind`, an id that does not fit, or a weak key.
    """
    name, _, rest = text.partition("+")
    hexid, _, encoded = rest.partition("+")
    data = strict_base64(encoded, "The verifier key")
    if not is_key_name(name) or data[:1] != bytes([kind]):
        what = f"Not a verifier key of type {kind} (name+id+base64)."
        raise BadRecord(what, code="key")
    public = check_public_key(data[1:])
    if spelled_id(name, public, kind).hex() != hexid:
        raise BadRecord("The verifier key's id does not fit its bytes.", code="key")
    return name, public


def is_key_name(name: str) -> bool:
    """Whether a key may have this name: no white space, no plus sign, nothing invisible."""
    return bool(_KEY_NAME.fullmatch(name))


class Signature(NamedTuple):
    """One signature line: key name, 4-byte key id, signature bytes."""

    name: str
    key_id: bytes
    value: bytes

    @property
    def line(self) -> str:
        """As it stands in a note, with its newline."""
        encoded = base64.b64encode(self.key_id + self.value).decode("ascii")
        return f"\u2014 {self.name} {encoded}\n"


class Note(NamedTuple):
    """A parsed note. Its text means nothing before `check` has accepted it."""

    text: str
    signatures: tuple[Signature, ...]

    def check(self, keys: Iterable[VerifierKey]) -> list[VerifierKey]:
        """Those of `keys` that signed, each once.

        Raises:
            BadRecord: none signed (`unsigned`), or one's signature is wrong (`signature`).
        """
        found: list[VerifierKey] = []
        message = self.text.encode("utf-8")
        for key in keys:
            lines = [s for s in self.signatures if (s.name, s.key_id) == (key.name, key.id)]
            for line in lines:
                if not verify(key.public, line.value, message):
                    raise BadRecord(f"The signature of {key.name} is wrong.", code="signature")
            if lines and key not in found:
                found.append(key)
        if not found:
            raise BadRecord("No key that you trust signed this note.", code="unsigned")
        return found


def parse(data: bytes) -> Note:
    """The note in `data`.

    Raises:
        BadRecord: not UTF-8, control characters, no signatures, or a malformed signature line.
    """
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRecord("The note is not UTF-8.", code="note") from error
    if any((c < " " and c != "\n") or c == "\x7f" for c in whole):
        raise BadRecord("The note has control characters.", code="note")
    text, blank, tail = whole.rpartition("\n\n")
    if not blank or not tail.endswith("\n"):
        raise BadRecord("The note has no signatures.", code="note")
    return Note(text + "\n", signature_lines(tail))


def signature_lines(tail: str) -> tuple[Signature, ...]:
    """The signature lines in `tail`, which ends in a newline.

    Raises:
        BadRecord: a malformed line, or more than 32.
    """
    lines = tail[:-1].split("\n")
    if len(lines) > _MAX_SIGNATURES:
        raise BadRecord(f"The note has more than {_MAX_SIGNATURES} signatures.", code="note")
    return tuple(_signature(line) for line in lines)


def _signature(line: str) -> Signature:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    if dash != "\u2014" or not is_key_name(name):
        raise BadRecord("A signature line of the note is malformed.", code="note")
    data = strict_base64(encoded, "A signature of the note")
    if len(data) < 5:
        raise BadRecord("A signature of the note is too short.", code="note")
    return Signature(name, data[:4], data[4:])


def sign(text: str, key: Ed25519PrivateKey, name: str) -> bytes:
    """A note with one signature, as bytes. `text` ends in a newline."""
    verifier = VerifierKey(name, key.public_key().public_bytes_raw())
    line = Signature(name, verifier.id, key.sign(text.encode("utf-8"))).line
    return f"{text}\n{line}".encode()
