"""Writing a BagIt 1.0 bag (RFC 8493), SHA-256 only, in the strict profile of spec/package.md."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from witnessmark.reporting.onefile import Member

DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
MANIFEST, TAG_MANIFEST = "manifest-sha256.txt", "tagmanifest-sha256.txt"
_CHUNK = 1 << 20


class Bag:
    """A bag being written into a fresh folder.

    Attributes:
        files: what it holds so far, by path.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._payload: dict[str, str] = {}
        self.files: dict[str, Member] = {}
        folder.mkdir()

    def copy(self, path: str, source: BinaryIO) -> str:
        """Adds the payload file `data/<path>`; the SHA-256 of what was copied."""
        target = self._place(f"data/{path}")
        digest, size, crc = hashlib.sha256(), 0, 0
        with open(target, "xb") as file:
            while block := source.read(_CHUNK):
                digest.update(block)
                file.write(block)
                size, crc = size + len(block), zlib.crc32(block, crc)
        self._payload[f"data/{path}"] = digest.hexdigest()
        self.files[f"data/{path}"] = Member(size, crc)
        return digest.hexdigest()

    def write(self, path: str, data: bytes) -> None:
        """Adds the payload file `data/<path>` with these bytes."""
        self.add(f"data/{path}", data)
        self._payload[f"data/{path}"] = hashlib.sha256(data).hexdigest()

    def add(self, path: str, data: bytes) -> None:
        """Writes a file of the bag that no payload manifest lists."""
        self._place(path).write_bytes(data)
        self.files[path] = Member(len(data), zlib.crc32(data))

    def _place(self, path: str) -> Path:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def close(self, info: Mapping[str, str], tag_files: Mapping[str, bytes]) -> str:
        """Writes tag files and manifests; the SHA-256 of the tag manifest."""
        size = sum(self.files[path].size for path in self._payload)
        oxum = {"Payload-Oxum": f"{size}.{len(self._payload)}"}
        lines = "".join(f"{name}: {value}\n" for name, value in {**info, **oxum}.items())
        tags = {
            **tag_files,
            "bagit.txt": DECLARATION,
            "bag-info.txt": lines.encode(),
            MANIFEST: _manifest(self._payload),
        }
        for name, data in tags.items():
            self.add(name, data)
        hashes = {name: hashlib.sha256(data).hexdigest() for name, data in tags.items()}
        manifest = _manifest(hashes)
        self.add(TAG_MANIFEST, manifest)
        return hashlib.sha256(manifest).hexdigest()


def _manifest(hashes: Mapping[str, str]) -> bytes:
    return "".join(f"{hashes[path]}  {path}\n" for path in sorted(hashes)).encode()
