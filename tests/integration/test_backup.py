"""Backups: archives themselves, never ruined, never written over when they went their own way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import CHEAP, SECRET
from tests.integration.test_collecting import collect, folder, holds, size  # noqa: F401 - a fixture
from witnessmark import settings
from witnessmark.archive import Archive, backing_up, disposing, key_care, protecting, restoring
from witnessmark.errors import BadInput, Refused, StoreFailure

_KILLED = """
import os, sys
from pathlib import Path
from witnessmark.archive import Archive
archive = Archive.open(Path(sys.argv[1]))
with archive.database.write() as connection:
    connection.exec_driver_sql("CREATE TABLE stale (value)")
archive._rows.set("stale", b"x" * 5000)
os.kill(os.getpid(), 9)
"""


def more(tmp_path: Path, name: str, count: int = 3) -> Path:
    made = tmp_path / name
    made.mkdir()
    for number in range(count):
        (made / f"{number}.bin").write_bytes(os.urandom(3000))
    return made


def check_backup(target: Path, entries: int) -> None:
    with Archive.open(target) as copy:
        assert size(copy) == entries
        assert holds(copy)


@pytest.fixture
def filled(archive: Archive, folder: Path) -> Archive:  # noqa: F811 - the fixture
    collect(archive, folder)
    return archive


def test_a_backup_is_an_archive_and_grows(filled: Archive, tmp_path: Path) -> None:
    target = tmp_path / "deep" / "copy"
    assert backing_up.backup(filled, target)["copied"] == 3
    check_backup(target, size(filled))
    collect(filled, more(tmp_path, "more"))
    assert backing_up.backup(filled, target)["copied"] == 3
    check_backup(target, size(filled))


def test_logs_that_a_killed_program_left_do_not_ruin_it(filled: Archive, tmp_path: Path) -> None:
    """A database under another one's write-ahead log is "malformed"."""
    target = tmp_path / "copy"
    backing_up.backup(filled, target)
    subprocess.run([sys.executable, "-c", _KILLED, str(target)], check=False)
    assert (target / "archive.db-wal").stat().st_size > 0
    assert (target / "private.db-wal").stat().st_size > 0
    collect(filled, more(tmp_path, "more", 30))
    backing_up.backup(filled, target)
    assert not list(target.glob("*-wal"))
    check_backup(target, size(filled))


