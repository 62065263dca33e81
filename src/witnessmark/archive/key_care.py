"""Keys that change while work goes on: rotate, revoke, call into doubt; killed at any point.

The order is always: the new key is durably kept, the entry is said, the old key is destroyed. What
a killed process left between two steps is settled by the next one that opens the archive, and
the record decides: a key whose entry is there is in force, one whose entry is not is forgotten.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from witnessmark.custody.keys import Kdf
from witnessmark.errors import BadRecord, Erased, Locked, NotFound, Refused, StoreFailure
from witnessmark.model import (
    Entry,
    Genesis,
    KeyRevoked,
    KeyRotated,
    PersonAdded,
    Protected,
    key_id,
)
from witnessmark.model.statement import KeyId, Token
from witnessmark.record.checkpoint import Checkpoint
from witnessmark.record.history import KEY_ENTRIES, rotation_bytes
from witnessmark.record.note import VerifierKey, sign
from witnessmark.stores.durable import write_file

if TYPE_CHECKING:
    from witnessmark.archive.archive import Archive

TRUST = "trust.txt"
REASONS = ("lost", "stolen", "left", "superseded")
#: Bytes. NIST SP 800-63B, section 5.1.1.2, asks for 8 characters at least.
MIN_SECRET = 8
_UNCHANGED = "Nothing was changed."
SignNote = Callable[[Checkpoint], bytes]


# --- in the journal's transaction ----------------------------------------------------------------


def prepare(
    archive: Archive, head: bytes | None, entries: Sequence[Entry]
) -> tuple[Sequence[Entry], SignNote]:
    """Machine entries by the archive's key in force after `head`, and what signs the checkpoint.

    Another process may have rotated the key since these entries were made.
    """
    key, prepared = archive.keyring.archive_after(head), []
    author = _id(key)
    for entry in entries:
        if not entry.signature:
            entry = entry if entry.by == author else dataclasses.replace(entry, by=author)
        elif entry.type == KeyRotated.TYPE and entry.fields.get("use") == "archive":
            key = _successor(archive, key, KeyRotated.read(entry.fields))
            author = _id(key)
        prepared.append(entry)

    def signed(checkpoint: Checkpoint) -> bytes:
        return sign(checkpoint.text, key, checkpoint.origin)

    return prepared, signed


def _successor(archive: Archive, key: Ed25519PrivateKey, said: KeyRotated) -> Ed25519PrivateKey:
    """The key that a rotation names, which must follow the one in force."""
    new = VerifierKey.parse(said.new)
    if said.old != str(VerifierKey(new.name, _public(key))):
        raise Refused(
            "The archive's key was rotated by another process at this moment.",
            kept=_UNCHANGED,
            todo="'witnessmark keys list' shows it; rotate again if that is still wanted.",
            code="busy",
        )
    return next(each for each in archive.keyring.waiting().values() if _public(each) == new.public)


# --- after it, and after a kill ------------------------------------------------------------------


def settle(archive: Archive, alive: Callable[[str], bool]) -> None:
    """Ends what this process, or a killed one, began: the record says which keys are in force.

    While another program reads private.db, old keys cannot be taken out of its log; then the
    next opening does it.
    """
    try:
        _settle_archive(archive, alive)
        _settle_people(archive, alive)
    except StoreFailure as error:
        if error.code != "busy":
            raise


def _settle_archive(archive: Archive, alive: Callable[[str], bool]) -> None:
    waiting = archive.keyring.waiting()
    if not waiting or archive.journal.head() is None:
        return
    key = archive.keyring.archive_after(archive.journal.note())
    done = [
        name for name, each in waiting.items() if _public(each) == _public(key) or not alive(name)
    ]
    if done:
        write_trust(archive, VerifierKey(archive.origin, _public(key)))
        archive.keyring.settle_archive(key, done)


def write_trust(archive: Archive, key: VerifierKey) -> None:
    """Puts the key into the file for receivers, with those before it as comments."""
    lines = ["# give this line by another way", str(key)]
    for _, each in reversed(archive.history().archive_keys):
        if each != key:
            lines.append(f"# before, for packages made then: {each}")
    write_file(archive.folder / TRUST, ("\n".join(lines) + "\n").encode(), 0o644)


def _settle_people(archive: Archive, alive: Callable[[str], bool]) -> None:
    keyring = archive.keyring
    for note, (since, person) in keyring.coming().items():
        if alive(note):
            continue
        if person not in _joined(archive, since):
            keyring.forget_person(person)
        keyring.arrived(note)
    states = archive.queries.people()
    gone = [each for each in keyring.people if states.get(each) in ("rotated", "revoked")]
    if not gone:
        return
    # the catalog can be damaged: keys are destroyed on the word of the record alone
    try:
        in_force = archive.history().people
    except BadRecord:
        return
    for person in gone:
        if person not in in_force:
            keyring.forget_person(person)


def _joined(archive: Archive, since: int) -> set[str]:
    """Key ids of people whose entries stand in the record from `since` on."""
    found = set()
    for recorded in archive.journal.read(since):
        match recorded.said:
            case PersonAdded(key=key) | KeyRotated(use="person", new=key):
                found.add(key_id(base64.b64decode(key)))
    return found


@contextlib.contextmanager
def settling(archive: Archive) -> Iterator[None]:
    """Afterwards, said or refused, what this process began is at its end."""
    try:
        yield
    finally:
        settle(archive, _only_others)


# --- acts ----------------------------------------------------------------------------------------


def rotate_archive(archive: Archive) -> VerifierKey:
    """Puts a new key in the place of the archive's; the new verifier key. Raises `Locked`."""
    archive.working_person()
    history = archive.history()
    old = archive.keyring.archive_after(archive.journal.note())
    with settling(archive):
        new = VerifierKey(archive.origin, _public(archive.keyring.next_archive()))
        proof = old.sign(rotation_bytes(archive.origin, str(new)))
        statement = KeyRotated(
            use=Token("archive"),
            old=Token(str(history.archive_key)),
            new=Token(str(new)),
            proof=Token(_base64(proof)),
        )
        archive.say(statement, (_key(history.archive_key.public), _key(new.public)))
    return new


