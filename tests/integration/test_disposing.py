"""Disposal: two persons, bytes gone everywhere, a tombstone that checks, nothing comes back."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from support.checker import outcome
from support.exports import Chat, Post, telegram_json
from tests.conftest import CHEAP
from tests.integration.test_cli import Program, program  # noqa: F401 - a fixture
from tests.integration.test_collecting import collect, folder, holds, size  # noqa: F401 - a fixture
from tests.integration.test_packages import hand_over
from witnessmark.archive import (
    Archive,
    auditing,
    backing_up,
    checking,
    custodying,
    disposing,
    examining,
    matching,
    protecting,
)
from witnessmark.custody.keys import Unlocked
from witnessmark.errors import BadInput, Locked, NotFound, Refused
from witnessmark.model import KeyRevoked, LinkFound, ObjectStored, Recorded, attachments
from witnessmark.model.statement import KeyId, Sha256, Token

WHY = "the canary asked for it"
THEIRS = b"their own passphrase"
Dispose = Callable[..., disposing.Disposal]


@pytest.fixture
def filled(archive: Archive, folder: Path) -> Archive:  # noqa: F811 - the fixture
    collect(archive, folder)
    archive.add_person("Second", THEIRS, CHEAP)
    return archive


@pytest.fixture
def second(filled: Archive) -> Unlocked:
    return protecting.second_person(filled, THEIRS)


@pytest.fixture
def dispose(filled: Archive, second: Unlocked) -> Dispose:
    def act(*names: str, **changes: object) -> disposing.Disposal:
        said = {"ground": "consent_withdrawn", "reason": WHY, "second": second, **changes}
        return disposing.dispose(filled, names, **said)

    return act


def names(archive: Archive) -> list[str]:
    return [row.sha256 for row in archive.queries.objects()]


def everywhere(folder: Path, data: bytes) -> list[Path]:  # noqa: F811 - another folder
    return [p for p in folder.rglob("*") if p.is_file() and data in p.read_bytes()]


def link(archive: Archive, a: str, b: str) -> Recorded:
    a, b = sorted((a, b))
    token = Token("test")
    said = LinkFound(a=Sha256(a), b=Sha256(b), relation=Token("same_footage"), score=Token("1"),
                     fingerprint=token, matcher=token, segments=())  # fmt: skip
    return archive.say(said, (f"sha256:{a}", f"sha256:{b}"))


def test_bytes_go_and_the_tombstone_checks(filled: Archive, dispose: Dispose) -> None:
    name = names(filled)[0]
    with filled.blobs.open(name) as file:
        data = file.read()
    done = dispose(name[:10])
    assert everywhere(filled.folder, data) == []
    assert filled.queries.disposed() == {name: done.entries[0]}
    checked = checking.check(filled)
    assert checked.problems == []
    assert any("disposed of" in note for note in checked.notes)
    recorded = filled.journal.entry(done.entries[0])
    assert WHY.encode() not in recorded.body
    assert recorded.entry.fields["objects"] == [{"sha256": name, "size": len(data)}]
    assert custodying.chain(filled, name)[-1].what == "disposed"
    assert filled.rebuild()[1]
    with pytest.raises(Refused, match="disposed of before"):
        dispose(name)


def test_nobody_disposes_alone(filled: Archive, dispose: Dispose) -> None:
    before, name = size(filled), names(filled)[0]
    mine = filled.working_person()
    for changes, words in (
        ({"second": None}, "alone"),
        ({"second": mine}, "alone"),
        ({"reason": " "}, "reason"),
        ({"ground": "embarrassing"}, "no ground"),
    ):
        with pytest.raises((Refused, BadInput), match=words):
            dispose(name, **changes)
    with pytest.raises(NotFound):
        dispose("ffff" * 16)
    with pytest.raises(BadInput):
        dispose()
    with Archive.open(filled.folder) as locked, pytest.raises(Locked):
        disposing.dispose(locked, [name], ground="out_of_scope", reason=WHY, second=mine)
    assert size(filled) == before
    assert holds(filled)


def test_a_revoked_second_person_does_not_count(filled: Archive, second: Unlocked) -> None:
    filled.say(KeyRevoked(key=KeyId(second.person), reason=Token("left")), (second.person,))
    with pytest.raises(Refused) as caught:
        protecting.second_person(filled, THEIRS)
    assert caught.value.code == "revoked_key"


def test_it_is_not_collected_again(filled: Archive, dispose: Dispose, tmp_path: Path) -> None:
    one = next(n for n in names(filled) if filled.blobs.size(n) > 5000)
    data = filled.blobs.path(one).read_bytes()
    dispose(one)
    again = collect(filled, tmp_path / "source")  # also where the file's sign was remembered
    there = sum(p.read_bytes() == data for p in (tmp_path / "source").rglob("*") if p.is_file())
    assert again.tally.reasons["not_included: disposed"] == there
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "renamed.mp4").write_bytes(data)
    run = collect(filled, other)
    assert run.tally.reasons == {"not_included: disposed": 1}
    assert run.tally.stored == run.tally.already_held == 0
    assert everywhere(filled.folder, data) == []
    before = size(filled)
    collect(filled, other)
    assert size(filled) == before + 1
    assert holds(filled)


def test_a_thumbnail_does_not_come_back_either(
    filled: Archive, dispose: Dispose, tmp_path: Path
) -> None:
    export = tmp_path / "export"
    export.mkdir()
    thumb = b"\xff\xd8\xff\xe0" + b"thumbnail" * 50
    video = tmp_path / "v.mp4"
    video.write_bytes(b"\0\0\0\x18ftypisom" + b"v" * 3000)
    telegram_json(export, Chat(name="A", id=5, posts=[Post(id=1, text="x", video=video)]))
    found = next(export.rglob("*.mp4"))
    thumbs = list(export.rglob("*thumb*"))
    for each in thumbs:
        each.write_bytes(thumb)
    collect(filled, export)
    said = [each.said for each in filled.journal.read()]
    attached = [blob.sha256 for each in said for blob in attachments(each)]
    name = names(filled)[-1]
    done = dispose(name)
    assert sorted(done.plan.attachments) == sorted(set(attached))
    again = tmp_path / "again"
    shutil.copytree(export, again)
    assert collect(filled, again).tally.reasons == {"not_included: disposed": 1}
    for each in {*attached, name}:
        assert not filled.blobs.has(each)
    # with another object it is kept
    found.write_bytes(found.read_bytes() + b"changed")
    collect(filled, export)
    assert not filled.blobs.has(name)
    for each in attached:
        assert filled.blobs.has(each)
    assert attached[0] not in filled.queries.disposed()
    assert holds(filled)


def test_what_was_made_from_it_goes_along(filled: Archive, dispose: Dispose) -> None:
    examining.examine(filled, ["container"])
    one, other = (row.sha256 for row in filled.queries.objects(("video",)))
    copy = filled.blobs.put(BytesIO(b"a viewing copy"))
    filled.say(
        ObjectStored(sha256=Sha256(copy.sha256), size=copy.size, kind=Token("video"),
                     derived_from=Sha256(one)),
        (f"sha256:{copy.sha256}",),
    )  # fmt: skip
    for name in (one, other):
        for path in (matching.fingerprint_path(filled, name),
                     filled.derived / "thumbnails" / f"{name}.jpg",
                     filled.folder / "damaged" / f"{name}.0"):  # fmt: skip
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"made from it")
    outputs = {
        each.said.object: [blob.sha256 for blob in attachments(each.said)]  # type: ignore[union-attr] # by its type
        for each in filled.journal.read()
        if each.entry.type == "finding.recorded/1"
    }
    done = dispose(one)
    assert set(done.plan.objects) == {one, copy.sha256}
    shared = set(outputs[one]) & set(outputs[other])
    assert set(done.plan.attachments) == set(outputs[one]) - shared
    left = [p for p in filled.folder.rglob("*") if p.name[:64] in {one, *done.plan.blobs}]
    assert left == []
    assert len([p for p in filled.folder.rglob("*") if p.name[:64] == other]) == 4
    assert filled.queries.unexamined("metadata", "none")  # others still are
    assert one not in [row.sha256 for row in filled.queries.unexamined("metadata", "none")]
    assert checking.check(filled).problems == []


def test_an_attachment_that_others_need_stays(filled: Archive, dispose: Dispose) -> None:
    examining.examine(filled, ["container"])
    videos = [row.sha256 for row in filled.queries.objects(("video",))]
    blob = filled.blobs.put(BytesIO(b'{"same":"output"}'))
    finding = next(
        each for each in filled.journal.read() if each.entry.type == "finding.recorded/1"
    )
    for name in videos:
        output = {"role": "output", "sha256": blob.sha256, "size": blob.size}
        fields = {**finding.entry.fields, "object": name, "check": "shared", "output": output}
        filled.say(type(finding.said).read(fields), (f"sha256:{name}",))  # type: ignore[union-attr] # by its type
    assert blob.sha256 not in dispose(videos[0]).plan.attachments
    assert filled.blobs.has(blob.sha256)
    assert blob.sha256 in dispose(videos[1]).plan.attachments
    assert holds(filled)


def test_a_copy_that_two_originals_have_in_common_stays(filled: Archive, dispose: Dispose) -> None:
    one, other, _ = names(filled)
    copy = filled.blobs.put(BytesIO(b"the same without its traces"))
    for original in (one, other):
        said = ObjectStored(sha256=Sha256(copy.sha256), size=copy.size, kind=Token("video"),
                            derived_from=Sha256(original))  # fmt: skip
        filled.say(said, (f"sha256:{copy.sha256}",))
    assert copy.sha256 not in dispose(one).plan.blobs
    assert filled.blobs.has(copy.sha256)
    assert copy.sha256 in dispose(other).plan.objects
    assert not filled.blobs.has(copy.sha256)
    assert holds(filled)


def test_an_output_that_comes_again_with_another_file_is_kept(
    filled: Archive, dispose: Dispose, tmp_path: Path
) -> None:
    """Small outputs are alike for many files: one file's end must not take another's finding."""
    examining.examine(filled, ["container"])
    one, other = (row.sha256 for row in filled.queries.objects(("video",)))
    finding = next(
        each for each in filled.journal.read() if each.entry.type == "finding.recorded/1"
    )
    alike = filled.blobs.put(BytesIO(b'{"alike":true}'))
    output = {"role": "output", "sha256": alike.sha256, "size": alike.size}

    def find(name: str) -> None:
        filled.blobs.put(BytesIO(b'{"alike":true}'))
        fields = {**finding.entry.fields, "object": name, "check": "alike", "output": output}
        filled.say(type(finding.said).read(fields), (f"sha256:{name}",))  # type: ignore[union-attr] # by its type

    find(one)
    assert alike.sha256 in dispose(one).plan.attachments
    assert alike.sha256 in filled.queries.disposed()
    find(other)
    assert alike.sha256 not in filled.queries.disposed()
    assert one in filled.queries.disposed()
    with Archive.open(filled.folder) as again:
        assert again.blobs.has(alike.sha256)
        assert holds(again)
        assert again.rebuild()[1]
    package = hand_over(filled, tmp_path / "package")
    assert (package / "data" / "attachments" / alike.sha256).exists()
    assert not (package / "data" / "objects" / one).exists()
    assert outcome(package, filled.trust) == ("holds", "")
    assert alike.sha256 in dispose(other).plan.attachments
    assert holds(filled)


@pytest.mark.parametrize("by_person", [False, True])
def test_contrary_material_does_not_go_silently(
    filled: Archive, dispose: Dispose, by_person: bool
) -> None:
    one, other, third = names(filled)
    if by_person:
        custodying.link(filled, one, other, relation="contradicts", reason=WHY)
    else:
        link(filled, one, other)
    before = size(filled)
    with pytest.raises(Refused, match="linked with material that stays") as caught:
        dispose(one)
    assert caught.value.code == "contrary"
    assert size(filled) == before
    assert filled.blobs.has(one)
    assert dispose(third, contrary_reason="not asked for").plan.contrary == ()
    done = dispose(one, contrary_reason="the court wants it so")
    fields = filled.journal.entry(done.entries[0]).entry.fields
    assert fields["contrary"] is True
    assert set(fields["contrary_reason"]) == {"protected"}  # type: ignore[arg-type] # an object
    assert dispose(other).plan.contrary == ()  # nothing of it stays any more
    assert holds(filled)


def test_both_sides_of_a_link_may_go_together(filled: Archive, dispose: Dispose) -> None:
    one, other, _ = names(filled)
    link(filled, one, other)
    assert dispose(one, other).plan.contrary == ()


def test_a_forged_second_signature_is_found(
    filled: Archive, dispose: Dispose, second: Unlocked
) -> None:
    forged = dataclasses.replace(second, signing=filled.working_person().signing)
    dispose(names(filled)[0], second=forged)
    assert checking.check(filled).problems[0][0] == "entry_signature"


def test_a_disposal_that_was_cut_off_is_finished(
    filled: Archive, dispose: Dispose, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = names(filled)[0]
    print_ = matching.fingerprint_path(filled, name)
    print_.parent.mkdir(parents=True)
    print_.write_bytes(b"made from it")
    with monkeypatch.context() as cut:
        cut.setattr(disposing, "destroy", _killed)
        with pytest.raises(KeyboardInterrupt):
            dispose(name)
    assert filled.blobs.has(name)
    assert [code for code, _ in checking.check(filled).problems] == ["disposed_held"]
    filled.blobs.remove(name)  # the kill may come between any two files
    monkeypatch.setattr("witnessmark.archive.archive.is_alive", lambda _: False)
    with Archive.open(filled.folder) as again:
        assert not print_.exists()
        assert again.vault.kept_names("disposing.") == []
        assert holds(again)


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_plan_that_was_never_said_destroys_nothing(
    filled: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.vault.keep("disposing.1-x", names(filled))
    monkeypatch.setattr("witnessmark.archive.archive.is_alive", lambda _: False)
    with Archive.open(filled.folder) as again:
        assert again.vault.kept_names("disposing.") == []
        assert holds(again)


def test_bytes_put_back_by_hand_go_again(filled: Archive, dispose: Dispose) -> None:
    name = names(filled)[0]
    data = filled.blobs.path(name).read_bytes()
    dispose(name)
    filled.blobs.path(name).write_bytes(data)
    assert [code for code, _ in checking.check(filled).problems] == ["disposed_held"]
    with Archive.open(filled.folder) as again:
        assert not again.blobs.has(name)


@pytest.fixture
def find(filled: Archive) -> Callable[[str], str]:
    """Puts the same output in and says a finding of an object with it; the output's name."""
    examining.examine(filled, ["container"])
    finding = next(
        each for each in filled.journal.read() if each.entry.type == "finding.recorded/1"
    )

    def act(name: str, say: bool = True) -> str:
        alike = filled.blobs.put(BytesIO(b'{"alike":true}'))
        output = {"role": "output", "sha256": alike.sha256, "size": alike.size}
        fields = {**finding.entry.fields, "object": name, "check": "alike", "output": output}
        if say:
            filled.say(type(finding.said).read(fields), (f"sha256:{name}",))  # type: ignore[union-attr] # by its type
        return alike.sha256

    return act


