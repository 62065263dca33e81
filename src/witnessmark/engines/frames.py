"""Messages between engine and worker: JSON and raw bytes over a local socket.

Never pickles: a worker taken over by a hostile file must not be able to run code on this side.
A message is an 8-byte length, JSON, and the named byte strings that the JSON's `blobs` lists.
"""

from __future__ import annotations

import json
import math
import socket
import time
from collections.abc import Mapping
from typing import Any

#: More than this from a worker is refused.
MAX_MESSAGE = 256 << 20
#: Open files that come with one message at most; Linux takes 253.
MAX_FILES = 64
_HEAD = 12

#: The JSON members of a message, and the byte strings beside them.
Message = tuple[dict[str, Any], dict[str, bytes]]


class BrokenWorker(Exception):
    """The other side closed in the middle of a message, or sent one that makes no sense."""


class Connection:
    """One end of the socket."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link

    def send(
        self, message: Mapping[str, Any], blobs: Mapping[str, bytes], *descriptors: int
    ) -> None:
        """Sends a message, with the open files of `descriptors`."""
        sizes = [[name, len(data)] for name, data in blobs.items()]
        body = json.dumps({**message, "blobs": sizes}).encode()
        raw = b"".join(blobs.values())
        head = len(body).to_bytes(4, "big") + len(raw).to_bytes(8, "big")
        if descriptors:
            socket.send_fds(self.link, [head], list(descriptors))
        else:
            self.link.sendall(head)
        self.link.sendall(body)
        self.link.sendall(raw)

    def receive(self, until: float = math.inf) -> Message | None:
        """The next message, None when the other side is done; open files are not taken.

        Args:
            until: `time.monotonic()` by which all of the message must be here.

        Raises:
            BrokenWorker: an incomplete, oversized or senseless message.
            TimeoutError: the message was not complete in time, however often bytes came.
        """
        self._bound(until)
        head = self.link.recv(_HEAD)
        return self._rest(head, until) if head else None

    def receive_with_files(self) -> tuple[Message | None, list[int]]:
        """The next message with the open files that came along; as `receive`, without a bound."""
        head, descriptors, _, _ = socket.recv_fds(self.link, _HEAD, MAX_FILES)
        message = self._rest(head, math.inf) if head else None
        return message, descriptors

    def _rest(self, head: bytes, until: float) -> Message:
        head += self._exactly(_HEAD - len(head), until)
        size, raw_size = int.from_bytes(head[:4], "big"), int.from_bytes(head[4:], "big")
        if size + raw_size > MAX_MESSAGE:
            raise BrokenWorker("a message over the limit")
        try:
            members = json.loads(self._exactly(size, until))
        except (ValueError, RecursionError) as error:
            raise BrokenWorker("a message that is not JSON") from error
        sizes = members.pop("blobs", None) if isinstance(members, dict) else None
        return members, _cut(sizes, self._exactly(raw_size, until))

    def _exactly(self, count: int, until: float) -> bytes:
        parts = []
        while count:
            self._bound(until)
            part = self.link.recv(min(count, 1 << 20))
            if not part:
                raise BrokenWorker("the worker ended in the middle of a message")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def _bound(self, until: float) -> None:
        """Lets the next reading wait no longer than `until`."""
        if until == math.inf:
            return
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.link.settimeout(left)


def _cut(sizes: object, raw: bytes) -> dict[str, bytes]:
    """Byte strings from `[name, length]` pairs, which must account for every byte of `raw`."""
    blobs, start = {}, 0
    for pair in sizes if isinstance(sizes, list) else [None]:
        match pair:
            case [str(name), int(length)] if length >= 0:
                blobs[name] = raw[start : start + length]
                start += length
            case _:
                raise BrokenWorker("a message with senseless sizes")
    if start != len(raw):
        raise BrokenWorker("a message whose sizes do not add up")
    return blobs
