#!/usr/bin/env python3
"""Check an evidence package: that its bytes, its record and its seal are intact.

    python3 check.py [PACKAGE] [--trust FILE]... [--json]      PACKAGE: a folder, or a ZIP of it

One file; needs Python 3.11 or newer and nothing else. It was written from the pages in `spec/`
alone and shares no code with the software that makes packages, so that a mistake there is not
repeated here. It reads; it never writes, never follows a link, never opens a file outside the
package (but the trust files that you name), never uses the network.

How to read it: top to bottom, in the order of the specification:

    1  refusing            6  proofs                11  the package: folder or ZIP
    2  canonical JSON      7  DER, RSA, ECDSA       12  the package: bag
    3  Ed25519             8  certificates, tokens  13  the package: what it holds
    4  keys, checkpoints   9  OpenTimestamps        14  what the reader brings
    5  tiles              10  entries               15  the report and the command line

Every refusal is one `RefusalError` with a code from the table in `spec/package.md`, and the first
one ends the run. The order of the checks is fixed: the shape of the bag, hashes, record,
checkpoints and stamps, seal, objects, what must not stay behind, disclosures, trust, checkpoints
seen elsewhere. So one package always gets one answer.

Exit status 0: everything holds, and whose record it is was checked. 1: refused. 2: wrong use.
3: nothing is refused, but something asked for could not be checked.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import io
import json
import os
import re
import stat
import struct
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from io import BufferedIOBase, BufferedReader
from itertools import pairwise
from typing import Any, BinaryIO, NamedTuple, NoReturn

CHUNK = 1 << 20  # files are hashed in pieces of this size
SMALL = 1 << 16  # no note, tile, `bagit.txt` or `bag-info.txt` is larger
LARGE = 1 << 20  # no seal is larger
LONG = 16 << 20  # no line of `data/disclosures` is longer

# --------------------------------------------------------------------------------------------
# 1  Refusing
# --------------------------------------------------------------------------------------------


class RefusalError(Exception):
    """The package is refused: a code, a sentence for people, and the file or entry it is about."""

    def __init__(self, code: str, sentence: str, file: str = "") -> None:
        super().__init__(f"{code}: {sentence}")
        self.code, self.sentence, self.file = code, sentence, file


def refuse(code: str, sentence: str, file: str = "") -> NoReturn:
    """End the check. Text from the package is made harmless here, once, for every sentence."""
    raise RefusalError(code, shown(sentence), shown(file))


def shown(text: str) -> str:
    """Text as it may appear on a screen: everything but printable ASCII is escaped.

    That leaves no control characters, no change of writing direction and no look-alike letters.
    """
    return "".join(c if " " <= c <= "~" else f"\\u{{{ord(c):x}}}" for c in text)


# --------------------------------------------------------------------------------------------
# 2  Canonical JSON (spec/entry.md, "Canonical form")
# --------------------------------------------------------------------------------------------

MAX_NESTING = 32
MAX_INTEGER = 2**53


def ordered_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Take a JSON object only if its names strictly ascend in UTF-16: so none stands twice."""
    for (left, _), (right, _) in pairwise(pairs):
        if utf16(left) >= utf16(right):
            raise ValueError("members out of order, or one named twice")
    return dict(pairs)


def utf16(name: str) -> bytes:
    """The sorting key of names. A lone surrogate has none and raises a ValueError."""
    return name.encode("utf-16-be")


DECODER = json.JSONDecoder(object_pairs_hook=ordered_object)
ENCODER = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"))


def parse_canonical(data: bytes) -> Any:
    """The value of canonical JSON bytes; a ValueError says why they are not canonical."""
    try:
        value = DECODER.decode(data.decode("utf-8"))
    except RecursionError:
        raise ValueError(f"nested deeper than {MAX_NESTING} levels") from None
    check_value(value, 0)
    if canonical(value) != data:
        raise ValueError("not the canonical form of its own value")
    return value


def check_value(value: Any, level: int) -> None:
    """Refuse what JSON can say and this format cannot: fractions, large integers, deep nesting."""
    if isinstance(value, dict | list):
        if level == MAX_NESTING:
            raise ValueError(f"nested deeper than {MAX_NESTING} levels")
        for member in value.values() if isinstance(value, dict) else value:
            check_value(member, level + 1)
    elif isinstance(value, float) or (isinstance(value, int) and abs(value) >= MAX_INTEGER):
        raise ValueError("a number with a fraction or exponent, or an integer of 2^53 or more")


def canonical(value: Any) -> bytes:
    """Write a value whose members are in order already (as `parse_canonical` leaves them).

    With these settings the standard encoder escapes exactly what RFC 8785 escapes.
    """
    return ENCODER.encode(value).encode("utf-8")


def from_base64(text: str, size: int | None = None) -> bytes:
    """Standard, padded, canonical base64; ValueError for anything else."""
    data = base64.b64decode(text.encode("ascii"), validate=True)
    if base64.b64encode(data).decode("ascii") != text or size not in (None, len(data)):
        raise ValueError("not canonical base64 of the right length")
    return data


# --------------------------------------------------------------------------------------------
# 3  Ed25519 (RFC 8032, section 5.1; which keys are allowed: spec/entry.md)
# --------------------------------------------------------------------------------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_MINUS_1 = pow(2, (P - 1) // 4, P)

Point = tuple[int, int, int, int]  # extended coordinates: X, Y, Z, T with x = X/Z, y = Y/Z
NEUTRAL: Point = (0, 1, 1, 0)


def add(p: Point, q: Point) -> Point:
    """The sum of two points (RFC 8032, 5.1.4). The formula also serves for doubling."""
    a = (p[1] - p[0]) * (q[1] - q[0]) % P
    b = (p[1] + p[0]) * (q[1] + q[0]) % P
    c = 2 * p[3] * q[3] * D % P
    d = 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def double(p: Point) -> Point:
    """Twice a point, with fewer multiplications than `add` (RFC 8032, 5.1.4)."""
    a = p[0] * p[0] % P
    b = p[1] * p[1] % P
    h = a + b
    e = h - (p[0] + p[1]) * (p[0] + p[1])
    g = a - b
    f = 2 * p[2] * p[2] + g
    return e * f % P, g * h % P, f * g % P, e * h % P


