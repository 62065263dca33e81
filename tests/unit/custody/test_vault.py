"""Protected values: sealed when locked, gone when erased, never guessable."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import CHEAP, SECRET
from witnessmark.custody.keys import Keyring
from witnessmark.custody.vault import SealedVault
from witnessmark.errors import Erased, Locked, StoreFailure
from witnessmark.model import Protected
from witnessmark.record.commitment import commit, opens
from witnessmark.stores.private import PrivateDb

CANARY = "Canary Name +374 55 010203"


@pytest.fixture
def rows(tmp_path: Path) -> PrivateDb:
    return PrivateDb(tmp_path / "private.db")


@pytest.fixture
def ring(rows: PrivateDb) -> Keyring:
    return Keyring.create(rows, SECRET, CHEAP)[0]


def vault(rows: PrivateDb, ring: Keyring, *, locked: bool = False) -> SealedVault:
    private = None if locked else ring.unlock(SECRET).vault
    return SealedVault(rows, ring.vault_public, ring.seen, private)


def erase(held: SealedVault, *refs: tuple[Protected, str, str], everywhere: bool = False) -> None:
    plan = held.plan_erasure(refs, 0, everywhere=everywhere)
    held.finish_erasure(plan, {ref.commitment for ref, _, _ in refs})


def files(rows: PrivateDb, folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("private.db*"))


def test_a_value_goes_in_locked_and_comes_out_unlocked(rows: PrivateDb, ring: Keyring) -> None:
    closed = vault(rows, ring, locked=True)
    ref = closed.protect("author", {"name": CANARY})
    closed.flush(0)
    with pytest.raises(Locked):
        closed.open(ref)
    opened = vault(rows, ring).open(ref)
    assert (opened.field, opened.value) == ("author", {"name": CANARY})
    assert opens(ref, "author", opened.value, opened.salt)


def test_no_salt_is_ever_used_twice(rows: PrivateDb, ring: Keyring) -> None:
    """A guess at a value cannot be tested: equal values have unequal salts, of 32 fresh bytes."""
    held = vault(rows, ring)
    refs = [held.protect("author", CANARY) for _ in range(64)]
    held.flush(0)
    salts = {held.open(ref).salt for ref in refs}
    assert {len(salt) for salt in salts} == {32}
    assert len(salts) == len({ref.commitment for ref in refs}) == 64


def test_nothing_readable_is_on_the_disk(rows: PrivateDb, ring: Keyring, tmp_path: Path) -> None:
    held = vault(rows, ring)
    held.protect("author", CANARY)
    held.flush(0)
    assert CANARY.encode() not in files(rows, tmp_path)


def test_what_was_not_flushed_is_not_there(rows: PrivateDb, ring: Keyring) -> None:
    held = vault(rows, ring)
    ref = held.protect("author", CANARY)
    held.discard()
    held.flush(0)
    with pytest.raises(Erased):
        held.open(ref)


def test_erased_values_leave_no_trace(rows: PrivateDb, ring: Keyring, tmp_path: Path) -> None:
    held = vault(rows, ring)
    refs = [held.protect("author", f"{CANARY} {n}") for n in range(50)]
    held.flush(0)
    sealed = [rows.value(bytes.fromhex(ref.commitment)) for ref in refs]
    assert all(each and each in files(rows, tmp_path) for each in sealed)
    erase(held, *((ref, "author", "") for ref in refs))
    left = files(rows, tmp_path)
    # not even the ciphertext, not in free pages and not in the write-ahead log
    assert not any(each and each[:24] in left for each in sealed)
    with pytest.raises(Erased):
        held.open(refs[0])


def test_without_secure_delete_the_ciphertext_would_stay(tmp_path: Path) -> None:
    """The test above can fail: plain SQLite leaves deleted rows in its free pages."""
    connection = sqlite3.connect(tmp_path / "plain.db")
    connection.execute("PRAGMA secure_delete=OFF")
    connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b BLOB)")
    connection.executemany(
        "INSERT INTO t (b) VALUES (?)", [(b"CANARY%d" % n * 9,) for n in range(99)]
    )
    connection.commit()
    connection.execute("DELETE FROM t")
    connection.commit()
    connection.close()
    assert b"CANARY50" in (tmp_path / "plain.db").read_bytes()


def test_an_erased_place_is_not_collected_again(rows: PrivateDb, ring: Keyring) -> None:
    held = vault(rows, ring)
    ref = held.protect("caption", "old words", "place-1")
    held.flush(0)
    erase(held, (ref, "caption", "place-1"))
    again = held.protect("caption", "new words", "place-1")
    elsewhere = held.protect("caption", "old words", "place-2")
    held.flush(0)
    with pytest.raises(Erased):
        held.open(again)
    assert held.open(elsewhere).value == "old words"


def test_a_value_erased_everywhere_is_not_collected_again(rows: PrivateDb, ring: Keyring) -> None:
    held = vault(rows, ring)
    ref = held.protect("author", CANARY, "place-1")
    held.flush(0)
    erase(held, (ref, "author", "place-1"), everywhere=True)
    for again in (held, vault(rows, ring, locked=True)):
        ref = again.protect("author", CANARY, "place-2")
        again.flush(0)
        with pytest.raises(Erased):
            held.open(ref)


def test_a_value_staged_before_its_erasure_does_not_come_in_after_it(
    rows: PrivateDb, ring: Keyring
) -> None:
    collecting, erasing = vault(rows, ring, locked=True), vault(rows, ring)
    first = erasing.protect("author", CANARY)
    erasing.flush(0)
    staged = collecting.protect("author", CANARY)
    erase(erasing, (first, "author", ""), everywhere=True)
    collecting.flush(0)
    with pytest.raises(Erased):
        erasing.open(staged)


def test_two_erasures_at_once_do_not_forget_each_other(rows: PrivateDb, ring: Keyring) -> None:
    held = vault(rows, ring)
    one, two = held.protect("author", "one"), held.protect("author", "two")
    held.flush(0)
    plans = [held.plan_erasure([(ref, "author", "")], 0) for ref in (one, two)]
    for plan, ref in zip(plans, (one, two), strict=True):
        held.finish_erasure(plan, {ref.commitment})
    assert not held.holds(one)
    assert not held.holds(two)
    assert not held.planned_erasures()


def test_a_reader_that_keeps_the_log_is_said_and_the_plan_stays(
    rows: PrivateDb, ring: Keyring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from witnessmark.stores import database

    held = vault(rows, ring)
    ref = held.protect("author", CANARY)
    held.flush(0)
    rows._database.run("PRAGMA busy_timeout=100")
    reader = sqlite3.connect(rows._database.path)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM sealed_values").fetchall()
    quick = [p for p in database._PRAGMAS if "busy" not in p]
    monkeypatch.setattr(database, "_PRAGMAS", (*quick, "busy_timeout=100"))
    brief = PrivateDb(rows._database.path)
    again = SealedVault(brief, ring.vault_public, ring.seen, ring.unlock(SECRET).vault)
    plan = again.plan_erasure([(ref, "author", "")], 0)
    with pytest.raises(StoreFailure, match="still reads"):
        again.finish_erasure(plan, {ref.commitment})
    assert plan in again.planned_erasures()
    reader.close()
    again.finish_erasure(plan, {ref.commitment})
    assert not again.planned_erasures()


def test_a_value_that_somebody_changed_is_noticed(rows: PrivateDb, ring: Keyring) -> None:
    held = vault(rows, ring)
    one, two = held.protect("author", "one"), held.protect("author", "two")
    held.flush(0)
    connection = sqlite3.connect(rows._database.path)
    connection.execute(
        "UPDATE sealed_values SET sealed = (SELECT sealed FROM sealed_values WHERE commitment = ?) "
        "WHERE commitment = ?",
        (bytes.fromhex(one.commitment), bytes.fromhex(two.commitment)),
    )
    connection.commit()
    connection.close()
    with pytest.raises(StoreFailure):
        held.open(two)


def test_equal_values_have_unequal_commitments(rows: PrivateDb, ring: Keyring) -> None:
    held = vault(rows, ring)
    assert len({held.protect("author", CANARY).commitment for _ in range(20)}) == 20


def test_natural_keys_are_stable_and_keyed(tmp_path: Path, rows: PrivateDb, ring: Keyring) -> None:
    held = vault(rows, ring, locked=True)
    assert held.natural_key("folder", "a") == vault(rows, ring).natural_key("folder", "a")
    assert held.natural_key("folder", "a") != held.natural_key("folder", "b")
    other_rows = PrivateDb(tmp_path / "other.db")
    other = Keyring.create(other_rows, SECRET, CHEAP)[0]
    assert vault(other_rows, other).natural_key("folder", "a") != held.natural_key("folder", "a")


def test_a_wrong_passphrase_opens_nothing(ring: Keyring) -> None:
    with pytest.raises(Locked):
        ring.unlock(b"another passphrase")


def test_a_second_person_opens_the_same_vault(rows: PrivateDb, ring: Keyring) -> None:
    first = ring.unlock(SECRET)
    second = ring.add_person(b"her own passphrase", first.vault, CHEAP)
    held = vault(rows, ring)
    ref = held.protect("author", CANARY)
    held.flush(0)
    hers = SealedVault(rows, ring.vault_public, ring.seen, ring.unlock(b"her own passphrase").vault)
    assert hers.open(ref).value == CANARY
    assert second.person != first.person
    assert set(ring.people) == {first.person, second.person}


@given(
    st.text(max_size=30), st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32)
)
def test_commitments_bind(value: str, salt: bytes, other: bytes) -> None:
    ref = commit("caption", value, salt)
    assert opens(ref, "caption", value, salt)
    assert not opens(ref, "author", value, salt)
    assert not opens(ref, "caption", value + "x", salt)
    assert opens(ref, "caption", value, other) == (salt == other)
