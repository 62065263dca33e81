"""Who may say what: the keys of a record, followed from its genesis.

Feed entries in order of their index (gaps are fine, key entries must not be left out). Every
entry is checked against the keys in force where it stands.
"""

from __future__ import annotations

import dataclasses

from witnessmark.errors import BadRecord
from witnessmark.model import (
    Entry,
    Genesis,
    KeyRevoked,
    KeyRotated,
    ObjectDisposed,
    PersonAdded,
    Recorded,
    Statement,
    ValueDisclosed,
    ValueErased,
    key_id,
)
from witnessmark.record.canonical import canonical
from witnessmark.record.entries import check_signature
from witnessmark.record.note import VerifierKey, check_public_key, strict_base64, verify

#: Entry types that only a person can say, under a signature of their own.
SIGNED = frozenset(
    {
        "genesis/1",
        "person.added/1",
        "scope.changed/1",
        "key.rotated/1",
        "key.revoked/1",
        "risk.recorded/1",
        "export.made/1",
        "value.disclosed/1",
        "value.erased/1",
        "custody.received/1",
        "custody.transferred/1",
        "custody.receipted/1",
        "object.disposed/1",
        "material.linked/1",
        "link.decided/1",
        "reference.claimed/1",
        "reference.exported/1",
        "search.recorded/1",
    }
)
#: Entry types that change which keys are in force: a package carries all of them.
KEY_ENTRIES = frozenset({"genesis/1", "person.added/1", "key.rotated/1", "key.revoked/1"})


@dataclasses.dataclass
class History:
    """State of the keys after the entries seen so far.

    Attributes:
        origin: the record's name, from its genesis.
        archive_keys: checkpoint key and the index of the first entry it stands for.
        people: key id to public key, for people's keys in force.
        revoked: key id to the index of its first revocation.
        suspect: key id to the record size after which what it signed is in doubt.
        doubted: key id to the index of the entry that says so.
    """

    origin: str = ""
    archive_keys: list[tuple[int, VerifierKey]] = dataclasses.field(default_factory=list)
    people: dict[str, bytes] = dataclasses.field(default_factory=dict)
    revoked: dict[str, int] = dataclasses.field(default_factory=dict)
    suspect: dict[str, int] = dataclasses.field(default_factory=dict)
    doubted: dict[str, int] = dataclasses.field(default_factory=dict)
    _seen: int = -1
    _signatures: set[str] = dataclasses.field(default_factory=set)

    @property
    def archive_key(self) -> VerifierKey:
        """The key that signs checkpoints now."""
        return self.archive_keys[-1][1]

    def key_for_size(self, size: int) -> VerifierKey:
        """The archive key that was to sign the checkpoint of a record of `size` entries."""
        return next(key for since, key in reversed(self.archive_keys) if since <= size)

    def add(self, recorded: Recorded) -> None:
        """Takes in the next entry.

        Raises:
            BadRecord: no genesis first, an author who is unknown or revoked, a wrong, missing or
                repeated signature.
        """
        entry, index = recorded.entry, recorded.index
        if (index == 0) != (entry.type == "genesis/1") or index <= self._seen:
            raise BadRecord("A record starts with its one genesis and goes on.", code="genesis")
        if entry.type == "genesis/1":
            self._start(entry)
        self._check_author(entry)
        self._apply(recorded)
        self._seen = index

    def _start(self, entry: Entry) -> None:
        said = Genesis.read(entry.fields)
        person = check_public_key(strict_base64(said.person_key, "The person's key"))
        key = VerifierKey.parse(said.archive_key)
        if key.name != said.origin:
            raise BadRecord("The archive key is not named after the origin.", code="genesis")
        self.origin = said.origin
        self.archive_keys = [(0, key)]
        self.people[key_id(person)] = person

    def _check_author(self, entry: Entry) -> None:
        if entry.by in self.revoked:
            raise BadRecord("The author's key was revoked.", code="revoked_key")
        if entry.type not in SIGNED and not entry.signature:
            if entry.by != key_id(self.archive_key.public):
                raise BadRecord("An unsigned entry must be by the archive's key.", code="author")
            return
        if entry.by not in self.people:
            raise BadRecord("The entry's author is not known to the record.", code="author")
        check_signature(entry, self.origin, self.people[entry.by])
        if entry.signature in self._signatures:
            raise BadRecord("A signed entry stands in the record twice.", code="replayed_entry")
        self._signatures.add(entry.signature)

    def _apply(self, recorded: Recorded) -> None:
        index = recorded.index
        match recorded.said:
            case PersonAdded(key=encoded):
                public = check_public_key(strict_base64(encoded, "The person's key"))
                self.people[key_id(public)] = public
            case KeyRotated(use="archive") as said:
                self._rotate_archive(said, index)
            case KeyRotated(use="person") as said:
                self._rotate_person(said)
            case KeyRotated(use=other):
                raise BadRecord(f"'{other}' keys do not rotate.", code="field")
            case ValueDisclosed() | ValueErased() as said if said.second != "alone":
                self._check_second(recorded.entry, said)
            case ObjectDisposed() as said:
                self._check_second(recorded.entry, said)
            case KeyRevoked(key=revoked, suspect_after=size):
                self.people.pop(revoked, None)
                self.revoked.setdefault(revoked, index)
                # doubt is not taken back: of several statements the earliest size counts
                if size is not None and size < self.suspect.get(revoked, size + 1):
                    self.suspect[revoked] = size
                    self.doubted[revoked] = index

    def _check_second(
        self, entry: Entry, said: ValueDisclosed | ValueErased | ObjectDisposed
    ) -> None:
        if said.second == entry.by or said.second not in self.people:
            raise BadRecord("The second person is not another person in force.", code="author")
        value = strict_base64(said.second_signature, "The second person's signature")
        if not verify(self.people[said.second], value, second_bytes(said, self.origin)):
            raise BadRecord("The second person did not sign this.", code="entry_signature")

    def _rotate_archive(self, said: KeyRotated, index: int) -> None:
        if said.old != str(self.archive_key):
            raise BadRecord("'old' is not the archive key in force.", code="field")
        key = VerifierKey.parse(said.new)
        if key.name != self.origin:
            raise BadRecord("The new key is not named after the origin.", code="key")
        self._check_rotation(said, self.archive_key.public)
        self.archive_keys.append((index + 1, key))

    def _rotate_person(self, said: KeyRotated) -> None:
        old = strict_base64(said.old, "The old key")
        if self.people.get(key_id(old)) != old:
            raise BadRecord("'old' is not the key of a person in force.", code="field")
        new = check_public_key(strict_base64(said.new, "The new key"))
        self._check_rotation(said, old)
        del self.people[key_id(old)]
        self.people[key_id(new)] = new

    def _check_rotation(self, said: KeyRotated, old: bytes) -> None:
        proof = strict_base64(said.proof, "The rotation's proof")
        if not verify(old, proof, rotation_bytes(self.origin, said.new)):
            raise BadRecord("The old key did not sign the new one.", code="entry_signature")


def second_bytes(said: Statement, origin: str) -> bytes:
    """What the second person signs: the type and all fields but that signature."""
    fields = {name: v for name, v in said.fields().items() if name != "second_signature"}
    content = canonical({"fields": fields, "type": said.TYPE})
    return b"witnessmark/second/1\n" + origin.encode() + b"\n" + content


def rotation_bytes(origin: str, new: str) -> bytes:
    """What the old key signs when `new` takes its place."""
    return b"witnessmark/rotation/1\n" + origin.encode() + b"\n" + new.encode()
