"""Replies of Telegram made by hand: Telethon's own types, invented names, no network."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from telethon.tl import types

from witnessmark.archive import Archive, collecting
from witnessmark.collection.run import Channel as Whose
from witnessmark.collection.telegram import Telegram
from witnessmark.collection.telegram_client import read_message
from witnessmark.collection.telegram_port import (
    Channel,
    ClosedError,
    Credentials,
    Post,
    Terms,
)
from witnessmark.model import RunRecorded, SightingRecorded

START = datetime(2021, 3, 1, 12, 0, tzinfo=UTC)
CHANNEL = 1_234_567_890
ACCOUNT = Credentials(4711, "canary-api-hash", "canary-session")
#: What belongs to the account that reads, and must not be kept.
HASH, REFERENCE = 7_777_777_777_777_777_777, b"canary reference"


def at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


LATER = at(10_000)


def video(number: int, size: int, name: str = "clip.mp4", **more: Any) -> Any:
    attributes = [
        types.DocumentAttributeVideo(duration=12.5, w=640, h=360, **more),
        types.DocumentAttributeFilename(name),
    ]
    return document(number, size, attributes)


def document(number: int, size: int, attributes: list[Any]) -> Any:
    return types.MessageMediaDocument(
        document=types.Document(
            id=number,
            access_hash=HASH,
            file_reference=REFERENCE,
            date=START,
            mime_type="video/mp4",
            size=size,
            dc_id=2,
            attributes=attributes,
        )
    )


def photo(number: int, sizes: Sequence[Any]) -> Any:
    return types.MessageMediaPhoto(
        photo=types.Photo(
            id=number,
            access_hash=HASH,
            file_reference=REFERENCE,
            date=START,
            sizes=list(sizes),
            dc_id=4,
        )
    )


def message(number: int, text: str = "", media: Any = None, **more: Any) -> Any:
    more.setdefault("date", at(number))
    return types.Message(
        id=number, peer_id=types.PeerChannel(CHANNEL), message=text, media=media, post=True, **more
    )


@dataclasses.dataclass
class Recorded:
    """A client that replays; `trouble` maps what is asked to errors that come first, in turn."""

    messages: dict[int, Any] = dataclasses.field(default_factory=dict)
    files: dict[str, bytes] = dataclasses.field(default_factory=dict)
    trouble: dict[str, list[BaseException]] = dataclasses.field(default_factory=dict)
    asked: list[tuple[Any, ...]] = dataclasses.field(default_factory=list)
    part: int = 1000
    closed: bool = False

    def add(self, number: int, data: bytes = b"", text: str = "", **more: Any) -> Recorded:
        """A message; with `data`, with a video of those bytes."""
        media = None
        if data:
            media = video(9000 + number, len(data))
            self.files[str(9000 + number)] = data
        self.messages[number] = message(number, text, media, **more)
        return self

    def _ask(self, *what: Any) -> None:
        self.asked.append(what)
        for name in (f"{what[0]} {what[1]}" if len(what) > 1 else "", what[0]):
            if self.trouble.get(name):
                raise self.trouble[name].pop(0)

    def who(self) -> int:
        self._ask("who")
        return 99

    def channel(self, name: str) -> Channel:
        self._ask("channel", name)
        if name not in ("invented_valley", str(CHANNEL)):
            raise ClosedError("no_channel")
        return Channel(CHANNEL, "Invented Valley News", "invented_valley")

    def posts(self, channel: Channel, above: int) -> Iterator[Post]:
        self._ask("posts", above)
        for number in sorted(self.messages):
            if number > above:
                self._ask("post", number)
                yield read_message(self.messages[number])

    def some(self, channel: Channel, numbers: Sequence[int]) -> list[Post]:
        self._ask("some", tuple(numbers))
        assert len(numbers) <= 100
        return [read_message(self.messages[n]) for n in numbers if n in self.messages]

    def media(self, channel: Channel, post: Post, offset: int) -> Iterator[bytes]:
        assert post.media is not None
        self._ask("media", post.number, offset)
        data = self.files[post.media.id]
        for start in range(offset, len(data), self.part):
            if start:
                self._ask("part", post.number, start)
            yield data[start : start + self.part]

    def close(self) -> None:
        self.closed = True


@dataclasses.dataclass
class Bench:
    """An archive, a recorded channel, and what was slept."""

    archive: Archive
    client: Recorded = dataclasses.field(default_factory=Recorded)
    slept: list[float] = dataclasses.field(default_factory=list)
    now: datetime = LATER
    terms: dict[str, Any] = dataclasses.field(default_factory=dict)
    said: dict[str, str] = dataclasses.field(default_factory=dict)

    def collector(self) -> Telegram:
        made = Telegram(lambda _, __: self.client, self.slept.append, lambda: self.now)
        made.credentials = lambda: ACCOUNT
        made.terms = Terms(direct=True, **self.terms)
        return made

    def run(self, where: str = "telegram:invented_valley") -> RunRecorded:
        collector = self.collector()
        preflight = collector.preflight(where)
        try:
            return collecting.collect(self.archive, where, collector, Whose(), preflight=preflight)
        finally:
            self.said = collector.said
            collector.close()

    def sightings(self) -> list[SightingRecorded]:
        said = (each.said for each in self.archive.journal.read())
        return [each for each in said if isinstance(each, SightingRecorded)]

    def value(self, ref: Any) -> Any:
        return self.archive.vault.open(ref).value
