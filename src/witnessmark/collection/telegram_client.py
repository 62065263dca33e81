"""Telethon behind `telegram_port.Client`; the only place that imports it, and only when used.

Nothing is sent but questions: no read marks, no typing, no updates taken. All connections, those
to other data centres for files too, go through the proxy of the archive's settings. What the
client says of its machine is the same for everybody. Errors of the library carry no words out.

What a message says is kept as the library names it, without what belongs to the account that read
it (`access_hash`, `file_reference`, what it saw or chose): that would tell who collected.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote, urlsplit

from witnessmark.collection.telegram_port import (
    AccountError,
    ChangedError,
    Channel,
    ClosedError,
    Credentials,
    FloodError,
    LostError,
    Media,
    Post,
    Terms,
)
from witnessmark.errors import BadInput, Refused
from witnessmark.model import Json
from witnessmark.model.json import MAX_INTEGER

_KEPT = "Nothing was sent."
_PROXIES = {"socks5h": "socks5", "http": "http"}
#: Bytes of one request for a file; the most that Telegram gives.
_PART = 512 << 10
_SECONDS = 30
#: A record's entry may be nested 32 deep; the message stands inside of one.
_MAX_DEPTH = 24
#: Of the account that read the message, not of the message.
_OURS = frozenset(
    {"access_hash", "file_reference", "out", "mentioned", "media_unread", "chosen_order", "chosen"}
)


def connect(credentials: Credentials, terms: Terms) -> TelethonClient:
    """A client that is let in.

    Raises:
        Refused: no proxy, and going without one was not allowed (`no_proxy`).
        BadInput: the proxy or the credentials cannot be used, or Telethon is not installed.
        ClientError: see `telegram_port`.
    """
    proxy = proxy_of(terms)
    if not all(map(importlib.util.find_spec, ("telethon", "python_socks"))):
        raise BadInput(
            "Telethon is missing.",
            kept=_KEPT,
            todo="Install the extra: pip install 'witnessmark[telegram]'.",
            code="telethon_missing",
        )
    client = TelethonClient(credentials, proxy)
    try:
        client.enter()
    except BaseException:
        client.close()
        raise
    return client


def proxy_of(terms: Terms) -> dict[str, Any] | None:
    """The proxy as Telethon takes it; names would be resolved there. Raises as `connect` does."""
    if not terms.proxy:
        if not terms.direct:
            raise Refused(
                "This archive has no proxy, and asks nobody without one: a regular rhythm from "
                "one address tells who you are.",
                kept=_KEPT,
                todo='Set proxy in archive.toml (for example "socks5h://127.0.0.1:9050"), or '
                "allow it with direct = true under [telegram].",
                code="no_proxy",
            )
        return None
    try:
        address = urlsplit(terms.proxy)
        host, port = address.hostname, address.port
    except ValueError:
        host = port = None
    if not host or not port or address.scheme not in _PROXIES:
        raise BadInput(
            "The proxy of this archive cannot be used: it is no address with a host and a "
            "port up to 65535, or not one of the kinds socks5h:// and http://, which resolve "
            "names themselves.",
            kept=_KEPT,
            todo='Write for example proxy = "socks5h://127.0.0.1:9050".',
            code="proxy",
        )
    return {
        "proxy_type": _PROXIES[address.scheme],
        "addr": host,
        "port": port,
        "rdns": True,
        "username": unquote(address.username) if address.username else None,
        "password": unquote(address.password) if address.password else None,
    }


class TelethonClient:
    """A connection of one account. Not for use inside a running event loop."""

    def __init__(self, credentials: Credentials, proxy: Mapping[str, Any] | None) -> None:
        from telethon import TelegramClient
        from telethon.sessions import StringSession

        try:
            session = StringSession(credentials.session)
            known = session.auth_key is not None
        except Exception:  # noqa: BLE001 - struct, base64 and address errors, with the session in them
            known = False
        if not known:
            raise BadInput(
                "The session of the Telegram account is no string session of Telethon.",
                kept=_KEPT,
                todo="Make one with Telethon's StringSession, signed in with this account.",
                code="no_session",
            ) from None
        logger = logging.getLogger("witnessmark.telethon")
        logger.setLevel(logging.CRITICAL + 1)  # its words are for nobody's screen or file
        logger.propagate = False
        self._runner = asyncio.Runner()
        self._client: Any = TelegramClient(
            session,
            credentials.api_id,
            credentials.api_hash,
            proxy=dict(proxy) if proxy else None,
            timeout=_SECONDS,
            connection_retries=2,
            request_retries=3,
            flood_sleep_threshold=0,
            raise_last_call_error=True,
            device_model="PC",
            system_version="1",
            app_version="1",
            receive_updates=False,
            base_logger=logger,
        )
        self._open = True

    def enter(self) -> None:
        """Connects. Raises `ClientError`."""
        self._ask(self._client.connect())
        if not self._ask(self._client.is_user_authorized()):
            raise AccountError

    def who(self) -> int:
        """See `Client`."""
        me = self._ask(self._client.get_me())
        if me is None:
            raise AccountError
        return int(me.id)

    def channel(self, name: str) -> Channel:
        """See `Client`. An id is looked for among the account's own chats."""
        from telethon.tl import types

        entity = self._ask(self._entity(name))
        if isinstance(entity, types.ChannelForbidden):
            raise ClosedError("private_channel")
        if not isinstance(entity, types.Channel):
            raise ClosedError("no_channel" if entity is None else "not_a_channel")
        return Channel(entity.id, entity.title or "", entity.username or "", entity)

    async def _entity(self, name: str) -> Any:
        if not name.isdecimal():
            try:
                return await self._client.get_entity(name)
            except ValueError:  # what Telethon raises for a name that nobody has
                return None
        async for dialog in self._client.iter_dialogs():
            if dialog.entity.id == int(name):
                return dialog.entity
        raise ClosedError("private_channel")

    def posts(self, channel: Channel, above: int) -> Iterator[Post]:
        """See `Client`."""
        found = self._client.iter_messages(channel.handle, min_id=above, reverse=True)
        while (message := self._ask(_next(found))) is not None:
            yield read_message(message)

    def some(self, channel: Channel, numbers: Sequence[int]) -> list[Post]:
        """See `Client`."""
        messages = self._ask(self._client.get_messages(channel.handle, ids=list(numbers)))
        return [read_message(each) for each in messages if each and each.id in numbers]

    def media(self, channel: Channel, post: Post, offset: int) -> Iterator[bytes]:
        """See `Client`. A file reference that expired is asked for again, once."""
        from telethon import errors

        assert post.media is not None
        at = offset
        try:
            for chunk in self._parts(post.media, at):
                at += len(chunk)
                yield chunk
        except (errors.FileReferenceExpiredError, errors.FileReferenceInvalidError,
                errors.FileReferenceEmptyError):  # fmt: skip
            now = next(iter(self.some(channel, [post.number])), None)
            if now is None or now.media is None or now.media.id != post.media.id:
                raise ChangedError from None
            try:
                yield from self._parts(now.media, at)
            except errors.RPCError:
                raise LostError from None

    def _parts(self, media: Media, offset: int) -> Iterator[bytes]:
        assert isinstance(media.handle, tuple)
        location, centre = media.handle
        parts = -(-(media.size - offset) // _PART)
        download = self._client.iter_download(
            location, offset=offset, limit=parts, request_size=_PART, dc_id=centre
        )
        try:
            while (chunk := self._ask(_next(download), references=True)) is not None:
                yield bytes(chunk)
        finally:
            with contextlib.suppress(LostError, FloodError, AccountError, ClosedError):
                self._ask(_close(download))

    def close(self) -> None:
        """See `Client`."""
        if self._open:
            self._open = False
            with contextlib.suppress(LostError, FloodError, AccountError, ClosedError):
                self._ask(_disconnect(self._client))
            self._runner.close()

    def _ask(self, question: Coroutine[Any, Any, Any], *, references: bool = False) -> Any:
        """The answer. Raises `ClientError`; with `references`, Telethon's own on those too."""
        from telethon import errors

        try:
            return self._runner.run(question)
        except (errors.FileReferenceExpiredError, errors.FileReferenceInvalidError,
                errors.FileReferenceEmptyError):  # fmt: skip
            if references:
                raise
            raise LostError from None
        except Exception as error:  # noqa: BLE001 - each becomes one of ours, without its words
            raise _ours(error) from None


async def _next(found: Any) -> Any:
    return await anext(found, None)


async def _close(download: Any) -> None:
    if getattr(download, "_sender", None) is not None:
        await download.close()


async def _disconnect(client: Any) -> None:
    await client.disconnect()


def _ours(error: Exception) -> Exception:
    """What an error of Telethon, its sockets or its proxy means."""
    from telethon import errors

    if isinstance(error, AccountError | ClosedError):
        return error
    if isinstance(error, errors.FloodError):
        return FloodError(int(getattr(error, "seconds", 0) or 60))
    account = (errors.UnauthorizedError, errors.AuthKeyError, errors.AuthKeyNotFound,
               errors.ApiIdInvalidError, errors.ApiIdPublishedFloodError)  # fmt: skip
    if isinstance(error, account):
        return AccountError()
    unknown = (errors.UsernameInvalidError, errors.UsernameNotOccupiedError)
    if isinstance(error, unknown):
        return ClosedError("no_channel")
    private = (errors.ChannelPrivateError, errors.ChannelInvalidError, errors.ForbiddenError)
    if isinstance(error, private):
        return ClosedError("private_channel")
    return LostError()


# --- a message --------------------------------------------------------------------------------


def read_message(message: Any) -> Post:
    """What a message of Telethon says, in our words."""
    number = int(message.id)
    try:
        return _read(message, number)
    except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError):
        return Post(number=number, broken=True)


