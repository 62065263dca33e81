from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.downloads import INFO, VIDEO, entry, write_download, write_json
from support.exports import Chat, telegram_json
from witnessmark.collection import run, tree, ytdlp_folder, ytdlp_info
from witnessmark.collection.auto_archiver import AutoArchiver
from witnessmark.collection.ytdlp_folder import YtdlpFolder
from witnessmark.errors import BadInput
from witnessmark.ports import Item

FILE = ("ytdlp", "file")


def collect(where: Path) -> list[Item]:
    return list(YtdlpFolder().items(str(where)))


def only(where: Path) -> Item:
    (item,) = collect(where)
    return item


def read(item: Item, role: str = "") -> bytes:
    opener = item.companions[role] if role else item.open
    assert opener is not None
    with opener() as file:
        return file.read()


def outcome(item: Item) -> tuple[str, str]:
    return item.outcome, item.reason


# --- a download ----------------------------------------------------------------------------------


def test_a_download_with_its_description(tmp_path: Path) -> None:
    write_download(tmp_path / "in", "A Title [abc123]", "mp4", "info.json")
    os.utime(tmp_path / "in" / "A Title [abc123].mp4", (1_600_000_000, 1_600_000_000))
    item = only(tmp_path)
    assert item.place == ("ytdlp", "Site", "abc123")
    assert (outcome(item), item.flags) == (("", ""), ())
    assert item.stated == {
        "view_count": 40,
        "like_count": 3,
        "comment_count": 1,
        "width": 640,
        "height": 360,
        "duration_seconds": 12,
    }
    assert [(date.what, date.at) for date in item.dates] == [
        ("posted", "2023-11-14T22:13:20Z"),
        ("fetched", "2023-11-15T22:13:20Z"),
        ("file_modified", "2020-09-13T12:26:40Z"),
    ]
    assert {(date.grade, date.bounds_media) for date in item.dates} == {("stated", False)}
    assert item.protected == {
        "name": "A Title [abc123].mp4",
        "where": {"file": "in/A Title [abc123].mp4", "url": INFO["webpage_url"]},
        "author": {"uploader": "Some Uploader", "uploader_id": "@some"},
        "caption": "A Title\n\nWords below\nit",
    }
    assert json.loads(read(item, "info_json"))["comments"][0]["text"] == "Said"
    assert read(item).startswith(VIDEO)


def test_what_came_along(tmp_path: Path) -> None:
    endings = ("jpg", "0.webp", "en.vtt", "en.srt", "pt-BR.ass", "s0me one.vtt", "live_chat.json")
    write_download(tmp_path, "clip", "mp4", "info.json", "url", *endings)
    item = only(tmp_path)
    assert set(item.companions) == {
        "info_json",
        "thumbnail",
        "thumbnail_2",
        *("subtitles", "subtitles_2", "subtitles_3", "subtitles_4"),
        "live_chat",
        "link",
    }
    assert item.flags == ()
    assert read(item, "thumbnail").endswith(b"clip.0.webp")
    where = item.protected["where"]
    assert isinstance(where, dict)
    assert where["companions"]["subtitles_3"] == "clip.pt-BR.ass"


def test_not_more_than_a_hundred_come_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ytdlp_folder, "_MAX_COMPANIONS", 2)
    write_download(tmp_path, "clip", "mp4", "info.json", "0.jpg", "1.jpg", "2.jpg")
    item = only(tmp_path)
    assert (len(item.companions), item.flags) == (3, ("companions_left_out",))


def test_the_description_file(tmp_path: Path) -> None:
    write_download(tmp_path, "clip", "mp4", "info.json")
    (tmp_path / "clip.description").write_text("Words below\r\nit")
    assert only(tmp_path).protected["caption"] == "A Title\n\nWords below\nit"
    (tmp_path / "clip.description").write_text("Other words")
    assert only(tmp_path).protected["caption"] == "A Title\n\nWords below\nit\n\nOther words"
    assert "Other words" not in repr(list(only(tmp_path).companions))


def test_several_renditions_are_told_apart(tmp_path: Path) -> None:
    write_download(tmp_path, "clip", "mp4", "f137.mp4", "f251.webm", "info.json")
    assert [item.place for item in collect(tmp_path)] == [
        ("ytdlp", "Site", "abc123", "f137.mp4"),
        ("ytdlp", "Site", "abc123", "f251.webm"),
        ("ytdlp", "Site", "abc123", "mp4"),
    ]


