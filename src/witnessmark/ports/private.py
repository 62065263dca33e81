"""Protected values: the vault, and where it keeps what it sealed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Protocol

from witnessmark.model import Json, Protected


@dataclasses.dataclass(frozen=True, slots=True)
class Opened:
    """A protected value with what proves it: field name, value, 32-byte salt."""

    field: str
    value: Json
    salt: bytes


class Vault(Protocol):
    """Protected values and salts. Locked, it takes values in and gives none out."""

    @property
    def locked(self) -> bool:
        """Whether values can be read."""

    def protect(self, field: str, value: Json, place: str = "") -> Protected:
        """Commits to `value` under a fresh salt; durable only after `flush`.

        What was erased before (this field of this place, or this value everywhere) is not taken
        in again: its commitment can never be opened.
        """

    def discard(self) -> None:
        """Forgets values that were protected and not flushed: their entries will not come."""

    def flush(self, since: int) -> None:
        """Makes all values given to `protect` durable; `since` is the record's size now.

        Call before appending their entries. What was flushed before and not settled stays
        unsettled: its entries were refused, and it is swept when this process is gone.
        """

    def settle(self) -> None:
        """The entries of the values flushed last are in the record now."""

    def open(self, ref: Protected) -> Opened:
        """The value. Raises `Locked`, `Erased`, or `NotFound` when the vault never had it."""

    def natural_key(self, *parts: Json) -> str:
        """32 hex digits: a keyed digest of `parts`. Works locked; tells nothing without the key."""


@dataclasses.dataclass(frozen=True, slots=True)
class SealedValue:
    """A value ready to be kept: commitment, ciphertext, and the tombstones that would forbid it."""

    commitment: bytes
    sealed: bytes
    tombstones: tuple[bytes, ...]


class PrivateRows(Protocol):
    """Where the vault keeps what it sealed: rows of ciphertext, overwritten when removed."""

    def get(self, name: str) -> bytes | None:
        """A named secret (wrapped keys, settings)."""

    def names(self, prefix: str) -> list[str]:
        """Names of secrets that start so."""

    def set(self, name: str, value: bytes) -> None:
        """Puts a named secret, durably."""

    def drop(self, name: str) -> None:
        """Forgets a named secret."""

    def add(self, values: Sequence[SealedValue], batch: str, since: int) -> None:
        """Keeps values durably as `batch`, unsettled since entry `since`.

        A value with a tombstone that is there by now is left out.
        """

    def value(self, commitment: bytes) -> bytes | None:
        """A sealed value."""

    def values(self) -> Iterator[tuple[bytes, bytes]]:
        """All (commitment, sealed value) rows."""

    def remove(self, commitments: Sequence[bytes], tombstones: Sequence[bytes]) -> None:
        """Removes values for good, free pages and write-ahead log included; adds tombstones.

        Raises:
            StoreFailure: `busy`: the rows are gone, but a reader keeps the log from being cut;
                do it again later.
        """

    def unsettled(self) -> list[tuple[str, int, list[bytes]]]:
        """(batch, since, commitments) of flushed values whose entries may be missing."""

    def settle(self, batch: str) -> None:
        """Forgets that `batch` was unsettled."""
