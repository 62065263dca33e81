"""Entries as bytes, and the signatures that people put on what they say."""

from __future__ import annotations

import base64
import dataclasses

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from witnessmark.errors import BadRecord
from witnessmark.model import Entry, Recorded
from witnessmark.record.canonical import MAX_ENTRY, canonical, parse
from witnessmark.record.note import strict_base64, verify
from witnessmark.record.tree import leaf_hash

_DOMAIN = b"witnessmark/entry/1\n"


def encode(entry: Entry) -> bytes:
    """The entry's canonical bytes.

    Raises:
        BadRecord: over 65,535 bytes, or a value that the record cannot hold.
    """
    body = canonical(entry.members())
    if len(body) > MAX_ENTRY:
        raise BadRecord(
            f"An entry of {len(body)} bytes; at most {MAX_ENTRY} fit.",
            todo="Put what is long into an attachment.",
            code="entry_size",
        )
    return body


def decode(body: bytes) -> Entry:
    """The entry in `body`, which must be its canonical bytes.

    Raises:
        BadRecord: malformed in any way.
    """
    return Entry.read(parse(body))


def recorded(index: int, body: bytes) -> Recorded:
    """The entry in `body` at its place.

    Raises:
        BadRecord: malformed in any way, or a known statement that breaks its field rules.
    """
    return place(index, decode(body), body)


def place(index: int, entry: Entry, body: bytes) -> Recorded:
    """`entry`, whose canonical bytes are `body`, at its place."""
    return Recorded(index, entry, body, leaf_hash(body), entry.statement())


def signed_bytes(entry: Entry, origin: str) -> bytes:
    """What the author of `entry` signs: all of it but the journal's `at`, for one origin."""
    bare = dataclasses.replace(entry, at="", signature="")
    return _DOMAIN + origin.encode("utf-8") + b"\n" + canonical(bare.members())


def sign(entry: Entry, origin: str, key: Ed25519PrivateKey) -> Entry:
    """`entry` with the author's signature."""
    value = key.sign(signed_bytes(entry, origin))
    return dataclasses.replace(entry, signature=base64.b64encode(value).decode("ascii"))


def check_signature(entry: Entry, origin: str, public: bytes) -> None:
    """Raises `BadRecord` unless `public` signed this entry for this origin."""
    value = strict_base64(entry.signature, "The entry's signature")
    if not verify(public, value, signed_bytes(entry, origin)):
        raise BadRecord("The entry's signature is wrong.", code="entry_signature")
