"""What a WACZ's `datapackage.json` states of its members, and whether it is so."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from witnessmark.collection.packed import BLOCK, Member, open_member
from witnessmark.ports import Unreadable

MANIFEST, DIGEST, ARCHIVE = "datapackage.json", "datapackage-digest.json", "archive/"
#: Bytes of the manifest, and resources in it, that are read at most.
MAX_MANIFEST, MAX_RESOURCES = 8 << 20, 50_000
_SHA256 = re.compile(r"(?:sha256:)?([0-9A-Fa-f]{64})")


@dataclasses.dataclass(frozen=True, slots=True)
class Stated:
    """A member's hash as stated ("" without one), and whether the bytes agree.

    `agrees` is `same`, `different`, `missing` for what is named and not there, or `not_compared`.
    """

    sha256: str
    agrees: str


@dataclasses.dataclass(frozen=True, slots=True)
class Manifest:
    """The manifest of a WACZ; of a WARC on its own, nothing.

    Attributes:
        stated: by the members' paths.
        own: `same`, `different` or `not_compared`: its own digest.
        trouble: why it cannot be read.
        said: what else it says in plain text (`title`, `software`, `created`).
    """

    stated: Mapping[str, Stated] = dataclasses.field(default_factory=dict)
    own: str = "not_compared"
    trouble: str = ""
    said: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def differs(self) -> bool:
        """Whether anything is not as stated."""
        return self.own == "different" or any(
            each.agrees == "different" for each in self.stated.values()
        )

    def of(self, name: str) -> Stated:
        """Of one member."""
        return self.stated.get(name, Stated("", "not_compared"))


def read_manifest(root: Path, name: str, members: Iterable[Member]) -> Manifest:
    """Reads it and hashes every member that it names."""
    named = {each.name: each for each in reversed(tuple(members))}  # the first of one name
    if MANIFEST not in named:
        return Manifest()
    try:
        text = _text(root, name, named[MANIFEST])
        parsed = _json(text)
        resources = _resources(parsed)
    except Unreadable as error:
        return Manifest(trouble=error.reason)
    stated = {
        path: Stated(sha256, _compared(root, name, named.get(path), sha256))
        for path, sha256 in resources.items()
    }
    said = {key: value for key, value in parsed.items() if isinstance(value, str)}
    return Manifest(stated, _own(root, name, named.get(DIGEST), text), said=said)


def _text(root: Path, name: str, member: Member) -> bytes:
    if member.outcome:
        raise Unreadable(member.reason)
    if member.size > MAX_MANIFEST:
        raise Unreadable("bomb")
    with open_member(root, (name,), member) as file:
        return file.read(MAX_MANIFEST)


def _json(text: bytes) -> dict[str, object]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable("malformed_manifest") from error
    if not isinstance(value, dict):
        raise Unreadable("malformed_manifest")
    return value


def _resources(manifest: Mapping[str, object]) -> dict[str, str]:
    """Path to SHA-256 ("" when none is stated in that form)."""
    resources = manifest.get("resources")
    if not isinstance(resources, list) or len(resources) > MAX_RESOURCES:
        raise Unreadable("malformed_manifest")
    found: dict[str, str] = {}
    for each in resources:
        path = each.get("path") if isinstance(each, dict) else None
        if not isinstance(path, str) or not path:
            raise Unreadable("malformed_manifest")
        found[path] = _sha256(each.get("hash"))
    return found


def _sha256(value: object) -> str:
    match = _SHA256.fullmatch(value) if isinstance(value, str) else None
    return match[1].lower() if match else ""


def _compared(root: Path, name: str, member: Member | None, sha256: str) -> str:
    if member is None:
        return "missing"
    if not sha256 or member.outcome:
        return "not_compared"
    made = hashlib.sha256()
    try:
        if member.size:
            with open_member(root, (name,), member) as file:
                while block := file.read(BLOCK):
                    made.update(block)
    except Unreadable:
        return "different"
    return "same" if made.hexdigest() == sha256 else "different"


def _own(root: Path, name: str, member: Member | None, text: bytes) -> str:
    if member is None:
        return "not_compared"
    try:
        digest = _sha256(_json(_text(root, name, member)).get("hash"))
    except Unreadable:
        return "not_compared"
    if not digest:
        return "not_compared"
    return "same" if hashlib.sha256(text).hexdigest() == digest else "different"
