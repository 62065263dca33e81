"""WARC files (ISO 28500, versions 0.17 to 1.1), plain or gzipped, record by record.

Headers are parsed by `warcio`. Its `ArchiveIterator` is not used: it reads lines of any length,
passes over damaged gzip with a word on the terminal, and holds whole transfer chunks in memory.
Not covered: ARC files, Zstandard, records in segments (their headers are read, nothing is joined).
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import logging
import re
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from typing import Any, BinaryIO

from warcio.exceptions import ArchiveLoadFailed
from warcio.recordloader import ArcWarcRecordLoader
from warcio.statusandheaders import StatusAndHeadersParser

from witnessmark.collection.packed import BLOCK, GZIP, Inflated, Window, allowed, skip
from witnessmark.ports import Unreadable

#: A record's headers, WARC and HTTP together, and one line of them.
MAX_HEADERS = 256 << 10
MAX_LINE = 64 << 10
#: How much is read over to come to a record where the packing allows no nearer start.
MAX_SKIP = 128 << 20
#: Beginnings that are tried in one file, where damage has to be passed.
MAX_TRIES = 10_000
_MEMBER = b"\x1f\x8b\x08"
#: First bytes of a payload that are kept, to tell what it is.
HEAD = 512
#: Opens the bytes of a WARC file from an offset on.
Source = Callable[[int], AbstractContextManager[BinaryIO]]
Headers = tuple[tuple[str, str], ...]

_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")
# It warns of spaces in an address, and shows it, on the terminal.
logging.getLogger("warcio").addHandler(logging.NullHandler())


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record, read to its end.

    Attributes:
        type, headers: as its WARC headers say.
        http, status: headers and status of the answer in it, if it is one.
        mark: bytes of the WARC and bytes of its file where reading may start.
        start, size: where the payload lies in the WARC, transfer chunks included.
        chunked: whether it lies in transfer chunks.
        head: its first bytes, without the first chunk's size.
        raw_sha1, raw_sha256: of the payload in its chunks; "" where it is not chunked.
        trouble: why it is not whole: `truncated`, `damaged`, `bomb`, `header_too_long`, ...
        checked: whether the check that its packing has, if any, was passed already.
        ends: whether nothing after it can be read.
    """

    type: str = ""
    headers: Headers = ()
    http: Headers | None = None
    status: int | None = None
    mark: tuple[int, int] = (0, 0)
    start: int = 0
    size: int = 0
    chunked: bool = False
    head: bytes = b""
    raw_sha1: str = ""
    raw_sha256: str = ""
    trouble: str = ""
    checked: bool = True
    ends: bool = False

    def header(self, name: str) -> str:
        """A WARC header, "" without."""
        return _first(self.headers, name)

    def http_header(self, name: str) -> str:
        """A header of the answer, "" without."""
        return _first(self.http or (), name)


def _first(headers: Headers, name: str) -> str:
    return next((value for key, value in headers if key.lower() == name.lower()), "").strip()


def looks_like_warc(start: bytes) -> bool:
    """Whether a file begins as a WARC does, gzipped or not; `start` is some 64 kB of it."""
    if not start.startswith(b"\x1f\x8b"):
        return start.startswith(b"WARC/")
    try:
        return io.BufferedReader(Inflated(io.BytesIO(start), GZIP, BLOCK)).read(5) == b"WARC/"
    except Unreadable:
        return False


class _Stream:
    """The WARC in a file: lines of limited length, and how far it was read."""

    def __init__(self, file: BinaryIO, packed: bool, limit: int, mark: tuple[int, int]) -> None:
        self.packed = packed
        self._inflated = Inflated(file, GZIP, limit, mark) if packed else None
        self._file = io.BufferedReader(self._inflated, BLOCK) if self._inflated else file
        self._mark = mark
        self.position = mark[0]
        self.budget = MAX_HEADERS

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self.position += len(data)
        return data

    def readline(self, size: int | None = None) -> bytes:
        most = min(MAX_LINE, self.budget) if size is None else min(MAX_LINE, self.budget, size)
        line = self._file.readline(most)
        if len(line) == most and most != size and not line.endswith(b"\n"):
            raise Unreadable("header_too_long")
        self.budget -= len(line)
        self.position += len(line)
        return line

    def tell(self) -> int:
        return self.position

    def next_line(self) -> bytes:
        """The first line of the next record; nothing at the end."""
        while True:
            self.budget = MAX_HEADERS
            line = self.readline()
            if not line or line.strip():
                return line

    def sound(self, position: int) -> bool:
        """Whether what was read up to `position` has passed the checks that its packing has."""
        return self._inflated is None or self._inflated.sound >= position

    def mark(self, position: int) -> tuple[int, int]:
        """The last place at or before `position` where reading may start."""
        if self._inflated is None:
            return position, position
        marks = self._inflated.marks
        while marks and marks[0][0] <= position:
            self._mark = marks.popleft()
        return self._mark


