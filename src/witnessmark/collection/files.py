"""Opening files that somebody else named and may still be writing.

A tree from outside is hostile: names may point out of it, a link or a pipe may stand where a
file is expected, and a camera or a sync program may be writing to what we read.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import io
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path, PureWindowsPath
from typing import BinaryIO

from witnessmark.model import DatedBy
from witnessmark.model.json import Json, name_to_json
from witnessmark.model.statement import Instant, Token
from witnessmark.ports import Unreadable

Opener = Callable[[], AbstractContextManager[BinaryIO]]
#: A path inside a tree, one name each. Names are `str` with surrogate escapes, as `os` gives them.
Parts = tuple[str, ...]

#: A file touched this recently is looked at twice before it is read.
FRESH_SECONDS = 2.0
RECHECK_SECONDS = 0.1

# Windows has none of these: there `_descend` checks each component and opens the whole path.
_FOLLOW_NOTHING: int = getattr(os, "O_NOFOLLOW", 0)
_FILE: int = (
    os.O_RDONLY | _FOLLOW_NOTHING | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)
_FOLDER: int = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
_RELATIVE = os.open in os.supports_dir_fd and os.scandir in os.supports_fd

_REASONS = {
    errno.ENOENT: "vanished",
    errno.ENOTDIR: "vanished",
    errno.ELOOP: "symlink",
    errno.ENXIO: "special_file",
}


class UnusableError(Exception):
    """A name from outside that is not to be opened: what becomes of its item, and why."""

    def __init__(self, outcome: str, reason: str) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason


def reason_of(error: OSError) -> str:
    """The word for a failed system call; `unreadable` for permissions and I/O errors."""
    return _REASONS.get(error.errno or 0, "unreadable")


def inside(name: str, base: Parts = ()) -> Parts:
    """The parts of a `/`-separated name, seen from the folder `base` of the same tree.

    Raises:
        UnusableError: the name leaves the tree (`path_outside`), or no file can have such a name
            (`bad_name`).
    """
    if "\0" in name or not name:
        raise UnusableError("quarantined", "bad_name")
    if PureWindowsPath(name).anchor or (os.sep != "/" and os.sep in name):
        raise UnusableError("quarantined", "path_outside")
    parts = list(base)
    for part in name.split("/"):
        if part == "..":
            if not parts:
                raise UnusableError("quarantined", "path_outside")
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return tuple(parts)


def look(root: Path, parts: Parts) -> os.stat_result:
    """What stands at `parts`, a regular file, without opening it.

    Raises:
        UnusableError: a symbolic link on the way (`symlink`, `symlink_outside`), something that is
            no regular file (`special_file`), nothing (`missing_on_disk`), or no access.
    """
    for count in range(1, len(parts) + 1):
        path = root.joinpath(*parts[:count])
        try:
            found = path.lstat()
        except OSError as error:
            missing = error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
            outcome = ("not_included", "missing_on_disk") if missing else ("failed", "unreadable")
            raise UnusableError(*outcome) from error
        except ValueError as error:  # a lone surrogate that no file system can hold
            raise UnusableError("quarantined", "bad_name") from error
        if refused := refusal(root, path, found, last=count == len(parts)):
            raise UnusableError("quarantined", refused)
    if not parts:
        raise UnusableError("quarantined", "special_file")
    return found


def refusal(root: Path, path: Path, found: os.stat_result, *, last: bool = True) -> str:
    """Why `path` is not to be opened, "" when it may be."""
    if stat.S_ISLNK(found.st_mode):
        target, tree = os.path.realpath(path), os.path.realpath(root)
        return "symlink" if target.startswith(tree + os.sep) else "symlink_outside"
    if last and not stat.S_ISREG(found.st_mode):
        return "special_file"
    return ""


def sign(found: os.stat_result) -> str:
    """A cheap sign that a file is as it was: `size:mtime_ns:ctime_ns:inode`."""
    return f"{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}:{found.st_ino}"


def modified(found: os.stat_result) -> tuple[DatedBy, ...]:
    """The modification time as a stated date; nothing for one outside the years 1 to 9999."""
    try:
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=found.st_mtime_ns // 1000)
    except OverflowError:
        return ()
    text = at.isoformat().replace("+00:00", "Z")
    return (DatedBy(what=Token("file_modified"), at=Instant(text), grade=Token("stated")),)


def path_to_json(parts: Parts) -> Json:
    """The path inside its tree, `/` between names; base64 where a name is not UTF-8."""
    return name_to_json("/".join(parts))


def opener(root: Path, parts: Parts) -> Opener:
    """Opens the file at `parts` under `root`, each time it is called."""
    return functools.partial(open_inside, root, parts)


def _descend(root: Path, parts: Parts, flags: int) -> int:
    """A descriptor of `parts` under `root`; no component may be a symbolic link.

    Without openat (Windows), a link that is put there after the check would be followed.
    """
    if not _RELATIVE:
        for count in range(len(parts)):
            if (path := root.joinpath(*parts[: count + 1])).is_symlink():
                raise OSError(errno.ELOOP, "a symbolic link", str(path))
        return os.open(root.joinpath(*parts), flags)
    here = os.open(root, _FOLDER)
    try:
        for part in parts[:-1]:
            inner = os.open(part, _FOLDER | _FOLLOW_NOTHING, dir_fd=here)
            os.close(here)
            here = inner
        return os.open(parts[-1] if parts else ".", flags, dir_fd=here)
    finally:
        os.close(here)


class _Source(io.FileIO):
    """A file whose read errors are the source's fault, so that a full disk is not mistaken."""

    # typing asks for any buffer; io gives a memoryview
    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        try:
            return super().readinto(buffer) or 0
        except OSError as error:
            raise Unreadable(reason_of(error)) from error

    def readall(self) -> bytes:
        try:
            return super().readall() or b""
        except OSError as error:
            raise Unreadable(reason_of(error)) from error


