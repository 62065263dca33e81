"""The drill: back up, destroy, restore, check, collect on; and what must be refused."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.forge import tokens
from tests.conftest import CHEAP, SECRET
from tests.integration.test_auditing import at, spoil
from tests.integration.test_backup import more
from tests.integration.test_cli import Program, program  # noqa: F401 - a fixture
from tests.integration.test_collecting import collect, folder, holds, size  # noqa: F401 - a fixture
from tests.integration.test_cosigning import by_stick, grow, trusting, watching
from tests.integration.test_packages import hand_over
from witnessmark import settings
from witnessmark.anchoring.certificates import from_pem
from witnessmark.archive import (
    Archive,
    auditing,
    backing_up,
    cosigning,
    disposing,
    key_care,
    protecting,
    restoring,
)
from witnessmark.errors import BadInput, Refused, StoreFailure, WitnessmarkError
from witnessmark.stores import copies


@pytest.fixture
def filled(archive: Archive, folder: Path, tmp_path: Path) -> Archive:  # noqa: F811 - the fixture
    collect(archive, folder)
    backing_up.backup(archive, tmp_path / "copy")
    return archive


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copy"


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "new"


def everything(place: Path) -> dict[Path, bytes]:
    return {p.relative_to(place): p.read_bytes() for p in place.rglob("*") if p.is_file()}


def test_the_drill(filled: Archive, copy: Path, into: Path, tmp_path: Path) -> None:
    entries, trust = size(filled), filled.trust
    where = next(
        each.index for each in filled.journal.read() if each.entry.type == "sighting.recorded/1"
    )
    before = everything(copy)
    filled.close()
    shutil.rmtree(filled.folder)
    done = restoring.restore(copy, into)
    assert everything(copy) == before  # the backup is never written to
    assert (done.checkpoint.size, done.copied, done.missing) == (entries, 3, ())
    with Archive.open(into) as again:
        assert again.trust == trust
        assert holds(again)
        again.unlock(SECRET)
        assert ".mp4" in str(protecting.disclose(again, where, ["where"], "drill")["where"])
        collect(again, tmp_path / "source")
        assert collect(again, more(tmp_path, "more")).tally.stored == 3
        assert holds(again)
        assert again.rebuild()[1]
        backing_up.backup(again, copy)
    assert not list(into.parent.glob(".new*"))
    stood = restoring.stands(into)
    assert stood is not None
    assert stood["size"] == entries


def test_from_the_command_line(program: Program, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a.bin").write_bytes(os.urandom(3000))
    program("collect", "source")
    program("backup", "copy")
    trust = program("keys").splitlines()[-1]
    shutil.rmtree(tmp_path / "archive")
    assert "It stands at the checkpoint of size" in program("restore", "copy", "archive")
    assert program.json("check")["problems"] == []
    assert program("keys").splitlines()[-1] == trust
    assert "Restored at" in program("status")
    assert program.json("show", "0")["protected"] == {"person_name": "Canary Person"}
    assert (tmp_path / "archive" / "trust.txt").read_text().splitlines()[-1] == trust
    program("restore", "copy", "archive", code=1)
    assert "there already" in program.err
    spoil(next((tmp_path / "copy" / "objects").glob("??/*")), "changed")
    program("restore", "copy", "other", code=1)
    assert "--also" in program.err


@pytest.mark.parametrize("how", ["missing", "changed", "short", "empty"])
def test_a_bad_object_is_named_and_taken_from_elsewhere(
    filled: Archive, copy: Path, into: Path, tmp_path: Path, how: str
) -> None:
    name = filled.queries.objects()[0].sha256
    backing_up.backup(filled, tmp_path / "second")
    spoil(at(copy, name), how)
    with pytest.raises(StoreFailure, match=name) as caught:
        restoring.restore(copy, into)
    assert caught.value.code == "backup_damaged"
    assert not into.exists()
    done = restoring.restore(copy, into, also=[tmp_path / "second"])
    assert (done.copied, done.held) == (1, 2)
    with Archive.open(into) as again:
        assert holds(again)


def test_what_is_nowhere_whole_can_be_left_out(filled: Archive, copy: Path, into: Path) -> None:
    name = filled.queries.objects()[0].sha256
    spoil(at(copy, name), "changed")
    assert restoring.restore(copy, into, incomplete=True).missing == (name,)
    with Archive.open(into) as again:
        assert not again.blobs.has(name)
        done = auditing.audit(again, [filled.folder])  # the old archive's disk is found again
        assert done.remaining == []
        assert holds(again)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "an entry": lambda place: _sql(
        place, "UPDATE entries SET body = replace(body, 'folder', 'foldex') WHERE id = 3"
    ),
    "the head": lambda place: _sql(
        place, "DELETE FROM checkpoints WHERE size = (SELECT max(size) FROM checkpoints)"
    ),
    "the tiles": lambda place: _sql(place, "UPDATE tiles SET hashes = zeroblob(length(hashes))"),
    "half a record": lambda place: os.truncate(place / "archive.db", 40_000),
    "garbage": lambda place: (place / "private.db").write_bytes(b"garbage" * 1000),
    "another's vault": lambda place: shutil.copyfile(
        place.with_name("others") / "private.db", place / "private.db"
    ),
    "no vault": lambda place: (place / "private.db").unlink(),
    "no record": lambda place: (place / "archive.db").unlink(),
    "no objects": lambda place: shutil.rmtree(place / "objects"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_tampered_and_half_backups_are_refused(
    filled: Archive, copy: Path, into: Path, new_archive: Callable[[str], Archive], damage: str
) -> None:
    backing_up.backup(new_archive("other"), copy.with_name("others"))
    DAMAGES[damage](copy)
    before = everything(copy)
    with pytest.raises(WitnessmarkError) as caught:
        restoring.restore(copy, into)
    assert caught.value.kept
    assert caught.value.todo
    assert not into.exists()
    assert everything(copy) == before


def _sql(place: Path, statement: str) -> None:
    connection = sqlite3.connect(place / "archive.db")
    guards = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for (name,) in guards:
        connection.execute(f"DROP TRIGGER {name}")
    assert connection.execute(statement).rowcount > 0
    connection.commit()
    connection.close()


def test_what_somebody_planted_in_a_database_does_not_come_along(
    filled: Archive, copy: Path, into: Path
) -> None:
    """A trigger would keep what is erased; erasing after restoring must leave nothing."""
    with sqlite3.connect(copy / "private.db") as connection:
        connection.execute("CREATE TABLE kept (sealed BLOB)")
        connection.execute(
            'CREATE TRIGGER "a "" name" BEFORE DELETE ON sealed_values BEGIN '
            "INSERT INTO kept VALUES (old.sealed); END"
        )
        connection.execute("CREATE VIEW peek AS SELECT * FROM secrets")
    connection.close()
    restoring.restore(copy, into)
    with Archive.open(into) as again:
        again.unlock(SECRET)
        index = next(
            each.index for each in again.journal.read() if each.entry.type == "sighting.recorded/1"
        )
        ref = protecting.values(again, index, ["where"])["where"]
        sealed = again._rows.value(bytes.fromhex(ref.commitment))
        protecting.erase(again, index, [], "asked for")
        assert sealed
        assert all(sealed[:32] not in data for data in everything(into).values())
        with pytest.raises(sqlite3.IntegrityError, match="only grow"):  # our own are there
            sqlite3.connect(into / "archive.db").execute("DELETE FROM entries")


def test_a_try_out_takes_its_key_along(tmp_path: Path) -> None:
    program = Program(tmp_path)  # noqa: F811 - another one
    program.environment.pop("WITNESSMARK_PASSPHRASE")
    program("init", "archive", "--scratch")
    program("backup", "copy")
    shutil.rmtree(tmp_path / "archive")
    program("restore", "copy", "archive")
    assert program.json("show", "0")["protected"] == {"person_name": "nobody"}


def test_a_catalog_alone_is_made_again(filled: Archive, copy: Path, into: Path) -> None:
    _sql(copy, "UPDATE objects SET kind = 'picture'")
    restoring.restore(copy, into)
    with Archive.open(into) as again:
        assert holds(again)


def test_targets_that_are_refused(filled: Archive, copy: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for target in (tmp_path / "file", filled.folder, tmp_path / "source", copy / "in it"):
        with pytest.raises(BadInput):
            restoring.restore(copy, target)
    with pytest.raises(BadInput, match="no backup"):
        restoring.restore(tmp_path / "source", tmp_path / "new")
    (tmp_path / "empty").mkdir()
    restoring.restore(copy, tmp_path / "empty")


def test_a_rollback_is_noticed(
    filled: Archive, copy: Path, into: Path, tmp_path: Path, new_archive: Callable[[str], Archive]
) -> None:
    old = size(filled)
    assert restoring.restore(copy, into, seen=[filled.folder, copy]).rollback == ()
    collect(filled, more(tmp_path, "more"))
    package = hand_over(filled, tmp_path / "package")
    now = size(filled)
    (tmp_path / "note").write_bytes(filled.journal.note())
    for seen in (filled.folder, tmp_path / "note", package / "seal.tlog-proof",
                 package / "data" / "record" / "checkpoint"):  # fmt: skip
        shutil.rmtree(into)
        done = restoring.restore(copy, into, seen=[seen])
        assert done.checkpoint.size == old
        assert old < done.rollback[0] <= now
    other = new_archive("other")
    for wrong in (other.folder, tmp_path / "source" / "words.txt", tmp_path / "nowhere"):
        with pytest.raises(BadInput, match="no checkpoint"):
            restoring.restore(copy, tmp_path / "x", seen=[wrong])


def test_a_fork_is_refused(filled: Archive, copy: Path, into: Path, tmp_path: Path) -> None:
    shutil.copytree(copy, tmp_path / "theirs")
    with Archive.open(tmp_path / "theirs") as theirs:
        collect(theirs, more(tmp_path, "theirs more"))
    collect(filled, more(tmp_path, "ours more", 30))
    shutil.rmtree(copy)
    backing_up.backup(filled, copy)
    with pytest.raises(Refused, match="a fork") as caught:
        restoring.restore(copy, into, seen=[tmp_path / "theirs"])
    assert caught.value.code == "fork"
    assert not into.exists()


def test_what_was_disposed_of_does_not_come_back(
    filled: Archive, copy: Path, into: Path, tmp_path: Path
) -> None:
    name = filled.queries.objects()[0].sha256
    data = filled.blobs.path(name).read_bytes()
    filled.add_person("Second", b"their own passphrase", CHEAP)
    second = protecting.second_person(filled, b"their own passphrase")
    disposing.dispose(filled, [name], ground="out_of_scope", reason="x", second=second)
    backing_up.backup(filled, copy)
    at(copy, name).write_bytes(data)  # a stick that was out of reach of the removal
    restoring.restore(copy, into)
    assert not at(into, name).exists()
    with Archive.open(into) as again:
        assert not again.blobs.has(name)
        assert holds(again)
        assert collect(again, tmp_path / "source").tally.reasons["not_included: disposed"] == 2


def test_a_cut_off_restoration_goes_on(
    filled: Archive, copy: Path, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, done = copies.copy, []

    def cut(*arguments: object, **options: object) -> None:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(arguments)
        real(*arguments, **options)  # type: ignore[arg-type] # handed on as it came

    monkeypatch.setattr(copies, "copy", cut)
    with pytest.raises(KeyboardInterrupt):
        restoring.restore(copy, into)
    monkeypatch.undo()
    assert not into.exists()
    (into.with_name(".new.restoring") / "objects" / "ab").mkdir(exist_ok=True)
    (into.with_name(".new.restoring") / "objects" / "ab" / "stranger").write_bytes(b"x")
    again = restoring.restore(copy, into)
    assert (again.copied, again.held) == (1, 2)
    assert not (into / "objects" / "ab" / "stranger").exists()


def test_what_lies_in_an_unfinished_restoration_is_read(
    filled: Archive, copy: Path, into: Path
) -> None:
    name = filled.queries.objects()[0].sha256
    left = at(into.with_name(".new.restoring"), name)
    left.parent.mkdir(parents=True)
    shutil.copyfile(at(copy, name), left)
    spoil(left, "changed")
    assert restoring.restore(copy, into).held == 0
    with Archive.open(into) as again:
        assert holds(again)


def test_a_snapshot_that_lost_its_name_will_do(filled: Archive, copy: Path, into: Path) -> None:
    """What a stick without a journal may look like when it was pulled out at the wrong moment."""
    (copy / "archive.db").rename(copy / ".archive.db.4711")
    assert restoring.restore(copy, into).checkpoint.size == size(filled)


def test_a_backup_that_a_killed_program_had_open(
    filled: Archive, copy: Path, into: Path, tmp_path: Path
) -> None:
    killed = """
