"""Keys that rotate, are revoked and doubted; killed at every step; others at work meanwhile."""

from __future__ import annotations

import functools
import io
import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from support.checker import outcome
from tests.conftest import CHEAP, SECRET
from tests.integration.test_collecting import collect, folder, holds, size  # noqa: F401 - a fixture
from tests.integration.test_cosigning import grow
from tests.stepping import killed_at
from witnessmark.archive import Archive, backing_up, checking, disposing, key_care, protecting
from witnessmark.errors import Locked, NotFound, Refused, StoreFailure
from witnessmark.model import AnchorFailed, Entry, ObjectStored, key_id
from witnessmark.record.note import VerifierKey, parse
from witnessmark.stores.journal import SqlJournal
from witnessmark.stores.private import PrivateDb

OTHER = b"another passphrase"
#: Any machine entry.
MACHINE = AnchorFailed(size=1, root="ab" * 32, kind="rfc3161", authority="x", reason="unreachable")


def everything(where: Path) -> bytes:
    return b"\0".join(path.read_bytes() for path in where.rglob("*") if path.is_file())


def seed(archive: Archive) -> bytes:
    return archive.keyring.archive.private_bytes_raw()


def in_order(archive: Archive) -> None:
    """It opens, signs, checks; keys at hand are those in force and no others."""
    history = archive.history()
    assert archive.keyring.archive.public_key().public_bytes_raw() == history.archive_key.public
    assert archive.keyring.waiting() == {}
    assert archive.keyring.coming() == {}
    assert set(archive.keyring.people) == set(history.people)
    trusted = [
        line for line in (archive.folder / "trust.txt").read_text().splitlines() if line[0] != "#"
    ]
    assert trusted == [str(history.archive_key)] == [archive.trust]
    grow(archive)
    assert holds(archive)


# --- rotation ------------------------------------------------------------------------------------


def test_the_archive_key_rotates(
    archive: Archive,
    folder: Path,  # noqa: F811 - the fixture
) -> None:
    old, trust = seed(archive), archive.trust
    assert old in everything(archive.folder)
    new = key_care.rotate_archive(archive)
    assert archive.trust == str(new) != trust
    assert archive.author == key_id(new.public)
    note = parse(archive.journal.note())
    assert note.check([new]) == [new]
    collect(archive, folder)
    in_order(archive)
    assert old not in everything(archive.folder)
    given = (archive.folder / "trust.txt").read_text()
    assert f"before, for packages made then: {trust}" in given
    again = key_care.rotate_archive(archive)
    assert again != new
    in_order(archive)


def test_packages_check_with_the_keys_of_their_time(tmp_path: Path) -> None:
    """A package made before a rotation under the old line; one made after it under both."""
    from support.forge import package as forge

    record = forge.record()
    old = forge.Package(record=record.copy()).write(tmp_path / "old")
    new, line = forge.NEW_ARCHIVE, forge.NEW_ARCHIVE.verifier()
    record.add(
        "key.rotated/1",
        forge.rotation("archive", forge.ARCHIVE.verifier(), line, forge.ARCHIVE),
        forge.ANNA,
    )
    record.archive = new
    later = forge.Package(record=record).write(tmp_path / "later")
    assert outcome(old, forge.ARCHIVE.verifier())[0] != "refused"
    assert outcome(later, line)[0] != "refused"
    assert outcome(later, forge.ARCHIVE.verifier())[0] != "refused"
    assert outcome(later, forge.STRANGER.verifier()) == ("refused", "trust")


def test_what_another_process_says_meanwhile_is_by_the_new_key(
    archive: Archive,
    folder: Path,  # noqa: F811 - the fixture
) -> None:
    """A long collection read its author before the rotation; the journal puts the new one in."""
    with Archive.open(archive.folder) as other:
        author = other.author
        key_care.rotate_archive(archive)
        collect(other, folder)
        assert other.author != author
    in_order(archive)


def test_an_entry_that_was_made_before_is_by_the_new_key(archive: Archive) -> None:
    with Archive.open(archive.folder) as other:
        made = Entry(type=MACHINE.TYPE, by=other.author, fields=MACHINE.fields())
        new = key_care.rotate_archive(archive)
        (taken,) = other.journal.append([made], other.project)
        assert taken.entry.by == key_id(new.public) != made.by
    in_order(archive)


