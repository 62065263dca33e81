"""Commitments that stand in the record in place of protected values.

HMAC-SHA256 under a fresh 32-byte salt, over the field's name and the value's canonical JSON. The
salt makes guessing useless; the name keeps a caption from being shown as an author.
"""

from __future__ import annotations

import hashlib
import hmac

from witnessmark.model.json import Json
from witnessmark.model.protected import Protected
from witnessmark.record.canonical import canonical

SALT_SIZE = 32
_DOMAIN = b"witnessmark/protected/1\n"


def commit(field: str, value: Json, salt: bytes) -> Protected:
    """The commitment to `value` as the field `field`, under a 32-byte `salt`."""
    if len(salt) != SALT_SIZE:
        raise ValueError("a salt has 32 bytes")
    message = _DOMAIN + field.encode("ascii") + b"\n" + canonical(value)
    return Protected(hmac.new(salt, message, hashlib.sha256).hexdigest())


def opens(commitment: Protected, field: str, value: Json, salt: bytes) -> bool:
    """Whether value and salt are what `commitment` was made from."""
    return len(salt) == SALT_SIZE and hmac.compare_digest(
        commit(field, value, salt).commitment, commitment.commitment
    )
