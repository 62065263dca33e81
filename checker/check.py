#!/usr/bin/env python3
"""Check an evidence package: that its bytes, its record and its seal are intact.

    python3 check.py [PACKAGE] [--trust FILE]... [--json]

One file; needs Python 3.11 or newer and nothing else. It was written from the pages in `spec/`
alone and shares no code with the software that makes packages, so that a mistake there is not
repeated here. It reads; it never writes, never follows a link, never opens a file outside the
package (but the trust files that you name), never uses the network.

How to read it: top to bottom, in the order of the specification:

    1  refusing            5  tiles                 9  the package: hashes, record, seal,
    2  canonical JSON      6  proofs                   objects, disclosures, trust
    3  Ed25519             7  entries             10  the report
    4  keys, checkpoints   8  the package: bag    11  the command line

Every refusal is one `RefusalError` with a code from the table in `spec/package.md`, and the first
one ends the run. The order of the checks is fixed: the shape of the bag, hashes, record, seal,
objects, disclosures, trust. So one package always gets one answer.

Exit status 0: everything holds, and whose record it is was checked. 1: refused. 2: wrong use.
3: nothing is refused, but something asked for could not be checked.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import os
import re
import stat
import sys
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from io import BufferedReader
from itertools import pairwise
from typing import Any, NamedTuple, NoReturn

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

ED25519 = b"\x01"
MAX_SIGNATURE_LINES = 32
DECIMAL = re.compile(r"0|[1-9][0-9]{0,15}")


@dataclass(frozen=True)
class VerifierKey:
    """A named public key, as `name+id+key` writes it."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes that stand before a signature. They are a hint, not an identity."""
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    @property
    def author(self) -> str:
        """The same key as the author of entries."""
        return key_id(self.public)

    def __str__(self) -> str:
        encoded = base64.b64encode(ED25519 + self.public).decode("ascii")
        return f"{self.name}+{self.id.hex()}+{encoded}"


def key_id(public: bytes) -> str:
    """How entries name a key."""
    return "key:" + hashlib.sha256(public).hexdigest()[:32]


def is_key_name(name: str) -> bool:
    """Key names are printable, without spaces and without a plus."""
    return name != "" and name.isprintable() and " " not in name and "+" not in name


def parse_verifier_key(text: str, file: str) -> VerifierKey:
    """Read `name+hexid+base64(0x01 || key)`."""
    name, _, rest = text.partition("+")
    hex_id, _, encoded = rest.partition("+")
    try:
        data = from_base64(encoded, 33)
    except ValueError:
        refuse("key", "A verifier key is malformed.", file)
    key = VerifierKey(name, data[1:])
    if not is_key_name(name) or data[:1] != ED25519 or hex_id != key.id.hex():
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


def check_signed(
    checkpoint: Checkpoint, known: list[VerifierKey], must: VerifierKey, file: str
) -> set[VerifierKey]:
    """The known keys that signed. One wrong line of a known key refuses the note; `must` signed."""
    signed = set()
    for name, line_id, signature in checkpoint.note.lines:
        keys = {key for key in known if (key.name, key.id) == (name, line_id)}
        if len(keys) > 1:
            refuse("key", "Two known keys share a name and an id.", file)
        for key in keys:
            if not signature_holds(key.public, checkpoint.note.text, signature):
                refuse("signature", f"The signature of {name} does not fit this note.", file)
            signed.add(key)
    if must not in signed:
        refuse("unsigned", "The archive key in force did not sign this checkpoint.", file)
    return signed


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
# 7  Entries (spec/entry.md) and protected values (spec/protected-value.md)
# --------------------------------------------------------------------------------------------

