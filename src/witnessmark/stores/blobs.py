"""Blobs on files: `objects/ab/<sha256>`, read-only, written once."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from witnessmark.errors import NotFound, StoreFailure
from witnessmark.ports import Stored
from witnessmark.stores.durable import make_folder, restrict, sync_file, sync_folder

try:
    import fcntl
except ImportError:  # Windows: left-over temporary files stay until somebody removes them
    fcntl = None  # type: ignore[assignment]

CHUNK = 1 << 20
#: How many bytes may be written between two looks at the free space.
RESERVE_STEP = 64 << 20
_NAME = re.compile(r"[0-9a-f]{64}")


class FileBlobs:
    """The `Blobs` port on a folder.

    Args:
        folder: the `objects/` folder; it is created.
        reserve: bytes of free disk space that storing must leave.
    """

    def __init__(self, folder: Path, reserve: int = 0) -> None:
        self.folder = folder
        self.reserve = reserve
        self._incoming = folder / "incoming"

    def put(self, source: BinaryIO) -> Stored:
        """See `Blobs.put`."""
        temporary = self._incoming / f"{os.getpid()}-{secrets.token_hex(8)}"
        try:
            make_folder(self.folder)
            make_folder(self._incoming)
            with self._writing(temporary) as file:
                sha256, size = self._copy(source, file)
                target = self.path(sha256)
                new = not target.exists()
                if new or not _holds(target, sha256):
                    self._settle(file, temporary, target)
                else:
                    # who wrote it may have died before its name was safe
                    sync_folder(target.parent)
        except OSError as error:
            raise _store_failure(error) from error
        finally:
            temporary.unlink(missing_ok=True)
        return Stored(sha256, size, new)

    @contextlib.contextmanager
    def _writing(self, temporary: Path) -> Iterator[BinaryIO]:
        with open(temporary, "xb", buffering=0) as file:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX)
            yield file

    def _copy(self, source: BinaryIO, target: BinaryIO) -> tuple[str, int]:
        digest, size, checked = hashlib.sha256(), 0, -RESERVE_STEP
        buffer = memoryview(bytearray(CHUNK))
        # typing's BinaryIO does not name readinto, which every binary file has
        while count := source.readinto(buffer):  # type: ignore[attr-defined]
            if size - checked >= RESERVE_STEP:
                self.check_reserve()
                checked = size
            digest.update(buffer[:count])
            _write_all(target, buffer[:count])
            size += count
        return digest.hexdigest(), size

    def check_reserve(self) -> None:
        """Raises `StoreFailure` (`disk_reserve`) when the disk has no more than the reserve.

        Without a reserve, the disk may be filled to its last byte.
        """
        if self.reserve and shutil.disk_usage(self.folder).free < self.reserve + RESERVE_STEP:
            raise StoreFailure(
                "The disk has only its reserve left.",
                kept="Everything stored so far is safe.",
                todo="Free some space or lower 'reserve_mb' in archive.toml, then run it again.",
                code="disk_reserve",
            )

    def _settle(self, file: BinaryIO, temporary: Path, target: Path) -> None:
        sync_file(file.fileno())
        restrict(temporary, 0o444)
        make_folder(target.parent)
        temporary.rename(target)
        sync_folder(target.parent)

    def path(self, sha256: str) -> Path:
        """Where the blob of that name is or would be. Raises `NotFound` for what is no name."""
        if not _NAME.fullmatch(sha256):
            raise NotFound(f"{sha256[:80]!r} is not the SHA-256 of an object.")
        return self.folder / sha256[:2] / sha256

    def open(self, sha256: str) -> BinaryIO:
        """See `Blobs.open`."""
        try:
            return open(self.path(sha256), "rb")
        except FileNotFoundError as error:
            raise NotFound(f"The object {sha256} is not here.") from error

    def has(self, sha256: str) -> bool:
        """See `Blobs.has`."""
        return self.path(sha256).exists()

    def size(self, sha256: str) -> int:
        """See `Blobs.size`."""
        try:
            return self.path(sha256).stat().st_size
        except FileNotFoundError as error:
            raise NotFound(f"The object {sha256} is not here.") from error

    def names(self) -> Iterator[str]:
        """See `Blobs.names`."""
        for folder in sorted(self.folder.glob("[0-9a-f][0-9a-f]")):
            names = (entry.name for entry in folder.iterdir())
            yield from sorted(name for name in names if _NAME.fullmatch(name))

    def remove(self, sha256: str) -> bool:
        """See `Blobs.remove`."""
        path = self.path(sha256)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        sync_folder(path.parent)
        return True

    def strangers(self) -> list[str]:
        """Names of what lies in the folder and is no blob (desktops leave such files)."""
        return [
            str(path.relative_to(self.folder))
            for path in sorted(self.folder.glob("*/*"))
            if path.parent != self._incoming and not _NAME.fullmatch(path.name)
        ]

    def sweep(self) -> int:
        """Removes what killed processes left half-written; the number of files removed."""
        removed = 0
        for left in list(self._incoming.glob("*")) if fcntl else []:
            with contextlib.suppress(FileNotFoundError, BlockingIOError), open(left, "rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                left.unlink()
                removed += 1
        return removed


def _holds(path: Path, sha256: str) -> bool:
    """Whether the file has the bytes of its name: a damaged one is replaced by what came again."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256


def _write_all(target: BinaryIO, data: memoryview) -> None:
    while data:
        data = data[target.write(data) :]


def _store_failure(error: OSError) -> StoreFailure:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return StoreFailure(
        "The disk is full." if full else f"The disk did not take the file: {error.strerror}.",
        kept="Everything stored so far is safe; nothing of this file was kept.",
        todo="Free some space, then run it again."
        if full
        else "Check the disk, then run it again.",
        code="disk_full" if full else "disk_error",
    )
