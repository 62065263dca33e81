"""Renewals of hashes: made, stamped by a real authority, handed over, looked at again."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support import authority as authorities
from support.authority import Authority
from tests.integration.test_anchoring import DOOR, go, name, news, relied_until, said, size
from tests.integration.test_collecting import collect, folder  # noqa: F401 - a fixture
from tests.integration.test_outside import checked, keys
from tests.integration.test_packages import hand_over
from witnessmark.anchoring.http import Door
from witnessmark.archive import Archive, anchoring, backing_up, checking, renewing, stamps
from witnessmark.errors import BadInput, Refused, StoreFailure
from witnessmark.model import AnchorFailed, DigestsRenewed, RenewalAnchored

pytestmark = pytest.mark.skipif(not authorities.OPENSSL, reason="there is no openssl here")


def renew(archive: Archive, hash_name: str = "sha512") -> list[str]:
    return [each.reason or each.state for each in renewing.renew(archive, hash_name, door=DOOR)[1]]


@pytest.fixture
def strong(archive: Archive, first: Authority, folder: Path) -> Authority:  # noqa: F811 - the fixture
    """An authority that signs by SHA-512, for an archive that holds something."""
    collect(archive, folder)
    name(archive, first)
    first.digest = "sha512"
    return first


def test_a_renewal_is_in_the_package_and_stands(
    archive: Archive, strong: Authority, tmp_path: Path
) -> None:
    go(archive)
    assert renew(archive) == ["stamped"]
    (made,) = said(archive, DigestsRenewed)
    row = stamps.blob(archive, made.row.sha256)
    assert len(row) == 64 * made.size
    assert hashlib.sha512(row).digest() in strong.asked[-1]
    assert not checking.check(archive).problems
    package = hand_over(archive, tmp_path / "p")
    (own,) = (package / "data" / "renewals").iterdir()
    lines = (own / "files").read_text().splitlines()
    assert len(lines) == len({each.split()[0] for each in lines}) > 2
    assert {each.name for each in own.iterdir()} == {"row", "files", "stamp-1.tsr"}
    found = checked(package, keys(tmp_path, archive.trust), strong.roots)
    assert found["outcome"] == "holds", found["sentence"]
    assert "not_renewed" not in found["reports"]
    stored = {path.name for path in (package / "data" / "attachments").iterdir()}
    assert made.files.sha256 not in stored  # the list of all files stays here


def test_a_copy_for_sharing_carries_it_too(
    archive: Archive, strong: Authority, tmp_path: Path
) -> None:
    """Of part of the archive: no line for a file that no entry there names."""
    renew(archive)
    one = archive.queries.objects()[0].sha256
    package = hand_over(archive, tmp_path / "p", objects=[one])
    (own,) = (package / "data" / "renewals").iterdir()
    lines = (own / "files").read_text()
    assert one in lines
    others = {row.sha256 for row in archive.queries.objects()} - {one}
    entries = (package / "data" / "record" / "entries").read_text()
    assert others
    assert all(other in entries or other not in lines for other in others)
    found = checked(package, keys(tmp_path, archive.trust), strong.roots)
    assert found["outcome"] == "holds", found["sentence"]
    assert "not_renewed" not in found["reports"]


def test_it_is_made_once_and_asked_for_again(archive: Archive, strong: Authority) -> None:
    strong.mood = "garbage"
    assert renew(archive) == ["malformed"]
    assert "gave no stamp" in anchoring.failures(archive)[0]
    strong.mood = ""
    assert renew(archive) == ["stamped"]
    assert not anchoring.failures(archive)
    entries = size(archive)
    assert (renew(archive), size(archive)) == (["held"], entries)
    assert len(said(archive, DigestsRenewed)) == 1
    assert renew(archive, "sha384") == ["stamped"]
    assert archive.rebuild()[1]


def test_after_news_everything_is_renewed_again(
    archive: Archive, strong: Authority, tmp_path: Path
) -> None:
    renew(archive)
    news(archive, tmp_path)
    assert renew(archive) == ["stamped"]
    first, second = said(archive, DigestsRenewed)
    assert first.size < second.size
    assert {each.renewal for each in said(archive, RenewalAnchored)} == {
        each.index for each in renewing.renewals(archive)
    }
    assert not checking.check(archive).problems


def test_a_stamp_that_rests_on_sha256_is_no_stamp(archive: Archive, strong: Authority) -> None:
    strong.digest = "sha256"
    assert renew(archive) == ["weak"]
    assert [each.reason for each in said(archive, AnchorFailed)] == ["weak"]
    assert not said(archive, RenewalAnchored)


def test_a_changed_file_is_not_made_right(archive: Archive, strong: Authority) -> None:
    path = archive.blobs.path(archive.queries.objects()[0].sha256)
    path.chmod(0o600)
    path.write_bytes(b"another")
    entries = size(archive)
    with pytest.raises(StoreFailure) as caught:
        renew(archive)
    assert (caught.value.code, size(archive)) == ("object_changed", entries)


def test_a_file_that_is_gone_is_said_to_be(
    archive: Archive, strong: Authority, tmp_path: Path
) -> None:
    name_ = archive.queries.objects()[0].sha256
    held = archive.blobs.path(name_).read_bytes()
    archive.blobs.path(name_).unlink()
    assert renew(archive) == ["stamped"]
    assert renewing.digests(archive, renewing.renewals(archive)[0])[name_] == b""
    path = archive.blobs.path(name_)
    path.write_bytes(held)  # found again: the renewal did not have it
    found = checked(hand_over(archive, tmp_path / "p"), keys(tmp_path, archive.trust), strong.roots)
    assert (found["outcome"], "not_renewed" in found["reports"]) == ("holds", True)


def test_check_finds_a_renewal_of_something_else(
    archive: Archive, strong: Authority, tmp_path: Path
) -> None:
    renew(archive)
    (kept,) = said(archive, DigestsRenewed)
    archive.say(DigestsRenewed(hash=kept.hash, size=kept.size - 1, row=kept.row, files=kept.files))
    ((code, what),) = checking.check(archive).problems
    assert (code, "not of this record" in what) == ("renewal", True)
    # and a package leaves it out rather than be refused: it has no stamp
    found = checked(hand_over(archive, tmp_path / "p"), keys(tmp_path, archive.trust), strong.roots)
    assert found["outcome"] == "holds"


def test_it_survives_a_backup(archive: Archive, strong: Authority, tmp_path: Path) -> None:
    renew(archive)
    backing_up.backup(archive, tmp_path / "copy")
    names = {path.name for path in (tmp_path / "copy" / "objects").rglob("*")}
    (kept,) = said(archive, DigestsRenewed)
    assert {kept.row.sha256, kept.files.sha256} <= names


def test_status_says_when_it_is_time(archive: Archive, strong: Authority, tmp_path: Path) -> None:
    def told() -> bool:
        return any("--renew sha384" in each for each in anchoring.advice(archive))

    relied_until(archive, sha256=2000)
    assert not told()
    relied_until(archive, sha256=200)
    assert told()
    renew(archive, "sha384")
    assert not told()
    news(archive, tmp_path)
    assert told()


def test_nobody_and_nothing(archive: Archive, strong: Authority) -> None:
    for wrong in ("sha256", "md5", ""):
        with pytest.raises(BadInput):
            renew(archive, wrong)
    with pytest.raises(Refused):
        renewing.renew(archive, "sha512", door=Door())
    late = datetime.now(UTC) + timedelta(days=9)
    assert renewing.renew(archive, "sha512", door=DOOR, clock=lambda: late)[1][0].reason == (
        "wrong_time"
    )
    archive.settings = name(archive).settings
    with pytest.raises(BadInput) as caught:
        renew(archive)
    assert caught.value.code == "no_authorities"
