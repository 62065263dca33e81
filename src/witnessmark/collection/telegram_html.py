"""The HTML form of a Telegram Desktop export: pages of a thousand messages each.

HTML says less than JSON: no chat id, no sender id, no sign that a message was edited. So its
dates bound no media, and a chat is named by its name.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, BinaryIO

from witnessmark.collection.telegram_message import (
    VIDEOS,
    Chat,
    MalformedError,
    Passed,
    Post,
    Seen,
    broken,
    clean,
    dated,
    present,
)
from witnessmark.model.json import Json
from witnessmark.model.statement import Instant

if TYPE_CHECKING:
    from lxml.html import HtmlElement

#: A page holds a thousand messages, about one megabyte.
MAX_PAGE = 64 << 20

#: Class of a link that shows its medium, and the kind of it.
_SHOWN = {
    "photo_wrap": "photo",
    "video_file_wrap": "video_file",
    "animated_wrap": "animation",
    "sticker_wrap": "sticker",
}
#: Class of a plain row (icon, title, description, status), and the kind of its medium.
_ROWS = {
    "media_photo": "photo",
    "media_video": "video_file",
    "media_voice_message": "voice_message",
    "media_audio_file": "audio_file",
    "media_file": "file",
}
_TITLES = {"Video message": "video_message", "Animation": "animation", "Sticker": "sticker"}
_MISSING = {
    "not included": "not_included",
    "exceeds maximum size": "exceeds_maximum_size",
    "unavailable": "unavailable",
    "please view it on your mobile": "self_destructing",
    "expired": "self_destructing",
}
_DATE = re.compile(
    r"(\d\d)\.(\d\d)\.(\d{4}) (\d\d):(\d\d):(\d\d)(?: UTC(?:([+-])(\d\d):?(\d\d))?)?"
)
_DURATION = re.compile(r"(?:(\d{1,3}):)?(\d{1,2}):(\d\d)\b")
_SIZE = re.compile(r"(\d{1,6})\s*[x\u00d7]\s*(\d{1,6})\b")


def looks_like_html_export(head: bytes) -> bool:
    """Whether the first 64 KiB of a page look like Telegram Desktop's."""
    return b'class="page_wrap"' in head and b'class="page_header"' in head


@dataclasses.dataclass(slots=True)
class Sender:
    """Who spoke last: a message that joins the one before it does not say so again."""

    name: str = ""
    via: str = ""
    forwarded: str = ""


def parse_page(file: BinaryIO) -> tuple[HtmlElement, bool]:
    """A page, and whether it is whole.

    Raises:
        MalformedError: larger than 64 MiB, or no HTML at all.
    """
    import lxml.etree
    import lxml.html

    text = file.read(MAX_PAGE + 1)
    if len(text) > MAX_PAGE:
        raise MalformedError
    parser = lxml.html.HTMLParser(encoding="utf-8", no_network=True)
    try:
        page = lxml.html.document_fromstring(text, parser=parser)
    except (lxml.etree.ParserError, lxml.etree.XMLSyntaxError) as error:
        raise MalformedError from error
    return page, b"</html>" in text[-1000:]


def chat_name(page: HtmlElement) -> str:
    """The name in the page's header."""
    header = _first(page, "page_header")
    title = None if header is None else _first(header, "text", "bold")
    return "" if title is None else _text(title)


def next_page(page: HtmlElement) -> bool:
    """Whether the page says that another follows."""
    return any(_text(link) == "Next messages" for link in _all(page, "pagination", tag="a"))


def read_page(page: HtmlElement, chat: Chat, sender: Sender) -> Iterator[Seen]:
    """Messages of a page in order; `sender` goes on from page to page."""
    for position, element in enumerate(_all(page, "message"), 1):
        number = re.fullmatch(r"message(-?\d{1,15})", element.get("id") or "")
        name: Json = int(number[1]) if number else {"position": position}
        try:
            yield _read(element, chat, name, sender)
        except MalformedError:
            yield broken(chat.place(name), "malformed_message", chat.where(name))


def _read(element: HtmlElement, chat: Chat, number: Json, sender: Sender) -> Seen:
    import lxml.html

    source = clean(lxml.html.tostring(element, encoding="unicode", with_tail=False))
    service = "service" in _classes(element)
    body = _child(element, "body")
    if body is not None and not service:
        _speak(element, body, sender)
    medium = _service_photo(element) if service else _medium(element)
    if service and _said(element, "body").startswith("This message is not supported"):
        return Passed("unsupported")
    if medium is None:
        return Passed("service" if service else "without_media")
    if not isinstance(number, int):
        raise MalformedError
    forwarded = None if body is None else _child(body, "forwarded", "body")
    zoned, posted = _date(None if body is None else _child(body, "date"))
    original = _date(None if forwarded is None else _first(forwarded, "date", tag="span"))[1]
    spoken = body if forwarded is None else forwarded
    protected: dict[str, Json] = {
        "name": medium.name or medium.file.rpartition("/")[2],
        "where": chat.where(number),
        "author": present(
            {"from": sender.name, "author": _said(spoken, "signature"), "via_bot": sender.via}
        ),
        "caption": _said(spoken, "text"),
        "forwarded_from": present(
            {"forwarded_from": "" if forwarded is None else sender.forwarded}
        ),
        "message": source,
    }
    return Post(
        place=chat.place(number),
        kind=medium.kind,
        video=medium.kind in VIDEOS,
        file=medium.file,
        thumbnail=medium.thumbnail,
        outcome="" if medium.file else "not_included",
        reason=medium.reason,
        zoned=zoned or service,
        dates=(
            *dated("posted", posted, bounds=False),
            *dated("original_posted", original, bounds=False),
        ),
        stated=medium.stated,
        protected={name: value for name, value in protected.items() if value},
    )


