"""The check of an archive: it sees what was changed, and nothing that was not."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.test_collecting import collect, folder, size  # noqa: F401 - a fixture
from witnessmark.archive import Archive, checking


@pytest.fixture
def filled(archive: Archive, folder: Path) -> Archive:  # noqa: F811 - the fixture
    collect(archive, folder)
    collect(archive, folder, "Party A")
    return archive


def codes(archive: Archive) -> list[str]:
    return [code for code, _ in checking.check(archive).problems]


def change(archive: Archive, *statements: str) -> None:
    """Edits the database as a thief would, without its triggers."""
    connection = sqlite3.connect(archive.folder / "archive.db")
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
    for (name,) in rows.fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_catalog_of_an_earlier_version_is_replayed(filled: Archive) -> None:
    change(filled, "DROP TABLE transfers", "DROP TABLE disposed")
    with Archive.open(filled.folder) as again:
        assert again.queries.disposed() == {}
        assert codes(again) == []


def test_a_whole_archive_holds(filled: Archive) -> None:
    checked = checking.check(filled)
    assert checked.problems == []
    assert checked.entries == size(filled)
    assert checked.checkpoints == len(list(filled.journal.notes())) >= 4
    assert checked.blobs == 3


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE entries SET body = CAST(replace(body, 'video', 'music') AS BLOB)", "root"),
        ("DELETE FROM entries WHERE id = 2", "entry_missing"),
        ("DELETE FROM entries WHERE id = (SELECT max(id) FROM entries)", "damaged_record"),
        ("UPDATE tiles SET hashes = zeroblob(length(hashes))", "leaf"),
        (
            "UPDATE checkpoints SET note = (SELECT note FROM checkpoints c WHERE c.size = 1)",
            "damaged_record",
        ),
        ("DELETE FROM checkpoints WHERE size > 1", "damaged_record"),
        ("UPDATE checkpoints SET note = CAST(note || 'x' AS BLOB) WHERE size = 1", "note"),
        ("DELETE FROM sightings", "catalog"),
        (
            "UPDATE sightings SET outcome = 'failed' WHERE id = (SELECT max(id) FROM sightings)",
            "catalog",
        ),
        ("UPDATE objects SET size = size + 1", "catalog"),
        ("DROP TABLE dates", "catalog"),
        ("UPDATE projected SET size = 3", "catalog"),
    ],
)
def test_every_change_of_the_database_is_seen(filled: Archive, statement: str, code: str) -> None:
    change(filled, statement)
    assert code in codes(filled)


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda path: path.unlink(), "object_missing"),
        (lambda path: path.write_bytes(b"x"), "object_changed"),
        (lambda path: (path.unlink(), path.mkdir()), "object_unreadable"),
    ],
)
def test_every_change_of_an_object_is_seen(
    filled: Archive, damage: Callable[[Path], object], code: str
) -> None:
    path = filled.blobs.path(next(iter(filled.blobs.names())))
    path.chmod(0o644)
    damage(path)
    assert codes(filled) == [code]


def test_a_check_while_others_append_raises_no_alarm(
    filled: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = filled.journal.read

    def slow(start: int = 0, stop: int | None = None) -> object:
        monkeypatch.undo()
        filled.say(filled.journal.entry(1).said)  # type: ignore[arg-type]
        return read(start, stop)

    monkeypatch.setattr(filled.journal, "read", slow)
    before = size(filled)
    checked = checking.check(filled)
    assert checked.problems == []
    assert checked.entries == before
    assert size(filled) == before + 1


def test_files_that_are_not_ours_are_noted(filled: Archive) -> None:
    name = next(iter(filled.blobs.names()))
    (filled.blobs.path(name).parent / ".DS_Store").write_bytes(b"x")
    checked = checking.check(filled)
    assert checked.problems == []
    assert any(".DS_Store" in note for note in checked.notes)


def test_every_table_of_the_catalog_can_be_dropped(filled: Archive) -> None:
    with filled.database.read() as connection:
        from witnessmark.catalog.rebuild import digests

        before = digests(connection)
    assert len(before) > 10
    change(filled, *(f"DROP TABLE {name}" for name in before))
    _, same = filled.rebuild()
    assert not same
    with filled.database.read() as connection:
        assert digests(connection) == before
    assert codes(filled) == []


def test_rebuilding_works_locked_and_changes_nothing(filled: Archive) -> None:
    with Archive.open(filled.folder) as locked:
        assert locked.vault.locked
        assert locked.rebuild() == (size(filled), True)


def test_what_is_only_remembered_may_be_lost(filled: Archive) -> None:
    filled.close()
    for left in (filled.folder / "derived").glob("work.db*"):
        left.write_bytes(b"garbage, not a database" * 100)
    with Archive.open(filled.folder) as again:
        assert codes(again) == []
