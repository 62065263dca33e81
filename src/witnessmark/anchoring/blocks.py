"""Headers of Bitcoin blocks: what must hold of one, from a file or from a service."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from witnessmark.anchoring.calendars import Proof
from witnessmark.anchoring.http import Door
from witnessmark.errors import BadInput, BadStamp

_LINE = re.compile(r"block (0|[1-9]\d{0,9}) ([0-9a-f]{160})", re.ASCII)


@dataclasses.dataclass(frozen=True, slots=True)
class Confirmed:
    """The earliest block that holds a proof, and its header's time."""

    height: int
    time: datetime


def parse(text: str) -> dict[int, bytes]:
    """Headers of a file, `block <height> <160 hex>` a line; `#` starts a comment.

    Raises:
        BadInput: a line is none.
        BadStamp: a header carries no work, or neighbours do not chain.
    """
    found: dict[int, bytes] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise BadInput(
                f"Line {number} of the headers is none.", todo="block <height> <160 hex digits>"
            )
        found[int(match[1])] = check(int(match[1]), bytes.fromhex(match[2]))
    for height, header in found.items():
        if height - 1 in found and header[4:36] != _hash(found[height - 1]):
            what = f"The headers of blocks {height - 1} and {height} do not chain."
            raise BadStamp(what, code="header")
    return found


def check(height: int, header: bytes) -> bytes:
    """The header, when its hash is at most the target that its own bits say (`header` if not)."""
    bits = int.from_bytes(header[72:76], "little")
    target = (bits & 0x7FFFFF) << 8 * (bits >> 24) >> 24
    if len(header) != 80 or int.from_bytes(_hash(header), "little") > target:
        raise BadStamp(f"The header of block {height} carries no work.", code="header")
    return header


def ask(door: Door, url: str, height: int) -> bytes:
    """The header of that height from a service with the interface of esplora.

    Raises:
        NoAnswer: it gave none.
        BadStamp: what it gave is no header with work.
    """
    base = url.rstrip("/")
    try:
        name = door.get(f"{base}/block-height/{height}").decode("ascii").strip()
        if not re.fullmatch("[0-9a-f]{64}", name):
            raise ValueError
        header = bytes.fromhex(door.get(f"{base}/block/{name}/header").decode("ascii").strip())
    except ValueError as error:
        raise BadStamp(f"No header of block {height} was given.", code="header") from error
    if _hash(header)[::-1].hex() != name:
        raise BadStamp(f"The header of block {height} is another one's.", code="header")
    return check(height, header)


def confirm(proof: Proof, headers: Mapping[int, bytes]) -> Confirmed | None:
    """The earliest block that holds the proof; None without a header.

    Raises:
        BadStamp: `wrong_block`: a header does not have the proof's Merkle root.
    """
    found = []
    for height, root in proof.blocks:
        if height not in headers:
            continue
        if headers[height][36:68] != root:
            what = f"Block {height} does not hold what the proof says."
            raise BadStamp(what, code="wrong_block")
        seconds = int.from_bytes(headers[height][68:72], "little")
        found.append(Confirmed(height, datetime.fromtimestamp(seconds, UTC)))
    return min(found, key=lambda each: each.time, default=None)


def _hash(header: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(header).digest()).digest()
