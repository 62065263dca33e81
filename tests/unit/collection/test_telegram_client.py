"""The adapter: Telethon's own code over replies made by hand, and over a proxy that counts."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from telethon import errors
from telethon.crypto import AuthKey
from telethon.sessions import StringSession
from telethon.tl import functions, types

from support import proxy as proxies
from tests.unit.collection.telegram_live import (
    CHANNEL,
    HASH,
    REFERENCE,
    START,
    at,
    document,
    message,
    photo,
    video,
)
from witnessmark.collection.telegram_client import (
    TelethonClient,
    connect,
    proxy_of,
    read_message,
)
from witnessmark.collection.telegram_port import (
    AccountError,
    ChangedError,
    Channel,
    ClosedError,
    Credentials,
    FloodError,
    LostError,
    Terms,
)
from witnessmark.errors import BadInput, Refused


def session() -> str:
    """Of a data centre at an address that nobody has."""
    made = StringSession()
    made.set_dc(2, "203.0.113.7", 443)
    made.auth_key = AuthKey(bytes(range(256)))
    return str(made.save())


SESSION = session()
ACCOUNT = Credentials(4711, "canary-api-hash", SESSION)
NEWS = types.Channel(
    id=CHANNEL,
    title="Invented Valley News",
    photo=types.ChatPhotoEmpty(),
    date=START,
    access_hash=HASH,
    username="invented_valley",
    broadcast=True,
)


class Telegram:
    """Answers requests as the schema says; `trouble` maps a request's type to errors in turn."""

    def __init__(self) -> None:
        self.messages: dict[int, Any] = {}
        self.files: dict[int, bytes] = {}
        self.trouble: dict[type, list[Any]] = {}
        self.requests: list[Any] = []
        self.offsets: list[int] = []
        self.entity: Any = NEWS

    async def answer(self, sender: Any, request: Any, **_: Any) -> Any:
        self.requests.append(request)
        if self.trouble.get(type(request)):
            error = self.trouble[type(request)].pop(0)
            raise error(request) if isinstance(error, type) else error
        return getattr(self, f"_{type(request).__name__}")(request)

    def _slice(self, found: list[Any]) -> Any:
        return types.messages.ChannelMessages(
            pts=1, count=len(self.messages), messages=found, topics=[], chats=[NEWS], users=[]
        )

    def _GetHistoryRequest(self, request: Any) -> Any:  # noqa: N802 - the name of the request
        assert request.add_offset == -request.limit
        above = [self.messages[n] for n in sorted(self.messages) if n >= request.offset_id]
        return self._slice(above[: request.limit][::-1])

    def _GetMessagesRequest(self, request: Any) -> Any:  # noqa: N802 - the name of the request
        numbers = [getattr(each, "id", each) for each in request.id]
        return self._slice([self.messages.get(n, types.MessageEmpty(n, None)) for n in numbers])

    def _GetFileRequest(self, request: Any) -> Any:  # noqa: N802 - the name of the request
        self.offsets.append(request.offset)
        data = self.files[request.location.id][request.offset : request.offset + request.limit]
        return types.upload.File(type=types.storage.FileMp4(), mtime=0, bytes=data)

    def _ResolveUsernameRequest(self, request: Any) -> Any:  # noqa: N802 - the name of the request
        user = isinstance(self.entity, types.User)
        peer = types.PeerUser(self.entity.id) if user else types.PeerChannel(self.entity.id)
        return types.contacts.ResolvedPeer(
            peer=peer, chats=[] if user else [self.entity], users=[self.entity] if user else []
        )

    def _GetUsersRequest(self, request: Any) -> Any:  # noqa: N802 - the name of the request
        return [types.User(id=99, is_self=True, first_name="Canary", access_hash=1)]


@pytest.fixture
def telegram() -> Telegram:
    return Telegram()


@pytest.fixture
def client(telegram: Telegram) -> Iterator[TelethonClient]:
    made = TelethonClient(ACCOUNT, None)
    made._client._call = telegram.answer
    yield made
    made.close()


def here(handle: Any = NEWS) -> Channel:
    return Channel(CHANNEL, handle=handle)


