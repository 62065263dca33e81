"""Copies of blobs from one place to another: read in a stream, verified, put in place whole."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from witnessmark.errors import StoreFailure
from witnessmark.stores.durable import make_folder, restrict, sync_file, sync_folder

_CHUNK = 1 << 20
OnBytes = Callable[[int], None]


def digest(path: Path, on_bytes: OnBytes = lambda _: None) -> str:
    """SHA-256 of a file. `on_bytes` is given the number of bytes after each step of reading.

    Raises:
        OSError: it cannot be read to its end.
    """
    found = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        for block in _blocks(file):
            found.update(block)
            on_bytes(len(block))
    return found.hexdigest()


def is_whole(path: Path, sha256: str) -> bool:
    """Whether a file can be read to its end and has the bytes of that name."""
    try:
        return digest(path) == sha256
    except OSError:
        return False


def copy(
    source: BinaryIO,
    target: Path,
    sha256: str,
    *,
    aside: Path | None = None,
    on_bytes: OnBytes = lambda _: None,
) -> None:
    """Puts the blob `sha256` at `target`, durably; there is all of it or nothing new.

    Args:
        aside: where a file that lies at `target` goes, instead of being written over.

    Raises:
        StoreFailure: `object_changed`: the source has other bytes. The target is as it was.
        OSError: reading or writing failed. The target is as it was.
    """
    make_folder(target.parent)
    with partial(target) as (path, out):
        found = hashlib.sha256()
        for block in _blocks(source):
            found.update(block)
            out.write(block)
            on_bytes(len(block))
        out.flush()
        sync_file(out.fileno())
        if found.hexdigest() != sha256:
            raise StoreFailure(
                f"The object {sha256} was changed on the disk.",
                kept="The other place keeps what it had.",
                todo="'witnessmark audit --place BACKUP' mends it from a good copy.",
                code="object_changed",
            )
        restrict(path, 0o444)
        if aside is not None and target.exists():
            make_folder(aside.parent)
            target.rename(aside)
            sync_folder(aside.parent)
        path.replace(target)
        sync_folder(target.parent)


@contextlib.contextmanager
def partial(target: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A hidden file beside `target`, gone afterwards unless it was renamed."""
    path = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with open(path, "wb") as out:
            yield path, out
    finally:
        path.unlink(missing_ok=True)


def _blocks(file: BinaryIO) -> Iterator[memoryview]:
    buffer = memoryview(bytearray(_CHUNK))
    # typing's BinaryIO does not name readinto, which every binary file has
    while count := file.readinto(buffer):  # type: ignore[attr-defined]
        yield buffer[:count]