def test_an_output_that_came_again_is_not_missing_from_older_backups(
    filled: Archive, dispose: Dispose, find: Callable[[str], str], tmp_path: Path
) -> None:
    one, other = (row.sha256 for row in filled.queries.objects(("video",)))
    find(one)
    dispose(one)
    backing_up.backup(filled, tmp_path / "copy")
    find(other)
    done = auditing.audit(filled)
    assert done.bad == ()
    assert done.targets[1].behind == 1


def test_what_was_destroyed_is_not_given_away(filled: Archive, dispose: Dispose) -> None:
    one, other, _ = names(filled)
    dispose(one)
    before = size(filled)
    with pytest.raises(Refused, match="disposed of"):
        custodying.transfer(filled, [other, one], to_whom="x", reason=WHY, method="post")
    with pytest.raises(Refused, match="disposed of"):
        custodying.receive(filled, [one], from_whom="x", reason=WHY, method="post")
    assert size(filled) == before


@pytest.mark.parametrize("killed", [False, True])
def test_opening_leaves_an_output_that_is_about_to_be_said(
    filled: Archive,
    dispose: Dispose,
    find: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    killed: bool,
) -> None:
    one, other = (row.sha256 for row in filled.queries.objects(("video",)))
    output = find(one)
    dispose(one)
    if killed:  # of another disposal that was cut off, only what that one said goes
        filled.vault.keep(f"disposing.1-x-{size(filled)}", True)
        monkeypatch.setattr("witnessmark.archive.archive.is_alive", lambda _: False)
    find(other, say=False)
    Archive.open(filled.folder, reading=True).close()
    assert filled.blobs.has(output)
    find(other)
    assert checking.check(filled).problems == []