# --- what a message says -------------------------------------------------------------------------


def test_a_video_with_everything() -> None:
    forward = types.MessageFwdHeader(
        date=at(-600), from_id=types.PeerChannel(777), channel_post=31, post_author="A. Canary"
    )
    post = read_message(
        message(
            5,
            "Smoke",
            video(10**18, 3_000_000_000, "../evil.mp4"),
            fwd_from=forward,
            grouped_id=13_000_000_000_000_001,
            reply_to=types.MessageReplyHeader(reply_to_msg_id=4),
            views=1200,
            forwards=7,
            replies=types.MessageReplies(replies=3, replies_pts=1),
            post_author="Editor",
            edit_date=at(60),
            edit_hide=True,
        )
    )
    assert post.media is not None
    assert (post.media.kind, post.media.size) == ("video_file", 3_000_000_000)
    assert (post.media.id, post.media.name) == (str(10**18), "../evil.mp4")
    assert post.stated == {
        "views": 1200,
        "forwards": 7,
        "replies": 3,
        "width": 640,
        "height": 360,
        "duration_seconds": 12,
    }
    assert (post.posted, post.edited, post.edited_silently) == (at(5), at(60), True)
    assert post.forwarded_from == {
        "from_id": "channel777",
        "message": 31,
        "date": "2021-03-01T02:00:00Z",
        "post_author": "A. Canary",
    }
    assert post.author == {"post_author": "Editor"}
    raw: Any = post.message
    assert raw["grouped_id"] == "13000000000000001"
    assert raw["reply_to"]["reply_to_msg_id"] == 4
    assert raw["fwd_from"]["date"] == "2021-03-01T02:00:00Z"
    assert raw["media"]["document"]["id"] == str(10**18)
    assert raw["media"]["document"]["attributes"][0]["duration"] == "12.5"


def test_nothing_of_the_reading_account_is_kept() -> None:
    post = read_message(message(5, "Smoke", video(1, 5), mentioned=True, media_unread=True))
    text = repr(post.message)
    assert str(HASH) not in text
    assert REFERENCE.hex() not in text
    assert not {"out", "mentioned", "media_unread"} & post.message.keys()
    assert str(HASH) not in repr(post)


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ([types.DocumentAttributeVideo(1.0, 2, 3, round_message=True)], "video_message"),
        ([types.DocumentAttributeVideo(1.0, 2, 3), types.DocumentAttributeAnimated()], "animation"),
        ([types.DocumentAttributeAudio(5, voice=True)], "voice_message"),
        ([types.DocumentAttributeAudio(5)], "audio_file"),
        ([types.DocumentAttributeSticker("x", types.InputStickerSetEmpty())], "sticker"),
        ([types.DocumentAttributeImageSize(4, 5)], "file"),
        ([], "file"),
    ],
)
def test_kinds_are_those_of_an_export(attributes: list[Any], kind: str) -> None:
    media = read_message(message(1, media=document(1, 5, attributes))).media
    assert media is not None
    assert media.kind == kind


def test_the_largest_size_of_a_photo_is_taken() -> None:
    sizes = [
        types.PhotoStrippedSize("i", b"\1" * 30),
        types.PhotoSizeProgressive("y", 1280, 960, [5_000, 90_000, 40_000]),
        types.PhotoSize("x", 800, 600, 60_000),
    ]
    post = read_message(message(1, media=photo(3, sizes)))
    assert post.media is not None
    assert isinstance(post.media.handle, tuple)
    location, centre = post.media.handle
    assert (location.thumb_size, post.media.size, centre) == ("y", 90_000, 4)
    assert (post.stated["width"], post.media.kind) == (1280, "photo")


@pytest.mark.parametrize(
    ("media", "missing"),
    [
        (types.MessageMediaPhoto(ttl_seconds=5), "unavailable"),
        (types.MessageMediaDocument(ttl_seconds=5), "unavailable"),
        (types.MessageMediaDocument(document=types.DocumentEmpty(5)), "unavailable"),
        (types.MessageMediaUnsupported(), "unsupported_media"),
        (types.MessageMediaStory(peer=types.PeerChannel(1), id=2), "story"),
    ],
)
def test_media_without_bytes(media: Any, missing: str) -> None:
    found = read_message(message(1, media=media)).media
    assert found is not None
    assert found.missing == missing


