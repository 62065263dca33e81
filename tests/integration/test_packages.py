"""Packages: what goes in, what is refused, and that a stranger's checker sees every change."""

from __future__ import annotations

import csv
import dataclasses
import errno
import io
import json
import os
import secrets
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import bagit
import pytest

from support.checker import outcome
from tests.conftest import ROOT
from tests.integration.test_collecting import collect, folder, size  # noqa: F401 - a fixture
from witnessmark.archive import Archive, collecting, handing_over, outgoing
from witnessmark.archive.handing_over import HandOver
from witnessmark.collection.links import Links
from witnessmark.collection.run import Channel
from witnessmark.errors import BadInput, Locked, Refused, StoreFailure
from witnessmark.model import LinkFound, LinkSegment, SightingRecorded
from witnessmark.ports import Item, Unreadable
from witnessmark.reporting.package import MAX_DISCLOSURE

ANSWERS = dict.fromkeys(handing_over.RISKS, "none that we know of")


def order(archive: Archive, **changes: object) -> HandOver:
    risk = handing_over.record_risk(archive, "share", ANSWERS).index
    plain = {"recipient": "the court", "purpose": "case 1", "risk": risk, "unencrypted": True}
    return HandOver(**{**plain, **changes})


def hand_over(archive: Archive, target: Path, **changes: object) -> Path:
    return handing_over.export(archive, target, order(archive, **changes)).path


@pytest.fixture
def filled(archive: Archive, folder: Path) -> Archive:  # noqa: F811 - the fixture
    collect(archive, folder)
    return archive


def test_a_package_holds_for_a_stranger(filled: Archive, tmp_path: Path) -> None:
    package = hand_over(filled, tmp_path / "package")
    assert outcome(package, filled.trust) == ("holds", "")
    assert outcome(package)[0] == "not_checked"
    assert bagit.Bag(str(package)).is_valid()


def test_another_archives_key_does_not_fit(
    filled: Archive, new_archive: object, tmp_path: Path
) -> None:
    package = hand_over(filled, tmp_path / "package")
    other = new_archive("other")  # type: ignore[operator]
    assert outcome(package, other.trust) == ("refused", "trust")


def test_one_byte_of_anything_is_noticed(filled: Archive, tmp_path: Path) -> None:
    package = hand_over(filled, tmp_path / "package")
    original = next((package / "data" / "objects").iterdir())
    tile = next(p for p in (package / "data" / "record" / "tile").rglob("*") if p.is_file())
    for path in (original, package / "data" / "record" / "entries", tile):
        whole = path.read_bytes()
        path.write_bytes(whole[:-2] + bytes([whole[-2] ^ 1]) + whole[-1:])
        assert outcome(package, filled.trust) == ("refused", "payload_hash")
        path.write_bytes(whole)
    assert outcome(package, filled.trust) == ("holds", "")


def test_recomputed_manifests_do_not_help(filled: Archive, tmp_path: Path) -> None:
    """What `bagit` accepts: an original changed and all manifests made again."""
    package = hand_over(filled, tmp_path / "package")
    original = next((package / "data" / "objects").iterdir())
    original.write_bytes(original.read_bytes() + b"\0\0\0\x08free")
    bag = bagit.Bag(str(package))
    bag.save(manifests=True)
    assert bagit.Bag(str(package)).is_valid()
    assert outcome(package, filled.trust)[0] == "refused"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"recipient": " "}, "recipient"),
        ({"purpose": ""}, "purpose"),
        ({"risk": 0}, "risk record"),
        ({"risk": 10**9}, "risk record"),
        ({"risk": 10**20}, "risk record"),
        ({"risk": -1}, "risk record"),
        ({"unencrypted": False}, "encrypt"),
        ({"age_key": "age1xyz", "unencrypted": True}, "encrypt"),
    ],
)
def test_refusals(filled: Archive, tmp_path: Path, changes: dict, words: str) -> None:
    asked = order(filled, **changes)
    before = size(filled)
    with pytest.raises(Refused, match=words):
        handing_over.export(filled, tmp_path / "package", asked)
    assert size(filled) == before
    assert not list(tmp_path.glob("*package*"))


def test_a_risk_record_can_say_no(filled: Archive, tmp_path: Path) -> None:
    no = handing_over.record_risk(filled, "do_not_share", ANSWERS).index
    with pytest.raises(Refused, match="do not share"):
        handing_over.export(filled, tmp_path / "package", order(filled, risk=no))


