"""Writing a BagIt 1.0 bag (RFC 8493), SHA-256 only, in the strict profile of spec/package.md."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
MANIFEST, TAG_MANIFEST = "manifest-sha256.txt", "tagmanifest-sha256.txt"
_CHUNK = 1 << 20


class Bag:
    """A bag being written into a fresh folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._payload: dict[str, str] = {}
        self._bytes = 0
        folder.mkdir()

    def copy(self, path: str, source: BinaryIO) -> str:
        """Adds the payload file `data/<path>`; the SHA-256 of what was copied."""
        target = self._place(f"data/{path}")
        digest = hashlib.sha256()
        with open(target, "xb") as file:
            while block := source.read(_CHUNK):
                digest.update(block)
                file.write(block)
                self._bytes += len(block)
        self._payload[f"data/{path}"] = digest.hexdigest()
        return digest.hexdigest()

    def write(self, path: str, data: bytes) -> None:
        """Adds the payload file `data/<path>` with these bytes."""
        self._place(f"data/{path}").write_bytes(data)
        self._payload[f"data/{path}"] = hashlib.sha256(data).hexdigest()
        self._bytes += len(data)

    def _place(self, path: str) -> Path:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def close(self, info: Mapping[str, str], tag_files: Mapping[str, bytes]) -> str:
        """Writes tag files and manifests; the SHA-256 of the tag manifest."""
        oxum = {"Payload-Oxum": f"{self._bytes}.{len(self._payload)}"}
        lines = "".join(f"{name}: {value}\n" for name, value in {**info, **oxum}.items())
        tags = {
            **tag_files,
            "bagit.txt": DECLARATION,
            "bag-info.txt": lines.encode(),
            MANIFEST: _manifest(self._payload),
        }
        for name, data in tags.items():
            (self.folder / name).write_bytes(data)
        hashes = {name: hashlib.sha256(data).hexdigest() for name, data in tags.items()}
        manifest = _manifest(hashes)
        (self.folder / TAG_MANIFEST).write_bytes(manifest)
        return hashlib.sha256(manifest).hexdigest()


def _manifest(hashes: Mapping[str, str]) -> bytes:
    return "".join(f"{hashes[path]}  {path}\n" for path in sorted(hashes)).encode()
