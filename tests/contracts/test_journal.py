"""What every `Journal` must do."""

from __future__ import annotations

import multiprocessing
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.contracts.memory import MemoryJournal
from witnessmark.errors import NotFound, StoreFailure
from witnessmark.model import Entry
from witnessmark.ports import Journal
from witnessmark.record import tiles, tree
from witnessmark.record.checkpoint import Checkpoint
from witnessmark.record.note import VerifierKey, parse, sign
from witnessmark.stores.database import Database
from witnessmark.stores.journal import SqlJournal

ORIGIN = "witnessmark/contract"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
VERIFIER = VerifierKey(ORIGIN, KEY.public_key().public_bytes_raw())


def signer(checkpoint: Checkpoint) -> bytes:
    return sign(checkpoint.text, KEY, checkpoint.origin)


def entry(number: int) -> Entry:
    return Entry(type="test.said/1", by="key:" + "0" * 32, fields={"n": number})


def nothing(connection: object, taken: object) -> None:
    pass


@pytest.fixture(params=["memory", "sqlite"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Journal:
    makers: dict[str, Callable[[], Journal]] = {
        "memory": lambda: MemoryJournal(ORIGIN, signer),
        "sqlite": lambda: SqlJournal(Database(tmp_path / "archive.db"), ORIGIN, signer),
    }
    return makers[request.param]()


def test_entries_get_index_time_and_leaf(journal: Journal) -> None:
    taken = journal.append([entry(1), entry(2)], nothing)
    assert [each.index for each in taken] == [0, 1]
    assert all(each.entry.at.endswith("Z") for each in taken)
    assert all(each.leaf == tree.leaf_hash(each.body) for each in taken)
    assert list(journal.read()) == taken
    assert journal.entry(1) == taken[1]
    assert list(journal.read(1, 2)) == taken[1:]


def test_every_append_ends_in_a_signed_checkpoint(journal: Journal) -> None:
    assert journal.head() is None
    for count in (1, 300, 2):
        journal.append([entry(n) for n in range(count)], nothing)
    head = journal.head()
    assert head is not None
    assert head.size == 303
    assert head.root == tree.fold([each.leaf for each in journal.read()])
    for size in (1, 301, 303):
        note = parse(journal.note(size))
        assert note.check([VERIFIER]) == [VERIFIER]
        assert Checkpoint.parse(note.text).size == size
    assert [size for size, _ in journal.notes()] == [1, 301, 303]
    assert dict(journal.notes())[301] == journal.note(301)
    with pytest.raises(NotFound):
        journal.note(2)


def test_tiles_lead_to_the_root(journal: Journal) -> None:
    journal.append([entry(n) for n in range(700)], nothing)
    head = journal.head()
    assert head is not None
    assert tiles.root_from_edge(700, journal.tile) == head.root
    with pytest.raises(NotFound):
        journal.tile(tiles.Tile(0, 2, 200))


def test_a_failing_projection_takes_everything_back(journal: Journal) -> None:
    journal.append([entry(0)], nothing)

    def fail(connection: object, taken: object) -> None:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        journal.append([entry(1)], fail)
    head = journal.head()
    assert head is not None
    assert head.size == 1
    assert len(list(journal.read())) == 1


def test_the_projection_sees_what_was_taken(journal: Journal) -> None:
    seen: list[int] = []
    journal.append([entry(0)], lambda _, taken: seen.extend(each.index for each in taken))
    assert seen == [0]


def test_nothing_appends_nothing(journal: Journal) -> None:
    assert journal.append([], nothing) == []
    assert journal.head() is None


def test_missing_entries_are_said(journal: Journal) -> None:
    with pytest.raises(NotFound):
        journal.entry(0)


# --- the real store only --------------------------------------------------------------------------


def test_entries_can_only_be_added(tmp_path: Path) -> None:
    journal = SqlJournal(Database(tmp_path / "archive.db"), ORIGIN, signer)
    journal.append([entry(n) for n in range(300)], nothing)
    connection = sqlite3.connect(tmp_path / "archive.db")
    for statement in (
        "UPDATE entries SET body = x'00' WHERE id = 1",
        "DELETE FROM entries WHERE id = 1",
        "DELETE FROM checkpoints",
        "UPDATE checkpoints SET note = x'00'",
        "DELETE FROM tiles",
        "UPDATE tiles SET hashes = x'00'",
    ):
        with pytest.raises(sqlite3.IntegrityError, match="only grow"):
            connection.execute(statement)
    connection.close()


def test_a_record_that_was_changed_is_not_signed_over(tmp_path: Path) -> None:
    journal = SqlJournal(Database(tmp_path / "archive.db"), ORIGIN, signer)
    journal.append([entry(n) for n in range(3)], nothing)
    connection = sqlite3.connect(tmp_path / "archive.db")
    connection.execute("DROP TRIGGER entries_no_delete")
    connection.execute("DELETE FROM entries WHERE id = 2")
    connection.commit()
    connection.close()
    with pytest.raises(StoreFailure) as caught:
        journal.append([entry(9)], nothing)
    assert caught.value.code == "damaged_record"


def test_a_clock_that_went_backwards_is_written_down(tmp_path: Path) -> None:
    times = [datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC) - timedelta(days=9)]
    clock = iter(times)
    journal = SqlJournal(
        Database(tmp_path / "archive.db"), ORIGIN, signer, clock=lambda: next(clock)
    )
    journal.append([entry(0)], nothing)
    journal.append([entry(1)], nothing)
    assert [each.entry.at[:10] for each in journal.read()] == ["2026-05-01", "2026-04-22"]


def _write(path: str, worker: int) -> None:
    journal = SqlJournal(Database(Path(path)), ORIGIN, signer)
    for number in range(40):
        journal.append([entry(worker * 1000 + number)] * (1 + number % 3), nothing)


def test_two_processes_appending_at_once_never_fork(tmp_path: Path) -> None:
    path = tmp_path / "archive.db"
    SqlJournal(Database(path), ORIGIN, signer)
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(str(path), n)) for n in (1, 2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
        assert writer.exitcode == 0
    journal = SqlJournal(Database(path), ORIGIN, signer)
    entries = list(journal.read())
    head = journal.head()
    assert head is not None
    assert [each.index for each in entries] == list(range(len(entries)))
    assert len(entries) == head.size == 2 * sum(1 + n % 3 for n in range(40))
    assert tree.fold([each.leaf for each in entries]) == head.root
    for worker in (1, 2):  # each writer's own order is kept
        said = [e.entry.fields["n"] for e in entries if e.entry.fields["n"] // 1000 == worker]
        assert said == sorted(said)
