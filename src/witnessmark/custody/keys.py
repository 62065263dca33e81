"""Keys of the archive and its people: made, wrapped under a passphrase or key file, unlocked.

The archive's own key signs checkpoints of unattended work, so it lies unwrapped in `private.db`
(what its theft allows is in the threat model). People's keys and the key that opens protected
values are wrapped with Argon2id and ChaCha20-Poly1305.
"""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
from collections.abc import Collection, Sequence

from argon2.exceptions import HashingError
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from witnessmark.errors import Locked, StoreFailure
from witnessmark.model import key_id
from witnessmark.ports import PrivateRows
from witnessmark.record.note import VerifierKey, parse

_ARCHIVE, _SEEN, _VAULT = "archive.seed", "seen.key", "vault.public"
_PERSON, _PERSON_VAULT, _KDF = "person.", "vault.private.", "kdf."
#: Keys that were made and stand in no entry yet, for all that is known.
_NEXT, _COMING = "archive.next.", "coming."
#: What a damaged row says when it is read.
_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, OverflowError, HashingError)


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

    def add_person(
        self,
        secret: bytes,
        vault: X25519PrivateKey,
        kdf: Kdf,
        signing: Ed25519PrivateKey | None = None,
    ) -> Unlocked:
        """Wraps a person's signing key (made here unless given) and the vault's under `secret`."""
        signing = signing or Ed25519PrivateKey.generate()
        person = key_id(signing.public_key().public_bytes_raw())
        salt = secrets.token_bytes(16)
        settings = {**dataclasses.asdict(kdf), "salt": salt.hex()}
        self._rows.set(_KDF + person, json.dumps(settings).encode())
        key = kdf.stretch(secret, salt)
        self._wrap(key, _PERSON_VAULT + person, vault.private_bytes_raw())
        self._wrap(key, _PERSON + person, signing.private_bytes_raw())  # last: now it counts
        return Unlocked(person, signing, vault)

    def coming_person(
        self, secret: bytes, vault: X25519PrivateKey, kdf: Kdf, since: int
    ) -> Unlocked:
        """As `add_person`, for somebody whose entry is still to come; see `coming`.

        Args:
            secret, vault, kdf: as there.
            since: size of the record now.
        """
        signing = Ed25519PrivateKey.generate()
        person = key_id(signing.public_key().public_bytes_raw())
        note = f"{_COMING}{os.getpid()}-{secrets.token_hex(8)}"
        self._rows.set(note, json.dumps({"since": since, "person": person}).encode())
        return self.add_person(secret, vault, kdf, signing)

    def coming(self) -> dict[str, tuple[int, str]]:
        """People whose keys were made and whose entry may be missing.

        Returns:
            note, which begins with the number of the process that made it, to record size before
            and key id.
        """
        names = self._rows.names(_COMING)
        kept = {name.removeprefix(_COMING): json.loads(self._secret(name)) for name in names}
        return {name: (each["since"], each["person"]) for name, each in kept.items()}

    def arrived(self, note: str) -> None:
        """Forgets that somebody was coming: their entry is there, or their keys are gone."""
        self._rows.drop(_COMING + note)

    def forget_person(self, person: str) -> None:
        """Destroys a person's wrapped keys. Raises `StoreFailure` (`busy`) as `remove` does."""
        for kind in (_PERSON, _PERSON_VAULT, _KDF):
            self._rows.drop(kind + person)
        self._rows.remove((), ())  # out of the log too

    @property
    def archive(self) -> Ed25519PrivateKey:
        """The key that signs checkpoints."""
        return self._signing(_ARCHIVE)

    def next_archive(self) -> Ed25519PrivateKey:
        """Makes the key that is to follow the archive's; durable when this returns."""
        key = Ed25519PrivateKey.generate()
        name = f"{_NEXT}{os.getpid()}-{secrets.token_hex(8)}"
        self._rows.set(name, key.private_bytes_raw())
        return key

    def waiting(self) -> dict[str, Ed25519PrivateKey]:
        """Keys made by `next_archive` and not settled, by process number and a random part."""
        names = self._rows.names(_NEXT)
        return {name.removeprefix(_NEXT): self._signing(name) for name in names}

    def archive_after(self, head: bytes | None) -> Ed25519PrivateKey:
        """The archive's key in force after the checkpoint in the note `head`: who signed it.

        A rotation's own checkpoint is signed by the new key, so that the record itself says which
        key is in force, also when the process that rotated was killed before it could settle.

        Raises:
            StoreFailure: private.db does not have that key.
        """
        if head is None:
            return self.archive
        note = parse(head)
        origin = note.text.partition("\n")[0]
        ids = {line.key_id for line in note.signatures if line.name == origin}
        if _id(origin, current := self.archive) in ids:
            return current
        for key in self.waiting().values():
            if _id(origin, key) in ids:
                return key
        raise StoreFailure(
            "private.db does not hold the key that signed the newest checkpoint.",
            kept="Nothing was added; everything can still be checked.",
            todo="Was private.db restored from an older backup than the record? Restore both "
            "from one backup.",
            code="archive_key",
        )

    def settle_archive(self, key: Ed25519PrivateKey, unused: Collection[str]) -> None:
        """Makes `key` the archive's and destroys the one before; forgets those named in `unused`.

        Raises:
            StoreFailure: `busy`, as `remove` does: what is in `unused` stays, for another try.
        """
        self._rows.set(_ARCHIVE, key.private_bytes_raw())
        self._rows.remove((), ())  # the old key out of the log too
        for name in unused:
            self._rows.drop(_NEXT + name)

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

    def unlock(self, secret: bytes, among: Collection[str] | None = None) -> Unlocked:
        """The person whose keys `secret` opens.

        Args:
            secret: passphrase or bytes of a key file.
            among: key ids of those whose keys count; None for all.

        Raises:
            Locked: nobody's.
            StoreFailure: `vault`: values are sealed to a key that is not the one it opens, or it
                opens nobody's and what somebody's are wrapped with cannot be read.
        """
        bad = ""
        for person in self.people:
            if among is not None and person not in among:
                continue
            try:
                key = self._stretched(secret, person)
            except _UNREADABLE:
                bad = bad or _KDF + person  # somebody else's may open
                continue
            try:
                signing = self._unwrap(key, _PERSON + person)
                vault = self._unwrap(key, _PERSON_VAULT + person)
            except InvalidTag:
                continue
            private = X25519PrivateKey.from_private_bytes(vault)
            self._need_own_vault(private)
            return Unlocked(person, Ed25519PrivateKey.from_private_bytes(signing), private)
        if bad:
            raise damaged(bad)
        raise Locked(
            "This passphrase or key file opens nobody's keys here.",
            kept="Nothing was changed.",
            todo="Try again; everything but protected values also works without it.",
        )

    def _stretched(self, secret: bytes, person: str) -> bytes:
        settings = json.loads(self._secret(_KDF + person))
        salt = bytes.fromhex(settings.pop("salt"))
        return Kdf(**settings).stretch(secret, salt)

    def _need_own_vault(self, private: X25519PrivateKey) -> None:
        # the public key is not wrapped: whoever can write to the file can put theirs in its place
        if private.public_key().public_bytes_raw() != self.vault_public:
            raise StoreFailure(
                "private.db seals values to a key that is not this archive's.",
                kept="Nothing was changed. What was sealed before stays readable, with the right "
                "key in its place.",
                todo="Collect nothing more. Restore private.db from a backup; names and words that "
                "were sealed since may be known to whoever changed it.",
                code="vault",
            )

    def _wrap(self, key: bytes, name: str, value: bytes) -> None:
        nonce = secrets.token_bytes(12)
        sealed = ChaCha20Poly1305(key).encrypt(nonce, value, name.encode())
        self._rows.set(name, nonce + sealed)

    def _unwrap(self, key: bytes, name: str) -> bytes:
        wrapped = self._secret(name)
        return ChaCha20Poly1305(key).decrypt(wrapped[:12], wrapped[12:], name.encode())

    def _signing(self, name: str) -> Ed25519PrivateKey:
        try:
            return Ed25519PrivateKey.from_private_bytes(self._secret(name))
        except ValueError as error:
            raise damaged(name) from error

    def _secret(self, name: str) -> bytes:
        value = self._rows.get(name)
        if value is None:
            raise Locked(
                f"private.db does not hold {name}.",
                kept="The record and the objects are untouched and can still be checked.",
                todo="Restore private.db from a backup.",
            )
        return value


def damaged(name: str) -> StoreFailure:
    """The sentences for a row of private.db that cannot be read."""
    return StoreFailure(
        f"private.db is damaged: {name} cannot be read.",
        kept="The record and the objects are untouched and can still be checked.",
        todo="Restore private.db from a backup.",
        code="vault",
    )


def _id(origin: str, key: Ed25519PrivateKey) -> bytes:
    return VerifierKey(origin, key.public_key().public_bytes_raw()).id
