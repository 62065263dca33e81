"""Telegram exports as JSON."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.collection.telegram import (
    FIXTURES,
    by_number,
    collect,
    dates,
    export,
    message,
    notes,
    outcomes,
    read,
)
from witnessmark.collection.telegram_export import TelegramExport
from witnessmark.collection.telegram_json import Mended
from witnessmark.collection.telegram_message import placeholder
from witnessmark.record.canonical import canonical


def test_single_chat_json() -> None:
    items = by_number(FIXTURES / "single_json")
    assert list(items) == [2, 3, 5, 6, 7, 8, 9]
    video = items[2]
    assert video.place == ("telegram", 1300000001, 2)
    assert video.kind == "video_file"
    assert dates(video) == [("posted", "2020-10-23T07:22:33Z", True)]
    assert video.stated == {"width": 1280, "height": 720, "duration_seconds": 83}
    assert read(video) == b"moving picture of the weir"
    with video.companions["thumbnail"]() as file:
        assert file.read() == b"small picture of the weir"
    said = dict(video.protected)
    raw = said.pop("message")
    assert said == {
        "name": "VID_20201023_1119.mp4",
        "where": {"chat": "Party A: Lower Weir", "chat_id": 1300000001, "message": 2},
        "author": {
            "from": "Party A: Lower Weir",
            "from_id": "channel1300000001",
            "author": "duty editor",
        },
        "caption": "At the weir, this morning. #weir\nSecond line",
    }
    assert isinstance(raw, dict)
    assert raw["reactions"] == [{"type": "emoji", "count": 3, "emoji": "X", "weight": "0.50"}]


def test_an_edited_post_bounds_its_media_only_by_the_edit() -> None:
    photo = by_number(FIXTURES / "single_json")[3]
    assert photo.kind == "photo"
    assert dates(photo) == [
        ("posted", "2020-10-23T07:25:00Z", False),
        ("edited", "2020-10-24T04:00:00Z", True),
    ]
    assert photo.protected["forwarded_from"] == {"forwarded_from": "Party B: Mill Watch"}


def test_what_was_not_exported_is_said() -> None:
    assert outcomes(collect(FIXTURES / "single_json")) == [
        (2, "", ""),
        (3, "", ""),
        (5, "not_included", "not_included"),
        (6, "not_included", "exceeds_maximum_size"),
        (7, "not_included", "unavailable"),
        (8, "", ""),
        (9, "not_included", "missing_on_disk"),
    ]


def test_locations_are_decimal_text_and_nothing_is_a_float() -> None:
    items = by_number(FIXTURES / "single_json")
    assert items[8].protected["location"] == {"latitude": "40.177200", "longitude": "44.503490"}
    assert items[8].protected["author"] == {"from_id": "user77"}
    assert items[9].protected["author"]["via_bot"] == "@weir_bot"  # type: ignore[index,call-overload]
    for item in items.values():
        canonical(dict(item.protected))


def test_whole_account_json() -> None:
    items = collect(FIXTURES / "account_json")
    assert [item.place for item in items] == [
        ("telegram", 1400000002, 70),
        ("telegram", 5, 1),
        ("telegram", 300003, 9),
    ]
    assert [item.kind for item in items] == ["video_message", "voice_message", "photo"]
    assert read(items[0]) == b"ridge"
    assert items[1].protected["where"] == {"chat_id": 5, "message": 1}
    assert items[1].protected["forwarded_from"] == {
        "forwarded_from": "Someone of Party B",
        "saved_from": "Party B: Ridge",
    }
    assert read(items[2]) == b"group picture"
    assert notes(FIXTURES / "account_json")["other_sections"].startswith(
        "This export of a whole account has 3 other sections"
    )


def test_older_json_has_no_time_zone_and_so_no_dates() -> None:
    (item,) = collect(FIXTURES / "old_json")
    assert item.dates == ()
    assert item.protected["message"]["date"] == "2019-07-05T18:00:00"  # type: ignore[index,call-overload]
    assert "1 messages have a date without" in notes(FIXTURES / "old_json")["dates_without_zone"]


def test_preflight_says_what_is_missing() -> None:
    found = TelegramExport().preflight(str(FIXTURES / "single_json"))
    assert (found.items, found.bytes) == (7, 26 + 25 + 8)
    assert set(found.notes) == {
        "videos_missing",
        "photos_missing",
        "messages_without_media",
        "unsupported_messages",
    }
    assert found.notes["videos_missing"] == (
        "1 of 4 videos are in this export; in Telegram Desktop choose Export chat history again, "
        'tick "Videos" and raise "Size limit" (8 MB by default), then collect the new export.'
    )
    assert found.notes["messages_without_media"].startswith("2 messages")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("(File not included. Change data exporting settings to download.)", "not_included"),
        ("(Photo not included. Change data exporting settings to download.)", "not_included"),
        ("(Photo exceeds maximum size. Change data exporting settings.)", "exceeds_maximum_size"),
        ("clip.mp4 (File unavailable, please try again later)", "unavailable"),
        ("video_files/clip (File not included. Really)", ""),
        ("photos/photo_1.jpg", ""),
    ],
)
def test_placeholders(text: str, reason: str) -> None:
    assert placeholder(text) == reason


def test_names_cannot_leave_the_export(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"not yours")
    where = tmp_path / "export"
    names = ["../secret", str(tmp_path / "secret"), "a/../../secret", "C:\\secret", "a\0b", "link"]
    export(where, *(message(n, file=name) for n, name in enumerate(names)))
    (where / "link").symlink_to(tmp_path / "secret")
    items = collect(where)
    assert [item.reason for item in items] == [
        *["path_outside"] * 4,
        "bad_name",
        "symlink_outside",
    ]
    assert {item.outcome for item in items} == {"quarantined"}
    assert all(item.open is None for item in items)


def test_a_thumbnail_outside_is_no_companion(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"not yours")
    where = export(tmp_path / "export", message(file="clip.mp4", thumbnail="../secret"))
    (where / "clip.mp4").write_bytes(b"x")
    (item,) = collect(where)
    assert not item.companions


def test_a_truncated_export_gives_all_before_the_break(tmp_path: Path) -> None:
    where = export(tmp_path / "export", *(message(n, photo=f"{n}.jpg") for n in range(50)))
    whole = (where / "result.json").read_bytes()
    (where / "result.json").write_bytes(whole[: whole.index(b'"id": 40')])
    items = collect(where)
    assert [item.place[-1] for item in items] == [*range(40), "export_ends_early"]
    assert (items[-1].outcome, items[-1].reason) == ("failed", "export_ends_early")
    assert "export_ends_early" in notes(where)


BAD_MESSAGES = [
    "a text",
    ["a", {"list": []}],
    17,
    None,
    {"type": "message", "text": ""},
    message(photo=3),
    message(file={"name": "x"}),
    message(photo="a.jpg", text=5),
    message(photo="a.jpg", text=[5]),
    message(photo="a.jpg", text=[{"type": "bold"}]),
    message(photo="a.jpg") | {"type": 5},
    message(photo="a.jpg") | {"id": True},
    message(photo="a.jpg") | {"id": 1 << 60},
    message(photo="a.jpg") | {"id": "1"},
]


def test_bad_messages_fail_one_by_one(tmp_path: Path) -> None:
    where = export(tmp_path / "export", *BAD_MESSAGES, message(99, photo="a.jpg"))
    items = collect(where)
    assert [item.reason for item in items[:-1]] == ["malformed_message"] * len(BAD_MESSAGES)
    assert items[0].place == ("telegram", 5, {"position": 1})
    assert items[-1].place == ("telegram", 5, 99)
    assert "malformed_messages" in notes(where)


def test_nesting_beyond_what_the_record_takes(tmp_path: Path) -> None:
    deep: Any = 1
    for _ in range(40):
        deep = [deep]
    where = export(tmp_path / "export", message(photo="a.jpg", more=deep), message(2, photo="b"))
    assert [item.reason for item in collect(where)] == ["malformed_message", "missing_on_disk"]
    endless = b'{"name":"x","type":"y","id":1,"messages":[' + b"[" * 20_000
    (where / "result.json").write_bytes(endless)
    assert outcomes(collect(where)) == [("export_ends_early", "failed", "export_ends_early")]


def test_odd_values_are_kept_as_text_or_left_out(tmp_path: Path) -> None:
    odd = message(photo="a.jpg", width=True, height=-1, duration_seconds=1 << 60, more=1e-7)
    odd |= {"media_type": "somebody's\nwords", "date_unixtime": "9" * 12, "edited_unixtime": "x"}
    (item,) = collect(export(tmp_path / "export", odd))
    assert item.stated == {}
    assert item.kind == "file"
    assert item.dates == ()
    raw = item.protected["message"]
    assert isinstance(raw, dict)
    assert (raw["duration_seconds"], raw["more"]) == (str(1 << 60), "0.0000001")


def test_an_export_whose_chat_has_no_id(tmp_path: Path) -> None:
    (item,) = collect(export(tmp_path / "export", message(photo="a.jpg"), id=None))
    assert item.place == ("telegram", "json", "Party A", 1)


def test_the_places_of_a_later_export_are_the_same(tmp_path: Path) -> None:
    first = collect(export(tmp_path / "first", message(photo="a.jpg")))
    again = export(tmp_path / "again", message(photo="b.jpg"), message(2, photo="c"), name="New")
    assert first[0].place == collect(again)[0].place


def test_a_change_of_words_or_file_changes_the_sign(tmp_path: Path) -> None:
    where = export(tmp_path / "export", message(photo="a.jpg"))
    (where / "a.jpg").write_bytes(b"x")
    first = collect(where)[0].unchanged
    assert first == collect(where)[0].unchanged
    export(where, message(photo="a.jpg", text="new words"))
    second = collect(where)[0].unchanged
    (where / "a.jpg").write_bytes(b"y!")
    assert len({first, second, collect(where)[0].unchanged}) == 3


def test_an_export_that_is_still_being_written(tmp_path: Path) -> None:
    where = export(tmp_path / "export", message(photo="a.jpg"), message(2, photo="b.jpg"))
    items = TelegramExport().items(str(where))
    next(items)
    with (where / "result.json").open("a") as file:
        file.write(" ")
    assert outcomes(list(items))[-1] == (
        "still_being_written",
        "failed",
        "still_being_written",
    )


# --- the stream -----------------------------------------------------------------------------------


def mended(data: bytes, size: int) -> bytes:
    reader = Mended(io.BytesIO(data))
    return b"".join(iter(lambda: reader.read(size), b""))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 64])
def test_control_characters_as_telegram_writes_them(size: int) -> None:
    data = rb'"a\x0Bb \\x0B \\\x1F \" \\"' + b"\xc3\xa9\\"
    assert mended(data, size) == rb'"a\u000Bb \\x0B \\\u001F \" \\"' + b"\xc3\xa9\\"


def test_a_message_with_a_control_character(tmp_path: Path) -> None:
    where = export(tmp_path / "export", message(photo="a.jpg", text="one@two"))
    path = where / "result.json"
    path.write_bytes(path.read_bytes().replace(b"one@two", rb"one\x0Btwo"))
    (item,) = collect(where)
    assert item.protected["caption"] == "one\x0btwo"


def test_long_runs_of_digits(tmp_path: Path) -> None:
    digits = "1234567890" * 1_000
    where = export(tmp_path / "export", message(photo="a.jpg", text=digits), message(2, photo="b"))
    assert collect(where)[0].protected["caption"] == digits
    path = where / "result.json"
    path.write_text(path.read_text().replace(f'"{digits}"', digits))
    assert outcomes(collect(where)) == [("export_ends_early", "failed", "export_ends_early")]


def test_a_byte_order_mark_is_passed_over(tmp_path: Path) -> None:
    where = export(tmp_path / "export", message(photo="a.jpg"))
    path = where / "result.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(collect(where)) == 1


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
trees = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
)
names = st.sampled_from(
    ["id", "type", "photo", "file", "text", "date_unixtime", "edited", "media_type", "thumbnail"]
)
junk = trees | st.dictionaries(names, trees) | st.builds(message, st.integers(), photo=trees)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(messages=st.lists(junk, max_size=5))
def test_junk_never_raises_and_no_media_is_lost(tmp_path: Path, messages: list[Any]) -> None:
    where = export(tmp_path / "export", *messages)
    items = collect(where)
    has_media = [each for each in messages if isinstance(each, dict)]
    has_media = [each for each in has_media if each.get("photo") or each.get("file")]
    has_media = [each for each in has_media if each.get("type") != "unsupported"]
    broken = [item for item in items if item.reason == "malformed_message"]
    assert len(has_media) <= len(items) <= len(has_media) + len(broken)
    assert len(items) <= len(messages)
    assert all(item.reason != "export_ends_early" for item in items)
    for item in items:
        canonical([list(item.place), dict(item.protected), dict(item.stated), item.kind])
