"""Writing DER (X.690): just what tokens need, so that each part can be bent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime


def element(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = len(body)
    if size < 128:
        return bytes([tag, size]) + body
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 128 | len(digits)]) + digits + body


def sequence(*parts: bytes) -> bytes:
    return element(0x30, *parts)


def set_of(*parts: bytes) -> bytes:
    return element(0x31, *sorted(parts))


def integer(value: int) -> bytes:
    size = value.bit_length() // 8 + 1
    return element(0x02, value.to_bytes(size, "big", signed=True))


def octets(data: bytes) -> bytes:
    return element(0x04, data)


def oid(dotted: str) -> bytes:
    first, second, *rest = (int(part) for part in dotted.split("."))
    body = b""
    for number in (40 * first + second, *rest):
        digits = [number & 127]
        while number := number >> 7:
            digits.append(128 | number & 127)
        body += bytes(reversed(digits))
    return element(0x06, body)


def algorithm(dotted: str, *, null: bool = False) -> bytes:
    return sequence(oid(dotted), b"\x05\x00" if null else b"")


def generalized(moment: datetime) -> bytes:
    return element(0x18, moment.strftime("%Y%m%d%H%M%SZ").encode())


def split(data: bytes) -> list[tuple[int, bytes]]:
    """Tag and content of each element in a row."""
    found, at = [], 0
    while at < len(data):
        size, start = data[at + 1], at + 2
        if size > 127:
            start += size & 127
            size = int.from_bytes(data[at + 2 : start], "big")
        found.append((data[at], data[start : start + size]))
        at = start + size
    return found


def edit(data: bytes, path: Sequence[int], change: Callable[[bytes], bytes]) -> bytes:
    """The same row with the element at `path` (one index a level) changed, and all lengths right.

    `change` gets the whole element, and gives what stands there instead: one, several or none.
    """
    first, *rest = path
    made = b""
    for number, (tag, body) in enumerate(split(data)):
        if number != first:
            made += element(tag, body)
        elif rest:
            made += element(tag, edit(body, rest, change))
        else:
            made += change(element(tag, body))
    return made