def rotate_person(archive: Archive, who: str, secret: bytes, kdf: Kdf | None = None) -> str:
    """Puts a new key, under `secret`, in the place of that of the person at work; its key id.

    Args:
        archive: unlocked by that person.
        who: their name or key id: only its holder can name a key's successor.
        secret: passphrase or bytes of the key file that opens the new key.
        kdf: cost of guessing it.

    Raises:
        Refused: `who` is somebody else, or the secret is too short, or opens somebody else's keys.
    """
    person = archive.working_person()
    if resolve(archive, who) != person.person:
        raise Refused(
            f"{who} is not who is at work: only its holder can name a key's successor.",
            kept=_UNCHANGED,
            todo="They run this under their own passphrase. Is it lost: 'witnessmark keys revoke', "
            "then 'keys --add-person'.",
            code="rotation",
        )
    check_secret(archive, secret, person.person)
    old = archive.history().people[person.person]
    head = archive.journal.head()
    assert head is not None
    with settling(archive):
        coming = archive.keyring.coming_person(secret, person.vault, kdf or Kdf(), head.size)
        new = Token(_base64(_public(coming.signing)))
        proof = Token(_base64(person.signing.sign(rotation_bytes(archive.origin, new))))
        use, before = Token("person"), Token(_base64(old))
        statement = KeyRotated(use=use, old=before, new=new, proof=proof)
        archive.say(statement, (person.person, coming.person))
    archive.unlock(secret)
    return coming.person