MAX_ENTRY = 65_535
TYPE = re.compile(r"[a-z][a-z_]*(\.[a-z][a-z_]*)?/[1-9][0-9]{0,3}")
KEY_ID = re.compile(r"key:[0-9a-f]{32}")
ABOUT = re.compile(r"sha256:[0-9a-f]{64}|entry:(0|[1-9][0-9]{0,15})|(key|run):[0-9a-f]{32}")
TOKEN = re.compile(r"[A-Za-z0-9 ._:;/+=()%*,@-]{0,256}")
SHA256 = re.compile(r"[0-9a-f]{64}")
INSTANT = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d{6})?Z", re.ASCII)

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
    match = INSTANT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return False
    year, month, day, hour, minute, second = map(int, match.groups())
    try:
        datetime(year, month, day, hour, minute, second)
    except ValueError:
        return False
    return True


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
is_segment = has(
    **dict.fromkeys(("a_start", "a_end", "b_start", "b_end"), is_integer),
    **dict.fromkeys(("rate", "transform"), is_token),
)


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
        **rules(is_text, "party"),
        **rules(is_list_of(is_date), "dates"),
        **rules(is_map_of(is_integer), "stated"),
        **rules(is_list_of(is_blob), "attachments"),
        **rules(
            is_protected,
            "where? name? author? caption? forwarded_from? location? columns? message?",
        ),
    },
    "run.recorded/1": {
        **rules(is_token, "run source program"),
        **rules(is_instant, "started_at"),
        **rules(is_text, "party"),
        **rules(is_protected, "claimed_by? where?"),
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
        **rules(is_token, "relation score fingerprint matcher"),
        **rules(is_list_of(is_segment), "segments"),
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
}
ALWAYS_SIGNED = frozenset(
    (
        *("genesis/1", "person.added/1", "scope.changed/1", "key.rotated/1", "key.revoked/1"),
        *("risk.recorded/1", "export.made/1", "value.disclosed/1", "value.erased/1"),
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
    revoked: set[str] = field(default_factory=set)
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
        elif entry.type in ("value.disclosed/1", "value.erased/1"):
            self.check_second(entry)

    def begin(self, entry: Entry) -> None:
        """The genesis brings the first archive key and the first person."""
        key = parse_verifier_key(entry.fields["archive_key"], entry.file)
        if not self.origin == entry.fields["origin"] == key.name:
            entry.refuse("genesis", "it is of another origin than the checkpoint.")
        self.archive = key
        self.archive_keys.append(key)
        self.add_person(entry.fields["person_key"], entry)

    def check_second(self, entry: Entry) -> None:
        """Done alone and said so, or a second person in force has signed as well."""
        second = entry.fields["second"]
        if second == "alone":
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
# 8  The package: the bag (spec/package.md, rules 1 to 3)
# --------------------------------------------------------------------------------------------

DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
PAYLOAD_MANIFEST, TAG_MANIFEST = "manifest-sha256.txt", "tagmanifest-sha256.txt"
SEAL, CHECKPOINT, ENTRIES = "seal.tlog-proof", "data/record/checkpoint", "data/record/entries"
TILES, OBJECTS, ATTACHMENTS = "data/record/tile/", "data/objects/", "data/attachments/"
DISCLOSURES = "data/disclosures"
REQUIRED = (
    *("bagit.txt", "bag-info.txt", "README.txt", "check.py"),
    *(PAYLOAD_MANIFEST, TAG_MANIFEST, SEAL, CHECKPOINT, ENTRIES),
)
PATH = re.compile(r"(?!\.{1,2}(/|$))[A-Za-z0-9._-]+(/(?!\.{1,2}(/|$))[A-Za-z0-9._-]+)*")
BLOB_PATH = re.compile(r"data/(objects|attachments)/[0-9a-f]{64}")
TILE_PATH = re.compile(
    r"data/record/tile/(0|[1-9][0-9]?)/(x[0-9]{3}/){0,6}[0-9]{3}(\.p/[1-9][0-9]{0,2})?"
)
FOLDER = re.compile(
    r"data(/objects|/attachments|/record(/tile(/[0-9]{1,2}(/x[0-9]{3}){0,6}(/[0-9]{3}\.p)?)?)?)?"
)
MANIFEST_LINE = re.compile(r"([0-9a-f]{64})  ([^\r\n]+)")
MAX_PATH = 4096
LEFT_BY_FILE_MANAGERS = (".DS_Store", "Thumbs.db", "desktop.ini")


@dataclass
class Bag:
    """The files of a package: sizes, hashes (listed and found), and the only way to read them."""

    root: str
    files: dict[str, int] = field(default_factory=dict)
    listed: dict[str, str] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    def open(self, path: str) -> BufferedReader:
        """Open a regular file of the package, never through a link."""
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
    check_place(root)
    bag = Bag(root)
    unknown = walk(bag)
    if bag.read("bagit.txt", SMALL, "bag_declaration") != DECLARATION:
        refuse("bag_declaration", "This is not the declaration of BagIt 1.0 in UTF-8.", "bagit.txt")
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
    for path in payload_missing + tags_missing:
        refuse("missing_file", "A manifest lists this file; it is not there.", path)
    bag.listed = payload | tags
    return bag


def check_place(root: str) -> None:
    """Whether this is a package at all; if not, say what it looks like."""
    if not os.path.isdir(root):
        if root.lower().endswith((".zip", ".tar", ".gz", ".tgz", ".7z")):
            refuse("not_a_package", "This is a packed file. Unpack it and name the folder.")
        if root.lower().endswith(".age"):
            refuse("not_a_package", "This file is encrypted (age). Decrypt and unpack it first.")
        refuse("not_a_package", "There is no such folder.")
    if is_bag(root):
        return
    with os.scandir(root) as listing:
        deeper = sorted(item.name for item in listing if is_bag(item.path))
    if len(deeper) == 1:
        refuse("not_a_package", f"The package is one folder deeper: {deeper[0]}. Name that one.")
    refuse("not_a_package", "This folder holds no `bagit.txt` with a folder `data`.")


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
    )


def read_manifest(bag: Bag, name: str) -> tuple[dict[str, str], list[str]]:
    """The hashes that a manifest lists, and the first path that is not there.

    Lines of missing files are not kept, so that a false manifest cannot fill the memory.
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
        elif not missing:
            missing.append(path)
    return listed, missing


# --------------------------------------------------------------------------------------------
# 9  The package: hashes, record, seal, objects, disclosures, trust (rules 3 to 7)
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
    text = bag.read("bag-info.txt", SMALL, "oxum").decode("utf-8", "replace")
    stated = re.findall(r"^Payload-Oxum:(.*)$", text, re.MULTILINE | re.IGNORECASE)
    sizes = [size for path, size in bag.files.items() if path.startswith("data/")]
    if [value.strip(" ") for value in stated] != [f"{sum(sizes)}.{len(sizes)}"]:
        refuse("oxum", "`Payload-Oxum` is missing, repeated, or does not fit.", "bag-info.txt")


@dataclass
class Record:
    """What the record part of a package says once it holds."""

    checkpoint: Checkpoint
    keys: Keys
    signers: set[VerifierKey] = field(default_factory=set)
    indices: array[int] = field(default_factory=lambda: array("Q"))
    leaves: bytearray = field(default_factory=bytearray)
    object_sizes: dict[str, set[int]] = field(default_factory=dict)
    attachment_sizes: dict[str, set[int]] = field(default_factory=dict)
    derived: set[str] = field(default_factory=set)
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
        self.count("second_signatures", int("second_signature" in entry.fields))
        self.count("suspicions", int("suspect_after" in entry.fields))
        if entry.type == "object.stored/1":
            name = entry.fields["sha256"]
            if name in self.object_sizes:
                self.object_sizes[name].add(entry.fields["size"])
            if "derived_from" in entry.fields:
                self.derived.add(name)
        if self.attachment_sizes:
            for blob in blobs_in(entry.fields):
                if blob["sha256"] in self.attachment_sizes:
                    self.attachment_sizes[blob["sha256"]].add(blob["size"])


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


def check_record(bag: Bag, trusted: list[VerifierKey]) -> Record:
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
    record.signers = check_head(checkpoint, record.keys, trusted, CHECKPOINT)
    check_tiles(bag, record)
    return record


def check_head(
    checkpoint: Checkpoint, keys: Keys, trusted: list[VerifierKey], file: str
) -> set[VerifierKey]:
    """A checkpoint is signed by the archive key in force, and by no known key wrongly."""
    if keys.archive is None:
        refuse("genesis", "The package does not hold entry 0.", ENTRIES)
    signers = check_signed(checkpoint, [*keys.archive_keys, *trusted], keys.archive, file)
    if keys.archive.author in keys.revoked:
        refuse("revoked_key", "The archive key that signed was revoked before.", file)
    return signers


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


def check_seal(bag: Bag, record: Record, trusted: list[VerifierKey]) -> Entry:
    """The record commits to this very package, in an export that continues this very record."""
    head = record.checkpoint
    seal = parse_seal(bag.read(SEAL, LARGE, "seal"), SEAL)
    later = seal.checkpoint
    if later.origin != head.origin:
        refuse("seal", "The seal's checkpoint is of another origin.", SEAL)
    if seal.index < head.size:
        refuse("seal", "The seal's entry is older than the package's checkpoint.", SEAL)
    check_head(later, record.keys, trusted, SEAL)
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
    return entry


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
    refuse("trust", f"None of the keys that you trust signed this record of {origin}.", CHECKPOINT)


class TrustLine(NamedTuple):
    """A line of a trust file, not parsed yet."""

    file: str
    text: str


def read_trust(path: str) -> list[TrustLine]:
    """The lines of a trust file that are to be verifier keys; ValueError if there are none."""
    with open(path, encoding="utf-8-sig") as stream:
        text = stream.read(LARGE + 1)
    lines = [line.strip() for line in text.split("\n")]
    keys = [TrustLine(os.path.basename(path), line) for line in lines if line and line[0] != "#"]
    if not keys or len(text) > LARGE:
        raise ValueError("it holds no key, or is too large")
    return keys


# --------------------------------------------------------------------------------------------
# 10  The report
# --------------------------------------------------------------------------------------------

HOLDS, REFUSED, NOT_CHECKED = "holds", "refused", "not_checked"
EXIT_STATUS = {HOLDS: 0, REFUSED: 1, NOT_CHECKED: 3}
PROVES_NOT = (
    "That bytes are unchanged since they were collected does not make what they show true.",
    "The times in the record are what the archive's own clock said: a claim.",
    "What the archive left out of its record or of this package cannot be seen here.",
    "A checker that came with the package cannot notice that it was swapped: get one elsewhere.",
)


@dataclass
class Report:
    """What came out, for people and for programs."""

    outcome: str = REFUSED
    code: str | None = None
    sentence: str = ""
    file: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    checked: list[str] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)

    def refused(self, code: str, sentence: str, file: str = "") -> None:
        """Make this a refusal. What was checked before stays; nothing after was looked at."""
        self.outcome, self.code, self.sentence, self.file = REFUSED, code, sentence, file or None
        self.not_checked = ["everything after this refusal"]

    def to_json(self) -> str:
        """One canonical object, in ASCII."""
        names = ("outcome", "code", "sentence", "file", "counts", "checked", "not_checked")
        members = {name: getattr(self, name) for name in names}
        return json.dumps(members, separators=(",", ":"), sort_keys=True)

    def to_text(self) -> str:
        """The answer first, then what it rests on, then what it does not say."""
        answers = {HOLDS: "HOLDS.", NOT_CHECKED: "NOTHING REFUSED, NOT EVERYTHING CHECKED."}
        answer = answers.get(self.outcome, f"REFUSED ({self.code}).")
        lines = [f"{answer} {self.sentence}"]
        lines += [f"  in {self.file}"] if self.file else []
        facts = [f"{label + ':':<13}{text}" for label, text in self.facts]
        for title, items in (
            ("What this package is", facts),
            ("What was checked, and holds", [f"- {item}" for item in self.checked]),
            ("What was not checked", [f"- {item}" for item in self.not_checked]),
            ("What none of this proves", [f"- {item}" for item in PROVES_NOT]),
        ):
            lines += ["", title, *(f"  {item}" for item in items)] if items else []
        return "\n".join(lines)


def check(root: str, trust: list[TrustLine]) -> Report:
    """The whole check, in its fixed order."""
    report = Report()
    try:
        run(report, root, [parse_verifier_key(line.text, line.file) for line in trust])
    except RefusalError as refusal:
        report.refused(refusal.code, refusal.sentence, refusal.file)
    return report


def run(report: Report, root: str, trusted: list[VerifierKey]) -> None:
    """Step by step; a step that returns has found nothing to refuse."""
    bag = check_bag(root)
    payload = bag.under("data/")
    report.counts |= {"payload_files": len(payload), "payload_bytes": sum(payload.values())}
    report.checked.append("bag: exactly the files that belong here, all listed in the manifests")
    check_hashes(bag)
    report.checked.append("hashes: the SHA-256 of every file, and the size of the payload")
    record = check_record(bag, trusted)
    count_record(report, bag, record)
    report.checked.append("record: every entry's form, author, signature and place under the root")
    report.checked.append("record: the signature of the archive key in force on the root")
    export = check_seal(bag, record, trusted)
    report.facts.append(("made", f"{export.value['at']}, by the archive's own clock: a claim"))
    report.checked.append("seal: a later entry of the same record commits to these files")
    check_objects(bag, record)
    report.checked.append("objects: each is named by its own hash and by an entry")
    report.counts["disclosed"] = check_disclosures(bag)
    report.checked.append("disclosures: each opens its commitment")
    key = check_trust(record, trusted) if trusted else None
    name_limits(report)
    if key is None:
        report.outcome = NOT_CHECKED
        report.sentence = "All that could be checked holds. Whose record this is was not checked."
        needs = "by whom: needs the archive's verifier key from elsewhere (--trust FILE);"
        named = f" the package itself names {shown(str(record.keys.archive))}, which proves nothing"
        report.not_checked.insert(0, needs + named)
    else:
        report.outcome = HOLDS
        report.sentence = "All that was checked holds, and a key that you trust signed the record."
        report.checked.append(f"by whom: the record of the trusted key {shown(str(key))}")


def count_record(report: Report, bag: Bag, record: Record) -> None:
    """The numbers and facts of the report."""
    counts, size = report.counts, record.checkpoint.size
    objects = bag.under(OBJECTS)
    counts |= record.counts
    counts["record_size"], counts["entries"] = size, len(record.indices)
    counts["derived"] = sum(1 for name in objects if name in record.derived)
    counts["originals"] = len(objects) - counts["derived"]
    counts["attachments"] = len(bag.under(ATTACHMENTS))
    report.facts += [
        ("record", f"{shown(record.checkpoint.origin)}, {size} entries at its checkpoint"),
        ("originals", f"{counts['originals']}, and {counts['derived']} derived from others"),
        ("attachments", str(counts["attachments"])),
        ("entries", f"{counts['entries']} here, {counts['signed_entries']} signed by people"),
        ("payload", f"{counts['payload_files']} files, {counts['payload_bytes']} bytes"),
    ]


def name_limits(report: Report) -> None:
    """Say what no step has looked at, and why."""
    counts = report.counts
    hidden = counts["protected_values"] - counts["disclosed"]
    absent = counts["record_size"] - counts["entries"]
    report.not_checked += [
        "when: needs anchors; packages of this format carry no time from outside",
        "whether others were shown another record: needs a checkpoint seen elsewhere",
    ]
    seconds = counts["second_signatures"]
    limits = {
        "entries of the record are not in the package (some about keys among them?)": absent,
        "protected values are not disclosed": hidden,
        "entries are of types that this checker does not know": counts["unknown_entries"],
        "signatures of a second person: the format does not say over what": seconds,
        "revocations call earlier entries suspect: judge those yourself": counts["suspicions"],
    }
    report.not_checked += [f"{number} {what}" for what, number in limits.items() if number]


# --------------------------------------------------------------------------------------------
# 11  The command line
# --------------------------------------------------------------------------------------------


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line; wrong use ends with exit status 2."""
    here = os.path.dirname(os.path.abspath(__file__))
    parser = argparse.ArgumentParser(
        prog="check.py",
        description="Check an evidence package: its files, its record and its seal.",
        epilog="Example: python3 check.py ~/package --trust archive-keys.txt"
        "    (exit status: 0 holds, 1 refused, 2 wrong use, 3 something could not be checked)",
    )
    parser.add_argument("package", nargs="?", default=here, help="its folder (default: this one)")
    parser.add_argument(
        "--trust",
        action="append",
        default=[],
        metavar="FILE",
        help="verifier keys that you trust, one a line; get them from elsewhere",
    )
    parser.add_argument("--json", action="store_true", help="answer in JSON, for programs")
    options = parser.parse_args(arguments)
    options.keys = []
    for path in options.trust:
        try:
            options.keys += read_trust(path)
        except (OSError, ValueError) as problem:
            parser.error(f"the trust file {path} cannot be used: {problem}")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Check, print, and give the exit status."""
    options = parse_arguments(arguments)
    try:
        report = check(os.path.realpath(options.package), options.keys)
    except KeyboardInterrupt:
        report = Report(NOT_CHECKED, sentence="Stopped before the end: this says nothing.")
    except Exception as problem:  # noqa: BLE001 - hostile input must never end in a traceback
        report = Report()
        report.refused("error", shown(f"It cannot be read ({type(problem).__name__}: {problem})."))
    print(report.to_json() if options.json else report.to_text())
    return EXIT_STATUS[report.outcome]


if __name__ == "__main__":
    sys.exit(main())
