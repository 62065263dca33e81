"""Bags that others made (RFC 8493 and its drafts): do their files fit their manifests?

The `bagit` package does the reading; it is lenient, so that what it lets through is looked at
here first: white space in the declaration, a path twice, paths that leave the bag on any
system (also by `fetch.txt`), links. That a bag is whole says nothing about who made it.
"""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import bagit

from witnessmark.errors import BadInput

_DECLARATION = re.compile(rb"BagIt-Version: (\d+)\.(\d+)\r?\n")
_SPACED = re.compile(rb"(?m)^[^:\n]*(\s:|:\s{2,}|:\S)|[ \t]+\r?$")
_MANIFEST = re.compile(r"(tag)?manifest-([a-z0-9]+)\.txt")
_LEAVES = re.compile(r"(^|[\\/])\.\.([\\/]|$)|^[\\/~]|^[A-Za-z]:|^%")
_WEAK = frozenset({"md5", "sha1"})
_MAX_TAG_FILE = 64 << 20


@dataclasses.dataclass(frozen=True, slots=True)
class Received:
    """What was found.

    Attributes:
        version: `1.0`, `0.97`, ...
        files: how many payload files fit.
        notes: sentences about what its manifests do not protect.
    """

    version: str
    files: int
    notes: tuple[str, ...]


def check_bag(folder: Path) -> Received:
    """Checks every manifest of the bag in `folder`.

    Raises:
        BadInput: it is no bag, unsafe, incomplete, or some file does not fit.
    """
    version = _declaration(folder)
    _no_links(folder)
    algorithms: dict[str, set[str]] = {"": set(), "tag": set()}
    for path in folder.iterdir():
        if match := _MANIFEST.fullmatch(path.name):
            algorithms[match.group(1) or ""].add(match.group(2))
            _safe(path, list(_paths(path)), once=version >= (1, 0))
    if (fetch := folder / "fetch.txt").is_file():
        _safe(fetch, list(_fetched(fetch)), once=True)
    files = _validate(folder)
    return Received(f"{version[0]}.{version[1]}", files, tuple(_notes(folder, algorithms)))


def _refuse(what: str) -> BadInput:
    return BadInput(
        what, kept="Nothing was changed.", todo="Ask whoever handed it over for another copy."
    )


def _declaration(folder: Path) -> tuple[int, int]:
    try:
        data = (folder / "bagit.txt").read_bytes()[:4096]
    except OSError as error:
        raise _refuse(f"{folder} is no bag: its bagit.txt cannot be read.") from error
    match = _DECLARATION.match(data)
    if not match:
        raise _refuse("The bag's declaration is not that of any BagIt version.")
    version = (int(match.group(1)), int(match.group(2)))
    if version >= (1, 0) and _SPACED.search(data):
        raise _refuse("The bag's declaration has white space where BagIt 1.0 allows none.")
    return version


def _no_links(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise _refuse(f"The bag holds a link or a special file: {path.name!r}.")


def _text(path: Path) -> str:
    """A tag file's text; its encoding matters little here, since paths are only looked at."""
    if path.stat().st_size > _MAX_TAG_FILE:
        raise _refuse(f"{path.name} is too large.")
    data = path.read_bytes()
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    return data.decode(encoding, errors="surrogateescape")


def _paths(path: Path) -> Iterator[str]:
    for line in _text(path).splitlines():
        _, _, name = line.strip().partition(" ")
        if name := name.lstrip(" \t*"):
            yield name


def _fetched(path: Path) -> Iterator[str]:
    for line in _text(path).splitlines():
        if len(parts := line.split(None, 2)) == 3:
            yield parts[2]


def _safe(path: Path, names: list[str], *, once: bool) -> None:
    for name in names:
        if _LEAVES.search(name):
            raise _refuse(f"{path.name} names a place outside the bag: {name[:100]!r}.")
    if once and len(set(names)) != len(names):
        raise _refuse(f"{path.name} names a file twice.")


def _validate(folder: Path) -> int:
    """What the library finds; how many payload files there are."""
    logger = logging.getLogger("bagit")
    level, logger.level = logger.level, logging.CRITICAL  # it would log each error as well
    try:
        bag = bagit.Bag(str(folder))
        bag.validate()
        return sum(1 for _ in bag.payload_files())
    except (bagit.BagError, OSError, ValueError, LookupError) as error:
        raise _refuse(f"The bag does not hold: {str(error)[:500]}.") from error
    finally:
        logger.level = level


def _notes(folder: Path, algorithms: dict[str, set[str]]) -> Iterator[str]:
    if algorithms[""] <= _WEAK:
        yield "Its manifests are MD5 or SHA-1 only: another file can be made to fit."
    if not algorithms["tag"]:
        yield "It has no tag manifest: its own description could have been changed."
    if (folder / "fetch.txt").is_file():
        yield "It names files to fetch from elsewhere; nothing was fetched."
    yield "Whoever can change a file can write new manifests: this bag carries no signature."
