"""Telegram exports of both forms, made on the spot, and how one is recognised."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from support.exports import Chat, Post, telegram_html, telegram_json
from tests.unit.collection.telegram import FIXTURES, by_number, collect, dates, read
from witnessmark.collection.telegram_export import TelegramExport
from witnessmark.errors import BadInput
from witnessmark.ports import Unreadable

POSTED = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@pytest.fixture
def chat(tmp_path: Path) -> Chat:
    (tmp_path / "clip.mp4").write_bytes(b"moving")
    (tmp_path / "still.jpg").write_bytes(b"still")
    return Chat(
        name="Party A: North <Gate>",
        id=1500000001,
        posts=(
            Post(id=1, at=POSTED, video=tmp_path / "clip.mp4", text="One\n& two", seconds=61),
            Post(id=2, at=POSTED, photo=tmp_path / "still.jpg"),
            Post(id=3, at=POSTED, text="words"),
            Post(id=4, at=POSTED, missing="exceeds_maximum_size", edited=POSTED),
            Post(
                id=5,
                at=POSTED + timedelta(days=1),
                video=tmp_path / "clip.mp4",
                forwarded_from="Party B",
                forwarded_at=POSTED,
            ),
        ),
    )


Writer = Callable[..., Path]


@pytest.mark.parametrize("write", [telegram_json, telegram_html])
def test_both_forms_say_the_same(tmp_path: Path, chat: Chat, write: Writer) -> None:
    items = by_number(write(tmp_path / "export", chat))
    assert list(items) == [1, 2, 4, 5]
    assert [read(items[n]) for n in (1, 2, 5)] == [b"moving", b"still", b"moving"]
    assert items[1].protected["caption"] == "One\n& two"
    assert items[1].protected["author"]["from"] == chat.name  # type: ignore[index,call-overload]
    assert items[1].stated["duration_seconds"] == 61
    assert items[4].reason == "exceeds_maximum_size"
    assert items[5].protected["forwarded_from"] == {"forwarded_from": "Party B"}
    assert dates(items[1])[0][:2] == ("posted", "2026-03-01T09:30:00Z")
    assert all("thumbnail" in items[n].companions for n in (1, 5))


@pytest.mark.parametrize("write", [telegram_json, telegram_html])
def test_whole_accounts(tmp_path: Path, chat: Chat, write: Writer) -> None:
    other = dataclasses.replace(chat, name="Party B: South Gate", id=1500000002)
    items = collect(write(tmp_path / "export", [chat, other]))
    assert len({item.place for item in items}) == 8
    assert sum(item.open is not None for item in items) == 6


def test_pages_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    posts = [Post(id=n, at=POSTED, missing="not_included") for n in range(1, 25)]
    chat = Chat(name="Party A", id=1, posts=posts)
    where = telegram_html(tmp_path / "export", chat, per_page=2)
    assert [item.place[-1] for item in collect(where)] == list(range(1, 25))


def test_older_exports_made_on_the_spot(tmp_path: Path, chat: Chat) -> None:
    for where in (
        telegram_json(tmp_path / "json", chat, unixtime=False),
        telegram_html(tmp_path / "html", chat, offset=False),
    ):
        assert all(item.dates == () for item in collect(where))


# --- recognising ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [path.name for path in sorted(FIXTURES.iterdir())])
def test_all_fixtures_are_recognised(name: str) -> None:
    assert TelegramExport().recognises(str(FIXTURES / name))


def test_the_file_itself_is_recognised_and_json_comes_first(tmp_path: Path, chat: Chat) -> None:
    where = telegram_json(telegram_html(tmp_path / "export", chat), chat)
    for path in (where, where / "result.json"):
        assert collect(path)[0].place[1] == chat.id
    assert collect(where / "messages.html")[0].place[1] == "html"
    (where / "result.json").rename(where / "result (1).json")
    assert collect(where / "result (1).json")[0].place[1] == chat.id


def test_what_is_no_export(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"some": "thing", "messages": 4}')
    (tmp_path / "messages.html").write_text("<html>hello</html>")
    (tmp_path / "clip.mp4").write_bytes(b"x")
    for path in (tmp_path, tmp_path / "clip.mp4", tmp_path / "missing"):
        assert not TelegramExport().recognises(str(path))
        with pytest.raises(BadInput) as caught:
            TelegramExport().preflight(str(path))
        assert caught.value.todo


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")
def test_a_pipe_in_place_of_the_export_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "result.json")
    assert not TelegramExport().recognises(str(tmp_path))


def test_media_that_vanished_since(tmp_path: Path) -> None:
    where = shutil.copytree(FIXTURES / "single_json", tmp_path / "export")
    item = by_number(where)[2]
    (where / "video_files" / "weir.mp4").unlink()
    with pytest.raises(Unreadable, match="vanished"):
        read(item)