def records(source: Source, size: int) -> Iterator[Record]:
    """The records of a WARC file of `size` bytes, each once it was read to its end.

    One that cannot be read has the reason as its `trouble`, and no type when not even its headers
    could be read. After it, reading goes on at the next gzip member that begins a record; where
    there is none, it `ends` the file.
    """
    tries = MAX_TRIES
    at: tuple[int, int] | None = (0, 0)
    while at is not None:
        broken, at = yield from _run(source, size, at)
        if broken:
            if at is not None:
                at, tries = _resumed(source, broken, at, tries)
            yield dataclasses.replace(broken, ends=at is None)


def _run(
    source: Source, size: int, at: tuple[int, int]
) -> Generator[Record, None, tuple[Record | None, tuple[int, int] | None]]:
    """Records up to one with trouble; that one, and, where members may follow it, how far was read
    and the start of its member."""
    stream = None
    try:
        with source(at[1]) as file:
            # typing's BinaryIO does not name peek, which every buffered file has
            start = file.peek(2)[:2]  # type: ignore[attr-defined]
            stream = _Stream(file, start == b"\x1f\x8b", allowed(size), at)
            line = stream.next_line()
            trouble = ""
            while line:
                record, line, trouble = _one(stream, line)
                if record.trouble:
                    return record, (stream.position, record.mark[1]) if stream.packed else None
                yield record
    except Unreadable as error:
        trouble = error.reason
    if not trouble:
        return None, None
    if stream is None or not stream.packed:
        return Record(trouble=trouble), None
    reached = (stream.position, stream.mark(stream.position)[1])
    return Record(trouble=trouble), reached


def _resumed(
    source: Source, broken: Record, reached: tuple[int, int], tries: int
) -> tuple[tuple[int, int] | None, int]:
    """Where to go on after a damaged gzip member, and how many more starts may be tried."""
    position, at = reached
    if broken.trouble not in ("damaged", "truncated"):
        return None, tries
    with contextlib.suppress(Unreadable), source(at) as file:
        skip(file, 2)
        kept, at = b"", at + 2
        while tries:
            found = kept.find(_MEMBER)
            if found < 0:
                at += max(0, len(kept) - 2)
                more = file.read(BLOCK)
                kept = kept[-2:] + more
                if not more:
                    break
                continue
            if len(kept) - found < BLOCK and (more := file.read(BLOCK)):
                kept += more
            if looks_like_warc(kept[found : found + BLOCK]):
                return (position + 1, at + found), tries - 1
            tries -= 1
            at, kept = at + found + 1, kept[found + 1 :]
    return None, tries


def _one(stream: _Stream, line: bytes) -> tuple[Record, bytes, str]:
    """A record, the first line of the next ("" when there is none to be read), and why not."""
    record = _begin(stream, line)
    try:
        record = _drain(record, stream)
    except Unreadable as error:
        return dataclasses.replace(record, trouble=error.reason), b"", ""
    if record.trouble:
        return record, b"", ""
    end, trouble = record.start + record.size, ""
    try:
        line = stream.next_line()
    except Unreadable as error:
        line, trouble = b"", error.reason
    checked = stream.sound(end)
    if not checked and not line.startswith(b"WARC/"):
        # Damaged bytes may come out as others; only the check at their end would have told.
        return dataclasses.replace(record, trouble=trouble or "damaged"), b"", ""
    return dataclasses.replace(record, checked=checked), line, trouble