import os, sys
from pathlib import Path
from witnessmark.archive import Archive
from tests.integration.test_collecting import collect
archive = Archive.open(Path(sys.argv[1]))
collect(archive, Path(sys.argv[2]))
os.kill(os.getpid(), 9)
"""
    source = str(more(tmp_path, "more"))
    subprocess.run([sys.executable, "-c", killed, str(copy), source], check=False)
    assert (copy / "archive.db-wal").stat().st_size > 0
    restoring.restore(copy, into)
    with Archive.open(into) as again:
        assert size(again) > size(filled)
        assert holds(again)


def test_killed_at_any_moment_there_is_all_of_it_or_nothing(
    program: Program,  # noqa: F811
    tmp_path: Path,
) -> None:
    (tmp_path / "source").mkdir()
    for number in range(40):
        (tmp_path / "source" / f"{number}.bin").write_bytes(os.urandom(200_000))
    program("collect", "source")
    program("backup", "copy")
    for step in range(8):
        process = program.start("restore", "copy", "new")
        time.sleep(0.3 + 0.15 * step)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
        if (tmp_path / "new").exists():
            break
    if not (tmp_path / "new").exists():
        assert json.loads(program("restore", "copy", "new", "--json"))["size"] > 40
    assert program.json("check", "--archive", "new")["problems"] == []


def test_what_nobody_signed_is_told(filled: Archive, copy: Path, into: Path) -> None:
    assert restoring.restore(copy, into).unsigned == ()
    shutil.rmtree(into)
    pinned = tokens.ROOT.pem
    (copy / "first.pem").write_bytes(pinned)
    (copy / settings.FILE).write_text(
        'proxy = "socks5h://127.0.0.1:9050"\n'
        "[anchors]\ndirect = true\n"
        '[[anchors.authorities]]\nname = "First"\nroots = "first.pem"\n'
        '[[anchors.authorities]]\nname = "Second"\nroots = "none.pem"\n'
    )
    told = restoring.restore(copy, into).unsigned
    print_ = hashlib.sha256(from_pem(pinned)[0].raw).hexdigest()
    for number, words in enumerate(("socks5h", "direct = true", print_, "cannot be read")):
        assert words in told[number]


def test_settings_that_do_not_open_are_refused(filled: Archive, copy: Path, into: Path) -> None:
    (copy / settings.FILE).write_text("nonsense = [")
    with pytest.raises(BadInput, match="would not open") as caught:
        restoring.restore(copy, into)
    assert caught.value.kept
    assert not list(into.parent.glob("*new*"))


def test_not_into_the_folder_that_one_stands_in(
    filled: Archive, copy: Path, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    into.mkdir()
    monkeypatch.chdir(into)
    with pytest.raises(BadInput, match="stand in"):
        restoring.restore(copy, Path())
    assert not list(into.parent.glob(".*restoring"))


def test_keys_before_are_told_to_receivers_again(filled: Archive, copy: Path, into: Path) -> None:
    key_care.rotate_archive(filled)
    backing_up.backup(filled, copy)
    (copy / "trust.txt").write_text("somebody else's key")
    restoring.restore(copy, into)
    told = (into / "trust.txt").read_text()
    assert "# before" in told
    assert told == (filled.folder / "trust.txt").read_text()


def test_a_witness_of_lost_entries_is_explained(
    archive: Archive, new_archive: Callable[[str], Archive], copy: Path, into: Path, tmp_path: Path
) -> None:
    """It refuses for ever, and the sentences name the restore before a thief."""
    partner = new_archive("partner")
    archive = trusting(archive, ("B", watching(partner, "A", archive.trust)))
    grow(archive, 2)
    backing_up.backup(archive, copy)
    stood = size(archive)
    grow(archive, 2)
    cosigning.take(archive, by_stick(archive, partner, tmp_path / "stick"))
    archive.close()
    restoring.restore(copy, into)
    with Archive.open(into) as again:
        again.unlock(SECRET)
        grow(again, 4, "otherwise")
        answer = by_stick(again, partner, tmp_path / "stick", old=stood + 2)
        for _ in range(2):
            with pytest.raises(Refused) as caught:
                cosigning.take(again, answer)
            assert caught.value.code == "fork"
            assert f"restored at size {stood}" in caught.value.what
            assert "never signs this record again" in caught.value.todo
            assert "rotate" not in caught.value.todo
    # a checkpoint from before the restored one is not explained by it
    assert "restored" not in cosigning.fork_error(stood, 9, stood).what