def _speak(element: HtmlElement, body: HtmlElement, sender: Sender) -> None:
    """Takes over who speaks, and whom is quoted, where the message says it."""
    joined = "joined" in _classes(element)
    if (name := _child(body, "from_name")) is not None:
        sender.name, sender.via = _person(name)
    elif not joined:
        sender.name = sender.via = ""
    forwarded = _child(body, "forwarded", "body")
    if forwarded is not None and (name := _child(forwarded, "from_name")) is not None:
        sender.forwarded, via = _person(name)
        sender.via = via or sender.via
    elif not joined:
        sender.forwarded = ""


def _person(name: HtmlElement) -> tuple[str, str]:
    """A name and the bot it came through; a date that stands behind it is left out."""
    text = (name.text or "").strip()
    via = re.fullmatch(r"(.*?)\s+via (@\w+)", text, re.DOTALL)
    return (via[1], via[2]) if via else (text, "")


# --- media ---------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class _Medium:
    kind: str
    file: str = ""
    thumbnail: str = ""
    reason: str = ""
    name: str = ""
    stated: dict[str, int] = dataclasses.field(default_factory=dict)


def _medium(element: HtmlElement) -> _Medium | None:
    wrap = _first(element, "media_wrap")
    if wrap is None:
        return None
    for part in wrap.iter("a", "div"):
        classes = _classes(part)
        links = (_path(link.get("href")) for link in part.iter("a"))
        file = next(filter(None, links), "")
        for name, kind in _SHOWN.items():
            if name in classes:
                return _Medium(kind, file, _picture(part), _none(file), "", _numbers(part))
        if "media" in classes:
            kinds = [kind for name, kind in _ROWS.items() if name in classes]
            return _row(part, kinds[0], file) if kinds else None
    return None


def _row(part: HtmlElement, kind: str, file: str) -> _Medium:
    title = _said(part, "title", deep=True)
    words = f"{_said(part, 'description', deep=True)}\n{_said(part, 'status', deep=True)}".lower()
    reasons = [reason for start, reason in _MISSING.items() if re.search(rf"^{start}", words, re.M)]
    name = title if kind == "file" and title != "File" else ""
    reason = "" if file else (reasons or [_none(file)])[0]
    return _Medium(_TITLES.get(title, kind), file, _picture(part), reason, name, _numbers(part))


def _service_photo(element: HtmlElement) -> _Medium | None:
    link = _first(element, "userpic_link", tag="a")
    return None if link is None else _Medium("photo", _path(link.get("href")), _picture(link))


def _none(file: str) -> str:
    return "" if file else "unavailable"


def _path(href: str | None) -> str:
    """A file of the export; "" for an address in the web."""
    return "" if href is None or re.match(r"[a-z]+:|//", href, re.IGNORECASE) else href


def _picture(part: HtmlElement) -> str:
    images = part.iter("img")
    return next((_path(image.get("src")) for image in images), "")


def _numbers(part: HtmlElement) -> dict[str, int]:
    found = {}
    status = f"{_said(part, 'video_duration', deep=True)} {_said(part, 'status', deep=True)}"
    if match := _DURATION.search(status):
        hours, minutes, seconds = (int(each or 0) for each in match.groups())
        found["duration_seconds"] = hours * 3600 + minutes * 60 + seconds
    elif match := _SIZE.search(status):
        found["width"], found["height"] = int(match[1]), int(match[2])
    return found


# --- elements ------------------------------------------------------------------------------------


def _date(element: HtmlElement | None) -> tuple[bool, Instant | None]:
    """Whether the title of a date gives its zone, and the time; `23.10.2020 11:22:33 UTC+04:00`."""
    match = None if element is None else _DATE.fullmatch((element.get("title") or "").strip())
    if match is None or "UTC" not in match[0]:
        return False, None
    day, month, year, hour, minute, second = (int(match[n]) for n in range(1, 7))
    offset = timedelta(hours=int(match[8] or 0), minutes=int(match[9] or 0))
    try:
        local = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        at = local + offset if match[7] == "-" else local - offset
    except (ValueError, OverflowError):
        return False, None
    return True, Instant(at.isoformat().replace("+00:00", "Z"))


def _classes(element: HtmlElement) -> list[str]:
    return (element.get("class") or "").split()


def _all(element: HtmlElement, *names: str, tag: str = "div") -> Iterator[HtmlElement]:
    return (each for each in element.iter(tag) if set(names) <= set(_classes(each)))


def _first(element: HtmlElement, *names: str, tag: str = "div") -> HtmlElement | None:
    return next(_all(element, *names, tag=tag), None)


def _child(element: HtmlElement, *names: str) -> HtmlElement | None:
    children = (each for each in element.iterchildren("div") if set(names) <= set(_classes(each)))
    return next(children, None)


def _said(element: HtmlElement | None, name: str, *, deep: bool = False) -> str:
    if element is None:
        return ""
    found = _first(element, name) if deep else _child(element, name)
    return "" if found is None else _text(found)


def _text(element: HtmlElement) -> str:
    """Text of an element; the writer's own line breaks around it are not the author's."""
    parts = element.xpath("descendant::text() | descendant::br")
    return "".join(part if isinstance(part, str) else "\n" for part in parts).strip()