def _begin(stream: _Stream, line: bytes) -> Record:
    """A record's headers, and those of the HTTP answer in it."""
    mark = stream.mark(stream.position - len(line))
    try:
        loaded = ArcWarcRecordLoader().parse_record_stream(
            stream, line, known_format="warc", no_record_parse=True
        )
    except (ArchiveLoadFailed, EOFError) as error:
        raise Unreadable("damaged") from error
    headers = _headers(loaded.rec_headers)
    record = Record(type=(loaded.rec_type or "").lower(), headers=headers, mark=mark)
    if not re.fullmatch(r"[0-9]{1,15}", record.header("Content-Length")):
        return dataclasses.replace(record, trouble="no_length")
    http, status = None, None
    if record.type in ("response", "revisit") and loaded.raw_stream.limit and _is_http(record):
        http, status = _answer(loaded.raw_stream)
    return dataclasses.replace(
        record, http=http, status=status, start=stream.position, size=loaded.raw_stream.limit
    )


def _answer(file: Any) -> tuple[Headers, int | None]:
    """Headers and status of an HTTP answer; no status where it does not begin like one."""
    try:
        answer = StatusAndHeadersParser([], verify=False).parse(file)
    except EOFError:
        return (), None
    code = re.match(r"[1-9][0-9]{2}\b", answer.statusline)
    return _headers(answer), int(code[0]) if code and answer.protocol.startswith("HTTP/") else None


def _headers(parsed: Any) -> Headers:
    return tuple((str(name), str(value)) for name, value in parsed.headers)


def _is_http(record: Record) -> bool:
    return record.header("Content-Type").lower().startswith("application/http")


def _drain(record: Record, stream: _Stream) -> Record:
    """Reads over the payload, looking at its beginning; of one in chunks, digests are made."""
    if record.trouble:
        return record
    head = b""
    chunked = record.http_header("Transfer-Encoding").lower() == "chunked"
    sha1, sha256 = hashlib.sha1(usedforsecurity=False), hashlib.sha256()
    left = record.size
    while left:
        data = stream.read(min(left, BLOCK))
        if not data:
            return dataclasses.replace(record, trouble="truncated")
        if left == record.size:
            head = data[: 2 * HEAD]
            chunked = chunked and _CHUNK.match(head) is not None
        if chunked:
            sha1.update(data)
            sha256.update(data)
        left -= len(data)
    if not chunked:
        return dataclasses.replace(record, head=head[:HEAD])
    return dataclasses.replace(
        record, chunked=True, head=_CHUNK.sub(b"", head, count=1)[:HEAD],
        raw_sha1=sha1.hexdigest(), raw_sha256=sha256.hexdigest(),
    )  # fmt: skip


@contextlib.contextmanager
def open_payload(source: Source, size: int, record: Record, skipped: int = 0) -> Iterator[BinaryIO]:
    """The payload of a record as it was served, transfer chunks undone and nothing else.

    Args:
        source, size: as of `records`.
        record: one of them.
        skipped: bytes to leave out at its beginning; not for chunks.
    """
    if record.start - record.mark[0] > MAX_SKIP:
        raise Unreadable("packed_as_one")
    if not record.size:
        raise Unreadable("zero_bytes")
    with source(record.mark[1]) as file:
        # typing's BinaryIO does not name peek, which every buffered file has
        packed = file.peek(2)[:2] == b"\x1f\x8b"  # type: ignore[attr-defined]
        stream = _Stream(file, packed, allowed(size), record.mark)
        # No reading ahead: what follows this record may be damaged.
        skip(stream, record.start - record.mark[0] + skipped)
        window = Window(stream, record.size - skipped)
        yield io.BufferedReader(_Unchunked(io.BufferedReader(window)) if record.chunked else window)


class _Unchunked(io.RawIOBase):
    """A body out of its transfer chunks (RFC 9112, 7.1); `damaged_chunks` where they are not."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = 0
        self._first = True
        self._end = False

    def readable(self) -> bool:
        return True

    # typing asks for any buffer; io gives a memoryview
    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        if self._end or not len(buffer):
            return 0
        if not self._left:
            self._left = self._next()
            self._end = not self._left
        data = self._file.read(min(len(buffer), self._left))
        if not data and not self._end:
            raise Unreadable("damaged_chunks")
        self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)

    def _next(self) -> int:
        if not self._first and self._file.readline(3).strip(b"\r\n"):
            raise Unreadable("damaged_chunks")
        self._first = False
        line = _CHUNK.fullmatch(self._file.readline(1 << 10))
        if not line:
            raise Unreadable("damaged_chunks")
        return int(line[1], 16)