def test_nothing_is_redacted_yet_so_nothing_unredacted_leaves(
    filled: Archive, tmp_path: Path
) -> None:
    redact = handing_over.record_risk(filled, "share_redacted", ANSWERS).index
    with pytest.raises(Refused, match="redact"):
        handing_over.export(filled, tmp_path / "package", order(filled, risk=redact))
    assert not (tmp_path / "package").exists()


def test_a_risk_record_serves_one_hand_over(filled: Archive, tmp_path: Path) -> None:
    once = order(filled)
    handing_over.export(filled, tmp_path / "package", once)
    with pytest.raises(Refused, match="served"):
        handing_over.export(filled, tmp_path / "another", once)
    assert not (tmp_path / "another").exists()


@pytest.mark.parametrize("answers", [{}, {**ANSWERS, "uploader": " "}])
def test_a_risk_record_is_complete_or_refused(filled: Archive, answers: dict) -> None:
    before = size(filled)
    with pytest.raises(Refused):
        handing_over.record_risk(filled, "share", answers)
    assert size(filled) == before


def test_a_locked_archive_hands_nothing_over(filled: Archive, tmp_path: Path) -> None:
    asked = order(filled)
    with Archive.open(filled.folder) as locked, pytest.raises(Locked):
        handing_over.export(locked, tmp_path / "package", asked)


def test_a_package_never_takes_the_place_of_another(filled: Archive, tmp_path: Path) -> None:
    hand_over(filled, tmp_path / "package")
    with pytest.raises(BadInput, match="is there already"):
        hand_over(filled, tmp_path / "package")


def test_encrypted_to_the_recipient_only(filled: Archive, tmp_path: Path) -> None:
    import pyrage

    identity = pyrage.x25519.Identity.generate()
    target = tmp_path / "package.tar.age"
    hand_over(filled, target, age_key=str(identity.to_public()), unencrypted=False)
    data = target.read_bytes()
    assert b"bagit" not in data
    (tmp_path / "plain.tar").write_bytes(pyrage.decrypt(data, [identity]))
    with tarfile.open(tmp_path / "plain.tar") as tar:
        tar.extractall(tmp_path / "out", filter="data")
    assert outcome(tmp_path / "out" / "package", filled.trust) == ("holds", "")
    assert not list(tmp_path.glob(".*partial*"))


def test_a_changed_original_does_not_leave(filled: Archive, tmp_path: Path) -> None:
    victim = filled.blobs.path(next(iter(filled.blobs.names())))
    victim.chmod(0o644)
    victim.write_bytes(b"changed")
    with pytest.raises(StoreFailure, match="was changed"):
        hand_over(filled, tmp_path / "package")
    assert not list(tmp_path.glob("*package*"))


def test_disclosed_values_open_and_others_do_not_leave(filled: Archive, tmp_path: Path) -> None:
    package = hand_over(filled, tmp_path / "package", disclose=("name",))
    lines = (package / "data" / "disclosures").read_text().splitlines()
    assert {json.loads(line)["field"] for line in lines} == {"name"}
    assert outcome(package, filled.trust) == ("holds", "")
    assert "deeper" not in "".join(lines)


def test_linked_objects_come_along(filled: Archive, tmp_path: Path) -> None:
    """Nobody can hand over an item without the copies that a link joins with it."""
    a, b, c = sorted(row.sha256 for row in filled.queries.objects())
    segment = LinkSegment(a_start=0, a_end=5, b_start=0, b_end=5, rate="1.0", transform="identity")
    link = LinkFound(
        a=a, b=b, relation="same_footage", score="0.9", fingerprint="1", matcher="1",
        segments=(segment,),
    )  # fmt: skip
    filled.say(link, (f"sha256:{a}", f"sha256:{b}"))
    package = hand_over(filled, tmp_path / "package", objects=(a,))
    assert {p.name for p in (package / "data" / "objects").iterdir()} == {a, b}
    assert outcome(package, filled.trust) == ("holds", "")
    alone = hand_over(filled, tmp_path / "alone", objects=(c,))
    assert {p.name for p in (alone / "data" / "objects").iterdir()} == {c}
    assert outcome(alone, filled.trust) == ("holds", "")


