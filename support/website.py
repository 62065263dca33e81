"""A web server on loopback that misbehaves as told: every path has its own way to answer."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping

_SECONDS = 20


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """A request: its path, and its headers in small letters."""

    path: str
    headers: Mapping[str, str]


#: Writes a whole answer, status line and all, or as much of one as it likes.
Answer = Callable[[Asked, Callable[[bytes], object]], None]


class Website(socketserver.ThreadingTCPServer):
    """Answers one request a connection.

    Attributes:
        pages: path to how it answers; others are 404.
        asked: every request, in order.
    """

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, pages: Mapping[str, Answer], address: str = "127.0.0.1") -> None:
        super().__init__((address, 0), _Visitor)
        self.pages = dict(pages)
        self.asked: list[Asked] = []

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def url(self, path: str) -> str:
        """The address of a page."""
        return f"http://127.0.0.1:{self.port}{path}"


class _Visitor(socketserver.StreamRequestHandler):
    server: Website
    request: socket.socket
    timeout = _SECONDS

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            words = self.rfile.readline().decode("latin-1").split(" ")
            headers = {}
            while (line := self.rfile.readline().decode("latin-1").strip()) != "":
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            if len(words) < 2:
                return
            asked = Asked(words[1], headers)
            self.server.asked.append(asked)
            answer = self.server.pages.get(asked.path.partition("?")[0], status(404))
            answer(asked, self.wfile.write)


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    """Always the same answer; underscores in names of headers stand for hyphens."""

    def answer(_: Asked, write: Callable[[bytes], object]) -> None:
        told = {"Content-Length": str(len(body))} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        write(f"HTTP/1.1 {code} Word\r\n{lines}Connection: close\r\n\r\n".encode("latin-1") + body)

    return answer


def ranged(body: bytes, cuts: list[int], etag: str = '"one"', *, ranges: bool = True) -> Answer:
    """Gives `body`, cut off after so many bytes at the first answers; then whole."""

    def answer(asked: Asked, write: Callable[[bytes], object]) -> None:
        start = 0
        if ranges and asked.headers.get("if-range") == etag:
            start = int(asked.headers["range"].removeprefix("bytes=").rstrip("-"))
        rest = body[start:]
        head = "HTTP/1.1 206 Part\r\n" if start else "HTTP/1.1 200 Whole\r\n"
        if start:
            head += f"Content-Range: bytes {start}-{len(body) - 1}/{len(body)}\r\n"
        head += f"ETag: {etag}\r\nContent-Length: {len(rest)}\r\nConnection: close\r\n\r\n"
        write(head.encode())
        write(rest[: cuts.pop(0)] if cuts else rest)

    return answer


def in_turn(*answers: Answer) -> Answer:
    """One after the other, then the last one for ever."""
    left = list(answers)

    def answer(asked: Asked, write: Callable[[bytes], object]) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(asked, write)

    return answer


@contextlib.contextmanager
def running(pages: Mapping[str, Answer], address: str = "127.0.0.1") -> Iterator[Website]:
    """A website that is up."""
    with Website(pages, address) as site:
        threading.Thread(target=site.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield site
        finally:
            site.shutdown()
