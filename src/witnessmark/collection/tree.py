"""The folders below a folder, one at a time: what collectors of other tools' trees walk.

Links are never followed. Memory holds one folder's names and the folders still to come.
"""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from witnessmark.collection.files import Parts, list_folder, open_inside, reason_of, refusal
from witnessmark.ports import Unreadable

#: How far a look at a tree goes that has to be cheap.
_FOLDERS, _NAMES, _FILES = 200, 5_000, 20
#: How much of a file tells what it is.
HEAD = 1 << 16


@dataclasses.dataclass(frozen=True, slots=True)
class Listed:
    """One folder: its path, and all in it that is no folder, by the bytes of the names.

    `readable` is false for one that cannot be read.
    """

    parts: Parts
    files: tuple[tuple[str, os.stat_result | OSError], ...] = ()
    readable: bool = True


def folder_at(where: str) -> Path | None:
    """The absolute path of a folder; None for anything else."""
    return Path(os.path.normpath(Path(where).absolute())) if Path(where).is_dir() else None


def folders(root: Path) -> Iterator[Listed]:
    """Depth first, in order; an explicit stack, since folders can be nested deeper than calls."""
    stack: list[Parts] = [()]
    while stack:
        parts = stack.pop()
        try:
            entries = list_folder(root, parts)
        except OSError:
            yield Listed(parts, readable=False)
            continue
        inner = [name for name, found in entries if _is_folder(found)]
        stack.extend((*parts, name) for name in reversed(inner))
        yield Listed(parts, tuple(each for each in entries if not _is_folder(each[1])))


def _is_folder(found: os.stat_result | OSError) -> bool:
    return not isinstance(found, OSError) and stat.S_ISDIR(found.st_mode)


def unusable(root: Path, parts: Parts, found: os.stat_result | OSError) -> tuple[str, str]:
    """Outcome and reason for what is not to be opened; two empty words for a regular file."""
    if isinstance(found, OSError):
        return "failed", reason_of(found)
    reason = refusal(root, root.joinpath(*parts), found)
    return ("quarantined", reason) if reason else ("", "")


def some(root: Path, suffixes: tuple[str, ...]) -> Iterator[Parts]:
    """The first regular files with such endings, as far as a cheap look goes."""
    names = files = 0
    for count, listed in enumerate(folders(root)):
        for name, found in listed.files:
            if name.lower().endswith(suffixes) and unusable(root, (), found) == ("", ""):
                yield (*listed.parts, name)
                files += 1
            names += 1
            if names >= _NAMES or files >= _FILES:
                return
        if count >= _FOLDERS:
            return


def head(root: Path, parts: Parts, size: int = HEAD) -> bytes:
    """The beginning of a file; nothing for one that cannot be read."""
    found = b""
    try:
        with open_inside(root, parts) as file:
            found = file.read(size)
    except Unreadable:
        pass  # what is still being written is recognised by what could be read
    return found