def _settled(descriptor: int) -> os.stat_result:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise Unreadable("special_file")
    if abs(time.time() - found.st_mtime) < FRESH_SECONDS:
        time.sleep(RECHECK_SECONDS)
        if os.fstat(descriptor).st_size != found.st_size:
            raise Unreadable("still_being_written")
    if not found.st_size:
        raise Unreadable("zero_bytes")
    return found


@contextlib.contextmanager
def open_inside(root: Path, parts: Parts) -> Iterator[BinaryIO]:
    """The regular file at `parts` for reading.

    Raises:
        Unreadable: on entry `unreadable`, `vanished`, `symlink`, `special_file`, `zero_bytes` or
            `still_being_written`; on exit `still_being_written` when it changed meanwhile.
    """
    try:
        descriptor = _descend(root, parts, _FILE)
    except OSError as error:
        raise Unreadable(reason_of(error)) from error
    try:
        before = _settled(descriptor)
        with io.BufferedReader(_Source(descriptor, closefd=False)) as file:
            yield file
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise Unreadable("still_being_written")


def list_folder(root: Path, parts: Parts) -> list[tuple[str, os.stat_result | OSError]]:
    """Names in a folder and what they are, by their bytes; an error for one that is gone.

    Raises:
        OSError: the folder cannot be read, or is a symbolic link by now.
    """
    if not _RELATIVE:
        return _scan(root.joinpath(*parts))
    descriptor = _descend(root, parts, _FOLDER | _FOLLOW_NOTHING)
    try:
        return _scan(descriptor)
    finally:
        os.close(descriptor)


def _scan(folder: Path | int) -> list[tuple[str, os.stat_result | OSError]]:
    found: list[tuple[str, os.stat_result | OSError]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                found.append((entry.name, entry.stat(follow_symlinks=False)))
            except OSError as error:
                found.append((entry.name, error))
    return sorted(found, key=lambda each: os.fsencode(each[0]))
