"""Collection into a real archive: the tally sums, nothing comes twice, nothing is lost."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.exports import Chat, Post, telegram_html, telegram_json
from tests.conftest import CHEAP, SCOPE, SECRET
from witnessmark import settings
from witnessmark.archive import Archive, checking, collecting
from witnessmark.collection import clock
from witnessmark.collection.clock import Clock
from witnessmark.collection.run import Channel
from witnessmark.custody.vault import commitments
from witnessmark.errors import BadInput, Locked, StoreFailure
from witnessmark.model import RunRecorded, ScopeChanged, SightingRecorded, Tally


def collect(
    archive: Archive, where: Path, party: str = "unknown", outside_scope: str = ""
) -> RunRecorded:
    collector = collecting.choose(str(where))
    preflight = collector.preflight(str(where))
    channel = Channel(party=party, outside_scope=outside_scope)
    return collecting.collect(archive, str(where), collector, channel, preflight=preflight)


def size(archive: Archive) -> int:
    head = archive.journal.head()
    assert head is not None
    return head.size


def sightings(archive: Archive) -> list[SightingRecorded]:
    said = (each.said for each in archive.journal.read())
    return [each for each in said if isinstance(each, SightingRecorded)]


def holds(archive: Archive) -> bool:
    return not checking.check(archive).problems


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "source"
    (made / "deeper").mkdir(parents=True)
    (made / "one.mp4").write_bytes(b"\0\0\0\x18ftypisom" + b"1" * 5000)
    (made / "deeper" / "two.mp4").write_bytes(b"\0\0\0\x18ftypisom" + b"2" * 5000)
    (made / "copy of one.mp4").write_bytes((made / "one.mp4").read_bytes())
    (made / "words.txt").write_bytes(b"three")
    (made / "empty.mp4").write_bytes(b"")
    return made


def test_the_tally_sums(archive: Archive, folder: Path) -> None:
    run = collect(archive, folder, "Party A")
    assert run.tally == Tally(
        seen=5, stored=3, already_held=1, failed=1, reasons={"failed: zero_bytes": 1}
    )
    assert run.party == "Party A"
    assert len(sightings(archive)) == 5
    assert {row.kind for row in archive.queries.objects()} == {"video", "other"}
    assert holds(archive)


def test_again_adds_one_run_and_nothing_else(archive: Archive, folder: Path) -> None:
    collect(archive, folder)
    before = size(archive)
    again = collect(archive, folder)
    assert size(archive) == before + 1
    assert again.tally == Tally(seen=5, already_held=4, failed=1, reasons={"failed: zero_bytes": 1})


def test_again_without_the_memory_of_files_reads_them_and_adds_nothing(
    archive: Archive, folder: Path
) -> None:
    collect(archive, folder)
    before = size(archive)
    archive.work.close()
    (archive.derived / "work.db").unlink()
    with Archive.open(archive.folder) as fresh:
        collect(fresh, folder)
        assert size(fresh) == before + 1


def test_a_changed_file_is_a_new_sighting_of_its_place(archive: Archive, folder: Path) -> None:
    collect(archive, folder)
    (folder / "words.txt").write_bytes(b"other words")
    run = collect(archive, folder)
    assert (run.tally.stored, run.tally.already_held) == (1, 3)
    places = [each.place for each in sightings(archive)]
    assert len(places) == len(set(places)) + 1


def test_a_failed_item_comes_in_later(archive: Archive, folder: Path) -> None:
    collect(archive, folder)
    (folder / "empty.mp4").write_bytes(b"now it is here")
    assert collect(archive, folder).tally.stored == 1


def test_difficult_names_are_kept(archive: Archive, tmp_path: Path) -> None:
    folder = tmp_path / "names"
    folder.mkdir()
    names = [b"new\nline.mp4", "bidi\u202egpj.mp4".encode(), b"not-utf8-\xff\xfe.mp4", b"  .mp4"]
    for number, name in enumerate(names):
        Path(os.fsdecode(bytes(folder) + b"/" + name)).write_bytes(b"%d" % number)
    assert collect(archive, folder).tally == Tally(seen=4, stored=4)
    from witnessmark.model.json import name_from_json

    found = {name_from_json(archive.vault.open(s.name).value) for s in sightings(archive) if s.name}
    assert found == set(names)


def test_a_symlink_out_is_held_back(archive: Archive, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_bytes(b"not in the folder")
    (folder / "link.mp4").symlink_to(tmp_path / "secret.txt")
    run = collect(archive, folder)
    assert run.tally.quarantined == 1
    assert "quarantined: symlink_outside" in run.tally.reasons
    assert size(archive)
    assert not [n for n in archive.blobs.names() if archive.blobs.size(n) == 17]


def limited(archive: Archive, **limits: int) -> Archive:
    archive.settings = dataclasses.replace(archive.settings, **limits)
    archive.blobs.reserve = archive.settings.reserve_mb << 20
    return archive


def test_a_flood_over_the_quota_is_quarantined(archive: Archive, tmp_path: Path) -> None:
    folder = tmp_path / "flood"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number:02}.bin").write_bytes(b"%d" % number)
    run = collect(limited(archive, quota_items=10), folder)
    assert run.tally == Tally(
        seen=30, stored=10, quarantined=20, reasons={"quarantined: over_quota": 20}
    )
    again = collect(limited(archive, quota_items=200_000), folder)
    assert (again.tally.stored, again.tally.already_held) == (20, 10)


def test_the_disk_reserve_stops_storing_and_is_said(archive: Archive, folder: Path) -> None:
    run = collect(limited(archive, reserve_mb=1 << 40), folder)
    assert run.tally.stored == 0
    assert run.tally.reasons == {"failed: disk_reserve": 5}
    assert collect(limited(archive, reserve_mb=0), folder).tally.stored == 3


def test_a_file_larger_than_memory_allows_is_streamed(archive: Archive, tmp_path: Path) -> None:
    """The 5 GB form is in `make bench`, which prints its peak memory."""
    import tracemalloc

    folder = tmp_path / "large"
    folder.mkdir()
    with open(folder / "large.bin", "wb") as file:
        file.truncate(200 << 20)
    tracemalloc.start()
    assert collect(archive, folder).tally.stored == 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 << 20


def test_a_run_that_was_cut_off_is_named_by_the_next(
    archive: Archive, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from witnessmark.collection import run as room

    monkeypatch.setattr(room, "BATCH_ITEMS", 2)
    real, calls = archive.journal.append, 0

    def dies(*arguments: object) -> object:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(archive.journal, "append", dies)
    with pytest.raises(KeyboardInterrupt):
        collect(archive, folder)
    monkeypatch.setattr(archive.journal, "append", real)
    cut = [row.run for row in archive.queries.runs() if row.tally is None]
    run = collect(archive, folder)
    assert list(run.interrupted) == cut
    assert len(cut) == 1
    assert holds(archive)
    # a cut-off run is named once, not for ever
    assert list(collect(archive, folder).interrupted) == []


def test_a_run_that_was_cut_off_keeps_whose_channel_it_was(
    archive: Archive, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from witnessmark.collection.run import Run

    monkeypatch.setattr(Run, "_cut_off", lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        collect(archive, folder, "Party B")
    assert {row.party for row in archive.queries.sightings()} == {"Party B"}


def test_a_run_under_way_is_not_cut_off(archive: Archive, folder: Path, tmp_path: Path) -> None:
    collect(archive, folder)
    one = sightings(archive)[0]
    other = "f" * 32
    archive.say(dataclasses.replace(one, run=other, place="e" * 32), (f"run:{other}",))
    archive.work.begin(other, os.getpid())
    assert list(collect(archive, folder).interrupted) == []
    archive.work.end(other)
    telegram = telegram_json(tmp_path / "t", Chat(name="A Channel", id=7, posts=[]))
    assert list(collect(archive, telegram).interrupted) == []  # another kind of source
    assert list(collect(archive, folder).interrupted) == [other]


@pytest.mark.parametrize("inside", ["", "objects", ".."])
def test_the_archive_does_not_collect_itself(archive: Archive, inside: str) -> None:
    with pytest.raises(BadInput, match="archive"):
        collect(archive, archive.folder / inside)
    assert size(archive) == 1


def test_a_party_outside_the_scope_is_refused(archive: Archive, folder: Path) -> None:
    with pytest.raises(BadInput, match="not a party"):
        collect(archive, folder, "Party C")
    assert size(archive) == 1


def test_outside_the_scope_a_reason_is_asked_for_and_sealed(archive: Archive, folder: Path) -> None:
    with pytest.raises(BadInput, match="not a party") as caught:
        collect(archive, folder, "Party X", " ")
    assert "--outside-scope" in caught.value.todo
    assert size(archive) == 1
    run = collect(archive, folder, "Party X", "the canary asked")
    assert run.party == "Party X"
    assert run.outside_scope is not None
    assert archive.vault.open(run.outside_scope).value == "the canary asked"
    assert holds(archive)


@pytest.mark.parametrize(
    ("now", "notes"),
    [
        (Clock("synchronised", 7), ()),
        (Clock("unsynchronised"), ("clock_unsynchronised",)),
        (Clock("unknown"), ("clock_unknown",)),
    ],
)
def test_a_run_says_how_far_the_clock_can_be_trusted(
    archive: Archive, folder: Path, monkeypatch: pytest.MonkeyPatch, now: Clock, notes: object
) -> None:
    monkeypatch.setattr(clock, "look", lambda: now)
    run = collect(archive, folder)
    assert (run.clock, run.clock_error_ms, run.notes) == (now.state, now.error_ms, notes)
    assert holds(archive)


@pytest.fixture(params=[telegram_json, telegram_html])
def export(request: pytest.FixtureRequest, tmp_path: Path, folder: Path) -> Path:
    write: Callable[[Path, Chat], Path] = request.param
    posts = [
        Post(id=1, text="first", video=folder / "one.mp4"),
        Post(
            id=2, text="canary words", video=folder / "deeper" / "two.mp4", forwarded_from="Another"
        ),
        Post(id=3, text="third", missing="not_included"),
        Post(id=4, text="fourth", missing="exceeds_maximum_size"),
    ]
    return write(tmp_path / "export", Chat(name="A Channel", id=77, posts=posts))


def test_an_export_comes_in_with_its_words_sealed(archive: Archive, export: Path) -> None:
    run = collect(archive, export, "Party B")
    assert (run.tally.seen, run.tally.stored, run.tally.not_included) == (4, 2, 2)
    said = sightings(archive)
    captions = [archive.vault.open(each.caption).value for each in said if each.caption]
    assert captions == ["first", "canary words", "third", "fourth"]
    assert all(date.grade == "stated" for each in said for date in each.dates)
    assert b"canary" not in b"".join(each.body for each in archive.journal.read())
    before = size(archive)
    assert collect(archive, export, "Party B").tally.not_included == 2
    assert size(archive) == before + 1


def test_edited_words_are_a_sighting_of_their_own(
    archive: Archive, tmp_path: Path, folder: Path
) -> None:
    video = folder / "one.mp4"

    def export(text: str) -> Path:
        posts = [Post(id=1, text=text, video=video)]
        return telegram_json(tmp_path / "edits", Chat(name="A Channel", id=77, posts=posts))

    collect(archive, export("they did it"))
    again = collect(archive, export("they did not do it"))
    assert again.tally.already_held == 1
    captions = [archive.vault.open(s.caption).value for s in sightings(archive) if s.caption]
    assert captions == ["they did it", "they did not do it"]
    assert len({s.place for s in sightings(archive)}) == 1
    before = size(archive)
    collect(archive, export("they did not do it"))
    assert size(archive) == before + 1


def test_collecting_works_locked(archive: Archive, export: Path) -> None:
    with Archive.open(archive.folder) as locked:
        assert locked.vault.locked
        run = collect(locked, export)
        assert run.tally.stored == 2
    caption = sightings(archive)[0].caption
    assert caption is not None
    assert archive.vault.open(caption).value == "first"


def test_an_archive_that_lost_private_db_says_so(archive: Archive, folder: Path) -> None:
    collect(archive, folder)
    trust, entries = archive.trust, size(archive)
    archive.close()
    (archive.folder / "private.db").unlink()
    with pytest.raises(StoreFailure, match=r"private\.db is missing"):
        Archive.open(archive.folder)
    with Archive.open(archive.folder, reading=True) as left:
        assert holds(left)
        assert (left.trust, size(left)) == (trust, entries)
        with pytest.raises(Locked):
            left.vault.open(sightings(left)[0].where)
    assert not (archive.folder / "private.db").exists()


def test_an_archive_on_a_read_only_disk_can_be_read(
    archive: Archive, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect(archive, folder)
    before = {p: p.stat().st_mtime_ns for p in archive.folder.rglob("*")}
    # root may write everywhere, so the answer of a read-only file system is given here
    monkeypatch.setattr("witnessmark.archive.archive.os.access", lambda *_: False)
    with Archive.open(archive.folder, reading=True) as left:
        left.unlock(SECRET)
        assert holds(left)
        assert left.vault.open(sightings(left)[0].where).field == "where"
    assert {p: p.stat().st_mtime_ns for p in archive.folder.rglob("*")} == before


@pytest.mark.parametrize(
    "line", ["reserve = 5", "reserve_mb = -1", "reserve_mb = true", 'quota_mb = "x"', "x = ["]
)
def test_wrong_settings_are_said(tmp_path: Path, line: str) -> None:
    (tmp_path / "archive.toml").write_text(line)
    with pytest.raises(BadInput):
        settings.read(tmp_path)


def test_every_setting_stands_in_a_new_archive(tmp_path: Path) -> None:
    text = settings.text().replace("# ", "", 1)
    uncommented = "\n".join(line.removeprefix("# ") for line in text.splitlines()[1:])
    (tmp_path / "archive.toml").write_text(uncommented)
    assert settings.read(tmp_path) == settings.Settings()


def test_values_of_entries_that_never_came_are_swept(archive: Archive) -> None:
    """A process that died between the vault and the record leaves no name behind."""
    ref = archive.vault.protect("author", "never recorded")
    rows = archive._rows
    archive.vault._process = 999999999
    archive.vault.flush(size(archive))
    assert rows.value(bytes.fromhex(ref.commitment))
    with Archive.open(archive.folder):
        pass
    assert rows.value(bytes.fromhex(ref.commitment)) is None
    assert not rows.unsettled()


@pytest.mark.parametrize("refused", ["before it is signed", "by the record", "while collecting"])
def test_values_of_refused_entries_are_swept_although_others_came(
    archive: Archive,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    refused: str,
) -> None:
    """The same process says something else after the refusal, then it ends."""
    archive.vault._process = 999999999  # as the next process will see this one

    def full(*_: object) -> None:
        raise StoreFailure("The disk is full.", code="disk_full")

    def say() -> None:
        archive.protect("name", "Refused Name")
        archive.say(ScopeChanged(scope=SCOPE, reason="r"))

    with monkeypatch.context() as broken:
        if refused == "before it is signed":
            broken.setattr(archive, "person", None)
        else:
            broken.setattr(archive.journal, "append", full)
        act = (lambda: collect(archive, folder)) if refused == "while collecting" else say
        with pytest.raises((StoreFailure, Locked)):
            act()
    archive.add_person("Second Person", b"another passphrase", CHEAP)
    said = {
        bytes.fromhex(ref.commitment)
        for each in archive.journal.read()
        for ref in commitments(each).values()
    }
    with Archive.open(archive.folder):
        pass
    assert {commitment for commitment, _ in archive._rows.values()} == said
    assert not archive._rows.unsettled()


def test_what_came_with_an_unreadable_medium_is_kept(archive: Archive, tmp_path: Path) -> None:
    folder = tmp_path / "download"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(b"")
    (folder / "a.info.json").write_text('{"id": "1", "extractor_key": "Somewhere"}')
    (folder / "a.jpg").write_bytes(b"\xff\xd8\xff" + bytes(99))
    run = collect(archive, folder)
    assert (run.source, run.tally.failed) == ("ytdlp_folder", 1)
    (seen,) = sightings(archive)
    assert seen.message is not None
    assert len(seen.attachments) == 1


def test_a_companion_that_cannot_be_read_is_said(archive: Archive, tmp_path: Path) -> None:
    folder = tmp_path / "download"
    folder.mkdir()
    (folder / "a.mp4").write_bytes(b"\0\0\0\x18ftypisom" + bytes(99))
    (folder / "a.info.json").write_text('{"id": "1", "extractor_key": "Somewhere"}')
    (folder / "a.jpg").write_bytes(b"")
    collect(archive, folder)
    (seen,) = sightings(archive)
    assert seen.flags is not None
    assert "companions_missing" in seen.flags