def test_a_rotation_that_comes_second_is_refused(archive: Archive) -> None:
    with Archive.open(archive.folder) as other:
        other.unlock(SECRET)
        history = other.history()
        key_care.rotate_archive(archive)
        other.history = lambda: history  # type: ignore[method-assign] # what it knew before
        with pytest.raises((Refused, StoreFailure)):
            key_care.rotate_archive(other)
    in_order(archive)


def test_rotation_takes_a_person(archive: Archive) -> None:
    with Archive.open(archive.folder) as locked:
        before = size(locked)
        for act in (
            lambda: key_care.rotate_archive(locked),
            lambda: key_care.rotate_person(locked, "Canary Person", OTHER, CHEAP),
            lambda: key_care.revoke(locked, locked.author, "stolen"),
            lambda: key_care.suspect(locked, locked.author, 0),
        ):
            with pytest.raises(Locked):
                act()
        assert size(locked) == before
    in_order(archive)


def test_a_person_rotates(archive: Archive) -> None:
    person = archive.working_person()
    wrapped = archive._rows.get(f"person.{person.person}")
    assert wrapped is not None
    assert wrapped in everything(archive.folder)
    value = archive.protect("name", "Somebody")
    archive.vault.flush(size(archive))
    archive.vault.settle()
    new = key_care.rotate_person(archive, "Canary Person", OTHER, CHEAP)
    assert new != person.person
    assert archive.working_person().person == new
    assert archive.vault.open(value).value == "Somebody"
    in_order(archive)
    assert wrapped not in everything(archive.folder)
    with pytest.raises(Locked):
        archive.unlock(SECRET)
    archive.unlock(OTHER)
    names = {each.key: (each.name, each.state) for each in key_care.known(archive)}
    assert names[new] == ("Canary Person", "in force")
    assert names[person.person] == ("Canary Person", "rotated")
    assert key_care.resolve(archive, "Canary Person") == new


def test_nobody_rotates_somebody_else(archive: Archive) -> None:
    other = archive.add_person("Second Person", OTHER, CHEAP)
    before = size(archive)
    with pytest.raises(Refused, match="only its holder"):
        key_care.rotate_person(archive, "Second Person", SECRET, CHEAP)
    with pytest.raises(Refused, match="only its holder"):
        key_care.rotate_person(archive, other, SECRET, CHEAP)
    assert size(archive) == before


# --- revocation ----------------------------------------------------------------------------------


def test_somebody_leaves(archive: Archive) -> None:
    other = archive.add_person("Second Person", OTHER, CHEAP)
    assert key_care.revoke(archive, "Second Person", "left") == other
    in_order(archive)
    with pytest.raises(Locked):
        archive.unlock(OTHER)
    with pytest.raises(Locked):
        protecting.second_person(archive, OTHER)
    with pytest.raises(Refused, match="revoked before"):
        key_care.revoke(archive, other, "left")


def test_wrapped_keys_that_were_left_open_nothing(archive: Archive) -> None:
    """Another program read private.db, or an old copy of it came back."""
    other = archive.add_person("Second Person", OTHER, CHEAP)
    names = [f"{kind}{other}" for kind in ("kdf.", "vault.private.", "person.")]
    left = {name: archive._rows.get(name) for name in names}
    key_care.revoke(archive, other, "left")
    for name, value in left.items():
        assert value is not None
        archive._rows.set(name, value)
    with pytest.raises(Refused, match="not in force"):
        archive.unlock(OTHER)
    with pytest.raises(Refused, match="not in force"):
        protecting.second_person(archive, OTHER)
    archive.unlock(SECRET)
    archive.close()
    with Archive.open(archive.folder) as again:
        again.unlock(SECRET)
        in_order(again)


def test_a_lost_passphrase_another_person_helps(archive: Archive) -> None:
    first = archive.working_person().person
    archive.add_person("Second Person", OTHER, CHEAP)
    archive.unlock(OTHER)
    key_care.revoke(archive, first, "lost")
    archive.add_person("Canary Person", b"a new passphrase", CHEAP)
    archive.unlock(b"a new passphrase")
    in_order(archive)
    assert key_care.resolve(archive, "Canary Person") == archive.working_person().person


