"""Telegram exports as HTML."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.collection.telegram import (
    FIXTURES,
    by_number,
    collect,
    dates,
    notes,
    outcomes,
    read,
)
from witnessmark.collection import telegram_html as html_form
from witnessmark.record.canonical import canonical


def test_single_chat_html() -> None:
    items = by_number(FIXTURES / "single_html")
    assert list(items) == [2, 3, 4, 6, 7, 9, 10]
    video = items[2]
    assert video.place == ("telegram", "html", "Party A: Stone Bridge", 2)
    assert video.kind == "video_file"
    assert video.stated == {"duration_seconds": 83}
    assert dates(video) == [("posted", "2020-10-23T07:22:33Z", False)]
    assert read(video) == b"html clip"
    with video.companions["thumbnail"]() as file:
        assert file.read() == b"html thumb"
    said = dict(video.protected)
    assert "The bridge, <strong>today</strong>." in str(said.pop("message"))
    assert said == {
        "name": "bridge.mp4",
        "where": {"chat": "Party A: Stone Bridge", "message": 2},
        "author": {"from": "Party A & friends", "author": "night editor"},
        "caption": "The bridge, today.\nSee http://bridge.example/1",
    }


def test_a_joined_message_has_the_sender_of_the_one_before() -> None:
    photo = by_number(FIXTURES / "single_html")[3]
    assert photo.kind == "photo"
    assert photo.protected["author"] == {"from": "Party A & friends"}
    assert read(photo) == b"html photo"


def test_a_forwarded_message_in_html() -> None:
    item = by_number(FIXTURES / "single_html")[4]
    assert (item.outcome, item.reason) == ("not_included", "exceeds_maximum_size")
    assert item.stated == {"duration_seconds": 3723}
    assert dates(item) == [
        ("posted", "2020-10-23T07:30:00Z", False),
        ("original_posted", "2020-10-22T19:59:59Z", False),
    ]
    assert item.protected["forwarded_from"] == {"forwarded_from": "Party B: Far Bank"}
    assert item.protected["author"] == {"from": "Party A & friends", "via_bot": "@bridge_bot"}
    assert item.protected["caption"] == "Forwarded words"


def test_the_second_page_of_html() -> None:
    items = by_number(FIXTURES / "single_html")
    photo = items[6]
    assert (photo.outcome, photo.reason) == ("not_included", "not_included")
    assert photo.stated == {"width": 1280, "height": 960}
    assert dates(photo) == [("posted", "2020-10-24T04:00:00Z", False)]
    assert items[7].protected["name"] == "notes.txt"
    assert read(items[7]) == b"notes"
    assert items[9].reason == "self_destructing"
    assert (items[10].kind, items[10].reason) == ("voice_message", "unavailable")
    found = notes(FIXTURES / "single_html")
    assert found["messages_without_media"].startswith("2 messages")
    assert "edits_unknown" in found


def test_older_html_has_no_time_zone_and_so_no_dates() -> None:
    (item,) = collect(FIXTURES / "old_html")
    assert item.dates == ()
    assert item.stated == {"duration_seconds": 40}
    assert read(item) == b"older clip"
    assert "dates_without_zone" in notes(FIXTURES / "old_html")


def test_whole_account_html_keeps_chats_of_one_name_apart() -> None:
    items = collect(FIXTURES / "account_html")
    assert [item.place for item in items] == [
        ("telegram", "html", "Deleted Account", 5),
        ("telegram", "html", "Deleted Account", "chats/chat_002", 5),
    ]
    assert [item.kind for item in items] == ["video_message", "photo"]
    assert [read(item) for item in items] == [b"ridge", b"group picture"]


def test_one_chat_out_of_a_whole_account() -> None:
    (item,) = collect(FIXTURES / "account_html" / "chats" / "chat_002")
    assert read(item) == b"group picture"


PAGE = (
    '<div class="page_wrap"><div class="page_header"><div class="text bold">X</div></div>{}</div>'
)


def page(tmp_path: Path, body: str, end: str = "</html>") -> Path:
    (tmp_path / "messages.html").write_text(PAGE.format(body) + end)
    return tmp_path


def test_html_names_cannot_leave_the_export(tmp_path: Path) -> None:
    body = "".join(
        f'<div class="message default" id="message{n}"><div class="body">'
        f'<div class="media_wrap"><a class="video_file_wrap" href="{href}"></a></div></div></div>'
        for n, href in enumerate(["../x", "/etc/passwd", "http://x.example/y.mp4", "javascript:x"])
    )
    assert [item.reason for item in collect(page(tmp_path, body))] == [
        "path_outside",
        "path_outside",
        "unavailable",
        "unavailable",
    ]


def test_a_message_without_number(tmp_path: Path) -> None:
    body = '<div class="message default"><div class="media_wrap"><a class="photo_wrap" href="a">'
    assert outcomes(collect(page(tmp_path, body))) == [
        ({"position": 1}, "failed", "malformed_message")
    ]


def test_html_that_breaks_off(tmp_path: Path) -> None:
    assert outcomes(collect(page(tmp_path, "", end=""))) == [
        ({"page": 1}, "failed", "export_ends_early")
    ]
    more = '<a class="pagination block_link" href="messages2.html">Next messages</a>'
    assert outcomes(collect(page(tmp_path, more))) == [({"page": 2}, "failed", "missing_page")]
    (tmp_path / "messages2.html").write_bytes(b"  ")
    assert outcomes(collect(tmp_path)) == [({"page": 2}, "failed", "malformed_page")]
    (tmp_path / "messages2.html").write_bytes(b"")
    assert outcomes(collect(tmp_path)) == [({"page": 2}, "failed", "zero_bytes")]


def test_a_page_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html_form, "MAX_PAGE", 10)
    assert collect(page(tmp_path, ""))[0].reason == "malformed_page"


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(body=st.text(), cut=st.integers(0, 12_000))
def test_broken_html_never_raises(tmp_path: Path, body: str, cut: int) -> None:
    text = (FIXTURES / "single_html" / "messages.html").read_bytes()
    (tmp_path / "messages.html").write_bytes(text[:1200] + text[cut:] + body.encode())
    for item in collect(tmp_path):
        canonical([list(item.place), dict(item.protected), dict(item.stated), item.kind])
