"""Making files and folders survive a power cut. The only place that calls `fsync`."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

#: What file systems without links, permissions or syncing of folders answer (exFAT, FAT, shares).
_NO_SUCH_THING = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.ENOTTY)


def sync_file(descriptor: int) -> None:
    """Forces a file's bytes to the disk."""
    os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Forces a folder's names to the disk.

    Windows has no way to do this; its file systems journal renames, which is what is relied on
    there (untested). Some file systems of sticks have no such thing either and say so.
    """
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SUCH_THING:
            raise
    finally:
        os.close(descriptor)


def restrict(path: Path, mode: int) -> None:
    """Sets permissions, on a file system that has them."""
    try:
        path.chmod(mode)
    except OSError as error:
        if error.errno not in (*_NO_SUCH_THING, errno.EPERM):
            raise


def make_folder(folder: Path) -> None:
    """Creates `folder`, and those above it that are missing; all are there after a power cut."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


@contextlib.contextmanager
def alone(lock: Path) -> Iterator[bool]:
    """Holds the file `lock` until the end; gives whether nobody else has it.

    The system lets go of it when a process dies. On Windows nobody is kept apart.
    """
    with open(lock, "wb") as file:
        try:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def write_file(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Puts a small file in place at once and durably; readers see the old bytes or the new."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _fill(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), data)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_new_file(path: Path, data: bytes, mode: int = 0o600) -> None:
    """The same, never in the place of something that is there, however late it came.

    On a file system without links (exFAT) the file is written in its place: a power cut may leave
    a part of it there.

    Raises:
        FileExistsError: something of that name is there; it was not touched.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        _fill(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), data)
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in (*_NO_SUCH_THING, errno.EPERM):
            raise
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            _fill(descriptor, data)
        except OSError:
            path.unlink(missing_ok=True)
            raise
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def _fill(descriptor: int, data: bytes) -> None:
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        sync_file(file.fileno())


def settle(temporary: Path, path: Path) -> None:
    """Puts a finished file in the place of another, at once and durably."""
    with open(temporary, "rb+") as file:
        sync_file(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)
