"""A Telegram channel or large group, read live with an account of one's own.

What is known of the source, from Telethon's documentation and the schema of Telegram's API
(layer 229): messages of one channel are numbered from 1 without gaps, service messages included;
a number is never given again; an edit keeps the number and sets `edit_date`, and may replace the
media; a reaction sets `edit_date` too and marks it hidden (`edit_hide`), which is not told apart
here when a date must bound the media; a deleted message cannot be told from a number that never
was. A forward carries the channel, number and date of what it copies (`fwd_from`).

Each run asks again for the highest numbers it knows (settings `telegram.recheck`) and for media
that did not come, then goes on above the highest number it passed. A message of before that was
edited or deleted beyond those is not noticed. Text alone is no item, as in the export's collector;
its deletion is one. Places are not those of an export: the same message has one place in each.

Not covered: comments under posts, stories, polls' votes, link previews, alternative qualities of
one video, thumbnails, going on within a file in a later run. Live Telegram could not be reached in
our tests: they replay replies that we made ourselves, through the real library's types.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import UTC, datetime
from typing import BinaryIO, NoReturn, cast

from witnessmark.collection.telegram_items import (
    GONE,
    KEPT,
    OVER,
    SOURCE,
    Stream,
    channel_name,
    gone,
    item,
    missing,
    recognises,
)
from witnessmark.collection.telegram_port import (
    AccountError,
    ChangedError,
    Channel,
    Client,
    ClosedError,
    Connect,
    Credentials,
    FloodError,
    LostError,
    Post,
    Terms,
)
from witnessmark.collection.telegram_walk import Walk
from witnessmark.errors import BadInput
from witnessmark.model import Json
from witnessmark.ports import Item, LeftOut, Preflight, Reached, Settled, Unreadable

_CHUNK = 100
#: Times that one download, or the list of messages, goes on after the connection was lost.
_TRIES = 3

_LIVE = (
    "This program was tested with recorded replies; live Telegram was not reachable in its tests. "
    "Compare the tally with the channel."
)
_SAID = {
    "flood_wait": "Telegram asked to wait longer than 'telegram.wait_seconds' in archive.toml "
    "allows one run; the next run goes on where this one stopped.",
    "connection_lost": "The connection to Telegram was lost; the next run goes on from there.",
    "channel_closed": "The channel cannot be read any more since this run began.",
    "account_closed": "Telegram does not let the account in any more since this run began.",
    "over_run_limit": "Some media did not fit into this run; run it again, or raise "
    "'telegram.run_mb' in archive.toml.",
}
_CLOSED = {
    "no_channel": ("There is no channel {}.", "Is the name right? Names of channels change."),
    "private_channel": (
        "The channel {} is private, or not open to this account.",
        "Join it with the account that collects, then give its number: telegram:NUMBER.",
    ),
    "not_a_channel": (
        "{} is a person, a bot or a small group, and no channel.",
        "Only channels and large groups number their messages for themselves; export a small "
        "group with Telegram Desktop.",
    ),
}


class _StoppedError(Exception):
    """The run ends here, and says why."""


class Telegram:
    """Collects a channel's media, lowest number first, from where the last run stopped.

    Args:
        connect: makes the client; Telethon's if None.
        sleep: waits so many seconds.
        now: the time in UTC.
    """

    name = "telegram"
    live = True

    def __init__(
        self,
        connect: Connect | None = None,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.workdir: str | None = None
        self.terms = Terms()
        self.credentials: Callable[[], Credentials] = _no_credentials
        self.recall: Callable[[tuple[Json, ...]], str] = lambda _: ""
        self.said: dict[str, str] = {}
        self._connect = connect or _telethon
        self._sleep = sleep
        self._now = now
        self._client: Client | None = None
        self._found: tuple[str, Channel] | None = None
        self._walk = Walk(0)
        self._remembered_as: tuple[Json, ...] = ()
        self._patience = 0
        self._left = 0
        self._stopped = ""

    def recognises(self, where: str) -> bool:
        """Whether this is `telegram:CHANNEL` or an address at t.me."""
        return recognises(where)

    def preflight(self, where: str) -> Preflight:
        """Finds the channel. Raises `BadInput` or `Refused` when it cannot be read."""
        self._find(where)
        return Preflight(notes={"live_not_tried": _LIVE})

    def items(self, where: str) -> Iterator[Item]:
        """See the module. Raises as `preflight` does; what happens later ends it with a note."""
        channel = self._find(where)
        self._remembered_as = (SOURCE, channel.id)
        self._walk = Walk(self.terms.recheck, self.recall(self._remembered_as))
        self._patience, self._left = self.terms.wait_seconds, self.terms.run_bytes
        self.said, self._stopped = {}, ""
        with contextlib.suppress(_StoppedError):
            yield from self._again(channel)
            yield from self._onward(channel)

    def settled(self, items: Sequence[Settled]) -> Reached:
        """See `Resuming`."""
        for seen, outcome, reason in items:
            number = seen.place[-1]
            assert isinstance(number, int)
            if reason == GONE:
                self._walk.gone(number)
            elif outcome in ("failed", "quarantined") or reason == OVER:
                self._walk.again.add(number)
            else:
                self._walk.again.discard(number)
            self._walk.settle(number)
        return Reached(self._remembered_as, self._walk.text())

    def ended(self) -> Reached | None:
        """See `Resuming`."""
        if not self._remembered_as:
            return None
        self._walk.settle(self._walk.last)
        return Reached(self._remembered_as, self._walk.text())

    def close(self) -> None:
        """See `Resuming`."""
        client, self._client, self._found = self._client, None, None
        if client:
            client.close()

    # --- the channel ------------------------------------------------------------------------------

    def _find(self, where: str) -> Channel:
        name = channel_name(where)
        if self._found and self._found[0] == name:
            return self._found[1]
        try:
            if self._client is None:
                self._client = self._connect(self.credentials(), self.terms)
                self._client.who()
            channel = self._client.channel(name)
        except ClosedError as error:
            what, todo = _CLOSED[str(error)]
            raise BadInput(what.format(name), kept=KEPT, todo=todo, code=str(error)) from None
        except AccountError:
            raise BadInput(
                "Telegram does not let this account in: its session ended, or is of another "
                "application.",
                kept=KEPT,
                todo="Sign in again with Telethon and give the new string session.",
                code="no_session",
            ) from None
        except FloodError as flood:
            raise BadInput(
                f"Telegram asks this account to wait {flood.seconds} seconds.",
                kept=KEPT,
                todo="Try again after that.",
                code="flood_wait",
            ) from None
        except LostError:
            raise BadInput(
                "Telegram cannot be reached.",
                kept=KEPT,
                todo="Is the proxy of archive.toml up? Try again later.",
                code="unreachable",
            ) from None
        self._found = (name, channel)
        return channel

    def _reader(self) -> Client:
        assert self._client is not None
        return self._client

    # --- messages ---------------------------------------------------------------------------------

    def _again(self, channel: Channel) -> Iterator[Item]:
        """Known messages: changed, gone, or with media that did not come."""
        numbers = sorted(self._walk.known | self._walk.again)
        for start in range(0, len(numbers), _CHUNK):
            asked = numbers[start : start + _CHUNK]
            found = {post.number: post for post in self._some(channel, asked)}
            for number in asked:
                self._check_stopped()
                if number not in found:
                    yield gone(channel, number, self._now())
                elif item := self._item(channel, found[number]):
                    yield item

    def _some(self, channel: Channel, numbers: Sequence[int]) -> list[Post]:
        lost = 0
        while True:
            try:
                return self._reader().some(channel, numbers)
            except FloodError as flood:
                self._wait(flood.seconds)
            except LostError:
                lost += 1
                self._lost(lost)
            except (ClosedError, AccountError) as error:
                self._closed(error)

    def _onward(self, channel: Channel) -> Iterator[Item]:
        """What is new, and the numbers that are missing in it."""
        lost = 0
        while True:
            try:
                for post in self._reader().posts(channel, self._walk.last):
                    self._check_stopped()
                    last = self._walk.last
                    if post.number <= last:
                        continue
                    if last and post.number > last + 1:
                        yield missing(channel, last + 1, post.number - 1)
                    self._walk.pass_by(post.number)
                    lost = 0
                    if item := self._item(channel, post):
                        yield item
            except FloodError as flood:
                self._wait(flood.seconds)
            except LostError:
                lost += 1
                self._lost(lost)
            except (ClosedError, AccountError) as error:
                self._closed(error)
            else:
                return

    def _wait(self, seconds: int) -> None:
        """Waits as told, or ends the run."""
        if seconds > self._patience:
            self._stop("flood_wait")
        self._patience -= max(seconds, 1)
        self._sleep(seconds)

    def _lost(self, times: int) -> None:
        if times > _TRIES:
            self._stop("connection_lost")

    def _closed(self, error: Exception) -> NoReturn:
        self._stop("channel_closed" if isinstance(error, ClosedError) else "account_closed")

    def _stop(self, why: str) -> NoReturn:
        self.said[why] = _SAID[why]
        raise _StoppedError(why)

    def _check_stopped(self) -> None:
        """After a download that ended the run, no more messages."""
        if self._stopped:
            raise _StoppedError(self._stopped)

    def _item(self, channel: Channel, post: Post) -> Item | None:
        return item(channel, post, lambda: self._open(channel, post))

    # --- media ------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _open(self, channel: Channel, post: Post) -> Iterator[BinaryIO]:
        """The media's bytes. Raises `Unreadable`, on entry or while reading."""
        if self._stopped:
            raise Unreadable(self._stopped)
        size = post.media.size if post.media else 0
        if not size:
            raise Unreadable("zero_bytes")
        if size > self._left:
            self.said[OVER] = _SAID[OVER]
            raise LeftOut(OVER)
        with contextlib.closing(self._bytes(channel, post, size)) as chunks:
            yield cast(BinaryIO, Stream(chunks))

    def _bytes(self, channel: Channel, post: Post, size: int) -> Generator[bytes, None, None]:
        """Exactly `size` bytes; goes on after a wait or a lost connection."""
        offset = lost = 0
        while offset < size:
            try:
                for chunk in self._reader().media(channel, post, offset):
                    offset += len(chunk)
                    self._left -= len(chunk)
                    if offset > size:
                        raise Unreadable("longer_than_stated")
                    yield chunk
                if offset < size:
                    raise Unreadable("cut_short")
            except ChangedError:
                raise Unreadable("changed_while_reading") from None
            except LostError:
                lost += 1
                if lost > _TRIES:
                    raise Unreadable("network") from None
            except (FloodError, ClosedError, AccountError) as error:
                self._pause(error)

    def _pause(self, error: Exception) -> None:
        """Waits in a download, or ends the run: what was named already fails."""
        try:
            if isinstance(error, FloodError):
                self._wait(error.seconds)
            else:
                self._closed(error)
        except _StoppedError as stopped:
            self._stopped = str(stopped)
            raise Unreadable(self._stopped) from None


def _no_credentials() -> Credentials:
    raise BadInput(
        "There is no Telegram account to collect with.",
        kept=KEPT,
        todo="Set WITNESSMARK_TELEGRAM_API_ID, WITNESSMARK_TELEGRAM_API_HASH and "
        "WITNESSMARK_TELEGRAM_SESSION (Telethon's string session), or keep them in the vault.",
        code="no_credentials",
    )


def _telethon(credentials: Credentials, terms: Terms) -> Client:
    from witnessmark.collection.telegram_client import connect

    return connect(credentials, terms)
