"""An OpenTimestamps calendar and a block service on loopback, with knobs.

It promises at once, and keeps its word when it is told to `mine`: then everything that was
submitted hangs in one Merkle tree beneath a block of the easiest difficulty.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import http.server
import time
from collections.abc import Iterator
from pathlib import Path

from support.authority import _Handler as Answering
from support.authority import listening
from support.forge import ots

FIRST = 840_000


@dataclasses.dataclass
class Calendar:
    """What was submitted, and the blocks made of it.

    Attributes:
        mood: `` (honest), `hang`, `500`, `garbage`, `deep` (a proof that is nested without end),
            `elsewhere` (a promise that names another calendar), `wrong_root` (blocks that do not
            hold what they should), `no_work` (blocks without work).
        asked: requests so far.
    """

    url: str = ""
    mood: str = ""
    waiting: list[bytes] = dataclasses.field(default_factory=list)
    ways: dict[bytes, bytes] = dataclasses.field(default_factory=dict)
    headers: dict[int, bytes] = dataclasses.field(default_factory=dict)
    asked: list[str] = dataclasses.field(default_factory=list)

    def submit(self, digest: bytes) -> bytes:
        """A promise: the calendar's own salt, then pending."""
        salted = digest + b"salt of the calendar"
        value = hashlib.sha256(salted).digest()
        self.waiting.append(value)
        where = "http://elsewhere.example.org" if self.mood == "elsewhere" else self.url
        return ots.append(b"salt of the calendar", ots.hashed(ots.pending(where)))

    def mine(self, moment: int | None = None) -> int:
        """A block over all that waits; its height."""
        height = FIRST + len(self.headers)
        values, self.waiting = self.waiting or [bytes(32)], []
        level = [(value, {value: b""}) for value in values]
        while len(level) > 1:
            level = [_join(level[n : n + 2]) for n in range(0, len(level), 2)]
        root, ways = level[0]
        self.ways |= {value: way + ots.block(height) for value, way in ways.items()}
        if self.mood == "wrong_root":
            root = hashlib.sha256(root).digest()
        before = self.headers.get(height - 1)
        made = ots.header(
            root, int(time.time()) if moment is None else moment,
            ots.double(before) if before else bytes(32),
        )  # fmt: skip
        if self.mood == "no_work":
            made = made[:72] + (0x03000001).to_bytes(4, "little") + made[76:]
        self.headers[height] = made
        return height

    def lines(self) -> str:
        """Its blocks as a file of headers."""
        return "".join(ots.line(h, header) + "\n" for h, header in sorted(self.headers.items()))


def _join(pair: list[tuple[bytes, dict[bytes, bytes]]]) -> tuple[bytes, dict[bytes, bytes]]:
    if len(pair) == 1:
        return pair[0]
    (left, lefts), (right, rights) = pair
    ways = {v: way + b"\xf0" + ots.sized(right) + b"\x08" for v, way in lefts.items()}
    ways |= {v: way + b"\xf1" + ots.sized(left) + b"\x08" for v, way in rights.items()}
    return hashlib.sha256(left + right).digest(), ways


class _Handler(Answering, http.server.BaseHTTPRequestHandler):
    calendar: Calendar

    def do_POST(self) -> None:
        digest = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._moody(lambda: self.calendar.submit(digest))

    def do_GET(self) -> None:
        self._moody(self._found)

    def _found(self) -> bytes | None:
        calendar = self.calendar
        match self.path.strip("/").split("/"):
            case ["timestamp", value]:
                return calendar.ways.get(bytes.fromhex(value))
            case ["block-height", height] if int(height) in calendar.headers:
                return ots.double(calendar.headers[int(height)])[::-1].hex().encode()
            case ["block", name, "header"]:
                for header in calendar.headers.values():
                    if ots.double(header)[::-1].hex() == name:
                        return header.hex().encode()
        return None

    def _moody(self, answer: object) -> None:
        assert callable(answer)
        calendar = self.calendar
        calendar.asked.append(f"{self.command} {self.path}")
        kind = "application/octet-stream"
        match calendar.mood:
            case "hang":
                time.sleep(30)
            case "500":
                self.say(500, b"", kind)
            case "garbage":
                self.say(200, b"\xf0\xff\xff", kind)
            case "deep":
                self.say(200, b"\x08" * 300 + ots.pending(), kind)
            case _:
                body = answer()
                self.say(404 if body is None else 200, body or b"", kind)


@contextlib.contextmanager
def running() -> Iterator[Calendar]:
    """A calendar that is up."""
    calendar = Calendar()
    with listening(type("Handler", (_Handler,), {"calendar": calendar})) as url:
        calendar.url = url
        yield calendar


def write_headers(calendar: Calendar, path: Path) -> None:
    """Its blocks as the file that an archive's settings name."""
    path.write_text(calendar.lines(), encoding="utf-8")