def decompress(data: bytes) -> Point | None:
    """The point that 32 bytes encode; None when they encode none, or not canonically."""
    number = int.from_bytes(data, "little")
    y, sign = number & ((1 << 255) - 1), number >> 255
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * SQRT_MINUS_1 % P
    if x * x % P != square or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def compress(p: Point) -> bytes:
    """The 32 bytes of a point."""
    inverse = pow(p[2], -1, P)
    x, y = p[0] * inverse % P, p[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE = decompress((4 * pow(5, -1, P) % P).to_bytes(32, "little")) or NEUTRAL


@lru_cache(maxsize=256)
def public_point(key: bytes) -> Point | None:
    """A public key's point, kept because few keys sign much."""
    return decompress(key)


def check_public_key(key: bytes, file: str) -> None:
    """Refuse keys that fit many messages: non-canonical ones and the eight of small order."""
    if int.from_bytes(key, "little") & ((1 << 255) - 1) >= P:
        refuse("weak_key", "A public key is not a canonical encoding.", file)
    point = public_point(key)
    small = decompress(key[:31] + bytes([key[31] & 127])) if point is None else point
    if small is not None and compress(double(double(double(small)))) == compress(NEUTRAL):
        refuse("weak_key", "A public key is one of the eight points of small order.", file)
    if point is None:
        refuse("key", "A public key is not a point of the curve.", file)


def signature_holds(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether S*B = R + k*A, without cofactor and comparing R byte by byte, as OpenSSL does."""
    point = public_point(key)
    s = int.from_bytes(signature[32:], "little")
    if point is None or len(signature) != 64 or s >= ORDER:
        return False
    digest = hashlib.sha512(signature[:32] + key + message).digest()
    k = int.from_bytes(digest, "little") % ORDER
    minus = (P - point[0], point[1], point[2], P - point[3])
    # S*B - k*A in one pass over the bits of both numbers, highest first.
    choice = (NEUTRAL, BASE, minus, add(BASE, minus))
    total = NEUTRAL
    for bit in range(max(s.bit_length(), k.bit_length()) - 1, -1, -1):
        total = double(total)
        picked = (s >> bit & 1) | (k >> bit & 1) << 1
        if picked:
            total = add(total, choice[picked])
    return compress(total) == signature[:32]


# --------------------------------------------------------------------------------------------
# 4  Verifier keys and checkpoints (spec/checkpoint.md)
# --------------------------------------------------------------------------------------------

ED25519, COSIGNATURE = b"\x01", b"\x04"
MAX_SIGNATURE_LINES = 32
DECIMAL = re.compile(r"0|[1-9][0-9]{0,15}")


@dataclass(frozen=True)
class VerifierKey:
    """A named public key, as `name+id+key` writes it: of an archive, or of a witness."""

    name: str
    public: bytes
    kind: bytes = ED25519

    @property
    def id(self) -> bytes:
        """The four bytes that stand before a signature. They are a hint, not an identity."""
        return hashlib.sha256(self.name.encode() + b"\n" + self.kind + self.public).digest()[:4]

    @property
    def author(self) -> str:
        """The same key as the author of entries."""
        return key_id(self.public)

    def __str__(self) -> str:
        encoded = base64.b64encode(self.kind + self.public).decode("ascii")
        return f"{self.name}+{self.id.hex()}+{encoded}"


def key_id(public: bytes) -> str:
    """How entries name a key."""
    return "key:" + hashlib.sha256(public).hexdigest()[:32]


NO_KEY_NAME = re.compile(
    r"[\0- +\x7f-\xa0\xad\u061c\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f"
    r"\u3000\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def is_key_name(name: str) -> bool:
    """Key names hold no spaces, no plus, and nothing invisible: a list, so that it never grows."""
    return name != "" and NO_KEY_NAME.search(name) is None


def parse_verifier_key(text: str, file: str, kinds: bytes = ED25519) -> VerifierKey:
    """Read `name+hexid+base64(kind || key)`; kinds are 0x01 and, for witnesses, 0x04."""
    name, _, rest = text.partition("+")
    hex_id, _, encoded = rest.partition("+")
    try:
        data = from_base64(encoded, 33)
    except ValueError:
        refuse("key", "A verifier key is malformed.", file)
    key = VerifierKey(name, data[1:], data[:1])
    if not is_key_name(name) or data[0] not in kinds or hex_id != key.id.hex():
        refuse("key", "A verifier key is malformed, or its id is not that of its key.", file)
    check_public_key(key.public, file)
    return key


class Note(NamedTuple):
    """A signed note: its text, and (name, key id, signature) of each signature line."""

    text: bytes
    lines: list[tuple[str, bytes, bytes]]


def parse_note(data: bytes, file: str) -> Note:
    """Split a note at its last empty line and read its signature lines."""
    text, separator, tail = data.rpartition(b"\n\n")
    try:
        decoded = data.decode("utf-8")
        lines = [parse_signature_line(line) for line in tail.decode("utf-8").split("\n")[:-1]]
    except ValueError as problem:
        refuse("note", f"The note is malformed: {problem}.", file)
    if any((c < " " and c != "\n") or "\x7f" <= c <= "\x9f" for c in decoded):
        refuse("note", "The note holds control characters.", file)
    if not separator or not lines or not tail.endswith(b"\n"):
        refuse("note", "The note has no signature lines, or its last line has no end.", file)
    if len(lines) > MAX_SIGNATURE_LINES:
        refuse("note", f"The note has more than {MAX_SIGNATURE_LINES} signature lines.", file)
    return Note(text + b"\n", lines)


def parse_signature_line(line: str) -> tuple[str, bytes, bytes]:
    """Read an em dash, a name, and base64 of the key id and the signature."""
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    if dash != "\u2014" or not is_key_name(name):
        raise ValueError("a signature line without its dash or its name")
    data = from_base64(encoded)
    if len(data) < 5:
        raise ValueError("a signature line without a signature")
    return name, data[:4], data[4:]


class Checkpoint(NamedTuple):
    """A head of a record: whose, how many entries, and the root over them."""

    origin: str
    size: int
    root: bytes
    note: Note


def parse_checkpoint(data: bytes, file: str) -> Checkpoint:
    """Read a checkpoint. It is worth nothing until `check_signed` has passed."""
    note = parse_note(data, file)
    lines = note.text.decode("utf-8").split("\n")
    if len(lines) != 4 or not is_key_name(lines[0]) or not DECIMAL.fullmatch(lines[1]):
        refuse("checkpoint", "The checkpoint is not an origin, a size and a root.", file)
    try:
        root = from_base64(lines[2], 32)
    except ValueError:
        refuse("checkpoint", "The checkpoint's root is not base64 of 32 bytes.", file)
    return Checkpoint(lines[0], int(lines[1]), root, note)


YEAR_10000 = 253_402_300_800


class Signed(NamedTuple):
    """Who signed a checkpoint: archive keys, witnesses with their time, and anybody unknown."""

    archives: set[VerifierKey]
    witnesses: dict[VerifierKey, int]
    strangers: bool


def check_signed(
    checkpoint: Checkpoint, known: list[VerifierKey], must: VerifierKey, file: str
) -> Signed:
    """The known keys that signed. One wrong line of a known key refuses the note; `must` signed."""
    found = Signed(set(), {}, False)
    own = {key.public for key in known if key.kind == ED25519}
    counted: set[bytes] = set()
    for name, line_id, signature in checkpoint.note.lines:
        keys = {key for key in known if (key.name, key.id) == (name, line_id)}
        if len(keys) > 1:
            refuse("key", "Two known keys share a name and an id.", file)
        for key in keys:
            if not line_holds(key, checkpoint.note.text, signature):
                refuse("signature", f"The signature of {name} does not fit this note.", file)
            if key.kind == ED25519:
                found.archives.add(key)
                continue
            if key.public in counted or key.public in own:
                refuse("cosigner", f"{name} counts twice, or is the archive itself.", file)
            counted.add(key.public)
            found.witnesses[key] = int.from_bytes(signature[:8], "big") * 1_000_000
        found = found._replace(strangers=found.strangers or not keys)
    if must not in found.archives:
        refuse("unsigned", "The archive key in force did not sign this checkpoint.", file)
    return found


def line_holds(key: VerifierKey, text: bytes, signature: bytes) -> bool:
    """Whether a line's signature is the key's: over the text, or over it with a time before."""
    if key.kind == ED25519:
        return signature_holds(key.public, text, signature)
    seconds = int.from_bytes(signature[:8], "big")
    if len(signature) != 72 or seconds >= YEAR_10000:
        return False
    words = f"cosignature/v1\ntime {seconds}\n".encode() + text
    return signature_holds(key.public, words, signature[8:])


# --------------------------------------------------------------------------------------------
# 5  Tiles (spec/tiles.md)
# --------------------------------------------------------------------------------------------

WIDTH = 256


def leaf_hash(entry: bytes) -> bytes:
    """The hash of an entry. The first byte keeps leaves and nodes apart."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def subtree_root(hashes: list[bytes]) -> bytes:
    """The root over a power of two of hashes."""
    while len(hashes) > 1:
        pairs = zip(hashes[::2], hashes[1::2], strict=True)
        hashes = [node_hash(left, right) for left, right in pairs]
    return hashes[0]


class Tile(NamedTuple):
    """A tile's place: level, number, and how many hashes the record's size gives it."""

    level: int
    number: int
    width: int

    @property
    def path(self) -> str:
        """Its file: groups of three digits, `x` before all but the last, `.p/` when partial."""
        digits = str(self.number)
        digits = digits.zfill(-(-len(digits) // 3) * 3)
        groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
        name = "/".join([*("x" + group for group in groups[:-1]), groups[-1]])
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"{TILES}{self.level}/{name}{partial}"


def tile_at(size: int, level: int, number: int) -> Tile:
    """The tile of that place in a record of `size` entries."""
    return Tile(level, number, min(WIDTH, (size >> 8 * level) - WIDTH * number))


def edge_tiles(size: int) -> list[Tile]:
    """The partial tiles of the right edge, from the highest level down."""
    counts = ((level, size >> 8 * level) for level in range(7, -1, -1))
    return [
        tile_at(size, level, count // WIDTH) for level, count in counts if count and count % WIDTH
    ]


def covering_tiles(size: int, indices: array[int]) -> set[Tile]:
    """Every tile that a package with these entries carries."""
    tiles = set(edge_tiles(size))
    places = {(0, index // WIDTH) for index in indices}
    while places:
        found = {tile_at(size, level, number) for level, number in places} - tiles
        tiles |= found
        places = {(t.level + 1, t.number // WIDTH) for t in found if t.width == WIDTH}
    return tiles


def edge_root(tiles: list[list[bytes]]) -> bytes:
    """The record's root from the hashes of the partial tiles, highest level first."""
    subtrees = []
    for hashes in tiles:
        start = 0
        for bit in range(7, -1, -1):
            if len(hashes) >> bit & 1:
                subtrees.append(subtree_root(hashes[start : start + (1 << bit)]))
                start += 1 << bit
    root = subtrees.pop()
    while subtrees:
        root = node_hash(subtrees.pop(), root)
    return root


# --------------------------------------------------------------------------------------------
# 6  Proofs (spec/proof.md; RFC 9162, sections 2.1.3.2 and 2.1.4.2)
# --------------------------------------------------------------------------------------------


def included(leaf: bytes, index: int, size: int, path: list[bytes], root: bytes) -> bool:
    """Whether the path leads from the leaf at `index` to the root, with no hash to spare."""
    if index >= size:
        return False
    place, last, value = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            value = node_hash(sibling, value)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and value == root


def consistent(
    old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: list[bytes]
) -> bool:
    """Whether the larger tree begins with the smaller one. Nothing follows from an empty tree."""
    if 0 < old_size == new_size:
        return old_root == new_root and not proof
    if not 0 < old_size < new_size or not proof:
        return False
    place, last = old_size - 1, new_size - 1
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = path[0]
    for value in path[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = node_hash(value, old), node_hash(value, new)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, value)
        place, last = place >> 1, last >> 1
    return last == 0 and old == old_root and new == new_root


@dataclass(frozen=True)
class Seal:
    """A seal, taken apart: nothing in it is checked yet."""

    index: int
    path: list[bytes]
    entry: bytes
    consistency: list[bytes]
    checkpoint: Checkpoint


PROOF_HEADER = "c2sp.org/tlog-proof@v1"


def parse_seal(data: bytes, file: str) -> Seal:
    """Read a tlog-proof whose `extra` holds the export's entry and a consistency proof."""
    head, separator, note = data.partition(b"\n\n")
    try:
        header, extra, index, *path = head.decode("ascii").split("\n")
        if not separator or header != PROOF_HEADER:
            raise ValueError("not a tlog-proof")
        if not extra.startswith("extra ") or not index.startswith("index "):
            raise ValueError("the line `extra` or `index` is missing")
        if not DECIMAL.fullmatch(index[6:]):
            raise ValueError("the index is not a number")
        hashes = [from_base64(line, 32) for line in path]
        members = parse_canonical(from_base64(extra[6:]))
        if not isinstance(members, dict) or set(members) != {"consistency", "entry"}:
            raise ValueError("`extra` does not hold an entry and a consistency proof")
        entry, consistency = members["entry"], members["consistency"]
        if not is_text(entry) or not is_list_of(is_text)(consistency):
            raise ValueError("`extra` does not hold an entry and a consistency proof")
        steps = [from_base64(step, 32) for step in consistency]
    except ValueError as problem:
        refuse("seal", f"The seal is malformed: {problem}.", file)
    return Seal(int(index[6:]), hashes, entry.encode(), steps, parse_checkpoint(note, file))


# --------------------------------------------------------------------------------------------
# 7  DER, RSA and ECDSA (what of them spec/anchor.md names)
# --------------------------------------------------------------------------------------------


class UnsupportedError(Exception):
    """An algorithm that is not handled here: not checked, never fine."""


class DerError(ValueError):
    """Bytes that are not the one DER encoding of anything."""


BOOLEAN, INTEGER, BITS, OCTETS, OID, SEQUENCE, SET = 0x01, 0x02, 0x03, 0x04, 0x06, 0x30, 0x31
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
MAX_DER_DEPTH = 32


class Der(NamedTuple):
    """One element: its tag, its content, and all its bytes."""

    tag: int
    body: bytes
    raw: bytes


def der_elements(data: bytes) -> list[Der]:
    """The elements that `data` is a row of. Lengths are definite and minimal, tags one byte."""
    found, at = [], 0
    while at < len(data):
        if data[at] & 31 == 31 or at + 1 == len(data):
            raise DerError("a tag of several bytes, or no length")
        size, start = data[at + 1], at + 2
        if size >= 128:
            count = size & 127
            digits = data[start : start + count]
            size, start = int.from_bytes(digits, "big"), start + count
            if not 1 <= count == len(digits) <= 4 or not digits[0] or size < 128:
                raise DerError("a length that is not minimal")
        if start + size > len(data):
            raise DerError("an element longer than its place")
        found.append(Der(data[at], data[start : start + size], data[at : start + size]))
        at = start + size
    return found


def der_one(data: bytes, tag: int) -> Der:
    """The one element that `data` is, with this tag."""
    found = der_elements(data)
    if len(found) != 1 or found[0].tag != tag:
        raise DerError("not one element of its kind")
    return found[0]


def der_members(element: Der, *tags: int) -> list[Der]:
    """The members of a constructed element, which begins with members of these tags."""
    found = der_elements(element.body)
    if [member.tag for member in found[: len(tags)]] != list(tags):
        raise DerError("members other than its kind has")
    return found


def der_check_depth(data: bytes, depth: int = 0) -> None:
    """Every constructed element is a row of elements, none too deep."""
    if depth > MAX_DER_DEPTH:
        raise DerError("nested too deeply")
    for element in der_elements(data):
        if element.tag & 0x20:
            der_check_depth(element.body, depth + 1)


def der_integer(element: Der) -> int:
    """A whole number in its shortest form."""
    body = element.body
    if element.tag != INTEGER or not body:
        raise DerError("no integer")
    if len(body) > 1 and (body[0], body[1] >> 7) in ((0, 0), (255, 1)):
        raise DerError("an integer that is not minimal")
    return int.from_bytes(body, "big", signed=True)


def der_oid(element: Der) -> str:
    """An object identifier in dots."""
    if element.tag != OID or not 0 < len(element.body) <= 128 or element.body[-1] & 128:
        raise DerError("no object identifier")
    numbers, value = [], 0
    for byte in element.body:
        if value == 0 and byte == 0x80:
            raise DerError("an identifier that is not minimal")
        value = value << 7 | byte & 127
        if not byte & 128:
            numbers.append(value)
            value = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))


def der_bits(element: Der) -> bytes:
    """A bit string of whole bytes."""
    if element.tag != BITS or element.body[:1] != b"\x00":
        raise DerError("no bit string of whole bytes")
    return element.body[1:]


TIMES = {
    UTC_TIME: re.compile(rb"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z"),
    GENERALIZED_TIME: re.compile(rb"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{0,5}[1-9]))?Z"),
}


def der_time(element: Der, *tags: int) -> int:
    """Microseconds since 1970. Two-digit years are 1950 to 2049."""
    match = TIMES[element.tag].fullmatch(element.body) if element.tag in tags else None
    if match is None:
        raise DerError("no time in UTC")
    year, *rest = (int(group) for group in match.groups()[:6])
    if element.tag == UTC_TIME:
        year += 1900 if year >= 50 else 2000
    fraction = (match.group(7) or b"") if element.tag == GENERALIZED_TIME else b""
    return microseconds(year, *rest) + int(fraction.ljust(6, b"0"))


def microseconds(year: int, month: int, day: int, hour: int, minute: int, second: int) -> int:
    """Since 1970; a ValueError for a time that no calendar has."""
    moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000


HASHES = {
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
RSA, EC = "1.2.840.113549.1.1.1", "1.2.840.10045.2.1"
SIGNATURES = {
    "1.2.840.113549.1.1.11": (RSA, "sha256"),
    "1.2.840.113549.1.1.12": (RSA, "sha384"),
    "1.2.840.113549.1.1.13": (RSA, "sha512"),
    "1.2.840.10045.4.3.2": (EC, "sha256"),
    "1.2.840.10045.4.3.3": (EC, "sha384"),
    "1.2.840.10045.4.3.4": (EC, "sha512"),
}
DIGEST_INFO = {  # RFC 8017, section 9.2, note 1
    "sha256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "sha384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "sha512": bytes.fromhex("3051300d060960864801650304020305000440"),
}


def algorithm(element: Der) -> str:
    """The identifier of an AlgorithmIdentifier; its parameters are judged by whoever uses it."""
    return der_oid(der_members(element, OID)[0])


class RsaKey(NamedTuple):
    """An RSA public key."""

    modulus: int
    exponent: int

    def holds(self, hash_name: str, message: bytes, signature: bytes) -> bool:
        """PKCS#1 v1.5 (RFC 8017, section 8.2.2): the one encoding is made and compared."""
        size = (self.modulus.bit_length() + 7) // 8
        digest = DIGEST_INFO[hash_name] + hashlib.new(hash_name, message).digest()
        expected = b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest
        number = int.from_bytes(signature, "big")
        if len(signature) != size or number >= self.modulus:
            return False
        return pow(number, self.exponent, self.modulus).to_bytes(size, "big") == expected


class Curve(NamedTuple):
    """y^2 = x^3 - 3x + b over a prime field (FIPS 186-4, D.1.2)."""

    prime: int
    b: int
    order: int
    x: int
    y: int


CURVES = {
    "1.2.840.10045.3.1.7": Curve(
        0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
        0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
        0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
        0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
    ),
    "1.3.132.0.34": Curve(
        2**384 - 2**128 - 2**96 + 2**32 - 1,
        0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
        0xAA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A385502F25DBF55296C3A545E3872760AB7,
        0x3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C00A60B1CE1D7E819D7A431D7C90EA0E5F,
    ),
}
Jacobian = tuple[int, int, int]  # X, Y, Z with x = X/Z^2, y = Y/Z^3; Z = 0 is the point at infinity


def ec_double(p: Jacobian, prime: int) -> Jacobian:
    """Twice a point (the usual formulas for a = -3)."""
    x, y, z = p
    if not y or not z:
        return 1, 1, 0
    square = y * y % prime
    s = 4 * x * square % prime
    m = 3 * (x - z * z) * (x + z * z) % prime
    nx = (m * m - 2 * s) % prime
    return nx, (m * (s - nx) - 8 * square * square) % prime, 2 * y * z % prime


def ec_add(p: Jacobian, q: Jacobian, prime: int) -> Jacobian:
    """The sum of two points."""
    if not p[2]:
        return q
    if not q[2]:
        return p
    z1, z2 = p[2] * p[2] % prime, q[2] * q[2] % prime
    u1, u2 = p[0] * z2 % prime, q[0] * z1 % prime
    s1, s2 = p[1] * z2 * q[2] % prime, q[1] * z1 * p[2] % prime
    if u1 == u2:
        return ec_double(p, prime) if s1 == s2 else (1, 1, 0)
    h, r = u2 - u1, s2 - s1
    h2 = h * h % prime
    h3, v = h * h2 % prime, u1 * h2 % prime
    x = (r * r - h3 - 2 * v) % prime
    return x, (r * (v - x) - s1 * h3) % prime, h * p[2] * q[2] % prime


class EcKey(NamedTuple):
    """A point of one of the two curves."""

    curve: Curve
    x: int
    y: int

    def holds(self, hash_name: str, message: bytes, signature: bytes) -> bool:
        """ECDSA (FIPS 186-4, section 6.4)."""
        curve = self.curve
        try:
            pair = der_elements(der_one(signature, SEQUENCE).body)
            r, s = (der_integer(part) for part in pair)
        except ValueError:
            return False
        if not (0 < r < curve.order and 0 < s < curve.order):
            return False
        digest = hashlib.new(hash_name, message).digest()
        spare = max(0, 8 * len(digest) - curve.order.bit_length())
        z, inverse = int.from_bytes(digest, "big") >> spare, pow(s, -1, curve.order)
        u, v = z * inverse % curve.order, r * inverse % curve.order
        base, own = (curve.x, curve.y, 1), (self.x, self.y, 1)
        choice = ((1, 1, 0), base, own, ec_add(base, own, curve.prime))
        total: Jacobian = (1, 1, 0)
        for bit in range(max(u.bit_length(), v.bit_length()) - 1, -1, -1):
            total = ec_double(total, curve.prime)
            total = ec_add(total, choice[(u >> bit & 1) | (v >> bit & 1) << 1], curve.prime)
        if not total[2]:
            return False
        return total[0] * pow(total[2], -2, curve.prime) % curve.prime % curve.order == r


PublicKey = RsaKey | EcKey


def parse_public_key(element: Der) -> PublicKey:
    """A SubjectPublicKeyInfo; `UnsupportedError` for a key that is not handled."""
    head, bits = der_members(element, SEQUENCE, BITS)
    kind, *parameters = der_members(head, OID)
    data = der_bits(bits)
    if der_oid(kind) == RSA:
        numbers = der_members(der_one(data, SEQUENCE), INTEGER, INTEGER)
        modulus, exponent = map(der_integer, numbers)
        if not 2048 <= modulus.bit_length() <= 8192 or not 3 <= exponent < 2**33:
            raise UnsupportedError
        return RsaKey(modulus, exponent)
    if der_oid(kind) != EC or len(parameters) != 1 or parameters[0].tag != OID:
        raise UnsupportedError
    curve = CURVES.get(der_oid(parameters[0]))
    size = (curve.prime.bit_length() + 7) // 8 if curve else 0
    if curve is None or len(data) != 1 + 2 * size or data[:1] != b"\x04":
        raise UnsupportedError
    x, y = (int.from_bytes(data[at : at + size], "big") for at in (1, 1 + size))
    if max(x, y) >= curve.prime or (y * y - (x * x * x - 3 * x + curve.b)) % curve.prime:
        raise DerError("a public key that is no point of its curve")
    return EcKey(curve, x, y)


def signed_by(key: PublicKey, kind: Der, message: bytes, signature: bytes) -> bool:
    """Whether the key made this signature, whose AlgorithmIdentifier is `kind`."""
    family, hash_name = SIGNATURES.get(algorithm(kind), ("", ""))
    if not family:
        raise UnsupportedError
    if isinstance(key, RsaKey) != (family == RSA):
        return False
    return key.holds(hash_name, message, signature)


# --------------------------------------------------------------------------------------------
# 8  Certificates, revocation lists, time-stamp tokens (spec/anchor.md, "RFC 3161")
# --------------------------------------------------------------------------------------------

BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_KEY_USAGE = "2.5.29.19", "2.5.29.15", "2.5.29.37"
KEY_IDENTIFIER, REASON_CODE = "2.5.29.14", "2.5.29.21"
TIME_STAMPING = "1.3.6.1.5.5.7.3.8"
SIGNED_DATA, TST_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
CONTENT_TYPE, MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2 = (
    "1.2.840.113549.1.9.16.2.12",
    "1.2.840.113549.1.9.16.2.47",
)
COMPROMISE = (1, 2, 10)
MAX_CERTIFICATES = 32
MAX_PATH_LENGTH = 8


def parse_extensions(element: Der) -> dict[str, tuple[bool, bytes]]:
    """Identifier to whether it is critical and its value; none stands twice."""
    found: dict[str, tuple[bool, bytes]] = {}
    for extension in der_members(element):
        name, *rest = der_members(extension, OID)
        critical = bool(rest) and rest[0].tag == BOOLEAN
        if critical and rest.pop(0).body != b"\xff":
            raise DerError("a critical mark that is not true")
        if len(rest) != 1 or rest[0].tag != OCTETS or der_oid(name) in found:
            raise DerError("a malformed extension, or one that stands twice")
        found[der_oid(name)] = critical, rest[0].body
    return found


@dataclass(frozen=True)
class Certificate:
    """What is needed of an X.509 certificate; times in microseconds since 1970."""

    raw: bytes
    signed: bytes
    kind: Der
    signature: bytes
    serial: bytes
    issuer: bytes
    subject: bytes
    since: int
    until: int
    key_info: Der
    extensions: dict[str, tuple[bool, bytes]]

    @property
    def key(self) -> PublicKey:
        """Its public key; `UnsupportedError` when it is of another kind."""
        return parse_public_key(self.key_info)

    @property
    def key_identifier(self) -> bytes | None:
        """Its subject key identifier."""
        value = self.extensions.get(KEY_IDENTIFIER)
        return der_one(value[1], OCTETS).body if value else None

    def is_for_time_stamping(self) -> bool:
        """Its extended key usage is critical and this one alone."""
        critical, value = self.extensions.get(EXTENDED_KEY_USAGE, (False, b""))
        if not critical:
            return False
        return [der_oid(use) for use in der_members(der_one(value, SEQUENCE))] == [TIME_STAMPING]

    def may_issue(self, below: int) -> bool:
        """Whether it is a CA that may have `below` further CAs under it, and sign certificates."""
        _, value = self.extensions.get(BASIC_CONSTRAINTS, (False, b""))
        members = der_members(der_one(value, SEQUENCE)) if value else []
        if not members or members[0].tag != BOOLEAN or members[0].body != b"\xff":
            return False
        if len(members) > 1 and der_integer(members[1]) < below:
            return False
        _, usage = self.extensions.get(KEY_USAGE, (False, b""))
        return not usage or bool(der_one(usage, BITS).body[1] & 4)

    def check_critical(self) -> None:
        """`UnsupportedError` for a critical extension that is not known here."""
        known = (BASIC_CONSTRAINTS, KEY_USAGE, EXTENDED_KEY_USAGE)
        if any(critical and name not in known for name, (critical, _) in self.extensions.items()):
            raise UnsupportedError

    def is_signed_by(self, issuer: Certificate) -> bool:
        """Whether the issuer's key made its signature."""
        return signed_by(issuer.key, self.kind, self.signed, self.signature)


def parse_certificate(data: bytes) -> Certificate:
    """Read a certificate; DerError when malformed."""
    der_check_depth(data)
    body, kind, signature = der_members(der_one(data, SEQUENCE), SEQUENCE, SEQUENCE, BITS)
    members = der_elements(body.body)
    if members and members[0].tag == 0xA0:
        del members[0]
    if [each.tag for each in members[:6]] != [INTEGER, *[SEQUENCE] * 5]:
        raise DerError("no certificate")
    serial, inner_kind, issuer, validity, subject, key_info = members[:6]
    if inner_kind.raw != kind.raw:
        raise DerError("a certificate that names two algorithms for its signature")
    since, until = (der_time(each, UTC_TIME, GENERALIZED_TIME) for each in der_members(validity))
    extensions: dict[str, tuple[bool, bytes]] = {}
    for each in members[6:]:
        if each.tag == 0xA3:
            extensions = parse_extensions(der_one(each.body, SEQUENCE))
    der_integer(serial)
    return Certificate(
        *(data, body.raw, kind, der_bits(signature), serial.body, issuer.raw, subject.raw),
        *(since, until, key_info, extensions),
    )


@dataclass(frozen=True)
class RevocationList:
    """A certificate revocation list: serial number to (time, reason or None)."""

    signed: bytes
    kind: Der
    signature: bytes
    issuer: bytes
    since: int
    revoked: dict[bytes, tuple[int, int | None]]


def parse_revocation_list(data: bytes) -> RevocationList:
    """Read a CRL, version 1 or 2; DerError when malformed."""
    der_check_depth(data)
    body, kind, signature = der_members(der_one(data, SEQUENCE), SEQUENCE, SEQUENCE, BITS)
    members = der_elements(body.body)
    if members and members[0].tag == INTEGER:
        del members[0]
    if len(members) < 3 or members[0].raw != kind.raw or members[1].tag != SEQUENCE:
        raise DerError("no revocation list")
    since = der_time(members[2], UTC_TIME, GENERALIZED_TIME)
    rest = members[3:]
    if rest and rest[0].tag in TIMES:
        del rest[0]
    revoked: dict[bytes, tuple[int, int | None]] = {}
    for entry in der_elements(rest[0].body) if rest and rest[0].tag == SEQUENCE else []:
        serial, time, *more = der_members(entry, INTEGER)
        reasons = parse_extensions(more[0]) if more else {}
        reason = None
        if REASON_CODE in reasons:
            reason = int.from_bytes(der_one(reasons[REASON_CODE][1], 0x0A).body, "big")
        revoked[serial.body] = der_time(time, UTC_TIME, GENERALIZED_TIME), reason
    return RevocationList(body.raw, kind, der_bits(signature), members[1].raw, since, revoked)


class Token(NamedTuple):
    """A time-stamp token, taken apart: nothing in it is checked yet."""

    info: bytes
    hash_oid: str
    imprint: bytes
    time: int
    digest_oid: str
    attributes: Der
    kind: Der
    signature: bytes
    signer: Certificate
    certificates: list[Certificate]


def parse_token(data: bytes) -> Token:
    """Read a TimeStampResp (RFC 3161, section 2.4.2); DerError when malformed."""
    der_check_depth(data)
    status, content = der_members(der_one(data, SEQUENCE), SEQUENCE, SEQUENCE)
    if der_integer(der_members(status, INTEGER)[0]) not in (0, 1):
        raise DerError("a response that grants nothing")
    kind, wrapped = der_members(content, OID, 0xA0)
    if der_oid(kind) != SIGNED_DATA:
        raise DerError("no signed data")
    signed = der_members(der_one(wrapped.body, SEQUENCE), INTEGER, SET, SEQUENCE)
    content_kind, content_wrapped = der_members(signed[2], OID, 0xA0)
    if der_oid(content_kind) != TST_INFO:
        raise DerError("no time-stamp")
    info = der_one(content_wrapped.body, OCTETS).body
    members = der_members(der_one(info, SEQUENCE), INTEGER, OID, SEQUENCE, INTEGER)
    if der_integer(members[0]) != 1 or len(members) < 5:
        raise DerError("no time-stamp of version 1")
    hash_kind, imprint = der_members(members[2], SEQUENCE, OCTETS)
    certificates = [
        parse_certificate(each.raw)
        for part in signed[3:]
        if part.tag == 0xA0
        for each in der_elements(part.body)
    ]
    if len(certificates) > MAX_CERTIFICATES or signed[-1].tag != SET:
        raise DerError("too many certificates, or no signer")
    signer = der_members(der_one(signed[-1].body, SEQUENCE), INTEGER)
    if len(signer) < 6 or [each.tag for each in signer[2:6]] != [SEQUENCE, 0xA0, SEQUENCE, OCTETS]:
        raise DerError("a malformed signer")
    attributes = Der(SET, signer[3].body, b"\x31" + signer[3].raw[1:])
    return Token(
        *(info, algorithm(hash_kind), imprint.body, der_time(members[4], GENERALIZED_TIME)),
        *(algorithm(signer[2]), attributes, signer[4], signer[5].body),
        *(find_signer(signer[1], certificates), certificates),
    )


def find_signer(name: Der, certificates: list[Certificate]) -> Certificate:
    """The certificate that a SignerInfo names."""
    for certificate in certificates:
        if name.tag == 0x80 and name.body == certificate.key_identifier:
            return certificate
        if name.tag == SEQUENCE:
            issuer, serial = der_members(name, SEQUENCE, INTEGER)
            if (issuer.raw, serial.body) == (certificate.issuer, certificate.serial):
                return certificate
    raise DerError("the signer's certificate is not among those that came along")


class Row(NamedTuple):
    """What a stamp over a renewal is over: the name of its hash, and the row's digest by it."""

    hash_name: str
    digest: bytes


def check_token(data: bytes, stamped: bytes | Row, file: str) -> Token:
    """Steps 1 to 7 of spec/anchor.md, over a checkpoint's text or a row: all but roots."""
    try:
        token = parse_token(data)
    except (DerError, ValueError, IndexError) as problem:
        refuse("token", f"The token is malformed: {problem}.", file)
    if token.hash_oid not in HASHES:
        refuse("token_hash", "The token's imprint is by a hash that is too weak or unknown.", file)
    if isinstance(stamped, Row):
        check_strength(token, stamped.hash_name, file)
        imprint = stamped.digest
    else:
        imprint = hashlib.new(HASHES[token.hash_oid], stamped).digest()
    if imprint != token.imprint:
        refuse("token_imprint", "The token is over something else than what it should be.", file)
    try:
        if not token.signer.is_for_time_stamping():
            refuse("token_eku", "The signer's certificate is not for time-stamping alone.", file)
        if not token_signature_holds(token):
            refuse("token_signature", "The token's signature does not hold.", file)
    except (DerError, ValueError, IndexError) as problem:
        refuse("token_signature", f"The token's signature is malformed: {problem}.", file)
    if not token.signer.since <= token.time <= token.signer.until:
        refuse(
            "token_validity", "The signer's certificate was not valid at the token's time.", file
        )
    return token


def check_strength(token: Token, hash_name: str, file: str) -> None:
    """A stamp over a renewal is by the renewal's hash, and signed by no weaker one."""
    order = list(HASHES.values())
    weak = order[: order.index(hash_name)]
    if HASHES[token.hash_oid] != hash_name or HASHES.get(token.digest_oid) in weak:
        refuse("token_hash", f"The token does not rest on {hash_name}, as its renewal asks.", file)


def token_signature_holds(token: Token) -> bool:
    """Step 6: the attributes name content, digest and signer, and the signer signed them."""
    if token.digest_oid not in HASHES:
        raise UnsupportedError
    hash_name = HASHES[token.digest_oid]
    found: dict[str, Der] = {}
    for attribute in der_elements(token.attributes.body):
        name, values = der_members(attribute, OID, SET)
        if der_oid(name) in found:
            return False
        found[der_oid(name)] = values
    content = der_members(found.get(CONTENT_TYPE, Der(0, b"", b"")))
    digest = der_members(found.get(MESSAGE_DIGEST, Der(0, b"", b"")))
    if [der_oid(each) for each in content] != [TST_INFO]:
        return False
    if [each.body for each in digest] != [hashlib.new(hash_name, token.info).digest()]:
        return False
    if not names_signer(found, token.signer):
        return False
    kind = algorithm(token.kind)
    if kind == RSA:
        if not isinstance(token.signer.key, RsaKey):
            return False
        return token.signer.key.holds(hash_name, token.attributes.raw, token.signature)
    if kind in SIGNATURES and SIGNATURES[kind][1] != hash_name:
        return False
    return signed_by(token.signer.key, token.kind, token.attributes.raw, token.signature)


def names_signer(attributes: dict[str, Der], signer: Certificate) -> bool:
    """Whether signingCertificate or signingCertificateV2 holds the hash of the signer's."""
    for name, hash_name in ((SIGNING_CERTIFICATE_V2, "sha256"), (SIGNING_CERTIFICATE, "sha1")):
        if name in attributes:
            value = der_one(attributes[name].body, SEQUENCE)
            first = der_elements(der_members(value, SEQUENCE)[0].body)[0]
            members = der_members(first)
            if members[0].tag == SEQUENCE:
                hash_name = HASHES.get(algorithm(members.pop(0)), "")
            if not hash_name:
                raise UnsupportedError
            return members[0].body == hashlib.new(hash_name, signer.raw).digest()
    return False


def find_path(token: Token, roots: list[Certificate]) -> tuple[list[Certificate], bool] | None:
    """Step 8: from the signer up to a root of the reader's, and whether all were valid then."""
    ends = {root.raw for root in roots}
    pool = roots + [each for each in token.certificates if each.raw not in ends]
    then = [each for each in pool if each.since <= token.time <= each.until]
    for issuers, valid in ((then, True), (pool, False)):
        if path := walk_up(token.signer, issuers, ends):
            return path, valid
    return None


def walk_up(
    signer: Certificate, issuers: list[Certificate], ends: set[bytes]
) -> list[Certificate] | None:
    """A path to an end. Each certificate is tried once at each height: no token makes it long."""
    paths, tried = [[signer]], set[tuple[bytes, int]]()
    signed: dict[tuple[bytes, bytes], bool] = {}
    while paths:
        path = paths.pop()
        last, height = path[-1], len(path)
        if (last.raw, height) in tried:
            continue
        tried.add((last.raw, height))
        last.check_critical()
        for issuer in issuers:
            if issuer.subject != last.issuer or not issuer.may_issue(height - 1):
                continue
            pair = last.raw, issuer.raw
            if pair not in signed:
                signed[pair] = last.is_signed_by(issuer)
            if not signed[pair]:
                continue
            if issuer.raw in ends:
                return [*path, issuer]
            if height + 1 < MAX_PATH_LENGTH:
                paths.append([*path, issuer])
    return None


def is_revoked(
    certificate: Certificate, issuer: Certificate, time: int, lists: list[RevocationList]
) -> bool | None:
    """Step 9 for one certificate; None when no list counts for it."""
    known = False
    for each in lists:
        if each.issuer != certificate.issuer or each.since < time:
            continue
        if not signed_by(issuer.key, each.kind, each.signed, each.signature):
            continue
        known = known or each.since <= certificate.until
        since, reason = each.revoked.get(certificate.serial, (None, None))
        if since is not None and (reason is None or reason in COMPROMISE or time >= since):
            return True
    return False if known else None


# --------------------------------------------------------------------------------------------
# 9  OpenTimestamps (spec/anchor.md)
# --------------------------------------------------------------------------------------------

OTS_MAGIC = bytes.fromhex("004f70656e54696d657374616d7073000050726f6f6600bf89e2e884e892940108")
BITCOIN, PENDING = bytes.fromhex("0588960d73d71901"), bytes.fromhex("83dfe30d2ef90c8e")
MAX_OTS_DEPTH, MAX_OTS_VALUE = 256, 4096
OTHER_OPERATIONS = (0x02, 0x03, 0x67, 0xF2, 0xF3)


class OtsError(ValueError):
    """A malformed OpenTimestamps proof."""


@dataclass
class OtsReader:
    """Reads a proof from front to back."""

    data: bytes
    at: int = 0
    attestations: list[tuple[bytes, bytes, bytes | None]] = field(default_factory=list)

    def take(self, count: int) -> bytes:
        """The next bytes."""
        part = self.data[self.at : self.at + count]
        if len(part) != count:
            raise OtsError("it ends early")
        self.at += count
        return part

    def number(self) -> int:
        """A number in groups of seven bits, lowest first."""
        value = 0
        for shift in range(0, 63, 7):
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            if byte < 128:
                if shift and not byte:
                    raise OtsError("a number that is not minimal")
                return value
        raise OtsError("a number that is too large")

    def sized(self, limit: int) -> bytes:
        """Bytes with their length before them."""
        size = self.number()
        if size > limit:
            raise OtsError("a value that is too long")
        return self.take(size)

    def tree(self, value: bytes | None, depth: int = 0) -> None:
        """The operations on a value, down to what is attested; None: not known any more."""
        if depth > MAX_OTS_DEPTH:
            raise OtsError("nested too deeply")
        more = True
        while more:
            tag = self.take(1)[0]
            more = tag == 0xFF
            if more:
                tag = self.take(1)[0]
            if tag == 0:
                kind = self.take(8)
                self.attestations.append((kind, self.sized(8192), value))
            else:
                self.tree(self.operate(tag, value), depth + 1)

    def operate(self, tag: int, value: bytes | None) -> bytes | None:
        """One operation on a value."""
        if tag in (0xF0, 0xF1):
            part = self.sized(MAX_OTS_VALUE)
            if value is None:
                return None
            value = value + part if tag == 0xF0 else part + value
            if len(value) > MAX_OTS_VALUE:
                raise OtsError("a value that is too long")
            return value
        if tag == 0x08:
            return None if value is None else hashlib.sha256(value).digest()
        if tag in OTHER_OPERATIONS:
            return None
        raise OtsError("an operation that nobody knows")


def check_ots(data: bytes, text: bytes, file: str) -> list[tuple[bytes, bytes, bytes | None]]:
    """What a proof over a checkpoint's text attests: (kind, payload, value there or None)."""
    digest = hashlib.sha256(text).digest()
    reader = OtsReader(data)
    try:
        if reader.take(len(OTS_MAGIC)) != OTS_MAGIC:
            raise OtsError("not a proof of version 1 over a SHA-256")
        found = reader.take(32)
        reader.tree(found)
        if reader.at != len(data):
            raise OtsError("bytes after its end")
    except OtsError as problem:
        refuse("ots", f"The OpenTimestamps proof is malformed: {problem}.", file)
    if found != digest:
        refuse("ots_digest", "The proof is over something else than this checkpoint.", file)
    return reader.attestations


def block_hash(header: bytes) -> bytes:
    """The hash of a Bitcoin block header, as the next header holds it."""
    return hashlib.sha256(hashlib.sha256(header).digest()).digest()


def check_headers(headers: dict[int, tuple[bytes, str]]) -> None:
    """Headers from the reader carry their work, and neighbours chain."""
    for height, (header, file) in sorted(headers.items()):
        bits = int.from_bytes(header[72:76], "little")
        target = (bits & 0x7FFFFF) << 8 * (bits >> 24) >> 24
        if int.from_bytes(block_hash(header), "little") > target:
            refuse("header", f"The header of block {height} carries no work.", file)
        before = headers.get(height - 1)
        if before and header[4:36] != block_hash(before[0]):
            refuse("header", f"The headers of blocks {height - 1} and {height} do not chain.", file)


# --------------------------------------------------------------------------------------------
# 10  Entries (spec/entry.md) and protected values (spec/protected-value.md)
# --------------------------------------------------------------------------------------------

MAX_ENTRY = 65_535
TYPE = re.compile(r"[a-z][a-z_]*(\.[a-z][a-z_]*)?/[1-9][0-9]{0,3}")
KEY_ID = re.compile(r"key:[0-9a-f]{32}")
ABOUT = re.compile(r"sha256:[0-9a-f]{64}|entry:(0|[1-9][0-9]{0,15})|(key|run):[0-9a-f]{32}")
TOKEN = re.compile(r"[A-Za-z0-9 ._:;/+=()%*,@-]{0,256}")
SHA256 = re.compile(r"[0-9a-f]{64}")
INSTANT = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?Z", re.ASCII)

Test = Callable[[Any], bool]


def is_text(value: Any) -> bool:
    """Any text."""
    return isinstance(value, str)


def is_integer(value: Any) -> bool:
    """A whole number; `true` and `false` are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_count(value: Any) -> bool:
    """A size, a number of things or an index: a whole number from 0 on."""
    return is_integer(value) and value >= 0


def is_boolean(value: Any) -> bool:
    """`true` or `false`."""
    return isinstance(value, bool)


def matches(pattern: re.Pattern[str]) -> Test:
    """Text that fits a pattern from its first to its last character."""
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


is_token, is_sha256, is_key_id = matches(TOKEN), matches(SHA256), matches(KEY_ID)


def is_instant(value: Any) -> bool:
    """A point of time that a calendar knows."""
    try:
        instant(value)
    except (TypeError, ValueError):
        return False
    return True


def instant(text: str) -> int:
    """Microseconds since 1970."""
    match = INSTANT.fullmatch(text)
    if match is None:
        raise ValueError("not a point of time")
    fraction = (match.group(7) or "").ljust(6, "0")
    return microseconds(*map(int, match.groups()[:6])) + int(fraction)


def is_protected(value: Any) -> bool:
    """A commitment to a protected value."""
    return isinstance(value, dict) and set(value) == {"protected"} and is_sha256(value["protected"])


def is_list_of(test: Test) -> Test:
    """A list whose members all pass."""
    return lambda value: isinstance(value, list) and all(test(member) for member in value)


def is_map_of(test: Test) -> Test:
    """An object from tokens to values that all pass."""
    return lambda value: (
        isinstance(value, dict) and all(is_token(k) and test(v) for k, v in value.items())
    )


def has(**members: Test) -> Test:
    """An object with at least these members; others are kept, not judged."""
    return lambda value: (
        isinstance(value, dict)
        and all(name in value and test(value[name]) for name, test in members.items())
    )


def is_tally(value: Any) -> bool:
    """What a run met, accounted for in full."""
    parts = ("stored", "already_held", "not_included", "quarantined", "failed")
    counts = has(reasons=is_map_of(is_count), **dict.fromkeys(("seen", *parts), is_count))
    return counts(value) and value["seen"] == sum(value[part] for part in parts)


is_blob = has(role=is_token, sha256=is_sha256, size=is_count)
is_scope = has(
    purpose=is_text,
    parties=is_list_of(is_text),
    places=is_list_of(is_text),
    dates=is_text,
    legal_basis=is_text,
    scratch=is_boolean,
)
is_date = has(what=is_token, at=is_instant, grade=is_token, bounds_media=is_boolean)
is_claim = has(by=is_token, algorithm=is_token, value=is_token, agrees=is_token)
is_segment = has(
    **dict.fromkeys(("a_start", "a_end", "b_start", "b_end"), is_integer),
    **dict.fromkeys(("rate", "transform"), is_token),
)
is_span = has(**dict.fromkeys(("a_start", "a_end", "b_start", "b_end"), is_count))


is_stream = has(kind=is_token, codec=is_token, packets=is_count, sha256=is_sha256)
is_place = has(
    place=is_token,
    **dict.fromkeys(("objects", "bytes", "missing", "changed", "repaired"), is_count),
)
is_bad_copy = has(place=is_token, what=is_token, sha256=is_sha256, repaired=is_boolean)


def rules(test: Test, names: str) -> dict[str, Test]:
    """One test for several fields; a name that ends in `?` may be missing."""
    return dict.fromkeys(names.split(), test)


VALUES = {
    **rules(is_list_of(has(entry=is_count, field=is_token)), "values"),
    **rules(is_protected, "reason"),
    **rules(is_token, "second second_signature"),
}
STATEMENTS: dict[str, dict[str, Test]] = {
    "genesis/1": {
        **rules(is_token, "origin archive_key person_key"),
        **rules(is_protected, "person_name"),
        **rules(is_scope, "scope"),
    },
    "person.added/1": {
        **rules(is_token, "key"),
        **rules(is_protected, "name"),
        **rules(is_list_of(is_token), "roles"),
    },
    "scope.changed/1": {**rules(is_scope, "scope"), **rules(is_text, "reason")},
    "key.rotated/1": rules(is_token, "use old new proof"),
    "key.revoked/1": {
        **rules(is_key_id, "key"),
        **rules(is_token, "reason"),
        **rules(is_count, "suspect_after?"),
    },
    "object.stored/1": {
        **rules(is_sha256, "sha256 derived_from?"),
        **rules(is_count, "size"),
        **rules(is_token, "kind"),
    },
    "sighting.recorded/1": {
        **rules(is_token, "run source place content outcome reason kind"),
        **rules(is_sha256, "object?"),
        **rules(is_text, "party reference?"),
        **rules(is_list_of(is_date), "dates"),
        **rules(is_map_of(is_integer), "stated"),
        **rules(is_list_of(is_blob), "attachments"),
        **rules(is_list_of(is_token), "flags?"),
        **rules(is_list_of(is_claim), "claimed?"),
        **rules(
            is_protected,
            "where? name? author? caption? forwarded_from? location? columns? message?",
        ),
    },
    "search.recorded/1": {
        **rules(is_token, "platform language"),
        **rules(is_text, "party"),
        **rules(is_instant, "searched_at"),
        **rules(is_count, "results taken"),
        **rules(is_protected, "terms where? remark?"),
    },
    "run.recorded/1": {
        **rules(is_token, "run source program"),
        **rules(is_instant, "started_at"),
        **rules(is_text, "party reference?"),
        **rules(is_protected, "claimed_by? where? outside_scope?"),
        **rules(is_token, "clock?"),
        **rules(is_count, "clock_error_ms?"),
        **rules(is_tally, "tally"),
        **rules(is_list_of(is_token), "notes interrupted"),
    },
    "finding.recorded/1": {
        **rules(is_sha256, "object"),
        **rules(is_token, "check version range result reason"),
        **rules(is_map_of(is_token), "tools parameters values"),
        **rules(is_blob, "output?"),
        **rules(is_protected, "tags?"),
    },
    "link.found/1": {
        **rules(is_sha256, "a b"),
        **rules(is_token, "relation score fingerprint matcher card? expected_false?"),
        **rules(is_list_of(is_segment), "segments"),
        **rules(is_count, "pairs?"),
        **rules(is_blob, "evidence?"),
    },
    "link.decided/1": {
        **rules(is_sha256, "a b"),
        **rules(is_token, "decision"),
        **rules(is_list_of(is_span), "spans"),
        **rules(is_protected, "reason"),
    },
    "reference.claimed/1": {
        **rules(is_text, "collection"),
        **rules(is_blob, "fingerprint"),
        **rules(is_token, "version claimed_date?"),
        **rules(is_count, "duration"),
        **rules(is_protected, "title? from_whom?"),
    },
    "reference.matched/1": {
        **rules(is_sha256, "object reference"),
        **rules(is_token, "relation score fingerprint matcher card? expected_false?"),
        **rules(is_list_of(is_segment), "segments"),
        **rules(is_count, "pairs?"),
        **rules(is_blob, "evidence?"),
    },
    "reference.exported/1": {
        **rules(is_protected, "recipient purpose"),
        **rules(is_count, "risk"),
        **rules(is_list_of(is_sha256), "objects"),
        **rules(is_token, "version"),
    },
    "risk.recorded/1": {
        **rules(is_token, "decision"),
        **rules(is_protected, "persons_depicted uploader witnesses analysts"),
    },
    "export.made/1": {
        **rules(is_protected, "recipient purpose"),
        **rules(is_count, "risk record_size objects disclosures"),
        **rules(is_sha256, "tagmanifest record_root"),
        **rules(is_boolean, "encrypted"),
        **rules(is_token, "profile"),
    },
    "value.disclosed/1": VALUES,
    "value.erased/1": VALUES,
    "anchor.received/1": {
        **rules(is_count, "size height?"),
        **rules(is_sha256, "root"),
        **rules(is_token, "kind authority state via"),
        **rules(is_instant, "time?"),
        **rules(is_blob, "proof chain?"),
    },
    "anchor.failed/1": {
        **rules(is_count, "size attempts"),
        **rules(is_sha256, "root"),
        **rules(is_token, "kind authority reason"),
    },
    "digests.renewed/1": {
        **rules(is_token, "hash"),
        **rules(is_count, "size"),
        **rules(is_blob, "row files"),
    },
    "renewal.anchored/1": {
        **rules(is_count, "renewal"),
        **rules(is_token, "authority via"),
        **rules(is_instant, "time"),
        **rules(is_blob, "proof chain?"),
    },
    "cosignature.received/1": {
        **rules(is_count, "size"),
        **rules(is_sha256, "root"),
        **rules(is_token, "witness signature"),
        **rules(is_instant, "time"),
    },
    "fork.reported/1": {
        **rules(is_count, "size"),
        **rules(is_sha256, "ours theirs"),
        **rules(is_blob, "note"),
    },
    "custody.received/1": {
        **rules(is_list_of(is_sha256), "objects"),
        **rules(is_token, "method"),
        **rules(is_protected, "reason from_whom"),
    },
    "custody.transferred/1": {
        **rules(is_list_of(is_sha256), "objects"),
        **rules(is_token, "method receiver_key?"),
        **rules(is_protected, "reason to_whom"),
    },
    "custody.receipted/1": {
        **rules(is_count, "transfer"),
        **rules(is_instant, "received_at"),
        **rules(is_token, "receiver_key? receiver_signature?"),
        **rules(is_blob, "document?"),
    },
    "object.disposed/1": {
        **rules(is_list_of(has(sha256=is_sha256, size=is_count)), "objects"),
        **rules(is_token, "ground second second_signature"),
        **rules(is_protected, "reason contrary_reason?"),
        **rules(is_boolean, "contrary"),
    },
    "material.linked/1": {
        **rules(is_sha256, "a b"),
        **rules(is_token, "relation"),
        **rules(is_protected, "reason"),
    },
    "derivative.made/1": {
        **rules(is_sha256, "original derivative"),
        **rules(is_token, "method version"),
        **rules(is_map_of(is_token), "tools"),
        **rules(is_list_of(is_token), "removed"),
        **rules(is_list_of(is_stream), "streams"),
    },
    "fixity.audited/1": {
        **rules(is_instant, "started_at"),
        **rules(is_list_of(is_place), "places"),
        **rules(is_list_of(is_bad_copy), "bad"),
        **rules(is_blob, "more?"),
    },
}
ALWAYS_SIGNED = frozenset(
    (
        *("genesis/1", "person.added/1", "scope.changed/1", "key.rotated/1", "key.revoked/1"),
        *("risk.recorded/1", "export.made/1", "value.disclosed/1", "value.erased/1"),
        *("custody.received/1", "custody.transferred/1", "custody.receipted/1"),
        *("object.disposed/1", "material.linked/1", "link.decided/1"),
        *("reference.claimed/1", "reference.exported/1", "search.recorded/1"),
    )
)


@dataclass(frozen=True)
class Entry:
    """An entry that is well-formed; who said it is checked by `Keys`."""

    index: int
    value: dict[str, Any]
    file: str

    @property
    def type(self) -> str:
        """What kind of statement this is."""
        return str(self.value["type"])

    @property
    def by(self) -> str:
        """The key id of its author."""
        return str(self.value["by"])

    @property
    def fields(self) -> dict[str, Any]:
        """The statement."""
        members: dict[str, Any] = self.value["fields"]
        return members

    @property
    def signed(self) -> bool:
        """Whether somebody signed it; whether rightly is checked by `Keys`."""
        return "signature" in self.value

    def refuse(self, code: str, sentence: str) -> NoReturn:
        """Refuse the package because of this entry."""
        refuse(code, f"Entry {self.index} ({self.type}): {sentence}", self.file)

    def signed_bytes(self, origin: str) -> bytes:
        """What its author signed. The journal's clock is not the author's word."""
        said = {k: v for k, v in self.value.items() if k not in ("at", "signature")}
        return b"witnessmark/entry/1\n" + origin.encode() + b"\n" + canonical(said)


ENTRY_MEMBERS: dict[str, Test] = {
    "type": matches(TYPE),
    "by": is_key_id,
    "about": is_list_of(matches(ABOUT)),
    "fields": lambda value: isinstance(value, dict),
    "at": is_instant,
}


def parse_entry(data: bytes, index: int, file: str) -> Entry:
    """Read an entry and hold it against the rules of its type."""
    if len(data) > MAX_ENTRY:
        refuse("entry", f"Entry {index} is longer than {MAX_ENTRY} bytes.", file)
    try:
        value = parse_canonical(data)
    except ValueError as problem:
        refuse("entry", f"Entry {index} is malformed: {problem}.", file)
    if not isinstance(value, dict):
        refuse("entry", f"Entry {index} is not an object.", file)
    for name, test in ENTRY_MEMBERS.items():
        if name not in value or not test(value[name]):
            refuse("entry", f"Entry {index}: its member `{name}` is missing or malformed.", file)
    entry = Entry(index, value, file)
    if "said_at" in value and not (entry.signed and is_instant(value["said_at"])):
        entry.refuse("entry", "`said_at` is malformed, or stands in an entry that nobody signed.")
    check_fields(entry)
    return entry


def check_fields(entry: Entry) -> None:
    """A statement of a known type has the fields of that type; other fields are kept."""
    for name, test in STATEMENTS.get(entry.type, {}).items():
        plain = name.rstrip("?")
        if plain not in entry.fields:
            if plain == name:
                entry.refuse("field", f"the field `{plain}` is missing.")
        elif not test(entry.fields[plain]):
            entry.refuse("field", f"the field `{plain}` is not what its type asks for.")


def commitment(salt: bytes, name: str, value: Any) -> str:
    """What stands in an entry in place of a protected value."""
    message = b"witnessmark/protected/1\n" + name.encode() + b"\n" + canonical(value)
    return hmac.digest(salt, message, "sha256").hex()


@dataclass
class Keys:
    """Keys in force: who may speak, entry by entry."""

    origin: str
    archive: VerifierKey | None = None
    archive_keys: list[VerifierKey] = field(default_factory=list)
    people: dict[str, bytes] = field(default_factory=dict)
    since: list[int] = field(default_factory=list)
    revoked: set[str] = field(default_factory=set)
    suspicions: list[tuple[str, int, int]] = field(default_factory=list)
    signatures: set[bytes] = field(default_factory=set)

    def take(self, entry: Entry) -> None:
        """Check the next entry's author and signature, then what it does to the keys."""
        if (entry.type == "genesis/1") != (entry.index == 0):
            entry.refuse("genesis", "the genesis is entry 0, and no other entry is one.")
        if entry.index == 0:
            self.begin(entry)
        self.check_author(entry)
        if entry.type == "person.added/1":
            self.add_person(entry.fields["key"], entry)
        elif entry.type == "key.rotated/1":
            self.rotate(entry)
        elif entry.type == "key.revoked/1":
            self.revoked.add(entry.fields["key"])
            if "suspect_after" in entry.fields:
                after = entry.fields["suspect_after"]
                self.suspicions.append((entry.fields["key"], after, entry.index))
        elif entry.type in ("value.disclosed/1", "value.erased/1", "object.disposed/1"):
            self.check_second(entry)

    def for_size(self, size: int) -> VerifierKey | None:
        """The archive key that was to sign the checkpoint of that size."""
        in_force = [
            k for k, since in zip(self.archive_keys, self.since, strict=True) if since <= size
        ]
        return in_force[-1] if in_force else None

    def begin(self, entry: Entry) -> None:
        """The genesis brings the first archive key and the first person."""
        key = parse_verifier_key(entry.fields["archive_key"], entry.file)
        if not self.origin == entry.fields["origin"] == key.name:
            entry.refuse("genesis", "it is of another origin than the checkpoint.")
        self.archive = key
        self.archive_keys.append(key)
        self.since.append(0)
        self.add_person(entry.fields["person_key"], entry)

    def check_second(self, entry: Entry) -> None:
        """Done alone and said so, or a second person in force has signed as well."""
        second = entry.fields["second"]
        if second == "alone" and entry.type != "object.disposed/1":
            return
        if second == entry.by or second in self.revoked or second not in self.people:
            entry.refuse("author", "its second person is not another person in force.")
        fields = {k: v for k, v in entry.fields.items() if k != "second_signature"}
        words = canonical({"fields": fields, "type": entry.type})
        domain = f"witnessmark/second/1\n{self.origin}\n".encode()
        try:
            signature = from_base64(entry.fields["second_signature"], 64)
        except ValueError:
            entry.refuse("entry_signature", "its second signature is not base64 of 64 bytes.")
        if not signature_holds(self.people[second], domain + words, signature):
            entry.refuse("entry_signature", "its second signature does not fit it.")

    def add_person(self, text: str, entry: Entry) -> None:
        """A person's key joins."""
        public = self.person_key(text, entry)
        self.people[key_id(public)] = public

    def person_key(self, text: str, entry: Entry) -> bytes:
        """Read a person's public key."""
        try:
            public = from_base64(text, 32)
        except ValueError:
            entry.refuse("key", "a person's key is not base64 of 32 bytes.")
        check_public_key(public, entry.file)
        return public

    def rotate(self, entry: Entry) -> None:
        """A new key takes the place of one in force, and that one has signed it."""
        use, old, new = (entry.fields[name] for name in ("use", "old", "new"))
        if use == "archive":
            key = parse_verifier_key(new, entry.file)
            if key.name != self.origin:
                entry.refuse("key", "the new archive key is not named like the origin.")
            if self.archive is None or parse_verifier_key(old, entry.file) != self.archive:
                entry.refuse("field", "`old` is not the archive key in force.")
            self.check_succession(entry, self.archive.public)
            self.archive = key
            self.archive_keys.append(key)
            self.since.append(entry.index + 1)
        elif use == "person":
            former = self.people.pop(key_id(self.person_key(old, entry)), None)
            if former is None:
                entry.refuse("field", "`old` is not the key of a person in force.")
            self.check_succession(entry, former)
            self.add_person(new, entry)
        else:
            entry.refuse("field", "`use` is neither archive nor person.")

    def check_succession(self, entry: Entry, old: bytes) -> None:
        """Only the holder of a key names the key that follows it.

        A genesis can name anybody's key. Without this proof a stranger could name an archive's
        key, rotate to one of their own, and sign a record that seems to be the archive's.
        """
        new = f"witnessmark/rotation/1\n{self.origin}\n{entry.fields['new']}".encode()
        try:
            proof = from_base64(entry.fields["proof"], 64)
        except ValueError:
            entry.refuse("entry_signature", "its proof is not base64 of 64 bytes.")
        if not signature_holds(old, new, proof):
            entry.refuse("entry_signature", "the old key did not sign the new one.")

    def check_author(self, entry: Entry) -> None:
        """People sign what they say; everything else is by the archive's key in force."""
        if entry.type in ALWAYS_SIGNED and not entry.signed:
            entry.refuse("entry_signature", "it must be signed, and is not.")
        if entry.by in self.revoked:
            entry.refuse("revoked_key", "its author's key was revoked before.")
        if entry.signed:
            self.check_signature(entry)
        elif self.archive is None or entry.by != self.archive.author:
            entry.refuse("author", "nobody signed it, and it is not by the archive key in force.")

    def check_signature(self, entry: Entry) -> None:
        """The author is a person in force, the signature is theirs, and it is not a copy."""
        public = self.people.get(entry.by)
        if public is None:
            entry.refuse("author", "its author is no person in force.")
        try:
            signature = from_base64(entry.value["signature"], 64)
        except (ValueError, AttributeError):
            entry.refuse("entry_signature", "its signature is not base64 of 64 bytes.")
        if not signature_holds(public, entry.signed_bytes(self.origin), signature):
            entry.refuse("entry_signature", "its signature does not fit it.")
        if signature in self.signatures:
            entry.refuse("replayed_entry", "its signature stands in an earlier entry already.")
        self.signatures.add(signature)


# --------------------------------------------------------------------------------------------
# 11  The package as a folder or as one ZIP (spec/package.md, "As one file")
# --------------------------------------------------------------------------------------------

ZIP_END, ZIP64_LOCATOR = struct.Struct("<4s4H2LH"), struct.Struct("<4sLQL")
ZIP64_END, ZIP_LOCAL = struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4s5H3L2H")
ZIP_CENTRAL = struct.Struct("<4s6H3L5H2L")
MAX_DIRECTORY = 256 << 20


class Part(io.RawIOBase):
    """A stretch of a file, as a file of its own."""

    def __init__(self, path: str, start: int, size: int) -> None:
        super().__init__()
        self._stream, self._left = open(path, "rb", buffering=0), size  # noqa: SIM115 - closed by close
        self._stream.seek(start)

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer, not beyond the end of the stretch."""
        view = memoryview(buffer)[: self._left]
        count = self._stream.readinto(view) or 0
        self._left -= count
        return count

    def close(self) -> None:
        """Close the file beneath."""
        self._stream.close()
        super().close()


class Member(NamedTuple):
    """A file in a ZIP."""

    path: str
    start: int
    size: int


def refuse_zip(sentence: str, file: str = "") -> NoReturn:
    """Refuse a ZIP that could be read in two ways."""
    refuse("zip", sentence, file)


def read_zip(path: str) -> dict[str, Member]:
    """The files of a ZIP that can be read in one way only."""
    whole = os.path.getsize(path)
    with open(path, "rb") as stream:
        count, size, start, end = zip_directory(stream, whole)
        stream.seek(start)
        directory = stream.read(size)
        members: dict[str, Member] = {}
        at = place = 0
        for _ in range(count):
            at, name, offset, length = zip_central(directory, at)
            if offset != place:
                refuse_zip("Its files do not follow each other without a gap.", name)
            place = zip_local(stream, name, offset, length)
            if name in members:
                refuse_zip("A name stands in it twice.", name)
            members[name] = Member(name, place, length)
            place += length
        if at != size or place != start or start + size != end:
            refuse_zip("There are bytes in it that belong to no file.")
    for name in members:
        if not PATH.fullmatch(name):
            refuse("path", "A name holds characters that no package uses.", name)
    return members


def zip_directory(stream: BinaryIO, whole: int) -> tuple[int, int, int, int]:
    """Number of files; size, start and end of the central directory."""
    end = whole - ZIP_END.size
    if end < 0:
        refuse_zip("It is too short.")
    stream.seek(end)
    mark, disk, first, here, count, size, start, comment = ZIP_END.unpack(stream.read(ZIP_END.size))
    if mark != b"PK\x05\x06" or comment:
        refuse_zip("It does not end as a ZIP without a comment does: copy it again, whole.")
    if disk or first or here != count:
        refuse_zip("It is a part of several disks.")
    if 0xFFFF in (here, count) or 0xFFFFFFFF in (size, start):
        end -= ZIP64_LOCATOR.size + ZIP64_END.size
        if end < 0:
            refuse_zip("Its ZIP64 end is missing.")
        stream.seek(end)
        record = ZIP64_END.unpack(stream.read(ZIP64_END.size))
        mark, disk, place, disks = ZIP64_LOCATOR.unpack(stream.read(ZIP64_LOCATOR.size))
        if (
            record[0] != b"PK\x06\x06"
            or mark != b"PK\x06\x07"
            or (disk, place, disks) != (0, end, 1)
        ):
            refuse_zip("Its ZIP64 end is malformed.")
        if record[1] != ZIP64_END.size - 12 or record[4] or record[5] or record[6] != record[7]:
            refuse_zip("Its ZIP64 end is malformed.")
        count, size, start = record[7:]
    if size > min(end, MAX_DIRECTORY) or start + size != end:
        refuse_zip("Its directory is not where it says.")
    return count, size, start, end


def zip_wide(extra: bytes, values: list[int], name: str) -> list[int]:
    """`values` with those that stand in a ZIP64 field instead; no other field is allowed."""
    wide = [n for n, value in enumerate(values) if value == 0xFFFFFFFF]
    if extra[:4] != struct.pack("<HH", 1, 8 * len(wide)) if wide else extra:
        refuse_zip("It has fields that no package needs.", name)
    if len(extra) != (4 + 8 * len(wide) if wide else 0):
        refuse_zip("Its ZIP64 field is malformed.", name)
    for position, n in enumerate(wide):
        (values[n],) = struct.unpack_from("<Q", extra, 4 + 8 * position)
    return values


def zip_central(directory: bytes, at: int) -> tuple[int, str, int, int]:
    """One entry of the directory: where the next begins, its name, place and size."""
    if at + ZIP_CENTRAL.size > len(directory):
        refuse_zip("Its directory ends early.")
    mark, _, _, flags, method, _, _, _, packed, size, *rest = ZIP_CENTRAL.unpack_from(directory, at)
    name_size, extra_size, comment, disk, _, attributes, offset = rest
    at += ZIP_CENTRAL.size
    name = zip_name(directory[at : at + name_size])
    at += name_size + extra_size
    if mark != b"PK\x01\x02" or at > len(directory) or comment or disk:
        refuse_zip("An entry of its directory is malformed.", name)
    zip_plain(flags, method, name)
    if attributes >> 16 & 0o170000 not in (0, stat.S_IFREG) or attributes & 0x10:
        refuse_zip("It holds something that is no plain file.", name)
    extra = directory[at - extra_size : at]
    size, packed, offset = zip_wide(extra, [size, packed, offset], name)
    if size != packed:
        refuse_zip("A file in it is packed.", name)
    return at, name, offset, size


def zip_local(stream: BinaryIO, name: str, offset: int, size: int) -> int:
    """The header before a file says the same as the directory. Where the bytes begin."""
    stream.seek(offset)
    header = stream.read(ZIP_LOCAL.size)
    if len(header) != ZIP_LOCAL.size:
        refuse_zip("A file in it has no header.", name)
    mark, _, flags, method, _, _, _, packed, stated, name_size, extra_size = ZIP_LOCAL.unpack(
        header
    )
    own, extra = stream.read(name_size), stream.read(extra_size)
    if mark != b"PK\x03\x04" or zip_name(own) != name:
        refuse_zip("A file's header names another file than the directory.", name)
    zip_plain(flags, method, name)
    if zip_wide(extra, [stated, packed], name) != [size, size]:
        refuse_zip("A file's header gives it another size than the directory.", name)
    return offset + ZIP_LOCAL.size + name_size + extra_size


def zip_plain(flags: int, method: int, name: str) -> None:
    """No compression, no encryption, sizes before the bytes."""
    if method or flags not in (0, 0x0800):
        refuse_zip("It is compressed or encrypted: unpack it and name the folder.", name)


def zip_name(data: bytes) -> str:
    """A name as text; what is no UTF-8 becomes something that no path allows."""
    return data.decode("utf-8", "replace")


# --------------------------------------------------------------------------------------------
# 12  The package: the bag (spec/package.md, rules 1 to 3)
# --------------------------------------------------------------------------------------------

DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
PAYLOAD_MANIFEST, TAG_MANIFEST = "manifest-sha256.txt", "tagmanifest-sha256.txt"
SEAL, CHECKPOINT, ENTRIES = "seal.tlog-proof", "data/record/checkpoint", "data/record/entries"
TILES, OBJECTS, ATTACHMENTS = "data/record/tile/", "data/objects/", "data/attachments/"
DISCLOSURES, CHECKPOINTS = "data/disclosures", "data/checkpoints/"
RENEWALS = "data/renewals/"
REQUIRED = (
    *("bagit.txt", "bag-info.txt", "README.txt", "check.py", "check.html"),
    *(PAYLOAD_MANIFEST, TAG_MANIFEST, SEAL, CHECKPOINT, ENTRIES),
)
PATH = re.compile(r"(?!\.{1,2}(/|$))[A-Za-z0-9._-]+(/(?!\.{1,2}(/|$))[A-Za-z0-9._-]+)*")
BLOB_PATH = re.compile(r"data/(objects|attachments)/[0-9a-f]{64}")
TILE_PATH = re.compile(
    r"data/record/tile/(0|[1-9][0-9]?)/(x[0-9]{3}/){0,6}[0-9]{3}(\.p/[1-9][0-9]{0,2})?"
)
STAMP_PATH = re.compile(
    r"data/checkpoints/[1-9][0-9]{0,15}/(checkpoint|consistency|[a-z0-9-]{1,40}\.(tsr|ots))"
)
RENEWAL_PATH = re.compile(r"data/renewals/[1-9][0-9]{0,15}/(row|files|[a-z0-9-]{1,40}\.tsr)")
FOLDER = re.compile(
    r"data(/objects|/attachments|/(checkpoints|renewals)(/[1-9][0-9]{0,15})?|/record(/tile(/[0-9]{1,2}(/x[0-9]{3}){0,6}(/[0-9]{3}\.p)?)?)?)?"
)
MANIFEST_LINE = re.compile(r"([0-9a-f]{64})  ([^\r\n]+)")
MAX_PATH, MAX_MISSING = 4096, 1000
LEFT_BY_FILE_MANAGERS = (".DS_Store", "Thumbs.db", "desktop.ini")


@dataclass
class Bag:
    """The files of a package: sizes, hashes (listed and found), and the only way to read them."""

    root: str
    files: dict[str, int] = field(default_factory=dict)
    members: dict[str, Member] | None = None
    listed: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    def open(self, path: str) -> BufferedIOBase:
        """Open a regular file of the package, never through a link."""
        if self.members is not None:
            member = self.members[path]
            return BufferedReader(Part(self.root, member.start, member.size))
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        descriptor = os.open(os.path.join(self.root, path), flags | getattr(os, "O_BINARY", 0))
        stream = os.fdopen(descriptor, "rb")
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            stream.close()
            refuse("file_kind", "This is not a regular file.", path)
        return stream

    def read(self, path: str, limit: int, code: str) -> bytes:
        """A small file as a whole."""
        with self.open(path) as stream:
            data = stream.read(limit + 1)
        if len(data) > limit:
            refuse(code, f"This file is larger than {limit} bytes.", path)
        self.same(path, hashlib.sha256(data).hexdigest())
        return data

    def lines(self, path: str, limit: int, code: str) -> Iterator[tuple[int, bytes]]:
        """A file line by line, numbered from 1, never holding more than one line."""
        digest = hashlib.sha256()
        number = 0
        with self.open(path) as stream:
            while line := stream.readline(limit + 1):
                number += 1
                if not line.endswith(b"\n"):
                    refuse(code, f"Line {number} is too long, or its end is missing.", path)
                digest.update(line)
                yield number, line[:-1]
        self.same(path, digest.hexdigest())

    def same(self, path: str, digest: str) -> None:
        """What is read must be what was hashed, even if somebody edits it meanwhile."""
        if self.digests.setdefault(path, digest) != digest:
            refuse(hash_code(path), "This file changed while it was being checked.", path)

    def under(self, folder: str) -> dict[str, int]:
        """Names and sizes of the files in a folder of the package."""
        cut = len(folder)
        return {path[cut:]: size for path, size in self.files.items() if path.startswith(folder)}


def hash_code(path: str) -> str:
    """Which code tells that the bytes of this file are wrong."""
    return "payload_hash" if path.startswith("data/") else "tag_hash"


def check_bag(root: str) -> Bag:
    """The right files, all of them regular, exactly those that the manifests list."""
    bag = Bag(root)
    unknown: list[str] = []
    if is_zip(root):
        bag.members = read_zip(root)
        bag.files = {name: member.size for name, member in bag.members.items()}
        check_zip_place(bag)
    else:
        check_place(root)
        unknown = walk(bag)
    named = "bagit.txt" in bag.files
    if not named or bag.read("bagit.txt", SMALL, "bag_declaration") != DECLARATION:
        refuse("bag_declaration", "This is not the declaration of BagIt 1.0 in UTF-8.", "bagit.txt")
    if "bag-info.txt" in bag.files and (version := stated_version(bag)) not in ("", "1"):
        words = f"It is of format {version}, this checker knows 1: get a newer checker."
        refuse("newer_version", words, "bag-info.txt")
    unknown += [path for path in bag.files if not is_known_file(path)]
    if unknown:
        name = unknown[0].rpartition("/")[2]
        hint = " A file manager left it here: delete it." if name in LEFT_BY_FILE_MANAGERS else ""
        refuse("undeclared_file", "A package holds no such file or folder." + hint, unknown[0])
    for path in REQUIRED:
        if path not in bag.files:
            refuse("missing_file", "Every package holds this file; here it is missing.", path)
    payload, payload_missing = read_manifest(bag, PAYLOAD_MANIFEST)
    tags, tags_missing = read_manifest(bag, TAG_MANIFEST)
    for path in bag.files:
        if path not in payload and path not in tags and path not in (TAG_MANIFEST, SEAL):
            refuse("undeclared_file", "No manifest lists this file.", path)
    missing = payload_missing + tags_missing
    if missing:
        many = f" {len(missing)} files are missing: copy it again, whole." if missing[1:] else ""
        refuse("missing_file", "A manifest lists this file; it is not there." + many, missing[0])
    bag.listed = payload | tags
    return bag


def is_zip(root: str) -> bool:
    """Whether this file begins like a ZIP, or like an empty one."""
    if not os.path.isfile(root):
        return False
    with open(root, "rb") as stream:
        return stream.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def check_zip_place(bag: Bag) -> None:
    """Whether the ZIP holds a package at its top."""
    if "bagit.txt" in bag.files and bag.under("data/"):
        return
    tops = {path.split("/")[0] for path in bag.files}
    if len(tops) == 1 and f"{min(tops)}/bagit.txt" in bag.files:
        where = f"The package is in the folder {min(tops)} of this ZIP."
        refuse("not_a_package", f"{where} Unpack it and name that folder.")
    refuse("not_a_package", "This ZIP holds no `bagit.txt` with a folder `data` at its top.")


def check_place(root: str) -> None:
    """Whether this is a package at all; if not, say what it looks like."""
    if os.path.isfile(root):
        refuse("not_a_package", what_it_is(root))
    if not os.path.isdir(root):
        refuse("not_a_package", "There is no such folder or file.")
    if is_bag(root):
        return
    with os.scandir(root) as listing:
        deeper = sorted(item.name for item in listing if is_bag(item.path))
    if len(deeper) == 1:
        refuse("not_a_package", f"The package is one folder deeper: {deeper[0]}. Name that one.")
    refuse("not_a_package", "This folder holds no `bagit.txt` with a folder `data`.")


def what_it_is(path: str) -> str:
    """What a file that is no ZIP seems to be, and what to do with it."""
    with open(path, "rb") as stream:
        head = stream.read(512)
    if head.startswith((b"age-encryption.org/", b"-----BEGIN AGE")):
        return "This is encrypted (age). Decrypt it with the key it was made for, and unpack it."
    if head[257:262] == b"ustar" or head.startswith(
        (b"\x1f\x8b", b"7z\xbc\xaf", b"BZh", b"\xfd7z")
    ):
        return "This is a packed file. Unpack it and name the folder."
    return "This is no package: a folder with `bagit.txt` and `data`, or a ZIP of one."


def is_bag(folder: str) -> bool:
    """Whether a folder looks like a bag, without following links."""
    try:
        data = os.lstat(os.path.join(folder, "data"))
        os.lstat(os.path.join(folder, "bagit.txt"))
    except OSError:
        return False
    return stat.S_ISDIR(data.st_mode)


def walk(bag: Bag) -> list[str]:
    """Take in all files; refuse strange names and kinds. Gives the folders that do not belong."""
    unknown, folders = [], [""]
    while folders:
        prefix = folders.pop()
        with os.scandir(os.path.join(bag.root, prefix)) as listing:
            items = sorted(listing, key=lambda item: item.name)
        for item in items:
            path = prefix + item.name
            if not PATH.fullmatch(path):
                refuse("path", "A name holds characters that no package uses.", path)
            status = item.stat(follow_symlinks=False)
            attributes = getattr(status, "st_file_attributes", 0)
            if attributes & stat.FILE_ATTRIBUTE_REPARSE_POINT:
                refuse("file_kind", "This is a link, not a file.", path)
            if stat.S_ISREG(status.st_mode):
                bag.files[path] = status.st_size
            elif not stat.S_ISDIR(status.st_mode):
                refuse("file_kind", "This is a link or a special file.", path)
            elif FOLDER.fullmatch(path):
                folders.append(path + "/")
            else:
                unknown.append(path)
    return unknown


def is_known_file(path: str) -> bool:
    """Whether rule 1 knows a file of this name."""
    return (
        path in REQUIRED
        or path == DISCLOSURES
        or BLOB_PATH.fullmatch(path) is not None
        or TILE_PATH.fullmatch(path) is not None
        or STAMP_PATH.fullmatch(path) is not None
        or RENEWAL_PATH.fullmatch(path) is not None
    )


def read_manifest(bag: Bag, name: str) -> tuple[dict[str, str], list[str]]:
    """The hashes that a manifest lists, and paths that are not there.

    Of missing files a few are kept, so that a false manifest cannot fill the memory.
    """
    listed: dict[str, str] = {}
    missing: list[str] = []
    previous = ""
    for number, line in bag.lines(name, 66 + MAX_PATH, "manifest_syntax"):
        match = MANIFEST_LINE.fullmatch(line.decode("utf-8", "surrogateescape"))
        if match is None:
            refuse("manifest_syntax", f"Line {number} is not a hash, two spaces and a path.", name)
        digest, path = match.groups()
        if not PATH.fullmatch(path):
            refuse("path", f"Line {number} names a path that no package uses: {path}.", name)
        if path <= previous:
            refuse(
                "manifest_syntax", f"Line {number} is out of order, or lists a file twice.", name
            )
        if path.startswith("data/") != (name == PAYLOAD_MANIFEST) or path in (TAG_MANIFEST, SEAL):
            refuse("manifest_syntax", f"Line {number} lists a file that is not its to list.", name)
        previous = path
        if path in bag.files:
            listed[path] = digest
        elif len(missing) < MAX_MISSING:
            missing.append(path)
    return listed, missing


# --------------------------------------------------------------------------------------------
# 13  The package: what it holds (rules 3 to 10)
# --------------------------------------------------------------------------------------------


def check_hashes(bag: Bag) -> None:
    """Every byte is what the manifests say: first the payload, then the tag files."""
    buffer = memoryview(bytearray(CHUNK))
    for path in sorted(bag.listed, key=lambda path: (not path.startswith("data/"), path)):
        digest = hashlib.sha256()
        with bag.open(path) as stream:
            while count := stream.readinto(buffer):
                digest.update(buffer[:count])
        if digest.hexdigest() != bag.listed[path]:
            refuse(hash_code(path), "Its bytes are not those that the manifest lists.", path)
        bag.same(path, bag.listed[path])
    check_oxum(bag)


def check_oxum(bag: Bag) -> None:
    """`Payload-Oxum` counts the bytes and files of the payload."""
    if not stated_version(bag):
        refuse("bag_info", "The version of the package's format is not stated.", "bag-info.txt")
    text = bag.read("bag-info.txt", SMALL, "bag_info").decode("utf-8", "replace")
    stated = re.findall(r"^Payload-Oxum:(.*)$", text, re.MULTILINE | re.IGNORECASE)
    sizes = [size for path, size in bag.files.items() if path.startswith("data/")]
    if [value.strip(" ") for value in stated] != [f"{sum(sizes)}.{len(sizes)}"]:
        refuse("oxum", "`Payload-Oxum` is missing, repeated, or does not fit.", "bag-info.txt")


def stated_version(bag: Bag) -> str:
    """The version of the format when `bag-info.txt` states one and no other, else nothing."""
    text = bag.read("bag-info.txt", SMALL, "bag_info").decode("utf-8", "replace")
    versions = re.findall(r"^Witnessmark-Package: ([1-9][0-9]{0,8})$", text, re.MULTILINE)
    loosely = re.MULTILINE | re.IGNORECASE | re.ASCII
    named = re.findall(r"^witnessmark-package\b", text, loosely)
    return versions[0] if len(versions) == len(named) == 1 else ""


@dataclass
class Record:
    """What the record part of a package says once it holds."""

    checkpoint: Checkpoint
    keys: Keys
    anchors: list[Anchor] = field(default_factory=list)
    indices: array[int] = field(default_factory=lambda: array("Q"))
    leaves: bytearray = field(default_factory=bytearray)
    object_sizes: dict[str, set[int]] = field(default_factory=dict)
    attachment_sizes: dict[str, set[int]] = field(default_factory=dict)
    times: array[int] = field(default_factory=lambda: array("q"))
    authors: list[tuple[int, str]] = field(default_factory=list)
    stored: dict[str, int] = field(default_factory=dict)
    originals: dict[str, int] = field(default_factory=dict)
    derived: dict[str, set[str]] = field(default_factory=dict)
    made: dict[str, set[str]] = field(default_factory=dict)
    links: list[tuple[int, str, str]] = field(default_factory=list)
    disposed: set[str] = field(default_factory=set)
    transfers: dict[int, dict[str, Any]] = field(default_factory=dict)
    receipts: set[int] = field(default_factory=set)
    earlier: dict[int, bytes] = field(default_factory=dict)
    renewals: dict[int, dict[str, Any]] = field(default_factory=dict)
    standing: set[str] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, name: str, number: int = 1) -> None:
        """Add to a number of the report."""
        self.counts[name] = self.counts.get(name, 0) + number

    def note(self, entry: Entry, data: bytes) -> None:
        """Keep of an entry what later checks ask for: its hash, and which files it names."""
        self.indices.append(entry.index)
        self.leaves += leaf_hash(data)
        self.count("signed_entries", int(entry.signed))
        self.count("unknown_entries", int(entry.type not in STATEMENTS))
        self.count("protected_values", sum(map(is_protected, entry.fields.values())))
        self.times.append(instant(entry.value["at"]))
        if entry.signed:
            self.authors.append((entry.index, entry.by))
        self.count("findings", int(entry.type == "finding.recorded/1"))
        self.note_statement(entry)
        if self.attachment_sizes:
            for blob in blobs_in(entry.fields):
                if blob["sha256"] in self.attachment_sizes:
                    self.attachment_sizes[blob["sha256"]].add(blob["size"])

    def note_statement(self, entry: Entry) -> None:
        """What rules 6, 9 and 10 ask for."""
        fields = entry.fields
        if entry.type == "object.stored/1":
            self.note_object(fields, entry.index)
        elif entry.type in ("link.found/1", "link.decided/1", "material.linked/1"):
            self.links.append((entry.index, fields["a"], fields["b"]))
        elif entry.type == "derivative.made/1":
            self.made.setdefault(fields["derivative"], set()).add(fields["original"])
        elif entry.type == "object.disposed/1":
            self.disposed.update(each["sha256"] for each in fields["objects"])
        elif entry.type == "digests.renewed/1":
            self.renewals[entry.index] = fields
        elif entry.type == "custody.transferred/1":
            self.transfers[entry.index] = fields
        elif entry.type == "custody.receipted/1":
            self.check_receipt(entry)
        elif entry.type in ("value.disclosed/1", "value.erased/1"):
            self.count("alone", int(fields["second"] == "alone"))

    def note_object(self, fields: dict[str, Any], index: int) -> None:
        """An object that the record stores: where, how large, and from what."""
        name = fields["sha256"]
        if name in self.object_sizes:
            self.object_sizes[name].add(fields["size"])
        if "derived_from" in fields:
            self.derived.setdefault(name, set()).add(fields["derived_from"])
        else:
            self.originals.setdefault(name, index)
        self.stored.setdefault(name, index)

    def check_receipt(self, entry: Entry) -> None:
        """Rule 9: a receipt is for one earlier transfer, and signed as that one asks."""
        number, fields = entry.fields["transfer"], entry.fields
        transfer = self.transfers.get(number)
        if transfer is None:
            place = bisect_left(self.indices, number)
            if number >= entry.index or self.indices[place : place + 1].tolist() == [number]:
                entry.refuse("receipt", "it is for something that is no earlier transfer.")
            return
        if number in self.receipts:
            entry.refuse("receipt", "its transfer has a receipt already.")
        self.receipts.add(number)
        key, signature = fields.get("receiver_key"), fields.get("receiver_signature")
        asked = transfer.get("receiver_key")
        if asked is not None and (key != asked or signature is None):
            entry.refuse("receipt", "it is not signed by the receiver whom the transfer names.")
        self.count("receipt_stated", int(signature is None or asked is None))
        if signature is None:
            return
        said = {"objects": transfer["objects"], "received_at": fields["received_at"]}
        words = canonical({**said, "transfer": number})
        domain = f"witnessmark/receipt/1\n{self.keys.origin}\n".encode()
        try:
            public, value = from_base64(key or "", 32), from_base64(signature, 64)
        except ValueError:
            entry.refuse("receipt", "its key or signature is not base64 of the right length.")
        check_public_key(public, entry.file)
        if not signature_holds(public, domain + words, value):
            entry.refuse("receipt", "its signature does not fit it.")


class Anchor(NamedTuple):
    """An outside time that stands: over a checkpoint of that size, in microseconds, by whom."""

    size: int
    time: int
    by: str


def blobs_in(value: Any) -> Iterator[dict[str, Any]]:
    """Every {role, sha256, size} in a statement, also of types that are not known here."""
    if isinstance(value, dict):
        if is_blob(value):
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for member in value:
            if isinstance(member, dict | list):
                yield from blobs_in(member)


def entry_lines(bag: Bag) -> Iterator[tuple[int, bytes]]:
    """Index and bytes of the entries in a package, in order."""
    previous = -1
    for number, line in bag.lines(ENTRIES, MAX_ENTRY + 18, "entry"):
        digits, space, data = line.partition(b" ")
        text = digits.decode("latin-1")
        if not space or not DECIMAL.fullmatch(text):
            refuse("entry", f"Line {number} is not an index, a space and an entry.", ENTRIES)
        if int(text) <= previous:
            refuse("entry", f"Line {number} is out of order.", ENTRIES)
        previous = int(text)
        yield previous, data


def check_record(bag: Bag, trust: Trust) -> Record:
    """The entries are well-formed and rightly signed, and lead to a signed checkpoint."""
    checkpoint = parse_checkpoint(bag.read(CHECKPOINT, SMALL, "note"), CHECKPOINT)
    record = Record(checkpoint, Keys(checkpoint.origin))
    record.object_sizes = {name: set() for name in bag.under(OBJECTS)}
    record.attachment_sizes = {name: set() for name in bag.under(ATTACHMENTS)}
    for index, data in entry_lines(bag):
        if not record.indices and index != 0:
            refuse("genesis", "The package does not hold entry 0.", ENTRIES)
        if index >= checkpoint.size:
            refuse("entry", f"Entry {index} is beyond the record's checkpoint.", ENTRIES)
        entry = parse_entry(data, index, ENTRIES)
        record.keys.take(entry)
        record.note(entry, data)
    check_head(checkpoint, record, trust, CHECKPOINT)
    check_tiles(bag, record)
    return record


def check_head(checkpoint: Checkpoint, record: Record, trust: Trust, file: str) -> None:
    """A checkpoint is signed by the archive key for it, and by no known key wrongly."""
    keys = record.keys
    must = keys.for_size(checkpoint.size)
    if must is None or keys.archive is None:
        refuse("genesis", "The package does not hold entry 0.", ENTRIES)
    known = list(dict.fromkeys([*keys.archive_keys, *trust.archives, *trust.witnesses]))
    signed = check_signed(checkpoint, known, must, file)
    if must == keys.archive and must.author in keys.revoked:
        refuse("revoked_key", "The archive key that signed was revoked before.", file)
    record.count("strangers", int(signed.strangers))
    for witness, time in signed.witnesses.items():
        record.anchors.append(Anchor(checkpoint.size, time, f"witness {witness.name}"))


def check_tiles(bag: Bag, record: Record) -> None:
    """The tiles are those that belong here, lead to the root, and hold every entry's hash."""
    size = record.checkpoint.size
    tiles = sorted(covering_tiles(size, record.indices), reverse=True)
    for tile in tiles:
        if bag.files.get(tile.path) != 32 * tile.width:
            refuse(
                "tile", "This tile is missing, or not as wide as the record's size says.", tile.path
            )
    belong = {tile.path for tile in tiles}
    for path in bag.files:
        if path.startswith(TILES) and path not in belong:
            refuse("tile", "No entry here needs this tile, or the record's size has none.", path)
    if edge_root([read_tile(bag, tile) for tile in edge_tiles(size)]) != record.checkpoint.root:
        refuse("root", "The tiles do not lead to the root of the checkpoint.", CHECKPOINT)
    above: dict[tuple[int, int], list[bytes]] = {}
    for tile in tiles:
        hashes = read_tile(bag, tile)
        if tile.width == WIDTH:
            parent = above[tile.level + 1, tile.number // WIDTH]
            if subtree_root(hashes) != parent[tile.number % WIDTH]:
                refuse("tile", "This tile does not fit the tile above.", tile.path)
        if tile.level:
            above[tile.level, tile.number] = hashes
        else:
            check_leaves(record, tile, hashes)
    record.count("tiles", len(tiles))


def read_tile(bag: Bag, tile: Tile) -> list[bytes]:
    """The hashes of a tile."""
    data = bag.read(tile.path, 32 * WIDTH, "tile")
    return [data[i : i + 32] for i in range(0, len(data), 32)]


def check_leaves(record: Record, tile: Tile, hashes: list[bytes]) -> None:
    """Each entry under this tile has its hash at its place."""
    first = tile.number * WIDTH
    place = bisect_left(record.indices, first)
    while place < len(record.indices) and record.indices[place] < first + WIDTH:
        index = record.indices[place]
        if record.leaves[32 * place : 32 * place + 32] != hashes[index - first]:
            refuse("leaf", f"Entry {index} is not the one that {tile.path} holds.", ENTRIES)
        place += 1


def numbered(bag: Bag, folder: str) -> list[tuple[int, list[str]]]:
    """The numbered folders in a folder, in order, and the names in each."""
    found: dict[int, list[str]] = {}
    for path in sorted(bag.under(folder)):
        number, _, name = path.partition("/")
        found.setdefault(int(number), []).append(name)
    return sorted(found.items())


def check_checkpoints(bag: Bag, record: Record, trust: Trust) -> None:
    """Rules 8 and 11: earlier checkpoints and renewals, and the stamps over them."""
    check_headers(trust.headers)
    tokens: list[tuple[Token, int, str]] = []
    for size, names in numbered(bag, CHECKPOINTS):
        folder = f"{CHECKPOINTS}{size}/"
        checkpoint = check_earlier(bag, record, trust, folder, size)
        for name in names:
            if name.endswith(".tsr"):
                tokens += read_token(bag, record, checkpoint.note.text, size, folder + name)
            elif name.endswith(".ots"):
                take_ots(bag, record, trust, checkpoint, folder + name)
    renewals = numbered(bag, RENEWALS)
    for index, names in renewals:
        tokens += check_renewal(bag, record, index, names)
    anchor_tokens(record, trust, tokens)
    for index, _ in renewals:
        record.count("not_renewed", int(f"{RENEWALS}{index}" not in record.standing))


def check_earlier(bag: Bag, record: Record, trust: Trust, folder: str, size: int) -> Checkpoint:
    """One earlier checkpoint: of that size, signed, and a beginning of the package's record."""
    for name in ("checkpoint", "consistency"):
        if folder + name not in bag.files:
            refuse("missing_file", "An earlier checkpoint needs this file.", folder + name)
    file, head = folder + "checkpoint", record.checkpoint
    checkpoint = parse_checkpoint(bag.read(file, SMALL, "note"), file)
    if checkpoint.size != size or checkpoint.origin != head.origin or size > head.size:
        refuse("checkpoint", "This checkpoint is not the one that its folder says.", file)
    check_head(checkpoint, record, trust, file)
    file = folder + "consistency"
    try:
        text = bag.read(file, SMALL, "fork").decode("ascii")
        steps = [from_base64(line, 32) for line in text.removesuffix("\n").split("\n") if text]
    except ValueError:
        refuse("fork", "This is not a consistency proof.", file)
    if text and not text.endswith("\n"):
        refuse("fork", "This is not a consistency proof: its last line has no end.", file)
    if not consistent(size, checkpoint.root, head.size, head.root, steps):
        refuse("fork", "The package's checkpoint does not continue this one.", file)
    record.earlier[size] = checkpoint.root
    return checkpoint


def read_token(
    bag: Bag, record: Record, stamped: bytes | Row, size: int, file: str
) -> list[tuple[Token, int, str]]:
    """A token that needs a path now; none when it cannot be checked here."""
    data = bag.read(file, LARGE, "token")
    record.count("tokens")
    try:
        return [(check_token(data, stamped, file), size, file)]
    except UnsupportedError:
        record.count("needs_algorithm")
        return []


def check_renewal(
    bag: Bag, record: Record, index: int, names: list[str]
) -> list[tuple[Token, int, str]]:
    """Rule 11: everything here that was there then has the digest that the renewal gives it."""
    folder = f"{RENEWALS}{index}/"
    row, files = folder + "row", folder + "files"
    for path in (row, files):
        if path not in bag.files:
            refuse("missing_file", "A renewal needs this file.", path)
    said = record.renewals.get(index)
    if said is None or said["hash"] not in ("sha384", "sha512") or said["size"] > index:
        refuse("renewal", "No entry here says that such a renewal was made.", row)
    hash_name, size = str(said["hash"]), int(said["size"])
    length = hashlib.new(hash_name).digest_size
    stated = said["row"]["sha256"], said["row"]["size"], length * size
    if stated != (bag.digests[row], bag.files[row], bag.files[row]):
        refuse("renewal", "This is not the row of digests that the entry names.", row)
    listed = read_renewed_files(bag, files, length)
    for path in sorted(bag.digests):
        digest = listed.get(bag.digests[path]) if path.startswith("data/") else None
        if digest == b"":
            record.count("not_renewed")
        elif digest is not None and hash_of(bag, path, hash_name) != digest:
            refuse("renewal", "This file's bytes are not those that were renewed.", path)
    digest = check_row(bag, folder, hash_name, size, listed)
    tokens = []
    for name in names:
        if name.endswith(".tsr"):
            tokens += read_token(bag, record, Row(hash_name, digest), size, folder + name)
    return tokens


def read_renewed_files(bag: Bag, path: str, length: int) -> dict[str, bytes]:
    """SHA-256 of a file to its digest in a renewal; none for what the archive did not hold."""
    listed: dict[str, bytes] = {}
    previous = ""
    for number, line in bag.lines(path, 66 + 2 * length, "renewal"):
        name, _, text = line.decode("latin-1").partition(" ")
        right = text == "-" or re.fullmatch(f"[0-9a-f]{{{2 * length}}}", text)
        if not is_sha256(name) or not right or name <= previous:
            refuse("renewal", f"Line {number} is no digest of a file, or out of order.", path)
        listed[name] = b"" if text == "-" else bytes.fromhex(text)
        previous = name
    return listed


def hash_of(bag: Bag, path: str, hash_name: str) -> bytes:
    """A file's digest by that hash."""
    digest = hashlib.new(hash_name)
    with bag.open(path) as stream:
        while data := stream.read(CHUNK):
            digest.update(data)
    return digest.digest()


def check_row(bag: Bag, folder: str, hash_name: str, size: int, listed: dict[str, bytes]) -> bytes:
    """Every entry here has its digest in the row, and names exactly the listed files.

    Gives the digest of the whole row, which is what was stamped.
    """
    whole, used = hashlib.new(hash_name), set[str]()
    entries = entry_lines(bag)
    index, data = next(entries)
    with bag.open(folder + "row") as row:
        for place in range(size):
            element = row.read(whole.digest_size)
            whole.update(element)
            if place != index:
                continue
            digest = hashlib.new(hash_name, b"\0" + data)
            for name in files_named(parse_canonical(data)):
                if name not in listed:
                    refuse(
                        "renewal", f"Entry {index} names a file that has no line.", folder + "files"
                    )
                digest.update(listed[name] or bytes(whole.digest_size))
                used.add(name)
            if digest.digest() != element:
                refuse("renewal", f"Entry {index} is not the one that was renewed.", folder + "row")
            index, data = next(entries, (-1, b""))
    if used != listed.keys():
        refuse("renewal", "It lists a file that no entry here names.", folder + "files")
    return whole.digest()


def files_named(entry: dict[str, Any]) -> list[str]:
    """SHA-256 names of the files that an entry speaks of, in the order of a renewal."""
    stored = [entry["fields"]["sha256"]] if entry["type"] == "object.stored/1" else []
    return stored + [blob["sha256"] for blob in blobs_in(entry["fields"])]


def anchor_tokens(record: Record, trust: Trust, tokens: list[tuple[Token, int, str]]) -> None:
    """Steps 8 and 9 for all tokens: those with a path to a root of the reader's stand."""
    if record.counts.get("tokens") and not trust.roots:
        record.count("needs_roots")
        return
    without, first, stand = 0, "", False
    for token, size, file in tokens:
        try:
            found = find_path(token, trust.roots)
            if found is None:
                without, first = without + 1, first or file
                continue
            path, valid = found
            if not valid:
                words = "A certificate above the signer's was not valid at the token's time."
                refuse("token_validity", words, file)
            check_revocation(record, trust, token, path, file)
        except UnsupportedError:
            record.count("needs_algorithm")
            continue
        except (DerError, ValueError, IndexError) as problem:
            refuse("token", f"A certificate of the token is malformed: {problem}.", file)
        stand = True
        record.standing.add(file.rpartition("/")[0])
        record.anchors.append(Anchor(size, token.time, f"time-stamp {file.rpartition('/')[2]}"))
    if without and not stand:
        refuse("token_chain", "No token leads to a root that you gave.", first)
    record.count("untrusted_token", without)


def check_revocation(
    record: Record, trust: Trust, token: Token, path: list[Certificate], file: str
) -> None:
    """No certificate below the end of the path was revoked by a list of the reader's."""
    for certificate, issuer in pairwise(path):
        revoked = is_revoked(certificate, issuer, token.time, trust.lists)
        if revoked:
            refuse("token_revoked", "A certificate of the token's path was revoked.", file)
        record.count("needs_revocation_lists", int(revoked is None))


def take_ots(bag: Bag, record: Record, trust: Trust, checkpoint: Checkpoint, file: str) -> None:
    """An OpenTimestamps proof: it stands when a block that the reader gave holds it."""
    data = bag.read(file, LARGE, "ots")
    best: int | None = None
    reports: set[str] = set()
    for kind, payload, value in check_ots(data, checkpoint.note.text, file):
        if kind == PENDING:
            reports.add("anchor_pending")
        elif kind == BITCOIN and value is None:
            reports.add("needs_algorithm")
        elif kind == BITCOIN:
            header, _ = trust.headers.get(block_height(payload, file), (None, ""))
            if header is None:
                reports.add("needs_headers")
                continue
            if header[36:68] != value:
                refuse("ots_block", "The block that this proof names does not hold it.", file)
            time = int.from_bytes(header[68:72], "little") * 1_000_000
            best = time if best is None else min(best, time)
    if best is not None:
        record.anchors.append(Anchor(checkpoint.size, best, f"block {file.rpartition('/')[2]}"))
        return
    for code in reports:
        record.count(code)


def block_height(payload: bytes, file: str) -> int:
    """The height that a Bitcoin attestation names."""
    reader = OtsReader(payload)
    try:
        height = reader.number()
        if reader.at != len(payload):
            raise OtsError("bytes after the height")
    except OtsError as problem:
        refuse("ots", f"The OpenTimestamps proof is malformed: {problem}.", file)
    return height


def check_seal(bag: Bag, record: Record, trust: Trust) -> tuple[Entry, Checkpoint]:
    """The record commits to this very package, in an export that continues this very record."""
    head = record.checkpoint
    seal = parse_seal(bag.read(SEAL, LARGE, "seal"), SEAL)
    later = seal.checkpoint
    if later.origin != head.origin:
        refuse("seal", "The seal's checkpoint is of another origin.", SEAL)
    if seal.index < head.size:
        refuse("seal", "The seal's entry is older than the package's checkpoint.", SEAL)
    check_head(later, record, trust, SEAL)
    entry = parse_entry(seal.entry, seal.index, SEAL)
    if entry.type != "export.made/1":
        refuse("seal", "The seal's entry is no export.", SEAL)
    record.keys.take(entry)
    if not included(leaf_hash(seal.entry), seal.index, later.size, seal.path, later.root):
        refuse("inclusion", "The seal's entry is not in the tree of its checkpoint.", SEAL)
    if not consistent(head.size, head.root, later.size, later.root, seal.consistency):
        refuse("fork", "The seal's checkpoint does not continue that of the package.", SEAL)
    if entry.fields["tagmanifest"] != bag.digests[TAG_MANIFEST]:
        refuse("tagmanifest", "The record commits to another tag manifest.", TAG_MANIFEST)
    has_disclosures = DISCLOSURES in bag.files
    lines = sum(1 for _ in bag.lines(DISCLOSURES, LONG, "disclosure")) if has_disclosures else 0
    fits = {
        "record_size": head.size,
        "record_root": head.root.hex(),
        "objects": len(bag.under(OBJECTS)),
        "disclosures": lines,
    }
    for name, value in fits.items():
        if entry.fields[name] != value:
            refuse("seal", f"The seal's `{name}` does not fit the package.", SEAL)
    return entry, later


def check_objects(bag: Bag, record: Record) -> None:
    """Every object and attachment is named by its own hash and by an entry, with its size."""
    for folder, claims in (
        (OBJECTS, record.object_sizes),
        (ATTACHMENTS, record.attachment_sizes),
    ):
        for name, size in bag.under(folder).items():
            if bag.digests[folder + name] != name:
                refuse("object", "This file is not named by its own SHA-256.", folder + name)
            if not claims[name]:
                refuse("object", "No entry in the package names this file.", folder + name)
            if claims[name] != {size}:
                refuse("object", "An entry gives this file another size.", folder + name)


def check_profile(bag: Bag, record: Record, profile: str) -> None:
    """Rule 10: nothing that is linked stays behind, and only what belongs is here."""
    here = bag.under(OBJECTS)
    if profile not in ("court", "share"):
        refuse("profile", f"There is no profile `{profile}`.", SEAL)
    for name in sorted(here):
        if name in record.disposed:
            refuse("disposed", "The record says that this was destroyed.", OBJECTS + name)
        copied = record.made.get(name, set()) & record.derived.get(name, set())
        if profile == "share" and not copied:
            words = "This is no copy that the record says was made for sharing."
            refuse("profile", words, OBJECTS + name)
    if profile == "court":
        check_complete(record, here.keys() | record.disposed)


def check_complete(record: Record, known: set[str]) -> None:
    """Everything that an entry here links or stores is here, or was destroyed."""
    for index, left, right in record.links:
        if missing := {left, right} - known:
            words = f"Entry {index} links {min(missing)}, which is not here."
            refuse("contrary", words, ENTRIES)
    for name, index in record.originals.items():
        if name not in known:
            refuse("contrary", f"Entry {index} stores {name}, which is not here.", ENTRIES)


def check_disclosures(bag: Bag) -> int:
    """Every disclosed value opens its commitment. Gives their number."""
    if DISCLOSURES not in bag.files:
        return 0
    number, previous = 0, (-1, b"")
    entries = entry_lines(bag)
    index, data = -1, b""
    for number, line in bag.lines(DISCLOSURES, LONG, "disclosure"):
        value, salt = parse_disclosure(line, number)
        place = (value["entry"], utf16(value["field"]))
        if place <= previous:
            refuse("disclosure", f"Line {number} is out of order, or a value twice.", DISCLOSURES)
        previous = place
        while index < value["entry"]:
            index, data = next(entries, (MAX_INTEGER, b""))
        if index != value["entry"]:
            refuse("disclosure", f"Line {number}: its entry is not in the package.", DISCLOSURES)
        fields = parse_canonical(data)["fields"]
        opened = {"protected": commitment(salt, value["field"], value["value"])}
        if fields.get(value["field"]) != opened:
            refuse("disclosure", f"Line {number} does not open its commitment.", DISCLOSURES)
    if number == 0:
        refuse("disclosure", "This file is empty; without disclosures it is left out.", DISCLOSURES)
    return number


def parse_disclosure(line: bytes, number: int) -> tuple[dict[str, Any], bytes]:
    """A line of `data/disclosures`, and its salt."""
    try:
        value = parse_canonical(line)
        if not isinstance(value, dict) or set(value) != {"entry", "field", "salt", "value"}:
            raise ValueError("not exactly entry, field, salt and value")
        if not (is_count(value["entry"]) and is_text(value["field"]) and is_text(value["salt"])):
            raise ValueError("a member is of the wrong kind")
        return value, from_base64(value["salt"], 32)
    except ValueError as problem:
        refuse("disclosure", f"Line {number} is malformed: {problem}.", DISCLOSURES)


def check_trust(record: Record, trusted: list[VerifierKey]) -> VerifierKey:
    """The reader trusts the archive key in force, or one that leads to it.

    Each rotation is signed by the key before it, and the key in force signed the checkpoint, so
    a trusted key anywhere in the row vouches for all that follow.
    """
    origin, keys = record.checkpoint.origin, record.keys
    for key in trusted:
        if key in keys.archive_keys and key.author not in keys.revoked:
            return key
    words = f"This record of {origin} is another archive's than those whose keys you trust."
    refuse("trust", words, CHECKPOINT)


def check_seen(record: Record, later: Checkpoint, trust: Trust) -> None:
    """Checkpoints seen elsewhere are of this very record, as far as the package can show it."""
    head = record.checkpoint
    roots = {**record.earlier, head.size: head.root, later.size: later.root}
    used = False
    for data, file in trust.seen:
        seen = parse_checkpoint(data, file)
        if seen.origin != head.origin:
            continue
        used = True
        must = record.keys.for_size(seen.size)
        if must is None:
            refuse("unsigned", "No archive key of this record is for that checkpoint.", file)
        check_signed(seen, record.keys.archive_keys, must, file)
        if seen.size > later.size:
            words = "You have seen a larger record than this package's: ask for a newer package."
            refuse("rollback", words, file)
        if seen.size not in roots:
            record.count("needs_consistency")
        elif roots[seen.size] != seen.root:
            refuse("fork", "Somebody was shown another record than this.", file)
    record.count("needs_seen_checkpoint", int(not used))


# --------------------------------------------------------------------------------------------
# 14  What the reader brings (spec/package.md)
# --------------------------------------------------------------------------------------------

PEM = re.compile(r"-----BEGIN (CERTIFICATE|X509 CRL)-----\s+([A-Za-z0-9+/=\s]+?)-----END \1-----")
BLOCK = re.compile(r"block (0|[1-9][0-9]{0,8}) ([0-9a-f]{160})")


@dataclass
class Trust:
    """Everything that comes from outside the package."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    archives: list[VerifierKey] = field(default_factory=list)
    witnesses: list[VerifierKey] = field(default_factory=list)
    roots: list[Certificate] = field(default_factory=list)
    lists: list[RevocationList] = field(default_factory=list)
    headers: dict[int, tuple[bytes, str]] = field(default_factory=dict)
    seen: list[tuple[bytes, str]] = field(default_factory=list)

    def add_file(self, path: str) -> None:
        """Take in a file by its content; a ValueError or OSError when it cannot be used."""
        with open(path, "rb") as stream:
            data = stream.read(LONG + 1)
        if len(data) > LONG:
            raise ValueError("it is too large")
        self.add(data, os.path.basename(path))

    def add(self, data: bytes, name: str) -> None:
        """See `add_file`."""
        text = data.decode("utf-8-sig")
        if text.startswith("-----BEGIN"):
            self.add_pem(text)
        elif "\n\n\u2014 " in text:
            self.seen.append((data, name))
        else:
            self.add_lines(text, name)

    def add_pem(self, text: str) -> None:
        """Roots of time-stamping authorities, and revocation lists."""
        blocks = PEM.findall(text)
        if len(blocks) != text.count("-----BEGIN"):
            raise ValueError("it holds a block that is no certificate and no revocation list")
        for kind, encoded in blocks:
            data = from_base64("".join(encoded.split()))
            try:
                if kind == "CERTIFICATE":
                    self.roots.append(parse_certificate(data))
                else:
                    self.lists.append(parse_revocation_list(data))
            except IndexError:
                raise ValueError("a certificate or revocation list in it is malformed") from None

    def add_lines(self, text: str, name: str) -> None:
        """Keys and block headers, one a line; keys are parsed when the check begins."""
        lines = [line.strip() for line in text.split("\n")]
        lines = [line for line in lines if line and line[0] != "#"]
        if not lines:
            raise ValueError("it names nothing")
        for line in lines:
            if match := BLOCK.fullmatch(line):
                header = bytes.fromhex(match[2])
                if self.headers.get(int(match[1]), (header, ""))[0] != header:
                    raise ValueError("it gives two headers of one height")
                self.headers[int(match[1])] = header, name
            elif line.count("+") < 2:
                raise ValueError("a line is neither a key nor a block header")
            else:
                self.lines.append((line, name))

    def parse_keys(self) -> None:
        """Read the keys; a malformed or weak one ends the check."""
        for line, name in self.lines:
            key = parse_verifier_key(line, name, ED25519 + COSIGNATURE)
            (self.archives if key.kind == ED25519 else self.witnesses).append(key)


# --------------------------------------------------------------------------------------------
# 15  The report and the command line
# --------------------------------------------------------------------------------------------

HOLDS, REFUSED, NOT_CHECKED, USE = "holds", "refused", "not_checked", "use"
EXIT_STATUS = {HOLDS: 0, REFUSED: 1, USE: 2, NOT_CHECKED: 3}
HOUR = 3_600_000_000
PROVES_NOT = (
    "That bytes are unchanged since they were collected does not make what they show true.",
    "What the archive left out of its record or of this package cannot be seen here.",
    "A checker that came with the package cannot notice that it was swapped: get one elsewhere.",
)
REPORTS = {
    "own_clock": "The times in the record are what the archive's own clock said: a claim.",
    "unanchored": "Not everything here has an outside proof of when it existed.",
    "anchor_pending": "A calendar has promised a time-stamp that no block holds yet.",
    "clock_ahead": "The archive's clock was ahead of an outside time: do not rely on its times.",
    "untrusted_token": "Time-stamps of authorities whose roots you did not give.",
    "needs_roots": "Time-stamps: bring the authorities' root certificates (PEM).",
    "needs_revocation_lists": "Whether a time-stamp's certificate was revoked: bring its CRL.",
    "needs_headers": "An OpenTimestamps proof: bring its block's header.",
    "needs_algorithm": "A time-stamp by an algorithm that this checker does not handle.",
    "needs_archive_key": "By whom: bring the archive's verifier key from elsewhere.",
    "needs_witness_keys": "Lines of keys that you did not name stand on a checkpoint.",
    "needs_seen_checkpoint": "Whether others saw another record: bring a checkpoint they saw.",
    "needs_consistency": "A checkpoint you brought: ask for a package that has its size.",
    "custody_gap": "Transfers without a receipt: who had these things is not shown.",
    "receipt_stated": "Receipts without a signature by a key that their transfer named.",
    "alone": "Acts on protected values that one person did alone.",
    "suspect": "Entries signed by a key that was called suspect from before them.",
    "disposed_objects": "Objects that were destroyed; their names stay in the record.",
    "not_disclosed": "Protected values that are here as commitments only.",
    "not_renewed": "Not all of a renewal of hashes stands, or it did not hold all that is here.",
    "absent_entries": "Entries of the record that are not here (some about keys among them?).",
    "unknown_entries": "Entries of types that this checker does not know.",
    "findings": 'Findings are what the archive\'s programs said: no "Valid" in one means trusted.',
    "originals_not_here": "That the copies derive from the originals is the record's statement.",
}
FOR_READER = tuple(code for code in REPORTS if code.startswith("needs_"))


@dataclass
class Report:
    """What came out, for people and for programs."""

    outcome: str = REFUSED
    code: str | None = None
    sentence: str = ""
    file: str | None = None
    existed_by: str | None = None
    reports: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    checked: list[str] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)

    def refused(self, code: str, sentence: str, file: str = "") -> None:
        """Make this a refusal. What was checked before stays; nothing after was looked at."""
        self.outcome, self.code, self.sentence, self.file = REFUSED, code, sentence, file or None
        self.reports, self.existed_by = {}, None

    def to_json(self) -> str:
        """One canonical object, in ASCII."""
        names = ("outcome", "code", "sentence", "file", "existed_by", "counts", "checked")
        members = {name: getattr(self, name) for name in names}
        members["reports"] = sorted(self.reports)
        return json.dumps(members, separators=(",", ":"), sort_keys=True)

    def to_text(self) -> str:
        """The answer first, then what it rests on, then what it does not say."""
        answers = {
            HOLDS: "HOLDS.",
            NOT_CHECKED: "NOTHING REFUSED, NOT EVERYTHING CHECKED.",
            USE: "NOT CHECKED AT ALL.",
        }
        answer = answers.get(self.outcome, f"REFUSED ({self.code}).")
        lines = [f"{answer} {self.sentence}"]
        lines += [f"  in {self.file}"] if self.file else []
        facts = [f"{label + ':':<13}{text}" for label, text in self.facts]
        told = {
            code: f"- {REPORTS[code]}" + (f" ({number})" if number > 1 else "")
            for code, number in self.reports.items()
        }
        after = ["- everything after this refusal"] if self.outcome == REFUSED else []
        for title, items in (
            ("What this package is", facts),
            ("What was checked, and holds", [f"- {item}" for item in self.checked]),
            ("What was not checked, and what to bring",
             after + [words for code, words in told.items() if code in FOR_READER]),
            ("What you must know",
             [words for code, words in told.items() if code not in FOR_READER]),
            ("What none of this proves", [f"- {item}" for item in PROVES_NOT]),
        ):  # fmt: skip
            lines += ["", title, *(f"  {item}" for item in items)] if items else []
        return "\n".join(lines)


def check(root: str, trust: Trust) -> Report:
    """The whole check, in its fixed order."""
    report = Report()
    try:
        trust.parse_keys()
        run(report, root, trust)
    except RefusalError as refusal:
        report.refused(refusal.code, refusal.sentence, refusal.file)
    return report


def run(report: Report, root: str, trust: Trust) -> None:
    """Step by step; a step that returns has found nothing to refuse."""
    bag = check_bag(root)
    payload = bag.under("data/")
    report.counts |= {"payload_files": len(payload), "payload_bytes": sum(payload.values())}
    report.checked.append("bag: exactly the files that belong here, all listed in the manifests")
    check_hashes(bag)
    report.checked.append("hashes: the SHA-256 of every file, and the size of the payload")
    record = check_record(bag, trust)
    count_record(report, bag, record)
    report.checked.append("record: every entry's form, author, signature and place under the root")
    report.checked.append("record: the signature of the archive key in force on the root")
    check_checkpoints(bag, record, trust)
    if record.earlier:
        report.checked.append("checkpoints: each earlier one is a beginning of this record")
    if bag.under(RENEWALS):
        report.checked.append("renewals: what is here has the stronger digests given to it then")
    export, later = check_seal(bag, record, trust)
    report.facts.append(("made", f"{export.value['at']}, by the archive's own clock: a claim"))
    report.facts.append(("profile", shown(export.fields["profile"])))
    report.checked.append("seal: a later entry of the same record commits to these files")
    check_objects(bag, record)
    report.checked.append("objects: each is named by its own hash and by an entry")
    check_profile(bag, record, export.fields["profile"])
    report.checked.append("completeness: everything that an entry here links is here")
    report.counts["disclosed"] = check_disclosures(bag)
    report.checked.append("disclosures: each opens its commitment")
    key = check_trust(record, trust.archives) if trust.archives else None
    check_seen(record, later, trust)
    conclude(report, bag, record, trust, key, export.fields["profile"])


def count_record(report: Report, bag: Bag, record: Record) -> None:
    """The numbers and facts of the report."""
    counts, size = report.counts, record.checkpoint.size
    objects = bag.under(OBJECTS)
    for name in ("tiles", "signed_entries", "protected_values", "unknown_entries"):
        counts[name] = record.counts.get(name, 0)
    counts["record_size"], counts["entries"] = size, len(record.indices)
    counts["derived"] = sum(1 for name in objects if name not in record.originals)
    counts["originals"] = len(objects) - counts["derived"]
    counts["attachments"] = len(bag.under(ATTACHMENTS))
    report.facts += [
        ("record", f"{shown(record.checkpoint.origin)}, {size} entries at its checkpoint"),
        ("originals", f"{counts['originals']}, and {counts['derived']} derived from others"),
        ("attachments", str(counts["attachments"])),
        ("entries", f"{counts['entries']} here, {counts['signed_entries']} signed by people"),
        ("payload", f"{counts['payload_files']} files, {counts['payload_bytes']} bytes"),
    ]


def conclude(
    report: Report, bag: Bag, record: Record, trust: Trust, key: VerifierKey | None, profile: str
) -> None:
    """What holds, what was not checked, and what a reader must know."""
    counts = record.counts
    found = {code: counts.get(code, 0) for code in REPORTS}
    found |= {
        "own_clock": 1,
        "unanchored": outside_times(report, bag, record, profile),
        "clock_ahead": clocks_ahead(record),
        "needs_archive_key": int(key is None),
        "needs_witness_keys": counts.get("strangers", 0),
        "custody_gap": len(record.transfers.keys() - record.receipts),
        "suspect": suspects(record),
        "disposed_objects": len(record.disposed),
        "not_disclosed": counts.get("protected_values", 0) - report.counts["disclosed"],
        "absent_entries": record.checkpoint.size - len(record.indices),
        "originals_not_here": int(profile == "share"),
    }
    report.reports = {code: number for code, number in found.items() if number}
    unsure = report.reports.keys() & {"needs_archive_key", "needs_consistency"}
    if trust.roots and "needs_algorithm" in report.reports:
        unsure.add("needs_algorithm")
    report.outcome = NOT_CHECKED if unsure else HOLDS
    report.sentence = "All that was checked holds, and a key that you trust signed the record."
    if key is not None:
        report.checked.append(f"by whom: the record of the trusted key {shown(str(key))}")
    if unsure:
        report.sentence = "All that could be checked holds. Something you need was not checked."
    if key is None:
        report.sentence = "All that could be checked holds. Whose record this is was not checked."
        named = f"{shown(str(record.keys.archive))}, which proves nothing"
        report.facts.append(("key it names", named))


def outside_times(report: Report, bag: Bag, record: Record, profile: str) -> int:
    """Sets `existed_by`; how many originals (or copies, in `share`) no outside time covers."""
    ordered = sorted(record.anchors)
    sizes, best = [anchor.size for anchor in ordered], []
    for each in reversed(ordered):
        mine = (each.time, each.size, each.by)
        best.append(min(mine, best[-1]) if best else mine)
    best.reverse()
    latest, without = None, 0
    for name in bag.under(OBJECTS):
        if profile != "share" and name not in record.originals:
            continue
        index = record.stored[name]
        place = bisect_right(sizes, index)
        first = best[place] if place < len(best) else None
        if first is None:
            without += 1
        elif latest is None or first > latest:
            latest = first
    if latest and not without:
        report.existed_by = time_text(latest[0])
        report.facts.append(("existed by", f"{report.existed_by}, {shown(latest[2])}"))
    elif latest:
        report.facts.append(("existed by", f"in part only: {without} have no outside time"))
    else:
        report.facts.append(("existed by", "no outside proof: unanchored"))
    return without


def time_text(microseconds_since: int) -> str:
    """A time for people and programs, rounded up to a whole second."""
    seconds = min(-(-microseconds_since // 1_000_000), YEAR_10000 - 1)
    return datetime.fromtimestamp(seconds, UTC).isoformat().removesuffix("+00:00") + "Z"


def clocks_ahead(record: Record) -> int:
    """How many entries claim a time over an hour later than an outside time over them."""
    anchors = sorted(record.anchors)
    bound, ahead = None, 0
    for n in range(len(record.indices) - 1, -1, -1):
        while anchors and anchors[-1].size > record.indices[n]:
            time = anchors.pop().time
            bound = time if bound is None else min(bound, time)
        ahead += int(bound is not None and record.times[n] > bound + HOUR)
    return ahead


def suspects(record: Record) -> int:
    """How many entries here were signed by a key that a later revocation calls suspect."""
    signed = dict(record.authors)
    waiting, since, number = list(record.keys.suspicions), dict[str, int](), 0
    for index in reversed(record.indices):
        while waiting and waiting[-1][2] > index:
            author, after, _ = waiting.pop()
            since[author] = min(after, since.get(author, after))
        in_force = record.keys.for_size(index)
        by = signed.get(index) or (in_force.author if in_force else "")
        number += int(since.get(by, MAX_INTEGER) <= index)
    return number


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line; wrong use ends with exit status 2."""
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(
        prog="check.py",
        description="Check an evidence package: its files, its record and its seal.",
        epilog="Example: python3 check.py ~/package --trust archive-keys.txt --trust roots.pem"
        "    (exit status: 0 holds, 1 refused, 2 wrong use, 3 something could not be checked)",
    )
    parser.add_argument(
        "package", nargs="?", default=here, help="its folder, or a ZIP of it (default: this folder)"
    )
    parser.add_argument(
        "--trust",
        action="append",
        default=[],
        metavar="FILE",
        help="what you trust, from elsewhere: keys of archives and witnesses, one a line; root "
        "certificates and revocation lists (PEM); a checkpoint that you saw; block headers",
    )
    parser.add_argument("--json", action="store_true", help="answer in JSON, for programs")
    return parser.parse_args(arguments)


def answer(options: argparse.Namespace) -> Report:
    """The report for a command line."""
    trust = Trust()
    for path in options.trust:
        try:
            trust.add_file(path)
        except (OSError, ValueError) as problem:
            words = f"The trust file {path} cannot be used: {problem}."
            return Report(USE, sentence=shown(words))
    return check(os.path.realpath(options.package), trust)


def main(arguments: list[str] | None = None) -> int:
    """Check, print, and give the exit status."""
    options = parse_arguments(arguments)
    try:
        report = answer(options)
    except KeyboardInterrupt:
        report = Report(NOT_CHECKED, sentence="Stopped before the end: this says nothing.")
    except Exception as problem:  # noqa: BLE001 - hostile input must never end in a traceback
        report = Report()
        report.refused("error", shown(f"It cannot be read ({type(problem).__name__}: {problem})."))
    print(report.to_json() if options.json else report.to_text())
    return EXIT_STATUS[report.outcome]


if __name__ == "__main__":
    sys.exit(main())
