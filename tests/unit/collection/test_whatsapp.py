"""Chats as WhatsApp exports them, in several regions' forms; names and words are invented."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from witnessmark.archive import Archive, collecting
from witnessmark.collection import whatsapp_text
from witnessmark.collection.run import Channel
from witnessmark.collection.whatsapp import WhatsApp
from witnessmark.collection.whatsapp_text import Message, named, order_known, read_messages
from witnessmark.errors import BadInput
from witnessmark.ports import Item, Unreadable

LRM, NNBSP, NBSP = "\u200e", "\u202f", "\u00a0"
PHOTO = "00000012-PHOTO-2024-03-15-14-05-09.jpg"
VIDEO = "00000013-VIDEO-2024-03-15-14-06-00.mp4"
IOS = (
    f"[15.03.24, 14:00:00] Valley Group: {LRM}Messages and calls are end-to-end encrypted.\r\n"
    f"{LRM}[15.03.24, 14:05:09] Ani: at the bridge {LRM}<attached: {PHOTO}>\r\n"
    "[15.03.24, 14:05:30] Party A press: two\r\nlines, and one\r\n"
    "like 12:30 - this\r\n"
    f"{LRM}[15.03.24, 14:06:00] ~{NNBSP}Ben: {LRM}<Anhang: {VIDEO}>\r\n"
    f"{LRM}[15.03.24, 14:07:00] Ani: {LRM}image omitted\r\n"
    f"{LRM}[15.03.24, 14:08:00] Ani: {LRM}Missed voice call\r\n"
)
ANDROID = (
    f"15/03/2024, 2:05{NNBSP}pm - Messages and calls are end-to-end encrypted.\n"
    f"15/03/2024, 2:06{NNBSP}pm - Ani: IMG-20240315-WA0001.jpg (file attached)\n"
    "seen from the mill\nand the road\n"
    f"15/03/2024, 2:07{NNBSP}pm - Ben: <Media omitted>\n"
)
FILES = {PHOTO: b"\xff\xd8\xffphoto", VIDEO: b"\0\0\0\x18ftypisom video"}


def export(path: Path, chat: str, files: Mapping[str, bytes], name: str = "_chat.txt") -> Path:
    """As a ZIP when the path ends so, or as a folder."""
    data = {name: chat.encode(), **files}
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for each, body in data.items():
                archive.writestr(each, body)
        return path
    for each, body in data.items():
        (path / each).parent.mkdir(parents=True, exist_ok=True)
        (path / each).write_bytes(body)
    return path


def collect(path: Path) -> list[Item]:
    return list(WhatsApp().items(str(path)))


def read(item: Item) -> bytes:
    assert item.open is not None
    with item.open() as file:
        return file.read()


def known(item: Item) -> tuple[object, str, str]:
    return item.protected.get("name"), item.outcome, item.reason


def said(text: str) -> Message:
    """The last message of a chat."""
    import io

    return list(read_messages(io.BytesIO(text.encode())))[-1]


@pytest.mark.parametrize("form", ["folder", "chat.zip"])
def test_an_export_of_ios(tmp_path: Path, form: str) -> None:
    path = export(tmp_path / form, IOS, FILES | {"other.opus": b"sound"})
    chat, photo, video, omitted, other = collect(path)
    assert read(chat) == IOS.encode()
    assert (chat.kind, chat.flags, chat.place) == ("chat", (), ("whatsapp", "_chat.txt"))
    assert read(photo) == FILES[PHOTO]
    assert photo.place == ("whatsapp", "_chat.txt", PHOTO, 1)
    assert photo.protected["author"] == "Ani"
    assert photo.protected["caption"] == "at the bridge"
    assert photo.protected["where"] == {"chat": "_chat.txt", "when": "15.03.24, 14:05:09"}
    assert photo.protected["message"] == {
        "text": f"{LRM}[15.03.24, 14:05:09] Ani: at the bridge {LRM}<attached: {PHOTO}>"
    }
    assert (photo.kind, video.kind) == ("photo", "video")
    assert photo.flags == ("zone_unknown",)
    assert video.protected["author"] == f"~{NNBSP}Ben"
    assert "caption" not in video.protected
    assert (omitted.outcome, omitted.reason) == ("not_included", "media_omitted")
    assert omitted.place == ("whatsapp", "_chat.txt", "", "15.03.24, 14:07:00", "Ani", 1)
    assert (read(other), other.flags) == (b"sound", ("not_named_by_chat",))
    # no date but that of the file itself
    assert {date.what for item in collect(path) for date in item.dates} <= {"file_modified"}


def test_an_export_of_android(tmp_path: Path) -> None:
    files = {"IMG-20240315-WA0001.jpg": b"photo"}
    path = export(tmp_path / "x", ANDROID, files, "WhatsApp Chat with Ani.txt")
    _, photo, omitted = collect(path)
    assert read(photo) == b"photo"
    assert photo.protected["caption"] == "seen from the mill\nand the road"
    assert omitted.protected["author"] == "Ben"


HEADS = [
    "[15/03/2024, 14:05:09] ",
    "[3/15/24, 2:05:09 PM] ",
    f"[15/3/24, 2:05:09{NNBSP}p.{NBSP}m.] ",
    "[2024-03-15, 14:05:09] ",
    "[2024/03/15 下午2:05:09] ",
    "[2024. 3. 15. 오후 2:05:09] ",
    f"{LRM}[15.03.2024 um 14:05:09] ",
    "15.03.24, 14:05 - ",
    "15.3.2024 klo 14.05 - ",
    "3/15/24, 14:05 - ",
    "15-03-2024 14:05 - ",
    f"15\u200f/3\u200f/2024, 2:05{NNBSP}م - ",
    "15/03/2024 à 14:05 - ",
    "28-09-16 11:20:19: ",
]


@pytest.mark.parametrize("head", HEADS)
def test_forms_of_date_and_time(head: str) -> None:
    message = said(f"{head}Ani Ö.: words: more\nand more")
    assert (message.sender, message.body) == ("Ani Ö.", "words: more\nand more")
    assert order_known([message.day])
    assert said(f"{head}words that the system wrote").sender == ""


@pytest.mark.parametrize(
    "line", ["see 12:30 - then", "1.2.3", "[x] y: z", "15/03/2024 no time - A: b", ""]
)
def test_lines_that_begin_no_message(line: str) -> None:
    text = f"15/03/2024, 14:05 - Ani: words\n{line}\nend"
    assert said(text).body == f"words\n{line}\nend"


def test_the_order_of_dates(tmp_path: Path) -> None:
    assert not order_known([(1, 2, 2024), (12, 12, 24)])
    assert order_known([(1, 2, 2024), (1, 13, 2024)])
    assert order_known([(2024, 1, 2)])
    path = export(tmp_path / "x", ANDROID.replace("15/", "05/"), {}, "WhatsApp Chat with Ani.txt")
    assert all("date_order_unknown" in item.flags for item in collect(path)[1:])
    assert "date_order_unknown" in WhatsApp().preflight(str(path)).notes


@pytest.mark.parametrize(
    ("body", "names", "caption"),
    [
        ("IMG-20240315-WA0001.jpg (file attached)", ["IMG-20240315-WA0001.jpg"], ""),
        ("IMG-20240315-WA0001.jpg (any words here)", ["IMG-20240315-WA0001.jpg"], ""),
        ("VID-20240315-WA0001(2).mp4 (файл добавлен)\nтекст", ["VID-20240315-WA0001(2).mp4"],
         "текст"),
        ("my report (2).pdf (Datei angehängt)", ["my report (2).pdf"], ""),
        ("kept.pdf (any words)", ["kept.pdf"], ""),
        ("kept.pdf", ["kept.pdf"], ""),
        ("kept.pdf <в приложении>", ["kept.pdf"], ""),
        (f"words {LRM}<прикреплено: {VIDEO}>", [VIDEO], "words"),
        (f"<附件：{VIDEO}>", [VIDEO], ""),
        (f"<attached: {PHOTO}> <attached: {VIDEO}>", [PHOTO, VIDEO], ""),
        ("<attached: 00000014-report of May.pdf>", ["00000014-report of May.pdf"], ""),
        ("2017-03-04-PHOTO-00000012.jpg <attached>", ["2017-03-04-PHOTO-00000012.jpg"], ""),
        ("see report.pdf (it is long)", [], "see report.pdf (it is long)"),
        ("<https://example.org/x.mp4>", [], "<https://example.org/x.mp4>"),
        ("a link: https://example.org/x.mp4", [], "a link: https://example.org/x.mp4"),
    ],
)  # fmt: skip
def test_files_that_messages_name(body: str, names: list[str], caption: str) -> None:
    message = said(f"15/03/2024, 14:05 - Ani: {body}")
    assert named(message, lambda name: name == "kept.pdf") == (names, caption)


@pytest.mark.parametrize(
    ("body", "caption"),
    [
        ("<Media omitted>", ""),
        ("<Без медиафайлов>\nа вот", "а вот"),
        ("<words in a language not known>", ""),
        (f"{LRM}image omitted", ""),
        (f"{LRM}Bild weggelassen", ""),
        ("imagen omitida", ""),
        ("изображение отсутствует", ""),
        ("görüntü dahil edilmedi", ""),
        ("I omitted it", None),
        ("<3", None),
    ],
)
def test_media_left_out(body: str, caption: str | None) -> None:
    assert whatsapp_text.left_out(said(f"15/03/2024, 14:05 - Ani: {body}")) == caption


def test_a_system_line_names_nothing() -> None:
    message = said("15/03/2024, 14:05 - IMG-20240315-WA0001.jpg was removed")
    assert named(message, lambda _: True)[0] == []


def test_a_file_named_twice_and_one_that_is_not_there(tmp_path: Path) -> None:
    chat = "".join(
        f"[15.03.24, 14:0{n}:00] Ani: <attached: {name}>\n"
        for n, name in enumerate([PHOTO, PHOTO, VIDEO, "../../x.jpg", "..\\x.jpg"])
    )
    items = collect(export(tmp_path / "x", chat, {PHOTO: b"photo"}))
    assert [item.place[2:] for item in items[1:3]] == [(PHOTO, 1), (PHOTO, 2)]
    assert known(items[3]) == (VIDEO, "not_included", "missing_in_export")
    assert known(items[4]) == ("../../x.jpg", "quarantined", "path_outside")
    assert known(items[5]) == ("..\\x.jpg", "not_included", "missing_in_export")


def test_names_that_some_systems_write_otherwise(tmp_path: Path) -> None:
    chat = "[15.03.24, 14:00:00] Ani: <attached: 00000001-\u00e9t\u00e9.pdf>\n"
    path = export(tmp_path / "x", chat, {"00000001-e\u0301te\u0301.pdf": b"x"})
    assert read(collect(path)[1]) == b"x"


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")
def test_links_are_quarantined_and_folders_walked(tmp_path: Path) -> None:
    path = export(tmp_path / "x", IOS, {"deeper/more.mp4": b"more"})
    (tmp_path / "secret").write_bytes(b"secret")
    (path / PHOTO).symlink_to(tmp_path / "secret")
    items = collect(path)
    assert known(items[1]) == (PHOTO, "quarantined", "symlink_outside")
    assert items[1].protected["author"] == "Ani"
    assert read(items[-1]) == b"more"


def test_members_of_one_name_and_hostile_ones(tmp_path: Path) -> None:
    path = export(tmp_path / "x.zip", IOS, FILES)
    with zipfile.ZipFile(path, "a") as archive:
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr(PHOTO, b"another")
        archive.writestr("../outside.jpg", b"x")
    items = collect(path)
    assert [read(item) for item in items[1:3]] == [FILES[PHOTO], FILES[VIDEO]]
    assert (read(items[4]), items[4].flags) == (b"another", ("not_named_by_chat",))
    assert known(items[5]) == ("outside.jpg", "quarantined", "path_outside")


def test_an_encrypted_member(tmp_path: Path) -> None:
    path = export(tmp_path / "x.zip", IOS, FILES)
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\1\2")  # the last member's entry in the directory: the video's
    data[at + 8] |= 1
    path.write_bytes(bytes(data))
    assert known(collect(path)[2]) == (VIDEO, "failed", "encrypted")


def test_a_damaged_member(tmp_path: Path) -> None:
    path = export(tmp_path / "x.zip", IOS, FILES)
    path.write_bytes(path.read_bytes().replace(b"isom video", b"isom v1deo"))
    with pytest.raises(Unreadable, match="damaged"):
        read(collect(path)[2])


def test_a_message_without_end(tmp_path: Path) -> None:
    chat = f"15/03/2024, 14:05 - Ani: <attached: {PHOTO}>\n" + "x" * (3 << 20)
    item = collect(export(tmp_path / "x", chat, FILES))[1]
    assert "message_cut" in item.flags
    assert len(str(item.protected["message"])) < 2 << 20


def test_words_that_changed_are_read_again(tmp_path: Path) -> None:
    first = collect(export(tmp_path / "x", IOS, FILES))[1]
    again = collect(export(tmp_path / "x", IOS + " edited", {}))[1]
    assert first.place == again.place
    assert first.unchanged != again.unchanged


def test_what_is_recognised(tmp_path: Path) -> None:
    export(tmp_path / "folder", IOS, {})
    export(tmp_path / "android", ANDROID, {}, "Чат WhatsApp с Ani.txt")
    export(tmp_path / "chat.zip", IOS, {})
    export(tmp_path / "inner.zip", IOS, {}, "Chat/_chat.txt")
    export(tmp_path / "other", "words\n", {})
    export(tmp_path / "other.zip", ANDROID, {}, "notes.txt")
    (tmp_path / "no.zip").write_bytes(b"PK\3\4")
    found = {each.name for each in tmp_path.iterdir() if WhatsApp().recognises(str(each))}
    assert found == {"folder", "android", "chat.zip", "inner.zip"}
    assert not WhatsApp().recognises("\0")
    for name in ("other", "no.zip", "missing"):
        with pytest.raises(BadInput):
            WhatsApp().preflight(str(tmp_path / name))


def test_a_chat_alone_takes_what_it_names_and_nothing_beside(tmp_path: Path) -> None:
    path = export(tmp_path / "downloads", IOS, FILES | {"private.pdf": b"x"})
    names = [item.protected.get("name") for item in collect(path / "_chat.txt")]
    assert names == ["_chat.txt", PHOTO, VIDEO, None]


def test_preflight(tmp_path: Path) -> None:
    path = export(tmp_path / "x", IOS, {PHOTO: b"12345", "other.pdf": b"123"})
    look = WhatsApp().preflight(str(path))
    assert look.items == len(collect(path)) == 5
    assert look.bytes == len(IOS.encode()) + 8
    assert set(look.notes) == {
        "media_omitted", "missing_in_export", "not_named_by_chat", "zone_unknown",
        "notices_passed",
    }  # fmt: skip


@given(st.lists(st.one_of(st.sampled_from([*HEADS, "Ani: ", LRM, "\n", "<attached: ", PHOTO, ">",
                                           "IMG-20240315-WA0001.jpg", " (", ")"]),
                          st.text(max_size=9)), max_size=20))  # fmt: skip
def test_any_text_is_read_whole(parts: list[str]) -> None:
    import io

    text = "".join(parts).encode("utf-8", "replace")
    messages = list(read_messages(io.BytesIO(text)))
    joined = "\n".join(each.raw for each in messages)
    assert "".join(joined.split()) == "".join(text.decode().replace("\r\n", "\n").split())
    for each in messages:
        named(each, lambda name: len(name) % 2 == 0)
        whatsapp_text.left_out(each)


def test_the_tally_of_a_run(archive: Archive, tmp_path: Path) -> None:
    path = export(tmp_path / "chat.zip", IOS, {PHOTO: FILES[PHOTO], "again.jpg": FILES[PHOTO]})
    for run in range(2):
        collector = collecting.choose(str(path))
        assert collector.name == "whatsapp"
        look = collector.preflight(str(path))
        tally = collecting.collect(archive, str(path), collector, Channel(), preflight=look).tally
        assert (tally.seen, tally.not_included) == (5, 2)
        assert (tally.stored, tally.already_held) == ((2, 1) if run == 0 else (0, 3))
    entries = b"".join(each.body for each in archive.journal.read())
    assert {row.reason for row in archive.queries.sightings() if row.outcome == "not_included"} == {
        "media_omitted", "missing_in_export",
    }  # fmt: skip
    for word in ("Ani", "bridge", PHOTO, "14:05"):
        assert word.encode() not in entries