def test_service_messages() -> None:
    pinned = types.MessageService(
        id=4,
        peer_id=types.PeerChannel(CHANNEL),
        date=at(1),
        action=types.MessageActionPinMessage(),
    )
    changed = types.MessageService(
        id=5,
        peer_id=types.PeerChannel(CHANNEL),
        date=at(1),
        action=types.MessageActionChatEditPhoto(
            photo=photo(8, [types.PhotoSize("x", 8, 6, 60)]).photo
        ),
    )
    post, other = read_message(pinned), read_message(changed)
    assert (post.number, post.media, post.broken) == (4, None, False)
    assert other.media is not None
    assert other.media.size == 60


def test_text_alone_and_link_previews_are_no_media() -> None:
    page = types.MessageMediaWebPage(webpage=types.WebPageEmpty(5))
    assert read_message(message(1, "words")).media is None
    assert read_message(message(1, "words", page)).media is None


def test_what_nests_too_deep_is_cut_and_said() -> None:
    deep: Any = {"end": 1}
    for _ in range(60):
        deep = {"in": deep}
    made = message(1, "words")
    made.to_dict = lambda: {"_": "Message", "deep": deep}
    post = read_message(made)
    assert "nested too deep" in repr(post.message)
    assert repr(post.message).count("{") < 30


# --- what is asked -------------------------------------------------------------------------------


def test_messages_above_a_number_come_lowest_first(
    client: TelethonClient, telegram: Telegram
) -> None:
    for number in range(1, 251):
        telegram.messages[number] = message(number, "words")
    numbers = [post.number for post in client.posts(here(), 37)]
    assert numbers == list(range(38, 251))
    assert {type(each) for each in telegram.requests} == {functions.messages.GetHistoryRequest}


def test_some_messages(client: TelethonClient, telegram: Telegram) -> None:
    telegram.messages = {1: message(1), 3: message(3)}
    assert [post.number for post in client.some(here(), [1, 2, 3])] == [1, 3]


def test_who_and_channel(client: TelethonClient, telegram: Telegram) -> None:
    assert client.who() == 99
    found = client.channel("invented_valley")
    assert (found.id, found.title) == (CHANNEL, "Invented Valley News")
    telegram.entity = types.User(id=5, first_name="Somebody", access_hash=1)
    with pytest.raises(ClosedError, match="not_a_channel"):
        client.channel("somebody")
    telegram.entity = types.ChannelForbidden(id=6, access_hash=1, title="Closed")
    with pytest.raises(ClosedError, match="private_channel"):
        client.channel("closed")


SIZE = (1 << 20) + 12_345


def test_media_come_in_parts_from_an_offset(client: TelethonClient, telegram: Telegram) -> None:
    data = bytes(range(256)) * 5_000
    data = data[:SIZE]
    telegram.files[77] = data
    post = read_message(message(1, media=video(77, SIZE)))
    assert b"".join(client.media(here(), post, 0)) == data
    telegram.offsets.clear()
    assert b"".join(client.media(here(), post, 512 << 10)) == data[512 << 10 :]
    assert telegram.offsets == [512 << 10, 1 << 20]


def test_an_expired_reference_is_asked_for_again(
    client: TelethonClient, telegram: Telegram
) -> None:
    data = b"x" * SIZE
    telegram.files[77] = data
    telegram.messages[1] = message(1, media=video(77, SIZE))
    post = read_message(telegram.messages[1])
    telegram.trouble[functions.upload.GetFileRequest] = [errors.FileReferenceExpiredError]
    assert b"".join(client.media(here(), post, 0)) == data
    telegram.messages[1] = message(1, media=video(78, SIZE))
    telegram.trouble[functions.upload.GetFileRequest] = [errors.FileReferenceExpiredError]
    with pytest.raises(ChangedError):
        list(client.media(here(), post, 0))


