"""The vault of protected values: sealed to a key that only people can unlock.

Anybody may put values in (collection works while nobody is there); reading and erasing take a
person. Values are sealed with HPKE (RFC 9180: X25519, HKDF-SHA256, ChaCha20-Poly1305).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Container, Iterable
from typing import Any, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from witnessmark.custody.keys import damaged
from witnessmark.errors import BadRecord, Erased, Locked, StoreFailure
from witnessmark.model import Json, Protected, Recorded
from witnessmark.model.statement import STATEMENTS
from witnessmark.ports import Opened, PrivateRows, SealedValue
from witnessmark.record.canonical import canonical, parse
from witnessmark.record.commitment import SALT_SIZE, commit, opens

_SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)
_INFO = b"witnessmark/vault/1"
_MAX_VALUE = 64 << 20
_ERASING = "erasing."
_KEPT = "kept."


def commitments(recorded: Recorded) -> dict[str, Protected]:
    """Field name to commitment, for the protected fields of an entry."""
    kind = STATEMENTS.get(recorded.entry.type)
    statement = recorded.said
    if kind is None or statement is None:
        return {}
    found = {name: getattr(statement, name) for name in sorted(kind.protected_fields())}
    return {name: value for name, value in found.items() if value is not None}


class SealedVault:
    """The `Vault` port over `PrivateRows`.

    Args:
        rows: where the sealed rows lie.
        public: the vault's public key.
        seen_key: key of natural keys and tombstones.
        private: the vault's private key, when a person has unlocked it.
    """

    def __init__(
        self,
        rows: PrivateRows,
        public: bytes,
        seen_key: bytes,
        private: X25519PrivateKey | None = None,
    ) -> None:
        self._rows = rows
        try:
            self._public = X25519PublicKey.from_public_bytes(public)
        except ValueError as error:
            raise damaged("vault.public") from error
        self._seen_key = seen_key
        self._private = private
        self._staged: list[SealedValue] = []
        self._process = os.getpid()
        self._batch = ""

    @property
    def locked(self) -> bool:
        """See `Vault.locked`."""
        return self._private is None

    def protect(self, field: str, value: Json, place: str = "") -> Protected:
        """See `Vault.protect`."""
        salt = secrets.token_bytes(SALT_SIZE)
        commitment = commit(field, value, salt)
        encoded = base64.b64encode(salt).decode("ascii")
        content: Json = {"field": field, "salt": encoded, "value": value}
        sealed = _SUITE.encrypt(canonical(content), self._public, info=_INFO)
        tombstones = [self._digest("value", field, value)]
        if place:
            tombstones.append(self._digest("place", field, place))
        name = bytes.fromhex(commitment.commitment)
        self._staged.append(SealedValue(name, sealed, tuple(tombstones)))
        return commitment

    def flush(self, since: int) -> None:
        """See `Vault.flush`."""
        staged, self._staged = self._staged, []
        self._batch = ""
        if staged:
            # a name of its own: values whose entries were refused stay unsettled, to be swept
            self._batch = f"{self._process}-{secrets.token_hex(8)}"
            self._rows.add(staged, self._batch, since)

    def settle(self) -> None:
        """See `Vault.settle`."""
        if self._batch:
            self._rows.settle(self._batch)
        self._batch = ""

    def discard(self) -> None:
        """See `Vault.discard`."""
        self._staged = []

    def open(self, ref: Protected) -> Opened:
        """See `Vault.open`."""
        sealed = self._rows.value(bytes.fromhex(ref.commitment))
        if sealed is None:
            raise Erased("This value is not in the vault any more.", kept="Its commitment stays.")
        return self._unseal(ref.commitment, sealed)

    def _unseal(self, commitment: str, sealed: bytes) -> Opened:
        if self._private is None:
            raise Locked(
                "The vault is locked.",
                todo="Give the passphrase (WITNESSMARK_PASSPHRASE) or the key file (--key-file).",
            )
        try:
            content = parse(_SUITE.decrypt(sealed, self._private, info=_INFO), limit=_MAX_VALUE)
        except InvalidTag as error:
            raise StoreFailure("A value in private.db was changed.", code="vault") from error
        assert isinstance(content, dict)
        opened = Opened(content["field"], content["value"], base64.b64decode(content["salt"]))
        if not opens(Protected(commitment), opened.field, opened.value, opened.salt):
            raise StoreFailure("A value in private.db is not the one committed to.", code="vault")
        return opened

    def plan_erasure(
        self, refs: Iterable[tuple[Protected, str, str]], since: int, *, everywhere: bool = False
    ) -> str:
        """Writes down what is about to be erased, so that a killed process's erasure is finished.

        Args:
            refs: commitments with their field and the keyed place they were seen at ("" for
                none). The same field of the same place is not collected again.
            since: size of the record before the entries that say so.
            everywhere: the same value is not collected again from any place; takes an unlocked
                vault.

        Returns:
            the plan's name, which begins with this process's number.
        """
        tombstones, gone = [], []
        for ref, field, place in refs:
            if place:
                tombstones.append(self._digest("place", field, place).hex())
            if everywhere:
                tombstones.append(self._digest("value", field, self.open(ref).value).hex())
            gone.append(ref.commitment)
        plan: Json = {"gone": gone, "since": since, "tombstones": sorted(set(tombstones))}
        name = f"{os.getpid()}-{secrets.token_hex(8)}"
        self._rows.set(_ERASING + name, canonical(plan))
        return name

    def planned_erasures(self) -> dict[str, tuple[int, list[str]]]:
        """Plans that were not finished: record size before them, commitments."""
        plans = {name: self._plan(name) for name in self._plan_names()}
        return {name: (plan["since"], plan["gone"]) for name, plan in plans.items()}

    def finish_erasure(self, name: str, said: Container[str]) -> None:
        """Removes what a plan names, as far as the record says it, and forgets the plan.

        Args:
            name: the plan.
            said: commitments whose erasure stands in the record.

        Raises:
            StoreFailure: `busy`: a reader keeps the log from being cut. The plan stays.
        """
        plan = self._plan(name)
        gone = [bytes.fromhex(each) for each in plan["gone"] if each in said]
        if gone:
            self._rows.remove(gone, [bytes.fromhex(each) for each in plan["tombstones"]])
        self._rows.drop(_ERASING + name)

    def _plan_names(self) -> list[str]:
        return [name.removeprefix(_ERASING) for name in self._rows.names(_ERASING)]

    def _plan(self, name: str) -> dict[str, Any]:
        stored = self._rows.get(_ERASING + name) or b"{}"
        return cast(dict[str, Any], parse(stored, limit=_MAX_VALUE))

    def same_values(self, field: str, value: Json) -> list[Protected]:
        """Commitments to the same value of the same field. Opens everything: slow."""
        found = []
        for commitment, sealed in self._rows.values():
            opened = self._unseal(commitment.hex(), sealed)
            if (opened.field, opened.value) == (field, value):
                found.append(Protected(commitment.hex()))
        return found

    def holds(self, ref: Protected) -> bool:
        """Whether the value is still there, readable or not."""
        return self._rows.value(bytes.fromhex(ref.commitment)) is not None

    def keep(self, name: str, value: Json) -> None:
        """Keeps a value of the archive's own (where a backup lies), sealed; works locked."""
        sealed = _SUITE.encrypt(canonical(value), self._public, info=_INFO)
        self._rows.set(_KEPT + name, sealed)

    def kept(self, prefix: str) -> dict[str, Json]:
        """Kept values by name.

        Raises:
            Locked: there are any, and nobody has unlocked the vault.
            StoreFailure: one was changed.
        """
        found: dict[str, Json] = {}
        for name in self._rows.names(_KEPT + prefix):
            if self._private is None:
                raise Locked("The vault is locked.", todo="Give the passphrase or the key file.")
            sealed = self._rows.get(name) or b""
            try:
                opened = _SUITE.decrypt(sealed, self._private, info=_INFO)
                found[name.removeprefix(_KEPT)] = parse(opened, limit=_MAX_VALUE)
            except (InvalidTag, ValueError, BadRecord) as error:
                raise damaged(name) from error
        return found

    def kept_names(self, prefix: str) -> list[str]:
        """Names of kept values, without the prefix; works locked."""
        return [each.removeprefix(_KEPT + prefix) for each in self._rows.names(_KEPT + prefix)]

    def drop_kept(self, name: str) -> None:
        """Forgets a kept value."""
        self._rows.drop(_KEPT + name)

    def natural_key(self, *parts: Json) -> str:
        """See `Vault.natural_key`."""
        return self._digest("natural", *parts)[:16].hex()

    def _digest(self, use: str, *parts: Json) -> bytes:
        return hmac.new(self._seen_key, canonical([use, *parts]), hashlib.sha256).digest()

    def sweep(self, entries: Iterable[Recorded], batch: str, kept: Iterable[bytes]) -> int:
        """Removes values of a batch whose process died before its entries were appended.

        Args:
            entries: the record from where the batch began.
            batch: its name.
            kept: commitments that the batch flushed.

        Returns:
            how many values were removed.
        """
        recorded = {
            bytes.fromhex(ref.commitment) for each in entries for ref in commitments(each).values()
        }
        orphans = [commitment for commitment in kept if commitment not in recorded]
        if orphans:
            self._rows.remove(orphans, [])
        self._rows.settle(batch)
        return len(orphans)