@pytest.mark.parametrize("what", ["finding", "link", "disposal", "nothing of it"])
def test_what_others_say_between_plan_and_entry_counts(
    filled: Archive,
    dispose: Dispose,
    find: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    one, other = (row.sha256 for row in filled.queries.objects(("video",)))
    third = next(n for n in names(filled) if n not in (one, other))
    output, planned, plan = find(one), list[str](), disposing.plan

    def late(archive: Archive, chosen: list[str]) -> disposing.Plan:
        made = plan(archive, chosen)
        planned.append(chosen[0])
        if len(planned) == 1:
            match what:
                case "finding":
                    find(other)
                case "link":
                    custodying.link(filled, other, one, relation="contradicts", reason=WHY)
                case "disposal":
                    dispose(other)
                case _:
                    custodying.receive(filled, [third], from_whom="x", reason=WHY, method="post")
        return made

    monkeypatch.setattr(disposing, "plan", late)
    if what == "link":
        with pytest.raises(Refused, match="linked with material"):
            dispose(one)
        assert filled.blobs.has(one)
    else:
        dispose(one)
        assert filled.blobs.has(output) == (what == "finding")
        assert len(planned) == {"finding": 2, "disposal": 3}.get(what, 1)
    assert checking.check(filled).problems == []
    assert filled.vault.kept_names("disposing.") == []


def test_backups_that_hold_it_are_named_and_follow(
    filled: Archive, dispose: Dispose, tmp_path: Path
) -> None:
    name = names(filled)[0]
    data = filled.blobs.path(name).read_bytes()
    for each in ("one", "two", "gone"):
        backing_up.backup(filled, tmp_path / each)
    os.rename(tmp_path / "gone", tmp_path / "in a drawer")
    done = dispose(name)
    assert {place.folder.name for place in done.holding} == {"one", "two"}
    assert [place.folder.name for place in done.unreachable] == ["gone"]
    backing_up.backup(filled, tmp_path / "one")
    assert everywhere(tmp_path / "one", data) == []
    with Archive.open(tmp_path / "one") as copy:
        assert holds(copy)
    assert {each.folder.name for each in dispose(names(filled)[1]).holding} == {"one", "two"}


def test_many_objects_take_several_entries(archive: Archive, tmp_path: Path) -> None:
    source = tmp_path / "many"
    source.mkdir()
    for number in range(600):
        (source / f"{number}").write_bytes(b"%d" % number)
    collect(archive, source)
    archive.add_person("Second", THEIRS, CHEAP)
    second = protecting.second_person(archive, THEIRS)
    done = disposing.dispose(
        archive, names(archive), ground="out_of_scope", reason=WHY, second=second
    )
    assert len(done.entries) == 3
    assert list(archive.blobs.names()) == []
    assert holds(archive)


def test_from_the_command_line(program: Program, tmp_path: Path) -> None:  # noqa: F811
    source = tmp_path / "source"
    source.mkdir()
    (source / "clip.mp4").write_bytes(b"\0\0\0\x18ftypisom" + b"v" * 3000)
    program("collect", "source")
    name = next((tmp_path / "archive" / "objects").glob("[0-9a-f][0-9a-f]/*")).name
    words = ("dispose", name[:8], "--ground", "court_order", "--reason", "order 5")
    program(*words, code=1)
    assert "--yes" in program.err
    assert program.json("show", name[:8])["disposed_by"] is None
    words += ("--yes",)
    program(*words, code=1)
    assert "second person" in program.err
    program.environment["WITNESSMARK_NEW_PASSPHRASE"] = "a second passphrase"
    program("keys", "--add-person", "Second")
    program.environment["WITNESSMARK_SECOND_PASSPHRASE"] = "a passphrase for tests"
    program(*words, code=1)
    assert "is the first" in program.err
    program.environment["WITNESSMARK_SECOND_PASSPHRASE"] = "a second passphrase"
    assert program.json(*words)["objects"] == [name]
    assert "disposed of" in program("status")
    assert "bytes are gone" in program("show", name[:8])
    assert "disposed of" in program("check")
    assert program.json("status")["disposed"] == 1
    assert program.json("collect", "source")["tally"]["reasons"] == {"not_included: disposed": 1}