@pytest.mark.parametrize(
    ("error", "ours"),
    [
        (errors.ChannelPrivateError, ClosedError),
        (errors.UsernameNotOccupiedError, ClosedError),
        (errors.SessionRevokedError, AccountError),
        (errors.AuthKeyUnregisteredError, AccountError),
        (errors.AuthKeyDuplicatedError, AccountError),
        (errors.ApiIdInvalidError, AccountError),
        (errors.RpcCallFailError, LostError),
        (ConnectionResetError(), LostError),
        (TimeoutError(), LostError),
    ],
)
def test_errors_become_ours(
    client: TelethonClient, telegram: Telegram, error: Any, ours: type[Exception]
) -> None:
    telegram.trouble[functions.messages.GetHistoryRequest] = [error]
    with pytest.raises(ours) as caught:
        list(client.posts(here(), 0))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_waits_are_handed_on_and_not_slept_through(
    client: TelethonClient, telegram: Telegram
) -> None:
    wait = errors.FloodWaitError(None, capture=40)
    telegram.trouble[functions.messages.GetHistoryRequest] = [wait]
    with pytest.raises(FloodError) as caught:
        list(client.posts(here(), 0))
    assert caught.value.seconds == 40
    assert client._client.flood_sleep_threshold == 0


# --- proxy and secrets ---------------------------------------------------------------------------


def test_without_a_proxy_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", None)
    with pytest.raises(Refused) as caught:
        connect(ACCOUNT, Terms())
    assert caught.value.code == "no_proxy"


@pytest.mark.parametrize(
    "proxy", ["socks5://127.0.0.1:9050", "127.0.0.1:9050", "socks5h://x", "socks5h://x:99999"]
)
def test_a_proxy_that_cannot_be_used(proxy: str) -> None:
    with pytest.raises(BadInput) as caught:
        proxy_of(Terms(proxy=proxy, direct=True))
    assert caught.value.code == "proxy"


def test_a_proxy_with_a_name() -> None:
    found = proxy_of(Terms(proxy="http://us%40er:p%3Aw@proxy.example.org:8080"))
    assert found == {
        "proxy_type": "http",
        "addr": "proxy.example.org",
        "port": 8080,
        "rdns": True,
        "username": "us@er",
        "password": "p:w",
    }


@pytest.mark.parametrize("scheme", ["socks5h", "http"])
def test_connections_go_through_the_proxy_and_nowhere_else(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("witnessmark.collection.telegram_client._SECONDS", 5)
    real, reached = socket.socket.connect, []

    def told(self: socket.socket, address: Any) -> None:
        reached.append(address)
        real(self, address)

    monkeypatch.setattr(socket.socket, "connect", told)
    with proxies.running({}) as proxy:
        with pytest.raises(LostError):
            connect(ACCOUNT, Terms(proxy=f"{scheme}://127.0.0.1:{proxy.port}", direct=True))
        assert set(proxy.asked) == {"203.0.113.7:443"}
        assert {address for address in reached if address[0] != "127.0.0.1"} == set()


@pytest.mark.parametrize("text", ["", "canary", "1canary", SESSION[:-8], SESSION[1:]])
def test_a_session_that_is_none_is_not_told(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        connect(Credentials(1, "canary-hash", text), Terms(direct=True))
    assert caught.value.code == "no_session"
    assert "canary" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_secrets_are_in_no_text_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    assert "canary" not in repr(ACCOUNT)
    assert SESSION not in repr(ACCOUNT)
    assert "4711" not in repr(ACCOUNT)
    caplog.set_level(logging.DEBUG)
    client = TelethonClient(ACCOUNT, None)
    logger = client._client._log["telethon.network"]
    logger.critical("canary")
    client.close()
    assert not logger.isEnabledFor(logging.CRITICAL)
    assert not [each for each in caplog.records if each.name.startswith("witnessmark")]


def test_what_telegram_is_told_of_this_machine(client: TelethonClient) -> None:
    told = client._client._init_request
    assert (told.device_model, told.system_version, told.app_version) == ("PC", "1", "1")
    assert client._client._no_updates
