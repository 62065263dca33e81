"""A renewal of hashes (spec/renewal.md): its row, its lines, and what they are made of."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping

from witnessmark.errors import BadRecord
from witnessmark.model import Json, ObjectStored, Recorded

#: by which a renewal may be made, weakest first
HASHES = ("sha384", "sha512")
_LINE = re.compile(r"([0-9a-f]{64}) (-|(?:[0-9a-f]{2})+)")


def files_named(recorded: Recorded) -> list[str]:
    """SHA-256 of the files that an entry names, in the order of a renewal; some twice."""
    stored = [recorded.said.sha256] if isinstance(recorded.said, ObjectStored) else []
    return [*map(str, stored), *_blobs(recorded.entry.fields)]


def _blobs(value: Json) -> Iterator[str]:
    """Every {role, sha256, size} at any depth, members in canonical order."""
    if isinstance(value, Mapping):
        name, size = value.get("sha256"), value.get("size")
        right = isinstance(name, str) and re.fullmatch("[0-9a-f]{64}", name)
        counted = type(size) is int and size >= 0
        if right and counted and isinstance(value.get("role"), str):
            yield str(name)
        for key in sorted(value, key=lambda key: key.encode("utf-16-be")):
            yield from _blobs(value[key])
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _blobs(each)


def element(hash_name: str, recorded: Recorded, digests: Mapping[str, bytes]) -> bytes:
    """The digest of an entry and of the files that it names; zeros for what was not held."""
    made = hashlib.new(hash_name, b"\0" + recorded.body)
    for name in files_named(recorded):
        made.update(digests.get(name) or bytes(made.digest_size))
    return made.digest()


def lines(digests: Mapping[str, bytes]) -> bytes:
    """The lines of `files`: SHA-256 and digest, or `-` for what was not held."""
    return "".join(f"{name} {digests[name].hex() or '-'}\n" for name in sorted(digests)).encode()


def parse_lines(data: bytes) -> dict[str, bytes]:
    """What `lines` wrote. Raises `BadRecord`."""
    found = {}
    for line in data.decode("latin-1").splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            raise BadRecord("A line of a renewal is malformed.", code="renewal")
        found[match[1]] = b"" if match[2] == "-" else bytes.fromhex(match[2])
    return found