def test_a_backup_that_was_gone_on_with_stays(filled: Archive, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    backing_up.backup(filled, target)
    with Archive.open(target) as copy:
        collect(copy, more(tmp_path, "theirs"))
        entries = size(copy)
    with pytest.raises(Refused, match="does not have"):
        backing_up.backup(filled, target)
    # also when ours is longer by now: another history of the same archive
    collect(filled, more(tmp_path, "ours", 30))
    assert size(filled) > entries
    with pytest.raises(Refused, match="does not have"):
        backing_up.backup(filled, target)
    check_backup(target, entries)


def test_an_older_copy_does_not_overwrite_the_backup(filled: Archive, tmp_path: Path) -> None:
    old = tmp_path / "old"
    backing_up.backup(filled, old)
    collect(filled, more(tmp_path, "more"))
    backing_up.backup(filled, tmp_path / "copy")
    with Archive.open(old) as older, pytest.raises(Refused, match="does not have"):
        backing_up.backup(older, tmp_path / "copy")
    check_backup(tmp_path / "copy", size(filled))


def test_a_backup_in_use_is_left_alone(filled: Archive, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    backing_up.backup(filled, target)
    with Archive.open(target) as copy:
        assert size(copy)
        with pytest.raises(Refused, match="open in another program"):
            backing_up.backup(filled, target)
    assert not list(target.glob(".*.db.*"))
    backing_up.backup(filled, target)


@pytest.mark.parametrize("at", range(2))
def test_stopped_between_the_two_databases(
    filled: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    target = tmp_path / "copy"
    backing_up.backup(filled, target)
    before = size(filled)
    collect(filled, more(tmp_path, "more"))
    replace, done = Path.replace, []

    def failing(self: Path, to: Path) -> Path:
        if Path(to).name in backing_up.DATABASES:
            if len(done) == at:
                raise OSError(5, "Input/output error")
            done.append(to)
        return replace(self, to)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(OSError, match="Input/output"):
        backing_up.backup(filled, target)
    monkeypatch.undo()
    assert not list(target.glob(".*.db.*"))
    check_backup(target, before)
    backing_up.backup(filled, target)
    check_backup(target, size(filled))


def test_what_killed_backups_left_is_swept(filled: Archive, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    target.mkdir()
    for name in (".archive.db.999999999", ".private.db.999999999", ".archive.db.odd"):
        (target / name).write_bytes(b"half")
    backing_up.backup(filled, target)
    assert not list(target.glob(".*.db.*"))
    check_backup(target, size(filled))


def test_targets_that_are_no_backup(
    filled: Archive, tmp_path: Path, new_archive: Callable[[str], Archive]
) -> None:
    (tmp_path / "file").write_text("x")
    other = tmp_path / "other"
    backing_up.backup(new_archive("another"), other)
    garbage = tmp_path / "garbage"
    shutil.copytree(other, garbage)
    (garbage / "archive.db").write_bytes(b"garbage" * 1000)
    for target, kind, words in (
        (tmp_path / "file", BadInput, "is no folder"),
        (tmp_path / "source", BadInput, "no backup"),
        (other, BadInput, "another archive"),
        (filled.folder, BadInput, "in the archive"),
        (filled.folder / "copy", BadInput, "in the archive"),
        (garbage, StoreFailure, "cannot be read"),
    ):
        with pytest.raises(kind, match=words):
            backing_up.backup(filled, target)
    assert holds(filled)


def test_settings_go_along_when_there_are_any(filled: Archive, tmp_path: Path) -> None:
    (filled.folder / settings.FILE).unlink()
    backing_up.backup(filled, tmp_path / "copy")
    check_backup(tmp_path / "copy", size(filled))


def test_a_person_who_rotates_during_a_backup_can_open_it(
    filled: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, taken = backing_up.take, []

    def late(source: Path, snapshot: Path) -> None:
        take(source, snapshot)
        taken.append(source.name)
        if len(taken) == 1:
            with Archive.open(filled.folder) as other:
                person = other.unlock(SECRET).person
                key_care.rotate_person(other, person, b"another passphrase", CHEAP)

    monkeypatch.setattr(backing_up, "take", late)
    backing_up.backup(filled, tmp_path / "copy")
    restoring.restore(tmp_path / "copy", tmp_path / "new")
    with Archive.open(tmp_path / "new") as again:
        assert again.unlock(b"another passphrase")
        assert holds(again)


def test_a_disposal_during_a_backup_does_not_spoil_it(filled: Archive, tmp_path: Path) -> None:
    name = filled.queries.objects()[0].sha256
    filled.add_person("Second", b"their own passphrase", CHEAP)

    def late(done: int, total: int) -> None:
        if done == total and filled.blobs.has(name):
            with Archive.open(filled.folder) as other:
                other.unlock(SECRET)
                second = protecting.second_person(other, b"their own passphrase")
                disposing.dispose(other, [name], ground="court_order", reason="x", second=second)

    counts = backing_up.backup(filled, tmp_path / "copy", late)
    assert (counts["copied"], counts["held"]) == (3, 0)
    assert not list((tmp_path / "copy").rglob(name))
    restoring.restore(tmp_path / "copy", tmp_path / "new")
    check_backup(tmp_path / "new", size(filled))


def test_pinned_files_go_along_and_databases_do_not(filled: Archive, tmp_path: Path) -> None:
    place = filled.folder
    (place / "certs").mkdir()
    pinned = ("certs/first.pem", "second.pem")
    for each in pinned:
        (place / each).write_text(each)
    refused = ("witness.db", "./Witness.db", "archive.db-wal", "../other.pem", "/etc/hosts", ".")
    for each in refused[:3]:
        (place / each).touch()
    (place / settings.FILE).write_text(
        "".join(
            f'[[anchors.authorities]]\nname = "A{number}"\nroots = "{each}"\n'
            for number, each in enumerate((*pinned, *refused))
        )
    )
    assert backing_up.beside(place)[3:] == list(pinned)
    backing_up.backup(filled, tmp_path / "copy")
    restoring.restore(tmp_path / "copy", tmp_path / "new")
    for where in ("copy", "new"):
        for each in pinned:
            assert (tmp_path / where / each).read_text() == each
        assert not (tmp_path / where / "witness.db").exists()
