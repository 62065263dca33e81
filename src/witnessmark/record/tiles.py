"""tlog-tiles: the tree cut into tiles of 256 hashes, eight levels high.

A full tile's own root stands in the tile above it; a partial tile's never does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from witnessmark.errors import BadRecord
from witnessmark.record.tree import EMPTY_ROOT, HASH_SIZE, Node, fold, node_hash

WIDTH = 256
HEIGHT = 8


@dataclass(frozen=True, order=True, slots=True)
class Tile:
    """Coordinates of a tile: level, index in the level, how many hashes it holds (1 to 256)."""

    level: int
    index: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """`tile/0/x001/x234/067` or, partial, `tile/0/x001/x234/067.p/8`."""
        digits = f"{self.index:03d}"
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        parts = [digits[i : i + 3] for i in range(0, len(digits), 3)]
        where = "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
        return f"tile/{self.level}/{where}" + ("" if self.width == WIDTH else f".p/{self.width}")


_PATH = re.compile(r"tile/(0|[1-9]\d?)/((?:x\d{3}/)*\d{3})(?:\.p/([1-9]\d{0,2}))?")

#: Gives the bytes of a tile that has at least the width asked for.
TileReader = Callable[[Tile], bytes]


def parse_path(path: str) -> Tile:
    """The tile a path names.

    Raises:
        BadRecord: not the one spelling of a tile's path.
    """
    if match := _PATH.fullmatch(path):
        level, where, width = match.groups()
        tile = Tile(int(level), int(where.replace("x", "").replace("/", "")), int(width or WIDTH))
        if tile.path == path and tile.level < 64:
            return tile
    raise BadRecord(f"{path!r} is not the path of a tile.", code="tile_path")


def split(data: bytes, width: int) -> list[bytes]:
    """The first `width` hashes of a tile's bytes.

    Raises:
        BadRecord: there are fewer, or the bytes do not divide into hashes.
    """
    if len(data) % HASH_SIZE or len(data) < width * HASH_SIZE:
        raise BadRecord(f"A tile of {width} hashes has {len(data)} bytes.", code="tile_width")
    return [data[i : i + HASH_SIZE] for i in range(0, width * HASH_SIZE, HASH_SIZE)]


def right_edge(size: int) -> list[Tile]:
    """The partial tiles at the right edge of a tree, lowest level first; none where it is even."""
    edge, level = [], 0
    while size:
        if width := size % WIDTH:
            edge.append(Tile(level, size // WIDTH, width))
        size, level = size // WIDTH, level + 1
    return edge


def covering(index: int, size: int) -> list[Tile]:
    """The tiles above leaf `index` in a tree of `size` leaves, lowest level first."""
    tiles, level = [], 0
    while size:
        index //= WIDTH
        width = min(WIDTH, size - index * WIDTH)
        if width <= 0:
            break
        tiles.append(Tile(level, index, width))
        size, level = size // WIDTH, level + 1
    return tiles


def root_from_edge(size: int, read: TileReader) -> bytes:
    """The root of a tree of `size` leaves, from its right edge alone."""
    peaks: list[bytes] = []
    for tile in reversed(right_edge(size)):
        hashes, start = split(read(tile), tile.width), 0
        for bit in range(HEIGHT - 1, -1, -1):
            if tile.width >> bit & 1:
                peaks.append(fold(hashes[start : start + (1 << bit)]))
                start += 1 << bit
    if not peaks:
        return EMPTY_ROOT
    value = peaks.pop()
    while peaks:
        value = node_hash(peaks.pop(), value)
    return value


def node_reader(read: TileReader) -> Node:
    """`node(level, index)` for `record.tree`, over stored tiles."""

    def node(level: int, index: int) -> bytes:
        tile_level, inner = divmod(level, HEIGHT)
        first = index << inner
        tile, start = divmod(first, WIDTH)
        width = start + (1 << inner)
        return fold(split(read(Tile(tile_level, tile, width)), width)[start:])

    return node


def grow(size: int, leaves: Sequence[bytes], read: TileReader) -> Iterator[tuple[Tile, bytes]]:
    """The tiles that change when `leaves` join a tree of `size`, each with its new bytes."""
    level, fresh = 0, list(leaves)
    while fresh:
        index, width = divmod(size, WIDTH)
        row = (split(read(Tile(level, index, width)), width) if width else []) + fresh
        fresh = []
        for offset in range(0, len(row), WIDTH):
            part = row[offset : offset + WIDTH]
            yield Tile(level, index + offset // WIDTH, len(part)), b"".join(part)
            if len(part) == WIDTH:
                fresh.append(fold(part))
        size, level = size // WIDTH, level + 1
