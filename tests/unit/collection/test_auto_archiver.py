from __future__ import annotations

import csv
import hashlib
import json
import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from support.downloads import VIDEO, Media, entry, write_download, write_json, write_sheet
from support.exports import Chat, telegram_json
from witnessmark.collection import auto_archiver, auto_archiver_record, tree
from witnessmark.collection.auto_archiver import AutoArchiver
from witnessmark.collection.ytdlp_folder import YtdlpFolder
from witnessmark.errors import BadInput
from witnessmark.ports import Claim, Item

URL = "https://site.invalid/post/1"


def collect(where: Path) -> list[Item]:
    return list(AutoArchiver().items(str(where)))


def only(where: Path) -> Item:
    (item,) = collect(where)
    return item


def read(item: Item) -> bytes:
    assert item.open is not None
    with item.open() as file:
        return file.read()


def put(path: Path, data: bytes = VIDEO) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def message(item: Item) -> dict[str, Any]:
    found = json.loads(str(item.protected["message"]))
    assert isinstance(found, dict)
    return found


def close(monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read everywhere, so the answer for a folder that is closed is given here."""
    real = tree.list_folder

    def listing(root: Path, parts: tuple[str, ...]) -> object:
        if parts[-1:] == ("closed",):
            raise PermissionError
        return real(root, parts)

    monkeypatch.setattr(tree, "list_folder", listing)


def outcome(item: Item) -> tuple[str, str]:
    return item.outcome, item.reason


# --- what an entry becomes -----------------------------------------------------------------------


def test_a_record_beside_its_media(tmp_path: Path) -> None:
    video = put(tmp_path / "one" / "clip.mp4")
    os.utime(video, (1_600_000_000, 1_600_000_000))
    media = Media("clip.mp4", _mimetype="video/mp4", properties={"duration": 7.9, "width": 640})
    said = entry(URL, media, title="A Title", content="Some words", author="Somebody")
    write_json(tmp_path / "one" / "metadata.json", said)
    item = only(tmp_path)
    assert item.place == ("auto_archiver", URL, "clip.mp4")
    assert (item.kind, outcome(item), item.flags) == ("video", ("", ""), ())
    assert item.stated == {"width": 640, "duration_seconds": 7}
    assert [date.what for date in item.dates] == ["file_modified"]
    assert item.protected["name"] == "clip.mp4"
    assert item.protected["where"] == {"url": URL, "file": "one/clip.mp4"}
    assert item.protected["caption"] == "A Title\n\nSome words"
    assert item.protected["author"] == {"author": "Somebody"}
    assert message(item)["metadata"]["_processed_at"] == "2026-05-06 07:08:09.123456+00:00"
    assert [each["filename"] for each in message(item)["media"]] == ["clip.mp4"]
    assert read(item) == VIDEO
    assert not any(str(tmp_path) in str(part) for part in item.place)


def test_the_row_of_a_sheet_says_the_same(tmp_path: Path) -> None:
    put(tmp_path / "clip.mp4")
    said = entry(URL, Media("clip.mp4", _mimetype="video/mp4"), title='It\'s "a\nTitle"')
    sheet = write_sheet(tmp_path / "db.csv", said)
    for where in (tmp_path, sheet):
        item = only(where)
        assert item.place == ("auto_archiver", URL, "clip.mp4")
        assert item.protected["caption"] == 'It\'s "a\nTitle"'
        assert "datetime.datetime(2026, 5, 6" in message(item)["metadata"]["_processed_at"]
        columns = item.protected["columns"]
        assert isinstance(columns, list)
        assert [name for name, _ in columns] == ["status", "metadata", "_context", "media"]
        assert columns[3][1].startswith("[{'filename': 'clip.mp4'")


def test_a_long_row_and_windows_lines(tmp_path: Path) -> None:
    said = entry(URL, Media("clip.mp4"), comments=["word " * 60_000])
    sheet = write_sheet(tmp_path / "db.csv", said, entry("https://site.invalid/2"))
    sheet.write_bytes(sheet.read_bytes().replace(b"\r\n", b"\r\r\n"))
    before = csv.field_size_limit(131_072)
    assert [outcome(item)[1] for item in collect(sheet)] == ["missing_on_disk", "no_media"]
    assert csv.field_size_limit(before) == 131_072


def test_what_is_long_is_kept_once(tmp_path: Path) -> None:
    media = [Media("a.mp4"), Media("b.mp4")]
    sheet = write_sheet(tmp_path / "db.csv", entry(URL, *media, comments="x" * 70_000))
    first, second = collect(sheet)
    assert "columns" in first.protected
    assert "columns" not in second.protected
    assert "comments" in message(first)["metadata"]
    assert message(second)["metadata"] == {"url": URL}
    sheet = write_sheet(tmp_path / "db.csv", entry(URL, *media, comments="x"))
    assert "comments" in message(collect(sheet)[1])["metadata"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("nothing archived", ("not_included", "nothing_archived")),
        ("no archiver", ("not_included", "nothing_archived")),
        ("Archive failed: bad page", ("failed", "archiver_failed")),
        ("telethon: success", ("not_included", "no_media")),
    ],
)
@pytest.mark.parametrize("form", ["json", "sheet"])
def test_an_address_of_which_nothing_came(
    tmp_path: Path, status: str, expected: tuple[str, str], form: str
) -> None:
    said = entry(URL, status=status)
    if form == "json":
        write_json(tmp_path / "metadata.json", said)
    else:
        write_sheet(tmp_path / "db.csv", said)
    item = only(tmp_path)
    assert (item.place, item.kind, outcome(item)) == (("auto_archiver", URL), "address", expected)
    assert item.protected["where"] == {"url": URL}
    assert message(item)["status"] == status


def test_nothing_archived_and_still_a_picture_of_the_page(tmp_path: Path) -> None:
    put(tmp_path / "shot.png")
    shot = Media("shot.png", properties={"id": "screenshot"})
    write_json(tmp_path / "metadata.json", entry(URL, shot, status="nothing archived"))
    address, picture = collect(tmp_path)
    assert outcome(address) == ("not_included", "nothing_archived")
    assert (picture.kind, outcome(picture)) == ("screenshot", ("", ""))


def test_a_context_that_is_no_plain_data_does_no_harm(tmp_path: Path) -> None:
    said = entry(URL, Media("gone.mp4"))
    said._context["gsheet"] = object
    assert only(write_sheet(tmp_path / "db.csv", said)).reason == "missing_on_disk"


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")
def test_folders_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_json(tmp_path / "metadata.json", entry(URL, Media("gone.mp4")))
    (tmp_path / "closed").mkdir()
    close(monkeypatch)
    assert outcome(collect(tmp_path)[-1]) == ("failed", "unreadable_folder")
    assert collect(tmp_path)[-1].place == ("auto_archiver", "file", "closed")


# --- hashes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stated", "claim"),
    [
        ("SHA-256:" + "AB" * 32, Claim("auto-archiver", "sha256", "ab" * 32)),
        ("SHA3-512:" + "ab" * 64, Claim("auto-archiver", "sha3_512", "ab" * 64)),
        ("SHA-512:" + "ab" * 64, Claim("auto-archiver", "sha512", "ab" * 64)),
        ("BLAKE3:" + "ab" * 32, Claim("auto-archiver", "blake3", "ab" * 32)),
    ],
)
def test_hashes_are_claims(tmp_path: Path, stated: str, claim: Claim) -> None:
    put(tmp_path / "clip.mp4")
    write_json(
        tmp_path / "metadata.json", entry(URL, Media("clip.mp4", properties={"hash": stated}))
    )
    item = only(tmp_path)
    assert (item.claimed, item.flags) == ((claim,), ())


@pytest.mark.parametrize(
    "stated", ["SHA-256:" + "ab" * 20, "Some-Name:" + "ab" * 32, "ab" * 32, "SHA-256:" + "xy" * 32]
)
def test_what_is_no_hash_is_flagged(tmp_path: Path, stated: str) -> None:
    write_json(
        tmp_path / "metadata.json", entry(URL, Media("clip.mp4", properties={"hash": stated}))
    )
    item = only(tmp_path)
    assert (item.claimed, item.flags) == ((), ("malformed_hash",))
    none = Media("clip.mp4", properties={"hash": "not-calculated"})
    write_json(tmp_path / "metadata.json", entry(URL, none))
    assert only(tmp_path).flags == ()


def test_perceptual_hashes_get_their_zeros_back(tmp_path: Path) -> None:
    still = {"filename": "out0.jpg", "properties": {"id": "thumbnail_0", "pdq_hash": "ff"}}
    video = Media("clip.mp4", properties={"thumbnails": [still]})
    picture = Media("p.jpg", properties={"pdq_hash": "1" + "0" * 60})
    broken = Media("q.jpg", properties={"pdq_hash": "0" * 65})
    write_json(tmp_path / "metadata.json", entry(URL, video, picture, broken))
    one, two, three = collect(tmp_path)
    assert one.claimed == (Claim("auto-archiver", "pdq", "0" * 62 + "ff"),)
    assert two.claimed == (Claim("auto-archiver", "pdq", "0001" + "0" * 60),)
    assert (three.claimed, three.flags) == ((), ("malformed_hash",))


# --- times ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stated", "at"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), None),
        (datetime(2026, 1, 2, 3, 4, 5), None),
        ("2026-01-02T03:04:05+00:00", None),
        ("2026-01-02T03:04:05Z", None),
        ("yesterday", None),
        (True, None),
        (-5, None),
        (1e300, None),
        (datetime(2026, 1, 2, 3, tzinfo=timezone(timedelta(hours=2))), "2026-01-02T01:00:00Z"),
        ("2026-01-02T03:04:05-05:30", "2026-01-02T08:34:05Z"),
        (1_700_000_000, "2023-11-14T22:13:20Z"),
        (1_700_000_000.25, "2023-11-14T22:13:20Z"),
    ],
)
@pytest.mark.parametrize("form", ["json", "sheet"])
def test_only_a_proven_zone_gives_a_date(
    tmp_path: Path, stated: object, at: str | None, form: str
) -> None:
    said = entry(URL, Media("gone.mp4"), timestamp=stated)
    if form == "json":
        write_json(tmp_path / "metadata.json", said)
    else:
        write_sheet(tmp_path / "db.csv", said)
    item = only(tmp_path)
    found = [(date.what, date.at, date.grade, date.bounds_media) for date in item.dates]
    assert found == ([("posted", at, "stated", False)] if at else [])
    assert item.flags == (() if at else ("zone_unreliable",))


def test_a_time_out_of_the_calendar_gives_no_date(tmp_path: Path) -> None:
    late = datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-5)))
    write_sheet(tmp_path / "db.csv", entry(URL, Media("gone.mp4"), timestamp=late))
    assert only(tmp_path).dates == ()


def test_a_day_alone_gives_no_date(tmp_path: Path) -> None:
    write_json(tmp_path / "metadata.json", entry(URL, Media("gone.mp4"), upload_date="20260102"))
    assert only(tmp_path).flags == ("zone_unreliable",)


# --- finding the media ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("media", "flags"),
    [
        (Media("/scratch/x1/clip.mp4", _key="site/clip.mp4"), ()),
        (Media("/scratch/x1/t.mp4", _key="./local_archive/site/clip.mp4"), ()),
        (Media("/scratch/x1/t.mp4", urls=["/srv/other/local_archive/site/clip.mp4"]), ()),
        (Media("/scratch/x1/t.mp4", urls=["https://store.invalid/bucket/site/cl%69p.mp4?a=b"]), ()),
        (Media("C:\\work\\local\\site\\clip.mp4"), ("found_by_name",)),
        (Media("/scratch/x1/clip.mp4"), ("found_by_name",)),
        (Media("site/clip.mp4"), ()),
    ],
)
def test_media_are_found_under_the_names_that_they_have(
    tmp_path: Path, media: Media, flags: tuple[str, ...]
) -> None:
    put(tmp_path / "site" / "clip.mp4")
    write_json(tmp_path / "site" / "metadata.json", entry(URL, media))
    item = only(tmp_path)
    assert item.protected["where"] == {"url": URL, "file": "site/clip.mp4"}
    assert (read(item), item.flags) == (VIDEO, flags)


def test_older_records_call_the_key_otherwise(tmp_path: Path) -> None:
    put(tmp_path / "site" / "clip.mp4")
    record = write_json(
        tmp_path / "metadata.json", entry(URL, Media("t.mp4", _key="site/clip.mp4"))
    )
    record.write_text(record.read_text().replace('"_key"', '"key"'))
    assert only(tmp_path).place == ("auto_archiver", URL, "site/clip.mp4")


def test_a_file_named_by_its_hash_is_found(tmp_path: Path) -> None:
    digits = hashlib.sha256(VIDEO).hexdigest()
    put(tmp_path / f"{digits[:24]}.mp4")
    media = Media("/scratch/x1/abc.mp4", properties={"hash": f"SHA-256:{digits}"})
    write_json(tmp_path / "0123456789.json", entry(URL, media))
    item = only(tmp_path)
    assert (read(item), item.flags) == (VIDEO, ())


def test_beside_the_record_first(tmp_path: Path) -> None:
    for name in ("one", "two"):
        put(tmp_path / name / "clip.mp4", VIDEO + name.encode())
        write_json(tmp_path / name / "metadata.json", entry(f"{URL}/{name}", Media("clip.mp4")))
    assert [read(item) for item in collect(tmp_path)] == [VIDEO + b"one", VIDEO + b"two"]


@pytest.mark.parametrize(
    ("media", "expected"),
    [
        (Media("/scratch/x1/t.mp4", urls=["https://store.invalid/t9.mp4"]), "remote_only"),
        (Media("/scratch/x1/t.mp4", urls=["https://[bad/t9.mp4"]), "remote_only"),
        (Media("/scratch/x1/t.mp4", urls=["https://store.invalid/../t9.mp4"]), "remote_only"),
        (Media("/scratch/x1/t.mp4", _key="local/t.mp4", urls=["local/t.mp4"]), "missing_on_disk"),
        (Media("/scratch/x1/t.mp4"), "missing_on_disk"),
        (Media(""), "missing_on_disk"),
    ],
)
def test_media_that_are_not_here(tmp_path: Path, media: Media, expected: str) -> None:
    write_json(tmp_path / "metadata.json", entry(URL, media))
    item = only(tmp_path)
    assert outcome(item) == ("not_included", expected)
    assert item.open is None


@pytest.mark.parametrize(
    ("media", "expected"),
    [
        (Media("clip.mp4", _key="../secret.mp4"), "path_outside"),
        (Media("../secret.mp4"), "path_outside"),
        (Media("..\\secret.mp4"), "path_outside"),
        (Media("a/../../secret.mp4"), "path_outside"),
        (Media("clip\0.mp4"), "bad_name"),
        (Media("x" * 5000), "bad_name"),
        (Media("link.mp4"), "symlink_outside"),
        (Media("folder/clip.mp4"), "symlink_outside"),
    ],
)
def test_hostile_names_are_held_back(tmp_path: Path, media: Media, expected: str) -> None:
    secret = put(tmp_path / "outside" / "secret.mp4")
    put(tmp_path / "outside" / "clip.mp4")
    root = tmp_path / "given"
    root.mkdir()
    (root / "link.mp4").symlink_to(secret)
    (root / "folder").symlink_to(secret.parent)
    (root / "sub").mkdir()
    record = write_json(root / "metadata.json", entry(URL, media))
    for where in (record, root):
        item = collect(where)[0]
        assert (outcome(item), item.open) == (("quarantined", expected), None)


def test_links_beside_are_held_back(tmp_path: Path) -> None:
    put(tmp_path / "secret.mp4")
    root = tmp_path / "given"
    write_json(root / "metadata.json", entry(URL, Media("gone.mp4")))
    (root / "other.mp4").symlink_to(tmp_path / "secret.mp4")
    assert [outcome(item) for item in collect(root)][1:] == [("quarantined", "symlink_outside")]


def test_media_inside_of_media_come_along(tmp_path: Path) -> None:
    stills = [{"filename": f"out{n}.jpg", "urls": [], "properties": {}} for n in range(3)]
    chain = {"filename": "c.crt", "properties": {}}
    token = {"filename": "token", "properties": {"cert_chain": [chain]}}
    for name in ("clip.mp4", "out0.jpg", "out1.jpg", "hashes.txt", "token", "c.crt"):
        put(tmp_path / name, name.encode())
    video = Media("clip.mp4", properties={"thumbnails": stills})
    hashes = Media("hashes.txt", properties={"timestamp_authority_files": [token]})
    write_json(tmp_path / "metadata.json", entry(URL, video, hashes))
    one, two = collect(tmp_path)
    assert list(one.companions) == ["thumbnail", "thumbnail_2"]
    assert one.flags == ("companions_missing",)
    assert (list(two.companions), two.flags) == (["timestamp_token", "certificate"], ())
    with two.companions["certificate"]() as file:
        assert file.read() == b"c.crt"


def test_too_many_and_too_deep_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner: dict[str, Any] = {"filename": "i.jpg", "properties": {}}
    for _ in range(10):
        inner = {"filename": "i.jpg", "properties": {"x": inner}}
    put(tmp_path / "i.jpg")
    write_json(tmp_path / "metadata.json", entry(URL, Media("clip.mp4", properties={"y": inner})))
    assert list(collect(tmp_path)[0].companions) == ["inner", "inner_2", "inner_3", "inner_4"]
    monkeypatch.setattr(auto_archiver, "MAX_INNER", 2)
    item = collect(tmp_path)[0]
    assert (list(item.companions), item.flags) == (["inner", "inner_2"], ("companions_missing",))


def test_files_that_no_record_names(tmp_path: Path) -> None:
    put(tmp_path / "clip.mp4")
    put(tmp_path / "deeper" / "0a1b2c.mp4", VIDEO + b"2")
    record = write_json(tmp_path / "metadata.json", entry(URL, Media("clip.mp4")))
    named, other = collect(tmp_path)
    assert other.place == ("auto_archiver", "file", "deeper/0a1b2c.mp4")
    assert (other.flags, read(other)) == (("not_in_metadata",), VIDEO + b"2")
    assert [item.place for item in collect(record)] == [named.place]


# --- damage --------------------------------------------------------------------------------------


HEAD = '{"status": "x: success", "metadata": {"_processed_at": "t", '


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (HEAD + '"url": "u"}, "media": [{', "malformed_record"),
        (HEAD + '"url": "u"}, "media": {}}', "malformed_record"),
        (HEAD + '"url": "u"}, "media": ["x"]}', "malformed_record"),
        (HEAD + '"a": ' + "[" * 100_000 + "]" * 100_000 + '}, "media": []}', "malformed_record"),
        (HEAD + '"a": ' + "9" * 10_000 + '}, "media": []}', "malformed_record"),
    ],
)
def test_a_damaged_record_is_a_failed_item(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "metadata.json").write_text(text)
    item, kept = AutoArchiver().items(str(tmp_path))
    assert outcome(item) == ("failed", reason)
    assert item.place == ("auto_archiver", "broken", "metadata.json", 0)
    assert kept.open is not None
    with kept.open() as file:
        assert file.read().decode() == text


def test_nesting_is_bounded(tmp_path: Path) -> None:
    for depth, reason in ((40, "missing_on_disk"), (60, "malformed_record")):
        nested: object = "x"
        for _ in range(depth):
            nested = [nested]
        write_json(tmp_path / "metadata.json", entry(URL, Media("gone.mp4"), nested=nested))
        assert next(AutoArchiver().items(str(tmp_path))).reason == reason


def test_a_record_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto_archiver_record, "MAX_RECORD", 1000)
    write_json(tmp_path / "metadata.json", entry(URL, content="x" * 2000))
    assert outcome(next(AutoArchiver().items(str(tmp_path)))) == ("failed", "record_too_large")


def test_a_damaged_row_leaves_the_others(tmp_path: Path) -> None:
    class Strange:
        """Python shows it as something that is no plain data."""

    rows = [entry(f"{URL}/{n}", Media("a.mp4")) for n in range(3)]
    rows[1].metadata["strange"] = Strange()
    sheet = write_sheet(tmp_path / "db.csv", *rows)
    items = collect(sheet)
    assert [item.reason for item in items] == [
        "missing_on_disk",
        "malformed_row",
        "missing_on_disk",
    ]
    assert items[1].outcome == "failed"
    assert "Strange" in str(items[1].protected["columns"])
    sheet.write_text(sheet.read_text() + "too,few\r\n")
    assert collect(sheet)[-1].reason == "malformed_row"


@pytest.mark.parametrize("tail", [b"\xff\xfe", b'"' + b"x" * 3000])
def test_a_sheet_that_breaks_off(
    tmp_path: Path, tail: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto_archiver_record, "MAX_RECORD", 2000)
    sheet = write_sheet(tmp_path / "db.csv", entry(URL, Media("a.mp4")))
    sheet.write_bytes(sheet.read_bytes() + tail)
    # a decoder reads ahead, so rows before what is not UTF-8 may be lost too; that is said
    assert outcome(collect(sheet)[-1]) == ("failed", "damaged_sheet")


def test_text_that_is_not_unicode(tmp_path: Path) -> None:
    record = write_json(tmp_path / "metadata.json", entry(URL, Media("a.mp4"), title="T"))
    record.write_text(record.read_text().replace('"T"', '"\\ud800"'))
    item = only(tmp_path)
    assert message(item)["metadata"]["title"] == "\ud800"


# --- which source it is --------------------------------------------------------------------------


def test_its_own_are_recognised(tmp_path: Path) -> None:
    ours = AutoArchiver()
    record = write_json(tmp_path / "a" / "deep" / "metadata.json", entry(URL))
    sheet = write_sheet(tmp_path / "b" / "db.csv", entry(URL))
    long = write_json(tmp_path / "c" / "0a.json", entry(URL, content="x" * 200_000))
    mixed = put(tmp_path / "d" / "m.json", b'{"media": [], "metadata": {}, "status": "x"}')
    found = (record, record.parent.parent, sheet, sheet.parent, long, long.parent, mixed.parent)
    for where in found:
        assert ours.recognises(str(where)), where
        assert not YtdlpFolder().recognises(str(where)), where


def test_others_are_not(tmp_path: Path) -> None:
    ours = AutoArchiver()
    download = write_download(tmp_path / "y", "clip", "mp4", "info.json")
    telegram = telegram_json(tmp_path / "t", Chat(name="A Channel", id=7, posts=[]))
    write_json(telegram / "files" / "metadata.json", entry(URL))  # somebody posted one
    named = b'{"status": "x", "metadata": {}, "media": []}'
    put(tmp_path / "p" / "clip.info.json", named)
    plain = put(tmp_path / "p" / "metadata.json", b'{"status": "ok"}').parent
    put(plain / "b.json", b'{"status": "ok", "metadata": "m", "media": []}')
    put(plain / "c.json", b'{"status": "ok", "metadata": {}')
    links = put(tmp_path / "l" / "links.csv", b"url,status\r\nhttps://a.invalid/,new\r\n")
    for where in (download, telegram, plain, links, links.parent, tmp_path / "none", "\0"):
        assert not ours.recognises(str(where)), where
        if where != telegram:
            with pytest.raises(BadInput):
                list(ours.items(str(where)))


# --- preflight -----------------------------------------------------------------------------------


def test_preflight_counts_and_tells(tmp_path: Path) -> None:
    put(tmp_path / "clip.mp4")
    put(tmp_path / "extra.bin", b"12345")
    media = [Media("clip.mp4"), Media("gone.mp4"), Media("x.mp4", urls=["https://s.invalid/x"])]
    write_json(tmp_path / "metadata.json", entry(URL, *media, timestamp="2026-01-02 03:04:05"))
    write_json(tmp_path / "b.json", entry(URL, status="nothing archived"))
    (tmp_path / "c.json").write_text(HEAD)
    found = AutoArchiver().preflight(str(tmp_path))
    broken = len(HEAD)
    assert (found.items, found.bytes) == (7, len(VIDEO) + 5 + broken)
    assert set(found.notes) == {
        "media_missing",
        "media_remote",
        "nothing_archived",
        "zones_unreliable",
        "not_in_metadata",
        "damaged_records",
    }
    assert found.notes["zones_unreliable"].startswith("3 items")


def test_the_sign_holds_the_file_and_the_words(tmp_path: Path) -> None:
    put(tmp_path / "clip.mp4")
    write_json(tmp_path / "metadata.json", entry(URL, Media("clip.mp4")))
    before = only(tmp_path).unchanged
    assert only(tmp_path).unchanged == before
    write_json(tmp_path / "metadata.json", entry(URL, Media("clip.mp4"), title="Other"))
    assert only(tmp_path).unchanged != before
