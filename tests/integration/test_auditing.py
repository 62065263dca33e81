"""The fixity audit: every bad copy is named, and mended from a good one where there is one."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.conftest import CHEAP, SECRET
from tests.integration.test_cli import Program, program  # noqa: F401 - a fixture
from tests.integration.test_collecting import collect, folder, holds, size  # noqa: F401 - a fixture
from tests.torture.tracing import needs_strace
from witnessmark.archive import Archive, auditing, backing_up, checking, disposing, protecting
from witnessmark.errors import BadInput, Refused
from witnessmark.model import FixityAudited
from witnessmark.stores import copies
from witnessmark.stores.work import Look


@pytest.fixture
def filled(archive: Archive, folder: Path, tmp_path: Path) -> Archive:  # noqa: F811 - the fixture
    collect(archive, folder)
    backing_up.backup(archive, tmp_path / "copy")
    return archive


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return tmp_path / "copy"


def name(archive: Archive) -> str:
    return archive.queries.objects()[0].sha256


def at(place: Path, sha256: str) -> Path:
    return place / "objects" / sha256[:2] / sha256


def spoil(path: Path, how: str) -> None:
    if how == "missing":
        path.unlink()
    elif how != "good":
        whole = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes({"changed": whole[:-1] + b"?", "short": whole[:7], "empty": b""}[how])


def last(archive: Archive) -> FixityAudited:
    said = archive.journal.entry(size(archive) - 1).said
    assert isinstance(said, FixityAudited)
    return said


STATES = ("good", "changed", "missing", "short", "empty")


@pytest.mark.parametrize(("ours", "theirs"), list(itertools.product(STATES, STATES)))
def test_every_combination_of_two_places(
    filled: Archive, copy: Path, ours: str, theirs: str
) -> None:
    victim = name(filled)
    whole = at(copy, victim).read_bytes()
    spoil(at(filled.folder, victim), ours)
    spoil(at(copy, victim), theirs)
    done = auditing.audit(filled)
    wrong = {"short": "changed", "empty": "changed"}
    expected = {
        (place, wrong.get(state, state))
        for place, state in ((filled.folder, ours), (copy, theirs))
        if state != "good"
    }
    where = {each.place: each.folder for each in done.targets}
    assert {(where[each.place], each.what) for each in done.bad} == expected
    lost = ours != "good" and theirs != "good"
    assert {each.repaired for each in done.bad} <= {not lost}
    assert bool(done.remaining) == lost
    if lost:
        assert any("no good copy" in note for note in done.notes)
    else:
        assert at(filled.folder, victim).read_bytes() == at(copy, victim).read_bytes() == whole
    # bad bytes are kept aside, never thrown away, and never copied over anything
    for place, state in ((filled.folder, ours), (copy, theirs)):
        aside = list((place / "damaged").glob(f"{victim}.*"))
        assert len(aside) == (not lost and state in ("changed", "short", "empty"))
        assert all(each.read_bytes() != whole for each in aside)
    said = last(filled)
    assert [each.place == "archive" for each in said.places] == [True, False]
    assert {(each.what, each.repaired) for each in said.bad} == {
        (each.what, each.repaired) for each in done.bad
    }
    assert str(copy).encode() not in filled.journal.entry(done.entry).body
    assert holds(filled) != lost
    if not lost:
        assert auditing.audit(filled).bad == ()


def test_without_repair_nothing_is_touched(filled: Archive, copy: Path) -> None:
    victim = at(filled.folder, name(filled))
    spoil(victim, "changed")
    bad = victim.read_bytes()
    done = auditing.audit(filled, repair=False)
    assert [each.what for each in done.remaining] == ["changed"]
    assert victim.read_bytes() == bad
    assert not (filled.folder / "damaged").exists()
    assert auditing.audit(filled).remaining == []


def test_a_source_that_goes_bad_while_copying_mends_nothing(
    filled: Archive, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verified while copying: what was good when it was read may not be when it is copied."""
    victim = name(filled)
    spoil(at(filled.folder, victim), "changed")
    bad = at(filled.folder, victim).read_bytes()
    real = copies.digest

    def then_spoilt(path: Path, *rest: object) -> str:
        found = real(path, *rest)  # type: ignore[arg-type] # handed on as it came
        if path == at(copy, victim):
            spoil(path, "changed")
        return found

    monkeypatch.setattr(copies, "digest", then_spoilt)
    done = auditing.audit(filled)
    assert [each.repaired for each in done.bad] == [False]
    assert at(filled.folder, victim).read_bytes() == bad
    assert not [p for p in filled.folder.rglob(".*") if p.is_file()]


