"""One strict ZIP of a package (spec/package.md, "As one file").

Python's `zipfile` writes a ZIP64 end beside an ordinary one from 2 GiB on, and marks it in neither;
here a number stands in one place only, so every reader sees the same.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

_CHUNK = 1 << 20
_REGULAR = 0o100644
_MAX16, _MAX32 = 0xFFFF, 0xFFFFFFFF
#: Version 2.0, or 4.5 with ZIP64; made on Unix; 1 January 1980, so that no time gives us away.
_PLAIN, _WIDE, _UNIX, _DATE = 20, 45, 0x0300, 0x21


class Member(NamedTuple):
    """A file's size and CRC-32."""

    size: int
    crc: int


def write(out: BinaryIO, folder: Path, files: Mapping[str, Member]) -> None:
    """Writes the files of `folder` to `out`, sorted by path, uncompressed, from its start.

    Raises:
        ValueError: a file is no longer of the size that `files` says.
    """
    directory, offset = bytearray(), 0
    for path in sorted(files):
        name, member = path.encode("ascii"), files[path]
        head = _local(name, member)
        out.write(head)
        if _copy(folder / path, out) != member.size:
            raise ValueError(f"{path} changed while it was being packed")
        directory += _central(name, member, offset)
        offset += len(head) + member.size
    out.write(bytes(directory))
    out.write(_end(len(files), len(directory), offset))


def _copy(path: Path, out: BinaryIO) -> int:
    count = 0
    with open(path, "rb") as file:
        while block := file.read(_CHUNK):
            out.write(block)
            count += len(block)
    return count


def _wide(*numbers: int) -> tuple[list[int], bytes]:
    """The numbers as they stand in 32 bits, and the ZIP64 field with those that do not fit."""
    large = [number for number in numbers if number >= _MAX32]
    field = struct.pack(f"<2H{len(large)}Q", 1, 8 * len(large), *large) if large else b""
    return [min(number, _MAX32) for number in numbers], field


def _local(name: bytes, member: Member) -> bytes:
    (size, packed), extra = _wide(member.size, member.size)
    head = struct.pack(
        "<4s5H3L2H", b"PK\x03\x04", _WIDE if extra else _PLAIN, 0, 0, 0, _DATE, member.crc,
        packed, size, len(name), len(extra),
    )  # fmt: skip
    return head + name + extra


def _central(name: bytes, member: Member, offset: int) -> bytes:
    (size, packed, place), extra = _wide(member.size, member.size, offset)
    version = _WIDE if extra else _PLAIN
    head = struct.pack(
        "<4s6H3L5H2L", b"PK\x01\x02", _UNIX | version, version, 0, 0, 0, _DATE, member.crc,
        packed, size, len(name), len(extra), 0, 0, 0, _REGULAR << 16, place,
    )  # fmt: skip
    return head + name + extra


def _end(count: int, size: int, start: int) -> bytes:
    made = b""
    if count >= _MAX16 or size >= _MAX32 or start >= _MAX32:
        head = struct.pack("<4sQ2H2L", b"PK\x06\x06", 44, _UNIX | _WIDE, _WIDE, 0, 0)
        made = head + struct.pack("<4Q", count, count, size, start)
        made += struct.pack("<4sLQL", b"PK\x06\x07", 0, start + size, 1)
        count, size, start = _MAX16, _MAX32, _MAX32
    return made + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, size, start, 0)