def test_names_that_begin_alike_are_different_downloads(tmp_path: Path) -> None:
    write_download(tmp_path, "Day 1", "mp4", "info.json", info={"id": "one"})
    write_download(tmp_path, "Day 1.5", "mp4", "info.json", "jpg", info={"id": "two"})
    write_download(tmp_path, "Day 1.7", "mp4")
    items = {str(item.protected["name"]): item for item in collect(tmp_path)}
    assert items["Day 1.mp4"].place == ("ytdlp", "Site", "one")
    assert items["Day 1.5.mp4"].place == ("ytdlp", "Site", "two")
    assert set(items["Day 1.mp4"].companions) == {"info_json"}
    assert set(items["Day 1.5.mp4"].companions) == {"info_json", "thumbnail"}
    assert items["Day 1.7.mp4"].place == (*FILE, "Day 1.7.mp4")
    assert items["Day 1.7.mp4"].flags == ("no_info_json",)


def test_media_without_description(tmp_path: Path) -> None:
    write_download(tmp_path, "known", "mp4", "info.json")
    write_download(tmp_path, "other", "mp4", "jpg", "description")
    _, item = collect(tmp_path)
    assert (item.place, item.flags) == ((*FILE, "other.mp4"), ("no_info_json",))
    assert set(item.companions) == {"thumbnail"}
    assert str(item.protected["caption"]).endswith("other.description")
    assert [date.what for date in item.dates] == ["file_modified"]


def test_a_picture_that_is_the_medium(tmp_path: Path) -> None:
    write_download(tmp_path, "shot", "jpg", "info.json", info={"ext": "jpg"})
    item = only(tmp_path)
    assert (item.place, set(item.companions)) == (("ytdlp", "Site", "abc123"), {"info_json"})
    assert read(item).endswith(b"shot.jpg")


def test_other_files_are_taken_as_they_are(tmp_path: Path) -> None:
    write_download(tmp_path, "clip", "mp4", "info.json", "xyz")
    (tmp_path / "list.txt").write_bytes(b"list")
    _, first, second = collect(tmp_path)
    assert [item.place[2] for item in (first, second)] == ["clip.xyz", "list.txt"]
    assert (read(second), second.flags) == (b"list", ("no_info_json",))


# --- what is missing -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ending",
    ["mp4.part", "mp4.ytdl", "f137.mp4.part", "mp4.part-Frag12", "mp4.part-Frag3.part", "temp.mp4"],
)
def test_a_download_cut_short(tmp_path: Path, ending: str) -> None:
    write_download(tmp_path, "clip", ending, "info.json")
    item = only(tmp_path)
    assert (outcome(item), item.open) == (("failed", "partial_download"), None)
    assert item.place == (*FILE, f"clip.{ending}")
    assert set(item.companions) == {"info_json"}
    assert item.protected["caption"] == "A Title\n\nWords below\nit"


def test_leftovers_beside_media_and_without_description(tmp_path: Path) -> None:
    write_download(tmp_path, "clip", "f137.mp4", "f251.webm.part", "info.json")
    write_download(tmp_path, "lone", "f251.webm.part", "f251.webm.ytdl")
    taken, *left = collect(tmp_path)
    assert (taken.place, taken.outcome) == (("ytdlp", "Site", "abc123"), "")
    assert [item.place[2] for item in left] == [
        "clip.f251.webm.part",
        "lone.f251.webm.part",
        "lone.f251.webm.ytdl",
    ]
    assert {outcome(item) for item in left} == {("failed", "partial_download")}


def test_a_description_without_media(tmp_path: Path) -> None:
    write_download(tmp_path, "clip", "info.json", "jpg")
    item = only(tmp_path)
    assert outcome(item) == ("not_included", "missing_on_disk")
    assert (item.place, item.kind) == (("ytdlp", "Site", "abc123"), "info_json")
    assert set(item.companions) == {"info_json", "thumbnail"}