def test_the_last_person_and_the_key_in_force_stay(archive: Archive) -> None:
    before = size(archive)
    with pytest.raises(Refused) as caught:
        key_care.revoke(archive, "Canary Person", "left")
    assert caught.value.code == "last_person"
    assert "--add-person" in caught.value.todo
    with pytest.raises(Refused) as caught:
        key_care.revoke(archive, archive.author, "stolen")
    assert caught.value.code == "in_force"
    for reason in ("", "whim"):
        with pytest.raises(Refused):
            key_care.revoke(archive, archive.author, reason)
    for nobody in ("", "k", "key:", "key:" + "0" * 32, "Nobody"):
        with pytest.raises(NotFound):
            key_care.revoke(archive, nobody, "left")
    assert size(archive) == before
    in_order(archive)


def test_who_was_revoked_meanwhile_cannot_speak(archive: Archive) -> None:
    archive.add_person("Second Person", OTHER, CHEAP)
    with Archive.open(archive.folder) as other:
        other.unlock(OTHER)
        key_care.revoke(archive, "Second Person", "left")
        before = size(archive)
        with pytest.raises(Refused) as caught:
            grow(other)
        assert caught.value.code == "author"
        assert size(archive) == before
    in_order(archive)


@pytest.mark.parametrize("act", ["dispose", "erase", "disclose"])
@pytest.mark.parametrize("end", ["revoked", "rotated"])
def test_a_second_person_whose_key_ended_meanwhile_does_not_count(
    archive: Archive, act: str, end: str
) -> None:
    """They gave their passphrase; then another process ended their key; then it is said."""
    archive.add_person("Second Person", OTHER, CHEAP)
    stored = archive.blobs.put(io.BytesIO(b"bytes"))
    archive.say(ObjectStored(sha256=stored.sha256, size=stored.size, kind="video"))
    second = protecting.second_person(archive, OTHER)
    with Archive.open(archive.folder) as other:
        other.unlock(OTHER)
        if end == "revoked":
            key_care.revoke(other, "Second Person", "left")
        else:
            key_care.rotate_person(other, "Second Person", b"their new passphrase", CHEAP)
    acts: dict[str, Callable[[], object]] = {
        "dispose": lambda: disposing.dispose(
            archive, [stored.sha256], ground="court_order", reason="r", second=second
        ),
        "erase": lambda: protecting.erase(archive, 0, ["person_name"], "r", second=second),
        "disclose": lambda: protecting.disclose(archive, 0, ["person_name"], "r", second),
    }
    before = size(archive)
    with pytest.raises(Refused) as caught:
        acts[act]()
    assert caught.value.code == "author"
    assert size(archive) == before
    assert archive.blobs.has(stored.sha256)
    assert protecting.disclose(archive, 0, ["person_name"], "r")
    in_order(archive)


def test_two_processes_do_not_end_the_last_two_keys(archive: Archive) -> None:
    """Each looked while the other's key was in force."""
    first = archive.working_person().person
    second = archive.add_person("Second Person", OTHER, CHEAP)
    with Archive.open(archive.folder) as other:
        other.unlock(SECRET)
        history = other.history()
        key_care.revoke(archive, second, "left")
        other.history = lambda: history  # type: ignore[method-assign] # what it knew before
        before = size(archive)
        with pytest.raises(Refused) as caught:
            key_care.revoke(other, first, "left")
        assert caught.value.code == "last_person"
    assert size(archive) == before
    in_order(archive)


