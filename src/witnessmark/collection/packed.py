"""Reading what others packed (ZIP, gzip) where it lies: nothing is unpacked, nothing bursts.

Python's `zipfile` reads a ZIP's directory only; its members are read here, each straight from the
file, so that opening ten thousand of them does not read ten thousand directories.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import stat
import struct
import zipfile
import zlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from witnessmark.collection.files import Parts, UnusableError, inside, open_inside
from witnessmark.ports import Unreadable

BLOCK = 1 << 16
#: A directory of ZIP members beyond this is no chat and no web archive.
MAX_DIRECTORY = 16 << 20
MAX_MEMBERS = 50_000
#: Far above what text packs to; deflate itself ends at 1,032.
MAX_RATIO = 200
#: What may come out of very little.
MAX_SMALL = 16 << 20
GZIP, DEFLATE = 31, -15
_LOCAL = struct.Struct("<4s22xHH")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_FAULTS = (
    zipfile.BadZipFile, NotImplementedError, ValueError, OSError, OverflowError, EOFError,
    struct.error,
)  # fmt: skip


class Reads(Protocol):
    """Whatever bytes can be read from."""

    def read(self, size: int, /) -> bytes: ...


class Window(io.RawIOBase):
    """`size` bytes of a file from where it stands; `truncated` when it ends before."""

    def __init__(self, file: Reads, size: int) -> None:
        self._file = file
        self._left = size

    def readable(self) -> bool:
        return True

    # typing asks for any buffer; io gives a memoryview
    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        data = self._file.read(min(len(buffer), self._left))
        if not data and self._left and len(buffer):
            raise Unreadable("truncated")
        self._left -= len(data)
        buffer[: len(data)] = data
        return len(data)


class Inflated(io.RawIOBase):
    """What was packed with deflate or gzip; of gzip, all members one after another.

    Args:
        file: packed bytes.
        form: `GZIP` or `DEFLATE`, as zlib counts.
        limit: bytes that may come out at most; then `bomb`.
        at: bytes of the whole that came out, and that went in, before `file` stands where it does.

    Attributes:
        sound: bytes out that have passed gzip's check, at the end of a member.
        marks: bytes out and bytes in where a gzip member begins: reading may start again there.
    """

    def __init__(self, file: BinaryIO, form: int, limit: int, at: tuple[int, int] = (0, 0)) -> None:
        self._file = file
        self._form = form
        self._limit = limit
        self._out, self._fed = at
        self._pending = b""
        self._zlib = zlib.decompressobj(form)
        self._end = False
        self._fault = ""
        self.sound = 0
        self.marks: deque[tuple[int, int]] = deque([at])

    def readable(self) -> bool:
        return True

    # typing asks for any buffer; io gives a memoryview
    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        while not self._end and len(buffer):
            if self._fault:
                raise Unreadable(self._fault)
            last = not self._pending and not self._feed()
            try:
                data = self._zlib.decompress(self._pending, len(buffer))
            except zlib.error as error:
                raise Unreadable("damaged") from error
            self._pending = self._zlib.unconsumed_tail
            self._out += len(data)
            if self._out > self._limit:
                raise Unreadable("bomb")
            if self._zlib.eof:
                self._member_ends()
            elif last and not data:
                raise Unreadable("truncated")
            if data:
                buffer[: len(data)] = data
                return len(data)
        return 0

    def _feed(self) -> bool:
        data = self._file.read(BLOCK)
        self._fed += len(data)
        self._pending += data
        return bool(data)

    def _member_ends(self) -> None:
        if self._form != GZIP:
            self._end = True
            return
        self.sound = self._out
        self._pending = self._zlib.unused_data
        while len(self._pending) < 2 and self._feed():
            pass
        if not self._pending.lstrip(b"\0"):  # some writers fill up the last block
            self._end = True
            return
        if not self._pending.startswith(b"\x1f\x8b"):
            self._fault = "damaged"  # what came out before it is sound
        mark = (self._out, self._fed - len(self._pending))
        if self.marks and self.marks[-1][0] == self._out:
            self.marks.pop()  # an empty member
        self.marks.append(mark)
        self._zlib = zlib.decompressobj(self._form)


class _Checked(io.RawIOBase):
    """A member's bytes, of which length and CRC have to be as its ZIP states."""

    def __init__(self, file: io.RawIOBase, member: Member) -> None:
        self._file = file
        self._member = member
        self._size = self._crc = 0

    def readable(self) -> bool:
        return True

    # typing asks for any buffer; io gives a memoryview
    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        count = self._file.readinto(buffer) or 0
        self._size += count
        self._crc = zlib.crc32(buffer[:count], self._crc)
        stated = (self._member.size, self._member.crc)
        if not count and len(buffer) and (self._size, self._crc) != stated:
            raise Unreadable("damaged")
        return count