def test_a_playlist_has_no_media_of_its_own(tmp_path: Path) -> None:
    info = {"_type": "playlist", "id": "PL1"}
    write_download(tmp_path, "A List [PL1]", "info.json", info=info)
    item = only(tmp_path)
    assert outcome(item) == ("not_included", "playlist_only")
    assert item.place == ("ytdlp", "Site", "PL1")


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")
def test_links_and_special_files_are_held_back(tmp_path: Path) -> None:
    root = write_download(tmp_path / "in", "clip", "mp4", "info.json")
    (tmp_path / "secret.json").write_text(json.dumps({**INFO, "title": "Secret"}))
    (root / "clip.mp4").unlink()
    (root / "clip.mp4").symlink_to(tmp_path / "secret.json")
    (root / "other.info.json").symlink_to(tmp_path / "secret.json")
    os.mkfifo(root / "pipe.mp4")
    items = {str(item.protected["name"]): item for item in collect(root)}
    assert outcome(items["clip.info.json"]) == ("not_included", "missing_on_disk")
    assert outcome(items["clip.mp4"]) == ("quarantined", "symlink_outside")
    assert outcome(items["other.info.json"]) == ("quarantined", "symlink_outside")
    assert outcome(items["pipe.mp4"]) == ("quarantined", "special_file")
    assert len(items) == 4
    assert "Secret" not in repr([item.protected for item in items.values()])


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")
def test_folders_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_download(tmp_path, "clip", "mp4", "info.json")
    (tmp_path / "closed").mkdir()
    real = tree.list_folder

    def listing(root: Path, parts: tuple[str, ...]) -> object:
        if parts:
            raise PermissionError
        return real(root, parts)

    monkeypatch.setattr(tree, "list_folder", listing)
    item = collect(tmp_path)[-1]
    assert (item.place, outcome(item)) == ((*FILE, "closed"), ("failed", "unreadable_folder"))


# --- the description -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("info", "posted", "flags"),
    [
        ({"timestamp": None}, [], ("zone_unreliable",)),
        ({"timestamp": None, "upload_date": None}, [], ()),
        ({"timestamp": 1_700_000_000.75}, ["2023-11-14T22:13:20Z"], ()),
        ({"timestamp": "1700000000"}, [], ("zone_unreliable",)),
        ({"timestamp": True}, [], ("zone_unreliable",)),
        ({"timestamp": -1}, [], ("zone_unreliable",)),
        ({"timestamp": 10**15}, [], ("zone_unreliable",)),
        ({"timestamp": float("inf")}, [], ("zone_unreliable",)),
        ({"timestamp": float("nan")}, [], ("zone_unreliable",)),
    ],
)
def test_only_a_full_time_gives_a_date(
    tmp_path: Path, info: dict[str, object], posted: list[str], flags: tuple[str, ...]
) -> None:
    write_download(tmp_path, "clip", "mp4", "info.json", info=info)
    item = only(tmp_path)
    assert [date.at for date in item.dates if date.what == "posted"] == posted
    assert item.flags == flags


@pytest.mark.parametrize("key", ["Generic", "HTML5MediaEmbed"])
def test_a_site_without_code_of_its_own(tmp_path: Path, key: str) -> None:
    for number in (1, 2):
        address = f"https://site{number}.invalid/video.mp4"
        info = {"extractor_key": key, "id": "video", "webpage_url": address}
        write_download(tmp_path / str(number), "video", "mp4", "info.json", info=info)
    items = collect(tmp_path)
    assert [item.place for item in items] == [
        ("ytdlp", key, "video", "https://site1.invalid/video.mp4"),
        ("ytdlp", key, "video", "https://site2.invalid/video.mp4"),
    ]
    assert {item.flags for item in items} == {("posted_unclear",)}
    assert [date.what for date in items[0].dates] == ["fetched", "file_modified"]
    assert "posting_times_unclear" in YtdlpFolder().preflight(str(tmp_path)).notes


def test_only_sound_counts_are_stated(tmp_path: Path) -> None:
    info = {"view_count": -1, "like_count": "3", "comment_count": 2**60, "width": True}
    info |= {"height": float("inf"), "duration": None}
    write_download(tmp_path, "clip", "mp4", "info.json", info=info)
    assert only(tmp_path).stated == {}


@pytest.mark.parametrize("left_out", ["id", "extractor_key"])
def test_without_the_sites_own_name_the_file_names_it(tmp_path: Path, left_out: str) -> None:
    info = {left_out: None, "extractor": None}
    write_download(tmp_path / "in", "clip", "mp4", "info.json", info=info)
    assert only(tmp_path).place == (*FILE, "in/clip.mp4")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"id": "x", "title": "y"',
        '{"id": "x", "title": "y"} more',
        '{"id": "x", "title": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"id": "x", "title": "y", "n": ' + "9" * 10_000 + "}",
        b'{"id": "x", "title": "\xff"}',
    ],
)
def test_a_damaged_description_is_said(tmp_path: Path, text: str | bytes) -> None:
    data = text if isinstance(text, bytes) else text.encode()
    write_download(tmp_path, "clip", "mp4")
    (tmp_path / "clip.info.json").write_bytes(data)
    item = only(tmp_path)
    assert (outcome(item), item.flags) == (("", ""), ("info_json_unreadable",))
    assert item.place == (*FILE, "clip.mp4")
    assert set(item.companions) == {"info_json"}
    (tmp_path / "clip.mp4").unlink()
    item = only(tmp_path)
    assert outcome(item) == ("failed", "malformed_info_json")
    assert item.place == (*FILE, "clip.info.json")


