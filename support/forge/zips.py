"""One strict ZIP of a package, and every way in which it can be bent."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REGULAR = 0o100644


@dataclass
class Item:
    """A file in a ZIP; what is None is as it should be.

    Attributes:
        local_name, local_size: in the header before the file alone.
        size: in both headers.
        packed: the packed size, in the directory.
        wide: the head of a ZIP64 field in the directory that holds both sizes.
        before: bytes before the file.
    """

    name: bytes
    data: bytes
    local_name: bytes | None = None
    method: int = 0
    flags: int = 0
    mode: int = REGULAR
    extra: bytes = b""
    comment: bytes = b""
    local_size: int | None = None
    size: int | None = None
    packed: int | None = None
    wide: bytes | None = None
    before: bytes = b""

    @property
    def stated(self) -> int:
        return len(self.data) if self.size is None else self.size

    def local(self) -> bytes:
        name = self.name if self.local_name is None else self.local_name
        size = self.stated if self.local_size is None else self.local_size
        crc = zlib.crc32(self.data)
        head = struct.pack(
            "<4s5H3L2H", b"PK\x03\x04", 20, self.flags, self.method, 0, 0x21, crc, size, size,
            len(name), 0,
        )  # fmt: skip
        return head + name + self.data

    def central(self, offset: int) -> bytes:
        crc, size, extra = zlib.crc32(self.data), self.stated, self.extra
        if self.wide is not None:
            extra, size = self.wide + struct.pack("<2Q", size, size), 0xFFFFFFFF
        packed = size if self.packed is None else self.packed
        head = struct.pack(
            "<4s6H3L5H2L", b"PK\x01\x02", 0x0314, 20, self.flags, self.method, 0, 0x21, crc, packed,
            size, len(self.name), len(extra), len(self.comment), 0, 0, self.mode << 16, offset,
        )  # fmt: skip
        return head + self.name + extra + self.comment


def items(files: Mapping[str, bytes]) -> list[Item]:
    return [Item(name.encode(), data) for name, data in sorted(files.items())]


@dataclass
class Ending:
    """The end of a ZIP; what is None is as it should be."""

    comment: bytes = b""
    comment_size: int | None = None
    disks: int = 0
    count: int | None = None
    moved: int = 0
    wide: bool = False
    wide_size: int = 44
    wide_mark: bytes = b"PK\x06\x06"

    def write(self, count: int, size: int, start: int) -> bytes:
        """The bytes after the directory, which has this many entries, this size, this start."""
        count, start = count if self.count is None else self.count, start + self.moved
        comment = len(self.comment) if self.comment_size is None else self.comment_size
        made = b""
        if self.wide:
            made = struct.pack(
                "<4sQ2H2L4Q",
                self.wide_mark,
                self.wide_size,
                45,
                45,
                0,
                0,
                count,
                count,
                size,
                start,
            )
            made += struct.pack("<4sLQL", b"PK\x06\x07", 0, start + size, 1)
            count, size, start = 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF
        return made + struct.pack(
            "<4s4H2LH", b"PK\x05\x06", self.disks, 0, count, count, size, start, comment
        ) + self.comment  # fmt: skip


def write(
    path: Path,
    content: list[Item],
    *,
    prefix: bytes = b"",
    padding: bytes = b"",
    tail: bytes = b"",
    backwards: bool = False,
    ending: Ending | None = None,
) -> Path:
    """Writes the ZIP. `prefix` moves everything, as a self-extracting ZIP does.

    Args:
        padding: bytes at the end of the directory, counted in.
        backwards: the directory is in another order than the files.
    """
    body, entries = prefix, []
    place = len(body)
    for item in content:
        body += item.before
        place += len(item.before)
        entries.append(item.central(place))
        body += item.local()
        place += len(item.local()) - len(item.data) + item.stated
    directory = b"".join(reversed(entries) if backwards else entries) + padding
    end = (ending or Ending()).write(len(content), len(directory), len(body))
    path.write_bytes(body + directory + end + tail)
    return path