@dataclasses.dataclass(frozen=True, slots=True)
class Member:
    """A file in a ZIP: its name there, its sizes, where its header is, and why it is not to be
    opened (`outcome` and `reason` as in `Item`; "" when it may)."""

    name: str
    size: int
    packed: int
    stored: bool
    offset: int
    crc: int
    outcome: str = ""
    reason: str = ""


class _Directory:
    """A file as `zipfile` needs it, which never reads more at once than a directory may have."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        if size > MAX_DIRECTORY:
            raise Unreadable("bomb")
        return self._file.read(MAX_DIRECTORY if size < 0 else size)


def members(root: Path, parts: Parts) -> list[Member]:
    """The files in a ZIP, in its order; folders are none.

    Raises:
        Unreadable: no ZIP or a damaged one (`damaged`); too many members, a directory too large,
            or members that lie over one another (`bomb`); or as `open_inside` says.
    """
    with open_inside(root, parts) as file:
        size = file.seek(0, io.SEEK_END)
        try:
            with zipfile.ZipFile(_Directory(file)) as archive:
                infos = archive.infolist()
        except _FAULTS as error:
            raise Unreadable("damaged") from error
        if len(infos) > MAX_MEMBERS or sum(each.compress_size for each in infos) > size:
            raise Unreadable("bomb")
        return [_member(each, size) for each in infos if not each.orig_filename.endswith("/")]


def _member(info: zipfile.ZipInfo, end: int) -> Member:
    stored = info.compress_type == zipfile.ZIP_STORED
    outcome, reason = "", ""
    try:
        inside(info.orig_filename)
        if stat.S_ISLNK(info.external_attr >> 16):
            raise UnusableError("quarantined", "symlink")
        if not 0 <= info.header_offset < end:
            raise UnusableError("failed", "damaged")
        if info.flag_bits & 0x1:
            raise UnusableError("failed", "encrypted")
        if info.compress_type not in _METHODS or (stored and info.file_size != info.compress_size):
            raise UnusableError("failed", "unsupported_compression")
        if info.file_size > allowed(info.compress_size):
            raise UnusableError("quarantined", "bomb")
    except UnusableError as error:
        outcome, reason = error.outcome, error.reason
    return Member(
        name=info.orig_filename, size=info.file_size, packed=info.compress_size, stored=stored,
        offset=info.header_offset, crc=info.CRC, outcome=outcome, reason=reason,
    )  # fmt: skip


def allowed(packed: int) -> int:
    """How many bytes may come out of so many packed ones."""
    return max(MAX_SMALL, packed * MAX_RATIO)


@contextlib.contextmanager
def open_member(root: Path, parts: Parts, member: Member) -> Iterator[BinaryIO]:
    """The bytes of a member. Raises `Unreadable` as `open_inside` does, or `zero_bytes`,
    `truncated`, `damaged` or `bomb` while they are read."""
    if not member.size:
        raise Unreadable("zero_bytes")
    with open_inside(root, parts) as file:
        _seek(file, member)
        yield io.BufferedReader(_Checked(_unpacked(file, member), member), BLOCK)


@contextlib.contextmanager
def open_member_at(root: Path, parts: Parts, member: Member, at: int) -> Iterator[BinaryIO]:
    """The bytes of a member from `at` on, unchecked: what lies in them has checks of its own."""
    with open_inside(root, parts) as file:
        _seek(file, member)
        if member.stored:
            file.seek(at, io.SEEK_CUR)
            yield io.BufferedReader(Window(file, member.size - at), BLOCK)
            return
        whole = io.BufferedReader(_unpacked(file, member), BLOCK)
        skip(whole, at)
        yield whole


def _unpacked(file: BinaryIO, member: Member) -> io.RawIOBase:
    window = Window(file, member.packed)
    if member.stored:
        return window
    return Inflated(io.BufferedReader(window), DEFLATE, member.size)


def _seek(file: BinaryIO, member: Member) -> None:
    file.seek(member.offset)
    head = file.read(_LOCAL.size)
    if len(head) < _LOCAL.size or not head.startswith(b"PK\3\4"):
        raise Unreadable("damaged")
    _, name, extra = _LOCAL.unpack(head)
    file.seek(name + extra, io.SEEK_CUR)


def skip(file: Reads, count: int) -> None:
    """Reads over so many bytes; `truncated` when there are fewer."""
    while count:
        data = file.read(min(count, BLOCK))
        if not data:
            raise Unreadable("truncated")
        count -= len(data)