def check_secret(archive: Archive, secret: bytes, holder: str = "") -> None:
    """Refuses a new passphrase that is too short, or that opens the keys of anybody but `holder`.

    What two people open with one passphrase is signed by whoever is found first.
    """
    if len(secret) < MIN_SECRET:
        raise Refused(
            f"The new passphrase has fewer than {MIN_SECRET} characters.",
            kept=_UNCHANGED,
            todo="Choose a longer one, or a key file.",
            code="secret",
        )
    states = archive.queries.people()
    if archive.opens(secret, {k for k, v in states.items() if v == "active"} - {holder}):
        raise Refused(
            "This passphrase or key file is somebody else's here already.",
            kept=_UNCHANGED,
            todo="Each person has their own. Whose it is can put another in its place: "
            "'witnessmark keys rotate --person'.",
            code="secret",
        )


def revoke(archive: Archive, who: str, reason: str, suspect_after: int | None = None) -> str:
    """Ends a key: it signs nothing valid from here on; its key id.

    Args:
        archive: unlocked by a person in force.
        who: key id (its start) or a person's name.
        reason: one of `REASONS`.
        suspect_after: size of the record from which on what it signed is in doubt.

    Raises:
        Refused: the archive's key in force, the last person's, or one revoked before.
    """
    _check_reason(reason)
    archive.working_person()
    key, history = resolve(archive, who), archive.history()
    _check_size(archive, suspect_after)
    if key in history.revoked:
        raise Refused(
            f"{key} was revoked before, in entry {history.revoked[key]}.",
            kept=_UNCHANGED,
            todo="What it signed can be called into doubt: 'witnessmark keys suspect'.",
        )
    if key == _key(history.archive_key.public):
        raise Refused(
            "This is the archive's key in force: without one nothing can be recorded.",
            kept=_UNCHANGED,
            todo="First 'witnessmark keys rotate --archive-key', then revoke the old key.",
            code="in_force",
        )
    if set(history.people) == {key}:
        raise Refused(
            "This is the last person's key: nobody could sign anything any more.",
            kept=_UNCHANGED,
            todo="First another person joins ('witnessmark keys --add-person'), and they revoke "
            "it; or put a new key in its place ('keys rotate --person').",
            code="last_person",
        )
    archive.say(
        KeyRevoked(key=KeyId(key), reason=Token(reason), suspect_after=suspect_after), (key,)
    )
    settle(archive, _only_others)
    return key


def suspect(archive: Archive, who: str, after: int, reason: str = "") -> str:
    """Calls into doubt what a key that is no longer in force signed from a size on; its key id.

    Of several statements about one key, the smallest size counts. A key that was only replaced is
    revoked by this, for `reason`.

    Raises:
        Refused: the key is still in force; or it was never revoked and no reason is given.
    """
    archive.working_person()
    key, history = resolve(archive, who), archive.history()
    _check_size(archive, after)
    if key in history.people or key == _key(history.archive_key.public):
        raise Refused(
            "This key is still in force, and what it signs next would not be in doubt.",
            kept=_UNCHANGED,
            todo="A person's: 'witnessmark keys revoke --reason stolen --suspect-after'. The "
            "archive's: first 'keys rotate --archive-key'.",
            code="in_force",
        )
    reason = reason or next(each.reason for each in known(archive) if each.key == key)
    if not reason:
        raise Refused(
            "This key was replaced, and nobody revoked it: calling it into doubt revokes it.",
            kept=_UNCHANGED,
            todo=f"Say why with --reason: {', '.join(REASONS)}.",
            code="reason",
        )
    _check_reason(reason)
    archive.say(KeyRevoked(key=KeyId(key), reason=Token(reason), suspect_after=after), (key,))
    return key


def _check_reason(reason: str) -> None:
    if reason not in REASONS:
        raise Refused(
            f"{reason!r} is no reason for this." if reason else "The reason is not stated.",
            kept=_UNCHANGED,
            todo=f"Give --reason: {', '.join(REASONS)}.",
        )


def _check_size(archive: Archive, size: int | None) -> None:
    head = archive.journal.head()
    assert head is not None
    if size is not None and not 0 <= size <= head.size:
        raise Refused(
            f"The record has {head.size} entries, not {size}.",
            kept=_UNCHANGED,
            todo="Give the size of the last checkpoint from before the doubt ('witnessmark log', "
            "'status').",
        )


# --- whose key -----------------------------------------------------------------------------------


