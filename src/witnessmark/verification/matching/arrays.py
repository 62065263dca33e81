"""Named arrays in one file that can be used where it lies, without reading it all.

Layout: "WMAR", length of the description u32; the description, JSON: name to type, shape and
place; then each array, little-endian, at a multiple of 64 bytes from the start of the file.
"""

from __future__ import annotations

import contextlib
import json
import math
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from witnessmark.errors import StoreFailure

#: Name to type and shape.
Layout = Mapping[str, tuple[str, tuple[int, ...]]]
Arrays = Mapping[str, NDArray[Any]]

_MAGIC = b"WMAR"
_HEAD = struct.Struct("<4sI")
_ALIGNED = 64
_LONGEST = 1 << 20
_TYPES = ("<u2", "<u4", "<u8", "|u1")


@contextlib.contextmanager
def create(path: Path, layout: Layout) -> Iterator[Arrays]:
    """A new file at `path` with arrays of zeros, to be filled before the context ends."""
    places: dict[str, tuple[str, tuple[int, ...], int]] = {}
    at = 0
    for name, (kind, shape) in layout.items():
        places[name] = kind, shape, at
        at += _padded(math.prod(shape) * np.dtype(kind).itemsize)
    head = json.dumps(places).encode()
    start = _padded(_HEAD.size + len(head))
    with path.open("wb") as file:
        file.write(_HEAD.pack(_MAGIC, len(head)) + head)
        file.truncate(start + at)
    whole = np.memmap(path, np.uint8, "r+")
    yield {name: _view(np.asarray(whole), start, *place) for name, place in places.items()}
    whole.flush()


def load(path: Path) -> Arrays:
    """The arrays of a file, mapped, not read.

    Raises:
        StoreFailure: the file is not there, was cut, or is none of ours.
    """
    try:
        whole = np.asarray(np.memmap(path, np.uint8, "r"))
        magic, length = _HEAD.unpack(bytes(whole[: _HEAD.size]))
        if magic != _MAGIC or length > _LONGEST:
            raise ValueError("no arrays")
        places = json.loads(bytes(whole[_HEAD.size : _HEAD.size + length]))
        start = _padded(_HEAD.size + length)
        return {
            name: _view(whole, start, str(kind), tuple(map(int, shape)), int(at))
            for name, (kind, shape, at) in places.items()
        }
    except (OSError, ValueError, TypeError, AttributeError, struct.error) as error:
        raise damaged(path) from error


def damaged(path: Path) -> StoreFailure:
    """What is raised about a file that cannot be used."""
    return StoreFailure(
        f"A file of the search index, {path.name}, is missing or damaged.",
        kept="Nothing is lost: the index is made from the fingerprints.",
        todo="Remove the folder `derived/index` and run `witnessmark match` again.",
        code="index",
    )


def _padded(size: int) -> int:
    return -(-size // _ALIGNED) * _ALIGNED


def _view(
    whole: NDArray[np.uint8], start: int, kind: str, shape: tuple[int, ...], at: int
) -> NDArray[Any]:
    if kind not in _TYPES or min((at, *shape)) < 0:
        raise ValueError("a type or size that is not written")
    size = math.prod(shape) * np.dtype(kind).itemsize
    if start + at + size > len(whole):
        raise ValueError("ends too early")
    return whole[start + at : start + at + size].view(kind).reshape(shape)