def _read(message: Any, number: int) -> Post:
    raw = _plain(message.to_dict())
    assert isinstance(raw, dict)
    media, numbers = _media(message)
    stated = {"views": message.views, "forwards": message.forwards, **numbers}
    replies = getattr(message.replies, "replies", None)
    return Post(
        number=number,
        posted=_utc(message.date),
        edited=_utc(message.edit_date),
        edited_silently=bool(message.edit_hide),
        media=media,
        caption=message.message or "",
        author=_said(
            {
                "post_author": message.post_author,
                "from_id": _peer(message.from_id),
                "via_bot": message.via_bot_id,
            }
        ),
        forwarded_from=_forwarded(message.fwd_from),
        stated={
            name: int(value)
            for name, value in {**stated, "replies": replies}.items()
            if isinstance(value, int | float) and 0 <= value < MAX_INTEGER
        },
        message=raw,
    )


def _utc(at: datetime | None) -> datetime | None:
    """Telethon gives UTC; an empty date comes as none, or as the beginning of 1970."""
    if at is None or at.tzinfo is None or at.timestamp() <= 0:
        return None
    return at.astimezone(UTC)


def _said(members: Mapping[str, Any]) -> dict[str, Json]:
    return {name: _plain(value) for name, value in members.items() if value not in (None, "")}


