"""Writes Telegram Desktop exports around given files, in the shapes that the program writes."""

from __future__ import annotations

import dataclasses
import html
import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

#: What Telegram Desktop writes in place of a file: in JSON, in HTML.
PLACEHOLDERS = {
    "not_included": (
        "(File not included. Change data exporting settings to download.)",
        "Not included, change data exporting settings to download.",
    ),
    "exceeds_maximum_size": (
        "(File exceeds maximum size. Change data exporting settings to download.)",
        "Exceeds maximum size, change data exporting settings to download.",
    ),
    "unavailable": (
        "(File unavailable, please try again later)",
        "Unavailable, please try again later.",
    ),
}
_START = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Post:
    """A message to write.

    Attributes:
        id: message number.
        at: when it was posted (aware).
        text: caption; a list of strings and `{"type", "text"}` in JSON, joined in HTML.
        video, photo: a file to copy into the export.
        missing: a key of `PLACEHOLDERS`: it had a video (or photo) that is not in the export.
        edited: when it was edited; HTML does not show that.
        forwarded_from, forwarded_at: whom it repeats; JSON does not show when.
        sender: author, the chat's own name if "".
        width, height, seconds: as stated for the media.
    """

    id: int
    at: datetime = _START
    text: str | list[Any] = ""
    video: Path | None = None
    photo: Path | None = None
    missing: str = ""
    edited: datetime | None = None
    forwarded_from: str = ""
    forwarded_at: datetime | None = None
    sender: str = ""
    width: int = 640
    height: int = 360
    seconds: int = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chat:
    """A chat to write."""

    name: str
    id: int
    posts: Sequence[Post]
    type: str = "public_channel"


def telegram_json(
    folder: Path, chats: Chat | Sequence[Chat], *, unixtime: bool = True, zone: int = 4
) -> Path:
    """Writes `result.json` and its files: one chat, or a whole account for a list of chats.

    Args:
        folder: made if needed.
        chats: what to write.
        unixtime: False for what older versions wrote, local times only.
        zone: hours east of Greenwich of the machine that exported.

    Returns:
        The folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(chats, Chat):
        result = _chat_json(folder, "", chats, unixtime, zone)
    else:
        written = [
            _chat_json(folder, f"chats/chat_{n:03}/", chat, unixtime, zone)
            for n, chat in enumerate(chats, 1)
        ]
        result = {
            "about": "Here is the data you requested. Telegram is free.",
            "personal_information": {"user_id": 1, "first_name": "Nobody", "last_name": ""},
            "contacts": {"about": "Contacts.", "list": []},
            "chats": {"about": "This page lists all chats from this export.", "list": written},
        }
    text = json.dumps(result, ensure_ascii=False, indent=1)
    (folder / "result.json").write_text(text, encoding="utf-8")
    return folder


def _chat_json(folder: Path, base: str, chat: Chat, unixtime: bool, zone: int) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [
        {
            "id": -1000,
            "type": "service",
            **_times("date", _START - timedelta(days=1), unixtime, zone),
            "actor": chat.name,
            "action": "create_channel",
            "text": "",
        }
    ]
    messages += [_post_json(folder, base, chat, post, unixtime, zone) for post in chat.posts]
    return {"name": chat.name, "type": chat.type, "id": chat.id, "messages": messages}


def _times(name: str, at: datetime, unixtime: bool, zone: int) -> dict[str, str]:
    local = at.astimezone(timezone(timedelta(hours=zone)))
    times = {name: local.strftime("%Y-%m-%dT%H:%M:%S")}
    if unixtime:
        times[f"{name}_unixtime"] = str(int(at.timestamp()))
    return times


def _post_json(
    folder: Path, base: str, chat: Chat, post: Post, unixtime: bool, zone: int
) -> dict[str, Any]:
    message: dict[str, Any] = {
        "id": post.id,
        "type": "message",
        **_times("date", post.at, unixtime, zone),
        **(_times("edited", post.edited, unixtime, zone) if post.edited else {}),
        "from": post.sender or chat.name,
        "from_id": f"channel{chat.id}",
    }
    if post.forwarded_from:
        message["forwarded_from"] = post.forwarded_from
    size = {"width": post.width, "height": post.height}
    if post.photo:
        message |= {"photo": _copy(folder, base, post)[0], **size}
    elif post.video or post.missing:
        path, thumbnail = _copy(folder, base, post)
        message |= {"file": path, "thumbnail": thumbnail, "media_type": "video_file"}
        message |= {"mime_type": "video/mp4", "duration_seconds": post.seconds, **size}
    parts = post.text if isinstance(post.text, list) else [post.text] if post.text else []
    entities = [{"type": "plain", "text": p} if isinstance(p, str) else p for p in parts]
    return message | {"text": post.text, "text_entities": entities}


def _copy(folder: Path, base: str, post: Post) -> tuple[str, str]:
    """Copies a post's file; paths of it and of its thumbnail, or what stands in their place."""
    if post.missing:
        return PLACEHOLDERS[post.missing][0], PLACEHOLDERS["not_included"][0]
    source = post.photo or post.video
    if source is None:
        raise ValueError("a post without media has no file")
    kind = "photos" if post.photo else "video_files"
    name = f"photo_{post.id}@{post.at:%d-%m-%Y_%H-%M-%S}.jpg" if post.photo else source.name
    path = f"{base}{kind}/{name}"
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, folder / path)
    thumbnail = path.removesuffix(".jpg") + "_thumb.jpg" if post.photo else f"{path}_thumb.jpg"
    (folder / thumbnail).write_bytes(b"\xff\xd8\xff\xe0thumbnail %d" % post.id)
    return path, thumbnail


