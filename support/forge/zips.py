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
    """A file in a ZIP; what is None is as it should be."""

    name: bytes
    data: bytes
    local_name: bytes | None = None
    method: int = 0
    flags: int = 0
    mode: int = REGULAR
    extra: bytes = b""
    local_size: int | None = None
    before: bytes = b""

    def local(self) -> bytes:
        name = self.name if self.local_name is None else self.local_name
        size = len(self.data) if self.local_size is None else self.local_size
        crc = zlib.crc32(self.data)
        head = struct.pack(
            "<4s5H3L2H", b"PK\x03\x04", 20, self.flags, self.method, 0, 0x21, crc, size, size,
            len(name), 0,
        )  # fmt: skip
        return head + name + self.data

    def central(self, offset: int) -> bytes:
        crc, size = zlib.crc32(self.data), len(self.data)
        head = struct.pack(
            "<4s6H3L5H2L", b"PK\x01\x02", 0x0314, 20, self.flags, self.method, 0, 0x21, crc, size,
            size, len(self.name), len(self.extra), 0, 0, 0, self.mode << 16, offset,
        )  # fmt: skip
        return head + self.name + self.extra


def items(files: Mapping[str, bytes]) -> list[Item]:
    return [Item(name.encode(), data) for name, data in sorted(files.items())]


def write(
    path: Path,
    content: list[Item],
    *,
    prefix: bytes = b"",
    comment: bytes = b"",
    tail: bytes = b"",
    backwards: bool = False,
) -> Path:
    """Writes the ZIP. `prefix` moves everything, as a self-extracting ZIP does.

    Args:
        backwards: the directory is in another order than the files.
    """
    body, entries = prefix, []
    for item in content:
        body += item.before
        entries.append(item.central(len(body)))
        body += item.local()
    directory = b"".join(reversed(entries) if backwards else entries)
    size, start, count = len(directory), len(body), len(content)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, size, start, len(comment))
    path.write_bytes(body + directory + end + comment + tail)
    return path
