"""Stores in memory that implement the real ports, for the contract suites."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, BinaryIO

from witnessmark.errors import NotFound
from witnessmark.model import Entry, Recorded
from witnessmark.ports import Project, Stored
from witnessmark.record import tiles, tree
from witnessmark.record.checkpoint import Checkpoint
from witnessmark.record.entries import encode, recorded
from witnessmark.record.note import parse


class MemoryBlobs:
    """`Blobs` in a dictionary."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    def put(self, source: BinaryIO) -> Stored:
        data = source.read()
        name = hashlib.sha256(data).hexdigest()
        new = name not in self._blobs
        self._blobs[name] = data
        return Stored(name, len(data), new)

    def open(self, sha256: str) -> BinaryIO:
        return BytesIO(self._find(sha256))

    def has(self, sha256: str) -> bool:
        return sha256 in self._blobs

    def size(self, sha256: str) -> int:
        return len(self._find(sha256))

    def names(self) -> Iterator[str]:
        return iter(sorted(self._blobs))

    def remove(self, sha256: str) -> bool:
        return self._blobs.pop(sha256, None) is not None

    def _find(self, sha256: str) -> bytes:
        if sha256 not in self._blobs:
            raise NotFound("no such object")
        return self._blobs[sha256]


class MemoryJournal:
    """`Journal` in lists."""

    def __init__(self, origin: str, sign: Callable[[Checkpoint], bytes]) -> None:
        self._origin = origin
        self._sign = sign
        self._entries: list[Recorded] = []
        self._notes: dict[int, bytes] = {}

    def append(self, entries: Sequence[Entry], project: Project) -> list[Recorded]:
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        start = len(self._entries)
        taken = [
            recorded(start + n, encode(dataclasses.replace(each, at=at)))
            for n, each in enumerate(entries)
        ]
        handle: Any = self
        if taken:
            project(handle, taken)
            self._entries += taken
            root = tree.fold([each.leaf for each in self._entries])
            size = len(self._entries)
            self._notes[size] = self._sign(Checkpoint(self._origin, size, root))
        return taken

    def head(self) -> Checkpoint | None:
        return Checkpoint.parse(parse(self.note()).text) if self._notes else None

    def note(self, size: int | None = None) -> bytes:
        wanted = max(self._notes, default=0) if size is None else size
        if wanted not in self._notes:
            raise NotFound("no such checkpoint")
        return self._notes[wanted]

    def notes(self) -> Iterator[tuple[int, bytes]]:
        return iter(sorted(self._notes.items()))

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Recorded]:
        return iter(self._entries[start:stop])

    def entry(self, index: int) -> Recorded:
        if not 0 <= index < len(self._entries):
            raise NotFound("no such entry")
        return self._entries[index]

    def tile(self, tile: tiles.Tile) -> bytes:
        step = 256**tile.level
        first = tile.index * 256
        leaves = [each.leaf for each in self._entries]
        rows = [
            tree.fold(leaves[n * step : (n + 1) * step])
            for n in range(first, first + tile.width)
            if (n + 1) * step <= len(leaves)
        ]
        if len(rows) < tile.width:
            raise NotFound("no such tile")
        return b"".join(rows)
