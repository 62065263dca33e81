"""The canary: what was erased is in no byte of any file, and the check still holds."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from support.checker import outcome
from support.exports import Chat, Post, telegram_html, telegram_json
from tests.conftest import CHEAP, SECRET
from tests.integration.test_collecting import collect, sightings, size
from tests.integration.test_packages import hand_over
from witnessmark.archive import Archive, checking, protecting
from witnessmark.errors import BadInput, Erased, Locked, NotFound, Refused

NAME, PHONE, PLACE = "Zhirayr Canaryan", "+374 55 010 203", "40.181501"
HANDLE, WORDS = "canary_handle_77", "the canary sings at midnight"
CANARIES = (NAME, PHONE, PHONE.replace(" ", ""), PLACE, HANDLE, WORDS, "Canary Channel")


def everything(*folders: Path) -> bytes:
    return b"\0".join(p.read_bytes() for each in folders for p in each.rglob("*") if p.is_file())


def found(data: bytes) -> list[str]:
    """Canaries in any of the spellings that they could take."""
    spellings = {
        c: (c.encode(), c.encode("utf-16-le"), c.encode().hex().encode()) for c in CANARIES
    }
    return [c for c, forms in spellings.items() if any(form in data for form in forms)]


@pytest.fixture(params=[telegram_json, telegram_html])
def export(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    video = tmp_path / f"{HANDLE}.mp4"
    video.write_bytes(b"\0\0\0\x18ftypisom" + b"v" * 3000)
    words = f"{WORDS}, call {PHONE}, at {PLACE}"
    posts = [
        Post(id=n, text=f"{words} {n}", video=video, sender=NAME, forwarded_from=f"@{HANDLE}")
        for n in (1, 2)
    ]
    posts.append(Post(id=3, text=words, missing="not_included", sender=NAME))
    return request.param(tmp_path / "export", Chat(name="Canary Channel", id=5, posts=posts))


def test_the_canary_is_in_the_export(export: Path) -> None:
    assert {NAME, PHONE, WORDS, "Canary Channel"} <= set(found(everything(export)))


def test_nothing_protected_is_readable_and_nothing_erased_is_left(
    archive: Archive, export: Path, tmp_path: Path
) -> None:
    collect(archive, export)
    package = hand_over(archive, tmp_path / "package")
    assert found(everything(archive.folder, package)) == []
    for recorded in list(archive.journal.read()):
        if recorded.entry.type == "sighting.recorded/1":
            gone = protecting.erase(archive, recorded.index, [], "asked for by the person")
            assert {name for _, name in gone} >= {"caption", "where", "message"}
    for each in sightings(archive):
        assert each.caption is not None
        with pytest.raises(Erased):
            archive.vault.open(each.caption)
    assert found(everything(archive.folder, package)) == []
    assert checking.check(archive).problems == []
    assert outcome(package, archive.trust) == ("holds", "")
    later = hand_over(archive, tmp_path / "later")
    assert outcome(later, archive.trust) == ("holds", "")


def test_the_sealed_bytes_are_gone_too(archive: Archive, export: Path) -> None:
    collect(archive, export)
    entry = next(e for e in archive.journal.read() if e.entry.type == "sighting.recorded/1")
    sealed = archive._rows.value(
        bytes.fromhex(protecting.values(archive, entry.index)["caption"].commitment)
    )
    assert sealed is not None
    assert sealed[:32] in everything(archive.folder)
    protecting.erase(archive, entry.index, ["caption"], "reason")
    assert sealed[:32] not in everything(archive.folder)


def test_an_erased_thing_is_not_collected_again(archive: Archive, export: Path) -> None:
    collect(archive, export)
    entries = [e.index for e in archive.journal.read() if e.entry.type == "sighting.recorded/1"]
    for entry in entries:
        protecting.erase(archive, entry, [], "reason")
    # the same post comes back with another video: a new sighting, and not one word of it
    for video in export.rglob("*.mp4"):
        video.write_bytes(b"\0\0\0\x18ftypisom" + b"w" * 3000)
    before = size(archive)
    run = collect(archive, export)
    assert run.tally.stored == 1
    for recorded in archive.journal.read(before):
        for ref in protecting.values(archive, recorded.index).values():
            if recorded.entry.type == "sighting.recorded/1":
                with pytest.raises(Erased):
                    archive.vault.open(ref)


def test_a_name_can_be_erased_everywhere(archive: Archive, export: Path) -> None:
    collect(archive, export)
    entries = [e.index for e in archive.journal.read() if e.entry.type == "sighting.recorded/1"]
    gone = protecting.erase(archive, entries[0], ["author"], "reason", everywhere=True)
    assert [entry for entry, name in gone if name == "author"] == entries


def test_an_erasure_that_was_cut_off_is_finished(
    archive: Archive, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect(archive, export)
    entry = next(e.index for e in archive.journal.read() if e.entry.type == "sighting.recorded/1")
    ref = protecting.values(archive, entry)["caption"]
    monkeypatch.setattr(type(archive.vault), "finish_erasure", lambda *_: None)
    protecting.erase(archive, entry, ["caption"], "reason")
    assert archive.vault.holds(ref)
    monkeypatch.undo()
    with Archive.open(archive.folder) as again:  # this process is alive: it is still at it
        assert again.vault.holds(ref)
    monkeypatch.setattr("witnessmark.archive.archive.is_alive", lambda _: False)
    with Archive.open(archive.folder) as again:
        assert not again.vault.holds(ref)
        assert not again.vault.planned_erasures()


def test_an_erasure_that_was_never_said_is_forgotten(
    archive: Archive, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect(archive, export)
    entry = next(e.index for e in archive.journal.read() if e.entry.type == "sighting.recorded/1")
    ref = protecting.values(archive, entry)["caption"]
    archive.vault.plan_erasure([(ref, "caption", "")], size(archive))
    monkeypatch.setattr("witnessmark.archive.archive.is_alive", lambda _: False)
    with Archive.open(archive.folder) as again:
        assert again.vault.holds(ref)
        assert not again.vault.planned_erasures()


def test_a_value_in_very_many_entries_can_be_erased(archive: Archive, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    posts = [Post(id=n, text=f"{n}", missing="not_included", sender=NAME) for n in range(1, 1201)]
    telegram_json(folder, Chat(name="A Channel", id=5, posts=posts))
    collect(archive, folder)
    entry = next(e.index for e in archive.journal.read() if e.entry.type == "sighting.recorded/1")
    gone = protecting.erase(archive, entry, ["author"], "reason", everywhere=True)
    assert len(gone) == 1200
    assert not any(archive.vault.holds(s.author) for s in sightings(archive) if s.author)
    assert checking.check(archive).problems == []


def test_a_second_person_signs_with_their_own_key(
    archive: Archive, export: Path, tmp_path: Path
) -> None:
    collect(archive, export)
    entry = next(e.index for e in archive.journal.read() if e.entry.type == "sighting.recorded/1")
    with pytest.raises(Refused, match="is the first"):
        protecting.second_person(archive, SECRET)
    with pytest.raises(Locked):
        protecting.second_person(archive, b"nobody's passphrase")
    her = archive.add_person("Second Canary", b"her own passphrase", CHEAP)
    second = protecting.second_person(archive, b"her own passphrase")
    protecting.disclose(archive, entry, ["caption"], "reason", second)
    protecting.erase(archive, entry, ["caption"], "reason", second=second)
    acts = [archive.journal.entry(n).entry for n in archive.queries.acts("value.erased/1")]
    assert [act.fields["second"] for act in acts] == [her]
    assert checking.check(archive).problems == []
    package = hand_over(archive, tmp_path / "package")
    assert outcome(package, archive.trust) == ("holds", "")


def test_a_second_signature_is_checked(archive: Archive, export: Path) -> None:
    collect(archive, export)
    entry = next(e.index for e in archive.journal.read() if e.entry.type == "sighting.recorded/1")
    archive.add_person("Second Canary", b"her own passphrase", CHEAP)
    second = protecting.second_person(archive, b"her own passphrase")
    forged = dataclasses.replace(second, signing=archive.working_person().signing)
    protecting.disclose(archive, entry, ["caption"], "reason", forged)
    assert [code for code, _ in checking.check(archive).problems] == ["entry_signature"]


def test_none_some_or_all_values_can_be_chosen(archive: Archive, export: Path) -> None:
    collect(archive, export)
    entries = list(archive.journal.read())
    first = next(e.index for e in entries if e.entry.type == "sighting.recorded/1")
    every = protecting.listed(archive, entries)
    assert protecting.select(archive, entries, []) == []
    assert protecting.select(archive, entries, ["all"]) == every
    assert (0, "person_name") in {(each.entry, each.field) for each in every}
    some = protecting.select(archive, entries, ["caption", f"{first}:author"])
    assert {each.field for each in some} == {"caption", "author"}
    assert [each.entry for each in some if each.field == "author"] == [first]
    assert len([each for each in some if each.field == "caption"]) == 3
    here = [e for e in entries if e.index == first]
    assert {each.entry for each in protecting.select(archive, here, ["all"])} == {first}
    protecting.erase(archive, first, ["caption"], "reason")
    assert [each.field for each in protecting.listed(archive, here) if not each.held] == ["caption"]
    again = protecting.select(archive, entries, ["caption"])
    assert [each.entry for each in again] == [each.entry for each in some
                                              if each.field == "caption"][1:]  # fmt: skip
    for wrong in ("nothing", f"{first}:nothing", "0:caption", "999999:caption", ":caption"):
        with pytest.raises(BadInput):
            protecting.select(archive, entries, [wrong])


def test_disclosing_takes_a_person_and_a_reason(archive: Archive, export: Path) -> None:
    collect(archive, export)
    entry = next(e.index for e in archive.journal.read() if e.entry.type == "sighting.recorded/1")
    before = size(archive)
    with pytest.raises(Refused, match="reason"):
        protecting.disclose(archive, entry, ["caption"], " ")
    with Archive.open(archive.folder) as locked, pytest.raises(Locked):
        protecting.disclose(locked, entry, ["caption"], "the court asks")
    with pytest.raises(NotFound):
        protecting.disclose(archive, entry, ["nothing"], "the court asks")
    assert size(archive) == before
    value = protecting.disclose(archive, entry, ["caption"], "the court asks")["caption"]
    assert WORDS in str(value)
    said = archive.journal.entry(before).entry
    assert said.type == "value.disclosed/1"
    assert said.fields["second"] == "alone"
