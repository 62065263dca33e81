"""An entry of the record: who says what about which things, and when the journal took it."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Mapping

from witnessmark.errors import BadRecord
from witnessmark.model.json import Json
from witnessmark.model.statement import PATTERNS, STATEMENTS, Instant, Statement

KEY_ID = re.compile(r"key:[0-9a-f]{32}")
TYPE = re.compile(r"[a-z][a-z_]*(\.[a-z][a-z_]*)?/[1-9][0-9]{0,3}")
ABOUT = re.compile(r"(sha256:[0-9a-f]{64}|entry:\d{1,15}|key:[0-9a-f]{32}|run:[0-9a-f]{32})")
_MEMBERS = ("type", "by", "about", "at", "said_at", "signature", "fields")


def key_id(public_key: bytes) -> str:
    """The id under which a 32-byte Ed25519 public key appears in entries: `key:` + 32 hex."""
    return "key:" + hashlib.sha256(public_key).hexdigest()[:32]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry. `at` is empty until the journal assigns it.

    Attributes:
        type: statement type with its version, `sighting.recorded/1`.
        by: key id of the person or program that says it, never a name.
        about: what it speaks of: `sha256:...`, `entry:17`, `key:...`, `run:...`.
        fields: the statement, with commitments in place of protected values.
        at: when the journal took it, by the archive's own clock, RFC 3339 in UTC.
        said_at: for a signed entry, when its author signed, by the author's own clock.
        signature: base64 Ed25519 of `by` over `record.signing.signed_bytes`.
        other: members this version does not know; they survive a round trip.
    """

    type: str
    by: str
    about: tuple[str, ...] = ()
    fields: Mapping[str, Json]
    at: str = ""
    said_at: str = ""
    signature: str = ""
    other: Mapping[str, Json] = dataclasses.field(default_factory=dict)

    def members(self) -> dict[str, Json]:
        """The entry as a JSON object; empty members are left out."""
        out: dict[str, Json] = {**self.other, "type": self.type, "by": self.by}
        out["about"] = list(self.about)
        out["fields"] = self.fields
        for name in ("at", "said_at", "signature"):
            if value := getattr(self, name):
                out[name] = value
        return out

    @staticmethod
    def read(members: Json) -> Entry:
        """The entry that a parsed JSON object describes.

        Raises:
            BadRecord: a member is missing or malformed. `statement` looks at the fields.
        """
        if not isinstance(members, Mapping):
            raise BadRecord("An entry must be a JSON object.", code="entry")
        about = members.get("about")
        fields = members.get("fields")
        if not isinstance(about, list) or not isinstance(fields, Mapping):
            raise BadRecord("An entry needs a list 'about' and an object 'fields'.", code="entry")
        return Entry(
            type=_form(members.get("type"), TYPE, "type"),
            by=_form(members.get("by"), KEY_ID, "by"),
            about=tuple(_form(each, ABOUT, "about") for each in about),
            fields=fields,
            **{
                name: _form(members[name], pattern, name)
                for name, pattern in _MAY_BE_MISSING.items()
                if name in members
            },
            other={k: v for k, v in members.items() if k not in _MEMBERS},
        )

    def statement(self) -> Statement | None:
        """The typed statement, or None for a type that this version does not know."""
        kind = STATEMENTS.get(self.type)
        return kind.read(self.fields) if kind else None


#: Left out where there is nothing to say: an empty one would be a second spelling of that.
_MAY_BE_MISSING = {
    "at": PATTERNS[Instant],
    "said_at": PATTERNS[Instant],
    "signature": re.compile(r"[A-Za-z0-9+/]{86}=="),
}


def _form(value: Json, pattern: re.Pattern[str], name: str) -> str:
    if isinstance(value, str) and pattern.fullmatch(value):
        return value
    raise BadRecord(f"The entry's '{name}' is missing or malformed.", code="entry")


@dataclasses.dataclass(frozen=True, slots=True)
class Recorded:
    """An entry in its place: (origin, index, leaf hash) is its identity.

    Attributes:
        index: position in the record, from 0.
        entry: what it says.
        body: its canonical bytes, as hashed.
        leaf: RFC 6962 leaf hash of `body`, 32 bytes.
        said: the typed statement, None for a type that this version does not know.
    """

    index: int
    entry: Entry
    body: bytes
    leaf: bytes
    said: Statement | None
