"""What auto-archiver and yt-dlp left, collected into a real archive."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from support.downloads import VIDEO, Media, entry, write_download, write_json, write_sheet
from tests.integration.test_collecting import collect, holds, sightings, size
from witnessmark.archive import Archive, collecting
from witnessmark.model import Tally

URL = "https://site.invalid/canary-post"


def test_auto_archiver_comes_in_with_a_tally_that_sums(archive: Archive, tmp_path: Path) -> None:
    root = tmp_path / "local_archive"
    root.mkdir()
    good, bad = hashlib.sha256(VIDEO + b"1").hexdigest(), "0" * 64
    (root / "one.mp4").write_bytes(VIDEO + b"1")
    (root / "two.mp4").write_bytes(VIDEO + b"2")
    (root / "still.jpg").write_bytes(b"\xff\xd8\xffstill")
    (root / "extra.mp4").write_bytes(VIDEO + b"3")
    (tmp_path / "secret").write_bytes(b"secret")
    still = {"filename": "t.jpg", "_key": "still.jpg", "properties": {"pdq_hash": "f" * 60}}
    one = Media("t1.mp4", _key="local_archive/one.mp4")
    one.properties = {"hash": f"SHA-256:{good}", "thumbnails": [still]}
    two = Media("t2.mp4", _key="local_archive/two.mp4", properties={"hash": f"SHA-256:{bad}"})
    hostile = Media("t3.mp4", _key="../secret")
    far = Media("t4.mp4", urls=["https://store.invalid/t4.mp4"])
    said = entry(URL, one, two, hostile, far, title="canary words", timestamp="2026-01-02 03:04")
    write_sheet(root / "db.csv", said, entry(f"{URL}/2", status="nothing archived"))
    write_json(root / "a" / "metadata.json", entry(f"{URL}/3", Media("gone.mp4")))

    assert collecting.choose(str(root)).name == "auto_archiver"
    run = collect(archive, root, "Party A")
    assert run.source == "auto_archiver"
    assert run.tally == Tally(
        seen=7,
        stored=3,
        not_included=3,
        quarantined=1,
        reasons={
            "not_included: missing_on_disk": 1,
            "not_included: nothing_archived": 1,
            "not_included: remote_only": 1,
            "quarantined: path_outside": 1,
        },
    )
    assert "claimed_hashes_differ" in run.notes
    claims = {
        (claim.by, claim.algorithm, claim.value, claim.agrees)
        for each in sightings(archive)
        for claim in each.claimed or ()
    }
    assert claims == {
        ("auto-archiver", "sha256", good, "same"),
        ("auto-archiver", "sha256", bad, "different"),
        ("auto-archiver", "pdq", "0000" + "f" * 60, "not_compared"),
    }
    first = next(each for each in sightings(archive) if each.attachments)
    assert [each.role for each in first.attachments] == ["thumbnail"]
    assert first.flags == ("zone_unreliable",)
    assert archive.vault.open(first.caption).value == "canary words"
    message = json.loads(str(archive.vault.open(first.message).value))
    assert message["metadata"]["timestamp"] == "2026-01-02 03:04"
    assert b"canary" not in b"".join(each.body for each in archive.journal.read())
    assert holds(archive)

    before = size(archive)
    again = collect(archive, root, "Party A")
    assert (again.tally.already_held, again.tally.stored, again.tally.seen) == (3, 0, 7)
    assert size(archive) == before + 1


def test_a_sheet_of_auto_archiver_is_not_taken_for_links(archive: Archive, tmp_path: Path) -> None:
    sheet = write_sheet(tmp_path / "db.csv", entry(URL, Media("gone.mp4")))
    assert collect(archive, sheet).source == "auto_archiver"


def test_a_folder_of_yt_dlp_comes_in_with_a_tally_that_sums(
    archive: Archive, tmp_path: Path
) -> None:
    root = write_download(tmp_path / "in", "one", "mp4", "jpg", "en.vtt", "info.json")
    info = {"id": "two", "title": "canary words"}
    write_download(root, "two", "f137.mp4", "mp4.part", "info.json", info=info)
    write_download(root / "deeper", "three", "info.json", info={"id": "three"})
    write_download(root, "four", "mp4")
    (root / "five.mp4").symlink_to(tmp_path / "nowhere")

    assert collecting.choose(str(root)).name == "ytdlp_folder"
    run = collect(archive, root)
    assert run.source == "ytdlp_folder"
    assert run.tally == Tally(
        seen=6,
        stored=3,
        not_included=1,
        quarantined=1,
        failed=1,
        reasons={
            "failed: partial_download": 1,
            "not_included: missing_on_disk": 1,
            "quarantined: symlink_outside": 1,
        },
    )
    said = sightings(archive)
    first = next(each for each in said if each.attachments)
    assert {each.role for each in first.attachments} == {"thumbnail", "subtitles"}
    assert json.loads(str(archive.vault.open(first.message).value))["id"] == "abc123"
    assert first.stated["duration_seconds"] == 12
    captions = {archive.vault.open(each.caption).value for each in said if each.caption}
    assert "canary words\n\nWords below\nit" in captions
    assert b"canary" not in b"".join(each.body for each in archive.journal.read())
    assert holds(archive)

    before = size(archive)
    again = collect(archive, root)
    assert (again.tally.already_held, again.tally.stored, again.tally.seen) == (3, 0, 6)
    assert size(archive) == before + 1


def test_a_rendition_added_later_is_a_place_of_its_own(archive: Archive, tmp_path: Path) -> None:
    root = write_download(tmp_path / "in", "one", "mp4", "info.json")
    collect(archive, root)
    write_download(root, "one", "f251.webm")
    assert (collect(archive, root).tally.stored, collect(archive, root).tally.stored) == (1, 0)
    assert holds(archive)