def test_doubt_is_a_signed_statement(
    archive: Archive,
    folder: Path,  # noqa: F811 - the fixture
) -> None:
    collect(archive, folder)
    after = size(archive)
    thief = archive.author
    (folder / "later.bin").write_bytes(b"later")
    collect(archive, folder)
    doubted = [e.index for e in archive.journal.read(after) if e.entry.by == thief]
    assert doubted
    with pytest.raises(Refused) as caught:
        key_care.suspect(archive, thief, after)
    assert caught.value.code == "in_force"
    key_care.rotate_archive(archive)
    key_care.revoke(archive, thief, "stolen")
    assert not any("SUSPECT" in note for note in checking.check(archive).notes)
    said = size(archive)
    key_care.suspect(archive, thief, after)
    (note,) = [each for each in checking.check(archive).notes if "SUSPECT" in each]
    assert note.startswith(
        f"SUSPECT: {len(doubted)} entries by {thief}, from entry {doubted[0]} on"
    )
    assert f"entry {said} says from when" in note
    # a later size does not take doubt back; an earlier one adds to it
    key_care.suspect(archive, thief, after + 1)
    assert archive.history().suspect[thief] == after
    key_care.suspect(archive, thief, 1)
    assert archive.history().suspect[thief] == 1
    known = {each.key: each for each in key_care.known(archive)}
    assert (known[thief].suspect_after, known[thief].reason) == (1, "stolen")
    with pytest.raises(Refused):
        key_care.suspect(archive, thief, size(archive) + 1)
    in_order(archive)


def test_nobody_is_made_to_say_why(archive: Archive) -> None:
    """A key that was only replaced: doubt revokes it, for the reason that the person gives."""
    old = archive.author
    key_care.rotate_archive(archive)
    before = size(archive)
    for reason in ("", "whim"):
        with pytest.raises(Refused) as caught:
            key_care.suspect(archive, old, 1, reason)
        assert "--reason" in caught.value.todo
    assert size(archive) == before
    key_care.suspect(archive, old, 1, "superseded")
    (known,) = [each for each in key_care.known(archive) if each.key == old]
    assert (known.state, known.reason, known.suspect_after) == ("revoked", "superseded", 1)
    in_order(archive)


# --- killed at every step ------------------------------------------------------------------------

_STEPS = (
    *((PrivateDb, name) for name in ("set", "drop", "remove", "add", "settle")),
    (SqlJournal, "append"),
    (key_care, "write_file"),
)


def _change_keys(place: Path, act: str) -> None:
    archive = Archive.open(place)
    archive.unlock(SECRET)
    match act:
        case "archive":
            key_care.rotate_archive(archive)
        case "person":
            key_care.rotate_person(archive, "Canary Person", OTHER, CHEAP)
        case "add":
            archive.add_person("Third Person", b"a third passphrase", CHEAP)
        case _:
            key_care.revoke(archive, "Second Person", "stolen", 1)


@pytest.mark.parametrize("act", ["archive", "person", "add", "revoke"])
def test_killed_at_any_step_it_opens_and_signs(
    act: str, new_archive: Callable[[str], Archive]
) -> None:
    import shutil

    made = new_archive("made")
    made.add_person("Second Person", b"the second passphrase", CHEAP)
    old, entries = seed(made), size(made)
    made.close()
    for step in range(1, 200):
        victim = made.folder.with_name(f"victim-{step}")
        shutil.copytree(made.folder, victim)
        status, words = killed_at(step, _STEPS, functools.partial(_change_keys, victim, act))
        if status == 0:
            break
        assert status == -signal.SIGKILL, words
        with Archive.open(victim) as left:
            happened = size(left) > entries
            assert size(left) in (entries, entries + 1)
            try:
                left.unlock(SECRET)
            except Locked:
                assert act == "person"
                assert happened
                left.unlock(OTHER)
            in_order(left)
            if act == "archive":
                assert (seed(left) != old) is happened
        if act == "archive" and happened:
            assert old not in everything(victim)
        shutil.rmtree(victim)
    else:
        raise AssertionError("it never came to its end")
    assert step > 8, "fewer steps than there are"


def test_private_db_of_another_time_does_not_sign(archive: Archive, tmp_path: Path) -> None:
    """private.db restored from before a rotation: nothing is signed under a key of the past."""
    archive.close()
    before = (archive.folder / "private.db").read_bytes()
    with Archive.open(archive.folder) as later:
        later.unlock(SECRET)
        key_care.rotate_archive(later)
    for left in archive.folder.glob("private.db*"):
        left.unlink()
    (archive.folder / "private.db").write_bytes(before)
    with Archive.open(archive.folder) as broken:
        entries = size(broken)
        broken.unlock(SECRET)
        with pytest.raises(StoreFailure) as caught:
            grow(broken)
        assert caught.value.code == "archive_key"
        assert size(broken) == entries


