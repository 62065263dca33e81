"""Partial answers (HTTP 206) to requests for one thing, put together when they cover all of it."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from witnessmark.collection.packed import BLOCK
from witnessmark.collection.warc import Record, Source, open_payload

#: Parts that are remembered at most; those beyond stay parts.
MAX_PARTS = 100_000
_RANGE = re.compile(r"bytes\s+(\d{1,15})-(\d{1,15})/(\d{1,15})", re.IGNORECASE)

#: What names a record: which WARC of the archive, and where its payload starts.
Spot = tuple[int, int]


@dataclasses.dataclass(frozen=True, slots=True)
class _Part:
    """Bytes `start` to `end` (exclusive) of something, and the record they lie in."""

    spot: Spot
    start: int
    end: int
    record: Record


@dataclasses.dataclass(frozen=True, slots=True)
class Joined:
    """Parts that together are whole: each with how many of its bytes to leave out first.

    Attributes:
        total: size of the whole.
        vouched: whether the server named a version of what it sent (ETag, Last-Modified), the
            same in each part.
    """

    parts: tuple[tuple[_Part, int], ...]
    total: int
    vouched: bool


class Parts206:
    """Collects parts while the records pass by; then tells what they make."""

    def __init__(self) -> None:
        self._groups: dict[tuple[object, ...], list[_Part]] = defaultdict(list)
        self._count = 0
        self._whole: dict[Spot, Joined] = {}
        self._used: set[Spot] = set()

    def add(self, spot: Spot, record: Record) -> None:
        """One 206 answer. Chunked, broken or lying ones are left out: they stay parts."""
        stated = _RANGE.fullmatch(record.http_header("Content-Range"))
        if record.trouble or record.chunked or not stated or self._count >= MAX_PARTS:
            return
        start, last, total = (int(each) for each in stated.groups())
        end = start + record.size
        if not start < end <= last + 1 <= total:
            return
        self._count += 1
        marks = ("ETag", "Last-Modified", "Content-Encoding")
        key = (record.header("WARC-Target-URI"), total, *map(record.http_header, marks))
        bare = Record(mark=record.mark, start=record.start, size=record.size)
        self._groups[key].append(_Part(spot, start, end, bare))

    def join(self) -> None:
        """Once all were added."""
        for key, parts in self._groups.items():
            chosen = _cover(parts, int(str(key[1])))
            if chosen:
                vouched = any(key[2:4]) and not str(key[2]).startswith("W/")
                joined = Joined(tuple(chosen), int(str(key[1])), vouched)
                self._whole[min(part.spot for part, _ in chosen)] = joined
                self._used.update(part.spot for part in parts)
        self._groups.clear()

    def whole_at(self, spot: Spot) -> Joined | None:
        """What is put together in the place of this record, the first of its parts."""
        return self._whole.get(spot)

    def used(self, spot: Spot) -> bool:
        """Whether this record's bytes are in something that was put together."""
        return spot in self._used


def _cover(parts: Sequence[_Part], total: int) -> list[tuple[_Part, int]]:
    """The parts that, one after another, are the whole; none when a gap is left."""
    chosen: list[tuple[_Part, int]] = []
    at = 0
    best: _Part | None = None
    for part in sorted(parts, key=lambda each: (each.start, -each.end, each.spot)):
        if part.start > at:
            if best is None or best.end < part.start:
                return []
            chosen.append((best, at - best.start))
            at, best = best.end, None
        if part.end > at and (best is None or part.end > best.end):
            best = part
    if best is not None:
        chosen.append((best, at - best.start))
        at = best.end
    return chosen if at == total else []


@contextlib.contextmanager
def open_joined(joined: Joined, warcs: Sequence[tuple[Source, int]]) -> Iterator[BinaryIO]:
    """The whole. `warcs`: how to open each WARC of the archive, and its size."""
    with contextlib.ExitStack() as stack:
        yield io.BufferedReader(_Chain(joined, warcs, stack), BLOCK)


class _Chain(io.RawIOBase):
    """Parts one after another, one open at a time."""

    def __init__(
        self, joined: Joined, warcs: Sequence[tuple[Source, int]], stack: contextlib.ExitStack
    ) -> None:
        self._parts = iter(joined.parts)
        self._warcs = warcs
        self._stack = stack
        self._now: BinaryIO | None = None

    def readable(self) -> bool:
        return True

    # typing asks for any buffer; io gives a memoryview
    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        while True:
            if self._now is None:
                self._stack.close()
                part, skipped = next(self._parts, (None, 0))
                if part is None:
                    return 0
                source, size = self._warcs[part.spot[0]]
                opened = open_payload(source, size, part.record, skipped)
                self._now = self._stack.enter_context(opened)
            data = self._now.read(len(buffer))
            if data or not len(buffer):
                buffer[: len(data)] = data
                return len(data)
            self._now = None
