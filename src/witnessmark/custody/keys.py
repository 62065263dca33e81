"""Keys of the archive and its people: made, wrapped under a passphrase or key file, unlocked.

The archive's own key signs checkpoints of unattended work, so it lies unwrapped in `private.db`
(what its theft allows is in the threat model). People's keys and the key that opens protected
values are wrapped with Argon2id and ChaCha20-Poly1305.
"""

from __future__ import annotations

import dataclasses
import json
import secrets
from collections.abc import Sequence

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from witnessmark.errors import Locked
from witnessmark.model import key_id
from witnessmark.ports import PrivateRows

_ARCHIVE, _SEEN, _VAULT = "archive.seed", "seen.key", "vault.public"
_PERSON, _PERSON_VAULT, _KDF = "person.", "vault.private.", "kdf."


@dataclasses.dataclass(frozen=True, slots=True)
class Kdf:
    """Argon2id cost. Default: RFC 9106 section 4, second recommended option (64 MiB)."""

    time: int = 3
    memory_kib: int = 65_536
    lanes: int = 4

    def stretch(self, secret: bytes, salt: bytes) -> bytes:
        """A 32-byte key for `secret`."""
        return hash_secret_raw(
            secret, salt, self.time, self.memory_kib, self.lanes, hash_len=32, type=Type.ID
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Unlocked:
    """A person at work: key id, signing key, and the key that opens protected values."""

    person: str
    signing: Ed25519PrivateKey
    vault: X25519PrivateKey


class Keyring:
    """All secret keys of one archive, on `PrivateRows`."""

    def __init__(self, rows: PrivateRows) -> None:
        self._rows = rows

    @staticmethod
    def create(rows: PrivateRows, secret: bytes, kdf: Kdf) -> tuple[Keyring, Unlocked]:
        """Makes the archive's keys and the first person's, wrapped under `secret`."""
        vault = X25519PrivateKey.generate()
        rows.set(_ARCHIVE, Ed25519PrivateKey.generate().private_bytes_raw())
        rows.set(_SEEN, secrets.token_bytes(32))
        rows.set(_VAULT, vault.public_key().public_bytes_raw())
        ring = Keyring(rows)
        return ring, ring.add_person(secret, vault, kdf)

    def add_person(self, secret: bytes, vault: X25519PrivateKey, kdf: Kdf) -> Unlocked:
        """Makes a signing key for a person and wraps it, and the vault's key, under `secret`."""
        signing = Ed25519PrivateKey.generate()
        person = key_id(signing.public_key().public_bytes_raw())
        salt = secrets.token_bytes(16)
        settings = {**dataclasses.asdict(kdf), "salt": salt.hex()}
        self._rows.set(_KDF + person, json.dumps(settings).encode())
        key = kdf.stretch(secret, salt)
        self._wrap(key, _PERSON + person, signing.private_bytes_raw())
        self._wrap(key, _PERSON_VAULT + person, vault.private_bytes_raw())
        return Unlocked(person, signing, vault)

    @property
    def archive(self) -> Ed25519PrivateKey:
        """The key that signs checkpoints."""
        return Ed25519PrivateKey.from_private_bytes(self._secret(_ARCHIVE))

    @property
    def seen(self) -> bytes:
        """The key of natural keys and tombstones."""
        return self._secret(_SEEN)

    @property
    def vault_public(self) -> bytes:
        """The key that protected values are sealed to."""
        return self._secret(_VAULT)

    @property
    def people(self) -> Sequence[str]:
        """Key ids of the people whose wrapped keys are here."""
        return [name.removeprefix(_PERSON) for name in self._rows.names(_PERSON)]

    def unlock(self, secret: bytes) -> Unlocked:
        """The person whose keys `secret` opens.

        Raises:
            Locked: nobody's.
        """
        for person in self.people:
            settings = json.loads(self._secret(_KDF + person))
            salt = bytes.fromhex(settings.pop("salt"))
            key = Kdf(**settings).stretch(secret, salt)
            try:
                signing = self._unwrap(key, _PERSON + person)
                vault = self._unwrap(key, _PERSON_VAULT + person)
            except InvalidTag:
                continue
            return Unlocked(
                person,
                Ed25519PrivateKey.from_private_bytes(signing),
                X25519PrivateKey.from_private_bytes(vault),
            )
        raise Locked(
            "This passphrase or key file opens nobody's keys here.",
            kept="Nothing was changed.",
            todo="Try again; everything but protected values also works without it.",
        )

    def _wrap(self, key: bytes, name: str, value: bytes) -> None:
        nonce = secrets.token_bytes(12)
        sealed = ChaCha20Poly1305(key).encrypt(nonce, value, name.encode())
        self._rows.set(name, nonce + sealed)

    def _unwrap(self, key: bytes, name: str) -> bytes:
        wrapped = self._secret(name)
        return ChaCha20Poly1305(key).decrypt(wrapped[:12], wrapped[12:], name.encode())

    def _secret(self, name: str) -> bytes:
        value = self._rows.get(name)
        if value is None:
            raise Locked(
                f"private.db does not hold {name}.",
                kept="The record and the objects are untouched and can still be checked.",
                todo="Restore private.db from a backup.",
            )
        return value