def test_a_backup_during_a_rotation_fits_together(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the snapshot of the record and that of private.db the key changes."""
    real, taken = backing_up.take, []

    def take(source: Path, copy: Path) -> None:
        real(source, copy)
        taken.append(source.name)
        if taken == ["archive.db"]:
            key_care.rotate_archive(archive)

    monkeypatch.setattr(backing_up, "take", take)
    backing_up.backup(archive, tmp_path / "copy")
    assert taken == ["archive.db", "private.db"] * 2
    with Archive.open(tmp_path / "copy") as copy:
        copy.unlock(SECRET)
        grow(copy)
        assert holds(copy)


def test_a_new_passphrase_is_long_enough_and_ones_own(archive: Archive) -> None:
    """Else all that the one does is signed by the other."""
    archive.add_person("Second Person", OTHER, CHEAP)
    before = size(archive)
    for secret in (SECRET, OTHER, b"", b"x" * 7):
        with pytest.raises(Refused) as caught:
            archive.add_person("Third Person", secret, CHEAP)
        assert caught.value.code == "secret"
    for secret in (OTHER, b"", b"x" * 7):
        with pytest.raises(Refused) as caught:
            key_care.rotate_person(archive, "Canary Person", secret, CHEAP)
        assert caught.value.code == "secret"
    assert size(archive) == before
    key_care.rotate_person(archive, "Canary Person", SECRET, CHEAP)
    archive.add_person("Third Person", b"x" * 8, CHEAP)
    in_order(archive)


def test_values_are_not_sealed_to_a_strangers_key(archive: Archive) -> None:
    """Somebody without a passphrase wrote their own public key into private.db."""
    archive.add_person("Second Person", OTHER, CHEAP)
    right, theirs = archive.keyring.vault_public, X25519PrivateKey.generate()
    archive._rows.set("vault.public", theirs.public_key().public_bytes_raw())
    with Archive.open(archive.folder) as changed:
        for secret in (SECRET, OTHER):
            with pytest.raises(StoreFailure) as caught:
                changed.unlock(secret)
            assert caught.value.code == "vault"
        assert changed.person is None
        with pytest.raises(Locked):
            changed.unlock(b"nobody's passphrase")
    with pytest.raises(StoreFailure):
        protecting.second_person(archive, OTHER)
    archive._rows.set("vault.public", right)
    archive.unlock(SECRET)
    in_order(archive)


@pytest.mark.parametrize("value", [b"", b"\x00", b"{}", b"[]", b'{"salt": "00", "time": 0}'])
def test_damaged_rows_are_said(archive: Archive, tmp_path: Path, value: bytes) -> None:
    """A sentence for each, and somebody whose own row is whole is not locked out."""
    backing_up.backup(archive, tmp_path / "copy")
    second = archive.add_person("Second Person", OTHER, CHEAP)
    rows, first = archive._rows, archive.working_person().person
    place = rows.names("kept.place.")[0]
    with Archive.open(archive.folder) as opened:
        opened.unlock(SECRET)
        acts: dict[str, Callable[[], object]] = {
            place: lambda: opened.vault.kept("place."),
            f"kdf.{first}": lambda: opened.unlock(SECRET),
            "archive.seed": lambda: opened.author,
            "vault.public": lambda: Archive.open(archive.folder),
        }
        for name, act in acts.items():
            good = rows.get(name)
            assert good is not None
            rows.set(name, value)
            with pytest.raises(StoreFailure) as caught:
                act()
            assert name in caught.value.what
            assert "backup" in caught.value.todo
            if name.startswith("kdf."):
                assert opened.unlock(OTHER).person == second
            rows.set(name, good)
    in_order(archive)


def test_a_damaged_catalog_destroys_no_keys(archive: Archive) -> None:
    archive.add_person("Second Person", OTHER, CHEAP)
    people = set(archive.keyring.people)
    archive.close()
    with sqlite3.connect(archive.folder / "archive.db") as connection:
        connection.execute("UPDATE people SET state = 'revoked'")
    connection.close()
    with Archive.open(archive.folder) as damaged:
        assert set(damaged.keyring.people) == people
        damaged.rebuild()
        damaged.unlock(OTHER)


def test_trust_is_a_verifier_key(archive: Archive) -> None:
    assert VerifierKey.parse(archive.trust).name == archive.origin
    assert os.path.exists(archive.folder / "trust.txt")