@dataclasses.dataclass
class KnownKey:
    """A key of the record.

    Attributes:
        key: key id.
        use: `archive` or `person`.
        entry: where the record names it first.
        state: `in force`, `rotated` or `revoked`.
        ended: entry that ended it.
        reason: of the revocation.
        suspect_after: size from which on what it signed is in doubt.
        name: the person's, where the vault is open and it was not erased.
        verifier: the archive key as it is given to others.
    """

    key: str
    use: str
    entry: int
    state: str = "in force"
    ended: int | None = None
    reason: str = ""
    suspect_after: int | None = None
    name: str = ""
    verifier: str = ""

    def end(self, state: str, entry: int) -> None:
        """Notes the first entry that ended it; a later revocation of it stands as its state."""
        self.state = state
        self.ended = entry if self.ended is None else self.ended


def known(archive: Archive) -> list[KnownKey]:
    """All keys that the record names, in order; with people's names as far as the vault is open."""
    found: dict[str, KnownKey] = {}
    for index in archive.queries.acts(*KEY_ENTRIES):
        recorded = archive.journal.entry(index)
        match recorded.said:
            case Genesis() as said:
                archive_key = VerifierKey.parse(said.archive_key)
                _add(found, archive_key.public, "archive", index).verifier = said.archive_key
                first = _add(found, base64.b64decode(said.person_key), "person", index)
                first.name = _opened(archive, said.person_name)
            case PersonAdded() as added:
                person = _add(found, base64.b64decode(added.key), "person", index)
                person.name = _opened(archive, added.name)
            case KeyRotated() as rotated:
                _rotated(found, rotated, index)
            case KeyRevoked() as revoked if revoked.key in found:
                known_key = found[revoked.key]
                known_key.end("revoked", index)
                known_key.reason = known_key.reason or revoked.reason
                sizes = (known_key.suspect_after, revoked.suspect_after)
                known_key.suspect_after = min((n for n in sizes if n is not None), default=None)
    return list(found.values())


def _add(found: dict[str, KnownKey], public: bytes, use: str, index: int) -> KnownKey:
    return found.setdefault(_key(public), KnownKey(_key(public), use, index))


def _rotated(found: dict[str, KnownKey], said: KeyRotated, index: int) -> None:
    if said.use == "archive":
        old, new = VerifierKey.parse(said.old).public, VerifierKey.parse(said.new).public
    else:
        old, new = base64.b64decode(said.old), base64.b64decode(said.new)
    fresh = _add(found, new, said.use, index)
    fresh.verifier = said.new if said.use == "archive" else ""
    if before := found.get(_key(old)):
        fresh.name = before.name
        before.end("rotated", index)


def _opened(archive: Archive, ref: Protected) -> str:
    try:
        return str(archive.vault.open(ref).value)
    except (Locked, Erased):
        return ""


def resolve(archive: Archive, who: str) -> str:
    """The one key id that `who` names: a key id, the start of one, or a person's name.

    Of a person who rotated, the name means the key in force. Raises `NotFound`.
    """
    keys = known(archive)
    digits = who.removeprefix("key:").lower()
    starts = [each for each in keys if len(digits) >= 4 and each.key[4:].startswith(digits)]
    named = [each for each in keys if who and each.name == who]
    in_force = [each for each in named if each.state == "in force"]
    for found in (starts, in_force, named):
        if len(found) == 1:
            return found[0].key
    several = "Several keys are" if starts or named else "No key of this record is"
    raise NotFound(
        f"{several} {who!r}.",
        kept=_UNCHANGED,
        todo="'witnessmark keys list' shows them; names only when the archive is unlocked.",
    )


def _only_others(name: str) -> bool:
    """For `settle` after an act: what this process began is at its end."""
    from witnessmark.archive.archive import is_alive

    number = name.partition("-")[0]
    return number != str(os.getpid()) and is_alive(int(number) if number.isdecimal() else None)


def _public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def _key(public: bytes) -> str:
    return key_id(public)


def _id(key: Ed25519PrivateKey) -> str:
    return key_id(_public(key))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
