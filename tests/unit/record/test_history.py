"""Whose word counts where in a record."""

from __future__ import annotations

import base64
import dataclasses

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.conftest import SCOPE
from witnessmark.errors import BadRecord
from witnessmark.model import (
    Entry,
    Genesis,
    KeyRevoked,
    KeyRotated,
    ObjectStored,
    PersonAdded,
    Protected,
    Recorded,
    RiskRecorded,
    Statement,
    key_id,
)
from witnessmark.record.entries import encode, recorded, sign
from witnessmark.record.history import History, rotation_bytes
from witnessmark.record.note import VerifierKey

ORIGIN = "witnessmark/history"
NAME = Protected("cd" * 32)


def key(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)


def public(number: int) -> bytes:
    return key(number).public_key().public_bytes_raw()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


ARCHIVE, PERSON, SECOND, STRANGER = 1, 2, 3, 4


class Record:
    """Entries under construction."""

    def __init__(self) -> None:
        self.history = History()
        self.entries: list[Recorded] = []

    def say(self, statement: Statement, by: int, signed: bool = True, **changes: str) -> Entry:
        entry = Entry(type=statement.TYPE, by=key_id(public(by)), fields=statement.fields())
        if signed:
            said_at = f"2026-01-01T00:00:00.{len(self.entries):06d}Z"
            entry = dataclasses.replace(entry, said_at=said_at)
            entry = sign(entry, ORIGIN, key(by))
        entry = dataclasses.replace(entry, at="2026-01-01T00:00:00Z", **changes)
        self.add(entry)
        return entry

    def add(self, entry: Entry) -> None:
        each = recorded(len(self.entries), encode(entry))
        self.history.add(each)
        self.entries.append(each)


GENESIS = Genesis(
    origin=ORIGIN,
    archive_key=str(VerifierKey(ORIGIN, public(ARCHIVE))),
    person_key=b64(public(PERSON)),
    person_name=NAME,
    scope=SCOPE,
)
OBJECT = ObjectStored(sha256="ab" * 32, size=1, kind="video")
RISK = RiskRecorded(
    decision="share", persons_depicted=NAME, uploader=NAME, witnesses=NAME, analysts=NAME
)


@pytest.fixture
def record() -> Record:
    made = Record()
    made.say(GENESIS, PERSON)
    return made


def refused(code: str) -> pytest.RaisesExc[BadRecord]:
    return pytest.raises(BadRecord, check=lambda error: error.code == code)


def test_a_record_starts_with_its_one_genesis(record: Record) -> None:
    assert record.history.origin == ORIGIN
    with refused("genesis"):
        record.say(GENESIS, PERSON)
    with refused("genesis"):
        Record().say(OBJECT, ARCHIVE, signed=False)


def test_the_genesis_is_signed_by_its_person() -> None:
    with refused("author"):
        Record().say(GENESIS, STRANGER)
    with refused("entry_signature"):
        Record().say(GENESIS, PERSON, signed=False)


def test_machine_entries_are_the_archives(record: Record) -> None:
    record.say(OBJECT, ARCHIVE, signed=False)
    for stranger in (STRANGER, PERSON):
        with refused("author"):
            record.say(OBJECT, stranger, signed=False)


def test_people_sign_what_they_say(record: Record) -> None:
    record.say(RISK, PERSON)
    with refused("author"):
        record.say(RISK, STRANGER)
    with refused("author"):
        record.say(RISK, ARCHIVE, signed=False)
    with refused("entry_signature"):
        record.say(RISK, PERSON, said_at="2027-01-01T00:00:00Z")


def test_what_was_said_once_cannot_be_said_again(record: Record) -> None:
    entry = record.say(RISK, PERSON)
    with refused("replayed_entry"):
        record.add(dataclasses.replace(entry, at="2026-02-02T00:00:00Z"))


def test_a_signature_is_for_one_origin(record: Record) -> None:
    bare = Entry(type=RISK.TYPE, by=key_id(public(PERSON)), fields=RISK.fields())
    with refused("entry_signature"):
        record.add(sign(bare, "witnessmark/another", key(PERSON)))


def test_people_come_and_go(record: Record) -> None:
    record.say(PersonAdded(key=b64(public(SECOND)), name=NAME), PERSON)
    record.say(RISK, SECOND)
    record.say(KeyRevoked(key=key_id(public(SECOND)), reason="stolen", suspect_after=2), PERSON)
    assert record.history.suspect == {key_id(public(SECOND)): 2}
    with refused("revoked_key"):
        record.say(RISK, SECOND)


def rotated(use: str, old: str, new: str, by: int) -> KeyRotated:
    proof = b64(key(by).sign(rotation_bytes(ORIGIN, new)))
    return KeyRotated(use=use, old=old, new=new, proof=proof)


NEW = VerifierKey(ORIGIN, public(SECOND))


def test_the_archive_key_rotates(record: Record) -> None:
    record.say(rotated("archive", GENESIS.archive_key, str(NEW), ARCHIVE), PERSON)
    record.say(OBJECT, SECOND, signed=False)
    with refused("author"):
        record.say(OBJECT, ARCHIVE, signed=False)
    assert record.history.key_for_size(1).public == public(ARCHIVE)
    assert record.history.key_for_size(2) == NEW


def test_a_person_rotates(record: Record) -> None:
    old, new = b64(public(PERSON)), b64(public(STRANGER))
    record.say(rotated("person", old, new, PERSON), PERSON)
    record.say(RISK, STRANGER)
    with refused("author"):
        record.say(RISK, PERSON)


def test_nobody_rotates_away_from_a_key_they_do_not_have(record: Record) -> None:
    """A genesis can name anybody's key; only that key's holder can name its successor."""
    with refused("entry_signature"):
        record.say(rotated("archive", GENESIS.archive_key, str(NEW), PERSON), PERSON)
    with refused("entry_signature"):
        record.say(rotated("person", b64(public(PERSON)), b64(public(SECOND)), SECOND), PERSON)
    with refused("field"):
        record.say(rotated("archive", str(NEW), GENESIS.archive_key, SECOND), PERSON)
    with refused("field"):
        record.say(rotated("person", b64(public(SECOND)), b64(public(STRANGER)), SECOND), PERSON)
    with refused("field"):
        record.say(rotated("other", "a", "b", ARCHIVE), PERSON)


def test_a_revoked_archive_key_says_nothing(record: Record) -> None:
    record.say(KeyRevoked(key=key_id(public(ARCHIVE)), reason="stolen"), PERSON)
    with refused("revoked_key"):
        record.say(OBJECT, ARCHIVE, signed=False)


def test_weak_keys_do_not_join(record: Record) -> None:
    with refused("weak_key"):
        record.say(PersonAdded(key=b64((1).to_bytes(32, "little")), name=NAME), PERSON)
