"""The JSON form of a Telegram Desktop export, read as a stream.

`{"name", "type", "id", "messages": [...]}` for one chat; for a whole account, a list of those
under `chats.list` and `left_chats.list` among other sections.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import BinaryIO

from witnessmark.collection.telegram_message import Chat, Passed, Seen, broken, read_message

#: Small, since the parser names every level of a chunk of brackets before we see the first.
_CHUNK = 1 << 12
#: Nesting is bounded through the path that names it, which grows with every level.
_MAX_PREFIX = 2_000
#: Where chats stand: the prefix of their members.
_CHATS = {
    "": "",
    "chats.list.item": "chats.list.item.",
    "left_chats.list.item": "left_chats.list.item.",
}
_MESSAGES = {f"{dot}messages.item": chat for chat, dot in _CHATS.items()}
_FIELDS = {f"{dot}{name}": name for dot in _CHATS.values() for name in ("name", "type", "id")}
_OPEN = ("start_map", "start_array", "map_key")
_OWN = ("about", "name", "type", "id", "messages", "chats", "left_chats")

_BOM = b"\xef\xbb\xbf"
_ESCAPE = re.compile(rb"\\(?:x([0-7][0-9A-Fa-f])|.)", re.DOTALL)
_DIGITS = re.compile(rb"[0-9]{1000}")


def looks_like_json_export(head: bytes) -> bool:
    """Whether the first 64 KiB of a file look like a Telegram Desktop `result.json`."""
    if not head.removeprefix(_BOM).lstrip().startswith(b"{"):
        return False
    if re.search(rb'"messages"\s*:\s*\[', head) and b'"type"' in head:
        return True
    return b'"about"' in head and bool(re.search(rb"Telegram|\"(left_)?chats\"", head))


class Mended:
    """Reads a `result.json` and changes two things that a JSON parser cannot take.

    Telegram Desktop writes a control character as `\\x0B`, which is not JSON: it becomes
    `\\u000B`. In a run of a thousand digits every thousandth is written as an escape: inside of
    text that says the same, and outside it stops the parser, which crashes on such numbers.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._held = b""
        self._begun = False

    def read(self, size: int = _CHUNK) -> bytes:
        """About `size` bytes; none at the end."""
        if not size:
            return b""
        chunk = self._file.read(size)
        if not self._begun:
            chunk = chunk.removeprefix(_BOM)
            self._begun = True
        data = self._held + chunk
        keep = _unfinished(data) if chunk else 0
        data, self._held = data[: len(data) - keep], data[len(data) - keep :]
        if b"\\x" in data:
            data = _ESCAPE.sub(_mend, data)
        data = _DIGITS.sub(lambda run: b"%b\\u003%b" % (run[0][:-1], run[0][-1:]), data)
        return data if data or not chunk else self.read(size)


def _unfinished(data: bytes) -> int:
    """How many bytes at the end may be the beginning of an escape."""
    at = data.rfind(b"\\", -3)
    if at < 0 or data[at + 1 : at + 2] not in (b"", b"x"):
        return 0
    before = at - len(data[:at].rstrip(b"\\"))
    return len(data) - at if before % 2 == 0 else 0


def _mend(escape: re.Match[bytes]) -> bytes:
    return b"\\u00" + escape[1] if escape[1] else escape[0]


@dataclasses.dataclass(slots=True)
class _Reading:
    """The chat that is being read, and how far."""

    fields: dict[str, object] = dataclasses.field(default_factory=dict)
    position: int = 0

    @property
    def chat(self) -> Chat:
        name, number = self.fields.get("name"), self.fields.get("id")
        title = name if isinstance(name, str) else None
        if type(number) is int and abs(number) < 1 << 53:
            return Chat(title, number)
        return Chat(title, None, ("json", title))


def read_json(file: BinaryIO) -> Iterator[Seen]:
    """Messages in order; what ends the export early is the last thing seen.

    Raises:
        Unreadable: the file cannot be read.
    """
    import ijson

    reading = _Reading()
    try:
        yield from _messages(ijson.parse(Mended(file), buf_size=_CHUNK), reading)
    except (ijson.JSONError, ValueError):
        chat = reading.chat
        yield broken(chat.place("export_ends_early"), "export_ends_early", chat.where(None))


def _messages(events: Iterator[tuple[str, str, object]], reading: _Reading) -> Iterator[Seen]:
    from ijson.common import ObjectBuilder

    builder: ObjectBuilder | None = None
    for prefix, event, value in events:
        if len(prefix) > _MAX_PREFIX:
            raise ValueError("nested too deep")
        if builder is not None:
            builder.event(event, value)
        elif prefix in _MESSAGES:
            builder = ObjectBuilder()
            builder.event(event, value)
        elif prefix in _FIELDS:
            reading.fields[_FIELDS[prefix]] = value
        elif prefix in _CHATS and event == "start_map":
            reading.fields.clear()
            reading.position = 0
        elif not prefix and event == "map_key" and value not in _OWN:
            yield Passed("section", str(value))
        if builder is not None and prefix in _MESSAGES and event not in _OPEN:
            reading.position += 1
            yield read_message(builder.value, reading.chat, reading.position)
            builder = None