# --- HTML ----------------------------------------------------------------------------------------

_PAGE = """<!DOCTYPE html>
<html>

 <head>

  <meta charset="utf-8"/>
<title>Exported Data</title>
  <meta content="width=device-width, initial-scale=1.0" name="viewport"/>

  <link href="{up}css/style.css" rel="stylesheet"/>

  <script src="{up}js/script.js" type="text/javascript">

  </script>

 </head>

 <body onload="CheckLocation();">

  <div class="page_wrap">

   <div class="page_header">

    <div class="content">

     <div class="text bold">
{title}
     </div>

    </div>

   </div>

{body}
  </div>

 </body>

</html>
"""


def telegram_html(
    folder: Path,
    chats: Chat | Sequence[Chat],
    *,
    offset: bool = True,
    zone: int = 4,
    per_page: int = 1000,
) -> Path:
    """Writes HTML pages and their files: one chat, or a whole account for a list of chats.

    Args:
        folder: made if needed.
        chats: what to write.
        offset: False for what older versions wrote, dates without `UTC+04:00`.
        zone: hours east of Greenwich of the machine that exported.
        per_page: messages a page; the program itself writes a thousand.

    Returns:
        The folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(chats, Chat):
        _pages(folder, "", chats, offset, zone, per_page)
        return folder
    for number, chat in enumerate(chats, 1):
        _pages(folder, f"chats/chat_{number:03}/", chat, offset, zone, per_page)
    (folder / "lists").mkdir(exist_ok=True)
    for name, up in (("export_results.html", ""), ("lists/chats.html", "../")):
        page = _PAGE.format(up=up, title="Exported Data", body="")
        (folder / name).write_text(page, encoding="utf-8")
    return folder


def _pages(folder: Path, base: str, chat: Chat, offset: bool, zone: int, per_page: int) -> None:
    up = "../../" if base else ""
    slices = [chat.posts[n : n + per_page] for n in range(0, len(chat.posts), per_page)]
    for number, posts in enumerate(slices or [()], 1):
        before: Post | None = None
        parts = ['   <div class="page_body chat_page">\n    <div class="history">']
        for post in posts:
            if before is None or before.at.date() != post.at.date():
                parts.append(_service(-number, f"{post.at:%d %B %Y}"))
                before = None
            parts.append(_post_html(folder, base, chat, post, before, _Clock(offset, zone)))
            before = post
        if number < len(slices):
            link = f'     <a class="pagination block_link" href="messages{number + 1}.html">'
            parts.append(f"{link}\nNext messages\n     </a>")
        parts.append("    </div>\n   </div>")
        page = _PAGE.format(up=up, title=html.escape(f"{chat.name} "), body="\n".join(parts))
        path = folder / base / f"messages{number if number > 1 else ''}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8")


@dataclasses.dataclass(frozen=True)
class _Clock:
    offset: bool
    zone: int

    def title(self, at: datetime) -> str:
        local = at.astimezone(timezone(timedelta(hours=self.zone)))
        suffix = f" UTC{self.zone:+03}:00" if self.offset else ""
        return local.strftime("%d.%m.%Y %H:%M:%S") + suffix


def _service(number: int, text: str) -> str:
    return _div("message service", _div("body details", text), f' id="message{number}"')


def _div(classes: str, body: str, more: str = "") -> str:
    return f'\n<div class="{classes}"{more}>\n{body}\n</div>\n'


def _post_html(
    folder: Path, base: str, chat: Chat, post: Post, before: Post | None, clock: _Clock
) -> str:
    joined = before is not None and before.sender == post.sender and not post.forwarded_from
    name = html.escape(post.sender or chat.name)
    date = _div("pull_right date details", f"{post.at:%H:%M}", f' title="{clock.title(post.at)}"')
    text = "".join(p if isinstance(p, str) else p["text"] for p in post.text)
    inner = _media_html(folder, base, post)
    if text:
        inner += _div("text", html.escape(text).replace("\n", "<br>"))
    if post.forwarded_from:
        at = clock.title(post.forwarded_at or post.at)
        span = f'<span class="date details" title="{at}"> {at[:19]}</span>'
        quoted = _div("from_name", f"{html.escape(post.forwarded_from)} {span}")
        inner = _div("forwarded body", quoted + inner)
    head = date if joined else date + _div("from_name", name)
    classes = "message default clearfix" + (" joined" if joined else "")
    return _div(classes, _div("body", head + inner), f' id="message{post.id}"')


def _media_html(folder: Path, base: str, post: Post) -> str:
    length = f"{post.seconds // 60:02}:{post.seconds % 60:02}"
    if post.missing:
        row = _div("title bold", "Video file")
        row += _div("description", PLACEHOLDERS[post.missing][1])
        row += _div("status details", f"{length}, 12.3 MB")
        media = _div("media clearfix pull_left media_video", _div("body", row))
    elif post.photo or post.video:
        up = "../../" if base else ""
        path, thumbnail = (html.escape(up + each) for each in _copy(folder, base, post))
        wrap = "photo_wrap" if post.photo else "video_file_wrap"
        inner = "" if post.photo else _div("video_duration", length)
        inner += f'<img class="photo" src="{thumbnail}" style="width: 260px; height: 146px"/>'
        media = f'<a class="{wrap} clearfix pull_left" href="{path}">\n{inner}\n</a>'
    else:
        return ""
    return _div("media_wrap clearfix", media)