def test_one_sided_collections_say_so(filled: Archive, folder: Path, tmp_path: Path) -> None:  # noqa: F811
    collect(filled, folder, "Party A")
    made = handing_over.export(filled, tmp_path / "package", order(filled))
    assert any("one-sided" in notice and "Party B" in notice for notice in made.notices)
    assert "one-sided" in (tmp_path / "package" / "README.txt").read_text()


def test_a_package_can_be_moved_and_copied(filled: Archive, tmp_path: Path) -> None:
    package = hand_over(filled, tmp_path / "package")
    shutil.copytree(package, tmp_path / "another name")
    assert outcome(tmp_path / "another name", filled.trust) == ("holds", "")


def test_an_install_without_a_checkout_has_the_checker(tmp_path: Path) -> None:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())
    included = table["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    names = ("check.py", "check.html")
    assert included == {f"checker/{name}": f"witnessmark/checker/{name}" for name in names}
    sources = {name: (ROOT / "checker" / name).read_bytes() for name in names}
    assert handing_over.checkers() == sources
    if find_spec("hatchling"):
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
        command += ["--no-build-isolation", "--wheel-dir", str(tmp_path), str(ROOT)]
        subprocess.run(command, check=True)
        with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
            assert {n: wheel.read(f"witnessmark/checker/{n}") for n in names} == sources


def staged(archive: Archive) -> list[Path]:
    return list((archive.derived / "outgoing").iterdir())


def key() -> str:
    import pyrage

    return str(pyrage.x25519.Identity.generate().to_public())


def test_a_truncated_tar_is_no_package(
    filled: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read error in the middle of the tar must not end in a shorter, "successful" package."""
    seen = []

    def failing(member: tarfile.TarInfo) -> tarfile.TarInfo:
        seen.append(member)
        if len(seen) == 6:
            raise OSError(errno.EIO, "Input/output error")
        return member

    monkeypatch.setattr(outgoing, "_anonymous", failing)
    with pytest.raises(StoreFailure, match="Input/output error"):
        hand_over(filled, tmp_path / "p.tar.age", age_key=key(), unencrypted=False)
    assert len(seen) == 6
    assert not list(tmp_path.glob("*p.tar.age*"))
    assert staged(filled) == []


def test_a_full_target_is_no_package(
    filled: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(outgoing, "sync_file", full)
    with pytest.raises(StoreFailure, match="No space"):
        hand_over(filled, tmp_path / "p.tar.age", age_key=key(), unencrypted=False)
    assert not list(tmp_path.glob("*p.tar.age*"))


_KILLED = """
import os, sys
from pathlib import Path
from tests.conftest import SECRET
from tests.integration.test_packages import hand_over, key
from witnessmark.archive import Archive, outgoing
outgoing.send = lambda *_: os.kill(os.getpid(), 9)
archive = Archive.open(Path(sys.argv[1]))
archive.unlock(SECRET)
hand_over(archive, Path(sys.argv[2]), age_key=key(), unencrypted=False, disclose=("name",))
"""


def test_killed_before_encryption_leaves_nothing_in_clear_outside(
    filled: Archive, tmp_path: Path
) -> None:
    outside = tmp_path / "stick"
    command = [sys.executable, "-c", _KILLED, str(filled.folder), str(outside / "p.tar.age")]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -9
    assert list(outside.iterdir()) == []
    (left,) = staged(filled)
    assert (left / "package" / "data" / "disclosures").is_file()
    assert {path.stat().st_mode & 0o777 for path in (left, left.parent)} == {0o700}
    hand_over(filled, tmp_path / "package")
    assert staged(filled) == []


def test_a_stage_in_use_is_not_swept(filled: Archive, tmp_path: Path) -> None:
    with outgoing.staging(filled) as stage:
        hand_over(filled, tmp_path / "package")
        assert staged(filled) == [stage]


def test_everything_is_durable_before_it_has_its_name(
    filled: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, synced = tmp_path / "package", set()

    def sync(where: int | Path) -> None:
        assert isinstance(where, Path) is False or not target.exists() or where == tmp_path
        synced.add(os.stat(where).st_ino)

    monkeypatch.setattr(outgoing, "sync_file", sync)
    monkeypatch.setattr(outgoing, "sync_folder", sync)
    hand_over(filled, target)
    paths = [tmp_path, target, *target.rglob("*")]
    assert {path.stat().st_ino for path in paths} <= synced


def test_to_another_file_system(
    filled: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, target = Path.rename, tmp_path / "package"

    def across(self: Path, to: Path) -> Path:
        if self.parent != to.parent:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", across)
    hand_over(filled, target)
    assert outcome(target, filled.trust) == ("holds", "")
    assert not list(tmp_path.glob(".package*"))
    assert staged(filled) == []


def test_a_long_message_can_be_disclosed_and_a_longer_one_is_refused(
    filled: Archive, tmp_path: Path
) -> None:
    def say(text: str) -> None:
        run = secrets.token_hex(16)
        message = filled.vault.protect("message", text)
        filled.say(
            SightingRecorded(
                run=run,
                source="test",
                place="00" * 16,
                content="00" * 16,
                outcome="not_included",
                message=message,
            ),
            (f"run:{run}",),
        )

    say("x" * (MAX_DISCLOSURE - 200))
    package = hand_over(filled, tmp_path / "package", disclose=("message",))
    assert outcome(package, filled.trust) == ("holds", "")
    say("x" * MAX_DISCLOSURE)
    asked = order(filled, disclose=("message",))
    before = size(filled)
    with pytest.raises(Refused, match="too large"):
        handing_over.export(filled, tmp_path / "another", asked)
    assert size(filled) == before


def test_a_field_that_no_entry_has_is_not_disclosed_silently(
    filled: Archive, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match="captoin"):
        hand_over(filled, tmp_path / "package", disclose=("captoin",))


def test_targets_that_cannot_be_written(filled: Archive, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    asked = order(filled)
    before = size(filled)
    for target in ("file/p", "file", "dangling", "n" * 250):
        with pytest.raises(BadInput):
            handing_over.export(filled, tmp_path / target, asked)
    assert size(filled) == before


class FakeLinks(Links):
    """Links without a network: each leads to its own address as bytes, or is dead."""

    dead = False

    def items(self, where: str) -> Iterator[Item]:
        for item in super().items(where):
            yield dataclasses.replace(item, open=self._opener(item), companions={})

    def _opener(self, item: Item) -> object:
        @contextmanager
        def media() -> Iterator[io.BytesIO]:
            if self.dead:
                raise Unreadable("http_404")
            yield io.BytesIO(json.dumps(item.place).encode())

        return media


def collect_sheet(archive: Archive, sheet: Path, text: str, *, dead: bool = False) -> None:
    sheet.write_text(text)
    links = FakeLinks()
    links.dead = dead
    preflight = links.preflight(str(sheet))
    collecting.collect(archive, str(sheet), links, Channel(), preflight=preflight)


def sheet_rows(archive: Archive) -> list[list[str]]:
    out = io.StringIO()
    count = handing_over.export_sheet(archive, out)
    rows = list(csv.reader(io.StringIO(out.getvalue())))
    assert len(rows) == count + 1
    return rows


def test_columns_of_one_name_stay_apart(archive: Archive, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    collect_sheet(archive, sheet, "link,note,note\nhttp://e.x/1,first,second\n")
    collect_sheet(archive, sheet, "note,link\nthird,http://e.x/2\n")
    headers, one, two = sheet_rows(archive)
    assert headers[:3] == ["link", "note", "note"]
    assert one[:3] == ["http://e.x/1", "first", "second"]
    assert two[:3] == ["http://e.x/2", "third", ""]


def test_a_link_that_died_later_was_still_collected(archive: Archive, tmp_path: Path) -> None:
    sheet, text = tmp_path / "sheet.csv", "link,note\nhttp://e.x/1,first\n"
    collect_sheet(archive, sheet, text, dead=True)
    assert [row[3:5] for row in sheet_rows(archive)[1:]] == [["failed", "http_404"]]
    for dead in (False, True, False):
        collect_sheet(archive, sheet, text, dead=dead)
        ((_, _, _, outcome, reason, sha256, _),) = sheet_rows(archive)[1:]
        assert (outcome, reason) == ("stored", "")
        assert archive.queries.object(sha256)


def test_columns_are_as_they_were_seen_last(archive: Archive, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    collect_sheet(archive, sheet, "link,note\nhttp://e.x/1,first\n")
    collect_sheet(archive, sheet, "link,note,colour\nhttp://e.x/1,edited,red\n", dead=True)
    headers, row = sheet_rows(archive)
    assert headers[:3] == ["link", "note", "colour"]
    assert row[:3] == ["http://e.x/1", "edited", "red"]
    assert row[4] == "stored"
