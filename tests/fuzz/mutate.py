"""Mutations of a seed: what a hostile, broken or half-copied file looks like to a parser."""

from __future__ import annotations

import random
from collections.abc import Sequence

#: Numbers and pieces at which parsers of lengths, text and trees break.
INTERESTING = (
    b"\x00", b"\xff", b"\x7f", b"\x80", b"\x00" * 8, b"\xff" * 8, b"\x7f\xff\xff\xff",
    b"\x80\x00\x00\x00", b"\xff\xff\xff\xff", b"\r\n", b"\n\n", b'"', b"{", b"[" * 40, b"}",
    b"\\ud800", b"\\u0000", b"NaN", b"1e400", b"-0", b"9007199254740993", b"../", b"\xe2\x80\xae",
    b"\xc3\x28", b"moov", b"mdat", b"uuid", b"<div>", b"</", b"&#0;", b"\x30\x80", b"\x30\x84",
)  # fmt: skip


def mutated(seeds: Sequence[bytes], chance: random.Random, limit: int = 1 << 20) -> bytes:
    """One mutation, of one to eight steps, of one of the seeds; at most `limit` bytes."""
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.choice((1, 1, 1, 2, 2, 4, 8))):
        chance.choice(_STEPS)(data, chance, seeds)
    return bytes(data[:limit])


def _place(data: bytearray, chance: random.Random) -> int:
    return chance.randrange(len(data) + 1)


def _flip(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _set(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    at, piece = _place(data, chance), chance.choice(INTERESTING)
    data[at : at + len(piece)] = piece


def _insert(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    at = _place(data, chance)
    data[at:at] = chance.choice((chance.choice(INTERESTING), chance.randbytes(4)))


def _cut(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    at = _place(data, chance)
    del data[at : at + chance.choice((1, 2, 4, 16, 256, len(data)))]


def _repeat(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    at, length = _place(data, chance), chance.choice((1, 8, 64, 512))
    data[at:at] = data[at : at + length] * chance.choice((1, 2, 16))


def _swap(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    a, b = sorted((_place(data, chance), _place(data, chance)))
    length = min(chance.choice((1, 4, 32)), b - a)
    data[a : a + length], data[b : b + length] = data[b : b + length], data[a : a + length]


def _splice(data: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    other = chance.choice(seeds)
    at, start = _place(data, chance), chance.randrange(len(other) + 1)
    data[at:] = other[start:]


_STEPS = (_flip, _flip, _set, _insert, _cut, _repeat, _swap, _splice)
