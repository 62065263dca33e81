"""What yt-dlp says of one download in its `.info.json`.

Seen in yt-dlp 2026.10.26 (`YoutubeDL._write_info_json`, `sanitize_info`): one object, its members
in no order that can be relied on, `comments` (which can be long) among the last. `timestamp` is
seconds since 1970 where the site gives the time of day; `upload_date` is a day of no stated zone;
`epoch` is when yt-dlp asked. youtube-dl wrote the same form without `epoch`.

Where no code for the site exists (`Generic`, `HTML5MediaEmbed`), `id` is the last part of the
address, which many share, and `timestamp` may be the server's `Last-Modified`.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import BinaryIO

from witnessmark.model import DatedBy
from witnessmark.model.json import MAX_INTEGER, Json
from witnessmark.model.statement import Instant, Token

#: As much as a run keeps of it as the message; of a longer one this much is looked at.
MAX_INFO = 8 << 20
_MAX_TIME = 253_402_300_800
_SPACE = re.compile(r"[ \t\r\n]*")
_AUTHOR = ("uploader", "uploader_id", "uploader_url", "channel", "channel_id", "channel_url")
_COUNTS = ("view_count", "like_count", "comment_count", "width", "height", "duration")
_TEXTS = (
    *_AUTHOR,
    *("_type", "id", "extractor", "extractor_key", "ext"),
    *("title", "description", "webpage_url", "location", "upload_date"),
)
_WANTED = frozenset((*_TEXTS, *_COUNTS, "timestamp", "epoch"))
_ANY_SITE = ("generic", "html5mediaembed", "html5")
_PLAYLISTS = ("playlist", "multi_video")

Info = Mapping[str, object]


def looks_like_info(head: bytes) -> bool:
    """Whether a file named `.info.json` begins as those of yt-dlp do."""
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    names = rb'"(title|formats|entries|extractor|extractor_key|webpage_url)"\s*:'
    return bool(re.match(rb'\{\s*"', text) and re.search(rb'"(id|_type)"\s*:', text)) and bool(
        re.search(names, text)
    )


def read_info(file: BinaryIO, *, cut: bool) -> Info:
    """The members that we use, of their types only.

    Args:
        file: from its beginning; `MAX_INFO` bytes are read.
        cut: whether there is more than that, so that the end is missing.

    Raises:
        ValueError: no JSON object, or nested too deep.
    """
    data = file.read(MAX_INFO).removeprefix(codecs.BOM_UTF8)
    text = codecs.getincrementaldecoder("utf-8")().decode(data, final=not cut)
    found: dict[str, object] = {}
    try:
        for name, value in _members(text):
            if name in _WANTED and _fits(name, value):
                found |= {name: value}  # what comes before an error is kept
    except (ValueError, RecursionError) as error:
        if not cut:
            raise ValueError("no info") from error
    return found


def _members(text: str) -> Iterator[tuple[str, object]]:
    """The members of an object one after the other, so that a cut one gives its beginning."""
    decoder = json.JSONDecoder()
    at = _after(text, 0, "{")
    closed = text.startswith("}", at)
    while not closed:
        name, at = decoder.raw_decode(text, at)
        value, at = decoder.raw_decode(text, _after(text, at, ":"))
        yield str(name), value
        closed = text.startswith("}", _skip(text, at))
        at = at if closed else _after(text, at, ",")
    if _skip(text, _skip(text, at) + 1) < len(text):
        raise ValueError("more after the object")


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _after(text: str, at: int, mark: str) -> int:
    at = _skip(text, at)
    if not text.startswith(mark, at):
        raise ValueError(f"no {mark}")
    return _skip(text, at + 1)


def _fits(name: str, value: object) -> bool:
    return isinstance(value, str) if name in _TEXTS else type(value) in (int, float)


def is_playlist(info: Info) -> bool:
    """Whether it describes a list and no medium of its own."""
    return info.get("_type") in _PLAYLISTS


def identity(info: Info) -> tuple[str, ...]:
    """The site's code and the site's own name of the medium; nothing when either is not given.

    Where the name is not the site's own, its address stands beside it.
    """
    key, name = info.get("extractor_key") or info.get("extractor"), info.get("id")
    if not (key and name):
        return ()
    return (str(key), str(name), *([str(info.get("webpage_url", ""))] if _any_site(info) else []))


def _any_site(info: Info) -> bool:
    return str(info.get("extractor_key") or info.get("extractor")).lower() in _ANY_SITE


def dates(info: Info) -> tuple[DatedBy, ...]:
    """When it was posted, where a full time is given, and when yt-dlp asked; both stated."""
    posted = None if _any_site(info) else info.get("timestamp")
    return tuple(
        DatedBy(what=Token(what), at=at, grade=Token("stated"))
        for what, value in (("posted", posted), ("fetched", info.get("epoch")))
        if (at := _instant(value)) is not None
    )


def doubts(info: Info) -> tuple[str, ...]:
    """Flags: a day is given and no time; a time that may be when the server changed a file."""
    timed = _instant(info.get("timestamp")) is not None
    if timed and _any_site(info):
        return ("posted_unclear",)
    return ("zone_unreliable",) if info.get("upload_date") and not timed else ()


def _instant(seconds: object) -> Instant | None:
    if not isinstance(seconds, int | float) or not 0 < seconds < _MAX_TIME:
        return None
    return Instant(datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


def stated(info: Info) -> dict[str, int]:
    """Counts, size of the picture, and whole seconds (`duration_seconds`)."""
    found = {}
    for name in _COUNTS:
        value = info.get(name)
        if isinstance(value, int | float) and 0 <= value < MAX_INTEGER:
            found["duration_seconds" if name == "duration" else name] = int(value)
    return found


def words(info: Info, described: str) -> dict[str, Json]:
    """Protected values; `described` is the text of a `.description` file.

    Its line ends may have been changed in writing; what else differs is kept beside the other.
    """
    texts = [str(info.get("title", "")), str(info.get("description", ""))]
    if described.split() != texts[1].split():
        texts.append(described)
    members: dict[str, Json] = {
        "author": {name: str(info[name]) for name in _AUTHOR if info.get(name)},
        "caption": "\n\n".join(text for text in texts if text),
        "location": str(info.get("location", "")),
    }
    return {name: value for name, value in members.items() if value}