def test_a_description_too_long_for_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ytdlp_info.MAX_INFO == run.MAX_MESSAGE
    for room in (ytdlp_info, ytdlp_folder):
        monkeypatch.setattr(room, "MAX_INFO", 2000)
    info = {"comments": None, "zz": [{"text": "é" * 100}] * 50}
    write_download(tmp_path, "clip", "mp4", "info.json", info=info)
    path = tmp_path / "clip.info.json"
    path.write_text(json.dumps(json.loads(path.read_text()), ensure_ascii=False))
    for shift in ("", " "):  # the cut falls into a character or between two
        path.write_text(shift + path.read_text())
        item = only(tmp_path)
        assert (item.place, item.flags) == (("ytdlp", "Site", "abc123"), ())
        assert set(item.companions) == {"long_info_json"}


words = st.text(max_size=6)
members = st.dictionaries(
    words, st.none() | st.integers() | words | st.lists(words, max_size=3), max_size=4
)


@settings(deadline=None)
@given(members, st.sampled_from([None, 1]))
def test_members_are_read_as_json_reads_them(value: dict[str, object], indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    assert dict(ytdlp_info._members(text)) == value
    for cut in range(len(text)):
        with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
            list(ytdlp_info._members(text[:cut]))


# --- which source it is --------------------------------------------------------------------------


def test_its_own_are_recognised(tmp_path: Path) -> None:
    root = write_download(tmp_path / "a" / "deep", "clip", "mp4", "info.json")
    long = {"formats": [{"url": "https://media.invalid/" + "x" * 1000}] * 100}
    other = write_download(tmp_path / "b", "clip", "info.json", info=long)
    for where in (root, root.parent, other):
        assert YtdlpFolder().recognises(str(where))
        assert not AutoArchiver().recognises(str(where))


def test_others_are_not(tmp_path: Path) -> None:
    archived = write_json(tmp_path / "a" / "metadata.json", entry()).parent
    telegram = telegram_json(tmp_path / "t", Chat(name="A Channel", id=7, posts=[]))
    write_download(telegram / "files", "clip", "info.json")  # somebody posted one
    media = write_download(tmp_path / "m", "clip", "mp4")
    else_ = write_download(tmp_path / "e", "clip", "mp4")
    (else_ / "album.info.json").write_text('{"pages": 3}')
    for where in (archived, telegram, media, else_, tmp_path / "none", "\0"):
        assert not YtdlpFolder().recognises(str(where)), where
    for where in (archived, media, tmp_path / "none", media / "clip.mp4"):
        with pytest.raises(BadInput):
            YtdlpFolder().preflight(str(where))


# --- preflight -----------------------------------------------------------------------------------


def test_preflight_counts_and_tells(tmp_path: Path) -> None:
    write_download(tmp_path, "one", "mp4", "info.json", info={"timestamp": None})
    write_download(tmp_path, "two", "info.json")
    write_download(tmp_path, "three", "mp4.part", "info.json")
    write_download(tmp_path, "four", "mp4")
    write_download(tmp_path, "five", "mp4")
    (tmp_path / "five.info.json").write_text("{")
    found = YtdlpFolder().preflight(str(tmp_path))
    sizes = [(tmp_path / f"{name}.mp4").stat().st_size for name in ("one", "four", "five")]
    assert (found.items, found.bytes) == (5, sum(sizes))
    assert set(found.notes) == {
        "partial_downloads",
        "media_missing",
        "without_info_json",
        "info_json_unreadable",
        "zones_unreliable",
    }


def test_the_sign_holds_the_file_and_the_words(tmp_path: Path) -> None:
    write_download(tmp_path, "clip", "mp4", "info.json")
    signs = [only(tmp_path).unchanged, only(tmp_path).unchanged]
    write_download(tmp_path, "clip", "info.json", info={"title": "Other"})
    signs.append(only(tmp_path).unchanged)
    write_download(tmp_path, "clip", "jpg")
    signs.append(only(tmp_path).unchanged)
    assert signs[0] == signs[1]
    assert len(set(signs)) == 3
