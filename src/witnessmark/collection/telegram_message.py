"""What a message of a Telegram export says, the same for its JSON and its HTML form."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from witnessmark.model import DatedBy
from witnessmark.model.json import MAX_INTEGER, Json
from witnessmark.model.statement import Instant, Token

VIDEOS = ("video_file", "animation", "video_message")
#: What an export calls its media; anything else in that field is a stranger's text.
KINDS = (*VIDEOS, "photo", "voice_message", "audio_file", "sticker", "file")
#: A record's entry may be nested 32 deep; the message stands inside of one.
MAX_DEPTH = 24
_MAX_TIME = 253_402_300_800
_STATED = ("width", "height", "duration_seconds")

#: What stands in place of a path when Telegram Desktop did not save the file.
_PLACEHOLDER = re.compile(
    r"(?:[^/]* )?\((?:File|Photo|Video|Story) "
    r"(?:(not included)|(exceeds maximum size)|(unavailable))[^()]*\)",
    re.IGNORECASE,
)
MISSING = ("not_included", "exceeds_maximum_size", "unavailable")


class MalformedError(Exception):
    """A message that does not have the types that Telegram Desktop writes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Chat:
    """A chat: its name, and its id where the export gives one (HTML gives none).

    `marks` stand for the id when there is none; they are the same in a later export.
    """

    name: str | None = None
    id: int | None = None
    marks: tuple[Json, ...] = ()

    def place(self, message: Json) -> tuple[Json, ...]:
        """What names a message for ever."""
        chat = self.marks if self.id is None else (self.id,)
        return ("telegram", *chat, message)

    def where(self, message: Json) -> dict[str, Json]:
        """The protected value that says where a message stands."""
        return present({"chat": self.name, "chat_id": self.id, "message": message})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A message with media, or the trace of one that cannot be read.

    Attributes:
        file, thumbnail: as the export names them, from its own folder; "" when not included.
        outcome, reason: what is known before the disk is looked at.
        zoned: whether its date came with a time zone.
        video: whether the media is moving pictures.
        dates, stated, protected: as in `Item`.
    """

    place: tuple[Json, ...]
    kind: str = "file"
    file: str = ""
    thumbnail: str = ""
    outcome: str = ""
    reason: str = ""
    zoned: bool = True
    video: bool = False
    dates: tuple[DatedBy, ...] = ()
    stated: Mapping[str, int] = dataclasses.field(default_factory=dict)
    protected: Mapping[str, Json] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Passed:
    """Something that is no item: `without_media`, `service`, `unsupported`, or a `section`."""

    why: str
    name: str = ""


Seen = Post | Passed


def broken(place: tuple[Json, ...], reason: str, where: Mapping[str, Json]) -> Post:
    """A failed post; it names its place and nothing else can be said of it."""
    return Post(place=place, outcome="failed", reason=reason, protected={"where": where})


def present(members: Mapping[str, Json]) -> dict[str, Json]:
    """The members that say something."""
    return {name: value for name, value in members.items() if value not in (None, "")}


def placeholder(path: str) -> str:
    """Why a file is not in the export, from the words that stand in its place; "" for a path."""
    match = _PLACEHOLDER.fullmatch(path)
    return MISSING[match.lastindex - 1] if match and match.lastindex else ""


def dated(what: str, at: Instant | None, *, bounds: bool) -> tuple[DatedBy, ...]:
    """A stated date, or none."""
    if at is None:
        return ()
    return (DatedBy(what=Token(what), at=at, grade=Token("stated"), bounds_media=bounds),)


def instant(seconds: object) -> Instant | None:
    """Unix seconds, a number or its digits, as a time; None for anything else."""
    if isinstance(seconds, str) and re.fullmatch(r"[0-9]{1,12}", seconds):
        seconds = int(seconds)
    if type(seconds) is not int or not 0 < seconds < _MAX_TIME:
        return None
    return Instant(datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


def decimal_text(number: Decimal) -> str:
    """A number as plain digits; in the E notation when that would be absurdly long."""
    short = abs(number.adjusted()) < 40 if number.is_finite() else False
    return format(number, "f") if short else str(number)


def clean(value: object, depth: int = 0) -> Json:
    """JSON as the record takes it: numbers that are no small integers become decimal text.

    Raises:
        MalformedError: nested too deep, or text that is not Unicode.
    """
    if depth > MAX_DEPTH:
        raise MalformedError
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise MalformedError from error
        return value
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, dict):
        return {str(clean(key)): clean(each, depth + 1) for key, each in value.items()}
    if isinstance(value, list):
        return [clean(each, depth + 1) for each in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < MAX_INTEGER else str(value)
    raise MalformedError


def read_message(raw: object, chat: Chat, position: int) -> Seen:
    """One message object of a `result.json`.

    Args:
        raw: as ijson gives it, numbers as int or Decimal.
        chat: where it stands.
        position: its number among the chat's messages; names it if its id cannot.
    """
    number = raw.get("id") if isinstance(raw, dict) else None
    sound = type(number) is int and abs(number) < MAX_INTEGER
    name: Json = number if sound and isinstance(number, int) else {"position": position}
    try:
        if not isinstance(raw, dict) or not sound:
            raise MalformedError
        return _read(raw, chat, name)
    except MalformedError:
        return broken(chat.place(name), "malformed_message", chat.where(name))


def _read(raw: dict[str, object], chat: Chat, number: Json) -> Seen:
    kind = raw.get("type", "message")
    if not isinstance(kind, str):
        raise MalformedError
    photo, file = _path(raw, "photo"), _path(raw, "file")
    if kind == "unsupported":
        return Passed("unsupported")
    if not (photo or file):
        return Passed("service" if kind == "service" else "without_media")
    message = clean(raw)
    if not isinstance(message, dict):
        raise MalformedError
    # A message has one medium; should a stranger's export give two, the raw message names both.
    path = file or photo
    missing = placeholder(path)
    media_type = message.get("media_type", "file" if file else "photo")
    return Post(
        place=chat.place(number),
        kind=media_type if media_type in KINDS else "file",
        video=media_type in VIDEOS or str(message.get("mime_type")).startswith("video/"),
        file="" if missing else path,
        thumbnail=_thumbnail(message),
        outcome="not_included" if missing else "",
        reason=missing,
        zoned=instant(message.get("date_unixtime")) is not None,
        dates=_dates(message),
        stated=_whole_numbers(message),
        protected=_protected(message, path="" if missing else path, where=chat.where(number)),
    )


def _path(raw: Mapping[str, object], field: str) -> str:
    path = raw.get(field) or ""
    if not isinstance(path, str):
        raise MalformedError
    return path


def _thumbnail(message: Mapping[str, Json]) -> str:
    path = message.get("thumbnail")
    return path if isinstance(path, str) and not placeholder(path) else ""


def _dates(message: Mapping[str, Json]) -> tuple[DatedBy, ...]:
    edited = bool(message.get("edited") or message.get("edited_unixtime"))
    return (
        *dated("posted", instant(message.get("date_unixtime")), bounds=not edited),
        *dated("edited", instant(message.get("edited_unixtime")), bounds=True),
    )


def _whole_numbers(message: Mapping[str, Json]) -> dict[str, int]:
    values = ((name, message.get(name)) for name in _STATED)
    return {name: value for name, value in values if type(value) is int and value >= 0}


def _protected(message: Mapping[str, Json], path: str, where: Json) -> dict[str, Json]:
    def some(*names: str) -> dict[str, Json]:
        return present({name: message.get(name) for name in names})

    location = message.get("location_information")
    places = location if isinstance(location, Mapping) else {}
    latitude, longitude = places.get("latitude"), places.get("longitude")
    members: dict[str, Json] = {
        "name": message.get("file_name") or path.rpartition("/")[2],
        "where": where,
        "author": some("from", "from_id", "author", "via_bot"),
        "caption": _caption(message.get("text")),
        "forwarded_from": some("forwarded_from", "forwarded_from_id", "saved_from"),
        "message": message,
    }
    if latitude is not None and longitude is not None:
        members["location"] = {"latitude": str(latitude), "longitude": str(longitude)}
    return {name: value for name, value in members.items() if value}


def _caption(text: Json) -> str:
    """Plain text of a message: a string, or a list of strings and `{"type", "text"}`."""
    if text is None or isinstance(text, str):
        return text or ""
    if not isinstance(text, list):
        raise MalformedError
    parts = [part.get("text") if isinstance(part, dict) else part for part in text]
    if not all(isinstance(part, str) for part in parts):
        raise MalformedError
    return "".join(map(str, parts))