def _peer(peer: Any) -> str | None:
    """`channel1234`, `user1234` or `chat1234`, as exports write it."""
    for kind in ("channel", "user", "chat"):
        if (number := getattr(peer, f"{kind}_id", None)) is not None:
            return f"{kind}{number}"
    return None


def _forwarded(header: Any) -> dict[str, Json]:
    if header is None:
        return {}
    return _said(
        {
            "from_id": _peer(header.from_id),
            "from_name": header.from_name,
            "message": header.channel_post,
            "date": _utc(header.date),
            "post_author": header.post_author,
            "saved_from": _peer(header.saved_from_peer),
            "saved_message": header.saved_from_msg_id,
            "imported": header.imported or None,
        }
    )


def _media(message: Any) -> tuple[Media | None, dict[str, Any]]:
    """The one medium of a message, and its width, height and duration."""
    from telethon.tl import types

    media = message.media
    if isinstance(action := getattr(message, "action", None), types.MessageActionChatEditPhoto):
        media = types.MessageMediaPhoto(photo=action.photo)
    if isinstance(media, types.MessageMediaPhoto):
        return _photo(media.photo)
    if isinstance(media, types.MessageMediaDocument):
        return _document(media.document)
    for kind, word in (
        (types.MessageMediaUnsupported, "unsupported_media"),
        (types.MessageMediaPaidMedia, "paid_media"),
        (types.MessageMediaStory, "story"),
    ):
        if isinstance(media, kind):
            return Media(missing=word), {}
    return None, {}


