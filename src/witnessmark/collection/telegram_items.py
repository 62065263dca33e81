"""The items that messages of a live channel make, and the names that channels are given by."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from witnessmark.collection.files import Opener
from witnessmark.collection.telegram_port import Channel, Post
from witnessmark.errors import BadInput
from witnessmark.model import DatedBy, Json
from witnessmark.model.statement import Instant, Token
from witnessmark.ports import Item

_PREFIX = "telegram:"
_ADDRESS = re.compile(
    r"(?:https?://)?(?:www\.)?(?:t|telegram)\.me/(?:s/)?([^/?#]*)(?:/([0-9]*))?[^\s]*",
    re.IGNORECASE,
)
_NAME = re.compile(r"@?([A-Za-z][A-Za-z0-9_]{2,31})|(?:-100)?([0-9]{1,15})")
SOURCE = "telegram_live"
GONE, _MISSING, OVER = "deleted_since", "number_missing", "over_run_limit"
KEPT = "Nothing was collected."


def recognises(where: str) -> bool:
    """Whether this is `telegram:CHANNEL` or an address at t.me."""
    return where.startswith(_PREFIX) or _ADDRESS.fullmatch(where) is not None


def channel_name(where: str) -> str:
    """A user name, or the digits of an id. Raises `BadInput`."""
    name = where.removeprefix(_PREFIX)
    if address := _ADDRESS.fullmatch(name):
        name = str(address[2] or "") if address[1] == "c" else address[1]
    if name.startswith("+") or name == "joinchat":
        raise BadInput(
            "This is an invitation, and no channel.",
            kept=KEPT,
            todo="Join with the account that collects, then give its number: telegram:NUMBER.",
        )
    match = _NAME.fullmatch(name)
    if match is None:
        raise BadInput(
            f"'{name[:60]}' cannot be the name of a channel.",
            kept=KEPT,
            todo="Give telegram:NAME, telegram:NUMBER or https://t.me/NAME.",
        )
    return match[1] or match[2]


def _where(channel: Channel, number: int | None = None) -> dict[str, Json]:
    where: dict[str, Json] = {"chat": channel.title, "chat_id": channel.id}
    where |= {"username": channel.username, "message": number}
    return {name: value for name, value in where.items() if value not in (None, "")}


def missing(channel: Channel, first: int, last: int) -> Item:
    """Numbers that nobody saw: deleted before, or not shown to this account."""
    return Item(
        place=(SOURCE, channel.id, "missing", first, last),
        outcome="not_included",
        reason=_MISSING,
        kind="messages",
        stated={"numbers": last - first + 1},
        protected={"where": {**_where(channel), "first": first, "last": last}},
    )


def _instant(at: datetime) -> Instant:
    return Instant(at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


def _dates(post: Post) -> tuple[DatedBy, ...]:
    """An edit may have brought other media: then only its own time bounds them."""
    grade, dates = Token("observed"), []
    if post.posted:
        at, never = _instant(post.posted), post.edited is None
        dates.append(DatedBy(what=Token("posted"), at=at, grade=grade, bounds_media=never))
    if post.edited:
        at = _instant(post.edited)
        dates.append(DatedBy(what=Token("edited"), at=at, grade=grade, bounds_media=True))
    return tuple(dates)


def _sign(post: Post) -> str:
    """Tells whether a message is as it was; reactions, which are edits too, change nothing."""
    media = post.media
    edited = "" if post.edited_silently or not post.edited else _instant(post.edited)
    words = [media.id, media.size, media.name] if media else []
    told = json.dumps([*words, edited, post.caption], ensure_ascii=True).encode()
    return hashlib.sha256(told).hexdigest()


def gone(channel: Channel, number: int, now: datetime) -> Item:
    """A message that was there, and is not."""
    seen = DatedBy(what=Token("gone"), at=_instant(now), grade=Token("observed"))
    return Item(
        place=(SOURCE, channel.id, number),
        outcome="not_included",
        reason=GONE,
        kind="message",
        dates=(seen,),
        protected={"where": _where(channel, number)},
    )


def item(channel: Channel, post: Post, opener: Opener) -> Item | None:
    """What a message makes; None without media."""
    place, media = (SOURCE, channel.id, post.number), post.media
    where = _where(channel, post.number)
    if post.broken:
        return Item(
            place=place, outcome="failed", reason="malformed_message", protected={"where": where}
        )
    if media is None:
        return None
    words: dict[str, Json] = {
        "name": media.name,
        "where": where,
        "author": dict(post.author),
        "caption": post.caption,
        "forwarded_from": dict(post.forwarded_from),
        "message": dict(post.message),
    }
    return Item(
        place=place,
        open=None if media.missing else opener,
        outcome="not_included" if media.missing else "",
        reason=media.missing,
        unchanged=_sign(post),
        kind=media.kind,
        dates=_dates(post),
        stated=post.stated,
        protected={name: value for name, value in words.items() if value},
    )


class Stream(io.RawIOBase):
    """Chunks as a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._held = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._held:
            self._held = memoryview(next((each for each in self._chunks if each), b""))
        count = min(len(buffer), len(self._held))
        buffer[:count] = self._held[:count]
        self._held = self._held[count:]
        return count