def test_a_cut_off_audit_goes_on(
    filled: Archive, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, read = copies.digest, []

    def digest(path: Path, *rest: object) -> str:
        if len(read) == 3:
            raise KeyboardInterrupt
        read.append(path)
        return real(path, *rest)  # type: ignore[arg-type] # handed on as it came

    monkeypatch.setattr(copies, "digest", digest)
    before = size(filled)
    with pytest.raises(KeyboardInterrupt):
        auditing.audit(filled)
    assert size(filled) == before
    monkeypatch.undo()
    again: list[Path] = []

    def counted(path: Path, *rest: object) -> str:
        again.append(path)
        return real(path, *rest)  # type: ignore[arg-type] # handed on as it came

    monkeypatch.setattr(copies, "digest", counted)
    done = auditing.audit(filled)
    assert 0 < done.resumed < 6
    assert len(again) == 6 - done.resumed
    assert [each.objects for each in last(filled).places] == [3, 3]
    assert auditing.audit(filled).resumed == 0


def test_another_audit_does_not_go_on_with_it(filled: Archive) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    filled.work.begin_audit("other places", now)
    filled.work.add_audited([Look(name(filled), "archive", 3)])
    assert auditing.audit(filled).resumed == 0
    key = " ".join(["True", *sorted(each.place for each in auditing.audit(filled).targets)])
    filled.work.begin_audit(key, "2020-01-02T03:04:05Z")
    assert auditing.audit(filled).started_at > "2026"  # it would say little about today


def test_what_was_disposed_of_is_not_mended_back(filled: Archive, copy: Path) -> None:
    victim = name(filled)
    filled.add_person("Second", b"their own passphrase", CHEAP)
    second = protecting.second_person(filled, b"their own passphrase")
    disposing.dispose(filled, [victim], ground="out_of_scope", reason="x", second=second)
    done = auditing.audit(filled)
    assert done.bad == ()
    assert not filled.blobs.has(victim)
    assert [each.still_held for each in done.targets] == [0, 1]
    backing_up.backup(filled, copy)
    assert [each.still_held for each in auditing.audit(filled).targets] == [0, 0]


def test_what_is_disposed_of_during_an_audit_is_not_mended_back(
    filled: Archive, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = name(filled)
    filled.add_person("Second", b"their own passphrase", CHEAP)
    second = protecting.second_person(filled, b"their own passphrase")
    real = copies.digest

    def digest(path: Path, *rest: object) -> str:
        if path == at(filled.folder, victim):
            disposing.dispose(filled, [victim], ground="out_of_scope", reason="x", second=second)
        return real(path, *rest)  # type: ignore[arg-type] # handed on as it came

    monkeypatch.setattr(copies, "digest", digest)
    assert auditing.audit(filled).bad == ()
    assert not filled.blobs.has(victim)


def test_a_backup_that_is_behind_misses_nothing(
    filled: Archive, tmp_path: Path, copy: Path
) -> None:
    more = tmp_path / "more"
    more.mkdir()
    (more / "new").write_bytes(b"new")
    collect(filled, more)
    done = auditing.audit(filled)
    assert done.bad == ()
    assert [each.behind for each in done.targets] == [0, 1]


def test_places_that_cannot_be_audited(filled: Archive, copy: Path, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    with pytest.raises(BadInput, match="no backup"):
        auditing.audit(filled, [tmp_path / "nothing"])
    with Archive.open(copy) as theirs:
        collect(theirs, _one_more(tmp_path))
    with pytest.raises(Refused, match="does not have"):
        auditing.audit(filled, [copy])
    assert any("Not looked at" in note for note in auditing.audit(filled).notes)
    os.rename(copy, tmp_path / "drawer")
    done = auditing.audit(filled)
    assert any("not there" in note for note in done.notes)
    assert len(done.targets) == 1
    with Archive.open(filled.folder) as locked:
        assert any("locked" in note for note in auditing.audit(locked).notes)


def _one_more(tmp_path: Path) -> Path:
    made = tmp_path / "one more"
    made.mkdir()
    (made / "x").write_bytes(b"x")
    return made


def test_very_many_bad_copies_are_all_named(archive: Archive, tmp_path: Path) -> None:
    source = tmp_path / "many"
    source.mkdir()
    for number in range(250):
        (source / f"{number}").write_bytes(b"%d" % number)
    collect(archive, source)
    for each in archive.queries.objects():
        spoil(at(archive.folder, each.sha256), "missing")
    done = auditing.audit(archive)
    assert len(done.remaining) == 250
    said = last(archive)
    assert len(said.bad) == 200
    assert said.more is not None
    with archive.blobs.open(said.more.sha256) as file:
        assert len(json.loads(file.read())) == 250
    codes = [code for code, _ in checking.check(archive).problems]
    assert codes == ["object_missing"] * 250


@needs_strace
def test_a_bad_sector_is_named_and_mended(program: Program, tmp_path: Path) -> None:  # noqa: F811
    source = tmp_path / "source"
    source.mkdir()
    for number in range(3):
        (source / f"{number}.bin").write_bytes(os.urandom(70_000))
    program("collect", "source")
    program("backup", "copy")
    victim = next((tmp_path / "archive" / "objects").glob("[0-9a-f][0-9a-f]/*"))
    whole = victim.read_bytes()
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-P", str(victim), "-e",
               "inject=read:error=EIO", sys.executable, "-m", "witnessmark.cli", "audit",
               "--json"]  # fmt: skip
    ran = subprocess.run(
        command, capture_output=True, text=True, env=program.environment, cwd=tmp_path, check=False
    )
    found = json.loads(ran.stdout)
    assert ran.returncode == 0, ran.stderr
    assert [(each["sha256"], each["what"], each["repaired"]) for each in found["bad"]] == [
        (victim.name, "unreadable", True)
    ]
    assert victim.read_bytes() == whole
    # both unreadable: named, and the exit status says it
    command[7:7] = ["-P", str(tmp_path / "copy" / victim.relative_to(tmp_path / "archive"))]
    ran = subprocess.run(
        command, capture_output=True, text=True, env=program.environment, cwd=tmp_path, check=False
    )
    assert ran.returncode == 1
    assert json.loads(ran.stdout)["remaining"] == 2
    assert program.json("check")["problems"] == []


def test_from_the_command_line(program: Program, tmp_path: Path) -> None:  # noqa: F811
    source = tmp_path / "source"
    source.mkdir()
    (source / "clip.mp4").write_bytes(b"\0\0\0\x18ftypisom" + b"v" * 3000)
    program("collect", "source")
    assert "Never audited" in program("status")
    program("backup", "one")
    program("backup", "two")
    victim = next((tmp_path / "one" / "objects").glob("[0-9a-f][0-9a-f]/*"))
    spoil(victim, "changed")
    assert program.json("audit", "--no-repair", code=1)["remaining"] == 1
    assert "1 bad copies remained" in program("status")
    said = program("audit", "--place", "one", "two")
    assert f"mended: {victim.name} was changed in" in said
    assert hashlib.sha256(victim.read_bytes()).hexdigest() == victim.name
    program("audit", "--forget", "two")
    assert len(program.json("audit")["places"]) == 2


def test_two_audits_at_once_are_kept_apart(filled: Archive) -> None:
    refused: list[str] = []

    def meanwhile(*_: int) -> None:
        if not refused:
            with Archive.open(filled.folder) as other, pytest.raises(Refused) as caught:
                auditing.audit(other)
            refused.append(caught.value.code)

    assert auditing.audit(filled, on_progress=meanwhile).remaining == []
    assert refused == ["busy"]
    auditing.audit(filled)
    look = Look(name(filled), "archive", 3)
    filled.work.add_audited([look])
    filled.work.add_audited([look])  # where nobody is kept apart
    assert filled.work.audited() == [look]


def test_the_archive_is_no_second_place(filled: Archive, copy: Path) -> None:
    (link := copy.with_name("link")).symlink_to(filled.folder)
    for folder in (filled.folder, link):  # noqa: F402 - not the fixture
        done = auditing.audit(filled, [folder])
        assert [each.folder for each in done.targets] == [filled.folder, copy]
        assert "is the archive itself" in done.notes[0]
    backing_up.backup(filled, copy)
    with Archive.open(copy) as opened:
        opened.unlock(SECRET)
        assert len(auditing.audit(opened).targets) == 1