def _photo(photo: Any) -> tuple[Media, dict[str, Any]]:
    from telethon.tl import types

    sizes = [
        (max(each.sizes) if isinstance(each, types.PhotoSizeProgressive) else each.size, each)
        for each in getattr(photo, "sizes", None) or ()
        if isinstance(each, types.PhotoSize | types.PhotoSizeProgressive)
    ]
    if not isinstance(photo, types.Photo) or not sizes:
        return Media(kind="photo", missing="unavailable"), {}
    size, largest = max(sizes, key=lambda each: (each[1].w * each[1].h, each[0]))
    location = types.InputPhotoFileLocation(
        photo.id, photo.access_hash, photo.file_reference, thumb_size=largest.type
    )
    media = Media(kind="photo", id=str(photo.id), size=size, handle=(location, photo.dc_id))
    return media, {"width": largest.w, "height": largest.h}


def _document(document: Any) -> tuple[Media, dict[str, Any]]:
    from telethon.tl import types

    if not isinstance(document, types.Document):  # taken back, or seen once only
        return Media(missing="unavailable"), {}
    found = {type(each).__name__: each for each in document.attributes}
    video, audio = found.get("DocumentAttributeVideo"), found.get("DocumentAttributeAudio")
    shape = video or found.get("DocumentAttributeImageSize")
    location = types.InputDocumentFileLocation(
        document.id, document.access_hash, document.file_reference, thumb_size=""
    )
    media = Media(
        kind=_kind(found),
        id=str(document.id),
        size=document.size,
        name=getattr(found.get("DocumentAttributeFilename"), "file_name", ""),
        handle=(location, document.dc_id),
    )
    return media, {
        "width": getattr(shape, "w", None),
        "height": getattr(shape, "h", None),
        "duration_seconds": getattr(video or audio, "duration", None),
    }


def _kind(found: Mapping[str, Any]) -> str:
    """What an export would call it."""
    if video := found.get("DocumentAttributeVideo"):
        if video.round_message:
            return "video_message"
        if "DocumentAttributeSticker" not in found:
            return "animation" if "DocumentAttributeAnimated" in found else "video_file"
    if audio := found.get("DocumentAttributeAudio"):
        return "voice_message" if audio.voice else "audio_file"
    if "DocumentAttributeSticker" in found:
        return "sticker"
    return "animation" if "DocumentAttributeAnimated" in found else "file"


def _plain(value: Any, depth: int = 0) -> Json:
    """JSON as the record takes it: bytes in hexadecimal digits, large numbers and fractions as
    decimal text, times in UTC; without what is the reading account's own."""
    if isinstance(value, Mapping):
        if depth > _MAX_DEPTH:
            return {"left_out": "nested too deep"}
        return {
            str(name): _plain(each, depth + 1)
            for name, each in value.items()
            if name not in _OURS and each is not None
        }
    if isinstance(value, list | tuple):
        return [_plain(each, depth + 1) for each in value] if depth <= _MAX_DEPTH else []
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return value if abs(value) < MAX_INTEGER else str(value)
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return bytes(value).hex()
