"""OpenTimestamps proofs and block headers, with trivial work."""

from __future__ import annotations

import hashlib

MAGIC = b"\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94\x01\x08"
BITCOIN, PENDING = bytes.fromhex("0588960d73d71901"), bytes.fromhex("83dfe30d2ef90c8e")
#: The easiest target there is, as regression-test networks use it.
EASY = 0x207FFFFF


def number(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([128 | value & 127])
        value >>= 7
    return out + bytes([value])


def sized(data: bytes) -> bytes:
    return number(len(data)) + data


def pending(address: str = "calendar.example") -> bytes:
    return b"\x00" + PENDING + sized(sized(address.encode()))


def block(height: int) -> bytes:
    return b"\x00" + BITCOIN + sized(number(height))


def append(part: bytes, then: bytes) -> bytes:
    return b"\xf0" + sized(part) + then


def hashed(then: bytes) -> bytes:
    return b"\x08" + then


def fork(*branches: bytes) -> bytes:
    return b"".join(b"\xff" + branch for branch in branches[:-1]) + branches[-1]


def proof(text: bytes, tree: bytes) -> bytes:
    """A proof over a checkpoint's text."""
    return MAGIC + hashlib.sha256(text).digest() + tree


def in_block(text: bytes, height: int, salt: bytes = b"salt") -> tuple[bytes, bytes]:
    """A proof that ends in a block of that height, and the Merkle root that the block needs."""
    root = hashlib.sha256(hashlib.sha256(text).digest() + salt).digest()
    return proof(text, append(salt, hashed(block(height)))), root


def header(root: bytes, time: int, before: bytes = bytes(32), bits: int = EASY) -> bytes:
    """A header with that root whose hash is under its own target."""
    for nonce in range(1 << 32):
        made = (
            (1).to_bytes(4, "little") + before + root + time.to_bytes(4, "little")
            + bits.to_bytes(4, "little") + nonce.to_bytes(4, "little")
        )  # fmt: skip
        if int.from_bytes(double(made), "little") <= (bits & 0x7FFFFF) << 8 * ((bits >> 24) - 3):
            return made
    raise AssertionError("no nonce")


def double(data: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def line(height: int, made: bytes) -> str:
    """The line of a trust file for a header."""
    return f"block {height} {made.hex()}"
