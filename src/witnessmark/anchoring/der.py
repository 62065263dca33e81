"""Reading DER (X.690) as strictly as spec/anchor.md asks: one way to write each thing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from witnessmark.errors import BadStamp

INTEGER, OCTETS, OID, SEQUENCE, SET, GENERALIZED_TIME = 0x02, 0x04, 0x06, 0x30, 0x31, 0x18
_DEPTH = 32
_TIME = re.compile(rb"(\d{14})(?:\.(\d{0,5}[1-9]))?Z")


class Element(NamedTuple):
    """A tag (one byte), the content, and all of its bytes."""

    tag: int
    body: bytes
    raw: bytes

    def members(self, *tags: int) -> list[Element]:
        """What it is made of; the first members have these tags. Raises `BadStamp`."""
        found = list(elements(self.body))
        if [each.tag for each in found[: len(tags)]] != list(tags):
            raise BadStamp("Something in the stamp is not of the kind that stands there.")
        return found

    def only(self, tag: int) -> Element:
        """Its one member. Raises `BadStamp`."""
        return one(self.body, tag)

    @property
    def dotted(self) -> str:
        """An object identifier. Raises `BadStamp`."""
        if self.tag != OID or not self.body or self.body[-1] & 0x80:
            raise BadStamp("Something in the stamp is no identifier.")
        arcs, value = [], 0
        for byte in self.body:
            if not value and byte == 0x80:
                raise BadStamp("An identifier in the stamp is not minimal.")
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                arcs.append(value)
                value = 0
        head = min(arcs[0] // 40, 2)
        return ".".join(str(arc) for arc in (head, arcs[0] - 40 * head, *arcs[1:]))

    @property
    def number(self) -> int:
        """A whole number. Raises `BadStamp`."""
        long = len(self.body) > 1
        padded = long and self.body[0] in (0, 0xFF) and (self.body[0] ^ self.body[1]) < 0x80
        if self.tag != INTEGER or not self.body or padded:
            raise BadStamp("Something in the stamp is no number, or not in its shortest form.")
        return int.from_bytes(self.body, "big", signed=True)

    @property
    def moment(self) -> datetime:
        """A GeneralizedTime in UTC. Raises `BadStamp`."""
        match = _TIME.fullmatch(self.body) if self.tag == GENERALIZED_TIME else None
        if match is None:
            raise BadStamp("The stamp's time is not in UTC, or not in its shortest form.")
        try:
            whole = datetime.strptime(match[1].decode(), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        except ValueError as error:
            raise BadStamp("The stamp's time is in no calendar.") from error
        return whole + timedelta(microseconds=int((match[2] or b"0").ljust(6, b"0")))


def elements(data: bytes) -> Iterator[Element]:
    """The elements that stand one after the other. Raises `BadStamp`."""
    at = 0
    while at < len(data):
        if data[at] & 0x1F == 0x1F or at + 2 > len(data):
            raise BadStamp("The stamp is cut off, or has a tag of several bytes.")
        size, start = data[at + 1], at + 2
        if size & 0x80:
            digits = data[start : start + (size & 0x7F)]
            if not 1 <= size & 0x7F == len(digits) <= 4 or not digits[0]:
                raise BadStamp("A length in the stamp is open or not minimal.")
            size, start = int.from_bytes(digits, "big"), start + len(digits)
            if size < 0x80:
                raise BadStamp("A length in the stamp is not minimal.")
        end = start + size
        if end > len(data):
            raise BadStamp("The stamp is cut off.")
        yield Element(data[at], data[start:end], data[at:end])
        at = end


def one(data: bytes, tag: int) -> Element:
    """The one element that `data` is. Raises `BadStamp`."""
    found = list(elements(data))
    if len(found) != 1 or found[0].tag != tag:
        raise BadStamp("Something in the stamp is not of the kind that stands there.")
    return found[0]


def check(data: bytes, depth: int = 0) -> None:
    """Everything inside is well-formed and not too deep. Raises `BadStamp`."""
    if depth > _DEPTH:
        raise BadStamp("The stamp is nested too deeply.")
    for element in elements(data):
        if element.tag & 0x20:
            check(element.body, depth + 1)


def make(tag: int, *parts: bytes) -> bytes:
    """An element made of `parts`."""
    body = b"".join(parts)
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(digits))) + digits + body
