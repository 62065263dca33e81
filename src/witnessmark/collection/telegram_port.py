"""What the collector of live Telegram channels asks of a client, in words of ours.

The one client is `telegram_client`; tests put replies of their own behind the same protocol.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from witnessmark.model import Json


@dataclasses.dataclass(frozen=True, slots=True)
class Credentials:
    """An account's way in: whoever has the session is that account, so none of it is printed.

    Attributes:
        api_id, api_hash: of the application, as Telegram gives them to its owner.
        session: Telethon's string session of the account.
    """

    api_id: int = dataclasses.field(repr=False)
    api_hash: str = dataclasses.field(repr=False)
    session: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the archive's settings let a run do; see `settings.Telegram`.

    Attributes:
        proxy: `socks5h://host:port` or `http://host:port`; "" for none.
        direct: going without a proxy was allowed in plain words.
        wait_seconds: how long one run waits in all when Telegram asks for it.
        run_bytes: how many bytes of media one run takes.
        recheck: how many of the highest known numbers are asked for again.
    """

    proxy: str = ""
    direct: bool = False
    wait_seconds: int = 900
    run_bytes: int = 1 << 60
    recheck: int = 500


@dataclasses.dataclass(frozen=True, slots=True)
class Channel:
    """A channel or large group: its id (positive, as exports give it), title, user name."""

    id: int
    title: str = ""
    username: str = ""
    handle: object = dataclasses.field(default=None, repr=False, compare=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """The one medium of a message.

    Attributes:
        kind: as in `telegram_message.KINDS`.
        id: Telegram's number of the file, as digits; another one after an edit.
        size: in bytes.
        missing: why there are no bytes to take, a word of ours; "" when there are.
    """

    kind: str = "file"
    id: str = ""
    size: int = 0
    name: str = ""
    missing: str = ""
    handle: object = dataclasses.field(default=None, repr=False, compare=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A message as it is now. Times are in UTC, and are Telegram's.

    Attributes:
        edited_silently: Telegram shows it as not edited (a reaction also counts as an edit).
        message: everything that came, in the library's words.
        broken: it could not be read; only its number is sure.
    """

    number: int
    posted: datetime | None = None
    edited: datetime | None = None
    edited_silently: bool = False
    media: Media | None = None
    caption: str = ""
    author: Mapping[str, Json] = dataclasses.field(default_factory=dict)
    forwarded_from: Mapping[str, Json] = dataclasses.field(default_factory=dict)
    stated: Mapping[str, int] = dataclasses.field(default_factory=dict)
    message: Mapping[str, Json] = dataclasses.field(default_factory=dict)
    broken: bool = False


class ClientError(Exception):
    """Base of what a client raises; it carries no words of others, who may name the account."""


class FloodError(ClientError):
    """Telegram asks to wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class LostError(ClientError):
    """No connection, or no sound answer."""


class ChangedError(ClientError):
    """The message has other media by now, or none."""


class ClosedError(ClientError):
    """`no_channel`, `private_channel` or `not_a_channel`."""


class AccountError(ClientError):
    """The account or the application is not let in: session ended, revoked, banned."""


class Client(Protocol):
    """A connection of one account. Everything may raise a `ClientError`."""

    def who(self) -> int:
        """The account's number: that it is let in."""

    def channel(self, name: str) -> Channel:
        """A channel by user name or id (digits)."""

    def posts(self, channel: Channel, above: int) -> Iterator[Post]:
        """Messages with a number above `above`, lowest first."""

    def some(self, channel: Channel, numbers: Sequence[int]) -> list[Post]:
        """Those of up to 100 messages that are there."""

    def media(self, channel: Channel, post: Post, offset: int) -> Iterator[bytes]:
        """The bytes of a post's media from `offset`."""

    def close(self) -> None:
        """Ends the connection. May be called again."""


class Connect(Protocol):
    """Makes a client."""

    def __call__(self, credentials: Credentials, terms: Terms) -> Client:
        """A client that is let in. Raises `ClientError`, `BadInput`, `Refused`."""
