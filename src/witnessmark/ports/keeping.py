"""What is kept: blobs, and the record of all that was done with them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, Protocol

from witnessmark.model import Entry, Recorded
from witnessmark.record.checkpoint import Checkpoint
from witnessmark.record.tiles import Tile


@dataclasses.dataclass(frozen=True, slots=True)
class Stored:
    """A blob that is durable: its SHA-256 (hex), size in bytes, whether it is new here."""

    sha256: str
    size: int
    new: bool


class Blobs(Protocol):
    """Immutable bytes named by their SHA-256."""

    def put(self, source: BinaryIO) -> Stored:
        """Copies `source` to its end and makes it durable before returning.

        Raises:
            StoreFailure: the disk's reserve was reached (`disk_reserve`), or writing failed.
                Nothing of the blob remains.
        """

    def open(self, sha256: str) -> BinaryIO:
        """The blob for reading. Raises `NotFound`."""

    def has(self, sha256: str) -> bool:
        """Whether the blob is there (its bytes are not looked at)."""

    def size(self, sha256: str) -> int:
        """Bytes. Raises `NotFound`."""

    def names(self) -> Iterator[str]:
        """All names, in any order."""

    def remove(self, sha256: str) -> bool:
        """Destroys the blob durably; whether it was there. Only what the record disposed of."""


#: Writes catalog rows for entries that are being appended, in the same transaction.
Project = Callable[[Any, Sequence[Recorded]], None]


class Journal(Protocol):
    """The one append-only log of an archive."""

    def append(self, entries: Sequence[Entry], project: Project) -> list[Recorded]:
        """Assigns index and time, writes entries, tiles, checkpoint and catalog rows, at once.

        Entries are durable when this returns. If `project` raises, nothing was appended.
        Processes that append at once wait for each other; the record never forks.
        """

    def head(self) -> Checkpoint | None:
        """The newest checkpoint, None before the genesis."""

    def note(self, size: int | None = None) -> bytes:
        """The signed checkpoint of that size (default: the newest). Raises `NotFound`."""

    def notes(self) -> Iterator[tuple[int, bytes]]:
        """All signed checkpoints as (size, note), smallest first."""

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Recorded]:
        """Entries in order."""

    def entry(self, index: int) -> Recorded:
        """One entry. Raises `NotFound`."""

    def tile(self, tile: Tile) -> bytes:
        """The first `tile.width` hashes of a stored tile. Raises `NotFound`."""
